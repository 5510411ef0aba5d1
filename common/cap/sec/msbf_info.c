/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/msbf_info.h"

#include "codec/codec.h"
#include "sec/b64url.h"

#define SIGNATURE SLICE_LIT(",\"signature\"")

static const struct codec_limits limits = { 8, 512, 64, MSBF_INFO_MAX };

/* The codec wants a member that names the document. */
static const struct node *
document(struct arena *a, struct slice json)
{
	struct slice whole = ARENA_JOIN(a, SLICE_LIT("{\"info\":"), json, SLICE_LIT("}"));
	struct node *root = NULL;
	const char *why;

	if (json.n == 0 || json.n > MSBF_INFO_MAX || json.p[0] != '{' || whole.p == NULL ||
	    codec_json.decode(a, whole, &limits, &root, &why) != RC_OK)
		return NULL;
	return root;
}

static struct slice
member(const struct node *root, const char *name)
{
	for (const struct node *n = root->first; n != NULL; n = n->next)
		if (slice_is(n->name, name) && (n->flags & NODE_STRING) && n->first == NULL)
			return n->text;
	return SLICE_NONE;
}

/* Exactly n octets in base64url. */
static bool
octets(struct slice text, uint8_t *to, size_t n)
{
	return b64url_octets(text.n) == n && b64url_decode(text, to);
}

static struct slice
signed_part(struct slice json)
{
	const char *at = memmem(json.p, json.n, SIGNATURE.p, SIGNATURE.n);

	return at == NULL ? SLICE_NONE : slice_make(json.p, (size_t)(at - json.p));
}

static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f)
			return false;
	return s.n > 0 && s.n <= MSBF_ID_MAX;
}

enum rc
msbf_info_parse(struct arena *a, struct slice json, struct msbf_info *out)
{
	const struct node *root = document(a, json);
	struct slice body = signed_part(json), id, reject;
	uint8_t signature[SIGN_SIZE];
	struct sign_public signer;
	enum rc rc;

	*out = (struct msbf_info){ 0 };
	if (root == NULL)
		return arena_failed(a) ? RC_UNAVAILABLE : RC_BAD_REQUEST;
	id = member(root, "msbfId");
	reject = member(root, "rejectKey");
	if (id.p == NULL || !is_name(id) || body.p == NULL ||
	    !octets(member(root, "signKey"), signer.v, sizeof(signer.v)) ||
	    !octets(member(root, "signature"), signature, sizeof(signature)))
		return RC_BAD_REQUEST;
	rc = sign_verify(&signer, SIGN_OWN, body, signature);
	if (rc != RC_OK)
		return rc;
	if (reject.n > 0 && (!octets(reject, out->reject.v, sizeof(out->reject.v)) ||
	                     !sign_public_ok(&out->reject)))
		return RC_BAD_REQUEST;
	out->has_reject = reject.n > 0;
	memcpy(out->msbf_id, id.p, id.n);
	return RC_OK;
}
