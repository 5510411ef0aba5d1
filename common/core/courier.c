/* SPDX-License-Identifier: Apache-2.0 */
/* The courier: one thread that sends, with timers. What is sent is decided in notify.c, forward.c. */
#include "config.h"

#include "core/channel.h"
#include "core/guard.h"
#include "core/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PORTS_MAX 4
#define NOTED_MAX 1024
#define TASKS_MAX 16
#define IDLE_MS 1000
#define SCRATCH_MAX (64u << 10)
/* No delay is longer: a due time cannot overflow. */
#define DELAY_MAX (INT64_MAX / 4)

struct courier {
	struct scl *scl;
	pthread_t thread;
	bool started;
	_Atomic bool running;
	_Atomic(pthread_t) self; /* set by the thread itself */
	const struct port_ops *ops[PORTS_MAX];
	struct port *ports[PORTS_MAX];
	size_t nports;
	int epoll; /* where the thread waits: of wake, and of what the ports wait for */
	int wake;
	unsigned max_exchanges;
	/* Of port_conf; NULL: exchanges go as they are. */
	enum rc (*protect)(void *arg, struct exchange *ex);
	void (*unprotect)(void *arg, struct exchange *ex);
	void *protect_arg;

	struct scl_task **heap; /* by due time; heap[0] is unused so that place 0 means "not posted" */
	size_t n, cap;

	pthread_mutex_t lock; /* of what follows, and of task->queued and task->wanted */
	struct scl_task *posted, **last_posted; /* by other threads, oldest first */
	unsigned nposted;
	bool ended; /* the thread takes nothing more */
	uint64_t woken[NOTED_MAX];
	size_t nwoken;
	bool woken_all;
	_Atomic bool stopping;

	uint64_t noted[NOTED_MAX]; /* the committer's, before the commit */
	size_t nnoted;
	bool noted_all;
	struct scl_task *tasks[TASKS_MAX]; /* noted likewise */
	size_t ntasks;

	struct deliveries *deliveries;
};

/* ---- heap ---- */

static void
heap_set(struct courier *c, size_t at, struct scl_task *t)
{
	c->heap[at] = t;
	t->place = at;
}

static void
heap_up(struct courier *c, size_t at)
{
	struct scl_task *t = c->heap[at];

	for (; at > 1 && c->heap[at / 2]->due > t->due; at /= 2)
		heap_set(c, at, c->heap[at / 2]);
	heap_set(c, at, t);
}

static void
heap_down(struct courier *c, size_t at)
{
	struct scl_task *t = c->heap[at];

	for (size_t child; (child = at * 2) <= c->n; at = child) {
		if (child < c->n && c->heap[child + 1]->due < c->heap[child]->due)
			child++;
		if (c->heap[child]->due >= t->due)
			break;
		heap_set(c, at, c->heap[child]);
	}
	heap_set(c, at, t);
}

static void
heap_remove(struct courier *c, struct scl_task *t)
{
	size_t at = t->place;
	struct scl_task *last = c->heap[c->n--];

	t->place = 0;
	if (last == t)
		return;
	heap_set(c, at, last);
	heap_up(c, at);
	heap_down(c, last->place);
}

static bool
heap_add(struct courier *c, struct scl_task *t, int64_t due)
{
	if (t->place != 0)
		heap_remove(c, t);
	if (c->n + 1 >= c->cap) {
		size_t cap = c->cap == 0 ? 64 : c->cap * 2;
		struct scl_task **heap = realloc(c->heap, cap * sizeof(struct scl_task *));

		if (heap == NULL)
			return false;
		c->heap = heap;
		c->cap = cap;
	}
	t->due = due;
	heap_set(c, ++c->n, t);
	heap_up(c, c->n);
	return true;
}

/* ---- what other threads have posted ---- */

static struct scl_task *
take_posted(struct courier *c, int64_t *due)
{
	struct scl_task *t;

	pthread_mutex_lock(&c->lock);
	t = c->posted;
	if (t != NULL) {
		c->posted = t->next;
		if (c->posted == NULL)
			c->last_posted = &c->posted;
		c->nposted--;
		t->queued = false;
		*due = t->wanted;
	}
	pthread_mutex_unlock(&c->lock);
	return t;
}

