/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relief of the requests that were accepted for later (TS 102 690 9.3.1.5): a capability holds back
 * those that bear it and keeps the older part of them elsewhere, sealed, when the queue gets full
 * or the next SCL cannot be reached ("Secure store and forward proxy for dynamic IoT applications
 * over M2M networks", II.D: adaptive traffic; rigid traffic is never kept elsewhere).
 *
 * A parcel is such a request. It is taken out of the line from its head, so that what is kept
 * elsewhere is always older than what is left; then its document is asked for, and it is parked
 * (it counts no more and nothing but a record is left, by which a repeated request is known) or
 * returned to its place. Until then it is stored as before: after a restart it waits again.
 *
 * All on the courier thread, but what says otherwise.
 */
#ifndef CORE_SAF_RELIEF_H
#define CORE_SAF_RELIEF_H

#include "base/buf.h"
#include "core/scl.h"

/* So many parcels are taken or parked at a time. */
#define SAF_RELIEF_MAX 64u

/* Of the core; it lives until it is parked or returned, or until scl_free. */
struct parcel;

/* The functions are called on the courier thread, from scl_start until scl_stop has returned. */
struct saf_relief_ops {
	void *arg;

	/*
	 * What makes a request adaptive, judged once, when it is accepted or read at start: it
	 * changes something (CREATE, UPDATE, DELETE or NOTIFY; who asks for an answer is not served
	 * by an earlier 202), its target, with the query decoded, and its headers are printable
	 * ASCII (a document has no form for other octets), and the following.
	 */
	unsigned rigid; /* bit n: RCAT_n is rigid */
	int64_t min_delay; /* microseconds: TRPDT (of the request or the policies) is not below it */
	size_t document_max; /* octets: its document cannot be longer, whatever the texts are */

	unsigned level; /* per cent of saf.requests_max or saf.octets_max that are pressing */
	uint64_t parked_max; /* records of parked ones in the store; one takes some 200 octets */

	/*
	 * Whether adaptive requests for that destination and RCAT may use the uplink now. Short: it
	 * is asked for each line of requests whenever something changes, and each second.
	 */
	bool (*may_send)(void *arg, uint64_t destination, unsigned rcat);
	/*
	 * A request came in and the level is reached: so many are stored, with answers that are not
	 * delivered yet. May call what is below.
	 */
	void (*pressed)(void *arg, unsigned count, size_t octets);
	/*
	 * Requests found that the next SCL (saf_relief_link) is or is not reached any more: told on
	 * a change, and the first time. May call what is below.
	 */
	void (*link_changed)(void *arg, uint64_t link, bool up);
};

/*
 * ops is copied. Between scl_new and scl_start, once. RC_UNAVAILABLE without memory, RC_CONFLICT
 * the second time.
 */
enum rc scl_relieve(struct scl *scl, const struct saf_relief_ops *ops);

/* The destination of requests for what is at url (absolute), 0 when it is malformed. Any thread. */
uint64_t saf_relief_destination(struct slice url);
/* The next SCL of requests for url: of a gateway or device the one it registers with. Any thread. */
uint64_t saf_relief_link(const struct scl *scl, struct slice url);

struct saf_relief_load {
	unsigned count, count_max; /* stored requests and answers; saf.requests_max */
	size_t octets, octets_max; /* that they count for; saf.octets_max */
	uint64_t parked, parked_max;
	bool pressed; /* the level is reached */
};

/* Any thread, after scl_relieve. */
void saf_relief_load(struct scl *scl, struct saf_relief_load *out);

/* Adaptive requests of one line. */
struct saf_relief_line {
	uint64_t destination, link;
	unsigned rcat;
	size_t count, octets; /* that wait */
	int64_t received; /* when the oldest was, microseconds since the epoch; 0: none waits */
	bool under_way; /* one is being sent: nothing is taken from its destination until it ends */
};

/*
 * Visits the lines, in no order; several may have the same destination. visit returns false to stop
 * and calls nothing of this header.
 */
void saf_relief_each(struct scl *scl, bool (*visit)(void *arg, const struct saf_relief_line *line),
                     void *arg);

/*
 * Takes the oldest adaptive requests of a destination, in order of acceptance, into out: at most
 * max (<= SAF_RELIEF_MAX), and no more than octets of bodies, but one if there is any. The uplink
 * gets no adaptive one of that destination before all that were taken are parked or returned,
 * whatever may_send says. Returns how many: 0 when none waits, when one of them is under way (it is
 * older than all that wait; ask again when it has ended), when parked_max is reached or memory is
 * short, and while the scl stops. What is past its TRPDT is not taken: it is answered 504. They are
 * the caller's.
 */
unsigned saf_relief_take(struct scl *scl, uint64_t destination, unsigned max, size_t octets,
                         struct parcel **out);

/*
 * Takes the very request that was taken under that name before a restart and waits again; NULL when
 * it does not: it was parked, or its time was over. From scl_start on all that an earlier run has
 * left is known.
 */
struct parcel *saf_relief_claim(struct scl *scl, uint64_t key, uint64_t order);

/* What names a request for ever. The order of acceptance grows, over restarts too. */
uint64_t saf_relief_key(const struct parcel *p);
uint64_t saf_relief_order(const struct parcel *p);

/*
 * Appends the requestNotify document (TS 102 921 10.42) of a taken request: what was to be sent to
 * its target, as it would have been sent now. contact is where an answer would go to; the
 * correlationID is the request's key in 16 hexadecimal digits. RC_OK. RC_UNAVAILABLE: the store
 * cannot be read at the moment or memory is short: return it, ask again later; so is what is over
 * out's limit, which is to be document_max at least. RC_GONE: what is stored is damaged, or no
 * document can say it (a malformed query): the request is given up or answered, and p is not the
 * caller's any more. On anything but RC_OK out holds nothing to be used.
 */
enum rc saf_relief_document(struct parcel *p, struct slice contact, struct buf *out);

/*
 * Parks n taken requests (1..SAF_RELIEF_MAX), all in one transaction: they are kept elsewhere from
 * now on, count no more, and who repeats one of them within saf.lifetime is answered 202. The array
 * is copied. False when that cannot be begun now: done is not called, try again later. Else done is
 * called once, not from within; RC_OK: they are durably parked and gone, else all are the caller's
 * as before. It is not called any more when the scl stops meanwhile: the next start tells, by
 * saf_relief_claim, which still wait.
 */
bool saf_relief_parked(struct scl *scl, struct parcel *const *parcels, unsigned n,
                       void (*done)(void *arg, enum rc rc), void *arg);

/* Puts n taken requests back at their places. */
void saf_relief_return(struct parcel *const *parcels, unsigned n);

/* may_send answers differently from now on: what waits is looked at. Any thread. */
void saf_relief_look(struct scl *scl);

#endif
