/* SPDX-License-Identifier: Apache-2.0 */
/* The package, registrations, contacts. */
#include "config.h"

#include "base/uri.h"
#include "cap/sgs/sgs_rest_own.h"
#include "sec/hex.h"

#define ROOT "registration"
#define TRIES 8u

/* ---- GET package ---- */

enum rc
sgs_rest_package(struct sgs_call *c)
{
	const struct sga_package *p;
	struct sgs_keyset *before;
	char tag[2 * SGA_HASH_SIZE + 1];
	uint64_t suite;

	if (!sgs_call_number(c, "suite", UINT8_MAX, 0, &suite))
		return sgs_call_class(c, SGS_BY_SYNTAX, SLICE_NONE);
	c->keys = sgs_ring_current(c->s->ring, suite == 0 ? SGA_SUITE_X : (uint8_t)suite, &before);
	sgs_keyset_end(before);
	if (c->keys == NULL && suite == 0) {
		c->keys = sgs_ring_current(c->s->ring, SGA_SUITE_C, &before);
		sgs_keyset_end(before);
	}
	if (c->keys == NULL)
		return sgs_call_refuse(c, RC_NOT_FOUND, "suite");
	p = sga_keys_package(sgs_keyset_keys(c->keys));
	hex_encode(p->dp.v, sizeof(p->dp.v), tag);
	if (endpoint_cache(c->rq, slice_of(tag)))
		return sgs_call_done(c, RC_NOT_MODIFIED);
	return sgs_call_message(c, RC_OK, "package", sga_package_octets(p));
}

/* ---- POST devices ---- */

static void look_up(struct sgs_call *c);

static enum rc
answer_r2(struct sgs_call *c, enum rc rc, struct slice r2)
{
	struct slice id = sga_id_slice(&c->secrets->r1.id);

	if (rc == RC_CREATED)
		sgs_call_location(c, "devices/%.*s", (int)id.n, id.p);
	return sgs_call_message(c, rc, ROOT, r2);
}

/* R2 that refuses, under the key that the device has just told. */
static void
refuse_r2(struct sgs_call *c, enum rc code, uint8_t status, uint64_t regctr)
{
	enum rc rc;

	buf_clear(&c->to_i);
	rc = sga_r2_make(&c->secrets->r1, &c->s->id, status, regctr, &c->to_i);
	if (rc == RC_OK)
		answer_r2(c, code, buf_view(&c->to_i));
	else
		sgs_call_failed(c, rc);
}

/* The same R1 was taken before: what it was answered. */
static void
answer_again(struct sgs_call *c)
{
	struct sgs_device d;
	struct sgs_view *v;
	enum rc rc = sgs_view_open(c->s->book, &v);

	if (rc == RC_OK) {
		rc = sgs_device_find(v, sga_id_slice(&c->secrets->r1.id), &d);
		if (rc == RC_OK)
			answer_r2(c, RC_CREATED, d.answer);
		sgs_view_close(v);
	}
	if (rc != RC_OK)
		sgs_call_failed(c, rc);
}

static void
registered(struct sgs_op *op)
{
	struct sgs_call *c = op->owner;
	struct slice id = sga_id_slice(&c->secrets->r1.id);

	switch (op->rc) {
	case RC_OK:
		if (c->u.registration.again) {
			sgs_call_to_pool(c, answer_again);
			return;
		}
		sgs_guard_count(c->s->guard, SGS_N_REGISTERED, 1);
		LOG_INFO(c->s->log, "sga-registered", LOG_S("id", id),
		         LOG_N("count", c->u.registration.regctr));
		answer_r2(c, RC_CREATED, buf_view(&c->to_i));
		return;
	case RC_DENIED:
		sgs_call_class(c, SGS_BY_TOKEN, id);
		return;
	case RC_NOT_FOUND:
		sgs_call_class(c, SGS_BY_UNKNOWN, id);
		return;
	case RC_CONFLICT:
		refuse_r2(c, RC_CONFLICT, SGA_STATUS_TAKEN, c->u.registration.regctr);
		return;
	case RC_PRECONDITION:
		if (c->tries++ < TRIES) {
			sgs_call_to_pool(c, look_up);
			return;
		}
		sgs_call_failed(c, RC_UNAVAILABLE);
		return;
	default:
		sgs_call_failed(c, op->rc);
	}
}

