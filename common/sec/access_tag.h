/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request over an access network that is trusted to protect the channel still belongs to one
 * service connection. Its header
 *
 *   X-M2M-Connection: <ConnectionId, 16 hex>;<counter, decimal>;<tag, 32 hex>
 *
 * has tag = HMAC-SHA-256(M2M-EXPAND(Kmc, "hdr", u64 ConnectionId || u32 KmcIndex),
 * LV16(method) || LV16(target) || u64 counter || SHA-256(body))[0..15].
 */
#ifndef SEC_ACCESS_TAG_H
#define SEC_ACCESS_TAG_H

#include "base/rc.h"

#include <stdint.h>

struct key;

#define ACCESS_TAG_HEADER "X-M2M-Connection"
#define ACCESS_TAG_SIZE 16
#define ACCESS_TAG_TEXT (16 + 1 + 20 + 1 + 2 * ACCESS_TAG_SIZE)

struct access_tag {
	uint64_t connection; /* not 0 */
	uint64_t counter;    /* from 1 */
	uint8_t tag[ACCESS_TAG_SIZE];
};

/* What the tag covers; target is the path with the query as sent. Both at most 65535 octets. */
struct access_request {
	struct slice method;
	struct slice target;
	struct slice body;
};

/* False when text is not exactly of that form (lower-case hex, no leading zeros, counter not 0). */
bool access_tag_parse(struct slice text, struct access_tag *out);
/* Writes the text and a zero; returns its length. */
size_t access_tag_format(const struct access_tag *t, char out[ACCESS_TAG_TEXT + 1]);

/* The key of the tags of one connection; the caller wipes *out. RC_INTERNAL. */
enum rc access_tag_key(const struct key *kmc, uint64_t connection, uint32_t kmc_index,
                       struct key *out);
/* Fills *out. RC_TOO_LARGE: method or target; RC_UNAVAILABLE, RC_INTERNAL. */
enum rc access_tag_make(const struct key *key, uint64_t connection, uint64_t counter,
                        const struct access_request *rq, struct access_tag *out);
/*
 * RC_OK when the tag is right and the counter above *last, which becomes the counter; else
 * RC_FORBIDDEN, RC_UNAVAILABLE or RC_INTERNAL, and *last stays. The caller has found key by
 * t->connection and locks *last, which must be as durable as the connection.
 */
enum rc access_tag_check(const struct key *key, const struct access_request *rq,
                         const struct access_tag *t, uint64_t *last);

#endif
