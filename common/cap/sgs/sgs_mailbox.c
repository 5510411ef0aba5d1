/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_mailbox.h"

#include "cap/sgs/sgs_book_impl.h"
#include "store/pack.h"

#define FORMAT 1
#define FIXED 25u /* octets of an item before the message */

struct item_row {
	int64_t received, expires;
	uint64_t blob;
	struct slice octets; /* of an item without blob */
};

static bool
item_read(struct slice val, struct item_row *out)
{
	struct unpack u = unpack_of(val);
	bool version = unpack_number(&u, 1, FORMAT) == FORMAT;

	out->received = unpack_time(&u);
	out->expires = unpack_time(&u);
	out->blob = unpack_number(&u, 8, UINT64_MAX);
	out->octets = u.rest;
	return version && !u.bad && (out->blob == 0) == (u.rest.n > 0);
}

static enum rc
item_write(struct sgs_turn *t, const struct table_key *k, const struct sgs_load *l, int64_t expires)
{
	struct buf v;
	enum rc rc;

	buf_init(&v, FIXED + SGS_MESSAGE_MAX);
	buf_be(&v, FORMAT, 1);
	buf_be(&v, (uint64_t)t->now, 8);
	buf_be(&v, (uint64_t)expires, 8);
	buf_be(&v, l->blob, 8);
	if (l->blob == 0)
		buf_slice(&v, l->octets);
	rc = v.failed ? RC_UNAVAILABLE : tables_put(t->tx, table_key_view(k), buf_view(&v));
	buf_fini(&v);
	return rc;
}

/* ---- what several have ---- */

enum rc
sgs_blob_make(struct sgs_turn *t, struct slice octets, uint64_t in, uint64_t *blob)
{
	const struct sgs_blob_row row = { .in = in, .octets = octets.n };
	struct table_key k, counted;
	enum rc rc;

	if (t->totals.octets + octets.n > t->b->conf.limits.octets_max)
		return RC_NO_SPACE;
	t->totals.octets += octets.n;
	t->totals.blobs++;
	*blob = ++t->totals.last_blob;
	k = sgs_key1(SGS_T_BLOB, *blob);
	counted = sgs_key1(SGS_T_BLOB_IN, *blob);
	rc = tables_put(t->tx, table_key_view(&k), octets);
	return rc == RC_OK ? table_row_put(t->tx, &counted, &row, sizeof(row)) : rc;
}

static enum rc
blob_forget(struct sgs_turn *t, uint64_t blob, uint64_t octets)
{
	struct table_key k = sgs_key1(SGS_T_BLOB, blob), counted = sgs_key1(SGS_T_BLOB_IN, blob);
	enum rc rc = sgs_less(&t->totals.octets, octets);

	if (rc == RC_OK)
		rc = sgs_less(&t->totals.blobs, 1);
	if (rc == RC_OK)
		rc = sgs_del(t->tx, &k);
	return rc == RC_OK ? sgs_del(t->tx, &counted) : rc;
}

/* One item less has it; *octets: its length. */
static enum rc
blob_release(struct sgs_turn *t, uint64_t blob, uint64_t *octets)
{
	struct table_key counted = sgs_key1(SGS_T_BLOB_IN, blob);
	struct sgs_blob_row row = { 0 };
	enum rc rc = sgs_must(table_row_get(t->tx, &counted, &row, sizeof(row)));

	if (rc == RC_OK)
		rc = sgs_less(&row.in, 1);
	*octets = row.octets;
	if (rc != RC_OK || row.in == 0)
		return rc == RC_OK ? blob_forget(t, blob, row.octets) : rc;
	return table_row_put(t->tx, &counted, &row, sizeof(row));
}

/* ---- in and out ---- */

/* In the mailbox of that device. */
static bool
is_own_room(const struct sgs_turn *t, const struct sgs_count_row *c, size_t octets)
{
	const struct sgs_limits *max = &t->b->conf.limits;

	return c->items < max->items_device_max && c->octets + octets <= max->octets_device_max;
}

static bool
is_room(const struct sgs_turn *t, const struct sgs_count_row *c, const struct sgs_load *l)
{
	const struct sgs_limits *max = &t->b->conf.limits;

	return is_own_room(t, c, l->octets.n) && t->totals.items < max->items_max &&
	       (l->blob != 0 || t->totals.octets + l->octets.n <= max->octets_max);
}

enum rc
sgs_item_fits(struct sgs_turn *t, uint64_t device, size_t octets, bool *fits)
{
	struct sgs_device_row row;
	struct sgs_count_row c;
	enum rc rc = sgs_device_row(t->tx, device, &row);

	if (rc == RC_OK)
		rc = sgs_count_get(t->tx, device, &c);
	*fits = rc == RC_OK && is_own_room(t, &c, octets);
	return rc;
}

static enum rc
put_counted(struct sgs_turn *t, uint64_t device, const struct sgs_load *l, struct sgs_count_row *c)
{
	struct table_key k = sgs_key2(SGS_T_ITEM, device, ++c->last_item);
	int64_t expires = t->now + l->ttl;
	enum rc rc;

	c->items++;
	c->octets += l->octets.n;
	t->totals.items++;
	if (l->blob == 0)
		t->totals.octets += l->octets.n;
	rc = item_write(t, &k, l, expires);
	if (rc == RC_OK)
		rc = sgs_due_put(t->tx, (uint64_t)expires, SGS_DUE_ITEM, &k);
	return rc == RC_OK ? sgs_count_put(t->tx, device, c) : rc;
}

enum rc
sgs_item_put(struct sgs_turn *t, uint64_t device, const struct sgs_load *l)
{
	struct sgs_device_row row;
	struct sgs_count_row c;
	enum rc rc = sgs_device_row(t->tx, device, &row);

	if (rc == RC_OK)
		rc = sgs_count_get(t->tx, device, &c);
	if (rc != RC_OK)
		return rc;
	return is_room(t, &c, l) ? put_counted(t, device, l, &c) : RC_NO_SPACE;
}

