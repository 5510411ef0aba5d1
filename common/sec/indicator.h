/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node says about the priority of a request that it makes outside of a session of its own
 * (Security Issues on Machine to Machine Communications, section 2.6: whoever alters the indicator
 * of low priority on its way has a device served at the cost of others, or not at all). Its header
 *
 *   X-M2M-Ind: <low|normal>;<time, decimal>;<nonce, 32 hex>;<tag, 32 hex>
 *
 * has tag = HMAC-SHA-256(K_ind, "m2m1 ind" || nodeId 16 || u8 (1 low, 0 normal) || u64 time ||
 * nonce || LV16(method) || LV16(path))[0..15]. path is that of the request line as it was sent,
 * without the query. Inside a session the claim is X-M2M-Priority: low|normal.
 */
#ifndef SEC_INDICATOR_H
#define SEC_INDICATOR_H

#include "base/rc.h"
#include "sec/node_id.h"

#include <stdint.h>

struct key;

#define INDICATOR_HEADER "X-M2M-Ind"
#define PRIORITY_HEADER "X-M2M-Priority"
#define INDICATOR_NONCE_SIZE 16
#define INDICATOR_TAG_SIZE 16
#define INDICATOR_TOLERANCE 300 /* seconds between the clocks */
/* "normal", a time of 20 digits, nonce and tag. */
#define INDICATOR_TEXT (6 + 1 + 20 + 1 + 2 * INDICATOR_NONCE_SIZE + 1 + 2 * INDICATOR_TAG_SIZE)

struct indicator {
	bool low;
	uint64_t time; /* seconds since 1970; not 0 */
	uint8_t nonce[INDICATOR_NONCE_SIZE];
	uint8_t tag[INDICATOR_TAG_SIZE];
};

/* What the tag covers besides. method and path: at most 65535 octets each. */
struct indicator_request {
	const struct node_id *node;
	struct slice method;
	struct slice path;
};

/* "low" or "normal"; false for anything else. */
bool priority_parse(struct slice text, bool *low);

/* False when text is not exactly of that form (lower-case hex, no leading zeros, time not 0). */
bool indicator_parse(struct slice text, struct indicator *out);
/* Writes the text and a zero; returns its length. */
size_t indicator_format(const struct indicator *i, char out[INDICATOR_TEXT + 1]);

/*
 * Sets the tag; the other members are the caller's. k_ind: indicator_key (sec/derive.h).
 * RC_TOO_LARGE: method or path; RC_UNAVAILABLE, RC_INTERNAL. Any thread.
 */
enum rc indicator_make(const struct key *k_ind, const struct indicator_request *rq,
                       struct indicator *i);
/*
 * RC_OK when the tag is right and the time within INDICATOR_TOLERANCE of now (seconds since 1970);
 * RC_FORBIDDEN, RC_UNAVAILABLE, RC_INTERNAL. Whether the nonce is new, says indicator_take.
 */
enum rc indicator_check(const struct key *k_ind, const struct indicator_request *rq,
                        const struct indicator *i, int64_t now);

/* ---- nonces ---- */

/* Those that were taken while their time may still be within the tolerance. Locks itself. */
struct indicator_seen;

#define INDICATOR_SEEN_MAX 32768u /* that are remembered */

/* NULL without memory. */
struct indicator_seen *indicator_seen_new(void);
/* NULL is fine. */
void indicator_seen_free(struct indicator_seen *s);
/*
 * Takes the nonce of an indicator that indicator_check has found good; now as there. RC_OK: it is
 * new; RC_CONFLICT: it was taken before; RC_UNAVAILABLE: there is no place to remember it, so it does not
 * count. Any thread, waits for no more than some instructions of another.
 */
enum rc indicator_take(struct indicator_seen *s, const struct node_id *node,
                       const struct indicator *i, int64_t now);

#endif
