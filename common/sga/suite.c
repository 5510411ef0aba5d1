/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/suite.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "sec/cipher.h"
#include "sec/hkdf.h"
#include "sga/octets.h"
#include "sga/suite_own.h"

#define TAG 16u
#define INFO_MAX 64u
#define AAD_MAX (SGA_HEADER_SIZE + SGA_ENC_MAX)

static const struct suite_row {
	struct sga_suite public;
	const struct sga_suite_ops *ops;
} rows[] = {
	{ { SGA_SUITE_C, "C", 384, 384 + TAG, SGA_GROUP_FFDHE3072 }, &sga_suite_c_ops },
	{ { SGA_SUITE_X, "X", 32, 32 + TAG, SGA_GROUP_X25519 }, &sga_suite_x_ops },
};

static const struct suite_row *
row_of(uint8_t id)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].public.id == id)
			return &rows[i];
	return NULL;
}

const struct sga_suite *
sga_suite_find(uint8_t id)
{
	const struct suite_row *row = row_of(id);

	return row == NULL ? NULL : &row->public;
}

static const struct sga_suite_ops *
ops_of(const struct sga_suite *s)
{
	return row_of(s->id)->ops;
}

/* ---- keys ---- */

enum rc
sga_public_read(const struct sga_suite *s, struct slice octets, struct sga_public **out)
{
	struct sga_public *k = calloc(1, sizeof(*k));
	enum rc rc;

	*out = NULL;
	if (k == NULL)
		return RC_UNAVAILABLE;
	k->suite = s;
	rc = ops_of(s)->public_read(octets, &k->pkey);
	if (rc != RC_OK) {
		free(k);
		return rc;
	}
	memcpy(k->octets, octets.p, octets.n);
	k->n = octets.n;
	*out = k;
	return RC_OK;
}

struct slice
sga_public_octets(const struct sga_public *k)
{
	return slice_make(k->octets, k->n);
}

void
sga_public_free(struct sga_public *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

/* Takes pkey, also on failure. */
static enum rc
make_private(const struct sga_suite *s, EVP_PKEY *pkey, struct sga_private **out)
{
	struct sga_private *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		EVP_PKEY_free(pkey);
		return RC_UNAVAILABLE;
	}
	k->pkey = pkey;
	k->public.suite = s;
	k->public.pkey = pkey;
	k->public.n = ops_of(s)->public_write(pkey, k->public.octets);
	if (k->public.n == 0) {
		sga_private_free(k);
		return RC_INTERNAL;
	}
	*out = k;
	return RC_OK;
}

enum rc
sga_private_make(const struct sga_suite *s, const struct sga_random *r, struct sga_private **out)
{
	EVP_PKEY *pkey;
	enum rc rc = ops_of(s)->private_make(r, &pkey);

	*out = NULL;
	return rc == RC_OK ? make_private(s, pkey, out) : rc;
}

enum rc
sga_private_write(const struct sga_private *k, struct buf *to)
{
	return ops_of(k->public.suite)->private_write(k->pkey, to);
}

enum rc
sga_private_read(const struct sga_suite *s, struct slice octets, struct sga_private **out)
{
	EVP_PKEY *pkey;
	enum rc rc = ops_of(s)->private_read(octets, &pkey);

	*out = NULL;
	return rc == RC_OK ? make_private(s, pkey, out) : rc;
}

const struct sga_public *
sga_private_public(const struct sga_private *k)
{
	return &k->public;
}

void
sga_private_free(struct sga_private *k)
{
	if (k == NULL)
		return;
	/* libcrypto erases it. */
	EVP_PKEY_free(k->pkey);
	free(k);
}

/* ---- E_PK ---- */

/* What the one message of a shared secret is encrypted with. */
struct once {
	uint8_t keys[SGA_ONCE_SIZE];
	uint8_t aad[AAD_MAX];
	size_t aad_n;
};

/* Wipes z. */
static enum rc
once_make(const struct sga_suite *s, const struct sga_seal_context *c, struct slice enc,
          struct sga_shared *z, struct once *o)
{
	uint8_t info[INFO_MAX];
	struct sga_writer w = sga_writer_of(info, sizeof(info));
	struct sga_writer aad = sga_writer_of(o->aad, sizeof(o->aad));
	enum rc rc = RC_INTERNAL;

