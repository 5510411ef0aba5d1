/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/record.h"

#include <openssl/evp.h>

#define NONCE_BYTES 12u
#define TAG_BYTES 16u
#define HEAD_BYTES 22u /* magic, type, index, notAfter, length of the name */

static const char magic[7] = "M2MKS1";

/* ---- AES-256-GCM ---- */

/* A context with key and nonce set and the associated data taken in; NULL when that fails. */
static EVP_CIPHER_CTX *
gcm_new(bool seal, const struct key *kek, const char *nonce, struct slice aad)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	if (c != NULL &&
	    EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, kek->v, (const unsigned char *)nonce,
	                      seal) == 1 &&
	    EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) == 1)
		return c;
	EVP_CIPHER_CTX_free(c);
	return NULL;
}

static bool
gcm_update(EVP_CIPHER_CTX *c, struct slice in, void *out)
{
	int n = 0;

	return in.n == 0 || (EVP_CipherUpdate(c, out, &n, (const unsigned char *)in.p, (int)in.n) == 1 &&
	                     (size_t)n == in.n);
}

static bool
gcm_seal(const struct key *kek, const char *nonce, struct slice aad, struct slice in, char *out,
         char tag[TAG_BYTES])
{
	EVP_CIPHER_CTX *c = gcm_new(true, kek, nonce, aad);
	unsigned char none[TAG_BYTES];
	int n;
	bool ok = c != NULL && gcm_update(c, in, out) && EVP_CipherFinal_ex(c, none, &n) == 1 &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1;

	EVP_CIPHER_CTX_free(c);
	return ok;
}

/* ---- writing ---- */

static struct slice
aad_of(struct slice whole, size_t name_n)
{
	return slice_head(whole, HEAD_BYTES + name_n);
}

static void
add_head(struct buf *to, const struct record *r)
{
	buf_add(to, magic, sizeof(magic));
	buf_be(to, r->type, 1);
	buf_be(to, r->index, 4);
	buf_be(to, r->not_after, 8);
	buf_be(to, r->name.n, 2);
	buf_slice(to, r->name);
}

enum rc
record_seal(const struct key *kek, const struct record *r, struct slice secret, struct buf *to)
{
	size_t start = to->n, size = RECORD_FIXED + r->name.n + secret.n;
	char nonce[NONCE_BYTES], *at;

	if (r->name.n > RECORD_NAME_MAX || secret.n > RECORD_SECRET_MAX)
		return RC_BAD_REQUEST;
	if (buf_reserve(to, size) == NULL)
		return RC_NO_SPACE;
	if (secret_random(nonce, sizeof(nonce)) != RC_OK)
		return RC_INTERNAL;
	add_head(to, r);
	buf_add(to, nonce, sizeof(nonce));
	buf_be(to, secret.n, 2);
	/* The room for the rest is there: cipher text and tag are written in place. */
	at = to->p + to->n;
	if (!gcm_seal(kek, nonce, aad_of(slice_make(to->p + start, size), r->name.n), secret, at,
	              at + secret.n)) {
		secret_wipe(to->p + start, size);
		to->n = start;
		return RC_INTERNAL;
	}
	to->n += secret.n + TAG_BYTES;
	return RC_OK;
}

/* ---- reading ---- */

/* The next n octets of *rest, which moves on; false when there are fewer. */
static bool
take(struct slice *rest, size_t n, struct slice *out)
{
	if (rest->n < n)
		return false;
	*out = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return true;
}

static bool
take_number(struct slice *rest, size_t n, uint64_t *out)
{
	struct slice s;
	uint64_t v = 0;

	if (!take(rest, n, &s))
		return false;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char)s.p[i];
	*out = v;
	return true;
}

/* LV16 of at most max octets. */
static bool
take_lv16(struct slice *rest, size_t max, struct slice *out)
{
	uint64_t n;

	return take_number(rest, 2, &n) && n <= max && take(rest, (size_t)n, out);
}

static bool
parse(struct slice *rest, struct record *r)
{
	struct slice start = *rest, seen;
	uint64_t type, index;

	if (!take(rest, sizeof(magic), &seen) || !slice_eq(seen, slice_make(magic, sizeof(magic))) ||
	    !take_number(rest, 1, &type) || !take_number(rest, 4, &index) ||
	    !take_number(rest, 8, &r->not_after) || !take_lv16(rest, RECORD_NAME_MAX, &r->name) ||
	    !take(rest, NONCE_BYTES, &r->nonce) ||
	    !take_lv16(rest, RECORD_SECRET_MAX, &r->cipher) || !take(rest, TAG_BYTES, &r->tag))
		return false;
	r->type = (uint8_t)type;
	r->index = (uint32_t)index;
	r->whole = slice_head(start, start.n - rest->n);
	return true;
}

enum rc
record_parse(struct slice *rest, struct record *r)
{
	struct slice from = *rest;

	*r = (struct record){ .type = 0 };
	if (!parse(&from, r)) {
		*r = (struct record){ .type = 0 };
		return RC_BAD_REQUEST;
	}
	*rest = from;
	return RC_OK;
}

enum rc
record_open(const struct key *kek, const struct record *r, void *out, size_t max, size_t *n)
{
	EVP_CIPHER_CTX *c;
	unsigned char tag[TAG_BYTES], none[TAG_BYTES];
	enum rc rc = RC_INTERNAL;
	int rest;

	*n = 0;
	if (r->cipher.n > max)
		return RC_TOO_LARGE;
	memcpy(tag, r->tag.p, TAG_BYTES);
	c = gcm_new(false, kek, r->nonce.p, aad_of(r->whole, r->name.n));
	if (c != NULL && gcm_update(c, r->cipher, out) &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1)
		rc = EVP_CipherFinal_ex(c, none, &rest) == 1 ? RC_OK : RC_DENIED;
	EVP_CIPHER_CTX_free(c);
	if (rc == RC_OK)
		*n = r->cipher.n;
	else
		secret_wipe(out, max);
	return rc;
}
