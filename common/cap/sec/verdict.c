/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/verdict.h"

#include <stdio.h>

#include "cap/sec/node_impl.h"
#include "core/scl.h"

static bool
read_verdict(const struct verdict *v, struct reject *out)
{
	const struct exchange *ex = &v->ex;

	return ex->rc == RC_OK && ex->http_status == 200 &&
	       node_check_reject(v->n, buf_view(&ex->answer), v->nonce, out);
}

static void
status_done(struct exchange *ex)
{
	struct verdict *v = ex->owner;
	struct reject r;
	bool verified = read_verdict(v, &r);

	if (!node_stopping(v->n))
		LOG_INFO(v->n->conf->log, "status-asked", LOG_N("verified", verified),
		         LOG_N("cause", verified ? (int)r.cause : -1),
		         LOG_N("permanent", verified && r.permanent));
	node_exchange_end(ex);
	v->done(v, verified && node_is_void(&r));
}

bool
verdict_ask(struct verdict *v, struct sec *n)
{
	const struct psk_id id = {
		.kind = PSK_MR, .tls = PSK_TLS_1_3, .index = n->root.kmr_index, .node = n->root.node
	};
	char identity[PSK_ID_TEXT], nonce[NODE_NONCE_TEXT];

	if (n->factory == NULL || node_reject_key(n) == NULL || !node_has_root(n) ||
	    psk_id_format(&id, identity) == 0 || !node_nonce(v->nonce, nonce))
		return false;
	v->n = n;
	snprintf(v->url, sizeof(v->url), "%s/status", n->conf->bootstrap.msbf);
	snprintf(v->body, sizeof(v->body), "{\"identity\":\"%s\",\"nonce\":\"%s\"}", identity,
	         nonce);
	v->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = slice_of(v->url),
		                   .body = slice_of(v->body),
		                   .timeout_ms = NODE_TIMEOUT_MS,
		                   .answer_max = REJECT_MAX,
		                   .credential = n->factory,
		                   .done = status_done,
		                   .owner = v };
	exchange_add_header(&v->ex, SLICE_LIT("Content-Type"), SLICE_LIT("application/json"));
	exchange_add_header(&v->ex, SLICE_LIT("Accept"), SLICE_LIT("application/octet-stream"));
	scl_send(n->scl, &v->ex);
	return true;
}
