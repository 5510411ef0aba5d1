/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores of the proxy and the messages in them: wire units as they were received, numbered from 1
 * in the order in which they came, removed from the front only.
 *
 * A store never has more octets of messages than it has reserved, and all reservations together are
 * never more than the capacity. A message stays until its store is over (ttl), is deleted, or until
 * the owner has released it and every sink that is to get it has acknowledged it. Removal is done in
 * steps: octets and reservations are free when they are removed.
 *
 * All messages of a store are of one source. What was stored and comes again is acknowledged and
 * not stored once more: in mode stream by the mark of its stream (struct px_mark), in mode individual
 * by the digests of the last PX_DIGESTS messages.
 */
#ifndef CAP_PXY_PX_STORE_H
#define CAP_PXY_PX_STORE_H

#include "cap/pxy/px_book.h"

#define PX_NAME_MAX 255u /* octets of an identity */
#define PX_NAMED_MAX 16u /* identities besides the owner */
#define PX_UNIT_MIN 40u /* octets of the smallest wire unit: header, number, two empty names */
#define PX_UNITS_MAX 1024u /* messages of one operation */
#define PX_TTL_MIN CLOCK_SECOND
#define PX_SOURCE_BYTES 16u /* that name a source: as in the header of its messages */
#define PX_SIGN_BYTES 32u /* its public key of signatures, Ed25519 */
#define PX_SOURCE_URL_MAX 2048u
#define PX_UNIT_DIGEST_BYTES 8u
#define PX_DIGESTS 256u
#define PX_UDP_KEY_BYTES 32u

enum px_mode { PX_INDIVIDUAL = 1, PX_STREAM };
enum px_class { PX_ADAPTIVE = 1, PX_RIGID };
enum px_transport { PX_REST = 1, PX_UDP };

/* Where messages come from. */
struct px_source {
	uint8_t name[PX_SOURCE_BYTES];
	struct slice url; /* 1..PX_SOURCE_URL_MAX octets */
	const uint8_t *sign; /* PX_SIGN_BYTES; NULL: not known */
};

/* ---- operations ---- */

/*
 * A new store. RC_FORBIDDEN: rigid traffic is never parked; RC_CONFLICT: its request has asked for
 * something else before. The structure is a secret when the answer is RC_OK for PX_UDP: whoever has
 * it wipes udp_key.
 */
struct px_store_new {
	struct px_op op;
	struct slice owner; /* 1..PX_NAME_MAX octets */
	const struct slice *named; /* as long; who else may forward, watch and delete */
	size_t n_named; /* at most PX_NAMED_MAX */
	uint64_t reserve; /* octets, at least PX_UNIT_MIN */
	int64_t ttl; /* microseconds, PX_TTL_MIN..limits.ttl_max */
	enum px_mode mode;
	enum px_class class;
	enum px_transport transport;
	bool consume; /* what a sink has acknowledged counts as released */
	const struct px_source *source; /* NULL: that of its first messages */
	const struct px_request *request; /* of the owner; NULL: it does not come again */
	uint64_t id; /* the answer, as all that follows */
	int64_t expires;
	bool again; /* it was there: made by the same request */
	uint8_t udp_key[PX_UDP_KEY_BYTES]; /* of PX_UDP, else 0: random, secret */
};

void px_store_make(struct px_book *b, struct px_store_new *n);

enum px_store_do {
	PX_STORE_DELETE = 1,
	PX_STORE_RELEASE, /* messages up to that number, also those to come, are kept for sinks alone */
	PX_STORE_RENEW, /* over ttl from now on */
};

/* What the owner does to one. */
struct px_store_change {
	struct px_op op;
	uint64_t store;
	enum px_store_do what;
	uint64_t up_to; /* PX_STORE_RELEASE; what was released stays so */
	int64_t ttl; /* PX_STORE_RENEW; as of a new one */
	int64_t expires; /* the answer */
};

void px_store_change(struct px_book *b, struct px_store_change *c);

/* A run of messages under one key, as the message that brings the key names it. */
struct px_section {
	uint16_t stream;
	uint32_t epoch;
	uint16_t key_index;
};

/* Below, equal to or above 0, as a is before, b or behind it, in one stream. */
int px_section_order(const struct px_section *a, const struct px_section *b);

/* In the order in which a section has them. */
enum px_kind {
	PX_MANAGEMENT = 1, /* brings the key: the section begins with it */
	PX_DATA,
	PX_END,
};

