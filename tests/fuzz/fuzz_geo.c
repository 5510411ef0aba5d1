/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a policy of places, as a report, as what happens to a node: what is taken is within
 * its bounds, no way of seeing ends the alarm of another, and no report ends any. The first octet
 * says as what.
 */
#include "config.h"

#include "cap/geo/geo_state.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
want(bool it)
{
	if (!it)
		abort();
}

static bool
is_part(struct slice of, struct slice part)
{
	return part.n == 0 || (part.p >= of.p && part.p + part.n <= of.p + of.n);
}

static bool
point_ok(const struct geo_point *at)
{
	return abs(at->lat) <= GEO_LATITUDE_MAX * 1000000 &&
	       abs(at->lon) <= GEO_LONGITUDE_MAX * 1000000;
}

static bool
circle_ok(const struct geo_circle *c)
{
	return c->radius >= 1 && c->radius <= GEO_RADIUS_MAX && point_ok(&c->at);
}

/* ---- documents ---- */

static void
look_at_attachment(struct slice json, const struct geo_policy *p, const struct geo_attachment *a)
{
	const struct geo_attachment *which;

	want(!a->covers || circle_ok(&a->area));
	if (a->kind == GEO_SOURCE) {
		want(a->network.bits <= 128);
		return;
	}
	want(a->name.n > 0 && a->name.n <= GEO_NAME_MAX && is_part(json, a->name));
	want(geo_policy_judge(p, a->kind, a->name, &which) == GEO_ALLOWED && which != NULL);
}

static void
read_policy(struct slice json)
{
	struct geo_policy p;
	const char *why = NULL;

	if (geo_policy_read(json, &p, &why) != RC_OK) {
		want(why != NULL);
		return;
	}
	want(p.n_circles <= GEO_CIRCLES_MAX && p.n_attachments <= GEO_ATTACHMENTS_MAX);
	want(p.container.n <= GEO_CONTAINER_MAX && is_part(json, p.container));
	want(p.target.n <= GEO_NAME_MAX && is_part(json, p.target));
	want(geo_action_name(p.action) != NULL);
	for (unsigned i = 0; i < p.n_circles; i++) {
		struct geo_report r = { .located = true, .at = p.circles[i].at };

		want(circle_ok(&p.circles[i]) && !geo_policy_outside(&p, &r));
	}
	for (unsigned i = 0; i < p.n_attachments; i++)
		look_at_attachment(json, &p, &p.attachments[i]);
}

static void
read_report(struct slice json)
{
	struct geo_report r;

	if (!geo_report_read(json, &r))
		return;
	want(r.located || r.cell.n > 0);
	want(!r.located || point_ok(&r.at));
	want(r.cell.n <= GEO_NAME_MAX && is_part(json, r.cell));
	want(r.accuracy <= 5000);
}

/* ---- what happens to a node ---- */

#define HOLD 3

struct life {
	struct geo_policy policy;
	struct geo_state state;
	struct geo_now now;
};

static void
read_one(struct geo_policy *p, unsigned which)
{
	static const char *const policies[] = {
		"{\"policy\":\"warn\",\"locTargetDevice\":\"t\"}",
		"{\"policy\":\"warn\",\"circles\":[{\"lat\":0,\"lon\":0,\"radius\":200000}]}",
		"{\"policy\":\"warn\",\"direct\":false,\"attachments\":[{\"cell\":\"a\"},{"
		"\"gateway\":\"a\","
		"\"lat\":0,\"lon\":0,\"radius\":1000}]}",
		"{\"policy\":\"end\",\"circles\":[{\"lat\":1,\"lon\":0,\"radius\":1}],"
		"\"attachments\":["
		"{\"source\":\"192.0.2.0/"
		"31\"},{\"gateway\":\"b\"},{\"cell\":\"b\",\"lat\":1,\"lon\":1,"
		"\"radius\":1}]}",
	};
	const char *why;

	want(geo_policy_read(slice_of(policies[which % 4]), p, &why) == RC_OK);
}

static void
see(struct life *l, unsigned what)
{
	static const char *const names[] = { "a", "b", "192.0.2.1", "192.0.2.9" };
	static const unsigned alarms[GEO_WAYS] = { GEO_ALARM_GATEWAY, GEO_ALARM_ADDRESS,
		                                   GEO_ALARM_CELL };
	unsigned way = what % GEO_WAYS, before = l->state.alarm, changed;

	changed = geo_state_seen(&l->state, &l->policy, (enum geo_way)way,
	                         slice_of(names[what / 4 % 4]), (what & 16) != 0, &l->now);
	want(changed == (before ^ l->state.alarm));
	want((changed & ~(alarms[way] | GEO_ALARM_REPORTED)) == 0);
	if ((changed & GEO_ALARM_REPORTED) != 0)
		want((l->state.alarm & (GEO_ALARM_REPORTED | GEO_ALARM_ATTACHMENT)) == 0);
}

static void
say(struct life *l, unsigned what)
{
	static const char *const reports[] = { "{\"lat\":0,\"lon\":0}", "{\"lat\":9,\"lon\":0}",
		                               "{\"cell\":\"a\"}",
		                               "{\"lat\":1,\"lon\":1,\"cell\":\"b\"}" };
	unsigned before = l->state.alarm;
	struct geo_report r;

	want(geo_report_read(slice_of(reports[what % 4]), &r));
	want(geo_state_reported(&l->state, &l->policy, &r, &l->now) == (before ^ l->state.alarm));
	want((before & ~l->state.alarm) == 0);
	want(((before ^ l->state.alarm) & GEO_ALARM_ATTACHMENT) == 0);
}

static void
name_target(struct life *l, unsigned what)
{
	unsigned before = l->state.alarm;

	(void)geo_state_located_as(&l->state, &l->policy,
	                           what % 2 == 0 ? SLICE_LIT("t") : SLICE_LIT("u"), &l->now);
	want((before & ~l->state.alarm) == 0 &&
	     ((before ^ l->state.alarm) & ~(unsigned)GEO_ALARM_TARGET) == 0);
}

/* The same policy twice is one. */
static void
govern(struct life *l, unsigned what)
{
	unsigned wrong = geo_state_wrong(&l->state, &l->policy), before = l->state.alarm, i;

	read_one(&l->policy, what);
	want(geo_state_judged(&l->state, &l->policy, wrong, &l->now) == (before ^ l->state.alarm));
	wrong = geo_state_wrong(&l->state, &l->policy);
	want((wrong & ~l->state.alarm) == 0);
	for (i = 0; i < 2; i++)
		want(geo_state_judged(&l->state, &l->policy, wrong, &l->now) == 0);
}

static void
clear(struct life *l, unsigned what)
{
	(void)what;
	want((geo_state_clear(&l->state) & ~GEO_ALARMS) == 0 && l->state.alarm == 0);
}

static void
live(struct slice s)
{
	static void (*const steps[])(struct life *, unsigned) = { see, say, govern, clear,
		                                                  see, see, say,    name_target };
	struct life l = { .now = { 1, 1, HOLD } };

	read_one(&l.policy, 3);
	for (size_t i = 0; i < s.n; i++) {
		unsigned octet = (unsigned char)s.p[i];

		steps[octet >> 5](&l, octet & 31);
		l.now.wall++;
		l.now.monotonic++;
		want((l.state.alarm & ~GEO_ALARMS) == 0 &&
		     (l.state.since != 0) == (l.state.alarm != 0));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct slice) = { read_policy, read_report, live };
	struct slice s = slice_make(data, size);

	if (size > 0)
		readers[data[0] % 3](slice_from(s, 1));
	return 0;
}
