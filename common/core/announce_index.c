/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works of announcing that others have to mind, found by what they are about: an ANNOUNCE_AGAIN by
 * the node whose children it is to find, an ANNOUNCE_GONE by the link of its original. As many works
 * may be under way as there are announcements: nobody looks at all of them.
 */
#include "config.h"

#include "core/announce_state.h"

/* A key of WORK_ANNOUNCE_INDEX: bits of a hash of the subject, then as many of the work's number. */
#define NUMBER_BITS 24u
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)

static uint64_t
mix(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* First key of the works of that form, at that SCL, about that. */
static uint64_t
first_key(const struct announce_work *w)
{
	const char form = (char)w->form;
	char node[8];
	uint64_t h = mix(UINT64_C(0xcbf29ce484222325), slice_make(&form, 1));

	for (unsigned i = 0; i < sizeof(node); i++)
		node[i] = (char)(w->node >> 8 * i);
	h = mix(h, w->scl);
	h = w->form == ANNOUNCE_AGAIN ? mix(h, slice_make(node, sizeof(node))) : mix(h, w->link);
	return (h ^ h >> 32) & ~NUMBER_MASK;
}

static uint64_t
index_key(const struct announce_work *w, uint64_t key)
{
	return first_key(w) | (key & NUMBER_MASK);
}

static bool
is_minded(const struct announce_work *w)
{
	return w->form == ANNOUNCE_AGAIN || w->form == ANNOUNCE_GONE;
}

enum rc
announce_index_add(struct rtx *tx, uint64_t key, const struct announce_work *w)
{
	struct buf b;
	enum rc rc;

	if (!is_minded(w))
		return RC_OK;
	buf_init(&b, sizeof(key));
	buf_be(&b, key, sizeof(key));
	rc = b.failed ? RC_UNAVAILABLE
	              : repo_work_put(tx, WORK_ANNOUNCE_INDEX, index_key(w, key), buf_view(&b));
	buf_fini(&b);
	return rc;
}

enum rc
announce_work_remove(struct rtx *tx, uint64_t key)
{
	struct announce_work w;
	struct slice bytes;
	enum rc rc = repo_work_get(tx, WORK_ANNOUNCE, key, &bytes);

	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	if (announce_work_read(bytes, &w) && is_minded(&w))
		TRY(repo_work_remove(tx, WORK_ANNOUNCE_INDEX, index_key(&w, key)));
	return repo_work_remove(tx, WORK_ANNOUNCE, key);
}

/* ---- looking ---- */

struct hits {
	uint64_t first;
	uint64_t *keys; /* of the works */
	size_t n, max;
	struct arena *arena;
	bool no_memory;
};

static bool
collect(void *arg, uint64_t key, struct slice bytes)
{
	struct hits *h = arg;
	uint64_t number = 0;

	if ((key & ~NUMBER_MASK) != h->first || bytes.n != sizeof(number))
		return false;
	for (size_t i = 0; i < bytes.n; i++)
		number = number << 8 | (unsigned char)bytes.p[i];
	if (h->n == h->max) {
		size_t max = h->max == 0 ? 8 : h->max * 2;
		uint64_t *keys = ARENA_ARRAY(h->arena, uint64_t, max);

		h->no_memory = keys == NULL;
		if (h->no_memory)
			return false;
		if (h->n > 0)
			memcpy(keys, h->keys, h->n * sizeof(*keys));
		h->keys = keys;
		h->max = max;
	}
	h->keys[h->n++] = number;
	return true;
}

/* Whether there is one like like whose cursor has not passed the node upto. */
static enum rc
is_under_way(struct rtx *tx, const struct announce_work *like, uint64_t upto, bool *yes)
{
	struct hits h = { .first = first_key(like), .arena = repo_arena(tx) };

	TRY(repo_works(tx, WORK_ANNOUNCE_INDEX, h.first, 0, collect, &h));
	if (h.no_memory)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < h.n && !*yes; i++) {
		struct announce_work w;
		struct slice bytes;
		enum rc rc = repo_work_get(tx, WORK_ANNOUNCE, h.keys[i], &bytes);

		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		*yes = rc == RC_OK && announce_work_read(bytes, &w) && w.form == like->form &&
		       w.node == like->node && slice_eq(w.scl, like->scl) &&
		       slice_eq(w.link, like->link) && w.cursor <= upto;
	}
	return RC_OK;
}

enum rc
announce_is_lost(struct rtx *tx, const struct res *self, struct slice at, bool *yes)
{
	struct announce_work w = { .form = ANNOUNCE_AGAIN, .node = ID_NONE, .scl = at };

	*yes = false;
	TRY(is_under_way(tx, &w, self->id, yes));
	w.node = self->parent;
	return *yes ? RC_OK : is_under_way(tx, &w, self->id, yes);
}

enum rc
announce_is_going(struct rtx *tx, struct slice link, struct slice at, bool *yes)
{
	const struct announce_work w = { .form = ANNOUNCE_GONE, .scl = at, .link = link };

	*yes = false;
	return is_under_way(tx, &w, 0, yes);
}
