/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/geo/geo_policy.h"

#include "codec/json_fields.h"

/* A report that claims to know less of its place is taken as if it knew it so well. */
#define ACCURACY_MAX 5000

static const char *const actions[] = { "warn", "restrict", "end" };
#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

struct wire_policy {
	struct slice policy, circles, attachments, container, target;
	bool direct;
};

struct wire_place {
	struct slice lat, lon, gateway, source, cell;
	int64_t radius;
};

const char *
geo_action_name(enum geo_action action)
{
	return actions[action];
}

/* ---- places ---- */

static bool
read_point(struct slice lat, struct slice lon, struct geo_point *out)
{
	return geo_degrees(lat, GEO_LATITUDE_MAX, &out->lat) &&
	       geo_degrees(lon, GEO_LONGITUDE_MAX, &out->lon);
}

static bool
read_area(const struct wire_place *w, struct geo_circle *c)
{
	if (w->radius < 1 || w->radius > GEO_RADIUS_MAX || !read_point(w->lat, w->lon, &c->at))
		return false;
	c->radius = (uint32_t)w->radius;
	return true;
}

static bool
read_circle(struct slice item, struct geo_policy *p)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_place, lat, "lat", JSON_DECIMAL, true),
		JSON_FIELD(struct wire_place, lon, "lon", JSON_DECIMAL, true),
		JSON_FIELD(struct wire_place, radius, "radius", JSON_NUMBER, true),
	};
	struct wire_place w = { .radius = 0 };

	return p->n_circles < GEO_CIRCLES_MAX && json_read(item, fields, 3, &w) &&
	       read_area(&w, &p->circles[p->n_circles++]);
}

static bool
name_ok(struct slice name)
{
	return name.n > 0 && name.n <= GEO_NAME_MAX;
}

/* One of the three, and only one. */
static bool
read_kind(const struct wire_place *w, struct geo_attachment *a)
{
	int n = (w->gateway.p != NULL) + (w->source.p != NULL) + (w->cell.p != NULL);

	if (n != 1)
		return false;
	a->kind = w->gateway.p != NULL ? GEO_GATEWAY : w->cell.p != NULL ? GEO_CELL : GEO_SOURCE;
	if (a->kind == GEO_SOURCE)
		return network_parse(w->source, &a->network);
	a->name = a->kind == GEO_CELL ? w->cell : w->gateway;
	return name_ok(a->name);
}

static bool
read_attachment(struct slice item, struct geo_policy *p)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_place, gateway, "gateway", JSON_TEXT, false),
		JSON_FIELD(struct wire_place, source, "source", JSON_TEXT, false),
		JSON_FIELD(struct wire_place, cell, "cell", JSON_TEXT, false),
		JSON_FIELD(struct wire_place, lat, "lat", JSON_DECIMAL, false),
		JSON_FIELD(struct wire_place, lon, "lon", JSON_DECIMAL, false),
		JSON_FIELD(struct wire_place, radius, "radius", JSON_NUMBER, false),
	};
	struct wire_place w = { .radius = 0 };
	struct geo_attachment *a;

	if (p->n_attachments == GEO_ATTACHMENTS_MAX || !json_read(item, fields, 6, &w))
		return false;
	a = &p->attachments[p->n_attachments++];
	*a = (struct geo_attachment){ .covers =
		                              w.lat.p != NULL || w.lon.p != NULL || w.radius != 0 };
	return read_kind(&w, a) && (!a->covers || read_area(&w, &a->area));
}

static bool
read_list(struct slice list, bool (*read)(struct slice item, struct geo_policy *p),
          struct geo_policy *p)
{
	struct slice item;
	int more;

	while ((more = json_item(&list, &item)) > 0)
		if (!read(item, p))
			return false;
	return more == 0;
}

/* ---- the whole ---- */

static bool
read_action(struct slice name, enum geo_action *out)
{
	for (unsigned i = 0; i < ACTIONS; i++)
		if (slice_is(name, actions[i])) {
			*out = (enum geo_action)i;
			return true;
		}
	return false;
}

/* A name of one segment, or a path, of what needs no escape. */
static bool
container_ok(struct slice s)
{
	bool path = s.n > 0 && s.p[0] == '/';

	if (s.p == NULL)
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("%?#\\", s.p[i]) != NULL ||
		    (!path && s.p[i] == '/'))
			return false;
	return s.n > 0 && s.n <= GEO_CONTAINER_MAX && s.p[s.n - 1] != '/';
}

