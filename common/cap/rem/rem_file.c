/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a crash leaves of it is overwritten by the next replacement. */
#define NEW_SUFFIX ".new"

bool
rem_file_text(const char *root, const char *path, char *text, size_t size)
{
	char full[PATH_MAX];
	ssize_t n = -1;
	int fd;

	text[0] = '\0';
	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return false;
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return n >= 0;
}

int
rem_file_open(int dir, const char *name, uint64_t *size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

static enum rc
read_all(int fd, struct buf *b)
{
	for (;;) {
		char *to = buf_reserve(b, 1);
		ssize_t n;

		if (to == NULL)
			return RC_TOO_LARGE;
		n = read(fd, to, b->cap - b->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? RC_OK : RC_INTERNAL;
		b->n += (size_t)n;
	}
}

enum rc
rem_file_read(int dir, const char *name, struct buf *b)
{
	uint64_t size;
	int fd = rem_file_open(dir, name, &size);
	enum rc rc;

	if (fd < 0)
		return errno == ENOENT ? RC_NOT_FOUND : RC_INTERNAL;
	/* One octet is reserved to see the end of the file. */
	rc = size >= b->max ? RC_TOO_LARGE : read_all(fd, b);
	close(fd);
	return rc;
}

bool
rem_file_write(int fd, struct slice data)
{
	while (data.n > 0) {
		ssize_t n = write(fd, data.p, data.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data = slice_from(data, (size_t)n);
	}
	return true;
}

static bool
write_synced(int dir, const char *name, struct slice data)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok;

	if (fd < 0)
		return false;
	ok = rem_file_write(fd, data) && fsync(fd) == 0;
	return close(fd) == 0 && ok;
}

enum rc
rem_file_replace(int dir, const char *name, struct slice data)
{
	char next[NAME_MAX + 1];

	if (snprintf(next, sizeof(next), "%s" NEW_SUFFIX, name) >= (int)sizeof(next))
		return RC_INTERNAL;
	if (write_synced(dir, next, data) && renameat(dir, next, dir, name) == 0 && fsync(dir) == 0)
		return RC_OK;
	return errno == ENOSPC || errno == EDQUOT ? RC_NO_SPACE : RC_INTERNAL;
}

int
rem_file_directory(int at, const char *name)
{
	if (mkdirat(at, name, 0700) != 0 && errno != EEXIST)
		return -1;
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}
