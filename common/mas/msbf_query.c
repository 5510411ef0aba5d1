/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of devices, the audit, and another master key. */
#include "config.h"

#include "mas/msbf_impl.h"

#include "sec/hex.h"

#define CALL(j, type) ((type *)(void *)((char *)(j)-offsetof(type, job)))
#define LOOK_MAX 1000u /* records that one page may cost */
#define CHECK_STEP 1000u /* audit rows of one transaction */

/* ---- devices ---- */

/* A page under way. */
struct page {
	struct msbf_query *q;
	unsigned rows, looked, limit;
	uint8_t at[PPID_HASH]; /* the last record that was looked at */
	bool full;
};

static bool
page_row(void *arg, const struct msbf_device *d)
{
	struct page *p = arg;
	struct msbf_query *q = p->q;

	if ((q->state == 0 || q->state == (unsigned)d->state) &&
	    (q->sub_id.n == 0 || slice_is(q->sub_id, d->sub_id))) {
		p->rows++;
		q->row(q, d);
	}
	memcpy(p->at, d->hash, PPID_HASH);
	p->full = ++p->looked == LOOK_MAX || p->rows == p->limit;
	return !p->full;
}

static enum rc
one_device(struct msbf_query *q, struct tables_tx *tx)
{
	struct msbf_device d;
	enum rc rc = msbf_device_get(tx, q->hash, &d);

	if (rc == RC_OK)
		q->row(q, &d);
	else if (rc == RC_NOT_FOUND)
		mas_outcome(&q->outcome, RC_NOT_FOUND, NULL);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
some_devices(struct msbf_query *q, struct tables_tx *tx)
{
	struct page p = { .q = q, .limit = q->limit == 0 ? MSBF_PAGE_MAX : q->limit };
	uint8_t after[PPID_HASH];
	enum rc rc;

	if (q->limit > MSBF_PAGE_MAX ||
	    (q->after.n > 0 && !hex_decode(q->after, after, PPID_HASH))) {
		mas_outcome(&q->outcome, RC_BAD_REQUEST, "BAD_PARAM");
		return RC_OK;
	}
	rc = msbf_device_scan(tx, q->after.n > 0 ? after : NULL, 0, page_row, &p);
	if (p.full)
		hex_encode(p.at, PPID_HASH, q->next);
	return rc;
}

static enum rc
trace_query(struct msbf *m, struct tables_tx *tx, const struct msbf_query *q)
{
	struct audit_entry e = { .actor = slice_of(q->actor),
		                 .action = SLICE_LIT("device-list"),
		                 .result = slice_of(msbf_result(&q->outcome)),
		                 .source = q->source };
	char device[2 * PPID_HASH + 1];

	if (q->has_hash) {
		hex_encode(q->hash, PPID_HASH, device);
		e.action = SLICE_LIT("device-show");
		e.object = slice_of(device);
	}
	return audit_add(tx, msbf_seal(m, tx), clock_now(m->conf.clock), &e);
}

static enum rc
query_run(struct tables_job *j, struct tables_tx *tx)
{
	struct msbf_query *q = CALL(j, struct msbf_query);
	enum rc rc;

	mas_outcome(&q->outcome, RC_OK, NULL);
	q->next[0] = '\0';
	if (q->begin != NULL)
		q->begin(q);
	rc = q->has_hash ? one_device(q, tx) : some_devices(q, tx);
	return rc != RC_OK || q->actor == NULL ? rc : trace_query(j->self, tx, q);
}

static void
query_done(struct tables_job *j, enum rc rc)
{
	struct msbf_query *q = CALL(j, struct msbf_query);
	struct msbf *m = j->self;

	if (rc != RC_OK)
		mas_outcome_failed(&q->outcome, rc);
	q->done(q);
	msbf_leave(m);
}

void
msbf_query(struct msbf *m, struct msbf_query *q)
{
	msbf_submit(m, &q->job, query_run, NULL, query_done);
}

/* ---- the audit ---- */

static enum rc
note_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_note *n = CALL(j, struct mas_note);
	struct msbf *m = j->self;

	mas_outcome(&n->outcome, RC_OK, NULL);
	return audit_add(tx, msbf_seal(m, tx), clock_now(m->conf.clock), &n->entry);
}

static void
note_done(struct tables_job *j, enum rc rc)
{
	struct mas_note *n = CALL(j, struct mas_note);
	struct msbf *m = j->self;

	if (rc != RC_OK)
		mas_outcome_failed(&n->outcome, rc);
	n->done(n);
	msbf_leave(m);
}