	sga_write_slice(&w, SLICE_LIT("SGA/1 "));
	sga_write_be(&w, s->id, 1);
	sga_write(&w, c->dp->v, SGA_HASH_SIZE);
	sga_write_slice(&w, slice_of(c->label));
	sga_write(&aad, c->header, SGA_HEADER_SIZE);
	if (ops_of(s)->enc_in_aad)
		sga_write_slice(&aad, enc);
	o->aad_n = aad.n;
	if (!w.full)
		rc = ops_of(s)->derive(z, sga_written(&w), enc, o->keys);
	secret_wipe(z, sizeof(*z));
	return rc;
}

enum rc
sga_seal(const struct sga_public *e, const struct sga_seal_context *c, struct slice plain,
         const struct sga_random *r, uint8_t *out)
{
	const struct sga_suite *s = e->suite;
	struct slice enc = slice_make(out, s->enc);
	struct sga_shared z;
	struct once o;
	enum rc rc;

	if (plain.n > SGA_MESSAGE_MAX)
		return RC_TOO_LARGE;
	rc = ops_of(s)->encapsulate(e, r, out, &z);
	if (rc != RC_OK)
		return rc;
	rc = once_make(s, c, enc, &z, &o);
	if (rc == RC_OK)
		rc = aead_seal_once(cipher_find(CIPHER_AES_128_GCM), o.keys, o.keys + SGA_ONCE_KEY,
		                    slice_make(o.aad, o.aad_n), plain, out + s->enc);
	secret_wipe(&o, sizeof(o));
	return rc;
}

enum rc
sga_open(const struct sga_private *e, const struct sga_seal_context *c, struct slice sealed,
         uint8_t *out)
{
	const struct sga_suite *s = e->public.suite;
	struct slice enc = slice_head(sealed, s->enc);
	struct sga_shared z;
	struct once o;
	enum rc rc;

	if (sealed.n < s->overhead || sealed.n > SGA_MESSAGE_MAX)
		return RC_BAD_REQUEST;
	rc = ops_of(s)->decapsulate(e, (const uint8_t *)enc.p, &z);
	if (rc == RC_OK)
		rc = once_make(s, c, enc, &z, &o);
	if (rc == RC_OK)
		rc = aead_open_once(cipher_find(CIPHER_AES_128_GCM), o.keys, o.keys + SGA_ONCE_KEY,
		                    slice_make(o.aad, o.aad_n), slice_from(sealed, s->enc), out);
	secret_wipe(&o, sizeof(o));
	if (rc != RC_OK)
		secret_wipe(out, sealed.n - s->overhead);
	return rc == RC_BAD_REQUEST ? RC_DENIED : rc;
}

/* ---- F ---- */

/* Wipes z. */
static enum rc
exponent_of(const struct sga_suite *s, struct sga_shared *z, struct sga_exponent *e)
{
	enum rc rc;

	*e = (struct sga_exponent){ .n = ops_of(s)->exponent };
	rc = hkdf_sha256(SLICE_NONE, slice_make(z->v, z->n), SLICE_LIT("SGA/1 r"), e->v, e->n);
	secret_wipe(z, sizeof(*z));
	return rc;
}

enum rc
sga_trapdoor_make(const struct sga_public *f, const struct sga_random *r, uint8_t *out,
                  struct sga_exponent *e)
{
	struct sga_shared z;
	enum rc rc = ops_of(f->suite)->encapsulate(f, r, out, &z);

	return rc == RC_OK ? exponent_of(f->suite, &z, e) : rc;
}

enum rc
sga_trapdoor_open(const struct sga_private *f, struct slice enc, struct sga_exponent *e)
{
	const struct sga_suite *s = f->public.suite;
	struct sga_shared z;
	enum rc rc = RC_BAD_REQUEST;

	*e = (struct sga_exponent){ 0 };
	if (enc.n == s->enc)
		rc = ops_of(s)->decapsulate(f, (const uint8_t *)enc.p, &z);
	if (rc == RC_OK)
		rc = exponent_of(s, &z, e);
	return rc == RC_BAD_REQUEST ? RC_DENIED : rc;
}
