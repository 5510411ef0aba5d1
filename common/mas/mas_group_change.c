/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator changes about groups. Everything is looked at before anything is changed. */
#include "config.h"

#include "mas/mas_group_admin.h"
#include "mas/mas_group_impl.h"

struct work {
	struct mas_local *m;
	struct tables_tx *tx;
	struct mas_group_change *c;
	struct mas_effects *effects;
	struct mas_group g;
	unsigned fresh; /* nodes that are no members yet */
	const char *reason; /* of a refusal */
	bool changed;
};

struct kind {
	const char *action;
	enum rc (*check)(struct work *w); /* RC_OK, a refusal with reason, or the store's */
	enum rc (*do_it)(struct work *w);
};

static enum rc
refuse(struct work *w, enum rc rc, const char *reason)
{
	w->reason = reason;
	return rc;
}

static enum rc
trace_node(struct work *w, const char *action, const struct node_id *node)
{
	struct mas_trace t = { .actor = w->c->actor, .action = action, .source = w->c->source };

	return mas_trace_group(w->m, w->tx, &t, w->g.gid, node);
}

/* ---- what is given ---- */

static bool
name_ok(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return false;
	return name.n > 0 && name.n <= MAS_SCL_ID_MAX;
}

static bool
networks_ok(const struct mas_group_change *c)
{
	if (c->n_networks > MAS_GROUP_NETWORKS)
		return false;
	for (unsigned i = 0; i < c->n_networks; i++) {
		if (!name_ok(c->networks[i]))
			return false;
		for (unsigned k = 0; k < i; k++)
			if (slice_eq(c->networks[i], c->networks[k]))
				return false;
	}
	return true;
}

static enum rc
check_terms(struct work *w)
{
	const struct mas_group_change *c = w->c;

	if (c->window > UINT16_MAX || !networks_ok(c) ||
	    (c->lifetime != 0 &&
	     (c->lifetime < CLOCK_SECOND || c->lifetime > MAS_GROUP_LIFETIME_MAX)))
		return refuse(w, RC_BAD_REQUEST, "BAD_PARAM");
	return RC_OK;
}

/* True when a serving network is not among those that are given. */
static bool
is_left_out(const struct mas_group_change *c, const struct mas_network *n)
{
	for (unsigned i = 0; i < c->n_networks; i++)
		if (slice_is(c->networks[i], n->scl_id))
			return false;
	return true;
}

static int64_t
asked_by(const struct mas_group *g, struct slice name)
{
	for (unsigned i = 0; i < g->n_networks; i++)
		if (slice_is(name, g->networks[i].scl_id))
			return g->networks[i].asked;
	return 0;
}

static void
take_terms(struct work *w)
{
	const struct mas_group_change *c = w->c;
	struct mas_group was = w->g;

	if (c->window != 0)
		w->g.window = c->window;
	if (c->lifetime != 0)
		w->g.lifetime = c->lifetime;
	if (c->rekey_on_join != NULL)
		w->g.rekey_on_join = *c->rekey_on_join;
	if (c->networks == NULL)
		return;
	memset(w->g.networks, 0, sizeof(w->g.networks));
	w->g.n_networks = c->n_networks;
	for (unsigned i = 0; i < c->n_networks; i++) {
		(void)string_set(w->g.networks[i].scl_id, MAS_SCL_ID_MAX, c->networks[i]);
		w->g.networks[i].asked = asked_by(&was, c->networks[i]);
	}
}

/* ---- nodes ---- */

/* A node that may become a member; *fresh: it is none yet. */
static enum rc
check_node(struct work *w, const struct node_id *id, bool *fresh)
{
	uint64_t gids[MAS_GROUPS_PER_NODE];
	struct mas_member one;
	struct mas_node node;
	size_t n = 0;
	enum rc rc = mas_member_get(w->tx, w->g.gid, id, &one);

	*fresh = rc == RC_NOT_FOUND;
	if (rc != RC_NOT_FOUND)
		return rc;
	rc = mas_node_get(w->tx, id, &node);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && node.state != MAS_NODE_ENABLED))
		return refuse(w, RC_CONFLICT, "NO_NODE");
	if (rc == RC_OK)
		rc = mas_groups_of(w->tx, id, gids, &n);
	return rc == RC_OK && n == MAS_GROUPS_PER_NODE ? refuse(w, RC_CONFLICT, "TOO_MANY") : rc;
}

