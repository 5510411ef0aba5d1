/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of groups and of their members, in pages, without keys. */
#include "config.h"

#include "mas/mas_group_admin.h"
#include "mas/mas_group_impl.h"

static bool
take(struct mas_group_query *q)
{
	return ++q->rows < q->limit;
}

static bool
group_row(void *arg, const struct mas_group *g)
{
	struct mas_group_query *q = arg;
	struct mas_group shown = *g;

	memset(&shown.gak, 0, sizeof(shown.gak));
	memset(&shown.previous, 0, sizeof(shown.previous));
	q->row(q, &shown, NULL);
	return take(q);
}

static bool
member_row(void *arg, const struct mas_member *one)
{
	struct mas_group_query *q = arg;

	q->row(q, NULL, one);
	return take(q);
}

static enum rc
show(struct mas_group_query *q, struct tables_tx *tx)
{
	struct mas_group g;
	enum rc rc = mas_group_get(tx, q->gid, &g);

	if (rc != RC_OK)
		return rc;
	(void)group_row(q, &g);
	q->rows = 0;
	return mas_member_scan(tx, q->gid, q->after_node, 0, member_row, q);
}

static enum rc
trace(struct mas_local *m, struct tables_tx *tx, const struct mas_group_query *q)
{
	struct mas_trace t = { .actor = q->actor,
		               .action = q->gid == 0 ? "list" : "show",
		               .source = q->source };

	if (q->outcome.rc != RC_OK)
		t.result = status_of(q->outcome.rc)->text;
	return q->gid == 0 ? mas_trace_text(m, tx, &t, SLICE_LIT("groups"))
	                   : mas_trace_group(m, tx, &t, q->gid, NULL);
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_group_query *q = MAS_CALL(j, struct mas_group_query);
	enum rc rc;

	mas_outcome(&q->outcome, RC_OK, NULL);
	if (q->limit == 0 || q->limit > MAS_PAGE_MAX)
		q->limit = MAS_PAGE_MAX;
	q->rows = 0;
	q->begin(q);
	rc = q->gid == 0 ? mas_group_scan(tx, q->after, 0, group_row, q) : show(q, tx);
	q->more = rc == RC_OK && q->rows == q->limit;
	if (rc == RC_NOT_FOUND)
		mas_outcome(&q->outcome, RC_NOT_FOUND, NULL);
	return rc == RC_OK || rc == RC_NOT_FOUND ? trace(j->self, tx, q) : rc;
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_group_query *q = MAS_CALL(j, struct mas_group_query);

	if (rc != RC_OK)
		mas_outcome_failed(&q->outcome, rc);
	q->done(q);
}

void
mas_group_query(struct mas_local *m, struct mas_group_query *q)
{
	mas_submit(m, &q->job, run, done);
}
