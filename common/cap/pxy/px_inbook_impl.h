/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the book of a sink share; private to px_inbook*.c. */
#ifndef CAP_PXY_PX_INBOOK_IMPL_H
#define CAP_PXY_PX_INBOOK_IMPL_H

#include "cap/pxy/px_inbook.h"
#include "cap/pxy/px_rows.h"
#include "store/tables_work.h"

enum px_in_table {
	PX_IN_T_VERSION = 'V',
	PX_IN_T_STATE = 'O',
	PX_IN_T_QUEUE = 'Q',
	PX_IN_T_COUNT = 'T',
	PX_IN_T_PLACE = 'P',
	PX_IN_T_FAILURE = 'F',
};

struct px_inbook {
	struct tables store;
	struct tables_work *work;
};

/* Rows of numbers (px_rows.h). */
struct px_in_place_row {
	uint64_t epoch, key_index, seqs, ended; /* seqs: the highest + 1, 0: none */
};

struct table_key px_in_key(enum px_in_table t, const struct px_in_name *source);
/* The same and a number of size octets. */
struct table_key px_in_key_number(enum px_in_table t, const struct px_in_name *source,
                                  uint64_t number, unsigned size);
/* Of a source that is not known: all zero. */
enum rc px_in_count_get(struct tables_tx *tx, const struct px_in_name *source,
                        struct px_in_count *out);

#endif
