/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of nodes, Kmr and connections, and one node with all it has; never with keys. */
#include "config.h"

#include "mas/admin_impl.h"

#include <stdio.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define LIST_FIELD(name, member)                                                                   \
	{                                                                                          \
		name, JSON_TEXT, false, offsetof(union admin_args, list.member)                    \
	}

static const char *const node_states[] = { [MAS_NODE_ENABLED] = "ENABLED",
	                                   [MAS_NODE_REVOKED] = "REVOKED" };
static const char *const kmr_states[] = { [MAS_KMR_PENDING] = "PENDING",
	                                  [MAS_KMR_ACTIVE] = "ACTIVE",
	                                  [MAS_KMR_RETIRED] = "RETIRED",
	                                  [MAS_KMR_REVOKED] = "REVOKED" };
static const char *const conn_states[] = { [MAS_CONN_ACTIVE] = "ACTIVE",
	                                   [MAS_CONN_ENDED] = "ENDED" };

/* Sections of an answer, in the order in which rows come. */
static const char *const node_sections[] = { "nodes", NULL };
static const char *const kmr_sections[] = { "kmrs", NULL };
static const char *const conn_sections[] = { "connections", NULL };
static const char *const show_sections[] = { "nodes", "kmrs", "connections", NULL };

/* ---- rows ---- */

static void
put_fingerprints(struct buf *b, const struct mas_node *n)
{
	json_put_open(b, "fingerprints", '[');
	for (unsigned i = 0; i < n->n_fingerprints; i++)
		json_put_hex(b, NULL, n->fingerprints[i].v, DEVICE_FINGERPRINT_SIZE);
	buf_char(b, ']');
}

static void
put_node(struct buf *b, const struct mas_node *n)
{
	json_put_hex(b, "nodeId", n->id.v, NODE_ID_BYTES);
	json_put_text(b, "sclId", slice_of(n->scl_id));
	json_put_text(b, "state", slice_of(node_states[n->state]));
	if (n->has_ppid)
		json_put_hex(b, "device", n->ppid_hash, PPID_HASH);
	if (n->sub_id[0] != '\0')
		json_put_text(b, "subId", slice_of(n->sub_id));
	json_put_number(b, "flags", n->flags);
	json_put_text(b, "allowedSources", slice_of(n->allowed_sources));
	json_put_text(b, "priority", slice_of(n->priority == MAS_PRIORITY_LOW ? "low" : "normal"));
	json_put_number(b, "ivalRequired", (int64_t)n->ival_required);
	json_put_time(b, "lastIval", n->last_ival);
	json_put_number(b, "lastKmr", n->last_kmr);
	json_put_number(b, "lastKmc", n->last_kmc);
	json_put_time(b, "created", n->created);
	json_put_number(b, "failures", n->failures);
	json_put_time(b, "lastFailure", n->last_failure);
	if (n->last_reason[0] != '\0')
		json_put_text(b, "lastReason", slice_of(n->last_reason));
	put_fingerprints(b, n);
}

static void
put_kmr(struct buf *b, const struct mas_kmr *k)
{
	json_put_hex(b, "nodeId", k->node.v, NODE_ID_BYTES);
	json_put_number(b, "kmrIndex", k->index);
	json_put_text(b, "state", slice_of(kmr_states[k->state]));
	json_put_text(b, "origin", slice_of(k->origin));
	json_put_time(b, "notBefore", k->not_before);
	json_put_time(b, "notAfter", k->not_after);
	json_put_time(b, "created", k->created);
	json_put_time(b, "firstUsed", k->first_used);
	json_put_time(b, "deadline", k->deadline);
	json_put_hex(b, "check", k->check, MAS_CHECK_BYTES);
}

static void
put_conn(struct buf *b, const struct mas_conn *c)
{
	char id[CONN_ID_HEX];

	conn_id_hex(c->id, id);
	json_put_text(b, "connectionId", slice_of(id));
	json_put_hex(b, "nodeId", c->node.v, NODE_ID_BYTES);
	json_put_number(b, "kmrIndex", c->kmr_index);
	json_put_number(b, "kmcIndex", c->kmc_index);
	json_put_text(b, "state", slice_of(conn_states[c->state]));
	json_put_text(b, "variant", SLICE_LIT("C1"));
	json_put_time(b, "created", c->created);
	json_put_time(b, "expires", c->expires);
	json_put_time(b, "ended", c->ended);
	json_put_number(b, "requests", (int64_t)(c->requests & INT64_MAX));
	json_put_number(b, "octets", (int64_t)(c->octets & INT64_MAX));
	json_put_time(b, "lastSeen", c->last_seen);
	json_put_text(b, "source", slice_of(c->source));
	json_put_text(b, "nscl", slice_of(c->nscl));
	json_put_number(b, "tlsVersion", c->tls_version);
	json_put_hex(b, "check", c->check, MAS_CHECK_BYTES);
}

