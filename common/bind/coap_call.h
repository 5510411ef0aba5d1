/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange of port_coap as messages: which request comes next, and what an answer means for it.
 * No network and no clock; private to the CoAP binding, one thread.
 */
#ifndef BIND_COAP_CALL_H
#define BIND_COAP_CALL_H

#include "bind/coap_blocks.h"

#define CALL_TOKEN 8u /* random octets; those of the exchange are fewer */
#define CALL_ECHO_MAX 40u /* RFC 9175 section 2.2.1 */
/* Of a message in all: what a server takes that knows no larger one (RFC 7252 section 4.6). */
#define CALL_MESSAGE_MAX 1152u
/* The same within DTLS, whose records have their share. */
#define CALL_MESSAGE_SECURE 1072u

struct coapc_conn;
struct coapc_host;

struct coapc_echo {
	unsigned n; /* 0: there is none */
	unsigned char v[CALL_ECHO_MAX];
};

struct coapc_call {
	struct coapc_call *next, *prev; /* in the one list that it is in */
	struct coapc_host *host; /* that it has a place at, or awaits one */
	struct coapc_conn *conn; /* that it is under way on, or that was made for it */
	struct exchange *ex;
	int64_t due; /* when the time of the exchange is over, monotonic; INT64_MAX: never */
	bool own; /* wants a connection that was made for it */

	/* What it says. */
	struct arena *arena;
	coap_optlist_t *options;
	unsigned code;
	struct blocks_send send;
	bool sending; /* not all of the body is acknowledged */
	bool in_blocks; /* it went, or goes, in more than one message */
	struct blocks_receive receive;
	struct cmap_block ask; /* of the answer's block to ask for next */
	struct coapc_echo echo; /* to be repeated, with the next message */
	bool proved; /* was sent again with what the server had asked for */
	bool restarted; /* the server had lost blocks */
	bool taken; /* status and headers of the answer are in the exchange */
	unsigned char tag[4]; /* Request-Tag (RFC 9175 section 3.2) */

	/* Its message, kept for repetition. */
	unsigned char token[CALL_TOKEN];
	unsigned token_n;
	uint16_t mid;
	unsigned n_sent; /* times; 0: there is none under way */
	unsigned n_messages; /* begun so far, of all blocks */
	unsigned place; /* of it among the datagrams of its connection, when it was sent first */
	bool acknowledged; /* the answer comes separately */
	int64_t begun; /* when it was sent first */
	int64_t timer, timeout; /* when it is repeated, and after how long then */
	size_t n_out;
	unsigned char out[CALL_MESSAGE_MAX];
};

/* All zeros: empty. A call is in one list at most. */
struct coapc_calls {
	struct coapc_call *first, *last;
};

/* At the end. */
void coapc_calls_add(struct coapc_calls *list, struct coapc_call *call);
void coapc_calls_remove(struct coapc_calls *list, struct coapc_call *call);

/* NULL without memory. */
struct coapc_call *coapc_call_new(struct exchange *ex);
void coapc_call_free(struct coapc_call *call);

/*
 * Takes what is to be sent from the exchange, and more (name empty: nothing). RC_OK, or
 * RC_BAD_GATEWAY, and *why. *where is where it goes, in the call's arena.
 */
enum rc coapc_call_prepare(struct coapc_call *call, const struct exchange_header *more,
                           struct cmap_call *where, const char **why);
/*
 * Writes the next request, with another token unless the exchange has one, into out. False: it does
 * not fit into max octets, or there are no random numbers.
 */
bool coapc_call_write(struct coapc_call *call, uint16_t mid, size_t max);

/* Whether both exchanges have been given the same token. */
bool coapc_call_same_token(const struct coapc_call *a, const struct coapc_call *b);

enum coapc_heard { CALL_ENDED, CALL_GOES_ON };

/*
 * Takes an answer to what was written last. CALL_ENDED: the exchange has its outcome. CALL_GOES_ON:
 * the next request is to be written.
 */
enum coapc_heard coapc_call_answer(struct coapc_call *call, const coap_pdu_t *pdu);
/* The exchange ends without an answer. */
void coapc_call_fail(struct coapc_call *call, enum rc rc, const char *text);
/* The Echo of a message, if it has one of a length that can be repeated. */
bool coapc_echo_of(const coap_pdu_t *pdu, struct coapc_echo *echo);
/* A response has an option that nobody knows and that may not be ignored (RFC 7252, 5.4.1). */
bool coapc_has_unknown_option(const coap_pdu_t *pdu);

#endif