static enum rc
check_nodes(struct work *w)
{
	enum rc rc = RC_OK;

	w->fresh = 0;
	if (w->c->n_nodes > MAS_GROUP_MEMBERS)
		return refuse(w, RC_BAD_REQUEST, "BAD_PARAM");
	for (unsigned i = 0; i < w->c->n_nodes && rc == RC_OK; i++) {
		bool fresh;

		rc = check_node(w, &w->c->nodes[i], &fresh);
		w->fresh += fresh;
	}
	if (rc == RC_OK && w->g.members + w->fresh > MAS_GROUP_MEMBERS)
		return refuse(w, RC_CONFLICT, "TOO_MANY");
	return rc;
}

/* One that is named twice joins once. */
static enum rc
enter(struct work *w, const struct node_id *node)
{
	struct mas_member one;
	enum rc rc = mas_member_get(w->tx, w->g.gid, node, &one);

	if (rc != RC_NOT_FOUND)
		return rc;
	rc = mas_group_enter(w->m, w->tx, &w->g, node);
	return rc == RC_OK ? trace_node(w, "group-join", node) : rc;
}

static enum rc
enter_all(struct work *w)
{
	enum rc rc = RC_OK;

	for (unsigned i = 0; i < w->c->n_nodes && rc == RC_OK; i++)
		rc = enter(w, &w->c->nodes[i]);
	return rc;
}

/* ---- kinds ---- */

