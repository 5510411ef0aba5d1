/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to groups and to who is in them, each in the transaction of whatever makes it happen. */
#include "config.h"

#include <stdio.h>

#include "mas/mas_group_impl.h"
#include "sec/digest.h"

static struct mas_due
group_due(const struct mas_group *g)
{
	return (struct mas_due){ .when = g->previous_until,
		                 .kind = MAS_TIMER_GROUP,
		                 .connection = g->gid };
}

/* ---- keys ---- */

static enum rc
new_key(struct mas_local *m, struct mas_group *g)
{
	struct key gak;
	enum rc rc = key_random(&gak);

	if (rc == RC_OK)
		rc = mas_gak_wrap(m->keys, &gak, g);
	key_wipe(&gak);
	return rc;
}

enum rc
mas_group_rekey(struct mas_local *m, struct tables_tx *tx, struct mas_group *g)
{
	struct mas_due due = group_due(g);
	enum rc rc = RC_OK;

	if (g->epoch == UINT32_MAX)
		return RC_NO_SPACE;
	if (g->previous_until != 0)
		rc = mas_due_del(tx, &due);
	/* A group that is being made has no key yet. */
	g->previous = g->gak;
	g->rekeyed = clock_now(m->conf.clock);
	g->previous_until = g->epoch == 0 ? 0 : g->rekeyed + MAS_GROUP_OVERLAP;
	g->epoch++;
	if (rc == RC_OK)
		rc = new_key(m, g);
	if (rc == RC_OK && g->previous_until != 0) {
		due = group_due(g);
		rc = mas_due_put(tx, &due);
	}
	return rc == RC_OK ? mas_group_put(tx, g) : rc;
}

enum rc
mas_group_time(struct mas_local *m, struct tables_tx *tx, const struct mas_due *d, int64_t now)
{
	struct mas_trace t = { .actor = "timer", .action = "group-epoch-over" };
	struct mas_group g;
	enum rc rc = mas_due_del(tx, d);

	if (rc == RC_OK)
		rc = mas_group_get(tx, d->connection, &g);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc != RC_OK || g.previous_until == 0 || g.previous_until > now)
		return rc;
	memset(&g.previous, 0, sizeof(g.previous));
	g.previous_until = 0;
	rc = mas_group_put(tx, &g);
	return rc != RC_OK ? rc : mas_trace_group(m, tx, &t, g.gid, NULL);
}

/* ---- who is told ---- */

enum rc
mas_serving_id(struct slice scl_id, struct node_id *out)
{
	const struct slice parts[] = { SLICE_LIT("m2m1 snid"), scl_id };
	uint8_t hash[DIGEST_SIZE];
	enum rc rc = digest_sha256(parts, 2, hash);

	if (rc == RC_OK)
		memcpy(out->v, hash, NODE_ID_BYTES);
	return rc;
}

enum rc
mas_group_tell(struct mas_effects *e, const struct mas_group *g, const struct node_id *removed)
{
	struct mas_group_event *one;
	enum rc rc = RC_OK;

	if (e->n_groups == sizeof(e->groups) / sizeof(e->groups[0]))
		return RC_NO_SPACE;
	one = &e->groups[e->n_groups++];
	*one = (struct mas_group_event){ .gid = g->gid,
		                         .epoch = g->epoch,
		                         .removed = removed != NULL };
	if (removed != NULL)
		one->node = *removed;
	for (unsigned i = 0; i < g->n_networks && rc == RC_OK; i++)
		rc = mas_serving_id(slice_of(g->networks[i].scl_id),
		                    &one->serving[one->n_serving++]);
	return rc;
}

enum rc
mas_trace_group(struct mas_local *m, struct tables_tx *tx, const struct mas_trace *t, uint64_t gid,
                const struct node_id *node)
{
	char text[AUDIT_OBJECT_MAX], group[CONN_ID_HEX], id[NODE_ID_TEXT];

	conn_id_hex(gid, group);
	if (node == NULL) {
		snprintf(text, sizeof(text), "group %s", group);
	} else {
		node_id_text(node, id);
		snprintf(text, sizeof(text), "group %s node %s", group, id);
	}
	return mas_trace_text(m, tx, t, slice_of(text));
}

