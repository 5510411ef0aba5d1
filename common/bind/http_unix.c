/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_unix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MODE_MAX 0777u

bool
http_unix_is(const char *address)
{
	return address != NULL &&
	       strncmp(address, HTTP_UNIX_PREFIX, sizeof(HTTP_UNIX_PREFIX) - 1) == 0;
}

static enum rc
fail(char why[HTTP_WHY_MAX], const char *path, const char *text)
{
	snprintf(why, HTTP_WHY_MAX, "unix socket %.160s: %s", path, text);
	return RC_UNAVAILABLE;
}

/* True when a is a socket that nobody listens on. */
static bool
is_stale(const struct sockaddr_un *a)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(a->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)a, sizeof(*a)) != 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* The file gets the permissions of the socket, less the umask: never more than mode. */
static bool
bind_path(int fd, const struct sockaddr_un *a, unsigned mode)
{
	if (fchmod(fd, mode) != 0)
		return false;
	if (bind(fd, (const struct sockaddr *)a, sizeof(*a)) == 0)
		return true;
	if (errno != EADDRINUSE)
		return false;
	if (!is_stale(a)) {
		errno = EADDRINUSE;
		return false;
	}
	return unlink(a->sun_path) == 0 && bind(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;
}

static bool
note_file(struct http_unix *u, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return false;
	u->path = strdup(path);
	u->dev = st.st_dev;
	u->ino = st.st_ino;
	return u->path != NULL;
}

enum rc
http_unix_listen(struct http_unix *u, const char *address, unsigned mode, int *fd,
                 char why[HTTP_WHY_MAX])
{
	const char *path = address + sizeof(HTTP_UNIX_PREFIX) - 1;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	*fd = -1;
	if (path[0] != '/')
		return fail(why, path, "not an absolute path");
	if (n >= sizeof(a.sun_path))
		return fail(why, path, "too long a path");
	if (mode > MODE_MAX)
		return fail(why, path, "no permissions of a file");
	memcpy(a.sun_path, path, n);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0 || !bind_path(*fd, &a, mode))
		return fail(why, path, strerror(errno));
	if (!note_file(u, path) || chmod(path, mode) != 0 || listen(*fd, SOMAXCONN) != 0)
		return fail(why, path, strerror(errno));
	return RC_OK;
}

void
http_unix_remove(struct http_unix *u)
{
	struct stat st;

	if (u->path != NULL && lstat(u->path, &st) == 0 && st.st_dev == u->dev &&
	    st.st_ino == u->ino)
		unlink(u->path);
	free(u->path);
	u->path = NULL;
}
