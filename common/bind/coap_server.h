/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the CoAP server share; private to the CoAP binding.
 *
 * Everything of a server but the marked fields belongs to its thread, which alone uses libcoap's
 * context. libcoap has the messages, their repetition, DTLS and its sessions; here are what is
 * known of a peer beyond that (struct coapd_session), the requests under way and the answers.
 */
#ifndef BIND_COAP_SERVER_H
#define BIND_COAP_SERVER_H

#include "bind/coap.h"
#include "bind/coap_blocks.h"
#include "bind/coap_dtls.h"
#include "bind/coap_front.h"
#include "bind/coap_map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define COAPD_TOKEN_MAX 8u
#define COAPD_HEADER 4u /* octets of a message with nothing in it, RFC 7252 section 3 */
#define COAPD_LIFETIME_US INT64_C(247000000) /* EXCHANGE_LIFETIME, RFC 7252 section 4.8.2 */
#define COAPD_MESSAGE_MAX 1152u /* octets of a message of ours, RFC 7252 section 4.6 */
#define COAPD_TICK_US INT64_C(1000000)
#define COAPD_WATCH_BUCKETS 256u

struct coapd_link {
	struct coapd_link *next;
	struct coapd_link *prev;
};

struct coapd_session;
struct coapd_request;
struct coapd_seen; /* coap_seen.c: what came before, for duplicates */
struct coapd_observers; /* coap_observe.c */

/*
 * A message of ours whose fate is watched: a CON until it is acknowledged, a NON for a reset.
 * Embedded in what sent it; done is called once, on the server's thread, after w is no longer
 * watched; it may send and watch again. libcoap does not tell of empty acknowledgements: without
 * DTLS they are seen before libcoap takes the datagram; with DTLS a ping (RFC 7252 section 4.3)
 * follows the message, which libcoap holds back until that was acknowledged. A NON with DTLS learns
 * of nothing.
 */
struct coapd_watch {
	struct coapd_link by_mid;
	struct coapd_link by_ping;
	struct coapd_session *session; /* NULL: nothing is watched */
	coap_mid_t mid;
	coap_mid_t ping; /* COAP_INVALID_MID: none */
	bool confirmable;
	void (*done)(struct coapd_watch *w, bool arrived);
};

/*
 * A peer: made with libcoap's session, and there longer while requests of it are under way. When
 * the peer has left, coap is NULL.
 */
struct coapd_session {
	struct coapd *server;
	coap_session_t *coap; /* its app data is this; NULL: gone, nothing can be sent */
	struct coapd_link all;
	unsigned refs; /* requests, observations ..., and libcoap's session */
	unsigned holds; /* of what keeps libcoap from ending its session as idle */
	bool proved; /* has a hold of its own for a proved address */
	bool doomed; /* nothing more is served: ends after this turn of libcoap */
	unsigned requests; /* under way, against max_requests_per_session */
	unsigned watched; /* messages */
	unsigned unwatched; /* separate answers with DTLS, so far */
	_Atomic bool left; /* gone, or does not acknowledge; any thread may look */
	struct front_peer *front;
	struct cdtls_identity identity; /* its peer is that of all requests */
	struct coapd_link seen; /* coap_seen.c's */
	size_t seen_octets;
	struct coapd_link observations; /* coap_observe.c's; empty list when there are none */
	unsigned n_observations;
};

/* A request from its arrival until its answer is sent. Heap: the arena of rq may change. */
struct coapd_request {
	struct coapd_session *session; /* counted */
	struct req *rq; /* NULL: it is over for the core, its answer is not acknowledged */
	enum req_op op;
	struct coapd_link waiting; /* in due of the server, later perhaps in partial */
	int64_t until; /* monotonic; waits so long */
	struct coapd_request *next_answered;
	struct coapd_seen *seen; /* what tells its duplicates, or NULL */
	struct buf body; /* what rq's input.body views */
	bool has_digest;
	unsigned char digest[32]; /* blocks_digest */
	uint64_t hash; /* of the message */
	struct cmap_block block1; /* of the answer */
	struct cmap_block block2; /* as asked for */
	unsigned no_response;
	unsigned code; /* cmap_head's, for what it refused */
	bool confirmable;
	bool acked; /* the empty ACK went out: the answer is a message of its own */
	bool partial; /* the first block of its answer was sent */
	bool observes; /* set by coapd_observe_ask: coapd_observe_answer is asked, too */
	coap_mid_t mid;
	unsigned token_n;
	unsigned char token[COAPD_TOKEN_MAX];
	struct coapd_watch watch; /* of a separate answer */
};

