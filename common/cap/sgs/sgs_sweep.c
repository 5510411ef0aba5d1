/* SPDX-License-Identifier: Apache-2.0 */
/* Ending what is over and removing what nobody finds any more, in steps: no transaction is long. */
#include "config.h"

#include "cap/sgs/sgs_book_impl.h"

/* ---- time ---- */

static enum rc
expire_session(struct sgs_turn *t, const struct table_key *k)
{
	t->totals.sessions_expired++;
	return sgs_must(sgs_session_remove(t, (const uint8_t *)k->p + 1));
}

static enum rc
expire_item(struct sgs_turn *t, const struct table_key *k)
{
	struct slice key = table_key_view(k);
	uint64_t device = table_key_read(key, 1, 8);
	struct sgs_count_row c;
	enum rc rc = sgs_count_get(t->tx, device, &c);

	if (rc == RC_OK)
		rc = sgs_item_remove(t, device, table_key_read(key, 9, 8), &c);
	if (rc == RC_OK)
		rc = sgs_count_put(t->tx, device, &c);
	t->totals.items_expired++;
	return sgs_must(rc);
}

/* Of a device that may be forgotten already. */
static enum rc
expire_replay(struct sgs_turn *t, const struct table_key *k)
{
	uint64_t device = table_key_read(table_key_view(k), 1, 8);
	struct table_key counted = sgs_key1(SGS_T_COUNT, device);
	struct sgs_count_row c;
	enum rc rc = sgs_less(&t->totals.replays, 1);

	if (rc == RC_OK)
		rc = sgs_del(t->tx, k);
	if (rc == RC_OK)
		rc = table_row_get(t->tx, &counted, &c, sizeof(c));
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	rc = sgs_less(&c.replays, 1);
	return rc == RC_OK ? sgs_count_put(t->tx, device, &c) : rc;
}

/* By enum sgs_due; size: of the key of what is over. */
static const struct {
	enum sgs_table table;
	size_t size;
	enum rc (*run)(struct sgs_turn *t, const struct table_key *k);
} enders[] = {
	[SGS_DUE_SESSION] = { SGS_T_SESSION, 1 + SGS_SID_BYTES, expire_session },
	[SGS_DUE_ITEM] = { SGS_T_ITEM, 1 + 8 + 8, expire_item },
	[SGS_DUE_TOKEN] = { SGS_T_TOKEN, 1 + SGS_HASH_BYTES, sgs_token_expire },
	[SGS_DUE_REPLAY] = { SGS_T_REPLAY, 1 + 8 + SGS_SID_BYTES, expire_replay },
};

/* due: a key of the index. */
static enum rc
expire_one(struct sgs_turn *t, const struct table_key *due)
{
	uint64_t what = table_key_read(table_key_view(due), 9, 1);
	struct table_key thing;

	if (what < SGS_DUE_SESSION || what > SGS_DUE_REPLAY)
		return RC_INTERNAL;
	thing = table_key((char)enders[what].table);
	table_key_add(&thing, due->p + 10, due->n - 10);
	if (thing.n != enders[what].size)
		return RC_INTERNAL;
	return enders[what].run(t, &thing);
}

/* One that is damaged is forgotten, so that it does not keep all others from being ended. */
static enum rc
expire_or_forget(struct sgs_turn *t, const struct table_key *due)
{
	struct sgs_total_row before = t->totals;
	enum rc rc;

	tables_mark(t->tx);
	rc = due->n > 10 ? expire_one(t, due) : RC_INTERNAL;
	if (rc == RC_INTERNAL && tables_failure(t->tx) == RC_OK) {
		LOG_ERROR(t->b->conf.log, "sga-record-damaged", LOG_Z("of", "time"));
		t->totals = before;
		rc = tables_rollback(t->tx);
	}
	return rc == RC_OK ? sgs_del(t->tx, due) : rc;
}

enum rc
sgs_expire(struct sgs_turn *t, bool *more)
{
	struct table_key of = table_key(SGS_T_DUE);
	struct sgs_found f;
	enum rc rc = sgs_find(t->tx, &of, &f);

	*more = false;
	for (size_t i = 0; i < f.n && rc == RC_OK; i++) {
		if (table_key_read(table_key_view(&f.keys[i]), 1, 8) > (uint64_t)t->now)
			break;
		*more = true;
		rc = expire_or_forget(t, &f.keys[i]);
	}
	return rc;
}

