/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsga: two devices agree on a key by way of a gateway that authenticates both and cannot
 * compute it, and then talk under it through the gateway ("security gateway application", SGA).
 *
 *   device.h    a device: its identity, its registration with a gateway
 *   session.h   a device: invitation (phase A), key generation (phase B) with one peer
 *   record.h    a device: messages under the key (phase C)
 *   group.h     a device: messages to many
 *   tag.h       what proves the device in requests that carry no message
 *   server.h    the gateway's steps
 *   keys.h      the gateway's own keys;  package.h: what it publishes of them
 *   suite.h     the algorithms;  octets.h: how messages are put together and taken apart
 *
 * This file has what all of them share. The parties are G (the gateway), i (who invites) and j (who
 * is invited). All integers on the wire are big-endian; lv8(x) and lv16(x) are x behind its length
 * in one or two octets.
 *
 * The library has no global state, does no input or output and has no clock: times are arguments,
 * in seconds since 1970; randomness may be one, for tests. It needs libcrypto alone. Objects are
 * used by one thread at a time unless said otherwise; functions without an object by any thread.
 *
 * Every function that can fail returns an enum rc. Common to all: RC_UNAVAILABLE without memory,
 * RC_INTERNAL when libcrypto or its generator fails; then, as with every other failure, outputs are
 * erased or untouched. Others are said with each function.
 */
#ifndef SGA_SGA_H
#define SGA_SGA_H

#include "base/rc.h"

#define SGA_VERSION 1
#define SGA_ID_MAX 64u
#define SGA_SID_SIZE 16u
#define SGA_HASH_SIZE 32u
#define SGA_HEADER_SIZE 24u
#define SGA_MESSAGE_MAX (65u * 1024u) /* octets of any message with its header */
/*
 * Octets of one message of an application. With confirmation, signature and group header it stays
 * within what every cipher takes (65535) and within SGA_MESSAGE_MAX.
 */
#define SGA_DATA_MAX (64u * 1024u - 256u)
#define SGA_TIME_WINDOW 120u /* seconds that a message's time may be off, to either side */

/* ---- identities ---- */

/* Of a device or gateway: 1..SGA_ID_MAX octets of A-Z a-z 0-9 . _ ~ : @ -  Compared by octets. */
struct sga_id {
	uint8_t n;
	char v[SGA_ID_MAX]; /* behind n: zeros */
};

/* RC_BAD_REQUEST, and *out empty (n 0): text is no identity. */
enum rc sga_id_make(struct slice text, struct sga_id *out);
/* A view of id; lives as long as id does. */
struct slice sga_id_slice(const struct sga_id *id);
bool sga_id_equal(const struct sga_id *a, const struct sga_id *b);
/* The order by octets, then by length: below, equal to or above 0. */
int sga_id_order(const struct sga_id *a, const struct sga_id *b);

/* The three of a session, always in this order: "IDs" in what is hashed. */
struct sga_ids {
	struct sga_id i, g, j;
};

#define SGA_IDS_MAX (3u * (1u + SGA_ID_MAX)) /* octets of lv8(ID_i) lv8(ID_G) lv8(ID_j) */

/* ---- messages ---- */

/* Names a session (chosen by i at random) or a group; zero in R1 and R2. */
struct sga_sid {
	uint8_t v[SGA_SID_SIZE];
};

/* SHA-256 of something. */
struct sga_hash {
	uint8_t v[SGA_HASH_SIZE];
};

enum sga_type {
	SGA_R1 = 0x01, /* i->G registration */
	SGA_R2 = 0x02, /* G->i its acknowledgement */
	SGA_A1 = 0x03, /* i->G invitation */
	SGA_A2 = 0x04, /* G->j the invitation */
	SGA_A3 = 0x05, /* j->G acceptance or refusal */
	SGA_A4 = 0x06, /* G->i the acceptance or refusal */
	SGA_B1 = 0x07, /* i->G key request */
	SGA_B2 = 0x08, /* G->j the key request */
	SGA_B3 = 0x09, /* j->G its half */
	SGA_B6 = 0x0a, /* G->i, G->j what the key is computed of, or the end of the session */
	SGA_ERROR = 0x0f, /* G to anyone: struct sga_error */
	SGA_RECORD = 0x20, /* i->j, j->i */
	SGA_GROUP_RECORD = 0x21, /* a member to all others; sid is the group's */
	SGA_NOTICE = 0x30, /* G to the owner of a group: a member has left; sid is the group's */
};

