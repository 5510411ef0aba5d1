/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master key of the store: which one it is (record "Mkek": the check values of the present one
 * and of the next), and its change in steps. The next one is named durably before anything is
 * wrapped under it; the present one is given up with the last step.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "mas/mas_impl.h"

#define MASTER_VERSION 1u
#define STEP 32u /* records of one transaction */

static const struct slice master_key = SLICE_INIT("Mkek");
static const uint8_t no_check[MAS_CHECK_BYTES];

struct master {
	uint8_t now[MAS_CHECK_BYTES], next[MAS_CHECK_BYTES];
};

static enum rc
master_read(struct tables_tx *tx, struct master *out)
{
	struct unpack u;
	struct slice val;
	enum rc rc = tables_get(tx, master_key, &val);

	if (rc != RC_OK)
		return rc;
	u = unpack_of(val);
	if (unpack_number(&u, 1, 255) != MASTER_VERSION)
		return RC_INTERNAL;
	unpack_into(&u, out->now, MAS_CHECK_BYTES);
	unpack_into(&u, out->next, MAS_CHECK_BYTES);
	return unpack_done(&u) ? RC_OK : RC_INTERNAL;
}

static enum rc
master_write(struct tables_tx *tx, const uint8_t now[MAS_CHECK_BYTES],
             const uint8_t next[MAS_CHECK_BYTES])
{
	struct table_key v = { .n = 0 };

	table_key_number(&v, MASTER_VERSION, 1);
	table_key_add(&v, now, MAS_CHECK_BYTES);
	table_key_add(&v, next, MAS_CHECK_BYTES);
	return tables_put(tx, master_key, table_key_view(&v));
}

/* ---- at the start ---- */

/* The key with that check value, NULL when it is not among them. */
static const struct key *
pick(const struct key *kek, unsigned n, const uint8_t check[MAS_CHECK_BYTES])
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t its[MAS_CHECK_BYTES];

		if (key_check_value(&kek[i], its) == RC_OK && memcmp(its, check, sizeof(its)) == 0)
			return &kek[i];
	}
	return NULL;
}

static enum rc
first_use(struct tables_tx *tx, const struct key *kek, struct master *master)
{
	enum rc rc = key_check_value(kek, master->now);

	memcpy(master->next, no_check, sizeof(master->next));
	return rc != RC_OK ? rc : master_write(tx, master->now, master->next);
}

static enum rc
refuse(char why[256], const char *text)
{
	snprintf(why, 256, "%s", text);
	return RC_BAD_REQUEST;
}

/* An interrupted change goes on. */
static enum rc
take_next(struct mas_keys *keys, const struct key *next)
{
	enum rc rc = mas_keys_prepare(keys, next);

	if (rc == RC_OK)
		mas_keys_switch(keys);
	return rc;
}

enum rc
mas_master_open(struct tables_tx *tx, const struct key *kek, unsigned n, struct mas_keys **out,
                struct key *candidate, char why[256])
{
	const struct key *now, *next = NULL;
	struct master master;
	enum rc rc = master_read(tx, &master);

	if (rc == RC_NOT_FOUND)
		rc = first_use(tx, &kek[0], &master);
	if (rc != RC_OK)
		return rc;
	now = pick(kek, n, master.now);
	if (now == NULL)
		return refuse(why, "the master key is not the one of the store");
	if (memcmp(master.next, no_check, sizeof(no_check)) != 0 &&
	    (next = pick(kek, n, master.next)) == NULL)
		return refuse(why, "the change of the master key was interrupted: both keys are needed");
	rc = mas_keys_new(now, out);
	if (rc == RC_OK && next != NULL)
		rc = take_next(*out, next);
	/* What lies in the other file is for the next change, unless it is the file that is left over. */
	if (rc == RC_OK && next == NULL && now == &kek[0] && n > 1 && !key_equal(&kek[0], &kek[1]))
		*candidate = kek[1];
	return rc;
}

/* ---- the change ---- */

struct progress {
	enum { NAME_NEXT, KMRS, CONNECTIONS, GROUPS, GENERATOR, LAST } phase, next_phase;
	struct mas_kmr kmr_at, kmr_next; /* wrapped up to there; index 0: none yet */
	uint64_t conn_at, conn_next;
	uint64_t group_at, group_next;
	uint64_t count, next_count;
	bool own; /* begun by this call */
	size_t n;
	struct mas_kmr kmrs[STEP];
	struct mas_conn conns[STEP];
	struct mas_group groups[STEP];
};

