/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the datagrams share; private to cap/pxy. */
#ifndef CAP_PXY_PX_UDP_OWN_H
#define CAP_PXY_PX_UDP_OWN_H

#include <pthread.h>

#include "cap/pxy/px_udp.h"
#include "sec/key_slab.h"

#define PX_UDP_BUCKETS 256u

struct px_udp_held {
	uint8_t *octets;
	size_t n;
	struct px_udp_address from;
};

/* One that sends messages to this end. */
struct px_udp_id {
	struct px_udp_run run; /* the first member */
	uint64_t id;
	struct key_slot *data, *acks;
	struct px_window window;
	struct px_udp_held held[PX_WINDOW]; /* by number; without a window the first alone */
	bool busy; /* run is out */
	bool gone; /* forgotten when it is back */
	int64_t used;
	struct px_udp_id *next;
};

struct px_udp {
	struct px_udp_conf conf; /* without the address */
	int fd, wake;
	sa_family_t family;
	uint16_t port;
	pthread_t thread;
	uint8_t *in; /* one datagram */
	size_t in_max;

	pthread_mutex_t ids_lock; /* guards the following */
	struct key_slabs keys;
	struct px_udp_id *ids[PX_UDP_BUCKETS];
	size_t n_ids, held; /* octets */

	pthread_mutex_t lock; /* guards the following */
	pthread_cond_t all_back;
	struct px_udp_out *given;
	struct px_udp_run *back;
	size_t runs_out;
	bool cancelled, stopping, stopped;

	struct px_udp_out *outs[PX_UDP_BUCKETS]; /* the thread's */
};

/* ---- px_udp.c ---- */

enum px_udp_sent { PX_UDP_SENT, PX_UDP_LOST, PX_UDP_IMPOSSIBLE };

/* Without waiting. */
enum px_udp_sent px_udp_send(struct px_udp *u, const struct px_udp_address *to, const uint8_t *p,
                             size_t n);
/* A run goes out. */
void px_udp_run_out(struct px_udp *u);

/* ---- px_udp_in.c: on the thread ---- */

void px_udp_take(struct px_udp *u, const struct px_datagram *d, const struct px_udp_address *from);
void px_udp_back(struct px_udp *u, struct px_udp_run *run);
/* When the thread has ended. */
void px_udp_forget_all(struct px_udp *u);

/* ---- px_udp_out.c: on the thread ---- */

void px_udp_begin(struct px_udp *u, struct px_udp_out *o);
void px_udp_acked(struct px_udp *u, const struct px_datagram *d);
/* Sends again what is due, ends what was tried too often; when the next is due, or CLOCK_NEVER. */
int64_t px_udp_due(struct px_udp *u, int64_t now);
/* Ends all, or those that are cancelled. */
void px_udp_end(struct px_udp *u, bool all);

#endif
