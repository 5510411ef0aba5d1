/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators see of all grants, and of what was refused. */
#include "config.h"

#include "cap/edge/edge_admin.h"
#include "codec/json_fields.h"
#include "mas/admin.h"

#define GRANTS ADMIN_PATH "grants"
#define STATS ADMIN_PATH "edge"
#define MEDIA_JSON "application/json"
#define ANSWER_MAX (4u << 20)

static bool
put_row(void *arg, struct slice app_id, const struct edge_grant *g)
{
	struct buf *out = arg;

	json_put_open(out, NULL, '{');
	json_put_text(out, "appId", app_id);
	json_put_text(out, "state", slice_of(edge_state_name(g->state)));
	json_put_time(out, "expires", g->expires);
	buf_char(out, '}');
	return !out->failed;
}

static void
write_list(struct edge *e, struct buf *out)
{
	buf_char(out, '{');
	json_put_open(out, "grants", '[');
	edge_table_each(e->table, put_row, out);
	buf_puts(out, "]}");
}

static void
write_stats(struct edge *e, struct buf *out)
{
	buf_char(out, '{');
	edge_log_counters(&e->log, out);
	json_put_number(out, "edge_grants", edge_table_count(e->table));
	buf_char(out, '}');
}

static enum rc
serve_document(struct edge *e, struct req *rq, const struct req_input *in, const char *name,
               void (*write)(struct edge *e, struct buf *out))
{
	struct edge_call c = { .e = e, .rq = rq, .name = name };
	struct buf out;
	enum rc rc = edge_call_authenticate(&c, in);

	if (rc != RC_OK)
		return rc;
	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET, HEAD");
	buf_init(&out, ANSWER_MAX);
	write(e, &out);
	rc = out.failed ? edge_call_refuse(&c, RC_UNAVAILABLE, "OVERLOAD")
	                : endpoint_answer(rq, RC_OK, MEDIA_JSON, buf_view(&out));
	buf_fini(&out);
	return rc;
}

static enum rc
serve_list(void *arg, struct req *rq, const struct req_input *in)
{
	return serve_document(arg, rq, in, "grant-list", write_list);
}

static enum rc
serve_stats(void *arg, struct req *rq, const struct req_input *in)
{
	return serve_document(arg, rq, in, "edge-stats", write_stats);
}

enum rc
edge_admin_list_attach(struct edge *e)
{
	enum rc rc;

	e->grants = (struct endpoint){ .path = GRANTS,
		                       .serve = SERVE_ADMIN,
		                       .internal = true,
		                       .serve_request = serve_list,
		                       .arg = e };
	e->stats = (struct endpoint){ .path = STATS,
		                      .serve = SERVE_ADMIN,
		                      .internal = true,
		                      .serve_request = serve_stats,
		                      .arg = e };
	rc = endpoint_add(e->scl, &e->grants);
	return rc == RC_OK ? endpoint_add(e->scl, &e->stats) : rc;
}
