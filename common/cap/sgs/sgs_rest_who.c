/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: a manager, or a device by X-M2M-SGA. */
#include "config.h"

#include <unistd.h>

#include "cap/pxy/px_who.h"
#include "cap/sec/sec.h"
#include "cap/sgs/sgs_rest_own.h"
#include "mas/admin.h"

const char *
sgs_method_name(enum req_op method)
{
	static const char *const names[] = { [REQ_CREATE] = "POST",
		                             [REQ_RETRIEVE] = "GET",
		                             [REQ_UPDATE] = "PUT",
		                             [REQ_DELETE] = "DELETE" };

	return names[method];
}

/* ---- who: a manager ---- */

/* On a listener of administrators: the role in a certificate, or a process of the same user. */
static bool
is_administrator(const struct sgs_call *c)
{
	const struct peer *peer = c->in->peer;

	if ((endpoint_listener(c->rq)->serve & SERVE_ADMIN) == 0 || peer == NULL)
		return false;
	if (peer->kind == PEER_UNIX)
		return peer->uid == geteuid() || peer->uid == 0;
	return admin_has_role(peer);
}

bool
sgs_call_is_manager(const struct sgs_call *c, const struct endpoint_who *who)
{
	const struct listener_policy *policy = endpoint_listener(c->rq)->policy;
	bool claims = policy != NULL && !policy->proved;
	struct px_who name;

	if (is_administrator(c))
		return true;
	if (px_who_text(who, false, claims, who->claimed, &name) != RC_OK)
		return false;
	for (const char *const *m = c->s->conf->server.managers; *m != NULL; m++)
		if (slice_is(name.name, *m))
			return true;
	return false;
}

/* ---- who: a device ---- */

/* A call that was pending before may be gone when serve has returned. */
enum rc
sgs_call_serve(struct sgs_call *c, struct sgs_view *v)
{
	bool pending = c->pending;
	enum rc rc;

	c->view = v;
	rc = c->op->serve(c);
	if (!pending)
		c->view = NULL;
	sgs_view_close(v);
	return rc;
}

static struct slice
target_of(const struct sgs_call *c)
{
	struct slice query = endpoint_query(c->rq);

	return ARENA_JOIN(c->arena, SLICE_LIT("/"), endpoint_rest(c->rq),
	                  query.n > 0 ? SLICE_LIT("?") : SLICE_NONE, query);
}

/* RC_OK, RC_DENIED, else trouble. *known: there is such a device, which is in d then. */
static enum rc
check_tag(const struct sgs_call *c, const struct sgs_view *v, struct sgs_device *d, bool *known)
{
	const struct sga_request rq = { .method = slice_of(sgs_method_name(c->in->op)),
		                        .target = target_of(c),
		                        .body = c->in->body };
	struct key kd, key;
	enum rc rc;

	*known = sgs_device_find(v, sga_id_slice(&c->tag.id), d) == RC_OK;
	if (*known) {
		rc = sgs_device_kd(v, d->number, kd.v);
	} else {
		/* The same work for nobody. */
		rc = key_random(&kd);
	}
	if (rc == RC_OK)
		rc = sga_tag_key(&kd, &c->tag.id, &c->s->id, &key);
	if (rc == RC_OK)
		rc = sga_tag_check(*known ? &key : NULL, &rq, &c->tag);
	key_wipe(&kd);
	key_wipe(&key);
	return rq.target.p == NULL ? RC_UNAVAILABLE : rc;
}

static void prove_again(struct sgs_call *c);

static void
raised(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	if (op->rc == RC_PRECONDITION) {
		sgs_call_class(c, SGS_BY_COUNTER, SLICE_NONE);
	} else if (op->rc != RC_OK) {
		sgs_call_failed(c, op->rc);
	} else {
		sgs_seen_raised(c->s->seen, c->device, c->u.counter.regctr, c->u.counter.ceiling);
		sgs_call_to_pool(c, prove_again);
	}
}

static void
raise(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_counter_raise(c->s->book, &c->u.counter);
}

/* The tag is good: is its counter? v is closed, or handed on. */
static enum rc
take_counter(struct sgs_call *c, struct sgs_view *v, const struct sgs_device *d)
{
	enum sgs_seen_answer seen = endpoint_is_again(c->rq)
	                                    ? SGS_SEEN_TAKEN
	                                    : sgs_seen_take(c->s->seen, d, c->tag.counter);

	c->device = d->number;
	if (seen == SGS_SEEN_TAKEN)
		return sgs_call_serve(c, v);
	c->u.counter = (struct sgs_counter){ .op = { .done = raised, .owner = c },
		                             .device = d->number,
		                             .regctr = d->regctr,
		                             .ctr = c->tag.counter };
	sgs_view_close(v);
	if (seen == SGS_SEEN_OLD)
		return sgs_call_class(c, SGS_BY_COUNTER, SLICE_NONE);
	if (seen == SGS_SEEN_FULL || c->tries++ > 0)
		return sgs_call_failed(c, RC_UNAVAILABLE);
	return sgs_call_pend(c, raise);
}

/* The ceiling is above the counter now; the device is looked at anew. */
static void
prove_again(struct sgs_call *c)
{
	struct sgs_device d;
	struct sgs_view *v;
	enum rc rc = sgs_view_open(c->s->book, &v);

	if (rc == RC_OK) {
		rc = sgs_device_get(v, c->device, &d);
		if (rc == RC_OK) {
			(void)take_counter(c, v, &d);
			return;
		}
		sgs_view_close(v);
	}
	if (rc == RC_NOT_FOUND)
		sgs_call_class(c, SGS_BY_UNKNOWN, SLICE_NONE);
	else
		sgs_call_failed(c, rc);
}

enum rc
sgs_call_prove(struct sgs_call *c)
{
	unsigned retry = 0;
	struct sgs_device d;
	struct sgs_view *v;
	bool known = false;
	enum rc rc;

	if (c->in->sga.n == 0)
		return sgs_call_class(c, SGS_BY_MISSING, SLICE_NONE);
	if (!sga_tag_parse(c->in->sga, &c->tag))
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	if (!sgs_guard_allow(c->s->guard, sga_id_slice(&c->tag.id), c->source, &retry))
		return sgs_call_later(c, retry);
	rc = sgs_view_open(c->s->book, &v);
	if (rc != RC_OK)
		return sgs_call_failed(c, rc);
	rc = check_tag(c, v, &d, &known);
	if (rc == RC_OK)
		return take_counter(c, v, &d);
	sgs_view_close(v);
	if (rc == RC_DENIED)
		return sgs_call_class(c, known ? SGS_BY_MAC : SGS_BY_UNKNOWN,
		                      sga_id_slice(&c->tag.id));
	return sgs_call_failed(c, rc);
}
