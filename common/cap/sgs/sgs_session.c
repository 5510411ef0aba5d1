/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_session.h"

#include "cap/sgs/sgs_book_impl.h"

/* ---- rows ---- */

static enum rc
stored_row(struct tables_tx *tx, const uint8_t sid[SGS_SID_BYTES], struct sgs_session_row *out)
{
	struct table_key k = sgs_key_id(SGS_T_SESSION, sid);
	enum rc rc = table_row_get(tx, &k, out, sizeof(*out));

	return rc == RC_OK && (out->state < SGS_INVITED || out->state > SGS_OPEN) ? RC_INTERNAL
	                                                                          : rc;
}

enum rc
sgs_session_row(struct tables_tx *tx, const uint8_t sid[SGS_SID_BYTES], int64_t now,
                struct sgs_session_row *out)
{
	struct sgs_device_row device;
	enum rc rc = stored_row(tx, sid, out);

	if (rc == RC_OK && out->expires <= (uint64_t)now)
		return RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = sgs_device_row(tx, out->i, &device);
	return rc == RC_OK ? sgs_device_row(tx, out->j, &device) : rc;
}

enum rc
sgs_session_put(struct tables_tx *tx, const uint8_t sid[SGS_SID_BYTES],
                const struct sgs_session_row *row)
{
	struct table_key k = sgs_key_id(SGS_T_SESSION, sid);

	return table_row_put(tx, &k, row, sizeof(*row));
}

/* The session is over at another time from now on; before 0: it had none. */
static enum rc
expires_put(struct tables_tx *tx, const uint8_t sid[SGS_SID_BYTES], uint64_t before,
            uint64_t expires)
{
	struct table_key k = sgs_key_id(SGS_T_SESSION, sid);
	enum rc rc = before == 0 ? RC_OK : sgs_due_del(tx, before, SGS_DUE_SESSION, &k);

	return rc == RC_OK ? sgs_due_put(tx, expires, SGS_DUE_SESSION, &k) : rc;
}

/* What the server has saved, instead of what it had; empty: nothing. */
static enum rc
state_put(struct sgs_turn *t, const uint8_t sid[SGS_SID_BYTES], struct sgs_session_row *row,
          struct slice state)
{
	struct table_key k = sgs_key_id(SGS_T_STATE, sid);

	row->kept = state.n > 0;
	return state.n == 0 ? sgs_del(t->tx, &k)
	                    : sgs_secret_put(t->b, t->tx, &k, SGS_SECRET_STATE, state);
}

/* ---- counters ---- */

/* One half-open less, of that who has begun it; c is written back by the caller. */
static enum rc
half_open_less(struct sgs_turn *t, const struct sgs_session_row *row, struct sgs_count_row *c)
{
	enum rc rc = sgs_less(&t->totals.half_open, 1);

	if (rc == RC_OK)
		rc = sgs_less(&c->half_open, 1);
	if (rc == RC_OK)
		rc = sgs_must(sgs_keys_count(t->tx, row->suite, row->serial, false));
	return rc;
}

static enum rc
session_less(struct sgs_turn *t, const struct sgs_session_row *row)
{
	struct sgs_count_row c;
	enum rc rc = sgs_count_get(t->tx, row->i, &c);

	if (rc == RC_OK && row->state != SGS_OPEN)
		rc = half_open_less(t, row, &c);
	if (rc == RC_OK)
		rc = sgs_less(&c.sessions, 1);
	if (rc == RC_OK)
		rc = sgs_less(&t->totals.sessions, 1);
	return rc == RC_OK ? sgs_count_put(t->tx, row->i, &c) : rc;
}