/* ---- the answer ---- */

/* Ends the section under way and begins the following ones up to that. */
static void
go_to(struct admin_call *c, unsigned section)
{
	while (c->section < section) {
		buf_char(&c->out, ']');
		json_put_open(&c->out, c->sections[++c->section], '[');
	}
}

static void
list_begin(struct mas_query *q)
{
	struct admin_call *c = q->owner;

	buf_clear(&c->out);
	c->section = 0;
	buf_char(&c->out, '{');
	json_put_open(&c->out, c->sections[0], '[');
}

static void
list_row(struct mas_query *q, const struct mas_node *n, const struct mas_kmr *k,
         const struct mas_conn *conn)
{
	struct admin_call *c = q->owner;

	if (q->list == MAS_SHOW_NODE)
		go_to(c, n != NULL ? 0 : k != NULL ? 1 : 2);
	json_put_open(&c->out, NULL, '{');
	if (n != NULL)
		put_node(&c->out, n);
	else if (k != NULL)
		put_kmr(&c->out, k);
	else
		put_conn(&c->out, conn);
	buf_char(&c->out, '}');
}

static void
list_done(struct mas_query *q)
{
	struct admin_call *c = q->owner;

	while (q->outcome.rc == RC_OK && c->sections[c->section + 1] != NULL)
		go_to(c, c->section + 1);
	admin_list_end(c, &q->outcome, q->next);
}

static void
list_start(struct admin_call *c)
{
	mas_query(c->admin->conf.mas, &c->u.query);
}

/* ---- arguments ---- */

/* The number of a state by its name; 0 for none. */
static bool
state_of(struct slice text, const char *const *names, size_t n, unsigned *state)
{
	*state = 0;
	if (text.p == NULL)
		return true;
	for (size_t i = 1; i < n; i++)
		if (slice_is(text, names[i]))
			*state = (unsigned)i;
	return *state != 0;
}

static enum rc
list_of(struct admin_call *c, enum mas_list list, const char *const *sections,
        const char *const *states, size_t n_states)
{
	struct mas_query *q = &c->u.query;

	c->sections = sections;
	*q = (struct mas_query){ .list = list, .sub_id = c->args.list.sub_id,
		                 .scl_id = c->args.list.scl_id, .after = c->args.list.after,
		                 .actor = c->actor, .source = c->source, .begin = list_begin,
		                 .row = list_row, .done = list_done, .owner = c };
	q->has_node = c->args.list.node.p != NULL;
	if ((q->has_node && !node_id_parse(c->args.list.node, &q->node)) ||
	    !state_of(c->args.list.state, states, n_states, &q->state) ||
	    !admin_limit(c, MAS_PAGE_MAX, &q->limit))
		return RC_BAD_REQUEST;
	return RC_OK;
}

static enum rc
nodes_check(struct admin_call *c)
{
	return list_of(c, MAS_LIST_NODES, node_sections, node_states, NITEMS(node_states));
}

static enum rc
kmrs_check(struct admin_call *c)
{
	return list_of(c, MAS_LIST_KMRS, kmr_sections, kmr_states, NITEMS(kmr_states));
}

static enum rc
conns_check(struct admin_call *c)
{
	return list_of(c, MAS_LIST_CONNECTIONS, conn_sections, conn_states, NITEMS(conn_states));
}

static enum rc
show_check(struct admin_call *c)
{
	enum rc rc = list_of(c, MAS_SHOW_NODE, show_sections, node_states, NITEMS(node_states));

	c->u.query.has_node = true;
	c->u.query.node = c->node;
	return rc;
}

static const struct json_field node_fields[] = {
	LIST_FIELD("state", state), LIST_FIELD("subId", sub_id), LIST_FIELD("sclId", scl_id),
	LIST_FIELD("after", after), LIST_FIELD("limit", limit),
};
static const struct json_field row_fields[] = {
	LIST_FIELD("state", state), LIST_FIELD("nodeId", node), LIST_FIELD("after", after),
	LIST_FIELD("limit", limit),
};

#define FIELDS(f) .fields = f, .n_fields = NITEMS(f)

const struct admin_op admin_list_ops[] = {
	{ REQ_RETRIEVE, "nodes", "list", FIELDS(node_fields), .check = nodes_check,
	  .begin = list_start, .at_mas = true },
	{ REQ_RETRIEVE, "kmrs", "list", FIELDS(row_fields), .check = kmrs_check,
	  .begin = list_start, .at_mas = true },
	{ REQ_RETRIEVE, "connections", "list", FIELDS(row_fields), .check = conns_check,
	  .begin = list_start, .at_mas = true },
	{ REQ_RETRIEVE, "nodes/*", "show", .check = show_check, .begin = list_start,
	  .at_mas = true },
	{ .path = NULL },
};