/*
 * Where a message is in its stream; the mark of a stream is that of its last message. What is not
 * above the mark is a repetition; what follows it directly is stored: the next datum of the section
 * (seq 0 after the management message), its end, or the management message of a later section. All
 * else leaves a gap: RC_CONFLICT, and the source goes on behind the mark.
 */
struct px_mark {
	struct px_section section;
	enum px_kind kind;
	uint32_t seq; /* of PX_DATA, else 0 */
};

struct px_unit {
	struct slice octets; /* PX_UNIT_MIN..limits.message_max; longer: RC_TOO_LARGE */
	struct px_mark mark;
	uint8_t digest[PX_UNIT_DIGEST_BYTES]; /* mode individual: the first of SHA-256 of octets */
};

/*
 * Messages at the end of a store, all or none of them; repetitions among them are none. RC_NO_SPACE:
 * its reservation is used up; RC_FORBIDDEN: of another source than that of the store, or of a stream
 * more than limits.streams_max; RC_CONFLICT: a gap.
 */
struct px_append {
	struct px_op op;
	uint64_t store;
	const struct px_source
		*source; /* of all of them; NULL only without units. sign: as it was */
	const struct px_unit *units;
	size_t n; /* 1..PX_UNITS_MAX, more: RC_TOO_LARGE; with udp_upto also 0 */
	uint64_t
		udp_upto; /* kept with them: datagrams up to that number are done; never goes back */
	uint64_t
		first; /* the answer, as the next: number of the first that is stored, or would be */
	size_t stored, duplicates; /* together n */
	uint64_t octets; /* of those that are stored */
};

void px_messages_append(struct px_book *b, struct px_append *a);

/* ---- reading ---- */

struct px_store {
	uint64_t id;
	struct slice owner, named[PX_NAMED_MAX];
	size_t n_named;
	uint64_t reserve;
	int64_t ttl, created, expires;
	enum px_mode mode;
	enum px_transport transport;
	bool consume;
	bool has_source; /* source says which */
	struct px_source source;
	uint64_t released; /* up to this number */
	uint64_t forwards;
	/* Of its messages; first is last + 1 when there are none. */
	uint64_t first, last;
	uint64_t octets, octets_ever; /* here; ever stored */
	uint64_t duplicates; /* repetitions, ever */
	uint64_t udp_upto; /* datagrams up to that number are done */
	int64_t oldest, newest; /* when received; 0: there are none */
};

/* RC_NOT_FOUND. */
enum rc px_store_get(const struct px_view *v, uint64_t id, struct px_store *out);
/* False ends it. */
typedef bool px_store_visit(void *arg, const struct px_store *s);
/* Those whose messages come from that source, in the order of their identifiers. */
enum rc px_store_of_source(const struct px_view *v, const uint8_t name[PX_SOURCE_BYTES],
                           px_store_visit *visit, void *arg);
/* True when that identity is the owner or one of the named. */
bool px_store_allows(const struct px_store *s, struct slice identity);
/*
 * The key of its datagrams. RC_NOT_FOUND: no such store, or not PX_UDP; RC_INTERNAL: it does not
 * open. out is a secret; zero unless RC_OK.
 */
enum rc px_store_udp_key(const struct px_view *v, uint64_t store, uint8_t out[PX_UDP_KEY_BYTES]);

typedef bool px_mark_visit(void *arg, const struct px_mark *m);
/* The marks of a store in mode stream, in the order of its streams. RC_NOT_FOUND. */
enum rc px_mark_list(const struct px_view *v, uint64_t store, px_mark_visit *visit, void *arg);

struct px_message {
	uint64_t number;
	int64_t received;
	bool begins; /* section says which */
	struct px_section section;
	struct slice octets;
};

typedef bool px_message_visit(void *arg, const struct px_message *m);
/*
 * Messages with numbers above after, at most max_n (0: any number) and, but for the first of them,
 * at most max_octets. What does not exist any more is passed over. RC_NOT_FOUND: no such store.
 */
enum rc px_message_list(const struct px_view *v, uint64_t store, uint64_t after, size_t max_n,
                        uint64_t max_octets, px_message_visit *visit, void *arg);
/*
 * The first section of the stream that is not before from, and the number of the message with which
 * it begins (the first, when the store has several). RC_NOT_FOUND.
 */
enum rc px_section_find(const struct px_view *v, uint64_t store, const struct px_section *from,
                        struct px_section *found, uint64_t *number);

#endif
