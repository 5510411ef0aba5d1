/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of what there is, in pages, without keys. */
#include "config.h"

#include "mas/mas_impl.h"
#include "sec/hex.h"

#define LOOK_MAX 1000u /* records that one page may cost */
#define CURSOR_BYTES (NODE_ID_BYTES + 4)

/* A page under way. */
struct page {
	struct mas_query *q;
	unsigned rows, looked;
	uint8_t at[CURSOR_BYTES]; /* the last record that was looked at */
	size_t n_at;
	bool full;
};

static bool
note(struct page *p, const void *a, size_t n_a, const void *b, size_t n_b)
{
	memcpy(p->at, a, n_a);
	if (n_b > 0)
		memcpy(p->at + n_a, b, n_b);
	p->n_at = n_a + n_b;
	p->full = ++p->looked == LOOK_MAX || p->rows == p->q->limit;
	return !p->full;
}

static bool
wanted(struct slice filter, const char *text)
{
	return filter.n == 0 || slice_is(filter, text);
}

static bool
node_row(void *arg, const struct mas_node *n)
{
	struct page *p = arg;
	const struct mas_query *q = p->q;

	if ((q->state == 0 || q->state == (unsigned)n->state) && wanted(q->sub_id, n->sub_id) &&
	    wanted(q->scl_id, n->scl_id)) {
		p->rows++;
		q->row(p->q, n, NULL, NULL);
	}
	return note(p, n->id.v, NODE_ID_BYTES, NULL, 0);
}

static bool
kmr_row(void *arg, const struct mas_kmr *k)
{
	struct page *p = arg;
	struct mas_kmr shown = *k;
	struct table_key index = { .n = 0 };

	memset(&shown.wrapped, 0, sizeof(shown.wrapped));
	if (p->q->state == 0 || p->q->state == (unsigned)k->state) {
		p->rows++;
		p->q->row(p->q, NULL, &shown, NULL);
	}
	table_key_number(&index, k->index, 4);
	return note(p, k->node.v, NODE_ID_BYTES, index.p, 4);
}

static bool
conn_row(void *arg, const struct mas_conn *c)
{
	struct page *p = arg;
	struct mas_conn shown = *c;
	struct table_key id = { .n = 0 };

	memset(&shown.wrapped, 0, sizeof(shown.wrapped));
	if ((p->q->state == 0 || p->q->state == (unsigned)c->state) &&
	    (!p->q->has_node || node_id_eq(&p->q->node, &c->node))) {
		p->rows++;
		p->q->row(p->q, NULL, NULL, &shown);
	}
	table_key_number(&id, c->id, 8);
	return note(p, id.p, 8, NULL, 0);
}

/* ---- lists ---- */

static enum rc
list_nodes(struct page *p, struct tables_tx *tx, struct unpack *after)
{
	struct node_id from;

	if (p->q->after.n == 0)
		return mas_node_scan(tx, NULL, 0, node_row, p);
	unpack_into(after, from.v, NODE_ID_BYTES);
	return unpack_done(after) ? mas_node_scan(tx, &from, 0, node_row, p) : RC_BAD_REQUEST;
}

static enum rc
list_kmrs(struct page *p, struct tables_tx *tx, struct unpack *after)
{
	const struct node_id *node = p->q->has_node ? &p->q->node : NULL;
	struct mas_kmr from = { .index = 0 };

	if (p->q->after.n == 0)
		return mas_kmr_scan(tx, node, NULL, 0, kmr_row, p);
	unpack_into(after, from.node.v, NODE_ID_BYTES);
	from.index = (uint32_t)unpack_number(after, 4, UINT32_MAX);
	if (!unpack_done(after) || (node != NULL && !node_id_eq(node, &from.node)))
		return RC_BAD_REQUEST;
	return mas_kmr_scan(tx, node, &from, 0, kmr_row, p);
}

static enum rc
list_connections(struct page *p, struct tables_tx *tx, struct unpack *after)
{
	uint64_t from = 0;

	if (p->q->after.n > 0) {
		from = unpack_number(after, 8, UINT64_MAX);
		if (!unpack_done(after))
			return RC_BAD_REQUEST;
	}
	return mas_conn_scan(tx, from, 0, conn_row, p);
}

