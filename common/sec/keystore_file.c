/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/keystore_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

/* Bits that neither directory nor file may have: those of others, set-id, and to run the file. */
#define DIR_BITS_NEVER 0077u
#define FILE_BITS_NEVER 07177u

static enum rc
say(enum rc rc, char why[KEYSTORE_WHY], const char *what, const char *text)
{
	snprintf(why, KEYSTORE_WHY, "%s: %s", what, text);
	return rc;
}

static enum rc
rc_of_errno(int e)
{
	return e == ENOSPC || e == EDQUOT || e == EFBIG ? RC_NO_SPACE : RC_INTERNAL;
}

/* ---- the directory ---- */

/* A new directory is to be there after a crash like what is in it. */
static enum rc
sync_parent(int dir)
{
	int up = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = up >= 0 && fsync(up) == 0;

	if (up >= 0)
		close(up);
	return ok ? RC_OK : RC_INTERNAL;
}

static enum rc
check_dir(int dir, const char *path, char why[KEYSTORE_WHY])
{
	struct stat st;

	if (fstat(dir, &st) != 0)
		return say(RC_INTERNAL, why, path, strerror(errno));
	if (st.st_uid != geteuid())
		return say(RC_FORBIDDEN, why, path, "belongs to another user");
	if ((st.st_mode & DIR_BITS_NEVER) != 0)
		return say(RC_FORBIDDEN, why, path, "others have access; its mode must be 0700");
	return RC_OK;
}

