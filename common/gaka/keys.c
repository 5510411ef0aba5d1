/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "gaka/keys.h"

#include "base/be.h"
#include "gaka/message_own.h"
#include "sec/digest.h"

#define AMF_SIZE 2u
#define AK_SIZE 8u
#define HXRES_LABEL SLICE_LIT("m2m1 hxres")
#define OK_LABEL SLICE_LIT("m2m1 aka ok")

static const uint8_t amf[AMF_SIZE] = { 0x80, 0x00 };

/* ---- full AKA ---- */

enum rc
gaka_mac(const struct gaka_aka *a, uint8_t out[GAKA_TAG_SIZE])
{
	uint8_t ctx[GAKA_RAND_SIZE + 8 + AMF_SIZE + NODE_ID_BYTES], *p = ctx;

	p = gaka_put(p, a->rand->v, GAKA_RAND_SIZE);
	p = be_put(p, a->sqn, 8);
	p = gaka_put(p, amf, AMF_SIZE);
	gaka_put(p, a->sn->v, NODE_ID_BYTES);
	return m2m_expand(a->ka, "aka f1", slice_make(ctx, sizeof(ctx)), out, GAKA_TAG_SIZE);
}

enum rc
gaka_res(const struct gaka_aka *a, uint8_t out[GAKA_TAG_SIZE])
{
	uint8_t ctx[GAKA_RAND_SIZE + NODE_ID_BYTES];

	gaka_put(gaka_put(ctx, a->rand->v, GAKA_RAND_SIZE), a->sn->v, NODE_ID_BYTES);
	return m2m_expand(a->ka, "aka f2", slice_make(ctx, sizeof(ctx)), out, GAKA_TAG_SIZE);
}

enum rc
gaka_ks(const struct gaka_aka *a, struct key *out)
{
	uint8_t ctx[GAKA_RAND_SIZE + 8 + NODE_ID_BYTES], *p = ctx;

	p = gaka_put(p, a->rand->v, GAKA_RAND_SIZE);
	p = be_put(p, a->sqn, 8);
	gaka_put(p, a->sn->v, NODE_ID_BYTES);
	return m2m_expand(a->ka, "aka f3", slice_make(ctx, sizeof(ctx)), out->v, KEY_BYTES);
}

/* AK as a number: what SQN is concealed with. */
static enum rc
conceal(const struct gaka_aka *a, uint64_t *ak)
{
	struct slice ctx = slice_make(a->rand->v, GAKA_RAND_SIZE);
	uint8_t octets[AK_SIZE];
	enum rc rc = m2m_expand(a->ka, "aka f5", ctx, octets, AK_SIZE);

	*ak = be_get(octets, AK_SIZE);
	secret_wipe(octets, sizeof(octets));
	return rc;
}

enum rc
gaka_autn(const struct gaka_aka *a, uint8_t out[GAKA_AUTN_SIZE])
{
	uint64_t ak;
	enum rc rc = conceal(a, &ak);

	if (rc == RC_OK)
		rc = gaka_mac(a, out + AK_SIZE + AMF_SIZE);
	if (rc == RC_OK)
		gaka_put(be_put(out, a->sqn ^ ak, AK_SIZE), amf, AMF_SIZE);
	else
		memset(out, 0, GAKA_AUTN_SIZE);
	secret_wipe(&ak, sizeof(ak));
	return rc;
}

enum rc
gaka_autn_open(struct gaka_aka *a, const uint8_t autn[GAKA_AUTN_SIZE])
{
	uint8_t right[GAKA_AUTN_SIZE];
	uint64_t ak;
	enum rc rc = conceal(a, &ak);

	a->sqn = be_get(autn, AK_SIZE) ^ ak;
	if (rc == RC_OK)
		rc = gaka_autn(a, right);
	if (rc == RC_OK &&
	    !secret_equal(slice_make(autn, GAKA_AUTN_SIZE), slice_make(right, GAKA_AUTN_SIZE)))
		rc = RC_DENIED;
	if (rc != RC_OK)
		a->sqn = 0;
	secret_wipe(&ak, sizeof(ak));
	secret_wipe(right, sizeof(right));
	return rc;
}

enum rc
gaka_hxres(const struct gaka_rand *rand, const uint8_t res[GAKA_TAG_SIZE],
           uint8_t out[GAKA_TAG_SIZE])
{
	const struct slice parts[] = { HXRES_LABEL, slice_make(rand->v, GAKA_RAND_SIZE),
		                       slice_make(res, GAKA_TAG_SIZE) };
	uint8_t hash[DIGEST_SIZE];
	enum rc rc = digest_sha256(parts, 3, hash);

	memcpy(out, hash, GAKA_TAG_SIZE);
	return rc;
}

