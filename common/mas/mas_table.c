/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_table.h"

#include "mas/mas_record.h"

/*
 * Keys: N node -> node; s SCL-ID -> node id; p H(PPID) -> node id; K node, index -> Kmr;
 * C connection -> connection; c node, connection -> ""; T time, kind, what -> "".
 */

#define RECORD_MAX_OCTETS 4096u

static struct table_key
node_key(char table, const struct node_id *id)
{
	return table_key_of(table, id->v, NODE_ID_BYTES);
}

static struct table_key
kmr_key(const struct node_id *node, uint32_t index)
{
	struct table_key k = node_key('K', node);

	table_key_number(&k, index, 4);
	return k;
}

static struct table_key
conn_key(uint64_t id)
{
	struct table_key k = table_key('C');

	table_key_number(&k, id, 8);
	return k;
}

static struct table_key
conn_of_node_key(const struct node_id *node, uint64_t id)
{
	struct table_key k = node_key('c', node);

	table_key_number(&k, id, 8);
	return k;
}

static bool
after_of(struct slice key, size_t n, void *out)
{
	if (key.n != 1 + n)
		return false;
	memcpy(out, key.p + 1, n);
	return true;
}

/* ---- nodes ---- */

static bool
node_read(struct slice key, struct slice val, struct mas_node *n)
{
	struct unpack u = mas_record_open(val);

	memset(n, 0, sizeof(*n));
	if (!after_of(key, NODE_ID_BYTES, n->id.v))
		return false;
	n->has_ppid = unpack_flag(&u);
	unpack_into(&u, n->ppid_hash, PPID_HASH);
	unpack_string(&u, n->scl_id, MAS_SCL_ID_MAX);
	unpack_string(&u, n->sub_id, MAS_SUB_ID_MAX);
	n->state = unpack_enum(&u, MAS_NODE_REVOKED);
	n->flags = (unsigned)unpack_number(&u, 2, UINT16_MAX);
	unpack_string(&u, n->allowed_sources, MAS_SOURCES_MAX);
	n->priority = (enum mas_priority)unpack_number(&u, 1, MAS_PRIORITY_LOW);
	n->ival_required = unpack_number(&u, 8, INT64_MAX);
	n->last_ival = unpack_time(&u);
	n->last_kmr = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	n->last_kmc = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	n->created = unpack_time(&u);
	n->failures = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	n->last_failure = unpack_time(&u);
	unpack_string(&u, n->last_reason, MAS_REASON_MAX);
	n->n_fingerprints = (unsigned)unpack_number(&u, 1, MAS_FINGERPRINTS);
	for (unsigned i = 0; i < n->n_fingerprints; i++)
		unpack_into(&u, n->fingerprints[i].v, DEVICE_FINGERPRINT_SIZE);
	return unpack_done(&u);
}

static void
node_write(struct buf *b, const struct mas_node *n)
{
	buf_be(b, n->has_ppid, 1);
	buf_add(b, n->ppid_hash, PPID_HASH);
	pack_text(b, slice_of(n->scl_id));
	pack_text(b, slice_of(n->sub_id));
	buf_be(b, n->state, 1);
	buf_be(b, n->flags, 2);
	pack_text(b, slice_of(n->allowed_sources));
	buf_be(b, n->priority, 1);
	buf_be(b, n->ival_required, 8);
	buf_be(b, (uint64_t)n->last_ival, 8);
	buf_be(b, n->last_kmr, 4);
	buf_be(b, n->last_kmc, 4);
	buf_be(b, (uint64_t)n->created, 8);
	buf_be(b, n->failures, 4);
	buf_be(b, (uint64_t)n->last_failure, 8);
	pack_text(b, slice_of(n->last_reason));
	buf_be(b, n->n_fingerprints, 1);
	for (unsigned i = 0; i < n->n_fingerprints; i++)
		buf_add(b, n->fingerprints[i].v, DEVICE_FINGERPRINT_SIZE);
}

enum rc
mas_node_get(struct tables_tx *tx, const struct node_id *id, struct mas_node *out)
{
	struct table_key k = node_key('N', id);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	return node_read(table_key_view(&k), val, out) ? RC_OK : RC_INTERNAL;
}

