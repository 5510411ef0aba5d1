/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mpa/own.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- form ---- */

/* Also where each warrant lies. */
static enum mpa_cause
parse(struct slice octets, struct mpa_chain *c, struct mpa_link links[MPA_LINKS_MAX])
{
	*c = (struct mpa_chain){ .not_after = UINT64_MAX };
	if (octets.n == 0)
		return MPA_LINKS;
	while (octets.n > 0) {
		struct slice from = octets;

		if (c->n == MPA_LINKS_MAX)
			return MPA_LINKS;
		if (mpa_warrant_take(&octets, &c->link[c->n]) != RC_OK)
			return MPA_FORM;
		links[c->n] =
			(struct mpa_link){ &c->link[c->n], slice_head(from, from.n - octets.n) };
		if (c->link[c->n].not_after < c->not_after)
			c->not_after = c->link[c->n].not_after;
		c->n++;
	}
	c->last = &c->link[c->n - 1];
	return MPA_FINE;
}

enum rc
mpa_chain_parse(struct slice octets, struct mpa_chain *out, enum mpa_cause *why)
{
	struct mpa_link links[MPA_LINKS_MAX];
	enum mpa_cause cause = parse(octets, out, links);

	if (cause == MPA_FINE)
		cause = mpa_cause_of(digest_sha256(&octets, 1, out->hash));
	return mpa_tell(cause, why);
}

/* ---- from one to the next ---- */

static bool
has_parent(const struct mpa_link *before, const struct mpa_link *next)
{
	uint8_t hash[DIGEST_SIZE];

	return mpa_warrant_hash(before->octets, hash) == RC_OK &&
	       memcmp(hash, next->w->parent, DIGEST_SIZE) == 0;
}

static bool
is_by_delegate(const struct mpa_link *before, const struct mpa_link *next)
{
	return mpa_public_equal(&before->w->delegate, &next->w->delegator) &&
	       slice_eq(before->w->delegate_id, next->w->delegator_id);
}

static bool
is_on_behalf(const struct mpa_link *before, const struct mpa_link *next)
{
	return mpa_public_equal(&before->w->on_behalf, &next->w->on_behalf) &&
	       slice_eq(before->w->on_behalf_id, next->w->on_behalf_id);
}

static bool
is_less_deep(const struct mpa_link *before, const struct mpa_link *next)
{
	return next->w->depth < before->w->depth;
}

static bool
is_within(const struct mpa_link *before, const struct mpa_link *next)
{
	return next->w->not_before >= before->w->not_before &&
	       next->w->not_after <= before->w->not_after;
}

static bool
is_narrower(const struct mpa_link *before, const struct mpa_link *next)
{
	return slice_is(before->w->scope, "*") || slice_eq(before->w->scope, next->w->scope);
}

enum mpa_cause
mpa_link_follows(const struct mpa_link *before, const struct mpa_link *next)
{
	static const struct {
		bool (*holds)(const struct mpa_link *before, const struct mpa_link *next);
		enum mpa_cause cause;
	} rules[] = {
		{ has_parent, MPA_PARENT },      { is_by_delegate, MPA_DELEGATOR },
		{ is_on_behalf, MPA_ON_BEHALF }, { is_less_deep, MPA_DEPTH },
		{ is_within, MPA_PARENT_TIME },  { is_narrower, MPA_SCOPE },
	};

	for (size_t i = 0; i < NITEMS(rules); i++)
		if (!rules[i].holds(before, next))
			return rules[i].cause;
	return MPA_FINE;
}

/* ---- all of it ---- */

struct look {
	const struct mpa_terms *t;
	struct mpa_chain *c;
	struct mpa_link links[MPA_LINKS_MAX];
	struct slice octets;
};

static bool
is_anchor(const struct mpa_anchor *a, const struct mpa_warrant *first)
{
	return mpa_public_equal(&a->key, &first->delegator) &&
	       (a->id.n == 0 || slice_eq(a->id, first->delegator_id));
}

static enum mpa_cause
look_root(const struct look *l)
{
	static const uint8_t none[DIGEST_SIZE];
	const struct mpa_warrant *first = l->c->link;

	if (memcmp(first->parent, none, DIGEST_SIZE) != 0)
		return MPA_ROOT;
	for (l->c->root = 0; l->c->root < l->t->n_roots; l->c->root++)
		if (is_anchor(&l->t->roots[l->c->root], first))
			break;
	if (l->c->root == l->t->n_roots)
		return MPA_ROOT;
	/* A root speaks for itself alone. */
	return mpa_public_equal(&first->on_behalf, &first->delegator) &&
	                       slice_eq(first->on_behalf_id, first->delegator_id)
	               ? MPA_FINE
	               : MPA_ON_BEHALF;
}

