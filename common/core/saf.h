/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Communication selection (TS 102 690 9.3.1.5): requests for other SCLs wait here, on the courier
 * thread, until the policies let them go over an access network. Those that an SCL accepted for
 * later (saf_parcel.c) and those whose issuer waits (forward.c) wait side by side.
 *
 * What waits is grouped by next SCL, policy set and RCAT: thresholds and schedules concern a group.
 * In a group, the accepted ones for the same SCL go one after the other, in order.
 */
#ifndef CORE_SAF_H
#define CORE_SAF_H

#include "core/access_network.h"
#include "core/saf_book.h"

#define SAF_NETWORKS 16

struct saf_group;
struct saf_lane;

/* Something that waits; memory of whoever lets it wait. Courier thread only. */
struct saf_entry {
	/* Set before saf_wait. */
	uint64_t link; /* the next SCL: what connections are made and fail to */
	uint64_t destination; /* the SCL of the target: within it the order is kept */
	unsigned rcat;
	struct slice application; /* issuer in comparable form, lives as long as the entry */
	int64_t received, deadline;
	size_t octets;
	bool ordered; /* goes after the others of its destination, one by one */
	bool adaptive; /* and may be held back (saf_relief.h): others never stand behind it */
	/* It may go over that network now: out of the line, saf_ended is called later. */
	void (*start)(struct saf_entry *e, unsigned network);
	/* Its time is over, or nothing is begun any more (stopping): out of the line. */
	void (*expire)(struct saf_entry *e, bool stopping);

	uint64_t order; /* of acceptance; 0: that of the first saf_wait */

	/* Private from here on. */
	struct saf_group *group;
	struct saf_lane *lane;
	struct saf_entry *next;
};

/* How an attempt ended. */
enum saf_end {
	SAF_REACHED, /* the next SCL answered */
	SAF_BUSY, /* it answered that it cannot now: its destination rests a while */
	SAF_FAILED, /* no connection, or it broke */
	SAF_NONE /* nothing was attempted */
};

/* What a request is to go by, found when it is received. */
struct saf_terms {
	unsigned rcat;
	int64_t received, deadline;
	bool patient; /* it may wait: TRPDT is known, or a policy applies */
	struct slice application; /* in the arena of the request */
};

enum rc saf_new(struct scl *scl);
/* Takes up what an earlier run has left. Before the threads start. */
enum rc saf_start(struct saf *saf);
/* After the courier. */
void saf_free(struct saf *saf);

/* Checks the X-etsi headers of a request: RC_BAD_REQUEST. Any thread. */
enum rc saf_admit(struct req *rq);
/* On rq->tx. Any thread. */
enum rc saf_terms_of(struct req *rq, struct saf_terms *terms);

/* Puts e at its place in the line. Courier thread. */
void saf_wait(struct saf *saf, struct saf_entry *e);
/* The attempt that start began has ended; e is the owner's again, and may wait again. */
void saf_ended(struct saf *saf, struct saf_entry *e, unsigned network, enum saf_end how);

/* Looks at all that waits. Any thread. */
void saf_look(struct saf *saf);

/* ---- for saf_relief.c; courier thread ---- */

struct saf_relief_line;

/* The oldest adaptive one of a destination that waits; NULL also when one is under way. */
struct saf_entry *saf_oldest(struct saf *saf, uint64_t destination);
/* Takes e out of its line; false when it is in none. It is the owner's, and may wait again. */
bool saf_withdraw(struct saf_entry *e);
/* Visits the lines of adaptive ones until visit returns false. */
void saf_each_line(struct saf *saf, bool (*visit)(void *arg, const struct saf_relief_line *line),
                   void *arg);

/* A policy changes: what waits is looked at after the commit. Committer thread, in a transaction. */
void saf_note_change(struct scl *scl);

/* True when this SCL follows the policies in its tree. */
bool saf_has_policies(const struct scl *scl);
/* saf_entry.destination and saf_entry.link of a request for target. */
uint64_t saf_destination_of(struct slice target);
uint64_t saf_link_of(const struct scl *scl, struct slice target);

/* Waiting time after n failures in a row. */
int64_t saf_backoff(const struct scl_conf *conf, unsigned failures);

/* ---- forward.c ---- */

struct forward;

/* How one attempt to carry a request to the next SCL ended, on the courier thread. */
struct forward_end {
	enum saf_end how;
	bool unsent; /* nothing of it can have reached the peer */
};

/*
 * Carries rq, made by req_new_local and filled, to where target (absolute) belongs, once, within
 * limit microseconds. ended is called once, not from within; the answer or the failure is then in
 * rq. Courier thread. False without memory.
 */
bool forward_once(struct req *rq, struct slice target, int64_t limit,
                  void (*ended)(struct req *rq, void *arg, struct forward_end end), void *arg);

/*
 * Appends the requestNotify (TS 102 921 10.42) of rq, made by req_new_local and filled, as it would
 * be sent to target (absolute) now, to be answered at contact under the correlationID id. Nothing
 * is sent. RC_OK; RC_BAD_REQUEST, RC_NOT_IMPLEMENTED: a document cannot say it; RC_UNAVAILABLE: no
 * memory, or out's limit. Courier thread.
 */
enum rc forward_document(struct req *rq, struct slice target, struct slice contact, const char *id,
                         struct buf *out);

/* ---- saf_relief.c: what is kept elsewhere ---- */

struct saf_relief;

/* NULL is none. After the courier. */
void saf_relief_free(struct saf_relief *relief);
/* True while no adaptive request of that destination may be sent. Courier thread. */
bool saf_relief_holds(const struct scl *scl, uint64_t destination, unsigned rcat);
/* An attempt over that link has changed what is known of it. Courier thread. */
void saf_relief_link_told(const struct scl *scl, uint64_t link, bool up);

/* A parked request is not repeated any more. Committer thread, in a transaction. */
enum rc saf_parked_expire(struct scl *scl, struct rtx *tx, uint64_t key);
/* What became of the last run, then of the batch: the count follows. Committer thread. */
void saf_parked_commit(struct saf_parcels *all, enum commit_event what);

/* ---- saf_parcel.c: requests that were accepted for later ---- */

enum rc saf_parcels_new(struct scl *scl, struct saf_parcels **out);
void saf_parcels_free(struct saf_parcels *all);
/* Takes up what an earlier run has left in the store. Before the threads start. */
enum rc saf_parcels_load(struct saf_parcels *all);
/* True when the issuer of rq wants to be answered later (TS 102 690 9.3.1.5, non-blocking). */
bool saf_parcel_asked(const struct req *rq);
/*
 * Makes rq->take what stores it, to be carried to target (absolute). Serving thread. RC_OK, or the
 * failure with its text.
 */
enum rc saf_parcel_take(struct req *rq, struct slice target, const struct saf_terms *terms);

#endif
