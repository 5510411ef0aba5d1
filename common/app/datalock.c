/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/datalock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "openscl.lock"
#define PID_TEXT_MAX 16

/* The process that wrote its number into the lock file, as text; "?" when it did not yet. */
static void
read_holder(int fd, char out[PID_TEXT_MAX])
{
	ssize_t n = pread(fd, out, PID_TEXT_MAX - 1, 0);

	out[n > 0 ? n : 0] = '\0';
	out[strspn(out, "0123456789")] = '\0';
	if (*out == '\0')
		strcpy(out, "?");
}

static int
fail(int fd, char *why, size_t why_max, const char *dir)
{
	char holder[PID_TEXT_MAX];

	if (errno == EWOULDBLOCK) {
		read_holder(fd, holder);
		snprintf(why, why_max, "%s is in use by process %s", dir, holder);
	} else {
		snprintf(why, why_max, "%s: %s", dir, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

int
datalock_take(const char *dir, char *why, size_t why_max)
{
	char path[PATH_MAX], pid[PID_TEXT_MAX];
	int fd, n;

	if ((size_t)snprintf(path, sizeof(path), "%s/" LOCK_NAME, dir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return fail(-1, why, why_max, dir);
	}
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return fail(-1, why, why_max, dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
		return fail(fd, why, why_max, dir);
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return fail(fd, why, why_max, dir);
	return fd;
}
