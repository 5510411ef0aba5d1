/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of G, the gateway. Messages are those of device.h and session.h. G computes nothing of
 * its own accord: whoever runs it keeps devices, tokens, times and what waits for whom.
 *
 * Messages under a public key (R1, A1, A3) are taken in two: _open decrypts and shows who claims to
 * speak; then the caller looks up that device, and _check proves it with its kd. Everything that can
 * be wrong with keys, names, times or tags is RC_DENIED (class 2 of sga.h), and takes the same work:
 * for a device that is not known, kd is NULL and a dummy key is used. RC_BAD_REQUEST (class 1) is
 * for octets whose header and size show that they are no such message.
 *
 * RC_CONFLICT is for a step that is not due; RC_NO_SPACE when to is full, RC_UNAVAILABLE without
 * (lockable) memory, RC_INTERNAL when a library fails. Whatever is not RC_OK has changed nothing and
 * appended nothing. Functions marked + compute with public keys (suite.h says how long): not for a
 * thread that serves. None blocks otherwise, has a clock or does I/O. Those without a session may
 * run in any thread; a session belongs to one thread at a time.
 *
 * G may have two generations of keys. R1 and A3 open with that generation alone that they were made
 * with: the caller tries the current one, and after RC_DENIED the one before. A1 is to be tried with
 * the current one alone, and A3 and B3 count only with the generation of their A1, because both
 * devices hash that package: who has the older one is refused and fetches the package.
 */
#ifndef SGA_SERVER_H
#define SGA_SERVER_H

#include "base/buf.h"
#include "sec/secret.h"
#include "sga/device.h"
#include "sga/keys.h"

#define SGA_SERVER_SAVED_MAX 4096u /* octets of a saved session */
#define SGA_NONCE_SIZE 16u

/* ---- registration ---- */

/* What an R1 says; token, n and kd are secret: the caller wipes all of it. */
struct sga_r1 {
	struct sga_header header;
	struct sga_id id;
	struct key kd;
	uint8_t token[SGA_TOKEN_SIZE]; /* zero only with again */
	bool again; /* it comes with a proof of an older kd: sga_r1_again_ok */
	uint8_t proof[32];
	uint16_t cid0; /* one of cids, and known */
	uint16_t cids;
	uint8_t n[SGA_NONCE_SIZE];
	uint64_t time; /* 0: the device has no clock */
	bool signs;
	struct sign_public sign; /* its Ed25519 key; zero unless signs */
	struct sga_hash hash; /* h(R1) */
};

/*
 * +: decrypts R1. RC_DENIED too when time is more than SGA_TIME_WINDOW off now. A time of 0 passes:
 * a token counts once, and a proof only as long as its kd does, so that an R1 is never good twice.
 * Whether token is valid for id the caller finds out.
 */
enum rc sga_r1_open(const struct sga_keys *keys, struct slice r1, uint64_t now, struct sga_r1 *out);
/* The proof of an R1 that comes again. old: kd in force; NULL: there is none. RC_OK, RC_DENIED. */
enum rc sga_r1_again_ok(const struct sga_r1 *r1, const struct sga_id *g, const struct key *old);
/*
 * Appends R2, under the kd of r1. status: enum sga_status; anything but SGA_STATUS_OK refuses.
 * registrations: how often the device of that ID was registered, with this one: it must rise.
 */
enum rc sga_r2_make(const struct sga_r1 *r1, const struct sga_id *g, uint8_t status,
                    uint64_t registrations, struct buf *to);

/* ---- challenge, for devices without a clock ---- */

/* Where a challenge belongs. */
struct sga_challenger {
	const struct key *cookie; /* G's own, made at start */
	struct slice peer; /* transport address of who asks, at most 255 octets of it count */
	uint64_t now;
};

/* The first 8 octets of HMAC(cookie, sid || peer || minute of now as 8 octets). */
enum rc sga_challenge_make(const struct sga_challenger *c, const struct sga_sid *sid,
                           uint8_t out[SGA_CHALLENGE_SIZE]);

/* ---- phase A ---- */

/* A device that is known to G. */
struct sga_party {
	struct sga_id id;
	struct key kd; /* secret */
	uint8_t suite; /* of the package that it registered with */
	uint16_t cid0;
	uint16_t cids;
};

/* What an A1 says; the caller wipes it. */
struct sga_a1 {
	struct sga_header header;
	struct sga_ids ids;
	uint16_t cid;
	uint64_t time; /* or, as eight octets, the challenge: header.ctr 1 */
	struct key masked; /* kt_i xor mask_i */
	uint8_t t[32];
	struct sga_hash hash; /* h(A1) */
};

/* +: decrypts A1. */
enum rc sga_a1_open(const struct sga_keys *keys, struct slice a1, struct sga_a1 *out);
/*
 * Proves that the device ids.i sent it, now. kd_i: its kd, or NULL. RC_PRECONDITION: it did, but
 * has no clock (time 0): it gets class 4 with sga_challenge_make. Of RC_OK the caller remembers
 * (ids.i, sid) for 300 s and refuses a second one; only then what else is wrong (no such peer, no
 * such cipher) is for the device to know.
 */