static enum rc
name_next(struct mas_local *m, struct tables_tx *tx, struct progress *p)
{
	uint8_t now[MAS_CHECK_BYTES], next[MAS_CHECK_BYTES];
	enum rc rc = mas_keys_prepare(m->keys, m->next_kek);

	p->next_phase = KMRS;
	if (rc != RC_OK)
		return rc;
	mas_keys_check(m->keys, now, next);
	return master_write(tx, now, next);
}

static bool
collect_kmr(void *arg, const struct mas_kmr *k)
{
	struct progress *p = arg;

	p->kmrs[p->n++] = *k;
	return true;
}

static enum rc
wrap_kmr(struct mas_local *m, struct tables_tx *tx, struct mas_kmr *k)
{
	struct key kmr;
	enum rc rc = mas_kmr_unwrap(m->keys, k, &kmr);

	if (rc == RC_OK)
		rc = mas_kmr_wrap(m->keys, &kmr, k);
	key_wipe(&kmr);
	return rc != RC_OK ? rc : mas_kmr_put(tx, k);
}

static enum rc
kmrs(struct mas_local *m, struct tables_tx *tx, struct progress *p)
{
	enum rc rc;

	p->n = 0;
	rc = mas_kmr_scan(tx, NULL, p->kmr_at.index == 0 ? NULL : &p->kmr_at, STEP, collect_kmr, p);
	p->next_phase = p->n == STEP ? KMRS : CONNECTIONS;
	if (p->n > 0)
		p->kmr_next = p->kmrs[p->n - 1];
	for (size_t i = 0; i < p->n && rc == RC_OK; i++)
		if (mas_wrapped_old(m->keys, &p->kmrs[i].wrapped)) {
			rc = wrap_kmr(m, tx, &p->kmrs[i]);
			p->next_count++;
		}
	return rc;
}

static bool
collect_conn(void *arg, const struct mas_conn *c)
{
	struct progress *p = arg;

	p->conns[p->n++] = *c;
	return true;
}

static enum rc
wrap_conn(struct mas_local *m, struct tables_tx *tx, struct mas_conn *c)
{
	struct key kmc;
	enum rc rc = mas_kmc_unwrap(m->keys, c, &kmc);

	if (rc == RC_OK)
		rc = mas_kmc_wrap(m->keys, &kmc, c);
	key_wipe(&kmc);
	return rc != RC_OK ? rc : mas_conn_put(tx, c);
}

static enum rc
connections(struct mas_local *m, struct tables_tx *tx, struct progress *p)
{
	enum rc rc;

	p->n = 0;
	rc = mas_conn_scan(tx, p->conn_at, STEP, collect_conn, p);
	p->next_phase = p->n == STEP ? CONNECTIONS : GROUPS;
	if (p->n > 0)
		p->conn_next = p->conns[p->n - 1].id;
	for (size_t i = 0; i < p->n && rc == RC_OK; i++)
		if (mas_wrapped_old(m->keys, &p->conns[i].wrapped)) {
			rc = wrap_conn(m, tx, &p->conns[i]);
			p->next_count++;
		}
	return rc;
}

static bool
collect_group(void *arg, const struct mas_group *g)
{
	struct progress *p = arg;

	p->groups[p->n++] = *g;
	return true;
}

/* A key of the epoch before may be older than the change, the current one younger. */
static enum rc
groups(struct mas_local *m, struct tables_tx *tx, struct progress *p)
{
	enum rc rc;

	p->n = 0;
	rc = mas_group_scan(tx, p->group_at, STEP, collect_group, p);
	p->next_phase = p->n == STEP ? GROUPS : GENERATOR;
	for (size_t i = 0; i < p->n && rc == RC_OK; i++) {
		struct mas_group *g = &p->groups[i];

		p->group_next = g->gid;
		if (!mas_wrapped_old(m->keys, &g->gak) && !mas_wrapped_old(m->keys, &g->previous))
			continue;
		p->next_count++;
		rc = mas_group_rewrap(m->keys, g);
		rc = rc == RC_OK ? mas_group_put(tx, g) : rc;
	}
	return rc;
}

static enum rc
generator(struct mas_local *m, struct tables_tx *tx, struct progress *p)
{
	bool changed;
	enum rc rc = mas_generator_rewrap(m, tx, &changed);

	p->next_phase = LAST;
	p->next_count += changed;
	return rc;
}