/* ---- members ---- */

/*
 * A member's counters are above all that any record of it has ever had, also one of a group of the
 * same name that is gone, or of a store that is older than the device: it begins with the time, of
 * which far fewer than one is used in a microsecond.
 */
enum rc
mas_group_enter(struct mas_local *m, struct tables_tx *tx, struct mas_group *g,
                const struct node_id *node)
{
	int64_t now = clock_now(m->conf.clock);
	const struct mas_member one = { .gid = g->gid,
		                        .node = *node,
		                        .iv = (uint64_t)now,
		                        .first_epoch = g->epoch,
		                        .joined = now };

	g->members++;
	return mas_member_put(tx, &one);
}

enum rc
mas_group_leave(struct mas_local *m, struct tables_tx *tx, struct mas_group *g,
                const struct mas_member *one, struct mas_effects *e)
{
	enum rc rc = mas_member_del(tx, one);

	g->members -= g->members > 0;
	if (rc == RC_OK)
		rc = mas_group_rekey(m, tx, g);
	return rc != RC_OK ? rc : mas_group_tell(e, g, &one->node);
}

struct collected {
	struct mas_member *all;
	size_t n;
};

static bool
collect(void *arg, const struct mas_member *one)
{
	struct collected *to = arg;

	to->all[to->n++] = *one;
	return true;
}

#define DROP_STEP 64u

enum rc
mas_group_drop(struct tables_tx *tx, const struct mas_group *g, struct mas_effects *e)
{
	struct mas_due due = group_due(g);
	struct mas_group gone = *g;
	struct mas_member some[DROP_STEP];
	struct collected to = { .all = some };
	enum rc rc = g->previous_until == 0 ? RC_OK : mas_due_del(tx, &due);

	do {
		to.n = 0;
		if (rc == RC_OK)
			rc = mas_member_scan(tx, g->gid, NULL, DROP_STEP, collect, &to);
		for (size_t i = 0; i < to.n && rc == RC_OK; i++)
			rc = mas_member_del(tx, &some[i]);
	} while (rc == RC_OK && to.n == DROP_STEP);
	if (rc == RC_OK)
		rc = mas_group_del(tx, g->gid);
	gone.epoch = 0;
	return rc != RC_OK ? rc : mas_group_tell(e, &gone, NULL);
}

/* ---- nodes that are revoked ---- */

static enum rc
leave_one(struct mas_local *m, struct tables_tx *tx, uint64_t gid, const struct node_id *node,
          struct mas_effects *e)
{
	struct mas_member one;
	struct mas_group g;
	enum rc rc = mas_group_get(tx, gid, &g);

	if (rc == RC_OK)
		rc = mas_member_get(tx, gid, node, &one);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
	return mas_group_leave(m, tx, &g, &one, e);
}

enum rc
mas_groups_leave(struct mas_local *m, struct tables_tx *tx, const struct node_id *node,
                 const struct mas_trace *t, struct mas_effects *e)
{
	uint64_t gids[MAS_GROUPS_PER_NODE];
	size_t n;
	enum rc rc = mas_groups_of(tx, node, gids, &n);

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = leave_one(m, tx, gids[i], node, e);
		if (rc == RC_OK)
			rc = mas_trace_group(m, tx, t, gids[i], node);
	}
	return rc;
}

enum rc
mas_groups_void(struct tables_tx *tx, const struct node_id *node, struct mas_effects *e)
{
	uint64_t gids[MAS_GROUPS_PER_NODE];
	struct mas_group g;
	size_t n;
	enum rc rc = mas_groups_of(tx, node, gids, &n);

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = mas_group_get(tx, gids[i], &g);
		if (rc == RC_OK)
			rc = mas_group_tell(e, &g, NULL);
	}
	return rc;
}
