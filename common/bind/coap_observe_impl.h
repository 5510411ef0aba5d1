/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of observing share. An observation that ends may be in use further up the stack
 * (to send may end a session), so its memory goes in the next turn.
 */
#ifndef BIND_COAP_OBSERVE_IMPL_H
#define BIND_COAP_OBSERVE_IMPL_H

#include "bind/coap_observe.h"
#include "core/observe.h"

#define OBSERVE_DIGEST 32u

struct coapd_client;

struct coapd_observation {
	struct coapd_link all; /* of the session */
	struct coapd_link pending; /* of the client, while waiting */
	struct coapd_link by_look;
	struct coapd_client *client;
	struct req *rq; /* that asked, until it is answered */
	struct observer *core; /* NULL until then */
	struct req_input input;
	struct cmap_block block2; /* as it was asked for */
	bool has_key;
	unsigned char key[OBSERVE_DIGEST]; /* of the blocks of its answers */
	unsigned char last[OBSERVE_DIGEST]; /* of what was told last */
	int64_t look_at;
	int64_t confirmed_at; /* a CON arrived, or the request came */
	unsigned tries; /* in vain, since the last that was not */
	bool waiting; /* to be read again */
	bool over;
	struct coapd_watch watch;
	int64_t sent_at;
	unsigned token_n;
	unsigned char token[COAPD_TOKEN_MAX];
	/* Pushed by the committer's thread. */
	_Atomic bool told;
	struct coapd_observation *next_told;
	struct coapd_observation *next_over;
	char text[]; /* of input */
};

enum coapd_client_state {
	CLIENT_IDLE,
	CLIENT_READY, /* something is pending, and it is its turn soon */
	CLIENT_RESTING, /* until rest_until */
	CLIENT_FLYING /* a CON of flying is not acknowledged */
};

/* A session that observes. */
struct coapd_client {
	struct coapd_session *session;
	struct coapd_observers *all;
	struct coapd_link queue; /* of those that are ready, or resting */
	struct coapd_link pending;
	enum coapd_client_state state;
	struct coapd_observation *flying;
	int64_t rest_until;
	int64_t rtt; /* 0: not known */
	unsigned n;
	bool held; /* its session is held: its address is proved, or it has acknowledged */
	struct coapd_client *next_over;
};

struct coapd_observers {
	struct coapd *server;
	unsigned n;
	unsigned n_unproved; /* of clients that are not held */
	struct coapd_link ready; /* clients, in turn */
	struct coapd_link resting; /* by rest_until */
	struct coapd_link looks; /* observations by look_at */
	uint64_t number; /* the last Observe, before it is cut to 24 bits */
	struct coapd_observation *over;
	struct coapd_client *clients_over;
	_Atomic(struct coapd_observation *) told;
};

/* coap_observe.c */
/* It may go on, if it is idle and something is pending. */
void coapd_client_settle(struct coapd_client *c);
void coapd_client_rest(struct coapd_client *c, int64_t us);
/* It is there: its session does not end for being idle, or for others. */
void coapd_client_hold(struct coapd_client *c);
/* What was on its way to it has arrived, or is over. */
void coapd_client_landed(struct coapd_client *c);
/* Its turn comes when its client may be told of something. */
void coapd_observation_wait(struct coapd_observation *o);
/* It is looked at now. */
void coapd_observation_looked(struct coapd_observation *o);
/* Does nothing when it is over. */
void coapd_observation_end(struct coapd_observation *o);

/* coap_notify.c */
/* Reads and tells what is pending first. */
void coapd_client_serve(struct coapd_client *c);
/* watch.done of an observation. */
void coapd_observation_watched(struct coapd_watch *w, bool arrived);
/* What a client is told of, for comparison; false, and all zero, when the library fails. */
bool coapd_observation_digest(const struct cmap_answer *a, unsigned char digest[OBSERVE_DIGEST]);
/* What makes an answer a notification. */
void coapd_observation_complete(struct coapd_observation *o, struct cmap_answer *answer);

#endif
