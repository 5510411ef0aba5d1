/* SPDX-License-Identifier: Apache-2.0 */
/* POST status: what the provider says about an identity, signed, for whoever has no session. */
#include "config.h"

#include "mas/msbf_impl.h"

#include <stdlib.h>
#include <strings.h>

#include "codec/codec.h"

#define OCTETS "application/octet-stream"

static const struct codec_limits limits = { .depth = 3, .nodes = 8, .attributes = 4, .text = 128 };

/* A question under way. */
struct asking {
	struct msbf *m;
	struct req *rq;
	struct mas_verdict verdict;
	uint8_t nonce[REJECT_NONCE_SIZE];
};

/* ---- the request ---- */

static bool
is_json(struct slice content_type)
{
	struct slice rest = content_type, type;
	static const char json[] = "application/json";

	if (!slice_split(&rest, ';', &type))
		return false;
	while (type.n > 0 && type.p[type.n - 1] == ' ')
		type.n--;
	return type.n == sizeof(json) - 1 && strncasecmp(type.p, json, type.n) == 0;
}

/* The value of the one member of that name; p NULL else. */
static struct slice
member(const struct node *root, const char *name)
{
	struct slice found = SLICE_NONE;
	unsigned times = 0;

	for (const struct node *n = root->first; n != NULL; n = n->next)
		if (slice_is(n->name, name) && (n->flags & NODE_STRING) != 0) {
			found = n->text;
			times++;
		}
	return times == 1 ? found : SLICE_NONE;
}

static bool
read_body(struct asking *a, struct arena *arena, struct slice body)
{
	/* The codec takes documents: objects with one member, the root. */
	struct slice document = ARENA_JOIN(arena, SLICE_LIT("{\"status\":"), body, SLICE_LIT("}"));
	struct node *root;
	const char *why;

	if (document.p == NULL || codec_json.decode(arena, document, &limits, &root, &why) != RC_OK)
		return false;
	return psk_id_parse(member(root, "identity"), &a->verdict.id) &&
	       a->verdict.id.kind == PSK_MR && reject_nonce_parse(member(root, "nonce"), a->nonce);
}

/* ---- the answer ---- */

static enum rc
answer(struct asking *a)
{
	const struct mas_verdict *v = &a->verdict;
	struct reject r = { .cause = (enum reject_cause)v->cause,
		            .permanent = v->permanent,
		            .node = v->id.node };
	uint8_t octets[REJECT_MAX];
	size_t n;

	if (v->outcome.rc != RC_OK) {
		req_answer(a->rq)->retry_after = MAS_RETRY_AFTER;
		return endpoint_refuse(a->rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	}
	memcpy(r.nonce, a->nonce, sizeof(r.nonce));
	if (!msbf_reject(a->m, &r, octets, &n))
		return endpoint_refuse(a->rq, RC_INTERNAL, SLICE_NONE);
	return endpoint_answer(a->rq, RC_OK, OCTETS, slice_make(octets, n));
}

static void
judged(struct mas_verdict *v)
{
	struct asking *a = v->owner;
	struct msbf *m = a->m;
	struct req *rq = a->rq;
	enum rc rc = answer(a);

	free(a);
	endpoint_finish(rq, rc);
	msbf_leave(m);
}

static void
begin(struct req *rq)
{
	struct asking *a = endpoint_state(rq);

	a->verdict.owner = a;
	a->verdict.done = judged;
	a->m->conf.more.verdict(a->m->conf.more.self, &a->verdict);
}

enum rc
msbf_serve_status(void *arg, struct req *rq, const struct req_input *in)
{
	struct msbf *m = arg;
	struct asking *a;

	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST");
	if (!msbf_rate_take(m->status_rate, in->peer == NULL ? SLICE_NONE : in->peer->address))
		return msbf_refuse_load(rq, 1);
	if (!is_json(in->content_type))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	if (!msbf_enter(m, MSBF_RUNNING_MAX))
		return msbf_refuse_load(rq, MAS_RETRY_AFTER);
	a = calloc(1, sizeof(*a));
	if (a != NULL)
		*a = (struct asking){ .m = m, .rq = rq };
	if (a == NULL || !read_body(a, req_arena(rq), in->body)) {
		enum rc rc = a == NULL ? RC_UNAVAILABLE : RC_BAD_REQUEST;

		free(a);
		msbf_leave(m);
		return endpoint_refuse(rq, rc,
		                       rc == RC_BAD_REQUEST ? SLICE_LIT("BAD_PARAM")
		                                            : SLICE_LIT("OVERLOAD"));
	}
	mas_count(m->counters, MSBF_COUNT_STATUS, 1);
	return endpoint_pend(rq, begin, a);
}

/* ---- refusals of this and the other endpoints ---- */

void
msbf_sign_refusal(struct msbf *m, struct req *rq, const uint8_t nonce[REJECT_NONCE_SIZE],
                  enum reject_cause cause, unsigned retry_after)
{
	struct reject r = { .cause = cause, .retry_after = retry_after };
	char text[REJECT_TEXT_MAX];
	uint8_t octets[REJECT_MAX];
	size_t n;

	memcpy(r.nonce, nonce, sizeof(r.nonce));
	if (!msbf_reject(m, &r, octets, &n))
		return;
	b64url_encode(text, octets, n);
	req_answer(rq)->reject = arena_copy(req_arena(rq), slice_make(text, B64URL_LEN(n)));
}

/* Not signed: a flood is not to be answered with work. */
enum rc
msbf_refuse_load(struct req *rq, unsigned retry_after)
{
	req_answer(rq)->retry_after = retry_after;
	return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
}
