/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings on disk: those that the network has not answered, and for a while the signatures of those
 * that it has accepted. Nothing in it is secret that is not on the wire, and each proves itself.
 *
 *   R | u64 no           waits          K | u64 until, us | u64 no   was accepted
 *   u8 version | u8 alg | u8 flags | round, of alg 4 | signature | reading as in a bundle
 */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/be.h"

#define WAITING 'R'
#define KEPT 'K'
#define RECORD_VERSION 1
#define RECORD_FIXED 3u
#define RECORD_MAX (RECORD_FIXED + SD_ROUND_SIZE + GW_PROOF_MAX + SD_READING_FIXED + SD_PAYLOAD_MAX)
#define QUEUE_MAX (GW_TAKES_MAX + 16u)
#define BATCH_MAX 64u
#define PERIOD (10 * CLOCK_SECOND)
#define SWEEP_MAX 512u

size_t
gw_proof_size(enum sd_alg alg)
{
	static const size_t sizes[] = { [SD_ED25519] = SD_ED25519_SIZE,
		                        [SD_BLS] = 0,
		                        [SD_BLS_SINGLE] = SD_BLS_SIZE,
		                        [SD_IDENTITY] = IBAS_SIZE };

	return alg >= SD_ALG_MIN && alg <= SD_ALG_MAX ? sizes[alg] : 0;
}

/* ---- records ---- */

static struct table_key
waiting_key(const struct gw_reading *r)
{
	struct table_key k = table_key(WAITING);

	table_key_number(&k, r->no, 8);
	return k;
}

static struct slice
encode(const struct gw_reading *r, uint8_t out[RECORD_MAX])
{
	const struct sd_reading reading = { .device = r->device->id,
		                            .seq = r->seq,
		                            .millis = r->millis,
		                            .payload = slice_make(r->payload, r->n) };
	uint8_t *at = out;

	*at++ = RECORD_VERSION;
	*at++ = (uint8_t)r->alg;
	*at++ = r->flags;
	if (r->alg == SD_IDENTITY) {
		memcpy(at, r->round, SD_ROUND_SIZE);
		at += SD_ROUND_SIZE;
	}
	memcpy(at, r->proof, gw_proof_size(r->alg));
	at += gw_proof_size(r->alg);
	at += sd_reading_write(&reading, at);
	return slice_make(out, (size_t)(at - out));
}

enum rc
gw_book_put(struct tables_tx *tx, const struct gw_reading *r)
{
	const struct table_key k = waiting_key(r);
	uint8_t octets[RECORD_MAX];

	return tables_put(tx, table_key_view(&k), encode(r, octets));
}

bool
gw_book_keeps(const struct gw *gw, const struct gw_reading *r)
{
	return r->accepted && gw->conf.keep > 0 && atomic_load(&gw->kept) < gw->conf.pending_max;
}

enum rc
gw_book_settle(struct gw *gw, struct tables_tx *tx, const struct gw_reading *r)
{
	const struct table_key waiting = waiting_key(r);
	struct table_key kept = table_key(KEPT);
	uint8_t octets[RECORD_MAX];
	enum rc rc = tables_del(tx, table_key_view(&waiting));

	if (rc != RC_OK || !gw_book_keeps(gw, r))
		return rc;
	table_key_number(&kept, (uint64_t)(clock_now(gw->clock) + gw->conf.keep), 8);
	table_key_number(&kept, r->no, 8);
	return tables_put(tx, table_key_view(&kept), encode(r, octets));
}

/* ---- what an earlier run has left ---- */

struct loading {
	struct gw *gw;
	enum rc rc;
};

/* The head of a record; *rest: the reading. */
static bool
decode_head(struct slice val, struct gw_reading *r, struct slice *rest)
{
	size_t proof, round;

	if (val.n < RECORD_FIXED || val.p[0] != RECORD_VERSION)
		return false;
	r->alg = (enum sd_alg)val.p[1];
	r->flags = (uint8_t)val.p[2];
	val = slice_from(val, RECORD_FIXED);
	proof = gw_proof_size(r->alg);
	round = r->alg == SD_IDENTITY ? SD_ROUND_SIZE : 0;
	if (proof == 0 || val.n < round + proof + SD_READING_FIXED)
		return false;
	memcpy(r->round, val.p, round);
	val = slice_from(val, round);
	memcpy(r->proof, val.p, proof);
	*rest = slice_from(val, proof);
	return true;
}

static bool
decode(struct slice val, struct gw_reading *r, struct node_id *device)
{
	struct slice rest;

	if (!decode_head(val, r, &rest))
		return false;
	memcpy(device->v, rest.p, NODE_ID_BYTES);
	r->seq = be_get(rest.p + NODE_ID_BYTES, 8);
	r->millis = be_get(rest.p + NODE_ID_BYTES + 8, 8);
	r->n = be_get(rest.p + NODE_ID_BYTES + 16, 2);
	rest = slice_from(rest, SD_READING_FIXED);
	if (rest.n != r->n || r->n > SD_PAYLOAD_MAX)
		return false;
	if (r->n > 0)
		memcpy(r->payload, rest.p, r->n);
	return true;
}

