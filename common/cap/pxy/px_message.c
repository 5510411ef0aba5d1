/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_impl.h"
#include "store/pack.h"

#define FORMAT 1
#define SECTION_BYTES 8u
#define HEAD_BYTES 10u /* of a record, without the section */
#define RECORD_MAX (HEAD_BYTES + SECTION_BYTES + PX_MESSAGE_MAX)
#define RECORD_COST 64u /* octets of key and bookkeeping, about */

static struct table_key
message_key(uint64_t store, uint64_t number)
{
	return px_key2(PX_T_MESSAGE, store, number, 8);
}

static struct table_key
section_key(uint64_t store, const struct px_section *s)
{
	struct table_key k = px_key2(PX_T_SECTION, store, s->stream, 2);

	table_key_number(&k, s->epoch, 4);
	table_key_number(&k, s->key_index, 2);
	return k;
}

/* ---- records ---- */

static bool
record_read(struct slice val, struct px_message *m)
{
	struct unpack u = unpack_of(val);
	bool version = unpack_number(&u, 1, FORMAT) == FORMAT;

	m->begins = unpack_flag(&u);
	m->received = unpack_time(&u);
	m->section = (struct px_section){ 0 };
	if (m->begins) {
		m->section.stream = (uint16_t)unpack_number(&u, 2, UINT16_MAX);
		m->section.epoch = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
		m->section.key_index = (uint16_t)unpack_number(&u, 2, UINT16_MAX);
	}
	m->octets = u.rest;
	return version && !u.bad;
}

static enum rc
record_put(struct tables_tx *tx, const struct table_key *k, const struct px_unit *unit,
           uint64_t received)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, RECORD_MAX);
	buf_be(&b, FORMAT, 1);
	buf_be(&b, unit->mark.kind == PX_MANAGEMENT, 1);
	buf_be(&b, received, 8);
	if (unit->mark.kind == PX_MANAGEMENT) {
		buf_be(&b, unit->mark.section.stream, 2);
		buf_be(&b, unit->mark.section.epoch, 4);
		buf_be(&b, unit->mark.section.key_index, 2);
	}
	buf_slice(&b, unit->octets);
	rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(k), buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* The message that a section begins with is the first one that says so. */
static enum rc
section_put(struct tables_tx *tx, uint64_t store, const struct px_section *s, uint64_t number)
{
	struct table_key k = section_key(store, s), n = { .n = 0 };

	if (tables_has(tx, table_key_view(&k)))
		return RC_OK;
	table_key_number(&n, number, 8);
	return tables_put(tx, table_key_view(&k), table_key_view(&n));
}

static enum rc
section_del(struct tables_tx *tx, uint64_t store, const struct px_section *s, uint64_t number)
{
	struct table_key k = section_key(store, s);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc == RC_OK && table_key_read(val, 0, 8) == number)
		return tables_del(tx, table_key_view(&k));
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* ---- in ---- */

static enum rc
check_units(const struct px_book *b, const struct px_append *a)
{
	if (a->n > PX_UNITS_MAX)
		return RC_TOO_LARGE;
	if (a->n == 0 ? a->udp_upto == 0 : a->source == NULL)
		return RC_BAD_REQUEST;
	for (size_t i = 0; i < a->n; i++) {
		size_t n = a->units[i].octets.n;

		if (n < PX_UNIT_MIN || n > b->conf.limits.message_max)
			return n < PX_UNIT_MIN ? RC_BAD_REQUEST : RC_TOO_LARGE;
	}
	return RC_OK;
}

static enum rc
put_unit(struct tables_tx *tx, uint64_t store, const struct px_unit *u, struct px_count_row *c)
{
	struct table_key k = message_key(store, ++c->last);
	enum rc rc = record_put(tx, &k, u, c->newest);

	if (rc == RC_OK && u->mark.kind == PX_MANAGEMENT)
		rc = section_put(tx, store, &u->mark.section, c->last);
	c->octets += u->octets.n;
	c->octets_ever += u->octets.n;
	return rc;
}

/* Those that are no repetitions. */
static enum rc
put_units(struct px_marks *m, struct px_append *a, uint64_t reserve, struct px_count_row *c)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < a->n && rc == RC_OK; i++) {
		const struct px_unit *u = &a->units[i];
		bool again;

		rc = px_marks_take(m, u, &again);
		if (rc != RC_OK)
			return rc;
		a->duplicates += again;
		if (again)
			continue;
		if (c->octets > reserve || u->octets.n > reserve - c->octets)
			return RC_NO_SPACE;
		a->stored++;
		rc = put_unit(m->tx, a->store, u, c);
	}
	return rc == RC_OK ? px_marks_store(m) : rc;
}

static enum rc
add_total(struct tables_tx *tx, uint64_t octets)
{
	struct px_total_row t;
	enum rc rc = px_totals_read(tx, &t);

	t.octets += octets;
	return rc == RC_OK ? px_totals_write(tx, &t) : rc;
}

/* Times of receipt never go back, whatever the clock does. */
static void
count_times(struct px_count_row *c, uint64_t before, int64_t now)
{
	if (c->newest < (uint64_t)now)
		c->newest = (uint64_t)now;
	if (c->first > before)
		c->oldest = c->newest;
}

