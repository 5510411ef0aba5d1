/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A book of the SGA server with a clock and a directory of the test's own; operations that wait, and
 * that leave no trace when they are refused.
 */
#ifndef SGS_BED_H
#define SGS_BED_H

#include "cap/sgs/sgs_device.h"
#include "cap/sgs/sgs_group.h"
#include "cap/sgs/sgs_keys.h"
#include "cap/sgs/sgs_mailbox.h"
#include "cap/sgs/sgs_session.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>

#define SGS_START (INT64_C(1700000000) * CLOCK_SECOND)
#define SGS_ENGINES 2 /* memory, LMDB */
#define SGS_LMDB 1
#define SGS_TOLD_KEPT 64
#define SGS_SUITE 2
#define SGS_SERIAL 7
#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

struct sgs_clock {
	struct clock clock;
	atomic_int_fast64_t now;
};

struct sgs_hint {
	enum sgs_told what;
	uint64_t id;
};

struct sgs_bed {
	struct sgs_clock clock;
	struct key kek;
	struct sgs_conf conf;
	struct sgs_book *book;
	char base[200], dir[256];
	uint64_t print; /* of what was stored before the operation under way */
	bool quick; /* nothing is looked for behind each operation */
	pthread_mutex_t lock; /* guards the following */
	pthread_cond_t turn;
	const struct sgs_op *done;
	struct sgs_hint told[SGS_TOLD_KEPT];
	size_t n_told;
};

/* engine: below SGS_ENGINES. Not opened. */
void sgs_bed_make(struct sgs_bed *b, int engine);
void sgs_bed_open(struct sgs_bed *b);
void sgs_bed_close(struct sgs_bed *b);
/* Waits until nothing is being removed, checks what is stored, closes, removes the files. */
void sgs_bed_free(struct sgs_bed *b);
/* Closes, removes the files, whatever is stored. */
void sgs_bed_drop(struct sgs_bed *b);
/* Makes, opens, puts one key set. */
void sgs_bed_start(struct sgs_bed *b, int engine);
/* Lets time pass and waits until what is over is removed. */
void sgs_bed_pass(struct sgs_bed *b, int64_t us);
/* Waits until nothing is being removed, and nothing is over, any more. */
void sgs_bed_settle(struct sgs_bed *b);

/* All counters against what there is; nothing belongs to nobody. */
void sgs_bed_check(struct sgs_bed *b);
/* How many records a table has. */
uint64_t sgs_bed_count(struct sgs_bed *b, char table);

/* Forgets what was told; how often it was. */
void sgs_bed_told_clear(struct sgs_bed *b);
size_t sgs_bed_told(struct sgs_bed *b, enum sgs_told what, uint64_t id);

/* ---- operations ---- */

void sgs_bed_before(struct sgs_bed *b, struct sgs_op *op);
enum rc sgs_bed_after(struct sgs_bed *b, struct sgs_op *op);
/* Hands in, waits; its answer. What is refused has left no trace. what: a pointer, used thrice. */
#define SGS_DO(b, submit, what)                                                                    \
	(sgs_bed_before((b), &(what)->op), submit((b)->book, (what)),                              \
	 sgs_bed_after((b), &(what)->op))

/* The n-th sid or gid. */
struct sgs_sid {
	uint8_t v[SGS_SID_BYTES];
};
struct sgs_sid sgs_sid(unsigned n);

enum rc sgs_bed_keys(struct sgs_bed *b, uint8_t suite, uint32_t serial);
/* A token whose hash is n times the octet hash. */
enum rc sgs_bed_token(struct sgs_bed *b, const char *id, uint8_t hash);
/* With the token that hash names (0: by proof), and its r1_hash of the octet r1. */
enum rc sgs_bed_register(struct sgs_bed *b, const char *id, uint8_t hash, uint8_t r1,
                         uint64_t *device);
/* A device that is registered. */
uint64_t sgs_bed_device(struct sgs_bed *b, const char *id);
enum rc sgs_bed_revoke(struct sgs_bed *b, uint64_t device);
enum rc sgs_bed_invite(struct sgs_bed *b, unsigned sid, uint64_t i, uint64_t j);
enum rc sgs_bed_spend(struct sgs_bed *b, unsigned sid, uint64_t i);
/* With short messages as the step has them, and state. */
enum rc sgs_bed_step(struct sgs_bed *b, unsigned sid, uint64_t by, enum sgs_state to);
enum rc sgs_bed_end(struct sgs_bed *b, unsigned sid, uint64_t by, enum sgs_state in);
/* An open session. */
void sgs_bed_session(struct sgs_bed *b, unsigned sid, uint64_t i, uint64_t j);
/* A record of size octets, all the same. */
enum rc sgs_bed_message(struct sgs_bed *b, unsigned sid, uint64_t by, uint32_t ctr, size_t size,
                        bool *again);
enum rc sgs_bed_ack(struct sgs_bed *b, uint64_t device, uint64_t item, bool through);
enum rc sgs_bed_group(struct sgs_bed *b, unsigned gid, uint64_t owner, const uint64_t *members,
                      size_t n);
enum rc sgs_bed_change(struct sgs_bed *b, unsigned gid, uint64_t by, uint32_t epoch,
                       const uint64_t *members, size_t n);
enum rc sgs_bed_leave(struct sgs_bed *b, unsigned gid, uint64_t by, uint64_t member);
enum rc sgs_bed_group_message(struct sgs_bed *b, unsigned gid, uint64_t by, uint32_t epoch,
                              uint32_t ctr, size_t size, bool *again);

/* ---- reading ---- */

struct sgs_view *sgs_bed_view(struct sgs_bed *b);
struct sgs_stats sgs_bed_stats(struct sgs_bed *b);
/* Without what it points to. RC_NOT_FOUND. */
enum rc sgs_bed_show(struct sgs_bed *b, uint64_t device, struct sgs_device *out);
enum rc sgs_bed_session_show(struct sgs_bed *b, unsigned sid, struct sgs_session *out);
enum rc sgs_bed_group_show(struct sgs_bed *b, unsigned gid, struct sgs_group *out);
/* Numbers of the items of a device, at most max; how many there are. */
size_t sgs_bed_items(struct sgs_bed *b, uint64_t device, uint64_t *numbers, size_t max);

#endif
