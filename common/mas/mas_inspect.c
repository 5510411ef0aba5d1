/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked about identities and about the audit, and notes in it. */
#include "config.h"

#include "mas/mas_impl.h"

/* ---- verdicts ---- */

static void
judge(struct mas_verdict *v, enum reject_cause cause, bool permanent)
{
	v->cause = cause;
	v->permanent = permanent;
}

static enum rc
judge_kmr(struct mas_local *m, struct tables_tx *tx, struct mas_verdict *v,
          const struct mas_node *n)
{
	struct mas_kmr k;
	enum rc rc = mas_kmr_get(tx, &n->id, v->id.index, &k);

	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if (rc == RC_NOT_FOUND)
		/* An index above all that were issued: the store is older than the node. */
		judge(v, v->id.index > n->last_kmr ? REJECT_UNKNOWN : REJECT_EXPIRED, false);
	else if (k.state == MAS_KMR_REVOKED)
		judge(v, REJECT_REVOKED, true);
	else if (k.state == MAS_KMR_RETIRED || k.not_after <= clock_now(m->conf.clock))
		judge(v, REJECT_EXPIRED, false);
	else
		judge(v, REJECT_ACCEPTED, false);
	return RC_OK;
}

static enum rc
verdict_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_verdict *v = MAS_CALL(j, struct mas_verdict);
	struct mas_node n;
	enum rc rc;

	mas_outcome(&v->outcome, RC_OK, NULL);
	if (v->id.kind != PSK_MR) {
		mas_outcome(&v->outcome, RC_BAD_REQUEST, "BAD_PARAM");
		return RC_OK;
	}
	rc = mas_node_get(tx, &v->id.node, &n);
	if (rc == RC_NOT_FOUND) {
		judge(v, REJECT_UNKNOWN, true);
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	if (n.state == MAS_NODE_REVOKED) {
		judge(v, REJECT_REVOKED, true);
		return RC_OK;
	}
	return judge_kmr(j->self, tx, v, &n);
}

static void
verdict_done(struct tables_job *j, enum rc rc)
{
	struct mas_verdict *v = MAS_CALL(j, struct mas_verdict);

	if (rc != RC_OK)
		mas_outcome_failed(&v->outcome, rc);
	v->done(v);
}

void
mas_verdict(struct mas_local *m, struct mas_verdict *v)
{
	mas_submit(m, &v->job, verdict_run, verdict_done);
}

/* ---- notes ---- */

static enum rc
note_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_note *n = MAS_CALL(j, struct mas_note);
	struct mas_local *m = j->self;

	mas_outcome(&n->outcome, RC_OK, NULL);
	return audit_add(tx, mas_keys_seal(m->keys, tx), clock_now(m->conf.clock), &n->entry);
}

static void
note_done(struct tables_job *j, enum rc rc)
{
	struct mas_note *n = MAS_CALL(j, struct mas_note);

	if (rc != RC_OK)
		mas_outcome_failed(&n->outcome, rc);
	n->done(n);
}

void
mas_note(struct mas_local *m, struct mas_note *n)
{
	mas_submit(m, &n->job, note_run, note_done);
}

/* ---- the audit ---- */

static void
page_row(void *arg, const struct audit_row *row)
{
	struct mas_audit_page *p = arg;

	p->row(p, row);
}

static enum rc
page_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_audit_page *p = MAS_CALL(j, struct mas_audit_page);

	mas_outcome(&p->outcome, RC_OK, NULL);
	if (p->limit == 0 || p->limit > MAS_PAGE_MAX)
		p->limit = MAS_PAGE_MAX;
	p->begin(p);
	return audit_read(tx, p->after, p->limit, page_row, p);
}

static void
page_done(struct tables_job *j, enum rc rc)
{
	struct mas_audit_page *p = MAS_CALL(j, struct mas_audit_page);

	if (rc != RC_OK)
		mas_outcome_failed(&p->outcome, rc);
	p->done(p);
}

void
mas_audit_page(struct mas_local *m, struct mas_audit_page *p)
{
	mas_submit(m, &p->job, page_run, page_done);
}

#define VERIFY_STEP 500u

static enum rc
verify_run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_audit_verify *v = MAS_CALL(j, struct mas_audit_verify);
	struct mas_local *m = j->self;
	enum rc rc;

	mas_outcome(&v->outcome, RC_OK, NULL);
	v->step = v->check;
	rc = audit_verify(tx, mas_keys_seal(m->keys, tx), VERIFY_STEP, &v->step);
	return rc == RC_OK && !v->step.ended ? RC_PENDING : rc;
}

static void
verify_stored(struct tables_job *j)
{
	struct mas_audit_verify *v = MAS_CALL(j, struct mas_audit_verify);

	v->check = v->step;
}

static void
verify_done(struct tables_job *j, enum rc rc)
{
	struct mas_audit_verify *v = MAS_CALL(j, struct mas_audit_verify);
	struct mas_local *m = j->self;

	v->check = v->step;
	if (rc != RC_OK)
		mas_outcome_failed(&v->outcome, rc);
	else if (v->check.bad != 0 || v->check.bad_head)
		LOG_ERROR(m->conf.log, "audit-damaged", LOG_N("record", v->check.bad));
	v->done(v);
}

void
mas_audit_verify(struct mas_local *m, struct mas_audit_verify *v)
{
	v->check = v->step = (struct audit_check){ .next = 0 };
	mas_submit_steps(m, &v->job, verify_run, verify_stored, verify_done);
}
