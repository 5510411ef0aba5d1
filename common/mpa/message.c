/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/be.h"
#include "mpa/own.h"

static const uint8_t start[] = { 'M', 'P', 0x01 };

void
mpa_header_write(uint8_t *to, enum mpa_type type, size_t n)
{
	memcpy(to, start, sizeof(start));
	to[sizeof(start)] = (uint8_t)type;
	be_put(to + 4, n, 4);
}

bool
mpa_message_take(struct slice *rest, enum mpa_type type, struct slice *out)
{
	struct slice copy = *rest;

	if (rest->n < MPA_HEADER_SIZE || memcmp(rest->p, start, sizeof(start)) != 0 ||
	    (uint8_t)rest->p[3] != type || be_get(rest->p + 4, 4) < MPA_HEADER_SIZE ||
	    !mpa_take(&copy, be_get(rest->p + 4, 4), out))
		return false;
	*rest = copy;
	return true;
}

/* What is behind the header of a message, which is all there is. */
static bool
body_of(struct slice message, enum mpa_type type, struct slice *body)
{
	struct slice all;

	if (!mpa_message_take(&message, type, &all) || message.n != 0)
		return false;
	*body = slice_from(all, MPA_HEADER_SIZE);
	return true;
}

static bool
take_signature(struct slice message, struct slice rest, struct slice *before,
               struct slice *signature)
{
	*before = slice_head(message, message.n - rest.n);
	*signature = rest;
	return rest.n == SIGN_SIZE;
}

bool
mpa_a1_parse(struct slice message, struct mpa_hello *out)
{
	struct slice rest;

	*out = (struct mpa_hello){ .before = message };
	return body_of(message, MPA_A1, &rest) && mpa_take(&rest, MPA_NONCE_SIZE, &out->nonce) &&
	       mpa_take(&rest, MPA_SHARE_SIZE, &out->share) && mpa_take_lv(&rest, 1, &out->id) &&
	       rest.n == 0 && mpa_id_ok(out->id);
}

bool
mpa_a2_parse(struct slice message, struct mpa_hello *out)
{
	struct slice rest;

	*out = (struct mpa_hello){ 0 };
	return body_of(message, MPA_A2, &rest) && mpa_take(&rest, MPA_NONCE_SIZE, &out->nonce) &&
	       mpa_take(&rest, MPA_SHARE_SIZE, &out->share) && mpa_take_lv(&rest, 2, &out->chain) &&
	       out->chain.n <= MPA_CHAIN_MAX &&
	       take_signature(message, rest, &out->before, &out->signature);
}

static bool
take_chains(struct slice *rest, struct mpa_proof *out)
{
	return mpa_take_lv(rest, 2, &out->from_cn) && mpa_take_lv(rest, 2, &out->from_s) &&
	       out->from_cn.n <= MPA_CHAIN_MAX && out->from_s.n <= MPA_CHAIN_MAX;
}

bool
mpa_a3_parse(struct slice message, struct mpa_proof *out)
{
	struct slice rest;

	*out = (struct mpa_proof){ 0 };
	return body_of(message, MPA_A3, &rest) && take_chains(&rest, out) &&
	       take_signature(message, rest, &out->before, &out->signature);
}

bool
mpa_chains_parse(struct slice message, struct mpa_proof *out)
{
	struct slice rest;

	*out = (struct mpa_proof){ 0 };
	return body_of(message, MPA_CHAINS, &rest) && take_chains(&rest, out) && rest.n == 0;
}
