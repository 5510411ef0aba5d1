/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/data.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/be.h"
#include "sec/hkdf.h"

struct pre_data {
	struct pre_hdr hdr;
	const struct cipher *cipher;
	struct aead *aead;
	EVP_MD_CTX *md;
	uint32_t next; /* sealing: below are those that have been used */
	uint8_t iv[PRE_CIPHER_IV_MAX];
};

/* ---- keys ---- */

static enum rc
derive(struct pre_data *d, const struct pre_session *s, bool seal)
{
	const struct cipher *c = d->cipher;
	uint8_t info[PRE_HDR_SIZE], okm[PRE_CIPHER_KEY_MAX + PRE_CIPHER_IV_MAX];
	enum rc rc;

	pre_hdr_write(&d->hdr, PRE_DATA, info);
	rc = hkdf_sha256(SLICE_LIT("M2PRE1 data"), slice_make(s->v, c->key),
	                 slice_make(info, sizeof(info)), okm, (size_t)c->key + c->iv);
	if (rc == RC_OK)
		rc = aead_new(c, seal, okm, &d->aead);
	memcpy(d->iv, okm + c->key, c->iv);
	secret_wipe(okm, sizeof(okm));
	return rc;
}

enum rc
pre_data_new(const struct pre_hdr *h, const struct pre_session *s, bool seal, struct pre_data **out)
{
	struct pre_data *d = calloc(1, sizeof(*d));
	enum rc rc;

	*out = NULL;
	if (d == NULL)
		return RC_UNAVAILABLE;
	d->hdr = *h;
	d->cipher = pre_cipher_find(h->cid);
	d->md = EVP_MD_CTX_new();
	rc = d->cipher == NULL ? RC_BAD_REQUEST : d->md == NULL ? RC_UNAVAILABLE : RC_OK;
	/* The algorithm is looked up once, not for each message. */
	if (rc == RC_OK && EVP_DigestInit_ex(d->md, EVP_sha256(), NULL) != 1)
		rc = RC_INTERNAL;
	if (rc == RC_OK)
		rc = derive(d, s, seal);
	if (rc != RC_OK) {
		pre_data_free(d);
		return rc;
	}
	*out = d;
	return RC_OK;
}

void
pre_data_free(struct pre_data *d)
{
	if (d == NULL)
		return;
	aead_free(d->aead);
	EVP_MD_CTX_free(d->md);
	secret_wipe(d, sizeof(*d));
	free(d);
}

/* ---- one message ---- */

static bool
is_signed(const struct pre_hdr *h)
{
	return (h->flags & PRE_FLAG_SIGNED) != 0;
}

static void
make_aad(const struct pre_hdr *h, const struct pre_datum *m, uint8_t out[PRE_AAD_SIZE])
{
	be_put(out, m->msg_id, 4);
	be_put(out + 4, h->stream, 2);
	be_put(out + 6, h->key_index, 2);
	be_put(out + 8, h->epoch, 4);
	memcpy(out + 12, h->source, PRE_SOURCE_SIZE);
	be_put(out + 28, m->seq, 4);
}

static void
make_nonce(const struct pre_data *d, uint32_t seq, uint8_t out[PRE_CIPHER_IV_MAX])
{
	memcpy(out, d->iv, sizeof(d->iv));
	for (unsigned i = 1; i <= PRE_SEQ_SIZE; i++, seq >>= 8)
		out[d->cipher->iv - i] ^= (uint8_t)seq;
}

enum rc
pre_data_hash(struct pre_data *d, struct slice a, struct slice b, uint8_t out[PRE_DIGEST_SIZE])
{
	bool ok = EVP_DigestInit_ex(d->md, NULL, NULL) == 1 &&
	          EVP_DigestUpdate(d->md, a.p, a.n) == 1 &&
	          EVP_DigestUpdate(d->md, b.p, b.n) == 1 &&
	          EVP_DigestFinal_ex(d->md, out, NULL) == 1;

	return ok ? RC_OK : RC_INTERNAL;
}

size_t
pre_data_size(const struct pre_hdr *h, size_t n)
{
	const struct cipher *c = pre_cipher_find(h->cid);

	return PRE_SEQ_SIZE + n + (c == NULL ? 0 : c->tag) + (is_signed(h) ? SIGN_SIZE : 0);
}