static enum rc
lock_dir(int dir, const char *path, char why[KEYSTORE_WHY])
{
	if (flock(dir, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? say(RC_CONFLICT, why, path, "in use by another process")
		                            : say(RC_INTERNAL, why, path, strerror(errno));
	return RC_OK;
}

enum rc
keystore_file_look(struct keystore_file *f, const char *dir, char why[KEYSTORE_WHY])
{
	enum rc rc;

	*f = (struct keystore_file){ .dir = -1 };
	f->dir = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->dir < 0)
		return errno == ENOENT                       ? say(RC_NOT_FOUND, why, dir, strerror(errno))
		       : errno == ENOTDIR || errno == ELOOP  ? say(RC_FORBIDDEN, why, dir, "no directory")
		       : errno == EACCES                     ? say(RC_FORBIDDEN, why, dir, strerror(errno))
		                                             : say(RC_INTERNAL, why, dir, strerror(errno));
	rc = check_dir(f->dir, dir, why);
	if (rc != RC_OK)
		keystore_file_close(f);
	return rc;
}

enum rc
keystore_file_open(struct keystore_file *f, const char *dir, bool create, char why[KEYSTORE_WHY])
{
	bool made = create && mkdir(dir, 0700) == 0;
	enum rc rc;

	*f = (struct keystore_file){ .dir = -1 };
	if (create && !made && errno != EEXIST)
		return say(RC_INTERNAL, why, dir, strerror(errno));
	rc = keystore_file_look(f, dir, why);
	if (rc == RC_OK)
		rc = lock_dir(f->dir, dir, why);
	if (rc == RC_OK && made)
		rc = sync_parent(f->dir);
	if (rc != RC_OK)
		keystore_file_close(f);
	return rc;
}

void
keystore_file_close(struct keystore_file *f)
{
	if (f->dir >= 0)
		close(f->dir);
	*f = (struct keystore_file){ .dir = -1 };
}

/* ---- reading ---- */

static enum rc
check_file(const struct stat *st, char why[KEYSTORE_WHY])
{
	if (!S_ISREG(st->st_mode))
		return say(RC_FORBIDDEN, why, KEYSTORE_FILE, "not a regular file");
	if (st->st_uid != geteuid())
		return say(RC_FORBIDDEN, why, KEYSTORE_FILE, "belongs to another user");
	if ((st->st_mode & FILE_BITS_NEVER) != 0)
		return say(RC_FORBIDDEN, why, KEYSTORE_FILE, "others have access; its mode must be 0600");
	if (st->st_size > (off_t)KEYSTORE_FILE_MAX)
		return say(RC_PRECONDITION, why, KEYSTORE_FILE, "too long for a key store");
	return RC_OK;
}

static enum rc
read_all(int fd, size_t size, struct buf *to)
{
	char *p = size == 0 ? NULL : buf_reserve(to, size);

	if (size > 0 && p == NULL)
		return RC_NO_SPACE;
	while (size > 0) {
		ssize_t n = read(fd, to->p + to->n, size);

		if (n < 0 && errno == EINTR)
			continue;
		/* Shorter than it was a moment ago: what is missing will be noticed. */
		if (n <= 0)
			return n == 0 ? RC_OK : RC_INTERNAL;
		to->n += (size_t)n;
		size -= (size_t)n;
	}
	return RC_OK;
}

enum rc
keystore_file_read(struct keystore_file *f, struct buf *to, char why[KEYSTORE_WHY])
{
	int fd = openat(f->dir, KEYSTORE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	enum rc rc;

	if (fd < 0)
		return errno == ENOENT  ? say(RC_NOT_FOUND, why, KEYSTORE_FILE, strerror(errno))
		       : errno == ELOOP ? say(RC_FORBIDDEN, why, KEYSTORE_FILE, "not a regular file")
		       : errno == EACCES ? say(RC_FORBIDDEN, why, KEYSTORE_FILE, strerror(errno))
		                         : say(RC_INTERNAL, why, KEYSTORE_FILE, strerror(errno));
	rc = fstat(fd, &f->seen) == 0 ? check_file(&f->seen, why)
	                              : say(RC_INTERNAL, why, KEYSTORE_FILE, strerror(errno));
	if (rc == RC_OK) {
		rc = read_all(fd, (size_t)f->seen.st_size, to);
		if (rc != RC_OK)
			say(rc, why, KEYSTORE_FILE, "cannot be read");
	}
	f->present = rc == RC_OK;
	close(fd);
	return rc;
}

/* ---- writing ---- */

/* Whether the file is the one that was read or written last; its time tells of changes in place. */
static enum rc
check_unchanged(const struct keystore_file *f)
{
	const struct stat *seen = &f->seen;
	struct stat st;

	if (fstatat(f->dir, KEYSTORE_FILE, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno != ENOENT ? RC_INTERNAL : f->present ? RC_CONFLICT : RC_OK;
	return f->present && st.st_dev == seen->st_dev && st.st_ino == seen->st_ino &&
	               st.st_size == seen->st_size && st.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
	               st.st_mtim.tv_nsec == seen->st_mtim.tv_nsec
	           ? RC_OK
	           : RC_CONFLICT;
}

static enum rc
write_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rc_of_errno(errno);
		s = slice_from(s, (size_t)n);
	}
	return fsync(fd) == 0 ? RC_OK : rc_of_errno(errno);
}

/* Writes the temporary file; one that a crash has left is taken away first. */
static enum rc
write_temporary(int dir, struct slice content, struct stat *written)
{
	enum rc rc;
	int fd;

	if (unlinkat(dir, KEYSTORE_TEMPORARY, 0) != 0 && errno != ENOENT)
		return rc_of_errno(errno);
	fd = openat(dir, KEYSTORE_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return rc_of_errno(errno);
	rc = write_all(fd, content);
	if (rc == RC_OK && fstat(fd, written) != 0)
		rc = RC_INTERNAL;
	if (close(fd) != 0 && rc == RC_OK)
		rc = rc_of_errno(errno);
	return rc;
}

enum rc
keystore_file_write(struct keystore_file *f, struct slice content)
{
	struct stat written;
	enum rc rc = check_unchanged(f);

	if (rc != RC_OK)
		return rc;
	rc = write_temporary(f->dir, content, &written);
	if (rc == RC_OK && renameat(f->dir, KEYSTORE_TEMPORARY, f->dir, KEYSTORE_FILE) != 0)
		rc = rc_of_errno(errno);
	if (rc != RC_OK) {
		unlinkat(f->dir, KEYSTORE_TEMPORARY, 0);
		return rc;
	}
	f->seen = written;
	f->present = true;
	return fsync(f->dir) == 0 ? RC_OK : RC_UNAVAILABLE;
}