#define SGA_FLAG_CONFIRMED 0x01u /* record: confirmation and lv8(signature) before the data */
#define SGA_FLAG_GROUP_KEY 0x02u /* record: the data are a group's key */
#define SGA_FLAG_REFUSED 0x04u /* A3, A4: no; B6: the session is over */

/*
 * What every message begins with, 24 octets that are authenticated with it:
 *
 *   version 01 | suite | type | flags | sid 16 | ctr 4
 */
struct sga_header {
	uint8_t suite; /* SGA_SUITE_... (suite.h) */
	uint8_t type; /* enum sga_type */
	uint8_t flags;
	struct sga_sid sid;
	uint32_t ctr;
};

/*
 * The header at the start of message, which is all of a message. RC_BAD_REQUEST: shorter than a
 * header or longer than SGA_MESSAGE_MAX; another version; a suite or type that there is not; flags
 * that the type does not have; a sid in R1 or R2, or none in another type than those and
 * SGA_ERROR. Untouched then.
 */
enum rc sga_header_read(struct slice message, struct sga_header *out);
void sga_header_write(const struct sga_header *h, uint8_t out[SGA_HEADER_SIZE]);

bool sga_sid_is_zero(const struct sga_sid *sid);
bool sga_sid_equal(const struct sga_sid *a, const struct sga_sid *b);

/* SHA-256 of all octets of a message: h(X). RC_INTERNAL, and zeros. */
enum rc sga_hash(struct slice octets, struct sga_hash *out);

/* ---- errors ---- */

/* All that a peer learns of what was wrong with its message. */
enum sga_class {
	SGA_CLASS_SYNTAX = 1, /* HTTP 400, CoAP 4.00 */
	SGA_CLASS_REFUSED = 2, /* 403, 4.03: anything that has to do with keys, names and times */
	SGA_CLASS_LATER = 3, /* 503, 5.03 */
	SGA_CLASS_CHALLENGE =
		4, /* 401, 4.01: send it again with the challenge in place of the time */
};

#define SGA_CHALLENGE_SIZE 8u
#define SGA_ERROR_SIZE (SGA_HEADER_SIZE + 1u + SGA_CHALLENGE_SIZE)

/* header (type 0f) | class 1 | challenge 8, zeros in every class but 4. */
struct sga_error {
	struct sga_header
		header; /* suite and sid of the message that is answered; type, flags, ctr 0 */
	enum sga_class class;
	uint8_t challenge[SGA_CHALLENGE_SIZE];
};

/*
 * The error that answers message, of which anything may be wrong: suite and sid are taken from it
 * when its header can be read; else they are SGA_SUITE_X and zeros. challenge: 8 octets; read for
 * class 4 only, NULL otherwise.
 */
void sga_error_make(struct slice message, enum sga_class class, const uint8_t *challenge,
                    uint8_t out[SGA_ERROR_SIZE]);
/* RC_BAD_REQUEST: message is no error message, and *out is untouched. */
enum rc sga_error_read(struct slice message, struct sga_error *out);

/* ---- randomness ---- */

/*
 * Where random octets come from. A NULL pointer to this, or a NULL member, stands for libcrypto's
 * generator: tests alone put something else there. Each function fills n octets at out with RC_OK,
 * or returns RC_INTERNAL. With libcrypto's, any thread.
 */
struct sga_random {
	enum rc (*secret)(void *arg, void *out, size_t n); /* keys, exponents */
	enum rc (*clear)(void *arg, void *out, size_t n); /* what is sent in clear: sid, nonces */
	void *arg;
};

/* RC_INTERNAL, and zeros. The caller wipes out. */
enum rc sga_random_secret(const struct sga_random *r, void *out, size_t n);
enum rc sga_random_clear(const struct sga_random *r, void *out, size_t n);

#endif
