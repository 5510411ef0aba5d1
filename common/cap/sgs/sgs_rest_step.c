/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of the protocol: a message, the private keys that it needs, one operation of the book.
 * All on threads of the pool.
 */
#include "config.h"

#include "cap/sgs/sgs_rest_own.h"
#include "sec/hex.h"

/* ---- what they have in common ---- */

bool
sgs_step_begin(struct sgs_call *c)
{
	c->secrets = secret_alloc(sizeof(*c->secrets));
	if (c->secrets != NULL)
		return true;
	sgs_call_failed(c, RC_UNAVAILABLE);
	return false;
}

enum rc
sgs_step_save(struct sgs_call *c, const struct sga_server_session *ss)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, SGS_STATE_MAX);
	b.secret = true;
	rc = sga_server_session_save(ss, &b);
	if (rc == RC_OK) {
		memcpy(c->secrets->state, b.p, b.n);
		c->secrets->n_state = b.n;
	}
	if (b.p != NULL)
		secret_wipe(b.p, b.n);
	buf_fini(&b);
	return rc;
}

struct slice
sgs_step_state(const struct sgs_call *c)
{
	return slice_make(c->secrets->state, c->secrets->n_state);
}

/* ---- steps of a session that is there ---- */

/*
 * The session, its state in the secrets, kd of both. RC_NOT_FOUND: none, or nothing of it is kept
 * any more.
 */
static enum rc
load_session(struct sgs_call *c, struct sga_server_session **out)
{
	struct sgs_secrets *x = c->secrets;
	struct sgs_view *v;
	enum rc rc = sgs_view_open(c->s->book, &v);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	rc = sgs_session_get(v, c->header.sid.v, &c->session);
	if (rc == RC_OK)
		rc = sgs_session_state(v, c->header.sid.v, x->state, sizeof(x->state), &x->n_state);
	if (rc == RC_OK)
		x->has_i = sgs_device_kd(v, c->session.i, x->i.kd.v) == RC_OK;
	if (rc == RC_OK)
		x->has_j = sgs_device_kd(v, c->session.j, x->j.kd.v) == RC_OK;
	c->session.sid = NULL; /* is the view's */
	sgs_view_close(v);
	if (rc == RC_OK && x->n_state == 0)
		rc = RC_NOT_FOUND;
	return rc == RC_OK ? sga_server_session_load(sgs_step_state(c), out) : rc;
}

static const struct key *
kd_i(const struct sgs_call *c)
{
	return c->secrets->has_i ? &c->secrets->i.kd : NULL;
}

static const struct key *
kd_j(const struct sgs_call *c)
{
	return c->secrets->has_j ? &c->secrets->j.kd : NULL;
}

struct step {
	enum sgs_state to;
	uint64_t by;
	enum rc code; /* of the answer */
	enum sgs_tally counter;
};

static void
stepped(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;
	char sid[2 * SGS_SID_BYTES + 1];

	if (op->rc == RC_CONFLICT) {
		sgs_call_refuse(c, op->rc, "state");
		return;
	}
	if (op->rc != RC_OK) {
		sgs_call_failed(c, op->rc);
		return;
	}
	sgs_guard_count(c->s->guard, c->counter, 1);
	hex_encode(c->header.sid.v, SGS_SID_BYTES, sid);
	if (c->code == RC_ACCEPTED)
		sgs_call_location(c, "sessions/%s", sid);
	sgs_call_done(c, c->code);
}

static void
put_step(struct sgs_call *c, const struct sga_server_session *ss, const struct step *step)
{
	enum rc rc = sgs_step_save(c, ss);

	if (rc != RC_OK) {
		sgs_call_failed(c, rc);
		return;
	}
	c->code = step->code;
	c->counter = step->counter;
	c->u.step = (struct sgs_step){
		.op = { .done = stepped, .owner = c },
		.by = step->by,
		.to = step->to,
		.state = sgs_step_state(c),
		.to_i = buf_view(&c->to_i),
		.to_j = buf_view(&c->to_j),
	};
	memcpy(c->u.step.sid, c->header.sid.v, SGS_SID_BYTES);
	sgs_session_step(c->s->book, &c->u.step);
}

static void
put_end(struct sgs_call *c, enum sgs_state in, void (*done)(struct sgs_op *op))
{
	c->u.end = (struct sgs_end){ .op = { .done = done, .owner = c },
		                     .by = c->session.j,
		                     .in = in,
		                     .to_i = buf_view(&c->to_i),
		                     .to_j = buf_view(&c->to_j) };
	memcpy(c->u.end.sid, c->header.sid.v, SGS_SID_BYTES);
	sgs_session_end(c->s->book, &c->u.end);
}

