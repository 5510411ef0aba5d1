/* SPDX-License-Identifier: Apache-2.0 */
/* What happens because time passes: lifetimes, limits, what is removed in the end. */
#include "config.h"

#include <stdlib.h>

#include "mas/mas_group_impl.h"

#define DUE_MAX 64u /* timers of one transaction */
#define USES_MAX 256u /* connections of one transaction whose use is stored */
#define TRIM_MAX 200u /* audit records of one transaction */
/* What one timer or use may need of the effects. */
#define EFFECTS_OF_ONE (MAS_CONNS_PER_NODE + 2)
/* An older connection lives that long after the newer one was made, for what is in flight. */
#define IN_FLIGHT (2 * CLOCK_SECOND)

struct mas_tick {
	struct mas_effects effects;
	struct mas_due dues[DUE_MAX];
	struct mas_use uses[USES_MAX];
	size_t n_uses; /* that the transaction stores */
	uint64_t expired, over_limit;
};

enum rc
mas_tick_new(struct mas_local *m)
{
	m->tick = calloc(1, sizeof(*m->tick));
	return m->tick == NULL ? RC_UNAVAILABLE : RC_OK;
}

void
mas_tick_free(struct mas_local *m)
{
	free(m->tick);
}

/* ---- Kmr ---- */

static enum rc
trace_kmr(struct mas_local *m, struct tables_tx *tx, const struct mas_kmr *k, const char *action)
{
	struct mas_trace t = { .actor = "timer", .action = action };

	return mas_trace_node(m, tx, &t, &k->node, k->index);
}

static enum rc
kmr_time(struct mas_local *m, struct tables_tx *tx, const struct mas_due *d, int64_t now)
{
	struct mas_effects *e = &m->tick->effects;
	struct mas_kmr k;
	enum rc rc = mas_kmr_get(tx, &d->node, d->index, &k);

	if (rc == RC_NOT_FOUND || (rc == RC_OK && mas_kmr_when(&k) > now))
		return mas_due_del(tx, d);
	if (rc != RC_OK)
		return rc;
	if (k.erase == 0 && now < k.not_after && k.deadline != 0) {
		rc = mas_kmr_retire(m, tx, &k, e);
		return rc != RC_OK ? rc : trace_kmr(m, tx, &k, "kmr-retired");
	}
	rc = mas_kmr_erase(m, tx, &k, MAS_EXPIRED, e);
	return rc != RC_OK ? rc : trace_kmr(m, tx, &k, "kmr-erased");
}

/* ---- connections ---- */

static enum rc
expire(struct mas_local *m, struct tables_tx *tx, struct mas_conn *c, const char *action)
{
	struct mas_trace t = { .actor = "timer", .action = action };
	enum rc rc = mas_conn_end(m, tx, c, MAS_EXPIRED, &m->tick->effects);

	return rc != RC_OK ? rc : mas_trace_conn(m, tx, &t, c);
}

static enum rc
conn_time(struct mas_local *m, struct tables_tx *tx, const struct mas_due *d, int64_t now)
{
	struct mas_conn c;
	enum rc rc = mas_conn_get(tx, d->connection, &c);

	/* One that was before it in the list may have ended it already. */
	if (rc == RC_NOT_FOUND || (rc == RC_OK && mas_conn_when(&c) > now))
		return mas_due_del(tx, d);
	if (rc != RC_OK)
		return rc;
	if (c.state == MAS_CONN_ENDED)
		return mas_conn_forget(tx, &c);
	m->tick->expired++;
	return expire(m, tx, &c, "connection-expired");
}

static enum rc
due(struct mas_local *m, struct tables_tx *tx, const struct mas_due *d, int64_t now)
{
	switch (d->kind) {
	case MAS_TIMER_KMR:
		return kmr_time(m, tx, d, now);
	case MAS_TIMER_CONN:
		return conn_time(m, tx, d, now);
	default:
		return mas_group_time(m, tx, d, now);
	}
}

static bool
has_room(const struct mas_local *m)
{
	return m->tick->effects.n + EFFECTS_OF_ONE <= MAS_EFFECTS_MAX;
}

