/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/sga_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/datalock.h"
#include "sec/key_file.h"
#include "sec/secret.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static const char *const folders[] = { "peers", "sessions", "groups", "inbox" };

bool
sga_fail(const char *what, const char *why)
{
	fprintf(stderr, "m2m-sga: %s: %s\n", what, why);
	return false;
}

static bool
path_of(const struct sga_store *s, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", s->dir, name) < PATH_MAX ||
	       sga_fail(name, "the name is too long");
}

bool
sga_state_open(struct sga_store *s, const char *dir)
{
	char why[256] = "", path[PATH_MAX];

	s->lock = -1;
	if ((size_t)snprintf(s->dir, sizeof(s->dir), "%s", dir) >= sizeof(s->dir))
		return sga_fail(dir, "the name is too long");
	(void)umask(077);
	s->lock = datalock_take(dir, why, sizeof(why));
	if (s->lock < 0)
		return sga_fail(dir, why);
	for (size_t i = 0; i < NITEMS(folders); i++)
		if (path_of(s, folders[i], path) && mkdir(path, 0700) != 0 && errno != EEXIST)
			return sga_fail(path, strerror(errno));
	return true;
}

void
sga_state_close(struct sga_store *s)
{
	if (s->lock >= 0)
		(void)close(s->lock);
	s->lock = -1;
}

bool
sga_state_has(const struct sga_store *s, const char *name)
{
	char path[PATH_MAX];

	return path_of(s, name, path) && access(path, F_OK) == 0;
}

uint64_t
sga_state_age(const struct sga_store *s, const char *name)
{
	char path[PATH_MAX];
	time_t now = time(NULL);
	struct stat st;

	if (!path_of(s, name, path) || stat(path, &st) != 0 || now < st.st_mtime)
		return 0;
	return (uint64_t)(now - st.st_mtime);
}

bool
sga_state_read(const struct sga_store *s, const char *name, struct buf *b)
{
	char path[PATH_MAX];
	struct key_file file;
	enum rc rc;

	if (!path_of(s, name, path))
		return false;
	rc = key_file_private(path, &file);
	if (rc != RC_OK)
		return sga_fail(path, rc == RC_FORBIDDEN
		                              ? "others may read it, or it is not this user's"
		                              : status_of(rc)->text);
	b->secret = true;
	buf_add(b, file.p, file.n);
	key_file_free(&file);
	return !b->failed || sga_fail(path, "is too long");
}

static bool
write_all(int fd, struct slice octets)
{
	while (octets.n > 0) {
		ssize_t n = write(fd, octets.p, octets.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		octets = slice_from(octets, (size_t)n);
	}
	return true;
}

/* That the directory of path has it. */
static bool
sync_above(const char *path)
{
	char up[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;
	bool ok;

	snprintf(up, sizeof(up), "%.*s", (int)(slash - path), path);
	fd = open(up, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

bool
sga_state_write(const struct sga_store *s, const char *name, struct slice octets)
{
	char path[PATH_MAX], part[PATH_MAX + 8];
	bool ok;
	int fd;

	if (!path_of(s, name, path))
		return false;
	snprintf(part, sizeof(part), "%s.part", path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sga_fail(part, strerror(errno));
	ok = write_all(fd, octets) && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	ok = ok && rename(part, path) == 0 && sync_above(path);
	return ok || sga_fail(path, strerror(errno));
}

bool
sga_state_rename(const struct sga_store *s, const char *from, const char *to)
{
	char a[PATH_MAX], b[PATH_MAX];

	if (!path_of(s, from, a) || !path_of(s, to, b))
		return false;
	return (rename(a, b) == 0 && sync_above(b)) || errno == ENOENT ||
	       sga_fail(a, strerror(errno));
}

bool
sga_state_remove(const struct sga_store *s, const char *name)
{
	char path[PATH_MAX];

	if (!path_of(s, name, path))
		return false;
	return (unlink(path) == 0 && sync_above(path)) || errno == ENOENT ||
	       sga_fail(path, strerror(errno));
}

static int
no_part(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && (n < 5 || strcmp(e->d_name + n - 5, ".part") != 0);
}

bool
sga_state_each(const struct sga_store *s, const char *folder,
               bool (*each)(void *arg, const char *name), void *arg)
{
	char path[PATH_MAX], name[SGA_STATE_NAME + 300];
	struct dirent **list;
	bool go = true;
	int n;

	if (!path_of(s, folder, path))
		return false;
	n = scandir(path, &list, no_part, alphasort);
	if (n < 0)
		return sga_fail(path, strerror(errno));
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%s", folder, list[i]->d_name);
		go = go && each(arg, name);
		free(list[i]);
	}
	free(list);
	return go;
}

void
sga_buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
}
