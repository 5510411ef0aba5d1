/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose name an SCL may use: its own and those below its sclBase (its applications). Which URIs
 * that is, is what it registers with; until then any that are nobody's.
 */
#include "config.h"

#include "cap/sec/mid_impl.h"

static bool
is_write(const struct req_input *in)
{
	return in->op != REQ_RETRIEVE;
}

/* What it may write of scls is its own. */
static enum rc
check_path(struct mid *mid, const struct req_input *in, const struct mid_peer *peer,
           struct arena *arena, struct slice *reason)
{
	struct slice named;

	if (!is_write(in) || !identity_in_path(mid->scl, in, arena, &named))
		return RC_OK;
	/* Of a registration sclId is in the document. */
	if (named.p == NULL ? in->op == REQ_CREATE : slice_is(named, peer->scl_id))
		return RC_OK;
	return mid_refuse(RC_FORBIDDEN, "SEC_IDENTITY", reason);
}

/* RC_OK: uri (absolute, normalised) is of the SCL; RC_FORBIDDEN. */
static enum rc
check_owner(struct mid *mid, const struct mid_peer *peer, struct slice uri, struct arena *arena)
{
	struct registered self, owner;
	enum rc rc = identity_registered(mid->scl, arena, slice_of(peer->scl_id), &self);
	bool known = rc == RC_OK;

	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	rc = identity_owner(mid->scl, arena, uri, &owner);
	if (rc == RC_OK)
		return slice_is(owner.scl_id, peer->scl_id) ? RC_OK : RC_FORBIDDEN;
	if (rc != RC_NOT_FOUND)
		return rc;
	/* An NSCL of another provider speaks for its SCLs, which are not registered here (mIm). */
	return !known || self.nscl ? RC_OK : RC_FORBIDDEN;
}

static enum rc
fill_issuer(struct mid *mid, struct req_input *in, const struct mid_peer *peer,
            struct arena *arena)
{
	struct registered self;
	enum rc rc = identity_registered(mid->scl, arena, slice_of(peer->scl_id), &self);

	if (rc == RC_OK)
		in->from = self.link;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Steps up and in place are never resolved, so no URI with one is anybody's. */
static bool
has_steps(struct slice uri)
{
	struct slice seg;

	while (slice_split(&uri, '/', &seg))
		if (slice_is(seg, ".") || slice_is(seg, ".."))
			return true;
	return false;
}

static enum rc
check_claim(struct mid *mid, struct slice claim, const struct mid_peer *peer, struct arena *arena,
            struct slice *reason)
{
	uint64_t generation = identity_generation(mid->scl);
	struct slice uri;
	enum rc rc;

	if (live_noted(mid->conf.live, peer->conn.id, generation, claim))
		return RC_OK;
	uri = identity_comparable(mid->scl, arena, claim);
	/* What is no URI is refused as such afterwards. */
	if (uri.n == 0)
		return RC_OK;
	rc = uri.p[0] == '/' || has_steps(uri) ? RC_FORBIDDEN : check_owner(mid, peer, uri, arena);
	if (rc == RC_FORBIDDEN)
		return mid_refuse(rc, "SEC_IDENTITY", reason);
	if (rc == RC_OK)
		live_note(mid->conf.live, peer->conn.id, generation, claim);
	return rc;
}

enum rc
mid_check_issuer(struct mid *mid, struct req_input *in, const struct mid_peer *peer,
                 struct arena *arena, struct slice *reason)
{
	struct slice claim;
	enum rc rc = check_path(mid, in, peer, arena, reason);

	if (rc != RC_OK)
		return rc;
	rc = identity_claimed(in, arena, &claim);
	if (rc == RC_NO_ORIGINATOR)
		return fill_issuer(mid, in, peer, arena);
	/* The same. */
	if (rc == RC_BAD_REQUEST)
		return RC_OK;
	return check_claim(mid, claim, peer, arena, reason);
}

/* What is no URI is refused as such afterwards, and a path is of this SCL. */
static bool
is_owned(struct mid *mid, struct slice claim, struct arena *arena)
{
	uint64_t generation = identity_generation(mid->scl);
	struct registered owner;
	struct slice uri;
	enum rc rc;

	if (mid_names_has(mid->names, generation, claim))
		return false;
	uri = identity_comparable(mid->scl, arena, claim);
	if (uri.n == 0 || uri.p[0] == '/')
		return false;
	rc = identity_owner(mid->scl, arena, uri, &owner);
	if (rc == RC_NOT_FOUND)
		mid_names_add(mid->names, generation, claim);
	return rc != RC_NOT_FOUND;
}

bool
mid_is_of_scl(struct mid *mid, const struct req_listener *listener, const struct req_input *in,
              struct arena *arena)
{
	struct slice claim, named;

	/* Where mId is not served, the name of an SCL is no better. */
	if ((listener->serve & (SERVE_MIA | SERVE_DIA)) == 0 || mid->scl == NULL)
		return (listener->serve & SERVE_MID) != 0;
	if (in->op == REQ_CREATE && identity_in_path(mid->scl, in, arena, &named) && named.p == NULL)
		return true;
	if (identity_claimed(in, arena, &claim) != RC_OK)
		return false;
	/* A path is of this SCL, as most are. */
	return claim.p[0] != '/' && !identity_begins_own(mid->scl, claim) &&
	       is_owned(mid, claim, arena);
}
