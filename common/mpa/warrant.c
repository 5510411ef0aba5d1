/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/be.h"
#include "mpa/own.h"
#include "sec/node_id.h"

#define MAGIC SLICE_LIT("MWR1")

/* Where the members are; the four strings come behind. */
enum {
	AT_KIND = 4,
	AT_DEPTH = 5,
	AT_TOTAL = 6,
	AT_SERIAL = 8,
	AT_NOT_BEFORE = 24,
	AT_NOT_AFTER = 32,
	AT_RIGHTS = 40,
	AT_PARENT = 44,
	AT_DELEGATOR = 76,
	AT_DELEGATE = 108,
	AT_ON_BEHALF = 140,
	AT_STRINGS = 172
};

static bool
scope_ok(struct slice scope)
{
	return slice_is(scope, "*") || (scope.n <= MPA_SCOPE_MAX && scl_id_ok(scope));
}

static bool
members_ok(const struct mpa_warrant *w)
{
	return w->kind >= MPA_AGREEMENT && w->kind <= MPA_ACCESS_POINT &&
	       w->depth <= MPA_DEPTH_MAX && w->not_before < w->not_after &&
	       (w->rights & ~MPA_RIGHTS_ALL) == 0 && mpa_id_ok(w->delegator_id) &&
	       mpa_id_ok(w->delegate_id) && mpa_id_ok(w->on_behalf_id) && scope_ok(w->scope);
}

/* ---- reading ---- */

static void
read_fixed(const char *p, struct mpa_warrant *w)
{
	*w = (struct mpa_warrant){
		.kind = (enum mpa_kind)(uint8_t)p[AT_KIND],
		.depth = (uint8_t)p[AT_DEPTH],
		.not_before = be_get(p + AT_NOT_BEFORE, 8),
		.not_after = be_get(p + AT_NOT_AFTER, 8),
		.rights = (uint32_t)be_get(p + AT_RIGHTS, 4),
	};
	memcpy(w->serial, p + AT_SERIAL, MPA_SERIAL_SIZE);
	memcpy(w->parent, p + AT_PARENT, DIGEST_SIZE);
	memcpy(w->delegator.v, p + AT_DELEGATOR, SIGN_PUBLIC_SIZE);
	memcpy(w->delegate.v, p + AT_DELEGATE, SIGN_PUBLIC_SIZE);
	memcpy(w->on_behalf.v, p + AT_ON_BEHALF, SIGN_PUBLIC_SIZE);
}

static bool
read_strings(struct slice rest, struct mpa_warrant *w)
{
	return mpa_take_lv(&rest, 1, &w->delegator_id) && mpa_take_lv(&rest, 1, &w->delegate_id) &&
	       mpa_take_lv(&rest, 1, &w->on_behalf_id) && mpa_take_lv(&rest, 1, &w->scope) &&
	       rest.n == 0;
}

enum rc
mpa_warrant_take(struct slice *octets, struct mpa_warrant *out)
{
	struct slice rest = *octets, one;
	struct mpa_warrant w;
	size_t total;

	if (octets->n < MPA_WARRANT_FIXED || !slice_starts(*octets, MAGIC))
		return RC_BAD_REQUEST;
	total = be_get(octets->p + AT_TOTAL, 2);
	if (total < MPA_WARRANT_FIXED || !mpa_take(&rest, total, &one))
		return RC_BAD_REQUEST;
	read_fixed(one.p, &w);
	if (!read_strings(slice_make(one.p + AT_STRINGS, total - AT_STRINGS - SIGN_SIZE), &w) ||
	    !members_ok(&w))
		return RC_BAD_REQUEST;
	*out = w;
	*octets = rest;
	return RC_OK;
}

enum rc
mpa_warrant_parse(struct slice octets, struct mpa_warrant *out)
{
	struct mpa_warrant w;

	if (mpa_warrant_take(&octets, &w) != RC_OK || octets.n != 0)
		return RC_BAD_REQUEST;
	*out = w;
	return RC_OK;
}

/* ---- writing ---- */

static void
write_fixed(const struct mpa_warrant *w, size_t total, uint8_t *to)
{
	memcpy(to, MAGIC.p, MAGIC.n);
	to[AT_KIND] = (uint8_t)w->kind;
	to[AT_DEPTH] = w->depth;
	be_put(to + AT_TOTAL, total, 2);
	memcpy(to + AT_SERIAL, w->serial, MPA_SERIAL_SIZE);
	be_put(to + AT_NOT_BEFORE, w->not_before, 8);
	be_put(to + AT_NOT_AFTER, w->not_after, 8);
	be_put(to + AT_RIGHTS, w->rights, 4);
	memcpy(to + AT_PARENT, w->parent, DIGEST_SIZE);
	memcpy(to + AT_DELEGATOR, w->delegator.v, SIGN_PUBLIC_SIZE);
	memcpy(to + AT_DELEGATE, w->delegate.v, SIGN_PUBLIC_SIZE);
	memcpy(to + AT_ON_BEHALF, w->on_behalf.v, SIGN_PUBLIC_SIZE);
}

static uint8_t *
write_string(uint8_t *to, struct slice s)
{
	*to = (uint8_t)s.n;
	memcpy(to + 1, s.p, s.n);
	return to + 1 + s.n;
}

enum rc
mpa_warrant_make(const struct mpa_warrant *w, const struct sign_key *key,
                 uint8_t out[MPA_WARRANT_MAX], size_t *n)
{
	struct sign_public own;
	size_t total;
	uint8_t *to = out + AT_STRINGS;

	sign_key_public(key, &own);
	if (!members_ok(w) || !mpa_public_equal(&own, &w->delegator) || !mpa_link_keys_ok(w))
		return RC_BAD_REQUEST;
	total = MPA_WARRANT_FIXED + w->delegator_id.n + w->delegate_id.n + w->on_behalf_id.n +
	        w->scope.n;
	write_fixed(w, total, out);
	to = write_string(to, w->delegator_id);
	to = write_string(to, w->delegate_id);
	to = write_string(to, w->on_behalf_id);
	to = write_string(to, w->scope);
	*n = total;
	return sign_make(key, SIGN_DELEGATE, slice_make(out, total - SIGN_SIZE), to);
}

/* ---- looking at one ---- */

bool
mpa_link_keys_ok(const struct mpa_warrant *w)
{
	return sign_public_ok(&w->delegator) && sign_public_ok(&w->delegate) &&
	       sign_public_ok(&w->on_behalf);
}

enum rc
mpa_warrant_verify(struct slice octets)
{
	struct mpa_warrant w;
	size_t before;

	if (mpa_warrant_parse(octets, &w) != RC_OK)
		return RC_BAD_REQUEST;
	if (!mpa_link_keys_ok(&w))
		return RC_FORBIDDEN;
	before = octets.n - SIGN_SIZE;
	return sign_verify(&w.delegator, SIGN_DELEGATE, slice_head(octets, before),
	                   (const uint8_t *)octets.p + before);
}

enum rc
mpa_warrant_hash(struct slice octets, uint8_t out[DIGEST_SIZE])
{
	return digest_sha256(&octets, 1, out);
}
