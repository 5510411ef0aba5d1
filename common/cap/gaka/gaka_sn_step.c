/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with a message of a device. All of it with the lock; nothing waits. */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

/* ---- answers ---- */

static enum sn_next
answer(struct sn_request *r, const void *octets, size_t n)
{
	memcpy(r->answer, octets, n);
	r->n = n;
	r->rc = RC_OK;
	return SN_ANSWER;
}

enum sn_next
sn_refuse(struct gaka_sn *s, struct sn_request *r, enum gaka_reason reason, enum sn_count why)
{
	uint8_t t12[GAKA_SHORT_SIZE];

	sn_count(s, why);
	gaka_t12_write(reason, t12);
	(void)answer(r, t12, sizeof(t12));
	r->rc = reason == GAKA_BUSY      ? RC_UNAVAILABLE
	        : reason == GAKA_EXPIRED ? RC_EXPIRED
	                                 : RC_FORBIDDEN;
	if (reason == GAKA_BUSY && r->retry_after == 0)
		r->retry_after = SN_BUSY_S;
	return SN_ANSWER;
}

enum sn_next
sn_fail(struct gaka_sn *s, struct sn_request *r, const struct node_id *id, enum sn_count why)
{
	char text[NODE_ID_TEXT];

	if (failures_add(s->limits.failures, slice_make(id->v, NODE_ID_BYTES), SLICE_NONE)) {
		node_id_text(id, text);
		LOG_WARN(s->log, "gaka-device-locked", LOG_Z("node", text));
	}
	return sn_refuse(s, r, GAKA_MAC, why);
}

static enum sn_next
full(struct gaka_sn *s, struct sn_request *r, const char *what)
{
	int64_t since_last;

	if (log_pace_due(&s->logged_full, &since_last))
		LOG_WARN(s->log, "gaka-full", LOG_Z("of", what), LOG_N("since_last", since_last));
	return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_FULL);
}

static bool
is_locked(struct gaka_sn *s, struct sn_request *r, const struct node_id *id)
{
	return !failures_allow(s->limits.failures, slice_make(id->v, NODE_ID_BYTES), SLICE_NONE,
	                       &r->retry_after);
}

/* ---- the home network is to be asked ---- */

static enum sn_next
note_ask(struct gaka_sn *s, struct sn_request *r)
{
	r->voids = s->voids;
	s->n_requests++;
	sn_limit_ask(s, r);
	sn_count(s, r->group ? SN_COUNT_T2 : SN_COUNT_T10);
	return r->group ? SN_ASK_GROUP : SN_ASK_SINGLE;
}

/* known: the home network has vouched for the device before. */
static enum sn_next
ask_single(struct gaka_sn *s, struct sn_request *r, bool known, bool may_wait)
{
	struct gaka_t10 t10 = { .id = r->t1.id, .resync = r->resync };

	r->group = false;
	known = known || gaka_sessions_has(s->sessions, &r->t1.gid, &r->t1.id);
	r->refusals = r->resync ? &s->limits.named : known ? NULL : &s->limits.strangers;
	if (!sn_may_single(s) || !sn_may_fail(s, r->refusals))
		return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_RATE);
	if (!may_wait)
		return SN_ASK_SINGLE;
	if (!sn_self(s, &r->t2.sn))
		return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_HOME);
	t10.sn = r->t2.sn;
	memcpy(t10.n, r->t1.n, sizeof(t10.n));
	gaka_t10_write(&t10, r->message);
	r->message_n = GAKA_T10_SIZE;
	return note_ask(s, r);
}

/* known: as ask_single. */
static enum sn_next
ask_group(struct gaka_sn *s, struct sn_request *r, struct sn_group *g, bool known, bool may_wait)
{
	r->group = true;
	known = known || gaka_sessions_has(s->sessions, &r->t1.gid, &r->t1.id);
	r->refusals = g == NULL || !g->vouched ? &s->limits.strangers
	              : known                  ? NULL
	                                       : &s->limits.named;
	if (!sn_may_fail(s, r->refusals))
		return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_RATE);
	if (!may_wait)
		return SN_ASK_GROUP;
	r->t2 = (struct gaka_t2){ .gid = r->t1.gid, .leader = r->t1.id, .w = s->conf->window };
	memcpy(r->t2.n, r->t1.n, sizeof(r->t2.n));
	if (!sn_self(s, &r->t2.sn))
		return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_HOME);
	g = sn_group_need(s, &r->t1.gid);
	if (g == NULL)
		return full(s, r, "gaka.sets_max");
	g->asking = true;
	g->asked = sn_mono(s);
	g->unknown = g->away = false;
	gaka_t2_write(&r->t2, r->message);
	r->message_n = GAKA_T2_SIZE;
	return note_ask(s, r);
}

