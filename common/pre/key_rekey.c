/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/key_body.h"
#include "pre/key_file.h"
#include "sec/secret.h"

#define KIND "RE-ENCRYPTION KEY"

enum rc
pre_rekey_make(const struct afgh_keys *keys, const struct afgh_epoch_id *id, struct slice pk2,
               struct pre_rekey *out)
{
	struct afgh_epoch *e;
	enum rc rc;

	*out = (struct pre_rekey){ .id = *id };
	rc = afgh_epoch_new(keys, id, &e);
	if (rc != RC_OK)
		return rc;
	rc = afgh_rekey(e, pk2, out->rk);
	afgh_epoch_free(e);
	return rc == RC_OK ? pre_pk_id(pk2, out->pk_id) : rc;
}

static bool
take_all(struct key_body *d, struct pre_rekey *out)
{
	uint32_t stream;

	if (!key_body_take(d, out->id.source, sizeof(out->id.source)) ||
	    !key_body_take_be(d, 2, &stream) || !key_body_take_be(d, 4, &out->id.epoch) ||
	    !key_body_take(d, out->pk_id, sizeof(out->pk_id)) ||
	    !key_body_take(d, out->rk, sizeof(out->rk)))
		return false;
	out->id.stream = (uint16_t)stream;
	return d->rest.n == 0;
}

enum rc
pre_rekey_next(struct slice *rest, struct pre_rekey *out)
{
	struct slice text = *rest;
	struct key_body d;
	enum rc rc = key_body_read(&text, KIND, &d);

	*out = (struct pre_rekey){ 0 };
	if (rc == RC_OK)
		rc = take_all(&d, out) ? afgh_public_second_check(slice_make(out->rk, AFGH_G2))
		                       : RC_BAD_REQUEST;
	key_body_free(&d);
	/* The check takes the key for a public one and leaves it there. */
	stack_wipe();
	if (rc == RC_OK)
		*rest = text;
	else
		secret_wipe(out, sizeof(*out));
	return rc;
}

enum rc
pre_rekey_write(const struct pre_rekey *k, struct buf *to)
{
	struct buf b;

	key_body_start(&b);
	buf_add(&b, k->id.source, sizeof(k->id.source));
	buf_be(&b, k->id.stream, 2);
	buf_be(&b, k->id.epoch, 4);
	buf_add(&b, k->pk_id, sizeof(k->pk_id));
	buf_add(&b, k->rk, sizeof(k->rk));
	return key_body_finish(&b, KIND, to);
}
