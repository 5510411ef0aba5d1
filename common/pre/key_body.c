/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/key_body.h"

#include "base/be.h"
#include "pre/armour.h"
#include "pre/hdr.h"
#include "sec/secret.h"

/* ---- reading ---- */

void
key_body_free(struct key_body *d)
{
	if (d->b.p != NULL)
		secret_wipe(d->b.p, d->b.cap);
	buf_fini(&d->b);
}

enum rc
key_body_read(struct slice *text, const char *kind, struct key_body *d)
{
	enum rc rc;

	buf_init(&d->b, ARMOUR_MAX + 64u);
	d->b.secret = true;
	rc = armour_read(text, kind, &d->b);
	if (rc != RC_OK)
		return rc == RC_NO_SPACE ? RC_UNAVAILABLE : rc;
	d->rest = buf_view(&d->b);
	if (d->rest.n < 2 || d->rest.p[0] != PRE_VERSION || d->rest.p[1] != PRE_SUITE)
		return RC_BAD_REQUEST;
	d->rest = slice_from(d->rest, 2);
	return RC_OK;
}

bool
key_body_take(struct key_body *d, void *to, size_t n)
{
	if (d->rest.n < n)
		return false;
	if (n > 0)
		memcpy(to, d->rest.p, n);
	d->rest = slice_from(d->rest, n);
	return true;
}

bool
key_body_take_be(struct key_body *d, unsigned n, uint32_t *out)
{
	uint8_t octets[4];

	if (!key_body_take(d, octets, n))
		return false;
	*out = (uint32_t)be_get(octets, n);
	return true;
}

/* ---- writing ---- */

void
key_body_start(struct buf *b)
{
	buf_init(b, ARMOUR_MAX);
	b->secret = true;
	buf_be(b, PRE_VERSION, 1);
	buf_be(b, PRE_SUITE, 1);
}

enum rc
key_body_finish(struct buf *b, const char *kind, struct buf *to)
{
	enum rc rc = b->failed ? RC_UNAVAILABLE : armour_write(kind, buf_view(b), to);

	if (b->p != NULL)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
	return rc;
}
