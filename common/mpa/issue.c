/* SPDX-License-Identifier: Apache-2.0 */
/* Warrants that will hold where they are made for. */
#include "config.h"

#include "mpa/own.h"

/* Below its parent; MPA_FORM when that is no warrant. */
static enum mpa_cause
inherit(struct slice parent, struct mpa_warrant *above, struct mpa_warrant *w)
{
	if (mpa_warrant_parse(parent, above) != RC_OK)
		return MPA_FORM;
	w->delegator_id = above->delegate_id;
	w->on_behalf = above->on_behalf;
	w->on_behalf_id = above->on_behalf_id;
	return mpa_cause_of(mpa_warrant_hash(parent, w->parent));
}

static enum mpa_cause
fits_below(struct slice parent, const struct mpa_warrant *above, const struct mpa_warrant *w)
{
	const struct mpa_link before = { above, parent }, next = { w, SLICE_NONE };

	if (above->kind != MPA_AGREEMENT)
		return MPA_KIND;
	if ((above->rights & MPA_MAY_CERTIFY) == 0 || !mpa_may_be_certified(w->kind))
		return MPA_RIGHTS;
	return mpa_link_follows(&before, &next);
}

static enum mpa_cause
issue(const struct mpa_grant *g, const struct sign_key *key, const struct mpa_random *random,
      struct buf *out)
{
	struct mpa_warrant w = { .kind = g->kind,
		                 .depth = g->depth,
		                 .not_before = g->not_before,
		                 .not_after = g->not_after,
		                 .rights = g->rights,
		                 .delegate = g->delegate,
		                 .delegator_id = g->issuer_id,
		                 .delegate_id = g->delegate_id,
		                 .on_behalf_id = g->issuer_id,
		                 .scope = g->scope };
	uint8_t octets[MPA_WARRANT_MAX];
	enum mpa_cause cause = MPA_FINE;
	struct mpa_warrant above;
	enum rc rc;
	size_t n;

	sign_key_public(key, &w.delegator);
	w.on_behalf = w.delegator;
	if (g->parent.n > 0)
		cause = inherit(g->parent, &above, &w);
	if (cause == MPA_FINE && g->parent.n > 0)
		cause = fits_below(g->parent, &above, &w);
	if (cause != MPA_FINE)
		return cause;
	rc = mpa_random_fill(random, w.serial, sizeof(w.serial));
	if (rc == RC_OK)
		rc = mpa_warrant_make(&w, key, octets, &n);
	if (rc == RC_BAD_REQUEST)
		return MPA_FORM;
	if (rc == RC_OK)
		buf_add(out, octets, n);
	return rc == RC_OK && out->failed ? MPA_NO_SPACE : mpa_cause_of(rc);
}

enum rc
mpa_warrant_issue(const struct mpa_grant *g, const struct sign_key *key,
                  const struct mpa_random *random, struct buf *out, enum mpa_cause *why)
{
	return mpa_tell(issue(g, key, random, out), why);
}
