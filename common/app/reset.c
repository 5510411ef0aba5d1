/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/reset.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define NOTE "factory-reset"
#define DEPTH_MAX 8

static const char *const kept[] = { ".", "..", NOTE, "openscl.lock", "rem" };

enum rc
reset_note(const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd =
		dir < 0 ? -1 : openat(dir, NOTE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && fsync(fd) == 0 && fsync(dir) == 0;

	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return ok ? RC_OK : RC_INTERNAL;
}

static bool
is_kept(const char *name, unsigned depth)
{
	size_t n = depth == 0 ? sizeof(kept) / sizeof(kept[0]) : 2;

	for (size_t i = 0; i < n; i++)
		if (strcmp(kept[i], name) == 0)
			return true;
	return false;
}

static bool empty(int fd, unsigned depth);

static bool
remove_one(int dir, const char *name, unsigned depth)
{
	int sub;

	if (unlinkat(dir, name, 0) == 0)
		return true;
	sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return sub >= 0 && empty(sub, depth + 1) && unlinkat(dir, name, AT_REMOVEDIR) == 0;
}

/* Takes fd. */
static bool
empty(int fd, unsigned depth)
{
	DIR *d = depth > DEPTH_MAX ? NULL : fdopendir(fd);
	struct dirent *e;
	bool ok = true;

	if (d == NULL) {
		close(fd);
		return false;
	}
	while ((e = readdir(d)) != NULL)
		if (!is_kept(e->d_name, depth) && !remove_one(dirfd(d), e->d_name, depth))
			ok = false;
	closedir(d);
	return ok;
}

bool
reset_do(const char *path, struct log *log)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int again;
	bool ok;

	if (dir < 0 || faccessat(dir, NOTE, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
		if (dir >= 0)
			close(dir);
		return true;
	}
	again = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	ok = again >= 0 && empty(again, 0) && fsync(dir) == 0 && unlinkat(dir, NOTE, 0) == 0 &&
	     fsync(dir) == 0;
	close(dir);
	if (ok)
		LOG_WARN(log, "factory-reset", LOG_Z("store", path));
	return ok;
}

bool
reset_remove(const char *path)
{
	return remove_one(AT_FDCWD, path, 0);
}
