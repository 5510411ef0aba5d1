/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/key_slab.h"

#include <stdlib.h>

#define SLAB 128u /* keys: a page of 4096 octets */

struct key_slab {
	struct key_slab *next;
	struct key *keys; /* SLAB of them, secret memory */
	struct key_slot slots[SLAB];
};

static bool
add_slab(struct key_slabs *k)
{
	struct key_slab *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->keys = secret_alloc(SLAB * sizeof(*s->keys))) == NULL) {
		free(s);
		return false;
	}
	s->next = k->slabs;
	k->slabs = s;
	for (unsigned i = 0; i < SLAB; i++) {
		s->slots[i] = (struct key_slot){ .key = &s->keys[i], .next = k->free };
		k->free = &s->slots[i];
	}
	return true;
}

struct key_slot *
key_slabs_take(struct key_slabs *k)
{
	struct key_slot *slot;

	if (k->free == NULL && !add_slab(k))
		return NULL;
	slot = k->free;
	k->free = slot->next;
	slot->next = NULL;
	return slot;
}

void
key_slabs_give(struct key_slabs *k, struct key_slot *slot)
{
	if (slot == NULL)
		return;
	key_wipe(slot->key);
	slot->next = k->free;
	k->free = slot;
}

void
key_slabs_fini(struct key_slabs *k)
{
	while (k->slabs != NULL) {
		struct key_slab *s = k->slabs;

		k->slabs = s->next;
		secret_free(s->keys, SLAB * sizeof(*s->keys));
		free(s);
	}
	k->free = NULL;
}
