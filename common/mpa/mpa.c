/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/be.h"
#include "mpa/own.h"

static const struct {
	const char *text;
	enum rc rc;
} causes[MPA_CAUSES] = {
	[MPA_FINE] = { "fine", RC_OK },
	[MPA_FORM] = { "form", RC_BAD_REQUEST },
	[MPA_LINKS] = { "links", RC_FORBIDDEN },
	[MPA_ROOT] = { "root", RC_FORBIDDEN },
	[MPA_PARENT] = { "parent", RC_FORBIDDEN },
	[MPA_DELEGATOR] = { "delegator", RC_FORBIDDEN },
	[MPA_ON_BEHALF] = { "on_behalf", RC_FORBIDDEN },
	[MPA_DEPTH] = { "depth", RC_FORBIDDEN },
	[MPA_PARENT_TIME] = { "parent_time", RC_FORBIDDEN },
	[MPA_TIME] = { "time", RC_FORBIDDEN },
	[MPA_RIGHTS] = { "rights", RC_FORBIDDEN },
	[MPA_KIND] = { "kind", RC_FORBIDDEN },
	[MPA_SCOPE] = { "scope", RC_FORBIDDEN },
	[MPA_REVOKED] = { "revoked", RC_FORBIDDEN },
	[MPA_WEAK_KEY] = { "weak_key", RC_FORBIDDEN },
	[MPA_LINK_SIGNED] = { "link_signed", RC_FORBIDDEN },
	[MPA_BOTH] = { "both", RC_FORBIDDEN },
	[MPA_NAME] = { "name", RC_FORBIDDEN },
	[MPA_SHARE] = { "share", RC_FORBIDDEN },
	[MPA_REFLECTED] = { "reflected", RC_FORBIDDEN },
	[MPA_SIGNED] = { "signed", RC_FORBIDDEN },
	[MPA_CONFIRM] = { "confirm", RC_FORBIDDEN },
	[MPA_UNKNOWN_CHAIN] = { "unknown_chain", RC_PRECONDITION },
	[MPA_STATE] = { "state", RC_CONFLICT },
	[MPA_OTHER_RUN] = { "other_run", RC_FORBIDDEN },
	[MPA_NO_MEMORY] = { "no_memory", RC_UNAVAILABLE },
	[MPA_NO_SPACE] = { "no_space", RC_NO_SPACE },
	[MPA_BROKEN] = { "broken", RC_INTERNAL },
};

const char *
mpa_cause_text(enum mpa_cause cause)
{
	return (unsigned)cause < MPA_CAUSES ? causes[cause].text : causes[MPA_BROKEN].text;
}

enum rc
mpa_cause_rc(enum mpa_cause cause)
{
	return (unsigned)cause < MPA_CAUSES ? causes[cause].rc : RC_INTERNAL;
}

enum rc
mpa_tell(enum mpa_cause cause, enum mpa_cause *why)
{
	if (why != NULL)
		*why = cause;
	return mpa_cause_rc(cause);
}

enum mpa_cause
mpa_cause_of(enum rc rc)
{
	return rc == RC_OK            ? MPA_FINE
	       : rc == RC_UNAVAILABLE ? MPA_NO_MEMORY
	       : rc == RC_NO_SPACE    ? MPA_NO_SPACE
	                              : MPA_BROKEN;
}

bool
mpa_id_ok(struct slice id)
{
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] < 0x21 || id.p[i] > 0x7e)
			return false;
	return id.n >= 1 && id.n <= MPA_ID_MAX;
}

void
mpa_id_text(struct slice id, char out[MPA_ID_MAX + 1])
{
	if (!slice_copy(id, out, MPA_ID_MAX + 1))
		out[0] = '\0';
}

bool
mpa_take_lv(struct slice *rest, unsigned size, struct slice *out)
{
	struct slice length, copy = *rest;

	if (!mpa_take(&copy, size, &length) || !mpa_take(&copy, be_get(length.p, size), out))
		return false;
	*rest = copy;
	return true;
}

bool
mpa_public_equal(const struct sign_public *a, const struct sign_public *b)
{
	return memcmp(a->v, b->v, SIGN_PUBLIC_SIZE) == 0;
}

enum rc
mpa_random_fill(const struct mpa_random *r, void *out, size_t n)
{
	return r == NULL ? secret_random(out, n) : r->fill(r->arg, out, n);
}
