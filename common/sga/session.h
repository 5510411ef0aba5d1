/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session between two devices, as one of them sees it: invitation (paper, phase A: A1..A4) and
 * generation of the key (phase B: B1..B7). Device i invites, device j is invited, G is between.
 *
 *   A1 i -> G  E_PK("A1"; (kt_i xor mask_i) IDs cid sid time t)
 *              t = HMAC(k_auth_i, "A1" header kt_i IDs cid sid time)
 *   A2 G -> j  n_G, AEAD_cid0(j) under HKDF(salt n_G, ikm k_g2d_j, "A2"), aad header:
 *              (kt_i xor mask_j) IDs cid sid time h(A1)
 *   A3 j -> G  E_PK("A3"; (kt_i xor kt_j) IDs cid sid n_j time h(A2) t)
 *              t = HMAC(k_auth_j, "A3" header kt_j IDs cid sid n_j time h(A2))
 *   A4 G -> i  AEAD_cid under HKDF(salt sid, ikm kt_i k_auth_i, "A4"), aad header:
 *              (kt_i xor kt_j) IDs cid h(A2) h(A3)
 *   hop keys   HKDF(salt H(h(A1) h(A4)), ikm kt_i k_hop_i, "B i") between i and G,
 *              HKDF(salt H(h(A2) h(A3)), ikm kt_j k_hop_j, "B j") between j and G:
 *              key and iv from the device, key and iv from G, as long as cid wants them
 *   B1 i -> G  AEAD(hop): N_i F_i m1 m2; m1 = HMAC(k_auth_i, "B1" sid IDs N_i F_i),
 *              m2 = HMAC(K_is, "B1" sid N_i)
 *   B2 G -> j  AEAD(hop): IDs cid h(B1)
 *   B3 j -> G  AEAD(hop): N_j F_j m1 m2 h(B2); as B1, with "B3" in place of "B1"
 *   B6 G -> i  AEAD(hop): S h(B2) h(B3) HMAC(K_is, "B6" IDs S TH)
 *   B6 G -> j  AEAD(hop): S h(A4) HMAC(K_js, "B6" IDs S TH)
 *
 *   (N, R): a power of the generator and its exponent; (F, r): a value of the trapdoor function
 *   and the exponent in it (suite.h); K_is = HKDF(salt sid, ikm N_i^r_i, "SGA/1 Kis" IDs N_i F_i);
 *   S = N_peer^Rs; K = S^R = g^(R_i R_j R_s)
 *   TH  = SHA-256("SGA/1 TH" suite dp h(A1) h(A2) h(A3) h(A4) h(B1) h(B2) h(B3))
 *   PRK = HKDF-Extract(salt TH, K kt_i kt_j)
 *   k_ij, iv_ij, k_ji, iv_ji, k_conf = HKDF-Expand(PRK, "SGA/1 <name>" cid IDs)
 *
 * h(X) is the SHA-256 of the octets of X, IDs is lv8(ID_i) lv8(ID_G) lv8(ID_j). A message sealed
 * with hop keys has nonce iv XOR ctr and aad header; ctr of its header counts from 0 in each
 * direction of a hop, so that B1 has 0 (i to G), B2 0 and B6 1 (G to j), B3 0 (j to G), B6 0 (G to
 * i). A message that goes alone under its key has a nonce of zeros; R1, R2 and A1 to A4 have ctr 0,
 * but for the A1 that answers a challenge: 1.
 *
 * "No" is said with SGA_FLAG_REFUSED: in A3 and A4 the 32 octets of the key are zero then (kt_j in t
 * of A3 too, and h(A3) in A4 when there was no A3); B6 has an empty plaintext, may come whenever
 * there are hop keys, with the next ctr, and closes the session.
 *
 * Steps and states: each step is due in one state and leads to another (below). Outcomes, besides
 * what a function says: RC_BAD_REQUEST for octets that are no message of the kind, RC_CONFLICT for
 * a step that is not due, RC_DENIED for all that is not authentic, not for this session or out of
 * time, without a word which; RC_NO_SPACE when to is full, RC_UNAVAILABLE without (lockable)
 * memory, RC_INTERNAL when a library fails. Whatever is not RC_OK has changed nothing, and appended
 * nothing. Save the session after each RC_OK, before what was made is sent or what was taken is
 * acknowledged; what is sent again must be the same octets.
 *
 * d is always the device that began the session. No function blocks, has a clock or does I/O; those
 * marked + compute with public keys (suite.h says how long). A session belongs to one thread at a
 * time; many sessions may use one device at the same time.
 */
#ifndef SGA_SESSION_H
#define SGA_SESSION_H

#include "sga/device.h"

#define SGA_SESSION_SAVED_MAX 4096u /* octets of a saved session */

struct sga_session;