static void
put_device(struct sgs_call *c, uint64_t regctr, const uint8_t *token_hash)
{
	const struct sga_r1 *r1 = &c->secrets->r1;
	enum rc rc;

	buf_clear(&c->to_i);
	rc = sga_r2_make(r1, &c->s->id, SGA_STATUS_OK, regctr, &c->to_i);
	if (rc != RC_OK) {
		sgs_call_failed(c, rc);
		return;
	}
	c->u.registration = (struct sgs_register){
		.op = { .done = registered, .owner = c },
		.id = sga_id_slice(&r1->id),
		.token_hash = token_hash,
		.kd = r1->kd.v,
		.suite = r1->header.suite,
		.cid0 = r1->cid0,
		.cidset = r1->cids & c->s->ciphers,
		.sign = r1->signs ? r1->sign.v : NULL,
		.regctr = regctr,
		.answer = buf_view(&c->to_i),
	};
	memcpy(c->u.registration.r1_hash, r1->hash.v, SGS_HASH_BYTES);
	sgs_device_register(c->s->book, &c->u.registration);
}

/*
 * What entitles it: a token for that identity, or the key that the device has had. RC_DENIED. The
 * same R1 again is neither any more.
 */
static enum rc
is_entitled(const struct sgs_call *c, const struct sgs_view *v, const struct sgs_device *d,
            const struct sga_hash *token)
{
	const struct sga_r1 *r1 = &c->secrets->r1;
	struct slice id;
	struct key old;
	enum rc rc;

	if (!r1->again) {
		rc = sgs_token_get(v, token->v, &id);
		if (rc == RC_OK)
			return slice_eq(id, sga_id_slice(&r1->id)) ? RC_OK : RC_DENIED;
		return rc == RC_NOT_FOUND ? RC_DENIED : rc;
	}
	if (d == NULL)
		return sga_r1_again_ok(r1, &c->s->id, NULL);
	rc = sgs_device_kd(v, d->number, old.v);
	if (rc == RC_OK)
		rc = sga_r1_again_ok(r1, &c->s->id, &old);
	key_wipe(&old);
	return rc;
}

/* RC_OK: *regctr and *token are there; else the call has ended. */
static enum rc
judge(struct sgs_call *c, struct sgs_view *v, uint64_t *regctr, struct sga_hash *token)
{
	const struct sga_r1 *r1 = &c->secrets->r1;
	struct slice id = sga_id_slice(&r1->id);
	struct sgs_device d;
	bool known = sgs_device_find(v, id, &d) == RC_OK;
	enum rc rc = sga_hash(slice_make(r1->token, SGA_TOKEN_SIZE), token);

	if (rc == RC_OK)
		rc = sgs_regctr_next(v, id, regctr);
	if (rc == RC_OK)
		rc = is_entitled(c, v, known ? &d : NULL, token);
	if (rc == RC_DENIED && known && memcmp(d.r1_hash, r1->hash.v, SGS_HASH_BYTES) == 0)
		answer_r2(c, RC_CREATED, d.answer);
	else if (rc == RC_DENIED)
		sgs_call_class(c, r1->again ? SGS_BY_MAC : SGS_BY_TOKEN, id);
	else if (rc != RC_OK)
		sgs_call_failed(c, rc);
	return rc;
}

