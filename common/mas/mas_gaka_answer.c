/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks the home network, for whom, and what the answer is: in the transaction of its numbers. */
#include "config.h"

#include "mas/mas_gaka_impl.h"

#define GROUP_PAUSE (5 * CLOCK_SECOND) /* between two T2 of a serving network for a group */
#define STEP 32u /* members that are looked at together */

/* ---- refusals ---- */

static const struct refusal {
	enum gaka_reason reason;
	const char *really; /* of the audit; NULL: it leaves no record */
	enum mas_counter counter;
} refusals[] = {
	[GAKA_REFUSED_UNKNOWN] = { GAKA_UNKNOWN, "UNKNOWN_GROUP", MAS_COUNT_GAKA_UNKNOWN },
	[GAKA_REFUSED_NOT_MEMBER] = { GAKA_NOT_MEMBER, "NOT_MEMBER", MAS_COUNT_GAKA_NOT_MEMBER },
	[GAKA_REFUSED_NETWORK] = { GAKA_MAC, "WRONG_NETWORK", MAS_COUNT_GAKA_NETWORK },
	[GAKA_REFUSED_TOO_OFTEN] = { GAKA_BUSY, NULL, MAS_COUNT_GAKA_BUSY },
};

enum rc
gaka_put_answer(struct mas_gaka *g, const void *p, size_t n)
{
	buf_add(&g->answer, p, n);
	return g->answer.failed ? RC_UNAVAILABLE : RC_OK;
}

/* Who asks, in the audit. */
enum rc
gaka_trace(struct gaka_work *w, const char *result)
{
	char actor[MAS_NSCL_MAX + 1];
	struct mas_trace t = { .actor = mas_actor(w->name, actor),
		               .action = "gaka",
		               .result = result,
		               .source = w->g->source };

	if (w->group.gid == 0)
		return mas_trace_node(w->m, w->tx, &t, &w->device, 0);
	return mas_trace_group(w->m, w->tx, &t, w->group.gid, &w->device);
}

enum rc
gaka_refuse(struct gaka_work *w, enum gaka_refusal no)
{
	const struct refusal *r = &refusals[no];
	uint8_t t12[GAKA_SHORT_SIZE];
	enum rc rc;

	w->g->counted = r->counter;
	gaka_t12_write(r->reason, t12);
	rc = gaka_put_answer(w->g, t12, sizeof(t12));
	return rc != RC_OK || r->really == NULL ? rc : gaka_trace(w, r->really);
}

/* ---- who asks ---- */

enum rc
mas_group_may_ask(struct mas_local *m, struct tables_tx *tx, const char *call, struct slice nscl,
                  const struct node_id *node, struct mas_node *out)
{
	uint64_t ids[MAS_CONNS_PER_NODE];
	struct mas_conn c;
	size_t n;
	enum rc rc = mas_conn_ids(tx, node, ids, MAS_CONNS_PER_NODE, &n);

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = mas_conn_get(tx, ids[i], &c);
		if (rc == RC_OK && c.state == MAS_CONN_ACTIVE && slice_is(nscl, c.nscl))
			return mas_node_get(tx, node, out);
	}
	if (rc == RC_OK)
		mas_log_foreign(m, call, nscl, 0);
	return rc == RC_OK ? RC_FORBIDDEN : rc;
}

struct slice
gaka_counted_asker(const struct mas_gaka *g)
{
	return g->asker == MAS_ASKER_NODE ? slice_make(g->node.v, NODE_ID_BYTES) : g->name;
}

enum rc
gaka_find_asker(struct gaka_work *w)
{
	const struct mas_gaka *g = w->g;
	enum rc rc;

	w->name = g->asker == MAS_ASKER_NODE ? g->nscl : g->name;
	if (g->asker == MAS_ASKER_NSCL)
		return mas_serving_id(g->name, &w->sn);
	w->sn = g->node;
	if (g->asker == MAS_ASKER_NODE) {
		rc = mas_group_may_ask(w->m, w->tx, "gaka", g->nscl, &g->node, &w->asker);
	} else {
		rc = mas_node_by_scl(w->tx, g->name, &w->sn);
		if (rc == RC_OK)
			rc = mas_node_get(w->tx, &w->sn, &w->asker);
	}
	if (rc == RC_OK && w->asker.state != MAS_NODE_ENABLED)
		rc = RC_FORBIDDEN;
	if (rc == RC_OK)
		w->name = slice_of(w->asker.scl_id);
	return rc;
}

static struct mas_network *
network_of(struct mas_group *group, struct slice name)
{
	for (unsigned i = 0; i < group->n_networks; i++)
		if (slice_is(name, group->networks[i].scl_id))
			return &group->networks[i];
	return NULL;
}

/* ---- keys of devices ---- */

