/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_group_table.h"

#include "mas/mas_record.h"

/* Keys: G GID -> group; g GID, node -> member; h node, GID -> ""; S node -> sequence number. */

#define RECORD_MAX_OCTETS 8192u
#define GID_BYTES 8u

static struct table_key
group_key(char table, uint64_t gid)
{
	struct table_key k = table_key(table);

	table_key_number(&k, gid, GID_BYTES);
	return k;
}

static struct table_key
member_key(uint64_t gid, const struct node_id *node)
{
	struct table_key k = group_key('g', gid);

	table_key_add(&k, node->v, NODE_ID_BYTES);
	return k;
}

static struct table_key
of_node_key(const struct node_id *node, uint64_t gid)
{
	struct table_key k = table_key_of('h', node->v, NODE_ID_BYTES);

	table_key_number(&k, gid, GID_BYTES);
	return k;
}

/* ---- groups ---- */

static void
read_networks(struct unpack *u, struct mas_group *g)
{
	g->n_networks = (unsigned)unpack_number(u, 1, MAS_GROUP_NETWORKS);
	for (unsigned i = 0; i < g->n_networks; i++) {
		unpack_string(u, g->networks[i].scl_id, MAS_SCL_ID_MAX);
		g->networks[i].asked = unpack_time(u);
	}
}

static bool
group_read(struct slice key, struct slice val, struct mas_group *g)
{
	struct unpack u = mas_record_open(val), name = unpack_of(slice_from(key, 1));

	memset(g, 0, sizeof(*g));
	g->gid = unpack_number(&name, GID_BYTES, UINT64_MAX);
	g->epoch = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	mas_record_unpack_wrapped(&u, &g->gak);
	unpack_into(&u, g->check, MAS_CHECK_BYTES);
	mas_record_unpack_wrapped(&u, &g->previous);
	g->previous_until = unpack_time(&u);
	g->window = (unsigned)unpack_number(&u, 2, UINT16_MAX);
	g->lifetime = unpack_time(&u);
	g->rekey_on_join = unpack_flag(&u);
	g->created = unpack_time(&u);
	g->rekeyed = unpack_time(&u);
	g->members = (unsigned)unpack_number(&u, 2, MAS_GROUP_MEMBERS);
	read_networks(&u, g);
	return unpack_done(&u) && unpack_done(&name) && g->gid != 0 && g->epoch != 0 &&
	       g->window != 0;
}

static void
group_write(struct buf *b, const struct mas_group *g)
{
	buf_be(b, g->epoch, 4);
	mas_record_pack_wrapped(b, &g->gak);
	buf_add(b, g->check, MAS_CHECK_BYTES);
	mas_record_pack_wrapped(b, &g->previous);
	buf_be(b, (uint64_t)g->previous_until, 8);
	buf_be(b, g->window, 2);
	buf_be(b, (uint64_t)g->lifetime, 8);
	buf_be(b, g->rekey_on_join, 1);
	buf_be(b, (uint64_t)g->created, 8);
	buf_be(b, (uint64_t)g->rekeyed, 8);
	buf_be(b, g->members, 2);
	buf_be(b, g->n_networks, 1);
	for (unsigned i = 0; i < g->n_networks; i++) {
		pack_text(b, slice_of(g->networks[i].scl_id));
		buf_be(b, (uint64_t)g->networks[i].asked, 8);
	}
}

enum rc
mas_group_get(struct tables_tx *tx, uint64_t gid, struct mas_group *out)
{
	struct table_key k = group_key('G', gid);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	return group_read(table_key_view(&k), val, out) ? RC_OK : RC_INTERNAL;
}

enum rc
mas_group_put(struct tables_tx *tx, const struct mas_group *g)
{
	struct buf b;

	mas_record_begin(&b, RECORD_MAX_OCTETS);
	group_write(&b, g);
	return mas_record_put(tx, group_key('G', g->gid), &b);
}

enum rc
mas_group_del(struct tables_tx *tx, uint64_t gid)
{
	struct table_key k = group_key('G', gid);

	return tables_del(tx, table_key_view(&k));
}

/* A scan that decodes; damaged ends it. */
struct walk {
	union {
		mas_group_visit *group;
		mas_member_visit *member;
	} visit;
	void *arg;
	bool damaged;
};

static enum rc
walk_done(enum rc rc, const struct walk *w)
{
	return rc == RC_OK && w->damaged ? RC_INTERNAL : rc;
}

static bool
walk_group(void *arg, struct slice key, struct slice val)
{
	struct walk *w = arg;
	struct mas_group g;

	w->damaged = !group_read(key, val, &g);
	return !w->damaged && w->visit.group(w->arg, &g);
}

