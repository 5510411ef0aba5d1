/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of its groups for a node, as an object that its service connection alone opens. */
#include "config.h"

#include "cap/gaka/home_impl.h"

#include <stdlib.h>

#include "codec/json_fields.h"
#include "mas/mas_group_doc.h"
#include "sec/jose.h"

#define DOC_MAX 16384u

/* In secret memory: it gets the keys. */
struct fetching {
	struct mas_group_keys call; /* first */
	const struct gaka_home *home;
	struct req *rq;
	uint64_t connection;
};

static enum rc
answer_object(const struct fetching *f, const struct buf *doc)
{
	const struct sec_access *sec = f->home->sec;
	const struct sec_object object = { .method = SLICE_LIT("GET"),
		                           .target = slice_of(f->home->keys_path),
		                           .media_type = SLICE_LIT("application/json") };
	struct buf out;
	enum rc rc;

	buf_init(&out, JOSE_HEADER_MAX + 2 * DOC_MAX);
	rc = sec->seal(sec->arg, f->connection, &object, buf_view(doc), &out);
	if (rc == RC_OK) {
		rc = endpoint_answer(f->rq, RC_OK, JOSE_MEDIA_TYPE, buf_view(&out));
	} else if (rc == RC_UNAVAILABLE || rc == RC_NOT_FOUND) {
		req_answer(f->rq)->close = true;
		rc = endpoint_refuse(f->rq, RC_DENIED, SLICE_LIT("SEC_KMC_EXPIRED"));
	} else {
		rc = endpoint_refuse(f->rq, RC_INTERNAL, SLICE_NONE);
	}
	buf_fini(&out);
	return rc;
}

static enum rc
answer_keys(const struct fetching *f)
{
	struct buf doc;
	enum rc rc;

	buf_init(&doc, DOC_MAX);
	doc.secret = true;
	mas_group_keys_put(&f->call, &doc);
	rc = doc.failed ? endpoint_refuse(f->rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"))
	                : answer_object(f, &doc);
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