void
msbf_note(struct msbf *m, struct mas_note *n)
{
	msbf_submit(m, &n->job, note_run, NULL, note_done);
}

static void
audit_row(void *arg, const struct audit_row *row)
{
	struct mas_audit_page *p = arg;

	p->row(p, row);
}

static enum rc
audit_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_audit_page *p = CALL(j, struct mas_audit_page);

	mas_outcome(&p->outcome, RC_OK, NULL);
	if (p->begin != NULL)
		p->begin(p);
	if (p->limit <= MAS_PAGE_MAX)
		return audit_read(tx, p->after, p->limit == 0 ? MAS_PAGE_MAX : p->limit, audit_row,
		                  p);
	mas_outcome(&p->outcome, RC_BAD_REQUEST, "BAD_PARAM");
	return RC_OK;
}

static void
audit_done(struct tables_job *j, enum rc rc)
{
	struct mas_audit_page *p = CALL(j, struct mas_audit_page);
	struct msbf *m = j->self;

	if (rc != RC_OK)
		mas_outcome_failed(&p->outcome, rc);
	p->done(p);
	msbf_leave(m);
}

void
msbf_audit_page(struct msbf *m, struct mas_audit_page *p)
{
	msbf_submit(m, &p->job, audit_run, NULL, audit_done);
}

static enum rc
verify_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_audit_verify *v = CALL(j, struct mas_audit_verify);
	struct msbf *m = j->self;
	enum rc rc;

	v->step = v->check;
	rc = audit_verify(tx, msbf_seal(m, tx), CHECK_STEP, &v->step);
	return rc == RC_OK && !v->step.ended ? RC_PENDING : rc;
}

static void
verify_stored(struct tables_job *j)
{
	struct mas_audit_verify *v = CALL(j, struct mas_audit_verify);

	v->check = v->step;
}

static void
verify_done(struct tables_job *j, enum rc rc)
{
	struct mas_audit_verify *v = CALL(j, struct mas_audit_verify);
	struct msbf *m = j->self;

	mas_outcome(&v->outcome, RC_OK, NULL);
	if (rc == RC_OK)
		v->check = v->step;
	else
		mas_outcome_failed(&v->outcome, rc);
	if (v->check.bad != 0 || v->check.bad_head)
		LOG_ERROR(m->conf.log, "audit-damaged", LOG_N("record", v->check.bad));
	v->done(v);
	msbf_leave(m);
}

void
msbf_audit_verify(struct msbf *m, struct mas_audit_verify *v)
{
	v->check = (struct audit_check){ 0 };
	msbf_submit(m, &v->job, verify_run, verify_stored, verify_done);
}

/* ---- a new master key ---- */

static enum rc
rewrap_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_rewrap *r = CALL(j, struct mas_rewrap);
	struct msbf *m = j->self;
	struct audit_entry e = { .actor = slice_of(r->actor),
		                 .action = SLICE_LIT("rewrap"),
		                 .result = SLICE_LIT("ok"),
		                 .source = r->source };
	enum rc rc;

	mas_outcome(&r->outcome, RC_OK, NULL);
	r->records = 0;
	if (key_is_zero(m->next_seal) || key_equal(m->seal, m->next_seal) ||
	    msbf_seal(m, tx) == m->next_seal) {
		mas_outcome(&r->outcome, RC_BAD_REQUEST, "NO_NEXT_KEY");
		e.result = SLICE_LIT("NO_NEXT_KEY");
		return audit_add(tx, msbf_seal(m, tx), clock_now(m->conf.clock), &e);
	}
	rc = audit_add(tx, m->seal, clock_now(m->conf.clock), &e);
	m->changing = true;
	return rc != RC_OK ? rc : audit_reseal(tx, m->seal, m->next_seal);
}

static void
rewrap_done(struct tables_job *j, enum rc rc)
{
	struct mas_rewrap *r = CALL(j, struct mas_rewrap);
	struct msbf *m = j->self;

	if (rc != RC_OK)
		mas_outcome_failed(&r->outcome, rc);
	if (r->outcome.rc == RC_OK) {
		*m->seal = *m->next_seal;
		key_wipe(m->next_seal);
	}
	m->changing = false;
	r->done(r);
	msbf_leave(m);
}

void
msbf_rewrap(struct msbf *m, struct mas_rewrap *r)
{
	msbf_submit(m, &r->job, rewrap_run, NULL, rewrap_done);
}
