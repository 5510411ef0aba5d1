/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving side of the streams of one source, whose signing key is pinned: management
 * messages in, plaintexts out, each once; and whether what came is what was sent.
 *
 * What is kept is bounded: conf.streams streams, conf.sections sections of each; a new section
 * takes the place of the one that was opened first. A message costs no memory; a section does.
 *
 * Nobody but the source can make a management message or an END. With the session key, every sink
 * of the section could make data messages: its END, or signatures in each message, tell them from
 * those of the source.
 *
 * One thread at a time per object.
 */
#ifndef PRE_OPENING_H
#define PRE_OPENING_H

#include "pre/chain.h"
#include "pre/unit.h"

#define PRE_STREAMS_DEFAULT 16u
#define PRE_SECTIONS_DEFAULT 4u

/* Who opens. */
enum pre_as {
	PRE_AS_SINK, /* MM1 for conf.keys */
	PRE_AS_OWNER, /* the source itself, conf.keys: MM2, and MM1 for anyone */
	PRE_AS_ADDRESSEE, /* MM2 that were made for PK1 of conf.keys */
};

struct pre_opening_conf {
	const struct afgh *afgh; /* both are the caller's and outlive the opening */
	const struct afgh_keys *keys;
	enum pre_as as;
	struct slice source; /* URL, copied */
	struct sign_public key; /* of the source */
	unsigned streams; /* 0: PRE_STREAMS_DEFAULT */
	unsigned sections; /* of each stream; 0: PRE_SECTIONS_DEFAULT */
	bool archive; /* also sections older than the newest (what was stored is read again) */
	bool individual; /* each section is one message, without END */
};

struct pre_opening;

/*
 * state: of pre_opening_save, or empty. RC_BAD_REQUEST: a value of conf is out of range, or state
 * is none of this source and these limits; RC_UNAVAILABLE, RC_INTERNAL, RC_NOT_IMPLEMENTED. The
 * caller frees *out with pre_opening_free.
 */
enum rc pre_opening_new(const struct pre_opening_conf *conf, struct slice state,
                        struct pre_opening **out);
/* Wipes and frees; NULL is fine. */
void pre_opening_free(struct pre_opening *o);
/*
 * Appends what has to be durable together with the plaintexts that were taken: after a restart with
 * an older state, messages since then would be taken again. It holds no secret (session keys
 * come again from the management messages in it), but it must not be changed. When something that
 * was taken could not be made durable, the opening is made anew from the state before. RC_NO_SPACE
 * when to is full.
 */
enum rc pre_opening_save(const struct pre_opening *o, struct buf *to);

/* What is found out about a section. */
enum pre_finding {
	PRE_MISSING = 1, /* messages that its END counts have not come */
	PRE_ALTERED = 2, /* there are others than those that the source has sent */
	PRE_REORDERED = 4, /* messages came in another order than that they were sent in */
	PRE_UNLINKED = 8, /* an END before its END is missing, perhaps with the section */
	PRE_JOINED = 16, /* its END is the first that came, but not the first of the stream */
	PRE_UNENDED = 32, /* its END has not come */
};

/* What a unit was; plain lies in the opening until its next call. */
struct pre_opened {
	uint8_t type; /* enum pre_type */
	uint32_t seq; /* of a data message */
	struct slice plain;
	bool judged; /* findings and missing are the verdict on the section */
	unsigned findings; /* of a management message: of the section before */
	uint32_t missing; /* messages that have not come: up to this one, or of all when judged */
};

/*
 * Takes a unit. RC_OK: out tells. RC_CONFLICT: it was taken before, or, a data message, is so far
 * behind that this is not known: acknowledge it and do nothing. RC_GONE: its section is older than
 * what is kept: the same. RC_NOT_FOUND: no management message of its section has come (yet), or
 * none that this party can open. RC_BAD_REQUEST: it is not the source's, not for this party,
 * changed, or malformed; nothing tells which. RC_NO_SPACE: there are conf.streams streams.
 * RC_UNAVAILABLE, RC_INTERNAL, RC_NOT_IMPLEMENTED.
 *
 * A section is judged when its END and all messages that it counts have come: by the END, or by
 * the message that was the last to come. An END whose messages have not all come says so, and
 * is not the last word.
 */
enum rc pre_opening_take(struct pre_opening *o, const struct pre_unit *u, struct pre_opened *out);

/* All sections up to now. */
struct pre_report {
	uint64_t sections; /* opened */
	uint64_t complete; /* all that was sent has come, and nothing else */
	uint64_t messages; /* taken */
	unsigned findings; /* of any section; PRE_UNENDED, PRE_MISSING only of what is final now */
};

/*
 * As if nothing more came: sections without END, or with one and not all their messages, count as
 * PRE_UNENDED, PRE_MISSING.
 */
void pre_opening_report(const struct pre_opening *o, struct pre_report *out);

#endif
