/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of numbers in tables (store/tables.h): structures whose members are all numbers of 64 bits,
 * written in their order behind one octet of version, big-endian; new members go to the end. And
 * keys that are made of numbers.
 */
#ifndef STORE_TABLE_ROW_H
#define STORE_TABLE_ROW_H

#include "store/tables.h"

#define TABLE_ROW_WORDS_MAX 32u /* members of a row */

/* size: of the row. RC_NOT_FOUND; RC_INTERNAL: damaged. */
enum rc table_row_get(struct tables_tx *tx, const struct table_key *k, void *row, size_t size);
enum rc table_row_put(struct tables_tx *tx, const struct table_key *k, const void *row,
                      size_t size);
/* The same of a record that a scan shows; false: damaged. */
bool table_row_read(struct slice val, void *row, size_t size);

/* The number of size octets (1..8) at that place of a key; what is not there: 0. */
uint64_t table_key_read(struct slice key, size_t at, unsigned size);

#endif
