/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/device_own.h"

#include <stddef.h>

#include "sga/phase.h"
#include "sga/saved.h"
#include "sga/tag.h"

/* ---- what it knows ---- */

struct sga_pair
sga_device_pair(const struct sga_device *d)
{
	return (struct sga_pair){ &d->id, &d->package->id };
}

bool
sga_device_has_cipher(const struct sga_device *d, uint16_t cid)
{
	return sga_cipher_in(cid, d->cids & d->package->ciphers);
}

const struct sga_id *
sga_device_id(const struct sga_device *d)
{
	return &d->id;
}

const struct sga_package *
sga_device_package(const struct sga_device *d)
{
	return d->package;
}

const struct sign_key *
sga_device_sign_key(const struct sga_device *d)
{
	return d->sign;
}

uint16_t
sga_device_cids(const struct sga_device *d)
{
	return d->cids;
}

uint64_t
sga_device_registered(const struct sga_device *d)
{
	return d->registered;
}

bool
sga_device_pending(const struct sga_device *d)
{
	return d->pending;
}

enum rc
sga_device_request_key(const struct sga_device *d, bool pending, struct key *out)
{
	if (pending ? !d->pending : d->registered == 0)
		return RC_CONFLICT;
	return sga_tag_key(pending ? &d->next : &d->kd, &d->id, &d->package->id, out);
}

/* ---- its life ---- */

/* All but the package is in *d. */
static enum rc
complete(struct sga_device *d, struct slice package, const struct sga_package_rule *rule)
{
	enum rc rc = sga_package_read(package, rule, &d->package);

	if (rc == RC_OK && (d->id.n == 0 || sga_id_equal(&d->id, &d->package->id) ||
	                    !sga_device_has_cipher(d, d->cid0)))
		rc = RC_CONFLICT;
	if (rc == RC_OK && d->signs)
		rc = sign_key_from_seed(d->seed, &d->sign);
	return rc;
}

enum rc
sga_device_new(const struct sga_device_conf *conf, struct sga_device **out)
{
	struct sga_device *d = secret_alloc(sizeof(*d));
	struct sga_package_rule rule = { .id = conf->g, .now = conf->now };
	enum rc rc;

	*out = NULL;
	if (d == NULL)
		return RC_UNAVAILABLE;
	d->id = conf->id;
	d->gateway = conf->gateway;
	d->cids = conf->cids;
	d->cid0 = conf->cid0;
	d->signs = conf->seed != NULL;
	if (d->signs)
		memcpy(d->seed, conf->seed, SIGN_SEED_SIZE);
	rule.key = &d->gateway;
	rc = complete(d, conf->package, &rule);
	if (rc == RC_OK)
		*out = d;
	else
		sga_device_free(d);
	return rc;
}

void
sga_device_free(struct sga_device *d)
{
	if (d == NULL)
		return;
	sga_package_free(d->package);
	sign_key_free(d->sign);
	secret_free(d, sizeof(*d));
}

enum rc
sga_device_renew(struct sga_device *d, struct slice package, uint64_t now)
{
	const struct sga_package_rule rule = {
		.key = &d->gateway,
		.id = sga_id_slice(&d->package->id),
		.now = now,
		.serial = d->package->serial,
	};
	struct sga_package *next;
	enum rc rc = sga_package_read(package, &rule, &next);

	if (rc != RC_OK)
		return rc;
	if (next->suite != d->package->suite || !sga_cipher_in(d->cid0, d->cids & next->ciphers)) {
		sga_package_free(next);
		return RC_CONFLICT;
	}
	sga_package_free(d->package);
	d->package = next;
	return RC_OK;
}

enum rc
sga_device_set_ciphers(struct sga_device *d, uint16_t cids, uint16_t cid0)
{
	if (!sga_cipher_in(cid0, cids & d->package->ciphers))
		return RC_CONFLICT;
	d->cids = cids;
	d->cid0 = cid0;
	return RC_OK;
}

/* ---- saved ---- */

#define MEMBER(kind, member) SGA_FIELD(kind, struct sga_device, member)

static const struct sga_field members[] = {
	MEMBER(SGA_FIELD_ID, id),
	MEMBER(SGA_FIELD_OCTETS, gateway),
	MEMBER(SGA_FIELD_NUMBER, cids),
	MEMBER(SGA_FIELD_NUMBER, cid0),
	MEMBER(SGA_FIELD_NUMBER, cid0_sent),
	MEMBER(SGA_FIELD_NUMBER, cid0_now),
	MEMBER(SGA_FIELD_FLAG, signs),
	MEMBER(SGA_FIELD_OCTETS, seed),
	MEMBER(SGA_FIELD_NUMBER, registered),
	MEMBER(SGA_FIELD_OCTETS, kd),
	MEMBER(SGA_FIELD_FLAG, pending),
	MEMBER(SGA_FIELD_OCTETS, next),
	MEMBER(SGA_FIELD_OCTETS, r1),
};

static const struct sga_saved_form form = { SGA_SAVED_DEVICE, members,
	                                    sizeof(members) / sizeof(members[0]) };

enum rc
sga_device_save(const struct sga_device *d, struct buf *to)
{
	return sga_saved_write(&form, d, sga_package_octets(d->package), to);
}

/* What is not there is zero: one device has one form. */
static bool
plausible(const struct sga_device *d)
{
	static const uint8_t none[SIGN_SEED_SIZE];

	return (d->registered != 0) == !key_is_zero(&d->kd) &&
	       (d->registered != 0) == (d->cid0_now != 0) && d->pending == (d->cid0_sent != 0) &&
	       (d->cid0_now == 0 || cipher_find(d->cid0_now) != NULL) &&
	       (d->cid0_sent == 0 || cipher_find(d->cid0_sent) != NULL) &&
	       d->pending == !key_is_zero(&d->next) &&
	       (d->pending || memcmp(d->r1.v, none, SGA_HASH_SIZE) == 0) &&
	       (d->signs || memcmp(d->seed, none, sizeof(none)) == 0);
}

enum rc
sga_device_load(struct slice saved, struct sga_device **out)
{
	struct sga_device *d = secret_alloc(sizeof(*d));
	struct sga_package_rule rule = { 0 };
	struct slice package;
	enum rc rc;

	*out = NULL;
	if (d == NULL)
		return RC_UNAVAILABLE;
	rc = sga_saved_read(&form, saved, d, &package);
	rule.key = &d->gateway;
	if (rc == RC_OK)
		rc = plausible(d) ? complete(d, package, &rule) : RC_BAD_REQUEST;
	if (rc == RC_OK)
		*out = d;
	else
		sga_device_free(d);
	return rc == RC_OK || rc == RC_UNAVAILABLE || rc == RC_INTERNAL ? rc : RC_BAD_REQUEST;
}