enum rc sga_a1_check(const struct sga_a1 *a1, const struct sga_challenger *c,
                     const struct key *kd_i);

/* The session as G sees it, between messages. Secret. */
struct sga_server_session;

enum sga_server_state {
	SGA_G_INVITED, /* A2 made; due: A3 */
	SGA_G_AGREED, /* A4 made; due: B1 */
	SGA_G_ASKED, /* B2 made; due: B3 */
	SGA_G_DONE, /* B6 made; the session can only be refused (ended) */
	SGA_G_CLOSED, /* refused; one of both may still have to be told */
};

/*
 * Appends A2 for j and begins the session. a1: checked; i and j: ids.i and ids.j of it. allowed: the
 * ciphers that G's policy lets two devices use, as a CidSet. RC_FORBIDDEN: cid is not in i's, j's
 * and the allowed set, or j is of another suite. The caller frees *out with
 * sga_server_session_free.
 */
enum rc sga_a2_make(const struct sga_keys *keys, const struct sga_a1 *a1, const struct sga_party *i,
                    const struct sga_party *j, uint16_t allowed, uint64_t now,
                    const struct sga_random *random, struct sga_server_session **out,
                    struct buf *to);

/* What an A3 says; the caller wipes it. */
struct sga_a3 {
	struct sga_header header; /* SGA_FLAG_REFUSED: j does not want */
	struct sga_ids ids;
	uint16_t cid;
	uint8_t n[SGA_NONCE_SIZE]; /* n_j */
	uint64_t time; /* 0: j has no clock; the A2 in it is fresh */
	struct key masked; /* kt_i xor kt_j, or zero */
	struct sga_hash a2; /* h(A2) */
	uint8_t t[32];
	struct sga_hash hash, dp; /* h(A3), and the package it was made with */
};

/* +: decrypts A3. */
enum rc sga_a3_open(const struct sga_keys *keys, struct slice a3, struct sga_a3 *out);
/*
 * Proves that j sent a3, for s and now, and appends A4 for i: with SGA_FLAG_REFUSED when j refused,
 * and s is closed then. kd_i, kd_j: of the devices of s; NULL: it is not known any more.
 */
enum rc sga_a3_take(struct sga_server_session *s, const struct sga_a3 *a3, const struct key *kd_i,
                    const struct key *kd_j, uint64_t now, struct buf *to);

/* ---- phase B ---- */

/* Takes B1 of i and appends B2 for j. */
enum rc sga_b1_take(struct sga_server_session *s, struct slice b1, struct buf *to);
/*
 * +: takes B3 of j, verifies B1 and B3 (paper, steps B4 and B5) and appends a B6 to each of to_i and
 * to_j. keys: of the generation of s. RC_DENIED: b3 is not j's, nothing has changed. RC_FORBIDDEN:
 * it is, but something in B1 or B3 is wrong, whoever's fault it is: s is closed, and to_i and to_j
 * have got the refusing B6. RC_OK: s is SGA_G_DONE.
 */
enum rc sga_b3_take(struct sga_server_session *s, const struct sga_keys *keys, struct slice b3,
                    const struct key *kd_i, const struct key *kd_j, const struct sga_random *random,
                    struct buf *to_i, struct buf *to_j);

/* ---- any state ---- */

enum sga_role { SGA_ROLE_I, SGA_ROLE_J };

/*
 * Appends what tells that party that the session is over: A4 or B6 with SGA_FLAG_REFUSED; s is
 * closed. kd: of that party; read for an A4 (role i in SGA_G_INVITED) only, may be NULL otherwise.
 * RC_CONFLICT: there is nothing that party could be told with (j before A3: its A3 will be
 * refused), or it was told.
 */
enum rc sga_server_refuse(struct sga_server_session *s, enum sga_role role, const struct key *kd,
                          struct buf *to);
/* Wipes and frees; NULL is fine. */
void sga_server_session_free(struct sga_server_session *s);

/* As sga_session_save and sga_session_load; at most SGA_SERVER_SAVED_MAX octets. */
enum rc sga_server_session_save(const struct sga_server_session *s, struct buf *to);
enum rc sga_server_session_load(struct slice saved, struct sga_server_session **out);

enum sga_server_state sga_server_session_state(const struct sga_server_session *s);

/* ---- groups ---- */

/*
 * Appends the notice to the owner of a group that a member has left: header(SGA_NOTICE, sid gid) ||
 * epoch(4) || lv8(ID) || HMAC(k_auth of the owner, "left" || all before)(32).
 */
enum rc sga_notice_make(uint8_t suite, const struct sga_sid *gid, uint32_t epoch,
                        const struct sga_id *left, const struct key *kd, const struct sga_id *owner,
                        const struct sga_id *g, struct buf *to);

#endif
