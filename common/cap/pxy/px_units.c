/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_units.h"

#include <openssl/evp.h>

#include "pre/data.h"

_Static_assert(PX_SOURCE_BYTES == PRE_SOURCE_SIZE && PX_SIGN_BYTES == SIGN_PUBLIC_SIZE,
               "the book and the messages name sources differently");

/* ---- one unit ---- */

static enum rc
digest_of(struct slice octets, uint8_t out[PX_UNIT_DIGEST_BYTES])
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (EVP_Digest(octets.p, octets.n, hash, NULL, EVP_sha256(), NULL) != 1)
		return RC_INTERNAL;
	memcpy(out, hash, PX_UNIT_DIGEST_BYTES);
	return RC_OK;
}

/* Where it is in its stream. */
static enum rc
mark_of(const struct pre_unit *u, struct px_mark *out)
{
	*out = (struct px_mark){ .section = { .stream = u->hdr.stream,
		                              .epoch = u->hdr.epoch,
		                              .key_index = u->hdr.key_index } };
	switch (u->hdr.type) {
	case PRE_MM2:
		out->kind = PX_MANAGEMENT;
		return RC_OK;
	case PRE_END:
		out->kind = PX_END;
		return RC_OK;
	case PRE_DATA:
		out->kind = PX_DATA;
		return pre_data_seq(u->rest, &out->seq);
	default:
		return RC_BAD_REQUEST;
	}
}

static bool
same_source(const struct px_units *u, const struct pre_unit *one)
{
	return memcmp(one->hdr.source, u->source.name, PX_SOURCE_BYTES) == 0 &&
	       slice_eq(one->source, u->source.url);
}

static enum rc
take(struct px_units *u, const struct pre_unit *one)
{
	struct px_unit *to = &u->v[u->n];
	enum rc rc;

	if (u->n == 0) {
		memcpy(u->source.name, one->hdr.source, PX_SOURCE_BYTES);
		u->source.url = one->source;
	}
	if (!same_source(u, one) || one->source.n == 0)
		return RC_BAD_REQUEST;
	to->octets = one->whole;
	rc = mark_of(one, &to->mark);
	if (rc == RC_OK)
		rc = digest_of(one->whole, to->digest);
	u->n_management += one->hdr.type == PRE_MM2;
	u->n++;
	return rc;
}

/* ---- all of them ---- */

/* How many a batch may have: by its lengths alone. */
static enum rc
count(struct slice batch, const struct pre_limits *l, size_t *n)
{
	size_t one;
	enum rc rc;

	for (*n = 0; batch.n > 0; ++*n) {
		if (*n == PX_UNITS_MAX)
			return RC_TOO_LARGE;
		rc = batch.n < PRE_LENGTH_SIZE ? RC_BAD_REQUEST : pre_batch_size(batch, l, &one);
		if (rc != RC_OK)
			return rc;
		if (one > batch.n)
			return RC_BAD_REQUEST;
		batch = slice_from(batch, one);
	}
	return *n > 0 ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
read_batch(struct slice batch, const struct pre_limits *l, struct pre_unit *parsed,
           struct px_units *out)
{
	enum rc rc;

	do {
		struct pre_unit *one = &parsed[out->n];

		rc = pre_batch_next(&batch, l, one);
		if (rc == RC_OK)
			rc = take(out, one);
	} while (rc == RC_OK && batch.n > 0);
	return rc;
}

enum rc
px_units_read(struct slice body, size_t unit_max, struct arena *a, struct px_units *out)
{
	const struct pre_limits limits = { .unit = unit_max };
	bool single = body.n > 0 && body.p[0] == PRE_VERSION;
	struct pre_unit *parsed;
	size_t n = 1;
	enum rc rc = single ? RC_OK : count(body, &limits, &n);

	*out = (struct px_units){ .n = 0 };
	if (rc != RC_OK)
		return rc;
	out->v = ARENA_ARRAY(a, struct px_unit, n);
	parsed = ARENA_ARRAY(a, struct pre_unit, n);
	out->parsed = parsed;
	if (out->v == NULL || parsed == NULL)
		return RC_UNAVAILABLE;
	if (!single)
		return read_batch(body, &limits, parsed, out);
	rc = pre_unit_parse(body, &limits, parsed);
	return rc == RC_OK ? take(out, parsed) : rc;
}

static enum rc
verify_one(const struct pre_unit *u, const struct sign_public *key)
{
	struct pre_mm m;
	enum rc rc = pre_mm_parse(&u->hdr, u->rest, &m);

	return rc == RC_OK ? pre_mm_verify(&m, key) : rc;
}

enum rc
px_units_verify(const struct px_units *u, const uint8_t sign[PX_SIGN_BYTES], unsigned max,
                size_t *at)
{
	struct sign_public key;
	enum rc rc = RC_OK;

	memcpy(key.v, sign, SIGN_PUBLIC_SIZE);
	for (; rc == RC_OK && *at < u->n; ++*at) {
		if (u->parsed[*at].hdr.type != PRE_MM2)
			continue;
		if (max-- == 0)
			break;
		rc = verify_one(&u->parsed[*at], &key);
	}
	return rc == RC_FORBIDDEN ? RC_BAD_REQUEST : rc;
}
