/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/warrant_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sec/hex.h"
#include "sec/key_file.h"

#define LINE (2 * MPA_SERIAL_SIZE + 1)

static bool
path_of(const struct warrant_server_id *s, const char *name, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%s", s->dir, name);

	return (n > 0 && n < PATH_MAX) || warrant_fail(s->dir, "is too long");
}

/* ---- files ---- */

bool
warrant_file_read(const char *path, struct buf *out)
{
	struct key_file f;
	enum rc rc = key_file_public(path, &f);

	if (rc != RC_OK)
		return warrant_fail(path, status_of(rc)->text);
	if (f.n <= WARRANT_FILE_MAX)
		buf_add(out, f.p, f.n);
	else
		rc = RC_TOO_LARGE;
	key_file_free(&f);
	return (rc == RC_OK && !out->failed) || warrant_fail(path, "is too long");
}

static bool
write_all(int fd, struct slice octets)
{
	while (octets.n > 0) {
		ssize_t n = write(fd, octets.p, octets.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		octets = slice_from(octets, (size_t)n);
	}
	return true;
}

static bool
sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

bool
warrant_state_write(const struct warrant_server_id *s, const char *name, struct slice octets)
{
	char path[PATH_MAX], new[PATH_MAX], temporary[WARRANT_NAME_MAX];
	bool ok;
	int fd;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	if (!path_of(s, name, path) || !path_of(s, temporary, new))
		return false;
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return warrant_fail(new, strerror(errno));
	ok = write_all(fd, octets) && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	ok = ok && rename(new, path) == 0 && sync_directory(s->dir);
	return ok || warrant_fail(path, strerror(errno));
}

bool
warrant_file_put(const char *path, struct slice octets)
{
	int fd = path == NULL ? STDOUT_FILENO
	                      : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	bool ok = fd >= 0 && write_all(fd, octets);

	if (path != NULL && fd >= 0)
		ok = close(fd) == 0 && ok;
	return ok || warrant_fail(path == NULL ? "standard output" : path, strerror(errno));
}

bool
warrant_public_read(const char *path, struct sign_public *out)
{
	enum rc rc = sign_public_read(path, out);

	return rc == RC_OK || warrant_fail(path, rc == RC_BAD_REQUEST ? "is no Ed25519 public key"
	                                                              : status_of(rc)->text);
}

/* ---- the server ---- */

static bool
has(const struct warrant_server_id *s, const char *name)
{
	char path[PATH_MAX];

	return path_of(s, name, path) && access(path, F_OK) == 0;
}

static bool
read_part(const struct warrant_server_id *s, const char *name, struct buf *out)
{
	char path[PATH_MAX];

	return path_of(s, name, path) && warrant_file_read(path, out);
}

static void
begin(const char *dir, struct warrant_server_id *s)
{
	*s = (struct warrant_server_id){ .key = NULL };
	buf_init(&s->w1, MPA_WARRANT_MAX);
	buf_init(&s->w2, MPA_WARRANT_MAX);
	if (!slice_copy(slice_of(dir), s->dir, sizeof(s->dir)))
		s->dir[0] = '\0';
}

static bool
read_key(struct warrant_server_id *s)
{
	char path[PATH_MAX];
	enum rc rc;

	if (!path_of(s, "key.pem", path))
		return false;
	rc = sign_key_read(path, &s->key);
	if (rc != RC_OK)
		return warrant_fail(path, status_of(rc)->text);
	sign_key_public(s->key, &s->public);
	return true;
}

static bool
read_id(struct warrant_server_id *s)
{
	struct buf b;
	bool ok;

	buf_init(&b, MPA_ID_MAX);
	ok = read_part(s, "id", &b) && mpa_id_ok(buf_view(&b)) &&
	     slice_copy(buf_view(&b), s->id, sizeof(s->id));
	buf_fini(&b);
	return ok || warrant_fail(s->dir, "has no name of a server");
}

/* They were looked at when they were taken: agree. */
static bool
read_agreement(struct warrant_server_id *s)
{
	struct mpa_warrant w1, w2;
	char path[PATH_MAX];

	if (!has(s, "w2"))
		return true;
	if (!path_of(s, "cn.pem", path) || !warrant_public_read(path, &s->cn) ||
	    !read_part(s, "w1", &s->w1) || !read_part(s, "w2", &s->w2))
		return false;
	s->agreed = mpa_warrant_parse(buf_view(&s->w1), &w1) == RC_OK &&
	            mpa_warrant_parse(buf_view(&s->w2), &w2) == RC_OK &&
	            slice_copy(w1.delegator_id, s->cn_id, sizeof(s->cn_id));
	return s->agreed || warrant_fail(s->dir, "the agreement in it cannot be read");
}

bool
warrant_state_open(const char *dir, struct warrant_server_id *out)
{
	begin(dir, out);
	if (out->dir[0] == '\0')
		return warrant_fail(dir, "cannot be a directory");
	return read_key(out) && read_id(out) && read_agreement(out);
}

bool
warrant_state_make(const char *dir, const char *id, struct warrant_server_id *out)
{
	begin(dir, out);
	if (!mpa_id_ok(slice_of(id)))
		return warrant_fail(id, "cannot be the name of a server");
	if (out->dir[0] == '\0' || (mkdir(dir, 0700) != 0 && errno != EEXIST))
		return warrant_fail(dir, strerror(errno));
	if (has(out, "key.pem"))
		return warrant_fail(dir, "has a server already");
	return warrant_state_write(out, "id", slice_of(id)) && warrant_key_make(out) &&
	       read_key(out) && read_id(out);
}

void
warrant_state_close(struct warrant_server_id *s)
{
	sign_key_free(s->key);
	buf_fini(&s->w1);
	buf_fini(&s->w2);
}

/* ---- revocations ---- */

static int
order(const void *a, const void *b)
{
	return memcmp(a, b, MPA_SERIAL_SIZE);
}

static bool
parse_revoked(struct slice text, struct warrant_revoked *out)
{
	out->serials = calloc(text.n / LINE + 1, MPA_SERIAL_SIZE);
	if (out->serials == NULL || text.n % LINE != 0 || text.n / LINE > WARRANT_REVOKED_MAX)
		return false;
	for (; text.n > 0; text = slice_from(text, LINE))
		if (text.p[LINE - 1] != '\n' ||
		    !hex_decode(slice_head(text, LINE - 1), out->serials[out->n++],
		                MPA_SERIAL_SIZE))
			return false;
	qsort(out->serials, out->n, MPA_SERIAL_SIZE, order);
	return true;
}

bool
warrant_revoked_read(const struct warrant_server_id *s, struct warrant_revoked *out)
{
	struct key_file f = { 0 };
	char path[PATH_MAX];
	enum rc rc;
	bool ok;

	*out = (struct warrant_revoked){ 0 };
	if (!path_of(s, "revoked", path))
		return false;
	rc = key_file_private(path, &f);
	if (rc == RC_NOT_FOUND)
		return true;
	ok = rc == RC_OK && parse_revoked(slice_make(f.p, f.n), out);
	key_file_free(&f);
	if (!ok)
		warrant_revoked_free(out);
	return ok || warrant_fail(path, rc == RC_OK ? "is damaged" : status_of(rc)->text);
}

bool
warrant_revoked_has(const struct warrant_revoked *r, const uint8_t serial[MPA_SERIAL_SIZE])
{
	return r->n > 0 && bsearch(serial, r->serials, r->n, MPA_SERIAL_SIZE, order) != NULL;
}

static bool
add_revoked(const struct warrant_server_id *s, const uint8_t serial[MPA_SERIAL_SIZE])
{
	struct warrant_revoked r;
	struct buf text;
	char line[LINE];
	bool ok;

	if (!warrant_revoked_read(s, &r))
		return false;
	buf_init(&text, (WARRANT_REVOKED_MAX + 1) * LINE);
	for (size_t i = 0; i <= r.n; i++) {
		hex_encode(i < r.n ? r.serials[i] : serial, MPA_SERIAL_SIZE, line);
		buf_printf(&text, "%s\n", line);
	}
	ok = warrant_revoked_has(&r, serial) ||
	     (r.n < WARRANT_REVOKED_MAX && !text.failed
	              ? warrant_state_write(s, "revoked", buf_view(&text))
	              : warrant_fail("revoked", "there are too many"));
	buf_fini(&text);
	warrant_revoked_free(&r);
	return ok;
}

/* One process after the other: each writes what it has read, and one more. */
bool
warrant_revoked_add(const struct warrant_server_id *s, const uint8_t serial[MPA_SERIAL_SIZE])
{
	int held = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;
	bool ok;

	while (held >= 0 && (rc = flock(held, LOCK_EX)) != 0 && errno == EINTR)
		continue;
	ok = rc == 0 ? add_revoked(s, serial) : warrant_fail(s->dir, strerror(errno));
	if (held >= 0)
		close(held);
	return ok;
}

void
warrant_revoked_free(struct warrant_revoked *r)
{
	free(r->serials);
	*r = (struct warrant_revoked){ 0 };
}
