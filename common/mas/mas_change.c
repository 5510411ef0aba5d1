/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator changes: revocation, rotation, binding to devices, settings. */
#include "config.h"

#include "mas/mas_group_impl.h"

struct work {
	struct mas_local *m;
	struct tables_tx *tx;
	struct mas_change *c;
	struct mas_effects *effects;
	struct mas_node node;
	bool changed;
};

/* One kind of change. do_it works on the node, which is stored and traced after it. */
struct kind {
	const char *action;
	bool of_node; /* the node must be there */
	enum rc (*do_it)(struct work *w);
};

/* ---- revocation ---- */

static enum rc
revoke_kmrs(struct work *w, uint32_t index)
{
	struct mas_kmrs kmrs;
	bool found = index == 0;
	enum rc rc = mas_kmrs_of(w->tx, &w->node.id, &kmrs);

	for (size_t i = 0; i < kmrs.n && rc == RC_OK; i++) {
		if (index != 0 && kmrs.all[i].index != index)
			continue;
		found = true;
		w->changed = w->changed || kmrs.all[i].state != MAS_KMR_REVOKED;
		rc = mas_kmr_revoke(w->m, w->tx, &kmrs.all[i], w->effects);
	}
	/* An index that was issued once has nothing left that could be revoked. */
	if (rc == RC_OK && !found && index > w->node.last_kmr)
		return RC_NOT_FOUND;
	return rc;
}

static enum rc
revoke_node(struct work *w)
{
	struct mas_conn_wish all = { .wants = mas_wants_all };
	struct mas_effect gone = { .kind = EFFECT_NODE_GONE, .node = w->node.id, .why = MAS_REVOKED };
	struct mas_trace t = { .actor = w->c->actor, .action = "group-leave",
		               .result = w->c->reason, .source = w->c->source };
	enum rc rc = revoke_kmrs(w, 0);

	if (rc == RC_OK)
		rc = mas_conns_end(w->m, w->tx, &w->node.id, &all, MAS_REVOKED, w->effects);
	w->changed = w->changed || w->node.state != MAS_NODE_REVOKED;
	w->node.state = MAS_NODE_REVOKED;
	if (rc == RC_OK)
		rc = mas_groups_leave(w->m, w->tx, &w->node.id, &t, w->effects);
	return rc != RC_OK ? rc : mas_effect(w->effects, &gone);
}

static enum rc
revoke_kmr(struct work *w)
{
	enum rc rc = revoke_kmrs(w, w->c->index);

	return rc == RC_OK && w->changed ? mas_groups_void(w->tx, &w->node.id, w->effects) : rc;
}

static enum rc
revoke_connection(struct work *w)
{
	struct mas_trace t = { .actor = w->c->actor, .action = "revoke-connection",
		               .result = w->c->reason, .source = w->c->source };
	struct mas_conn conn;
	enum rc rc = mas_conn_get(w->tx, w->c->connection, &conn);

	if (rc == RC_OK && !node_id_eq(&conn.node, &w->c->node))
		rc = RC_NOT_FOUND;
	if (rc != RC_OK || conn.state == MAS_CONN_ENDED)
		return rc;
	w->changed = true;
	rc = mas_conn_end(w->m, w->tx, &conn, MAS_REVOKED, w->effects);
	return rc != RC_OK ? rc : mas_trace_conn(w->m, w->tx, &t, &conn);
}

/* ---- the others ---- */

static enum rc
rotate(struct work *w)
{
	int64_t now = clock_now(w->m->conf.clock);
	struct mas_kmrs kmrs;
	bool found = false;
	enum rc rc = mas_kmrs_of(w->tx, &w->node.id, &kmrs);

	for (size_t i = 0; i < kmrs.n && rc == RC_OK; i++) {
		struct mas_kmr *k = &kmrs.all[i], was = *k;

		if ((w->c->index != 0 && k->index != w->c->index) ||
		    (k->state != MAS_KMR_PENDING && k->state != MAS_KMR_ACTIVE))
			continue;
		found = w->changed = true;
		k->deadline = w->c->deadline > now ? w->c->deadline : now;
		rc = mas_kmr_store(w->tx, k, &was);
	}
	return rc == RC_OK && !found ? RC_NOT_FOUND : rc;
}

static enum rc
unlock(struct work *w)
{
	w->changed = true;
	w->node.failures = 0;
	w->node.last_reason[0] = '\0';
	return RC_OK;
}

static enum rc
bind_devices(struct work *w)
{
	if (w->c->n_fingerprints > MAS_FINGERPRINTS)
		return RC_BAD_REQUEST;
	w->changed = true;
	w->node.n_fingerprints = w->c->n_fingerprints;
	memset(w->node.fingerprints, 0, sizeof(w->node.fingerprints));
	if (w->c->n_fingerprints > 0)
		memcpy(w->node.fingerprints, w->c->fingerprints,
		       w->c->n_fingerprints * sizeof(w->node.fingerprints[0]));
	return RC_OK;
}

