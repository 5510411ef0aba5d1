/* SPDX-License-Identifier: Apache-2.0 */
/* The long polls of gateways for what has changed in groups. */
#include "config.h"

#include "cap/gaka/home_impl.h"

#include "base/clock.h"

#define DOC_MAX (1u << 20)

/* In the arena of its request. */
struct home_poll {
	struct gaka_home *home;
	struct req *rq;
	uint64_t since;
	int64_t deadline; /* monotonic */
	struct node_id serving;
	struct home_poll *next;
};

/* ---- answers ---- */

static void
answer(struct home_poll *p)
{
	struct req *rq = p->rq;
	struct buf doc;
	enum rc rc;

	buf_init(&doc, DOC_MAX);
	mas_group_news_put(p->home->feed.news, p->since, &p->serving, &doc);
	rc = doc.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"))
	                : endpoint_answer(rq, RC_OK, "application/json", buf_view(&doc));
	buf_fini(&doc);
	endpoint_finish(rq, rc);
}

/* Takes out one that is due, or sets when the next one will be. */
static struct home_poll *
take_due(struct home_feed *f, int64_t now, int64_t *next)
{
	struct home_poll *p = NULL;

	*next = CLOCK_NEVER;
	pthread_mutex_lock(&f->lock);
	for (struct home_poll **at = &f->polls; *at != NULL && p == NULL; at = &(*at)->next) {
		struct home_poll *one = *at;

		if (!f->running || now >= one->deadline ||
		    mas_group_news_are(f->news, one->since, &one->serving)) {
			p = one;
			*at = one->next;
			f->n_polls--;
			break;
		}
		if (one->deadline < *next)
			*next = one->deadline;
	}
	pthread_mutex_unlock(&f->lock);
	return p;
}

static void
answer_due(struct gaka_home *h, int64_t *next)
{
	struct home_poll *p;

	while ((p = take_due(&h->feed, clock_monotonic(), next)) != NULL)
		answer(p);
}

static void
run(struct scl_task *task)
{
	struct gaka_home *h =
		(struct gaka_home *)(void *)((char *)task - offsetof(struct gaka_home, feed.task));
	int64_t next, now;

	answer_due(h, &next);
	now = clock_monotonic();
	if (next != CLOCK_NEVER)
		scl_post(h->scl, task, next > now ? next - now : 0);
}

static void
told_group(struct mas_watcher *w, const struct mas_group_event *e)
{
	struct gaka_home *h =
		(struct gaka_home *)(void *)((char *)w - offsetof(struct gaka_home, feed.watcher));
	struct home_feed *f = &h->feed;

	mas_group_news_add(f->news, e);
	pthread_mutex_lock(&f->lock);
	if (f->running)
		scl_post(h->scl, &f->task, 0);
	pthread_mutex_unlock(&f->lock);
}

/* What ends without its group is told by other ways. */
static void
told_revoked(struct mas_watcher *w, const struct node_id *node, uint64_t connection,
             enum mas_why why)
{
	(void)w;
	(void)node;
	(void)connection;
	(void)why;
}

/* ---- polls ---- */

/* One of each gateway waits: none takes the places of others. Locked. */
static void
end_before(struct home_feed *f, const struct home_poll *p)
{
	for (struct home_poll *one = f->polls; one != NULL; one = one->next)
		if (node_id_eq(&one->serving, &p->serving))
			one->deadline = 0;
}

static void
begin(struct req *rq)
{
	struct home_poll *p = endpoint_state(rq);
	struct home_feed *f = &p->home->feed;
	bool waits;

	pthread_mutex_lock(&f->lock);
	end_before(f, p);
	waits = f->running && f->n_polls < GAKA_HOME_POLLS;
	if (waits) {
		p->next = f->polls;
		f->polls = p;
		f->n_polls++;
	}
	if (f->running)
		scl_post(p->home->scl, &f->task, 0);
	pthread_mutex_unlock(&f->lock);
	if (waits)
		return;
	req_answer(rq)->retry_after = 5;
	endpoint_finish(rq, endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD")));
}

static bool
number_of(struct req *rq, const char *name, uint64_t max, uint64_t *v)
{
	struct slice text;

	*v = 0;
	return endpoint_parameter(rq, name, &text) == RC_OK &&
	       (text.p == NULL || slice_number(text, max, v));
}

enum rc
home_feed_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct gaka_home *h = arg;
	struct endpoint_who who;
	struct home_poll *p;
	struct node_id node;
	uint64_t wait;
	enum rc rc;

	if (in->op != REQ_RETRIEVE || in->head)
		return endpoint_not_allowed(rq, "GET");
	rc = home_identify(h, rq, in, &who, &node);
	if (rc != RC_OK)
		return rc;
	p = ARENA_NEW(req_arena(rq), struct home_poll);
	if (p == NULL || mas_serving_id(who.scl_id, &p->serving) != RC_OK)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	if (!number_of(rq, "since", INT64_MAX, &p->since) ||
	    !number_of(rq, "wait", GAKA_HOME_WAIT_MAX, &wait))
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	p->home = h;
	p->rq = rq;
	p->deadline = clock_monotonic() + (int64_t)wait * CLOCK_SECOND;
	return endpoint_pend(rq, begin, p);
}

/* ---- life ---- */

enum rc
home_feed_open(struct gaka_home *h)
{
	struct home_feed *f = &h->feed;

	f->news = mas_group_news_new();
	if (f->news == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&f->lock, NULL);
	f->task.run = run;
	f->watcher = (struct mas_watcher){ .revoked = told_revoked, .group = told_group };
	h->mas->ops->watch(h->mas->self, &f->watcher);
	return RC_OK;
}

void
home_feed_start(struct gaka_home *h)
{
	pthread_mutex_lock(&h->feed.lock);
	h->feed.running = true;
	pthread_mutex_unlock(&h->feed.lock);
}

/* The task finds nothing to do afterwards, if it still runs. */
void
home_feed_stop(struct gaka_home *h)
{
	int64_t next;

	pthread_mutex_lock(&h->feed.lock);
	h->feed.running = false;
	pthread_mutex_unlock(&h->feed.lock);
	answer_due(h, &next);
}

void
home_feed_close(struct gaka_home *h)
{
	h->mas->ops->unwatch(h->mas->self, &h->feed.watcher);
	pthread_mutex_destroy(&h->feed.lock);
	mas_group_news_free(h->feed.news);
}
