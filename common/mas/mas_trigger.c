/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that wake a node (sec/trigger.h). The counter of a token is durable before it leaves, and
 * goes with the time as well: with a store that came back from an older copy no counter comes again.
 */
#include "config.h"

#include <stdio.h>

#include "base/be.h"
#include "mas/mas_impl.h"
#include "sec/derive.h"

#define COUNTER_TABLE 'W' /* node id -> counter */

struct work {
	struct mas_local *m;
	struct tables_tx *tx;
	struct mas_trigger *c;
	int64_t now;
	struct mas_node node;
};

/* ---- the counter ---- */

static enum rc
next_counter(struct work *w, uint64_t *counter)
{
	struct table_key k = table_key_of(COUNTER_TABLE, w->node.id.v, NODE_ID_BYTES);
	uint64_t seconds = w->now > 0 ? (uint64_t)(w->now / CLOCK_SECOND) : 0;
	uint8_t octets[8];
	struct slice val;
	enum rc rc = tables_get(w->tx, table_key_view(&k), &val);

	*counter = 0;
	if (rc == RC_OK && val.n != sizeof(octets))
		return RC_INTERNAL;
	if (rc == RC_OK)
		*counter = be_get(val.p, sizeof(octets));
	else if (rc != RC_NOT_FOUND)
		return rc;
	if (*counter == UINT64_MAX)
		return RC_NO_SPACE;
	*counter = *counter + 1 > seconds ? *counter + 1 : seconds;
	be_put(octets, *counter, sizeof(octets));
	return tables_put(w->tx, table_key_view(&k), slice_make(octets, sizeof(octets)));
}

/* ---- the tokens ---- */

static enum rc
make_token(struct work *w, const struct mas_kmr *k, const struct trigger *t)
{
	struct mas_trigger *c = w->c;
	struct key kmr = { { 0 } }, key = { { 0 } };
	enum rc rc = mas_kmr_unwrap(w->m->keys, k, &kmr);

	if (rc == RC_OK)
		rc = trigger_key(&kmr, &w->node.id, &key);
	if (rc == RC_OK)
		rc = trigger_make(t, &key, c->tokens[c->n_tokens].v, &c->tokens[c->n_tokens].n);
	key_wipe(&kmr);
	key_wipe(&key);
	if (rc == RC_OK)
		c->n_tokens++;
	return rc;
}

/* One that is retired has nothing left to do but to be replaced. */
static bool
may_wake(const struct work *w, const struct mas_kmr *k)
{
	return mas_kmr_alive(k, w->now) &&
	       (k->state != MAS_KMR_RETIRED || w->c->reason == TRIGGER_BOOTSTRAP);
}

/*
 * A Kmr that was issued but never used may have reached the node or not: one token by each that the
 * node may have.
 */
static enum rc
make_tokens(struct work *w, const struct mas_kmrs *kmrs)
{
	const struct mas_trigger *c = w->c;
	struct trigger t = { .reason = c->reason,
		             .node = w->node.id,
		             .not_after = c->not_after,
		             .port = c->port,
		             .scheme = c->scheme,
		             .host = c->host };
	enum rc rc = next_counter(w, &t.counter);

	for (size_t i = kmrs->n; rc == RC_OK && i-- > 0 && w->c->n_tokens < MAS_TRIGGER_TOKENS;) {
		const struct mas_kmr *k = &kmrs->all[i];

		if (may_wake(w, k))
			rc = make_token(w, k, &t);
	}
	w->c->counter = t.counter;
	return rc;
}

/* ---- the job ---- */

static enum rc
trace(struct work *w, const char *result)
{
	char actor[MAS_NSCL_MAX + 1], action[32];
	struct mas_trace t = {
		.actor = w->c->actor, .action = action, .result = result, .source = w->c->source
	};

	if (t.actor == NULL)
		t.actor = mas_actor(w->c->nscl, actor);
	snprintf(action, sizeof(action), "trigger-%s", trigger_reason_name(w->c->reason));
	return mas_trace_node(w->m, w->tx, &t, &w->node.id, 0);
}

static enum rc
refuse(struct work *w, enum rc rc, const char *reason)
{
	w->c->n_tokens = 0;
	mas_outcome(&w->c->outcome, rc, reason);
	return trace(w, reason);
}

static enum rc
find_node(struct work *w)
{
	struct node_id id = w->c->node;
	enum rc rc = RC_OK;

	if (w->c->scl_id.n > 0)
		rc = mas_node_by_scl(w->tx, w->c->scl_id, &id);
	return rc == RC_OK ? mas_node_get(w->tx, &id, &w->node) : rc;
}

static bool
arguments_ok(const struct mas_trigger *c, int64_t now)
{
	uint8_t octets[TRIGGER_MAX];
	const struct key none = { { 0 } };
	const struct trigger t = { .reason = c->reason,
		                   .counter = 1,
		                   .port = c->port,
		                   .scheme = c->scheme,
		                   .host = c->host };
	size_t n;

	return c->scl_id.n <= MAS_SCL_ID_MAX && now >= 0 &&
	       c->not_after > (uint64_t)(now / CLOCK_SECOND) &&
	       c->not_after - (uint64_t)(now / CLOCK_SECOND) <= MAS_TRIGGER_LIFETIME_MAX &&
	       trigger_make(&t, &none, octets, &n) == RC_OK;
}

static enum rc
trigger(struct work *w)
{
	struct mas_kmrs kmrs;
	enum rc rc = find_node(w);

	if (rc == RC_NOT_FOUND) {
		mas_outcome(&w->c->outcome, RC_NOT_FOUND, "UNKNOWN_NODE");
		return tables_failure(w->tx);
	}
	if (rc != RC_OK)
		return rc;
	w->c->node = w->node.id;
	if (w->node.state != MAS_NODE_ENABLED)
		return refuse(w, RC_FORBIDDEN, "NODE_REVOKED");
	rc = mas_kmrs_of(w->tx, &w->node.id, &kmrs);
	if (rc == RC_OK)
		rc = make_tokens(w, &kmrs);
	if (rc != RC_OK)
		return rc;
	return w->c->n_tokens == 0 ? refuse(w, RC_CONFLICT, "NO_KEY") : trace(w, NULL);
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_trigger *c = MAS_CALL(j, struct mas_trigger);
	struct work w = { .m = j->self, .tx = tx, .c = c };

	w.now = clock_now(w.m->conf.clock);
	c->n_tokens = 0;
	mas_outcome(&c->outcome, RC_OK, NULL);
	if (arguments_ok(c, w.now))
		return trigger(&w);
	mas_outcome(&c->outcome, RC_BAD_REQUEST, "BAD_PARAM");
	return RC_OK;
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_trigger *c = MAS_CALL(j, struct mas_trigger);
	struct mas_local *m = j->self;

	mas_job_settle(j, rc);
	if (rc != RC_OK) {
		c->n_tokens = 0;
		mas_outcome_failed(&c->outcome, rc);
	}
	mas_count(m->counters,
	          c->outcome.rc == RC_OK ? MAS_COUNT_TRIGGER_OK : MAS_COUNT_TRIGGER_REFUSED, 1);
	c->done(c);
}

void
mas_local_trigger(void *self, struct mas_trigger *c)
{
	mas_submit(self, &c->job, run, done);
}
