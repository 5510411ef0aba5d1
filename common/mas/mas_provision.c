/* SPDX-License-Identifier: Apache-2.0 */
/* A new Kmr of a node, known or new: what follows a bootstrap, or credentials made by hand. */
#include "config.h"

#include "mas/mas_impl.h"

/* What run works on. */
struct work {
	struct mas_local *m;
	struct tables_tx *tx;
	struct mas_provision *p;
	struct mas_effects *effects;
	struct mas_node node;
	struct mas_kmrs kmrs;
	uint8_t ppid_hash[PPID_HASH];
	bool is_new;
};

/* A refusal; what is kept is its audit record. */
static enum rc
refuse(struct work *w, enum rc rc, const char *reason)
{
	const struct mas_provision *p = w->p;
	struct mas_trace t = { .actor = p->actor == NULL ? "msbf" : p->actor,
		               .action = "provision",
		               .result = reason,
		               .source = p->source };

	mas_outcome(&w->p->outcome, rc, reason);
	return mas_trace_node(w->m, w->tx, &t, &w->node.id, p->kmr_index);
}

/* ---- which node ---- */

static enum rc
by_ppid(struct work *w, struct node_id *id)
{
	struct ppid ppid;
	enum rc rc;

	if (w->p->ppid.n == 0)
		return RC_NOT_FOUND;
	ppid.n = (uint8_t)w->p->ppid.n;
	memcpy(ppid.v, w->p->ppid.p, ppid.n);
	rc = ppid_hash(&ppid, w->ppid_hash);
	return rc != RC_OK ? rc : mas_node_by_ppid(w->tx, w->ppid_hash, id);
}

static enum rc
new_node(struct work *w)
{
	const struct mas_conf *conf = &w->m->conf;
	enum rc rc = RC_OK;

	if (w->m->nodes >= conf->nodes_max)
		return RC_NO_SPACE;
	w->is_new = true;
	w->node = (struct mas_node){ .state = MAS_NODE_ENABLED,
		                     .flags = conf->flags,
		                     .ival_required = conf->ival_required,
		                     .created = clock_now(conf->clock) };
	if (w->p->has_node)
		w->node.id = w->p->node;
	else
		rc = node_id_make(slice_of(w->m->sp_id), &w->node.id);
	return rc;
}

static void
tie_ppid(struct work *w)
{
	if (w->p->ppid.n == 0)
		return;
	w->node.has_ppid = true;
	memcpy(w->node.ppid_hash, w->ppid_hash, PPID_HASH);
}

/* RC_CONFLICT: ppid and node id are of two nodes. */
static enum rc
find_node(struct work *w)
{
	struct node_id id;
	enum rc rc = by_ppid(w, &id);
	bool known = rc == RC_OK;

	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if (known && w->p->has_node && !node_id_eq(&id, &w->p->node))
		return RC_CONFLICT;
	if (!known && w->p->has_node)
		id = w->p->node;
	rc = known || w->p->has_node ? mas_node_get(w->tx, &id, &w->node) : RC_NOT_FOUND;
	if (rc == RC_NOT_FOUND && known)
		return RC_INTERNAL;
	if (rc == RC_NOT_FOUND)
		rc = new_node(w);
	else if (rc == RC_OK && !known && w->p->ppid.n > 0 && w->node.has_ppid)
		return RC_CONFLICT;
	if (rc == RC_OK)
		tie_ppid(w);
	return rc;
}