static bool
settings_ok(const struct mas_change *c)
{
	return (c->flags == MAS_KEEP_FLAGS || c->flags <= UINT16_MAX) &&
	       (c->allowed_sources == NULL || strlen(c->allowed_sources) <= MAS_SOURCES_MAX) &&
	       (c->sub_id == NULL || strlen(c->sub_id) <= MAS_SUB_ID_MAX) &&
	       (c->ival_required == NULL || *c->ival_required <= INT64_MAX) &&
	       (c->priority == NULL || *c->priority <= MAS_PRIORITY_LOW);
}

/* Whoever has the keys in memory has the class beside them. */
static enum rc
tell_class(struct work *w)
{
	struct mas_kmrs kmrs;
	enum rc rc = mas_kmrs_of(w->tx, &w->node.id, &kmrs);

	for (size_t i = 0; i < kmrs.n && rc == RC_OK; i++) {
		struct mas_effect e = { .kind = EFFECT_CLASS, .node = w->node.id,
			                .index = kmrs.all[i].index,
			                .class = mas_class_of(&w->node, &kmrs.all[i]) };

		rc = mas_effect(w->effects, &e);
	}
	return rc;
}

static enum rc
set(struct work *w)
{
	const struct mas_change *c = w->c;

	if (!settings_ok(c))
		return RC_BAD_REQUEST;
	w->changed = true;
	if (c->flags != MAS_KEEP_FLAGS)
		w->node.flags = c->flags;
	if (c->allowed_sources != NULL)
		(void)string_set(w->node.allowed_sources, MAS_SOURCES_MAX, slice_of(c->allowed_sources));
	if (c->sub_id != NULL)
		(void)string_set(w->node.sub_id, MAS_SUB_ID_MAX, slice_of(c->sub_id));
	if (c->ival_required != NULL)
		w->node.ival_required = *c->ival_required;
	if (c->priority != NULL)
		w->node.priority = *c->priority;
	return c->priority != NULL ? tell_class(w) : RC_OK;
}

static const struct kind kinds[] = {
	[MAS_REVOKE_NODE] = { "revoke-node", true, revoke_node },
	[MAS_REVOKE_KMR] = { "revoke-kmr", true, revoke_kmr },
	[MAS_REVOKE_CONNECTION] = { "revoke-connection", false, revoke_connection },
	[MAS_ROTATE] = { "rotate", true, rotate },
	[MAS_UNLOCK] = { "unlock", true, unlock },
	[MAS_BIND] = { "bind", true, bind_devices },
	[MAS_SET] = { "set", true, set },
};

/* ---- the job ---- */

/* Also what changed nothing, or was refused, leaves its record. */
static enum rc
trace(struct work *w, const struct kind *k, enum rc rc)
{
	struct mas_trace t = { .actor = w->c->actor, .action = k->action, .result = w->c->reason,
		               .source = w->c->source };

	if (rc != RC_OK)
		t.result = status_of(rc)->text;
	else if (!w->changed)
		t.result = "nothing to do";
	else if (!k->of_node)
		return RC_OK;
	return mas_trace_node(w->m, w->tx, &t, &w->c->node, w->c->index);
}

static enum rc
change(struct work *w, const struct kind *k)
{
	enum rc rc = k->of_node ? mas_node_get(w->tx, &w->c->node, &w->node) : RC_OK;

	if (rc == RC_OK && k->of_node)
		(void)string_set(w->c->scl_id, MAS_SCL_ID_MAX, slice_of(w->node.scl_id));
	if (rc == RC_OK)
		rc = k->do_it(w);
	if (rc == RC_OK && k->of_node && w->changed)
		rc = mas_node_put(w->tx, &w->node);
	if (tables_failure(w->tx) != RC_OK ||
	    (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_BAD_REQUEST))
		return rc;
	if (rc != RC_OK)
		mas_outcome(&w->c->outcome, rc, rc == RC_BAD_REQUEST ? "BAD_PARAM" : NULL);
	return trace(w, k, rc);
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_change *c = MAS_CALL(j, struct mas_change);
	struct work w = { .m = j->self, .tx = tx, .c = c, .effects = mas_job_effects(j) };

	if (w.effects == NULL)
		return RC_UNAVAILABLE;
	mas_outcome(&c->outcome, RC_OK, NULL);
	return change(&w, &kinds[c->kind]);
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_change *c = MAS_CALL(j, struct mas_change);
	struct mas_local *m = j->self;

	mas_job_settle(j, rc);
	if (rc != RC_OK)
		mas_outcome_failed(&c->outcome, rc);
	if (c->outcome.rc == RC_OK && c->kind == MAS_UNLOCK)
		failures_clear(m->failures, slice_make(c->node.v, NODE_ID_BYTES), SLICE_NONE);
	if (c->outcome.rc == RC_OK && c->kind <= MAS_REVOKE_CONNECTION)
		mas_count(m->counters, MAS_COUNT_REVOKED, 1);
	c->done(c);
}

void
mas_change(struct mas_local *m, struct mas_change *c)
{
	mas_submit(m, &c->job, run, done);
}
