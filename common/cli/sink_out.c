/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/sink_out.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "cli/sink_run.h"
#include "sec/hex.h"

/* Read at a time. */
#define BATCH 32u
#define BATCH_OCTETS ((size_t)1 << 20)
#define ARENA_MAX ((size_t)4 << 20)
#define RETRY_FIRST CLOCK_SECOND
#define RETRY_MAX (60 * CLOCK_SECOND)

struct message {
	uint64_t number;
	struct slice plain; /* in the arena */
};

struct queue {
	bool more; /* guarded by the lock */
	int64_t due, delay; /* of the next trial (monotonic); 0: none has failed */
	uint64_t done; /* all up to this one are done with */
	int dir; /* of its files, -1: none */
};

struct sink_out {
	struct sink_out_conf conf;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	struct sink_run *run; /* of programs; NULL: files */
	struct queue *queues;
	size_t turn; /* the source that is asked first the next time */
	struct arena *arena; /* messages of a batch */
	struct message batch[BATCH];
	size_t n, octets;
	struct px_in_end end;
	bool ended; /* end is stored, or is not going to be */
};

/* ---- files ---- */

static bool
write_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = slice_from(s, (size_t)n);
	}
	return true;
}

/* Durable once the directory is. */
static bool
write_file(int dir, const struct message *m)
{
	char name[32], part[40];
	bool ok;
	int fd;

	snprintf(name, sizeof(name), "%llu", (unsigned long long)m->number);
	snprintf(part, sizeof(part), ".%s", name);
	fd = openat(dir, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ok = write_all(fd, m->plain) && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	return ok && renameat(dir, part, dir, name) == 0;
}

static enum rc
open_dir(struct sink_out *o, size_t source)
{
	char name[2 * PRE_SOURCE_SIZE + 1];
	int top = open(o->conf.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dir = -1;

	hex_encode(o->conf.sources[source].name.v, PRE_SOURCE_SIZE, name);
	if (top >= 0 && (mkdirat(top, name, 0700) == 0 || errno == EEXIST) && fsync(top) == 0)
		dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top >= 0)
		close(top);
	o->queues[source].dir = dir;
	return dir >= 0 ? RC_OK : RC_FORBIDDEN;
}

/* ---- a batch ---- */

static bool
add(void *arg, uint64_t number, struct slice plain)
{
	struct sink_out *o = arg;
	struct slice copy;

	if (o->n > 0 && o->octets + plain.n > BATCH_OCTETS)
		return false;
	copy = arena_copy(o->arena, plain);
	if (copy.p == NULL && plain.n > 0)
		return false;
	o->batch[o->n++] = (struct message){ number, copy };
	o->octets += plain.n;
	return true;
}

/* True when the first one is done with, perhaps more: *last. */
static bool
hand_out(struct sink_out *o, size_t source, uint64_t *last)
{
	struct queue *q = &o->queues[source];
	size_t k = 0;

	for (; k < o->n; k++) {
		const struct message *m = &o->batch[k];
		bool ok = o->run == NULL ? write_file(q->dir, m)
		                         : sink_run_one(o->run, o->conf.sources[source].url,
		                                        m->number, m->plain);

		if (!ok)
			break;
		*last = m->number;
	}
	if (k > 0 && o->run == NULL && fsync(q->dir) != 0)
		return false;
	return k > 0;
}

static void
end_done(struct px_in_op *op)
{
	struct sink_out *o = op->owner;

	pthread_mutex_lock(&o->lock);
	o->ended = true;
	pthread_cond_broadcast(&o->wake);
	pthread_mutex_unlock(&o->lock);
}

static bool
end_in_book(struct sink_out *o, size_t source, uint64_t last)
{
	struct queue *q = &o->queues[source];

	o->ended = false;
	o->end = (struct px_in_end){ .op = { .done = end_done, .owner = o },
		                     .source = o->conf.sources[source].name,
		                     .up_to = last,
		                     .applied = last - q->done };
	px_inbook_end(o->conf.book, &o->end);
	pthread_mutex_lock(&o->lock);
	while (!o->ended)
		pthread_cond_wait(&o->wake, &o->lock);
	pthread_mutex_unlock(&o->lock);
	if (o->end.op.rc == RC_OK)
		q->done = last;
	return o->end.op.rc == RC_OK;
}

/* What waits of a source: some of it. True when there may be more; *ok: nothing has failed. */
static bool
serve(struct sink_out *o, size_t source, bool *ok)
{
	struct queue *q = &o->queues[source];
	uint64_t last = 0;
	enum rc rc;

	arena_reset(o->arena);
	o->n = 0;
	o->octets = 0;
	rc = px_inbook_queue(o->conf.book, &o->conf.sources[source].name, q->done, BATCH, add, o);
	*ok = rc == RC_OK && (o->n > 0 || !arena_failed(o->arena));
	if (!*ok || o->n == 0)
		return false;
	*ok = hand_out(o, source, &last) && end_in_book(o, source, last);
	/* What is behind the last one has failed: at once again, unless it stands first. */
	return *ok;
}

/* ---- the thread ---- */

static void
failed(struct sink_out *o, size_t source)
{
	struct queue *q = &o->queues[source];

	q->delay = q->delay == 0 ? RETRY_FIRST : q->delay * 2;
	if (q->delay > RETRY_MAX)
		q->delay = RETRY_MAX;
	q->due = clock_monotonic() + q->delay;
	LOG_WARN(o->conf.log, "message-kept", LOG_Z("source", o->conf.sources[source].url),
	         LOG_N("behind", q->done), LOG_N("retry_ms", q->delay / 1000));
}

/* The next source that has something to do; n_sources: none. *wait_until: when one has. Locked. */
static size_t
next(struct sink_out *o, int64_t *wait_until)
{
	int64_t now = clock_monotonic();

	*wait_until = CLOCK_NEVER;
	for (size_t k = 0; k < o->conf.n_sources; k++) {
		size_t i = (o->turn + k) % o->conf.n_sources;
		const struct queue *q = &o->queues[i];

		if (q->more && q->due <= now) {
			o->turn = i + 1;
			return i;
		}
		if (q->more && q->due < *wait_until)
			*wait_until = q->due;
	}
	return o->conf.n_sources;
}

/* Until then, or until something happens. Locked. */
static void
wait_for_work(struct sink_out *o, int64_t until)
{
	const struct timespec t = { .tv_sec = until / CLOCK_SECOND,
		                    .tv_nsec = until % CLOCK_SECOND * 1000 };

	if (until == CLOCK_NEVER)
		pthread_cond_wait(&o->wake, &o->lock);
	else
		pthread_cond_timedwait(&o->wake, &o->lock, &t);
}

static void *
main_loop(void *arg)
{
	struct sink_out *o = arg;

	pthread_mutex_lock(&o->lock);
	while (!o->stopping) {
		int64_t until;
		size_t i = next(o, &until);
		bool ok = true, more;

		if (i == o->conf.n_sources) {
			wait_for_work(o, until);
			continue;
		}
		o->queues[i].more = false;
		pthread_mutex_unlock(&o->lock);
		more = serve(o, i, &ok);
		if (!ok)
			failed(o, i);
		else
			o->queues[i].due = o->queues[i].delay = 0;
		pthread_mutex_lock(&o->lock);
		o->queues[i].more = o->queues[i].more || more || !ok;
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

/* ---- life ---- */

void
sink_out_queued(void *arg, size_t source)
{
	struct sink_out *o = arg;

	pthread_mutex_lock(&o->lock);
	o->queues[source].more = true;
	pthread_cond_broadcast(&o->wake);
	pthread_mutex_unlock(&o->lock);
}

static void
free_out(struct sink_out *o)
{
	for (size_t i = 0; o->queues != NULL && i < o->conf.n_sources; i++)
		if (o->queues[i].dir >= 0)
			close(o->queues[i].dir);
	sink_run_free(o->run);
	arena_free(o->arena);
	free(o->queues);
	pthread_cond_destroy(&o->wake);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static enum rc
fill(struct sink_out *o)
{
	enum rc rc = RC_OK;

	o->arena = arena_new(ARENA_MAX);
	o->queues = calloc(o->conf.n_sources + 1, sizeof(*o->queues));
	if (o->arena == NULL || o->queues == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < o->conf.n_sources; i++)
		o->queues[i] = (struct queue){ .more = true, .dir = -1 };
	if (o->conf.dir == NULL)
		rc = sink_run_new(o->conf.program, o->conf.log, &o->run);
	for (size_t i = 0; i < o->conf.n_sources && rc == RC_OK; i++) {
		struct px_in_count c;

		if (o->conf.dir != NULL)
			rc = open_dir(o, i);
		if (rc == RC_OK)
			rc = px_inbook_source(o->conf.book, &o->conf.sources[i].name, &c, NULL);
		if (rc == RC_OK)
			o->queues[i].done = c.removed;
	}
	return rc;
}

enum rc
sink_out_start(const struct sink_out_conf *conf, struct sink_out **out)
{
	struct sink_out *o = calloc(1, sizeof(*o));
	enum rc rc;

	*out = NULL;
	if (o == NULL)
		return RC_UNAVAILABLE;
	o->conf = *conf;
	pthread_mutex_init(&o->lock, NULL);
	(void)clock_cond_init(&o->wake);
	rc = fill(o);
	if (rc == RC_OK && pthread_create(&o->thread, NULL, main_loop, o) != 0)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		*out = o;
	else
		free_out(o);
	return rc;
}

void
sink_out_stop(struct sink_out *o)
{
	if (o == NULL)
		return;
	pthread_mutex_lock(&o->lock);
	o->stopping = true;
	pthread_cond_broadcast(&o->wake);
	pthread_mutex_unlock(&o->lock);
	if (o->run != NULL)
		sink_run_stop(o->run);
	pthread_join(o->thread, NULL);
	free_out(o);
}
