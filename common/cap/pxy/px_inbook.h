/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book of a sink: what has come from each source and was opened, until it is applied. A store
 * of tables of its own, with one thread that changes it; all that a change consists of is durable
 * together, or none of it.
 *
 *   V                   version 1
 *   O source16          state of the opening (pre/opening.h)
 *   Q source16 number8  plaintext, as it is: the directory is its owner's alone
 *   T source16          counters (struct px_in_count)
 *   P source16 stream2  the last place of a stream (struct px_in_place)
 *   F source16 nth8     failure: number 8, time 8, status 2; the last PX_IN_FAILURES
 *
 * Plaintexts of a source are numbered 1, 2 ... in the order in which they were taken; the queue is
 * emptied from the front. A number is never given again, also when it was removed.
 */
#ifndef CAP_PXY_PX_INBOOK_H
#define CAP_PXY_PX_INBOOK_H

#include "base/buf.h"
#include "base/log.h"
#include "pre/hdr.h"
#include "store/store.h"
#include "store/tables_job.h"

#define PX_IN_FAILURES 1000u /* kept of each source */
#define PX_IN_TAKE_MAX 65536u /* plaintexts of one take */

struct px_inbook;

/* A source, as headers name it (pre_source_name). */
struct px_in_name {
	uint8_t v[PRE_SOURCE_SIZE];
};

struct px_inbook_conf {
	const char *dir; /* of its own, made when it is absent; NULL: in memory */
	const struct store_ops *engine; /* unused in memory */
	uint64_t
		octets; /* of plaintexts that may wait, of all sources together: how large it may get */
	struct log *log; /* may be NULL */
};

/*
 * Copies conf. On failure why says why in one line; RC_PRECONDITION: the directory was made by
 * another version.
 */
enum rc px_inbook_open(const struct px_inbook_conf *conf, struct px_inbook **out, char why[256]);
/* Ends all changes that were handed in, frees. NULL is fine. */
void px_inbook_close(struct px_inbook *b);

/* ---- changes ---- */

/* What a change begins with; in memory of whoever hands it in, until done. */
struct px_in_op {
	void (*done)(struct px_in_op *
	                     op); /* once, on the book's thread, after the commit; must not block */
	void *owner;
	enum rc rc; /* for done */
	struct tables_job job; /* private */
};

/* How far a stream has come. */
struct px_in_place {
	uint16_t stream, key_index;
	uint32_t epoch;
	bool any; /* a data message of the section was taken: */
	uint32_t seq; /* the highest */
	bool ended; /* its END has come */
};

/* What is counted of a source; in a take: what is added (findings: united). */
struct px_in_tally {
	uint64_t received; /* units that came */
	uint64_t messages; /* data messages that were taken: each once */
	uint64_t duplicates; /* units that had been taken before */
	uint64_t gone; /* units of sections so old that nobody knows whether they were */
	uint64_t alarms; /* sections that are not what was sent */
	uint64_t findings; /* enum pre_finding of all sections that were judged */
};

/* State and plaintexts of one request of a proxy. */
struct px_in_take {
	struct px_in_op op;
	struct px_in_name source;
	struct slice state; /* of the opening, after it */
	const struct slice *plains; /* in their order */
	size_t n; /* at most PX_IN_TAKE_MAX */
	const struct px_in_place *places; /* one for each stream that got further */
	size_t n_places;
	struct px_in_tally added;
	uint64_t
		octets_max; /* that may wait then, of the source; one request alone may be longer */
};

struct px_in_failure {
	uint64_t number;
	int64_t time; /* microseconds since 1970 */
	unsigned status; /* HTTP */
};

/* Plaintexts are done with: applied, or failed for good. */
struct px_in_end {
	struct px_in_op op;
	struct px_in_name source;
	/* All up to this one; those before were ended already. Beyond what was ever queued: the numbers
	 * go on behind it. */
	uint64_t up_to;
	uint64_t applied; /* of them */
	const struct px_in_failure *failures; /* and these were not */
	size_t n_failures; /* at most PX_IN_FAILURES */
};

/*
 * Hand in, from any thread, without waiting; op->done is called in any case, never from within.
 * Besides RC_OK: RC_NO_SPACE (disk), RC_UNAVAILABLE (too many changes wait, the device fails, or
 * octets_max), RC_BAD_REQUEST (a number that is out of its range), RC_INTERNAL (damaged): nothing was
 * changed then.
 */
void px_inbook_take(struct px_inbook *b, struct px_in_take *t);
void px_inbook_end(struct px_inbook *b, struct px_in_end *e);

/* ---- reading: what is stored, from any thread, without waiting for changes ---- */

struct px_in_count {
	uint64_t queued, removed; /* numbers: the last one given, the last one done with */
	uint64_t octets; /* that wait between them */
	uint64_t applied, failed; /* how many of those done with */
	struct px_in_tally tally;
	uint64_t newest; /* stream that was taken from last, + 1; 0: none */
};

/* Of a source that is not known: all zero. *state, unless NULL, gets its state appended. */
enum rc px_inbook_source(struct px_inbook *b, const struct px_in_name *source,
                         struct px_in_count *out, struct buf *state);
/* RC_NOT_FOUND: nothing was taken from that stream. */
enum rc px_inbook_place(struct px_inbook *b, const struct px_in_name *source, uint16_t stream,
                        struct px_in_place *out);
/* Return false to stop; plain is valid for the visit only. */
typedef bool px_in_visit(void *arg, uint64_t number, struct slice plain);
/*
 * Both of one moment: what has come up to that place and does not wait any more is done with.
 * stream NULL: the one that was taken from last. *any: something was taken from it.
 */
enum rc px_inbook_look(struct px_inbook *b, const struct px_in_name *source, const uint16_t *stream,
                       struct px_in_count *out, struct px_in_place *place, bool *any);
/* The plaintexts that wait, behind number after, in their order; at most n (at least 1). */
enum rc px_inbook_queue(struct px_inbook *b, const struct px_in_name *source, uint64_t after,
                        size_t n, px_in_visit *visit, void *arg);
/* Return false to stop. */
typedef bool px_in_visit_failure(void *arg, const struct px_in_failure *f);
/* The last n failures, the oldest of them first. */
enum rc px_inbook_failures(struct px_inbook *b, const struct px_in_name *source, size_t n,
                           px_in_visit_failure *visit, void *arg);

#endif
