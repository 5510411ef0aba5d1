/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_impl.h"
#include "store/pack.h"

struct table_key
px_sink_key(enum px_table t, uint64_t forward, uint32_t sink)
{
	return px_key2(t, forward, sink, 4);
}

enum rc
px_sink_row(struct tables_tx *tx, uint64_t forward, uint32_t sink, struct px_sink_row *out)
{
	struct table_key k = px_sink_key(PX_T_SINK, forward, sink);

	return table_row_get(tx, &k, out, sizeof(*out));
}

enum rc
px_sink_row_put(struct tables_tx *tx, uint64_t forward, uint32_t sink,
                const struct px_sink_row *row)
{
	struct table_key k = px_sink_key(PX_T_SINK, forward, sink);

	return table_row_put(tx, &k, row, sizeof(*row));
}

uint64_t
px_sink_until(const struct px_forward_row *f, const struct px_sink_row *s)
{
	uint64_t end = f->to == 0 ? UINT64_MAX : f->to;

	return s->until == 0 || s->until > end ? end : s->until;
}

/* ---- coming and going ---- */

enum rc
px_sink_terms_check(const struct px_book *b, const struct px_sink_terms *terms, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct px_sink_terms *t = &terms[i];

		if (t->url.n == 0 || t->url.n > PX_URL_MAX || t->batch == 0 ||
		    !px_bounds_ok(t->last, t->n_last))
			return RC_BAD_REQUEST;
		if (t->n_keys > b->conf.limits.keys_max)
			return RC_TOO_LARGE;
	}
	return RC_OK;
}

enum rc
px_sink_add(struct px_book *b, struct tables_tx *tx, uint64_t forward, uint32_t sink,
            const struct px_sink_terms *t, uint64_t from)
{
	uint64_t start = t->start != 0 ? t->start : from;
	struct px_sink_row row = { .rate = t->rate,
		                   .compress = t->compress,
		                   .batch = t->batch,
		                   .until = t->until,
		                   .cursor = start == 0 ? 0 : start - 1 };
	struct table_key url = px_sink_key(PX_T_URL, forward, sink),
			 udp = px_sink_key(PX_T_SINK_UDP, forward, sink);
	enum rc rc = tables_put(tx, table_key_view(&url), t->url);

	if (rc == RC_OK)
		rc = px_bounds_put(tx, forward, sink, t->first, t->last, t->n_last);
	if (rc == RC_OK && t->udp_key != NULL)
		rc = px_udp_key_put(b, tx, &udp, t->udp_key);

	for (size_t i = 0; i < t->n_keys && rc == RC_OK; i++)
		rc = px_key_put(b, tx, forward, sink, &row, &t->keys[i]);
	return rc == RC_OK ? px_sink_row_put(tx, forward, sink, &row) : rc;
}

enum rc
px_sink_remove(struct tables_tx *tx, uint64_t forward, uint32_t sink)
{
	static const enum px_table tables[] = { PX_T_SINK, PX_T_URL, PX_T_ERROR, PX_T_BOUNDS,
		                                PX_T_SINK_UDP };
	enum rc rc = RC_OK;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && rc == RC_OK; i++) {
		struct table_key k = px_sink_key(tables[i], forward, sink);

		rc = tables_del(tx, table_key_view(&k));
	}
	return rc;
}

/* ---- progress ---- */

static enum rc
error_put(struct tables_tx *tx, const struct px_progress *p, int64_t now)
{
	struct table_key k = px_sink_key(PX_T_ERROR, p->forward, p->sink);
	struct buf b;
	enum rc rc;

	buf_init(&b, 8 + PX_ERROR_MAX);
	buf_be(&b, (uint64_t)now, 8);
	buf_slice(&b, slice_head(p->error, PX_ERROR_MAX));
	rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&b));
	buf_fini(&b);
	return rc;
}

static void
count(const struct px_progress *p, struct px_sink_row *row, int64_t now)
{
	row->sent += p->sent;
	row->acknowledged += p->acknowledged;
	row->retried += p->retried;
	row->octets += p->octets;
	if (p->acknowledged > 0)
		row->acknowledged_at = (uint64_t)now;
}

enum rc
px_sink_move(struct tables_tx *tx, uint64_t store, struct px_sink_row *row, uint64_t cursor)
{
	struct px_store_row s;
	struct table_key k = px_key1(PX_T_STORE, store);
	enum rc rc;

	if (cursor <= row->cursor)
		return RC_OK;
	row->cursor = cursor;
	rc = table_row_get(tx, &k, &s, sizeof(s));
	if (rc != RC_OK || s.consume == 0 || s.released >= cursor)
		return rc;
	s.released = cursor;
	return px_store_row_put(tx, store, &s);
}

static enum rc
end_sink(struct tables_tx *tx, const struct px_progress *p, struct px_sink_row *row)
{
	struct table_key k = px_sink_key(PX_T_SINK_UDP, p->forward, p->sink);
	enum rc rc = tables_del(tx, table_key_view(&k));

	row->ended = 1;
	row->n_keys = 0;
	return rc == RC_OK ? px_gone_put(tx, PX_GONE_SINK_KEYS, p->forward, p->sink) : rc;
}

