/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on nodes: credentials by hand (B0), revocation, rotation, settings. */
#include "config.h"

#include "mas/admin_impl.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/times.h"
#include "sec/hex.h"
#include "store/pack.h"

#define ISSUE_FIELD(name, member, kind)                                                            \
	{                                                                                          \
		name, kind, false, offsetof(union admin_args, issue.member)                        \
	}
#define CHANGE_FIELD(name, member, kind, required)                                                 \
	{                                                                                          \
		name, kind, required, offsetof(union admin_args, change.member)                    \
	}
#define SET_FIELD(name, member, kind)                                                              \
	{                                                                                          \
		name, kind, false, offsetof(union admin_args, set.member)                          \
	}
#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- issue ---- */

static const struct json_field issue_fields[] = {
	ISSUE_FIELD("sclId", scl_id, JSON_TEXT),
	ISSUE_FIELD("nodeId", node, JSON_TEXT),
	ISSUE_FIELD("ppid", ppid, JSON_TEXT),
	ISSUE_FIELD("subId", sub_id, JSON_TEXT),
	ISSUE_FIELD("kmr", kmr, JSON_KEY),
	ISSUE_FIELD("kmrIndex", kmr_index, JSON_NUMBER),
	ISSUE_FIELD("lifetime", lifetime, JSON_NUMBER), /* seconds */
};

static bool
issue_ppid(struct admin_call *c)
{
	struct ppid *ppid = ARENA_NEW(c->arena, struct ppid);

	if (c->args.issue.ppid.p == NULL)
		return true;
	if (ppid == NULL || ppid_parse(c->args.issue.ppid, true, ppid) != PPID_OK)
		return false;
	c->u.provision.ppid = ppid_octets(ppid);
	return true;
}

static enum rc
issue_check(struct admin_call *c)
{
	struct mas_provision *p = &c->u.provision;
	int64_t index = c->args.issue.kmr_index, lifetime = c->args.issue.lifetime;

	c->secret = true;
	*p = (struct mas_provision){ .sub_id = c->args.issue.sub_id, .origin = "B0",
		                     .actor = c->actor, .source = c->source, .owner = c,
		                     .kmr = c->args.issue.kmr };
	p->has_kmr = !key_is_zero(&p->kmr);
	p->has_node = c->args.issue.node.p != NULL;
	if (!issue_ppid(c) || (p->has_node && !node_id_parse(c->args.issue.node, &p->node)))
		return RC_BAD_REQUEST;
	if (index < 0 || index > UINT32_MAX || lifetime < 0 ||
	    lifetime > MAS_KMR_LIFETIME_MAX / CLOCK_SECOND || c->args.issue.scl_id.n > MAS_SCL_ID_MAX)
		return RC_BAD_REQUEST;
	p->kmr_index = (uint32_t)index;
	p->lifetime = lifetime * CLOCK_SECOND;
	snprintf(p->scl_id, sizeof(p->scl_id), "%.*s", (int)c->args.issue.scl_id.n,
	         c->args.issue.scl_id.n == 0 ? "" : c->args.issue.scl_id.p);
	return RC_OK;
}

static void
issue_done(struct mas_provision *p)
{
	struct admin_call *c = p->owner;
	struct buf *b = &c->out;

	if (p->outcome.rc == RC_OK) {
		/* At once as long as it gets: no copy of the key stays behind. */
		(void)buf_reserve(b, 1024);
		json_put_open(b, NULL, '{');
		json_put_hex(b, "nodeId", p->node.v, NODE_ID_BYTES);
		json_put_number(b, "kmrIndex", p->kmr_index);
		json_put_text(b, "sclId", slice_of(p->scl_id));
		json_put_time(b, "expires", p->expires);
		/* A key that was brought along is known already. */
		if (!p->has_kmr)
			json_put_key(b, "kmr", &p->kmr);
		buf_char(b, '}');
	}
	admin_outcome(c, &p->outcome, RC_CREATED);
}

static void
issue_begin(struct admin_call *c)
{
	struct mas mas = mas_of(c->admin->conf.mas);

	c->u.provision.done = issue_done;
	mas.ops->provision(mas.self, &c->u.provision);
}

/* ---- changes ---- */

/* A node that the MAS knows may be no device of this MSBF. */
static void
device_done(struct msbf_change *ch)
{
	struct admin_call *c = ch->owner;

	if (ch->outcome.rc == RC_NOT_FOUND)
		ch->outcome.rc = RC_OK;
	admin_outcome(c, &ch->outcome, RC_NO_CONTENT);
}

