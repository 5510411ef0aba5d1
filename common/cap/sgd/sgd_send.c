/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that wait are sealed, several at a time and stored so, and then sent one after the other.
 * While something that was sealed for somebody is on its way, nothing more is sealed for it: what a
 * session takes with it when it ends is sealed again, in its order, for the next.
 */
#include "config.h"

#include "base/be.h"
#include "cap/sgd/sgd_own.h"

#define RECORD_MAX ((size_t)128 << 10)

/* ---- sealing ---- */

struct sealing {
	struct sgd_to *to;
	struct sgd_change *c;
	struct sgd_session *se; /* or g */
	struct sgd_group *g;
	struct sgd_out *out;
	const struct sga_sid *id;
	unsigned seen;
	bool stopped;
};

static enum rc
seal_message(const struct sealing *s, unsigned kind, struct slice data, struct buf *record)
{
	const struct sgd *d = s->to->server->all;
	const struct sga_device *device = s->to->server->device;

	if (s->g != NULL)
		return sga_team_seal(s->g->team, device, data, record);
	return sga_record_seal(s->se->s, device,
	                       kind == SGD_KIND_GROUP_KEY ? SGA_FLAG_GROUP_KEY : 0, data,
	                       sgd_now(d), record);
}

/* A message of the queue. One that can never be sealed fails. */
static bool
seal_one(void *arg, struct slice rest, struct slice val)
{
	struct sealing *s = arg;
	uint64_t number = be_get(rest.p, 8);
	struct buf record;
	enum rc rc;

	buf_init(&record, RECORD_MAX);
	rc = val.n == 0 ? RC_TOO_LARGE
	                : seal_message(s, (unsigned char)val.p[0], slice_from(val, 1), &record);
	if (rc == RC_OK) {
		rc = sgd_out_add(s->out, s->id, number, buf_view(&record), s->c);
		/* Its number is used: without the record none may be. */
		if (rc != RC_OK)
			s->c->ops.failed = true;
	}
	buf_fini(&record);
	if (rc == RC_TOO_LARGE) {
		sgd_change_unqueue(s->c, &s->to->key, number, SGD_FAILED);
		sgd_count(s->to->server->all, SGD_N_FAILED, 1);
	}
	s->stopped = rc != RC_OK && rc != RC_TOO_LARGE;
	if (s->stopped)
		return false;
	s->to->taken = number;
	s->seen++;
	return s->out->octets.n < SGD_OUT_OCTETS;
}

static void
seal_waiting(struct sealing *s)
{
	struct sgd_to *to = s->to;
	struct sgd_book *book = to->server->all->book;
	struct table_key queue = sgd_key(SGD_T_QUEUE, to->key.v, sizeof(to->key.v));
	uint8_t after[8];
	enum rc rc;

	be_put(after, to->taken, sizeof(after));
	rc = sgd_book_scan(book, &queue, slice_make(after, sizeof(after)), SGD_OUT_MAX, true,
	                   seal_one, s);
	if (rc == RC_OK && !s->stopped && s->seen == 0)
		to->waits = false;
	if (s->out->n == 0 && !s->c->ops.failed)
		return;
	rc = s->g != NULL ? sgd_group_put(s->g, s->c) : sgd_session_put(s->se, s->c);
	if (rc != RC_OK)
		s->c->ops.failed = true;
}

/* What is sealed with now; false: nothing can be. */
static bool
sealer_of(struct sgd_to *to, struct sealing *s)
{
	*s = (struct sealing){ .to = to };
	if (to->row.group) {
		s->g = to->group;
		if (s->g == NULL || s->g->state != SGD_G_CURRENT || s->g->dirty || s->g->busy ||
		    s->g->team == NULL)
			return false;
		s->out = &s->g->out;
		s->id = &s->g->gid;
		return s->out->n == 0;
	}
	s->se = to->session;
	if (s->se == NULL || s->se->phase != SGD_OPEN || s->se->dirty || s->se->busy)
		return false;
	for (struct sgd_session *se = to->server->all->sessions; se != NULL; se = se->next)
		if (se->to == to && se->out.n > 0)
			return false;
	s->out = &s->se->out;
	s->id = &s->se->sid;
	return true;
}