static enum rc
run_progress(struct px_book *b, struct px_op *op, struct tables_tx *tx)
{
	const struct px_progress *p = (const struct px_progress *)(const void *)op;
	int64_t now = clock_now(b->conf.clock);
	struct px_forward_row f;
	struct px_sink_row row;
	struct px_count_row c;
	bool on, ends;
	enum rc rc = px_forward_row_live(tx, p->forward, now, &f);

	if (rc == RC_OK)
		rc = px_sink_row(tx, p->forward, p->sink, &row);
	if (rc == RC_OK)
		rc = px_count_row(tx, f.store, &c);
	if (rc != RC_OK)
		return rc;
	/* One that starts behind the last message stands there already. */
	if (p->cursor > c.last && p->cursor > row.cursor)
		return RC_BAD_REQUEST;
	on = p->cursor > row.cursor;
	ends = p->ended && row.ended == 0;
	count(p, &row, now);
	rc = px_sink_move(tx, f.store, &row, p->cursor);
	if (rc == RC_OK && ends)
		rc = end_sink(tx, p, &row);
	if (rc == RC_OK)
		rc = px_sink_row_put(tx, p->forward, p->sink, &row);
	if (rc == RC_OK && (on || ends))
		rc = px_released_put(op, tx, f.store);
	op->sweep = op->sweep || ends;
	return rc == RC_OK && p->error.n > 0 ? error_put(tx, p, now) : rc;
}

void
px_sink_progress(struct px_book *b, struct px_progress *p)
{
	px_op_submit(b, &p->op, 0, run_progress);
}

/* ---- reading ---- */

static enum rc
optional(struct tables_tx *tx, enum px_table t, uint64_t forward, uint32_t sink, struct slice *out)
{
	struct table_key k = px_sink_key(t, forward, sink);
	enum rc rc = tables_get(tx, table_key_view(&k), out);

	if (rc == RC_NOT_FOUND)
		*out = SLICE_NONE;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
fill(struct tables_tx *tx, const struct px_forward_row *f, uint64_t forward, uint32_t number,
     const struct px_sink_row *row, struct px_sink *out)
{
	struct slice url, error, udp_key;
	enum rc rc = optional(tx, PX_T_URL, forward, number, &url);

	if (rc == RC_OK)
		rc = optional(tx, PX_T_ERROR, forward, number, &error);
	if (rc == RC_OK)
		rc = optional(tx, PX_T_SINK_UDP, forward, number, &udp_key);
	if (rc != RC_OK)
		return rc;
	*out = (struct px_sink){ .forward = forward,
		                 .number = number,
		                 .url = url,
		                 .rate = row->rate,
		                 .compress = row->compress != 0,
		                 .batch = (uint32_t)row->batch,
		                 .until = px_sink_until(f, row),
		                 .cursor = row->cursor,
		                 .ended = row->ended != 0,
		                 .has_udp_key = f->state != PX_STOPPED && udp_key.n > 0,
		                 .n_keys = f->state == PX_STOPPED ? 0 : row->n_keys,
		                 .sent = row->sent,
		                 .acknowledged = row->acknowledged,
		                 .retried = row->retried,
		                 .octets = row->octets,
		                 .acknowledged_at = (int64_t)row->acknowledged_at,
		                 .error = error.n < 8 ? SLICE_NONE : slice_from(error, 8),
		                 .error_at = (int64_t)table_key_read(error, 0, 8) };
	return px_bounds_get(tx, forward, number, out);
}

enum rc
px_sink_get(const struct px_view *v, uint64_t forward, uint32_t number, struct px_sink *out)
{
	struct px_forward_row f;
	struct px_sink_row row;
	enum rc rc = px_forward_row_live(v->tx, forward, v->now, &f);

	if (rc == RC_OK)
		rc = px_sink_row(v->tx, forward, number, &row);
	return rc == RC_OK ? fill(v->tx, &f, forward, number, &row, out) : rc;
}

struct listing {
	const struct px_view *v;
	struct px_forward_row forward;
	uint64_t id;
	px_sink_visit *visit;
	void *arg;
	enum rc rc;
};

static bool
list_one(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct px_sink_row row;
	struct px_sink s;

	if (!table_row_read(val, &row, sizeof(row))) {
		l->rc = RC_INTERNAL;
		return false;
	}
	l->rc = fill(l->v->tx, &l->forward, l->id, (uint32_t)table_key_read(key, 9, 4), &row, &s);
	return l->rc == RC_OK && l->visit(l->arg, &s);
}

enum rc
px_sink_list(const struct px_view *v, uint64_t forward, px_sink_visit *visit, void *arg)
{
	struct listing l = { .v = v, .id = forward, .visit = visit, .arg = arg };
	struct table_key of = px_key1(PX_T_SINK, forward);
	enum rc rc = px_forward_row_live(v->tx, forward, v->now, &l.forward);

	if (rc == RC_OK)
		rc = tables_scan(v->tx, table_key_view(&of), SLICE_NONE, 0, list_one, &l);
	return rc == RC_OK ? l.rc : rc;
}
