/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_store.h"

#include "cap/pxy/px_impl.h"
#include "store/pack.h"

#define NAMES_MAX ((1u + PX_NAMED_MAX) * (2u + PX_NAME_MAX) + 1u)

/* ---- rows ---- */

static enum rc
stored_row(struct tables_tx *tx, uint64_t id, struct px_store_row *out)
{
	struct table_key k = px_key1(PX_T_STORE, id);

	return table_row_get(tx, &k, out, sizeof(*out));
}

bool
px_store_over(const struct px_store_row *row, int64_t now)
{
	return row->gone != 0 || row->expires <= (uint64_t)now;
}

enum rc
px_store_row(struct tables_tx *tx, uint64_t id, int64_t now, struct px_store_row *out)
{
	enum rc rc = stored_row(tx, id, out);

	return rc == RC_OK && px_store_over(out, now) ? RC_NOT_FOUND : rc;
}

enum rc
px_store_row_put(struct tables_tx *tx, uint64_t id, const struct px_store_row *row)
{
	struct table_key k = px_key1(PX_T_STORE, id);

	return table_row_put(tx, &k, row, sizeof(*row));
}

enum rc
px_count_row(struct tables_tx *tx, uint64_t id, struct px_count_row *out)
{
	struct table_key k = px_key1(PX_T_COUNT, id);

	return table_row_get(tx, &k, out, sizeof(*out));
}

enum rc
px_count_row_put(struct tables_tx *tx, uint64_t id, const struct px_count_row *row)
{
	struct table_key k = px_key1(PX_T_COUNT, id);

	return table_row_put(tx, &k, row, sizeof(*row));
}

static struct table_key
due_key(uint64_t expires, uint64_t id)
{
	return px_key2(PX_T_DUE, expires, id, 8);
}

static enum rc
due_put(struct tables_tx *tx, uint64_t expires, uint64_t id)
{
	struct table_key k = due_key(expires, id);

	return tables_put(tx, table_key_view(&k), SLICE_NONE);
}

static enum rc
due_del(struct tables_tx *tx, uint64_t expires, uint64_t id)
{
	struct table_key k = due_key(expires, id);

	return tables_del(tx, table_key_view(&k));
}

/* ---- a new one ---- */

static bool
name_ok(struct slice name)
{
	return name.n > 0 && name.n <= PX_NAME_MAX;
}

static bool
ttl_ok(const struct px_book *b, int64_t ttl)
{
	return ttl >= PX_TTL_MIN && ttl <= b->conf.limits.ttl_max;
}

static enum rc
check_new(const struct px_book *b, const struct px_store_new *n)
{
	bool ok = name_ok(n->owner) && n->n_named <= PX_NAMED_MAX && n->reserve >= PX_UNIT_MIN &&
	          ttl_ok(b, n->ttl) && (n->mode == PX_INDIVIDUAL || n->mode == PX_STREAM) &&
	          (n->transport == PX_REST || n->transport == PX_UDP) &&
	          (n->class == PX_ADAPTIVE || n->class == PX_RIGID);

	for (size_t i = 0; i < n->n_named && ok; i++)
		ok = name_ok(n->named[i]);
	ok = ok && (n->source == NULL || px_origin_ok(n->source));
	if (!ok)
		return RC_BAD_REQUEST;
	return n->class == PX_RIGID ? RC_FORBIDDEN : RC_OK;
}

static enum rc
reserve(const struct px_book *b, struct tables_tx *tx, const struct px_store_new *n)
{
	uint64_t octets = n->reserve;
	const struct px_limits *l = &b->conf.limits;
	struct px_total_row t;
	enum rc rc = px_totals_read(tx, &t);

	if (rc != RC_OK)
		return rc;
	if (t.stores >= l->stores_max || t.reserved > l->capacity ||
	    octets > l->capacity - t.reserved)
		return RC_NO_SPACE;
	t.stores++;
	t.reserved += octets;
	rc = px_owner_count(tx, n->owner, l->stores_owner_max, true);
	return rc == RC_OK ? px_totals_write(tx, &t) : rc;
}

