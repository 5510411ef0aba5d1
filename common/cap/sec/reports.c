/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/reports.h"

#include <stdlib.h>

#include "codec/node.h"
#include "mas/ival_doc.h"

#define ELEMENT "integrityValResults"

struct checking {
	struct mas_report call; /* first */
	struct live *live;
	struct req_answer *out;
	struct guard_wait *w;
};

static void
checked(struct mas_report *call)
{
	struct checking *c = (struct checking *)(void *)call;
	struct guard_wait *w = c->w;
	enum rc rc = call->outcome.rc;
	struct slice reason = SLICE_NONE;

	if (rc == RC_FORBIDDEN) {
		live_end(c->live, call->connection_id, LIVE_ENDED);
		reason = SLICE_LIT("IVAL_FAILED");
	} else if (rc == RC_NOT_FOUND) {
		rc = RC_DENIED;
		reason = SLICE_LIT("SEC_KMC_EXPIRED");
	} else if (rc == RC_BAD_REQUEST) {
		reason = SLICE_LIT("BAD_PARAM");
	} else if (rc == RC_UNAVAILABLE) {
		c->out->retry_after = call->outcome.retry_after;
		reason = SLICE_LIT("OVERLOAD");
	}
	c->out->close = rc == RC_FORBIDDEN || rc == RC_DENIED;
	free(c);
	w->then(w, rc, reason);
}

/* In an scl, or by itself as its attribute. */
static const struct node *
report_in(const struct node *doc)
{
	const struct node *n = doc;

	if (slice_is(doc->name, ELEMENT))
		return doc;
	if (!slice_is(doc->name, "scl"))
		return NULL;
	for (n = doc->first; n != NULL && !slice_is(n->name, ELEMENT);)
		n = n->next;
	return n;
}

enum rc
reports_defer(struct mas *mas, struct live *live, const struct req_input *in,
              const struct node *doc, struct req_answer *out, struct guard_wait *w,
              struct slice *reason)
{
	const struct node *found = in->connection_id == 0 ? NULL : report_in(doc);
	struct checking *c;
	struct node report;

	if (found == NULL || mas == NULL)
		return RC_OK;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return RC_UNAVAILABLE;
	*c = (struct checking){ .live = live, .out = out, .w = w };
	c->call.connection_id = in->connection_id;
	c->call.done = checked;
	/* Within an scl the schema judges the name. */
	report = *found;
	report.ns = SLICE_LIT(NS_M2M);
	if (ival_doc_from(&report, &c->call.ival) != RC_OK) {
		free(c);
		*reason = SLICE_LIT("XSD_INVALID");
		return RC_BAD_REQUEST;
	}
	mas->ops->report(mas->self, &c->call);
	return RC_PENDING;
}
