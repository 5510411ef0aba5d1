/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/proof.h"

#include "sec/node_id.h"
#include "sec/secret.h"

#define LABEL "M2M-BIND-v1" /* with its zero octet */
#define MESSAGE_SIZE (sizeof(LABEL) + NODE_ID_BYTES + KEY_BYTES)

static void
put_message(uint8_t to[MESSAGE_SIZE], const struct node_id *node, const struct key *e_conn)
{
	memcpy(to, LABEL, sizeof(LABEL));
	memcpy(to + sizeof(LABEL), node->v, NODE_ID_BYTES);
	memcpy(to + sizeof(LABEL) + NODE_ID_BYTES, e_conn->v, KEY_BYTES);
}

enum rc
proof_make(const struct device_key *k, const struct node_id *node, const struct key *e_conn,
           char out[PROOF_TEXT_MAX + 1])
{
	uint8_t message[MESSAGE_SIZE], signature[DEVICE_SIGNATURE_MAX];
	struct slice spki = device_key_spki(k);
	size_t n, at = B64URL_LEN(spki.n);
	enum rc rc;

	put_message(message, node, e_conn);
	rc = device_key_sign(k, slice_make(message, sizeof(message)), signature, &n);
	secret_wipe(message, sizeof(message));
	if (rc != RC_OK)
		return rc;
	b64url_encode(out, spki.p, spki.n);
	out[at++] = '.';
	b64url_encode(out + at, signature, n);
	out[at + B64URL_LEN(n)] = '\0';
	return RC_OK;
}

bool
proof_parse(struct slice text, struct proof *out)
{
	struct slice rest = text, spki, signature;

	if (text.n > PROOF_TEXT_MAX || !slice_split(&rest, '.', &spki) ||
	    !slice_split(&rest, '.', &signature) || rest.p != NULL)
		return false;
	if (spki.n == 0 || spki.n > B64URL_LEN(DEVICE_SPKI_MAX) || signature.n == 0 ||
	    signature.n > B64URL_LEN(DEVICE_SIGNATURE_MAX))
		return false;
	out->n_spki = b64url_octets(spki.n);
	out->n_signature = b64url_octets(signature.n);
	return b64url_decode(spki, out->spki) && b64url_decode(signature, out->signature);
}

static bool
is_known(const uint8_t print[DEVICE_FINGERPRINT_SIZE], const struct device_fingerprint *known,
         size_t n)
{
	bool found = false;

	/* All of them: the time does not tell which. */
	for (size_t i = 0; i < n; i++)
		found |= secret_equal(slice_make(print, DEVICE_FINGERPRINT_SIZE),
		                      slice_make(known[i].v, DEVICE_FINGERPRINT_SIZE));
	return found;
}

enum rc
proof_verify(struct slice text, const struct node_id *node, const struct key *e_conn,
             const struct device_fingerprint *known, size_t n)
{
	uint8_t message[MESSAGE_SIZE], print[DEVICE_FINGERPRINT_SIZE];
	struct slice spki;
	struct proof p;
	enum rc rc;

	if (!proof_parse(text, &p))
		return RC_BAD_REQUEST;
	spki = slice_make(p.spki, p.n_spki);
	rc = device_fingerprint(spki, print);
	if (rc != RC_OK)
		return rc;
	if (!is_known(print, known, n))
		return RC_FORBIDDEN;
	put_message(message, node, e_conn);
	rc = device_key_verify(spki, slice_make(message, sizeof(message)),
	                       slice_make(p.signature, p.n_signature));
	secret_wipe(message, sizeof(message));
	return rc;
}
