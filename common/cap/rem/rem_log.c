/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

struct rem_log {
	struct log *log;
	const char *system_file;
	pthread_mutex_t lock;
	bool running;
	enum rem_log_type type;
	uint64_t from; /* size of the system's file at the start */
	ino_t inode; /* another one: the file was rotated */
	size_t size, total; /* of the ring; octets that went in */
	char ring[];
};

/* Called by the log for each line, with its end. */
static void
take_line(void *arg, struct slice line)
{
	struct rem_log *l = arg;

	pthread_mutex_lock(&l->lock);
	if (l->running && l->type == REM_LOG_APPLICATION && line.n <= l->size)
		for (size_t i = 0; i < line.n; i++)
			l->ring[l->total++ % l->size] = line.p[i];
	pthread_mutex_unlock(&l->lock);
}

struct rem_log *
rem_log_new(struct log *log, const char *system_file, size_t size)
{
	struct rem_log *l;

	if (size < REM_LOG_MIN)
		size = REM_LOG_MIN;
	l = calloc(1, sizeof(*l) + size);
	if (l == NULL)
		return NULL;
	l->log = log;
	l->system_file = system_file;
	l->size = size;
	pthread_mutex_init(&l->lock, NULL);
	log_set_tap(log, take_line, l);
	return l;
}

void
rem_log_free(struct rem_log *l)
{
	if (l == NULL)
		return;
	log_set_tap(l->log, NULL, NULL);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static bool
look_at_file(struct rem_log *l)
{
	struct stat st;

	if (l->system_file == NULL || stat(l->system_file, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	l->from = (uint64_t)st.st_size;
	l->inode = st.st_ino;
	return true;
}

enum rc
rem_log_start(struct rem_log *l, enum rem_log_type type)
{
	bool there = type == REM_LOG_APPLICATION || look_at_file(l);

	pthread_mutex_lock(&l->lock);
	l->running = there;
	l->type = type;
	l->total = 0;
	pthread_mutex_unlock(&l->lock);
	return there ? RC_OK : RC_FORBIDDEN;
}

/* Without a first line that is cut. */
static void
put_lines(struct buf *out, struct slice text, bool cut)
{
	const char *end;

	if (text.n > out->max - out->n) {
		text = slice_from(text, text.n - (out->max - out->n));
		cut = true;
	}
	if (cut && text.n > 0) {
		end = memchr(text.p, '\n', text.n);
		text = end == NULL ? slice_from(text, text.n)
		                   : slice_from(text, (size_t)(end + 1 - text.p));
	}
	buf_slice(out, text);
}

static void
put_ring(struct rem_log *l, struct buf *out)
{
	size_t n = l->total < l->size ? l->total : l->size;
	size_t start = l->total < l->size ? 0 : l->total % l->size;
	char *text = malloc(n + 1);

	if (text == NULL)
		return;
	memcpy(text, l->ring + start, n - start);
	memcpy(text + n - start, l->ring, start);
	put_lines(out, slice_make(text, n), l->total > l->size);
	free(text);
}

/* What the file has from offset on, the last of it when it is more than the ring has room for. */
static enum rc
put_growth(struct rem_log *l, int fd, const struct stat *st, struct buf *out)
{
	uint64_t size = (uint64_t)st->st_size;
	uint64_t from = st->st_ino == l->inode && size >= l->from ? l->from : 0;
	bool cut = size - from > l->size;
	size_t n = 0;

	if (cut)
		from = size - l->size;
	while (n < l->size) {
		ssize_t got = pread(fd, l->ring + n, l->size - n, (off_t)(from + n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return RC_INTERNAL;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	put_lines(out, slice_make(l->ring, n), cut);
	return RC_OK;
}

static enum rc
put_file(struct rem_log *l, struct buf *out)
{
	int fd = open(l->system_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	enum rc rc = RC_INTERNAL;

	if (fd < 0)
		return rc;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		rc = put_growth(l, fd, &st, out);
	close(fd);
	return rc;
}

enum rc
rem_log_stop(struct rem_log *l, struct buf *out)
{
	bool running;

	/* The lock is not held while the file is read: who writes a line must not wait for a disk. */
	pthread_mutex_lock(&l->lock);
	running = l->running;
	l->running = false;
	pthread_mutex_unlock(&l->lock);
	if (!running)
		return RC_CONFLICT;
	if (l->type == REM_LOG_SYSTEM)
		return put_file(l, out);
	put_ring(l, out);
	return RC_OK;
}
