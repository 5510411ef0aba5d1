/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets that nobody else may see: keys of 32 octets, memory that is neither swapped nor dumped,
 * comparison that takes as long for unequal octets as for equal ones.
 *
 * Whoever has filled a struct key wipes it: key_wipe on every path out of the scope.
 */
#ifndef SEC_SECRET_H
#define SEC_SECRET_H

#include "base/rc.h"

#include <stdint.h>

#define KEY_BYTES 32

struct key {
	uint8_t v[KEY_BYTES];
};

/* Erases; the compiler does not take it away. NULL is fine. Any thread, as all functions here. */
void key_wipe(struct key *k);
/* The same for n octets. */
void secret_wipe(void *p, size_t n);
/* In constant time. */
bool key_equal(const struct key *a, const struct key *b);
/* In constant time: what an erased or a never filled key is. */
bool key_is_zero(const struct key *k);
/* RC_INTERNAL, and a zero key, when the generator does not work. */
enum rc key_random(struct key *k);

/*
 * n octets that need not be secret, but that nobody can guess: nonces, salts, identifiers.
 * RC_INTERNAL, and zeros, when the generator does not work.
 */
enum rc secret_random(void *p, size_t n);

/*
 * True when both are equal. The time depends on the lengths only: they are no secret. Two empty
 * slices are equal.
 */
bool secret_equal(struct slice a, struct slice b);

/*
 * A heap of bytes octets (a power of 2, at least 4096) for secret_alloc, locked and left out of
 * dumps, one per process; without it every secret_alloc takes whole pages, as one of 4096 octets or
 * more does as long as there are any, and every one when half of the heap is in use: the other half
 * is for what libcrypto keeps there. For main(), before any thread. RC_BAD_REQUEST: no such size;
 * RC_UNAVAILABLE when the memory is not to be had or cannot be locked (RLIMIT_MEMLOCK): nothing is
 * set up then. Again: RC_OK, and nothing happens.
 */
enum rc secret_heap(size_t bytes);

/*
 * n (at least 1) zeroed octets that are locked in memory and left out of dumps; the caller gives
 * them to secret_free. NULL when there is no memory or it cannot be locked: RLIMIT_MEMLOCK is then
 * to be raised; secrets do not go into memory that may be swapped.
 */
void *secret_alloc(size_t n);
/* Erases and frees; n as in secret_alloc. NULL is fine. */
void secret_free(void *p, size_t n);

/*
 * No core dumps of this process, and no other process of the same user looks into it. For main(),
 * before the first key. RC_INTERNAL when the system refuses.
 */
enum rc process_hide(void);

#endif
