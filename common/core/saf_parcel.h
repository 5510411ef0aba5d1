/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parcel: a request that was accepted for later (202) and its answer, until that is delivered or
 * fetched. It is in the store all the time; here is what the courier thread knows of it.
 */
#ifndef CORE_SAF_PARCEL_H
#define CORE_SAF_PARCEL_H

#include "core/own_job.h"
#include "core/saf.h"
#include "core/saf_record.h"

struct saf_outlet;

#define PARCEL_BUCKETS 1024u

struct parcel {
	struct saf_entry entry; /* first: while it waits to be forwarded */
	struct saf_parcels *all;
	struct parcel *next, **at; /* in its bucket */
	uint64_t key; /* of its works */
	size_t octets; /* that it counts for */
	char *application; /* heap: of the entry */

	unsigned network; /* that it goes over */
	struct req *rq; /* while it is forwarded */
	struct saf_parcel_record record; /* in rq's arena */

	struct buf result; /* to be stored */
	struct own_job job;
	bool storing; /* job is under way */
	bool drop; /* job removes what is stored */
	bool gone; /* it was fetched while job was under way */
	unsigned failures; /* to store, in a row */
	bool overdue; /* its time is over, but the store could not be read */
	struct scl_task task; /* to store again; the end of a result that nobody fetches */

	int64_t expires; /* of the result */
	char *contact; /* heap; NULL: it is fetched */
	struct saf_outlet *outlet;
	struct parcel *behind; /* in the outlet */

	struct parcel *beside, **taken_at; /* among those that the relief has taken */
};

/* What the committer has done, on its way to the courier thread. */
struct letter {
	struct letter *next;
	struct parcel *arrived; /* a new one; or NULL: */
	uint64_t gone, order; /* key and order of one whose result was fetched */
};

struct saf_parcels {
	struct scl *scl;
	struct parcel *buckets[PARCEL_BUCKETS]; /* by key */
	_Atomic unsigned count; /* stored or about to be */
	_Atomic size_t octets;
	_Atomic int64_t parked; /* records of parked ones, stored */
	int64_t parked_changed,
		parked_kept; /* by the present run, by the batch: committer thread */
	struct scl_task arrive; /* takes what has come in */
	bool more; /* and there were requests: the relief is to be told. Courier thread */
	pthread_mutex_t lock; /* of what follows */
	struct letter *letters, **last_letter;

	struct saf_outlet *outlets; /* saf_result.c */
	unsigned busy, busy_failing; /* outlets that send */
};

/*
 * What becomes of a request that is stored or about to be; it is in no list. NULL without memory.
 * Any thread.
 */
struct parcel *parcel_new(struct saf_parcels *all, const struct saf_parcel_record *r);
/* Takes p out of its list, too. */
void parcel_free(struct parcel *p);
/* What p counts for is free again. Any thread. */
void parcel_release(struct parcel *p);
/* The parcel ends, in the store too. Courier thread. */
void parcel_drop(struct parcel *p);
/* A heap copy with a zero behind it, NULL without memory. */
char *parcel_text(struct slice s);
/* Hands a letter to the courier thread. */
void parcels_post(struct saf_parcels *all, struct letter *letter);

/* ---- of one that neither waits nor is sent; courier thread ---- */

/* Takes in what the committer has handed over. */
void parcels_arrive(struct saf_parcels *all);
/* The one of that key and order, or NULL. */
struct parcel *parcel_of(struct saf_parcels *all, uint64_t key, uint64_t order);
/* Reads its request into p->rq. RC_NOT_FOUND, RC_INTERNAL: it is gone or damaged. */
enum rc parcel_open(struct parcel *p);
void parcel_close(struct parcel *p);
/* The request that is open is answered with a failure of this SCL. */
void parcel_fail(struct parcel *p, enum rc rc, const char *text);
/* It is in the store no more and counts no more; p is gone. */
void parcel_forget(struct parcel *p);

/* ---- saf_relief.c ---- */

/* True when what becomes of r may be kept elsewhere. Any thread. */
bool saf_relief_adaptive(const struct scl *scl, const struct saf_parcel_record *r);
/* There are more requests than before. Courier thread. */
void saf_relief_arrived(struct scl *scl);

/* ---- saf_result.c: answers on their way to contactURI ---- */

/* p has a stored result and a contact. */
void result_deliver(struct parcel *p);
void results_free(struct saf_parcels *all);

#endif
