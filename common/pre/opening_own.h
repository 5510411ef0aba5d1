/* SPDX-License-Identifier: Apache-2.0 */
/* What an opening consists of; for opening*.c alone. */
#ifndef PRE_OPENING_OWN_H
#define PRE_OPENING_OWN_H

#include "pre/opening.h"
#include "sec/replay.h"

#define HELD_MAX REPLAY_WINDOW

/*
 * One section. Messages are taken up to REPLAY_WINDOW behind the highest, in any order; the chain
 * needs them in the order of seq, so what comes early leaves its digest in held.
 */
struct opening_section {
	struct pre_hdr hdr; /* of its management message, with that one's type */
	uint64_t opened; /* number of this opening of a section */
	struct pre_data *data;
	uint8_t digest[PRE_DIGEST_SIZE]; /* of the management message */
	uint8_t mm[PRE_MM1_MAX]; /* its rest: what the key comes from after a restart */
	size_t mm_n;
	struct replay window; /* of seq + 1 */
	struct pre_chain chain; /* over the first next messages */
	uint32_t next;
	uint32_t top; /* above the highest seq */
	uint32_t taken;
	uint32_t forgeries; /* messages that did not open */
	uint64_t held_mask; /* bit seq % HELD_MAX, for the HELD_MAX behind next */
	uint8_t held[HELD_MAX][PRE_DIGEST_SIZE];
	bool broken; /* message next will never be taken */
	bool reordered;
	bool altered; /* a message that the source did not send was refused */
	bool ended;
	unsigned link; /* PRE_UNLINKED, PRE_JOINED: how its END stands to the one before */
	struct pre_end end;
};

struct opening_stream {
	uint16_t id;
	struct pre_hdr newest; /* of the highest section that was accepted; type 0: none yet */
	bool has_end;
	struct pre_hdr end; /* header and chain of the last END */
	struct pre_chain chain;
	struct opening_section **sections; /* conf.sections places, NULL = free */
};

struct pre_opening {
	struct pre_opening_conf conf; /* source lies in url */
	char *url;
	uint8_t source[PRE_SOURCE_SIZE];
	struct opening_stream *streams; /* conf.streams places, the first n are used */
	unsigned n;
	uint64_t opened; /* openings of sections */
	struct pre_report past; /* what sections that are gone have left */
	struct buf plain;
};

/* ---- opening_section.c: one section; the caller has authenticated what it tells ---- */

/* The session key of m, and the keys of its section. Outcomes as pre_opening_take has them. */
enum rc opening_unlock(const struct pre_opening *o, const struct pre_mm *m, struct pre_data **out);
/* m, which came as rest, begins a section; takes data. NULL without memory. */
struct opening_section *opening_section_new(const struct pre_mm *m, struct slice rest,
                                            struct pre_data *data);
void opening_section_free(struct opening_section *s);
/*
 * Takes a message that has opened. RC_CONFLICT: it was there before, or may have been;
 * RC_BAD_REQUEST: END tells that it is not the source's; RC_INTERNAL when the library fails: it may come again.
 */
enum rc opening_section_take(struct opening_section *s, const struct pre_datum *m);
/* PRE_MISSING, PRE_ALTERED ... as of now. */
unsigned opening_section_findings(const struct opening_section *s);
/* Messages that have not come: of what END counts, else up to the highest. */
uint32_t opening_section_missing(const struct opening_section *s);
/* All that the source has sent has come, and nothing else. */
bool opening_section_complete(const struct opening_section *s, bool individual);

/* ---- opening_state.c ---- */

/* Fills an opening that is empty but for its conf. Outcomes as pre_opening_new has them. */
enum rc opening_load(struct pre_opening *o, struct slice state);

/* ---- opening.c ---- */

/* NULL: there is none. */
struct opening_stream *opening_find_stream(const struct pre_opening *o, uint16_t id);
/* A place for one more; NULL: there are conf.streams, or no memory. */
enum rc opening_add_stream(struct pre_opening *o, uint16_t id, struct opening_stream **out);
/* NULL: there is none. */
struct opening_section **opening_find_section(const struct pre_opening *o,
                                              const struct opening_stream *st,
                                              const struct pre_hdr *h);
/* Adds what s has come to. */
void opening_count(const struct pre_opening *o, const struct opening_section *s,
                   struct pre_report *r);

#endif
