/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How tokens come in: datagrams, which nothing answers, and POST {sclBase}/trigger, whose answer is
 * always the same.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/uri.h"
#include "cap/trigger/trigger_address.h"
#include "cap/trigger/trigger_take.h"
#include "codec/json_fields.h"
#include "core/peer.h"

#define BATCH 256u /* datagrams in one call */
#define ROOM (TRIGGER_MAX + 1) /* what is longer shows by that */
#define RECEIVE_BUFFER (1 << 20)
#define SECOND_NS INT64_C(1000000000)
#define CALM_NS INT64_C(1000000) /* after a batch that had nothing good, at least */
#define CALM_TIMES 3 /* as long as it took: of a core a quarter at most */
#define BODY_MAX 65536u
#define ANSWER_MAX 4096u
#define MEDIA_JSON "application/json"

void
trigger_in_wake(const struct trigger_take *t)
{
	const uint64_t one = 1;

	(void)!write(t->event, &one, sizeof(one));
}

/* ---- datagrams ---- */

/* What one call gives. */
struct trigger_batch {
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	uint8_t octets[BATCH][ROOM];
};

/* NULL without memory. */
static struct trigger_batch *
batch_new(void)
{
	struct trigger_batch *b = calloc(1, sizeof(*b));

	for (unsigned i = 0; b != NULL && i < BATCH; i++) {
		b->pieces[i] = (struct iovec){ b->octets[i], ROOM };
		b->messages[i].msg_hdr.msg_iov = &b->pieces[i];
		b->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return b;
}

/* What this thread has used of the processor. */
static int64_t
used_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void
rest(int64_t ns)
{
	const struct timespec t = { .tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS };

	(void)nanosleep(&t, NULL);
}

/*
 * One batch. When none of it counted the thread rests: a moment, so that of a flood there is more for
 * each call, and so long that what it costs has an end, however much comes.
 */
static void
receive(struct trigger_take *t)
{
	uint64_t before = atomic_load_explicit(&t->accepted, memory_order_relaxed);
	struct trigger_batch *b = t->batch;
	int64_t used = used_ns();
	int n = recvmmsg(t->udp, b->messages, BATCH, MSG_DONTWAIT, NULL);

	for (int i = 0; i < n; i++)
		trigger_token(t, slice_make(b->octets[i], b->messages[i].msg_len));
	if (n <= 0 || before != atomic_load_explicit(&t->accepted, memory_order_relaxed))
		return;
	used = used_ns() - used;
	rest(used * CALM_TIMES > CALM_NS ? used * CALM_TIMES : CALM_NS);
}

/* ---- posts ---- */

static bool
next_post(struct trigger_take *t, struct trigger_post *out)
{
	bool found;

	pthread_mutex_lock(&t->lock);
	found = t->n_posts > 0 && !t->stopping;
	if (found) {
		*out = t->posts[0];
		t->n_posts--;
		memmove(t->posts, t->posts + 1, t->n_posts * sizeof(t->posts[0]));
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

static void
take_posts(struct trigger_take *t)
{
	struct trigger_post post;
	uint64_t n;

	(void)!read(t->event, &n, sizeof(n));
	while (next_post(t, &post))
		trigger_token(t, slice_make(post.v, post.n));
}

static void
add_post(struct trigger_take *t, struct slice body)
{
	bool room;

	if (body.n == 0 || body.n > TRIGGER_MAX) {
		trigger_drop(t, TRIGGER_MALFORMED);
		return;
	}
	pthread_mutex_lock(&t->lock);
	room = t->n_posts < TRIGGER_POSTS_MAX;
	if (room) {
		t->posts[t->n_posts].n = body.n;
		memcpy(t->posts[t->n_posts++].v, body.p, body.n);
	}
	pthread_mutex_unlock(&t->lock);
	if (room)
		trigger_in_wake(t);
	else
		trigger_drop(t, TRIGGER_BUSY);
}

/* ---- the thread ---- */

static bool
is_stopping(struct trigger_take *t)
{
	bool stopping;

	pthread_mutex_lock(&t->lock);
	stopping = t->stopping;
	pthread_mutex_unlock(&t->lock);
	return stopping;
}

void *
trigger_in_run(void *take)
{
	struct trigger_take *t = take;
	struct pollfd fds[] = { { .fd = t->event, .events = POLLIN },
		                { .fd = t->udp, .events = POLLIN } };

	while (!is_stopping(t)) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if ((fds[0].revents & POLLIN) != 0)
			take_posts(t);
		if ((fds[1].revents & POLLIN) != 0)
			receive(t);
	}
	return NULL;
}

/* ---- the endpoint ---- */

/* What there was, for whoever is on this machine. */
static enum rc
describe(const struct trigger_take *t, struct req *rq)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, ANSWER_MAX);
	json_put_open(&b, NULL, '{');
	json_put_number(&b, "trigger_accepted", (int64_t)atomic_load(&t->accepted));
	json_put_open(&b, "trigger_dropped", '{');
	for (unsigned i = TRIGGER_GOOD + 1; i < TRIGGER_DROPS; i++)
		json_put_number(&b, trigger_drop_name(i), (int64_t)atomic_load(&t->dropped[i]));
	buf_puts(&b, "}}");
	rc = b.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE)
	              : endpoint_answer(rq, RC_OK, MEDIA_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct trigger_take *t = arg;

	if (in->op == REQ_RETRIEVE && in->peer != NULL && in->peer->loopback)
		return describe(t, rq);
	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST");
	add_post(t, in->body);
	return endpoint_answer(rq, RC_NO_CONTENT, "", SLICE_LIT(""));
}

