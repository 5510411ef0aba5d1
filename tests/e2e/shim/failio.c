/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets the disk of a program under test fail: preloaded (LD_PRELOAD), or linked into a test.
 * While the file named by FAILIO_CONTROL holds a command, calls that write to files whose path
 * begins with FAILIO_PATH fail. A command is an error, ENOSPC or EIO, alone or with the kind of
 * calls that fail: "EIO sync" (fsync and the like), "EIO write" (all others), "EIO dsync" (writes
 * to files that were opened with O_DSYNC, as LMDB does for the last page of a commit).
 * Both variables are set before the first thread starts. A call costs a look into the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { KIND_WRITE, KIND_SYNC };

/* The first line of the control file, "" without one. */
static void
read_command(char *line, size_t size)
{
	const char *file = getenv("FAILIO_CONTROL");
	int fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, size - 1);

	if (fd >= 0)
		close(fd);
	line[n < 0 ? 0 : n] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

static bool
is_concerned(int fd)
{
	const char *prefix = getenv("FAILIO_PATH");
	char link[64], path[4096];
	ssize_t n;

	if (prefix == NULL || prefix[0] == '\0')
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strncmp(path, prefix, strlen(prefix)) == 0;
}

static bool
is_kind(const char *word, enum kind kind, int fd)
{
	if (strcmp(word, "sync") == 0)
		return kind == KIND_SYNC;
	if (strcmp(word, "write") == 0)
		return kind == KIND_WRITE;
	if (strcmp(word, "dsync") == 0)
		return kind == KIND_WRITE && (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	return word[0] == '\0';
}

/* The error that a call on fd has to fail with now, 0 for none. Keeps errno. */
static int
failure(int fd, enum kind kind)
{
	char line[64], error[16] = "", word[16] = "";
	int saved = errno, err = 0;

	read_command(line, sizeof(line));
	if (sscanf(line, "%15s %15s", error, word) >= 1 && is_concerned(fd) &&
	    is_kind(word, kind, fd))
		err = strcmp(error, "ENOSPC") == 0 ? ENOSPC : strcmp(error, "EIO") == 0 ? EIO : 0;
	errno = saved;
	return err;
}

/* True, with errno set, when the call has to fail. */
static bool
fails(int fd, enum kind kind)
{
	int err = failure(fd, kind);

	if (err != 0)
		errno = err;
	return err != 0;
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	return fails(fd, KIND_WRITE) ? -1 : syscall(SYS_write, fd, buf, n);
}

ssize_t
pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return fails(fd, KIND_WRITE) ? -1 : syscall(SYS_pwrite64, fd, buf, n, at);
}

ssize_t
pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	return fails(fd, KIND_WRITE) ? -1 : syscall(SYS_pwrite64, fd, buf, n, at);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	return fails(fd, KIND_WRITE) ? -1 : syscall(SYS_writev, fd, iov, n);
}

/* The kernel takes the position of pwritev in two halves; on 64 bit the first holds all. */
ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	return fails(fd, KIND_WRITE) ? -1 : syscall(SYS_pwritev, fd, iov, n, at, 0L);
}

ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off64_t at)
{
	return fails(fd, KIND_WRITE) ? -1 : syscall(SYS_pwritev, fd, iov, n, at, 0L);
}

int
ftruncate(int fd, off_t size)
{
	return fails(fd, KIND_WRITE) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int
ftruncate64(int fd, off64_t size)
{
	return fails(fd, KIND_WRITE) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int
fallocate(int fd, int mode, off_t at, off_t n)
{
	return fails(fd, KIND_WRITE) ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, n);
}

int
fallocate64(int fd, int mode, off64_t at, off64_t n)
{
	return fails(fd, KIND_WRITE) ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, n);
}

/* Returns its error instead of setting errno. */
int
posix_fallocate(int fd, off_t at, off_t n)
{
	int err = failure(fd, KIND_WRITE);

	if (err != 0)
		return err;
	return syscall(SYS_fallocate, fd, 0, at, n) == 0 ? 0 : errno;
}

int
posix_fallocate64(int fd, off64_t at, off64_t n)
{
	return posix_fallocate(fd, at, n);
}

int
fsync(int fd)
{
	return fails(fd, KIND_SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return fails(fd, KIND_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}
