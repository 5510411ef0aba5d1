/* SPDX-License-Identifier: Apache-2.0 */
/* Removing in steps what nobody finds any more, so that no transaction is long. */
#include "config.h"

#include "cap/pxy/px_impl.h"

#define STEP_MESSAGES 1024u /* of one transaction */
#define STEP_RECORDS 128u /* others than messages */

/* One of the things that are being removed. */
struct gone {
	enum px_gone what;
	uint64_t id;
	uint32_t sink;
};

/* ---- records of one prefix ---- */

struct found {
	struct table_key keys[STEP_RECORDS];
	size_t n;
};

static bool
find_one(void *arg, struct slice key, struct slice val)
{
	struct found *f = arg;

	(void)val;
	f->keys[f->n].n = 0;
	table_key_add(&f->keys[f->n++], key.p, key.n);
	return f->n < STEP_RECORDS;
}

static enum rc
find(struct tables_tx *tx, const struct table_key *of, struct found *f)
{
	f->n = 0;
	return tables_scan(tx, table_key_view(of), SLICE_NONE, STEP_RECORDS, find_one, f);
}

/* *done: there is none any more. */
static enum rc
remove_all(struct tables_tx *tx, const struct table_key *of, bool *done)
{
	struct found f;
	enum rc rc = find(tx, of, &f);

	for (size_t i = 0; i < f.n && rc == RC_OK; i++)
		rc = tables_del(tx, table_key_view(&f.keys[i]));
	*done = f.n < STEP_RECORDS;
	return rc;
}

static enum rc
remove_records(struct tables_tx *tx, const enum px_table *tables, size_t n, uint64_t id)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		struct table_key k = px_key1(tables[i], id);

		rc = tables_del(tx, table_key_view(&k));
	}
	return rc;
}

/* ---- messages ---- */

/* Removes from the front, up to that number; what is not there any more is passed over. */
static enum rc
remove_messages(struct tables_tx *tx, uint64_t store, uint64_t up_to, struct px_count_row *c,
                uint64_t *octets)
{
	enum rc rc = RC_OK;

	*octets = 0;
	for (unsigned n = 0; n < STEP_MESSAGES && *octets < PX_SWEEP_OCTETS && c->first <= up_to;
	     n++) {
		uint64_t size = 0;

		rc = px_message_remove(tx, store, c->first, &size);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		*octets += size;
		c->first++;
	}
	return RC_OK;
}

static enum rc
count_removed(struct tables_tx *tx, uint64_t store, struct px_count_row *c, uint64_t octets)
{
	struct px_total_row t = { 0 };
	enum rc rc = px_totals_read(tx, &t);

	if (rc != RC_OK)
		return rc;
	if (t.octets < octets || c->octets < octets)
		return RC_INTERNAL;
	t.octets -= octets;
	c->octets -= octets;
	c->oldest = 0;
	if (c->first <= c->last)
		rc = px_message_received(tx, store, c->first, &c->oldest);
	if (rc == RC_OK)
		rc = px_count_row_put(tx, store, c);
	return rc == RC_OK ? px_totals_write(tx, &t) : rc;
}

/* *done: there is none up to that number any more. */
static enum rc
sweep_messages(struct tables_tx *tx, uint64_t store, uint64_t up_to, bool *done)
{
	struct px_count_row c;
	uint64_t octets;
	enum rc rc = px_count_row(tx, store, &c);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
	if (up_to > c.last)
		up_to = c.last;
	*done = c.first > up_to;
	if (*done)
		return RC_OK;
	rc = remove_messages(tx, store, up_to, &c, &octets);
	*done = c.first > up_to;
	return rc == RC_OK ? count_removed(tx, store, &c, octets) : rc;
}

/* ---- what is gone ---- */

static enum rc
sweep_sink_keys(struct tables_tx *tx, const struct gone *g, bool *done)
{
	struct table_key of = px_sink_key(PX_T_KEY, g->id, g->sink);

	return remove_all(tx, &of, done);
}

static enum rc
sweep_keys(struct tables_tx *tx, const struct gone *g, bool *done)
{
	struct table_key of = px_key1(PX_T_KEY, g->id), udp = px_key1(PX_T_SINK_UDP, g->id);
	enum rc rc = remove_all(tx, &of, done);

	return rc == RC_OK && *done ? remove_all(tx, &udp, done) : rc;
}