/* ---- life ---- */

static enum rc
open_endpoint(struct trigger_take *t)
{
	static const char tail[] = "/trigger";
	struct slice base = scl_base_path(t->scl);

	t->path = malloc(base.n + sizeof(tail));
	if (t->path == NULL)
		return RC_UNAVAILABLE;
	memcpy(t->path, base.p, base.n);
	memcpy(t->path + base.n, tail, sizeof(tail));
	t->endpoint = (struct endpoint){ .path = t->path,
		                         .serve = SERVE_DIA | SERVE_MID | SERVE_MIA,
		                         .body_max = BODY_MAX,
		                         .internal = true,
		                         .serve_request = serve,
		                         .arg = t };
	return endpoint_add(t->scl, &t->endpoint);
}

static enum rc
bind_socket(struct trigger_take *t, char why[CAPABILITY_WHY_MAX])
{
	struct sockaddr_storage at;
	const int size = RECEIVE_BUFFER;
	char url[TRIGGER_URI_MAX + 1];
	socklen_t n;
	struct uri u;

	snprintf(url, sizeof(url), "udp://%.1000s", t->conf.listen);
	if (!uri_parse(slice_of(url), &u) || !trigger_address(u.host, u.port, &at, &n)) {
		snprintf(why, CAPABILITY_WHY_MAX, "trigger.listen: %.100s is no address:port",
		         t->conf.listen);
		return RC_BAD_REQUEST;
	}
	t->batch = batch_new();
	if (t->batch == NULL)
		return RC_UNAVAILABLE;
	t->udp = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->udp >= 0)
		(void)setsockopt(t->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (t->udp >= 0 && bind(t->udp, (const struct sockaddr *)&at, n) == 0)
		return RC_OK;
	snprintf(why, CAPABILITY_WHY_MAX, "trigger.listen: %.100s: %s", t->conf.listen,
	         strerror(errno));
	return RC_UNAVAILABLE;
}

enum rc
trigger_in_open(struct trigger_take *t, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = RC_OK;

	t->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->event < 0)
		return RC_UNAVAILABLE;
	if (t->conf.listen != NULL)
		rc = bind_socket(t, why);
	return rc == RC_OK ? open_endpoint(t) : rc;
}

void
trigger_in_close(struct trigger_take *t)
{
	if (t->udp >= 0)
		close(t->udp);
	free(t->batch);
	if (t->event >= 0)
		close(t->event);
}