/* body has seq in its place already; its rest is written. */
static enum rc
seal_body(struct pre_data *d, const struct sign_key *key, struct slice plain, struct pre_datum *m,
          uint8_t *body)
{
	size_t n = PRE_SEQ_SIZE + plain.n + d->cipher->tag;
	uint8_t aad[PRE_AAD_SIZE], nonce[PRE_CIPHER_IV_MAX];
	struct slice whole_aad = slice_make(aad, sizeof(aad));
	enum rc rc;

	make_aad(&d->hdr, m, aad);
	make_nonce(d, m->seq, nonce);
	rc = aead_seal(d->aead, nonce, whole_aad, plain, body + PRE_SEQ_SIZE);
	if (rc == RC_OK)
		rc = pre_data_hash(d, whole_aad, slice_make(body, n), m->digest);
	if (rc == RC_OK && is_signed(&d->hdr))
		rc = sign_make_pair(key, SIGN_PRE_DATA, whole_aad, slice_make(body, n), body + n);
	return rc;
}

enum rc
pre_data_seal(struct pre_data *d, const struct sign_key *key, struct slice plain,
              struct pre_datum *m, struct buf *to)
{
	size_t n = pre_data_size(&d->hdr, plain.n);
	uint8_t *body;
	enum rc rc;

	if (m->seq < d->next || m->seq == PRE_SEQ_NONE)
		return RC_CONFLICT;
	if (plain.n > PRE_PLAIN_MAX || plain.n > d->cipher->max)
		return RC_TOO_LARGE;
	body = (uint8_t *)buf_reserve(to, n);
	if (body == NULL)
		return RC_NO_SPACE;
	be_put(body, m->seq, PRE_SEQ_SIZE);
	rc = seal_body(d, key, plain, m, body);
	if (rc != RC_OK) {
		/* Nothing is left that was sealed with a nonce which may be used again. */
		secret_wipe(body, n);
		return rc;
	}
	d->next = m->seq + 1;
	to->n += n;
	return RC_OK;
}

enum rc
pre_data_seq(struct slice body, uint32_t *seq)
{
	*seq = 0;
	if (body.n < PRE_SEQ_SIZE)
		return RC_BAD_REQUEST;
	*seq = (uint32_t)be_get(body.p, PRE_SEQ_SIZE);
	return RC_OK;
}

/* Splits a signature off *body and verifies it, when the section has them. */
static enum rc
check_signature(const struct pre_data *d, const struct sign_public *source, struct slice aad,
                struct slice *body)
{
	struct slice all = *body;
	enum rc rc;

	if (!is_signed(&d->hdr))
		return RC_OK;
	if (all.n < SIGN_SIZE)
		return RC_BAD_REQUEST;
	*body = slice_head(all, all.n - SIGN_SIZE);
	rc = sign_verify_pair(source, SIGN_PRE_DATA, aad, *body, (const uint8_t *)all.p + body->n);
	return rc == RC_FORBIDDEN || rc == RC_TOO_LARGE ? RC_BAD_REQUEST : rc;
}

/* sealed: what follows seq. */
static enum rc
open_body(struct pre_data *d, uint32_t seq, struct slice aad, struct slice sealed, struct buf *to)
{
	uint8_t nonce[PRE_CIPHER_IV_MAX];
	size_t n;
	char *plain;
	enum rc rc;

	if (sealed.n < d->cipher->tag || sealed.n > PRE_PLAIN_MAX + d->cipher->tag)
		return RC_BAD_REQUEST;
	n = sealed.n - d->cipher->tag;
	/* One more: an empty plaintext needs a place too. */
	plain = buf_reserve(to, n + 1);
	if (plain == NULL)
		return RC_NO_SPACE;
	make_nonce(d, seq, nonce);
	rc = aead_open(d->aead, nonce, aad, sealed, (uint8_t *)plain);
	if (rc == RC_OK)
		to->n += n;
	return rc;
}

enum rc
pre_data_open(struct pre_data *d, const struct sign_public *source, struct slice body,
              struct pre_datum *m, struct buf *to)
{
	uint8_t aad[PRE_AAD_SIZE];
	struct slice whole_aad = slice_make(aad, sizeof(aad));
	enum rc rc = pre_data_seq(body, &m->seq);

	if (rc != RC_OK)
		return rc;
	make_aad(&d->hdr, m, aad);
	rc = check_signature(d, source, whole_aad, &body);
	if (rc == RC_OK)
		rc = pre_data_hash(d, whole_aad, body, m->digest);
	if (rc == RC_OK && (body.n < PRE_SEQ_SIZE || m->seq == PRE_SEQ_NONE))
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK)
		rc = open_body(d, m->seq, whole_aad, slice_from(body, PRE_SEQ_SIZE), to);
	return rc;
}
