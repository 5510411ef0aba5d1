/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signed verdict of a provider about a node: only such a one may have a permanent effect.
 *
 *   "MRJ1" | u8 cause | u8 flags (01 permanent) | u16 total | nodeId 16 | nonce 16 | u64 time |
 *   u32 retryAfter | LV8 SP-ID | Ed25519 64 over domain SIGN_REJECT || everything before
 *
 * As header X-M2M-Reject in base64url, in the answer to a request with X-M2M-Nonce (32 hex).
 */
#ifndef SEC_REJECT_H
#define SEC_REJECT_H

#include "base/rc.h"
#include "sec/b64url.h"
#include "sec/node_id.h"
#include "sec/sign.h"

#define REJECT_HEADER "X-M2M-Reject"
#define REJECT_NONCE_HEADER "X-M2M-Nonce"
#define REJECT_NONCE_SIZE 16
#define REJECT_SP_ID_MAX 253 /* a domain name */
#define REJECT_FIXED 117     /* octets without the SP-ID */
#define REJECT_MAX (REJECT_FIXED + REJECT_SP_ID_MAX)
#define REJECT_TEXT_MAX B64URL_LEN(REJECT_MAX)
#define REJECT_TOLERANCE 300 /* seconds between the clocks */

enum reject_cause {
	REJECT_ACCEPTED,
	REJECT_UNKNOWN,
	REJECT_REVOKED,
	REJECT_NOT_HERE,
	REJECT_OVERLOAD,
	REJECT_EXPIRED,
	REJECT_INTEGRITY,
	REJECT_WRONG_DEVICE,
	REJECT_CAUSES
};

struct reject {
	enum reject_cause cause;
	bool permanent;
	struct node_id node;
	uint8_t nonce[REJECT_NONCE_SIZE];
	uint64_t time;        /* seconds since the epoch */
	uint32_t retry_after; /* seconds */
	struct slice sp_id;   /* 1..REJECT_SP_ID_MAX octets of letters, digits, '.', '-' */
};

/*
 * Writes the verdict; *n octets. RC_BAD_REQUEST: a member is out of its range; RC_UNAVAILABLE,
 * RC_INTERNAL. Any thread.
 */
enum rc reject_make(const struct reject *r, const struct sign_key *key, uint8_t out[REJECT_MAX],
                    size_t *n);

/* What a node knows. */
struct reject_check {
	const struct sign_public *pinned; /* reject key of its provider */
	const struct node_id *node;       /* itself */
	const uint8_t *nonce;             /* REJECT_NONCE_SIZE octets of its request */
	int64_t now;                      /* seconds since the epoch */
};

/*
 * A verdict that the node may act on; out->sp_id points into octets. RC_BAD_REQUEST: no MRJ1;
 * RC_FORBIDDEN: of another node, for another nonce, over REJECT_TOLERANCE old or early, or not
 * signed by the pinned key; RC_UNAVAILABLE, RC_INTERNAL. Any thread.
 */
enum rc reject_verify(struct slice octets, const struct reject_check *check, struct reject *out);
/* The same from the text of the header; space keeps the octets that *out points into. */
enum rc reject_verify_text(struct slice text, const struct reject_check *check,
                           uint8_t space[REJECT_MAX], struct reject *out);

/* The value of X-M2M-Nonce: exactly 32 hex digits of either case. */
bool reject_nonce_parse(struct slice text, uint8_t out[REJECT_NONCE_SIZE]);

#endif
