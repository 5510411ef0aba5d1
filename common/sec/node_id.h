/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the security layer that we assign: M2M-Node-IDs (TS 102 690 clause 8, 16 octets in
 * securityM2MNodeId), SCL-IDs, M2M-Connection-IDs. Nothing here is secret. Any thread.
 *
 * M2M-Node-ID: version 01, the first three octets of SHA-256 of the M2M-SP-ID, 12 random octets.
 */
#ifndef SEC_NODE_ID_H
#define SEC_NODE_ID_H

#include "base/rc.h"

#include <stdint.h>

#define NODE_ID_BYTES 16
#define NODE_ID_TEXT (2 * NODE_ID_BYTES + 1) /* digits and a zero */
#define NODE_ID_VERSION 0x01

struct node_id {
	uint8_t v[NODE_ID_BYTES];
};

/*
 * A new id of the provider with that M2M-SP-ID (a name of 1..255 characters of ASCII, letters of
 * either case are taken as they are: write it one way). RC_BAD_REQUEST when sp_id is not,
 * RC_INTERNAL when the library fails.
 */
enum rc node_id_make(struct slice sp_id, struct node_id *out);

/*
 * True when the id has our form: the version, and a random part that is neither all zero nor all
 * ones. Ids of other makers that an administrator has imported need not have it.
 */
bool node_id_ok(const struct node_id *id);

static inline bool
node_id_eq(const struct node_id *a, const struct node_id *b)
{
	return memcmp(a->v, b->v, NODE_ID_BYTES) == 0;
}

/* 32 lower-case digits and a zero. */
void node_id_text(const struct node_id *id, char out[NODE_ID_TEXT]);
/* Exactly 32 digits of either case (xs:hexBinary); says nothing about node_id_ok. */
bool node_id_parse(struct slice text, struct node_id *out);

#define SCL_ID_MAX 64

/*
 * True for an SCL-ID that we may assign: 1..64 characters of A-Za-z0-9._~- that do not start with a
 * full stop, and none of the words that mean something in a path.
 */
bool scl_id_ok(struct slice id);

#define CONN_ID_HEX 17 /* 16 digits and a zero: the form of PSK identities */

/* 64 random bits, never 0. RC_INTERNAL when the generator does not work. */
enum rc conn_id_make(uint64_t *out);
void conn_id_hex(uint64_t id, char out[CONN_ID_HEX]);
/* Exactly 16 lower-case digits, not 0. */
bool conn_id_parse_hex(struct slice text, uint64_t *out);
/* The form of securityConnectionId: 1 .. 2^64 - 1 without sign and leading zeros. */
bool conn_id_parse_decimal(struct slice text, uint64_t *out);

#endif
