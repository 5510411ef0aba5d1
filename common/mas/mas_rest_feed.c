/* SPDX-License-Identifier: Apache-2.0 */
/* psk-feed: one thread answers all polls, with keys that have changed and what has ended. */
#include "config.h"

#include "mas/mas_rest_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- all keys, in pages ---- */

/* Where a page begins: behind that key, or at the first. */
struct place {
	bool given;
	struct node_id node;
	uint32_t index;
};

/* The REST_PAGE keys that come next after a place: a heap with the last of them on top. */
struct page {
	struct rest_call *call;
	struct place after;
	bool more;
	size_t n;
	struct mas_psk_change v[REST_PAGE];
};

static int
order(const struct node_id *a, uint32_t ai, const struct node_id *b, uint32_t bi)
{
	int c = memcmp(a->v, b->v, NODE_ID_BYTES);

	return c != 0 ? c : (ai > bi) - (ai < bi);
}

static bool
above(const struct page *p, size_t i, size_t k)
{
	return order(&p->v[i].node, p->v[i].index, &p->v[k].node, p->v[k].index) > 0;
}

static void
swap(struct page *p, size_t i, size_t k)
{
	struct mas_psk_change c = p->v[i];

	p->v[i] = p->v[k];
	p->v[k] = c;
	secret_wipe(&c, sizeof(c));
}

static void
sift_down(struct page *p)
{
	for (size_t i = 0;;) {
		size_t big = i;

		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < p->n; k++)
			if (above(p, k, big))
				big = k;
		if (big == i)
			return;
		swap(p, i, big);
		i = big;
	}
}

static void
collect(struct page *p, const struct mas_psk_change *c)
{
	if (p->after.given && order(&c->node, c->index, &p->after.node, p->after.index) <= 0)
		return;
	if (p->n < REST_PAGE) {
		p->v[p->n] = *c;
		for (size_t i = p->n++; i > 0 && above(p, i, (i - 1) / 2); i = (i - 1) / 2)
			swap(p, i, (i - 1) / 2);
		return;
	}
	p->more = true;
	if (order(&c->node, c->index, &p->v[0].node, p->v[0].index) >= 0)
		return;
	p->v[0] = *c;
	sift_down(p);
}

/* ---- writing ---- */

static void
put_key(struct buf *b, const struct mas_psk_change *c)
{
	json_put_open(b, NULL, '{');
	json_put_hex(b, "node", c->node.v, NODE_ID_BYTES);
	json_put_number(b, "index", c->index);
	if (c->gone) {
		json_put_flag(b, "gone", true);
	} else {
		json_put_number(b, "notAfter", c->not_after);
		json_put_key(b, "psk2", &c->keys.psk2);
		json_put_key(b, "psk3", &c->keys.psk3);
		json_put_key(b, "ind", &c->keys.indicator);
		json_put_flag(b, "low", c->keys.class.low);
		json_put_flag(b, "active", c->keys.class.active);
	}
	buf_char(b, '}');
}

/* Changes are put as they come, keys of all nodes when the page is full. */
static void
visit(struct mas_psk_feed *f, const struct mas_psk_change *c)
{
	struct page *p = f->arg;

	if (f->reset)
		collect(p, c);
	else
		put_key(&p->call->out, c);
}

static void
put_page(struct rest_call *c, const struct page *p)
{
	char after[NODE_ID_TEXT + 12];
	char node[NODE_ID_TEXT];

	for (size_t i = 0; i < p->n; i++)
		put_key(&c->out, &p->v[i]);
	buf_char(&c->out, ']');
	if (!p->more)
		return;
	node_id_text(&p->v[0].node, node);
	snprintf(after, sizeof(after), "%s.%u", node, (unsigned)p->v[0].index);
	json_put_text(&c->out, "after", slice_of(after));
}

static void
put_keys(struct rest_call *c, struct page *p)
{
	struct mas_psk_feed f = { .since = p->after.given ? 0 : c->since, .visit = visit, .arg = p };

	json_put_open(&c->out, "keys", '[');
	mas_psk_feed(mas_psk_of(c->rest->conf.mas), &f);
	put_page(c, p);
	json_put_number(&c->out, "upTo", (int64_t)f.up_to);
	json_put_flag(&c->out, "reset", f.reset);
}

/* A gateway that serves groups of nodes is told which are revoked; connections are not its matter. */
static bool
is_for_gateways(const struct rest_event *e)
{
	return e->connection == 0 && e->why == MAS_REVOKED;
}

/* Something that the caller would have been told is forgotten. Locked. */
static bool
is_lost(const struct rest_feed *f, const struct rest_call *c)
{
	if (c->events > f->next)
		return true;
	return c->gateway ? c->events < f->begun || c->events < f->gateway_forgotten
	                  : c->events < f->first;
}

