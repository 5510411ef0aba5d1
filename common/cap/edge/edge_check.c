/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a grant allows what a request asks for. */
#include "config.h"

#include "base/uri.h"
#include "cap/edge/edge_impl.h"
#include "core/identity.h"
#include "core/scl.h"

#define DISCOVERY SLICE_LIT("/discovery")
#define APPLICATIONS SLICE_LIT("/applications")
#define SCLS SLICE_LIT("/scls/")
#define KMA SLICE_LIT("/kma")

/* What a request is about: a path of this SCL, or a URI of another. */
struct aim {
	struct slice path; /* without a slash at the end */
	struct slice uri; /* normalised; empty: it is of this SCL */
	struct slice query;
};

enum edge_reason
edge_check_state(const struct edge *e, const struct edge_grant *g)
{
	if (g->state != EDGE_ENABLED)
		return EDGE_WHY_STATE;
	if (g->expires != 0 && clock_now(e->clock) >= g->expires)
		return EDGE_WHY_EXPIRED;
	return EDGE_PASS;
}

/* ---- targets ---- */

/* What follows sclBase in path; p NULL when it is elsewhere. */
static struct slice
below_base(const struct edge *e, struct slice path)
{
	struct slice base = scl_base_path(e->scl);

	return uri_path_below(path, base) ? slice_from(path, base.n) : SLICE_NONE;
}

bool
edge_is_own_application(const struct edge *e, struct slice path, struct slice app_id)
{
	struct slice rest = below_base(e, path), name = SLICE_NONE;

	if (!uri_path_below(rest, APPLICATIONS) || rest.n <= APPLICATIONS.n + 1)
		return false;
	rest = slice_from(rest, APPLICATIONS.n + 1);
	slice_split(&rest, '/', &name);
	return slice_eq(name, app_id);
}