enum rc
sgs_item_offer(struct sgs_turn *t, uint64_t device, const struct sgs_load *l, bool *put)
{
	enum rc rc = l->octets.n == 0 ? RC_NOT_FOUND : sgs_item_put(t, device, l);

	*put = rc == RC_OK;
	return rc == RC_NOT_FOUND || rc == RC_NO_SPACE ? RC_OK : rc;
}

enum rc
sgs_item_remove(struct sgs_turn *t, uint64_t device, uint64_t item, struct sgs_count_row *c)
{
	struct table_key k = sgs_key2(SGS_T_ITEM, device, item);
	struct item_row row;
	struct slice val;
	uint64_t octets;
	enum rc rc = tables_get(t->tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	if (!item_read(val, &row))
		return RC_INTERNAL;
	octets = row.octets.n;
	rc = row.blob == 0 ? sgs_less(&t->totals.octets, octets)
	                   : blob_release(t, row.blob, &octets);
	if (rc == RC_OK)
		rc = sgs_less(&t->totals.items, 1);
	if (rc == RC_OK)
		rc = sgs_less(&c->items, 1);
	if (rc == RC_OK)
		rc = sgs_less(&c->octets, octets);
	if (rc == RC_OK)
		rc = sgs_due_del(t->tx, (uint64_t)row.expires, SGS_DUE_ITEM, &k);
	return rc == RC_OK ? sgs_del(t->tx, &k) : rc;
}

/* ---- acknowledged ---- */

static enum rc
ack_one(struct sgs_turn *t, uint64_t device, uint64_t item, struct sgs_count_row *c)
{
	enum rc rc = sgs_item_remove(t, device, item, c);

	if (rc == RC_OK)
		t->totals.items_acknowledged++;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* RC_PENDING: there may be more. */
static enum rc
ack_through(struct sgs_turn *t, const struct sgs_ack *a, struct sgs_count_row *c)
{
	struct table_key of = sgs_key1(SGS_T_ITEM, a->device);
	struct sgs_found f;
	enum rc rc = sgs_find(t->tx, &of, &f);

	for (size_t i = 0; i < f.n && rc == RC_OK; i++) {
		uint64_t item = table_key_read(table_key_view(&f.keys[i]), 9, 8);

		if (item > a->item)
			return RC_OK;
		rc = ack_one(t, a->device, item, c);
	}
	return rc == RC_OK && f.n == SGS_STEP ? RC_PENDING : rc;
}

static enum rc
run_ack(struct sgs_turn *t, struct sgs_op *op)
{
	const struct sgs_ack *a = (const struct sgs_ack *)(const void *)op;
	struct sgs_device_row row;
	struct sgs_count_row c;
	enum rc rc = sgs_device_row(t->tx, a->device, &row), stored;

	if (rc == RC_OK)
		rc = sgs_count_get(t->tx, a->device, &c);
	if (rc != RC_OK)
		return rc;
	if (a->item == 0 || a->item > c.last_item)
		return RC_NOT_FOUND;
	rc = a->through ? ack_through(t, a, &c) : ack_one(t, a->device, a->item, &c);
	if (rc != RC_OK && rc != RC_PENDING)
		return rc;
	stored = sgs_count_put(t->tx, a->device, &c);
	return stored == RC_OK ? rc : stored;
}

void
sgs_item_ack(struct sgs_book *b, struct sgs_ack *a)
{
	sgs_op_submit(b, &a->op, 0, run_ack);
}

/* ---- reading ---- */

struct listing {
	const struct sgs_view *v;
	size_t left; /* SIZE_MAX: any number */
	uint64_t octets; /* that there still is room for */
	bool any;
	sgs_item_visit *visit;
	void *arg;
	enum rc rc;
};

/* The message of an item, wherever it is. */
static enum rc
item_octets(const struct listing *l, struct item_row *row)
{
	struct table_key k = sgs_key1(SGS_T_BLOB, row->blob);

	if (row->blob == 0)
		return RC_OK;
	return sgs_must(tables_get(l->v->tx, table_key_view(&k), &row->octets));
}

static bool
list_one(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct item_row row;
	struct sgs_item item = { .number = table_key_read(key, 9, 8) };

	l->rc = item_read(val, &row) ? item_octets(l, &row) : RC_INTERNAL;
	if (l->rc != RC_OK)
		return false;
	if (row.expires <= l->v->now)
		return true;
	if (l->any && row.octets.n > l->octets)
		return false;
	l->octets -= row.octets.n < l->octets ? row.octets.n : l->octets;
	l->any = true;
	item.received = row.received;
	item.expires = row.expires;
	item.octets = row.octets;
	return l->visit(l->arg, &item) && --l->left > 0;
}

enum rc
sgs_item_list(const struct sgs_view *v, uint64_t device, uint64_t after, size_t max,
              uint64_t max_octets, sgs_item_visit *visit, void *arg)
{
	struct listing l = { .v = v,
		             .left = max == 0 ? SIZE_MAX : max,
		             .octets = max_octets,
		             .visit = visit,
		             .arg = arg,
		             .rc = RC_OK };
	struct table_key of = sgs_key1(SGS_T_ITEM, device),
			 from = sgs_key2(SGS_T_ITEM, device, after);
	struct sgs_device_row row;
	enum rc rc = sgs_device_row(v->tx, device, &row);

	if (rc == RC_OK)
		rc = tables_scan(v->tx, table_key_view(&of), table_key_view(&from), 0, list_one,
		                 &l);
	return rc == RC_OK ? l.rc : rc;
}
