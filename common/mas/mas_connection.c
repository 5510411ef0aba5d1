/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a connection after it was made: its end, integrity reports, its use. */
#include "config.h"

#include <stdlib.h>

#include "mas/mas_impl.h"

void
mas_connection_fill(const struct mas_conn *c, const struct mas_node *n, const struct key *kmc,
                    struct mas_connection *out)
{
	*out = (struct mas_connection){ .id = c->id, .kmc_index = c->kmc_index, .kmc = *kmc,
		                        .node = c->node, .kmr_index = c->kmr_index, .flags = n->flags,
		                        .created = c->created, .expires = c->expires,
		                        .ival_required = n->ival_required };
	memcpy(out->scl_id, n->scl_id, sizeof(out->scl_id));
	memcpy(out->allowed_sources, n->allowed_sources, sizeof(out->allowed_sources));
	if (n->priority == MAS_PRIORITY_LOW)
		out->flags |= MAS_LOW_PRIORITY;
}

/* ---- whose it is ---- */

void
mas_log_foreign(struct mas_local *m, const char *call, struct slice nscl, uint64_t connection)
{
	char id[CONN_ID_HEX];

	conn_id_hex(connection, id);
	LOG_WARN(m->conf.log, "foreign-connection", LOG_Z("call", call), LOG_S("nscl", nscl),
	         LOG_Z("connection", id));
}

/* The record, for who may name it. RC_NOT_FOUND also for the connection of another NSCL. */
static enum rc
get_own(struct mas_local *m, struct tables_tx *tx, const char *call, struct slice nscl, uint64_t id,
        struct mas_conn *out)
{
	enum rc rc = mas_conn_get(tx, id, out);

	if (rc != RC_OK || nscl.n == 0 || slice_is(nscl, out->nscl))
		return rc;
	mas_log_foreign(m, call, nscl, id);
	return RC_NOT_FOUND;
}

/* ---- end ---- */

static enum rc
end_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_end *c = MAS_CALL(j, struct mas_end);
	struct mas_effects *effects = mas_job_effects(j);
	char actor[MAS_NSCL_MAX + 1];
	struct mas_trace t = { .actor = mas_actor(c->nscl, actor), .action = "end",
		               .result = c->why };
	struct mas_local *m = j->self;
	struct mas_conn conn;
	enum rc rc;

	if (effects == NULL)
		return RC_UNAVAILABLE;
	mas_outcome(&c->outcome, RC_OK, NULL);
	rc = get_own(m, tx, "end", c->nscl, c->connection_id, &conn);
	if (rc == RC_NOT_FOUND && c->nscl.n > 0)
		mas_outcome(&c->outcome, RC_NOT_FOUND, NULL);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && conn.state == MAS_CONN_ENDED))
		return RC_OK;
	if (rc == RC_OK)
		rc = mas_conn_end(m, tx, &conn, MAS_ENDED, effects);
	return rc != RC_OK ? rc : mas_trace_conn(m, tx, &t, &conn);
}

static void
end_done(struct tables_job *j, enum rc rc)
{
	struct mas_end *c = MAS_CALL(j, struct mas_end);

	mas_job_settle(j, rc);
	if (rc != RC_OK)
		mas_outcome_failed(&c->outcome, rc);
	c->done(c);
}

void
mas_local_end(void *self, struct mas_end *c)
{
	mas_submit(self, &c->job, end_run, end_done);
}

/* ---- integrity reports ---- */

enum rc
mas_ival(const struct key *kmr, struct mas_node *n, const struct ival_report *r, int64_t now)
{
	struct ival_origin origin = { .node = &n->id, .scl_id = slice_of(n->scl_id) };
	struct ival_policy policy = { .required = n->ival_required, .now = now,
		                      .last = n->last_ival };
	struct key k;
	enum rc rc = ival_key(kmr, &n->id, &k);

	if (rc == RC_OK)
		rc = ival_check(&k, &origin, r, &policy, &n->last_ival);
	key_wipe(&k);
	return rc;
}

/* Whose connection it is, and the key of the report. RC_NOT_FOUND: no such connection is served. */
static enum rc
report_subject(struct mas_local *m, struct tables_tx *tx, const struct mas_report *c,
               struct mas_conn *conn, struct mas_node *n, struct key *key)
{
	struct mas_kmr k;
	enum rc rc = get_own(m, tx, "report", c->nscl, c->connection_id, conn);

	if (rc == RC_OK && conn->state == MAS_CONN_ENDED)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = mas_node_get(tx, &conn->node, n);
	if (rc == RC_OK)
		rc = mas_kmr_get(tx, &conn->node, conn->kmr_index, &k);
	return rc != RC_OK ? rc : mas_kmr_unwrap(m->keys, &k, key);
}

static enum rc
report_failed(struct mas_local *m, struct tables_tx *tx, struct mas_report *c,
              struct mas_conn *conn, struct mas_effects *effects)
{
	char actor[MAS_NSCL_MAX + 1];
	struct mas_trace t = { .actor = mas_actor(c->nscl, actor), .action = "integrity-report",
		               .result = "IVAL_FAILED" };
	enum rc rc = mas_conn_end(m, tx, conn, MAS_ENDED, effects);

	mas_outcome(&c->outcome, RC_FORBIDDEN, "IVAL_FAILED");
	c->outcome.reject = REJECT_INTEGRITY;
	return rc != RC_OK ? rc : mas_trace_conn(m, tx, &t, conn);
}

