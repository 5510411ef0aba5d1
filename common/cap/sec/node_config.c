/* SPDX-License-Identifier: Apache-2.0 */
/* The node's gate for configuration that others push (config_gate.h), and what it has counted. */
#include "config.h"

#include <limits.h>
#include <stdlib.h>

#include "cap/sec/node_impl.h"
#include "codec/json_fields.h"
#include "core/peer.h"

#define CONFIG_BOOK "config"
#define ANSWER_MAX 1024u
#define MEDIA_JSON "application/json"

static bool
own_node(void *arg, struct node_id *out)
{
	struct sec *n = arg;

	return n->access.node(n->access.arg, out, NULL);
}

static enum rc
open_gate(struct sec *n, char why[SEC_WHY_MAX])
{
	struct config_gate_conf conf = { .key = n->conf->config.key,
		                         .require = n->conf->config.require,
		                         .scl_id = n->conf->scl_id,
		                         .sub_id = n->conf->config.sub_id,
		                         .node = own_node,
		                         .arg = n,
		                         .log = n->conf->log,
		                         .engine = n->conf->engine };
	char dir[PATH_MAX];
	struct key seal;
	enum rc rc = node_keys_book(n->keys, n->conf, CONFIG_BOOK, &seal, dir, sizeof(dir));

	if (rc == RC_OK) {
		conf.dir = dir;
		conf.seal = &seal;
	}
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		rc = config_gate_new(&conf, &n->config, why);
	key_wipe(&seal);
	return rc;
}

/* For whoever is on this machine. */
static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	const struct config_gate *g = arg;
	struct buf b;
	enum rc rc;

	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET");
	if (in->peer == NULL || !in->peer->loopback)
		return endpoint_refuse(rq, RC_NOT_FOUND, SLICE_NONE);
	buf_init(&b, ANSWER_MAX);
	json_put_open(&b, NULL, '{');
	json_put_number(&b, "config_accepted", (int64_t)config_gate_accepted(g));
	json_put_open(&b, "config_rejected", '{');
	for (unsigned i = 0; i < CONFIG_FAULTS; i++)
		json_put_number(&b, config_fault_name((enum config_fault)i),
		                (int64_t)config_gate_rejected(g, (enum config_fault)i));
	buf_puts(&b, "}}");
	rc = b.failed ? endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE)
	              : endpoint_answer(rq, RC_OK, MEDIA_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

static enum rc
open_endpoint(struct sec *n)
{
	static const char tail[] = "/config";
	struct slice base = scl_base_path(n->scl);

	n->config_path = malloc(base.n + sizeof(tail));
	if (n->config_path == NULL)
		return RC_UNAVAILABLE;
	memcpy(n->config_path, base.p, base.n);
	memcpy(n->config_path + base.n, tail, sizeof(tail));
	n->config_endpoint = (struct endpoint){ .path = n->config_path,
		                                .serve = SERVE_DIA | SERVE_MIA,
		                                .internal = true,
		                                .serve_request = serve,
		                                .arg = n->config };
	return endpoint_add(n->scl, &n->config_endpoint);
}

enum rc
node_config_open(struct sec *n, char why[SEC_WHY_MAX])
{
	enum rc rc;

	if (n->conf->config.key == NULL)
		return RC_OK;
	rc = open_gate(n, why);
	if (rc != RC_OK)
		return rc;
	sec_guard_config(n->guard, n->config);
	return open_endpoint(n);
}
