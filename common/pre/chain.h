/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signed chain over what a section consisted of, and its END message.
 *
 *   chain_0 = SHA-256 of the MM2 without its signature
 *   chain_k = SHA-256 of chain_(k-1) | SHA-256 of AAD_k | body_k
 *   END     = HDR | count 4 | chain_count 32 | prev 32 | signature 64
 *   signature = Ed25519 of "M2PRE1 end" 00 | the 100 octets before
 *
 * prev is the chain value of the END before it in the stream, zero in the first. A section has one
 * END: sections are shorter than any time that a sink should wait for the next, and a message
 * behind END is nobody's. Any thread, but for what takes a struct pre_data.
 */
#ifndef PRE_CHAIN_H
#define PRE_CHAIN_H

#include "pre/data.h"

#define PRE_CHAIN_SIZE 32u
#define PRE_END_SIZE (4u + 2u * PRE_CHAIN_SIZE + SIGN_SIZE) /* octets behind the header */

struct pre_chain {
	uint8_t v[PRE_CHAIN_SIZE];
};

struct pre_end {
	uint32_t count; /* messages of the section */
	struct pre_chain chain, prev;
};

/*
 * chain becomes the value behind one more message of the section of d. RC_INTERNAL, and chain is as
 * it was, when the library fails.
 */
enum rc pre_chain_add(struct pre_data *d, struct pre_chain *chain,
                      const uint8_t digest[PRE_DIGEST_SIZE]);

/* Appends what follows the header. RC_NO_SPACE when to is full, RC_UNAVAILABLE, RC_INTERNAL. */
enum rc pre_end_make(const struct pre_hdr *h, const struct pre_end *e, const struct sign_key *key,
                     struct buf *to);
/*
 * rest: all that follows the header. RC_BAD_REQUEST: it is no END, or not the source's;
 * RC_UNAVAILABLE, RC_INTERNAL. source may be NULL: the signature is not looked at.
 */
enum rc pre_end_read(const struct pre_hdr *h, struct slice rest, const struct sign_public *source,
                     struct pre_end *out);

#endif