/* What is sent: an answer to a request, or a notification. */
struct coapd_reply {
	coap_pdu_type_t type;
	coap_mid_t mid; /* of the request for an ACK; else a new one is taken and told here */
	const unsigned char *token;
	unsigned token_n;
	struct cmap_answer *answer; /* what is missing for its block is completed */
	struct cmap_block block2; /* as it was asked for */
	const unsigned char *digest; /* key of later blocks; NULL: it is made of head when needed */
	const struct cmap_head *head; /* without both nobody can ask for later blocks */
	char **body; /* heap of answer->body: set to NULL when it was kept for later ones; or NULL */
	bool as_it_is; /* answer is complete, its body what goes out */
	size_t from, n; /* told: which part of the body was sent */
	struct coapd_watch *watch; /* NULL: nobody asks; done must be set */
};

struct coapd {
	struct coapd_conf conf; /* with the defaults; strings are gone */
	struct scl *scl;
	struct log *log;
	struct req_listener listener;
	char *base_uri;
	struct slice authority; /* host:port, of base_uri */
	bool has_doomed; /* sessions */
	struct coapd_session *fresh; /* DTLS: begins by the datagram being read; may be NULL */
	coap_address_t fresh_from;
	int fresh_interface;
	unsigned port;
	int wake; /* eventfd */
	coap_context_t *context;
	coap_pdu_t *arrived; /* coap_direct.c's: the message that it reads */
	struct coapd_link sessions;
	struct coapd_link due; /* requests whose ACK is due, first one first */
	struct coapd_link partial; /* whose first block has arrived, and that ask for all of them */
	struct coapd_link watches[COAPD_WATCH_BUCKETS]; /* by message ID */
	struct coapd_link pings[COAPD_WATCH_BUCKETS]; /* of them, by that of the ping */
	unsigned n_watches;
	struct coapd_link seen; /* by age, oldest first */
	struct coapd_seen **seen_buckets;
	size_t seen_octets;
	struct blocks *blocks;
	struct front *front;
	struct cdtls *dtls; /* NULL: clear */
	struct coapd_observers *observers; /* coap_observe.c */
	int64_t now; /* monotonic, of this turn of the loop */
	int64_t tick_at;

	pthread_t thread;
	bool running;
	/* Any thread. */
	_Atomic bool woken;
	_Atomic(struct coapd_request *) answered; /* by the core, latest first */
	_Atomic unsigned submitted; /* requests that the core has */
	_Atomic bool arriving; /* something is not acknowledged yet; told at the end of a turn */
	_Atomic unsigned turns; /* of the loop */
	_Atomic bool quiesced;
	_Atomic bool stopping; /* nothing more is submitted */
	_Atomic bool loop_stop;
};

static inline void
coapd_link_init(struct coapd_link *head)
{
	head->next = head->prev = head;
}

static inline bool
coapd_link_empty(const struct coapd_link *head)
{
	return head->next == head;
}

static inline void
coapd_link_append(struct coapd_link *head, struct coapd_link *l)
{
	l->next = head;
	l->prev = head->prev;
	head->prev->next = l;
	head->prev = l;
}

/* l may be out already. */
static inline void
coapd_link_remove(struct coapd_link *l)
{
	if (l->next == NULL)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = NULL;
}

#define COAPD_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* coap_loop.c */
bool coapd_loop_start(struct coapd *s);
/* Waits for the thread, which ends. */
void coapd_loop_stop(struct coapd *s);
/* Makes the loop look at its flags and at what others have queued. Any thread. */
void coapd_wake(struct coapd *s);

/* coap_direct.c */
/*
 * The datagram that passed the front last. True: it was a request, and is taken; libcoap never sees
 * it.
 */
bool coapd_direct(struct coapd *s);

/* coap_in.c */
/* A request of se has come; acked: the empty ACK went out already. pdu is the caller's. */
void coapd_take(struct coapd_session *se, const coap_pdu_t *pdu, bool acked);
/* libcoap's handler of requests. */
void coapd_handle(coap_resource_t *resource, coap_session_t *coap, const coap_pdu_t *pdu,
                  const coap_string_t *query, coap_pdu_t *response);
/* Goes on with what the core has answered. */
void coapd_answered(struct coapd *s);
/* Of the requests' listener: false when the peer of a struct coapd_request has left. Any thread. */
bool coapd_alive(void *request);
/* What se has of its answers will not become complete. */
void coapd_partial_gone(struct coapd_session *se);
/* Sends the empty ACKs that are due; when to call it next (INT64_MAX: none waits). */
int64_t coapd_acks(struct coapd *s);