static enum rc
append(struct px_marks *m, struct px_append *a, uint64_t reserve, struct px_count_row *c,
       int64_t now)
{
	struct px_count_row before = *c;
	enum rc rc;

	a->first = c->last + 1;
	a->stored = a->duplicates = 0;
	a->octets = 0;
	count_times(c, before.last, now);
	rc = put_units(m, a, reserve, c);
	if (rc != RC_OK)
		return rc;
	if (a->stored == 0) {
		c->newest = before.newest;
		c->oldest = before.oldest;
	}
	a->octets = c->octets - before.octets;
	c->duplicates += a->duplicates;
	c->streams = m->streams;
	if (c->udp_upto < a->udp_upto)
		c->udp_upto = a->udp_upto;
	rc = px_count_row_put(m->tx, a->store, c);
	return rc == RC_OK && a->stored > 0 ? add_total(m->tx, a->octets) : rc;
}

static enum rc
run_append(struct px_book *b, struct px_op *op, struct tables_tx *tx)
{
	struct px_append *a = (struct px_append *)(void *)op;
	struct px_marks m = { .tx = tx,
		              .store = a->store,
		              .streams_max = b->conf.limits.streams_max };
	int64_t now = clock_now(b->conf.clock);
	struct px_store_row row;
	struct px_count_row c;
	enum rc rc = px_store_row(tx, a->store, now, &row);

	if (rc == RC_OK)
		rc = check_units(b, a);
	if (rc == RC_OK && a->n > 0)
		rc = px_origin_check(tx, a->store, a->source);
	if (rc == RC_OK)
		rc = px_count_row(tx, a->store, &c);
	if (rc != RC_OK)
		return rc;
	m.mode = (enum px_mode)row.mode;
	m.streams = c.streams;
	rc = append(&m, a, row.reserve, &c, now);
	if (rc == RC_OK && a->stored > 0)
		px_op_tells(op, PX_TOLD_MESSAGES, a->store);
	return rc;
}

void
px_messages_append(struct px_book *b, struct px_append *a)
{
	size_t octets = 0;

	for (size_t i = 0; i < a->n && i < PX_UNITS_MAX; i++)
		octets += a->units[i].octets.n + RECORD_COST;
	px_op_submit(b, &a->op, octets, run_append);
}

/* ---- out ---- */

static enum rc
read_one(struct tables_tx *tx, const struct table_key *k, struct px_message *m)
{
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(k), &val);

	if (rc != RC_OK)
		return rc;
	return record_read(val, m) ? RC_OK : RC_INTERNAL;
}

enum rc
px_message_received(struct tables_tx *tx, uint64_t store, uint64_t number, uint64_t *out)
{
	struct table_key k = message_key(store, number);
	struct px_message m;
	enum rc rc = read_one(tx, &k, &m);

	if (rc == RC_OK)
		*out = (uint64_t)m.received;
	return rc;
}

enum rc
px_message_remove(struct tables_tx *tx, uint64_t store, uint64_t number, uint64_t *octets)
{
	struct table_key k = message_key(store, number);
	struct px_message m;
	enum rc rc = read_one(tx, &k, &m);

	if (rc != RC_OK)
		return rc;
	*octets = m.octets.n;
	rc = tables_del(tx, table_key_view(&k));
	if (rc == RC_OK && m.begins)
		rc = section_del(tx, store, &m.section, number);
	return rc;
}

/* ---- reading ---- */

struct listing {
	px_message_visit *visit;
	void *arg;
	uint64_t octets_left;
	bool any;
	enum rc rc;
};

static bool
list_one(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct px_message m = { .number = table_key_read(key, 9, 8) };

	if (!record_read(val, &m)) {
		l->rc = RC_INTERNAL;
		return false;
	}
	if (l->any && m.octets.n > l->octets_left)
		return false;
	l->any = true;
	l->octets_left -= m.octets.n < l->octets_left ? m.octets.n : l->octets_left;
	return l->visit(l->arg, &m);
}

enum rc
px_message_list(const struct px_view *v, uint64_t store, uint64_t after, size_t max_n,
                uint64_t max_octets, px_message_visit *visit, void *arg)
{
	struct listing l = { .visit = visit, .arg = arg, .octets_left = max_octets };
	struct table_key of = px_key1(PX_T_MESSAGE, store), k = message_key(store, after);
	struct px_store_row row;
	enum rc rc = px_store_row(v->tx, store, v->now, &row);

	if (rc == RC_OK)
		rc = tables_scan(v->tx, table_key_view(&of), table_key_view(&k), max_n, list_one,
		                 &l);
	px_touch(v->book, max_octets - l.octets_left);
	return rc == RC_OK ? l.rc : rc;
}

struct finding {
	struct px_section *found;
	uint64_t number;
};

static bool
find_one(void *arg, struct slice key, struct slice val)
{
	struct finding *f = arg;

	f->found->stream = (uint16_t)table_key_read(key, 9, 2);
	f->found->epoch = (uint32_t)table_key_read(key, 11, 4);
	f->found->key_index = (uint16_t)table_key_read(key, 15, 2);
	f->number = table_key_read(val, 0, 8);
	return false;
}

enum rc
px_section_find(const struct px_view *v, uint64_t store, const struct px_section *from,
                struct px_section *found, uint64_t *number)
{
	struct table_key of = px_key2(PX_T_SECTION, store, from->stream, 2),
			 k = section_key(store, from);
	struct finding f = { .found = found };
	struct px_store_row row;
	struct slice val;
	enum rc rc = px_store_row(v->tx, store, v->now, &row);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(v->tx, table_key_view(&k), &val);
	if (rc == RC_OK)
		(void)find_one(&f, table_key_view(&k), val);
	else if (rc == RC_NOT_FOUND)
		rc = tables_scan(v->tx, table_key_view(&of), table_key_view(&k), 1, find_one, &f);
	if (rc != RC_OK)
		return rc;
	*number = f.number;
	return f.number == 0 ? RC_NOT_FOUND : RC_OK;
}
