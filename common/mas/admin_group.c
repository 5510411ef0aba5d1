/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the groups of group authentication and on who is in them; never with keys. */
#include "config.h"

#include "mas/admin_impl.h"

#include "mas/mas_group_admin.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define GROUP_FIELD(name, member, kind)                                                            \
	{                                                                                          \
		name, kind, false, offsetof(union admin_args, group.member)                        \
	}
#define LIST_FIELD(name, member)                                                                   \
	{                                                                                          \
		name, JSON_TEXT, false, offsetof(union admin_args, list.member)                    \
	}

/* A call of these operations; in the arena of its request. */
struct group_call {
	struct mas_group_change change;
	struct mas_group_query query;
	struct node_id *nodes;
	struct node_id after;
	struct slice networks[MAS_GROUP_NETWORKS];
	char next[NODE_ID_TEXT];
};

static struct group_call *
call_of(const struct admin_call *c)
{
	return c->state;
}

static bool
make_call(struct admin_call *c)
{
	struct group_call *g = ARENA_NEW(c->arena, struct group_call);

	c->state = g;
	if (g == NULL)
		return false;
	*g = (struct group_call){ .change = { .actor = c->actor, .source = c->source, .owner = c },
		                  .query = { .actor = c->actor, .source = c->source, .owner = c } };
	return c->id.p == NULL || conn_id_parse_hex(c->id, &g->change.gid);
}

/* ---- rows ---- */

static void
put_gid(struct buf *b, uint64_t gid)
{
	char text[CONN_ID_HEX];

	conn_id_hex(gid, text);
	json_put_text(b, "gid", slice_of(text));
}

static void
put_group(struct buf *b, const struct mas_group *g)
{
	put_gid(b, g->gid);
	json_put_number(b, "epoch", g->epoch);
	json_put_number(b, "window", g->window);
	json_put_number(b, "expiry", g->lifetime / CLOCK_SECOND);
	json_put_flag(b, "rekeyOnJoin", g->rekey_on_join);
	json_put_number(b, "members", g->members);
	json_put_open(b, "servingNetworks", '[');
	for (unsigned i = 0; i < g->n_networks; i++)
		json_put_text(b, NULL, slice_of(g->networks[i].scl_id));
	buf_char(b, ']');
	json_put_time(b, "created", g->created);
	json_put_time(b, "rekeyed", g->rekeyed);
	json_put_time(b, "previousUntil", g->previous_until);
	json_put_hex(b, "check", g->check, MAS_CHECK_BYTES);
}

static void
put_member(struct buf *b, const struct mas_member *one)
{
	json_put_hex(b, "nodeId", one->node.v, NODE_ID_BYTES);
	json_put_number(b, "firstEpoch", one->first_epoch);
	json_put_number(b, "iv", (int64_t)(one->iv & INT64_MAX));
	json_put_time(b, "joined", one->joined);
}

/* ---- lists ---- */

static void
list_begin(struct mas_group_query *q)
{
	struct admin_call *c = q->owner;

	buf_clear(&c->out);
	buf_char(&c->out, '{');
	json_put_open(&c->out, "groups", '[');
}

static void
list_row(struct mas_group_query *q, const struct mas_group *g, const struct mas_member *one)
{
	struct admin_call *c = q->owner;
	struct group_call *call = call_of(c);

	json_put_open(&c->out, NULL, '{');
	if (g != NULL) {
		put_group(&c->out, g);
		conn_id_hex(g->gid, call->next);
	} else {
		put_member(&c->out, one);
		node_id_text(&one->node, call->next);
	}
	buf_char(&c->out, '}');
	/* The members follow their group. */
	if (g == NULL || q->gid == 0)
		return;
	buf_char(&c->out, ']');
	json_put_open(&c->out, "nodes", '[');
}

static void
list_done(struct mas_group_query *q)
{
	admin_list_end(q->owner, &q->outcome, q->more ? call_of(q->owner)->next : "");
}

static void
list_start(struct admin_call *c)
{
	struct mas_group_query *q = &call_of(c)->query;

	q->begin = list_begin;
	q->row = list_row;
	q->done = list_done;
	mas_group_query(c->admin->conf.mas, q);
}

