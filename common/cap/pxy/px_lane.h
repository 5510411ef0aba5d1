/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane: what becomes of the messages of one store on their way to one sink of one forward. Here
 * is what is decided, from events and the time alone; what is done about it (px_lanes.h) is said in
 * actions. In order, one body at a time, at least once.
 *
 *   IDLE     nothing is there to be sent
 *   PACE     the rate of the sink does not allow more before a time
 *   LINE     for a place among those that are under way
 *   PREPARE  a body is being made
 *   SEND     it is under way
 *   BACKOFF  until the next try
 *   NOKEY    the next message needs a re-encryption key that is not there
 *   REFUSED  the sink will never take the next message
 *   PAUSED   its forward is
 *   ENDED    for good
 *
 * A place is held in PREPARE and SEND, so that bodies take up no more room than the places allow.
 */
#ifndef CAP_PXY_PX_LANE_H
#define CAP_PXY_PX_LANE_H

#include "cap/pxy/px_forward.h"
#include "cap/pxy/px_store.h"

enum px_lane_state {
	PX_LANE_IDLE,
	PX_LANE_PACE,
	PX_LANE_LINE,
	PX_LANE_PREPARE,
	PX_LANE_SEND,
	PX_LANE_BACKOFF,
	PX_LANE_NOKEY,
	PX_LANE_REFUSED,
	PX_LANE_PAUSED,
	PX_LANE_ENDED,
	PX_LANE_STATES
};

enum px_lane_event {
	PX_LANE_NEWS, /* the store has new messages */
	PX_LANE_CHANGED, /* its forward runs, and has been made, controlled or resumed */
	PX_LANE_PAUSE,
	PX_LANE_END, /* the forward is stopped, the sink has ended */
	PX_LANE_TIMER, /* the time of PX_LANE_WAIT is over */
	PX_LANE_PLACED, /* it has a place */
	PX_LANE_MADE, /* lane->made is set */
	PX_LANE_ANSWERED, /* lane->answer is set */
	PX_LANE_EVENTS
};

/* What to do: bits, and in their order. */
enum px_lane_do {
	PX_LANE_LEAVE = 1, /* the place is free, the body is not needed any more */
	PX_LANE_UNASK = 2, /* it does not want a place any more */
	PX_LANE_UNWAIT = 4, /* the timer is void */
	PX_LANE_FAILING = 8, /* say that it fails */
	PX_LANE_STUCK = 16, /* say that it is refused */
	PX_LANE_KEEP = 32, /* something is to be stored: px_lane_progress */
	PX_LANE_ERASE = 64, /* store that it has ended */
	PX_LANE_WAIT = 128, /* PX_LANE_TIMER after lane->delay; the timer before is void */
	PX_LANE_ASK = 256, /* for a place; PX_LANE_PLACED when it has one */
	PX_LANE_MAKE = 512, /* a body: px_lane_order; PX_LANE_MADE */
	PX_LANE_GIVE = 1024, /* the body to the sink; PX_LANE_ANSWERED */
};

/* Times are microseconds. */
struct px_lane_conf {
	int64_t retry_first, retry_max;
};

/* What came of making a body. */
enum px_result_kind {
	PX_RESULT_BODY, /* there is one */
	PX_RESULT_NOTHING, /* nothing was there for it */
	PX_RESULT_NOKEY, /* the next message needs a key: waits_for */
	PX_RESULT_BAD, /* the next message can be forwarded to nobody */
	PX_RESULT_END, /* nothing more is for it, ever */
	PX_RESULT_FAILED, /* not now */
};

struct px_result {
	enum px_result_kind kind;
	uint64_t upto; /* all up to it are in the body or not for this sink */
	bool more; /* PX_RESULT_NOTHING: there may be something behind upto */
	bool back; /* false: it was asked to go back to a section, which is not there */
	uint64_t first; /* number of the first message of the body; of the bad one */
	uint32_t n; /* messages of the body */
	uint64_t octets; /* their units together */
	struct px_section section; /* of the first of them */
	struct px_key_of waits_for;
};

enum px_answer_kind {
	PX_ANSWER_TAKEN,
	PX_ANSWER_UNKNOWN, /* the sink does not know the section: 409 */
	PX_ANSWER_NEVER, /* it will never take it */
	PX_ANSWER_LATER, /* all else, also none */
};

struct px_answer {
	enum px_answer_kind kind;
	int64_t after; /* that the sink wants to be left alone; 0: it has said nothing */
};

/* How a body is to be made. */
struct px_lane_order {
	uint64_t after; /* number of the message that it follows */
	bool single; /* one message alone */
	bool back; /* from the begin of that section on, if that is before */
	struct px_section section;
};

/* What the book is to be told (struct px_progress). */
struct px_lane_progress {
	uint64_t cursor, sent, acknowledged, retried, octets;
};

/* Octets that a sink has taken, in windows of PX_LANE_WINDOW. */
#define PX_LANE_WINDOW (10 * CLOCK_SECOND)

/* Read by others, written by the functions below alone but for made, answer. */
struct px_lane {
	enum px_lane_state state;
	uint64_t next; /* done with messages up to this number */
	uint64_t refused; /* REFUSED: number of the message */
	struct px_key_of waits_for; /* NOKEY */
	int64_t delay; /* of PX_LANE_WAIT */
	struct px_result made;
	struct px_answer answer;

	uint64_t rate; /* octets per second; 0: any */
	int64_t free_at; /* when the rate allows the next body */
	unsigned failures; /* in sequence */
	int64_t said_at; /* when PX_LANE_FAILING was said; 0: not since it has worked */
	bool news, changed; /* since it is in PREPARE */
	bool pausing, ending; /* when what is under way is over */
	uint64_t tried_upto; /* was sent before, up to that number */
	uint64_t single_upto; /* bodies of one message up to that number */
	/* Going back: the next body is to begin with section; how often since trouble was not passed. */
	bool back;
	unsigned backs;
	struct px_section section;
	uint64_t trouble;
	uint64_t kept; /* cursor of the last px_lane_progress */
	struct px_lane_progress fresh; /* what came since */
	int64_t window_at;
	uint64_t window, window_before; /* octets */
};

/* Of a sink that is done with messages up to cursor. */
void px_lane_init(struct px_lane *l, uint64_t cursor, uint64_t rate);
/* now: monotonic. Returns what to do, bits of enum px_lane_do. */
unsigned px_lane_event(struct px_lane *l, const struct px_lane_conf *conf, enum px_lane_event e,
                       int64_t now);
/* The sink gets another rate; what it owes of the old one it still owes. Then PX_LANE_CHANGED. */
void px_lane_rate(struct px_lane *l, uint64_t rate, int64_t now);
/* The book is done with messages up to cursor: one was skipped. Then PX_LANE_CHANGED. */
void px_lane_skip(struct px_lane *l, uint64_t cursor);
/* For PX_LANE_MAKE. */
void px_lane_order(const struct px_lane *l, struct px_lane_order *out);
/* Takes what is to be stored. False: nothing that is new. */
bool px_lane_progress(struct px_lane *l, struct px_lane_progress *out);
/* It could not be stored: the same again, with what came since. */
void px_lane_unstored(struct px_lane *l, const struct px_lane_progress *p);
/* The body that was made has been taken. For px_lane.c. */
void px_lane_count(struct px_lane *l, int64_t now);
/* Octets per second that the sink has taken of late; the same until the next window. */
uint64_t px_lane_speed(const struct px_lane *l, int64_t now);

/* "idle", "pace" ...; a word for monitors. */
const char *px_lane_state_name(enum px_lane_state s);

#endif
