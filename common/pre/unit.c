/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/unit.h"

#include "base/be.h"
#include "pre/chain.h"

#define FIXED_SIZE (PRE_HDR_SIZE + 4u + 2u + 2u) /* of a unit without URLs and rest */

/* ---- parsing ---- */

static bool
take(struct slice *rest, size_t n, struct slice *out)
{
	if (rest->n < n)
		return false;
	*out = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return true;
}

static bool
take_be(struct slice *rest, unsigned n, uint32_t *out)
{
	struct slice s;

	if (!take(rest, n, &s))
		return false;
	*out = (uint32_t)be_get(s.p, n);
	return true;
}

static bool
take_lv16(struct slice *rest, struct slice *out)
{
	uint32_t n;

	return take_be(rest, 2, &n) && take(rest, n, out);
}

static struct pre_limits
effective(const struct pre_limits *l)
{
	struct pre_limits e = { 0 };

	if (l != NULL)
		e = *l;
	if (e.unit == 0 || e.unit > PRE_UNIT_MAX)
		e.unit = PRE_UNIT_MAX;
	if (e.url == 0 || e.url > PRE_URL_MAX)
		e.url = PRE_URL_MAX;
	return e;
}

static bool
rest_fits(const struct pre_hdr *h, size_t n)
{
	size_t mm2 = AFGH_G1 + PRE_COMMIT_SIZE + pre_cipher_find(h->cid)->key + 16u + SIGN_SIZE;
	size_t least = pre_data_size(h, 0);

	switch ((enum pre_type)h->type) {
	case PRE_MM2:
		return n == mm2;
	case PRE_MM1:
		return n == mm2 + PRE_PK_ID_SIZE + AFGH_GT;
	case PRE_END:
		return n == PRE_END_SIZE;
	case PRE_DATA:
		return n >= least && n - least <= pre_cipher_find(h->cid)->max;
	}
	return false;
}

/* All parts are there; whether they fit together. */
static enum rc
check(const struct pre_unit *u, const struct pre_limits *l)
{
	uint8_t name[PRE_SOURCE_SIZE];
	enum rc rc;

	if (u->source.n > l->url || u->sink.n > l->url ||
	    FIXED_SIZE + u->source.n + u->sink.n + u->rest.n > l->unit)
		return RC_TOO_LARGE;
	if (!rest_fits(&u->hdr, u->rest.n) || !pre_url_ok(u->source) || !pre_sink_ok(u->sink))
		return RC_BAD_REQUEST;
	rc = pre_source_name(u->source, name);
	if (rc == RC_OK && memcmp(name, u->hdr.source, sizeof(name)) != 0)
		rc = RC_BAD_REQUEST;
	return rc;
}

enum rc
pre_unit_parse(struct slice s, const struct pre_limits *l, struct pre_unit *out)
{
	struct pre_limits limits = effective(l);
	struct slice rest = slice_from(s, PRE_HDR_SIZE);

	*out = (struct pre_unit){ 0 };
	if (s.n > limits.unit)
		return RC_TOO_LARGE;
	if (pre_hdr_parse(s, &out->hdr) != RC_OK || !take_be(&rest, 4, &out->msg_id) ||
	    !take_lv16(&rest, &out->source) || !take_lv16(&rest, &out->sink))
		return RC_BAD_REQUEST;
	out->rest = rest;
	out->whole = s;
	return check(out, &limits);
}

enum rc
pre_unit_from_coap(uint32_t token, struct slice source, struct slice sink, struct slice payload,
                   const struct pre_limits *l, struct pre_unit *out)
{
	struct pre_limits limits = effective(l);

	*out = (struct pre_unit){ .msg_id = token, .source = source, .sink = sink };
	if (payload.n > limits.unit)
		return RC_TOO_LARGE;
	if (pre_hdr_parse(payload, &out->hdr) != RC_OK)
		return RC_BAD_REQUEST;
	out->rest = slice_from(payload, PRE_HDR_SIZE);
	return check(out, &limits);
}

/* ---- writing ---- */

static void
add_hdr(const struct pre_hdr *h, struct buf *to)
{
	uint8_t hdr[PRE_HDR_SIZE];

	pre_hdr_write(h, (enum pre_type)h->type, hdr);
	buf_add(to, hdr, sizeof(hdr));
}

enum rc
pre_unit_begin(const struct pre_unit *u, struct buf *to)
{
	if (u->source.n > PRE_URL_MAX || u->sink.n > PRE_URL_MAX)
		return RC_TOO_LARGE;
	add_hdr(&u->hdr, to);
	buf_be(to, u->msg_id, 4);
	buf_be(to, u->source.n, 2);
	buf_slice(to, u->source);
	buf_be(to, u->sink.n, 2);
	buf_slice(to, u->sink);
	return to->failed ? RC_NO_SPACE : RC_OK;
}

enum rc
pre_unit_write(const struct pre_unit *u, struct buf *to)
{
	enum rc rc;

	if (u->rest.n > PRE_UNIT_MAX ||
	    FIXED_SIZE + u->source.n + u->sink.n + u->rest.n > PRE_UNIT_MAX)
		return RC_TOO_LARGE;
	rc = pre_unit_begin(u, to);
	if (rc != RC_OK)
		return rc;
	buf_slice(to, u->rest);
	return to->failed ? RC_NO_SPACE : RC_OK;
}

enum rc
pre_unit_payload(const struct pre_unit *u, struct buf *to)
{
	add_hdr(&u->hdr, to);
	buf_slice(to, u->rest);
	return to->failed ? RC_NO_SPACE : RC_OK;
}

/* ---- batches ---- */

size_t
pre_batch_begin(struct buf *to)
{
	size_t at = to->n;

	buf_be(to, 0, PRE_LENGTH_SIZE);
	return at;
}

enum rc
pre_batch_end(struct buf *to, size_t at)
{
	size_t n;

	if (to->failed) {
		to->failed = false;
		to->n = at;
		return RC_NO_SPACE;
	}
	n = to->n - at - PRE_LENGTH_SIZE;
	for (unsigned i = PRE_LENGTH_SIZE; i-- > 0; n >>= 8)
		to->p[at + i] = (char)(n & 0xff);
	return RC_OK;
}

enum rc
pre_batch_size(struct slice s, const struct pre_limits *l, size_t *n)
{
	struct pre_limits limits = effective(l);
	uint32_t unit;

	*n = PRE_LENGTH_SIZE;
	if (!take_be(&s, PRE_LENGTH_SIZE, &unit))
		return RC_OK;
	if (unit < FIXED_SIZE)
		return RC_BAD_REQUEST;
	if (unit > limits.unit)
		return RC_TOO_LARGE;
	*n += unit;
	return RC_OK;
}

enum rc
pre_batch_next(struct slice *rest, const struct pre_limits *l, struct pre_unit *out)
{
	struct slice unit;
	size_t n;
	enum rc rc;

	*out = (struct pre_unit){ 0 };
	if (rest->n == 0)
		return RC_NOT_FOUND;
	rc = pre_batch_size(*rest, l, &n);
	if (rc != RC_OK)
		return rc;
	if (n == PRE_LENGTH_SIZE || n > rest->n)
		return RC_BAD_REQUEST;
	unit = slice_from(slice_head(*rest, n), PRE_LENGTH_SIZE);
	rc = pre_unit_parse(unit, l, out);
	if (rc == RC_OK)
		*rest = slice_from(*rest, n);
	return rc;
}
