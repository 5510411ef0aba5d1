/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals that a node is shown. Only what its provider has signed, for it and this very request, has an
 * effect that lasts (Lai et al., "Security Issues on Machine to Machine Communications", reject messages
 * that are forged); the others are counted.
 */
#include "config.h"

#include <stdlib.h>

#include "cap/sec/node_impl.h"
#include "codec/json_fields.h"
#include "core/peer.h"

#define ANSWER_MAX 256u
#define MEDIA_JSON "application/json"

static const char *const names[NODE_REJECTS] = { [NODE_REJECT_VERIFIED] = "verified",
	                                         [NODE_REJECT_INVALID] = "invalid",
	                                         [NODE_REJECT_UNSIGNED] = "unsigned" };

const struct sign_public *
node_reject_key(const struct sec *n)
{
	if (n->has_reject)
		return &n->reject;
	return n->root.has_reject ? &n->root.reject : NULL;
}

static struct reject_check
check_of(const struct sec *n, const uint8_t nonce[REJECT_NONCE_SIZE])
{
	return (struct reject_check){ .pinned = node_reject_key(n),
		                      .node = &n->root.node,
		                      .nonce = nonce,
		                      .now = node_now(n) / CLOCK_SECOND };
}

static bool
can_check(const struct sec *n)
{
	return node_reject_key(n) != NULL && node_has_root(n);
}

static void
note(struct sec *n, enum node_reject what)
{
	uint64_t so_far = atomic_fetch_add_explicit(&n->rejects[what], 1, memory_order_relaxed) + 1;
	int64_t since_last;

	if (what != NODE_REJECT_VERIFIED && log_pace_due(&n->rejecting, &since_last))
		LOG_WARN(n->conf->log, "reject-invalid", LOG_Z("why", names[what]),
		         LOG_N("so_far", (int64_t)so_far), LOG_N("since_last", since_last));
}

static bool
judged(struct sec *n, bool ok)
{
	note(n, ok ? NODE_REJECT_VERIFIED : NODE_REJECT_INVALID);
	return ok;
}

bool
node_check_reject(struct sec *n, struct slice octets, const uint8_t nonce[REJECT_NONCE_SIZE],
                  struct reject *out)
{
	const struct reject_check check = check_of(n, nonce);

	return judged(n, can_check(n) && reject_verify(octets, &check, out) == RC_OK);
}

bool
node_read_reject(struct sec *n, const struct exchange *ex, const uint8_t nonce[REJECT_NONCE_SIZE],
                 struct reject *out)
{
	struct slice text = exchange_answer_header(ex, "x-m2m-reject");
	const struct reject_check check = check_of(n, nonce);
	uint8_t space[REJECT_MAX];

	if (text.n == 0) {
		if (ex->http_status == 403 || ex->http_status == 410)
			note(n, NODE_REJECT_UNSIGNED);
		return false;
	}
	if (!judged(n, can_check(n) && reject_verify_text(text, &check, space, out) == RC_OK))
		return false;
	out->sp_id = SLICE_NONE;
	return true;
}

bool
node_is_void(const struct reject *r)
{
	return r->permanent && (r->cause == REJECT_UNKNOWN || r->cause == REJECT_REVOKED);
}

/* ---- for whoever is on this machine ---- */

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct sec *n = arg;
	struct buf b;
	enum rc rc;

	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET");
	if (in->peer == NULL || !in->peer->loopback)
		return endpoint_refuse(rq, RC_NOT_FOUND, SLICE_NONE);
	buf_init(&b, ANSWER_MAX);
	json_put_open(&b, NULL, '{');
	for (unsigned i = 0; i < NODE_REJECTS; i++)
		json_put_number(
			&b, names[i],
			(int64_t)atomic_load_explicit(&n->rejects[i], memory_order_relaxed));
	buf_char(&b, '}');
	rc = b.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE)
	              : endpoint_answer(rq, RC_OK, MEDIA_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

enum rc
node_rejects_open(struct sec *n)
{
	static const char tail[] = "/rejects";
	struct slice base = scl_base_path(n->scl);

	n->rejects_path = malloc(base.n + sizeof(tail));
	if (n->rejects_path == NULL)
		return RC_UNAVAILABLE;
	memcpy(n->rejects_path, base.p, base.n);
	memcpy(n->rejects_path + base.n, tail, sizeof(tail));
	n->rejects_endpoint = (struct endpoint){ .path = n->rejects_path,
		                                 .serve = SERVE_DIA | SERVE_MIA,
		                                 .internal = true,
		                                 .serve_request = serve,
		                                 .arg = n };
	return endpoint_add(n->scl, &n->rejects_endpoint);
}
