/* SPDX-License-Identifier: Apache-2.0 */
/* A1: who invites, and whom. */
#include "config.h"

#include "cap/sgs/sgs_rest_own.h"
#include "core/peer.h"
#include "sec/hex.h"

/* RC_NOT_FOUND: no such device; out has no key then. */
static enum rc
find_party(const struct sgs_view *v, const struct sga_id *id, struct sga_party *out,
           uint64_t *number)
{
	struct sgs_device d;
	enum rc rc = sgs_device_find(v, sga_id_slice(id), &d);

	*number = 0;
	if (rc != RC_OK)
		return rc;
	out->id = *id;
	out->suite = d.suite;
	out->cid0 = d.cid0;
	out->cids = d.cidset;
	*number = d.number;
	return sgs_device_kd(v, d.number, out->kd.v);
}

/* The ciphers that the policy lets those two use. */
static uint16_t
allowed(const struct sgs *s, const struct sga_party *i, const struct sga_party *j)
{
	uint16_t common = i->cids & j->cids & s->ciphers;

	if (s->conf->server.policy == SGA_POLICY_ALLOWED)
		return common;
	for (size_t n = 0; n < s->conf->n_ciphers; n++) {
		uint16_t bit = sga_cipher_bit(s->conf->ciphers[n]);

		if ((common & bit) != 0)
			return bit;
	}
	return 0;
}

/* ---- refused for good ---- */

static void
spent(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;

	if (op->rc != RC_OK && op->rc != RC_DENIED)
		sgs_call_failed(c, op->rc);
	else if (op->rc == RC_DENIED || c->code == RC_DENIED)
		sgs_call_class(c, SGS_BY_REPLAY, SLICE_NONE);
	else
		sgs_call_refuse(c, c->code, c->code == RC_FORBIDDEN ? "cipher" : "peer");
}

/* Who hears that gives it up: nobody can have it taken later. code: RC_DENIED is answered class 2. */
static void
refuse(struct sgs_call *c, uint64_t i, enum rc code)
{
	c->code = code;
	c->u.spend = (struct sgs_spend){ .op = { .done = spent, .owner = c }, .device = i };
	memcpy(c->u.spend.sid, c->header.sid.v, SGS_SID_BYTES);
	sgs_session_spend(c->s->book, &c->u.spend);
}

/* ---- taken ---- */

static void
invited(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;
	char sid[2 * SGS_SID_BYTES + 1];

	switch (op->rc) {
	case RC_OK:
		sgs_guard_count(c->s->guard, SGS_N_INVITED, 1);
		hex_encode(c->header.sid.v, SGS_SID_BYTES, sid);
		sgs_call_location(c, "negotiations/%s", sid);
		sgs_call_done(c, RC_ACCEPTED);
		return;
	case RC_DENIED:
		sgs_call_class(c, SGS_BY_REPLAY, SLICE_NONE);
		return;
	case RC_CONFLICT:
		refuse(c, c->u.invite.i, RC_DENIED);
		return;
	case RC_PRECONDITION:
		sgs_call_class(c, SGS_BY_OPENING, SLICE_NONE);
		return;
	case RC_NOT_FOUND:
		refuse(c, c->u.invite.i, RC_NOT_FOUND);
		return;
	default:
		sgs_call_failed(c, op->rc);
	}
}

static void
put_invitation(struct sgs_call *c, uint64_t i, uint64_t j, struct sga_server_session *ss)
{
	enum rc rc = sgs_step_save(c, ss);

	if (rc != RC_OK) {
		sgs_call_failed(c, rc);
		return;
	}
	c->u.invite = (struct sgs_invite){
		.op = { .done = invited, .owner = c },
		.i = i,
		.j = j,
		.suite = c->header.suite,
		.serial = sgs_keyset_serial(c->keys),
		.state = sgs_step_state(c),
		.to_j = buf_view(&c->to_j),
	};
	memcpy(c->u.invite.sid, c->header.sid.v, SGS_SID_BYTES);
	sgs_session_invite(c->s->book, &c->u.invite);
}

