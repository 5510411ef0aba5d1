/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to Kmr and to connections, each in the transaction of whatever makes it happen. */
#include "config.h"

#include "mas/mas_impl.h"

/* ---- connections ---- */

int64_t
mas_conn_when(const struct mas_conn *c)
{
	return c->state == MAS_CONN_ENDED ? c->ended + MAS_FORGET : c->expires;
}

static struct mas_due
conn_due(const struct mas_conn *c)
{
	return (struct mas_due){ .when = mas_conn_when(c), .kind = MAS_TIMER_CONN, .connection = c->id };
}

enum rc
mas_conn_store(struct tables_tx *tx, const struct mas_conn *c, const struct mas_conn *was)
{
	struct mas_due due = conn_due(c);
	enum rc rc = RC_OK;

	if (was != NULL) {
		struct mas_due before = conn_due(was);

		rc = mas_due_del(tx, &before);
	}
	if (rc == RC_OK)
		rc = mas_conn_put(tx, c);
	return rc != RC_OK ? rc : mas_due_put(tx, &due);
}

enum rc
mas_conn_forget(struct tables_tx *tx, const struct mas_conn *c)
{
	struct mas_due due = conn_due(c);
	enum rc rc = mas_due_del(tx, &due);

	return rc != RC_OK ? rc : mas_conn_del(tx, c);
}

enum rc
mas_conn_end(struct mas_local *m, struct tables_tx *tx, struct mas_conn *c, enum mas_why why,
             struct mas_effects *e)
{
	struct mas_effect gone = { .kind = EFFECT_CONN_GONE, .node = c->node, .connection = c->id,
		                   .why = why };
	struct mas_conn was = *c;
	enum rc rc;

	if (c->state == MAS_CONN_ENDED)
		return RC_OK;
	c->state = MAS_CONN_ENDED;
	c->ended = clock_now(m->conf.clock);
	c->wrapped.n = 0;
	rc = mas_conn_store(tx, c, &was);
	return rc != RC_OK ? rc : mas_effect(e, &gone);
}

/* Served until that time at most. */
static enum rc
shorten(struct mas_local *m, struct tables_tx *tx, struct mas_conn *c, int64_t until,
        struct mas_effects *e)
{
	int64_t left = until - clock_now(m->conf.clock);
	struct mas_effect ends = { .kind = EFFECT_CONN_ENDS, .connection = c->id,
		                   .end = clock_monotonic() + (left > 0 ? left : 0) };
	struct mas_conn was = *c;
	enum rc rc;

	if (c->state == MAS_CONN_ENDED || c->expires <= until)
		return RC_OK;
	c->expires = until;
	rc = mas_conn_store(tx, c, &was);
	return rc != RC_OK ? rc : mas_effect(e, &ends);
}

bool
mas_wants_all(const struct mas_conn_wish *w, const struct mas_conn *c)
{
	(void)w;
	(void)c;
	return true;
}

static bool
wants_kmr(const struct mas_conn_wish *w, const struct mas_conn *c)
{
	return c->kmr_index == w->kmr_index;
}

bool
mas_wants_older(const struct mas_conn_wish *w, const struct mas_conn *c)
{
	return c->kmc_index < w->kmc_index && strcmp(c->nscl, w->nscl) == 0;
}

enum rc
mas_conns_end(struct mas_local *m, struct tables_tx *tx, const struct node_id *node,
              const struct mas_conn_wish *w, enum mas_why why, struct mas_effects *e)
{
	uint64_t ids[MAS_CONNS_PER_NODE];
	struct mas_conn c;
	size_t n;
	enum rc rc = mas_conn_ids(tx, node, ids, MAS_CONNS_PER_NODE, &n);

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = mas_conn_get(tx, ids[i], &c);
		if (rc == RC_OK && c.state == MAS_CONN_ACTIVE && w->wants(w, &c))
			rc = mas_conn_end(m, tx, &c, why, e);
	}
	return rc;
}

enum rc
mas_conns_shorten(struct mas_local *m, struct tables_tx *tx, const struct node_id *node,
                  const struct mas_conn_wish *w, int64_t until, struct mas_effects *e)
{
	uint64_t ids[MAS_CONNS_PER_NODE];
	struct mas_conn c;
	size_t n;
	enum rc rc = mas_conn_ids(tx, node, ids, MAS_CONNS_PER_NODE, &n);

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = mas_conn_get(tx, ids[i], &c);
		if (rc == RC_OK && c.state == MAS_CONN_ACTIVE && w->wants(w, &c))
			rc = shorten(m, tx, &c, until, e);
	}
	return rc;
}

/* Which one is to go first: ended before live, then the older one. */
static bool
goes_before(const struct mas_conn *a, const struct mas_conn *b)
{
	if (a->state != b->state)
		return a->state == MAS_CONN_ENDED;
	return a->kmc_index < b->kmc_index;
}