/* The root key that a device uses: that of its last session A, before it had one the issued one. */
static const struct mas_kmr *
used_kmr(const struct mas_kmrs *kmrs, int64_t now)
{
	const struct mas_kmr *found = NULL;

	for (size_t i = 0; i < kmrs->n; i++) {
		const struct mas_kmr *k = &kmrs->all[i];

		if (!mas_kmr_alive(k, now) || k->state == MAS_KMR_RETIRED)
			continue;
		if (k->state == MAS_KMR_ACTIVE || found == NULL)
			found = k;
	}
	return found;
}

/* KA of an enabled node and until when it is good; RC_NOT_FOUND: it has none. */
static enum rc
take_ka(const struct gaka_work *w, const struct node_id *id, struct key *ka, int64_t *until)
{
	const struct mas_kmr *k;
	struct mas_kmrs kmrs;
	struct mas_node node;
	struct key kmr;
	enum rc rc = mas_node_get(w->tx, id, &node);

	if (rc == RC_OK && node.state != MAS_NODE_ENABLED)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = mas_kmrs_of(w->tx, id, &kmrs);
	if (rc != RC_OK)
		return rc;
	k = used_kmr(&kmrs, w->g->now);
	if (k == NULL)
		return RC_NOT_FOUND;
	*until = k->not_after;
	rc = mas_kmr_unwrap(w->m->keys, k, &kmr);
	if (rc == RC_OK)
		rc = aka_root(&kmr, id, ka);
	key_wipe(&kmr);
	return rc;
}

/* The next sequence number of the device. RC_NO_SPACE: it needs a new root key. */
static enum rc
next_sqn(struct gaka_work *w, uint64_t *sqn)
{
	enum rc rc = mas_sqn_get(w->tx, &w->device, sqn);

	if (rc == RC_OK)
		rc = gaka_sqn_next(sqn, w->resync);
	return rc == RC_OK ? mas_sqn_put(w->tx, &w->device, *sqn) : rc;
}

/* What is said about the device; RC_NOT_FOUND: it has no key to say it with. */
static enum rc
take_device(struct gaka_work *w, struct gaka_hn_terms *terms)
{
	int64_t until = 0;
	enum rc rc = take_ka(w, &w->device, &w->ka, &until);

	w->expiry = w->g->now + w->group.lifetime;
	if (w->expiry > until)
		w->expiry = until;
	*terms = (struct gaka_hn_terms){ .sn = &w->sn,
		                         .ka = &w->ka,
		                         .expiry = (uint64_t)(w->expiry / CLOCK_SECOND) };
	return rc == RC_OK ? next_sqn(w, &terms->sqn) : rc;
}

/* ---- T2 ---- */

struct some {
	struct mas_member all[STEP];
	size_t n;
};

static bool
collect(void *arg, const struct mas_member *one)
{
	struct some *to = arg;

	to->all[to->n++] = *one;
	return true;
}

/*
 * A member whose key ends before the vectors do is left out, as one that has none: the serving
 * network asks for it alone.
 */
static enum rc
add_member(struct gaka_work *w, struct mas_member *one)
{
	struct key ka;
	int64_t until = 0;
	enum rc rc;

	if (node_id_eq(&one->node, &w->device))
		return RC_OK;
	rc = take_ka(w, &one->node, &ka, &until);
	if (rc != RC_OK || until < w->expiry) {
		key_wipe(&ka);
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	}
	/* Above all that was ever given out, also before a store was put back: see mas_group_enter. */
	if (one->iv < (uint64_t)w->g->now)
		one->iv = (uint64_t)w->g->now;
	rc = gaka_hn_add(&w->making->hn, &one->node, &ka, &one->iv);
	key_wipe(&ka);
	if (rc == RC_EXPIRED)
		return RC_OK;
	return rc == RC_OK ? mas_member_put(w->tx, one) : rc;
}

static enum rc
add_members(struct gaka_work *w)
{
	struct node_id last;
	struct some some = { .n = 0 };
	bool first = true;
	enum rc rc;

	do {
		some.n = 0;
		rc = mas_member_scan(w->tx, w->group.gid, first ? NULL : &last, STEP, collect,
		                     &some);
		for (size_t i = 0; i < some.n && rc == RC_OK; i++)
			rc = add_member(w, &some.all[i]);
		if (some.n > 0)
			last = some.all[some.n - 1].node;
		first = false;
	} while (rc == RC_OK && some.n == STEP);
	return rc;
}

