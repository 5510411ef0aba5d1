/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies in blocks (RFC 7959): what a listener has of unfinished ones, and the answers whose later
 * blocks are still to be fetched; then the same of one exchange of a client. No network, no clock
 * of its own, no libcoap session: private to the CoAP binding; one thread.
 */
#ifndef BIND_COAP_BLOCKS_H
#define BIND_COAP_BLOCKS_H

#include "base/buf.h"
#include "bind/coap_map.h"

#define BLOCK_OCTETS(szx) ((size_t)16 << (szx))
#define BLOCK_SZX_MAX 6u
#define BLOCK_NUM_MAX 0xfffffu

/* ---- server ---- */

struct blocks_conf {
	size_t octets_max; /* of all unfinished bodies and kept answers; beyond: the oldest go */
	unsigned bodies_max; /* of them; likewise */
	unsigned per_owner_max; /* of one owner: its oldest goes */
	int64_t lifetime_us; /* without a block; EXCHANGE_LIFETIME is 247 s */
};

struct blocks;

/*
 * Which body: of one owner (a session; compared, never followed), the same method, target, query
 * and Request-Tag. digest is theirs (blocks_digest).
 */
struct blocks_key {
	const void *owner;
	bool unproved; /* its address is not: it gives way to others and takes nothing from them */
	unsigned char digest[32];
};

enum blocks_result {
	BLOCKS_MORE, /* 2.31: go on, with *szx or smaller; its Block1 has the number of the request */
	BLOCKS_DONE, /* body is complete */
	BLOCKS_GAP, /* 4.08 */
	BLOCKS_TOO_LARGE, /* 4.13 */
	BLOCKS_FULL, /* 5.03: no room */
	BLOCKS_BAD /* 4.00: length, order or size against the RFC */
};

/* NULL without memory. */
struct blocks *blocks_new(const struct blocks_conf *conf);
void blocks_free(struct blocks *b);
/*
 * What identifies the operation of head: method, target, primitive attributes, Accept, Request-Tag,
 * of a message with a source that, its store and its number; not the conditions. RC_INTERNAL: the
 * library fails.
 */
enum rc blocks_digest(const struct cmap_head *head, unsigned char digest[32]);

/*
 * Takes one block of a request. size is its Size1, or 0. A block that repeats the one before (by
 * number and content) is answered as it was; block 0 else begins anew. *szx is that of the block.
 * BLOCKS_DONE: *body (initialised, empty) has the octets, and growth that leaves nothing behind.
 */
enum blocks_result blocks_add(struct blocks *b, const struct blocks_key *key,
                              const struct cmap_block *block, struct slice payload, size_t size,
                              size_t body_max, int64_t now, unsigned *szx, struct buf *body);

/*
 * Keeps an answer for its later blocks, without its Location and Echo, which go with the first one;
 * body becomes the table's (malloc). One that is there already is replaced. False: no room, only the
 * first block can be had; body is the caller's.
 */
bool blocks_keep(struct blocks *b, const struct blocks_key *key, const struct cmap_answer *answer,
                 char *body, size_t n, int64_t now);
/* The kept answer, its body that of all blocks; NULL: there is none. Valid until the next call. */
const struct cmap_answer *blocks_find(struct blocks *b, const struct blocks_key *key, int64_t now);
/* The last block went out: it stays for repetitions until the place is needed or it is over. */
void blocks_served(struct blocks *b, const struct blocks_key *key);
/* The owner is gone. */
void blocks_forget(struct blocks *b, const void *owner);
/* Ends what is over; when to call it next, INT64_MAX: nothing is there. */
int64_t blocks_expire(struct blocks *b, int64_t now);
/* For counters and tests: how much is held. */
size_t blocks_octets(const struct blocks *b);

/* ---- client: one exchange ---- */

struct blocks_send {
	struct slice body; /* the sender's */
	size_t at; /* octets that were acknowledged */
	unsigned szx; /* in use; only becomes smaller */
};

/*
 * The block to send next, as Block1; *payload views the body. Not given: the body fits in one
 * message of size szx.
 */
void blocks_send_next(const struct blocks_send *s, struct cmap_block *block, struct slice *payload);
/*
 * A 2.31, or a final answer, with that Block1 came. True: send the next. False: all is sent, or the
 * answer is against the RFC (*bad).
 */
bool blocks_send_answered(struct blocks_send *s, const struct cmap_block *answered, bool *bad);
/*
 * 4.13 with a smaller size (RFC 7959 section 2.9.3): begins again from the start. False: it cannot
 * become smaller.
 */
bool blocks_send_smaller(struct blocks_send *s, unsigned szx);

/* All zeros: nothing has come. */
struct blocks_receive {
	size_t at; /* octets that have come */
	unsigned szx;
	unsigned again; /* times of RECEIVED_AGAIN; the fourth is RECEIVED_BAD */
	bool begun;
	unsigned etag_n;
	unsigned char etag[CMAP_ETAG_MAX];
};

enum blocks_received {
	RECEIVED_ALL,
	RECEIVED_MORE, /* ask for *ask */
	RECEIVED_AGAIN, /* the representation has changed: begin again from block 0; body is empty */
	RECEIVED_TOO_LARGE, /* over the max of body, or no memory */
	RECEIVED_BAD /* against the RFC */
};

/*
 * One response: its Block2 (or none), ETag and payload, which is appended to body (empty at first)
 * up to its max. After RECEIVED_TOO_LARGE and RECEIVED_BAD body is of no use.
 */
enum blocks_received blocks_receive_add(struct blocks_receive *r, const struct cmap_block *block,
                                        const unsigned char *etag, unsigned etag_n,
                                        struct slice payload, struct buf *body,
                                        struct cmap_block *ask);

#endif