static enum rc
choose_gid(struct work *w)
{
	struct mas_group other;
	enum rc rc = RC_OK;

	w->g.gid = w->c->asked_gid;
	if (w->g.gid == 0)
		rc = conn_id_make(&w->g.gid);
	while (rc == RC_OK && (rc = mas_group_get(w->tx, w->g.gid, &other)) == RC_OK) {
		if (w->c->asked_gid != 0)
			return refuse(w, RC_CONFLICT, "GID_TAKEN");
		rc = conn_id_make(&w->g.gid);
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
check_make(struct work *w)
{
	enum rc rc = check_terms(w);

	if (rc == RC_OK && w->m->groups >= MAS_GROUPS_MAX)
		return refuse(w, RC_NO_SPACE, "OVERLOAD");
	if (rc == RC_OK)
		rc = choose_gid(w);
	return rc == RC_OK ? check_nodes(w) : rc;
}

static enum rc
make(struct work *w)
{
	enum rc rc;

	w->changed = true;
	w->g.window = MAS_GROUP_WINDOW;
	w->g.lifetime = MAS_GROUP_LIFETIME;
	w->g.rekey_on_join = true;
	w->g.created = clock_now(w->m->conf.clock);
	take_terms(w);
	rc = mas_group_rekey(w->m, w->tx, &w->g);
	if (rc == RC_OK)
		rc = enter_all(w);
	w->c->gid = w->g.gid;
	return rc == RC_OK ? mas_group_put(w->tx, &w->g) : rc;
}

static enum rc
check_join(struct work *w)
{
	return w->c->n_nodes == 0 ? refuse(w, RC_BAD_REQUEST, "BAD_PARAM") : check_nodes(w);
}

/* Who comes gets no key of what was before it, unless the group is told otherwise. */
static enum rc
join(struct work *w)
{
	enum rc rc = RC_OK;

	w->changed = w->fresh > 0;
	if (!w->changed)
		return RC_OK;
	if (w->g.rekey_on_join) {
		rc = mas_group_rekey(w->m, w->tx, &w->g);
		w->c->rekeyed = true;
	}
	if (rc == RC_OK)
		rc = enter_all(w);
	if (rc == RC_OK)
		rc = mas_group_put(w->tx, &w->g);
	return rc == RC_OK && w->g.rekey_on_join ? mas_group_tell(w->effects, &w->g, NULL) : rc;
}

static enum rc
check_leave(struct work *w)
{
	struct mas_member one;

	return w->c->n_nodes != 1 ? refuse(w, RC_BAD_REQUEST, "BAD_PARAM")
	                          : mas_member_get(w->tx, w->g.gid, &w->c->nodes[0], &one);
}

static enum rc
leave(struct work *w)
{
	struct mas_member one;
	enum rc rc = mas_member_get(w->tx, w->g.gid, &w->c->nodes[0], &one);

	w->changed = w->c->rekeyed = true;
	return rc == RC_OK ? mas_group_leave(w->m, w->tx, &w->g, &one, w->effects) : rc;
}

static enum rc
check_nothing(struct work *w)
{
	(void)w;
	return RC_OK;
}

static enum rc
rekey(struct work *w)
{
	enum rc rc = mas_group_rekey(w->m, w->tx, &w->g);

	w->changed = w->c->rekeyed = true;
	return rc == RC_OK ? mas_group_tell(w->effects, &w->g, NULL) : rc;
}

/* Who serves no longer is told with the others: what it has dies with the key. */
static enum rc
set(struct work *w)
{
	struct mas_group was = w->g;
	bool out = false;
	enum rc rc;

	w->changed = true;
	for (unsigned i = 0; w->c->networks != NULL && i < was.n_networks; i++)
		out = out || is_left_out(w->c, &was.networks[i]);
	take_terms(w);
	if (!out)
		return mas_group_put(w->tx, &w->g);
	w->c->rekeyed = true;
	rc = mas_group_rekey(w->m, w->tx, &w->g);
	was.epoch = w->g.epoch;
	return rc == RC_OK ? mas_group_tell(w->effects, &was, NULL) : rc;
}

static enum rc
drop(struct work *w)
{
	enum rc rc = mas_group_drop(w->tx, &w->g, w->effects);

	w->changed = true;
	w->g.epoch = 0;
	return rc;
}

static const struct kind kinds[] = {
	[MAS_GROUP_MAKE] = { "group-make", check_make, make },
	[MAS_GROUP_SET] = { "group-set", check_terms, set },
	[MAS_GROUP_JOIN] = { "group-join", check_join, join },
	[MAS_GROUP_LEAVE] = { "group-leave", check_leave, leave },
	[MAS_GROUP_REKEY] = { "group-rekey", check_nothing, rekey },
	[MAS_GROUP_DELETE] = { "group-delete", check_nothing, drop },
};

/* ---- the job ---- */

/* Also what changed nothing, or was refused, leaves its record. */
static enum rc
trace(struct work *w, const struct kind *k, enum rc rc)
{
	const struct mas_group_change *c = w->c;
	struct mas_trace t = { .actor = c->actor, .action = k->action, .source = c->source };

	if (rc != RC_OK)
		t.result = w->reason != NULL ? w->reason : status_of(rc)->text;
	else if (!w->changed)
		t.result = "nothing to do";
	return mas_trace_group(w->m, w->tx, &t, w->g.gid,
	                       c->kind == MAS_GROUP_LEAVE && c->n_nodes == 1 ? &c->nodes[0] : NULL);
}

/* RC_OK with a refusal in the outcome, or with none. */
static enum rc
change(struct work *w, const struct kind *k)
{
	enum rc rc = RC_OK;

	w->g.gid = w->c->asked_gid;
	if (w->c->kind != MAS_GROUP_MAKE)
		rc = mas_group_get(w->tx, w->c->asked_gid, &w->g);
	if (rc == RC_OK)
		rc = k->check(w);
	if (tables_failure(w->tx) != RC_OK ||
	    (rc != RC_OK && rc != RC_NOT_FOUND && w->reason == NULL))
		return rc;
	if (rc != RC_OK) {
		mas_outcome(&w->c->outcome, rc, w->reason);
		return trace(w, k, rc);
	}
	rc = k->do_it(w);
	w->c->epoch = w->g.epoch;
	return rc == RC_OK ? trace(w, k, rc) : rc;
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_group_change *c = MAS_CALL(j, struct mas_group_change);
	struct work w = { .m = j->self, .tx = tx, .c = c, .effects = mas_job_effects(j) };

	if (w.effects == NULL)
		return RC_UNAVAILABLE;
	c->rekeyed = false;
	mas_outcome(&c->outcome, RC_OK, NULL);
	return change(&w, &kinds[c->kind]);
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_group_change *c = MAS_CALL(j, struct mas_group_change);
	struct mas_local *m = j->self;

	mas_job_settle(j, rc);
	if (rc != RC_OK)
		mas_outcome_failed(&c->outcome, rc);
	if (c->outcome.rc == RC_OK) {
		m->groups += c->kind == MAS_GROUP_MAKE;
		m->groups -= c->kind == MAS_GROUP_DELETE;
		mas_count(m->counters, MAS_COUNT_GROUP_REKEYED, c->rekeyed);
	}
	c->done(c);
}

void
mas_group_change(struct mas_local *m, struct mas_group_change *c)
{
	c->asked_gid = c->gid;
	mas_submit(m, &c->job, run, done);
}