static enum rc
names_put(struct tables_tx *tx, const struct px_store_new *n)
{
	struct table_key k = px_key1(PX_T_NAMES, n->id);
	struct buf b;
	enum rc rc;

	buf_init(&b, NAMES_MAX);
	pack_text(&b, n->owner);
	buf_be(&b, n->n_named, 1);
	for (size_t i = 0; i < n->n_named; i++)
		pack_text(&b, n->named[i]);
	rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* What only some of them have. */
static enum rc
put_options(const struct px_book *b, struct tables_tx *tx, struct px_store_new *n)
{
	struct table_key k = px_key1(PX_T_STORE_UDP, n->id);
	enum rc rc = n->source == NULL ? RC_OK : px_origin_put(tx, n->id, n->source);

	if (rc == RC_OK && n->request != NULL)
		rc = px_request_put(tx, n->owner, n->request, PX_MADE_STORE, n->id);
	if (rc == RC_OK && n->transport == PX_UDP)
		rc = secret_random(n->udp_key, PX_UDP_KEY_BYTES);
	if (rc == RC_OK && n->transport == PX_UDP)
		rc = px_udp_key_put(b, tx, &k, n->udp_key);
	return rc;
}

static enum rc
put_new(const struct px_book *b, struct tables_tx *tx, struct px_store_new *n, int64_t now)
{
	const struct px_count_row count = { .first = 1 };
	const struct px_store_row row = { .reserve = n->reserve,
		                          .ttl = (uint64_t)n->ttl,
		                          .mode = n->mode,
		                          .transport = n->transport,
		                          .created = (uint64_t)now,
		                          .expires = (uint64_t)n->expires,
		                          .consume = n->consume };
	enum rc rc = px_store_row_put(tx, n->id, &row);

	if (rc == RC_OK)
		rc = names_put(tx, n);
	if (rc == RC_OK)
		rc = px_count_row_put(tx, n->id, &count);
	if (rc == RC_OK)
		rc = due_put(tx, row.expires, n->id);
	return rc == RC_OK ? put_options(b, tx, n) : rc;
}

/* The answer that its request has had before. RC_NOT_FOUND: it is a new one. */
static enum rc
made_before(const struct px_book *b, struct tables_tx *tx, struct px_store_new *n, int64_t now)
{
	struct px_store_row row;
	struct table_key k;
	enum rc rc = n->request == NULL ? RC_NOT_FOUND
	                                : px_request_find(tx, now, n->owner, n->request,
	                                                  PX_MADE_STORE, &n->id);

	if (rc == RC_OK)
		rc = px_store_row(tx, n->id, now, &row);
	if (rc != RC_OK)
		return rc;
	n->again = true;
	n->expires = (int64_t)row.expires;
	k = px_key1(PX_T_STORE_UDP, n->id);
	rc = n->transport == PX_UDP ? px_udp_key_get(b, tx, &k, n->udp_key) : RC_OK;
	return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
}

static enum rc
make_new(const struct px_book *b, struct tables_tx *tx, struct px_store_new *n, int64_t now)
{
	enum rc rc = reserve(b, tx, n);

	if (rc == RC_OK)
		rc = px_new_id(tx, PX_T_STORE, &n->id);
	if (rc != RC_OK)
		return rc;
	n->expires = now + n->ttl;
	return put_new(b, tx, n, now);
}

static enum rc
run_new(struct px_book *b, struct px_op *op, struct tables_tx *tx)
{
	struct px_store_new *n = (struct px_store_new *)(void *)op;
	int64_t now = clock_now(b->conf.clock);
	enum rc rc = check_new(b, n);

	n->again = false;
	memset(n->udp_key, 0, sizeof(n->udp_key));
	if (rc == RC_OK)
		rc = made_before(b, tx, n, now);
	if (rc == RC_NOT_FOUND)
		rc = make_new(b, tx, n, now);
	if (rc != RC_OK)
		secret_wipe(n->udp_key, sizeof(n->udp_key));
	return rc;
}

void
px_store_make(struct px_book *b, struct px_store_new *n)
{
	px_op_submit(b, &n->op, 0, run_new);
}

/* ---- changes ---- */

enum rc
px_store_gone(struct tables_tx *tx, uint64_t id)
{
	struct px_store_row row;
	enum rc rc = stored_row(tx, id, &row);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
	row.gone = 1;
	rc = px_store_row_put(tx, id, &row);
	if (rc == RC_OK)
		rc = due_del(tx, row.expires, id);
	return rc == RC_OK ? px_gone_put(tx, PX_GONE_STORE, id, 0) : rc;
}

static enum rc
release(struct tables_tx *tx, struct px_store_change *c, struct px_store_row *row)
{
	enum rc rc;

	if (c->up_to <= row->released)
		return RC_OK;
	row->released = c->up_to;
	rc = px_store_row_put(tx, c->store, row);
	return rc == RC_OK ? px_released_put(&c->op, tx, c->store) : rc;
}

static enum rc
renew(struct px_book *b, struct tables_tx *tx, const struct px_store_change *c,
      struct px_store_row *row)
{
	uint64_t before = row->expires;
	enum rc rc;

	if (!ttl_ok(b, c->ttl))
		return RC_BAD_REQUEST;
	row->ttl = (uint64_t)c->ttl;
	row->expires = (uint64_t)(clock_now(b->conf.clock) + c->ttl);
	rc = due_del(tx, before, c->store);
	if (rc == RC_OK)
		rc = due_put(tx, row->expires, c->store);
	return rc == RC_OK ? px_store_row_put(tx, c->store, row) : rc;
}

static enum rc
run_change(struct px_book *b, struct px_op *op, struct tables_tx *tx)
{
	struct px_store_change *c = (struct px_store_change *)(void *)op;
	struct px_store_row row;
	enum rc rc = px_store_row(tx, c->store, clock_now(b->conf.clock), &row);

	if (rc != RC_OK)
		return rc;
	if (c->what == PX_STORE_DELETE) {
		px_op_tells(op, PX_TOLD_STORE_GONE, c->store);
		op->sweep = true;
		rc = px_store_gone(tx, c->store);
	} else if (c->what == PX_STORE_RELEASE)
		rc = release(tx, c, &row);
	else
		rc = c->what == PX_STORE_RENEW ? renew(b, tx, c, &row) : RC_BAD_REQUEST;
	c->expires = (int64_t)row.expires;
	return rc;
}

void
px_store_change(struct px_book *b, struct px_store_change *c)
{
	px_op_submit(b, &c->op, 0, run_change);
}
