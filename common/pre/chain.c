/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/chain.h"

#include "base/be.h"

#define CHAIN_AT 4u
#define PREV_AT (CHAIN_AT + PRE_CHAIN_SIZE)
#define SIGNATURE_AT (PREV_AT + PRE_CHAIN_SIZE)

enum rc
pre_chain_add(struct pre_data *d, struct pre_chain *chain, const uint8_t digest[PRE_DIGEST_SIZE])
{
	struct pre_chain next = { { 0 } };
	enum rc rc = pre_data_hash(d, slice_make(chain->v, PRE_CHAIN_SIZE),
	                           slice_make(digest, PRE_DIGEST_SIZE), next.v);

	if (rc == RC_OK)
		*chain = next;
	return rc;
}

enum rc
pre_end_make(const struct pre_hdr *h, const struct pre_end *e, const struct sign_key *key,
             struct buf *to)
{
	uint8_t hdr[PRE_HDR_SIZE], out[PRE_END_SIZE];
	enum rc rc;

	pre_hdr_write(h, PRE_END, hdr);
	be_put(out, e->count, CHAIN_AT);
	memcpy(out + CHAIN_AT, e->chain.v, PRE_CHAIN_SIZE);
	memcpy(out + PREV_AT, e->prev.v, PRE_CHAIN_SIZE);
	rc = sign_make_pair(key, SIGN_PRE_END, slice_make(hdr, sizeof(hdr)),
	                    slice_make(out, SIGNATURE_AT), out + SIGNATURE_AT);
	if (rc != RC_OK)
		return rc;
	buf_add(to, out, sizeof(out));
	return to->failed ? RC_NO_SPACE : RC_OK;
}

enum rc
pre_end_read(const struct pre_hdr *h, struct slice rest, const struct sign_public *source,
             struct pre_end *out)
{
	const uint8_t *p = (const uint8_t *)rest.p;
	uint8_t hdr[PRE_HDR_SIZE];
	enum rc rc = RC_OK;

	*out = (struct pre_end){ 0 };
	if (h->type != PRE_END || rest.n != PRE_END_SIZE)
		return RC_BAD_REQUEST;
	pre_hdr_write(h, PRE_END, hdr);
	if (source != NULL)
		rc = sign_verify_pair(source, SIGN_PRE_END, slice_make(hdr, sizeof(hdr)),
		                      slice_head(rest, SIGNATURE_AT), p + SIGNATURE_AT);
	if (rc != RC_OK)
		return rc == RC_FORBIDDEN ? RC_BAD_REQUEST : rc;
	out->count = (uint32_t)be_get(p, CHAIN_AT);
	memcpy(out->chain.v, p + CHAIN_AT, PRE_CHAIN_SIZE);
	memcpy(out->prev.v, p + PREV_AT, PRE_CHAIN_SIZE);
	return RC_OK;
}
