/* SPDX-License-Identifier: Apache-2.0 */
/* What the records of the MAS have in common: a version before, and keys under the master key in them. */
#ifndef MAS_RECORD_H
#define MAS_RECORD_H

#include "mas/mas_table.h"
#include "store/pack.h"
#include "store/tables.h"

/* An empty record of at most max octets; mas_record_put ends it. */
void mas_record_begin(struct buf *b, size_t max);
/* Stores it and frees b, in every case. RC_UNAVAILABLE: it did not fit. */
enum rc mas_record_put(struct tables_tx *tx, struct table_key key, struct buf *b);
/* Behind the version; bad when that is another. */
struct unpack mas_record_open(struct slice val);
void mas_record_pack_wrapped(struct buf *b, const struct mas_wrapped *w);
void mas_record_unpack_wrapped(struct unpack *u, struct mas_wrapped *w);

#endif
