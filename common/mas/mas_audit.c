/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_audit.h"

#include <openssl/evp.h>

#include "sec/derive.h"
#include "store/pack.h"

#define ROW_VERSION 1u
#define HEAD_VERSION 1u
#define HEAD_BYTES (1 + 8 + AUDIT_HASH + 8 + AUDIT_HASH)
#define ROW_MAX                                                                                    \
	(1 + 8 + 10 + AUDIT_ACTOR_MAX + AUDIT_ACTION_MAX + AUDIT_OBJECT_MAX + AUDIT_RESULT_MAX +   \
	 AUDIT_SOURCE_MAX + AUDIT_HASH)

/* Both ends of the chain. */
struct head {
	uint64_t first; /* number of the oldest row that is kept */
	uint8_t before[AUDIT_HASH]; /* hash of the row before that; zeros for row 1 */
	uint64_t last; /* 0: none yet */
	uint8_t hash[AUDIT_HASH]; /* of the last */
};

/* Members of an entry with their limits, in the order of the record. */
static const struct {
	size_t at;
	size_t max;
} texts[] = {
	{ offsetof(struct audit_entry, actor), AUDIT_ACTOR_MAX },
	{ offsetof(struct audit_entry, action), AUDIT_ACTION_MAX },
	{ offsetof(struct audit_entry, object), AUDIT_OBJECT_MAX },
	{ offsetof(struct audit_entry, result), AUDIT_RESULT_MAX },
	{ offsetof(struct audit_entry, source), AUDIT_SOURCE_MAX },
};

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

enum rc
audit_seal_key(const struct key *kek, struct key *seal)
{
	return m2m_expand(kek, "audit head", SLICE_NONE, seal->v, sizeof(seal->v));
}

/* ---- rows ---- */

static struct table_key
row_key(uint64_t number)
{
	struct table_key k = table_key('A');

	table_key_number(&k, number, 8);
	return k;
}

static void
put_text(struct buf *to, struct slice s, size_t max)
{
	s = slice_head(s, max);
	buf_be(to, s.n, 2);
	for (size_t i = 0; i < s.n; i++)
		buf_char(to, (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i]);
}

static void
row_write(struct buf *to, int64_t now, const struct audit_entry *e,
          const uint8_t before[AUDIT_HASH])
{
	buf_be(to, ROW_VERSION, 1);
	buf_be(to, (uint64_t)now, 8);
	for (size_t i = 0; i < NITEMS(texts); i++) {
		struct slice text;

		memcpy(&text, (const char *)e + texts[i].at, sizeof(text));
		put_text(to, text, texts[i].max);
	}
	buf_add(to, before, AUDIT_HASH);
}

/* False when the octets are no row. */
static bool
row_read(uint64_t number, struct slice val, struct audit_row *row, uint8_t before[AUDIT_HASH])
{
	struct unpack u = unpack_of(val);

	row->number = number;
	if (unpack_number(&u, 1, 255) != ROW_VERSION)
		return false;
	row->time = unpack_time(&u);
	for (size_t i = 0; i < NITEMS(texts); i++) {
		struct slice text = unpack_text(&u, texts[i].max);

		memcpy((char *)&row->entry + texts[i].at, &text, sizeof(text));
	}
	unpack_into(&u, before, AUDIT_HASH);
	return unpack_done(&u);
}

static enum rc
row_hash(uint64_t number, struct slice val, uint8_t out[AUDIT_HASH])
{
	struct buf b;
	bool ok;

	buf_init(&b, 8 + val.n);
	buf_be(&b, number, 8);
	buf_slice(&b, val);
	ok = !b.failed && EVP_Digest(b.p, b.n, out, NULL, EVP_sha256(), NULL) == 1;
	buf_fini(&b);
	return ok ? RC_OK : RC_INTERNAL;
}

static uint64_t
number_of(struct slice key)
{
	struct unpack u = unpack_of(slice_from(key, 1));

	return unpack_number(&u, 8, UINT64_MAX);
}

/* ---- head ---- */

static const struct slice head_key = SLICE_INIT("Maudit");

static enum rc
head_mac(const struct key *seal, struct slice octets, struct key *mac)
{
	return hkdf_extract(slice_make(seal->v, KEY_BYTES), octets, mac);
}

static enum rc
head_read(struct tables_tx *tx, const struct key *seal, struct head *h)
{
	struct unpack u;
	struct slice val;
	struct key mac;
	enum rc rc = tables_get(tx, head_key, &val);

	*h = (struct head){ .first = 1 };
	if (rc != RC_OK)
		return rc;
	if (val.n != HEAD_BYTES + KEY_BYTES ||
	    head_mac(seal, slice_head(val, HEAD_BYTES), &mac) != RC_OK ||
	    !secret_equal(slice_make(mac.v, KEY_BYTES), slice_from(val, HEAD_BYTES)))
		return RC_INTERNAL;
	u = unpack_of(slice_head(val, HEAD_BYTES));
	if (unpack_number(&u, 1, 255) != HEAD_VERSION)
		return RC_INTERNAL;
	h->first = unpack_number(&u, 8, UINT64_MAX);
	unpack_into(&u, h->before, AUDIT_HASH);
	h->last = unpack_number(&u, 8, UINT64_MAX);
	unpack_into(&u, h->hash, AUDIT_HASH);
	return unpack_done(&u) ? RC_OK : RC_INTERNAL;
}

