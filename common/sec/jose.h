/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object security on mId (TS 102 690 clause 8, mId security): a body in a compact JWE (RFC 7516)
 * of one fixed profile, alg dir and enc A256GCM.
 *
 *   b64u(header) . "" . b64u(iv) . b64u(ciphertext) . b64u(tag)          application/jose
 *   header {"alg":"dir","enc":"A256GCM","kid":"mc.<ConnectionId>.<KmcIndex>.<d2n|n2d>",
 *           "cty":"<media type>","seq":<n>,"htm":"<method or RSP>","htu":"<path and query>"}
 *   of a response: "htm":"RSP", "htu":"#<seq of the request>" and behind it ,"st":<status>
 *   iv = u32(direction) || u64(seq)      AAD = b64u(header)
 *
 * The header has one serialisation: these members, in this order, without spaces; in strings only
 * the quote, the backslash and U+0001..U+001F are escaped (short form where there is one, else
 * \u00xx in lower case); numbers without leading zeros. Any other octets are refused, so no other
 * algorithm is ever looked at.
 *
 * Outcomes of reading: RC_BAD_REQUEST for syntax (OBJ_INVALID), RC_FORBIDDEN for everything else
 * (AUTH_FAILED), RC_UNAVAILABLE without memory, RC_INTERNAL when the library fails.
 */
#ifndef SEC_JOSE_H
#define SEC_JOSE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "sec/derive.h"

#include <stdint.h>

#define JOSE_MEDIA_TYPE "application/jose"
#define JOSE_IV_SIZE 12
#define JOSE_TAG_SIZE 16
#define JOSE_CTY_MAX 255     /* octets, unescaped */
#define JOSE_METHOD_MAX 16   /* octets, unescaped */
#define JOSE_TARGET_MAX 8192 /* octets, unescaped */
/* Octets of the header: a character takes up to six. */
#define JOSE_HEADER_MAX (256u + 6 * (JOSE_CTY_MAX + JOSE_TARGET_MAX))
#define JOSE_SEQ_MAX (UINT64_C(1) << 32) /* messages under one key (GCM); counted from 1 */

struct jose_header {
	uint64_t connection; /* ConnectionId, not 0 */
	uint32_t kmc_index;  /* not 0 */
	enum obj_dir direction; /* each has its key: nothing can be reflected */
	struct slice cty; /* media type of the body; may be empty */
	uint64_t seq;     /* 1..JOSE_SEQ_MAX */
	/*
	 * Of a request its method, in capital letters and not RSP, and its path with query, which
	 * starts with a slash; of a response JOSE_RSP, and empty.
	 */
	struct slice method;
	struct slice target;
	uint64_t answers; /* of a response: seq of the request; else 0 */
	unsigned status;  /* of a response: 100..599; else 0 */
};

#define JOSE_RSP SLICE_LIT("RSP")

/*
 * The compact form of body under h, appended to out. RC_BAD_REQUEST: a member of h has no place in
 * a header (limits, NUL, no UTF-8, seq 0), RC_FORBIDDEN: seq above JOSE_SEQ_MAX, RC_TOO_LARGE:
 * out is full, RC_UNAVAILABLE, RC_INTERNAL; out is then as before. The caller never uses a seq
 * twice with one key.
 */
enum rc jose_seal(const struct jose_header *h, const struct key *key, struct slice body,
                  struct buf *out);

/* A message of which only the syntax is known to be right: nothing of it is to be believed. */
struct jose {
	struct jose_header h; /* strings in the arena */
	struct slice head;    /* b64u(header) */
	struct slice cipher;  /* b64u(ciphertext) */
	uint8_t iv[JOSE_IV_SIZE];
	uint8_t tag[JOSE_TAG_SIZE];
};

/*
 * Reads the syntax of compact, which must outlive *out. Lengths and the five parts are checked
 * before the arena is used. RC_BAD_REQUEST, RC_UNAVAILABLE.
 */
enum rc jose_parse(struct slice compact, struct arena *a, struct jose *out);

/* What a message has to be. */
struct jose_expect {
	uint64_t connection;
	uint32_t kmc_index;
	enum obj_dir direction;
	/* A request: its request line. A response: JOSE_RSP, and empty. */
	struct slice method;
	struct slice target;
	uint64_t answers; /* a response: seq of the request that was sent; else 0 */
	unsigned status;  /* a response: its HTTP status; else 0 */
	/*
	 * Called once the tag is right: true when seq is new and now taken (replay_take under the
	 * caller's lock). Never NULL.
	 */
	bool (*take)(void *arg, uint64_t seq);
	void *arg;
};

/*
 * Checks in this order: kid, iv, tag, seq, request line (or the request answered and the status);
 * on RC_OK the body is appended to body. RC_FORBIDDEN: any of them; RC_TOO_LARGE: body is full;
 * RC_BAD_REQUEST: the ciphertext is no base64url; RC_UNAVAILABLE, RC_INTERNAL. On failure body is
 * as before and what was decrypted is wiped. Any thread.
 */
enum rc jose_open(const struct jose *j, const struct key *key, const struct jose_expect *want,
                  struct buf *body);

#endif
