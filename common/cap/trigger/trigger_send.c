/* SPDX-License-Identifier: Apache-2.0 */
/* A trigger: the address of the SCL is read, its token is made by the MAS, both go out. */
#include "config.h"

#include "cap/trigger/trigger_send.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "cap/edge_gate.h"
#include "cap/sec_access.h"
#include "cap/trigger.h"
#include "codec/codec.h"
#include "codec/json_fields.h"
#include "store/pack.h"

#define ARENA_MAX (1u << 18)
#define STOP_WAIT_S 12
#define HOUR (3600 * CLOCK_SECOND)
#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

void
trigger_count(struct trigger_send *s, enum trigger_count which)
{
	mas_count(s->counters, which, 1);
}

bool
trigger_may(const struct trigger_send *s, struct slice app_id, struct slice scl_id)
{
	return app_id.n > 0 && edge_may_trigger(s->cap->edge_seat, app_id, scl_id);
}

/* ---- what is asked for ---- */

struct wire_wish {
	struct slice name;
	int64_t reason, not_after;
};

static enum trigger_reason
reason_named(struct slice name)
{
	for (unsigned r = TRIGGER_CONNECT; r <= TRIGGER_REASONS; r++)
		if (slice_is(name, trigger_reason_name((enum trigger_reason)r)))
			return (enum trigger_reason)r;
	return 0;
}

bool
trigger_wish_read(struct slice json, struct trigger_wish *out)
{
	static const struct json_field numbered[] = {
		JSON_FIELD(struct wire_wish, reason, "reason", JSON_NUMBER, true),
		JSON_FIELD(struct wire_wish, not_after, "notAfter", JSON_NUMBER, false),
	};
	static const struct json_field named[] = {
		JSON_FIELD(struct wire_wish, name, "reason", JSON_TEXT, true),
		JSON_FIELD(struct wire_wish, not_after, "notAfter", JSON_NUMBER, false),
	};
	struct wire_wish w = { .reason = 0 };

	if (json_read(json, named, 2, &w))
		w.reason = reason_named(w.name);
	else if (!json_read(json, numbered, 2, &w))
		return false;
	if (w.reason < TRIGGER_CONNECT || w.reason > TRIGGER_REASONS || w.not_after < 0)
		return false;
	*out = (struct trigger_wish){ (enum trigger_reason)w.reason, (uint64_t)w.not_after };
	return true;
}

/* ---- the end ---- */

void
sending_end(struct sending *x)
{
	struct trigger_send *s = x->s;

	pthread_mutex_lock(&s->lock);
	*x->place = x->next;
	if (x->next != NULL)
		x->next->place = x->place;
	s->n--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	free(x);
}

static void
tell(struct sending *x, enum rc rc, const char *reason, unsigned retry_after)
{
	if (x->told != NULL)
		x->told(x, rc, reason, retry_after);
	x->told = NULL;
}

static enum trigger_count
count_of(const char *reason)
{
	static const struct {
		const char *reason;
		enum trigger_count count;
	} counts[] = { { "NO_ADDRESS", TRIGGER_COUNT_REFUSED_ADDRESS },
		       { "BAD_ADDRESS", TRIGGER_COUNT_REFUSED_BAD_ADDRESS } };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (strcmp(counts[i].reason, reason) == 0)
			return counts[i].count;
	return TRIGGER_COUNT_REFUSED_OTHER;
}

void
sending_refuse(struct sending *x, enum rc rc, const char *reason, unsigned retry_after)
{
	int64_t since_last = 1;

	/* Of one that a rotation has caused, nobody hears elsewhere. */
	if (x->told == NULL || log_pace_due(&x->s->not_sent, &since_last))
		LOG_WARN(x->s->log, "trigger-not-sent", LOG_Z("scl", x->scl_id),
		         LOG_Z("by", x->actor), LOG_Z("reason", trigger_reason_name(x->reason)),
		         LOG_Z("why", reason[0] != '\0' ? reason : status_of(rc)->text),
		         LOG_Z("to", x->address), LOG_N("since_last", since_last));
	trigger_count(x->s, count_of(reason));
	tell(x, rc, reason, retry_after);
	sending_end(x);
}