enum rc
mas_node_put(struct tables_tx *tx, const struct mas_node *n)
{
	struct table_key scl = table_key_of('s', n->scl_id, strlen(n->scl_id));
	struct table_key ppid = table_key_of('p', n->ppid_hash, PPID_HASH);
	struct slice id = slice_make(n->id.v, NODE_ID_BYTES);
	struct buf b;
	enum rc rc;

	mas_record_begin(&b, RECORD_MAX_OCTETS);
	node_write(&b, n);
	rc = mas_record_put(tx, node_key('N', &n->id), &b);
	if (rc == RC_OK && !tables_has(tx, table_key_view(&scl)))
		rc = tables_put(tx, table_key_view(&scl), id);
	if (rc == RC_OK && n->has_ppid && !tables_has(tx, table_key_view(&ppid)))
		rc = tables_put(tx, table_key_view(&ppid), id);
	return rc;
}

static enum rc
node_by(struct tables_tx *tx, struct table_key k, struct node_id *out)
{
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	if (val.n != NODE_ID_BYTES)
		return RC_INTERNAL;
	memcpy(out->v, val.p, NODE_ID_BYTES);
	return RC_OK;
}

enum rc
mas_node_by_scl(struct tables_tx *tx, struct slice scl_id, struct node_id *out)
{
	return node_by(tx, table_key_of('s', scl_id.p, scl_id.n), out);
}

enum rc
mas_node_by_ppid(struct tables_tx *tx, const uint8_t hash[PPID_HASH], struct node_id *out)
{
	return node_by(tx, table_key_of('p', hash, PPID_HASH), out);
}

/* A scan that decodes; damaged ends it. */
struct walk {
	union {
		mas_node_visit *node;
		mas_kmr_visit *kmr;
		mas_conn_visit *conn;
	} visit;
	void *arg;
	bool damaged;
};

static enum rc
walk_done(enum rc rc, const struct walk *w)
{
	return rc == RC_OK && w->damaged ? RC_INTERNAL : rc;
}

static bool
walk_node(void *arg, struct slice key, struct slice val)
{
	struct walk *w = arg;
	struct mas_node n;

	w->damaged = !node_read(key, val, &n);
	return !w->damaged && w->visit.node(w->arg, &n);
}

enum rc
mas_node_scan(struct tables_tx *tx, const struct node_id *after, size_t limit,
              mas_node_visit *visit, void *arg)
{
	struct walk w = { .visit.node = visit, .arg = arg };
	struct table_key from = { .n = 0 };

	if (after != NULL)
		from = node_key('N', after);
	return walk_done(
		tables_scan(tx, SLICE_LIT("N"), table_key_view(&from), limit, walk_node, &w), &w);
}

/* ---- Kmr ---- */

static bool
kmr_read(struct slice key, struct slice val, struct mas_kmr *k)
{
	struct unpack u = mas_record_open(val), name = unpack_of(slice_from(key, 1));

	memset(k, 0, sizeof(*k));
	unpack_into(&name, k->node.v, NODE_ID_BYTES);
	k->index = (uint32_t)unpack_number(&name, 4, UINT32_MAX);
	k->state = unpack_enum(&u, MAS_KMR_REVOKED);
	mas_record_unpack_wrapped(&u, &k->wrapped);
	unpack_string(&u, k->origin, MAS_ORIGIN_MAX);
	k->not_before = unpack_time(&u);
	k->not_after = unpack_time(&u);
	k->created = unpack_time(&u);
	k->first_used = unpack_time(&u);
	k->deadline = unpack_time(&u);
	k->erase = unpack_time(&u);
	unpack_into(&u, k->check, MAS_CHECK_BYTES);
	return unpack_done(&u) && unpack_done(&name);
}

enum rc
mas_kmr_get(struct tables_tx *tx, const struct node_id *node, uint32_t index, struct mas_kmr *out)
{
	struct table_key k = kmr_key(node, index);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	return kmr_read(table_key_view(&k), val, out) ? RC_OK : RC_INTERNAL;
}

