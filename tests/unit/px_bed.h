/* SPDX-License-Identifier: Apache-2.0 */
/* A book of the proxy with a clock and a directory of the test's own; operations that wait. */
#ifndef PX_BED_H
#define PX_BED_H

#include "cap/pxy/px_forward.h"
#include "cap/pxy/px_store.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>

#define PX_START (INT64_C(1700000000) * CLOCK_SECOND)
#define PX_ENGINES 2 /* memory, LMDB */
#define PX_LMDB 1
#define PX_HOUR (3600 * CLOCK_SECOND)
#define PX_TOLD_KEPT 256

struct px_clock {
	struct clock clock;
	atomic_int_fast64_t now;
};

struct px_hint {
	enum px_told what;
	uint64_t id;
};

struct px_bed {
	struct px_clock clock;
	struct key kek;
	struct px_conf conf;
	struct px_book *book;
	char base[200], dir[256];
	pthread_mutex_t lock; /* guards the following, and of operations that they are done */
	pthread_cond_t turn;
	struct px_hint told[PX_TOLD_KEPT];
	size_t n_told;
	atomic_uint_fast64_t numbers; /* the digest of the next message */
};

/* engine: below PX_ENGINES. Not opened. */
void px_bed_make(struct px_bed *b, int engine);
void px_bed_open(struct px_bed *b);
void px_bed_close(struct px_bed *b);
/* Waits until nothing is being removed, checks what is stored, closes, removes the files. */
void px_bed_free(struct px_bed *b);
/* Both of them. */
void px_bed_start(struct px_bed *b, int engine);
void px_bed_pass(struct px_bed *b, int64_t us);

/*
 * All counters against what there is; nothing belongs to nobody, unless something is still being
 * removed.
 */
void px_bed_check(struct px_bed *b);
/* Waits until nothing is being removed any more. */
void px_bed_settle(struct px_bed *b);
/* Waits until that was told, and forgets it. */
void px_bed_told(struct px_bed *b, enum px_told what, uint64_t id);

/* ---- operations; of those that take a structure it is the answer, too ---- */

enum rc px_bed_make_store(struct px_bed *b, struct px_store_new *n);
/* One of "owner", for an hour, in mode individual. */
uint64_t px_bed_store(struct px_bed *b, uint64_t reserve);
enum rc px_bed_change(struct px_bed *b, uint64_t store, enum px_store_do what, uint64_t arg);
/* What messages are of that say nothing else. */
extern const struct px_source px_bed_source;
enum rc px_bed_append(struct px_bed *b, struct px_append *a);
/* n messages of that many octets each, for a store in mode individual. */
enum rc px_bed_put(struct px_bed *b, uint64_t store, size_t n, size_t octets);
enum rc px_bed_make_forward(struct px_bed *b, struct px_forward_new *n);
enum rc px_bed_control(struct px_bed *b, struct px_control *c);
enum rc px_bed_remove(struct px_bed *b, uint64_t forward);
enum rc px_bed_progress(struct px_bed *b, uint64_t forward, uint32_t sink, uint64_t cursor);
enum rc px_bed_tell(struct px_bed *b, struct px_progress *p);

/* ---- reading ---- */

struct px_view *px_bed_view(struct px_bed *b);
/* Without the texts. */
struct px_store px_bed_show(struct px_bed *b, uint64_t store);
struct px_totals px_bed_totals(struct px_bed *b);
/* Without the texts. RC_NOT_FOUND. */
enum rc px_bed_sink(struct px_bed *b, uint64_t forward, uint32_t sink, struct px_sink *out);

#endif
