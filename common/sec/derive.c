/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/derive.h"

#include "sec/digest.h"

#define LABEL_PREFIX "m2m1 "

/* The parts of info, and how much is wanted. */
struct expansion {
	const struct key *k;
	const char *label;
	size_t label_n;
	struct slice ctx;
	size_t n;
};

/* T(number) of RFC 5869, 2.3, in place of the one before; previous_n is 0 for the first. */
static bool
expand_block(const struct expansion *e, uint8_t number, uint8_t block[DIGEST_SIZE],
             size_t previous_n)
{
	size_t whole = sizeof(LABEL_PREFIX) - 1 + e->label_n;
	const uint8_t head[] = { (uint8_t)(e->n >> 8), (uint8_t)e->n, (uint8_t)whole };
	const uint8_t ctx_n[] = { (uint8_t)(e->ctx.n >> 8), (uint8_t)e->ctx.n };
	const struct slice parts[] = {
		slice_make(block, previous_n),    slice_make(head, sizeof(head)),
		SLICE_LIT(LABEL_PREFIX),          slice_make(e->label, e->label_n),
		slice_make(ctx_n, sizeof(ctx_n)), e->ctx,
		slice_make(&number, 1),
	};

	return digest_hmac(slice_make(e->k->v, KEY_BYTES), parts, sizeof(parts) / sizeof(parts[0]),
	                   block) == RC_OK;
}

static bool
expand(const struct expansion *e, uint8_t *out)
{
	uint8_t block[DIGEST_SIZE];
	bool ok = true;

	for (size_t at = 0, number = 1; ok && at < e->n; at += DIGEST_SIZE, number++) {
		size_t left = e->n - at;

		ok = expand_block(e, (uint8_t)number, block, at == 0 ? 0 : DIGEST_SIZE);
		if (ok)
			memcpy(out + at, block, left < DIGEST_SIZE ? left : DIGEST_SIZE);
	}
	secret_wipe(block, sizeof(block));
	return ok;
}

enum rc
m2m_expand(const struct key *k, const char *label, struct slice ctx, void *out, size_t n)
{
	struct key copy = *k; /* out may be k */
	const struct expansion e = { &copy, label, strlen(label), ctx, n };
	bool valid = e.label_n >= 1 && e.label_n <= M2M_LABEL_MAX && ctx.n <= M2M_CONTEXT_MAX &&
	             n >= 1 && n <= M2M_EXPAND_MAX;
	bool ok = valid && expand(&e, out);

	key_wipe(&copy);
	if (ok)
		return RC_OK;
	secret_wipe(out, n);
	return valid ? RC_INTERNAL : RC_BAD_REQUEST;
}