static enum rc
last(struct mas_local *m, struct tables_tx *tx, const struct mas_rewrap *r)
{
	struct mas_trace t = { .actor = r->actor, .action = "rewrap", .source = r->source };
	uint8_t now[MAS_CHECK_BYTES], next[MAS_CHECK_BYTES];
	enum rc rc = mas_trace_text(m, tx, &t, SLICE_LIT("master key"));

	mas_keys_check(m->keys, now, next);
	if (rc == RC_OK)
		rc = mas_keys_reseal(m->keys, tx);
	return rc != RC_OK ? rc : master_write(tx, next, no_check);
}

static enum rc
step(struct mas_local *m, struct tables_tx *tx, struct mas_rewrap *r, struct progress *p)
{
	enum rc rc;

	p->next_phase = p->phase;
	p->kmr_next = p->kmr_at;
	p->conn_next = p->conn_at;
	p->group_next = p->group_at;
	p->next_count = p->count;
	switch (p->phase) {
	case NAME_NEXT:
		rc = name_next(m, tx, p);
		break;
	case KMRS:
		rc = kmrs(m, tx, p);
		break;
	case CONNECTIONS:
		rc = connections(m, tx, p);
		break;
	case GROUPS:
		rc = groups(m, tx, p);
		break;
	case GENERATOR:
		rc = generator(m, tx, p);
		break;
	default:
		return last(m, tx, r);
	}
	return rc == RC_OK ? RC_PENDING : rc;
}

static struct progress *
begin(struct mas_local *m, struct tables_job *j, struct mas_rewrap *r)
{
	struct progress *p = j->memory = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->phase = mas_keys_changing(m->keys) ? KMRS : NAME_NEXT;
	p->own = m->rewrapping == NULL;
	if (p->own)
		m->rewrapping = r;
	return p;
}

static enum rc
refuse_change(struct mas_local *m, struct tables_tx *tx, struct mas_rewrap *r, enum rc rc,
              const char *reason)
{
	struct mas_trace t = { .actor = r->actor, .action = "rewrap", .result = reason,
		               .source = r->source };

	mas_outcome(&r->outcome, rc, reason);
	return mas_trace_text(m, tx, &t, SLICE_LIT("master key"));
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_rewrap *r = MAS_CALL(j, struct mas_rewrap);
	struct progress *p = j->memory;
	struct mas_local *m = j->self;

	mas_outcome(&r->outcome, RC_OK, NULL);
	if (p == NULL && (p = begin(m, j, r)) == NULL)
		return RC_UNAVAILABLE;
	if (!p->own)
		return refuse_change(m, tx, r, RC_CONFLICT, "IN_PROGRESS");
	if (p->phase == NAME_NEXT && key_is_zero(m->next_kek))
		return refuse_change(m, tx, r, RC_BAD_REQUEST, "NO_NEXT_KEY");
	return step(m, tx, r, p);
}

static void
stored(struct tables_job *j)
{
	struct mas_local *m = j->self;
	struct progress *p = j->memory;

	if (p->phase == NAME_NEXT)
		mas_keys_switch(m->keys);
	p->phase = p->next_phase;
	p->kmr_at = p->kmr_next;
	p->conn_at = p->conn_next;
	p->group_at = p->group_next;
	p->count = p->next_count;
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_rewrap *r = MAS_CALL(j, struct mas_rewrap);
	struct mas_local *m = j->self;
	struct progress *p = j->memory;

	if (rc != RC_OK)
		mas_outcome_failed(&r->outcome, rc);
	if (p != NULL && p->own) {
		r->records = p->count;
		m->rewrapping = NULL;
		if (r->outcome.rc == RC_OK) {
			mas_keys_settle(m->keys);
			key_wipe(m->next_kek);
			LOG_INFO(m->conf.log, "master-key-changed", LOG_N("records", r->records));
		}
	}
	free(p);
	r->done(r);
}

void
mas_rewrap(struct mas_local *m, struct mas_rewrap *r)
{
	mas_submit_steps(m, &r->job, run, stored, done);
}

static void
resumed(struct mas_rewrap *r)
{
	struct mas_local *m = r->owner;

	if (r->outcome.rc != RC_OK)
		LOG_ERROR(m->conf.log, "master-key-not-changed",
		          LOG_Z("reason", status_of(r->outcome.rc)->text));
}

void
mas_rewrap_resume(struct mas_local *m)
{
	m->resumed = (struct mas_rewrap){ .actor = "start", .done = resumed,
		                           .owner = m };
	mas_rewrap(m, &m->resumed);
}
