/* SPDX-License-Identifier: Apache-2.0 */
/* A MAS with a clock and files of the test's own, and its calls as functions that wait. */
#ifndef MAS_BED_H
#define MAS_BED_H

#include "mas/mas_admin.h"

#include <pthread.h>
#include <stdatomic.h>

#define BED_START (INT64_C(1700000000) * CLOCK_SECOND)
#define BED_HOUR (3600 * CLOCK_SECOND)
#define BED_DAY (24 * BED_HOUR)
#define BED_ENGINES 2 /* memory, LMDB */
#define BED_TOLD 64
#define BED_PAGE 256

struct bed_clock {
	struct clock clock;
	atomic_int_fast64_t now;
};

/* What a watcher was told. */
struct bed_told {
	struct node_id node;
	uint64_t connection;
	enum mas_why why;
};

struct mas_bed {
	struct bed_clock clock;
	struct mas_conf conf;
	struct mas_local *m;
	struct mas mas;
	char dir[200], store[256], kek[256], next[256], reject[256];
	uint8_t kek_octets[2][KEY_BYTES]; /* of the two files */

	struct mas_watcher watcher;
	pthread_mutex_t lock; /* guards the following */
	pthread_cond_t wake;
	struct bed_told told[BED_TOLD];
	unsigned n_told;
	atomic_uint key_news;

	/* Of bed_list and bed_show. */
	struct mas_node nodes[BED_PAGE];
	struct mas_kmr kmrs[BED_PAGE];
	struct mas_conn conns[BED_PAGE];
	unsigned n_nodes, n_kmrs, n_conns;
};

/* engine: 0 memory, 1 LMDB. Not opened. */
void bed_make(struct mas_bed *b, int engine);
void bed_open(struct mas_bed *b);
/* The outcome of mas_open, and the text. */
enum rc bed_try_open(struct mas_bed *b, char why[256]);
void bed_close(struct mas_bed *b);
/* Closes and removes the files. */
void bed_free(struct mas_bed *b);
void bed_write(const char *path, const void *p, size_t n);

static inline void
bed_pass(struct mas_bed *b, int64_t us)
{
	atomic_fetch_add(&b->clock.now, us);
}

/* Waits until cond(b) holds; ticks meanwhile. */
void bed_until(struct mas_bed *b, bool (*cond)(struct mas_bed *b, void *arg), void *arg);
bool bed_was_told(struct mas_bed *b, uint64_t connection, enum mas_why why);

/* Kmr of the index: 32 octets of one number each. */
struct key bed_key(uint8_t octet);
struct node_id bed_node(uint8_t last);
/* What nodes pin of its provider. */
struct sign_public bed_reject_public(void);

/* Each waits for its done; the outcome is in the struct. */
enum rc bed_connect(struct mas_bed *b, struct mas_connect *c);
enum rc bed_end(struct mas_bed *b, uint64_t id);
enum rc bed_report(struct mas_bed *b, struct mas_report *r);
enum rc bed_provision(struct mas_bed *b, struct mas_provision *p);
enum rc bed_change(struct mas_bed *b, struct mas_change *c);
enum rc bed_verdict(struct mas_bed *b, const struct node_id *node, uint32_t index, unsigned *cause);
enum rc bed_rewrap(struct mas_bed *b, struct mas_rewrap *r);
enum rc bed_query(struct mas_bed *b, struct mas_query *q);
enum rc bed_show(struct mas_bed *b, const struct node_id *node);
enum rc bed_verify(struct mas_bed *b, struct audit_check *out);

/* A call that is under way: the owner of its struct. */
struct bed_call {
	struct mas_bed *b;
	bool over; /* guarded by the bed's lock */
};

/* For done of a call. */
void bed_over(void *call);
void bed_wait(struct bed_call *call);

/* Common cases. */
/* A node with that last octet, its SCL-ID "scl-N", and Kmr bed_key(octet) as its next one. */
uint32_t bed_issue(struct mas_bed *b, uint8_t node, uint8_t octet);
/* A connect of that node as it should be. */
struct mas_connect bed_connecting(uint8_t node, uint32_t kmr_index);
/* Which must succeed. */
struct mas_connection bed_connected(struct mas_bed *b, uint8_t node, uint32_t kmr_index);
bool bed_psk(struct mas_bed *b, const struct node_id *node, uint32_t index, enum psk_tls tls,
             struct key *out);
/* The Kmr of the last bed_show. */
const struct mas_kmr *bed_kmr(const struct mas_bed *b, uint32_t index);
const struct mas_conn *bed_conn(const struct mas_bed *b, uint64_t id);

#endif