enum rc
gaka_aka_ok(const struct key *ks, struct slice t4, struct slice t5, uint8_t out[GAKA_TAG_SIZE])
{
	const struct slice parts[] = { OK_LABEL, t4, t5 };
	uint8_t mac[DIGEST_SIZE];
	enum rc rc = digest_hmac(slice_make(ks->v, KEY_BYTES), parts, 3, mac);

	memcpy(out, mac, GAKA_TAG_SIZE);
	secret_wipe(mac, sizeof(mac));
	return rc;
}

/* ---- group ---- */

#define SET_SIZE (GAKA_GID_SIZE + GAKA_RAND_SIZE + NODE_ID_BYTES)

static uint8_t *
put_set(uint8_t *p, const struct gaka_part *part)
{
	p = gaka_put(p, part->gid->v, GAKA_GID_SIZE);
	p = gaka_put(p, part->rand->v, GAKA_RAND_SIZE);
	return gaka_put(p, part->sn->v, NODE_ID_BYTES);
}

enum rc
gaka_gtk(const struct key *gak, const struct gaka_part *p, struct key *out)
{
	uint8_t ctx[SET_SIZE];

	put_set(ctx, p);
	return m2m_expand(gak, "gtk", slice_make(ctx, sizeof(ctx)), out->v, KEY_BYTES);
}

enum rc
gaka_xk(const struct key *ka, const struct gaka_part *p, struct key *out)
{
	uint8_t ctx[SET_SIZE + 8 + 2];

	be_put(be_put(put_set(ctx, p), p->iv, 8), p->w, 2);
	return m2m_expand(ka, "gaka xk", slice_make(ctx, sizeof(ctx)), out->v, KEY_BYTES);
}

enum rc
gaka_kauth(const struct key *gtk, const struct key *xk, struct key *out)
{
	return hkdf_extract(slice_make(gtk->v, KEY_BYTES), slice_make(xk->v, KEY_BYTES), out);
}

enum rc
gaka_tag_sn(const struct key *kauth, const struct gaka_run *run, uint8_t out[GAKA_TAG_SIZE])
{
	uint8_t ctx[GAKA_T1_SIZE + GAKA_T7_TAGGED];

	gaka_put(gaka_put(ctx, run->t1.p, GAKA_T1_SIZE), run->t7.p + GAKA_HEADER_SIZE,
	         GAKA_T7_TAGGED);
	return m2m_expand(kauth, "gaka sn", slice_make(ctx, sizeof(ctx)), out, GAKA_TAG_SIZE);
}

enum rc
gaka_tag_ue(const struct key *kauth, const struct gaka_run *run, uint8_t out[GAKA_TAG_SIZE])
{
	uint8_t ctx[GAKA_T1_SIZE + GAKA_T7_SIZE];

	gaka_put(gaka_put(ctx, run->t1.p, GAKA_T1_SIZE), run->t7.p, GAKA_T7_SIZE);
	return m2m_expand(kauth, "gaka ue", slice_make(ctx, sizeof(ctx)), out, GAKA_TAG_SIZE);
}

/* n octets of kauth for label, about the whole run. */
static enum rc
of_run(const struct key *kauth, const char *label, const struct gaka_run *run, void *out, size_t n)
{
	const struct slice parts[] = { run->t1, run->t7, run->t8 };
	uint8_t hash[DIGEST_SIZE];
	enum rc rc = digest_sha256(parts, 3, hash);

	if (rc != RC_OK) {
		memset(out, 0, n);
		return rc;
	}
	return m2m_expand(kauth, label, slice_make(hash, sizeof(hash)), out, n);
}

enum rc
gaka_tag_ok(const struct key *kauth, const struct gaka_run *run, uint8_t out[GAKA_TAG_SIZE])
{
	return of_run(kauth, "gaka ok", run, out, GAKA_TAG_SIZE);
}

enum rc
gaka_ks_member(const struct key *kauth, const struct gaka_run *run, struct key *out)
{
	return of_run(kauth, "gaka ks", run, out->v, KEY_BYTES);
}

/* ---- the session ---- */

enum rc
gaka_psk(const struct key *ks, enum psk_tls v, uint64_t c, struct key *out)
{
	uint8_t ctx[8];

	if (v != PSK_TLS_1_2 && v != PSK_TLS_1_3) {
		key_wipe(out);
		return RC_BAD_REQUEST;
	}
	be_put(ctx, c, 8);
	return m2m_expand(ks, v == PSK_TLS_1_2 ? "psk ga2" : "psk ga3", slice_make(ctx, 8), out->v,
	                  KEY_BYTES);
}
