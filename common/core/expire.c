/* SPDX-License-Identifier: Apache-2.0 */
/* Lifetimes and the sweep of what is past due (TS 102 690, expirationTime). */
#include "config.h"

#include "core/hooks.h"
#include "core/saf.h"

#define SWEEP_BATCH 64u
#define SWEEP_RECORDS 4096u

int64_t
lifetime_grant(const struct scl_conf *conf, unsigned type, int64_t wish, int64_t now)
{
	int64_t def = type == T_SCL ? conf->scl_lifetime : conf->lifetime.def;
	int64_t min = conf->lifetime.min, max = conf->lifetime.max;

	if (wish == 0)
		return def == 0 ? CLOCK_NEVER : now + def;
	if (wish - now < min)
		return now + min;
	if (max > 0 && wish - now > max)
		return now + max;
	return wish;
}

/* Lowers the time at which the sweep is needed next. Any thread. */
void
expire_note(struct scl *scl, int64_t due)
{
	int64_t cur = atomic_load(&scl->next_due);

	while (due < cur && !atomic_compare_exchange_weak(&scl->next_due, &cur, due))
		;
}

bool
expire_due(void *arg)
{
	struct scl *scl = arg;

	return atomic_load(&scl->removed) || atomic_load(&scl->next_due) <= clock_now(scl->clock);
}

struct due_entry {
	int64_t due;
	enum due_kind kind;
	uint64_t id;
};

struct due_list {
	struct due_entry entries[SWEEP_BATCH];
	size_t n;
};

static bool
collect_due(void *arg, int64_t due, enum due_kind kind, uint64_t id)
{
	struct due_list *l = arg;

	l->entries[l->n++] = (struct due_entry){ due, kind, id };
	return l->n < SWEEP_BATCH;
}

static enum rc
expire_node(struct scl *scl, struct rtx *tx, uint64_t id)
{
	struct res *node;
	enum rc rc = repo_get(tx, id, &node);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	/* Refreshed meanwhile: the entry was an old one. */
	if (node->expires > repo_now(tx))
		return RC_OK;
	LOG_DEBUG(scl->log, "expired", LOG_Z("type", node->type->name), LOG_S("name", node->name));
	return remove_subtree(scl, tx, node,
	                      node->type->number == T_SUBSCRIPTION ? RC_EXPIRED : RC_GONE);
}

static enum rc
expire_one(struct scl *scl, struct rtx *tx, const struct due_entry *e)
{
	if (e->kind == DUE_AGE)
		return instances_expire(scl, tx, e->id);
	if (e->kind == DUE_PARKED)
		return saf_parked_expire(scl, tx, e->id);
	return expire_node(scl, tx, e->id);
}

static enum rc
sweep_due(struct scl *scl, struct rtx *tx, bool *more)
{
	struct due_list l = { .n = 0 };
	int64_t next = CLOCK_NEVER;

	TRY(repo_due(tx, repo_now(tx), SWEEP_BATCH, collect_due, &l));
	for (size_t i = 0; i < l.n; i++) {
		TRY(repo_due_remove(tx, l.entries[i].due, l.entries[i].kind, l.entries[i].id));
		TRY(expire_one(scl, tx, &l.entries[i]));
	}
	l.n = 0;
	TRY(repo_due(tx, CLOCK_NEVER - 1, 1, collect_due, &l));
	if (l.n > 0)
		next = l.entries[0].due;
	/* A container may have come back with the rest of its aged instances. */
	*more = *more || next <= repo_now(tx);
	atomic_store(&scl->next_due, next);
	return RC_OK;
}

enum rc
expire_tick(void *arg, struct rtx *tx, bool *more)
{
	struct scl *scl = arg;
	bool removed = false;

	TRY(sweep_due(scl, tx, more));
	if (!atomic_load(&scl->removed))
		return RC_OK;
	TRY(repo_sweep_removed(tx, SWEEP_RECORDS, &removed));
	atomic_store(&scl->removed, removed);
	*more = *more || removed;
	return RC_OK;
}
