/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/mm.h"

#include <openssl/evp.h>

#include "sec/hkdf.h"

#define KEM_CIPHER 0x0003 /* AES-128-GCM */
#define KEM_KEY_SIZE 16u
#define KEM_IV_SIZE 12u
#define KEM_TAG_SIZE 16u
#define KEM_AAD_SIZE (PRE_HDR_SIZE + AFGH_G1 + PRE_COMMIT_SIZE)
#define KEM_LABEL_SIZE 11u

static const char kem_label[KEM_LABEL_SIZE] = "M2PRE1 kem";

/* ---- parsing ---- */

static bool
take(struct slice *rest, size_t n, struct slice *out)
{
	if (rest->n < n)
		return false;
	*out = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return true;
}

enum rc
pre_mm_parse(const struct pre_hdr *h, struct slice rest, struct pre_mm *out)
{
	struct slice all = rest;
	bool ok;

	*out = (struct pre_mm){ .hdr = *h, .cipher = pre_cipher_find(h->cid) };
	ok = (h->type == PRE_MM1 || h->type == PRE_MM2) && out->cipher != NULL &&
	     take(&rest, AFGH_G1, &out->c1) && take(&rest, PRE_COMMIT_SIZE, &out->commit) &&
	     take(&rest, out->cipher->key + KEM_TAG_SIZE, &out->w) &&
	     take(&rest, SIGN_SIZE, &out->signature);
	if (ok && h->type == PRE_MM1)
		ok = take(&rest, PRE_PK_ID_SIZE, &out->pk_id) && take(&rest, AFGH_GT, &out->d);
	if (!ok || rest.n > 0)
		return RC_BAD_REQUEST;
	out->kept = slice_head(all, out->c1.n + out->commit.n + out->w.n + out->signature.n);
	return RC_OK;
}

/* What is signed and hashed, behind the header: C1 | commit | W. */
static struct slice
signed_part(const struct pre_mm *m)
{
	return slice_head(m->kept, m->kept.n - SIGN_SIZE);
}

enum rc
pre_mm_verify(const struct pre_mm *m, const struct sign_public *source)
{
	uint8_t hdr[PRE_HDR_SIZE];
	enum rc rc;

	pre_hdr_write(&m->hdr, PRE_MM2, hdr);
	rc = sign_verify_pair(source, SIGN_PRE_KEY, slice_make(hdr, sizeof(hdr)), signed_part(m),
	                      (const uint8_t *)m->signature.p);
	return rc == RC_FORBIDDEN ? RC_BAD_REQUEST : rc;
}

static enum rc
hash_pair(struct slice a, struct slice b, uint8_t out[32])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
	          EVP_DigestUpdate(c, a.p, a.n) == 1 && EVP_DigestUpdate(c, b.p, b.n) == 1 &&
	          EVP_DigestFinal_ex(c, out, NULL) == 1;

	EVP_MD_CTX_free(c);
	return ok ? RC_OK : RC_INTERNAL;
}

enum rc
pre_mm_digest(const struct pre_mm *m, uint8_t out[32])
{
	uint8_t hdr[PRE_HDR_SIZE];

	pre_hdr_write(&m->hdr, PRE_MM2, hdr);
	return hash_pair(slice_make(hdr, sizeof(hdr)), signed_part(m), out);
}

enum rc
pre_pk_id(struct slice pk2, uint8_t out[PRE_PK_ID_SIZE])
{
	uint8_t hash[32];
	enum rc rc = hash_pair(SLICE_LIT("M2PRE1 pk"), pk2, hash);

	memset(out, 0, PRE_PK_ID_SIZE);
	if (rc == RC_OK)
		memcpy(out, hash, PRE_PK_ID_SIZE);
	return rc;
}

/* ---- key encapsulation ---- */

/* What K gives; a secret. */
struct kem_keys {
	uint8_t kw[KEM_KEY_SIZE];
	uint8_t iv[KEM_IV_SIZE];
	uint8_t commit[PRE_COMMIT_SIZE];
};

_Static_assert(sizeof(struct kem_keys) == KEM_KEY_SIZE + KEM_IV_SIZE + PRE_COMMIT_SIZE,
               "the octets of the derivation in their order");

static enum rc
kem_derive(const struct pre_hdr *h, const uint8_t *c1, const struct afgh_gt *k,
           struct kem_keys *out)
{
	uint8_t info[KEM_LABEL_SIZE + PRE_HDR_SIZE + AFGH_G1];

	memcpy(info, kem_label, KEM_LABEL_SIZE);
	pre_hdr_write(h, PRE_MM2, info + KEM_LABEL_SIZE);
	memcpy(info + KEM_LABEL_SIZE + PRE_HDR_SIZE, c1, AFGH_G1);
	return hkdf_sha256(SLICE_LIT("M2PRE1"), slice_make(k->raw, sizeof(k->raw)),
	                   slice_make(info, sizeof(info)), out, sizeof(*out));
}

/* HDR | C1 | commit */
static void
kem_aad(const struct pre_hdr *h, const uint8_t *c1, const uint8_t *commit,
        uint8_t out[KEM_AAD_SIZE])
{
	pre_hdr_write(h, PRE_MM2, out);
	memcpy(out + PRE_HDR_SIZE, c1, AFGH_G1);
	memcpy(out + PRE_HDR_SIZE + AFGH_G1, commit, PRE_COMMIT_SIZE);
}

