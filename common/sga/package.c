/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/package.h"

#include <stdlib.h>

#include "sec/cipher.h"
#include "sga/octets.h"
#include "sga/package_own.h"

#define MAGIC SLICE_LIT("SGAP\x01")

uint16_t
sga_cipher_bit(uint16_t cid)
{
	return cipher_find(cid) == NULL ? 0 : (uint16_t)(1u << (cid - 1u));
}

/* ---- writing ---- */

enum rc
sga_package_write(const struct sga_keys_conf *c, uint16_t group, struct slice pk_e,
                  struct slice pk_f, struct sga_writer *w)
{
	uint8_t signature[SIGN_SIZE];
	enum rc rc;

	sga_write_slice(w, MAGIC);
	sga_write_be(w, c->suite, 1);
	sga_write_be(w, group, 2);
	sga_write_be(w, c->ciphers, 2);
	sga_write_be(w, c->serial, 4);
	sga_write_be(w, c->not_after, 8);
	sga_write_id(w, &c->id);
	sga_write_lv16(w, pk_e);
	sga_write_lv16(w, pk_f);
	if (w->full)
		return RC_INTERNAL;
	rc = sign_make(c->sign, SIGN_SGA_PACKAGE, sga_written(w), signature);
	if (rc != RC_OK)
		return rc;
	sga_write(w, signature, sizeof(signature));
	return w->full ? RC_INTERNAL : RC_OK;
}

/* ---- reading ---- */

/* The fields as they are; what they mean is for later. */
struct fields {
	uint8_t suite;
	uint16_t group;
	struct slice pk_e, pk_f;
	struct slice covered, signature;
};

static enum rc
take_apart(struct slice octets, struct sga_package *p, struct fields *f)
{
	struct sga_reader r = sga_reader_of(octets);
	struct slice magic = sga_read(&r, MAGIC.n);

	f->suite = (uint8_t)sga_read_be(&r, 1);
	f->group = (uint16_t)sga_read_be(&r, 2);
	p->ciphers = (uint16_t)sga_read_be(&r, 2);
	p->serial = (uint32_t)sga_read_be(&r, 4);
	p->not_after = sga_read_be(&r, 8);
	sga_read_id(&r, &p->id);
	f->pk_e = sga_read_lv16(&r);
	f->pk_f = sga_read_lv16(&r);
	f->covered = slice_head(octets, octets.n - r.rest.n);
	f->signature = sga_read(&r, SIGN_SIZE);
	if (!sga_reader_done(&r) || !slice_eq(magic, MAGIC) || octets.n > SGA_PACKAGE_MAX)
		return RC_BAD_REQUEST;
	memcpy(p->octets, octets.p, octets.n);
	p->n = (uint16_t)octets.n;
	return RC_OK;
}

/* Who made it. Every outcome but those of libcrypto is RC_DENIED. */
static enum rc
authenticate(const struct sga_package *p, const struct fields *f,
             const struct sga_package_rule *rule)
{
	enum rc rc;

	if (rule->id.n > 0 && !slice_eq(rule->id, sga_id_slice(&p->id)))
		return RC_DENIED;
	rc = sign_verify(rule->key, SIGN_SGA_PACKAGE, f->covered, (const uint8_t *)f->signature.p);
	return rc == RC_FORBIDDEN ? RC_DENIED : rc;
}

/* What the maker says, if it can be used here. */
static enum rc
understand(struct sga_package *p, const struct fields *f)
{
	enum rc rc;

	p->suite = sga_suite_find(f->suite);
	p->group = sga_group_find(f->group);
	if (p->suite == NULL || p->group == NULL || p->group->suite != p->suite->id ||
	    (p->ciphers & SGA_CIPHERS_MANDATORY) == 0 || slice_eq(f->pk_e, f->pk_f))
		return RC_NOT_IMPLEMENTED;
	rc = sga_public_read(p->suite, f->pk_e, &p->e);
	if (rc == RC_OK)
		rc = sga_public_read(p->suite, f->pk_f, &p->f);
	if (rc == RC_OK)
		rc = sga_hash(sga_package_octets(p), &p->dp);
	return rc == RC_BAD_REQUEST ? RC_NOT_IMPLEMENTED : rc;
}

static enum rc
read_package(struct slice octets, const struct sga_package_rule *rule, struct sga_package *p)
{
	struct fields f;
	enum rc rc = take_apart(octets, p, &f);

	if (rc == RC_OK)
		rc = authenticate(p, &f, rule);
	if (rc == RC_OK)
		rc = understand(p, &f);
	if (rc == RC_OK && rule->now > p->not_after)
		rc = RC_EXPIRED;
	if (rc == RC_OK && p->serial < rule->serial)
		rc = RC_CONFLICT;
	return rc;
}

enum rc
sga_package_read(struct slice octets, const struct sga_package_rule *rule, struct sga_package **out)
{
	struct sga_package *p = calloc(1, sizeof(*p));
	enum rc rc;

	*out = NULL;
	if (p == NULL)
		return RC_UNAVAILABLE;
	rc = read_package(octets, rule, p);
	if (rc == RC_OK)
		*out = p;
	else
		sga_package_free(p);
	return rc;
}

struct slice
sga_package_octets(const struct sga_package *p)
{
	return slice_make(p->octets, p->n);
}

void
sga_package_free(struct sga_package *p)
{
	if (p == NULL)
		return;
	sga_public_free(p->e);
	sga_public_free(p->f);
	free(p);
}
