/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is applied once. The window is written by the thread that makes the calls (base) and by the
 * committer (the bits of what it refuses); a bit is taken away before its number is used anew, so
 * the committer has to see base unchanged around the bits only.
 */
#include "config.h"

#include "base/be.h"
#include "core/scl_impl.h"

#define RECORD_VERSION 1
#define RECORD_SIZE 9u
#define ARENA_LIMIT 65536u

static uint64_t
bit_of(uint64_t n)
{
	return UINT64_C(1) << (n % SCL_ONCE_WINDOW);
}

void
scl_once_init(struct scl_once *once, uint64_t key, uint64_t base)
{
	once->key = key;
	atomic_init(&once->base, base);
	atomic_init(&once->refused, 0);
}

void
scl_once_advance(struct scl_once *once, uint64_t base)
{
	uint64_t from = atomic_load(&once->base), gone = 0;

	/* Whoever reads bits of before sees that base has changed, and reads again. */
	atomic_store(&once->base, base);
	for (uint64_t n = from; n < base && n - from < SCL_ONCE_WINDOW; n++)
		gone |= bit_of(n);
	atomic_fetch_and(&once->refused, ~gone);
}

void
scl_once_refuse(struct scl_once *once, uint64_t n)
{
	atomic_fetch_or(&once->refused, bit_of(n));
}

/* ---- the record ---- */

static enum rc
marker_get(struct rtx *tx, uint64_t key, uint64_t *n)
{
	struct slice bytes;
	enum rc rc = repo_work_get(tx, WORK_APPLIED, key, &bytes);

	*n = 0;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (bytes.n != RECORD_SIZE || bytes.p[0] != RECORD_VERSION)
		return RC_INTERNAL;
	*n = be_get(bytes.p + 1, RECORD_SIZE - 1);
	return RC_OK;
}

static enum rc
marker_put(struct rtx *tx, uint64_t key, uint64_t n)
{
	uint8_t bytes[RECORD_SIZE] = { RECORD_VERSION };

	be_put(bytes + 1, n, RECORD_SIZE - 1);
	return repo_work_put(tx, WORK_APPLIED, key, slice_make(bytes, sizeof(bytes)));
}

enum rc
scl_once_applied(struct scl *scl, uint64_t key, uint64_t *n)
{
	struct arena *a = arena_new(ARENA_LIMIT);
	struct rtx *tx;
	enum rc rc;

	*n = 0;
	if (a == NULL)
		return RC_UNAVAILABLE;
	rc = repo_begin_read(scl->repo, a, &tx);
	if (rc == RC_OK) {
		rc = marker_get(tx, key, n);
		repo_end_read(tx);
	}
	arena_free(a);
	return rc;
}

/* ---- the committer ---- */

/* All between what is stored and n were refused for good. */
static bool
is_next(const struct scl_once *once, uint64_t marker, uint64_t n)
{
	uint64_t base, refused, from;

	do {
		base = atomic_load(&once->base);
		refused = atomic_load(&once->refused);
	} while (base != atomic_load(&once->base));
	from = marker >= base ? marker + 1 : base;
	if (n < base || n - base >= SCL_ONCE_WINDOW)
		return false;
	for (; from < n; from++)
		if ((refused & bit_of(from)) == 0)
			return false;
	return true;
}

enum rc
once_begin(struct req *rq, bool *applied)
{
	uint64_t marker;

	*applied = false;
	if (rq->once == NULL)
		return RC_OK;
	/* It may be carried out for the second time, with another outcome. */
	atomic_fetch_and(&rq->once->refused, ~bit_of(rq->once_number));
	TRY(marker_get(rq->tx, rq->once->key, &marker));
	*applied = rq->once_number <= marker;
	if (*applied || is_next(rq->once, marker, rq->once_number))
		return RC_OK;
	return req_fail(rq, RC_UNAVAILABLE, "one before it is not applied yet");
}

static bool
is_refusal(enum rc rc)
{
	return status_of(rc)->http / 100 == 4;
}

enum rc
once_end(struct req *rq, enum rc rc)
{
	if (rq->once == NULL)
		return rc;
	/* Those behind it may be of the same batch. */
	if (is_refusal(rc))
		scl_once_refuse(rq->once, rq->once_number);
	if (!status_is_success(rc))
		return rc;
	TRY(marker_put(rq->tx, rq->once->key, rq->once_number));
	return rc;
}

void
once_answered(const struct req *rq)
{
	if (rq->once != NULL && is_refusal(rq->rc))
		scl_once_refuse(rq->once, rq->once_number);
}