static enum rc
list_check(struct admin_call *c)
{
	struct slice after = c->args.list.after;
	bool ok = make_call(c);

	ok = ok && admin_limit(c, MAS_PAGE_MAX, &call_of(c)->query.limit);
	return ok && (after.p == NULL || conn_id_parse_hex(after, &call_of(c)->query.after))
	               ? RC_OK
	               : RC_BAD_REQUEST;
}

static enum rc
show_check(struct admin_call *c)
{
	struct slice after = c->args.list.after;
	struct group_call *g;

	if (!make_call(c))
		return RC_BAD_REQUEST;
	g = call_of(c);
	g->query.gid = g->change.gid;
	if (after.p != NULL)
		g->query.after_node = &g->after;
	return admin_limit(c, MAS_PAGE_MAX, &g->query.limit) &&
	                       (after.p == NULL || node_id_parse(after, &g->after))
	               ? RC_OK
	               : RC_BAD_REQUEST;
}

/* ---- changes ---- */

static void
change_done(struct mas_group_change *ch)
{
	struct admin_call *c = ch->owner;

	if (ch->outcome.rc == RC_OK) {
		buf_char(&c->out, '{');
		put_gid(&c->out, ch->gid);
		json_put_number(&c->out, "epoch", ch->epoch);
		buf_char(&c->out, '}');
	}
	admin_outcome(c, &ch->outcome, ch->kind == MAS_GROUP_MAKE ? RC_CREATED : RC_OK);
}

static void
change_begin(struct admin_call *c)
{
	call_of(c)->change.done = change_done;
	mas_group_change(c->admin->conf.mas, &call_of(c)->change);
}

static bool
read_nodes(struct admin_call *c, struct slice list)
{
	struct mas_group_change *ch = &call_of(c)->change;
	struct slice item, text;
	int more;

	if (list.p == NULL)
		return true;
	call_of(c)->nodes = arena_alloc(c->arena, MAS_GROUP_MEMBERS * sizeof(struct node_id));
	ch->nodes = call_of(c)->nodes;
	if (ch->nodes == NULL)
		return false;
	while ((more = json_item(&list, &item)) == 1)
		if (ch->n_nodes == MAS_GROUP_MEMBERS || !json_item_text(item, &text) ||
		    !node_id_parse(text, &call_of(c)->nodes[ch->n_nodes++]))
			return false;
	return more == 0;
}

static bool
read_networks(struct admin_call *c, struct slice list)
{
	struct group_call *g = call_of(c);
	struct slice item;
	int more;

	if (list.p == NULL)
		return true;
	g->change.networks = g->networks;
	while ((more = json_item(&list, &item)) == 1)
		if (g->change.n_networks == MAS_GROUP_NETWORKS ||
		    !json_item_text(item, &g->networks[g->change.n_networks++]))
			return false;
	return more == 0;
}

