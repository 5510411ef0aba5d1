/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header that every message begins with, 32 octets, integers big-endian:
 *
 *   version 01 | suite 01 | type | flags | epoch 4 | streamId 2 | keyIndex 2 | cid 2 | 00 00 |
 *   the first 16 octets of SHA-256 of the source's URL
 *
 * A section is what has one session key. All its messages have the same header but for the type,
 * so the header without it names the section, and is bound into everything that is made of its key.
 * Any thread.
 */
#ifndef PRE_HDR_H
#define PRE_HDR_H

#include "sec/cipher.h"

#define PRE_VERSION 1
#define PRE_SUITE 1 /* AFGH on BLS12-381, HKDF and SHA-256, AES-128-GCM, Ed25519 */
#define PRE_HDR_SIZE 32u
#define PRE_SOURCE_SIZE 16u /* octets that name a source */

#define PRE_CID_DEFAULT CIPHER_AES_128_GCM
#define PRE_CID_MAX 0x0007 /* of the ciphers (sec/cipher.h) messages have those up to here */
#define PRE_CIPHER_KEY_MAX 32u
#define PRE_CIPHER_IV_MAX 13u
#define PRE_CIPHER_TAG_MAX 16u

enum pre_type {
	PRE_MM1 = 1, /* management message, re-encrypted: for one sink */
	PRE_MM2 = 2, /* management message as the source made it */
	PRE_DATA = 3, /* one message of a section */
	PRE_END = 4, /* what a section consisted of */
};

#define PRE_FLAG_SIGNED 0x01u /* each data message of the section has a signature of the source */

struct pre_hdr {
	uint8_t type; /* enum pre_type */
	uint8_t flags;
	uint16_t stream, key_index, cid;
	uint32_t epoch;
	uint8_t source[PRE_SOURCE_SIZE];
};

/* NULL: messages have no such cipher. Lives forever. */
const struct cipher *pre_cipher_find(uint16_t cid);

/*
 * RC_BAD_REQUEST when s does not begin with a header: another version, suite, type or cipher than
 * those there are, unknown flags, octets that are to be 0 and are not. Anything may follow.
 */
enum rc pre_hdr_parse(struct slice s, struct pre_hdr *out);
/* The header of a message of that type in the section of h. */
void pre_hdr_write(const struct pre_hdr *h, enum pre_type type, uint8_t out[PRE_HDR_SIZE]);
/* Whether both are of one section: all but the type is equal. */
bool pre_hdr_same(const struct pre_hdr *a, const struct pre_hdr *b);
/* Order of sections within a stream: by epoch, then by key index; below, equal to or above 0. */
int pre_hdr_order(const struct pre_hdr *a, const struct pre_hdr *b);

/*
 * True for a URL that a source may have: absolute, at most 65535 octets of UTF-8 without control
 * characters, with a host, no user information, no fragment, and scheme and host in lower case. It is
 * hashed as it is written: another spelling (a port that need not be said, an escape) names another
 * source.
 */
bool pre_url_ok(struct slice url);
/* True for what may name a sink: nothing, or UTF-8 without control characters and spaces. */
bool pre_sink_ok(struct slice sink);
/* The octets that name the source in a header; of any URL. RC_INTERNAL when the library fails. */
enum rc pre_source_name(struct slice url, uint8_t out[PRE_SOURCE_SIZE]);

#endif