static enum rc
load_reading(struct gw *gw, uint64_t no, struct slice val)
{
	struct gw_reading *r = calloc(1, sizeof(*r) + SD_PAYLOAD_MAX);
	struct node_id device;
	enum rc rc = r == NULL ? RC_UNAVAILABLE : RC_OK;

	if (rc == RC_OK && !decode(val, r, &device))
		rc = RC_PRECONDITION;
	if (rc == RC_OK)
		rc = gw_device_enter(gw, &device, &r->device);
	if (rc != RC_OK) {
		free(r);
		return rc;
	}
	r->no = no;
	r->since = clock_monotonic();
	if (r->seq > r->device->seq)
		r->device->seq = r->seq;
	gw_device_prove(gw, r->device);
	gw->pending++;
	gw->next_no = no + 1;
	gw_queue_add(gw, r);
	return RC_OK;
}

static bool
load_one(void *arg, struct slice key, struct slice val)
{
	struct loading *l = arg;

	l->rc = key.n != 9 ? RC_PRECONDITION : load_reading(l->gw, be_get(key.p + 1, 8), val);
	return l->rc == RC_OK;
}

/* Numbers go on behind those of kept records as well. */
static bool
load_kept(void *arg, struct slice key, struct slice val)
{
	struct loading *l = arg;
	uint64_t no;

	(void)val;
	if (key.n != 17) {
		l->rc = RC_PRECONDITION;
		return false;
	}
	no = be_get(key.p + 9, 8);
	if (no >= l->gw->next_no)
		l->gw->next_no = no + 1;
	atomic_fetch_add(&l->gw->kept, 1);
	return true;
}

static enum rc
load(struct gw *gw)
{
	static const char waiting[] = { WAITING }, kept[] = { KEPT };
	struct loading l = { .gw = gw };
	struct tables_tx *tx;
	enum rc rc = tables_read(&gw->store, &tx);

	if (rc != RC_OK)
		return rc;
	gw->next_no = 1;
	rc = tables_scan(tx, slice_make(waiting, 1), SLICE_NONE, 0, load_one, &l);
	if (rc == RC_OK && l.rc == RC_OK)
		rc = tables_scan(tx, slice_make(kept, 1), SLICE_NONE, 0, load_kept, &l);
	tables_abort(tx);
	return rc == RC_OK ? l.rc : rc;
}

/* ---- the end of what is kept ---- */

struct sweeping {
	uint64_t now;
	size_t n;
	struct table_key keys[SWEEP_MAX];
};

static bool
sweep_one(void *arg, struct slice key, struct slice val)
{
	struct sweeping *s = arg;

	(void)val;
	if (key.n != 17 || be_get(key.p + 1, 8) > s->now)
		return false;
	s->keys[s->n++] = table_key_of(KEPT, key.p + 1, 16);
	return s->n < SWEEP_MAX;
}

static enum rc
tick(void *arg, struct tables_tx *tx, bool *more)
{
	static const char table[] = { KEPT };
	struct gw *gw = arg;
	struct sweeping *s = malloc(sizeof(*s));
	enum rc rc;

	gw->swept = 0;
	*more = false;
	if (s == NULL)
		return RC_UNAVAILABLE;
	s->now = (uint64_t)clock_now(gw->clock);
	s->n = 0;
	rc = tables_scan(tx, slice_make(table, 1), SLICE_NONE, SWEEP_MAX, sweep_one, s);
	for (size_t i = 0; i < s->n && rc == RC_OK; i++)
		rc = tables_del(tx, table_key_view(&s->keys[i]));
	gw->swept = (unsigned)s->n;
	*more = s->n == SWEEP_MAX;
	free(s);
	return rc;
}

static void
ticked(void *arg, enum rc rc)
{
	struct gw *gw = arg;

	if (rc == RC_OK)
		atomic_fetch_sub(&gw->kept, gw->swept);
}

/* ---- life ---- */

static enum rc
open_store(struct gw *gw, const char *dir, char why[256])
{
	const struct store_ops *ops = dir == NULL ? &store_memory : gw->conf.engine;
	const struct store_conf store = { .path = dir };
	const struct tables_work_conf work = { .store = &gw->store,
		                               .log = gw->log,
		                               .store_failed = "smalldata-store-failed",
		                               .tick_failed = "smalldata-store-failed",
		                               .queue_max = QUEUE_MAX,
		                               .batch_max = BATCH_MAX,
		                               .period = PERIOD,
		                               .tick = tick,
		                               .ticked = ticked,
		                               .arg = gw };
	enum rc rc = tables_open(ops, &store, &gw->store, why);

	if (rc == RC_OK)
		rc = load(gw);
	return rc == RC_OK ? tables_work_start(&work, &gw->work) : rc;
}

enum rc
gw_book_open(struct gw *gw, char why[CAPABILITY_WHY_MAX])
{
	char dir[PATH_MAX], text[256] = "";
	struct key seal;
	enum rc rc = gw->sec->book(gw->sec->arg, SD_BOOK, &seal, dir, sizeof(dir));
	bool lasts = rc == RC_OK;

	key_wipe(&seal);
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		rc = open_store(gw, lasts ? dir : NULL, text);
	if (rc == RC_OK && !lasts)
		LOG_WARN(gw->log, "smalldata-not-kept",
		         LOG_Z("why", "without a key store readings do not outlive the process"));
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "the book of small data: %.200s",
		         text[0] != '\0'         ? text
		         : rc == RC_PRECONDITION ? "a record is damaged"
		                                 : status_of(rc)->text);
	return rc;
}

void
gw_book_close(struct gw *gw)
{
	tables_work_stop(gw->work);
	gw->work = NULL;
	tables_close(&gw->store);
}