/* ---- the token ---- */

static void
token_run(struct scl_task *task)
{
	struct sending *x = OF(task, struct sending, task);
	const struct mas_outcome *o = &x->token.outcome;

	if (o->rc != RC_OK) {
		sending_refuse(x, o->rc, o->reason, o->retry_after);
		return;
	}
	LOG_INFO(x->s->log, "trigger-sent", LOG_Z("scl", x->scl_id), LOG_Z("by", x->actor),
	         LOG_Z("reason", trigger_reason_name(x->reason)), LOG_Z("to", x->address),
	         LOG_N("counter", (int64_t)x->token.counter));
	trigger_count(x->s, TRIGGER_COUNT_SENT);
	tell(x, RC_ACCEPTED, "", 0);
	sending_go(x);
}

/* On a thread of the MAS. */
static void
token_done(struct mas_trigger *t)
{
	struct sending *x = t->owner;

	x->task.run = token_run;
	scl_post(x->s->scl, &x->task, 0);
}

static void
ask_token(struct sending *x)
{
	const struct trigger_send *s = x->s;

	x->token = (struct mas_trigger){ .scl_id = slice_of(x->scl_id),
		                         .reason = x->reason,
		                         .not_after = x->not_after,
		                         .scheme = s->conf.scheme,
		                         .port = s->conf.port,
		                         .host = slice_of(s->conf.host),
		                         .actor = x->actor,
		                         .source = slice_of(x->source),
		                         .done = token_done,
		                         .owner = x };
	s->mas->ops->trigger(s->mas->self, &x->token);
}

/* ---- the address ---- */

/* remTriggerAddr in the representation of the scl. */
static bool
read_address(struct sending *x)
{
	static const struct codec_limits limits = { 16, 4096, 64, 65536 };
	struct arena *a = arena_new(ARENA_MAX);
	const struct req_answer *answer = x->call.answer;
	struct node *root = NULL;
	const char *why;
	bool found = false;

	if (a != NULL && codec_xml.decode(a, slice_make(answer->body, answer->body_len), &limits,
	                                  &root, &why) == RC_OK)
		for (const struct node *n = root->first; n != NULL && !found; n = n->next)
			found = slice_is(n->name, "remTriggerAddr") && n->text.n > 0 &&
			        string_set(x->address, TRIGGER_ADDRESS_MAX, n->text);
	arena_free(a);
	return found;
}

static void
scl_was_read(struct scl_call *call)
{
	struct sending *x = call->owner;
	enum rc rc = call->rc;
	bool has_address = rc == RC_OK && read_address(x);
	const char *reason = "NO_ADDRESS";

	scl_call_end(call);
	if (rc == RC_NOT_FOUND)
		sending_refuse(x, rc, "NO_SCL", 0);
	else if (rc != RC_OK)
		sending_refuse(x, RC_UNAVAILABLE, "OVERLOAD", 0);
	else if (!has_address || sending_address(x, &reason) != RC_OK)
		sending_refuse(x, RC_CONFLICT, reason, 0);
	else
		ask_token(x);
}

/* ---- the begin ---- */

/* False: there are as many as may be, or it is the end. */
static bool
enlist(struct trigger_send *s, struct sending *x)
{
	bool room;

	pthread_mutex_lock(&s->lock);
	room = !s->stopping && s->n < s->conf.pending_max;
	if (room) {
		x->next = s->first;
		x->place = &s->first;
		if (x->next != NULL)
			x->next->place = &x->next;
		s->first = x;
		s->n++;
	}
	pthread_mutex_unlock(&s->lock);
	return room;
}

static enum rc
say(enum rc rc, const char *text, const char **reason)
{
	*reason = text;
	return rc;
}

