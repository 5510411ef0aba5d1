/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a key store in memory, sealed, and as the octets of its file. For keystore.c and
 * tests. No locking here.
 */
#ifndef SEC_KEYSTORE_SET_H
#define SEC_KEYSTORE_SET_H

#include "sec/keystore.h"

/* A record; on the heap, in one piece with its octets. */
struct entry {
	struct record sealed;
	struct keystore_item item; /* slices into octets */
	bool kept;                 /* set_release: the other set has it as well */
	char octets[];
};

/* Ascending by type, name, index; no two have the same. */
struct set {
	struct entry **v;
	size_t n;
};

/* What the first record of the file says in clear. */
struct seal {
	bool passphrase;
	bool bound;
	uint8_t salt[KEK_SALT_BYTES];
};

/* Reads that; RC_PRECONDITION when the octets do not begin as a key store does. */
enum rc seal_read(struct slice file, struct seal *out);

/*
 * Checks and decrypts everything; *out is the caller's (set_free). RC_DENIED when the first record
 * was not sealed with kek, RC_PRECONDITION when anything else is not as it was written, RC_NO_SPACE
 * without memory, RC_UNAVAILABLE without memory for secrets, RC_INTERNAL.
 */
enum rc set_load(const struct key *kek, struct slice file, struct set *out);

/* Appends the octets of the file. RC_NO_SPACE over the limit of to, RC_INTERNAL. */
enum rc set_store(const struct key *kek, const struct seal *seal, const struct set *set,
                  struct buf *to);

/* The record, or NULL. */
struct entry *set_find(const struct set *set, const struct keystore_id *id);

/*
 * A new set with the changes; entries that did not change are shared with old. RC_BAD_REQUEST,
 * RC_NO_SPACE, RC_INTERNAL: *out is then empty and old as it was.
 */
enum rc set_change(const struct key *kek, const struct set *old,
                   const struct keystore_change *changes, size_t n, struct set *out);
/* Frees a and the entries that are not in b as well. */
void set_release(struct set *a, const struct set *b);
void set_free(struct set *set);

#endif
