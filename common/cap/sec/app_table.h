/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which App-ID is behind the hash in a PSK identity, and for which Kmc each application has got its
 * Kma: a bounded table that is looked into in handshakes. Any thread.
 */
#ifndef CAP_SEC_APP_TABLE_H
#define CAP_SEC_APP_TABLE_H

#include "base/rc.h"
#include "base/slice.h"
#include "sec/derive.h"

#define APP_ID_MAX 255u
/* Applications of one node whose keys can be known at a time, and Kma of each on the average. */
#define APP_TABLE_MAX 16384u
#define APP_TABLE_KMA 4u

struct app_table;

/* NULL without memory. max: 1..APP_TABLE_MAX. */
struct app_table *app_table_new(unsigned max);
/* NULL is fine. */
void app_table_free(struct app_table *t);

/*
 * Takes app_id up. RC_OK, also when it is there; RC_BAD_REQUEST: empty or too long; RC_CONFLICT:
 * another one has the same hash; RC_UNAVAILABLE: full, of applications or of Kma.
 */
enum rc app_table_add(struct app_table *t, struct slice app_id);
/* The App-ID of that hash into out, with a zero behind it; its length, 0: unknown. */
size_t app_table_find(struct app_table *t, const uint8_t hash[APP_HASH_BYTES],
                      char out[APP_ID_MAX + 1]);
/*
 * Takes app_id up, and notes that it gets its Kma of that connection and KmcIndex. RC_CONFLICT
 * also when it has got it already; otherwise as app_table_add.
 */
enum rc app_table_give(struct app_table *t, struct slice app_id, uint64_t connection,
                       uint32_t kmc_index);
/* True when app_id has got its Kma of that connection and KmcIndex. */
bool app_table_has(struct app_table *t, struct slice app_id, uint64_t connection,
                   uint32_t kmc_index);
/* Drops the Kma for whose Kmc gone says so, and the applications that have none then. */
void app_table_sweep(struct app_table *t,
                     bool (*gone)(void *arg, uint64_t connection, uint32_t kmc_index), void *arg);

#endif
