/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool of a source (px_spool.h) and its records. All integers are big-endian. Private to
 * px_spool*.c. The functions are pure; any thread.
 *
 *   V                       version 1, first stream 2, streams given out 4, last serial 8
 *   D destination8          how its requests go
 *   S destination8 stream2  state of the stream (pre/section.h)
 *   U destination8          the batch on its way: n1, (key8, order8) ..., units
 *   L destination8 epoch4   version 1, first key index 2, serial 8
 *   K name                  a sink
 */
#ifndef CAP_PXY_PX_SPOOL_ROWS_H
#define CAP_PXY_PX_SPOOL_ROWS_H

#include "cap/pxy/px_spool.h"
#include "store/tables.h"
#include "store/tables_work.h"

#include <stdatomic.h>

#define SPOOL_MARKS 'V'
#define SPOOL_DEST 'D'
#define SPOOL_STATE 'S'
#define SPOOL_BATCH 'U'
#define SPOOL_EPOCH 'L'
#define SPOOL_SINK 'K'

struct px_spool {
	struct tables store;
	struct tables_work *work;
	uint16_t first_stream; /* the one given out first; constant */
	_Atomic uint32_t streams; /* given out */
};

struct spool_marks {
	uint16_t first_stream;
	uint32_t streams; /* given out, from first_stream on */
	uint64_t serial; /* of the epoch that began last */
};

struct table_key spool_key(char table, uint64_t destination);
struct table_key spool_state_key(const struct px_spool_dest *d);
struct table_key spool_sink_key(const char *name);

/* Writing begins the buffer, which the caller ends; it is marked when there was no memory. */
void spool_marks_write(const struct spool_marks *m, struct buf *to);
void spool_dest_write(const struct px_spool_dest *d, struct buf *to);
void spool_batch_write(const struct px_spool_batch *b, struct buf *to);
void spool_epoch_write(const struct px_epoch *e, struct buf *to);
void spool_sink_write(const struct px_spool_sink *k, struct buf *to);

/* False: damaged, or of another version. */
bool spool_marks_read(struct slice val, struct spool_marks *out);
bool spool_dest_read(struct slice key, struct slice val, struct px_spool_dest *out);
/* out->octets lies in val. */
bool spool_batch_read(struct slice val, struct px_spool_batch *out);
bool spool_epoch_read(struct slice key, struct slice val, struct px_epoch *out);
bool spool_sink_read(struct slice key, struct slice val, struct px_spool_sink *out);

#endif