static enum mpa_cause
look_links(const struct look *l)
{
	enum mpa_cause cause = MPA_FINE;

	for (size_t i = 1; i < l->c->n && l->links[i].w != NULL && cause == MPA_FINE; i++)
		cause = mpa_link_follows(&l->links[i - 1], &l->links[i]);
	return cause;
}

static enum mpa_cause
look_time(const struct look *l)
{
	uint64_t now = l->t->now < 0 ? 0 : (uint64_t)l->t->now;

	for (size_t i = 0; i < l->c->n; i++) {
		const struct mpa_warrant *w = &l->c->link[i];

		if (w->not_before > now + MPA_TOLERANCE ||
		    (now > MPA_TOLERANCE && now - MPA_TOLERANCE > w->not_after))
			return MPA_TIME;
	}
	return MPA_FINE;
}

/* Access points are the root's own matter: who may certify devices is no operator of a network. */
bool
mpa_may_be_certified(enum mpa_kind kind)
{
	return kind != MPA_ACCESS_POINT;
}

static enum mpa_cause
look_rights(const struct look *l)
{
	for (size_t i = 0; i + 1 < l->c->n; i++) {
		if (l->c->link[i].kind != MPA_AGREEMENT)
			return MPA_KIND;
		if ((l->c->link[i].rights & MPA_MAY_CERTIFY) == 0)
			return MPA_RIGHTS;
	}
	if (l->c->last->kind != l->t->kind)
		return MPA_KIND;
	if (l->c->n > 1 && !mpa_may_be_certified(l->c->last->kind))
		return MPA_RIGHTS;
	return (l->c->last->rights & l->t->rights) == l->t->rights ? MPA_FINE : MPA_RIGHTS;
}

static enum mpa_cause
look_place(const struct look *l)
{
	struct slice scope = l->c->last->scope;
	struct slice place = l->t->place.n == 0 ? l->c->last->delegate_id : l->t->place;

	if (slice_is(scope, "*") || slice_eq(scope, place))
		return MPA_FINE;
	for (size_t i = 0; i < l->t->n_groups; i++)
		if (slice_eq(scope, l->t->groups[i]))
			return MPA_FINE;
	return MPA_SCOPE;
}

static enum mpa_cause
look_revoked(const struct look *l)
{
	const struct mpa_revocations *r = l->t->revocations;
	struct mpa_serial s;

	for (size_t i = 0; r != NULL && i < l->c->n; i++) {
		s.issuer = l->c->link[i].delegator;
		memcpy(s.v, l->c->link[i].serial, MPA_SERIAL_SIZE);
		if (r->revoked(r->arg, &s))
			return MPA_REVOKED;
	}
	return MPA_FINE;
}

static enum mpa_cause
look_keys(const struct look *l)
{
	for (size_t i = 0; i < l->c->n; i++)
		if (!mpa_link_keys_ok(&l->c->link[i]))
			return MPA_WEAK_KEY;
	return MPA_FINE;
}

static enum mpa_cause
look_signatures(const struct look *l)
{
	if (digest_sha256(&l->octets, 1, l->c->hash) != RC_OK)
		return MPA_BROKEN;
	l->c->known = mpa_cache_has(l->t->cache, l->c->hash);
	for (size_t i = 0; !l->c->known && i < l->c->n; i++) {
		enum rc rc = mpa_warrant_verify(l->links[i].octets);

		if (rc != RC_OK)
			return rc == RC_FORBIDDEN ? MPA_LINK_SIGNED : mpa_cause_of(rc);
	}
	return MPA_FINE;
}

enum rc
mpa_chain_check(struct slice octets, const struct mpa_terms *terms, struct mpa_chain *out,
                enum mpa_cause *why)
{
	static enum mpa_cause (*const rules[])(const struct look *) = {
		look_root,  look_links,   look_time, look_rights,
		look_place, look_revoked, look_keys, look_signatures,
	};
	struct look l = { .t = terms, .c = out, .octets = octets };
	enum mpa_cause cause = parse(octets, out, l.links);

	for (size_t i = 0; i < NITEMS(rules) && cause == MPA_FINE; i++)
		cause = rules[i](&l);
	return mpa_tell(cause, why);
}
