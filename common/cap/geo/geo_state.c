/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/geo/geo_state.h"

static const struct {
	enum geo_kind kind;
	unsigned alarm;
} ways[GEO_WAYS] = {
	[GEO_BY_GATEWAY] = { GEO_GATEWAY, GEO_ALARM_GATEWAY },
	[GEO_BY_ADDRESS] = { GEO_SOURCE, GEO_ALARM_ADDRESS },
	[GEO_BY_CELL] = { GEO_CELL, GEO_ALARM_CELL },
};

/* It has to be elsewhere from now on to have moved. */
static void
stay(struct geo_state *s)
{
	memcpy(s->then, s->seen, sizeof(s->then));
	memset(s->moved, 0, sizeof(s->moved));
}

static unsigned
raise_alarm(struct geo_state *s, unsigned why, const struct geo_now *now)
{
	unsigned begun = why & ~s->alarm;

	if (begun != 0 && s->alarm == 0)
		s->since = now->wall;
	if ((begun & GEO_ALARM_REPORTED) != 0)
		stay(s);
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

/* ---- what the network sees ---- */

static enum geo_judgement
judge(const struct geo_policy *p, enum geo_way way, struct slice name)
{
	if (way == GEO_BY_ADDRESS && p->no_direct)
		return GEO_ELSEWHERE;
	return geo_policy_judge(p, ways[way].kind, name, NULL);
}

/* True when *since is hold old; it begins now if it had not. */
static bool
has_held(int64_t *since, const struct geo_now *now)
{
	if (*since == 0)
		*since = now->monotonic;
	return now->monotonic - *since >= now->hold;
}

/*
 * By another attachment than when the report came: that is news of the network. Another address of
 * the same one is not, for a node takes those as it likes.
 */
static bool
has_moved(const struct geo_state *s, const struct geo_policy *p, enum geo_way way)
{
	const struct geo_attachment *at, *before;

	(void)geo_policy_judge(p, ways[way].kind, slice_of(s->seen[way]), &at);
	(void)geo_policy_judge(p, ways[way].kind, slice_of(s->then[way]), &before);
	return at != before;
}

static unsigned
seen_wrong(struct geo_state *s, enum geo_way way, const struct geo_now *now)
{
	s->right[way] = 0;
	memset(s->moved, 0, sizeof(s->moved));
	return raise_alarm(s, ways[way].alarm, now);
}

/* What one way says of reports does not count while another one is wrong. */
static unsigned
seen_right(struct geo_state *s, const struct geo_policy *p, enum geo_way way, bool sure,
           const struct geo_now *now)
{
	bool moved = has_moved(s, p, way);
	unsigned ended = 0;

	/* Who has gone back has not stayed. */
	if (!moved)
		s->moved[way] = 0;

	if ((s->alarm & ways[way].alarm) != 0 && (sure || has_held(&s->right[way], now)))
		ended |= end_alarm(s, ways[way].alarm);
	if ((s->alarm & GEO_ALARM_REPORTED) == 0 || (s->alarm & GEO_ALARM_ATTACHMENT) != 0)
		return ended;
	if (!sure && !(moved && has_held(&s->moved[way], now)))
		return ended;
	s->stands = false;
	return ended | end_alarm(s, GEO_ALARM_REPORTED);
}

unsigned
geo_state_seen(struct geo_state *s, const struct geo_policy *p, enum geo_way way, struct slice name,
               bool sure, const struct geo_now *now)
{
	enum geo_judgement j = judge(p, way, name);

	if (!slice_is(name, s->seen[way])) {
		s->stands = false;
		if (!slice_copy(name, s->seen[way], sizeof(s->seen[way])))
			s->seen[way][0] = '\0';
	}
	s->way = way;
	if (j == GEO_NEUTRAL)
		return end_alarm(s, ways[way].alarm);
	return j == GEO_ALLOWED ? seen_right(s, p, way, sure, now) : seen_wrong(s, way, now);
}

/* ---- reports ---- */

/* With where any way has seen it last, or with its cell. */
static bool
disagrees(const struct geo_state *s, const struct geo_policy *p, const struct geo_report *r)
{
	const struct geo_attachment *a;
	struct slice cell = slice_of(s->seen[GEO_BY_CELL]);

	for (unsigned i = 0; i < GEO_WAYS; i++) {
		(void)geo_policy_judge(p, ways[i].kind, slice_of(s->seen[i]), &a);
		if (a != NULL && geo_attachment_disagrees(a, r))
			return true;
	}
	return cell.n > 0 && r->cell.n > 0 && !slice_eq(cell, r->cell);
}

static unsigned
report_wrong(const struct geo_state *s, const struct geo_policy *p, const struct geo_report *r)
{
	unsigned why = geo_policy_outside(p, r) ? GEO_ALARM_AREA : 0;

	return disagrees(s, p, r) ? why | GEO_ALARM_DISAGREE : why;
}

unsigned
geo_state_reported(struct geo_state *s, const struct geo_policy *p, const struct geo_report *r,
                   const struct geo_now *now)
{
	unsigned why = report_wrong(s, p, r);

	s->reported = s->stands = true;
	s->report = *r;
	(void)slice_copy(r->cell, s->said, sizeof(s->said));
	s->report.cell = SLICE_NONE;
	s->reported_at = now->wall;
	/* What is wrong still is so where it is now: it has to move again. */
	if ((why & s->alarm & GEO_ALARM_REPORTED) != 0)
		stay(s);
	return raise_alarm(s, why, now);
}

static bool
is_other(const struct geo_policy *p, struct slice target)
{
	return p->target.n > 0 && target.n > 0 && !slice_eq(p->target, target);
}

unsigned
geo_state_located_as(struct geo_state *s, const struct geo_policy *p, struct slice target,
                     const struct geo_now *now)
{
	if (!slice_copy(target, s->target, sizeof(s->target)))
		s->target[0] = '\0';
	return is_other(p, target) ? raise_alarm(s, GEO_ALARM_TARGET, now) : 0;
}

/* ---- another policy ---- */

/* What was too long to be kept is known as long as it is an alarm. */
static bool
is_known(const struct geo_state *s, enum geo_way way)
{
	return s->seen[way][0] != '\0' || (s->alarm & ways[way].alarm) != 0;
}

unsigned
geo_state_wrong(const struct geo_state *s, const struct geo_policy *p)
{
	unsigned wrong = is_other(p, slice_of(s->target)) ? GEO_ALARM_TARGET : 0;

	for (unsigned i = 0; i < GEO_WAYS; i++)
		if (is_known(s, (enum geo_way)i) &&
		    judge(p, (enum geo_way)i, slice_of(s->seen[i])) == GEO_ELSEWHERE)
			wrong |= ways[i].alarm;
	return wrong;
}

/* Which alarms p can raise of reports. */
static unsigned
demanded(const struct geo_state *s, const struct geo_policy *p)
{
	unsigned why = p->n_circles > 0 ? GEO_ALARM_AREA : 0;

	if (p->target.n > 0)
		why |= GEO_ALARM_TARGET;
	if (s->seen[GEO_BY_CELL][0] != '\0')
		why |= GEO_ALARM_DISAGREE;
	for (unsigned i = 0; i < p->n_attachments; i++) {
		if (p->attachments[i].kind == GEO_CELL)
			why |= GEO_ALARM_AREA;
		if (p->attachments[i].covers)
			why |= GEO_ALARM_DISAGREE;
	}
	return why;
}

unsigned
geo_state_judged(struct geo_state *s, const struct geo_policy *p, unsigned wrong,
                 const struct geo_now *now)
{
	unsigned changed = 0;
	struct geo_report r = s->report;

	r.cell = slice_of(s->said);
	if (s->stands)
		changed = raise_alarm(s, report_wrong(s, p, &r), now);
	for (unsigned i = 0; i < GEO_WAYS; i++) {
		enum geo_way way = (enum geo_way)i;
		enum geo_judgement j = judge(p, way, slice_of(s->seen[i]));

		if (!is_known(s, way))
			continue;
		if (j == GEO_ELSEWHERE)
			changed |= seen_wrong(s, way, now);
		else if (j == GEO_NEUTRAL || (wrong & ways[i].alarm) != 0)
			changed |= end_alarm(s, ways[i].alarm);
	}
	if (is_other(p, slice_of(s->target)))
		changed |= raise_alarm(s, GEO_ALARM_TARGET, now);
	else if ((wrong & GEO_ALARM_TARGET) != 0)
		changed |= end_alarm(s, GEO_ALARM_TARGET);
	return changed | end_alarm(s, (GEO_ALARM_REPORTED | GEO_ALARM_TARGET) & ~demanded(s, p));
}

unsigned
geo_state_clear(struct geo_state *s)
{
	memset(s->right, 0, sizeof(s->right));
	memset(s->moved, 0, sizeof(s->moved));
	s->stands = false;
	return end_alarm(s, GEO_ALARMS);
}
