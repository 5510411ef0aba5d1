/* SPDX-License-Identifier: Apache-2.0 */
/* The key ring from inside: private to sgs_ring*.c. */
#ifndef CAP_SGS_SGS_RING_OWN_H
#define CAP_SGS_SGS_RING_OWN_H

#include <stdatomic.h>

#include "cap/sgs/sgs_keys.h"
#include "cap/sgs/sgs_ring.h"

#define SGS_RING_LOOK (600 * CLOCK_SECOND) /* how often it is looked for what is due */
/* A set that is not current takes messages that were on their way for so long. */
#define SGS_RING_OVERLAP (2 * (int64_t)SGA_TIME_WINDOW * CLOCK_SECOND)

struct sgs_keyset {
	_Atomic unsigned refs;
	uint8_t suite;
	uint32_t serial;
	int64_t created;
	struct sga_keys *keys;
};

struct sgs_ring {
	struct sgs *s;
	struct sign_key *sign;
	struct sign_public signer;

	pthread_mutex_t lock; /* guards the following */
	pthread_cond_t stored; /* of an operation of sgs_attach */
	bool waiting; /* for an operation of the book */
	struct sgs_keyset *sets[SGS_KEYS_MAX]; /* by suite and serial */
	size_t n;

	/* One change at a time, after the start: courier, pool, book in turn. */
	struct scl_task look;
	struct pool_job job;
	uint8_t suite; /* that gets a new set */
	struct sgs_keyset *fresh;
	union {
		struct sgs_keys_put put;
		struct sgs_keys_remove remove;
	} u;
	struct buf secret;
};

/* NULL without memory; keys are its own then, and may be NULL: of no use. */
struct sgs_keyset *sgs_keyset_new(uint8_t suite, uint32_t serial, int64_t created,
                                  struct sga_keys *keys);
/* The highest of a suite below a serial (0: of all); NULL: none. Locked. */
struct sgs_keyset *sgs_ring_newest(const struct sgs_ring *r, uint8_t suite, uint32_t below);
/* For sgs_ring.look, sgs_ring.job. */
void sgs_ring_look_run(struct scl_task *task);
void sgs_ring_make_run(struct pool_job *job);
/* False: too many; k stays the caller's. */
bool sgs_ring_add(struct sgs_ring *r, struct sgs_keyset *k);
/*
 * The suite is offered, and its current set is none, unusable, of another configuration or too old.
 */
bool sgs_ring_is_due(struct sgs_ring *r, uint8_t suite);
/* A new set of a suite, which is not in the ring yet. Takes seconds with suite C. */
enum rc sgs_ring_make(struct sgs_ring *r, uint8_t suite, struct sgs_keyset **out);
/* Fills r->u.put; its secret is in r->secret until sgs_ring_end_secret. */
enum rc sgs_ring_fill(struct sgs_ring *r, const struct sgs_keyset *k,
                      void (*done)(struct sgs_op *op));
void sgs_ring_end_secret(struct sgs_ring *r);
void sgs_ring_say_made(const struct sgs_ring *r, const struct sgs_keyset *k);

/*
 * At the start, before there are threads that must not wait: the key that signs, all sets that are
 * stored, and those that are missing. One line in why.
 */
enum rc sgs_ring_load(struct sgs_ring *r, char why[CAPABILITY_WHY_MAX]);

#endif
