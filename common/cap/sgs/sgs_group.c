/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_group.h"

#include <stdlib.h>

#include "cap/sgs/sgs_book_impl.h"

/* ---- rows ---- */

enum rc
sgs_group_row(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES], struct sgs_group_row *out)
{
	struct table_key k = sgs_key_id(SGS_T_GROUP, gid);
	struct sgs_device_row device;
	enum rc rc = table_row_get(tx, &k, out, sizeof(*out));

	return rc == RC_OK ? sgs_device_row(tx, out->owner, &device) : rc;
}

static enum rc
group_put(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES], const struct sgs_group_row *row)
{
	struct table_key k = sgs_key_id(SGS_T_GROUP, gid);

	return table_row_put(tx, &k, row, sizeof(*row));
}

/* The owner has one group more or less. */
static enum rc
count_groups(struct sgs_turn *t, uint64_t owner, bool more)
{
	const struct sgs_limits *max = &t->b->conf.limits;
	struct sgs_count_row c;
	enum rc rc = sgs_count_get(t->tx, owner, &c);

	if (rc != RC_OK)
		return rc;
	if (more && (c.groups >= max->groups_owner_max || t->totals.groups >= max->groups_max))
		return RC_NO_SPACE;
	if (more) {
		c.groups++;
		t->totals.groups++;
	} else if (sgs_less(&c.groups, 1) != RC_OK || sgs_less(&t->totals.groups, 1) != RC_OK)
		return RC_INTERNAL;
	return sgs_count_put(t->tx, owner, &c);
}

/* ---- members ---- */

static bool
read_member(void *arg, struct slice key, struct slice val)
{
	struct sgs_members *m = arg;

	(void)val;
	m->v[m->n++] = table_key_read(key, 1 + SGS_SID_BYTES, 8);
	return m->n < SGS_MEMBERS_MAX;
}

enum rc
sgs_members_read(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES], struct sgs_members *out)
{
	struct table_key of = sgs_key_id(SGS_T_MEMBER, gid);

	out->n = 0;
	return tables_scan(tx, table_key_view(&of), SLICE_NONE, SGS_MEMBERS_MAX, read_member, out);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Those that a caller names, with the owner. */
static enum rc
members_make(const struct sgs_turn *t, uint64_t owner, const uint64_t *named, size_t n,
             struct sgs_members *out)
{
	struct sgs_device_row device;
	bool has_owner = false;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n && i < SGS_MEMBERS_MAX; i++)
		has_owner = has_owner || named[i] == owner;
	if (n > SGS_MEMBERS_MAX || n + (has_owner ? 0 : 1) > t->b->conf.limits.members_max)
		return RC_TOO_LARGE;
	out->n = n;
	for (size_t i = 0; i < n; i++)
		out->v[i] = named[i];
	if (!has_owner)
		out->v[out->n++] = owner;
	if (out->n < 2)
		return RC_BAD_REQUEST;
	qsort(out->v, out->n, sizeof(out->v[0]), compare);
	for (size_t i = 1; i < out->n; i++)
		if (out->v[i] == out->v[i - 1])
			return RC_BAD_REQUEST;
	for (size_t i = 0; i < out->n && rc == RC_OK; i++)
		rc = sgs_device_row(t->tx, out->v[i], &device);
	return rc;
}

static enum rc
member_put(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES], uint64_t device)
{
	const struct sgs_member_row none = { 0 };
	struct table_key k = sgs_key_member(gid, device);
	struct table_key of = sgs_key_of(SGS_T_MEMBER_OF, device, gid);
	enum rc rc = table_row_put(tx, &k, &none, sizeof(none));

	return rc == RC_OK ? tables_put(tx, table_key_view(&of), SLICE_NONE) : rc;
}

static enum rc
member_del(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES], uint64_t device)
{
	struct table_key k = sgs_key_member(gid, device);
	struct table_key of = sgs_key_of(SGS_T_MEMBER_OF, device, gid);
	enum rc rc = sgs_del(tx, &k);

	return rc == RC_OK ? sgs_del(tx, &of) : rc;
}