/* A1 is of i, and new. */
static void
invite(struct sgs_call *c, uint64_t i, uint64_t j)
{
	struct sgs_secrets *x = c->secrets;
	struct sga_server_session *ss = NULL;
	enum rc rc;

	if (j == 0 || j == i) {
		refuse(c, i, RC_NOT_FOUND);
		return;
	}
	rc = sga_a2_make(sgs_keyset_keys(c->keys), &x->a1, &x->i, &x->j,
	                 allowed(c->s, &x->i, &x->j), sgs_now(c->s), NULL, &ss, &c->to_j);
	if (rc == RC_FORBIDDEN)
		refuse(c, i, rc);
	else if (rc != RC_OK)
		sgs_call_failed(c, rc);
	else
		put_invitation(c, i, j, ss);
	sga_server_session_free(ss);
}

static void
challenge(struct sgs_call *c, const struct sga_challenger *of)
{
	uint8_t text[SGA_CHALLENGE_SIZE];
	enum rc rc = sga_challenge_make(of, &c->header.sid, text);

	if (rc == RC_OK)
		sgs_call_challenge(c, text);
	else
		sgs_call_failed(c, rc);
}

/* Who says that it is i is proved, known or not, with the same work. */
static void
prove_a1(struct sgs_call *c, uint64_t i, uint64_t j, bool replayed)
{
	struct sgs_secrets *x = c->secrets;
	struct slice id = sga_id_slice(&x->a1.ids.i);
	const struct sga_challenger of = {
		.cookie = &c->s->cookie,
		.peer = c->in->peer == NULL ? SLICE_NONE : c->in->peer->address,
		.now = sgs_now(c->s),
	};
	enum rc rc = sga_a1_check(&x->a1, &of, i == 0 ? NULL : &x->i.kd);

	if (rc == RC_PRECONDITION)
		challenge(c, &of);
	else if (rc == RC_DENIED)
		sgs_call_class(c, i == 0 ? SGS_BY_UNKNOWN : SGS_BY_MAC, id);
	else if (rc != RC_OK)
		sgs_call_failed(c, rc);
	else if (replayed)
		sgs_call_class(c, SGS_BY_REPLAY, SLICE_NONE);
	else
		invite(c, i, j);
}

static void
look_up_a1(struct sgs_call *c)
{
	struct sgs_secrets *x = c->secrets;
	uint64_t i = 0, j = 0;
	bool replayed = false;
	struct sgs_view *v;
	enum rc rc = sgs_view_open(c->s->book, &v);

	if (rc == RC_OK) {
		rc = find_party(v, &x->a1.ids.i, &x->i, &i);
		if (rc == RC_OK || rc == RC_NOT_FOUND)
			rc = find_party(v, &x->a1.ids.j, &x->j, &j);
		replayed = i != 0 && sgs_replayed(v, i, c->header.sid.v);
		sgs_view_close(v);
	}
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		prove_a1(c, i, j, replayed);
	else
		sgs_call_failed(c, rc);
}

void
sgs_rest_invite(struct sgs_call *c)
{
	struct sgs_keyset *before;
	unsigned retry = 0;
	enum rc rc = RC_DENIED;

	if (!sgs_step_begin(c))
		return;
	/* Both devices hash the package: one that is not current is fetched anew. */
	c->keys = sgs_ring_current(c->s->ring, c->header.suite, &before);
	sgs_keyset_end(before);
	if (c->keys != NULL)
		rc = sga_a1_open(sgs_keyset_keys(c->keys), c->message, &c->secrets->a1);
	if (rc == RC_DENIED)
		sgs_call_class(c, SGS_BY_OPENING, SLICE_NONE);
	else if (rc != RC_OK)
		sgs_call_failed(c, rc);
	else if (!sgs_guard_allow(c->s->guard, sga_id_slice(&c->secrets->a1.ids.i), SLICE_NONE,
	                          &retry))
		sgs_call_later(c, retry);
	else
		look_up_a1(c);
}
