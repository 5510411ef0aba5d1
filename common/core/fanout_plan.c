/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request to membersContent asks of the members, found out on the serving thread before
 * fanout.c takes it up.
 */
#include "config.h"

#include "base/ident.h"
#include "core/fanout.h"
#include "core/hooks.h"
#include "core/route.h"

/* Octets of a status without what it says. */
#define STATUS_FRAME 200u

/* Upper bound of the octets of s in any syntax. */
static size_t
written_length(struct slice s)
{
	size_t n = s.n;

	for (size_t i = 0; i < s.n; i++)
		if (strchr("&<>\"'\\", s.p[i]) != NULL)
			n += 5;
	return n;
}

size_t
fanout_status_length(const struct scl *scl, struct slice member, struct slice suffix)
{
	return STATUS_FRAME + 2 * written_length(member) + written_length(scl->own.root) +
	       written_length(suffix);
}

static bool
is_hex(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f') ||
		      (s.p[i] >= 'A' && s.p[i] <= 'F')))
			return false;
	return s.n % 2 == 0;
}

/* X-etsi-group-request-id is hexBinary (TS 102 921 annex C). */
static enum rc
take_id(struct req *rq, struct fanout_plan *plan)
{
	char secret[IDENT_SECRET_LEN + 1];

	plan->id = rq->in.group_request_id;
	if (plan->id.n > REQUEST_ID_MAX || !is_hex(plan->id))
		return req_fail(rq, RC_BAD_REQUEST,
		                "X-etsi-group-request-id is no hexBinary of up to %u digits",
		                REQUEST_ID_MAX);
	if (plan->id.n > 0)
		return RC_OK;
	ident_secret(secret);
	plan->id = arena_copy(rq->arena, slice_of(secret));
	return plan->id.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* The answer is a document; the members' own may be anything else, too (contents). */
static enum rc
take_accept(struct req *rq, struct fanout_plan *plan)
{
	bool covered = false;

	for (const char *const *m = rq->out_codec->accepted; *m != NULL; m++)
		covered = covered || accept_covers(rq->in.accept, slice_of(*m));
	if (!covered)
		return media_not_acceptable(rq);
	plan->accept = arena_printf(rq->arena, "%s, */*;q=0.5", rq->out_codec->accepted[0]);
	return plan->accept.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
take_suffix(struct req *rq, struct fanout_plan *plan)
{
	int64_t type = val_num(rq->target.node->vals, A_MEMBER_TYPE, MEMBER_MIXED);
	struct slice rest = rq->target.rest;

	if (rest.n == 0)
		return RC_OK;
	if (type != MEMBER_MIXED && !suffix_makes_sense(rq->arena, member_element(type), rest))
		return req_fail(rq, RC_BAD_REQUEST, "members of this memberType have no such part");
	plan->suffix = ARENA_JOIN(rq->arena, SLICE_LIT("/"), rest);
	return plan->suffix.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
take_members(struct req *rq, struct fanout_plan *plan)
{
	for (const struct val *v = group_members(rq->target.node); v != NULL; v = v->next) {
		plan->members++;
		plan->reserve += fanout_status_length(rq->scl, v->text, plan->suffix);
	}
	if (plan->reserve + STATUS_FRAME > rq->conf->answer_max)
		return req_fail(rq, RC_UNAVAILABLE,
		                "the answers of so many members are over the limit");
	return RC_OK;
}

static bool
creates_subscription(const struct req *rq)
{
	struct slice rest = rq->target.rest, segment, last = SLICE_NONE;

	while (rest.n > 0 && slice_split(&rest, '/', &segment))
		last = segment;
	return rq->in.op == REQ_CREATE && (slice_is(last, "subscriptions") || slice_is(last, "SU"));
}

/* Which members are on SCLs of Release 1. */
static enum rc
find_release1(struct req *rq, struct fanout_plan *plan)
{
	bool *is = ARENA_ARRAY(rq->arena, bool, plan->members + 1);
	size_t n = 0;

	if (is == NULL)
		return RC_UNAVAILABLE;
	for (const struct val *v = group_members(rq->target.node); v != NULL; v = v->next) {
		struct arena_mark mark = arena_mark(rq->arena);

		is[n++] = route_release(rq->scl, rq->tx, v->text) == 1;
		arena_rewind(rq->arena, mark);
	}
	plan->release1 = is;
	return RC_OK;
}

static enum rc
members_content_prepare(struct req *rq)
{
	struct fanout_plan *plan = ARENA_NEW(rq->arena, struct fanout_plan);

	if (plan == NULL)
		return RC_UNAVAILABLE;
	TRY(take_accept(rq, plan));
	TRY(take_id(rq, plan));
	TRY(take_suffix(rq, plan));
	TRY(take_members(rq, plan));
	if (!creates_subscription(rq) || !aggregation_prepare(rq, &plan->aggregation))
		plan->aggregation = (struct aggregation){ .body = rq->in.body };
	else
		TRY(find_release1(rq, plan));
	rq->taken = plan;
	rq->take = fanout_take;
	return RC_PENDING;
}

const struct hooks hooks_members_content = { .prepare = members_content_prepare };
