/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/reject.h"

#include "base/be.h"
#include "sec/hex.h"

#define MAGIC SLICE_LIT("MRJ1")
#define FLAG_PERMANENT 0x01
#define SP_ID_AT (REJECT_FIXED - SIGN_SIZE) /* behind its length */

static bool
sp_id_ok(struct slice id)
{
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '.' && c != '-')
			return false;
	}
	return id.n >= 1 && id.n <= REJECT_SP_ID_MAX;
}

enum rc
reject_make(const struct reject *r, const struct sign_key *key, uint8_t out[REJECT_MAX], size_t *n)
{
	size_t total = REJECT_FIXED + r->sp_id.n;

	if ((unsigned)r->cause >= REJECT_CAUSES || !sp_id_ok(r->sp_id))
		return RC_BAD_REQUEST;
	memcpy(out, MAGIC.p, 4);
	out[4] = (uint8_t)r->cause;
	out[5] = r->permanent ? FLAG_PERMANENT : 0;
	be_put(out + 6, total, 2);
	memcpy(out + 8, r->node.v, NODE_ID_BYTES);
	memcpy(out + 24, r->nonce, REJECT_NONCE_SIZE);
	be_put(out + 40, r->time, 8);
	be_put(out + 48, r->retry_after, 4);
	out[52] = (uint8_t)r->sp_id.n;
	memcpy(out + SP_ID_AT, r->sp_id.p, r->sp_id.n);
	*n = total;
	return sign_make(key, SIGN_REJECT, slice_make(out, total - SIGN_SIZE),
	                 out + total - SIGN_SIZE);
}

static bool
parse(struct slice octets, struct reject *out)
{
	const uint8_t *p = (const uint8_t *)octets.p;

	if (octets.n <= REJECT_FIXED || octets.n > REJECT_MAX || !slice_starts(octets, MAGIC) ||
	    be_get(p + 6, 2) != octets.n || octets.n != REJECT_FIXED + (size_t)p[52])
		return false;
	if (p[4] >= REJECT_CAUSES || (p[5] & ~FLAG_PERMANENT) != 0)
		return false;
	*out = (struct reject){
		.cause = (enum reject_cause)p[4],
		.permanent = p[5] == FLAG_PERMANENT,
		.time = be_get(p + 40, 8),
		.retry_after = (uint32_t)be_get(p + 48, 4),
		.sp_id = slice_make(p + SP_ID_AT, p[52]),
	};
	memcpy(out->node.v, p + 8, NODE_ID_BYTES);
	memcpy(out->nonce, p + 24, REJECT_NONCE_SIZE);
	return sp_id_ok(out->sp_id);
}

static bool
is_near(uint64_t time, int64_t now)
{
	uint64_t at = now < 0 ? 0 : (uint64_t)now;

	return (time > at ? time - at : at - time) <= REJECT_TOLERANCE;
}

enum rc
reject_verify(struct slice octets, const struct reject_check *check, struct reject *out)
{
	size_t before;

	if (!parse(octets, out))
		return RC_BAD_REQUEST;
	if (!node_id_eq(&out->node, check->node) ||
	    memcmp(out->nonce, check->nonce, REJECT_NONCE_SIZE) != 0 ||
	    !is_near(out->time, check->now))
		return RC_FORBIDDEN;
	before = octets.n - SIGN_SIZE;
	return sign_verify(check->pinned, SIGN_REJECT, slice_head(octets, before),
	                   (const uint8_t *)octets.p + before);
}

enum rc
reject_verify_text(struct slice text, const struct reject_check *check, uint8_t space[REJECT_MAX],
                   struct reject *out)
{
	if (text.n > REJECT_TEXT_MAX || !b64url_decode(text, space))
		return RC_BAD_REQUEST;
	return reject_verify(slice_make(space, b64url_octets(text.n)), check, out);
}

bool
reject_nonce_parse(struct slice text, uint8_t out[REJECT_NONCE_SIZE])
{
	return hex_decode(text, out, REJECT_NONCE_SIZE);
}
