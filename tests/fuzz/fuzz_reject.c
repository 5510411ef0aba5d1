/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a signed verdict, as the headers with proofs and tags, and as keys of devices; none
 * is ever accepted. The first octet says as what.
 */
#include "config.h"

#include "sec/access_tag.h"
#include "sec/b64url.h"
#include "sec/device_key.h"
#include "sec/proof.h"
#include "sec/reject.h"
#include "sec/secret.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct key key = { { 7 } };
/* A public key whose private one nobody has. */
static const struct sign_public pinned = { { 2, 3, 5 } };

/* What the verdict says is taken as expected, so that the signature is looked at. */
static void
read_reject(struct slice s)
{
	struct node_id node = { { 0 } };
	uint8_t nonce[REJECT_NONCE_SIZE] = { 0 }, space[REJECT_MAX];
	struct reject_check check = { &pinned, &node, nonce, 1700000000 };
	struct reject r;

	if (s.n > 40) {
		memcpy(node.v, s.p + 8, sizeof(node.v));
		memcpy(nonce, s.p + 24, sizeof(nonce));
	}
	if (reject_verify(s, &check, &r) == RC_OK ||
	    reject_verify_text(s, &check, space, &r) == RC_OK)
		abort();
}

static void
read_proof(struct slice s)
{
	struct device_fingerprint known = { { 0 } };
	struct node_id node = { { 1 } };
	struct proof p;

	if (!proof_parse(s, &p))
		return;
	if (p.n_spki > DEVICE_SPKI_MAX || p.n_signature > DEVICE_SIGNATURE_MAX ||
	    device_fingerprint(slice_make(p.spki, p.n_spki), known.v) != RC_OK ||
	    proof_verify(s, &node, &key, &known, 1) == RC_OK)
		abort();
}

static void
read_device(struct slice s)
{
	struct slice signature = slice_from(s, 91);

	if (device_key_verify(slice_head(s, 91), SLICE_LIT("m"), signature) == RC_OK ||
	    device_key_verify(slice_head(s, 44), SLICE_LIT("m"), slice_from(s, 44)) == RC_OK)
		abort();
}

static void
read_tag(struct slice s)
{
	struct access_request rq = { SLICE_LIT("GET"), SLICE_LIT("/m2m"), SLICE_NONE };
	char again[ACCESS_TAG_TEXT + 1];
	struct access_tag t;
	uint64_t last = 0;

	if (!access_tag_parse(s, &t))
		return;
	if (!slice_eq(s, slice_make(again, access_tag_format(&t, again))) ||
	    access_tag_check(&key, &rq, &t, &last) == RC_OK || last != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct slice) = { read_reject, read_proof, read_device,
		                                         read_tag };
	struct slice s = slice_make(data, size);

	if (size > 0)
		readers[data[0] % 4](slice_from(s, 1));
	return 0;
}