/* ---- devices that are gone ---- */

static enum rc
sweep_items(struct sgs_turn *t, uint64_t device, size_t *n)
{
	struct table_key of = sgs_key1(SGS_T_ITEM, device);
	struct sgs_count_row c;
	struct sgs_found f;
	enum rc rc = sgs_find(t->tx, &of, &f);

	*n = f.n;
	if (rc != RC_OK || f.n == 0)
		return rc;
	rc = sgs_count_get(t->tx, device, &c);
	for (size_t i = 0; i < f.n && rc == RC_OK; i++)
		rc = sgs_item_remove(t, device, table_key_read(table_key_view(&f.keys[i]), 9, 8),
		                     &c);
	return rc == RC_OK ? sgs_count_put(t->tx, device, &c) : rc;
}

static enum rc
sweep_sessions(struct sgs_turn *t, uint64_t device, size_t *n)
{
	struct table_key of = sgs_key1(SGS_T_PARTY, device);
	struct sgs_found f;
	enum rc rc = sgs_find(t->tx, &of, &f);

	*n = f.n;
	for (size_t i = 0; i < f.n && rc == RC_OK; i++) {
		t->totals.ended++;
		rc = sgs_session_remove(t, (const uint8_t *)f.keys[i].p + 9);
	}
	return rc;
}

/* One at a time: it has many members. */
static enum rc
sweep_groups(struct sgs_turn *t, uint64_t device, size_t *n)
{
	struct table_key of = sgs_key1(SGS_T_MEMBER_OF, device);
	struct sgs_found f;
	enum rc rc = sgs_find(t->tx, &of, &f);

	*n = f.n;
	if (rc == RC_OK && f.n > 0)
		rc = sgs_group_lose(t, (const uint8_t *)f.keys[0].p + 9, device);
	return rc;
}

static enum rc
forget_device(struct sgs_turn *t, uint64_t device)
{
	static const enum sgs_table records[] = { SGS_T_DEVICE, SGS_T_NAMES,   SGS_T_COUNT,
		                                  SGS_T_KD,     SGS_T_CONTACT, SGS_T_GONE };
	enum rc rc = sgs_less(&t->totals.devices, 1);

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]) && rc == RC_OK; i++) {
		struct table_key k = sgs_key1(records[i], device);

		rc = sgs_del(t->tx, &k);
	}
	return rc;
}

static enum rc
sweep_device(struct sgs_turn *t, uint64_t device)
{
	static enum rc (*const steps[])(struct sgs_turn *, uint64_t,
	                                size_t *) = { sweep_items, sweep_sessions, sweep_groups };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		size_t n = 0;
		enum rc rc = steps[i](t, device, &n);

		if (rc != RC_OK || n > 0)
			return sgs_must(rc);
	}
	return forget_device(t, device);
}

/* As above: what is damaged stays, unseen, and others are removed. */
static enum rc
sweep_or_forget(struct sgs_turn *t, const struct table_key *gone)
{
	struct sgs_total_row before = t->totals;
	enum rc rc;

	tables_mark(t->tx);
	rc = sweep_device(t, table_key_read(table_key_view(gone), 1, 8));
	if (rc != RC_INTERNAL || tables_failure(t->tx) != RC_OK)
		return rc;
	LOG_ERROR(t->b->conf.log, "sga-record-damaged", LOG_Z("of", "device"));
	t->totals = before;
	rc = tables_rollback(t->tx);
	return rc == RC_OK ? sgs_del(t->tx, gone) : rc;
}

enum rc
sgs_sweep(struct sgs_turn *t, bool *more)
{
	struct table_key of = table_key(SGS_T_GONE);
	struct sgs_found f;
	enum rc rc = sgs_find(t->tx, &of, &f);

	*more = f.n > 0;
	return rc == RC_OK && f.n > 0 ? sweep_or_forget(t, &f.keys[0]) : rc;
}
