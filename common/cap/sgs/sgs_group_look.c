/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of groups, and reading of groups. */
#include "config.h"

#include "cap/sgs/sgs_book_impl.h"

/* ---- messages ---- */

/* The member that sends; *again: what it sends was taken before. */
static enum rc
message_check(struct sgs_turn *t, const struct sgs_group_message *m, struct sgs_member_row *sender,
              bool *again)
{
	struct table_key k = sgs_key_member(m->gid, m->by);
	struct sgs_group_row row;
	enum rc rc = sgs_group_row(t->tx, m->gid, &row);

	*again = false;
	if (rc == RC_OK) {
		rc = table_row_get(t->tx, &k, sender, sizeof(*sender));
		rc = rc == RC_NOT_FOUND ? RC_FORBIDDEN : rc;
	}
	if (rc != RC_OK)
		return rc;
	if (m->epoch != row.epoch)
		return RC_PRECONDITION;
	*again = m->ctr < sender->next;
	if (*again)
		return RC_OK;
	if (row.stale != 0 || m->ctr == UINT32_MAX)
		return RC_PRECONDITION;
	return m->ctr == sender->next ? RC_OK : RC_CONFLICT;
}

/*
 * All members but who sends, and those whose mailbox is full: one that does not fetch must not keep
 * the others from speaking. RC_PRECONDITION: one is being removed; RC_NO_SPACE: all are full.
 */
static enum rc
reach(struct sgs_turn *t, struct sgs_group_message *m)
{
	struct sgs_members all;
	enum rc rc = sgs_members_read(t->tx, m->gid, &all);

	for (size_t i = 0; i < all.n && rc == RC_OK; i++) {
		bool fits = false;

		rc = sgs_item_fits(t, all.v[i], m->octets.n, &fits);
		if (all.v[i] == m->by)
			continue;
		if (fits)
			m->reached[m->n_reached++] = all.v[i];
		else
			m->n_missed++;
	}
	if (rc == RC_OK && m->n_reached == 0)
		return RC_NO_SPACE;
	return rc == RC_NOT_FOUND ? RC_PRECONDITION : rc;
}

static enum rc
message_put(struct sgs_turn *t, struct sgs_group_message *m)
{
	struct sgs_load l = { .octets = m->octets, .ttl = t->b->conf.limits.item_ttl };
	enum rc rc = reach(t, m);

	if (rc != RC_OK)
		return rc;
	t->totals.group_missed += m->n_missed;
	rc = sgs_blob_make(t, m->octets, m->n_reached, &l.blob);
	for (size_t i = 0; i < m->n_reached && rc == RC_OK; i++)
		rc = sgs_item_put(t, m->reached[i], &l);
	m->op.told = SGS_TOLD_ITEM;
	m->op.told_list = m->reached;
	m->op.told_n = m->n_reached;
	return rc;
}

static enum rc
run_message(struct sgs_turn *t, struct sgs_op *op)
{
	struct sgs_group_message *m = (struct sgs_group_message *)(void *)op;
	struct table_key k = sgs_key_member(m->gid, m->by);
	struct sgs_member_row sender;
	enum rc rc;

	m->again = false;
	m->n_reached = m->n_missed = 0;
	if (m->octets.n == 0)
		return RC_BAD_REQUEST;
	if (m->octets.n > t->b->conf.limits.message_max)
		return RC_TOO_LARGE;
	rc = message_check(t, m, &sender, &m->again);
	if (rc != RC_OK)
		return rc;
	if (m->again) {
		t->totals.repeated++;
		return RC_OK;
	}
	sender.next++;
	rc = table_row_put(t->tx, &k, &sender, sizeof(sender));
	return rc == RC_OK ? message_put(t, m) : rc;
}

void
sgs_group_message_put(struct sgs_book *b, struct sgs_group_message *m)
{
	sgs_op_submit(b, &m->op, m->octets.n, run_message);
}

/* ---- reading ---- */