static enum rc
report_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_report *c = MAS_CALL(j, struct mas_report);
	struct mas_effects *effects = mas_job_effects(j);
	struct mas_local *m = j->self;
	struct mas_conn conn;
	struct mas_node n;
	struct key key;
	enum rc rc;

	if (effects == NULL)
		return RC_UNAVAILABLE;
	mas_outcome(&c->outcome, RC_OK, NULL);
	rc = report_subject(m, tx, c, &conn, &n, &key);
	if (rc == RC_NOT_FOUND)
		mas_outcome(&c->outcome, RC_NOT_FOUND, "SEC_KMC_EXPIRED");
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	rc = mas_ival(&key, &n, &c->ival, clock_now(m->conf.clock));
	key_wipe(&key);
	if (rc == RC_OK)
		return mas_node_put(tx, &n);
	if (rc == RC_FORBIDDEN)
		return report_failed(m, tx, c, &conn, effects);
	if (rc == RC_BAD_REQUEST)
		mas_outcome(&c->outcome, RC_BAD_REQUEST, "BAD_PARAM");
	return rc == RC_BAD_REQUEST ? RC_OK : rc;
}

static void
report_done(struct tables_job *j, enum rc rc)
{
	struct mas_report *c = MAS_CALL(j, struct mas_report);
	struct mas_local *m = j->self;

	mas_job_settle(j, rc);
	if (rc != RC_OK)
		mas_outcome_failed(&c->outcome, rc);
	if (c->outcome.rc == RC_FORBIDDEN) {
		mas_count(m->counters, MAS_COUNT_IVAL_ALARM, 1);
		LOG_WARN(m->conf.log, "integrity-alarm", LOG_N("connection", c->connection_id));
	}
	c->done(c);
}

void
mas_local_report(void *self, struct mas_report *c)
{
	mas_submit(self, &c->job, report_run, report_done);
}

/* ---- what there is after a start ---- */

#define LIVE_STEP 100u

/* Where a walk over the connections is. */
struct live_walk {
	uint64_t at, next; /* stored, and of this step */
	unsigned given, next_given; /* the same */
	size_t n;
	struct mas_conn found[LIVE_STEP];
};

static bool
live_collect(void *arg, const struct mas_conn *c)
{
	struct live_walk *w = arg;

	w->next = c->id;
	w->found[w->n++] = *c;
	return true;
}

static bool
live_wanted(const struct mas_local *m, const struct mas_live *l, const struct mas_conn *c)
{
	return c->state == MAS_CONN_ACTIVE && c->expires > clock_now(m->conf.clock) &&
	       slice_is(l->nscl, c->nscl);
}

static enum rc
live_give(struct mas_local *m, struct tables_tx *tx, struct mas_live *l, const struct mas_conn *c)
{
	struct mas_connection out;
	struct mas_node n;
	struct key kmc;
	enum rc rc = mas_node_get(tx, &c->node, &n);

	if (rc == RC_OK)
		rc = mas_kmc_unwrap(m->keys, c, &kmc);
	if (rc != RC_OK)
		return rc;
	mas_connection_fill(c, &n, &kmc, &out);
	key_wipe(&kmc);
	l->each(l, &out);
	key_wipe(&out.kmc);
	return RC_OK;
}

/* What was found in this step, as far as the limit goes. */
static enum rc
live_give_found(struct mas_local *m, struct tables_tx *tx, struct mas_live *l, struct live_walk *w)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < w->n && rc == RC_OK; i++) {
		if (!live_wanted(m, l, &w->found[i]))
			continue;
		if (l->limit > 0 && w->next_given == l->limit) {
			l->more = true;
			break;
		}
		rc = live_give(m, tx, l, &w->found[i]);
		w->next_given++;
	}
	return rc;
}

static struct live_walk *
live_begin(struct tables_job *j, const struct mas_live *l)
{
	struct live_walk *w = j->memory = calloc(1, sizeof(*w));

	if (w != NULL)
		w->at = l->after;
	return w;
}

static enum rc
live_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_live *l = MAS_CALL(j, struct mas_live);
	struct live_walk *w = j->memory;
	enum rc rc;

	if (w == NULL && (w = live_begin(j, l)) == NULL)
		return RC_UNAVAILABLE;
	mas_outcome(&l->outcome, RC_OK, NULL);
	l->more = false;
	w->n = 0;
	w->next = w->at;
	w->next_given = w->given;
	rc = mas_conn_scan(tx, w->at, LIVE_STEP, live_collect, w);
	if (rc == RC_OK)
		rc = live_give_found(j->self, tx, l, w);
	return rc == RC_OK && w->n == LIVE_STEP && !l->more ? RC_PENDING : rc;
}

static void
live_stored(struct tables_job *j)
{
	struct live_walk *w = j->memory;

	w->at = w->next;
	w->given = w->next_given;
}

static void
live_done(struct tables_job *j, enum rc rc)
{
	struct mas_live *l = MAS_CALL(j, struct mas_live);

	free(j->memory);
	if (rc != RC_OK)
		mas_outcome_failed(&l->outcome, rc);
	l->done(l);
}

void
mas_local_live(void *self, struct mas_live *l)
{
	mas_submit_steps(self, &l->job, live_run, live_stored, live_done);
}