static enum rc
end_forward(struct tables_tx *tx, uint64_t id)
{
	static const enum px_table records[] = { PX_T_FORWARD, PX_T_CONTROL };
	struct table_key k = px_key1(PX_T_FORWARD, id), of;
	struct px_forward_row f;
	struct px_store_row s;
	struct px_total_row t = { 0 };
	enum rc rc = table_row_get(tx, &k, &f, sizeof(f));

	if (rc != RC_OK)
		return RC_INTERNAL;
	of = px_key2(PX_T_FORWARD_OF, f.store, id, 8);
	k = px_key1(PX_T_STORE, f.store);
	rc = table_row_get(tx, &k, &s, sizeof(s));
	if (rc == RC_OK)
		rc = px_totals_read(tx, &t);
	if (rc != RC_OK || s.forwards == 0 || t.forwards == 0)
		return RC_INTERNAL;
	s.forwards--;
	t.forwards--;
	rc = px_store_row_put(tx, f.store, &s);
	if (rc == RC_OK)
		rc = px_totals_write(tx, &t);
	if (rc == RC_OK)
		rc = tables_del(tx, table_key_view(&of));
	if (rc == RC_OK)
		rc = px_request_forget(tx, PX_MADE_FORWARD, id);
	return rc == RC_OK ? remove_records(tx, records, 2, id) : rc;
}

/* Its keys, then its sinks, then itself. */
static enum rc
sweep_forward(struct tables_tx *tx, const struct gone *g, bool *done)
{
	static const enum px_table of_sinks[] = { PX_T_KEY, PX_T_SINK_UDP, PX_T_SINK,
		                                  PX_T_URL, PX_T_ERROR,    PX_T_BOUNDS };
	enum rc rc = RC_OK;

	*done = true;
	for (size_t i = 0; i < sizeof(of_sinks) / sizeof(of_sinks[0]) && rc == RC_OK && *done;
	     i++) {
		struct table_key of = px_key1(of_sinks[i], g->id);

		rc = remove_all(tx, &of, done);
	}
	return rc == RC_OK && *done ? end_forward(tx, g->id) : rc;
}

/* What else there is of a store without messages. */
static enum rc
forget_store(struct tables_tx *tx, uint64_t id)
{
	struct table_key marks = px_key1(PX_T_MARK, id);
	struct px_store s = { .n_named = 0 };
	bool done = false;
	enum rc rc = px_names_read(tx, id, &s);

	if (rc == RC_OK)
		rc = px_owner_count(tx, s.owner, 0, false);
	if (rc == RC_OK)
		rc = px_request_forget(tx, PX_MADE_STORE, id);
	if (rc == RC_OK)
		rc = px_origin_forget(tx, id);
	while (rc == RC_OK && !done)
		rc = remove_all(tx, &marks, &done);
	return rc;
}

static enum rc
end_store(struct tables_tx *tx, uint64_t id)
{
	static const enum px_table records[] = { PX_T_STORE,    PX_T_NAMES,   PX_T_COUNT,
		                                 PX_T_RELEASED, PX_T_DIGESTS, PX_T_STORE_UDP };
	struct table_key k = px_key1(PX_T_STORE, id);
	struct px_store_row s;
	struct px_total_row t = { 0 };
	enum rc rc = table_row_get(tx, &k, &s, sizeof(s));

	if (rc == RC_OK)
		rc = px_totals_read(tx, &t);
	if (rc != RC_OK || t.stores == 0 || t.reserved < s.reserve)
		return RC_INTERNAL;
	t.stores--;
	t.reserved -= s.reserve;
	rc = px_totals_write(tx, &t);
	if (rc == RC_OK)
		rc = forget_store(tx, id);
	return rc == RC_OK ? remove_records(tx, records, sizeof(records) / sizeof(records[0]), id)
	                   : rc;
}

/* Its forwards first, because of their keys; they are swept before it is its turn again. */
static enum rc
sweep_store(struct tables_tx *tx, const struct gone *g, bool *done)
{
	struct table_key of = px_key1(PX_T_FORWARD_OF, g->id);
	struct found forwards;
	enum rc rc = find(tx, &of, &forwards);

	for (size_t i = 0; i < forwards.n && rc == RC_OK; i++)
		rc = px_forward_gone(tx, table_key_read(table_key_view(&forwards.keys[i]), 9, 8));
	*done = false;
	if (rc == RC_OK && forwards.n == 0)
		rc = sweep_messages(tx, g->id, UINT64_MAX, done);
	return rc == RC_OK && *done ? end_store(tx, g->id) : rc;
}