static void
read_scl(struct sending *x)
{
	struct slice base = scl_base_path(x->s->scl);

	snprintf(x->path, sizeof(x->path), "%.*s/scls/%s", (int)base.n, base.p, x->scl_id);
	x->call = (struct scl_call){ .method = SLICE_LIT("GET"),
		                     .target = slice_of(x->path),
		                     .done = scl_was_read,
		                     .owner = x };
	scl_call(x->s->scl, &x->call);
}

enum rc
trigger_begin(struct trigger_send *s, struct slice scl_id, const struct trigger_wish *wish,
              const struct sending *how, const char **reason, unsigned *retry_after)
{
	int64_t now = clock_now(s->clock);
	struct sending *x;

	*retry_after = 0;
	/* Whoever is registered under another name than the MAS gives has no token. */
	if (!scl_id_ok(scl_id))
		return say(RC_NOT_FOUND, "NO_SCL", reason);
	if (!failures_allow(s->rate, scl_id, SLICE_NONE, retry_after)) {
		trigger_count(s, TRIGGER_COUNT_REFUSED_RATE);
		return say(RC_UNAVAILABLE, "RATE", reason);
	}
	x = malloc(sizeof(*x));
	if (x == NULL)
		return say(RC_UNAVAILABLE, "OVERLOAD", reason);
	*x = *how;
	x->s = s;
	x->reason = wish->reason;
	x->not_after = wish->not_after != 0 ? wish->not_after
	                                    : (uint64_t)((now + s->conf.lifetime) / CLOCK_SECOND);
	(void)string_set(x->scl_id, MAS_SCL_ID_MAX, scl_id);
	if (!enlist(s, x)) {
		free(x);
		*retry_after = 1;
		return say(RC_UNAVAILABLE, "OVERLOAD", reason);
	}
	(void)failures_add(s->rate, scl_id, SLICE_NONE);
	read_scl(x);
	return RC_OK;
}

/* A root is to be replaced: its node is told at once. On a thread of the MAS. */
static void
rotated(void *arg, const char *scl_id, const char *actor)
{
	static const struct trigger_wish wish = { .reason = TRIGGER_BOOTSTRAP };
	struct trigger_send *s = arg;
	struct sending how = { .told = NULL };
	const char *reason = "";
	unsigned retry_after;

	(void)string_set(how.actor, TRIGGER_ACTOR_MAX, slice_of(actor));
	if (trigger_begin(s, slice_of(scl_id), &wish, &how, &reason, &retry_after) != RC_OK)
		LOG_WARN(s->log, "trigger-not-sent", LOG_Z("scl", scl_id), LOG_Z("by", actor),
		         LOG_Z("reason", trigger_reason_name(wish.reason)), LOG_Z("why", reason));
}

/* ---- life ---- */

static const char *const counter_names[] = {
#define TRIGGER_COUNTER(name, text) text,
#include "cap/trigger/trigger_counters.def"
#undef TRIGGER_COUNTER
};

static void
send_free(struct trigger_send *s)
{
	trigger_sockets_close(s);
	mas_counters_free(s->counters);
	failures_free(s->rate);
	credential_unref(s->credential);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s->path);
	free(s);
}

static enum rc
read_networks(struct trigger_send *s, char why[CAPABILITY_WHY_MAX])
{
	const char *bad = reach_read(&s->reach, s->conf.networks);

	s->reach.scl = s->scl;
	if (bad == NULL)
		return RC_OK;
	snprintf(why, CAPABILITY_WHY_MAX,
	         "trigger.networks: %.64s is no address/bits, or they are too many", bad);
	return RC_BAD_REQUEST;
}

