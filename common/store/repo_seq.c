/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instance sequences. Every instance record carries the totals ever appended up to and including
 * it, so the count and the bytes of what is between the first and the last are two subtractions,
 * and a creation writes one record. Only what the instances cannot tell is in the tail record
 * (T): holes left by deletions in the middle, and where to go on when the last was deleted.
 */
#include "config.h"

#include "store/repo_impl.h"


#define INSTANCE_VERSION 1u
#define TAIL_VERSION 1u
#define SEQ_MAX UINT64_MAX

/* Times and totals are far from the ends of their type: what is not is damaged. */
#define NUMBER_MAX (INT64_MAX / 4)

static int64_t
read_number(struct reader *r)
{
	uint64_t v = read_be(r, 8);

	r->ok = r->ok && v <= NUMBER_MAX;
	return r->ok ? (int64_t)v : 0;
}

static bool
head_read(struct reader *r, struct inst_head *h)
{
	r->ok = r->ok && read_be(r, 1) == INSTANCE_VERSION;
	h->flags = (unsigned)read_be(r, 1);
	h->created = read_number(r);
	h->total_nr = read_number(r);
	h->total_bytes = read_number(r);
	h->size = read_be(r, 4);
	h->name = (size_t)read_be(r, 2);
	r->ok = r->ok && h->total_nr > 0 && h->total_bytes >= (int64_t)h->size;
	return r->ok;
}

/* Generated names encode the sequence number, so they need no index entry. */
static struct slice
generated_name(struct arena *a, uint64_t seq)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + seq % 10);
	while ((seq /= 10) != 0);
	return ARENA_JOIN(a, SLICE_LIT("ci_"), slice_make(digits + at, sizeof(digits) - at));
}

