/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the SGA server share; private to cap/sgs. */
#ifndef CAP_SGS_SGS_OWN_H
#define CAP_SGS_SGS_OWN_H

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "cap/pool.h"
#include "cap/sga_conf.h"
#include "cap/sgs/sgs.h"
#include "cap/sgs/sgs_guard.h"
#include "core/scl.h"
#include "sga/sga.h"

struct sgs_push;
struct sgs_rest;
struct sgs_ring;
struct sgs_seen;
struct sgs_wait;

struct sgs {
	/* Since sgs_attach, constant. */
	const struct sga_conf *conf;
	const struct capability_conf *all; /* conf is a part of it */
	struct scl *scl;
	struct log *log;
	const struct clock *clock;
	struct sga_id id; /* ID_G */
	uint16_t ciphers; /* conf->ciphers as a CidSet */
	struct key cookie; /* of challenges; secret */

	/* Since sgs_start: absolute URI of the root, {sclBase}/sga. */
	char *root_uri;

	/* The gate; see sgs_enter. */
	pthread_rwlock_t gate;
	bool open;
	size_t n_attached, n_started; /* parts */

	/* One of each part that is attached, else NULL; each its part's own. */
	struct sgs_guard *guard;
	struct sgs_book *book;
	struct sgs_ring *ring;
	struct sgs_seen *seen;
	struct pool
		*pool; /* between start and stop: from inside the gate, or in stop before its own */
	struct sgs_wait *wait;
	struct sgs_push *push;
	struct sgs_rest *rest;
};

/* In the order of the table. */
extern const struct sgs_part sgs_part_guard, sgs_part_book, sgs_part_ring, sgs_part_pool,
	sgs_part_wait, sgs_part_push, sgs_part_rest;

/*
 * Into the gate: between start and stop, for calls that others make when they like (serving
 * threads, done functions of the book, jobs). While somebody is inside, parts and scl stay as they
 * are, so it is for moments only. False: closed. Not twice on one thread. Any thread.
 */
bool sgs_enter(struct sgs *s);
void sgs_leave(struct sgs *s);
/*
 * scl_post from inside the gate, for threads that may be there after the scl. False: closed, the
 * task will never run. Not from inside.
 */
bool sgs_post(struct sgs *s, struct scl_task *task, int64_t delay);
/* pool_submit from inside the gate. False: closed, the job will never run. Not from inside. */
bool sgs_submit(struct sgs *s, struct pool_job *job);

/* For struct sgs_conf of the book. */
void sgs_told(void *arg, enum sgs_told what, uint64_t device);

/* Seconds since 1970. */
uint64_t sgs_now(const struct sgs *s);

#endif