/* The same at the MSBF, which has a part in some changes. */
static void
change_device(struct admin_call *c, enum msbf_change_kind kind)
{
	c->u.device = (struct msbf_change){ .kind = kind, .by_node = true, .node = c->node,
		                            .actor = c->actor, .source = c->source,
		                            .done = device_done, .owner = c };
	msbf_change(c->admin->conf.msbf, &c->u.device);
}

static void
change_done(struct mas_change *ch)
{
	struct admin_call *c = ch->owner;
	struct mas_outcome outcome = ch->outcome;
	enum mas_change_kind kind = ch->kind;
	const struct admin *a = c->admin;

	if (kind == MAS_ROTATE && outcome.rc == RC_OK && a->rotated != NULL)
		a->rotated(a->rotated_arg, ch->scl_id, c->actor);
	if (outcome.rc != RC_OK || a->conf.msbf == NULL ||
	    (kind != MAS_REVOKE_NODE && kind != MAS_UNLOCK))
		admin_outcome(c, &outcome, RC_NO_CONTENT);
	else
		change_device(c, kind == MAS_UNLOCK ? MSBF_UNLOCK : MSBF_REVOKE);
}

static void
change_begin(struct admin_call *c)
{
	c->u.change.done = change_done;
	mas_change(c->admin->conf.mas, &c->u.change);
}

static enum rc
change_of(struct admin_call *c, enum mas_change_kind kind)
{
	c->u.change = (struct mas_change){ .kind = kind, .node = c->node, .flags = MAS_KEEP_FLAGS,
		                           .actor = c->actor, .source = c->source, .owner = c };
	return RC_OK;
}

static const struct json_field revoke_fields[] = {
	CHANGE_FIELD("scope", scope, JSON_TEXT, true), /* node, kmr, connection */
	CHANGE_FIELD("index", index, JSON_NUMBER, false), /* of Kmr; 0 = all */
	CHANGE_FIELD("connection", connection, JSON_TEXT, false), /* 16 hex digits */
	CHANGE_FIELD("reason", reason, JSON_TEXT, false),
};

static enum rc
revoke_check(struct admin_call *c)
{
	static const struct {
		const char *name;
		enum mas_change_kind kind;
	} scopes[] = { { "node", MAS_REVOKE_NODE }, { "kmr", MAS_REVOKE_KMR },
		       { "connection", MAS_REVOKE_CONNECTION } };
	struct slice reason = c->args.change.reason;
	size_t i = 0;

	while (i < NITEMS(scopes) && !slice_is(c->args.change.scope, scopes[i].name))
		i++;
	if (i == NITEMS(scopes) || c->args.change.index < 0 || c->args.change.index > UINT32_MAX)
		return RC_BAD_REQUEST;
	(void)change_of(c, scopes[i].kind);
	c->u.change.index = (uint32_t)c->args.change.index;
	if (reason.p != NULL && (c->u.change.reason = admin_text(c, reason, AUDIT_RESULT_MAX)) == NULL)
		return RC_BAD_REQUEST;
	if ((c->args.change.index != 0 && scopes[i].kind != MAS_REVOKE_KMR) ||
	    (c->args.change.connection.p != NULL) != (scopes[i].kind == MAS_REVOKE_CONNECTION))
		return RC_BAD_REQUEST;
	if (scopes[i].kind == MAS_REVOKE_CONNECTION &&
	    !conn_id_parse_hex(c->args.change.connection, &c->u.change.connection))
		return RC_BAD_REQUEST;
	return RC_OK;
}

static const struct json_field rotate_fields[] = {
	CHANGE_FIELD("index", index, JSON_NUMBER, false), /* 0 = all */
	CHANGE_FIELD("deadline", deadline, JSON_TEXT, false), /* xs:dateTime; absent = at once */
};

static enum rc
rotate_check(struct admin_call *c)
{
	(void)change_of(c, MAS_ROTATE);
	if (c->args.change.index < 0 || c->args.change.index > UINT32_MAX)
		return RC_BAD_REQUEST;
	c->u.change.index = (uint32_t)c->args.change.index;
	if (c->args.change.deadline.p != NULL &&
	    !times_parse(c->args.change.deadline, &c->u.change.deadline))
		return RC_BAD_REQUEST;
	return RC_OK;
}

static enum rc
unlock_check(struct admin_call *c)
{
	return change_of(c, MAS_UNLOCK);
}

static const struct json_field bind_fields[] = {
	{ "fingerprints", JSON_LIST, true, offsetof(union admin_args, device.fingerprints) },
};

