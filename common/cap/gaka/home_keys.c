/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of its groups for a node, as an object that its service connection alone opens. */
#include "config.h"

#include "cap/gaka/home_impl.h"

#include <stdlib.h>

#include "cap/sec_answer.h"
#include "codec/json_fields.h"
#include "mas/mas_group_doc.h"

#define DOC_MAX 16384u

/* In secret memory: it gets the keys. */
struct fetching {
	struct mas_group_keys call; /* first */
	const struct gaka_home *home;
	struct req *rq;
	uint64_t connection;
};

static enum rc
answer_keys(const struct fetching *f)
{
	struct buf doc;
	enum rc rc;

	buf_init(&doc, DOC_MAX);
	doc.secret = true;
	mas_group_keys_put(&f->call, &doc);
	rc = doc.failed ? endpoint_refuse(f->rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"))
	                : sec_answer_sealed(f->home->sec, f->rq, f->connection,
	                                    slice_of(f->home->keys_path), &doc);
	json_wipe(&doc);
	return rc;
}

static void
fetched(struct mas_group_keys *k)
{
	struct fetching *f = (struct fetching *)(void *)k;
	struct req *rq = f->rq;
	enum rc rc;

	if (k->outcome.rc == RC_OK) {
		rc = answer_keys(f);
	} else {
		req_answer(rq)->retry_after = k->outcome.retry_after;
		rc = endpoint_refuse(rq, k->outcome.rc,
		                     arena_copy(req_arena(rq), slice_of(k->outcome.reason)));
	}
	secret_free(f, sizeof(*f));
	endpoint_finish(rq, rc);
}

static void
fetch(struct req *rq)
{
	struct fetching *f = endpoint_state(rq);

	f->home->mas->ops->group_keys(f->home->mas->self, &f->call);
}

enum rc
home_keys_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct gaka_home *h = arg;
	struct endpoint_who who;
	struct fetching *f;
	struct node_id node;
	enum rc rc;

	if (in->op != REQ_RETRIEVE || in->head)
		return endpoint_not_allowed(rq, "GET");
	rc = home_identify(h, rq, in, &who, &node);
	if (rc != RC_OK)
		return rc;
	if (endpoint_query(rq).n > 0)
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	f = secret_alloc(sizeof(*f));
	if (f == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	f->call.node = node;
	f->call.done = fetched;
	f->home = h;
	f->rq = rq;
	f->connection = in->connection_id;
	return endpoint_pend(rq, fetch, f);
}
