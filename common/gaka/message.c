/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "gaka/message_own.h"

#include "base/be.h"

/* M, G, version. */
#define MAGIC SLICE_LIT("\x4d\x47\x01")

/* Octets of each type, and of each thing that may follow, so many times at most. */
static const struct {
	uint16_t size, each, times;
} sizes[GAKA_TYPES] = {
	[GAKA_T1] = { GAKA_T1_SIZE, 0, 0 },
	[GAKA_T2] = { GAKA_T2_SIZE, 0, 0 },
	[GAKA_T3] = { GAKA_T3_MIN, GAKA_T3_MEMBER, GAKA_MEMBERS_MAX },
	[GAKA_T4] = { GAKA_T4_SIZE, 0, 0 },
	[GAKA_T5] = { GAKA_SHORT_SIZE, 0, 0 },
	[GAKA_T6] = { GAKA_SHORT_SIZE, 0, 0 },
	[GAKA_T7] = { GAKA_T7_SIZE, 0, 0 },
	[GAKA_T8] = { GAKA_SHORT_SIZE, 0, 0 },
	[GAKA_T9] = { GAKA_SHORT_SIZE, 0, 0 },
	[GAKA_T10] = { GAKA_T10_SIZE, 0, 0 },
	[GAKA_T11] = { GAKA_T11_SIZE, 0, 0 },
	[GAKA_T12] = { GAKA_SHORT_SIZE, 0, 0 },
};

/* ---- what all have ---- */

static bool
size_ok(unsigned type, size_t n)
{
	size_t more;

	if (n < sizes[type].size)
		return false;
	more = n - sizes[type].size;
	if (sizes[type].each == 0)
		return more == 0;
	return more % sizes[type].each == 0 && more / sizes[type].each <= sizes[type].times;
}

unsigned
gaka_type_of(struct slice message)
{
	const uint8_t *p = (const uint8_t *)message.p;

	if (message.n < GAKA_HEADER_SIZE || !slice_starts(message, MAGIC) ||
	    be_get(p + 4, 4) != message.n)
		return 0;
	return p[3] >= GAKA_T1 && p[3] < GAKA_TYPES && size_ok(p[3], message.n) ? p[3] : 0;
}

const uint8_t *
gaka_fields(struct slice message, enum gaka_type type)
{
	return gaka_type_of(message) == type ? (const uint8_t *)message.p + GAKA_HEADER_SIZE : NULL;
}

uint8_t *
gaka_header(enum gaka_type type, size_t n, uint8_t *out)
{
	memcpy(out, MAGIC.p, MAGIC.n);
	out[3] = (uint8_t)type;
	return be_put(out + 4, n, 4);
}

const uint8_t *
gaka_get(const uint8_t *from, void *to, size_t n)
{
	memcpy(to, from, n);
	return from + n;
}

uint8_t *
gaka_put(uint8_t *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return to + n;
}

bool
gaka_iv_ok(uint64_t iv, uint16_t w)
{
	return iv >= GAKA_IV_FIRST && iv <= UINT64_MAX - w;
}

/* ---- T1 ---- */

enum rc
gaka_t1_read(struct slice message, struct gaka_t1 *out)
{
	const uint8_t *p = gaka_fields(message, GAKA_T1);

	if (p == NULL)
		return RC_BAD_REQUEST;
	p = gaka_get(p, out->gid.v, GAKA_GID_SIZE);
	p = gaka_get(p, out->id.v, NODE_ID_BYTES);
	gaka_get(p, out->n, GAKA_NONCE_SIZE);
	return RC_OK;
}

void
gaka_t1_write(const struct gaka_t1 *t1, uint8_t out[GAKA_T1_SIZE])
{
	uint8_t *p = gaka_header(GAKA_T1, GAKA_T1_SIZE, out);

	p = gaka_put(p, t1->gid.v, GAKA_GID_SIZE);
	p = gaka_put(p, t1->id.v, NODE_ID_BYTES);
	gaka_put(p, t1->n, GAKA_NONCE_SIZE);
}

/* ---- T4, T7 ---- */

enum rc
gaka_t4_read(struct slice message, struct gaka_t4 *out)
{
	const uint8_t *p = gaka_fields(message, GAKA_T4);

	if (p == NULL)
		return RC_BAD_REQUEST;
	p = gaka_get(p, out->rand.v, GAKA_RAND_SIZE);
	p = gaka_get(p, out->autn, GAKA_AUTN_SIZE);
	gaka_get(p, out->sn.v, NODE_ID_BYTES);
	return RC_OK;
}

