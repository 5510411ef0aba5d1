/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a forward while it runs. */
#include "config.h"

#include "cap/pxy/px_impl.h"

struct work {
	struct px_book *b;
	struct tables_tx *tx;
	struct px_control *c;
	struct px_forward_row f;
};

static enum rc
remove_sinks(struct work *w)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < w->c->n_remove && rc == RC_OK; i++) {
		uint32_t sink = w->c->remove[i];
		struct px_sink_row row;

		rc = px_sink_row(w->tx, w->c->forward, sink, &row);
		if (rc == RC_OK)
			rc = px_sink_remove(w->tx, w->c->forward, sink);
		if (rc == RC_OK)
			rc = px_gone_put(w->tx, PX_GONE_SINK_KEYS, w->c->forward, sink);
		w->f.n_sinks--;
	}
	return rc;
}

static enum rc
add_sinks(struct work *w)
{
	size_t n = w->c->n_add, max = w->b->conf.limits.sinks_max;
	enum rc rc = px_sink_terms_check(w->b, w->c->add, n);

	if (rc != RC_OK)
		return rc;
	if (n > max || w->f.n_sinks > max - n || n > UINT32_MAX - w->f.next_sink)
		return RC_TOO_LARGE;
	w->c->first_added = (uint32_t)w->f.next_sink;
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = px_sink_add(w->b, w->tx, w->c->forward, (uint32_t)w->f.next_sink++,
		                 &w->c->add[i], w->f.from);
	w->f.n_sinks += n;
	return rc;
}

static enum rc
change_sinks(struct work *w)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < w->c->n_change && rc == RC_OK; i++) {
		const struct px_sink_change *c = &w->c->change[i];
		struct px_sink_row row;

		if (c->batch == 0 || !px_bounds_ok(c->last, c->n_last))
			return RC_BAD_REQUEST;
		rc = px_sink_row(w->tx, w->c->forward, c->sink, &row);
		if (rc != RC_OK)
			return rc;
		row.rate = c->rate;
		row.compress = c->compress;
		row.batch = c->batch;
		row.until = c->until;
		rc = px_sink_row_put(w->tx, w->c->forward, c->sink, &row);
		if (rc == RC_OK)
			rc = px_bounds_change(w->tx, w->c->forward, c->sink, c->last, c->n_last);
	}
	return rc;
}

static enum rc
withdraw_keys(struct work *w)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < w->c->n_withdraw && rc == RC_OK; i++) {
		const struct px_withdrawal *d = &w->c->withdraw[i];
		struct px_sink_row row;

		rc = px_sink_row(w->tx, w->c->forward, d->sink, &row);
		if (rc == RC_OK && row.ended != 0)
			rc = RC_NOT_FOUND;
		if (rc == RC_OK)
			rc = px_key_withdraw(w->tx, w->c->forward, d->sink, &row, &d->key);
		if (rc == RC_OK)
			rc = px_sink_row_put(w->tx, w->c->forward, d->sink, &row);
	}
	return rc;
}

static enum rc
grant_keys(struct work *w)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < w->c->n_grant && rc == RC_OK; i++) {
		const struct px_grant *g = &w->c->grant[i];
		struct px_sink_row row;

		rc = px_sink_row(w->tx, w->c->forward, g->sink, &row);
		if (rc == RC_OK && row.ended != 0)
			continue;
		if (rc == RC_OK)
			rc = px_key_put(w->b, w->tx, w->c->forward, g->sink, &row, &g->key);
		if (rc == RC_OK)
			rc = px_sink_row_put(w->tx, w->c->forward, g->sink, &row);
	}
	return rc;
}

static enum rc
skip_messages(struct work *w)
{
	struct px_count_row count;
	enum rc rc = px_count_row(w->tx, w->f.store, &count);

	for (size_t i = 0; i < w->c->n_skip && rc == RC_OK; i++) {
		const struct px_skip *s = &w->c->skip[i];
		struct px_sink_row row;

		rc = px_sink_row(w->tx, w->c->forward, s->sink, &row);
		if (rc == RC_OK && (row.ended != 0 || s->number > count.last || s->number == 0 ||
		                    row.cursor != s->number - 1))
			rc = RC_CONFLICT;
		if (rc == RC_OK)
			rc = px_sink_move(w->tx, w->f.store, &row, s->number);
		if (rc == RC_OK)
			rc = px_sink_row_put(w->tx, w->c->forward, s->sink, &row);
	}
	return rc;
}

static enum rc
set_state(struct work *w)
{
	if (w->c->state == 0)
		return RC_OK;
	if (w->c->state > PX_STOPPED)
		return RC_BAD_REQUEST;
	w->f.state = w->c->state;
	return w->f.state == PX_STOPPED ? px_gone_put(w->tx, PX_GONE_KEYS, w->c->forward, 0)
	                                : RC_OK;
}

static struct slice
digest_of(const struct px_control *c)
{
	return c->digest == NULL ? SLICE_NONE
	                         : slice_make((const char *)c->digest, PX_DIGEST_BYTES);
}

/* Whether the last control was the same. */
static bool
done_before(struct work *w)
{
	struct table_key k = px_key1(PX_T_CONTROL, w->c->forward);
	struct slice last;

	return w->c->digest != NULL && w->c->version != 0 && w->c->version + 1 == w->f.version &&
	       tables_get(w->tx, table_key_view(&k), &last) == RC_OK &&
	       secret_equal(last, digest_of(w->c));
}

static enum rc
digest_put(struct work *w)
{
	struct table_key k = px_key1(PX_T_CONTROL, w->c->forward);

	return w->c->digest == NULL ? tables_del(w->tx, table_key_view(&k))
	                            : tables_put(w->tx, table_key_view(&k), digest_of(w->c));
}

static enum rc
check(struct work *w)
{
	w->c->version_now = w->f.version;
	w->c->first_added = 0;
	w->c->again = done_before(w);
	if (w->c->again)
		return RC_OK;
	if (w->c->version != 0 && w->c->version != w->f.version)
		return RC_PRECONDITION;
	return w->f.state == PX_STOPPED ? RC_CONFLICT : RC_OK;
}

/* After all steps. */
static enum rc
end_control(struct work *w)
{
	enum rc rc = px_forward_row_put(w->tx, w->c->forward, &w->f);

	if (rc == RC_OK)
		rc = digest_put(w);
	if (rc == RC_OK)
		rc = px_released_put(&w->c->op, w->tx, w->f.store);
	px_op_tells(&w->c->op, PX_TOLD_FORWARD, w->c->forward);
	w->c->op.sweep = true;
	return rc;
}

static enum rc
run_control(struct px_book *b, struct px_op *op, struct tables_tx *tx)
{
	static enum rc (*const steps[])(struct work *) = { remove_sinks,  add_sinks,  change_sinks,
		                                           withdraw_keys, grant_keys, skip_messages,
		                                           set_state };
	struct work w = { .b = b, .tx = tx, .c = (struct px_control *)(void *)op };
	enum rc rc = px_forward_row_live(tx, w.c->forward, clock_now(b->conf.clock), &w.f);

	if (rc == RC_OK)
		rc = check(&w);
	if (rc != RC_OK || w.c->again)
		return rc;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == RC_OK; i++)
		rc = steps[i](&w);
	if (rc != RC_OK)
		return rc;
	w.c->version_now = ++w.f.version;
	return end_control(&w);
}

void
px_forward_control(struct px_book *b, struct px_control *c)
{
	px_op_submit(b, &c->op, 0, run_control);
}
