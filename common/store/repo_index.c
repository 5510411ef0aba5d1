/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes by expiry, search string and type, and the sweep of removed sequences. */
#include "config.h"

#include "base/uri.h"
#include "store/repo_impl.h"

/* FNV-1a: the index stores the hash of a search string; equality is checked on the resource. */
static uint64_t
hash_of(struct slice s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

void
label_key(struct repo_key *k, struct slice label, uint64_t id, uint64_t seq)
{
	key_id(k, SPACE_LABEL, hash_of(label));
	key_be(k, id, 8);
	if (seq != 0)
		key_be(k, seq, 8);
}

static enum rc
label_put(struct rtx *tx, struct slice label, uint64_t id, uint64_t seq)
{
	struct repo_key k;

	label_key(&k, label, id, seq);
	rec_begin(tx);
	return rec_put(tx, &k);
}

static enum rc
label_del(struct rtx *tx, struct slice label, uint64_t id, uint64_t seq)
{
	struct repo_key k;
	enum rc rc;

	label_key(&k, label, id, seq);
	rc = rec_del(tx, &k);
	/* The same string twice has one entry. */
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/*
 * searchStrings stand at any depth: those of an aPoCPath lead to its application. The link of a
 * registered SCL is found by its normalised form, too: it routes requests, like the domain of a
 * peer; a channel by its tokens; what is announced by the SCL-IDs of where it is announced.
 */
enum rc
labels_each(struct rtx *tx, const struct val *v, uint64_t id, uint64_t seq, label_visit *visit)
{
	enum rc rc = RC_OK;

	for (; v != NULL && rc == RC_OK; v = v->next) {
		if (v->attr == A_LINK) {
			struct slice link = uri_normalise(tx->arena, v->text);

			/* A link that is no URI is not indexed; one that finds no memory must not be lost. */
			if (link.n > 0)
				rc = visit(tx, link, id, seq);
			else if (arena_failed(tx->arena))
				rc = RC_UNAVAILABLE;
			continue;
		}
		if (v->attr == A_CHANNEL_CONTACT || v->attr == A_CHANNEL_POLL || v->attr == A_ANNC_SCL ||
		    v->attr == A_PEER_DOMAIN) {
			rc = visit(tx, v->text, id, seq);
			continue;
		}
		if (v->attr != A_SEARCH_STRINGS) {
			rc = labels_each(tx, v->first, id, seq, visit);
			continue;
		}
		for (const struct val *s = v->first; s != NULL && rc == RC_OK; s = s->next)
			rc = visit(tx, s->text, id, seq);
	}
	return rc;
}

enum rc
labels_add(struct rtx *tx, const struct val *vals, uint64_t id, uint64_t seq)
{
	return labels_each(tx, vals, id, seq, label_put);
}

enum rc
labels_remove(struct rtx *tx, const struct val *vals, uint64_t id, uint64_t seq)
{
	return labels_each(tx, vals, id, seq, label_del);
}

struct label_scan {
	repo_visit_label *visit;
	void *arg;
};

static bool
scan_label(void *arg, struct slice key, struct slice val)
{
	struct label_scan *s = arg;
	struct reader r = { slice_from(key, 9), true };
	uint64_t id = read_be(&r, 8);
	uint64_t seq = r.rest.n > 0 ? read_be(&r, 8) : 0;

	(void)val;
	return !r.ok || s->visit(s->arg, id, seq);
}

enum rc
repo_labelled(struct rtx *tx, struct slice label, repo_visit_label *visit, void *arg)
{
	struct label_scan s = { visit, arg };
	struct repo_key k;

	key_id(&k, SPACE_LABEL, hash_of(label));
	return rec_scan(tx, &k, false, 0, scan_label, &s);
}

enum rc
repo_labelled_from(struct rtx *tx, struct slice label, uint64_t id, repo_visit_label *visit, void *arg)
{
	struct label_scan s = { visit, arg };
	struct repo_key k, all, end;

	label_key(&k, label, id, 0);
	key_id(&all, SPACE_LABEL, hash_of(label));
	key_range_end(&all, &end);
	return rec_scan_from(tx, &k, &end, 0, scan_label, &s);
}

struct id_scan {
	repo_visit_id *visit;
	void *arg;
	size_t prefix;
};

static bool
scan_id(void *arg, struct slice key, struct slice val)
{
	struct id_scan *s = arg;
	struct reader r = { slice_from(key, s->prefix), true };
	uint64_t id = read_be(&r, 8);

	(void)val;
	return !r.ok || s->visit(s->arg, id);
}

enum rc
repo_of_type(struct rtx *tx, unsigned type, repo_visit_id *visit, void *arg)
{
	struct id_scan s = { visit, arg, 3 };
	struct repo_key k;

	key_init(&k, SPACE_TYPE);
	key_be(&k, type, 2);
	return rec_scan(tx, &k, false, 0, scan_id, &s);
}

enum rc
repo_pending(struct rtx *tx, uint64_t from, size_t limit, repo_visit_id *visit, void *arg)
{
	struct id_scan s = { visit, arg, 1 };
	struct repo_key k, all, end;

	key_id(&k, SPACE_PENDING, from);
	key_init(&all, SPACE_PENDING);
	key_range_end(&all, &end);
	return rec_scan_from(tx, &k, &end, limit, scan_id, &s);
}

void
due_key(struct repo_key *k, int64_t due, enum due_kind kind, uint64_t id)
{
	key_id(k, SPACE_DUE, (uint64_t)due);
	key_be(k, kind, 1);
	key_be(k, id, 8);
}

enum rc
repo_due_add(struct rtx *tx, int64_t due, enum due_kind kind, uint64_t id)
{
	struct repo_key k;

	due_key(&k, due, kind, id);
	rec_begin(tx);
	return rec_put(tx, &k);
}

enum rc
repo_due_remove(struct rtx *tx, int64_t due, enum due_kind kind, uint64_t id)
{
	struct repo_key k;
	enum rc rc;

	due_key(&k, due, kind, id);
	rc = rec_del(tx, &k);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

struct due_scan {
	repo_visit_due *visit;
	void *arg;
};

static bool
scan_due(void *arg, struct slice key, struct slice val)
{
	struct due_scan *s = arg;
	struct reader r = { slice_from(key, 1), true };
	int64_t due = (int64_t)read_be(&r, 8);
	unsigned kind = (unsigned)read_be(&r, 1);
	uint64_t id = read_be(&r, 8);

	(void)val;
	return !r.ok || s->visit(s->arg, due, (enum due_kind)kind, id);
}

enum rc
repo_due(struct rtx *tx, int64_t upto, size_t limit, repo_visit_due *visit, void *arg)
{
	struct due_scan s = { visit, arg };
	struct repo_key from, end;

	key_init(&from, SPACE_DUE);
	key_id(&end, SPACE_DUE, (uint64_t)upto + 1);
	return rec_scan_from(tx, &from, &end, limit, scan_due, &s);
}

/* Keys to delete, since a visitor may not write. */
struct doomed {
	struct rtx *tx;
	struct slice *keys;
	size_t n, max;
	uint64_t container;
};

static bool
doom(void *arg, struct slice key, struct slice val)
{
	struct doomed *d = arg;

	(void)val;
	d->keys[d->n] = arena_copy(d->tx->arena, key);
	return d->keys[d->n].p != NULL && ++d->n < d->max;
}

static enum rc
sweep_space(struct rtx *tx, enum space space, struct doomed *d)
{
	struct repo_key k;
	enum rc rc;
	size_t before = d->n;

	key_id(&k, space, d->container);
	rc = d->n < d->max ? rec_scan(tx, &k, false, d->max - d->n, doom, d) : RC_OK;
	for (size_t i = before; i < d->n && rc == RC_OK; i++) {
		struct reader seq = { slice_from(d->keys[i], 9), true };
		struct repo_key victim = { .n = 0 };

		key_text(&victim, d->keys[i]);
		rc = space == SPACE_INSTANCE ? inst_erase(tx, d->container, read_be(&seq, 8))
		                             : rec_del(tx, &victim);
	}
	return rc;
}

static bool
first_id(void *arg, struct slice key, struct slice val)
{
	struct reader r = { slice_from(key, 1), true };

	(void)val;
	*(uint64_t *)arg = read_be(&r, 8);
	return false;
}

enum rc
repo_sweep_removed(struct rtx *tx, size_t limit, bool *more)
{
	static const enum space spaces[] = { SPACE_INSTANCE, SPACE_INSTANCE_NAME, SPACE_RETAINED };
	struct doomed d = { .tx = tx, .max = limit };
	struct repo_key k;
	enum rc rc;

	*more = false;
	key_init(&k, SPACE_REMOVED);
	rc = rec_scan(tx, &k, false, 1, first_id, &d.container);
	if (rc != RC_OK || d.container == ID_NONE)
		return rc;
	d.keys = ARENA_ARRAY(tx->arena, struct slice, limit);
	if (d.keys == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]) && rc == RC_OK; i++)
		rc = sweep_space(tx, spaces[i], &d);
	*more = true;
	if (rc != RC_OK || d.n == d.max)
		return rc;
	key_id(&k, SPACE_REMOVED, d.container);
	return rec_del(tx, &k);
}
