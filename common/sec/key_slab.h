/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for many keys in secret memory: 32 octets for each, where secret_alloc may take a page.
 * Not for several threads at a time.
 */
#ifndef SEC_KEY_SLAB_H
#define SEC_KEY_SLAB_H

#include "sec/secret.h"

/* Place of one key. */
struct key_slot {
	struct key *key;
	struct key_slot *next; /* the slabs' */
};

struct key_slab;

/* All zero is empty. */
struct key_slabs {
	struct key_slab *slabs;
	struct key_slot *free;
};

/* A place with a zero key; NULL: there is no secret memory (secret_alloc). */
struct key_slot *key_slabs_take(struct key_slabs *k);
/* Erases the key; the place is free for another. NULL is fine. */
void key_slabs_give(struct key_slabs *k, struct key_slot *slot);
/* Erases all keys and frees their memory. */
void key_slabs_fini(struct key_slabs *k);

#endif