enum rc
sgs_group_get(const struct sgs_view *v, const uint8_t gid[SGS_SID_BYTES], struct sgs_group *out)
{
	struct table_key p = sgs_key_id(SGS_T_PURPOSE, gid);
	struct slice purpose = SLICE_NONE;
	struct sgs_group_row row = { 0 };
	enum rc rc = sgs_group_row(v->tx, gid, &row);

	if (rc == RC_OK)
		rc = sgs_must(tables_get(v->tx, table_key_view(&p), &purpose));
	*out = (struct sgs_group){ .gid = gid,
		                   .owner = row.owner,
		                   .epoch = (uint32_t)row.epoch,
		                   .stale = row.stale != 0,
		                   .created = (int64_t)row.created,
		                   .n_members = row.members,
		                   .purpose = purpose };
	return rc;
}

bool
sgs_group_has(const struct sgs_view *v, const uint8_t gid[SGS_SID_BYTES], uint64_t device)
{
	struct table_key k = sgs_key_member(gid, device);

	return tables_has(v->tx, table_key_view(&k));
}

struct listing {
	const struct sgs_view *v;
	size_t at; /* where the gid is in a key */
	size_t left; /* SIZE_MAX: any number */
	sgs_group_visit *group;
	sgs_member_visit *member;
	void *arg;
	enum rc rc;
};

static bool
list_member(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	uint64_t device = table_key_read(key, 1 + SGS_SID_BYTES, 8);
	struct sgs_device_row row;
	struct sgs_member_row member;

	l->rc = table_row_read(val, &member, sizeof(member)) ? RC_OK : RC_INTERNAL;
	if (l->rc == RC_OK)
		l->rc = sgs_device_row(l->v->tx, device, &row);
	if (l->rc == RC_OK)
		return l->member(l->arg, device, (uint32_t)member.next);
	if (l->rc == RC_NOT_FOUND)
		l->rc = RC_OK;
	return l->rc == RC_OK;
}

enum rc
sgs_member_list(const struct sgs_view *v, const uint8_t gid[SGS_SID_BYTES], sgs_member_visit *visit,
                void *arg)
{
	struct table_key of = sgs_key_id(SGS_T_MEMBER, gid);
	struct listing l = { .v = v, .member = visit, .arg = arg, .rc = RC_OK };
	struct sgs_group_row row;
	enum rc rc = sgs_group_row(v->tx, gid, &row);

	if (rc == RC_OK)
		rc = tables_scan(v->tx, table_key_view(&of), SLICE_NONE, 0, list_member, &l);
	return rc == RC_OK ? l.rc : rc;
}

static bool
list_group(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct sgs_group g;

	(void)val;
	l->rc = key.n == l->at + SGS_SID_BYTES
	                ? sgs_group_get(l->v, (const uint8_t *)key.p + l->at, &g)
	                : RC_INTERNAL;
	if (l->rc == RC_OK)
		return l->group(l->arg, &g) && --l->left > 0;
	if (l->rc == RC_NOT_FOUND)
		l->rc = RC_OK;
	return l->rc == RC_OK;
}

enum rc
sgs_group_list(const struct sgs_view *v, uint64_t of, const uint8_t *after, size_t max,
               sgs_group_visit *visit, void *arg)
{
	struct table_key prefix = of == 0 ? table_key(SGS_T_GROUP) : sgs_key1(SGS_T_MEMBER_OF, of);
	struct table_key from = prefix;
	struct listing l = { .v = v,
		             .at = prefix.n,
		             .left = max == 0 ? SIZE_MAX : max,
		             .group = visit,
		             .arg = arg,
		             .rc = RC_OK };
	enum rc rc;

	if (after != NULL)
		table_key_add(&from, after, SGS_SID_BYTES);
	rc = tables_scan(v->tx, table_key_view(&prefix),
	                 after == NULL ? SLICE_NONE : table_key_view(&from), 0, list_group, &l);
	return rc == RC_OK ? l.rc : rc;
}
