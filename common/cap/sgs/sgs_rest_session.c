/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: looked at, ended; their records. */
#include "config.h"

#include "cap/sgs/sgs_rest_own.h"
#include "sec/hex.h"

/* ---- as a document ---- */

static const struct sgs_field session_fields[] = {
	SGS_FIELD(struct sgs_session_doc, id, "id", SGS_HEX, true),
	SGS_FIELD(struct sgs_session_doc, initiator, "initiator", SGS_TEXT, true),
	SGS_FIELD(struct sgs_session_doc, responder, "responder", SGS_TEXT, true),
	SGS_FIELD(struct sgs_session_doc, suite, "suite", SGS_NUMBER, true),
	SGS_FIELD(struct sgs_session_doc, state, "state", SGS_TEXT, true),
	SGS_FIELD(struct sgs_session_doc, expires, "expires", SGS_TIME, true),
	SGS_FIELD(struct sgs_session_doc, next_i, "nextFromInitiator", SGS_NUMBER, true),
	SGS_FIELD(struct sgs_session_doc, next_j, "nextFromResponder", SGS_NUMBER, true),
};
const struct sgs_doc sgs_session_doc = { "session", session_fields,
	                                 sizeof(session_fields) / sizeof(session_fields[0]) };

void
sgs_session_tell(const struct sgs_call *c, const struct sgs_session *from,
                 struct sgs_session_doc *to)
{
	static const char *const states[] = { [SGS_INVITED] = "invited",
		                              [SGS_ACCEPTED] = "accepted",
		                              [SGS_REQUESTED] = "requested",
		                              [SGS_OPEN] = "established" };

	memcpy(to->id, from->sid, SGS_SID_BYTES);
	to->initiator = sgs_call_name(c, from->i);
	to->responder = sgs_call_name(c, from->j);
	to->state = slice_of(states[from->state]);
	to->suite = from->suite;
	to->expires = (uint64_t)(from->expires / CLOCK_SECOND);
	to->next_i = from->next_i;
	to->next_j = from->next_j;
}

/* Of a party, or of a manager. RC_NOT_FOUND also for others. */
static enum rc
find_session(struct sgs_call *c)
{
	enum rc rc;

	if (!sgs_call_sid(c))
		return RC_NOT_FOUND;
	rc = sgs_session_get(c->view, c->sid, &c->session);
	if (rc == RC_OK && c->device != 0 && c->device != c->session.i && c->device != c->session.j)
		rc = RC_NOT_FOUND;
	return rc;
}

enum rc
sgs_rest_session_get(struct sgs_call *c)
{
	struct sgs_session_doc doc;
	enum rc rc = find_session(c);

	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	sgs_session_tell(c, &c->session, &doc);
	return sgs_call_answer(c, RC_OK, &sgs_session_doc, &doc);
}

/* ---- its end ---- */

/*
 * What the other party, or both, are told; nothing when nothing is kept of the session that it
 * could be told with: it meets 404 then.
 */
static void
make_rejects(struct sgs_call *c, struct sga_server_session *ss, const struct key *kd_i)
{
	if (c->device != c->session.i)
		(void)sga_server_refuse(ss, SGA_ROLE_I, kd_i, &c->to_i);
	if (c->device != c->session.j)
		(void)sga_server_refuse(ss, SGA_ROLE_J, NULL, &c->to_j);
}

/* The state that they are made in; 0: there are none. */
static enum sgs_state
prepare_rejects(struct sgs_call *c)
{
	struct sgs_secrets *x = c->secrets;
	struct sga_server_session *ss = NULL;
	struct sgs_session now;
	struct sgs_view *v;
	enum rc rc = sgs_view_open(c->s->book, &v);

	if (rc != RC_OK)
		return 0;
	rc = sgs_session_get(v, c->sid, &now);
	if (rc == RC_OK)
		rc = sgs_session_state(v, c->sid, x->state, sizeof(x->state), &x->n_state);
	x->has_i = rc == RC_OK && sgs_device_kd(v, c->session.i, x->i.kd.v) == RC_OK;
	sgs_view_close(v);
	if (rc == RC_OK && x->n_state > 0)
		(void)sga_server_session_load(sgs_step_state(c), &ss);
	if (ss == NULL)
		return 0;
	make_rejects(c, ss, x->has_i ? &x->i.kd : NULL);
	sga_server_session_free(ss);
	return now.state;
}

static void close_now(struct sgs_call *c);

/* RC_CONFLICT: a step was stored after the rejects had been made. */
static void
closed(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	if (op->rc == RC_CONFLICT)
		sgs_call_to_pool(c, close_now);
	else
		c->closed(op);
}

/*
 * Rejects take the next counter of their hop: they are of use only as long as no step has taken the
 * same one, or two messages would go under one nonce.
 */
static void
close_now(struct sgs_call *c)
{
	enum sgs_state in;

	buf_clear(&c->to_i);
	buf_clear(&c->to_j);
	in = prepare_rejects(c);
	c->u.end = (struct sgs_end){ .op = { .done = closed, .owner = c },
		                     .by = c->device,
		                     .in = in,
		                     .to_i = buf_view(&c->to_i),
		                     .to_j = buf_view(&c->to_j) };
	memcpy(c->u.end.sid, c->sid, SGS_SID_BYTES);
	sgs_session_end(c->s->book, &c->u.end);
}

void
sgs_session_close(struct sgs_call *c, void (*done)(struct sgs_op *op))
{
	c->closed = done;
	close_now(c);
}

static void
close_run(struct sgs_call *c)
{
	if (sgs_step_begin(c))
		sgs_session_close(c, sgs_call_ended);
}

static void
close_begin(struct req *rq)
{
	sgs_call_to_pool(sgs_call_of(rq), close_run);
}

enum rc
sgs_rest_session_delete(struct sgs_call *c)
{
	enum rc rc = find_session(c);

	c->session.sid = NULL; /* is the view's */
	return rc == RC_OK ? sgs_call_pend(c, close_begin) : sgs_call_failed(c, rc);
}

/* ---- records ---- */

static void
taken(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	switch (op->rc) {
	case RC_OK:
		sgs_guard_count(c->s->guard, SGS_N_RECORDS, c->u.message.again ? 0 : 1);
		sgs_call_done(c, RC_CREATED);
		return;
	case RC_CONFLICT:
		sgs_call_refuse(c, RC_CONFLICT, "order");
		return;
	case RC_PRECONDITION:
		sgs_call_refuse(c, RC_CONFLICT, "confirm");
		return;
	default:
		sgs_call_failed(c, op->rc);
	}
}

static void
put_record(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_message_put(c->s->book, &c->u.message);
}

enum rc
sgs_rest_record(struct sgs_call *c)
{
	enum rc rc;

	memcpy(c->sid, c->header.sid.v, SGS_SID_BYTES);
	rc = sgs_session_get(c->view, c->sid, &c->session);
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	/* Its peer could not open it, and would wait for its number. */
	if (c->session.suite != c->header.suite)
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	c->session.sid = NULL; /* is the view's */
	c->u.message = (struct sgs_message){
		.op = { .done = taken, .owner = c },
		.by = c->device,
		.ctr = c->header.ctr,
		.confirm = (c->header.flags & SGA_FLAG_CONFIRMED) != 0,
		.octets = c->message,
	};
	memcpy(c->u.message.sid, c->sid, SGS_SID_BYTES);
	return sgs_call_pend(c, put_record);
}