static enum rc
wrap(const struct kem_keys *keys, struct slice aad, struct slice s, uint8_t *w)
{
	struct aead *a;
	enum rc rc = aead_new(pre_cipher_find(KEM_CIPHER), true, keys->kw, &a);

	if (rc != RC_OK)
		return rc;
	rc = aead_seal(a, keys->iv, aad, s, w);
	aead_free(a);
	return rc;
}

static enum rc
unwrap(const struct kem_keys *keys, struct slice aad, struct slice w, uint8_t *s)
{
	struct aead *a;
	enum rc rc = aead_new(pre_cipher_find(KEM_CIPHER), false, keys->kw, &a);

	if (rc != RC_OK)
		return rc;
	rc = aead_open(a, keys->iv, aad, w, s);
	aead_free(a);
	return rc;
}

/* ---- source ---- */

/* C1 | commit | W into out; all but the signature. */
static enum rc
encapsulate(const struct pre_hdr *h, const struct pre_kem *kem, struct slice s, uint8_t *out)
{
	uint8_t aad[KEM_AAD_SIZE];
	struct kem_keys keys;
	enum rc rc = kem_derive(h, kem->c1, &kem->k, &keys);

	if (rc == RC_OK) {
		kem_aad(h, kem->c1, keys.commit, aad);
		memcpy(out, aad + PRE_HDR_SIZE, sizeof(aad) - PRE_HDR_SIZE);
		rc = wrap(&keys, slice_make(aad, sizeof(aad)), s, out + sizeof(aad) - PRE_HDR_SIZE);
	}
	secret_wipe(&keys, sizeof(keys));
	return rc;
}

enum rc
pre_mm2_make(const struct pre_hdr *h, const struct pre_kem *kem, const struct pre_session *s,
             const struct sign_key *source, struct buf *to)
{
	const struct cipher *c = pre_cipher_find(h->cid);
	uint8_t hdr[PRE_HDR_SIZE], out[PRE_MM2_MAX];
	size_t n;
	enum rc rc;

	if (c == NULL)
		return RC_BAD_REQUEST;
	n = AFGH_G1 + PRE_COMMIT_SIZE + c->key + KEM_TAG_SIZE;
	rc = encapsulate(h, kem, slice_make(s->v, c->key), out);
	if (rc != RC_OK)
		return rc;
	pre_hdr_write(h, PRE_MM2, hdr);
	rc = sign_make_pair(source, SIGN_PRE_KEY, slice_make(hdr, sizeof(hdr)), slice_make(out, n),
	                    out + n);
	if (rc != RC_OK)
		return rc;
	buf_add(to, out, n + SIGN_SIZE);
	return to->failed ? RC_NO_SPACE : RC_OK;
}

/* ---- proxy ---- */

enum rc
pre_mm1_make(const struct pre_mm *m, const uint8_t pk_id[PRE_PK_ID_SIZE], const uint8_t d[AFGH_GT],
             struct buf *to)
{
	if (buf_reserve(to, m->kept.n + PRE_PK_ID_SIZE + AFGH_GT) == NULL)
		return RC_NO_SPACE;
	buf_slice(to, m->kept);
	buf_add(to, pk_id, PRE_PK_ID_SIZE);
	buf_add(to, d, AFGH_GT);
	return RC_OK;
}

/* ---- sink and owner ---- */

/* From K to S: the commitment before the key is used. */
static enum rc
decapsulate(const struct pre_mm *m, const struct afgh_gt *k, struct pre_session *s)
{
	const uint8_t *c1 = (const uint8_t *)m->c1.p;
	uint8_t aad[KEM_AAD_SIZE];
	struct kem_keys keys;
	enum rc rc = kem_derive(&m->hdr, c1, k, &keys);

	if (rc == RC_OK && !secret_equal(slice_make(keys.commit, sizeof(keys.commit)), m->commit))
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK) {
		kem_aad(&m->hdr, c1, keys.commit, aad);
		rc = unwrap(&keys, slice_make(aad, sizeof(aad)), m->w, s->v);
	}
	secret_wipe(&keys, sizeof(keys));
	return rc;
}

static enum rc
is_for(const struct pre_mm *m, const struct afgh_keys *keys)
{
	uint8_t pk2[AFGH_G2], id[PRE_PK_ID_SIZE];
	enum rc rc;

	afgh_keys_public(keys, pk2);
	rc = pre_pk_id(slice_make(pk2, sizeof(pk2)), id);
	if (rc == RC_OK && !slice_eq(m->pk_id, slice_make(id, sizeof(id))))
		rc = RC_BAD_REQUEST;
	return rc;
}

enum rc
pre_mm1_open(const struct pre_mm *m, const struct afgh_keys *keys, struct pre_session *s)
{
	struct afgh_gt k;
	enum rc rc;

	*s = (struct pre_session){ 0 };
	if (m->hdr.type != PRE_MM1)
		return RC_BAD_REQUEST;
	rc = is_for(m, keys);
	if (rc != RC_OK)
		return rc;
	rc = afgh_decrypt_first(keys, m->d, &k);
	if (rc == RC_OK)
		rc = decapsulate(m, &k, s);
	secret_wipe(&k, sizeof(k));
	return rc;
}

enum rc
pre_mm_open_owner(const struct pre_mm *m, const struct afgh *a, const struct afgh_epoch *e,
                  struct pre_session *s)
{
	struct afgh_gt k;
	enum rc rc;

	*s = (struct pre_session){ 0 };
	rc = afgh_decrypt_second(a, e, m->c1, &k);
	if (rc == RC_OK)
		rc = decapsulate(m, &k, s);
	secret_wipe(&k, sizeof(k));
	return rc;
}