enum rc
mas_kmr_put(struct tables_tx *tx, const struct mas_kmr *k)
{
	struct buf b;

	mas_record_begin(&b, RECORD_MAX_OCTETS);
	buf_be(&b, k->state, 1);
	mas_record_pack_wrapped(&b, &k->wrapped);
	pack_text(&b, slice_of(k->origin));
	buf_be(&b, (uint64_t)k->not_before, 8);
	buf_be(&b, (uint64_t)k->not_after, 8);
	buf_be(&b, (uint64_t)k->created, 8);
	buf_be(&b, (uint64_t)k->first_used, 8);
	buf_be(&b, (uint64_t)k->deadline, 8);
	buf_be(&b, (uint64_t)k->erase, 8);
	buf_add(&b, k->check, MAS_CHECK_BYTES);
	return mas_record_put(tx, kmr_key(&k->node, k->index), &b);
}

enum rc
mas_kmr_del(struct tables_tx *tx, const struct node_id *node, uint32_t index)
{
	struct table_key k = kmr_key(node, index);

	return tables_del(tx, table_key_view(&k));
}

static bool
walk_kmr(void *arg, struct slice key, struct slice val)
{
	struct walk *w = arg;
	struct mas_kmr k;

	w->damaged = !kmr_read(key, val, &k);
	return !w->damaged && w->visit.kmr(w->arg, &k);
}

enum rc
mas_kmr_scan(struct tables_tx *tx, const struct node_id *node, const struct mas_kmr *after,
             size_t limit, mas_kmr_visit *visit, void *arg)
{
	struct walk w = { .visit.kmr = visit, .arg = arg };
	struct table_key prefix = table_key('K'), from = { .n = 0 };

	if (node != NULL)
		prefix = node_key('K', node);
	if (after != NULL)
		from = kmr_key(&after->node, after->index);
	return walk_done(tables_scan(tx, table_key_view(&prefix), table_key_view(&from), limit,
	                             walk_kmr, &w),
	                 &w);
}

/* ---- connections ---- */

static bool
conn_read(struct slice key, struct slice val, struct mas_conn *c)
{
	struct unpack u = mas_record_open(val), name = unpack_of(slice_from(key, 1));

	memset(c, 0, sizeof(*c));
	c->id = unpack_number(&name, 8, UINT64_MAX);
	unpack_into(&u, c->node.v, NODE_ID_BYTES);
	c->kmr_index = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	c->kmc_index = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	mas_record_unpack_wrapped(&u, &c->wrapped);
	c->state = unpack_enum(&u, MAS_CONN_ENDED);
	c->variant = (enum mas_variant)unpack_number(&u, 1, MAS_C1_TLS_PSK);
	c->created = unpack_time(&u);
	c->expires = unpack_time(&u);
	c->ended = unpack_time(&u);
	c->requests = unpack_number(&u, 8, UINT64_MAX);
	c->octets = unpack_number(&u, 8, UINT64_MAX);
	c->last_seen = unpack_time(&u);
	unpack_string(&u, c->nscl, MAS_NSCL_MAX);
	unpack_string(&u, c->source, MAS_SOURCE_MAX);
	c->tls_version = (unsigned)unpack_number(&u, 2, UINT16_MAX);
	unpack_into(&u, c->check, MAS_CHECK_BYTES);
	return unpack_done(&u) && unpack_done(&name);
}

static void
conn_write(struct buf *b, const struct mas_conn *c)
{
	buf_add(b, c->node.v, NODE_ID_BYTES);
	buf_be(b, c->kmr_index, 4);
	buf_be(b, c->kmc_index, 4);
	mas_record_pack_wrapped(b, &c->wrapped);
	buf_be(b, c->state, 1);
	buf_be(b, c->variant, 1);
	buf_be(b, (uint64_t)c->created, 8);
	buf_be(b, (uint64_t)c->expires, 8);
	buf_be(b, (uint64_t)c->ended, 8);
	buf_be(b, c->requests, 8);
	buf_be(b, c->octets, 8);
	buf_be(b, (uint64_t)c->last_seen, 8);
	pack_text(b, slice_of(c->nscl));
	pack_text(b, slice_of(c->source));
	buf_be(b, c->tls_version, 2);
	buf_add(b, c->check, MAS_CHECK_BYTES);
}

enum rc
mas_conn_get(struct tables_tx *tx, uint64_t id, struct mas_conn *out)
{
	struct table_key k = conn_key(id);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	return conn_read(table_key_view(&k), val, out) ? RC_OK : RC_INTERNAL;
}