static enum sn_next
wait(struct gaka_sn *s, struct sn_request *r, bool may_wait)
{
	if (!may_wait)
		return SN_WAITS;
	if (r->deadline == 0)
		r->deadline = sn_mono(s) + SN_WAIT;
	else if (r->deadline <= sn_mono(s))
		return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_TIMEOUT);
	r->next = NULL;
	*s->waiting_end = r;
	s->waiting_end = &r->next;
	s->n_requests++;
	return SN_WAITS;
}

/* ---- T1 ---- */

static enum sn_next
challenge_member(struct gaka_sn *s, struct sn_request *r, struct sn_group *g)
{
	struct gaka_attempt a;
	uint8_t t7[GAKA_T7_SIZE];

	if (gaka_sn_member(&a, g->set, &r->t1, NULL, sn_wall(s), t7) != RC_OK ||
	    sn_attempt_put(s, &a, r) == NULL)
		return full(s, r, "memory");
	return answer(r, t7, sizeof(t7));
}

/* There are no vectors for the device, but its group has been asked for lately. */
static enum sn_next
pause_of(struct gaka_sn *s, struct sn_request *r, const struct sn_group *g, bool known,
         bool may_wait)
{
	if (g->unknown)
		return sn_refuse(s, r, GAKA_MAC, SN_COUNT_UNKNOWN);
	if (g->away)
		return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_HOME);
	return ask_single(s, r, known, may_wait);
}

/*
 * Devices come back when an eighth of the time of their keys is left, or a little more: what they get
 * then has to outlive those. Without the home network the set is good for as long as it is.
 */
static bool
is_to_renew(struct gaka_sn *s, const struct sn_group *g)
{
	return sn_wall(s) >= g->renew && !g->away && sn_may_t2(s, g);
}

static enum sn_next
begin_group(struct gaka_sn *s, struct sn_request *r, bool may_wait)
{
	struct sn_group *g = sn_group_find(s, &r->t1.gid);
	enum rc rc = RC_EXPIRED;

	if (g != NULL && g->set != NULL)
		rc = gaka_set_serves(g->set, &r->t1.id, sn_wall(s));
	if (rc == RC_OK && is_to_renew(s, g))
		return ask_group(s, r, g, true, may_wait);
	if (rc == RC_OK)
		return challenge_member(s, r, g);
	if (rc == RC_NOT_FOUND)
		return ask_single(s, r, false, may_wait);
	if (g != NULL && rc == RC_EXPIRED)
		sn_group_void(s, g);
	if (g != NULL && g->asking)
		return wait(s, r, may_wait);
	if (g != NULL && !sn_may_t2(s, g))
		return pause_of(s, r, g, rc == RC_NO_SPACE, may_wait);
	return ask_group(s, r, g, rc == RC_NO_SPACE, may_wait);
}

/* The same T1 once more: its answer was lost. */
static bool
was_challenged(struct gaka_sn *s, struct sn_request *r)
{
	const struct sn_attempt *x = sn_attempt_find(s, &r->t1.id);

	if (x == NULL || memcmp(x->octets, r->octets, GAKA_T1_SIZE) != 0)
		return false;
	(void)answer(r, x->a.challenge, x->a.member ? GAKA_T7_SIZE : GAKA_T4_SIZE);
	return true;
}

static enum sn_next
begin(struct gaka_sn *s, struct sn_request *r, bool may_wait)
{
	if (is_locked(s, r, &r->t1.id))
		return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_LOCKED);
	if (was_challenged(s, r))
		return SN_ANSWER;
	if (s->attempts.n + s->n_requests >= s->conf->attempts_max)
		return full(s, r, "gaka.attempts_max");
	if (!gaka_sessions_room(s->sessions, &r->t1.gid, &r->t1.id))
		return full(s, r, "gaka.sessions_max");
	if (s->conf->conventional || gaka_gid_none(&r->t1.gid))
		return ask_single(s, r, false, may_wait);
	return begin_group(s, r, may_wait);
}

