/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pre/key_file.h"

static enum rc
outcome(int error)
{
	switch (error) {
	case EEXIST:
		return RC_CONFLICT;
	case ENOENT:
	case ENOTDIR:
		return RC_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP:
		return RC_FORBIDDEN;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return RC_NO_SPACE;
	default:
		return RC_INTERNAL;
	}
}

static enum rc
write_all(int fd, struct slice text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return outcome(errno);
		text = slice_from(text, (size_t)n);
	}
	return fsync(fd) == 0 ? RC_OK : outcome(errno);
}

/* The directory that path lies in. NULL without memory. */
static char *
parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A new name is to be there after a crash like what it stands for. */
static enum rc
sync_parent(const char *path)
{
	char *parent = parent_of(path);
	int fd = parent == NULL ? -1 : open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (parent == NULL)
		rc = RC_UNAVAILABLE;
	else if (fd < 0 || fsync(fd) != 0)
		rc = outcome(errno);
	if (fd >= 0)
		(void)close(fd);
	free(parent);
	return rc;
}

enum rc
pre_key_write(const char *path, struct slice text, bool secret)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY;
	int fd = open(path, flags, secret ? S_IRUSR | S_IWUSR : 0644);
	enum rc rc;

	if (fd < 0)
		return outcome(errno);
	rc = write_all(fd, text);
	if (close(fd) != 0 && rc == RC_OK)
		rc = outcome(errno);
	if (rc == RC_OK)
		rc = sync_parent(path);
	if (rc != RC_OK)
		(void)unlink(path);
	return rc;
}