static enum rc
make_room(struct gaka_making *k, size_t size)
{
	k->to = secret_alloc(size);
	k->size = size;
	return k->to == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
answer_group(struct gaka_work *w, const struct gaka_t2 *t2, const struct gaka_hn_terms *terms)
{
	struct key gak;
	const struct gaka_hn_group group = { .gak = &gak, .w = (uint16_t)w->group.window };
	size_t others = w->group.members > 0 ? w->group.members - 1 : 0;
	enum rc rc = make_room(w->making, GAKA_T3_SIZE(others));

	if (rc == RC_OK)
		rc = mas_gak_unwrap(w->m->keys, &w->group, &gak);
	if (rc == RC_OK) {
		rc = gaka_hn_begin(&w->making->hn, t2, terms, &group, w->making->to,
		                   w->making->size);
		key_wipe(&gak);
	}
	if (rc == RC_OK)
		rc = add_members(w);
	if (rc == RC_OK)
		rc = mas_group_put(w->tx, &w->group);
	w->g->counted = MAS_COUNT_GAKA_GROUP;
	return rc == RC_OK ? gaka_trace(w, NULL) : rc;
}

/* RC_OK and *no GAKA_NOT_REFUSED, or why; other rc: the store. */
static enum rc
check_group(struct gaka_work *w, const struct gaka_t2 *t2, enum gaka_refusal *no)
{
	struct mas_network *network;
	struct mas_member leader;
	struct unpack gid = unpack_of(slice_make(t2->gid.v, sizeof(t2->gid.v)));
	enum rc rc = mas_group_get(w->tx, unpack_number(&gid, 8, UINT64_MAX), &w->group);

	*no = GAKA_NOT_REFUSED;
	network = rc == RC_OK ? network_of(&w->group, w->name) : NULL;
	if (rc == RC_NOT_FOUND || (rc == RC_OK && network == NULL)) {
		*no = GAKA_REFUSED_UNKNOWN;
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	/* A device that is out of step asks twice; how often that happens is counted as a failure. */
	if (!w->resync && network->asked != 0 && w->g->now >= network->asked &&
	    w->g->now < network->asked + GROUP_PAUSE) {
		*no = GAKA_REFUSED_TOO_OFTEN;
		return RC_OK;
	}
	rc = mas_member_get(w->tx, w->group.gid, &w->device, &leader);
	if (rc == RC_NOT_FOUND)
		*no = GAKA_REFUSED_NOT_MEMBER;
	network->asked = w->g->now;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc
gaka_serve_t2(struct gaka_work *w, const struct gaka_t2 *t2)
{
	struct gaka_hn_terms terms;
	enum gaka_refusal no;
	enum rc rc = check_group(w, t2, &no);

	if (rc == RC_OK && no == GAKA_NOT_REFUSED) {
		rc = take_device(w, &terms);
		if (rc == RC_NOT_FOUND || rc == RC_NO_SPACE) {
			no = GAKA_REFUSED_NOT_MEMBER;
			rc = tables_failure(w->tx);
		}
	}
	if (rc != RC_OK)
		return rc;
	return no == GAKA_NOT_REFUSED ? answer_group(w, t2, &terms) : gaka_refuse(w, no);
}

/* ---- T10 ---- */

/* One of the device's groups that has the serving network in its list. */
static enum rc
find_group(struct gaka_work *w, enum gaka_refusal *no)
{
	uint64_t gids[MAS_GROUPS_PER_NODE];
	size_t n;
	enum rc rc = mas_groups_of(w->tx, &w->device, gids, &n);

	*no = GAKA_NOT_REFUSED;
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = mas_group_get(w->tx, gids[i], &w->group);
		if (rc == RC_OK && network_of(&w->group, w->name) != NULL)
			return RC_OK;
	}
	w->group.gid = 0;
	*no = GAKA_REFUSED_NOT_MEMBER;
	return rc;
}

static enum rc
answer_single(struct gaka_work *w, const struct gaka_t10 *t10, const struct gaka_hn_terms *terms)
{
	enum rc rc = make_room(w->making, GAKA_T11_SIZE);

	w->making->single = true;
	if (rc == RC_OK)
		rc = gaka_hn_single(t10, terms, w->making->to);
	w->g->counted = MAS_COUNT_GAKA_SINGLE;
	return rc == RC_OK ? gaka_trace(w, NULL) : rc;
}

enum rc
gaka_serve_t10(struct gaka_work *w, const struct gaka_t10 *t10)
{
	struct gaka_hn_terms terms;
	enum gaka_refusal no;
	enum rc rc = find_group(w, &no);

	if (rc == RC_OK && no == GAKA_NOT_REFUSED) {
		rc = take_device(w, &terms);
		if (rc == RC_NOT_FOUND || rc == RC_NO_SPACE) {
			no = GAKA_REFUSED_NOT_MEMBER;
			rc = tables_failure(w->tx);
		}
	}
	if (rc != RC_OK)
		return rc;
	return no == GAKA_NOT_REFUSED ? answer_single(w, t10, &terms) : gaka_refuse(w, no);
}
