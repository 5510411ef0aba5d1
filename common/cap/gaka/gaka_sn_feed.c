/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is void: vectors of a group that has changed, keys of devices that have left it or are
 * revoked. Told by the MAS, or by the NSCL that stands between, with a long poll.
 */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "mas/mas_group_news.h"

#define WAIT_S 30u
#define TIMEOUT_MS ((WAIT_S + 10u) * 1000u)
#define ANSWER_MAX (1u << 20)
#define PAUSE_NEW (CLOCK_SECOND / 4) /* until it was told anything: there are no vectors yet */
#define PAUSE_FIRST CLOCK_SECOND
#define PAUSE_MAX (30 * CLOCK_SECOND)

/* ---- what is void ---- */

/* Ends sessions; without the lock. */
static void
cut(struct gaka_sn *s, const struct gaka_session_end *end)
{
	unsigned n = gaka_sessions_end(s->sessions, end);

	if (n == 0)
		return;
	mas_count(s->counters, SN_COUNT_CUT, n);
	LOG_INFO(s->log, "gaka-cut", LOG_N("sessions", n));
}

static void
void_all(struct gaka_sn *s)
{
	static const struct gaka_session_end all;

	pthread_mutex_lock(&s->lock);
	s->voids++;
	for (struct sn_group *g = s->groups.first; g != NULL; g = g->next)
		sn_group_void(s, g);
	sn_attempts_void(s, NULL, NULL);
	pthread_mutex_unlock(&s->lock);
	cut(s, &all);
}

static void
void_group(struct gaka_sn *s, const struct gaka_gid *gid, const struct mas_group_event *e)
{
	struct sn_group *g;

	pthread_mutex_lock(&s->lock);
	s->voids++;
	g = sn_group_find(s, gid);
	if (g != NULL) {
		sn_count(s, SN_COUNT_VOIDED);
		sn_group_void(s, g);
		g->unknown = false;
		g->vouched = g->vouched && e->epoch != 0;
	}
	sn_attempts_void(s, gid, e->removed ? &e->node : NULL);
	if (e->epoch == 0)
		sn_attempts_void_singles(s);
	pthread_mutex_unlock(&s->lock);
}

static bool
is_for(const struct gaka_sn *s, const struct mas_group_event *e)
{
	for (unsigned i = 0; i < e->n_serving; i++)
		if (node_id_eq(&e->serving[i], &s->serving))
			return true;
	return e->n_serving == 0;
}

/* What the home network has said of a device alone was said for one of its groups: maybe this one. */
void
sn_feed_event(struct gaka_sn *s, const struct mas_group_event *e)
{
	struct gaka_gid gid;
	const struct gaka_session_end end = { &gid, e->removed ? &e->node : NULL, true };

	if (!is_for(s, e))
		return;
	if (e->gid == 0) {
		void_all(s);
		return;
	}
	for (unsigned i = 0; i < GAKA_GID_SIZE; i++)
		gid.v[i] = (uint8_t)(e->gid >> (8 * (GAKA_GID_SIZE - 1 - i)));
	void_group(s, &gid, e);
	if (e->removed || e->epoch == 0)
		cut(s, &end);
}

/* ---- who is revoked ---- */

static struct gaka_sn *
of_sec(struct sec_watcher *w)
{
	return (struct gaka_sn *)(void *)((char *)w - offsetof(struct gaka_sn, sec_watcher));
}

static void
void_node(struct gaka_sn *s, const struct node_id *node)
{
	const struct gaka_session_end end = { NULL, node, true };

	pthread_mutex_lock(&s->lock);
	s->voids++;
	for (struct sn_group *g = s->groups.first; g != NULL; g = g->next)
		if (g->set != NULL && gaka_set_serves(g->set, node, 0) != RC_NOT_FOUND)
			sn_group_void(s, g);
	sn_attempts_void(s, NULL, node);
	pthread_mutex_unlock(&s->lock);
	cut(s, &end);
}

static void
told_node(struct sec_watcher *w, const struct node_id *node, uint64_t connection)
{
	struct gaka_sn *s = of_sec(w);
	struct node_id self;

	if (connection != 0)
		return;
	if (sn_self(s, &self) && node_id_eq(&self, node))
		void_all(s);
	else
		void_node(s, node);
}

static void
told_lost(struct sec_watcher *w)
{
	void_all(of_sec(w));
}