enum rc
mas_conns_make_room(struct mas_local *m, struct tables_tx *tx, const struct node_id *node,
                    struct mas_effects *e)
{
	uint64_t ids[MAS_CONNS_PER_NODE];
	struct mas_conn c, first;
	size_t n;
	enum rc rc = mas_conn_ids(tx, node, ids, MAS_CONNS_PER_NODE, &n);

	if (rc != RC_OK || n < MAS_CONNS_PER_NODE)
		return rc;
	rc = mas_conn_get(tx, ids[0], &first);
	for (size_t i = 1; i < n && rc == RC_OK; i++) {
		rc = mas_conn_get(tx, ids[i], &c);
		if (rc == RC_OK && goes_before(&c, &first))
			first = c;
	}
	if (rc == RC_OK)
		rc = mas_conn_end(m, tx, &first, MAS_ENDED, e);
	return rc != RC_OK ? rc : mas_conn_forget(tx, &first);
}

/* ---- Kmr ---- */

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
mas_kmr_when(const struct mas_kmr *k)
{
	if (k->erase != 0)
		return k->erase;
	return k->deadline != 0 ? earlier(k->not_after, k->deadline) : k->not_after;
}

static struct mas_due
kmr_due(const struct mas_kmr *k)
{
	return (struct mas_due){ .when = mas_kmr_when(k), .kind = MAS_TIMER_KMR, .node = k->node,
		                 .index = k->index };
}

enum rc
mas_kmr_store(struct tables_tx *tx, const struct mas_kmr *k, const struct mas_kmr *was)
{
	struct mas_due due = kmr_due(k);
	enum rc rc = RC_OK;

	if (was != NULL) {
		struct mas_due before = kmr_due(was);

		rc = mas_due_del(tx, &before);
	}
	if (rc == RC_OK)
		rc = mas_kmr_put(tx, k);
	return rc != RC_OK ? rc : mas_due_put(tx, &due);
}

static bool
collect_kmr(void *arg, const struct mas_kmr *k)
{
	struct mas_kmrs *to = arg;

	to->all[to->n++] = *k;
	return true;
}

enum rc
mas_kmrs_of(struct tables_tx *tx, const struct node_id *node, struct mas_kmrs *out)
{
	out->n = 0;
	return mas_kmr_scan(tx, node, NULL, MAS_KMRS_PER_NODE, collect_kmr, out);
}

enum rc
mas_kmr_retire(struct mas_local *m, struct tables_tx *tx, struct mas_kmr *k, struct mas_effects *e)
{
	struct mas_conn_wish its = { .wants = wants_kmr, .kmr_index = k->index };
	int64_t now = clock_now(m->conf.clock);
	struct mas_kmr was = *k;
	enum rc rc;

	k->state = MAS_KMR_RETIRED;
	k->erase = earlier(now + MAS_KMR_GRACE, k->not_after);
	rc = mas_kmr_store(tx, k, &was);
	if (rc != RC_OK)
		return rc;
	return mas_conns_shorten(m, tx, &k->node, &its, now + m->conf.kmc_overlap, e);
}

static enum rc
kmr_gone(struct mas_local *m, struct tables_tx *tx, const struct mas_kmr *k, enum mas_why why,
         struct mas_effects *e)
{
	struct mas_conn_wish its = { .wants = wants_kmr, .kmr_index = k->index };
	struct mas_effect gone = { .kind = EFFECT_KMR_GONE, .node = k->node, .index = k->index };
	enum rc rc = mas_effect(e, &gone);

	return rc != RC_OK ? rc : mas_conns_end(m, tx, &k->node, &its, why, e);
}

enum rc
mas_kmr_revoke(struct mas_local *m, struct tables_tx *tx, struct mas_kmr *k, struct mas_effects *e)
{
	struct mas_kmr was = *k;
	enum rc rc;

	if (k->state == MAS_KMR_REVOKED)
		return RC_OK;
	k->state = MAS_KMR_REVOKED;
	k->wrapped.n = 0;
	k->erase = clock_now(m->conf.clock) + MAS_FORGET;
	rc = mas_kmr_store(tx, k, &was);
	return rc != RC_OK ? rc : kmr_gone(m, tx, k, MAS_REVOKED, e);
}

enum rc
mas_kmr_erase(struct mas_local *m, struct tables_tx *tx, const struct mas_kmr *k, enum mas_why why,
              struct mas_effects *e)
{
	struct mas_due due = kmr_due(k);
	enum rc rc = mas_due_del(tx, &due);

	if (rc == RC_OK)
		rc = mas_kmr_del(tx, &k->node, k->index);
	return rc != RC_OK ? rc : kmr_gone(m, tx, k, why, e);
}

struct mas_psk_class
mas_class_of(const struct mas_node *n, const struct mas_kmr *k)
{
	return (struct mas_psk_class){ .low = n->priority == MAS_PRIORITY_LOW,
		                       .active = k->first_used != 0 };
}

bool
mas_kmr_alive(const struct mas_kmr *k, int64_t now)
{
	return k->state != MAS_KMR_REVOKED && k->wrapped.n > 0 && now < k->not_after;
}
