/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains. First octet even: the rest are octets of a chain. Odd: the rest are changes of W1 and W3, each
 * of link, place, octet, after which both are signed as they should be; what is then accepted must hold
 * by rules that are written here once more.
 */
#include "config.h"

#include "base/be.h"
#include "mpa/chain.h"
#include "mpa_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mpa_terms
terms_of(const struct mpa_parties *p)
{
	return (struct mpa_terms){ .roots = &p->cn,
		                   .n_roots = 1,
		                   .kind = MPA_DEVICE,
		                   .rights = MPA_IS_DEVICE,
		                   .place = SLICE_LIT(PARTIES_PLACE),
		                   .now = PARTIES_NOW };
}

/* Whether w may be used at all, around now. */
static void
must_be_now(const struct mpa_warrant *w)
{
	must(w->not_before <= (uint64_t)PARTIES_NOW + 60 &&
	     w->not_after >= (uint64_t)PARTIES_NOW - 60);
}

static void
must_follow(const struct mpa_warrant *a, const struct mpa_warrant *b)
{
	must(a->kind == MPA_AGREEMENT && (a->rights & 1) != 0 && b->depth < a->depth);
	must(memcmp(a->delegate.v, b->delegator.v, 32) == 0);
	must(memcmp(a->on_behalf.v, b->on_behalf.v, 32) == 0);
	must(slice_eq(a->delegate_id, b->delegator_id) &&
	     slice_eq(a->on_behalf_id, b->on_behalf_id));
	must(b->not_before >= a->not_before && b->not_after <= a->not_after);
	must(slice_is(a->scope, "*") || slice_eq(a->scope, b->scope));
}

static void
must_hold(const struct mpa_chain *c, const struct mpa_parties *p)
{
	const struct mpa_warrant *last = &c->link[c->n - 1];
	static const uint8_t none[DIGEST_SIZE];

	must(c->n >= 1 && c->n <= MPA_LINKS_MAX && c->last == last && c->root == 0);
	must(memcmp(c->link[0].delegator.v, p->pub[P_CN].v, 32) == 0 &&
	     memcmp(c->link[0].on_behalf.v, p->pub[P_CN].v, 32) == 0 &&
	     memcmp(c->link[0].parent, none, sizeof(none)) == 0);
	for (size_t i = 0; i < c->n; i++) {
		must_be_now(&c->link[i]);
		if (i > 0)
			must_follow(&c->link[i - 1], &c->link[i]);
	}
	must(last->kind == MPA_DEVICE && (last->rights & 2) != 0);
	must(slice_is(last->scope, "*") || slice_is(last->scope, PARTIES_PLACE));
}

static void
check(struct slice octets)
{
	const struct mpa_parties *p = parties();
	const struct mpa_terms terms = terms_of(p);
	enum mpa_cause why = MPA_CAUSES;
	struct mpa_chain c;
	enum rc rc = mpa_chain_check(octets, &terms, &c, &why);

	must(rc == mpa_cause_rc(why) && why < MPA_UNKNOWN_CHAIN);
	must((rc == RC_OK) == (why == MPA_FINE));
	if (rc == RC_OK)
		must_hold(&c, p);
}

/* Signs one, whose length may have been changed: by who made it at first. */
static void
sign_again(struct mpa_made *w, unsigned who)
{
	must(sign_make(parties()->key[who], SIGN_DELEGATE, slice_make(w->v, w->n - SIGN_SIZE),
	               w->v + w->n - SIGN_SIZE) == RC_OK);
}

static void
check_changed(struct slice changes)
{
	const struct mpa_parties *p = parties();
	struct mpa_made w[2] = { p->w[0], p->w[2] };
	uint8_t all[2 * MPA_WARRANT_MAX];
	bool parent = true;

	for (; changes.n >= 3; changes = slice_from(changes, 3)) {
		const uint8_t *at = (const uint8_t *)changes.p;
		struct mpa_made *one = &w[at[0] & 1];
		size_t place = at[1] + (at[0] & 2 ? 172u : 0u);

		if (place < one->n - SIGN_SIZE)
			one->v[place] = at[2];
		parent = parent && (at[0] & 4) == 0;
	}
	sign_again(&w[0], P_CN);
	if (parent)
		must(mpa_warrant_hash(slice_make(w[0].v, w[0].n), w[1].v + 44) == RC_OK);
	sign_again(&w[1], P_S);
	check(slice_make(all, parties_chain(&w[0], &w[1], all)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0)
		check(slice_make(data + 1, size - 1));
	else
		check_changed(slice_make(data + 1, size - 1));
	return 0;
}