static enum rc
make_parts(struct trigger_send *s)
{
	const struct failures_conf rate = { .clock = s->clock,
		                            .per_subject = s->conf.rate,
		                            .per_source = s->conf.rate,
		                            .window = HOUR,
		                            .slots = 4096 };
	const struct credential_files files = { .ca = s->conf.ca,
		                                .certificate = s->conf.certificate,
		                                .key = s->conf.key };

	s->counters = mas_counters_new(counter_names, TRIGGER_COUNTS);
	s->credential = credential_certificate(&files);
	if (s->counters == NULL || s->credential == NULL)
		return RC_UNAVAILABLE;
	return failures_new(&rate, &s->rate);
}

static enum rc
join_admin(struct trigger_send *s)
{
	struct admin *admin = s->cap->sec->admin;
	enum rc rc;

	if (admin == NULL)
		return RC_OK;
	rc = admin_add(admin, &s->admin_op);
	if (rc == RC_OK)
		rc = admin_add_counters(admin, s->counters);
	if (rc == RC_OK)
		admin_on_rotation(admin, rotated, s);
	return rc;
}

static enum rc
send_attach(struct scl *scl, const struct capability_conf *conf, void **state,
            char why[CAPABILITY_WHY_MAX])
{
	struct trigger_send *s;
	enum rc rc;

	*state = NULL;
	if (!conf->trigger.enabled)
		return RC_OK;
	if (conf->sec->mas == NULL) {
		snprintf(why, CAPABILITY_WHY_MAX,
		         "trigger.enabled needs a MAS: the role mas, or mas.uri");
		return RC_BAD_REQUEST;
	}
	if (conf->trigger.send.host == NULL) {
		snprintf(why, CAPABILITY_WHY_MAX, "trigger.enabled needs trigger.contact");
		return RC_BAD_REQUEST;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&s->lock, NULL);
	(void)clock_cond_init(&s->changed);
	s->scl = scl;
	s->log = conf->log;
	s->mas = conf->sec->mas;
	s->clock = &clock_system;
	s->conf = conf->trigger.send;
	s->cap = conf;
	trigger_sockets_open(s);
	rc = make_parts(s);
	if (rc == RC_OK)
		rc = read_networks(s, why);
	if (rc == RC_OK)
		rc = trigger_rest_add(s, why);
	if (rc == RC_OK)
		rc = join_admin(s);
	if (rc == RC_OK)
		*state = s;
	else
		send_free(s);
	return rc;
}

static enum rc
send_start(struct scl *scl, const struct capability_conf *conf, void **state,
           char why[CAPABILITY_WHY_MAX])
{
	(void)scl;
	(void)conf;
	(void)state;
	(void)why;
	return RC_OK;
}

/* What waits for its next repetition ends; what is under way, when it comes back. */
static void
leave_run(struct scl_task *task)
{
	struct trigger_send *s = OF(task, struct trigger_send, leave);
	struct sending *x, *next;

	pthread_mutex_lock(&s->lock);
	x = s->first;
	pthread_mutex_unlock(&s->lock);
	/* Only the courier takes something out, and nothing comes any more. */
	for (; x != NULL; x = next) {
		next = x->next;
		if (!x->waiting)
			continue;
		scl_cancel(s->scl, &x->task);
		sending_end(x);
	}
}

static void
send_stop(void *state)
{
	struct trigger_send *s = state;
	struct timespec until;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_mutex_unlock(&s->lock);
	s->leave.run = leave_run;
	scl_post(s->scl, &s->leave, 0);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_WAIT_S;
	pthread_mutex_lock(&s->lock);
	while (s->n > 0 && pthread_cond_timedwait(&s->changed, &s->lock, &until) == 0)
		;
	pthread_mutex_unlock(&s->lock);
}

/* What the MAS never gave back is its: then nothing of it may go. */
static void
send_detach(void *state)
{
	struct trigger_send *s = state;

	if (s != NULL && s->n == 0)
		send_free(s);
}

const struct capability cap_trigger_send = {
	.name = "trigger-send",
	.attach = send_attach,
	.start = send_start,
	.stop = send_stop,
	.detach = send_detach,
};
