/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_forward.h"

#include "cap/pxy/px_impl.h"

/* ---- rows ---- */

enum rc
px_forward_row(struct tables_tx *tx, uint64_t id, struct px_forward_row *out)
{
	struct table_key k = px_key1(PX_T_FORWARD, id);
	enum rc rc = table_row_get(tx, &k, out, sizeof(*out));

	return rc == RC_OK && out->gone != 0 ? RC_NOT_FOUND : rc;
}

enum rc
px_forward_row_live(struct tables_tx *tx, uint64_t id, int64_t now, struct px_forward_row *out)
{
	struct px_store_row store;
	enum rc rc = px_forward_row(tx, id, out);

	return rc == RC_OK ? px_store_row(tx, out->store, now, &store) : rc;
}

enum rc
px_forward_row_put(struct tables_tx *tx, uint64_t id, const struct px_forward_row *row)
{
	struct table_key k = px_key1(PX_T_FORWARD, id);

	return table_row_put(tx, &k, row, sizeof(*row));
}

/* ---- a new one ---- */

/* One more forward of the store, and of all. */
static enum rc
count_new(const struct px_book *b, struct tables_tx *tx, uint64_t store, struct px_store_row *s)
{
	const struct px_limits *l = &b->conf.limits;
	struct px_total_row t;
	enum rc rc = px_totals_read(tx, &t);

	if (rc != RC_OK)
		return rc;
	if (s->forwards >= l->store_forwards_max)
		return RC_TOO_LARGE;
	if (t.forwards >= l->forwards_max)
		return RC_NO_SPACE;
	s->forwards++;
	t.forwards++;
	rc = px_store_row_put(tx, store, s);
	return rc == RC_OK ? px_totals_write(tx, &t) : rc;
}

static enum rc
put_new(struct px_book *b, struct tables_tx *tx, const struct px_forward_new *n, int64_t now)
{
	const struct px_forward_row row = { .store = n->store,
		                            .version = 1,
		                            .state = PX_RUNNING,
		                            .from = n->from,
		                            .to = n->to,
		                            .created = (uint64_t)now,
		                            .next_sink = n->n_sinks + 1,
		                            .n_sinks = n->n_sinks };
	struct table_key of = px_key2(PX_T_FORWARD_OF, n->store, n->id, 8);
	enum rc rc = px_forward_row_put(tx, n->id, &row);

	if (rc == RC_OK)
		rc = tables_put(tx, table_key_view(&of), SLICE_NONE);
	for (size_t i = 0; i < n->n_sinks && rc == RC_OK; i++)
		rc = px_sink_add(b, tx, n->id, (uint32_t)(i + 1), &n->sinks[i], n->from);
	if (rc == RC_OK && n->request != NULL)
		rc = px_request_put(tx, n->who, n->request, PX_MADE_FORWARD, n->id);
	return rc;
}

static enum rc
check_new(const struct px_book *b, const struct px_forward_new *n)
{
	if (n->to != 0 && n->to < n->from)
		return RC_BAD_REQUEST;
	if (n->request != NULL && (n->who.n == 0 || n->who.n > PX_NAME_MAX))
		return RC_BAD_REQUEST;
	if (n->n_sinks > b->conf.limits.sinks_max)
		return RC_TOO_LARGE;
	return px_sink_terms_check(b, n->sinks, n->n_sinks);
}

static enum rc
make_new(struct px_book *b, struct tables_tx *tx, struct px_forward_new *n,
         struct px_store_row *store, int64_t now)
{
	enum rc rc = count_new(b, tx, n->store, store);

	if (rc == RC_OK)
		rc = px_new_id(tx, PX_T_FORWARD, &n->id);
	if (rc != RC_OK)
		return rc;
	px_op_tells(&n->op, PX_TOLD_FORWARD, n->id);
	return put_new(b, tx, n, now);
}

static enum rc
run_new(struct px_book *b, struct px_op *op, struct tables_tx *tx)
{
	struct px_forward_new *n = (struct px_forward_new *)(void *)op;
	int64_t now = clock_now(b->conf.clock);
	struct px_store_row store;
	enum rc rc = px_store_row(tx, n->store, now, &store);

	n->again = false;
	if (rc == RC_OK)
		rc = check_new(b, n);
	if (rc != RC_OK)
		return rc;
	rc = n->request == NULL
	             ? RC_NOT_FOUND
	             : px_request_find(tx, now, n->who, n->request, PX_MADE_FORWARD, &n->id);
	n->again = rc == RC_OK;
	return rc == RC_NOT_FOUND ? make_new(b, tx, n, &store, now) : rc;
}

void
px_forward_make(struct px_book *b, struct px_forward_new *n)
{
	px_op_submit(b, &n->op, 0, run_new);
}

/* ---- its end ---- */

