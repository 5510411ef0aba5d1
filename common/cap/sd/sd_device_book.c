/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device keeps:
 *
 *   R | u64 seq     a reading that the gateway has not taken: u64 millis | payload
 *   S               u64, the number of the last reading: none is used twice, whatever comes
 *   K | node 16     keys of that node, each wrapped: Ed25519 | BLS (zero: none)
 *   W | node 16     the last round of the identity-based scheme that it has signed in
 */
#include "config.h"

#include "cap/sd/sd_device_impl.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/be.h"
#include "sec/keywrap.h"

#define READING 'R'
#define NUMBER 'S'
#define KEYS 'K'
#define ROUND 'W'
#define QUEUE_MAX 256u
#define BATCH_MAX 64u

static struct table_key
reading_key(const struct dv_reading *r)
{
	struct table_key k = table_key(READING);

	table_key_number(&k, r->seq, 8);
	return k;
}

enum rc
dv_book_put(struct tables_tx *tx, const struct dv_reading *r)
{
	const struct table_key k = reading_key(r), number = table_key(NUMBER);
	uint8_t octets[8 + SD_PAYLOAD_MAX], seq[8];
	enum rc rc;

	memcpy(be_put(octets, r->millis, 8), r->payload, r->n);
	be_put(seq, r->seq, 8);
	rc = tables_put(tx, table_key_view(&k), slice_make(octets, 8 + r->n));
	return rc == RC_OK ? tables_put(tx, table_key_view(&number), slice_make(seq, 8)) : rc;
}

enum rc
dv_book_remove(struct tables_tx *tx, const struct dv_reading *r)
{
	const struct table_key k = reading_key(r);

	return tables_del(tx, table_key_view(&k));
}

/* ---- keys ---- */

static enum rc
unwrap_keys(struct dv_secrets *s, struct slice val)
{
	enum rc rc;

	if (val.n != 2 * KEYWRAP_BYTES)
		return RC_PRECONDITION;
	rc = key_unwrap(&s->seal, slice_head(val, KEYWRAP_BYTES), &s->seed);
	if (rc == RC_OK)
		rc = key_unwrap(&s->seal, slice_from(val, KEYWRAP_BYTES), &s->bls);
	return rc;
}

static enum rc
make_keys(struct dv_secrets *s)
{
	struct sd_bls_secret bls;
	enum rc rc = secret_random(s->seed.v, KEY_BYTES);

	if (rc != RC_OK)
		return rc;
	memset(s->bls.v, 0, KEY_BYTES);
	rc = sd_bls_generate(&bls);
	if (rc == RC_OK)
		rc = sd_bls_secret_write(&bls, s->bls.v);
	sd_bls_wipe(&bls);
	return rc == RC_NOT_IMPLEMENTED ? RC_OK : rc;
}

enum rc
dv_book_keys(struct dv *dv, struct tables_tx *tx)
{
	const struct table_key k = table_key_of(KEYS, dv->node.v, NODE_ID_BYTES);
	struct dv_secrets *s = dv->secrets;
	uint8_t wrapped[2 * KEYWRAP_BYTES];
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_NOT_FOUND)
		return rc == RC_OK ? unwrap_keys(s, val) : rc;
	rc = make_keys(s);
	if (rc == RC_OK)
		rc = key_wrap(&s->seal, &s->seed, wrapped);
	if (rc == RC_OK)
		rc = key_wrap(&s->seal, &s->bls, wrapped + KEYWRAP_BYTES);
	return rc == RC_OK
	               ? tables_put(tx, table_key_view(&k), slice_make(wrapped, sizeof(wrapped)))
	               : rc;
}

/* ---- rounds ---- */

enum rc
dv_book_spent(const struct dv *dv, struct tables_tx *tx, uint8_t w[SD_ROUND_SIZE])
{
	const struct table_key k = table_key_of(ROUND, dv->node.v, NODE_ID_BYTES);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	if (val.n != SD_ROUND_SIZE)
		return RC_PRECONDITION;
	memcpy(w, val.p, SD_ROUND_SIZE);
	return RC_OK;
}