static enum rc
session_more(struct sgs_turn *t, const struct sgs_invite *n)
{
	const struct sgs_limits *max = &t->b->conf.limits;
	struct sgs_count_row c;
	enum rc rc = sgs_count_get(t->tx, n->i, &c);

	if (rc != RC_OK)
		return rc;
	if (t->totals.half_open >= max->half_open_max || c.half_open >= max->half_open_device_max)
		return RC_UNAVAILABLE;
	if (t->totals.sessions >= max->sessions_max || c.sessions >= max->sessions_device_max)
		return RC_NO_SPACE;
	t->totals.half_open++;
	t->totals.sessions++;
	c.half_open++;
	c.sessions++;
	rc = sgs_count_put(t->tx, n->i, &c);
	if (rc != RC_OK)
		return rc;
	rc = sgs_keys_count(t->tx, n->suite, n->serial, true);
	return rc == RC_NOT_FOUND ? RC_PRECONDITION : rc;
}

/* ---- removal ---- */

enum rc
sgs_session_remove(struct sgs_turn *t, const uint8_t sid[SGS_SID_BYTES])
{
	struct table_key k = sgs_key_id(SGS_T_SESSION, sid), state = sgs_key_id(SGS_T_STATE, sid);
	struct table_key of_i, of_j;
	struct sgs_session_row row;
	enum rc rc = stored_row(t->tx, sid, &row);

	if (rc == RC_OK)
		rc = session_less(t, &row);
	if (rc == RC_OK)
		rc = sgs_due_del(t->tx, row.expires, SGS_DUE_SESSION, &k);
	if (rc != RC_OK)
		return rc;
	of_i = sgs_key_of(SGS_T_PARTY, row.i, sid);
	of_j = sgs_key_of(SGS_T_PARTY, row.j, sid);
	rc = sgs_del(t->tx, &of_i);
	if (rc == RC_OK)
		rc = sgs_del(t->tx, &of_j);
	if (rc == RC_OK)
		rc = sgs_del(t->tx, &state);
	return rc == RC_OK ? sgs_del(t->tx, &k) : rc;
}

/* ---- A1 ---- */

/* i is there, and that A1 of it was not. */
static enum rc
replay_check(struct sgs_turn *t, uint64_t i, const uint8_t sid[SGS_SID_BYTES])
{
	struct table_key k = sgs_key_of(SGS_T_REPLAY, i, sid);
	struct sgs_device_row device;
	enum rc rc = sgs_device_row(t->tx, i, &device);

	return rc == RC_OK && tables_has(t->tx, table_key_view(&k)) ? RC_DENIED : rc;
}

static enum rc
invite_check(struct sgs_turn *t, const struct sgs_invite *n)
{
	struct table_key k = sgs_key_id(SGS_T_SESSION, n->sid);
	struct sgs_device_row device;
	enum rc rc;

	if (n->i == n->j || n->state.n == 0 || n->to_j.n == 0)
		return RC_BAD_REQUEST;
	if (n->state.n > SGS_STATE_MAX || n->to_j.n > SGS_MESSAGE_MAX)
		return RC_TOO_LARGE;
	rc = replay_check(t, n->i, n->sid);
	if (rc == RC_OK && tables_has(t->tx, table_key_view(&k)))
		return RC_CONFLICT;
	return rc == RC_OK ? sgs_device_row(t->tx, n->j, &device) : rc;
}

static enum rc
replay_put(struct sgs_turn *t, uint64_t i, const uint8_t sid[SGS_SID_BYTES])
{
	const struct sgs_limits *max = &t->b->conf.limits;
	const struct sgs_replay_row row = { .expires = (uint64_t)(t->now + max->replay_ttl) };
	struct table_key k = sgs_key_of(SGS_T_REPLAY, i, sid);
	struct sgs_count_row c;
	enum rc rc = sgs_count_get(t->tx, i, &c);

	if (rc != RC_OK)
		return rc;
	if (t->totals.replays >= max->replay_max || c.replays >= max->replay_device_max)
		return RC_UNAVAILABLE;
	t->totals.replays++;
	c.replays++;
	rc = sgs_count_put(t->tx, i, &c);
	if (rc == RC_OK)
		rc = table_row_put(t->tx, &k, &row, sizeof(row));
	return rc == RC_OK ? sgs_due_put(t->tx, row.expires, SGS_DUE_REPLAY, &k) : rc;
}