enum rc
px_forward_gone(struct tables_tx *tx, uint64_t id)
{
	struct px_forward_row row;
	enum rc rc = px_forward_row(tx, id, &row);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	row.gone = 1;
	rc = px_forward_row_put(tx, id, &row);
	return rc == RC_OK ? px_gone_put(tx, PX_GONE_FORWARD, id, 0) : rc;
}

static enum rc
run_remove(struct px_book *b, struct px_op *op, struct tables_tx *tx)
{
	const struct px_forward_end *e = (const struct px_forward_end *)(void *)op;
	struct px_forward_row row;
	enum rc rc = px_forward_row_live(tx, e->forward, clock_now(b->conf.clock), &row);

	if (rc == RC_OK)
		rc = px_forward_gone(tx, e->forward);
	if (rc == RC_OK)
		rc = px_released_put(op, tx, row.store);
	op->sweep = true;
	px_op_tells(op, PX_TOLD_FORWARD_GONE, e->forward);
	return rc;
}

void
px_forward_remove(struct px_book *b, struct px_forward_end *e)
{
	px_op_submit(b, &e->op, 0, run_remove);
}

/* ---- what it still needs ---- */

struct needing {
	struct tables_tx *tx;
	struct px_forward_row forward;
	uint64_t from;
	enum rc rc;
};

static bool
need_sink(void *arg, struct slice key, struct slice val)
{
	struct needing *n = arg;
	struct px_sink_row s;

	(void)key;
	if (!table_row_read(val, &s, sizeof(s))) {
		n->rc = RC_INTERNAL;
		return false;
	}
	if (s.ended == 0 && s.cursor < px_sink_until(&n->forward, &s) && s.cursor < n->from)
		n->from = s.cursor + 1;
	return true;
}

static bool
need_forward(void *arg, struct slice key, struct slice val)
{
	struct needing *n = arg;
	uint64_t id = table_key_read(key, 9, 8);
	struct table_key of = px_key1(PX_T_SINK, id);

	(void)val;
	n->rc = px_forward_row(n->tx, id, &n->forward);
	if (n->rc == RC_OK && n->forward.state != PX_STOPPED)
		n->rc = tables_scan(n->tx, table_key_view(&of), SLICE_NONE, 0, need_sink, n);
	else if (n->rc == RC_NOT_FOUND)
		n->rc = RC_OK;
	return n->rc == RC_OK;
}

enum rc
px_needed_from(struct tables_tx *tx, uint64_t store, uint64_t *out)
{
	struct needing n = { .tx = tx, .from = UINT64_MAX };
	struct table_key of = px_key1(PX_T_FORWARD_OF, store);
	enum rc rc = tables_scan(tx, table_key_view(&of), SLICE_NONE, 0, need_forward, &n);

	*out = n.from;
	return rc == RC_OK ? n.rc : rc;
}

/* ---- reading ---- */

static void
fill(uint64_t id, const struct px_forward_row *row, struct px_forward *out)
{
	*out = (struct px_forward){ .id = id,
		                    .store = row->store,
		                    .version = row->version,
		                    .state = (enum px_state)row->state,
		                    .from = row->from,
		                    .to = row->to,
		                    .created = (int64_t)row->created,
		                    .n_sinks = row->n_sinks };
}

enum rc
px_forward_get(const struct px_view *v, uint64_t id, struct px_forward *out)
{
	struct px_forward_row row;
	enum rc rc = px_forward_row_live(v->tx, id, v->now, &row);

	if (rc == RC_OK)
		fill(id, &row, out);
	return rc;
}

struct listing {
	const struct px_view *v;
	px_forward_visit *visit;
	void *arg;
	size_t left, at; /* at: where the identifier is in the key */
	enum rc rc;
};

static bool
list_one(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct px_forward f;

	(void)val;
	l->rc = px_forward_get(l->v, table_key_read(key, l->at, 8), &f);
	if (l->rc == RC_NOT_FOUND) {
		l->rc = RC_OK;
		return true;
	}
	return l->rc == RC_OK && l->visit(l->arg, &f) && --l->left > 0;
}

enum rc
px_forward_list(const struct px_view *v, uint64_t store, uint64_t after, size_t limit,
                px_forward_visit *visit, void *arg)
{
	struct listing l = {
		.v = v, .visit = visit, .arg = arg, .left = limit == 0 ? SIZE_MAX : limit
	};
	struct table_key of = px_key1(PX_T_FORWARD_OF, store);
	struct table_key k = px_key2(PX_T_FORWARD_OF, store, after, 8);
	enum rc rc;

	l.at = 9;
	if (store == 0) {
		of = table_key(PX_T_FORWARD);
		k = px_key1(PX_T_FORWARD, after);
		l.at = 1;
	}
	rc = tables_scan(v->tx, table_key_view(&of), table_key_view(&k), 0, list_one, &l);
	return rc == RC_OK ? l.rc : rc;
}