static void
turned(struct sgd_op *op, enum rc rc)
{
	struct sgd_to *to = op->a;

	to->changing = false;
	if (rc != RC_OK)
		sgd_engine_reload(op->all);
	sgd_server_wake(to->server);
}

/* Forgets what was taken, and seals what waits. */
static void
turn(struct sgd_to *to)
{
	struct sgd *d = to->server->all;
	struct sgd_op *op = sgd_op_new(d, turned, to, NULL);
	struct sealing s;

	if (op == NULL) {
		sgd_server_wake_at(to->server, clock_monotonic() + CLOCK_SECOND);
		return;
	}
	for (struct sgd_session *se = d->sessions; se != NULL; se = se->next)
		if (se->to == to && !se->dirty && !se->busy && se->out.n > 0 &&
		    se->out.sent == se->out.n)
			sgd_out_finish(&se->out, &se->sid, to, &op->change);
	if (to->group != NULL && to->group->out.n > 0 && to->group->out.sent == to->group->out.n)
		sgd_out_finish(&to->group->out, &to->group->gid, to, &op->change);
	if (to->waits && sealer_of(to, &s)) {
		s.c = &op->change;
		seal_waiting(&s);
	}
	if (sgd_change_is_empty(&op->change)) {
		sgd_op_drop(op);
		return;
	}
	to->changing = true;
	sgd_op_submit(op);
}

/* A turn is due when all that was sealed has been taken, or nothing is and something waits. */
static void
turn_if_due(struct sgd_to *to)
{
	struct sealing s;
	bool done = to->group != NULL && to->group->out.n > 0 &&
	            to->group->out.sent == to->group->out.n;

	for (struct sgd_session *se = to->server->all->sessions; se != NULL; se = se->next)
		done = done || (se->to == to && !se->dirty && !se->busy && se->out.n > 0 &&
		                se->out.sent == se->out.n);
	if (done || (to->waits && sealer_of(to, &s)))
		turn(to);
}

/* ---- sending ---- */

static void
rest_of(int64_t *until, unsigned *failures, struct sgd_server *s)
{
	const struct sga_conf *c = s->all->conf;

	++*failures;
	*until = clock_monotonic() + sgd_backoff(*failures, c->retry_first, c->retry_max);
	sgd_server_wake_at(s, *until);
}

/* No session of that message can ever take it; this one has spent its number. */
static void
fail_message(struct sgd_to *to, struct sgd_out *out, struct sgd_change *c)
{
	struct sgd_sealed *v = &out->v[out->sent];

	if (v->number == 0)
		return;
	sgd_change_unqueue(c, &to->key, v->number, SGD_FAILED);
	sgd_count(to->server->all, SGD_N_FAILED, 1);
	v->number = 0;
}

static void
over(struct sgd_op *op, enum rc rc)
{
	if (rc != RC_OK)
		sgd_engine_reload(op->all);
	sgd_server_wake(op->a);
}

static void
end_session(struct sgd_session *se, enum sgd_do what)
{
	struct sgd_server *s = se->server;
	struct sgd_op *op = sgd_op_new(s->all, over, s, NULL);

	if (op == NULL) {
		rest_of(&se->until, &se->failures, s);
		return;
	}
	if (what == SGD_DO_FAIL)
		fail_message(se->to, &se->out, &op->change);
	/* What the peer had sent by it may lie in the mailbox still. */
	sgd_session_mark(se, &op->change,
	                 what == SGD_DO_FAIL ? "a record was not taken"
	                                     : "the gateway has ended it");
	sgd_op_submit(op);
}

