/* SPDX-License-Identifier: Apache-2.0 */
/* What is a repetition: marks of streams, digests of individual messages. */
#include "config.h"

#include "cap/pxy/px_impl.h"

static struct table_key
mark_key(uint64_t store, uint16_t stream)
{
	return px_key2(PX_T_MARK, store, stream, 2);
}

static bool
mark_read(uint16_t stream, const struct px_mark_row *row, struct px_mark *out)
{
	*out = (struct px_mark){ .section = { .stream = stream,
		                              .epoch = (uint32_t)row->epoch,
		                              .key_index = (uint16_t)row->key_index },
		                 .kind = (enum px_kind)row->kind,
		                 .seq = (uint32_t)row->seq };
	return row->kind >= PX_MANAGEMENT && row->kind <= PX_END;
}

/* ---- mode stream ---- */

static enum rc
mark_store(struct px_marks *m)
{
	const struct px_mark_row row = { .epoch = m->mark.section.epoch,
		                         .key_index = m->mark.section.key_index,
		                         .kind = m->mark.kind,
		                         .seq = m->mark.seq };
	struct table_key k = mark_key(m->store, m->mark.section.stream);

	if (!m->changed)
		return RC_OK;
	m->changed = false;
	return table_row_put(m->tx, &k, &row, sizeof(row));
}

/* Makes that stream's the mark at hand; its kind is 0: there is none. */
static enum rc
mark_load(struct px_marks *m, uint16_t stream)
{
	struct table_key k = mark_key(m->store, stream);
	struct px_mark_row row;
	enum rc rc;

	if (m->loaded && m->mark.section.stream == stream)
		return RC_OK;
	rc = mark_store(m);
	if (rc != RC_OK)
		return rc;
	rc = table_row_get(m->tx, &k, &row, sizeof(row));
	m->loaded = rc == RC_OK || rc == RC_NOT_FOUND;
	m->mark = (struct px_mark){ .section.stream = stream };
	if (rc == RC_OK)
		return mark_read(stream, &row, &m->mark) ? RC_OK : RC_INTERNAL;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static int
compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int
px_section_order(const struct px_section *a, const struct px_section *b)
{
	int order = compare(a->epoch, b->epoch);

	return order != 0 ? order : compare(a->key_index, b->key_index);
}

static int
mark_order(const struct px_mark *a, const struct px_mark *b)
{
	int order = px_section_order(&a->section, &b->section);

	if (order == 0)
		order = compare(a->kind, b->kind);
	return order != 0 ? order : compare(a->seq, b->seq);
}

/* u is above the mark: whether it follows directly. */
static bool
follows(const struct px_mark *mark, const struct px_mark *u)
{
	if (px_section_order(&u->section, &mark->section) != 0)
		return u->kind == PX_MANAGEMENT;
	if (u->kind == PX_END)
		return true;
	return mark->kind == PX_MANAGEMENT ? u->seq == 0 : u->seq == mark->seq + 1;
}

static enum rc
stream_take(struct px_marks *m, const struct px_mark *u, bool *again)
{
	enum rc rc = mark_load(m, u->section.stream);
	bool first = m->mark.kind == 0;

	if (rc != RC_OK)
		return rc;
	*again = !first && mark_order(u, &m->mark) <= 0;
	if (*again)
		return RC_OK;
	if (first ? u->kind != PX_MANAGEMENT : !follows(&m->mark, u))
		return RC_CONFLICT;
	if (first && m->streams >= m->streams_max)
		return RC_FORBIDDEN;
	m->streams += first;
	m->mark = *u;
	m->changed = true;
	return RC_OK;
}

/* ---- mode individual ---- */

static struct table_key
digests_key(uint64_t store)
{
	return px_key1(PX_T_DIGESTS, store);
}

static enum rc
digests_load(struct px_marks *m)
{
	struct table_key k = digests_key(m->store);
	struct slice val;
	enum rc rc = tables_get(m->tx, table_key_view(&k), &val);

	m->loaded = rc == RC_OK || rc == RC_NOT_FOUND;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (val.n % PX_UNIT_DIGEST_BYTES != 0 || val.n > sizeof(m->digests))
		return RC_INTERNAL;
	memcpy(m->digests, val.p, val.n);
	m->n_digests = val.n / PX_UNIT_DIGEST_BYTES;
	return RC_OK;
}

static bool
digest_known(const struct px_marks *m, const uint8_t digest[PX_UNIT_DIGEST_BYTES])
{
	for (size_t i = 0; i < m->n_digests; i++)
		if (memcmp(m->digests[i], digest, PX_UNIT_DIGEST_BYTES) == 0)
			return true;
	return false;
}

/* The oldest makes room. */
static enum rc
digest_take(struct px_marks *m, const struct px_unit *u, bool *again)
{
	enum rc rc = m->loaded ? RC_OK : digests_load(m);

	if (rc != RC_OK)
		return rc;
	*again = digest_known(m, u->digest);
	if (*again)
		return RC_OK;
	if (m->n_digests == PX_DIGESTS)
		memmove(m->digests[0], m->digests[1],
		        (size_t)--m->n_digests * PX_UNIT_DIGEST_BYTES);
	memcpy(m->digests[m->n_digests++], u->digest, PX_UNIT_DIGEST_BYTES);
	m->changed = true;
	return RC_OK;
}

static enum rc
digests_store(struct px_marks *m)
{
	struct table_key k = digests_key(m->store);

	if (!m->changed)
		return RC_OK;
	return tables_put(
		m->tx, table_key_view(&k),
		slice_make((const char *)m->digests, m->n_digests * PX_UNIT_DIGEST_BYTES));
}

/* ---- both ---- */

enum rc
px_marks_take(struct px_marks *m, const struct px_unit *u, bool *again)
{
	*again = false;
	if (u->mark.kind < PX_MANAGEMENT || u->mark.kind > PX_END)
		return RC_BAD_REQUEST;
	return m->mode == PX_STREAM ? stream_take(m, &u->mark, again) : digest_take(m, u, again);
}

enum rc
px_marks_store(struct px_marks *m)
{
	return m->mode == PX_STREAM ? mark_store(m) : digests_store(m);
}

/* ---- reading ---- */

struct listing {
	px_mark_visit *visit;
	void *arg;
	enum rc rc;
};

static bool
list_one(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct px_mark_row row;
	struct px_mark m;

	if (!table_row_read(val, &row, sizeof(row)) ||
	    !mark_read((uint16_t)table_key_read(key, 9, 2), &row, &m)) {
		l->rc = RC_INTERNAL;
		return false;
	}
	return l->visit(l->arg, &m);
}

enum rc
px_mark_list(const struct px_view *v, uint64_t store, px_mark_visit *visit, void *arg)
{
	struct listing l = { .visit = visit, .arg = arg };
	struct table_key of = px_key1(PX_T_MARK, store);
	struct px_store_row row;
	enum rc rc = px_store_row(v->tx, store, v->now, &row);

	if (rc == RC_OK)
		rc = tables_scan(v->tx, table_key_view(&of), SLICE_NONE, 0, list_one, &l);
	return rc == RC_OK ? l.rc : rc;
}
