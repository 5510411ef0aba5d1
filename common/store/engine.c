/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/engine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "store/gate.h"

#define FULL_BYTES (UINT64_C(1) << 20)

enum rc
engine_why(char why[256], enum rc rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, 256, format, args);
	va_end(args);
	return rc;
}

enum rc
engine_errno(int err)
{
	return err == ENOSPC || err == EDQUOT || err == EFBIG ? RC_NO_SPACE : RC_UNAVAILABLE;
}

bool
engine_disk_full(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BYTES;
}

enum rc
engine_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return engine_errno(errno);
	err = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	return err == 0 ? RC_OK : engine_errno(err);
}

/* path ends behind the new directory; its parent exists. */
static int
make_one(char *path)
{
	char *slash = strrchr(path, '/');
	enum rc rc;

	if (mkdir(path, 0700) != 0)
		return errno == EEXIST ? 0 : errno;
	if (slash == NULL)
		rc = engine_sync_dir(".");
	else if (slash == path)
		rc = engine_sync_dir("/");
	else {
		*slash = '\0';
		rc = engine_sync_dir(path);
		*slash = '/';
	}
	return rc == RC_OK ? 0 : rc == RC_NO_SPACE ? ENOSPC : EIO;
}

static int
make_all(char *path)
{
	for (char *p = path + 1; *p != '\0'; p++) {
		int err;

		if (*p != '/' || p[-1] == '/')
			continue;
		*p = '\0';
		err = make_one(path);
		*p = '/';
		if (err != 0)
			return err;
	}
	return make_one(path);
}

enum rc
engine_make_dir(const char *path, char why[256])
{
	char *copy;
	int err;

	if (path == NULL || path[0] == '\0')
		return engine_why(why, RC_BAD_REQUEST, "no directory is given");
	copy = strdup(path);
	if (copy == NULL)
		return engine_why(why, RC_UNAVAILABLE, "out of memory");
	for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	err = make_all(copy);
	free(copy);
	if (err != 0)
		return engine_why(why, engine_errno(err), "%s: %s", path, strerror(err));
	return RC_OK;
}

enum rc
engine_make_empty_dir(const char *path, char why[256])
{
	enum rc rc = engine_make_dir(path, why);
	DIR *dir;
	size_t entries = 0;

	if (rc != RC_OK)
		return rc;
	dir = opendir(path);
	if (dir == NULL)
		return engine_why(why, RC_UNAVAILABLE, "%s: %s", path, strerror(errno));
	for (const struct dirent *e; (e = readdir(dir)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			entries++;
	closedir(dir);
	if (entries != 0)
		return engine_why(why, RC_CONFLICT, "%s: the directory is not empty", path);
	return RC_OK;
}

char *
engine_path(const char *path, const char *name)
{
	size_t n = strlen(path) + strlen(name) + 2;
	char *s = malloc(n);

	if (s != NULL)
		snprintf(s, n, "%s/%s", path, name);
	return s;
}

bool
engine_lock_soon(pthread_mutex_t *lock)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += GATE_PATIENCE_MS / 1000;
	return pthread_mutex_timedlock(lock, &end) == 0;
}
