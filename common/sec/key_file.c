/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc
read_all(int fd, struct key_file *f, size_t size)
{
	while (f->n < size) {
		ssize_t got = read(fd, f->p + f->n, size - f->n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return RC_INTERNAL;
		if (got == 0)
			break;
		f->n += (size_t)got;
	}
	return f->n == size ? RC_TOO_LARGE : RC_OK;
}

static enum rc
read_file(int fd, bool secret, struct key_file *out)
{
	struct stat st;
	enum rc rc;

	if (fstat(fd, &st) != 0)
		return RC_INTERNAL;
	if (!S_ISREG(st.st_mode))
		return RC_FORBIDDEN;
	if (secret && (st.st_uid != geteuid() || (st.st_mode & 07177) != 0))
		return RC_FORBIDDEN;
	if (st.st_size > KEY_FILE_MAX)
		return RC_TOO_LARGE;
	/* One more than there is: a file that grows meanwhile is seen. */
	*out = (struct key_file){ .size = (size_t)st.st_size + 1 };
	out->p = OPENSSL_malloc(out->size);
	if (out->p == NULL)
		return RC_UNAVAILABLE;
	rc = read_all(fd, out, out->size);
	if (rc != RC_OK)
		key_file_free(out);
	return rc;
}

static enum rc
open_and_read(const char *path, bool secret, struct key_file *out)
{
	/* Not waiting for a writer: the path may be a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum rc rc;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? RC_NOT_FOUND
		       : errno == EACCES || errno == ELOOP ? RC_FORBIDDEN
		                                           : RC_INTERNAL;
	rc = read_file(fd, secret, out);
	close(fd);
	return rc;
}

enum rc
key_file_private(const char *path, struct key_file *out)
{
	return open_and_read(path, true, out);
}

enum rc
key_file_public(const char *path, struct key_file *out)
{
	return open_and_read(path, false, out);
}

void
key_file_free(struct key_file *f)
{
	OPENSSL_clear_free(f->p, f->size);
	*f = (struct key_file){ 0 };
}
