/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of its groups for a node, which gets them over its service connection. */
#include "config.h"

#include "mas/mas_group_impl.h"

static enum rc
take_previous(struct mas_local *m, const struct mas_group *g, struct mas_group_key *out)
{
	enum rc rc = mas_previous_unwrap(m->keys, g, &out->previous);

	if (rc == RC_OK) {
		out->previous_epoch = g->epoch - 1;
		out->previous_until = g->previous_until;
	}
	return rc;
}

/* What a member gets: of the epochs since it came. */
static enum rc
take_keys(struct mas_local *m, struct tables_tx *tx, uint64_t gid, const struct node_id *node,
          struct mas_group_key *out)
{
	struct mas_member one;
	struct mas_group g;
	enum rc rc = mas_group_get(tx, gid, &g);

	if (rc == RC_OK)
		rc = mas_member_get(tx, gid, node, &one);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
	*out = (struct mas_group_key){ .gid = gid, .epoch = g.epoch, .window = g.window };
	rc = mas_gak_unwrap(m->keys, &g, &out->gak);
	if (rc != RC_OK || g.previous.n == 0 || one.first_epoch >= g.epoch ||
	    g.previous_until <= clock_now(m->conf.clock))
		return rc;
	return take_previous(m, &g, out);
}

static enum rc
give_keys(struct mas_local *m, struct tables_tx *tx, struct mas_group_keys *k)
{
	uint64_t gids[MAS_GROUPS_PER_NODE];
	size_t n;
	enum rc rc = mas_groups_of(tx, &k->node, gids, &n);

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = take_keys(m, tx, gids[i], &k->node, &k->all[i]);
		if (rc == RC_OK)
			k->n++;
	}
	return rc;
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_group_keys *k = MAS_CALL(j, struct mas_group_keys);
	char actor[MAS_NSCL_MAX + 1];
	struct mas_trace t = { .actor = mas_actor(k->nscl, actor), .action = "group-keys" };
	struct mas_local *m = j->self;
	struct mas_node node;
	enum rc rc;

	secret_wipe(k->all, sizeof(k->all));
	k->n = 0;
	mas_outcome(&k->outcome, RC_OK, NULL);
	rc = mas_group_may_ask(m, tx, "group-keys", k->nscl, &k->node, &node);
	if (rc == RC_OK && node.state != MAS_NODE_ENABLED)
		rc = RC_FORBIDDEN;
	if (rc == RC_FORBIDDEN) {
		mas_outcome(&k->outcome, RC_FORBIDDEN, "AUTH_FAILED");
		t.result = "AUTH_FAILED";
	} else if (rc == RC_OK) {
		rc = give_keys(m, tx, k);
	}
	if (rc != RC_OK && rc != RC_FORBIDDEN)
		return rc;
	return mas_trace_node(m, tx, &t, &k->node, 0);
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_group_keys *k = MAS_CALL(j, struct mas_group_keys);
	struct mas_local *m = j->self;

	if (rc != RC_OK)
		mas_outcome_failed(&k->outcome, rc);
	if (k->outcome.rc == RC_OK) {
		mas_count(m->counters, MAS_COUNT_GROUP_KEYS, 1);
	} else {
		secret_wipe(k->all, sizeof(k->all));
		k->n = 0;
	}
	k->done(k);
}

void
mas_local_group_keys(void *self, struct mas_group_keys *k)
{
	mas_submit(self, &k->job, run, done);
}