/* ---- what the home network has answered ---- */

void
sn_step_vector(struct gaka_sn *s, struct sn_request *r, const struct gaka_vector *v,
               uint64_t expiry)
{
	struct sn_attempt *x = NULL;
	struct gaka_attempt a;
	uint8_t t4[GAKA_T4_SIZE];

	if (gaka_sn_full(&a, &r->t1, &r->t2.sn, v, expiry, sn_wall(s), t4) != RC_OK) {
		(void)sn_refuse(s, r, GAKA_BUSY, SN_COUNT_HOME);
		return;
	}
	x = sn_attempt_put(s, &a, r);
	if (x == NULL) {
		(void)full(s, r, "memory");
		return;
	}
	x->single = !r->group;
	x->resynced = r->resync;
	(void)answer(r, t4, sizeof(t4));
}

/* ---- T5, T8, T12 ---- */

static enum sn_next
attached(struct gaka_sn *s, struct sn_request *r, const struct sn_attempt *x,
         const struct gaka_done *done)
{
	enum sn_count how = SN_COUNT_MEMBERS;

	if (gaka_sessions_put(s->sessions, done, x->single) != RC_OK)
		return full(s, r, "gaka.sessions_max");
	if (done->leader)
		how = x->single ? SN_COUNT_SINGLES : SN_COUNT_LEADERS;
	sn_count(s, how);
	return SN_ANSWER;
}

static enum sn_next
take_tag(struct gaka_sn *s, struct sn_request *r, struct sn_attempt *x)
{
	uint64_t now = sn_wall(s);
	uint8_t last[GAKA_SHORT_SIZE];
	struct gaka_done done;
	enum sn_next next;
	enum rc rc = gaka_sn_answer(&x->a, r->body, now, last, &done);

	if (rc == RC_DENIED)
		return sn_fail(s, r, &r->id, SN_COUNT_TAG);
	if (rc == RC_INTERNAL)
		return full(s, r, "memory");
	if (rc != RC_OK) {
		sn_attempt_drop(s, x);
		return sn_refuse(s, r, GAKA_EXPIRED, SN_COUNT_EXPIRED);
	}
	(void)answer(r, last, sizeof(last));
	next = attached(s, r, x, &done);
	if (r->rc == RC_OK)
		r->retry_after = (unsigned)(done.expiry - now);
	gaka_done_wipe(&done);
	sn_attempt_drop(s, x);
	return next;
}

/* The device does not take the challenge. Nobody has proved who says so. */
static enum sn_next
take_refusal(struct gaka_sn *s, struct sn_request *r, struct sn_attempt *x, bool may_wait)
{
	enum sn_next next;

	if (r->reason != GAKA_SYNC || x->a.member || x->resynced) {
		sn_attempt_drop(s, x);
		return sn_refuse(s, r, GAKA_MAC, SN_COUNT_DEVICE);
	}
	r->t1 = x->t1;
	memcpy(r->octets, x->octets, GAKA_T1_SIZE);
	r->resync = true;
	next = ask_single(s, r, true, may_wait);
	if (next == SN_ANSWER || may_wait)
		sn_attempt_drop(s, x);
	if (next == SN_ASK_SINGLE && may_wait)
		sn_count(s, SN_COUNT_RESYNCED);
	return next;
}

static enum sn_next
take_answer(struct gaka_sn *s, struct sn_request *r, bool may_wait)
{
	struct sn_attempt *x = sn_attempt_find(s, &r->id);

	if (is_locked(s, r, &r->id))
		return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_LOCKED);
	if (x == NULL)
		return sn_refuse(s, r, GAKA_MAC, SN_COUNT_NO_ATTEMPT);
	if (r->reason != 0)
		return take_refusal(s, r, x, may_wait);
	return take_tag(s, r, x);
}

enum sn_next
sn_step(struct gaka_sn *s, struct sn_request *r, bool may_wait)
{
	if (!s->running)
		return sn_refuse(s, r, GAKA_BUSY, SN_COUNT_HOME);
	sn_attempts_expire(s);
	return r->answers ? take_answer(s, r, may_wait) : begin(s, r, may_wait);
}
