/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What D and AP have at the end of a run, the same on both sides but for the peer.
 *
 *   th     = SHA-256(A1 || A2 || A3)
 *   PRK    = HKDF-Extract(th, X25519)             RFC 5869, RFC 7748
 *   K_conf = M2M-EXPAND(PRK, "mpa conf", "")      K_sess = M2M-EXPAND(PRK, "mpa sess", "")
 *   PSK of the area link, identity mp<v>.<th, the first 16 octets in hex>:
 *            M2M-EXPAND(K_sess, "psk mp<v>", th)
 */
#ifndef MPA_SESSION_H
#define MPA_SESSION_H

#include "mpa/mpa.h"
#include "sec/derive.h"

#define MPA_RUN_SIZE 16u /* octets that name a run before it has a th */

/* SHA-256 of the transcript A1 || A2 || A3 as it was sent. */
struct mpa_th {
	uint8_t v[DIGEST_SIZE];
};

/* Whoever has one wipes it with mpa_session_wipe. */
struct mpa_session {
	struct mpa_th th;
	struct key key; /* K_sess */
	char peer[MPA_ID_MAX + 1]; /* the name in the peer's warrants, with a zero */
	struct sign_public peer_key;
	/* AP: index in servers of the anchors of the S that the device belongs to; D: 0. */
	size_t server;
	uint64_t not_after; /* the earliest end of the warrants that it rests on, of both parties */
	/* All of these warrants: see mpa_session_stands. */
	struct mpa_serial links[3 * MPA_LINKS_MAX];
	size_t n_links;
};

/* NULL is fine. */
void mpa_session_wipe(struct mpa_session *s);

/*
 * Whether it still stands at now: none of its warrants has ended (with MPA_TOLERANCE) or was revoked. To
 * be asked at every use, or when a set of revocations has changed.
 */
bool mpa_session_stands(const struct mpa_session *s, const struct mpa_revocations *revocations,
                        int64_t now);

/* The pre-shared key of the area link; the caller wipes *out. RC_BAD_REQUEST: v; RC_INTERNAL. */
enum rc mpa_session_psk(const struct mpa_session *s, enum psk_tls v, struct key *out);

#endif