static void
session_sent(struct sgd_session *se, enum sgd_do what)
{
	switch (what) {
	case SGD_DO_GO_ON:
		se->failures = 0;
		se->out.sent++;
		return;
	case SGD_DO_AGAIN:
	case SGD_DO_REFUSED:
		rest_of(&se->until, &se->failures, se->server);
		return;
	default:
		if (se->busy || se->dirty || se->to->changing)
			rest_of(&se->until, &se->failures, se->server);
		else
			end_session(se, what);
	}
}

static void
group_sent(struct sgd_group *g, enum sgd_do what)
{
	struct sgd_op *op;

	if (what == SGD_DO_GO_ON) {
		g->failures = 0;
		g->out.sent++;
		return;
	}
	rest_of(&g->until, &g->failures, g->server);
	if (what == SGD_DO_AGAIN || what == SGD_DO_REFUSED || g->busy || g->dirty)
		return;
	op = sgd_op_new(g->server->all, over, g->server, NULL);
	if (op == NULL)
		return;
	if (what == SGD_DO_FAIL)
		fail_message(g->to, &g->out, &op->change);
	sgd_out_drop(&g->out, &g->gid, g->to, &op->change);
	sgd_group_refused(g, &op->change);
	sgd_op_submit(op);
}

static void
record_done(struct sgd_ask *a)
{
	struct sgd_server *s = a->owner;
	struct sgd_answer answer = { .status = a->status,
		                     .tries = s->work.tries,
		                     .body = a->answer };
	struct sgd_session *se;
	struct sgd_group *g;
	enum sgd_do what;

	if (!atomic_load(&s->all->running))
		return;
	sgd_work_done(s, a);
	sgd_server_wake(s);
	what = sgd_after_record(&answer);
	if (sgd_work_again(s, what))
		return;
	s->work.tries = 0;
	se = sgd_session_find(s->all, &s->subject);
	g = se == NULL ? sgd_group_find(s->all, &s->subject) : NULL;
	/* What was on its way may have ended meanwhile. */
	if (se != NULL && se->out.sent < se->out.n && se->out.v[se->out.sent].ctr == s->subject_ctr)
		session_sent(se, what);
	else if (g != NULL && g->out.sent < g->out.n &&
	         g->out.v[g->out.sent].ctr == s->subject_ctr &&
	         sga_team_epoch(g->team) == s->subject_epoch)
		group_sent(g, what);
}

static bool
send_record(struct sgd_server *s, const char *before, const struct sga_sid *id,
            const struct sgd_out *out)
{
	const struct sgd_sealed *v = &out->v[out->sent];
	struct sgd_ask *a = sgd_work_ask(s, "POST", before, id, "/messages");

	buf_clear(&s->body);
	buf_slice(&s->body, slice_make(out->octets.p + v->at, v->n));
	s->subject_ctr = v->ctr;
	a->done = record_done;
	a->media = SGD_OCTETS;
	a->body = buf_view(&s->body);
	return sgd_work_send(s);
}

static bool
may_send(const struct sgd_to *to, const struct sgd_out *out, int64_t until, int64_t now)
{
	return !to->changing && until <= now && out->sent < out->n;
}

bool
sgd_send_work(struct sgd_server *s)
{
	struct sgd *d = s->all;
	int64_t now = clock_monotonic();

	for (struct sgd_to *to = d->tos; to != NULL; to = to->next)
		if (to->server == s && !to->changing)
			turn_if_due(to);
	for (struct sgd_session *se = d->sessions; se != NULL; se = se->next)
		if (se->server == s && !se->dirty && !se->ended && !se->busy &&
		    may_send(se->to, &se->out, se->until, now))
			return send_record(s, "/sessions/", &se->sid, &se->out);
	for (struct sgd_group *g = d->groups; g != NULL; g = g->next)
		if (g->server == s && !g->busy && may_send(g->to, &g->out, g->until, now)) {
			s->subject_epoch = sga_team_epoch(g->team);
			return send_record(s, "/groups/", &g->gid, &g->out);
		}
	return false;
}
