/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/keys.h"

#include <stdlib.h>

#include "base/be.h"
#include "sga/octets.h"
#include "sga/package_own.h"

#define FORMAT 1

struct sga_keys {
	struct sga_package *package;
	struct sga_private *e, *f;
};

void
sga_keys_free(struct sga_keys *k)
{
	if (k == NULL)
		return;
	sga_package_free(k->package);
	sga_private_free(k->e);
	sga_private_free(k->f);
	free(k);
}

/* Gives k to *out, or frees it. */
static enum rc
finish(struct sga_keys *k, enum rc rc, struct sga_keys **out)
{
	if (rc == RC_OK)
		*out = k;
	else
		sga_keys_free(k);
	return rc;
}

/* ---- making ---- */

/* What a device would say of it: the rules are those of reading. */
static enum rc
publish(struct sga_keys *k, const struct sga_keys_conf *c, uint16_t group)
{
	uint8_t octets[SGA_PACKAGE_MAX];
	struct sga_writer w = sga_writer_of(octets, sizeof(octets));
	struct sign_public signer;
	struct sga_package_rule rule = { .key = &signer };
	enum rc rc = sga_package_write(c, group, sga_public_octets(sga_private_public(k->e)),
	                               sga_public_octets(sga_private_public(k->f)), &w);

	if (rc != RC_OK)
		return rc;
	sign_key_public(c->sign, &signer);
	return sga_package_read(sga_written(&w), &rule, &k->package);
}

static bool
conf_ok(const struct sga_keys_conf *c, const struct sga_suite *suite, const struct sga_group *group)
{
	struct sga_id id;

	return suite != NULL && group != NULL && group->suite == suite->id && c->sign != NULL &&
	       (c->ciphers & SGA_CIPHERS_MANDATORY) != 0 &&
	       (c->ciphers & ~SGA_CIPHERS_KNOWN) == 0 && c->id.n <= SGA_ID_MAX &&
	       sga_id_make(sga_id_slice(&c->id), &id) == RC_OK;
}

enum rc
sga_keys_make(const struct sga_keys_conf *c, const struct sga_random *r, struct sga_keys **out)
{
	const struct sga_suite *suite = sga_suite_find(c->suite);
	uint16_t usual = suite == NULL ? 0 : suite->group;
	const struct sga_group *group = sga_group_find(c->group == 0 ? usual : c->group);
	struct sga_keys *k;
	enum rc rc;

	*out = NULL;
	if (!conf_ok(c, suite, group))
		return RC_BAD_REQUEST;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return RC_UNAVAILABLE;
	rc = sga_private_make(suite, r, &k->e);
	if (rc == RC_OK)
		rc = sga_private_make(suite, r, &k->f);
	if (rc == RC_OK)
		rc = publish(k, c, group->id);
	return finish(k, rc, out);
}

/* ---- keeping ---- */

/* lv16 of a key, whose length is known when it is written. */
static enum rc
save_one(const struct sga_private *p, struct buf *to)
{
	size_t at = to->n;
	enum rc rc;

	buf_be(to, 0, 2);
	if (to->failed)
		return RC_NO_SPACE;
	rc = sga_private_write(p, to);
	if (rc == RC_OK)
		be_put((uint8_t *)to->p + at, to->n - at - 2, 2);
	return rc;
}

enum rc
sga_keys_save(const struct sga_keys *k, struct buf *to)
{
	enum rc rc;

	buf_be(to, FORMAT, 1);
	rc = save_one(k->e, to);
	return rc == RC_OK ? save_one(k->f, to) : rc;
}

static bool
belong(const struct sga_private *private, const struct sga_public *public)
{
	return slice_eq(sga_public_octets(sga_private_public(private)), sga_public_octets(public));
}

static enum rc
load(struct sga_keys *k, struct slice secret)
{
	const struct sga_suite *suite = k->package->suite;
	struct sga_reader r = sga_reader_of(secret);
	uint64_t format = sga_read_be(&r, 1);
	struct slice e = sga_read_lv16(&r), f = sga_read_lv16(&r);
	enum rc rc;

	if (!sga_reader_done(&r) || format != FORMAT)
		return RC_BAD_REQUEST;
	rc = sga_private_read(suite, e, &k->e);
	if (rc == RC_OK)
		rc = sga_private_read(suite, f, &k->f);
	if (rc == RC_OK && (!belong(k->e, k->package->e) || !belong(k->f, k->package->f)))
		rc = RC_BAD_REQUEST;
	return rc;
}

enum rc
sga_keys_load(struct slice secret, struct slice package, const struct sign_public *signer,
              struct sga_keys **out)
{
	const struct sga_package_rule rule = { .key = signer };
	struct sga_keys *k = calloc(1, sizeof(*k));
	enum rc rc;

	*out = NULL;
	if (k == NULL)
		return RC_UNAVAILABLE;
	rc = sga_package_read(package, &rule, &k->package);
	if (rc == RC_OK)
		rc = load(k, secret);
	return finish(k, rc, out);
}

/* ---- looking ---- */

const struct sga_package *
sga_keys_package(const struct sga_keys *k)
{
	return k->package;
}

const struct sga_private *
sga_keys_e(const struct sga_keys *k)
{
	return k->e;
}

const struct sga_private *
sga_keys_f(const struct sga_keys *k)
{
	return k->f;
}
