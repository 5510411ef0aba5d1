/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Management messages: they carry the session key S of a section under an element K of GT that
 * AFGH transports (afgh.h).
 *
 *   MM2 = HDR | C1 48 | commit 32 | W | signature 64
 *   MM1 = MM2 with type 01 | pkId 8 | D 288
 *
 *   kw 16 | iv 12 | commit 32 = HKDF(salt "M2PRE1", K as 576 octets,
 *                                    "M2PRE1 kem" 00 | HDR | C1)
 *   W = AES-128-GCM(kw, iv, HDR | C1 | commit, S), S of the length of the cipher's key
 *   signature = Ed25519 of "M2PRE1 mm2" 00 | HDR | C1 | commit | W
 *   pkId = the first 8 octets of SHA-256 of "M2PRE1 pk" | PK2 of the sink
 *
 * wherever HDR is signed or hashed its type is 02. An MM1 keeps C1: the owner can still open it,
 * and it can be re-encrypted again for another sink.
 *
 * All that is wrong with a message is RC_BAD_REQUEST. Other outcomes: RC_UNAVAILABLE without
 * memory, RC_INTERNAL when a library fails, RC_NOT_IMPLEMENTED in a build without pairing. Any thread.
 */
#ifndef PRE_MM_H
#define PRE_MM_H

#include "base/buf.h"
#include "pre/afgh.h"
#include "pre/hdr.h"
#include "sec/sign.h"

#define PRE_PK_ID_SIZE 8u
#define PRE_COMMIT_SIZE 32u
#define PRE_W_MAX (PRE_CIPHER_KEY_MAX + 16u)
/* Octets behind the header. */
#define PRE_MM2_MAX (AFGH_G1 + PRE_COMMIT_SIZE + PRE_W_MAX + SIGN_SIZE)
#define PRE_MM1_MAX (PRE_MM2_MAX + PRE_PK_ID_SIZE + AFGH_GT)

/* A session key; the caller wipes it. */
struct pre_session {
	uint8_t v[PRE_CIPHER_KEY_MAX];
};

/* The parts of a message; the slices lie in what was parsed. */
struct pre_mm {
	struct pre_hdr hdr;
	const struct cipher *cipher;
	struct slice c1, commit, w, signature;
	struct slice kept; /* all that an MM1 takes over: C1 to the signature */
	struct slice pk_id, d; /* of MM1; empty in MM2 */
};

/* rest: all that follows the header. */
enum rc pre_mm_parse(const struct pre_hdr *h, struct slice rest, struct pre_mm *out);
/* RC_BAD_REQUEST: the signature is not the source's. */
enum rc pre_mm_verify(const struct pre_mm *m, const struct sign_public *source);
/* SHA-256 of the message as MM2 without its signature: names the key, and begins the chain. */
enum rc pre_mm_digest(const struct pre_mm *m, uint8_t out[32]);
/* pkId of a sink, by its PK2. */
enum rc pre_pk_id(struct slice pk2, uint8_t out[PRE_PK_ID_SIZE]);

/* ---- source ---- */

/* C1 and K that go together (afgh_encrypt, afgh_encrypt_to). */
struct pre_kem {
	uint8_t c1[AFGH_G1];
	struct afgh_gt k;
};

/*
 * Appends what follows the header of the MM2 that carries s to the section of h. RC_NO_SPACE when
 * to is full. The caller wipes kem and s.
 */
enum rc pre_mm2_make(const struct pre_hdr *h, const struct pre_kem *kem,
                     const struct pre_session *s, const struct sign_key *source, struct buf *to);

/* ---- proxy ---- */

/*
 * Appends what follows the header of the MM1 of m, an MM2 or an MM1 for anyone. d: of
 * afgh_reencrypt with C1 of m; the caller may keep it for a repetition, as secret as the
 * re-encryption key. RC_NO_SPACE when to is full.
 */
enum rc pre_mm1_make(const struct pre_mm *m, const uint8_t pk_id[PRE_PK_ID_SIZE],
                     const uint8_t d[AFGH_GT], struct buf *to);

/* ---- sink and owner; verify first ---- */

/* S of an MM1 for keys. */
enum rc pre_mm1_open(const struct pre_mm *m, const struct afgh_keys *keys, struct pre_session *s);
/*
 * S of an MM2 or MM1 with the first secret that it was made under: of the source's epoch, or of
 * the party that it was made for (afgh_encrypt_to).
 */
enum rc pre_mm_open_owner(const struct pre_mm *m, const struct afgh *a, const struct afgh_epoch *e,
                          struct pre_session *s);

#endif
