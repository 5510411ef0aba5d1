/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitors as server-sent events (WHATWG HTML, "server-sent events"): one event is one finite answer,
 * and the client's reconnection the stream. A client that has seen what there is waits for the next.
 */
#include "config.h"

#include <stdlib.h>
#include <strings.h>

#include "cap/pxy/px_rest_own.h"

#define MEDIA_EVENTS "text/event-stream"
#define RETRY_MS 100u
#define RETRY_LATER_MS 10000u /* more clients than may wait */

static struct slice
trimmed(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool
px_rest_wants_events(const struct req_input *in)
{
	struct slice rest = in->accept, range, type;

	while (rest.p != NULL && slice_split(&rest, ',', &range)) {
		slice_split(&range, ';', &type);
		type = trimmed(type);
		if (type.n == sizeof(MEDIA_EVENTS) - 1 &&
		    strncasecmp(type.p, MEDIA_EVENTS, type.n) == 0)
			return true;
	}
	return false;
}

/* ---- answers ---- */

static enum rc
answer_stream(struct px_call *c)
{
	struct req *rq = c->rq;
	bool pending = c->pending;
	enum rc rc = c->out.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE)
	                           : endpoint_answer(rq, RC_OK, MEDIA_EVENTS, buf_view(&c->out));

	json_wipe(&c->out);
	if (pending)
		endpoint_finish(rq, rc);
	return rc;
}

/* Nothing has changed; the id is still the one that the client has. */
static enum rc
answer_idle(struct px_call *c)
{
	buf_printf(&c->out, "retry: %u\n: idle\n\n", RETRY_MS);
	return answer_stream(c);
}

/*
 * The id is taken before the snapshot that it stands for: at worst the next event shows the same
 * again.
 */
static enum rc
answer_event(struct px_call *c, unsigned retry)
{
	char id[PX_EVENT_ID_MAX];
	struct px_view *view;
	enum rc rc;

	px_watch_event(c->px->watch, c->id, id);
	rc = px_view_open(c->px->book, &view);
	if (rc != RC_OK)
		return px_call_fail(c, rc, NULL);
	buf_printf(&c->out, "retry: %u\nid: %s\nevent: monitor\ndata: ", retry, id);
	rc = px_rest_put_monitor(c, view);
	buf_puts(&c->out, "\n\n");
	rc = rc == RC_OK ? answer_stream(c) : px_call_fail(c, rc, NULL);
	px_view_close(view);
	return rc;
}

/* ---- parked ---- */

static void
told(struct px_waiter *w, bool changed)
{
	struct px_call *c = (struct px_call *)((char *)w - offsetof(struct px_call, waiter));

	if (changed)
		answer_event(c, RETRY_MS);
	else
		answer_idle(c);
}

static struct slice
last_seen(struct px_call *c)
{
	struct slice after = SLICE_NONE;

	if (c->in->last_event_id.n > 0)
		return c->in->last_event_id;
	(void)endpoint_parameter(c->rq, "after", &after);
	return after;
}

static void
begin(struct req *rq)
{
	struct px_call *c = px_call_of(rq);
	struct px *px = c->px;
	bool parked;

	if (!px_enter(px)) {
		px_call_fail(c, RC_UNAVAILABLE, NULL);
		return;
	}
	parked = px_watch_park(px->watch, &c->waiter, last_seen(c));
	px_leave(px);
	if (!parked)
		told(&c->waiter, true);
}

enum rc
px_rest_event(struct px_call *c)
{
	struct slice last;
	enum rc rc = endpoint_parameter(c->rq, "after", &last);

	if (rc != RC_OK)
		return rc;
	last = last_seen(c);
	if (!px_watch_is_current(c->px->watch, c->id, last))
		return answer_event(c, RETRY_MS);
	if (px_watch_waiting(c->px->watch) >= c->px->conf->store.watchers_max)
		return answer_event(c, RETRY_LATER_MS);
	c->waiter = (struct px_waiter){ .told = told, .id = c->id };
	return px_call_pend(c, begin);
}