static enum rc
head_write(struct tables_tx *tx, const struct key *seal, const struct head *h)
{
	struct key mac;
	struct buf b;
	enum rc rc;

	buf_init(&b, HEAD_BYTES + KEY_BYTES);
	buf_be(&b, HEAD_VERSION, 1);
	buf_be(&b, h->first, 8);
	buf_add(&b, h->before, AUDIT_HASH);
	buf_be(&b, h->last, 8);
	buf_add(&b, h->hash, AUDIT_HASH);
	rc = head_mac(seal, buf_view(&b), &mac);
	buf_add(&b, mac.v, KEY_BYTES);
	if (rc == RC_OK)
		rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, head_key, buf_view(&b));
	buf_fini(&b);
	return rc;
}

static enum rc
nothing_yet(enum rc rc)
{
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* ---- the chain ---- */

enum rc
audit_add(struct tables_tx *tx, const struct key *seal, int64_t now, const struct audit_entry *e)
{
	struct table_key key;
	struct head h;
	struct buf b;
	enum rc rc = nothing_yet(head_read(tx, seal, &h));

	if (rc != RC_OK)
		return rc;
	key = row_key(++h.last);
	buf_init(&b, ROW_MAX);
	row_write(&b, now, e, h.last == h.first ? h.before : h.hash);
	rc = b.failed ? RC_UNAVAILABLE : row_hash(h.last, buf_view(&b), h.hash);
	if (rc == RC_OK)
		rc = tables_put(tx, table_key_view(&key), buf_view(&b));
	buf_fini(&b);
	return rc != RC_OK ? rc : head_write(tx, seal, &h);
}

bool
audit_sealed_by(struct tables_tx *tx, const struct key *seal)
{
	struct head h;

	return head_read(tx, seal, &h) == RC_OK;
}

enum rc
audit_reseal(struct tables_tx *tx, const struct key *from, const struct key *to)
{
	struct head h;
	enum rc rc = head_read(tx, from, &h);

	return rc != RC_OK ? nothing_yet(rc) : head_write(tx, to, &h);
}

struct reading {
	audit_visit *visit;
	void *arg;
	bool damaged;
};

static bool
read_one(void *arg, struct slice key, struct slice val)
{
	struct reading *r = arg;
	uint8_t before[AUDIT_HASH];
	struct audit_row row;

	r->damaged = !row_read(number_of(key), val, &row, before);
	if (!r->damaged)
		r->visit(r->arg, &row);
	return !r->damaged;
}

enum rc
audit_read(struct tables_tx *tx, uint64_t after, size_t limit, audit_visit *visit, void *arg)
{
	struct reading r = { .visit = visit, .arg = arg };
	struct table_key from = row_key(after);
	enum rc rc = tables_scan(tx, SLICE_LIT("A"), table_key_view(&from), limit, read_one, &r);

	return rc == RC_OK && r.damaged ? RC_INTERNAL : rc;
}

/* ---- the oldest go ---- */

struct trimming {
	struct head head;
	int64_t before;
	uint64_t end; /* first row that stays */
	bool damaged;
};

static bool
trim_one(void *arg, struct slice key, struct slice val)
{
	struct trimming *t = arg;
	uint8_t before[AUDIT_HASH];
	struct audit_row row;

	t->damaged = !row_read(number_of(key), val, &row, before);
	if (t->damaged || row.time >= t->before)
		return false;
	t->end = row.number + 1;
	return row_hash(row.number, val, t->head.before) == RC_OK;
}

enum rc
audit_trim(struct tables_tx *tx, const struct key *seal, int64_t before, size_t limit,
           size_t *removed)
{
	struct trimming t = { .before = before };
	enum rc rc = head_read(tx, seal, &t.head);

	*removed = 0;
	t.end = t.head.first;
	if (rc == RC_OK)
		rc = tables_scan(tx, SLICE_LIT("A"), SLICE_NONE, limit, trim_one, &t);
	if (rc == RC_OK && t.damaged)
		rc = RC_INTERNAL;
	for (; rc == RC_OK && t.head.first < t.end; ++*removed) {
		struct table_key key = row_key(t.head.first++);

		rc = tables_del(tx, table_key_view(&key));
	}
	if (rc == RC_OK && *removed > 0)
		rc = head_write(tx, seal, &t.head);
	return nothing_yet(rc);
}

/* ---- verification ---- */

static bool
check_one(void *arg, struct slice key, struct slice val)
{
	struct audit_check *c = arg;
	uint8_t before[AUDIT_HASH];
	struct audit_row row;

	if (number_of(key) != c->next || !row_read(c->next, val, &row, before) ||
	    memcmp(before, c->hash, AUDIT_HASH) != 0 || row_hash(c->next, val, c->hash) != RC_OK) {
		c->bad = c->next;
		return false;
	}
	c->next++;
	c->rows++;
	return true;
}

enum rc
audit_verify(struct tables_tx *tx, const struct key *seal, size_t limit, struct audit_check *c)
{
	uint64_t before = c->rows;
	struct table_key after;
	struct head h;
	enum rc rc = head_read(tx, seal, &h);

	if (rc != RC_OK && tables_failure(tx) != RC_OK)
		return rc;
	if (rc != RC_OK) {
		c->bad_head = c->ended = true;
		return RC_OK;
	}
	if (c->next < h.first) {
		c->next = h.first;
		memcpy(c->hash, h.before, AUDIT_HASH);
	}
	after = row_key(c->next - 1);
	rc = tables_scan(tx, SLICE_LIT("A"), table_key_view(&after), limit, check_one, c);
	if (rc != RC_OK || (c->bad == 0 && c->rows - before == limit))
		return rc;
	if (c->bad == 0 && c->next <= h.last)
		c->bad = c->next;
	c->bad_head = c->bad == 0 && (c->next != h.last + 1 || memcmp(c->hash, h.hash, AUDIT_HASH) != 0);
	c->ended = true;
	return RC_OK;
}