enum sga_state {
	SGA_S_INVITING, /* i: A1 made; due: A4, or A1 again after a challenge */
	SGA_S_INVITED, /* j: A2 taken; due: A3 */
	SGA_S_ACCEPTED, /* j: A3 made; due: B2 */
	SGA_S_AGREED, /* i: A4 taken; due: B1 */
	SGA_S_REQUESTED, /* i: B1 made; due: B6 */
	SGA_S_ASKED, /* j: B2 taken; due: B3 */
	SGA_S_ANSWERED, /* j: B3 made; due: B6 */
	SGA_S_OPEN, /* B6 taken: records (record.h) */
	SGA_S_CLOSED, /* over: refused, or closed here; nothing is due, all keys are erased */
};

/* ---- phase A ---- */

/*
 * i, +: a new session with peer under the cipher cid; appends A1. RC_CONFLICT: d is not registered,
 * peer is d or G, or cid is not one of d's ciphers and of the package. The caller frees *out with
 * sga_session_free.
 */
enum rc sga_a1_make(const struct sga_device *d, const struct sga_id *peer, uint16_t cid,
                    uint64_t now, const struct sga_random *random, struct sga_session **out,
                    struct buf *to);
/*
 * i, +: appends A1 again, with the challenge of error (a message, class 4 of this session) in place
 * of the time. Once for a session.
 */
enum rc sga_a1_again(struct sga_session *s, const struct sga_device *d, struct slice error,
                     const struct sga_random *random, struct buf *to);
/*
 * j: a new session from A2. RC_DENIED too for a cipher that d does not have, or of another suite
 * than that of d's package. now: 0 without a clock, then the time in A2 is not looked at. The caller
 * refuses a sid that it has had, and frees *out with sga_session_free.
 */
enum rc sga_a2_take(const struct sga_device *d, struct slice a2, uint64_t now,
                    struct sga_session **out);
/* j, +: appends A3; accept false: the refusing one, and the session is closed. */
enum rc sga_a3_make(struct sga_session *s, const struct sga_device *d, bool accept, uint64_t now,
                    const struct sga_random *random, struct buf *to);
/* i: takes A4. RC_OK with the state SGA_S_CLOSED: the peer, or G, refused. */
enum rc sga_a4_take(struct sga_session *s, const struct sga_device *d, struct slice a4);

/* ---- phase B ---- */

/* i, +: appends B1. */
enum rc sga_b1_make(struct sga_session *s, const struct sga_device *d,
                    const struct sga_random *random, struct buf *to);
/* j: takes B2. */
enum rc sga_b2_take(struct sga_session *s, struct slice b2);
/* j, +: appends B3. */
enum rc sga_b3_make(struct sga_session *s, const struct sga_device *d,
                    const struct sga_random *random, struct buf *to);
/*
 * i and j, +: takes B6; the session is open then, and seals for SGA_SESSION_SECONDS from now (0:
 * without a clock, and without that end). A refusing B6 is taken in every state with hop keys, also
 * of an open session: RC_OK, and SGA_S_CLOSED.
 */
enum rc sga_b6_take(struct sga_session *s, struct slice b6, uint64_t now);

/* ---- any state ---- */

/* Erases the keys; SGA_S_CLOSED. */
void sga_session_close(struct sga_session *s);
/* Wipes and frees; NULL is fine. */
void sga_session_free(struct sga_session *s);

/*
 * Appends the state: secret octets, at most SGA_SESSION_SAVED_MAX, the first is the version. The
 * caller has set to->secret, wraps and wipes them. Openings that failed (a cipher with short tags
 * ends the session after 2^20 of them) are not in it.
 */
enum rc sga_session_save(const struct sga_session *s, struct buf *to);
/* RC_BAD_REQUEST: not what a session saved. The caller frees *out with sga_session_free. */
enum rc sga_session_load(struct slice saved, struct sga_session **out);

/*
 * Records of the peer need not come in order: each of the REPLAY_WINDOW last ones is taken once
 * (sec/replay.h). The default is exactly the next one. For a session that no record has come in.
 */
enum rc sga_session_set_window(struct sga_session *s, bool window);

enum sga_state sga_session_state(const struct sga_session *s);
/* True for i. */
bool sga_session_inviter(const struct sga_session *s);
/* These live as long as s. */
const struct sga_sid *sga_session_sid(const struct sga_session *s);
const struct sga_id *sga_session_peer(const struct sga_session *s);
uint16_t sga_session_cid(const struct sga_session *s);

/* Where an open session stands. */
struct sga_progress {
	uint64_t opened; /* now of sga_b6_take */
	uint32_t sealed; /* records so far; the number of the next one */
	uint32_t taken; /* the next number of the peer; with a window, the highest one and 1 */
	bool confirmed; /* the peer has confirmed */
	bool signed_by_peer; /* and has signed with the key that sga_record_open was given */
};

/* All 0 unless SGA_S_OPEN. */
void sga_session_progress(const struct sga_session *s, struct sga_progress *out);

#endif