static enum rc
invite_put(struct sgs_turn *t, const struct sgs_invite *n)
{
	struct table_key of_i = sgs_key_of(SGS_T_PARTY, n->i, n->sid);
	struct table_key of_j = sgs_key_of(SGS_T_PARTY, n->j, n->sid);
	struct sgs_session_row row = { .i = n->i,
		                       .j = n->j,
		                       .state = SGS_INVITED,
		                       .suite = n->suite,
		                       .serial = n->serial,
		                       .created = (uint64_t)t->now,
		                       .expires = (uint64_t)n->expires };
	enum rc rc = state_put(t, n->sid, &row, n->state);

	if (rc == RC_OK)
		rc = sgs_session_put(t->tx, n->sid, &row);
	if (rc == RC_OK)
		rc = expires_put(t->tx, n->sid, 0, row.expires);
	if (rc == RC_OK)
		rc = tables_put(t->tx, table_key_view(&of_i), SLICE_NONE);
	return rc == RC_OK ? tables_put(t->tx, table_key_view(&of_j), SLICE_NONE) : rc;
}

static enum rc
run_invite(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_invite *n = (struct sgs_invite *)(void *)op;
	const struct sgs_load a2 = { .octets = n->to_j, .ttl = t->b->conf.limits.half_open_ttl };
	enum rc rc = invite_check(t, n);

	n->expires = t->now + t->b->conf.limits.half_open_ttl;
	if (rc == RC_OK)
		rc = replay_put(t, n->i, n->sid);
	if (rc == RC_OK)
		rc = session_more(t, n);
	if (rc == RC_OK)
		rc = invite_put(t, n);
	if (rc == RC_OK)
		rc = sgs_item_put(t, n->j, &a2);
	sgs_op_tells(op, SGS_TOLD_ITEM, n->j);
	return rc;
}

void
sgs_session_invite(struct sgs_book *b, struct sgs_invite *n)
{
	sgs_op_submit(b, &n->op, n->to_j.n + n->state.n, run_invite);
}

static enum rc
run_spend(struct sgs_turn *t, struct sgs_op *op)
{
	const struct sgs_spend *s = (const struct sgs_spend *)(const void *)op;
	enum rc rc = replay_check(t, s->device, s->sid);

	return rc == RC_OK ? replay_put(t, s->device, s->sid) : rc;
}

void
sgs_session_spend(struct sgs_book *b, struct sgs_spend *s)
{
	sgs_op_submit(b, &s->op, 0, run_spend);
}

/* ---- A3, B1, B3 ---- */

/* By the state that a step leads to. */
static const struct {
	enum sgs_state from;
	bool by_i, to_i, to_j;
} steps[] = {
	[SGS_ACCEPTED] = { SGS_INVITED, false, true, false },
	[SGS_REQUESTED] = { SGS_ACCEPTED, true, false, true },
	[SGS_OPEN] = { SGS_REQUESTED, false, true, true },
};

static enum rc
step_check(struct sgs_turn *t, const struct sgs_step *s, struct sgs_session_row *row)
{
	enum rc rc;

	if (s->to < SGS_ACCEPTED || s->to > SGS_OPEN || steps[s->to].to_i != (s->to_i.n > 0) ||
	    steps[s->to].to_j != (s->to_j.n > 0))
		return RC_BAD_REQUEST;
	if (s->state.n > SGS_STATE_MAX || s->to_i.n > SGS_MESSAGE_MAX ||
	    s->to_j.n > SGS_MESSAGE_MAX)
		return RC_TOO_LARGE;
	rc = sgs_session_row(t->tx, s->sid, t->now, row);
	if (rc != RC_OK)
		return rc;
	if (s->by != (steps[s->to].by_i ? row->i : row->j))
		return RC_FORBIDDEN;
	return row->state == steps[s->to].from ? RC_OK : RC_CONFLICT;
}

/* It is not half-open any more. */
static enum rc
opened(struct sgs_turn *t, struct sgs_session_row *row)
{
	struct sgs_count_row c;
	enum rc rc = sgs_count_get(t->tx, row->i, &c);

	if (rc == RC_OK)
		rc = half_open_less(t, row, &c);
	row->opened = (uint64_t)t->now;
	return rc == RC_OK ? sgs_count_put(t->tx, row->i, &c) : rc;
}

