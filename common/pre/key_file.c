/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/key_file.h"

#include <stdlib.h>

#include "pre/key_body.h"
#include "sec/key_file.h"
#include "sec/secret.h"

#define KIND_SECRET "SECRET KEY"
#define KIND_PUBLIC "PUBLIC KEY"
#define SECRET_SIZE (2u + AFGH_SECRET + SIGN_SEED_SIZE)

/* ---- the secret key ---- */

struct pre_identity {
	struct afgh_keys *keys;
	struct sign_key *sign;
	struct key *seed; /* of sign */
};

_Static_assert(KEY_BYTES == SIGN_SEED_SIZE, "the seed is a key");

/* Takes keys, also on failure; id->seed is filled. */
static enum rc
identity_complete(struct pre_identity *id, struct afgh_keys *keys)
{
	id->keys = keys;
	return sign_key_from_seed(id->seed->v, &id->sign);
}

static enum rc
identity_alloc(struct pre_identity **out)
{
	struct pre_identity *id = calloc(1, sizeof(*id));

	*out = NULL;
	if (id == NULL)
		return RC_UNAVAILABLE;
	id->seed = secret_alloc(sizeof(*id->seed));
	if (id->seed == NULL) {
		free(id);
		return RC_UNAVAILABLE;
	}
	*out = id;
	return RC_OK;
}

void
pre_identity_free(struct pre_identity *id)
{
	if (id == NULL)
		return;
	afgh_keys_free(id->keys);
	sign_key_free(id->sign);
	secret_free(id->seed, sizeof(*id->seed));
	free(id);
}

static enum rc
give(struct pre_identity *id, enum rc rc, struct pre_identity **out)
{
	*out = rc == RC_OK ? id : NULL;
	if (rc != RC_OK)
		pre_identity_free(id);
	return rc;
}

enum rc
pre_identity_new(struct pre_identity **out)
{
	struct pre_identity *id;
	struct afgh_keys *keys = NULL;
	enum rc rc = identity_alloc(&id);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	rc = key_random(id->seed);
	if (rc == RC_OK)
		rc = afgh_keys_new(&keys);
	if (rc == RC_OK)
		rc = identity_complete(id, keys);
	return give(id, rc, out);
}

static enum rc
identity_fill(struct pre_identity *id, struct key_body *d)
{
	struct afgh_keys *keys = NULL;
	enum rc rc;

	if (d->rest.n != SECRET_SIZE - 2)
		return RC_BAD_REQUEST;
	rc = afgh_keys_read(slice_head(d->rest, AFGH_SECRET), &keys);
	if (rc != RC_OK)
		return rc;
	memcpy(id->seed->v, d->rest.p + AFGH_SECRET, SIGN_SEED_SIZE);
	return identity_complete(id, keys);
}

enum rc
pre_identity_parse(struct slice text, struct pre_identity **out)
{
	struct pre_identity *id;
	struct key_body d;
	enum rc rc = identity_alloc(&id);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	rc = key_body_read(&text, KIND_SECRET, &d);
	if (rc == RC_OK)
		rc = text.n > 0 ? RC_BAD_REQUEST : identity_fill(id, &d);
	key_body_free(&d);
	return give(id, rc == RC_NOT_FOUND ? RC_BAD_REQUEST : rc, out);
}

enum rc
pre_identity_read(const char *path, struct pre_identity **out)
{
	struct key_file f;
	enum rc rc = key_file_private(path, &f);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	rc = pre_identity_parse(slice_make(f.p, f.n), out);
	key_file_free(&f);
	return rc;
}

enum rc
pre_identity_write(const struct pre_identity *id, struct buf *to)
{
	uint8_t secret[AFGH_SECRET];
	struct buf b;

	afgh_keys_write(id->keys, secret);
	key_body_start(&b);
	buf_add(&b, secret, sizeof(secret));
	buf_add(&b, id->seed->v, SIGN_SEED_SIZE);
	secret_wipe(secret, sizeof(secret));
	return key_body_finish(&b, KIND_SECRET, to);
}

const struct afgh_keys *
pre_identity_keys(const struct pre_identity *id)
{
	return id->keys;
}

const struct sign_key *
pre_identity_sign(const struct pre_identity *id)
{
	return id->sign;
}

void
pre_identity_end_signing(struct pre_identity *id)
{
	sign_key_free(id->sign);
	secret_free(id->seed, sizeof(*id->seed));
	id->sign = NULL;
	id->seed = NULL;
}

