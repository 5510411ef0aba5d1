/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was done to keys and by whom: a chain of numbered records in the same transaction as the
 * change. Each has the SHA-256 of the one before; the last one's is kept in a head that is
 * authenticated with a key which is not in the store, so that neither a row nor the whole rest of
 * the chain can be rewritten unseen. No key material.
 *
 * Functions with a tx: on the thread of the transaction.
 */
#ifndef MAS_AUDIT_H
#define MAS_AUDIT_H

#include "sec/secret.h"
#include "store/tables.h"

#define AUDIT_ACTOR_MAX 64
#define AUDIT_ACTION_MAX 32
#define AUDIT_OBJECT_MAX 128
#define AUDIT_RESULT_MAX 64
#define AUDIT_SOURCE_MAX 64
#define AUDIT_HASH 32

/* Texts are cut at their limits, control characters become '?'. */
struct audit_entry {
	struct slice actor; /* who: "nscl", "msbf", an administrator's name */
	struct slice action; /* "provision", "connect" ... */
	struct slice object; /* node id, connection ... */
	struct slice result; /* "ok", or the reason that the answer may not say */
	struct slice source; /* address, or empty */
};

/* An entry as it is stored; texts live until the next change of the transaction. */
struct audit_row {
	uint64_t number; /* from 1 */
	int64_t time; /* microseconds since 1970 */
	struct audit_entry entry;
};

typedef void audit_visit(void *arg, const struct audit_row *row);

/* The key of the head, out of the master key of the store. RC_INTERNAL. */
enum rc audit_seal_key(const struct key *kek, struct key *seal);

/* RC_INTERNAL also when the head is damaged or was made with another key. */
enum rc audit_add(struct tables_tx *tx, const struct key *seal, int64_t now,
                  const struct audit_entry *e);
/* True when the head is sound and of this key. */
bool audit_sealed_by(struct tables_tx *tx, const struct key *seal);
/* The head under another key: at the end of a change of the master key. */
enum rc audit_reseal(struct tables_tx *tx, const struct key *from, const struct key *to);
/* Rows above the number after, at most limit. */
enum rc audit_read(struct tables_tx *tx, uint64_t after, size_t limit, audit_visit *visit,
                   void *arg);
/* Removes the oldest rows before the time, at most limit; the rest stays verifiable. */
enum rc audit_trim(struct tables_tx *tx, const struct key *seal, int64_t before, size_t limit,
                   size_t *removed);

/* A check in steps; {0} at the start. */
struct audit_check {
	uint64_t next; /* number of the row to be looked at */
	uint8_t hash[AUDIT_HASH]; /* of the one before */
	uint64_t rows; /* that were sound */
	uint64_t bad; /* the first that is not, or is missing; 0 = none so far */
	bool bad_head; /* the head is not of this chain */
	bool ended;
};

/* Looks at up to limit rows; what is appended meanwhile is looked at too. */
enum rc audit_verify(struct tables_tx *tx, const struct key *seal, size_t limit,
                     struct audit_check *c);

#endif