static enum rc
read_terms(struct admin_call *c, enum mas_group_kind kind)
{
	struct mas_group_change *ch;
	bool ok = make_call(c);

	if (!ok)
		return RC_BAD_REQUEST;
	ch = &call_of(c)->change;
	ch->kind = kind;
	ok = c->args.group.window >= 0 && c->args.group.window <= UINT16_MAX &&
	     c->args.group.expiry >= 0 &&
	     c->args.group.expiry <= MAS_GROUP_LIFETIME_MAX / CLOCK_SECOND &&
	     read_networks(c, c->args.group.networks);
	ch->window = ok ? (unsigned)c->args.group.window : 0;
	ch->lifetime = ok ? c->args.group.expiry * CLOCK_SECOND : 0;
	return ok ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
make_check(struct admin_call *c)
{
	enum rc rc = read_terms(c, MAS_GROUP_MAKE);

	if (rc != RC_OK || !read_nodes(c, c->args.group.members))
		return RC_BAD_REQUEST;
	call_of(c)->change.rekey_on_join = &c->args.group.rekey_on_join;
	return c->args.group.gid.p == NULL ||
	                       conn_id_parse_hex(c->args.group.gid, &call_of(c)->change.gid)
	               ? RC_OK
	               : RC_BAD_REQUEST;
}

static enum rc
set_check(struct admin_call *c)
{
	return read_terms(c, MAS_GROUP_SET);
}

static enum rc
one_node(struct admin_call *c, enum mas_group_kind kind, struct slice node)
{
	struct mas_group_change *ch;

	if (!make_call(c))
		return RC_BAD_REQUEST;
	ch = &call_of(c)->change;
	ch->kind = kind;
	ch->nodes = &call_of(c)->after;
	ch->n_nodes = 1;
	return node_id_parse(node, &call_of(c)->after) ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
join_check(struct admin_call *c)
{
	return one_node(c, MAS_GROUP_JOIN, c->args.group.node);
}

/* groups/GID/members/NODE: the last '*' of the pattern is the node. */
static enum rc
leave_check(struct admin_call *c)
{
	struct slice path = endpoint_rest(c->rq), gid = SLICE_NONE, node = c->id;

	(void)slice_split(&path, '/', &gid);
	(void)slice_split(&path, '/', &gid);
	c->id = gid;
	return one_node(c, MAS_GROUP_LEAVE, node);
}

static enum rc
plain_check(struct admin_call *c)
{
	if (!make_call(c))
		return RC_BAD_REQUEST;
	call_of(c)->change.kind = c->op->method == REQ_DELETE ? MAS_GROUP_DELETE : MAS_GROUP_REKEY;
	return RC_OK;
}

/* ---- all operations ---- */

static const struct json_field make_fields[] = {
	GROUP_FIELD("gid", gid, JSON_TEXT), /* 16 hex digits */
	GROUP_FIELD("members", members, JSON_LIST), /* node ids */
	GROUP_FIELD("window", window, JSON_NUMBER),
	GROUP_FIELD("servingNetworks", networks, JSON_LIST), /* SCL-IDs */
	GROUP_FIELD("expiry", expiry, JSON_NUMBER), /* seconds */
	GROUP_FIELD("rekeyOnJoin", rekey_on_join, JSON_FLAG),
};
static const union admin_args make_absent = { .group = { .rekey_on_join = true } };
static const struct json_field set_fields[] = {
	GROUP_FIELD("window", window, JSON_NUMBER),
	GROUP_FIELD("servingNetworks", networks, JSON_LIST),
	GROUP_FIELD("expiry", expiry, JSON_NUMBER),
};
static const struct json_field join_fields[] = {
	{ "nodeId", JSON_TEXT, true, offsetof(union admin_args, group.node) },
};
static const struct json_field page_fields[] = { LIST_FIELD("after", after),
	                                         LIST_FIELD("limit", limit) };

#define FIELDS(f) .fields = f, .n_fields = NITEMS(f)

const struct admin_op admin_group_ops[] = {
	{ REQ_CREATE, "groups", "group-make", FIELDS(make_fields), .absent = &make_absent,
	  .check = make_check, .begin = change_begin, .at_mas = true },
	{ REQ_RETRIEVE, "groups", "list", FIELDS(page_fields), .check = list_check,
	  .begin = list_start, .at_mas = true },
	{ REQ_RETRIEVE, "groups/*", "show", FIELDS(page_fields), .check = show_check,
	  .begin = list_start, .at_mas = true },
	{ REQ_UPDATE, "groups/*", "group-set", FIELDS(set_fields), .check = set_check,
	  .begin = change_begin, .at_mas = true },
	{ REQ_DELETE, "groups/*", "group-delete", .check = plain_check, .begin = change_begin,
	  .at_mas = true },
	{ REQ_CREATE, "groups/*/members", "group-join", FIELDS(join_fields), .check = join_check,
	  .begin = change_begin, .at_mas = true },
	{ REQ_DELETE, "groups/*/members/*", "group-leave", .check = leave_check,
	  .begin = change_begin, .at_mas = true },
	{ REQ_CREATE, "groups/*/rekey", "group-rekey", .check = plain_check, .begin = change_begin,
	  .at_mas = true },
	{ .path = NULL },
};