static enum rc (*const sweepers[])(struct tables_tx *, const struct gone *, bool *) = {
	[PX_GONE_SINK_KEYS] = sweep_sink_keys,
	[PX_GONE_KEYS] = sweep_keys,
	[PX_GONE_FORWARD] = sweep_forward,
	[PX_GONE_STORE] = sweep_store,
};

static struct table_key
gone_key(const struct gone *g)
{
	struct table_key k = table_key(PX_T_GONE);

	table_key_number(&k, g->what, 1);
	table_key_number(&k, g->id, 8);
	table_key_number(&k, g->sink, 4);
	return k;
}

enum rc
px_gone_put(struct tables_tx *tx, enum px_gone what, uint64_t id, uint32_t sink)
{
	const struct gone g = { .what = what, .id = id, .sink = sink };
	struct table_key k = gone_key(&g);

	return tables_put(tx, table_key_view(&k), SLICE_NONE);
}

/* ---- steps ---- */

static bool
first_key(void *arg, struct slice key, struct slice val)
{
	struct table_key *k = arg;

	(void)val;
	table_key_add(k, key.p, key.n);
	return false;
}

/* The first key of a table; its n is 0: there is none. */
static enum rc
first_of(struct tables_tx *tx, enum px_table t, struct table_key *out)
{
	struct table_key of = table_key((char)t);

	out->n = 0;
	return tables_scan(tx, table_key_view(&of), SLICE_NONE, 1, first_key, out);
}

static enum rc
sweep_gone(struct tables_tx *tx, bool *any)
{
	struct table_key k;
	struct slice key;
	struct gone g;
	bool done = false;
	enum rc rc = first_of(tx, PX_T_GONE, &k);

	*any = k.n > 0;
	if (rc != RC_OK || !*any)
		return rc;
	key = table_key_view(&k);
	g = (struct gone){ .what = (enum px_gone)table_key_read(key, 1, 1),
		           .id = table_key_read(key, 2, 8),
		           .sink = (uint32_t)table_key_read(key, 10, 4) };
	if (g.what < PX_GONE_SINK_KEYS || g.what > PX_GONE_STORE)
		return RC_INTERNAL;
	rc = sweepers[g.what](tx, &g, &done);
	return rc == RC_OK && done ? tables_del(tx, key) : rc;
}

/* ---- what is released ---- */

enum rc
px_released_put(struct px_op *op, struct tables_tx *tx, uint64_t store)
{
	struct table_key k = px_key1(PX_T_STORE, store), released = px_key1(PX_T_RELEASED, store);
	struct px_store_row s;
	struct px_count_row c;
	enum rc rc = table_row_get(tx, &k, &s, sizeof(s));

	if (rc == RC_OK)
		rc = px_count_row(tx, store, &c);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
	if (c.first > c.last || c.first > s.released)
		return RC_OK;
	op->sweep = true;
	return tables_put(tx, table_key_view(&released), SLICE_NONE);
}

static enum rc
sweep_store_released(struct tables_tx *tx, uint64_t store, bool *done)
{
	struct table_key k = px_key1(PX_T_STORE, store);
	struct px_store_row s;
	uint64_t needed;
	enum rc rc = table_row_get(tx, &k, &s, sizeof(s));

	*done = rc == RC_NOT_FOUND || (rc == RC_OK && s.gone != 0);
	if (rc != RC_OK || *done)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	rc = px_needed_from(tx, store, &needed);
	if (rc != RC_OK)
		return rc;
	return sweep_messages(tx, store, s.released < needed ? s.released : needed - 1, done);
}

static enum rc
sweep_released(struct tables_tx *tx, bool *any)
{
	struct table_key k;
	bool done = false;
	enum rc rc = first_of(tx, PX_T_RELEASED, &k);

	*any = k.n > 0;
	if (rc == RC_OK && *any)
		rc = sweep_store_released(tx, table_key_read(table_key_view(&k), 1, 8), &done);
	return rc == RC_OK && done ? tables_del(tx, table_key_view(&k)) : rc;
}

enum rc
px_sweep(struct tables_tx *tx, bool *more)
{
	bool gone, released = false;
	enum rc rc = sweep_gone(tx, &gone);

	if (rc == RC_OK)
		rc = sweep_released(tx, &released);
	*more = gone || released;
	return rc;
}
