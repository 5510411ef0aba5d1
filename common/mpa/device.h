/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device in a run of multiparty authentication. Integers are big-endian; every message begins with
 * "MP" 01 type, u32 octets of the whole message.
 *
 *   A1 D -> AP   N_D 32 | X25519 share 32 | LV8 ID_D
 *   A2 AP -> D   N_A 32 | X25519 share 32 | LV16 chain of AP |
 *                proxy signature over "AP" || SHA-256(A1 || A2 before the signature)
 *   A3 D -> AP   LV16 chain of D from CN | LV16 chain of D from S |
 *                proxy signature over "D" || SHA-256(A1 || A2 || A3 before the signature)
 *   A4 AP -> D   HMAC(K_conf, "ap fin" || th)
 *
 *   proxy signature(k, chains, m) = Ed25519(k, SIGN_PROXY || SHA-256(all octets of the chains) || m)
 *
 * In A3 a chain may be the 32 octets of its SHA-256, when AP has seen it before; the proxy signature is
 * over the chain itself all the same. The messages need no protection by the link.
 */
#ifndef MPA_DEVICE_H
#define MPA_DEVICE_H

#include "base/buf.h"
#include "mpa/chain.h"
#include "mpa/session.h"

#define MPA_NONCE_SIZE 32u
#define MPA_SHARE_SIZE 32u
#define MPA_HEADER_SIZE 8u
#define MPA_A1_MAX (MPA_HEADER_SIZE + MPA_NONCE_SIZE + MPA_SHARE_SIZE + 1u + MPA_ID_MAX)
#define MPA_A2_MAX                                                                                 \
	(MPA_HEADER_SIZE + MPA_NONCE_SIZE + MPA_SHARE_SIZE + 2u + MPA_CHAIN_MAX + SIGN_SIZE)
#define MPA_A3_MAX (MPA_HEADER_SIZE + 2u * (2u + MPA_CHAIN_MAX) + SIGN_SIZE)
#define MPA_A4_SIZE (MPA_HEADER_SIZE + DIGEST_SIZE)
#define MPA_MESSAGE_MAX MPA_A3_MAX /* octets of any message */

/* What a device has. All that is pointed to is the caller's, and outlives the run. */
struct mpa_device_conf {
	const struct sign_key *key; /* of the device */
	struct slice id; /* mpa_id_ok; the name in its chains: the node id in hex digits */
	struct slice from_cn; /* octets of its chain CN -> S -> D (W1 || W3) */
	struct slice from_s; /* octets of its chain S -> CN -> D (W2 || W4) */
	struct mpa_anchor cn; /* the operator, of whom the access point must have its right */
	struct slice ap; /* name of the only access point that is wanted; empty: any */
	const struct mpa_revocations *revocations; /* what it has heard of; NULL: none */
	const struct mpa_random *random;
};

/* One run. */
struct mpa_device;

/*
 * Begins a run: *out, and A1 appended to *a1 (MPA_A1_MAX octets at most). RC_BAD_REQUEST: id, or a chain
 * is none; RC_NO_SPACE: a1. The caller frees *out with mpa_device_free.
 */
enum rc mpa_device_start(const struct mpa_device_conf *conf, struct mpa_device **out,
                         struct buf *a1);
/* Wipes and frees, at any time. NULL is fine. */
void mpa_device_free(struct mpa_device *d);

/*
 * Takes A2: AP has its right of CN, has made its own share, and has signed this run. Appends A3
 * (MPA_A3_MAX octets at most) to *a3; known: with hashes in place of the chains. The ephemeral key is
 * wiped then. now: seconds since 1970. RC_NO_SPACE: a3.
 */
enum rc mpa_device_take_a2(struct mpa_device *d, struct slice a2, int64_t now, bool known,
                           struct buf *a3, enum mpa_cause *why);
/*
 * Takes A4: AP has accepted the device and has the key. *out is the caller's, who wipes it. Once.
 */
enum rc mpa_device_take_a4(struct mpa_device *d, struct slice a4, struct mpa_session *out,
                           enum mpa_cause *why);

/*
 * The name of the run, known to both from A2 on: the first octets of SHA-256(A1 || A2). It says for
 * which of an access point's runs A3 is; nothing rests on it. False before A2.
 */
bool mpa_device_run(const struct mpa_device *d, uint8_t out[MPA_RUN_SIZE]);

#endif
