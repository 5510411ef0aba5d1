/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/saf_record.h"

#include "core/saf_policy.h"

#include <stddef.h>

#define RECORD_VERSION 1u
#define ABSENT UINT32_MAX
#define ORDER_AT 2u

const struct saf_relayed saf_relayed[SAF_RELAYED] = {
	{ "From", offsetof(struct req_input, from) },
	{ "Authorization", offsetof(struct req_input, authorization) },
	{ "Accept", offsetof(struct req_input, accept) },
	{ "Content-Type", offsetof(struct req_input, content_type) },
	{ "If-Match", offsetof(struct req_input, if_match) },
	{ "If-None-Match", offsetof(struct req_input, if_none_match) },
	{ "If-Modified-Since", offsetof(struct req_input, if_modified_since) },
	{ "If-Unmodified-Since", offsetof(struct req_input, if_unmodified_since) },
	{ "X-etsi-correlationID", offsetof(struct req_input, correlation_id) },
	{ "X-etsi-contactURI", offsetof(struct req_input, contact_uri) },
	{ "X-etsi-rcat", offsetof(struct req_input, rcat) },
	{ "X-etsi-trpdt", offsetof(struct req_input, trpdt) },
	{ "X-etsi-group-request-id", offsetof(struct req_input, group_request_id) },
};

/* ---- writing ---- */

static void
put_text(struct buf *to, struct slice s)
{
	buf_be(to, s.p == NULL ? ABSENT : s.n, 4);
	if (s.p != NULL)
		buf_slice(to, s);
}

static void
put_head(struct buf *to, const struct saf_head *h)
{
	buf_be(to, RECORD_VERSION, 1);
	buf_be(to, h->syntax, 1);
	buf_be(to, h->order, 8);
	buf_be(to, h->digest, 8);
	buf_be(to, (uint64_t)h->received, 8);
	put_text(to, h->issuer);
	put_text(to, h->correlation);
	put_text(to, h->contact);
}

void
saf_order_set(struct buf *written, uint64_t order)
{
	for (size_t i = 0; i < 8; i++)
		written->p[ORDER_AT + i] = (char)(unsigned char)(order >> 8 * (7 - i));
}

void
saf_parcel_write(struct buf *to, const struct saf_parcel_record *r)
{
	struct req_input in = r->in;

	put_head(to, &r->head);
	buf_be(to, (uint64_t)r->deadline, 8);
	buf_be(to, r->rcat, 1);
	buf_be(to, r->op, 1);
	buf_be(to, r->head_only, 1);
	put_text(to, r->target);
	for (size_t i = 0; i < SAF_RELAYED; i++)
		put_text(to, *saf_field(&in, i));
	put_text(to, in.via);
	put_text(to, in.body);
}

void
saf_result_write(struct buf *to, const struct saf_result_record *r)
{
	put_head(to, &r->head);
	buf_be(to, (uint64_t)r->expires, 8);
	buf_be(to, (uint64_t)r->http_status, 2);
	put_text(to, r->from);
	put_text(to, r->content_type);
	put_text(to, r->location);
	put_text(to, r->etag);
	put_text(to, r->last_modified);
	put_text(to, r->allow);
	put_text(to, r->body);
}

void
saf_parked_write(struct buf *to, const struct saf_parked_record *r)
{
	put_head(to, &r->head);
	buf_be(to, (uint64_t)r->expires, 8);
}

/* ---- reading ---- */

struct input {
	struct slice rest;
	bool ok;
};

static uint64_t
take_be(struct input *in, unsigned size)
{
	uint64_t v = 0;

	in->ok = in->ok && in->rest.n >= size;
	for (unsigned i = 0; in->ok && i < size; i++)
		v = v << 8 | (unsigned char)in->rest.p[i];
	if (in->ok)
		in->rest = slice_from(in->rest, size);
	return v;
}

static struct slice
take_text(struct input *in)
{
	uint64_t n = take_be(in, 4);
	struct slice s;

	if (!in->ok || n == ABSENT)
		return SLICE_NONE;
	in->ok = in->rest.n >= n;
	if (!in->ok)
		return SLICE_NONE;
	s = slice_head(in->rest, (size_t)n);
	in->rest = slice_from(in->rest, (size_t)n);
	return s;
}

static void
take_head(struct input *in, struct saf_head *h)
{
	in->ok = take_be(in, 1) == RECORD_VERSION;
	h->syntax = (uint8_t)take_be(in, 1);
	h->order = take_be(in, 8);
	h->digest = take_be(in, 8);
	h->received = (int64_t)take_be(in, 8);
	h->issuer = take_text(in);
	h->correlation = take_text(in);
	h->contact = take_text(in);
}

bool
saf_head_read(struct slice bytes, struct saf_head *head)
{
	struct input in = { bytes, true };

	take_head(&in, head);
	return in.ok;
}

bool
saf_parcel_read(struct slice bytes, struct saf_parcel_record *r)
{
	struct input in = { bytes, true };

	*r = (struct saf_parcel_record){ 0 };
	take_head(&in, &r->head);
	r->deadline = (int64_t)take_be(&in, 8);
	r->rcat = (uint8_t)take_be(&in, 1);
	r->op = (uint8_t)take_be(&in, 1);
	r->head_only = take_be(&in, 1) != 0;
	r->target = take_text(&in);
	for (size_t i = 0; i < SAF_RELAYED; i++)
		*saf_field(&r->in, i) = take_text(&in);
	r->in.via = take_text(&in);
	r->in.body = take_text(&in);
	return in.ok && in.rest.n == 0 && r->op <= REQ_OTHER && r->rcat < SAF_RCATS;
}

bool
saf_result_read(struct slice bytes, struct saf_result_record *r)
{
	struct input in = { bytes, true };

	*r = (struct saf_result_record){ 0 };
	take_head(&in, &r->head);
	r->expires = (int64_t)take_be(&in, 8);
	r->http_status = (int)take_be(&in, 2);
	r->from = take_text(&in);
	r->content_type = take_text(&in);
	r->location = take_text(&in);
	r->etag = take_text(&in);
	r->last_modified = take_text(&in);
	r->allow = take_text(&in);
	r->body = take_text(&in);
	return in.ok && in.rest.n == 0;
}

bool
saf_parked_read(struct slice bytes, struct saf_parked_record *r)
{
	struct input in = { bytes, true };

	*r = (struct saf_parked_record){ 0 };
	take_head(&in, &r->head);
	r->expires = (int64_t)take_be(&in, 8);
	return in.ok && in.rest.n == 0;
}

/* ---- names ---- */

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* FNV-1a; the length keeps neighbouring texts apart. */
static uint64_t
mix(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * FNV_PRIME;
	for (size_t n = s.n, i = 0; i < 4; i++, n >>= 8)
		h = (h ^ (n & 0xff)) * FNV_PRIME;
	return h;
}

uint64_t
saf_digest(enum req_op op, struct slice target, struct slice body)
{
	return mix(mix(FNV_START ^ (uint64_t)op, target), body);
}

uint64_t
saf_key(struct slice issuer, struct slice correlation)
{
	/* The top bit stays free, so that the keys after it do not wrap. */
	return mix(mix(FNV_START, issuer), correlation) >> 1;
}
