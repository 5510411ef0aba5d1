/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof of a request to G that carries no message of the protocol (mailbox, records, groups):
 *
 *   X-M2M-SGA: <ID in base64url>;<counter, decimal>;<tag, 32 hex digits>
 *   tag = HMAC(KD("req", 32), lv16(method) || lv16(target) || u64 counter || SHA-256(body))[0..16)
 *
 * target is the path and query below the root of the SGA, with its first "/", as sent. It may carry
 * the proof itself as the query parameter x-m2m-sga (over CoAP, and where headers do not go
 * through), which the tag leaves out together with the "&" or "?" that thereby stands alone.
 * Any thread.
 */
#ifndef SGA_TAG_H
#define SGA_TAG_H

#include "sec/secret.h"
#include "sga/sga.h"

#define SGA_TAG_HEADER "X-M2M-SGA"
#define SGA_TAG_PARAMETER "x-m2m-sga"
#define SGA_TAG_SIZE 16u
/* Characters at most: ID, counter, tag and what separates them. */
#define SGA_TAG_TEXT ((SGA_ID_MAX * 4 + 2) / 3 + 1 + 20 + 1 + 2 * SGA_TAG_SIZE)

struct sga_tag {
	struct sga_id id;
	uint64_t counter; /* from 1 */
	uint8_t tag[SGA_TAG_SIZE];
};

/* What a tag covers. method in upper case; method and target at most 65535 octets. */
struct sga_request {
	struct slice method, target, body;
};

/* False when text is not exactly of that form (lower-case hex, no leading zeros, counter not 0). */
bool sga_tag_parse(struct slice text, struct sga_tag *out);
/* Writes the text and a zero; returns its length. */
size_t sga_tag_format(const struct sga_tag *t, char out[SGA_TAG_TEXT + 1]);
/* KD("req", 32) of a device; the caller wipes *out. RC_INTERNAL. */
enum rc sga_tag_key(const struct key *kd, const struct sga_id *id, const struct sga_id *g,
                    struct key *out);
/* Fills *out. RC_TOO_LARGE: method or target; RC_INTERNAL. */
enum rc sga_tag_make(const struct key *key, const struct sga_id *id, uint64_t counter,
                     const struct sga_request *rq, struct sga_tag *out);
/*
 * RC_OK or RC_DENIED. key: sga_tag_key of the device of t->id; NULL when there is no such device:
 * RC_DENIED after the same work. The caller compares the counter afterwards. RC_INTERNAL.
 */
enum rc sga_tag_check(const struct key *key, const struct sga_request *rq, const struct sga_tag *t);

#endif
