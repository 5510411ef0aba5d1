/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages as datagrams of UDP, one wire unit each (docs/pre.md has every octet):
 *
 *   "M2" | version 01 | type | id 8 | number 8 | status 2 | length 2 | unit, or upto 8 | tag 16
 *
 * type 01 is a message: status 0, length is that of the unit. 02 acknowledges the message with that
 * number: length 0. tag is the first 16 octets of HMAC-SHA-256, with a key of the id and the type, of
 * all before. Nothing here keeps anything but what is handed in; any thread.
 */
#ifndef CAP_PXY_PX_DATAGRAM_H
#define CAP_PXY_PX_DATAGRAM_H

#include "sec/secret.h"

#define PX_DATAGRAM_HEAD 24u
#define PX_DATAGRAM_TAG 16u
#define PX_DATAGRAM_UNIT_MIN 40u
#define PX_DATAGRAM_UNIT_MAX 65000u
#define PX_DATAGRAM_MAX (PX_DATAGRAM_HEAD + PX_DATAGRAM_UNIT_MAX + PX_DATAGRAM_TAG)
#define PX_DATAGRAM_ACK (PX_DATAGRAM_HEAD + 8u + PX_DATAGRAM_TAG) /* less than any message */

enum px_datagram_type { PX_DATAGRAM_DATA = 1, PX_DATAGRAM_ACKS };

enum px_datagram_status {
	PX_DATAGRAM_STORED, /* durable */
	PX_DATAGRAM_LATER, /* not now: again after a while */
	PX_DATAGRAM_FULL, /* no space */
	PX_DATAGRAM_REFUSED, /* never; to a store the number counts as done */
	PX_DATAGRAM_GONE, /* there is no such store any more */
	PX_DATAGRAM_UNKNOWN, /* a sink: the management message of the section has to come first */
	PX_DATAGRAM_STATUSES
};

struct px_datagram {
	enum px_datagram_type type;
	uint64_t id, number; /* number is not 0 */
	enum px_datagram_status status; /* of an acknowledgement, as upto */
	uint64_t upto; /* all numbers up to it are done */
	struct slice unit; /* of a message */
	struct slice tagged, tag;
};

/* False: it is none. What comes out lies in octets; the tag was not looked at. */
bool px_datagram_parse(struct slice octets, struct px_datagram *out);

/*
 * The key of tags of that id and type; key: 32 secret octets. RC_INTERNAL, and zeros. The caller
 * wipes out.
 */
enum rc px_datagram_derive(const uint8_t key[KEY_BYTES], enum px_datagram_type type, uint64_t id,
                           struct key *out);
/* Whether the tag is right by the key of the id and type of d. */
bool px_datagram_good(const struct key *key, const struct px_datagram *d);
/*
 * A message: PX_DATAGRAM_HEAD + unit.n + PX_DATAGRAM_TAG octets to out. RC_BAD_REQUEST: unit is too
 * short or too long, number is 0; RC_INTERNAL.
 */
enum rc px_datagram_data(const struct key *key, uint64_t id, uint64_t number, struct slice unit,
                         uint8_t *out);
/* An acknowledgement. RC_INTERNAL. */
enum rc px_datagram_ack(const struct key *key, uint64_t id, uint64_t number,
                        enum px_datagram_status status, uint64_t upto,
                        uint8_t out[PX_DATAGRAM_ACK]);

/* ---- what a store takes: numbers without a gap, a little out of order ---- */

#define PX_WINDOW 64u

struct px_window {
	uint64_t upto; /* all up to it are done */
	uint64_t held; /* bit i: upto + 1 + i is held */
	uint64_t refused; /* bit i: upto - i was refused */
};

enum px_window_place {
	PX_WINDOW_DONE, /* acknowledge again */
	PX_WINDOW_NEW, /* may be held */
	PX_WINDOW_HELD, /* is held already */
	PX_WINDOW_ABOVE, /* too far ahead */
};

enum px_window_place px_window_look(const struct px_window *w, uint64_t number);
/* Of one that is done, as long as it is one of the last PX_WINDOW. */
bool px_window_refused(const struct px_window *w, uint64_t number);
/* Of PX_WINDOW_NEW; of PX_WINDOW_HELD. */
void px_window_hold(struct px_window *w, uint64_t number);
void px_window_drop(struct px_window *w, uint64_t number);
/* How many are held without a gap from upto + 1 on. */
unsigned px_window_run(const struct px_window *w);
/* The next one is done. */
void px_window_done(struct px_window *w, bool refused);

#endif