static void
look_up(struct sgs_call *c)
{
	const struct sga_r1 *r1 = &c->secrets->r1;
	struct sga_hash *token = ARENA_NEW(c->arena, struct sga_hash);
	uint64_t regctr = 0;
	struct sgs_view *v;
	bool again = r1->again, common = (sga_cipher_bit(r1->cid0) & c->s->ciphers) != 0;
	enum rc rc = token == NULL ? RC_UNAVAILABLE : sgs_view_open(c->s->book, &v);

	if (rc != RC_OK) {
		sgs_call_failed(c, rc);
		return;
	}
	rc = judge(c, v, &regctr, token);
	sgs_view_close(v);
	if (rc != RC_OK)
		return;
	if (common)
		put_device(c, regctr, again ? NULL : token->v);
	else
		refuse_r2(c, RC_BAD_REQUEST, SGA_STATUS_CIPHER, regctr);
}

/* With the current key set, else with the one before. */
static enum rc
open_r1(struct sgs_call *c)
{
	struct sgs_keyset *before;
	enum rc rc = RC_DENIED;

	c->keys = sgs_ring_current(c->s->ring, c->header.suite, &before);
	if (c->keys != NULL)
		rc = sga_r1_open(sgs_keyset_keys(c->keys), c->message, sgs_now(c->s),
		                 &c->secrets->r1);
	if (rc == RC_DENIED && before != NULL)
		rc = sga_r1_open(sgs_keyset_keys(before), c->message, sgs_now(c->s),
		                 &c->secrets->r1);
	sgs_keyset_end(before);
	return rc;
}

void
sgs_rest_register(struct sgs_call *c)
{
	unsigned retry = 0;
	enum rc rc;

	if (!sgs_step_begin(c))
		return;
	rc = open_r1(c);
	if (rc == RC_DENIED)
		sgs_call_class(c, SGS_BY_OPENING, SLICE_NONE);
	else if (rc != RC_OK)
		sgs_call_failed(c, rc);
	else if (!sgs_guard_allow(c->s->guard, sga_id_slice(&c->secrets->r1.id), SLICE_NONE,
	                          &retry))
		sgs_call_later(c, retry);
	else
		look_up(c);
}

/* ---- GET devices/{id} ---- */

enum rc
sgs_rest_registration(struct sgs_call *c)
{
	struct sgs_device d;
	enum rc rc = RC_NOT_FOUND;

	if (slice_eq(c->stars[0], sga_id_slice(&c->tag.id)))
		rc = sgs_device_get(c->view, c->device, &d);
	return rc == RC_OK ? sgs_call_message(c, RC_OK, ROOT, d.answer) : sgs_call_failed(c, rc);
}

/* ---- contact ---- */

static void
put_contact(struct req *rq)
{
	struct sgs_call *c = sgs_call_of(rq);

	sgs_contact_put(c->s->book, &c->u.contact);
}

static enum rc
change_contact(struct sgs_call *c, struct slice uri)
{
	if (!slice_eq(c->stars[0], sga_id_slice(&c->tag.id)))
		return sgs_call_failed(c, RC_NOT_FOUND);
	c->u.contact = (struct sgs_contact){ .op = { .done = sgs_call_ended, .owner = c },
		                             .device = c->device,
		                             .uri = uri };
	return sgs_call_pend(c, put_contact);
}

static bool
is_contact(struct slice text)
{
	static const char *const schemes[] = { "http", "https", "coap", "coaps" };
	struct uri u;

	if (text.n > SGS_CONTACT_MAX || !uri_parse(text, &u) || u.host.n == 0)
		return false;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (slice_is(u.scheme, schemes[i]))
			return true;
	return false;
}

enum rc
sgs_rest_contact_put(struct sgs_call *c)
{
	struct contact {
		struct slice uri;
	} in = { SLICE_NONE };
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct contact, uri, "uri", SGS_TEXT, true),
	};
	static const struct sgs_doc doc = { "contact", fields, 1 };
	enum rc rc = sgs_call_read(c, &doc, &in);

	if (rc != RC_OK)
		return rc;
	if (!is_contact(in.uri))
		return sgs_call_refuse(c, RC_BAD_REQUEST, "uri");
	return change_contact(c, in.uri);
}

enum rc
sgs_rest_contact_delete(struct sgs_call *c)
{
	return change_contact(c, SLICE_LIT(""));
}
