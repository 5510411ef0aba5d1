/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device keeps: "GUE1" | u64 highest SQN | u32 those below it that were taken | u16 count |
 * count x { GID 8, SNID 16, u64 last C }
 */
#include "config.h"

#include "gaka/ue_own.h"

#include "base/be.h"
#include "gaka/message_own.h"

#define MAGIC SLICE_LIT("GUE1")
#define HEAD_SIZE (GAKA_STATE_MAX - GAKA_MARK_SIZE * GAKA_MARKS_MAX)

/* ---- sequence numbers ---- */

/* below: by how much sqn is below the highest, at least 1; 0: it is the highest. */
static bool
take_below(struct gaka_sqn *s, uint64_t below)
{
	uint32_t bit;

	if (below == 0 || below > GAKA_SQN_WINDOW)
		return false;
	bit = UINT32_C(1) << (below - 1);
	if ((s->seen & bit) != 0)
		return false;
	s->seen |= bit;
	return true;
}

bool
gaka_sqn_take(struct gaka_sqn *s, uint64_t sqn)
{
	uint64_t by;

	if (sqn == 0)
		return false;
	if (sqn <= s->high)
		return take_below(s, s->high - sqn);
	by = sqn - s->high;
	/* The highest so far becomes one of those below; there is none when it is 0. */
	if (by > GAKA_SQN_WINDOW)
		s->seen = 0;
	else
		s->seen = (uint32_t)((((uint64_t)s->seen << 1) | (s->high != 0)) << (by - 1));
	s->high = sqn;
	return true;
}

/* ---- octets ---- */

static struct slice
state_write(const struct gaka_kept *kept, uint8_t out[GAKA_STATE_MAX])
{
	uint8_t *p = gaka_put(out, MAGIC.p, MAGIC.n);

	p = be_put(p, kept->sqn.high, 8);
	p = be_put(p, kept->sqn.seen, 4);
	p = be_put(p, kept->count, 2);
	for (unsigned i = 0; i < kept->count; i++) {
		const struct gaka_mark *m = &kept->marks[i];

		p = gaka_put(p, m->gid.v, GAKA_GID_SIZE);
		p = gaka_put(p, m->sn.v, NODE_ID_BYTES);
		p = be_put(p, m->last, 8);
	}
	return slice_make(out, (size_t)(p - out));
}

static bool
state_read(struct slice state, struct gaka_kept *out)
{
	const uint8_t *p = (const uint8_t *)state.p;

	if (state.n < HEAD_SIZE || !slice_starts(state, MAGIC))
		return false;
	out->sqn = (struct gaka_sqn){ be_get(p + 4, 8), (uint32_t)be_get(p + 12, 4) };
	out->count = (unsigned)be_get(p + 16, 2);
	if (out->count > GAKA_MARKS_MAX ||
	    state.n != HEAD_SIZE + (size_t)GAKA_MARK_SIZE * out->count)
		return false;
	p += HEAD_SIZE;
	for (unsigned i = 0; i < out->count; i++, p += GAKA_MARK_SIZE) {
		struct gaka_mark m = { .last = be_get(p + GAKA_MARK_SIZE - 8, 8) };

		gaka_get(gaka_get(p, m.gid.v, GAKA_GID_SIZE), m.sn.v, NODE_ID_BYTES);
		for (unsigned j = 0; j < i; j++)
			if (gaka_gid_eq(&out->marks[j].gid, &m.gid) &&
			    node_id_eq(&out->marks[j].sn, &m.sn))
				return false;
		if (m.last == 0)
			return false;
		out->marks[i] = m;
	}
	return true;
}

/* ---- the device ---- */

enum rc
gaka_ue_init(struct gaka_ue *u, const struct node_id *id, const struct key *ka, struct slice state,
             const struct gaka_keeper *keeper)
{
	*u = (struct gaka_ue){ .id = *id, .ka = *ka, .keeper = *keeper };
	if (state.p == NULL || state_read(state, &u->kept))
		return RC_OK;
	gaka_ue_wipe(u);
	return RC_BAD_REQUEST;
}

void
gaka_ue_wipe(struct gaka_ue *u)
{
	if (u != NULL)
		secret_wipe(u, sizeof(*u));
}

enum rc
gaka_ue_keep(struct gaka_ue *u, const struct gaka_kept *kept)
{
	uint8_t octets[GAKA_STATE_MAX];
	enum rc rc = u->keeper.keep(u->keeper.arg, state_write(kept, octets));

	if (rc == RC_OK)
		u->kept = *kept;
	return rc;
}

static bool
is_among(const struct gaka_gid *gid, const struct gaka_gid *gids, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (gaka_gid_eq(&gids[i], gid))
			return true;
	return false;
}

enum rc
gaka_ue_forget_others(struct gaka_ue *u, const struct gaka_gid *gids, unsigned n)
{
	struct gaka_kept kept = u->kept;

	kept.count = 0;
	for (unsigned i = 0; i < u->kept.count; i++)
		if (is_among(&u->kept.marks[i].gid, gids, n))
			kept.marks[kept.count++] = u->kept.marks[i];
	return kept.count < u->kept.count ? gaka_ue_keep(u, &kept) : RC_OK;
}

enum rc
gaka_mark_move(struct gaka_kept *kept, const struct gaka_mark *to)
{
	unsigned i = 0;

	while (i < kept->count && !(gaka_gid_eq(&kept->marks[i].gid, &to->gid) &&
	                            node_id_eq(&kept->marks[i].sn, &to->sn)))
		i++;
	if (i == GAKA_MARKS_MAX)
		return RC_NO_SPACE;
	if (i < kept->count && to->last <= kept->marks[i].last)
		return RC_PRECONDITION;
	kept->marks[i] = *to;
	if (i == kept->count)
		kept->count++;
	return RC_OK;
}