/* ---- public keys ---- */

static bool
url_ok(struct slice url)
{
	return url.n <= PRE_URL_MAX && pre_sink_ok(url);
}

enum rc
pre_public_of(const struct pre_identity *id, const struct afgh *a, unsigned parts, struct slice url,
              struct pre_public *out)
{
	*out = (struct pre_public){ .parts = parts };
	if ((parts & ~(unsigned)PRE_PUBLIC_ALL) != 0 || !url_ok(url) ||
	    !slice_copy(url, out->url, sizeof(out->url)))
		return RC_BAD_REQUEST;
	if ((parts & PRE_PUBLIC_SECOND) != 0)
		afgh_keys_public(id->keys, out->pk2);
	if ((parts & PRE_PUBLIC_SIGN) != 0)
		sign_key_public(id->sign, &out->sign);
	if ((parts & PRE_PUBLIC_FIRST) != 0)
		return afgh_epoch_public(a, afgh_keys_first(id->keys), out->pk1);
	return RC_OK;
}

static bool
take_public(struct key_body *d, struct pre_public *out)
{
	uint32_t parts, n;

	if (!key_body_take_be(d, 1, &parts) || parts > PRE_PUBLIC_ALL ||
	    !key_body_take_be(d, 2, &n) || n > PRE_URL_MAX || !key_body_take(d, out->url, n) ||
	    !url_ok(slice_make(out->url, n)))
		return false;
	out->parts = parts;
	return ((parts & PRE_PUBLIC_FIRST) == 0 || key_body_take(d, out->pk1, sizeof(out->pk1))) &&
	       ((parts & PRE_PUBLIC_SECOND) == 0 || key_body_take(d, out->pk2, sizeof(out->pk2))) &&
	       ((parts & PRE_PUBLIC_SIGN) == 0 ||
	        key_body_take(d, out->sign.v, sizeof(out->sign.v))) &&
	       d->rest.n == 0;
}

static enum rc
check_public(const struct pre_public *p)
{
	enum rc rc = RC_OK;

	if ((p->parts & PRE_PUBLIC_SIGN) != 0 && !sign_public_ok(&p->sign))
		return RC_BAD_REQUEST;
	if ((p->parts & PRE_PUBLIC_FIRST) != 0)
		rc = afgh_public_first_check(slice_make(p->pk1, sizeof(p->pk1)));
	if (rc == RC_OK && (p->parts & PRE_PUBLIC_SECOND) != 0)
		rc = afgh_public_second_check(slice_make(p->pk2, sizeof(p->pk2)));
	return rc;
}

enum rc
pre_public_parse(struct slice text, struct pre_public *out)
{
	struct key_body d;
	enum rc rc = key_body_read(&text, KIND_PUBLIC, &d);

	*out = (struct pre_public){ 0 };
	if (rc == RC_OK)
		rc = text.n == 0 && take_public(&d, out) ? check_public(out) : RC_BAD_REQUEST;
	key_body_free(&d);
	if (rc != RC_OK)
		*out = (struct pre_public){ 0 };
	return rc == RC_NOT_FOUND ? RC_BAD_REQUEST : rc;
}

enum rc
pre_public_read(const char *path, struct pre_public *out)
{
	struct key_file f;
	enum rc rc = key_file_public(path, &f);

	*out = (struct pre_public){ 0 };
	if (rc != RC_OK)
		return rc;
	rc = pre_public_parse(slice_make(f.p, f.n), out);
	key_file_free(&f);
	return rc;
}

enum rc
pre_public_write(const struct pre_public *p, struct buf *to)
{
	struct buf b;

	key_body_start(&b);
	buf_be(&b, p->parts, 1);
	buf_be(&b, strlen(p->url), 2);
	buf_puts(&b, p->url);
	if ((p->parts & PRE_PUBLIC_FIRST) != 0)
		buf_add(&b, p->pk1, sizeof(p->pk1));
	if ((p->parts & PRE_PUBLIC_SECOND) != 0)
		buf_add(&b, p->pk2, sizeof(p->pk2));
	if ((p->parts & PRE_PUBLIC_SIGN) != 0)
		buf_add(&b, p->sign.v, sizeof(p->sign.v));
	return key_body_finish(&b, KIND_PUBLIC, to);
}
