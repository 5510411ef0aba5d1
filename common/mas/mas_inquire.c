/* SPDX-License-Identifier: Apache-2.0 */
/* The standing of a node. Nothing is given out by it, so it leaves no record in the audit. */
#include "config.h"

#include "mas/mas_impl.h"

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_inquire *q = MAS_CALL(j, struct mas_inquire);
	struct mas_node node;
	enum rc rc = mas_node_get(tx, &q->node, &node);

	mas_outcome(&q->outcome, RC_OK, NULL);
	q->stands = rc == RC_OK && node.state == MAS_NODE_ENABLED;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_inquire *q = MAS_CALL(j, struct mas_inquire);

	if (rc != RC_OK) {
		mas_outcome_failed(&q->outcome, rc);
		q->stands = false;
	}
	q->done(q);
}

void
mas_local_inquire(void *self, struct mas_inquire *q)
{
	mas_submit(self, &q->job, run, done);
}