/* What a step that is none is answered, whichever it is; a guess of subject if it is one. */
static void
refuse_step(struct sgs_call *c, enum rc rc, struct slice subject)
{
	if (rc == RC_DENIED)
		sgs_call_class(c, SGS_BY_MAC, subject);
	else if (rc == RC_CONFLICT || rc == RC_NOT_FOUND)
		sgs_call_class(c, SGS_BY_SESSION, SLICE_NONE);
	else
		sgs_call_failed(c, rc);
}

/* ---- A3 ---- */

static void
take_a3(struct sgs_call *c, struct sga_server_session *ss)
{
	struct sgs_secrets *x = c->secrets;
	struct slice j = sga_id_slice(&x->a3.ids.j);
	unsigned retry = 0;
	enum rc rc;

	if (!sgs_guard_allow(c->s->guard, j, SLICE_NONE, &retry)) {
		sgs_call_later(c, retry);
		return;
	}
	rc = sga_a3_take(ss, &x->a3, kd_i(c), kd_j(c), sgs_now(c->s), &c->to_i);
	if (rc != RC_OK) {
		refuse_step(c, rc, j);
	} else if ((x->a3.header.flags & SGA_FLAG_REFUSED) != 0) {
		c->code = RC_OK;
		c->counter = SGS_N_DECLINED;
		put_end(c, SGS_INVITED, stepped);
	} else {
		put_step(c, ss,
		         &(struct step){ SGS_ACCEPTED, c->session.j, RC_OK, SGS_N_ACCEPTED });
	}
}

/* Without a session the message is opened all the same: it takes as long. */
static enum rc
open_a3(struct sgs_call *c, bool found)
{
	struct sgs_keyset *before = NULL;

	if (found)
		c->keys = sgs_ring_find(c->s->ring, c->session.suite, c->session.serial);
	else
		c->keys = sgs_ring_current(c->s->ring, c->header.suite, &before);
	sgs_keyset_end(before);
	if (c->keys == NULL)
		return RC_DENIED;
	return sga_a3_open(sgs_keyset_keys(c->keys), c->message, &c->secrets->a3);
}

void
sgs_rest_accept(struct sgs_call *c)
{
	struct sga_server_session *ss = NULL;
	enum rc found, rc;

	if (!sgs_step_begin(c))
		return;
	found = load_session(c, &ss);
	rc = open_a3(c, found == RC_OK);
	if (rc == RC_DENIED)
		sgs_call_class(c, SGS_BY_OPENING, SLICE_NONE);
	else if (rc != RC_OK)
		sgs_call_failed(c, rc);
	else if (found != RC_OK)
		refuse_step(c, found, SLICE_NONE);
	else
		take_a3(c, ss);
	sga_server_session_free(ss);
}

/* ---- B1 ---- */

void
sgs_rest_request(struct sgs_call *c)
{
	struct sga_server_session *ss = NULL;
	enum rc rc;

	if (!sgs_step_begin(c))
		return;
	rc = load_session(c, &ss);
	if (rc == RC_OK)
		rc = sga_b1_take(ss, c->message, &c->to_j);
	if (rc == RC_OK)
		put_step(c, ss,
		         &(struct step){ SGS_REQUESTED, c->session.i, RC_ACCEPTED,
		                         SGS_N_REQUESTED });
	else
		refuse_step(c, rc, SLICE_NONE);
	sga_server_session_free(ss);
}

/* ---- B3 ---- */

/* B4: both have been told; who has asked is told no more. */
static void
failed(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	if (op->rc == RC_OK)
		sgs_guard_count(c->s->guard, SGS_N_FAILED, 1);
	sgs_call_class(c, SGS_BY_VERIFYING, SLICE_NONE);
}

static enum rc
take_b3(struct sgs_call *c, struct sga_server_session *ss)
{
	c->keys = sgs_ring_find(c->s->ring, c->session.suite, c->session.serial);
	if (c->keys == NULL)
		return RC_NOT_FOUND;
	return sga_b3_take(ss, sgs_keyset_keys(c->keys), c->message, kd_i(c), kd_j(c), NULL,
	                   &c->to_i, &c->to_j);
}

void
sgs_rest_respond(struct sgs_call *c)
{
	struct sga_server_session *ss = NULL;
	enum rc rc;

	if (!sgs_step_begin(c))
		return;
	rc = load_session(c, &ss);
	if (rc == RC_OK)
		rc = take_b3(c, ss);
	if (rc == RC_OK)
		put_step(c, ss, &(struct step){ SGS_OPEN, c->session.j, RC_OK, SGS_N_ESTABLISHED });
	else if (rc == RC_FORBIDDEN)
		put_end(c, SGS_REQUESTED, failed);
	else
		refuse_step(c, rc, SLICE_NONE);
	sga_server_session_free(ss);
}
