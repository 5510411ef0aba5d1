/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master key, under which all keys in the store are wrapped (sec/record.h), and the next one
 * while it is being changed. Which record belongs to whom is authenticated with it: a wrapped key
 * opens in no other place.
 */
#ifndef MAS_KEYS_H
#define MAS_KEYS_H

#include "mas/mas_group_table.h"
#include "sec/kek.h"

struct mas_keys; /* in secret memory */

/* The caller wipes kek, as all keys that it gives or gets here. RC_UNAVAILABLE, RC_INTERNAL. */
enum rc mas_keys_new(const struct key *kek, struct mas_keys **out);
void mas_keys_free(struct mas_keys *k);

/* The next key and what is made of it; nothing else happens yet. RC_INTERNAL. */
enum rc mas_keys_prepare(struct mas_keys *k, const struct key *next);
/* What is wrapped from now on is wrapped under the next; what is under the old one still opens. */
void mas_keys_switch(struct mas_keys *k);
/* The old one is not needed any more: it is wiped. */
void mas_keys_settle(struct mas_keys *k);
/* Between the last two. */
bool mas_keys_changing(const struct mas_keys *k);

/* The key of the head of the audit as it is now. */
const struct key *mas_keys_seal(const struct mas_keys *k, struct tables_tx *tx);
/* Seals the head with the next key: the last step of the change. */
enum rc mas_keys_reseal(const struct mas_keys *k, struct tables_tx *tx);
/* The check value of the present key, and of the next (zeros when there is none). */
void mas_keys_check(const struct mas_keys *k, uint8_t now[MAS_CHECK_BYTES],
                    uint8_t next[MAS_CHECK_BYTES]);

/* RC_INTERNAL. Also fills the check value. */
enum rc mas_kmr_wrap(const struct mas_keys *k, const struct key *kmr, struct mas_kmr *to);
/* RC_GONE when it was erased, RC_INTERNAL when it does not open. */
enum rc mas_kmr_unwrap(const struct mas_keys *k, const struct mas_kmr *from, struct key *out);
enum rc mas_kmc_wrap(const struct mas_keys *k, const struct key *kmc, struct mas_conn *to);
enum rc mas_kmc_unwrap(const struct mas_keys *k, const struct mas_conn *from, struct key *out);

/* The key of the current epoch of a group, as mas_kmr_wrap. */
enum rc mas_gak_wrap(const struct mas_keys *k, const struct key *gak, struct mas_group *to);
enum rc mas_gak_unwrap(const struct mas_keys *k, const struct mas_group *from, struct key *out);
/* That of the epoch before. */
enum rc mas_previous_unwrap(const struct mas_keys *k, const struct mas_group *from,
                            struct key *out);
/* Both keys that there are, under the present master key. */
enum rc mas_group_rewrap(const struct mas_keys *k, struct mas_group *g);

/* The secret of the generator of small data, as mas_kmr_wrap. */
enum rc mas_generator_wrap(const struct mas_keys *k, const struct key *secret,
                           struct mas_wrapped *to);
enum rc mas_generator_unwrap(const struct mas_keys *k, const struct mas_wrapped *from,
                             struct key *out);

/* True when it is under the old key while that is being changed. */
bool mas_wrapped_old(const struct mas_keys *k, const struct mas_wrapped *w);

#endif
