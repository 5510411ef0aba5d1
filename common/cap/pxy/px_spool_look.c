/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_spool.h"

#include "cap/pxy/px_spool_rows.h"

/* A record of a kind that a visitor of the caller's is to see. */
struct looking {
	px_spool_dest_visit *dest;
	px_spool_sink_visit *sink;
	void *arg;
	enum rc rc;
};

static bool
see_dest(void *arg, struct slice key, struct slice val)
{
	struct looking *l = arg;
	struct px_spool_dest d;

	if (!spool_dest_read(key, val, &d)) {
		l->rc = RC_INTERNAL;
		return false;
	}
	return l->dest(l->arg, &d);
}

static bool
see_sink(void *arg, struct slice key, struct slice val)
{
	struct looking *l = arg;
	struct px_spool_sink k;

	if (!spool_sink_read(key, val, &k)) {
		l->rc = RC_INTERNAL;
		return false;
	}
	return l->sink(l->arg, &k);
}

static enum rc
look(struct px_spool *s, char table, store_visit *visit, struct looking *l)
{
	struct table_key k = table_key(table);
	struct tables_tx *tx;
	enum rc rc = tables_read(&s->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_scan(tx, table_key_view(&k), SLICE_NONE, 0, visit, l);
	tables_abort(tx);
	return rc == RC_OK ? l->rc : rc;
}

enum rc
px_spool_dests(struct px_spool *s, px_spool_dest_visit *visit, void *arg)
{
	struct looking l = { .dest = visit, .arg = arg, .rc = RC_OK };

	return look(s, SPOOL_DEST, see_dest, &l);
}

enum rc
px_spool_sinks(struct px_spool *s, px_spool_sink_visit *visit, void *arg)
{
	struct looking l = { .sink = visit, .arg = arg, .rc = RC_OK };

	return look(s, SPOOL_SINK, see_sink, &l);
}

enum rc
px_spool_state(struct px_spool *s, const struct px_spool_dest *d,
               uint8_t out[PRE_STREAM_STATE_SIZE])
{
	struct table_key k = spool_state_key(d);
	struct tables_tx *tx;
	struct slice val;
	enum rc rc = tables_read(&s->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(&k), &val);
	if (rc == RC_OK && val.n == PRE_STREAM_STATE_SIZE)
		memcpy(out, val.p, val.n);
	else if (rc == RC_OK)
		rc = RC_INTERNAL;
	tables_abort(tx);
	return rc;
}

enum rc
px_spool_batch(struct px_spool *s, uint64_t destination, struct px_spool_batch *out, struct buf *to)
{
	struct table_key k = spool_key(SPOOL_BATCH, destination);
	struct tables_tx *tx;
	struct slice val;
	size_t at = to->n;
	enum rc rc = tables_read(&s->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(&k), &val);
	if (rc == RC_OK && !spool_batch_read(val, out))
		rc = RC_INTERNAL;
	if (rc == RC_OK) {
		buf_slice(to, out->octets);
		rc = to->failed ? RC_UNAVAILABLE : RC_OK;
		out->octets = slice_from(buf_view(to), at);
	}
	tables_abort(tx);
	return rc;
}

struct epochs {
	uint64_t from;
	struct px_epoch *out;
	size_t max, n;
	enum rc rc;
};

static bool
see_epoch(void *arg, struct slice key, struct slice val)
{
	struct epochs *l = arg;
	struct px_epoch e;

	if (!spool_epoch_read(key, val, &e)) {
		l->rc = RC_INTERNAL;
		return false;
	}
	if (e.serial >= l->from)
		l->out[l->n++] = e;
	return l->n < l->max;
}

enum rc
px_spool_epochs(struct px_spool *s, uint64_t destination, int64_t after, uint64_t from,
                struct px_epoch *out, size_t max, size_t *n)
{
	struct table_key prefix = spool_key(SPOOL_EPOCH, destination), k = prefix;
	struct epochs l = { .from = from, .out = out, .max = max, .rc = RC_OK };
	struct tables_tx *tx;
	enum rc rc = tables_read(&s->store, &tx);

	*n = 0;
	if (rc != RC_OK)
		return rc;
	table_key_number(&k, after < 0 ? 0 : (uint64_t)after, 4);
	rc = tables_scan(tx, table_key_view(&prefix), after < 0 ? SLICE_NONE : table_key_view(&k),
	                 0, see_epoch, &l);
	tables_abort(tx);
	*n = l.n;
	return rc == RC_OK ? l.rc : rc;
}
