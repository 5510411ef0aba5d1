/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre_flow.h"

#include <stdio.h>

struct afgh *flow_afgh;
struct party flow_source, flow_sink, flow_other;
int64_t flow_now;

static struct party
party_of(const char *first, const char *second, uint8_t seed)
{
	char text[2 * AFGH_SECRET + 1];
	uint8_t sign[SIGN_SEED_SIZE];
	struct octets o;
	struct party p;

	ck_assert_int_lt(snprintf(text, sizeof(text), "%s%s%s", first, second, KAT_SEED),
	                 (int)sizeof(text));
	o = octets_of(text);
	ck_assert_uint_eq(afgh_keys_read(octets_slice(&o), &p.keys), RC_OK);
	memset(sign, seed, sizeof(sign));
	ck_assert_uint_eq(sign_key_from_seed(sign, &p.sign), RC_OK);
	sign_key_public(p.sign, &p.public);
	afgh_keys_public(p.keys, p.pk2);
	ck_assert_uint_eq(afgh_epoch_public(flow_afgh, afgh_keys_first(p.keys), p.pk1), RC_OK);
	return p;
}

void
pre_flow_setup(void)
{
	ck_assert_uint_eq(afgh_new(&flow_afgh), RC_OK);
	flow_source = party_of(KAT_A1, KAT_A2, 1);
	flow_sink = party_of(KAT_M, KAT_B2, 2);
	flow_other = party_of(KAT_B2, KAT_R, 3);
	flow_now = 1000;
}

static void
party_free(struct party *p)
{
	afgh_keys_free(p->keys);
	sign_key_free(p->sign);
}

void
pre_flow_teardown(void)
{
	party_free(&flow_source);
	party_free(&flow_sink);
	party_free(&flow_other);
	afgh_free(flow_afgh);
}

/* ---- units ---- */

struct units
units_of(const struct buf *batch)
{
	struct slice rest = buf_view(batch);
	struct units u = { .n = 0 };
	enum rc rc;

	ck_assert(!batch->failed);
	while ((rc = pre_batch_next(&rest, NULL, &u.u[u.n])) == RC_OK) {
		u.n++;
		ck_assert_uint_lt(u.n, FLOW_UNITS);
	}
	ck_assert_uint_eq(rc, RC_NOT_FOUND);
	return u;
}

size_t
units_count(const struct units *u, enum pre_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < u->n; i++)
		n += u->u[i].hdr.type == type;
	return n;
}

const struct pre_unit *
units_find(const struct units *u, enum pre_type type, size_t i)
{
	for (size_t k = 0; k < u->n; k++)
		if (u->u[k].hdr.type == type && i-- == 0)
			return &u->u[k];
	ck_abort_msg("there is no such unit");
	return NULL;
}

/* ---- source and proxy ---- */

struct pre_stream_conf
flow_stream_conf(void)
{
	return (struct pre_stream_conf){
		.afgh = flow_afgh,
		.keys = flow_source.keys,
		.sign = flow_source.sign,
		.source = SLICE_LIT(FLOW_SOURCE),
		.sink = SLICE_LIT(FLOW_SINK),
		.stream = FLOW_STREAM,
	};
}

struct pre_stream *
flow_stream(const struct pre_stream_conf *conf)
{
	struct pre_stream *s;

	ck_assert_uint_eq(pre_stream_new(conf, SLICE_NONE, &s), RC_OK);
	return s;
}

void
flow_send(struct pre_stream *s, unsigned sections, unsigned messages, struct buf *batch)
{
	char text[16];

	for (unsigned i = 0; i < sections * messages; i++) {
		if (i % messages == 0)
			ck_assert_uint_eq(pre_stream_begin(s, flow_now, batch), RC_OK);
		snprintf(text, sizeof(text), "%u", i);
		ck_assert_uint_eq(pre_stream_add(s, flow_now, slice_of(text), batch), RC_OK);
	}
	ck_assert_uint_eq(pre_stream_end(s, batch), RC_OK);
}

struct pre_rekey
flow_rekey(const struct party *to, uint16_t stream, uint32_t epoch)
{
	struct afgh_epoch_id id = { .stream = stream, .epoch = epoch };
	struct pre_rekey k;

	ck_assert_uint_eq(pre_source_name(SLICE_LIT(FLOW_SOURCE), id.source), RC_OK);
	ck_assert_uint_eq(pre_rekey_make(flow_source.keys, &id, slice_make(to->pk2, AFGH_G2), &k),
	                  RC_OK);
	return k;
}

static void
forward_mm(const struct pre_unit *u, const struct party *to, struct buf *out)
{
	struct pre_rekey k = flow_rekey(to, u->hdr.stream, u->hdr.epoch);
	struct pre_grant *g;

	ck_assert_uint_eq(pre_grant_new(&k, &g), RC_OK);
	ck_assert_uint_eq(pre_reencrypt(g, u, &flow_source.public, SLICE_LIT(FLOW_SINK), out),
	                  RC_OK);
	pre_grant_free(g);
}

void
flow_forward(const struct buf *batch, const struct party *to, struct buf *out)
{
	struct units u = units_of(batch);

	for (size_t i = 0; i < u.n; i++) {
		size_t at = pre_batch_begin(out);

		if (u.u[i].hdr.type == PRE_MM2)
			forward_mm(&u.u[i], to, out);
		else
			buf_slice(out, u.u[i].whole);
		ck_assert_uint_eq(pre_batch_end(out, at), RC_OK);
	}
}

/* ---- sink ---- */

struct pre_opening_conf
flow_opening_conf(const struct party *by, enum pre_as as)
{
	return (struct pre_opening_conf){
		.afgh = flow_afgh,
		.keys = by->keys,
		.as = as,
		.source = SLICE_LIT(FLOW_SOURCE),
		.key = flow_source.public,
	};
}

struct pre_opening *
flow_opening(const struct pre_opening_conf *conf)
{
	struct pre_opening *o;

	ck_assert_uint_eq(pre_opening_new(conf, SLICE_NONE, &o), RC_OK);
	return o;
}

enum rc
flow_take(struct pre_opening *o, const struct pre_unit *u)
{
	struct pre_opened out;

	return pre_opening_take(o, u, &out);
}

void
flow_take_all(struct pre_opening *o, const struct units *u)
{
	for (size_t i = 0; i < u->n; i++)
		ck_assert_uint_eq(flow_take(o, &u->u[i]), RC_OK);
}
