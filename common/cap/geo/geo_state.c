/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/geo/geo_state.h"

static const enum geo_kind kinds[GEO_WAYS] = {
	[GEO_BY_GATEWAY] = GEO_GATEWAY,
	[GEO_BY_ADDRESS] = GEO_SOURCE,
	[GEO_BY_CELL] = GEO_CELL,
};

static unsigned
raise_alarm(struct geo_state *s, unsigned why, const struct geo_now *now)
{
	unsigned begun = why & ~s->alarm;

	if (begun != 0 && s->alarm == 0)
		s->since = now->wall;
	if ((begun & GEO_ALARM_REPORTED) != 0) {
		memcpy(s->then, s->seen, sizeof(s->then));
		s->moved = 0;
	}
	s->alarm |= why;
	return begun;
}

static unsigned
end_alarm(struct geo_state *s, unsigned why)
{
	unsigned ended = why & s->alarm;

	s->alarm &= ~why;
	if (s->alarm == 0)
		s->since = 0;
	return ended;
}

/* True when *since is hold old; it begins now if it had not. */
static bool
has_held(int64_t *since, const struct geo_now *now)
{
	if (*since == 0)
		*since = now->monotonic;
	return now->monotonic - *since >= now->hold;
}

/* Somewhere else than when the report came: that is news of the network. */
static bool
has_moved(const struct geo_state *s, enum geo_way way)
{
	return strcmp(s->seen[way], s->then[way]) != 0;
}

static unsigned
seen_right(struct geo_state *s, enum geo_way way, bool sure, const struct geo_now *now)
{
	unsigned ended = 0;

	if ((s->alarm & GEO_ALARM_ATTACHMENT) != 0 && (has_held(&s->right, now) || sure))
		ended |= end_alarm(s, GEO_ALARM_ATTACHMENT);
	if ((s->alarm & GEO_ALARM_REPORTED) == 0)
		return ended;
	if (sure || (has_moved(s, way) && has_held(&s->moved, now)))
		ended |= end_alarm(s, GEO_ALARM_REPORTED);
	return ended;
}

unsigned
geo_state_seen(struct geo_state *s, const struct geo_policy *p, enum geo_way way, struct slice name,
               bool sure, const struct geo_now *now)
{
	enum geo_judgement j = geo_policy_judge(p, kinds[way], name, NULL);

	if (way == GEO_BY_ADDRESS && p->no_direct)
		j = GEO_ELSEWHERE;
	if (!slice_is(name, s->seen[way]) && !slice_copy(name, s->seen[way], sizeof(s->seen[way])))
		s->seen[way][0] = '\0';
	s->way = way;
	if (j == GEO_NEUTRAL)
		return 0;
	if (j == GEO_ALLOWED)
		return seen_right(s, way, sure, now);
	s->right = s->moved = 0;
	return raise_alarm(s, GEO_ALARM_ATTACHMENT, now);
}

/* ---- reports ---- */

/* With where it was seen last, or with its cell. */
static bool
disagrees(const struct geo_state *s, const struct geo_policy *p, const struct geo_report *r)
{
	const struct geo_attachment *a;
	struct slice cell = slice_of(s->seen[GEO_BY_CELL]);

	(void)geo_policy_judge(p, kinds[s->way], slice_of(s->seen[s->way]), &a);
	if (a != NULL && geo_attachment_disagrees(a, r))
		return true;
	return cell.n > 0 && r->cell.n > 0 && !slice_eq(cell, r->cell);
}

unsigned
geo_state_reported(struct geo_state *s, const struct geo_policy *p, const struct geo_report *r,
                   const struct geo_now *now)
{
	unsigned why = geo_policy_outside(p, r) ? GEO_ALARM_AREA : 0;

	if (disagrees(s, p, r))
		why |= GEO_ALARM_DISAGREE;
	s->reported = true;
	s->report = *r;
	(void)slice_copy(r->cell, s->said, sizeof(s->said));
	s->report.cell = SLICE_NONE;
	s->reported_at = now->wall;
	/* What is wrong still is so where it is now: it has to move again. */
	if ((why & s->alarm & GEO_ALARM_REPORTED) != 0) {
		memcpy(s->then, s->seen, sizeof(s->then));
		s->moved = 0;
	}
	return raise_alarm(s, why, now);
}

unsigned
geo_state_clear(struct geo_state *s)
{
	s->right = s->moved = 0;
	return end_alarm(s, GEO_ALARMS);
}