void
gaka_t4_write(const struct gaka_t4 *t4, uint8_t out[GAKA_T4_SIZE])
{
	uint8_t *p = gaka_header(GAKA_T4, GAKA_T4_SIZE, out);

	p = gaka_put(p, t4->rand.v, GAKA_RAND_SIZE);
	p = gaka_put(p, t4->autn, GAKA_AUTN_SIZE);
	gaka_put(p, t4->sn.v, NODE_ID_BYTES);
}

enum rc
gaka_t7_read(struct slice message, struct gaka_t7 *out)
{
	const uint8_t *p = gaka_fields(message, GAKA_T7);
	struct gaka_t7 t7 = { .w = 0 };

	if (p == NULL)
		return RC_BAD_REQUEST;
	p = gaka_get(p, t7.rand.v, GAKA_RAND_SIZE);
	p = gaka_get(p, t7.sn.v, NODE_ID_BYTES);
	t7.iv = be_get(p, 8);
	t7.w = (uint16_t)be_get(p + 8, 2);
	t7.c = be_get(p + 10, 8);
	p = gaka_get(p + 18, t7.ns, GAKA_NONCE_SIZE);
	gaka_get(p, t7.tag, GAKA_TAG_SIZE);
	/* A C below IV makes a difference that no W reaches. */
	if (!gaka_iv_ok(t7.iv, t7.w) || t7.c - t7.iv >= t7.w)
		return RC_BAD_REQUEST;
	*out = t7;
	return RC_OK;
}

void
gaka_t7_write(const struct gaka_t7 *t7, uint8_t out[GAKA_T7_SIZE])
{
	uint8_t *p = gaka_header(GAKA_T7, GAKA_T7_SIZE, out);

	p = gaka_put(p, t7->rand.v, GAKA_RAND_SIZE);
	p = gaka_put(p, t7->sn.v, NODE_ID_BYTES);
	p = be_put(p, t7->iv, 8);
	p = be_put(p, t7->w, 2);
	p = be_put(p, t7->c, 8);
	p = gaka_put(p, t7->ns, GAKA_NONCE_SIZE);
	gaka_put(p, t7->tag, GAKA_TAG_SIZE);
}

/* ---- T5, T6, T8, T9 ---- */

enum rc
gaka_tag_read(enum gaka_type type, struct slice message, uint8_t tag[GAKA_TAG_SIZE])
{
	const uint8_t *p = gaka_fields(message, type);

	if (p == NULL)
		return RC_BAD_REQUEST;
	gaka_get(p, tag, GAKA_TAG_SIZE);
	return RC_OK;
}

void
gaka_tag_write(enum gaka_type type, const uint8_t tag[GAKA_TAG_SIZE], uint8_t out[GAKA_SHORT_SIZE])
{
	gaka_put(gaka_header(type, GAKA_SHORT_SIZE, out), tag, GAKA_TAG_SIZE);
}

/* ---- T12 ---- */

enum rc
gaka_t12_read(struct slice message, enum gaka_reason *out)
{
	static const uint8_t zeros[GAKA_SHORT_SIZE - GAKA_HEADER_SIZE - 1];
	const uint8_t *p = gaka_fields(message, GAKA_T12);

	if (p == NULL || p[0] < GAKA_UNKNOWN || p[0] >= GAKA_REASONS ||
	    memcmp(p + 1, zeros, sizeof(zeros)) != 0)
		return RC_BAD_REQUEST;
	*out = (enum gaka_reason)p[0];
	return RC_OK;
}

void
gaka_t12_write(enum gaka_reason reason, uint8_t out[GAKA_SHORT_SIZE])
{
	uint8_t *p = gaka_header(GAKA_T12, GAKA_SHORT_SIZE, out);

	memset(p, 0, GAKA_SHORT_SIZE - GAKA_HEADER_SIZE);
	p[0] = (uint8_t)reason;
}

enum gaka_reason
gaka_reason_of(enum rc rc)
{
	static const uint8_t reasons[RC_COUNT] = {
		[RC_CONFLICT] = GAKA_SYNC,    [RC_EXPIRED] = GAKA_EXPIRED,
		[RC_UNAVAILABLE] = GAKA_BUSY, [RC_NO_SPACE] = GAKA_BUSY,
		[RC_INTERNAL] = GAKA_BUSY,
	};

	return (unsigned)rc < RC_COUNT && reasons[rc] != 0 ? (enum gaka_reason)reasons[rc]
	                                                   : GAKA_MAC;
}