static enum rc
members_del(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES])
{
	struct sgs_members m;
	enum rc rc = sgs_members_read(tx, gid, &m);

	for (size_t i = 0; i < m.n && rc == RC_OK; i++)
		rc = member_del(tx, gid, m.v[i]);
	return rc;
}

static enum rc
members_put(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES], const struct sgs_members *m)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < m->n && rc == RC_OK; i++)
		rc = member_put(tx, gid, m->v[i]);
	return rc;
}

/* True: the group has these members, and no others. */
static enum rc
members_same(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES], const struct sgs_members *m,
             bool *same)
{
	struct sgs_members now;
	enum rc rc = sgs_members_read(tx, gid, &now);

	*same = rc == RC_OK && now.n == m->n && memcmp(now.v, m->v, m->n * sizeof(m->v[0])) == 0;
	return rc;
}

/* ---- a new one ---- */

/* RC_NOT_FOUND: there is none; RC_CONFLICT: it is another one. */
static enum rc
made_before(struct sgs_turn *t, struct sgs_group_new *n, const struct sgs_members *m)
{
	struct table_key k = sgs_key_id(SGS_T_GROUP, n->gid);
	struct table_key p = sgs_key_id(SGS_T_PURPOSE, n->gid);
	struct sgs_group_row row;
	struct slice purpose;
	enum rc rc = table_row_get(t->tx, &k, &row, sizeof(row));

	if (rc != RC_OK)
		return rc;
	rc = members_same(t->tx, n->gid, m, &n->again);
	if (rc == RC_OK)
		rc = sgs_must(tables_get(t->tx, table_key_view(&p), &purpose));
	if (rc != RC_OK)
		return rc;
	n->again = n->again && row.owner == n->owner && row.epoch == 1 && row.stale == 0 &&
	           slice_eq(purpose, n->purpose);
	return n->again ? RC_OK : RC_CONFLICT;
}

static enum rc
make_new(struct sgs_turn *t, const struct sgs_group_new *n, const struct sgs_members *m)
{
	const struct sgs_group_row row = {
		.owner = n->owner, .epoch = 1, .created = (uint64_t)t->now, .members = m->n
	};
	struct table_key p = sgs_key_id(SGS_T_PURPOSE, n->gid);
	enum rc rc = count_groups(t, n->owner, true);

	if (rc == RC_OK)
		rc = group_put(t->tx, n->gid, &row);
	if (rc == RC_OK)
		rc = tables_put(t->tx, table_key_view(&p), n->purpose);
	return rc == RC_OK ? members_put(t->tx, n->gid, m) : rc;
}

static enum rc
run_make(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_group_new *n = (struct sgs_group_new *)(void *)op;
	struct sgs_members m;
	enum rc rc;

	n->again = false;
	if (n->purpose.n > SGS_PURPOSE_MAX)
		return RC_TOO_LARGE;
	rc = members_make(t, n->owner, n->members, n->n_members, &m);
	if (rc != RC_OK)
		return rc;
	rc = made_before(t, n, &m);
	return rc == RC_NOT_FOUND ? make_new(t, n, &m) : rc;
}

void
sgs_group_make(struct sgs_book *b, struct sgs_group_new *n)
{
	sgs_op_submit(b, &n->op, 0, run_make);
}

/* ---- a new epoch ---- */

static enum rc
run_change(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_group_change *c = (struct sgs_group_change *)(void *)op;
	struct sgs_group_row row;
	struct sgs_members m;
	enum rc rc = sgs_group_row(t->tx, c->gid, &row);

	c->again = false;
	if (rc != RC_OK)
		return rc;
	if (c->by != row.owner)
		return RC_FORBIDDEN;
	rc = members_make(t, row.owner, c->members, c->n_members, &m);
	if (rc == RC_OK && c->epoch == row.epoch && row.stale == 0)
		rc = members_same(t->tx, c->gid, &m, &c->again);
	if (rc != RC_OK || c->again)
		return rc;
	if (c->epoch != row.epoch + 1)
		return RC_CONFLICT;
	row.epoch = c->epoch;
	row.stale = 0;
	row.members = m.n;
	rc = members_del(t->tx, c->gid);
	if (rc == RC_OK)
		rc = members_put(t->tx, c->gid, &m);
	return rc == RC_OK ? group_put(t->tx, c->gid, &row) : rc;
}