enum rc
dv_book_spend(const struct dv *dv, struct tables_tx *tx, const uint8_t w[SD_ROUND_SIZE])
{
	const struct table_key k = table_key_of(ROUND, dv->node.v, NODE_ID_BYTES);

	return tables_put(tx, table_key_view(&k), slice_make(w, SD_ROUND_SIZE));
}

/* ---- what an earlier run has left ---- */

struct loading {
	struct dv *dv;
	enum rc rc;
};

static bool
load_one(void *arg, struct slice key, struct slice val)
{
	struct loading *l = arg;
	struct dv *dv = l->dv;
	struct dv_reading *r;

	if (key.n != 9 || val.n < 9 || val.n > 8 + SD_PAYLOAD_MAX) {
		l->rc = RC_PRECONDITION;
		return false;
	}
	r = calloc(1, sizeof(*r) + val.n - 8);
	if (r == NULL) {
		l->rc = RC_UNAVAILABLE;
		return false;
	}
	r->seq = be_get(key.p + 1, 8);
	r->millis = be_get(val.p, 8);
	r->n = val.n - 8;
	memcpy(r->payload, val.p + 8, r->n);
	*dv->last = r;
	dv->last = &r->next;
	dv->pending++;
	return true;
}

static enum rc
load(struct dv *dv)
{
	static const char readings[] = { READING }, number[] = { NUMBER };
	struct loading l = { .dv = dv };
	struct tables_tx *tx;
	struct slice val;
	enum rc rc = tables_read(&dv->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, slice_make(number, 1), &val);
	dv->ready = rc == RC_OK && val.n == 8;
	if (dv->ready)
		dv->next_seq = be_get(val.p, 8) + 1;
	if (rc == RC_OK && !dv->ready)
		l.rc = RC_PRECONDITION;
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		rc = tables_scan(tx, slice_make(readings, 1), SLICE_NONE, 0, load_one, &l);
	tables_abort(tx);
	return rc == RC_OK ? l.rc : rc;
}

/* ---- life ---- */

static enum rc
open_store(struct dv *dv, const char *dir, char why[256])
{
	const struct store_ops *ops = dir == NULL ? &store_memory : dv->conf.engine;
	const struct store_conf store = { .path = dir };
	const struct tables_work_conf work = { .store = &dv->store,
		                               .log = dv->log,
		                               .store_failed = "smalldata-store-failed",
		                               .queue_max = QUEUE_MAX,
		                               .batch_max = BATCH_MAX,
		                               .arg = dv };
	enum rc rc = tables_open(ops, &store, &dv->store, why);

	if (rc == RC_OK)
		rc = load(dv);
	return rc == RC_OK ? tables_work_start(&work, &dv->work) : rc;
}

enum rc
dv_book_open(struct dv *dv, char why[CAPABILITY_WHY_MAX])
{
	char dir[PATH_MAX], text[256] = "";
	enum rc rc = dv->sec->book(dv->sec->arg, SD_BOOK, &dv->secrets->seal, dir, sizeof(dir));

	dv->lasts = rc == RC_OK;
	/* What is wrapped then is not kept either. */
	if (rc == RC_NOT_FOUND)
		rc = secret_random(dv->secrets->seal.v, KEY_BYTES);
	if (rc == RC_OK)
		rc = open_store(dv, dv->lasts ? dir : NULL, text);
	if (rc == RC_OK && !dv->lasts)
		LOG_WARN(dv->log, "smalldata-not-kept",
		         LOG_Z("why", "without a key store readings do not outlive the process"));
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "the book of small data: %.200s",
		         text[0] != '\0'         ? text
		         : rc == RC_PRECONDITION ? "a record is damaged"
		                                 : status_of(rc)->text);
	return rc;
}

void
dv_book_close(struct dv *dv)
{
	tables_work_stop(dv->work);
	dv->work = NULL;
	tables_close(&dv->store);
}
