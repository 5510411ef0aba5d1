/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains whose signatures were once found to be right, by their SHA-256: they need not be verified
 * again, and messages may carry the hash in their place. All other rules (times, revocation, roots,
 * places) are looked at each time, so nothing has to be taken out: what expires or is revoked is refused
 * although it is here. Bounded; a new chain takes the place of one that was not used for long.
 * Any thread: it has a lock of its own, which is held for a copy only.
 */
#ifndef MPA_CACHE_H
#define MPA_CACHE_H

#include "base/buf.h"
#include "mpa/mpa.h"

struct mpa_cache;

#define MPA_CACHE_MIN 8u
#define MPA_CACHE_MAX 65536u

/*
 * A cache of at least chains (MPA_CACHE_MIN..MPA_CACHE_MAX, clamped) places; a used one takes the
 * octets of its chain, about 600 for two warrants. The caller frees it with mpa_cache_free.
 */
enum rc mpa_cache_new(size_t chains, struct mpa_cache **out);
/* NULL is fine. No other thread uses it any more. */
void mpa_cache_free(struct mpa_cache *c);

/* Whether a chain of that hash is there; it is then the last to go. c may be NULL: no. */
bool mpa_cache_has(struct mpa_cache *c, const uint8_t hash[DIGEST_SIZE]);
/*
 * Appends the octets of the chain to *out. RC_NOT_FOUND; RC_NO_SPACE: *out is full, or has no memory.
 * c may be NULL: RC_NOT_FOUND.
 */
enum rc mpa_cache_get(struct mpa_cache *c, const uint8_t hash[DIGEST_SIZE], struct buf *out);
/*
 * Keeps octets, a chain of which mpa_chain_check has said RC_OK, under hash, its own. Without memory
 * nothing is kept. c may be NULL. Who puts in what was merely sent lets others fill the cache: put when
 * the party that the chain is about has proved itself.
 */
void mpa_cache_put(struct mpa_cache *c, const uint8_t hash[DIGEST_SIZE], struct slice octets);

#endif