static enum rc
show_connections(struct page *p, struct tables_tx *tx)
{
	uint64_t ids[MAS_CONNS_PER_NODE];
	struct mas_conn c;
	size_t n;
	enum rc rc = mas_conn_ids(tx, &p->q->node, ids, MAS_CONNS_PER_NODE, &n);

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = mas_conn_get(tx, ids[i], &c);
		if (rc == RC_OK)
			(void)conn_row(p, &c);
	}
	return rc;
}

static enum rc
show_node(struct page *p, struct tables_tx *tx, struct unpack *after)
{
	struct mas_node n;
	enum rc rc = mas_node_get(tx, &p->q->node, &n);

	(void)after;
	if (rc != RC_OK)
		return rc;
	p->q->row(p->q, &n, NULL, NULL);
	rc = mas_kmr_scan(tx, &p->q->node, NULL, 0, kmr_row, p);
	if (rc == RC_OK)
		rc = show_connections(p, tx);
	p->full = false;
	return rc;
}

static enum rc (*const lists[])(struct page *p, struct tables_tx *tx, struct unpack *after) = {
	[MAS_LIST_NODES] = list_nodes,
	[MAS_LIST_KMRS] = list_kmrs,
	[MAS_LIST_CONNECTIONS] = list_connections,
	[MAS_SHOW_NODE] = show_node,
};

/* ---- the job ---- */

static enum rc
trace(struct mas_local *m, struct tables_tx *tx, const struct mas_query *q)
{
	static const char *const objects[] = { "nodes", "kmrs", "connections" };
	struct mas_trace t = { .actor = q->actor, .action = "list", .source = q->source };

	if (q->actor == NULL)
		return RC_OK;
	if (q->outcome.rc != RC_OK)
		t.result = status_of(q->outcome.rc)->text;
	if (q->list != MAS_SHOW_NODE)
		return mas_trace_text(m, tx, &t, slice_of(objects[q->list]));
	t.action = "show";
	return mas_trace_node(m, tx, &t, &q->node, 0);
}

static bool
cursor_of(const struct mas_query *q, uint8_t octets[CURSOR_BYTES], struct unpack *after)
{
	if (q->after.n > MAS_CURSOR_MAX || q->after.n % 2 != 0 ||
	    !hex_decode(q->after, octets, q->after.n / 2))
		return false;
	*after = unpack_of(slice_make(octets, q->after.n / 2));
	return true;
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	struct mas_query *q = MAS_CALL(j, struct mas_query);
	struct page p = { .q = q };
	uint8_t octets[CURSOR_BYTES];
	struct unpack after;
	enum rc rc;

	mas_outcome(&q->outcome, RC_OK, NULL);
	q->next[0] = '\0';
	if (q->limit == 0 || q->limit > MAS_PAGE_MAX)
		q->limit = MAS_PAGE_MAX;
	if (!cursor_of(q, octets, &after) || (q->list == MAS_SHOW_NODE && !q->has_node)) {
		mas_outcome(&q->outcome, RC_BAD_REQUEST, "BAD_PARAM");
		return trace(j->self, tx, q);
	}
	q->begin(q);
	rc = lists[q->list](&p, tx, &after);
	if (rc == RC_NOT_FOUND || rc == RC_BAD_REQUEST) {
		mas_outcome(&q->outcome, rc, rc == RC_NOT_FOUND ? NULL : "BAD_PARAM");
		return trace(j->self, tx, q);
	}
	if (rc == RC_OK && p.full)
		hex_encode(p.at, p.n_at, q->next);
	return rc != RC_OK ? rc : trace(j->self, tx, q);
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct mas_query *q = MAS_CALL(j, struct mas_query);

	if (rc != RC_OK)
		mas_outcome_failed(&q->outcome, rc);
	q->done(q);
}

void
mas_query(struct mas_local *m, struct mas_query *q)
{
	mas_submit(m, &q->job, run, done);
}
