/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that a credential is used on the device that it is bound to:
 *
 *   X-M2M-Device-Proof: <b64u SPKI>.<b64u signature>
 *
 * The device key (device_key.h) signs "M2M-BIND-v1" || 0 || nodeId || E_conn: E_conn is the
 * exporter of the TLS session, so a proof cannot be relayed to another one.
 */
#ifndef SEC_PROOF_H
#define SEC_PROOF_H

#include "base/rc.h"
#include "sec/b64url.h"
#include "sec/device_key.h"

struct key;
struct node_id;

#define PROOF_HEADER "X-M2M-Device-Proof"
#define PROOF_TEXT_MAX (B64URL_LEN(DEVICE_SPKI_MAX) + 1 + B64URL_LEN(DEVICE_SIGNATURE_MAX))

struct device_fingerprint {
	uint8_t v[DEVICE_FINGERPRINT_SIZE];
};

/* Writes the value of the header and a zero. RC_INTERNAL. Any thread. */
enum rc proof_make(const struct device_key *k, const struct node_id *node, const struct key *e_conn,
                   char out[PROOF_TEXT_MAX + 1]);

struct proof {
	uint8_t spki[DEVICE_SPKI_MAX];
	size_t n_spki;
	uint8_t signature[DEVICE_SIGNATURE_MAX];
	size_t n_signature;
};

/* The form of the header; nothing of it is to be believed. */
bool proof_parse(struct slice text, struct proof *out);
/*
 * RC_OK when the key is one of the n fingerprints and has signed for this node and session.
 * RC_BAD_REQUEST: no header of that form, or no key of a device; RC_FORBIDDEN: unknown fingerprint
 * (looked at before the signature) or wrong signature; RC_INTERNAL. Any thread.
 */
enum rc proof_verify(struct slice text, const struct node_id *node, const struct key *e_conn,
                     const struct device_fingerprint *known, size_t n);

#endif
