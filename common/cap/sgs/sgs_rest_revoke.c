/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DELETE devices/{id}: first the peers of its sessions are told, one session after the other, then
 * the owners of the groups that it is in; then it is gone. What comes to be meanwhile goes with it,
 * without a word.
 */
#include "config.h"

#include "cap/sgs/sgs_rest_own.h"

#define STEPS_MAX 65536u /* of sessions and groups; beyond that nobody is told */

static void next(struct sgs_call *c);

static void
revoked(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	if (op->rc == RC_OK)
		LOG_WARN(c->s->log, "sga-revoked", LOG_S("id", c->stars[0]));
	sgs_call_ended(op);
}

static void
revoke(struct sgs_call *c)
{
	c->u.revoke =
		(struct sgs_revoke){ .op = { .done = revoked, .owner = c }, .device = c->device };
	sgs_device_revoke(c->s->book, &c->u.revoke);
}

/* Also when it has ended in the meantime: the next one. */
static void
one_done(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	if (op->rc == RC_OK || op->rc == RC_NOT_FOUND)
		sgs_call_to_pool(c, next);
	else
		sgs_call_failed(c, op->rc);
}

static bool
take_session(void *arg, const struct sgs_session *s)
{
	struct sgs_call *c = arg;

	c->session = *s;
	c->session.sid = c->sid;
	memcpy(c->sid, s->sid, SGS_SID_BYTES);
	return false;
}

static bool
take_group(void *arg, const struct sgs_group *g)
{
	struct sgs_call *c = arg;

	/* Its own ones end with it. */
	if (g->owner == c->device)
		return true;
	memcpy(c->sid, g->gid, SGS_SID_BYTES);
	c->max = 1;
	return false;
}

/* The device leaves the group of c->sid. */
static void
leave(struct sgs_call *c, const struct sgs_view *v)
{
	struct sgs_device d;
	struct sgs_group g;
	struct sga_id id;
	enum rc rc = sgs_group_get(v, c->sid, &g);

	buf_clear(&c->to_i);
	if (rc == RC_OK)
		rc = sgs_device_get(v, c->device, &d);
	if (rc == RC_OK)
		rc = sga_id_make(d.id, &id);
	if (rc == RC_OK)
		(void)sgs_notice(c->s, v, &g, &id, &c->to_i);
	c->u.leave = (struct sgs_group_leave){ .op = { .done = one_done, .owner = c },
		                               .member = c->device,
		                               .to_owner = buf_view(&c->to_i) };
	memcpy(c->u.leave.gid, c->sid, SGS_SID_BYTES);
}

enum what { NOTHING, SESSION, GROUP };

static enum what
find_next(struct sgs_call *c, const struct sgs_view *v)
{
	c->session.i = 0;
	c->max = 0;
	if (c->tries++ >= STEPS_MAX ||
	    sgs_session_list(v, c->device, NULL, 1, take_session, c) != RC_OK)
		return NOTHING;
	if (c->session.i != 0)
		return SESSION;
	if (sgs_group_list(v, c->device, NULL, 0, take_group, c) != RC_OK || c->max == 0)
		return NOTHING;
	leave(c, v);
	return GROUP;
}

static void
next(struct sgs_call *c)
{
	struct sgs_view *v;
	enum what what;
	enum rc rc = sgs_view_open(c->s->book, &v);

	if (rc != RC_OK) {
		sgs_call_failed(c, rc);
		return;
	}
	what = find_next(c, v);
	sgs_view_close(v);
	if (what == SESSION)
		sgs_session_close(c, one_done);
	else if (what == GROUP)
		sgs_group_leave(c->s->book, &c->u.leave);
	else
		revoke(c);
}

static void
run(struct sgs_call *c)
{
	if (sgs_step_begin(c))
		next(c);
}

static void
begin(struct req *rq)
{
	sgs_call_to_pool(sgs_call_of(rq), run);
}

enum rc
sgs_rest_device_delete(struct sgs_call *c)
{
	struct sgs_device d;
	enum rc rc = sgs_device_find(c->view, c->stars[0], &d);

	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	c->device = d.number;
	return sgs_call_pend(c, begin);
}
