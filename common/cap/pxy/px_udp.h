/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams with messages (px_datagram.h): a socket and its thread, which takes them and answers
 * them, and sends those of others until they are answered.
 *
 * Nothing is answered without a good tag of an id that is known; an answer is shorter than what it
 * answers. Messages are acknowledged when whoever takes them says that they are durable. All that
 * waits is bounded: what has no room is dropped, as datagrams are, and comes again.
 */
#ifndef CAP_PXY_PX_UDP_H
#define CAP_PXY_PX_UDP_H

#include <netinet/in.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "cap/pxy/px_datagram.h"

struct px_udp;

/* ---- what comes in ---- */

/* What one id has sent, in the order of the numbers, without a gap. It is of px_udp. */
struct px_udp_run {
	uint64_t id, first; /* number of the first of them */
	struct slice units[PX_WINDOW];
	size_t n; /* 1..PX_WINDOW; of a sink: 1 */
	/*
	 * The answers to the first n_done of them, for px_udp_taken. All of a run but the last are
	 * PX_DATAGRAM_STORED or PX_DATAGRAM_REFUSED; what is behind n_done comes again.
	 */
	enum px_datagram_status status[PX_WINDOW];
	size_t n_done;
	void *owner; /* of whoever takes it */
	struct px_udp *udp; /* whose it is */
	struct px_udp_run *next; /* of px_udp */
};

struct px_udp_known {
	uint8_t key[KEY_BYTES]; /* secret: px_udp wipes it */
	uint64_t upto; /* numbers up to it are done */
};

/* Who takes messages. Both are called on the thread of the datagrams, and must not block. */
struct px_udp_taker {
	/*
	 * A key that id may have; turn: 0, 1, ... until the tag is right. RC_NOT_FOUND: there is no
	 * other. Asked again when the id was forgotten meanwhile.
	 */
	enum rc (*find)(void *arg, uint64_t id, unsigned turn, struct px_udp_known *out);
	/*
	 * Takes the run and gives it back with px_udp_taken, once, from any thread, also from within.
	 * Of one id there is one at a time.
	 */
	void (*take)(void *arg, struct px_udp_run *run);
	void *arg;
	/*
	 * False: numbers have no gaps, up to PX_WINDOW ahead are held, and a refused one is done (a
	 * store). True: each number above the highest that was stored is taken, one at a time (a sink).
	 */
	bool gaps;
	size_t ids_max; /* that are remembered; the one that was idle longest is forgotten */
};

/* ---- life ---- */

struct px_udp_conf {
	const char *address; /* numeric; empty: any */
	uint16_t port; /* 0: any (px_udp_port) */
	size_t unit_max; /* octets of a unit that comes in, at most PX_DATAGRAM_UNIT_MAX */
	size_t held_max; /* octets of all that is held */
	/* Sending: again after repeat times 1..1.5, doubled up to repeat_max, repeats times. */
	int64_t repeat, repeat_max; /* microseconds; 0: 1 s and 8 s */
	unsigned repeats; /* 0: 6 */
	struct px_udp_taker taker; /* take NULL: nothing is taken */
	_Atomic uint64_t *bad_tags; /* counted on; may be NULL */
};

/*
 * Copies conf. RC_BAD_REQUEST: no such address, limits; RC_CONFLICT: the port is taken;
 * RC_UNAVAILABLE: no memory, thread or socket. One line in why.
 */
enum rc px_udp_open(const struct px_udp_conf *conf, struct px_udp **out, char why[256]);
/* The port of the socket. */
uint16_t px_udp_port(const struct px_udp *u);
/*
 * Nothing is taken and sent any more, nothing is answered: what is under way out ends with
 * RC_UNAVAILABLE, before this returns. Runs may still be out. Not on the thread of the datagrams.
 */
void px_udp_stop(struct px_udp *u);
/* After px_udp_stop. Waits for the runs that are out. NULL is fine. */
void px_udp_free(struct px_udp *u);

/* A run that comes back. Any thread, until px_udp_free has returned. */
void px_udp_taken(struct px_udp *u, struct px_udp_run *run);
/* There is no such id any more: it is answered no more. Any thread, until px_udp_stop. */
void px_udp_forget(struct px_udp *u, uint64_t id);

/* ---- what goes out ---- */

struct px_udp_address {
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} a;
	socklen_t n;
};

/*
 * Of udp://ADDRESS:PORT, numeric ([ADDRESS] of IPv6), with nothing behind but one '/': no name has to
 * be looked up. False: it is another URL.
 */
bool px_udp_address(struct slice url, struct px_udp_address *out);

/* One message, in memory of the caller until done. A secret: key. */
struct px_udp_out {
	struct px_udp_address to;
	uint64_t id, number; /* one at a time of each id */
	uint8_t key[KEY_BYTES];
	struct slice unit; /* at most PX_DATAGRAM_UNIT_MAX; lives until done */
	/* Once, never from within px_udp_give; on the thread of the datagrams; must not block. */
	void (*done)(struct px_udp_out *o);
	void *owner;
	/*
	 * RC_OK: it is durable there. RC_UNAVAILABLE: later, or it was taken back; RC_NO_SPACE;
	 * RC_BAD_REQUEST: never, or it is no unit; RC_GONE; RC_CONFLICT: the management message of its
	 * section has to come first; RC_GATEWAY_TIMEOUT: nobody has answered; RC_BAD_GATEWAY: it cannot
	 * be sent there; RC_INTERNAL.
	 */
	enum rc rc;
	unsigned tries; /* how often it was sent */

	/* ---- of px_udp ---- */
	struct key acks;
	uint8_t *datagram;
	size_t n;
	int64_t due, wait;
	bool cancelled;
	struct px_udp_out *next;
};

/* Any thread, never blocks. After px_udp_stop: done is called with RC_UNAVAILABLE, from within. */
void px_udp_give(struct px_udp *u, struct px_udp_out *o);
/* done is called soon, unless it was. Any thread, as long as o is there. */
void px_udp_cancel(struct px_udp *u, struct px_udp_out *o);

#endif
