/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sd/sd_book.h"

#include <stdlib.h>

#include "base/be.h"
#include "base/clock.h"
#include "store/tables_book.h"

/*
 * Records, by node id:
 *   K  u8 version | u8 1 Ed25519, 2 BLS | u64 revision | 32 | 96 | LV8 SCL-ID | LV8 container
 *   T  u8 version | u64 seq | u8 n | n x (gateway 16 | u32 culprit | u64 excluded)
 * They are apart, as each is written by somebody else: keys by registrations, traces by bundles.
 */
#define TABLE_KEYS 'K'
#define TABLE_TRACES 'T'
#define RECORD_VERSION 1
#define HAS_ED25519 1u
#define HAS_BLS 2u
#define KEYS_FIXED (10u + SIGN_PUBLIC_SIZE + SD_BLS_PUBLIC_SIZE)
#define KEYS_MAX (KEYS_FIXED + 2 + SCL_ID_MAX + SD_CONTAINER_MAX)
#define TRACE_FIXED 10u
#define BLAME_SIZE (NODE_ID_BYTES + 12u)
#define TRACE_MAX (TRACE_FIXED + SD_BLAMES_MAX * BLAME_SIZE)
#define QUEUE_MAX 1024u
#define BATCH_MAX 64u

struct sd_book {
	struct sd_book_conf conf;
	struct tables_book book;
};

#define CHANGE_OF(j) ((struct sd_change *)(void *)((char *)(j)-offsetof(struct sd_change, job)))

/* ---- records ---- */

static void
write_keys(const struct sd_keys *k, struct buf *b)
{
	buf_char(b, RECORD_VERSION);
	buf_be(b, (k->has_ed25519 ? HAS_ED25519 : 0) | (k->has_bls ? HAS_BLS : 0), 1);
	buf_be(b, k->revision, 8);
	buf_add(b, k->ed25519.v, SIGN_PUBLIC_SIZE);
	buf_add(b, k->bls, SD_BLS_PUBLIC_SIZE);
	buf_be(b, strlen(k->scl_id), 1);
	buf_puts(b, k->scl_id);
	buf_be(b, strlen(k->container), 1);
	buf_puts(b, k->container);
}

/* One LV8 at the start of *rest. */
static bool
read_text(struct slice *rest, char *to, size_t max)
{
	size_t n;

	if (rest->n < 1)
		return false;
	n = (uint8_t)rest->p[0];
	if (n > max || n > rest->n - 1 || memchr(rest->p + 1, '\0', n) != NULL)
		return false;
	memcpy(to, rest->p + 1, n);
	to[n] = '\0';
	*rest = slice_from(*rest, 1 + n);
	return true;
}

static bool
read_keys(struct slice val, struct sd_keys *out)
{
	unsigned flags;

	memset(out, 0, sizeof(*out));
	if (val.n < KEYS_FIXED || val.p[0] != RECORD_VERSION)
		return false;
	flags = (uint8_t)val.p[1];
	out->known = true;
	out->has_ed25519 = (flags & HAS_ED25519) != 0;
	out->has_bls = (flags & HAS_BLS) != 0;
	out->revision = be_get(val.p + 2, 8);
	memcpy(out->ed25519.v, val.p + 10, SIGN_PUBLIC_SIZE);
	memcpy(out->bls, val.p + 10 + SIGN_PUBLIC_SIZE, SD_BLS_PUBLIC_SIZE);
	val = slice_from(val, KEYS_FIXED);
	return (flags & ~(HAS_ED25519 | HAS_BLS)) == 0 &&
	       read_text(&val, out->scl_id, SCL_ID_MAX) &&
	       read_text(&val, out->container, SD_CONTAINER_MAX) && val.n == 0;
}

static enum rc
put_trace(struct tables_tx *tx, const struct sd_entry *e)
{
	struct table_key k = table_key_of(TABLE_TRACES, e->id.v, NODE_ID_BYTES);
	uint8_t octets[TRACE_MAX] = { RECORD_VERSION };
	uint8_t *at = be_put(be_put(octets + 1, e->trace.seq, 8), e->trace.n, 1);

	for (unsigned i = 0; i < e->trace.n; i++) {
		const struct sd_blame *b = &e->trace.blames[i];

		memcpy(at, b->gateway.v, NODE_ID_BYTES);
		at = be_put(at + NODE_ID_BYTES, b->culprit, 4);
		at = be_put(at, (uint64_t)b->excluded, 8);
	}
	return tables_put(tx, table_key_view(&k), slice_make(octets, (size_t)(at - octets)));
}