/* coap_session.c */
/* libcoap has made a session; false without memory. */
bool coapd_session_begin(struct coapd *s, coap_session_t *coap);
/*
 * What is known of the peer of a request that has just come; NULL: nothing is to be done for it.
 * Without DTLS libcoap keeps a session that was ended: it begins anew.
 */
struct coapd_session *coapd_session_of(coap_session_t *coap);
/* libcoap's session is gone, or its DTLS has ended. NULL is fine. */
void coapd_session_gone(struct coapd_session *se);
/*
 * Before and after each datagram that libcoap reads: whether the session of a handshake that begins
 * with it is still there. The one of a handshake that fails at once is freed without an event.
 */
void coapd_session_arrives(struct coapd *s);
void coapd_session_settle(struct coapd *s);
/* Ends a session. Not while libcoap works on it. */
void coapd_session_end(struct coapd_session *se);
/* Of this session nothing may be served: coapd_sessions_doomed ends it. */
void coapd_session_doom(struct coapd_session *se);
void coapd_sessions_doomed(struct coapd *s);
/* A request came, of a proved peer or not. */
void coapd_session_used(struct coapd_session *se);
/* Holds the session when the address of its peer is proved. */
void coapd_session_keep(struct coapd_session *se);
/* Once a tick: idle ones, and those whose key is gone. */
void coapd_sessions_tick(struct coapd *s);
struct coapd_session *coapd_session_ref(struct coapd_session *se);
void coapd_session_unref(struct coapd_session *se);
/* While held libcoap keeps the session however idle it is. */
void coapd_session_hold(struct coapd_session *se);
void coapd_session_release(struct coapd_session *se);

/* coap_watch.c */
/* Watches w->mid of se. w->done is set. */
void coapd_watch(struct coapd_session *se, struct coapd_watch *w, bool confirmable);
/* Watches no longer; does nothing when it is not watched. */
void coapd_unwatch(struct coapd_watch *w);
/* All of a session, whose messages will not arrive any more. */
void coapd_watch_gone(struct coapd_session *se);
/* libcoap has taken the datagram of a clear server that passed last: is it an ACK or RST? */
void coapd_watch_passed(struct coapd *s);
/* libcoap's handler of messages that did not arrive. */
void coapd_watch_nack(coap_session_t *coap, const coap_pdu_t *sent, coap_nack_reason_t reason,
                      coap_mid_t mid);

/* What begins the key of blocks of a session; the digest is to come. */
static inline struct blocks_key
coapd_blocks_key(const struct coapd_session *se)
{
	return (struct blocks_key){ .owner = se,
		                    .unproved = !front_proved(se->front, se->server->now) };
}

/* coap_reply.c */
/*
 * Sends. False: it could not be sent (the peer is gone, no memory, nothing fits); then watch is not
 * used.
 */
bool coapd_reply(struct coapd_session *se, struct coapd_reply *r);
/* An empty ACK of a message. */
void coapd_ack(struct coapd_session *se, coap_mid_t mid);
/* libcoap has sent one. */
void coapd_acknowledged(struct coapd_session *se);
/*
 * An answer without a request of the core: code as class * 100 + detail, max_age in seconds (0:
 * none). acked: the empty ACK went out already.
 */
void coapd_answer_code(struct coapd_session *se, const coap_pdu_t *pdu, bool acked, unsigned code,
                       uint32_t max_age);

/* coap_seen.c: duplicates (RFC 7252 section 4.5) */
bool coapd_seen_init(struct coapd *s);
void coapd_seen_fini(struct coapd *s);
enum coapd_seen_what {
	SEEN_NOT,
	SEEN_UNDER_WAY, /* of a request that is not answered */
	SEEN_ANSWERED /* its answer was sent again if there is one to send */
};
/* Is pdu a repetition? Then everything is done for it. hash is that of a struct coapd_request. */
enum coapd_seen_what coapd_seen_before(struct coapd_session *se, const coap_pdu_t *pdu,
                                       uint64_t *hash);
/* cr is under way. */
void coapd_seen_add(struct coapd_request *cr);
/* Its answer was sent so, with n octets of body from from on (NULL: an empty ACK). */
void coapd_seen_answered(struct coapd_request *cr, const struct cmap_answer *answer, size_t from,
                         size_t n);
/* It needs not be remembered. */
void coapd_seen_forget(struct coapd_request *cr);
/* All of a session. */
void coapd_seen_gone(struct coapd_session *se);
/* Forgets what is over. */
void coapd_seen_tick(struct coapd *s);

#endif