static enum rc
dues(struct mas_local *m, struct tables_tx *tx, int64_t now, bool *more)
{
	size_t n, i;
	enum rc rc = mas_due_list(tx, now, m->tick->dues, DUE_MAX, &n);

	for (i = 0; i < n && rc == RC_OK && has_room(m); i++)
		rc = due(m, tx, &m->tick->dues[i], now);
	*more = *more || i < n || n == DUE_MAX;
	return rc;
}

/* ---- use ---- */

/* The node has changed over: the older connection is of no more use. */
static enum rc
end_older(struct mas_local *m, struct tables_tx *tx, const struct mas_conn *c, int64_t now)
{
	struct mas_conn_wish older = { .wants = mas_wants_older, .kmc_index = c->kmc_index,
		                       .nscl = c->nscl };
	int64_t until = c->created + IN_FLIGHT;

	return mas_conns_shorten(m, tx, &c->node, &older, until > now ? until : now, &m->tick->effects);
}

static uint64_t
sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static enum rc
store_use(struct mas_local *m, struct tables_tx *tx, const struct mas_use *u, int64_t now)
{
	struct mas_conn c;
	enum rc rc = mas_conn_get(tx, u->id, &c);

	if (rc != RC_OK || c.state == MAS_CONN_ENDED)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	c.requests = sum(c.requests, u->requests);
	c.octets = sum(c.octets, u->octets);
	if (u->requests > 0)
		c.last_seen = now;
	if (c.requests >= MAS_KMC_REQUESTS_MAX || c.octets >= MAS_KMC_OCTETS_MAX) {
		m->tick->over_limit++;
		return expire(m, tx, &c, "connection-limit");
	}
	if (u->over) {
		m->tick->expired++;
		return expire(m, tx, &c, "connection-expired");
	}
	rc = mas_conn_put(tx, &c);
	return rc == RC_OK && u->first ? end_older(m, tx, &c, now) : rc;
}

static enum rc
uses(struct mas_local *m, struct tables_tx *tx, int64_t now, bool *more)
{
	struct mas_tick *t = m->tick;
	size_t n = mas_live_take(m->live, clock_monotonic(), t->uses, USES_MAX);
	enum rc rc = RC_OK;

	for (t->n_uses = 0; t->n_uses < n && rc == RC_OK && has_room(m); t->n_uses++)
		rc = store_use(m, tx, &t->uses[t->n_uses], now);
	*more = *more || t->n_uses < n || n == USES_MAX;
	return rc;
}

/* ---- a tick ---- */

static enum rc
trim(struct mas_local *m, struct tables_tx *tx, int64_t now, bool *more)
{
	size_t removed = 0;
	enum rc rc = RC_OK;

	if (m->conf.audit_keep > 0)
		rc = audit_trim(tx, mas_keys_seal(m->keys, tx), now - m->conf.audit_keep, TRIM_MAX, &removed);
	*more = *more || removed == TRIM_MAX;
	return rc;
}

enum rc
mas_tick(void *self, struct tables_tx *tx, bool *more)
{
	struct mas_local *m = self;
	int64_t now = clock_now(m->conf.clock);
	enum rc rc;

	m->tick->effects.n = 0;
	m->tick->n_uses = 0;
	m->tick->expired = m->tick->over_limit = 0;
	rc = dues(m, tx, now, more);
	if (rc == RC_OK)
		rc = uses(m, tx, now, more);
	if (rc == RC_OK)
		rc = trim(m, tx, now, more);
	return rc != RC_OK ? rc : mas_counters_write(m->counters, tx);
}

void
mas_ticked(void *self, enum rc rc)
{
	struct mas_local *m = self;

	if (rc != RC_OK)
		return;
	mas_live_stored(m->live, m->tick->uses, m->tick->n_uses);
	mas_effects_apply(m, &m->tick->effects);
	mas_count(m->counters, MAS_COUNT_KMC_EXPIRED, m->tick->expired);
	mas_count(m->counters, MAS_COUNT_KMC_LIMIT, m->tick->over_limit);
}