static bool
parse_generated(struct slice name, uint64_t *seq)
{
	uint64_t v = 0;

	if (!slice_starts(name, SLICE_LIT("ci_")) || name.n < 4 || name.n > 22 || name.p[3] == '0')
		return false;
	for (size_t i = 3; i < name.n; i++) {
		if (name.p[i] < '0' || name.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(name.p[i] - '0');
	}
	*seq = v;
	return true;
}

enum rc
inst_decode(struct rtx *tx, uint64_t container, uint64_t seq, struct slice bytes, struct res **out)
{
	struct arena *a = tx->arena;
	struct slice copy = arena_copy(a, bytes);
	struct res *res = ARENA_NEW(a, struct res);
	struct reader r = { copy, copy.p != NULL };
	size_t media, vals;
	struct inst_head h;

	if (copy.p == NULL || res == NULL)
		return RC_UNAVAILABLE;
	if (!head_read(&r, &h))
		return RC_INTERNAL;
	media = (size_t)read_be(&r, 4);
	vals = (size_t)read_be(&r, 4);
	res->type = rtype_get(T_CONTENT_INSTANCE);
	res->parent = container;
	res->slot = T_CONTENT_INSTANCES;
	res->created = res->modified = h.created;
	res->expires = CLOCK_NEVER;
	res->name = read_bytes(&r, h.name);
	res->inst = (struct instance){ .seq = seq, .is_text = (h.flags & INST_TEXT) != 0 };
	res->inst.media_type = read_bytes(&r, media);
	bytes = read_bytes(&r, vals);
	if (!r.ok || r.rest.n != h.size)
		return RC_INTERNAL;
	res->inst.content = r.rest;
	if (h.name == 0)
		res->name = generated_name(a, seq);
	if (res->name.p == NULL)
		return RC_UNAVAILABLE;
	*out = res;
	return vals_decode(a, bytes, &res->vals);
}

enum rc
inst_load(struct rtx *tx, enum space space, uint64_t container, uint64_t seq, struct res **out)
{
	struct repo_key k;
	struct slice val;
	enum rc rc;

	key_id_seq(&k, space, container, seq);
	rc = rec_get(tx, &k, &val);
	return rc == RC_OK ? inst_decode(tx, container, seq, val, out) : rc;
}

enum rc
repo_inst_get(struct rtx *tx, uint64_t container, uint64_t seq, struct res **out)
{
	return inst_load(tx, SPACE_INSTANCE, container, seq, out);
}

enum rc
inst_head_get(struct rtx *tx, uint64_t container, uint64_t seq, struct inst_head *h)
{
	struct repo_key k;
	struct slice val;
	struct reader r;
	enum rc rc;

	key_id_seq(&k, SPACE_INSTANCE, container, seq);
	rc = rec_get(tx, &k, &val);
	if (rc != RC_OK)
		return rc;
	r = (struct reader){ val, true };
	return head_read(&r, h) ? RC_OK : RC_INTERNAL;
}

/* ---- state ---- */

static bool
scan_end(void *arg, struct slice key, struct slice val)
{
	struct seq_end *s = arg;
	struct reader k = { slice_from(key, 9), true }, r;

	s->seq = read_be(&k, 8);
	s->damaged = !k.ok || !rec_check(&val);
	r = (struct reader){ val, true };
	s->damaged = s->damaged || !head_read(&r, &s->head);
	return false;
}

enum rc
seq_end(struct rtx *tx, uint64_t container, bool last, struct seq_end *s)
{
	struct repo_key k;
	enum rc rc;

	*s = (struct seq_end){ 0 };
	key_id(&k, SPACE_INSTANCE, container);
	rc = rec_scan(tx, &k, last, 1, scan_end, s);
	return rc == RC_OK && s->damaged ? RC_INTERNAL : rc;
}

enum rc
seq_tail_get(struct rtx *tx, uint64_t container, struct cached_seq *c)
{
	struct repo_key k;
	struct slice val;
	struct reader r;
	enum rc rc;

	key_id(&k, SPACE_TAIL, container);
	rc = rec_get(tx, &k, &val);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	r = (struct reader){ val, read_be(&(struct reader){ val, true }, 1) == TAIL_VERSION };
	read_be(&r, 1);
	c->next = read_be(&r, 8);
	c->total_nr = read_number(&r);
	c->total_bytes = read_number(&r);
	c->hole_nr = read_number(&r);
	c->hole_bytes = read_number(&r);
	c->modified = read_number(&r);
	c->lookalikes = read_be(&r, 1) != 0;
	return r.ok ? RC_OK : RC_INTERNAL;
}

static enum rc
tail_put(struct rtx *tx, const struct cached_seq *c)
{
	struct repo_key k;
	struct buf *b = rec_begin(tx);

	key_id(&k, SPACE_TAIL, c->container);
	buf_be(b, TAIL_VERSION, 1);
	buf_be(b, c->next, 8);
	buf_be(b, (uint64_t)c->total_nr, 8);
	buf_be(b, (uint64_t)c->total_bytes, 8);
	buf_be(b, (uint64_t)c->hole_nr, 8);
	buf_be(b, (uint64_t)c->hole_bytes, 8);
	buf_be(b, (uint64_t)c->modified, 8);
	buf_be(b, c->lookalikes, 1);
	return rec_put(tx, &k);
}

/* Finds the state in O(log n): both ends and the tail record. */
enum rc
seq_load(struct rtx *tx, uint64_t container, struct cached_seq *c)
{
	struct seq_end first, last;
	enum rc rc;

	c->container = container;
	c->next = 1;
	rc = seq_tail_get(tx, container, c);
	if (rc == RC_OK)
		rc = seq_end(tx, container, false, &first);
	if (rc == RC_OK)
		rc = seq_end(tx, container, true, &last);
	if (rc != RC_OK)
		return rc;
	c->first = first.seq;
	c->last = last.seq;
	if (last.seq >= c->next) {
		c->next = last.seq + 1;
		c->total_nr = last.head.total_nr;
		c->total_bytes = last.head.total_bytes;
	}
	c->last_created = last.head.created;
	if (last.head.created > c->modified)
		c->modified = last.head.created;
	if (first.seq != 0) {
		c->before_nr = first.head.total_nr - 1;
		c->before_bytes = first.head.total_bytes - (int64_t)first.head.size;
	}
	return c->total_nr >= c->before_nr + c->hole_nr &&
	               c->total_bytes >= c->before_bytes + c->hole_bytes
	           ? RC_OK
	           : RC_INTERNAL;
}

static void
state_view(const struct cached_seq *c, struct seq *out)
{
	*out = (struct seq){ .first = c->first, .last = c->last, .modified = c->modified };
	if (c->first == 0)
		return;
	out->count = c->total_nr - c->before_nr - c->hole_nr;
	out->bytes = c->total_bytes - c->before_bytes - c->hole_bytes;
}

enum rc
repo_seq(struct rtx *tx, uint64_t container, struct seq *out)
{
	struct cached_seq fresh = { 0 }, *c = &fresh;
	enum rc rc = tx->writable ? seq_cached(tx, container, &c) : seq_load(tx, container, c);

	if (rc == RC_OK)
		state_view(c, out);
	return rc;
}

enum rc
repo_seq_high(struct rtx *tx, uint64_t container, uint64_t *seq)
{
	struct cached_seq fresh = { 0 }, *c = &fresh;
	enum rc rc = tx->writable ? seq_cached(tx, container, &c) : seq_load(tx, container, c);

	if (rc == RC_OK)
		*seq = c->next - 1;
	return rc;
}

static enum rc
end_get(struct rtx *tx, uint64_t container, bool last, struct res **out)
{
	struct seq_end end;
	uint64_t hint[2];
	struct cached_seq *c;
	enum rc rc;

	if (tx->writable) {
		rc = seq_cached(tx, container, &c);
		if (rc != RC_OK)
			return rc;
		return c->first == 0 ? RC_NOT_FOUND
		                     : repo_inst_get(tx, container, last ? c->last : c->first, out);
	}
	if (seq_hint(tx->repo, container, &hint[0], &hint[1])) {
		rc = repo_inst_get(tx, container, hint[last], out);
		if (rc != RC_NOT_FOUND)
			return rc;
	}
	rc = seq_end(tx, container, last, &end);
	if (rc != RC_OK)
		return rc;
	return end.seq == 0 ? RC_NOT_FOUND : repo_inst_get(tx, container, end.seq, out);
}

enum rc
repo_latest(struct rtx *tx, uint64_t container, struct res **out)
{
	return end_get(tx, container, true, out);
}

enum rc
repo_oldest(struct rtx *tx, uint64_t container, struct res **out)
{
	return end_get(tx, container, false, out);
}

/* ---- names ---- */

static void
name_key(struct repo_key *k, uint64_t container, struct slice name)
{
	key_id(k, SPACE_INSTANCE_NAME, container);
	key_text(k, name);
}

enum rc
inst_named(struct rtx *tx, uint64_t container, struct slice name, uint64_t *seq)
{
	struct repo_key k;
	struct slice val;
	struct reader r;
	enum rc rc;

	if (name.n == 0 || name.n > REPO_NAME_MAX)
		return RC_NOT_FOUND;
	name_key(&k, container, name);
	rc = rec_get(tx, &k, &val);
	if (rc != RC_OK)
		return rc;
	r = (struct reader){ val, true };
	*seq = read_be(&r, 8);
	return r.ok ? RC_OK : RC_INTERNAL;
}

enum rc
repo_inst_find(struct rtx *tx, uint64_t container, struct slice name, uint64_t *seq)
{
	struct inst_head h;
	enum rc rc = inst_named(tx, container, name, seq);

	if (rc != RC_NOT_FOUND || !parse_generated(name, seq))
		return rc;
	rc = inst_head_get(tx, container, *seq, &h);
	/* An instance with a name of its own is not found under the generated one. */
	return rc == RC_OK && h.name != 0 ? RC_NOT_FOUND : rc;
}

/* ---- append ---- */

static enum rc
inst_put(struct rtx *tx, const struct cached_seq *c, const struct res *self, bool named)
{
	struct repo_key k;
	struct buf *b = rec_begin(tx);
	size_t at, vals;

	key_id_seq(&k, SPACE_INSTANCE, c->container, self->inst.seq);
	buf_be(b, INSTANCE_VERSION, 1);
	buf_be(b, (self->inst.is_text ? INST_TEXT : 0u) |
	              (val_get(self->vals, A_SEARCH_STRINGS) != NULL ? INST_LABELS : 0u), 1);
	buf_be(b, (uint64_t)self->created, 8);
	buf_be(b, (uint64_t)c->total_nr, 8);
	buf_be(b, (uint64_t)c->total_bytes, 8);
	buf_be(b, self->inst.content.n, 4);
	buf_be(b, named ? self->name.n : 0, 2);
	buf_be(b, self->inst.media_type.n, 4);
	at = b->n;
	buf_be(b, 0, 4);
	if (named)
		buf_slice(b, self->name);
	buf_slice(b, self->inst.media_type);
	vals = b->n;
	vals_encode(b, self->vals);
	vals = b->n - vals;
	for (unsigned i = 0; i < 4 && !b->failed; i++)
		b->p[at + i] = (char)(vals >> (8 * (3 - i)));
	buf_slice(b, self->inst.content);
	return rec_put_new(tx, &k);
}

static enum rc
name_take(struct rtx *tx, struct cached_seq *c, const struct res *self)
{
	struct repo_key k;
	uint64_t seq;
	enum rc rc;

	if (self->name.n > REPO_NAME_MAX)
		return RC_BAD_REQUEST;
	rc = repo_inst_find(tx, c->container, self->name, &seq);
	if (rc != RC_NOT_FOUND)
		return rc == RC_OK ? RC_CONFLICT : rc;
	name_key(&k, c->container, self->name);
	buf_be(rec_begin(tx), c->next, 8);
	rc = rec_put_new(tx, &k);
	if (rc != RC_OK || c->lookalikes || !parse_generated(self->name, &seq))
		return rc;
	c->lookalikes = true;
	return tail_put(tx, c);
}

/* The next number whose generated name no client has chosen. */
static enum rc
number_take(struct rtx *tx, struct cached_seq *c)
{
	uint64_t other;
	enum rc rc = RC_OK;

	while (c->lookalikes && rc == RC_OK) {
		struct slice name = generated_name(tx->arena, c->next);

		if (name.p == NULL)
			return RC_UNAVAILABLE;
		rc = inst_named(tx, c->container, name, &other);
		if (rc == RC_OK)
			c->next++;
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc
repo_inst_append(struct rtx *tx, uint64_t container, struct res *self)
{
	bool named = self->name.n > 0;
	struct cached_seq *c;
	enum rc rc = seq_cached(tx, container, &c);

	if (rc != RC_OK)
		return rc;
	seq_touch(tx->repo, c);
	touch(tx, container, T_CONTENT_INSTANCES);
	rc = named ? name_take(tx, c, self) : number_take(tx, c);
	if (rc != RC_OK)
		return rc;
	self->parent = container;
	self->slot = T_CONTENT_INSTANCES;
	self->inst.seq = c->next++;
	if (!named)
		self->name = generated_name(tx->arena, self->inst.seq);
	/* Order of creation is order of time, also when the clock steps back or stands still. */
	self->created = tx->now > c->modified ? tx->now : c->modified + 1;
	self->modified = self->created;
	c->total_nr++;
	c->total_bytes += (int64_t)self->inst.content.n;
	if (c->first == 0) {
		c->first = self->inst.seq;
		c->before_nr = c->total_nr - 1;
		c->before_bytes = c->total_bytes - (int64_t)self->inst.content.n;
		c->hole_nr = c->hole_bytes = 0;
	}
	c->last = self->inst.seq;
	c->last_created = c->modified = self->created;
	rc = inst_put(tx, c, self, named);
	return rc == RC_OK ? labels_add(tx, self->vals, container, self->inst.seq) : rc;
}

/* ---- removal ---- */

/* The nearest live instance above (or below) seq; seq 0 in *s when there is none. */
enum rc
seq_near(struct rtx *tx, uint64_t container, uint64_t seq, bool below, struct seq_end *s)
{
	struct repo_key from, to;
	enum rc rc;

	*s = (struct seq_end){ 0 };
	if (below) {
		key_id_seq(&from, SPACE_INSTANCE, container, 0);
		key_id_seq(&to, SPACE_INSTANCE, container, seq);
	} else {
		key_id_seq(&from, SPACE_INSTANCE, container, seq + 1);
		key_id_seq(&to, SPACE_INSTANCE, container, SEQ_MAX);
	}
	rc = rec_scan_between(tx, &from, &to, below, 1, scan_end, s);
	return rc == RC_OK && s->damaged ? RC_INTERNAL : rc;
}

/* The next instance after the first: by its number, and by a scan only over a hole. */
static enum rc
find_after_first(struct rtx *tx, const struct cached_seq *c, struct seq_end *s)
{
	enum rc rc;

	*s = (struct seq_end){ .seq = c->first + 1 };
	rc = inst_head_get(tx, c->container, s->seq, &s->head);
	return rc == RC_NOT_FOUND ? seq_near(tx, c->container, c->first, false, s) : rc;
}

/* first was removed: what lay between it and the next live one is no hole any more. */
static enum rc
first_removed(struct rtx *tx, struct cached_seq *c, const struct inst_head *gone, bool later)
{
	struct seq_end next;
	int64_t holes;
	enum rc rc;

	if (c->first == c->last) {
		c->first = c->last = 0;
		c->hole_nr = c->hole_bytes = 0;
		return tail_put(tx, c);
	}
	/* Without a hole or a skipped number the next one follows, and its totals are known. */
	if (c->hole_nr == 0 && !c->lookalikes && !later) {
		c->first++;
		c->before_nr = gone->total_nr;
		c->before_bytes = gone->total_bytes;
		return RC_OK;
	}
	rc = find_after_first(tx, c, &next);
	if (rc != RC_OK || next.seq == 0)
		return rc == RC_OK ? RC_INTERNAL : rc;
	holes = next.head.total_nr - 1 - gone->total_nr;
	c->first = next.seq;
	c->before_nr = next.head.total_nr - 1;
	c->before_bytes = next.head.total_bytes - (int64_t)next.head.size;
	if (holes == 0 && !later)
		return RC_OK;
	c->hole_nr -= holes;
	c->hole_bytes -= c->before_bytes - gone->total_bytes;
	return tail_put(tx, c);
}

static enum rc
other_removed(struct rtx *tx, struct cached_seq *c, uint64_t seq, const struct inst_head *gone)
{
	struct seq_end near;
	enum rc rc = RC_OK;

	c->hole_nr++;
	c->hole_bytes += (int64_t)gone->size;
	if (seq == c->last) {
		rc = seq_near(tx, c->container, seq, true, &near);
		c->last = near.seq;
	}
	return rc == RC_OK ? tail_put(tx, c) : rc;
}

static enum rc
retain_copy(struct rtx *tx, struct slice record, uint64_t container, uint64_t seq)
{
	struct repo_key to;

	key_id_seq(&to, SPACE_RETAINED, container, seq);
	buf_slice(rec_begin(tx), record);
	return rec_put(tx, &to);
}

/* Name and labels of a removed record; nothing to do when it has neither. */
static enum rc
entries_remove(struct rtx *tx, struct slice record, const struct inst_head *h, uint64_t container,
               uint64_t seq)
{
	struct res *inst;
	struct repo_key name;
	enum rc rc;

	if (h->name == 0 && (h->flags & INST_LABELS) == 0)
		return RC_OK;
	rc = inst_decode(tx, container, seq, record, &inst);
	if (rc != RC_OK)
		return rc;
	rc = labels_remove(tx, inst->vals, container, seq);
	if (rc != RC_OK || h->name == 0)
		return rc;
	name_key(&name, container, inst->name);
	rc = rec_del(tx, &name);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
record_take(struct rtx *tx, uint64_t container, uint64_t seq, struct slice *record,
            struct inst_head *gone)
{
	struct reader r;
	struct repo_key k;
	enum rc rc;

	key_id_seq(&k, SPACE_INSTANCE, container, seq);
	rc = rec_take(tx, &k, record);
	if (rc != RC_OK)
		return rc;
	r = (struct reader){ *record, true };
	if (!head_read(&r, gone))
		return RC_INTERNAL;
	return entries_remove(tx, *record, gone, container, seq);
}

enum rc
inst_erase(struct rtx *tx, uint64_t container, uint64_t seq)
{
	struct inst_head gone;
	struct slice record;

	return record_take(tx, container, seq, &record, &gone);
}

enum rc
repo_inst_remove(struct rtx *tx, uint64_t container, uint64_t seq, bool retain)
{
	struct cached_seq *c;
	struct inst_head gone;
	struct slice record;
	bool later;
	/* The state is of before the removal. */
	enum rc rc = seq_cached(tx, container, &c);

	if (rc != RC_OK)
		return rc;
	seq_touch(tx->repo, c);
	touch(tx, container, T_CONTENT_INSTANCES);
	rc = record_take(tx, container, seq, &record, &gone);
	if (rc == RC_OK && retain)
		rc = retain_copy(tx, record, container, seq);
	if (rc != RC_OK)
		return rc;
	/* An eviction after an append of the same request has no time of its own to keep. */
	later = tx->now > c->modified;
	if (later)
		c->modified = tx->now;
	return seq == c->first ? first_removed(tx, c, &gone, later)
	                       : other_removed(tx, c, seq, &gone);
}
