/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/hop.h"

#include "sec/hkdf.h"
#include "sga/octets.h"

/* ---- keys ---- */

/* Cuts what was derived: key and iv of one way. */
static void
cut(const struct cipher *c, struct sga_reader *r, struct sga_way *out)
{
	*out = (struct sga_way){ .ctr = 0 };
	sga_read_to(r, out->key, c->key);
	sga_read_to(r, out->iv, c->iv);
}

enum rc
sga_hop_make(const struct sga_hop_terms *t, struct sga_hop *out)
{
	size_t n = 2u * ((size_t)t->cipher->key + t->cipher->iv);
	uint8_t okm[2 * (CIPHER_KEY_MAX + CIPHER_IV_MAX)], ikm[2 * KEY_BYTES];
	uint8_t pair[2 * SGA_HASH_SIZE];
	struct sga_reader r = sga_reader_of(slice_make(okm, n));
	struct sga_hash salt;
	enum rc rc;

	memcpy(pair, t->first->v, SGA_HASH_SIZE);
	memcpy(pair + SGA_HASH_SIZE, t->second->v, SGA_HASH_SIZE);
	memcpy(ikm, t->kt->v, KEY_BYTES);
	memcpy(ikm + KEY_BYTES, t->k_hop->v, KEY_BYTES);
	rc = sga_hash(slice_make(pair, sizeof(pair)), &salt);
	if (rc == RC_OK)
		rc = hkdf_sha256(slice_make(salt.v, SGA_HASH_SIZE), slice_make(ikm, sizeof(ikm)),
		                 slice_of(t->label), okm, n);
	if (rc == RC_OK) {
		cut(t->cipher, &r, &out->up);
		cut(t->cipher, &r, &out->down);
	}
	secret_wipe(okm, sizeof(okm));
	secret_wipe(ikm, sizeof(ikm));
	return rc;
}

void
sga_way_nonce(const struct sga_way *w, const struct cipher *c, uint32_t ctr,
              uint8_t nonce[CIPHER_IV_MAX])
{
	memcpy(nonce, w->iv, CIPHER_IV_MAX);
	for (unsigned i = 0; i < 4; i++)
		nonce[c->iv - 1u - i] ^= (uint8_t)(ctr >> (8 * i));
}

/* ---- hops ---- */

enum rc
sga_way_seal(struct sga_way *w, const struct cipher *c, struct sga_header *h, struct slice plain,
             struct buf *to, struct sga_hash *hash)
{
	size_t n = SGA_HEADER_SIZE + plain.n + c->tag;
	uint8_t *out = (uint8_t *)buf_reserve(to, n), nonce[CIPHER_IV_MAX];
	enum rc rc;

	if (out == NULL)
		return RC_NO_SPACE;
	h->ctr = w->ctr;
	sga_header_write(h, out);
	sga_way_nonce(w, c, h->ctr, nonce);
	rc = aead_seal_once(c, w->key, nonce, slice_make(out, SGA_HEADER_SIZE), plain,
	                    out + SGA_HEADER_SIZE);
	if (rc == RC_OK && hash != NULL)
		rc = sga_hash(slice_make(out, n), hash);
	if (rc != RC_OK)
		return rc;
	to->n += n;
	w->ctr++;
	return RC_OK;
}

enum rc
sga_way_open(struct sga_way *w, const struct cipher *c, struct slice message, uint8_t *out,
             size_t *n)
{
	struct slice sealed = slice_from(message, SGA_HEADER_SIZE);
	uint8_t nonce[CIPHER_IV_MAX];
	struct sga_header h;
	enum rc rc = sga_header_read(message, &h);

	if (rc != RC_OK)
		return rc;
	if (h.ctr != w->ctr)
		return RC_DENIED;
	sga_way_nonce(w, c, h.ctr, nonce);
	rc = aead_open_once(c, w->key, nonce, slice_head(message, SGA_HEADER_SIZE), sealed, out);
	if (rc != RC_OK)
		return rc == RC_BAD_REQUEST ? RC_DENIED : rc;
	*n = sealed.n - c->tag;
	w->ctr++;
	return RC_OK;
}

/* ---- once ---- */

static const uint8_t no_nonce[CIPHER_IV_MAX];

enum rc
sga_once_seal(const struct sga_once *o, const uint8_t *header, struct slice plain, uint8_t *out)
{
	uint8_t key[CIPHER_KEY_MAX];
	enum rc rc = hkdf_sha256(o->salt, o->ikm, slice_of(o->label), key, o->cipher->key);

	if (rc == RC_OK)
		rc = aead_seal_once(o->cipher, key, no_nonce, slice_make(header, SGA_HEADER_SIZE),
		                    plain, out);
	secret_wipe(key, sizeof(key));
	return rc;
}

enum rc
sga_once_open(const struct sga_once *o, const uint8_t *header, struct slice sealed, uint8_t *out)
{
	uint8_t key[CIPHER_KEY_MAX];
	enum rc rc = hkdf_sha256(o->salt, o->ikm, slice_of(o->label), key, o->cipher->key);

	if (rc == RC_OK)
		rc = aead_open_once(o->cipher, key, no_nonce, slice_make(header, SGA_HEADER_SIZE),
		                    sealed, out);
	secret_wipe(key, sizeof(key));
	return rc == RC_BAD_REQUEST ? RC_DENIED : rc;
}
