/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between the serving and the home network. */
#include "config.h"

#include "gaka/message_own.h"

#include "base/be.h"

/* The last octets of T2 and T10: how much is wanted, and whether the device is out of step. */
static bool
wanted(const uint8_t *p, uint16_t *w, bool *resync)
{
	uint64_t flags = be_get(p + 2, 2);

	*w = (uint16_t)be_get(p, 2);
	*resync = flags == 1;
	return *w >= 1 && flags <= 1;
}

/* ---- T2, T10 ---- */

enum rc
gaka_t2_read(struct slice message, struct gaka_t2 *out)
{
	const uint8_t *p = gaka_fields(message, GAKA_T2);
	struct gaka_t2 t2 = { .w = 0 };

	if (p == NULL)
		return RC_BAD_REQUEST;
	p = gaka_get(p, t2.gid.v, GAKA_GID_SIZE);
	p = gaka_get(p, t2.leader.v, NODE_ID_BYTES);
	p = gaka_get(p, t2.n, GAKA_NONCE_SIZE);
	p = gaka_get(p, t2.sn.v, NODE_ID_BYTES);
	if (!wanted(p, &t2.w, &t2.resync) || gaka_gid_none(&t2.gid))
		return RC_BAD_REQUEST;
	*out = t2;
	return RC_OK;
}

void
gaka_t2_write(const struct gaka_t2 *t2, uint8_t out[GAKA_T2_SIZE])
{
	uint8_t *p = gaka_header(GAKA_T2, GAKA_T2_SIZE, out);

	p = gaka_put(p, t2->gid.v, GAKA_GID_SIZE);
	p = gaka_put(p, t2->leader.v, NODE_ID_BYTES);
	p = gaka_put(p, t2->n, GAKA_NONCE_SIZE);
	p = gaka_put(p, t2->sn.v, NODE_ID_BYTES);
	p = be_put(p, t2->w, 2);
	be_put(p, t2->resync, 2);
}

enum rc
gaka_t10_read(struct slice message, struct gaka_t10 *out)
{
	const uint8_t *p = gaka_fields(message, GAKA_T10);
	struct gaka_t10 t10 = { .resync = 0 };
	uint16_t w;

	if (p == NULL)
		return RC_BAD_REQUEST;
	p = gaka_get(p, t10.id.v, NODE_ID_BYTES);
	p = gaka_get(p, t10.n, GAKA_NONCE_SIZE);
	p = gaka_get(p, t10.sn.v, NODE_ID_BYTES);
	if (!wanted(p, &w, &t10.resync) || w != 1)
		return RC_BAD_REQUEST;
	*out = t10;
	return RC_OK;
}

void
gaka_t10_write(const struct gaka_t10 *t10, uint8_t out[GAKA_T10_SIZE])
{
	uint8_t *p = gaka_header(GAKA_T10, GAKA_T10_SIZE, out);

	p = gaka_put(p, t10->id.v, NODE_ID_BYTES);
	p = gaka_put(p, t10->n, GAKA_NONCE_SIZE);
	p = gaka_put(p, t10->sn.v, NODE_ID_BYTES);
	p = be_put(p, 1, 2);
	be_put(p, t10->resync, 2);
}

/* ---- the vector of one device ---- */

static const uint8_t *
vector_get(const uint8_t *p, struct gaka_vector *v)
{
	p = gaka_get(p, v->rand.v, GAKA_RAND_SIZE);
	p = gaka_get(p, v->autn, GAKA_AUTN_SIZE);
	p = gaka_get(p, v->hxres, GAKA_TAG_SIZE);
	return gaka_get(p, v->ks.v, KEY_BYTES);
}

uint8_t *
gaka_vector_put(uint8_t *to, const struct gaka_vector *v)
{
	to = gaka_put(to, v->rand.v, GAKA_RAND_SIZE);
	to = gaka_put(to, v->autn, GAKA_AUTN_SIZE);
	to = gaka_put(to, v->hxres, GAKA_TAG_SIZE);
	return gaka_put(to, v->ks.v, KEY_BYTES);
}

enum rc
gaka_t11_read(struct slice message, struct gaka_t11 *out)
{
	const uint8_t *p = gaka_fields(message, GAKA_T11);

	if (p == NULL)
		return RC_BAD_REQUEST;
	out->expiry = be_get(vector_get(p, &out->vector), 8);
	return RC_OK;
}

void
gaka_t11_write(const struct gaka_t11 *t11, uint8_t out[GAKA_T11_SIZE])
{
	uint8_t *p = gaka_header(GAKA_T11, GAKA_T11_SIZE, out);

	be_put(gaka_vector_put(p, &t11->vector), t11->expiry, 8);
}

void
gaka_t11_wipe(struct gaka_t11 *t11)
{
	if (t11 != NULL)
		secret_wipe(t11, sizeof(*t11));
}

/* ---- T3 ---- */

void
gaka_t3_member(const struct gaka_t3 *t3, unsigned i, struct gaka_member *out)
{
	const uint8_t *p = (const uint8_t *)t3->members.p + (size_t)i * GAKA_T3_MEMBER;

	p = gaka_get(p, out->id.v, NODE_ID_BYTES);
	out->iv = be_get(p, 8);
	gaka_get(p + 8, out->xk.v, KEY_BYTES);
}

/* In ascending order, each with an IV that leaves room for W values. */
static bool
members_ok(const struct gaka_t3 *t3)
{
	const uint8_t *p = (const uint8_t *)t3->members.p;

	for (unsigned i = 0; i < t3->count; i++, p += GAKA_T3_MEMBER) {
		if (!gaka_iv_ok(be_get(p + NODE_ID_BYTES, 8), t3->w))
			return false;
		if (i > 0 && memcmp(p - GAKA_T3_MEMBER, p, NODE_ID_BYTES) >= 0)
			return false;
	}
	return true;
}

enum rc
gaka_t3_read(struct slice message, struct gaka_t3 *out)
{
	const uint8_t *p = gaka_fields(message, GAKA_T3);
	struct gaka_t3 t3 = { .w = 0 };
	bool ok;

	if (p == NULL)
		return RC_BAD_REQUEST;
	p = vector_get(p, &t3.leader);
	p = gaka_get(p, t3.gtk.v, KEY_BYTES);
	t3.expiry = be_get(p, 8);
	t3.w = (uint16_t)be_get(p + 8, 2);
	t3.count = (uint16_t)be_get(p + 10, 2);
	t3.members = slice_from(message, GAKA_T3_MIN);
	ok = t3.w >= 1 && message.n == GAKA_T3_SIZE(t3.count) && members_ok(&t3);
	if (ok)
		*out = t3;
	gaka_t3_wipe(&t3);
	return ok ? RC_OK : RC_BAD_REQUEST;
}

void
gaka_t3_wipe(struct gaka_t3 *t3)
{
	if (t3 != NULL)
		secret_wipe(t3, sizeof(*t3));
}
