/* SPDX-License-Identifier: Apache-2.0 */
/* What a party checks of another: the same for whoever takes part and whoever looks at it afterwards. */
#include "config.h"

#include "mpa/own.h"

/* ---- proxy signatures ---- */

/* SHA-256(chains) to chains, role || SHA-256(parts) to rest, whose octets are *n. */
static enum rc
to_sign(const struct mpa_signed *what, uint8_t chains[DIGEST_SIZE], uint8_t rest[DIGEST_SIZE + 2],
        size_t *n)
{
	size_t role = strlen(what->role);
	enum rc rc = digest_sha256(what->chains, 2, chains);

	memcpy(rest, what->role, role);
	*n = role + DIGEST_SIZE;
	return rc == RC_OK ? digest_sha256(what->parts, 3, rest + role) : rc;
}

enum rc
mpa_proxy_make(const struct sign_key *key, const struct mpa_signed *what, uint8_t out[SIGN_SIZE])
{
	uint8_t chains[DIGEST_SIZE], rest[DIGEST_SIZE + 2];
	size_t n;
	enum rc rc = to_sign(what, chains, rest, &n);

	return rc == RC_OK ? sign_make_pair(key, SIGN_PROXY, slice_make(chains, DIGEST_SIZE),
	                                    slice_make(rest, n), out)
	                   : rc;
}

enum mpa_cause
mpa_proxy_check(const struct sign_public *p, const struct mpa_signed *what, struct slice signature)
{
	uint8_t chains[DIGEST_SIZE], rest[DIGEST_SIZE + 2];
	size_t n;
	enum rc rc = to_sign(what, chains, rest, &n);

	if (rc == RC_OK)
		rc = sign_verify_pair(p, SIGN_PROXY, slice_make(chains, DIGEST_SIZE),
		                      slice_make(rest, n), (const uint8_t *)signature.p);
	return rc == RC_FORBIDDEN ? MPA_SIGNED : mpa_cause_of(rc);
}

/* ---- the access point ---- */

enum mpa_cause
mpa_ap_look(const struct mpa_ap_look *look, const struct mpa_hello *a2, struct mpa_chain *out)
{
	const struct mpa_terms terms = { .roots = look->cn,
		                         .n_roots = 1,
		                         .kind = MPA_ACCESS_POINT,
		                         .rights = MPA_IS_AP,
		                         .now = look->now,
		                         .revocations = look->revocations,
		                         .cache = look->cache };
	const struct mpa_signed what = { .role = "AP",
		                         .chains = { a2->chain },
		                         .parts = { look->a1, a2->before } };
	enum mpa_cause cause;

	if (mpa_chain_check(a2->chain, &terms, out, &cause) != RC_OK)
		return cause;
	return mpa_proxy_check(&out->last->delegate, &what, a2->signature);
}

/* ---- the device ---- */

/* The chain itself: of the message, of C, of the cache. */
static enum mpa_cause
whole(const struct mpa_device_look *look, struct slice sent, struct slice more, struct slice *out)
{
	uint8_t hash[DIGEST_SIZE];
	size_t at = look->space->n;
	enum rc rc;

	*out = sent;
	if (sent.n != DIGEST_SIZE)
		return sent.n == 0 ? MPA_BOTH : MPA_FINE;
	*out = more;
	if (more.n > 0)
		return digest_sha256(&more, 1, hash) != RC_OK   ? MPA_BROKEN
		       : memcmp(hash, sent.p, DIGEST_SIZE) == 0 ? MPA_FINE
		                                                : MPA_UNKNOWN_CHAIN;
	rc = mpa_cache_get(look->cache, (const uint8_t *)sent.p, look->space);
	*out = slice_make(look->space->p + at, look->space->n - at);
	return rc == RC_NOT_FOUND ? MPA_UNKNOWN_CHAIN : mpa_cause_of(rc);
}

static enum mpa_cause
resolve(const struct mpa_device_look *look, const struct mpa_proof *a3,
        struct mpa_device_chains *out)
{
	static const struct mpa_proof none;
	const struct mpa_proof *more = look->more == NULL ? &none : look->more;
	enum mpa_cause cause;

	/* Once, so that the first chain stays where it is. */
	if (buf_reserve(look->space, 2 * MPA_CHAIN_MAX) == NULL)
		return MPA_NO_MEMORY;
	cause = whole(look, a3->from_cn, more->from_cn, &out->octets[0]);
	return cause == MPA_FINE ? whole(look, a3->from_s, more->from_s, &out->octets[1]) : cause;
}

static enum mpa_cause
chains_hold(const struct mpa_device_look *look, struct mpa_device_chains *out)
{
	struct mpa_terms terms = { .roots = &look->anchors->cn,
		                   .n_roots = 1,
		                   .kind = MPA_DEVICE,
		                   .rights = MPA_IS_DEVICE,
		                   .place = look->place,
		                   .groups = look->groups,
		                   .n_groups = look->n_groups,
		                   .now = look->now,
		                   .revocations = look->revocations,
		                   .cache = look->cache };
	enum mpa_cause cause;

	if (mpa_chain_check(out->octets[0], &terms, &out->from_cn, &cause) != RC_OK)
		return cause;
	terms.roots = look->anchors->servers;
	terms.n_roots = look->anchors->n_servers;
	mpa_chain_check(out->octets[1], &terms, &out->from_s, &cause);
	return cause;
}

/* That party has signed one of the warrants that lead from the principal of the chain to the device. */
static bool
leads_through(const struct mpa_chain *c, const struct sign_public *party)
{
	for (size_t i = 1; i < c->n; i++)
		if (mpa_public_equal(&c->link[i].delegator, party))
			return true;
	return false;
}

/*
 * Both are about the device that has begun the run, and from two principals of whom each has had its
 * part in the other's chain: neither lets a device in by itself.
 */
static enum mpa_cause
same_device(const struct mpa_device_chains *c, struct slice id)
{
	const struct mpa_warrant *a = c->from_cn.last, *b = c->from_s.last;

	if (!mpa_public_equal(&a->delegate, &b->delegate) ||
	    !slice_eq(a->delegate_id, b->delegate_id) ||
	    mpa_public_equal(&a->on_behalf, &b->on_behalf) ||
	    !leads_through(&c->from_cn, &b->on_behalf) || !leads_through(&c->from_s, &a->on_behalf))
		return MPA_BOTH;
	return slice_eq(a->delegate_id, id) ? MPA_FINE : MPA_NAME;
}

enum mpa_cause
mpa_device_look(const struct mpa_device_look *look, const struct mpa_proof *a3,
                struct mpa_device_chains *out)
{
	struct mpa_hello a1;
	enum mpa_cause cause = mpa_a1_parse(look->a1, &a1) ? resolve(look, a3, out) : MPA_FORM;
	struct mpa_signed what = { .role = "D", .parts = { look->a1, look->a2, a3->before } };

	if (cause == MPA_FINE)
		cause = chains_hold(look, out);
	if (cause == MPA_FINE)
		cause = same_device(out, a1.id);
	if (cause != MPA_FINE)
		return cause;
	memcpy(what.chains, out->octets, sizeof(what.chains));
	return mpa_proxy_check(&out->from_cn.last->delegate, &what, a3->signature);
}