enum rc
geo_policy_read(struct slice json, struct geo_policy *p, const char **why)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_policy, policy, "policy", JSON_TEXT, true),
		JSON_FIELD(struct wire_policy, circles, "circles", JSON_LIST, false),
		JSON_FIELD(struct wire_policy, attachments, "attachments", JSON_LIST, false),
		JSON_FIELD(struct wire_policy, direct, "direct", JSON_FLAG, false),
		JSON_FIELD(struct wire_policy, container, "container", JSON_TEXT, false),
		JSON_FIELD(struct wire_policy, target, "locTargetDevice", JSON_TEXT, false),
	};
	struct wire_policy w = { .direct = true };

	*p = (struct geo_policy){ .action = GEO_WARN };
	*why = "location";
	if (json.n > GEO_POLICY_MAX || !json_read(json, fields, 6, &w))
		return RC_BAD_REQUEST;
	p->no_direct = !w.direct;
	p->container = w.container;
	p->target = w.target;
	*why = !read_action(w.policy, &p->action)              ? "policy"
	       : !read_list(w.circles, read_circle, p)         ? "circles"
	       : !read_list(w.attachments, read_attachment, p) ? "attachments"
	       : !container_ok(w.container)                    ? "container"
	       : w.target.p != NULL && !name_ok(w.target)      ? "locTargetDevice"
	                                                       : NULL;
	return *why == NULL ? RC_OK : RC_BAD_REQUEST;
}

/* ---- reports ---- */

struct wire_report {
	struct slice lat, lon, cell;
	int64_t accuracy;
};

bool
geo_report_read(struct slice json, struct geo_report *r)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_report, lat, "lat", JSON_DECIMAL, false),
		JSON_FIELD(struct wire_report, lon, "lon", JSON_DECIMAL, false),
		JSON_FIELD(struct wire_report, cell, "cell", JSON_TEXT, false),
		JSON_FIELD(struct wire_report, accuracy, "accuracy", JSON_NUMBER, false),
	};
	struct wire_report w = { .accuracy = 0 };

	*r = (struct geo_report){ .located = false };
	if (json.n > GEO_REPORT_MAX || !json_read(json, fields, 4, &w) || w.accuracy < 0)
		return false;
	r->located = w.lat.p != NULL || w.lon.p != NULL;
	if ((r->located && !read_point(w.lat, w.lon, &r->at)) ||
	    (w.cell.p != NULL && !name_ok(w.cell)))
		return false;
	r->accuracy = w.accuracy > ACCURACY_MAX ? ACCURACY_MAX : (uint32_t)w.accuracy;
	r->cell = w.cell;
	return r->located || w.cell.p != NULL;
}

/* ---- judging ---- */

enum geo_judgement
geo_policy_judge(const struct geo_policy *p, enum geo_kind kind, struct slice name,
                 const struct geo_attachment **which)
{
	enum geo_judgement found = GEO_NEUTRAL;
	uint8_t address[16];
	bool read = kind == GEO_SOURCE && network_address_parse(name, address);

	if (which != NULL)
		*which = NULL;
	for (unsigned i = 0; i < p->n_attachments; i++) {
		const struct geo_attachment *a = &p->attachments[i];

		if (a->kind != kind)
			continue;
		found = GEO_ELSEWHERE;
		if (kind == GEO_SOURCE ? !read || !network_has(&a->network, address)
		                       : !slice_eq(a->name, name))
			continue;
		if (which != NULL)
			*which = a;
		return GEO_ALLOWED;
	}
	return found;
}

bool
geo_policy_outside(const struct geo_policy *p, const struct geo_report *r)
{
	bool outside = r->located && p->n_circles > 0;

	for (unsigned i = 0; i < p->n_circles && outside; i++)
		outside = geo_outside(&p->circles[i], &r->at, r->accuracy);
	return outside ||
	       (r->cell.n > 0 && geo_policy_judge(p, GEO_CELL, r->cell, NULL) == GEO_ELSEWHERE);
}

bool
geo_attachment_disagrees(const struct geo_attachment *a, const struct geo_report *r)
{
	return a->covers && r->located && geo_outside(&a->area, &r->at, r->accuracy);
}