static enum rc
bind_check(struct admin_call *c)
{
	(void)change_of(c, MAS_BIND);
	c->u.change.fingerprints = c->fingerprints;
	return admin_fingerprints(c->args.device.fingerprints, c->fingerprints, MAS_FINGERPRINTS,
	                          &c->u.change.n_fingerprints)
	               ? RC_OK
	               : RC_BAD_REQUEST;
}

/* ---- settings ---- */

static const struct json_field set_fields[] = {
	SET_FIELD("flags", flags, JSON_NUMBER), /* securitymIdFlags */
	SET_FIELD("ivalRequired", ival_required, JSON_NUMBER),
	SET_FIELD("allowedSources", allowed_sources, JSON_TEXT), /* networks, comma between */
	SET_FIELD("subId", sub_id, JSON_TEXT),
	SET_FIELD("priority", priority, JSON_TEXT), /* normal, low */
};

/* A copy in *to, when it was given; false when it is too long. */
static bool
set_text(struct admin_call *c, struct slice s, size_t max, const char **to)
{
	if (s.p == NULL)
		return true;
	*to = admin_text(c, s, max);
	return *to != NULL;
}

/* An address, or a network in CIDR form. */
static bool
network_ok(struct slice s)
{
	unsigned char octets[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	struct slice bits = s, address;
	uint64_t n, max;

	if (!slice_split(&bits, '/', &address) || !string_set(text, sizeof(text) - 1, address))
		return false;
	if (inet_pton(AF_INET, text, octets) == 1)
		max = 32;
	else if (inet_pton(AF_INET6, text, octets) == 1)
		max = 128;
	else
		return false;
	return address.n == s.n || slice_number(bits, max, &n);
}

/* What would silently allow nothing is refused. */
static bool
networks_ok(struct slice list)
{
	struct slice one;

	if (list.n > 0 && list.p[list.n - 1] == ',')
		return false;
	while (list.n > 0 && slice_split(&list, ',', &one)) {
		while (one.n > 0 && one.p[0] == ' ')
			one = slice_from(one, 1);
		if (!network_ok(one))
			return false;
	}
	return true;
}

static enum rc
set_check(struct admin_call *c)
{
	struct mas_change *ch = &c->u.change;

	(void)change_of(c, MAS_SET);
	if (!networks_ok(c->args.set.allowed_sources) ||
	    !set_text(c, c->args.set.allowed_sources, MAS_SOURCES_MAX, &ch->allowed_sources) ||
	    !set_text(c, c->args.set.sub_id, MAS_SUB_ID_MAX, &ch->sub_id))
		return RC_BAD_REQUEST;
	if (c->args.set.flags > UINT16_MAX || c->args.set.ival_required < -1)
		return RC_BAD_REQUEST;
	if (c->args.set.flags >= 0)
		ch->flags = (unsigned)c->args.set.flags;
	c->number = (uint64_t)c->args.set.ival_required;
	if (c->args.set.ival_required >= 0)
		ch->ival_required = &c->number;
	if (c->args.set.priority.p == NULL)
		return RC_OK;
	c->priority = slice_is(c->args.set.priority, "low") ? MAS_PRIORITY_LOW : MAS_PRIORITY_NORMAL;
	ch->priority = &c->priority;
	return c->priority == MAS_PRIORITY_LOW || slice_is(c->args.set.priority, "normal")
	               ? RC_OK
	               : RC_BAD_REQUEST;
}

static const union admin_args set_absent = { .set = { .flags = -1, .ival_required = -1 } };

#define FIELDS(f) .fields = f, .n_fields = NITEMS(f)

const struct admin_op admin_node_ops[] = {
	{ REQ_CREATE, "nodes", "issue", FIELDS(issue_fields), .check = issue_check,
	  .begin = issue_begin, .at_mas = true },
	{ REQ_UPDATE, "nodes/*", "set", FIELDS(set_fields), .absent = &set_absent,
	  .check = set_check, .begin = change_begin, .at_mas = true },
	{ REQ_CREATE, "nodes/*/revoke", "revoke", FIELDS(revoke_fields), .check = revoke_check,
	  .begin = change_begin, .at_mas = true },
	{ REQ_CREATE, "nodes/*/rotate", "rotate", FIELDS(rotate_fields), .check = rotate_check,
	  .begin = change_begin, .at_mas = true },
	{ REQ_CREATE, "nodes/*/unlock", "unlock", .check = unlock_check, .begin = change_begin,
	  .at_mas = true },
	{ REQ_UPDATE, "nodes/*/fingerprints", "bind", FIELDS(bind_fields), .check = bind_check,
	  .begin = change_begin, .at_mas = true },
	{ .path = NULL },
};