static bool
read_trace(struct slice val, struct sd_trace *out)
{
	*out = (struct sd_trace){ 0 };
	if (val.n < TRACE_FIXED || val.p[0] != RECORD_VERSION)
		return false;
	out->seq = be_get(val.p + 1, 8);
	out->n = (unsigned)be_get(val.p + 9, 1);
	if (out->n > SD_BLAMES_MAX || val.n != TRACE_FIXED + out->n * BLAME_SIZE)
		return false;
	for (unsigned i = 0; i < out->n; i++) {
		struct sd_blame *b = &out->blames[i];
		const char *at = val.p + TRACE_FIXED + i * BLAME_SIZE;

		memcpy(b->gateway.v, at, NODE_ID_BYTES);
		b->culprit = (uint32_t)be_get(at + NODE_ID_BYTES, 4);
		b->excluded = (int64_t)be_get(at + NODE_ID_BYTES + 4, 8);
		if (b->excluded < 0)
			return false;
	}
	return true;
}

/* ---- changes ---- */

static enum rc
run_keys(struct tables_job *j, struct tables_tx *tx)
{
	struct sd_change *c = CHANGE_OF(j);
	struct table_key k = table_key_of(TABLE_KEYS, c->id.v, NODE_ID_BYTES);
	struct buf b;
	enum rc rc;

	if (c->may != NULL && !c->may(c))
		return RC_FORBIDDEN;
	if (c->keys == NULL || !c->keys->known)
		return tables_del(tx, table_key_view(&k));
	buf_init(&b, KEYS_MAX);
	write_keys(c->keys, &b);
	rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&b));
	buf_fini(&b);
	return rc;
}

static enum rc
run_traces(struct tables_job *j, struct tables_tx *tx)
{
	const struct sd_change *c = CHANGE_OF(j);
	enum rc rc = RC_OK;

	for (size_t i = 0; i < c->n && rc == RC_OK; i++)
		rc = put_trace(tx, &c->traces[i]);
	return rc;
}

static void
changed(struct tables_job *j, enum rc rc)
{
	struct sd_change *c = CHANGE_OF(j);

	c->rc = rc;
	c->done(c);
}

void
sd_book_put_keys(struct sd_book *b, struct sd_change *c)
{
	c->job = (struct tables_job){ .run = run_keys, .done = changed, .self = b };
	tables_work_submit(b->book.work, &c->job);
}

void
sd_book_put_traces(struct sd_book *b, struct sd_change *c)
{
	c->job = (struct tables_job){
		.run = run_traces, .done = changed, .self = b, .octets = c->n * TRACE_MAX
	};
	tables_work_submit(b->book.work, &c->job);
}

/* ---- life ---- */

struct loading {
	struct sd_known_table *table;
	enum rc rc;
};

static enum rc
load_record(struct sd_known_table *t, struct sd_known *k, char table, struct slice val)
{
	struct sd_keys keys;
	struct sd_trace trace;

	if (table == TABLE_KEYS)
		return read_keys(val, &keys) ? sd_known_set_keys(t, k, &keys, 0) : RC_PRECONDITION;
	if (!read_trace(val, &trace))
		return RC_PRECONDITION;
	sd_known_set_trace(t, k, &trace);
	return RC_OK;
}

static bool
load_one(void *arg, struct slice key, struct slice val)
{
	struct loading *l = arg;
	struct sd_known *k;
	struct node_id id;

	if (key.n != 1 + NODE_ID_BYTES) {
		l->rc = RC_PRECONDITION;
		return false;
	}
	memcpy(id.v, key.p + 1, NODE_ID_BYTES);
	l->rc = sd_known_enter(l->table, &id, &k);
	if (l->rc == RC_OK)
		l->rc = load_record(l->table, k, key.p[0], val);
	return l->rc == RC_OK;
}

static enum rc
load(void *arg, struct tables *store)
{
	struct sd_book *b = arg;
	static const char tables[] = { TABLE_KEYS, TABLE_TRACES };
	struct loading l = { .table = b->conf.table };
	struct tables_tx *tx;
	enum rc rc = tables_read(store, &tx);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < sizeof(tables) && rc == RC_OK && l.rc == RC_OK; i++)
		rc = tables_scan(tx, slice_make(&tables[i], 1), SLICE_NONE, 0, load_one, &l);
	tables_abort(tx);
	return rc == RC_OK ? l.rc : rc;
}

enum rc
sd_book_open(const struct sd_book_conf *conf, struct sd_book **out, char why[256])
{
	struct sd_book *b = calloc(1, sizeof(*b));
	const struct tables_book_conf book = { .dir = conf->dir,
		                               .engine = conf->engine,
		                               .name = "keys of devices",
		                               .full = "more devices than sd.devices_max",
		                               .load = load,
		                               .arg = b,
		                               .work = { .log = conf->log,
		                                         .store_failed = "smalldata-store-failed",
		                                         .queue_max = QUEUE_MAX,
		                                         .batch_max = BATCH_MAX } };
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (b == NULL)
		return RC_UNAVAILABLE;
	b->conf = *conf;
	rc = tables_book_open(&b->book, &book, why);
	if (rc == RC_OK)
		*out = b;
	else
		free(b);
	return rc;
}

void
sd_book_close(struct sd_book *b)
{
	if (b == NULL)
		return;
	tables_book_close(&b->book);
	free(b);
}