static struct slice
without_slash(struct slice path)
{
	if (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	return path;
}

/* False for what is no target, or can be read in two ways. */
static bool
aim_of(const struct edge *e, const struct req_input *in, struct arena *arena, struct aim *out)
{
	struct slice whole = in->target;
	struct uri u;

	if (!uri_parse(in->target, &u) || !edge_path_is_plain(u.path))
		return false;
	*out = (struct aim){ .path = without_slash(u.path), .query = u.query };
	if (!identity_foreign(e->scl, in))
		return true;
	if (u.scheme.n == 0)
		whole = ARENA_JOIN(arena, SLICE_LIT("http://"), in->host, u.path);
	out->uri = uri_normalise(arena, whole);
	return out->uri.n > 0;
}

/* ---- operations ---- */

static bool
has_body(const struct req_input *in)
{
	return in->body.n > 0 || (in->has_length && in->content_length > 0);
}

static unsigned
operation_of(const struct req_input *in)
{
	switch (in->op) {
	case REQ_RETRIEVE:
		return EDGE_RETRIEVE;
	case REQ_DELETE:
		return EDGE_DELETE;
	case REQ_CREATE:
		return has_body(in) ? EDGE_CREATE : EDGE_EXECUTE;
	case REQ_UPDATE:
		return has_body(in) ? EDGE_UPDATE : EDGE_UPDATE | EDGE_EXECUTE;
	case REQ_EXECUTE:
		return EDGE_EXECUTE;
	case REQ_OTHER:
		break;
	}
	return 0;
}

/* Resources of device management carry out what is written to them. */
static bool
is_management(struct slice rest)
{
	static const char *const names[] = { "mgmtObjs", "mgmtCmds", "attachedDevices" };
	struct slice seg;

	while (slice_split(&rest, '/', &seg))
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (slice_is(seg, names[i]))
				return true;
	return false;
}

/* The registration of an SCL is its own: what it is, where it is reached. Its collections are not. */
static bool
is_registration(struct slice rest)
{
	static const char *const collections[] = { "containers",     "groups",
		                                   "applications",   "accessRights",
		                                   "subscriptions",  "mgmtObjs",
		                                   "attachedDevices" };
	struct slice name, seg = SLICE_NONE;

	if (slice_is(rest, "/scls"))
		return true;
	if (!slice_starts(rest, SCLS))
		return false;
	rest = slice_from(rest, SCLS.n);
	slice_split(&rest, '/', &name);
	slice_split(&rest, '/', &seg);
	for (size_t i = 0; i < sizeof(collections) / sizeof(collections[0]); i++)
		if (slice_is(seg, collections[i]))
			return false;
	return true;
}

static bool
may_operate(const struct edge_grant *g, const struct req_input *in, struct slice rest)
{
	unsigned op = operation_of(in);

	if (op == 0 || (g->operations & op) != op)
		return false;
	if (op == EDGE_RETRIEVE)
		return true;
	if (is_management(rest) && (g->operations & EDGE_EXECUTE) == 0)
		return false;
	return !is_registration(rest);
}

/* ---- discovery ---- */

/* One searchPrefix, and that is covered. */
static enum edge_reason
check_discovery(const struct edge *e, const struct edge_grant *g, const struct aim *aim,
                const struct req_input *in, struct arena *arena)
{
	struct slice query = aim->query, name, value, prefix = SLICE_NONE;
	int more;

	if ((g->operations & EDGE_DISCOVER) == 0 || in->op != REQ_RETRIEVE)
		return EDGE_WHY_OPERATION;
	while ((more = uri_next_param(arena, &query, &name, &value)) == 1) {
		if (!slice_is(name, "searchPrefix"))
			continue;
		if (prefix.p != NULL)
			return EDGE_WHY_PREFIX;
		prefix = value;
	}
	if (more < 0 || prefix.n == 0)
		return EDGE_WHY_PREFIX;
	return edge_check_reference(e, g, prefix, false);
}

/* ---- a request ---- */

/* What a grant allows without a prefix: to make what one of its prefixes leads to; the own Kma. */
static bool
is_implied(const struct edge_grant *g, struct slice app_id, const struct req_input *in,
           struct slice rest, struct arena *arena, struct slice base)
{
	struct slice own = ARENA_JOIN(arena, base, SLICE_LIT("/applications/"),
	                              uri_encode_segment(arena, app_id));

	if (own.p == NULL)
		return false;
	if (in->op == REQ_CREATE && slice_eq(rest, APPLICATIONS))
		return edge_grant_covers(g, own);
	return in->op == REQ_RETRIEVE && !in->head && g->kma.n > 0 &&
	       slice_eq(rest, ARENA_JOIN(arena, slice_from(own, base.n), KMA));
}

/* To have an SCL triggered is a right of its own. */
static bool
is_trigger(const struct edge_grant *g, const struct req_input *in, struct slice rest)
{
	struct slice name;

	if (in->op != REQ_CREATE || !slice_starts(rest, SCLS))
		return false;
	rest = slice_from(rest, SCLS.n);
	slice_split(&rest, '/', &name);
	return slice_is(rest, "trigger") && edge_texts_have(&g->trigger, name);
}

static enum edge_reason
check_own(const struct edge *e, const struct edge_grant *g, struct slice app_id,
          const struct req_input *in, const struct aim *aim, struct arena *arena)
{
	struct slice rest = below_base(e, aim->path);

	if (uri_path_below(rest, DISCOVERY))
		return check_discovery(e, g, aim, in, arena);
	if (is_trigger(g, in, rest))
		return EDGE_PASS;
	if (!may_operate(g, in, rest))
		return EDGE_WHY_OPERATION;
	if (edge_grant_covers(g, aim->path))
		return EDGE_PASS;
	return is_implied(g, app_id, in, rest, arena, scl_base_path(e->scl)) ? EDGE_PASS
	                                                                     : EDGE_WHY_PREFIX;
}

enum edge_reason
edge_check_request(const struct edge *e, const struct edge_grant *g, struct slice app_id,
                   const struct req_input *in, struct arena *arena)
{
	enum edge_reason why;
	struct aim aim;

	if (!aim_of(e, in, arena, &aim))
		return EDGE_WHY_TARGET;
	if (aim.uri.n == 0)
		why = check_own(e, g, app_id, in, &aim, arena);
	else if (!may_operate(g, in, aim.path))
		why = EDGE_WHY_OPERATION;
	else
		why = edge_grant_covers(g, aim.uri) ? EDGE_PASS : EDGE_WHY_PREFIX;
	if (why == EDGE_PASS && in->contact_uri.p != NULL)
		why = edge_check_contact(e, g, in->contact_uri);
	return why;
}

/* ---- what a request names ---- */

/* The path of a URI of this SCL, p NULL of another's; false when it is none, or ambiguous. */
static bool
path_of(const struct edge *e, struct slice uri, struct slice *path)
{
	struct uri u;

	*path = SLICE_NONE;
	if (!uri_parse(uri, &u))
		return false;
	if (u.scheme.n == 0 || identity_begins_own(e->scl, uri))
		*path = without_slash(u.path);
	return edge_path_is_plain(u.path) || (path->p == NULL && u.path.n == 0);
}

/* A host that is an address is known now; what a name leads to is seen when it is sent to. */
static bool
host_may_be(const struct edge *e, struct slice url)
{
	uint8_t address[16];
	struct slice host;
	struct uri u;

	if (!uri_parse(url, &u))
		return false;
	host = u.host;
	if (host.n > 2 && host.p[0] == '[')
		host = slice_make(host.p + 1, host.n - 2);
	return !network_address_parse(host, address) ||
	       network_address_ok(address, e->reach.permitted, e->reach.n_permitted);
}

enum edge_reason
edge_check_contact(const struct edge *e, const struct edge_grant *g, struct slice url)
{
	struct slice path;

	if (!path_of(e, url, &path))
		return EDGE_WHY_CONTACT;
	if (path.p != NULL)
		return edge_grant_covers(g, path) ? EDGE_PASS : EDGE_WHY_PREFIX;
	if (!edge_grant_contact(g, url))
		return EDGE_WHY_CONTACT;
	return host_may_be(e, url) ? EDGE_PASS : EDGE_WHY_ADDRESS;
}

enum edge_reason
edge_check_reference(const struct edge *e, const struct edge_grant *g, struct slice uri, bool right)
{
	struct slice path;

	if (!path_of(e, uri, &path))
		return EDGE_WHY_TARGET;
	if (path.p == NULL)
		return edge_grant_covers(g, without_slash(uri)) ? EDGE_PASS : EDGE_WHY_PREFIX;
	if (right && below_base(e, path).p != NULL)
		return EDGE_PASS;
	return edge_grant_covers(g, path) ? EDGE_PASS : EDGE_WHY_PREFIX;
}
