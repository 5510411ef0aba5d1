/* SPDX-License-Identifier: Apache-2.0 */
/* Work of the courier that is no subscription's: bytes under a kind and a key. */
#include "config.h"

#include "store/repo_impl.h"

static void
work_key(struct repo_key *k, enum work_kind kind, uint64_t key)
{
	key_init(k, SPACE_WORK);
	key_be(k, kind, 1);
	key_be(k, key, 8);
}

enum rc
repo_work_put(struct rtx *tx, enum work_kind kind, uint64_t key, struct slice bytes)
{
	struct repo_key k;

	work_key(&k, kind, key);
	buf_slice(rec_begin(tx), bytes);
	return rec_put(tx, &k);
}

enum rc
repo_work_get(struct rtx *tx, enum work_kind kind, uint64_t key, struct slice *bytes)
{
	struct slice val;
	struct repo_key k;
	enum rc rc;

	work_key(&k, kind, key);
	rc = rec_get(tx, &k, &val);
	if (rc != RC_OK)
		return rc;
	*bytes = arena_copy(tx->arena, val);
	return bytes->p == NULL ? RC_UNAVAILABLE : RC_OK;
}

enum rc
repo_work_remove(struct rtx *tx, enum work_kind kind, uint64_t key)
{
	struct repo_key k;
	enum rc rc;

	work_key(&k, kind, key);
	rc = rec_del(tx, &k);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

struct work_scan {
	repo_visit_work *visit;
	void *arg;
	bool damaged;
};

static bool
scan_work(void *arg, struct slice key, struct slice val)
{
	struct work_scan *s = arg;
	struct reader r = { slice_from(key, 2), true };
	uint64_t number = read_be(&r, 8);

	if (!r.ok || !rec_check(&val)) {
		s->damaged = true;
		return true;
	}
	return s->visit(s->arg, number, val);
}

enum rc
repo_works(struct rtx *tx, enum work_kind kind, uint64_t from, size_t limit, repo_visit_work *visit,
           void *arg)
{
	struct work_scan s = { visit, arg, false };
	struct repo_key k, all, end;
	enum rc rc;

	work_key(&k, kind, from);
	key_init(&all, SPACE_WORK);
	key_be(&all, kind, 1);
	key_range_end(&all, &end);
	rc = rec_scan_from(tx, &k, &end, limit, scan_work, &s);
	return rc == RC_OK && s.damaged ? RC_INTERNAL : rc;
}

enum rc
repo_new_number(struct rtx *tx, uint64_t *number)
{
	return id_take(tx, number);
}