static enum rc
step_items(struct sgs_turn *t, struct sgs_step *s, const struct sgs_session_row *row)
{
	const struct sgs_limits *max = &t->b->conf.limits;
	int64_t ttl = s->to == SGS_OPEN ? max->item_ttl : max->half_open_ttl;
	const struct sgs_load to_i = { .octets = s->to_i, .ttl = ttl };
	const struct sgs_load to_j = { .octets = s->to_j, .ttl = ttl };
	enum rc rc = RC_OK;

	if (s->to_i.n > 0) {
		rc = sgs_item_put(t, row->i, &to_i);
		sgs_op_tells(&s->op, SGS_TOLD_ITEM, row->i);
	}
	if (rc == RC_OK && s->to_j.n > 0) {
		rc = sgs_item_put(t, row->j, &to_j);
		sgs_op_tells(&s->op, SGS_TOLD_ITEM, row->j);
	}
	return rc;
}

static enum rc
run_step(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_step *s = (struct sgs_step *)(void *)op;
	const struct sgs_limits *max = &t->b->conf.limits;
	struct sgs_session_row row;
	enum rc rc = step_check(t, s, &row);

	if (rc != RC_OK)
		return rc;
	s->expires = t->now + (s->to == SGS_OPEN ? max->session_ttl : max->half_open_ttl);
	rc = expires_put(t->tx, s->sid, row.expires, (uint64_t)s->expires);
	row.expires = (uint64_t)s->expires;
	if (rc == RC_OK && s->to == SGS_OPEN)
		rc = opened(t, &row);
	row.state = s->to;
	if (rc == RC_OK)
		rc = state_put(t, s->sid, &row, s->state);
	if (rc == RC_OK)
		rc = sgs_session_put(t->tx, s->sid, &row);
	return rc == RC_OK ? step_items(t, s, &row) : rc;
}

void
sgs_session_step(struct sgs_book *b, struct sgs_step *s)
{
	sgs_op_submit(b, &s->op, s->to_i.n + s->to_j.n + s->state.n, run_step);
}

/* ---- the end ---- */

static enum rc
end_items(struct sgs_turn *t, struct sgs_end *e, const struct sgs_session_row *row)
{
	const int64_t ttl = t->b->conf.limits.item_ttl;
	const struct sgs_load to_i = { .octets = e->to_i, .ttl = ttl };
	const struct sgs_load to_j = { .octets = e->to_j, .ttl = ttl };
	enum rc rc = sgs_item_offer(t, row->i, &to_i, &e->told_i);

	if (rc == RC_OK)
		rc = sgs_item_offer(t, row->j, &to_j, &e->told_j);
	if (e->told_i)
		sgs_op_tells(&e->op, SGS_TOLD_ITEM, row->i);
	if (e->told_j)
		sgs_op_tells(&e->op, SGS_TOLD_ITEM, row->j);
	return rc;
}

static enum rc
run_end(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_end *e = (struct sgs_end *)(void *)op;
	struct sgs_session_row row;
	enum rc rc;

	e->told_i = e->told_j = false;
	if (e->to_i.n > SGS_MESSAGE_MAX || e->to_j.n > SGS_MESSAGE_MAX)
		return RC_TOO_LARGE;
	rc = sgs_session_row(t->tx, e->sid, t->now, &row);
	if (rc != RC_OK)
		return rc;
	if (e->by != 0 && e->by != row.i && e->by != row.j)
		return RC_FORBIDDEN;
	if (e->in != 0 && e->in != row.state)
		return RC_CONFLICT;
	t->totals.ended++;
	rc = sgs_session_remove(t, e->sid);
	return rc == RC_OK ? end_items(t, e, &row) : rc;
}

void
sgs_session_end(struct sgs_book *b, struct sgs_end *e)
{
	sgs_op_submit(b, &e->op, e->to_i.n + e->to_j.n, run_end);
}
