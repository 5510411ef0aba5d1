/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/pre_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ident.h"
#include "sec/secret.h"

#define ROOM 131072 /* octets that are collected before they are written */

/* Pipes and devices are written in place. */
static bool
is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* The directory that path is in. */
static bool
directory_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	struct slice dir = slash == NULL   ? SLICE_LIT(".")
	                   : slash == path ? SLICE_LIT("/")
	                                   : slice_make(path, (size_t)(slash - path));

	return slice_copy(dir, out, PATH_MAX);
}

/* A name beside path that nobody else has. */
static bool
name_beside(struct cli_out *o, const char *path, const char *end)
{
	int n = snprintf(o->temporary, sizeof(o->temporary), "%s.%s", path, end);

	if (n >= 0 && (size_t)n < sizeof(o->temporary))
		return true;
	o->temporary[0] = '\0';
	errno = ENAMETOOLONG;
	return false;
}

/*
 * A new file in the directory of path: without a name, so that nothing is left behind if this
 * process is killed, or, where the file system does not have that, with a temporary one.
 */
static int
open_beside(struct cli_out *o, const char *path)
{
	char dir[PATH_MAX];
	int fd;

	if (!directory_of(path, dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	o->unnamed = fd >= 0;
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (!name_beside(o, path, "XXXXXX"))
		return -1;
	fd = mkostemp(o->temporary, O_CLOEXEC);
	if (fd < 0)
		o->temporary[0] = '\0';
	return fd;
}

bool
cli_out_open(struct cli_out *o, const char *path, bool secret)
{
	*o = (struct cli_out){ .fd = STDOUT_FILENO, .name = "standard output", .secret = secret };
	buf_init(&o->b, 2 * ROOM);
	o->b.secret = true;
	if (path != NULL) {
		o->name = path;
		o->fd = is_special(path) ? open(path, O_WRONLY | O_CLOEXEC) : open_beside(o, path);
	}
	return o->fd >= 0 && buf_reserve(&o->b, ROOM) != NULL;
}

static bool
write_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		s = slice_from(s, (size_t)n);
	}
	return true;
}

bool
cli_out_flush(struct cli_out *o)
{
	bool ok = !o->b.failed && write_all(o->fd, buf_view(&o->b));

	buf_clear(&o->b);
	o->b.failed = !ok;
	return ok;
}

bool
cli_out_add(struct cli_out *o, struct slice s)
{
	o->put += s.n;
	if (o->b.n + s.n > ROOM && !cli_out_flush(o))
		return false;
	if (s.n <= ROOM) {
		buf_slice(&o->b, s);
		return !o->b.failed;
	}
	o->b.failed = o->b.failed || !write_all(o->fd, s);
	return !o->b.failed;
}

/* The mode that open(2) would have given it. */
static mode_t
common_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* A file without a name gets a temporary one: no call replaces another file with it. */
static bool
give_name(struct cli_out *o)
{
	char random[IDENT_LEN + 1], self[64];

	ident_random(random);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", o->fd);
	if (!name_beside(o, o->name, random))
		return false;
	if (linkat(AT_FDCWD, self, AT_FDCWD, o->temporary, AT_SYMLINK_FOLLOW) == 0)
		return true;
	o->temporary[0] = '\0';
	return false;
}

/* The file gets its mode, its octets to the disk, its name. */
static bool
put_in_place(struct cli_out *o)
{
	if ((!o->secret && fchmod(o->fd, common_mode()) != 0) || fsync(o->fd) != 0)
		return false;
	return (!o->unnamed || give_name(o)) && rename(o->temporary, o->name) == 0;
}

bool
cli_out_close(struct cli_out *o, bool keep)
{
	bool in_place = !o->unnamed && o->temporary[0] == '\0';
	bool ok = o->fd >= 0 && (keep || in_place) && cli_out_flush(o);
	int saved;

	if (ok && !in_place)
		ok = put_in_place(o);
	saved = errno;
	if (!ok && o->temporary[0] != '\0')
		unlink(o->temporary);
	if (o->fd >= 0 && close(o->fd) != 0 && ok) {
		saved = errno;
		ok = false;
	}
	if (o->b.p != NULL)
		secret_wipe(o->b.p, o->b.cap);
	buf_fini(&o->b);
	o->fd = -1;
	o->temporary[0] = '\0';
	errno = saved;
	return ok;
}
