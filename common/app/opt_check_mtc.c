/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of the groups gaka, mpa and sd must not contradict. */
#include "config.h"

#include "app/opt_check.h"
#include "app/opt_row.h"
#include "cap/sec/secure_name.h"
#include "sec/hex.h"
#include "sec/psk_id.h"

/* One of the three groups, as far as they are alike. */
struct group {
	const char *name;
	bool enabled;
	const char *gateway; /* of a device */
	int64_t retry_first, retry_max;
};

static void
check_group(const struct opt_check *c, const struct group *g)
{
	char path[32];

	snprintf(path, sizeof(path), "%s.retry_first", g->name);
	if (g->retry_first > g->retry_max)
		opt_found(c, path, "%s must not be above %s.retry_max", path, g->name);
	snprintf(path, sizeof(path), "%s.gateway", g->name);
	if (g->enabled && *g->gateway == '\0' && !opt_is_absent(path, c->profile->absent))
		opt_found(c, path, "%s.enabled needs %s", g->name, path);
}

static bool
is_gid(const char *text)
{
	uint8_t gid[PSK_GROUP_BYTES];

	for (const char *p = text; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			return false;
	return hex_decode(slice_of(text), gid, sizeof(gid));
}

static void
check_groups(const struct opt_check *c)
{
	const struct options_strings *list = &c->o->gaka.groups;

	for (size_t i = 0; i < list->n; i++) {
		if (!is_gid(list->v[i]))
			opt_found(c, "gaka.groups",
			          "gaka.groups: %.64s is not 16 lower-case hex digits", list->v[i]);
		for (size_t k = 0; k < i; k++)
			if (strcmp(list->v[i], list->v[k]) == 0)
				opt_found(c, "gaka.groups", "gaka.groups: %.64s is there twice",
				          list->v[i]);
	}
}

/* A device with one of the pinned keys alone would take half of what the other end has to prove. */
static void
check_pins(const struct opt_check *c)
{
	const struct options_mpa *m = &c->o->mpa;

	if (m->enabled && !opt_is_absent("mpa.network_key", c->profile->absent) &&
	    (*m->network_key == '\0' || *m->server_key == '\0'))
		opt_found(c, "mpa.enabled", "mpa.enabled needs mpa.network_key and mpa.server_key");
}

/* What is sent to a gateway is sent under one session: that of the other would be put in its place. */
static void
check_gateways(const struct opt_check *c)
{
	const struct options_gaka *g = &c->o->gaka;
	const struct options_mpa *m = &c->o->mpa;
	char one[SECURE_NAME_MAX + 1], other[SECURE_NAME_MAX + 1];
	struct uri u;

	if (g->enabled && m->enabled && secure_name(slice_of(g->gateway), one, &u) &&
	    secure_name(slice_of(m->gateway), other, &u) && strcmp(one, other) == 0)
		opt_found(
			c, "mpa.gateway",
			"mpa.gateway: %.128s is reached under the session of gaka.gateway already; "
			"enable one of gaka and mpa for a gateway",
			one);
}

/* A bundle that is full has to fit into what may be pending. */
static void
check_bundles(const struct opt_check *c)
{
	const struct options_sd *s = &c->o->sd;

	if (s->bundle_max > s->pending_max)
		opt_found(c, "sd.bundle_max", "sd.bundle_max must not be above sd.pending_max");
	if (s->enabled && *s->container == '\0' &&
	    !opt_is_absent("sd.container", c->profile->absent))
		opt_found(c, "sd.container", "sd.enabled needs sd.container");
}

void
opt_check_mtc(const struct opt_check *c)
{
	const struct options *o = c->o;
	const struct group groups[] = {
		{ "gaka", o->gaka.enabled, o->gaka.gateway, o->gaka.retry_first_ms,
		  o->gaka.retry_max_ms },
		{ "mpa", o->mpa.enabled, o->mpa.gateway, o->mpa.retry_first_ms,
		  o->mpa.retry_max_ms },
		{ "sd", o->sd.enabled, o->sd.gateway, o->sd.retry_first_ms, o->sd.retry_max_ms },
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		check_group(c, &groups[i]);
	check_groups(c);
	check_pins(c);
	check_gateways(c);
	check_bundles(c);
}
