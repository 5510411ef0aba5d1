/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: what the two devices of a session say to each other (paper, phase C); G stores and
 * forwards them and cannot read them.
 *
 *   record = header(type 20, flags, sid, ctr) || AEAD(k_dir, nonce = iv XOR ctr, aad = header ||
 *            cid, plaintext)
 *   plaintext = data; of the first record of a direction (ctr 0, flag SGA_FLAG_CONFIRMED)
 *               conf(16) || lv8(signature or empty) || data
 *   conf = HMAC(k_conf, "i" or "j" || TH)[0..16)
 *   signature = Ed25519 of "SGA/1 e2e" 00 || "i" or "j" || TH || conf, by the device that sends
 *
 * A confirmation proves to the peer that the sender has the key over the same transcript. With the
 * signature, and the peer's key known from somewhere else than G, no G in the middle goes unseen;
 * without it the session is end to end against a G that follows the protocol.
 *
 * Outcomes and threads as session.h says. Save the session after each RC_OK: before a sealed record
 * is sent, together with what was opened.
 */
#ifndef SGA_RECORD_H
#define SGA_RECORD_H

#include "sga/session.h"

#define SGA_RECORDS_MAX (1u << 20) /* of one direction of a session */
#define SGA_SESSION_SECONDS (24u * 3600u) /* how long a session seals */
/* Octets at most that a record has more than its data: header, tag, confirmation, signature. */
#define SGA_RECORD_OVER (SGA_HEADER_SIZE + 16u + 16u + 1u + SIGN_SIZE)

/*
 * Appends the next record of s. flags: 0 or SGA_FLAG_GROUP_KEY. The first record of a direction
 * confirms, and is signed when d has a key; data may be empty. RC_CONFLICT: s is not open, or there
 * is data although the peer has not confirmed yet (seal the first record empty at once);
 * RC_PRECONDITION: s is used up, by number or by age, and a new session is due; RC_TOO_LARGE: data
 * are over SGA_DATA_MAX. now: seconds since 1970, 0 without a clock.
 */
enum rc sga_record_seal(struct sga_session *s, const struct sga_device *d, uint8_t flags,
                        struct slice data, uint64_t now, struct buf *to);

/*
 * Whose signature the first record of the peer must carry. A key that is known is asked for: were it
 * not, a G in the middle would leave the signature out.
 */
struct sga_trust {
	const struct sign_public *peer; /* from elsewhere than G; NULL: not known */
	bool required; /* nothing is taken of a peer whose key is not known */
};

/* What a record said. */
struct sga_plain {
	struct slice data; /* lies in to; until to changes */
	uint32_t ctr;
	uint8_t flags;
	bool confirmed; /* this record did it */
	bool signed_by_peer; /* the session's: the signature was there and right */
};

/*
 * Opens a record of the peer; appends its data to to, which the caller wipes. RC_DENIED: not
 * authentic, no or a wrong confirmation, trust is not met; RC_CONFLICT: s is not open, or the
 * number is not the next one (sga_session_set_window: was taken, or is too old); RC_PRECONDITION:
 * the number is above what a session carries. trust: NULL is as all zero: the signature of a peer
 * whose key is not known is not looked at.
 */
enum rc sga_record_open(struct sga_session *s, const struct sga_trust *trust, struct slice record,
                        struct sga_plain *out, struct buf *to);

/*
 * n octets (at most 8160) of key for another use: HKDF-Expand(PRK, "SGA/1 export" || label).
 * RC_CONFLICT before the peer has confirmed; RC_TOO_LARGE: label over 64 octets. The caller wipes
 * out.
 */
enum rc sga_session_export(const struct sga_session *s, struct slice label, void *out, size_t n);

#endif
