/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have an SCL triggered: an administrator, by POST /admin/scls/{scl}/trigger, and an
 * application with that right, by POST {sclBase}/scls/{scl}/trigger. Nobody chooses where a trigger
 * leads to.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "cap/trigger/trigger_send.h"
#include "core/peer.h"
#include "store/pack.h"

#define TAIL "/trigger"
#define COLLECTION "/scls/"
#define MEDIA_JSON "application/json"
#define ANSWER_MAX 96u

static struct slice
describe(const struct sending *x, char text[ANSWER_MAX])
{
	int n = snprintf(text, ANSWER_MAX, "{\"counter\":%" PRIu64 ",\"notAfter\":%" PRIu64 "}",
	                 x->token.counter, x->not_after);

	return n > 0 && (size_t)n < ANSWER_MAX ? slice_make(text, (size_t)n) : SLICE_LIT("{}");
}

/* ---- administrators ---- */

static void
admin_told(struct sending *x, enum rc rc, const char *reason, unsigned retry_after)
{
	struct admin_ask *ask = x->owner;
	char text[ANSWER_MAX];

	if (rc == RC_ACCEPTED)
		admin_ask_end(ask, rc, describe(x, text));
	else
		admin_ask_refuse(ask, rc, reason, retry_after);
}

static void
admin_begin(void *arg, struct admin_ask *ask)
{
	struct trigger_send *s = arg;
	struct sending how = { .told = admin_told, .owner = ask };
	struct trigger_wish wish;
	const char *reason = "BAD_PARAM";
	unsigned retry_after = 0;
	struct slice scl_id;
	enum rc rc = RC_BAD_REQUEST;

	(void)string_set(how.actor, TRIGGER_ACTOR_MAX, slice_of(ask->actor));
	(void)string_set(how.source, sizeof(how.source) - 1, ask->source);
	if (uri_decode(ask->arena, ask->id, &scl_id) && trigger_wish_read(ask->body, &wish))
		rc = trigger_begin(s, scl_id, &wish, &how, &reason, &retry_after);
	if (rc != RC_OK)
		admin_ask_refuse(ask, rc, reason, retry_after);
}

/* ---- applications ---- */

/* In the arena of its request. */
struct asking {
	struct trigger_send *s;
	struct req *rq;
	struct slice scl_id;
	struct trigger_wish wish;
	struct slice app_id, source;
};

static void
finish(struct req *rq, enum rc rc, const char *reason, unsigned retry_after)
{
	req_answer(rq)->retry_after = retry_after;
	endpoint_finish(rq, endpoint_refuse(rq, rc, arena_copy(req_arena(rq), slice_of(reason))));
}

static void
app_told(struct sending *x, enum rc rc, const char *reason, unsigned retry_after)
{
	struct req *rq = x->owner;
	char text[ANSWER_MAX];

	if (rc == RC_ACCEPTED)
		endpoint_finish(rq, endpoint_answer(rq, rc, MEDIA_JSON, describe(x, text)));
	else
		finish(rq, rc, reason, retry_after);
}

static void
app_begin(struct req *rq)
{
	const struct asking *a = endpoint_state(rq);
	struct sending how = { .told = app_told, .owner = rq };
	const char *reason = "";
	unsigned retry_after = 0;
	enum rc rc;

	/* A name that is cut is still that of nobody else in the log. */
	(void)string_set(how.actor, TRIGGER_ACTOR_MAX, slice_head(a->app_id, TRIGGER_ACTOR_MAX));
	(void)string_set(how.source, sizeof(how.source) - 1, a->source);
	rc = trigger_begin(a->s, a->scl_id, &a->wish, &how, &reason, &retry_after);
	if (rc != RC_OK)
		finish(rq, rc, reason, retry_after);
}

static enum rc
refuse_right(struct trigger_send *s, struct req *rq, const struct endpoint_who *who)
{
	int64_t since_last;

	if (log_pace_due(&s->refused, &since_last))
		LOG_WARN(s->log, "trigger-refused", LOG_S("application", who->app_id),
		         LOG_S("claimed", who->claimed), LOG_S("scl", endpoint_rest(rq)),
		         LOG_N("since_last", since_last));
	trigger_count(s, TRIGGER_COUNT_REFUSED_RIGHT);
	return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("NO_RIGHT"));
}

static bool
is_json(struct slice type)
{
	struct slice essence = SLICE_NONE;

	(void)slice_split(&type, ';', &essence);
	while (essence.n > 0 && essence.p[essence.n - 1] == ' ')
		essence.n--;
	return slice_is(essence, MEDIA_JSON);
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct trigger_send *s = arg;
	struct asking *a = ARENA_NEW(req_arena(rq), struct asking);
	struct endpoint_who who;
	enum rc rc = endpoint_identify(rq, &who);

	if (rc != RC_OK)
		return rc;
	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST");
	if (a == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	*a = (struct asking){ .s = s, .rq = rq, .app_id = who.app_id };
	if (in->peer != NULL)
		a->source = in->peer->address;
	if (!uri_decode(req_arena(rq), endpoint_rest(rq), &a->scl_id))
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	if (!trigger_may(s, who.app_id, a->scl_id))
		return refuse_right(s, rq, &who);
	if (!is_json(in->content_type))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	if (!trigger_wish_read(in->body, &a->wish))
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	return endpoint_pend(rq, app_begin, a);
}

/* ---- where ---- */

enum rc
trigger_rest_add(struct trigger_send *s, char why[CAPABILITY_WHY_MAX])
{
	struct slice base = scl_base_path(s->scl);
	enum rc rc;

	s->path = malloc(base.n + sizeof(COLLECTION));
	if (s->path == NULL)
		return RC_UNAVAILABLE;
	memcpy(s->path, base.p, base.n);
	memcpy(s->path + base.n, COLLECTION, sizeof(COLLECTION));
	s->endpoint = (struct endpoint){ .path = s->path,
		                         .tail = TAIL,
		                         .serve = SERVE_MIA | SERVE_EDGE,
		                         .body_max = TRIGGER_BODY_MAX,
		                         .serve_request = serve,
		                         .arg = s };
	s->admin_op = (struct admin_more){ .method = REQ_CREATE,
		                           .path = "scls/*/trigger",
		                           .name = "trigger",
		                           .begin = admin_begin,
		                           .arg = s };
	rc = endpoint_add(s->scl, &s->endpoint);
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "triggers cannot be served: %s",
		         status_of(rc)->text);
	return rc;
}