/* ---- the MAS ---- */

static void
mas_told_revoked(struct mas_watcher *w, const struct node_id *node, uint64_t connection,
                 enum mas_why why)
{
	(void)w; /* the other watcher hears of it */
	(void)node;
	(void)connection;
	(void)why;
}

static void
mas_told_group(struct mas_watcher *w, const struct mas_group_event *e)
{
	sn_feed_event((struct gaka_sn *)(void *)((char *)w - offsetof(struct gaka_sn, mas_watcher)),
	              e);
}

/* ---- the long poll ---- */

static bool
is_running(struct gaka_sn *s)
{
	bool running;

	pthread_mutex_lock(&s->lock);
	running = s->running;
	pthread_mutex_unlock(&s->lock);
	return running;
}

static void
each(void *arg, const struct mas_group_event *e)
{
	sn_feed_event(arg, e);
}

/* Doubled with each failure, once it was told something. */
static int64_t
pause_of(struct sn_feed *f)
{
	int64_t pause = PAUSE_FIRST << (f->failures < 5 ? f->failures : 5);

	f->failures++;
	if (f->since == 0)
		return PAUSE_NEW;
	return pause < PAUSE_MAX ? pause : PAUSE_MAX;
}

static void
poll_done(struct exchange *ex)
{
	struct gaka_sn *s = ex->owner;
	struct sn_feed *f = &s->feed;
	bool good = ex->rc == RC_OK && ex->http_status == 200 &&
	            mas_group_news_take(buf_view(&ex->answer), &f->since, each, s);

	f->polling = false;
	if (ex->rc == RC_OK && ex->http_status == 200 && !good)
		f->since = 0; /* some of it may have been missed: all of it again */
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	if (!good && f->failures == 0 && f->since != 0)
		LOG_WARN(s->log, "gaka-feed", LOG_N("http", ex->http_status),
		         LOG_Z("why", ex->failure));
	if (good)
		f->failures = 0;
	atomic_store(&f->told, good);
	if (is_running(s))
		scl_post(s->scl, &f->task, good ? 0 : pause_of(f));
}

static void
poll(struct scl_task *task)
{
	struct gaka_sn *s =
		(struct gaka_sn *)(void *)((char *)task - offsetof(struct gaka_sn, feed.task));
	struct sn_feed *f = &s->feed;
	char rest[64];

	if (f->polling || !is_running(s))
		return;
	snprintf(rest, sizeof(rest), "/gaka/feed?since=%" PRIu64 "&wait=%u", f->since, WAIT_S);
	if (!nscl_url(s->cap, rest, f->url)) {
		scl_post(s->scl, &f->task, pause_of(f));
		return;
	}
	f->polling = true;
	f->ex = (struct exchange){ .method = SLICE_LIT("GET"),
		                   .url = slice_of(f->url),
		                   .timeout_ms = TIMEOUT_MS,
		                   .answer_max = ANSWER_MAX,
		                   .done = poll_done,
		                   .owner = s };
	exchange_add_issuer(&f->ex, s->scl, s->cap->nscl_release);
	exchange_add_header(&f->ex, SLICE_LIT("Accept"), SLICE_LIT("application/json"));
	scl_send(s->scl, &f->ex);
}

/* ---- life ---- */

void
sn_feed_open(struct gaka_sn *s)
{
	const struct mas *mas = s->sec->mas;

	s->feed.task.run = poll;
	atomic_init(&s->feed.told, mas != NULL);
	s->mas_watcher =
		(struct mas_watcher){ .revoked = mas_told_revoked, .group = mas_told_group };
	s->sec_watcher = (struct sec_watcher){ .revoked = told_node, .lost = told_lost };
	if (mas != NULL)
		mas->ops->watch(mas->self, &s->mas_watcher);
	s->sec->revoked_watch(s->sec->arg, &s->sec_watcher);
}

void
sn_feed_start(struct gaka_sn *s)
{
	if (s->sec->mas == NULL)
		scl_post(s->scl, &s->feed.task, 0);
}

void
sn_feed_close(struct gaka_sn *s)
{
	const struct mas *mas = s->sec->mas;

	s->sec->revoked_unwatch(s->sec->arg, &s->sec_watcher);
	if (mas != NULL)
		mas->ops->unwatch(mas->self, &s->mas_watcher);
}