enum rc
mas_conn_put(struct tables_tx *tx, const struct mas_conn *c)
{
	struct table_key of_node = conn_of_node_key(&c->node, c->id);
	struct buf b;
	enum rc rc;

	mas_record_begin(&b, RECORD_MAX_OCTETS);
	conn_write(&b, c);
	rc = mas_record_put(tx, conn_key(c->id), &b);
	if (rc == RC_OK && !tables_has(tx, table_key_view(&of_node)))
		rc = tables_put(tx, table_key_view(&of_node), SLICE_NONE);
	return rc;
}

enum rc
mas_conn_del(struct tables_tx *tx, const struct mas_conn *c)
{
	struct table_key k = conn_key(c->id), of_node = conn_of_node_key(&c->node, c->id);
	enum rc rc = tables_del(tx, table_key_view(&k));

	return rc != RC_OK ? rc : tables_del(tx, table_key_view(&of_node));
}

static bool
walk_conn(void *arg, struct slice key, struct slice val)
{
	struct walk *w = arg;
	struct mas_conn c;

	w->damaged = !conn_read(key, val, &c);
	return !w->damaged && w->visit.conn(w->arg, &c);
}

enum rc
mas_conn_scan(struct tables_tx *tx, uint64_t after, size_t limit, mas_conn_visit *visit, void *arg)
{
	struct walk w = { .visit.conn = visit, .arg = arg };
	struct table_key from = conn_key(after);

	return walk_done(
		tables_scan(tx, SLICE_LIT("C"), table_key_view(&from), limit, walk_conn, &w), &w);
}

struct ids {
	uint64_t *ids;
	size_t n;
};

static bool
collect_id(void *arg, struct slice key, struct slice val)
{
	struct unpack u = unpack_of(slice_from(key, 1 + NODE_ID_BYTES));
	struct ids *to = arg;

	(void)val;
	to->ids[to->n++] = unpack_number(&u, 8, UINT64_MAX);
	return true;
}

enum rc
mas_conn_ids(struct tables_tx *tx, const struct node_id *node, uint64_t *ids, size_t max, size_t *n)
{
	struct table_key prefix = node_key('c', node);
	struct ids to = { .ids = ids };
	enum rc rc = tables_scan(tx, table_key_view(&prefix), SLICE_NONE, max, collect_id, &to);

	*n = to.n;
	return rc;
}

/* ---- timers ---- */

static struct table_key
due_key(const struct mas_due *d)
{
	struct table_key k = table_key('T');

	table_key_number(&k, (uint64_t)d->when, 8);
	table_key_number(&k, d->kind, 1);
	table_key_add(&k, d->node.v, NODE_ID_BYTES);
	table_key_number(&k, d->index, 4);
	table_key_number(&k, d->connection, 8);
	return k;
}

static bool
due_read(struct slice key, struct mas_due *d)
{
	struct unpack u = unpack_of(slice_from(key, 1));

	d->when = unpack_time(&u);
	d->kind = unpack_enum(&u, MAS_TIMER_GROUP);
	unpack_into(&u, d->node.v, NODE_ID_BYTES);
	d->index = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	d->connection = unpack_number(&u, 8, UINT64_MAX);
	return unpack_done(&u);
}

enum rc
mas_due_put(struct tables_tx *tx, const struct mas_due *d)
{
	struct table_key k = due_key(d);

	return tables_put(tx, table_key_view(&k), SLICE_NONE);
}

enum rc
mas_due_del(struct tables_tx *tx, const struct mas_due *d)
{
	struct table_key k = due_key(d);

	return tables_del(tx, table_key_view(&k));
}

struct dues {
	struct mas_due *to;
	size_t n;
	int64_t now;
	bool damaged;
};

static bool
collect_due(void *arg, struct slice key, struct slice val)
{
	struct dues *to = arg;

	(void)val;
	to->damaged = !due_read(key, &to->to[to->n]);
	if (to->damaged || to->to[to->n].when > to->now)
		return false;
	to->n++;
	return true;
}

enum rc
mas_due_list(struct tables_tx *tx, int64_t now, struct mas_due *out, size_t max, size_t *n)
{
	struct dues to = { .to = out, .now = now };
	enum rc rc = tables_scan(tx, SLICE_LIT("T"), SLICE_NONE, max, collect_due, &to);

	*n = to.n;
	return rc == RC_OK && to.damaged ? RC_INTERNAL : rc;
}
