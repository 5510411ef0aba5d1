/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose name an SCL may use: its own and those below its sclBase (its applications). Which URIs
 * that is, is what it registers with; until then it registers, and sees whether there is a sclBase.
 */
#include "config.h"

#include "cap/sec/mid_impl.h"

static bool
is_write(const struct req_input *in)
{
	return in->op != REQ_RETRIEVE;
}

/*
 * Of scls an SCL writes its own scl alone; what belongs to the collection is a matter of access
 * rights. True: the request writes something of the SCL that is named.
 */
static bool
writes_scl(const struct mid *mid, const struct req_input *in, struct arena *arena,
           struct slice *named)
{
	/* Of a registration sclId is in the document. */
	return is_write(in) && identity_in_path(mid->scl, in, arena, named) && named->p != NULL &&
	       !identity_is_of_scls(*named);
}

static enum rc
check_path(struct mid *mid, const struct req_input *in, const struct mid_peer *peer,
           struct arena *arena, struct slice *reason)
{
	struct slice named;

	if (!writes_scl(mid, in, arena, &named) || slice_is(named, peer->scl_id))
		return RC_OK;
	return mid_refuse(RC_FORBIDDEN, "SEC_IDENTITY", reason);
}

enum rc
mid_behalf(struct mid *mid, const struct req_input *in, struct arena *arena, struct slice *reason)
{
	struct registered issuer = { .scl_id = in->scl_id };
	struct slice named, claim;
	enum rc rc = RC_OK;

	if (!writes_scl(mid, in, arena, &named))
		return RC_OK;
	if (issuer.scl_id.p == NULL)
		rc = identity_claimed(in, arena, &claim);
	/* Refused as such afterwards. */
	if (rc != RC_OK)
		return RC_OK;
	if (issuer.scl_id.p == NULL)
		rc = identity_owner(mid->scl, arena, claim, &issuer);
	/* An application here, or somebody who came by its name. */
	if (rc == RC_NOT_FOUND || (rc == RC_OK && slice_eq(named, issuer.scl_id)))
		return RC_OK;
	return rc == RC_OK ? mid_refuse(RC_FORBIDDEN, "SEC_IDENTITY", reason) : rc;
}

/*
 * What an SCL that is not registered asks: for the sclBase, to be registered, and what is its own,
 * where nothing is until then.
 */
static bool
leads_to_registration(const struct mid *mid, const struct req_input *in,
                      const struct mid_peer *peer, struct arena *arena)
{
	struct slice named;

	if (!is_write(in) && identity_is_base(mid->scl, in, arena))
		return true;
	if (!identity_in_path(mid->scl, in, arena, &named))
		return false;
	return named.p == NULL ? in->op == REQ_CREATE : slice_is(named, peer->scl_id);
}

/* What nobody's link covers: an NSCL speaks for its domain, where its SCLs are (mIm). */
static enum rc
check_domain(struct mid *mid, const struct registered *self, struct slice uri, struct arena *arena)
{
	struct registered found;
	enum rc rc;

	/* A gateway or device has no other SCL than its NSCL, which vouches for whoever it names. */
	if (mid->conf.side == MID_NODE)
		return self->nscl ? RC_OK : RC_FORBIDDEN;
	if (!self->peer)
		return RC_FORBIDDEN;
	rc = identity_domain(mid->scl, arena, uri, &found);
	if (rc == RC_NOT_FOUND)
		return RC_FORBIDDEN;
	return rc == RC_OK && !slice_eq(found.scl_id, self->scl_id) ? RC_FORBIDDEN : rc;
}

/* RC_OK: uri (absolute, normalised) is of the SCL; RC_FORBIDDEN. self NULL: it is not registered. */
static enum rc
check_owner(struct mid *mid, const struct registered *self, struct slice uri, struct arena *arena)
{
	struct registered owner;
	enum rc rc = identity_owner(mid->scl, arena, uri, &owner);

	if (rc == RC_OK)
		return self != NULL && slice_eq(owner.scl_id, self->scl_id) ? RC_OK : RC_FORBIDDEN;
	if (rc != RC_NOT_FOUND)
		return rc;
	return self == NULL ? RC_OK : check_domain(mid, self, uri, arena);
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

/* uri may be of this SCL, or nobody's. */
static bool
is_out_of_reach(struct slice uri)
{
	return uri.n == 0 || uri.p[0] == '/' || has_steps(uri);
}

/* The same of one that may not be registered; *known: what was found holds for all its requests. */
static enum rc
check_speaker(struct mid *mid, const struct req_input *in, const struct mid_peer *peer,
              struct slice uri, struct arena *arena, bool *known)
{
	struct registered self;
	enum rc rc;

	*known = false;
	if (is_out_of_reach(uri))
		return RC_FORBIDDEN;
	rc = identity_registered(mid->scl, arena, slice_of(peer->scl_id), &self);
	*known = rc == RC_OK;
	if (rc == RC_OK)
		return check_owner(mid, &self, uri, arena);
	if (rc != RC_NOT_FOUND)
		return rc;
	return leads_to_registration(mid, in, peer, arena) ? check_owner(mid, NULL, uri, arena)
	                                                  : RC_FORBIDDEN;
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

static enum rc
check_claim(struct mid *mid, const struct req_input *in, struct slice claim,
            const struct mid_peer *peer, struct arena *arena, struct slice *reason)
{
	uint64_t generation = identity_generation(mid->scl);
	struct slice uri;
	bool known;
	enum rc rc;

	if (live_noted(mid->conf.live, peer->conn.id, generation, claim))
		return RC_OK;
	uri = identity_comparable(mid->scl, arena, claim);
	/* What is no URI is refused as such afterwards. */
	if (uri.p == NULL)
		return RC_OK;
	rc = check_speaker(mid, in, peer, uri, arena, &known);
	if (rc == RC_FORBIDDEN)
		return mid_refuse(rc, "SEC_IDENTITY", reason);
	if (rc == RC_OK && known)
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
	return check_claim(mid, in, claim, peer, arena, reason);
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
