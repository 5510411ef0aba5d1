/* SPDX-License-Identifier: Apache-2.0 */
/* A change of the book of an SGA device, in its transaction. */
#include "config.h"

#include "base/be.h"
#include "cap/sgd/sgd_rows.h"
#include "store/pack.h"

#define SOME 64u /* records that are removed at a time */

struct run {
	struct sgd_change *c;
	struct sgd_book *b;
	struct tables_tx *tx;
	bool totals_changed;
};

static enum rc
put(const struct run *r, const struct table_key *k, const struct buf *b)
{
	return b->failed ? RC_UNAVAILABLE : tables_put(r->tx, table_key_view(k), buf_view(b));
}

static enum rc
put_wrapped(const struct run *r, struct slice key, struct slice val)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, SGD_ROW_MAX);
	rc = sgd_wrap(&r->b->key, key, val, &b);
	if (rc == RC_OK)
		rc = tables_put(r->tx, key, buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* ---- removing many ---- */

struct some {
	struct table_key keys[SOME];
	size_t n;
};

static bool
collect(void *arg, struct slice key, struct slice val)
{
	struct some *s = arg;

	(void)val;
	s->keys[s->n].n = 0;
	if (key.n <= sizeof(s->keys[s->n].p)) {
		memcpy(s->keys[s->n].p, key.p, key.n);
		s->keys[s->n].n = key.n;
		s->n++;
	}
	return s->n < SOME;
}

static enum rc
del_all(const struct run *r, struct slice prefix)
{
	struct some s;
	enum rc rc;

	do {
		s.n = 0;
		rc = tables_scan(r->tx, prefix, SLICE_NONE, SOME, collect, &s);
		for (size_t i = 0; i < s.n && rc == RC_OK; i++)
			rc = tables_del(r->tx, table_key_view(&s.keys[i]));
	} while (rc == RC_OK && s.n == SOME);
	return rc;
}

/* ---- the queue ---- */

static enum rc
dest_put(const struct run *r, const struct sgd_dest *dest, const struct sgd_dest_row *row)
{
	struct table_key k = sgd_key(SGD_T_DEST, dest->v, sizeof(dest->v));
	struct buf b;
	enum rc rc;

	if (row->items == 0) {
		r->c->totals.dests--;
		return tables_del(r->tx, table_key_view(&k));
	}
	buf_init(&b, SGD_ROW_MAX);
	sgd_dest_write(row, &b);
	rc = put(r, &k, &b);
	buf_fini(&b);
	return rc;
}

static enum rc
message_put(const struct run *r, uint64_t number, const struct sgd_message_row *m)
{
	struct table_key k = sgd_key_number(SGD_T_STATE, NULL, 0, number, 8);
	struct buf b;
	enum rc rc;

	buf_init(&b, SGD_ROW_MAX);
	sgd_message_write(m, &b);
	rc = put(r, &k, &b);
	buf_fini(&b);
	if (rc != RC_OK || number <= SGD_MESSAGES_KNOWN)
		return rc;
	k = sgd_key_number(SGD_T_STATE, NULL, 0, number - SGD_MESSAGES_KNOWN, 8);
	return tables_del(r->tx, table_key_view(&k));
}

static bool
is_full(const struct run *r, const struct sgd_dest_row *row, size_t n)
{
	const struct sgd_limits *l = &r->b->limits;

	return row->items >= l->queue_items || row->octets + n > l->queue_octets ||
	       (row->items == 0 && r->c->totals.dests >= l->dests);
}

/* The row of the destination as it is, or a new one. */
static enum rc
dest_now(const struct run *r, const struct sgd_dest *dest, struct sgd_dest_row *row)
{
	struct sgd_dest_row now;
	enum rc rc = sgd_dest_get(r->tx, dest, &now);

	row->items = 0;
	row->octets = 0;
	if (rc == RC_OK)
		*row = now;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
run_queue(struct run *r, struct slice key, struct slice val)
{
	struct unpack u = unpack_of(val);
	bool limits = unpack_flag(&u);
	struct slice as = unpack_text(&u, UINT16_MAX);
	struct sgd_message_row m = { .state = SGD_QUEUED };
	struct sgd_dest_row row;
	struct table_key k;
	enum rc rc;

	if (u.bad || u.rest.n == 0 || !sgd_dest_read(as, &row))
		return RC_INTERNAL;
	memcpy(m.dest.v, key.p, sizeof(m.dest.v));
	m.group = row.group;
	m.name = row.name;
	rc = dest_now(r, &m.dest, &row);
	if (rc != RC_OK)
		return rc;
	if (limits && is_full(r, &row, u.rest.n))
		return RC_NO_SPACE;
	r->totals_changed = true;
	r->c->totals.dests += row.items == 0;
	r->c->number = ++r->c->totals.messages;
	row.items++;
	row.octets += u.rest.n;
	k = sgd_key_number(SGD_T_QUEUE, m.dest.v, sizeof(m.dest.v), r->c->number, 8);
	rc = put_wrapped(r, table_key_view(&k), u.rest);
	if (rc == RC_OK)
		rc = message_put(r, r->c->number, &m);
	return rc == RC_OK ? dest_put(r, &m.dest, &row) : rc;
}

static enum rc
set_state(const struct run *r, uint64_t number, enum sgd_message_state state)
{
	struct table_key k = sgd_key_number(SGD_T_STATE, NULL, 0, number, 8);
	struct sgd_message_row m;
	struct slice val;
	enum rc rc = tables_get(r->tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (!sgd_message_read(val, &m))
		return RC_INTERNAL;
	m.state = state;
	return message_put(r, number, &m);
}

/* Octets of a message that waits: what wraps it is of constant length. */
static enum rc
take_out(const struct run *r, const struct table_key *k, struct sgd_dest_row *row)
{
	struct slice val;
	enum rc rc = tables_get(r->tx, table_key_view(k), &val);
	size_t n;

	if (rc != RC_OK)
		return rc;
	n = sgd_unwrapped(val.n);
	row->octets -= n < row->octets ? n : row->octets;
	row->items -= row->items > 0;
	return tables_del(r->tx, table_key_view(k));
}

static enum rc
run_unqueue(struct run *r, struct slice key, struct slice val)
{
	struct unpack u = unpack_of(val);
	uint64_t number = unpack_number(&u, 8, UINT64_MAX);
	enum sgd_message_state state = (enum sgd_message_state)unpack_enum(&u, SGD_FAILED);
	struct table_key k = sgd_key_number(SGD_T_QUEUE, key.p, key.n, number, 8);
	struct sgd_dest_row row;
	struct sgd_dest dest;
	enum rc rc;

	memcpy(dest.v, key.p, sizeof(dest.v));
	rc = sgd_dest_get(r->tx, &dest, &row);
	if (rc == RC_OK)
		rc = take_out(r, &k, &row);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	r->totals_changed = true;
	rc = set_state(r, number, state);
	return rc == RC_OK ? dest_put(r, &dest, &row) : rc;
}

struct numbers {
	uint64_t v[SOME];
	size_t n;
};

static bool
collect_number(void *arg, struct slice key, struct slice val)
{
	struct numbers *s = arg;
	struct unpack u = unpack_of(slice_from(key, key.n - 8));

	(void)val;
	s->v[s->n++] = unpack_number(&u, 8, UINT64_MAX);
	return s->n < SOME;
}

static enum rc
run_drop_dest(struct run *r, struct slice key, struct slice val)
{
	struct table_key prefix = sgd_key(SGD_T_QUEUE, key.p, key.n);
	struct numbers s;
	enum rc rc;

	(void)val;
	do {
		s.n = 0;
		rc = tables_scan(r->tx, table_key_view(&prefix), SLICE_NONE, SOME, collect_number,
		                 &s);
		for (size_t i = 0; i < s.n && rc == RC_OK; i++) {
			uint8_t op[9] = { [8] = SGD_FAILED };

			be_put(op, s.v[i], 8);
			rc = run_unqueue(r, key, slice_make(op, sizeof(op)));
		}
	} while (rc == RC_OK && s.n == SOME);
	return rc;
}

/* ---- the inbox ---- */

static enum rc
run_inbox(struct run *r, struct slice key, struct slice val)
{
	struct table_key k = sgd_key_number(SGD_T_INBOX, NULL, 0, ++r->c->totals.items, 8);

	(void)key;
	r->totals_changed = true;
	r->c->totals.inbox_items++;
	r->c->totals.inbox_octets += val.n;
	return put_wrapped(r, table_key_view(&k), val);
}

static enum rc
inbox_del(struct run *r, uint64_t number)
{
	struct table_key k = sgd_key_number(SGD_T_INBOX, NULL, 0, number, 8);
	struct sgd_totals *t = &r->c->totals;
	struct slice val;
	enum rc rc = tables_get(r->tx, table_key_view(&k), &val);
	size_t n;

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	n = sgd_unwrapped(val.n);
	r->totals_changed = true;
	t->inbox_items -= t->inbox_items > 0;
	t->inbox_octets -= n < t->inbox_octets ? n : t->inbox_octets;
	return tables_del(r->tx, table_key_view(&k));
}

static enum rc
run_inbox_del(struct run *r, struct slice key, struct slice val)
{
	struct unpack u = unpack_of(val);
	uint64_t number = unpack_number(&u, 8, UINT64_MAX);
	bool before = unpack_flag(&u), more = true;
	struct table_key prefix = table_key(SGD_T_INBOX);
	enum rc rc = RC_OK;

	(void)key;
	if (!before)
		return inbox_del(r, number);
	while (rc == RC_OK && more) {
		struct numbers s = { .n = 0 };

		rc = tables_scan(r->tx, table_key_view(&prefix), SLICE_NONE, SOME, collect_number,
		                 &s);
		more = s.n == SOME;
		for (size_t i = 0; i < s.n && rc == RC_OK && more; i++)
			more = s.v[i] <= number;
		for (size_t i = 0; i < s.n && rc == RC_OK && s.v[i] <= number; i++)
			rc = inbox_del(r, s.v[i]);
	}
	return rc;
}

/* ---- all ---- */

static enum rc
run_put(struct run *r, struct slice key, struct slice val)
{
	return tables_put(r->tx, key, val);
}

static enum rc
run_secret(struct run *r, struct slice key, struct slice val)
{
	return put_wrapped(r, key, val);
}

static enum rc
run_del(struct run *r, struct slice key, struct slice val)
{
	(void)val;
	return tables_del(r->tx, key);
}

static enum rc
run_del_all(struct run *r, struct slice key, struct slice val)
{
	(void)val;
	return del_all(r, key);
}

static enum rc (*const runs[SGD_OPS])(struct run *r, struct slice key, struct slice val) = {
	[SGD_OP_PUT] = run_put,
	[SGD_OP_SECRET] = run_secret,
	[SGD_OP_DEL] = run_del,
	[SGD_OP_DEL_ALL] = run_del_all,
	[SGD_OP_QUEUE] = run_queue,
	[SGD_OP_UNQUEUE] = run_unqueue,
	[SGD_OP_DROP_DEST] = run_drop_dest,
	[SGD_OP_INBOX] = run_inbox,
	[SGD_OP_INBOX_DEL] = run_inbox_del,
};

static enum rc
run_one(struct run *r, struct unpack *u)
{
	unsigned op = unpack_enum(u, SGD_OPS - 1);
	struct slice key = unpack_text(u, UINT16_MAX);
	size_t n = (size_t)unpack_number(u, 4, UINT32_MAX);
	struct slice val = slice_head(u->rest, n);

	if (u->bad || val.n != n)
		return RC_INTERNAL;
	u->rest = slice_from(u->rest, n);
	return runs[op](r, key, val);
}

static enum rc
put_totals(const struct run *r)
{
	struct table_key k = table_key(SGD_T_TOTALS);
	struct buf b;
	enum rc rc;

	buf_init(&b, SGD_ROW_MAX);
	sgd_totals_write(&r->c->totals, &b);
	rc = put(r, &k, &b);
	buf_fini(&b);
	return rc;
}

enum rc
sgd_change_run(struct tables_job *j, struct tables_tx *tx)
{
	struct sgd_change *c = j->self;
	struct run r = { .c = c, .b = c->book, .tx = tx };
	struct unpack u = unpack_of(buf_view(&c->ops));
	enum rc rc = c->ops.failed ? RC_UNAVAILABLE : sgd_totals_get(tx, &c->totals);

	while (rc == RC_OK && u.rest.n > 0)
		rc = run_one(&r, &u);
	return rc == RC_OK && r.totals_changed ? put_totals(&r) : rc;
}
