/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device does next: the decisions of the engine, without the engine. Pure functions of what is
 * known; any thread.
 *
 * ---- with each server ----
 *
 *   PACKAGE      no package, or one that is to be fetched again      GET package
 *   REGISTER     R1 is made and durable (kd with it)                 POST devices
 *   ASK          an R1 was refused that may have been taken          GET devices/{id}, with its kd
 *   READY        R2 was taken                                        mailbox, sessions, groups
 *   REFUSED      the registration was refused                        nothing, until a longer time is over
 *
 * ---- with each session ---- (paper, figures 4 and 5; i: who invites, j: who is invited)
 *
 *   phase    what is under way                 answer 2xx      item         comes to
 *   A1       i: POST negotiations              A4                           A4
 *   A4       i: waits                                          A4           B1, or over (refused)
 *   B1       i: POST sessions                  B6I                          B6I
 *   B6I      i: waits                                          B6           CONF, or over
 *   A3       j: POST .../acceptance            B2                           B2
 *   REFUSE   j: the same, with a refusal       over                         over
 *   B2       j: waits                                          B2           B3
 *   B3       j: POST .../response              B6J                          B6J
 *   B6J      j: waits                                          B6           CONF, or over
 *   CONF     both: the empty first record goes out             record 0     OPEN
 *   OPEN     records                                           records
 *   RETIRED  another session of the pair has come: what was sealed goes out, what comes is opened
 *
 * The answer to a POST may be lost and the item that comes of it arrive all the same: an item is taken
 * in the phase before as well. Each state is durable before the message that belongs to it is sent, and
 * a message is sent again with the same octets until there is an answer that tells.
 */
#ifndef CAP_SGD_SGD_STEP_H
#define CAP_SGD_SGD_STEP_H

#include "sga/sga.h"

/* Also in the store: numbers stay. */
enum sgd_phase {
	SGD_A1 = 1,
	SGD_A4,
	SGD_B1,
	SGD_B6I,
	SGD_A3,
	SGD_REFUSE,
	SGD_B2,
	SGD_B3,
	SGD_B6J,
	SGD_CONF,
	SGD_OPEN,
	SGD_RETIRED,
	SGD_PHASES
};

/* What a message of the protocol is POSTed to; NULL: nothing is sent in that phase. */
const char *sgd_phase_name(enum sgd_phase p);
/* A message is on its way, or to be sent, in that phase. */
bool sgd_phase_sends(enum sgd_phase p);
/* After the answer that it was taken; SGD_PHASES: the session is over. */
enum sgd_phase sgd_phase_after(enum sgd_phase p);
/* The gateway forgets it after sga_half_open seconds. */
bool sgd_phase_is_half_open(enum sgd_phase p);

/* ---- what an answer means ---- */

enum sgd_do {
	SGD_DO_GO_ON, /* it was taken */
	SGD_DO_AGAIN, /* the same octets, after a while */
	SGD_DO_AT_ONCE, /* a tagged request: with the next counter, at once */
	SGD_DO_JUMP, /* with a counter far above, at once */
	SGD_DO_PACKAGE, /* the package is fetched again, then a new message is made */
	SGD_DO_ASK, /* whether the registration was taken */
	SGD_DO_CIPHER, /* an invitation: with another cipher */
	SGD_DO_END, /* the session is over */
	SGD_DO_FAIL, /* this message can never be taken */
	SGD_DO_REFUSED, /* the gateway does not know this device */
};

/* An answer. */
struct sgd_answer {
	int status; /* of HTTP; 0: there was none */
	bool maybe_taken; /* the same octets were sent before, without an answer that told */
	unsigned
		tries; /* how often SGD_DO_AT_ONCE, _JUMP or _PACKAGE was the outcome for it before */
	struct slice body; /* of a refusal */
};

/* To the message of phase p. A message that may have been taken and is refused now: waits for the item. */
enum sgd_do sgd_after_step(enum sgd_phase p, const struct sgd_answer *a);
/* To R1. */
enum sgd_do sgd_after_registration(const struct sgd_answer *a);
/* To a record of a session or a group. */
enum sgd_do sgd_after_record(const struct sgd_answer *a);
/* To another tagged request; what is not there is SGD_DO_GO_ON. */
enum sgd_do sgd_after_tagged(const struct sgd_answer *a);

/* ---- items of the mailbox ---- */

enum sgd_take {
	SGD_TAKE, /* the step is due */
	SGD_TAKE_DROP, /* nothing comes of it: repeated, too late, nobody's */
};

/* p: of the session that it names; 0: there is none. */
enum sgd_take sgd_item(enum sgd_phase p, const struct sga_header *h);

/* An invitation came. */
enum sgd_invited {
	SGD_ACCEPT,
	SGD_ACCEPT_FOR_OWN, /* and the own invitation of that peer ends */
	SGD_DECLINE, /* the own one counts: the lower ID wins */
	SGD_DECLINE_STRANGER, /* it is none that may */
};

/* inviting: an own invitation of that peer has not come to a key yet. */
enum sgd_invited sgd_invited(const struct sga_id *own, const struct sga_id *peer, bool known,
                             bool inviting);

/* ---- times ---- */

/* Of a session. */
struct sgd_age {
	uint64_t created, now; /* seconds since 1970 */
	uint32_t sealed, opened; /* records */
	uint32_t records; /* that one direction may have */
	uint64_t seconds; /* that it may be used */
};

#define SGD_HALF_OPEN 120u /* seconds that a negotiation may take */

/* A new session is due: by 1/256 of the records or 1/48 of the time before this one is used up. */
bool sgd_is_worn(const struct sgd_age *a);
/* Nothing can be opened by it any more. */
bool sgd_is_over(const struct sgd_age *a);
/* The wait after so many failures in a row (at least 1): doubled each time, at most max. */
int64_t sgd_backoff(unsigned failures, int64_t first, int64_t max);

#endif