enum rc
mas_group_scan(struct tables_tx *tx, uint64_t after, size_t limit, mas_group_visit *visit,
               void *arg)
{
	struct walk w = { .visit.group = visit, .arg = arg };
	struct table_key from = group_key('G', after);

	return walk_done(
		tables_scan(tx, SLICE_LIT("G"), table_key_view(&from), limit, walk_group, &w), &w);
}

/* ---- members ---- */

static bool
member_read(struct slice key, struct slice val, struct mas_member *one)
{
	struct unpack u = mas_record_open(val), name = unpack_of(slice_from(key, 1));

	memset(one, 0, sizeof(*one));
	one->gid = unpack_number(&name, GID_BYTES, UINT64_MAX);
	unpack_into(&name, one->node.v, NODE_ID_BYTES);
	one->iv = unpack_number(&u, 8, UINT64_MAX);
	one->first_epoch = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	one->joined = unpack_time(&u);
	return unpack_done(&u) && unpack_done(&name);
}

enum rc
mas_member_get(struct tables_tx *tx, uint64_t gid, const struct node_id *node,
               struct mas_member *out)
{
	struct table_key k = member_key(gid, node);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	return member_read(table_key_view(&k), val, out) ? RC_OK : RC_INTERNAL;
}

enum rc
mas_member_put(struct tables_tx *tx, const struct mas_member *one)
{
	struct table_key of_node = of_node_key(&one->node, one->gid);
	struct buf b;
	enum rc rc;

	mas_record_begin(&b, RECORD_MAX_OCTETS);
	buf_be(&b, one->iv, 8);
	buf_be(&b, one->first_epoch, 4);
	buf_be(&b, (uint64_t)one->joined, 8);
	rc = mas_record_put(tx, member_key(one->gid, &one->node), &b);
	if (rc == RC_OK && !tables_has(tx, table_key_view(&of_node)))
		rc = tables_put(tx, table_key_view(&of_node), SLICE_NONE);
	return rc;
}

enum rc
mas_member_del(struct tables_tx *tx, const struct mas_member *one)
{
	struct table_key k = member_key(one->gid, &one->node);
	struct table_key of_node = of_node_key(&one->node, one->gid);
	enum rc rc = tables_del(tx, table_key_view(&k));

	return rc != RC_OK ? rc : tables_del(tx, table_key_view(&of_node));
}

static bool
walk_member(void *arg, struct slice key, struct slice val)
{
	struct walk *w = arg;
	struct mas_member one;

	w->damaged = !member_read(key, val, &one);
	return !w->damaged && w->visit.member(w->arg, &one);
}

enum rc
mas_member_scan(struct tables_tx *tx, uint64_t gid, const struct node_id *after, size_t limit,
                mas_member_visit *visit, void *arg)
{
	struct walk w = { .visit.member = visit, .arg = arg };
	struct table_key prefix = group_key('g', gid), from = { .n = 0 };

	if (after != NULL)
		from = member_key(gid, after);
	return walk_done(tables_scan(tx, table_key_view(&prefix), table_key_view(&from), limit,
	                             walk_member, &w),
	                 &w);
}

struct gids {
	uint64_t *gids;
	size_t n;
};

static bool
collect_gid(void *arg, struct slice key, struct slice val)
{
	struct unpack u = unpack_of(slice_from(key, 1 + NODE_ID_BYTES));
	struct gids *to = arg;

	(void)val;
	to->gids[to->n++] = unpack_number(&u, GID_BYTES, UINT64_MAX);
	return true;
}

enum rc
mas_groups_of(struct tables_tx *tx, const struct node_id *node, uint64_t gids[MAS_GROUPS_PER_NODE],
              size_t *n)
{
	struct table_key prefix = table_key_of('h', node->v, NODE_ID_BYTES);
	struct gids to = { .gids = gids };
	enum rc rc = tables_scan(tx, table_key_view(&prefix), SLICE_NONE, MAS_GROUPS_PER_NODE,
	                         collect_gid, &to);

	*n = to.n;
	return rc;
}

/* ---- sequence numbers ---- */

enum rc
mas_sqn_get(struct tables_tx *tx, const struct node_id *node, uint64_t *sqn)
{
	struct table_key k = table_key_of('S', node->v, NODE_ID_BYTES);
	struct unpack u;
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	*sqn = 0;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	u = mas_record_open(val);
	*sqn = unpack_number(&u, 8, UINT64_MAX);
	return unpack_done(&u) ? RC_OK : RC_INTERNAL;
}

enum rc
mas_sqn_put(struct tables_tx *tx, const struct node_id *node, uint64_t sqn)
{
	struct buf b;

	mas_record_begin(&b, RECORD_MAX_OCTETS);
	buf_be(&b, sqn, 8);
	return mas_record_put(tx, table_key_of('S', node->v, NODE_ID_BYTES), &b);
}
