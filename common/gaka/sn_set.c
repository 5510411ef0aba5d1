/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "gaka/sn_own.h"

static size_t
size_of(unsigned count)
{
	return sizeof(struct gaka_set) + count * sizeof(struct gaka_set_member);
}

static void
fill(struct gaka_set *set, const struct gaka_t2 *t2, const struct gaka_t3 *t3)
{
	set->gid = t2->gid;
	set->sn = t2->sn;
	set->rand = t3->leader.rand;
	set->gtk = t3->gtk;
	set->expiry = t3->expiry;
	set->w = t3->w;
	set->count = t3->count;
	for (unsigned i = 0; i < t3->count; i++) {
		struct gaka_set_member *m = &set->members[i];
		struct gaka_member got;

		gaka_t3_member(t3, i, &got);
		m->id = got.id;
		m->iv = got.iv;
		m->next = got.iv;
		m->xk = got.xk;
		secret_wipe(&got, sizeof(got));
	}
}

enum rc
gaka_set_make(const struct gaka_t2 *t2, const struct gaka_t3 *t3, uint64_t now,
              struct gaka_set **out)
{
	struct gaka_set *set;

	*out = NULL;
	if (t3->w > t2->w)
		return RC_BAD_REQUEST;
	if (t3->expiry <= now)
		return RC_EXPIRED;
	set = secret_alloc(size_of(t3->count));
	if (set == NULL)
		return RC_UNAVAILABLE;
	fill(set, t2, t3);
	if (gaka_set_find(set, &t2->leader) != NULL) {
		gaka_set_free(set);
		return RC_BAD_REQUEST;
	}
	*out = set;
	return RC_OK;
}

void
gaka_set_free(struct gaka_set *set)
{
	if (set != NULL)
		secret_free(set, size_of(set->count));
}

const struct gaka_gid *
gaka_set_gid(const struct gaka_set *set)
{
	return &set->gid;
}

uint64_t
gaka_set_expiry(const struct gaka_set *set)
{
	return set->expiry;
}

/* Where the member with that id is, or count. */
static unsigned
place_of(const struct gaka_set *set, const struct node_id *id)
{
	unsigned from = 0, to = set->count;

	while (from < to) {
		unsigned middle = from + (to - from) / 2;
		int order = memcmp(set->members[middle].id.v, id->v, NODE_ID_BYTES);

		if (order == 0)
			return middle;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return set->count;
}

struct gaka_set_member *
gaka_set_find(struct gaka_set *set, const struct node_id *id)
{
	unsigned i = place_of(set, id);

	return i < set->count ? &set->members[i] : NULL;
}

enum rc
gaka_set_serves(const struct gaka_set *set, const struct node_id *id, uint64_t now)
{
	unsigned i = place_of(set, id);

	if (set->expiry <= now)
		return RC_EXPIRED;
	if (i == set->count)
		return RC_NOT_FOUND;
	return set->members[i].next - set->members[i].iv < set->w ? RC_OK : RC_NO_SPACE;
}
