/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is found out about the sections of one source while its messages are taken: how far each
 * stream has come, and which sections are not what was sent. For px_opener.c; one thread at a time.
 */
#ifndef CAP_PXY_PX_JUDGE_H
#define CAP_PXY_PX_JUDGE_H

#include "cap/pxy/px_inbook.h"
#include "pre/opening.h"

#define PX_FINDINGS                                                                                \
	(PRE_MISSING | PRE_ALTERED | PRE_REORDERED | PRE_UNLINKED | PRE_JOINED | PRE_UNENDED)

/* A section that has something against it. */
struct px_verdict {
	uint16_t stream, key_index;
	uint32_t epoch;
	unsigned findings; /* those that are an alarm */
	uint32_t missing; /* messages */
};

struct px_judge {
	struct px_inbook *book;
	struct px_in_name source;
	struct slice url; /* of the source, for the log */
	unsigned streams; /* at most so many */
	struct px_in_place *places; /* of each stream that was seen since the start, the first n */
	unsigned n;
	struct px_in_place *changed; /* by the present request, the first n_changed */
	size_t n_changed;
	struct buf verdicts; /* struct px_verdict, of the present request */
};

/* book and url outlive it; streams: how many an opening keeps. RC_UNAVAILABLE. */
enum rc px_judge_init(struct px_judge *j, struct px_inbook *book, const struct px_in_name *source,
                      struct slice url, unsigned streams);
void px_judge_fini(struct px_judge *j);
/* A request begins. */
void px_judge_begin(struct px_judge *j);
/*
 * A unit with that header was taken, with that outcome: adds findings and alarms to t. A section
 * that is not to be trusted is an alarm once. RC_UNAVAILABLE, RC_INTERNAL.
 */
enum rc px_judge_unit(struct px_judge *j, const struct pre_hdr *h, const struct pre_opened *out,
                      struct px_in_tally *t);
/* The request is stored: says in the log what is wrong. */
void px_judge_tell(struct px_judge *j, struct log *log);
/* The request was given up: what is known comes from the book again. */
void px_judge_reset(struct px_judge *j);

/* The name of one finding (a single bit), as the monitor has it; NULL: there is none. */
const char *px_finding_name(unsigned finding);

#endif