void
sgs_group_change(struct sgs_book *b, struct sgs_group_change *c)
{
	sgs_op_submit(b, &c->op, 0, run_change);
}

/* ---- a member leaves ---- */

/* The group goes on without it, when it has a new epoch. */
static enum rc
lose_member(struct sgs_turn *t, const uint8_t gid[SGS_SID_BYTES], struct sgs_group_row *row,
            uint64_t device)
{
	enum rc rc = sgs_less(&row->members, 1);

	row->stale = 1;
	if (rc == RC_OK)
		rc = member_del(t->tx, gid, device);
	return rc == RC_OK ? group_put(t->tx, gid, row) : rc;
}

static enum rc
run_leave(struct sgs_turn *t, struct sgs_op *op)
{
	const struct sgs_group_leave *l = (const struct sgs_group_leave *)(const void *)op;
	const struct sgs_load notice = { .octets = l->to_owner, .ttl = t->b->conf.limits.item_ttl };
	struct table_key k = sgs_key_member(l->gid, l->member);
	struct sgs_group_row row;
	bool told = false;
	enum rc rc = sgs_group_row(t->tx, l->gid, &row);

	if (rc != RC_OK)
		return rc;
	if (l->to_owner.n > SGS_MESSAGE_MAX)
		return RC_TOO_LARGE;
	if (l->by != 0 && l->by != row.owner && l->by != l->member)
		return RC_FORBIDDEN;
	if (!tables_has(t->tx, table_key_view(&k)))
		return RC_NOT_FOUND;
	if (l->member == row.owner)
		return RC_CONFLICT;
	rc = lose_member(t, l->gid, &row, l->member);
	if (rc == RC_OK)
		rc = sgs_item_offer(t, row.owner, &notice, &told);
	if (told)
		sgs_op_tells(op, SGS_TOLD_ITEM, row.owner);
	return rc;
}

void
sgs_group_leave(struct sgs_book *b, struct sgs_group_leave *l)
{
	sgs_op_submit(b, &l->op, l->to_owner.n, run_leave);
}

/* ---- the end ---- */

static enum rc
group_remove(struct sgs_turn *t, const uint8_t gid[SGS_SID_BYTES], const struct sgs_group_row *row)
{
	struct table_key k = sgs_key_id(SGS_T_GROUP, gid), p = sgs_key_id(SGS_T_PURPOSE, gid);
	enum rc rc = count_groups(t, row->owner, false);

	if (rc == RC_OK)
		rc = members_del(t->tx, gid);
	if (rc == RC_OK)
		rc = sgs_del(t->tx, &p);
	return rc == RC_OK ? sgs_del(t->tx, &k) : rc;
}

enum rc
sgs_group_lose(struct sgs_turn *t, const uint8_t gid[SGS_SID_BYTES], uint64_t device)
{
	struct table_key k = sgs_key_id(SGS_T_GROUP, gid);
	struct sgs_group_row row;
	enum rc rc = sgs_must(table_row_get(t->tx, &k, &row, sizeof(row)));

	if (rc != RC_OK)
		return rc;
	return row.owner == device ? group_remove(t, gid, &row) : lose_member(t, gid, &row, device);
}

static enum rc
run_end(struct sgs_turn *t, struct sgs_op *op)
{
	const struct sgs_group_end *e = (const struct sgs_group_end *)(const void *)op;
	struct sgs_group_row row;
	enum rc rc = sgs_group_row(t->tx, e->gid, &row);

	if (rc == RC_OK && e->by != 0 && e->by != row.owner)
		rc = RC_FORBIDDEN;
	return rc == RC_OK ? group_remove(t, e->gid, &row) : rc;
}

void
sgs_group_end(struct sgs_book *b, struct sgs_group_end *e)
{
	sgs_op_submit(b, &e->op, 0, run_end);
}