/* The SCL-ID of a new node: the one that it asks for, or the text of its id. */
static enum rc
name_node(struct work *w)
{
	struct node_id other;
	enum rc rc;

	if (!w->is_new)
		return RC_OK;
	if (w->p->scl_id[0] == '\0')
		node_id_text(&w->node.id, w->node.scl_id);
	else
		memcpy(w->node.scl_id, w->p->scl_id, sizeof(w->node.scl_id));
	rc = mas_node_by_scl(w->tx, slice_of(w->node.scl_id), &other);
	if (rc == RC_OK)
		return RC_CONFLICT;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* ---- which Kmr ---- */

static bool
choose_index(struct work *w)
{
	uint32_t last = w->node.last_kmr;

	if (w->p->kmr_index == 0 && last < UINT32_MAX)
		w->p->kmr_index = last + 1;
	if (w->p->kmr_index > last)
		return true;
	w->p->kmr_index = last;
	return false;
}

static enum rc
erase(struct work *w, const struct mas_kmr *k, const char *action)
{
	struct mas_trace t = { .actor = w->p->actor == NULL ? "msbf" : w->p->actor,
		               .action = action };
	enum rc rc = mas_kmr_erase(w->m, w->tx, k, MAS_ENDED, w->effects);

	return rc != RC_OK ? rc : mas_trace_node(w->m, w->tx, &t, &k->node, k->index);
}

/* A key that was issued and never used gives way to the new one. */
static enum rc
replace_pending(struct work *w)
{
	size_t kept = 0;
	enum rc rc = mas_kmrs_of(w->tx, &w->node.id, &w->kmrs);

	for (size_t i = 0; i < w->kmrs.n && rc == RC_OK; i++) {
		const struct mas_kmr *k = &w->kmrs.all[i];

		if (k->state != MAS_KMR_PENDING) {
			w->kmrs.all[kept++] = *k;
			continue;
		}
		rc = erase(w, k, "kmr-replaced");
	}
	w->kmrs.n = kept;
	return rc;
}

/* The oldest one that nobody uses goes when there are too many. */
static enum rc
make_room(struct work *w)
{
	for (size_t i = 0; w->kmrs.n == MAS_KMRS_PER_NODE && i < w->kmrs.n; i++)
		if (w->kmrs.all[i].state == MAS_KMR_RETIRED || w->kmrs.all[i].state == MAS_KMR_REVOKED)
			return erase(w, &w->kmrs.all[i], "kmr-erased");
	return w->kmrs.n == MAS_KMRS_PER_NODE ? RC_INTERNAL : RC_OK;
}

static int64_t
lifetime_of(const struct work *w)
{
	int64_t lifetime = w->p->lifetime == 0 ? w->m->conf.kmr_lifetime : w->p->lifetime;

	return lifetime > MAS_KMR_LIFETIME_MAX ? MAS_KMR_LIFETIME_MAX : lifetime;
}

static enum rc
store_kmr(struct work *w)
{
	int64_t now = clock_now(w->m->conf.clock);
	struct mas_kmr k = { .node = w->node.id, .index = w->p->kmr_index, .state = MAS_KMR_PENDING,
		             .not_before = now, .created = now, .not_after = now + lifetime_of(w) };
	enum rc rc = RC_OK;

	(void)string_set(k.origin, MAS_ORIGIN_MAX, slice_of(w->p->origin));
	if (!w->p->has_kmr)
		rc = key_random(&w->p->kmr);
	if (rc == RC_OK)
		rc = mas_kmr_wrap(w->m->keys, &w->p->kmr, &k);
	if (rc == RC_OK)
		rc = mas_kmr_store(w->tx, &k, NULL);
	w->p->expires = k.not_after;
	return rc;
}

/* ---- the whole ---- */

static bool
parameters_ok(const struct mas_provision *p)
{
	return p->lifetime >= 0 && p->sub_id.n <= MAS_SUB_ID_MAX &&
	       (p->ppid.n == 0 || (p->ppid.n >= PPID_MIN && p->ppid.n <= PPID_MAX)) &&
	       (p->ppid.n > 0 || p->has_node || p->actor != NULL) &&
	       (p->sub_id.n == 0 || memchr(p->sub_id.p, '\0', p->sub_id.n) == NULL) &&
	       memchr(p->scl_id, '\0', sizeof(p->scl_id)) != NULL &&
	       (p->scl_id[0] == '\0' || scl_id_ok(slice_of(p->scl_id))) &&
	       (!p->has_kmr || !key_is_zero(&p->kmr));
}

static enum rc
change(struct work *w)
{
	struct mas_trace t = { .actor = w->p->actor == NULL ? "msbf" : w->p->actor,
		               .action = "provision",
		               .source = w->p->source };
	enum rc rc = replace_pending(w);

	if (rc == RC_OK)
		rc = make_room(w);
	if (rc == RC_OK)
		rc = store_kmr(w);
	if (rc != RC_OK)
		return rc;
	w->node.last_kmr = w->p->kmr_index;
	if (w->p->sub_id.n > 0)
		(void)string_set(w->node.sub_id, MAS_SUB_ID_MAX, w->p->sub_id);
	rc = mas_node_put(w->tx, &w->node);
	return rc != RC_OK ? rc : mas_trace_node(w->m, w->tx, &t, &w->node.id, w->p->kmr_index);
}

/* RC_OK with a refusal in the outcome, or with none. */
static enum rc
provision(struct work *w)
{
	enum rc rc;

	if (!parameters_ok(w->p))
		return refuse(w, RC_BAD_REQUEST, "BAD_PARAM");
	rc = find_node(w);
	if (rc == RC_CONFLICT)
		return refuse(w, RC_CONFLICT, "NODE_TAKEN");
	if (rc == RC_NO_SPACE && tables_failure(w->tx) == RC_OK)
		return refuse(w, RC_NO_SPACE, "OVERLOAD");
	if (rc != RC_OK)
		return rc;
	if (w->node.state != MAS_NODE_ENABLED)
		return refuse(w, RC_FORBIDDEN, "AUTH_FAILED");
	rc = name_node(w);
	if (rc == RC_CONFLICT)
		return refuse(w, RC_CONFLICT, "SCLID_TAKEN");
	if (rc != RC_OK)
		return rc;
	if (!choose_index(w))
		return refuse(w, RC_CONFLICT, "KMR_INDEX");
	return change(w);
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_provision *p = MAS_CALL(j, struct mas_provision);
	struct mas_local *m = j->self;
	struct work w = { .m = m, .tx = tx, .p = p, .effects = mas_job_effects(j) };
	enum rc rc;

	/* Until done for all of a batch, each may add one key. */
	if (w.effects == NULL || mas_psk_room(m->psk, m->conf.batch_max + 1) != RC_OK)
		return RC_UNAVAILABLE;
	/* A second run starts from what the caller has said. */
	p->kmr_index = p->asked_index;
	if (p->has_node)
		w.node.id = p->node;
	mas_outcome(&p->outcome, RC_OK, NULL);
	rc = provision(&w);
	if (rc != RC_OK || p->outcome.rc != RC_OK)
		return rc;
	p->is_new = w.is_new;
	p->is_low = w.node.priority == MAS_PRIORITY_LOW;
	p->node = w.node.id;
	memcpy(p->scl_id, w.node.scl_id, sizeof(p->scl_id));
	return RC_OK;
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_provision *p = MAS_CALL(j, struct mas_provision);
	struct mas_local *m = j->self;

	mas_job_settle(j, rc);
	if (rc == RC_OK && p->outcome.rc == RC_OK)
		rc = mas_psk_put(m->psk, &p->node, p->kmr_index, &p->kmr, p->expires,
		                 (struct mas_psk_class){ .low = p->is_low });
	if (rc != RC_OK)
		mas_outcome_failed(&p->outcome, rc);
	if (p->outcome.rc == RC_OK) {
		m->nodes += p->is_new;
		mas_tell_keys(m);
	} else if (!p->has_kmr) {
		key_wipe(&p->kmr);
	}
	mas_count(m->counters, p->outcome.rc == RC_OK ? MAS_COUNT_PROVISIONED : MAS_COUNT_PROVISION_FAILED,
	          1);
	p->done(p);
}

void
mas_local_provision(void *self, struct mas_provision *p)
{
	p->asked_index = p->kmr_index;
	mas_submit(self, &p->job, run, done);
}