static unsigned
count_posted(struct courier *c)
{
	unsigned n;

	pthread_mutex_lock(&c->lock);
	n = c->nposted;
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* Takes up what is there now; what that posts again is for the next round. */
static void
accept_posted(struct courier *c)
{
	for (unsigned n = count_posted(c); n > 0; n--) {
		int64_t due;
		struct scl_task *t = take_posted(c, &due);

		/* What finds no place in the heap runs at once rather than never. */
		if (t != NULL && !heap_add(c, t, due))
			t->run(t);
	}
}

/* ---- from any thread ---- */

static void
wakeup(struct courier *c)
{
	eventfd_write(c->wake, 1);
}

/* A task stands in the list once, whoever posts it again meanwhile. */
static bool
enqueue(struct courier *c, struct scl_task *task, int64_t due)
{
	bool ok;

	pthread_mutex_lock(&c->lock);
	ok = !c->ended;
	if (ok) {
		task->wanted = due;
		if (!task->queued) {
			task->queued = true;
			task->next = NULL;
			*c->last_posted = task;
			c->last_posted = &task->next;
			c->nposted++;
		}
		wakeup(c);
	}
	pthread_mutex_unlock(&c->lock);
	return ok;
}

static bool
is_own_thread(const struct courier *c)
{
	return atomic_load(&c->running) && pthread_equal(pthread_self(), atomic_load(&c->self));
}

bool
courier_post(struct courier *c, struct scl_task *task, int64_t delay)
{
	int64_t due = clock_monotonic() + (delay < DELAY_MAX ? delay : DELAY_MAX);

	/* Without memory for the heap the task waits in the list, which needs none. */
	if (is_own_thread(c) && heap_add(c, task, due))
		return true;
	return enqueue(c, task, due);
}

void
courier_cancel(struct courier *c, struct scl_task *task)
{
	struct scl_task **at = &c->posted;

	pthread_mutex_lock(&c->lock);
	while (task->queued && *at != task)
		at = &(*at)->next;
	if (task->queued) {
		*at = task->next;
		if (*at == NULL)
			c->last_posted = at;
		c->nposted--;
		task->queued = false;
	}
	pthread_mutex_unlock(&c->lock);
	if (task->place != 0)
		heap_remove(c, task);
}

bool
courier_posted(const struct scl_task *task)
{
	return task->place != 0 || task->queued;
}

void
courier_note(struct courier *c, uint64_t subscription)
{
	if (c->nnoted == NOTED_MAX) {
		c->noted_all = true;
		return;
	}
	for (size_t i = c->nnoted; i-- > 0 && i + 8 > c->nnoted;)
		if (c->noted[i] == subscription)
			return;
	c->noted[c->nnoted++] = subscription;
}

void
courier_note_task(struct courier *c, struct scl_task *task)
{
	for (size_t i = 0; i < c->ntasks; i++)
		if (c->tasks[i] == task)
			return;
	/* There are as many as there are modules: more is a fault of this program. */
	if (c->ntasks == TASKS_MAX)
		abort();
	c->tasks[c->ntasks++] = task;
}

void
courier_committed(struct courier *c)
{
	for (size_t i = 0; i < c->ntasks; i++)
		(void)courier_post(c, c->tasks[i], 0);
	c->ntasks = 0;
	if (c->nnoted == 0 && !c->noted_all)
		return;
	pthread_mutex_lock(&c->lock);
	c->woken_all = c->woken_all || c->noted_all || c->nwoken + c->nnoted > NOTED_MAX;
	if (!c->woken_all && c->nnoted > 0) {
		memcpy(c->woken + c->nwoken, c->noted, c->nnoted * sizeof(c->noted[0]));
		c->nwoken += c->nnoted;
	}
	wakeup(c);
	pthread_mutex_unlock(&c->lock);
	c->nnoted = 0;
	c->noted_all = false;
}

/* ---- the thread ---- */

static void
accept_woken(struct courier *c)
{
	uint64_t ids[NOTED_MAX];
	bool all;
	size_t n;

	pthread_mutex_lock(&c->lock);
	all = c->woken_all;
	n = all ? 0 : c->nwoken;
	if (n > 0)
		memcpy(ids, c->woken, n * sizeof(ids[0]));
	c->nwoken = 0;
	c->woken_all = false;
	pthread_mutex_unlock(&c->lock);
	if (all)
		deliveries_scan(c->deliveries);
	for (size_t i = 0; i < n; i++)
		deliveries_wake(c->deliveries, ids[i]);
}

static void
run_due(struct courier *c)
{
	int64_t now = clock_monotonic();

	while (c->n > 0 && c->heap[1]->due <= now) {
		struct scl_task *t = c->heap[1];

		heap_remove(c, t);
		t->run(t);
	}
}

/* Milliseconds until a task or a port is due. */
static int
wait_ms(const struct courier *c)
{
	int ms = IDLE_MS;

	if (c->n > 0) {
		int64_t us = c->heap[1]->due - clock_monotonic();

		if (us <= 0)
			return 0;
		ms = us / 1000 + 1 > IDLE_MS ? IDLE_MS : (int)(us / 1000 + 1);
	}
	for (size_t i = 0; i < c->nports && ms > 0; i++)
		ms = c->ops[i]->wait_ms(c->ports[i], ms);
	return ms;
}

/* Only the ports that have something to do are asked to do it. */
static void
wait_and_work(struct courier *c)
{
	struct epoll_event events[PORTS_MAX + 1];
	bool ready[PORTS_MAX] = { false };
	int n = epoll_wait(c->epoll, events, PORTS_MAX + 1, wait_ms(c));
	eventfd_t count;

	for (int i = 0; i < n; i++)
		if (events[i].data.u32 < PORTS_MAX)
			ready[events[i].data.u32] = true;
		else
			eventfd_read(c->wake, &count);
	for (size_t i = 0; i < c->nports; i++)
		if (ready[i] || c->ops[i]->wait_ms(c->ports[i], 1) == 0)
			c->ops[i]->poll(c->ports[i]);
}

/* Ending the exchanges calls their done, which answers what waits for them. */
static void
close_ports(struct courier *c)
{
	for (size_t i = 0; i < c->nports; i++)
		c->ops[i]->close(c->ports[i]);
	c->nports = 0;
}

/* True when nothing is left; nothing more is taken from then on. */
static bool
end_posting(struct courier *c)
{
	bool empty;

	pthread_mutex_lock(&c->lock);
	empty = c->posted == NULL;
	c->ended = empty;
	pthread_mutex_unlock(&c->lock);
	return empty;
}

/* Every task still runs, due or not, and sees that the courier is stopping. */
static void
drain(struct courier *c)
{
	do {
		accept_posted(c);
		while (c->n > 0) {
			struct scl_task *t = c->heap[1];

			heap_remove(c, t);
			t->run(t);
		}
	} while (!end_posting(c));
}

static void *
courier_main(void *arg)
{
	struct courier *c = arg;

	atomic_store(&c->self, pthread_self());
	atomic_store(&c->running, true);
	deliveries_scan(c->deliveries);
	while (!atomic_load(&c->stopping)) {
		accept_posted(c);
		accept_woken(c);
		run_due(c);
		wait_and_work(c);
	}
	close_ports(c);
	channels_stop(c->scl->channels);
	drain(c);
	atomic_store(&c->running, false);
	return NULL;
}

bool
courier_stopping(const struct courier *c)
{
	return atomic_load(&c->stopping);
}

struct scl *
courier_scl(const struct courier *c)
{
	return c->scl;
}

struct deliveries *
courier_deliveries(struct courier *c)
{
	return c->deliveries;
}

unsigned
courier_exchanges_max(const struct courier *c)
{
	return c->max_exchanges;
}

static int
port_for(const struct courier *c, struct slice url)
{
	for (size_t i = 0; i < c->nports; i++)
		for (const char *const *s = c->ops[i]->schemes; *s != NULL; s++) {
			size_t n = strlen(*s);

			if (url.n > n + 3 && strncasecmp(url.p, *s, n) == 0 &&
			    slice_starts(slice_from(url, n), SLICE_LIT("://")))
				return (int)i;
		}
	return -1;
}

/* An exchange that no port takes ends through a task, so that done is never called in send. */
struct refused {
	struct scl_task task;
	struct exchange *ex;
};

static void
refuse_run(struct scl_task *t)
{
	struct refused *r = (struct refused *)(void *)t;
	struct exchange *ex = r->ex;

	free(r);
	ex->done(ex);
}

/* Ends the exchange unsent, from a task. */
static void
refuse(struct courier *c, struct exchange *ex, enum rc rc, const char *why)
{
	struct refused *r = calloc(1, sizeof(*r));

	ex->rc = rc;
	ex->http_status = 0;
	ex->unsent = true;
	snprintf(ex->failure, sizeof(ex->failure), "%s", why);
	if (r == NULL) {
		ex->done(ex);
		return;
	}
	r->task.run = refuse_run;
	r->ex = ex;
	courier_post(c, &r->task, 0);
} /* NOLINT(clang-analyzer-unix.Malloc): refuse_run frees r */

/* The exchange is its sender's again. */
static void
guarded_done(struct exchange *ex)
{
	struct courier *c = ex->guarded_by;

	c->unprotect(c->protect_arg, ex);
	ex->guarded_by = NULL;
	ex->done = ex->guarded_done;
	ex->done(ex);
}

/* A URL that was given in a request: whether its giver may have something sent there. */
static enum rc
check_contact(struct courier *c, struct slice named_by, struct slice url, struct exchange *ex)
{
	const struct guard *g = c->scl->guard;
	struct arena *a;
	struct slice app_id;
	enum rc rc;

	if (named_by.n == 0 || g == NULL || g->contact == NULL)
		return RC_OK;
	a = arena_new(SCRATCH_MAX);
	if (a == NULL)
		return RC_UNAVAILABLE;
	app_id = identity_app_id(c->scl, a, named_by);
	rc = app_id.n == 0 ? RC_OK : g->contact(g->arg, app_id, url, ex);
	arena_free(a);
	return rc;
}

bool
courier_contact_ok(struct courier *c, struct slice named_by, struct slice url)
{
	return check_contact(c, named_by, url, NULL) == RC_OK;
}

static enum rc
guard(struct courier *c, struct exchange *ex)
{
	enum rc rc = check_contact(c, ex->named_by, ex->url, ex);

	if (rc != RC_OK || c->protect == NULL || ex->credential != NULL || ex->bare)
		return rc;
	rc = c->protect(c->protect_arg, ex);
	if (rc == RC_OK) {
		ex->guarded_by = c;
		ex->guarded_done = ex->done;
		ex->done = guarded_done;
	}
	return rc;
}

void
courier_send(struct courier *c, struct exchange *ex)
{
	int i = courier_stopping(c) ? -1 : port_for(c, ex->url);
	enum rc rc = RC_OK;

	if (!courier_stopping(c) && channels_send(c->scl->channels, ex))
		return;
	if (i >= 0 && (rc = guard(c, ex)) == RC_OK)
		c->ops[i]->send(c->ports[i], ex);
	else if (i >= 0)
		refuse(c, ex, rc,
		       rc == RC_FORBIDDEN ? "who has named it may not have anything sent there"
		                          : "there is no service connection with the peer");
	else
		refuse(c, ex, courier_stopping(c) ? RC_UNAVAILABLE : RC_BAD_GATEWAY,
		       courier_stopping(c) ? "stopping" : "no port for the scheme");
}

/* What an event tells: the port's index, PORTS_MAX for wake. */
static bool
watch(const struct courier *c, uint32_t which, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = which };

	return fd < 0 || epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static enum rc
open_ports(struct courier *c, const struct scl_parts *parts)
{
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (c->epoll < 0 || c->wake < 0 || !watch(c, PORTS_MAX, c->wake))
		return RC_UNAVAILABLE;
	for (const struct port_ops *const *p = parts->ports; *p != NULL && c->nports < PORTS_MAX; p++) {
		enum rc rc = (*p)->open(&parts->port, &c->ports[c->nports]);

		if (rc != RC_OK)
			return rc;
		c->ops[c->nports] = *p;
		c->nports++;
		if (!watch(c, (uint32_t)(c->nports - 1), (*p)->fd(c->ports[c->nports - 1])))
			return RC_UNAVAILABLE;
	}
	return c->nports > 0 ? RC_OK : RC_UNAVAILABLE;
}

enum rc
courier_new(struct scl *scl, const struct scl_parts *parts, struct courier **out)
{
	struct courier *c = calloc(1, sizeof(*c));
	enum rc rc;

	if (c == NULL)
		return RC_UNAVAILABLE;
	c->scl = scl;
	c->max_exchanges = parts->port.max_exchanges;
	c->protect = parts->port.protect;
	c->unprotect = parts->port.unprotect;
	c->protect_arg = parts->port.protect_arg;
	c->last_posted = &c->posted;
	pthread_mutex_init(&c->lock, NULL);
	rc = open_ports(c, parts);
	c->deliveries = deliveries_new(c);
	if (rc == RC_OK && c->deliveries == NULL)
		rc = RC_UNAVAILABLE;
	if (rc != RC_OK) {
		courier_free(c);
		return rc;
	}
	*out = c;
	return RC_OK;
}

enum rc
courier_start(struct courier *c)
{
	c->started = pthread_create(&c->thread, NULL, courier_main, c) == 0;
	return c->started ? RC_OK : RC_UNAVAILABLE;
}

void
courier_stop(struct courier *c)
{
	if (!c->started)
		return;
	atomic_store(&c->stopping, true);
	wakeup(c);
	pthread_join(c->thread, NULL);
	c->started = false;
}

void
courier_free(struct courier *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->nports; i++)
		c->ops[i]->close(c->ports[i]);
	if (c->epoll >= 0)
		close(c->epoll);
	if (c->wake >= 0)
		close(c->wake);
	deliveries_free(c->deliveries);
	free(c->heap);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
