/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts that a node may act on. */
#include "config.h"

#include "mas/mas_impl.h"

bool
mas_reject(struct mas_local *m, const struct node_id *node,
           const uint8_t nonce[REJECT_NONCE_SIZE], unsigned cause, bool permanent,
           uint32_t retry_after, char out[REJECT_TEXT_MAX + 1])
{
	struct reject r = { .cause = (enum reject_cause)cause, .permanent = permanent, .node = *node,
		            .time = (uint64_t)(clock_now(m->conf.clock) / CLOCK_SECOND),
		            .retry_after = retry_after, .sp_id = slice_of(m->sp_id) };
	uint8_t octets[REJECT_MAX];
	size_t n;

	out[0] = '\0';
	memcpy(r.nonce, nonce, sizeof(r.nonce));
	if (m->reject_key == NULL || cause >= REJECT_CAUSES ||
	    reject_make(&r, m->reject_key, octets, &n) != RC_OK)
		return false;
	b64url_encode(out, octets, n);
	out[B64URL_LEN(n)] = '\0';
	mas_count(m->counters, MAS_COUNT_REJECT_SIGNED, 1);
	return true;
}