static void
put_event(struct buf *b, const struct rest_event *e)
{
	char id[CONN_ID_HEX];

	json_put_open(b, NULL, '{');
	json_put_hex(b, "node", e->node.v, NODE_ID_BYTES);
	if (e->connection != 0) {
		conn_id_hex(e->connection, id);
		json_put_text(b, "connection", slice_of(id));
	}
	json_put_number(b, "why", e->why);
	buf_char(b, '}');
}

static void
put_events(struct rest_call *c)
{
	struct rest_feed *f = &c->rest->feed;
	uint64_t from;
	bool reset;

	json_put_open(&c->out, "ended", '[');
	pthread_mutex_lock(&f->lock);
	reset = is_lost(f, c);
	from = c->events > f->first ? c->events : f->first;
	for (uint64_t i = from; !reset && i < f->next; i++) {
		const struct rest_event *e = &f->events[i % REST_EVENTS];

		if (!c->gateway || is_for_gateways(e))
			put_event(&c->out, e);
	}
	buf_char(&c->out, ']');
	json_put_number(&c->out, "events", (int64_t)f->next);
	pthread_mutex_unlock(&f->lock);
	json_put_flag(&c->out, "eventsReset", reset);
}

/* The place of "node.index"; true also for an empty text. */
static bool
read_after(struct slice text, struct place *p)
{
	struct slice node;
	uint64_t index = 0;

	p->given = text.n > 0;
	if (!p->given)
		return true;
	if (!slice_split(&text, '.', &node) || text.n > 10 ||
	    !node_id_parse(node, &p->node) || !slice_number(text, UINT32_MAX, &index))
		return false;
	p->index = (uint32_t)index;
	return true;
}

/* upTo is not 0, or it would ask again at once. */
static void
put_no_keys(struct rest_call *c)
{
	json_put_open(&c->out, "keys", '[');
	buf_char(&c->out, ']');
	json_put_number(&c->out, "upTo", (int64_t)(c->since == 0 ? 1 : c->since));
	json_put_flag(&c->out, "reset", false);
}

static void
answer(struct rest_call *c)
{
	struct page *p;

	if (c->news) {
		rest_news_answer(c);
		return;
	}
	p = calloc(1, sizeof(*p));

	if (p == NULL) {
		c->out.failed = true;
		rest_answer(c, RC_OK);
		return;
	}
	p->call = c;
	(void)read_after(c->args.after, &p->after);
	/* Events first: a node or a connection that has ended is never told before its key has gone. */
	buf_char(&c->out, '{');
	put_events(c);
	if (c->gateway)
		put_no_keys(c);
	else
		put_keys(c, p);
	buf_char(&c->out, '}');
	secret_wipe(p, sizeof(*p));
	free(p);
	rest_answer(c, RC_OK);
}

/* ---- waiting ---- */

/* Locked. */
static bool
is_due(const struct rest_feed *f, const struct rest_call *c, int64_t now)
{
	if (f->stopping || now >= c->deadline)
		return true;
	if (c->news)
		return mas_group_news_are(f->news, c->since, rest_news_serving(c));
	if (c->gateway)
		return c->events < f->gateway_last || is_lost(f, c);
	return c->events != f->next || c->args.after.n > 0 ||
	       mas_psk_news(mas_psk_of(f->rest->conf.mas), c->since);
}

/* Takes out one that is due, or sets when the next one will be. Locked. */
static struct rest_call *
take_due(struct rest_feed *f, int64_t *next)
{
	int64_t now = clock_monotonic();

	*next = CLOCK_NEVER;
	for (struct rest_call **at = &f->polls; *at != NULL; at = &(*at)->next) {
		struct rest_call *c = *at;

		if (is_due(f, c, now)) {
			*at = c->next;
			f->n_polls--;
			return c;
		}
		if (c->deadline < *next)
			*next = c->deadline;
	}
	return NULL;
}

static void
wait_until(struct rest_feed *f, int64_t due)
{
	struct timespec ts = { .tv_sec = due / CLOCK_SECOND,
		               .tv_nsec = due % CLOCK_SECOND * 1000 };

	if (due == CLOCK_NEVER)
		pthread_cond_wait(&f->wake, &f->lock);
	else
		pthread_cond_timedwait(&f->wake, &f->lock, &ts);
}

