/* SPDX-License-Identifier: Apache-2.0 */
/* Group authentication at a MAS in another process: messages, keys of members, news. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "gaka/message.h"
#include "mas/mas_group_doc.h"
#include "mas/mas_group_news.h"
#include "mas/mas_remote_calls.h"

#define POLL_WAIT 30 /* seconds */
#define POLL_TIMEOUT_MS ((POLL_WAIT + 10) * 1000u)
#define PAUSE_FIRST CLOCK_SECOND
#define PAUSE_MAX (30 * CLOCK_SECOND)

/* ---- T2 and T10 ---- */

static void
gaka_path(const void *call, char *out, size_t size)
{
	const struct mas_gaka *g = call;
	char node[NODE_ID_TEXT];

	node_id_text(&g->node, node);
	if (g->asker == MAS_ASKER_NODE)
		snprintf(out, size, "gaka?node=%s", node);
	else
		snprintf(out, size, "gaka");
}

static void
gaka_write(const void *call, struct buf *b)
{
	const struct mas_gaka *g = call;

	buf_slice(b, g->message);
}

static bool
gaka_read(struct remote_flight *f, void *call, struct slice answer)
{
	struct mas_gaka *g = call;
	unsigned type = gaka_type_of(answer);

	(void)f;
	if (type != GAKA_T3 && type != GAKA_T11 && type != GAKA_T12)
		return false;
	buf_slice(&g->answer, answer);
	return !g->answer.failed;
}

KIND_COMMON(gaka, struct mas_gaka)
const struct remote_kind remote_gaka_kind = { KIND(gaka, struct mas_gaka, "POST"),
	                                      .media_type = "application/octet-stream" };

/* ---- keys of members ---- */

static void
group_keys_path(const void *call, char *out, size_t size)
{
	const struct mas_group_keys *k = call;
	char node[NODE_ID_TEXT];

	node_id_text(&k->node, node);
	snprintf(out, size, "nodes/%s/groupKeys", node);
}

static void
group_keys_write(const void *call, struct buf *b)
{
	(void)call;
	(void)b;
}

static bool
group_keys_read(struct remote_flight *f, void *call, struct slice answer)
{
	(void)f;
	return mas_group_keys_take(answer, call);
}

KIND_COMMON(group_keys, struct mas_group_keys)
const struct remote_kind remote_group_keys_kind = { KIND(group_keys, struct mas_group_keys,
	                                                 "GET") };

/* ---- news ---- */

static void
tell(void *arg, const struct mas_group_event *e)
{
	struct mas_remote *r = arg;

	pthread_mutex_lock(&r->watching);
	for (struct mas_watcher *w = r->watchers; w != NULL; w = w->next)
		if (w->group != NULL)
			w->group(w, e);
	pthread_mutex_unlock(&r->watching);
}

static void
poll_again(struct mas_remote *r, bool ok)
{
	struct remote_groups *n = &r->news;

	if (ok)
		n->pause = 0;
	else if (n->pause == 0)
		n->pause = PAUSE_FIRST;
	else
		n->pause = n->pause > PAUSE_MAX / 2 ? PAUSE_MAX : 2 * n->pause;
	if (!remote_stopping(r))
		scl_post(r->scl, &n->task, n->pause);
}

static void
poll_landed(struct remote_flight *f)
{
	struct mas_remote *r = f->r;
	struct mas_outcome o;
	bool ok;

	r->news.poll = NULL;
	remote_outcome(f, &o);
	ok = o.rc == RC_OK;
	if (ok && !mas_group_news_take(buf_view(&f->ex.answer), &r->news.since, tell, r)) {
		LOG_ERROR(r->conf.log, "mas-nonsense", LOG_Z("call", "group-feed"));
		/* A part of it may be missing: all is void then. */
		r->news.since = 0;
		ok = false;
	}
	remote_free(f);
	poll_again(r, ok);
}

static void
poll_run(struct scl_task *task)
{
	struct mas_remote *r =
		(struct mas_remote *)(void *)((char *)task -
	                                      offsetof(struct mas_remote, news.task));
	struct remote_groups *n = &r->news;
	char path[96];

	if (n->poll != NULL || remote_stopping(r))
		return;
	snprintf(path, sizeof(path), "group-feed?since=%" PRIu64 "&wait=%d", n->since, POLL_WAIT);
	n->poll = remote_flight(r, "GET", path);
	if (n->poll == NULL) {
		poll_again(r, false);
		return;
	}
	n->poll->landed = poll_landed;
	remote_send(n->poll, POLL_TIMEOUT_MS);
}

void
remote_news_start(struct mas_remote *r)
{
	r->news.task.run = poll_run;
	scl_post(r->scl, &r->news.task, 0);
}