static void *
feed_main(void *arg)
{
	struct rest_feed *f = arg;
	int64_t next;

	pthread_mutex_lock(&f->lock);
	for (;;) {
		struct rest_call *c = take_due(f, &next);

		if (c != NULL) {
			pthread_mutex_unlock(&f->lock);
			answer(c);
			pthread_mutex_lock(&f->lock);
		} else if (f->stopping) {
			break;
		} else {
			wait_until(f, next);
		}
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static struct rest_feed *
feed_of(struct mas_watcher *w)
{
	return (struct rest_feed *)(void *)((char *)w - offsetof(struct rest_feed, watcher));
}

static void
told_revoked(struct mas_watcher *w, const struct node_id *node, uint64_t connection,
             enum mas_why why)
{
	struct rest_feed *f = feed_of(w);
	struct rest_event *e;

	pthread_mutex_lock(&f->lock);
	e = &f->events[f->next % REST_EVENTS];
	if (f->next - f->first == REST_EVENTS && is_for_gateways(e))
		f->gateway_forgotten = f->first + 1;
	if (f->next - f->first == REST_EVENTS)
		f->first++;
	*e = (struct rest_event){ .node = *node, .connection = connection, .why = why };
	f->next++;
	if (is_for_gateways(e))
		f->gateway_last = f->next;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

static void
told_keys(struct mas_watcher *w)
{
	struct rest_feed *f = feed_of(w);

	pthread_mutex_lock(&f->lock);
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

static void
told_group(struct mas_watcher *w, const struct mas_group_event *e)
{
	struct rest_feed *f = feed_of(w);

	mas_group_news_add(f->news, e);
	told_keys(w);
}

/* ---- polls ---- */

/* 0 when it is not given. */
static bool
number_of(struct slice text, uint64_t max, uint64_t *v)
{
	*v = 0;
	return text.n == 0 || slice_number(text, max, v);
}

bool
rest_feed_check(struct rest_call *c)
{
	struct place place;
	uint64_t wait;

	if (!number_of(c->args.since, INT64_MAX, &c->since) ||
	    !number_of(c->args.events, INT64_MAX, &c->events) ||
	    !number_of(c->args.wait, MAS_REST_WAIT_MAX, &wait) || !read_after(c->args.after, &place) ||
	    (c->gateway && place.given))
		return false;
	c->deadline = clock_monotonic() + (int64_t)wait * CLOCK_SECOND;
	return true;
}

/* Whether it finds a place: no gateway takes those of others. Locked. */
static bool
has_room(const struct rest_feed *f, const struct rest_call *c)
{
	unsigned own = 0;

	for (const struct rest_call *one = f->polls; one != NULL; one = one->next)
		own += one->gateway && strcmp(one->nscl, c->nscl) == 0;
	return f->n_polls < MAS_REST_POLLS && (!c->gateway || own < MAS_REST_POLLS_GATEWAY);
}

void
rest_feed_begin(struct rest_call *c)
{
	static const struct mas_outcome full = { .rc = RC_UNAVAILABLE, .reason = "OVERLOAD",
		                                 .retry_after = 5 };
	struct rest_feed *f = &c->rest->feed;
	bool ok;

	pthread_mutex_lock(&f->lock);
	ok = f->started && !f->stopping && has_room(f, c);
	if (ok) {
		c->next = f->polls;
		f->polls = c;
		f->n_polls++;
		pthread_cond_signal(&f->wake);
	}
	pthread_mutex_unlock(&f->lock);
	if (!ok)
		rest_outcome(c, &full, RC_OK);
}

enum rc
rest_feed_start(struct mas_rest *r)
{
	struct rest_feed *f = &r->feed;
	struct mas mas = mas_of(r->conf.mas);

	f->rest = r;
	f->news = mas_group_news_new();
	if (f->news == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&f->lock, NULL);
	(void)clock_cond_init(&f->wake);
	/* Numbers of an earlier start are below those of this one. */
	f->begun = f->first = f->next = (uint64_t)clock_now(&clock_system) + 1;
	if (pthread_create(&f->thread, NULL, feed_main, f) != 0) {
		pthread_mutex_destroy(&f->lock);
		pthread_cond_destroy(&f->wake);
		mas_group_news_free(f->news);
		return RC_UNAVAILABLE;
	}
	f->started = true;
	f->watcher = (struct mas_watcher){ .revoked = told_revoked, .keys = told_keys,
		                           .group = told_group };
	mas.ops->watch(mas.self, &f->watcher);
	return RC_OK;
}

void
rest_feed_stop(struct mas_rest *r)
{
	struct rest_feed *f = &r->feed;
	struct mas mas = mas_of(r->conf.mas);

	if (!f->started)
		return;
	mas.ops->unwatch(mas.self, &f->watcher);
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	pthread_mutex_lock(&f->lock);
	f->started = false;
	pthread_mutex_unlock(&f->lock);
}
