/* SPDX-License-Identifier: Apache-2.0 */
/* Groups, and the set of vectors that each may have. */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

#include <stdlib.h>

#define RENEW_PART 4 /* of its time is left when others are asked for in the place of a set */

struct sn_group *
sn_group_find(struct gaka_sn *s, const struct gaka_gid *gid)
{
	struct sn_group *g = s->groups.first;

	while (g != NULL && !gaka_gid_eq(&g->gid, gid))
		g = g->next;
	return g;
}

void
sn_group_void(struct gaka_sn *s, struct sn_group *g)
{
	gaka_set_free(g->set);
	s->groups.members -= g->members;
	g->set = NULL;
	g->members = 0;
}

static void
drop_expired(struct gaka_sn *s)
{
	uint64_t now = sn_wall(s);

	for (struct sn_group *g = s->groups.first; g != NULL; g = g->next)
		if (g->set != NULL && gaka_set_expiry(g->set) <= now)
			sn_group_void(s, g);
}

/* Nothing of it would be missed: it has no vectors, and its pause is over. */
static bool
is_idle(const struct gaka_sn *s, const struct sn_group *g)
{
	return g->set == NULL && !g->asking && sn_may_t2(s, g);
}

/* Makes room by what is idle, first of all by groups that nobody has vouched for. */
static bool
make_room(struct gaka_sn *s)
{
	struct sn_group **found = NULL, *g;

	if (s->groups.n < s->conf->sets_max)
		return true;
	drop_expired(s);
	for (struct sn_group **at = &s->groups.first; *at != NULL; at = &(*at)->next)
		if (is_idle(s, *at) && (found == NULL || ((*found)->vouched && !(*at)->vouched)))
			found = at;
	if (found == NULL)
		return false;
	g = *found;
	*found = g->next;
	s->groups.n--;
	free(g);
	return true;
}

struct sn_group *
sn_group_need(struct gaka_sn *s, const struct gaka_gid *gid)
{
	struct sn_group *g = sn_group_find(s, gid);

	if (g != NULL || !make_room(s))
		return g;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->gid = *gid;
	g->next = s->groups.first;
	s->groups.first = g;
	s->groups.n++;
	return g;
}

bool
sn_group_keep(struct gaka_sn *s, struct sn_group *g, struct gaka_set *set, unsigned members,
              uint16_t w)
{
	sn_group_void(s, g);
	if (s->groups.members + members > s->conf->members_max)
		drop_expired(s);
	if (s->groups.members + members > s->conf->members_max) {
		gaka_set_free(set);
		return false;
	}
	g->set = set;
	g->members = members;
	g->w = w;
	g->renew = gaka_set_expiry(set) - (gaka_set_expiry(set) - sn_wall(s)) / RENEW_PART;
	s->groups.members += members;
	return true;
}

void
sn_groups_free(struct gaka_sn *s)
{
	for (struct sn_group *g = s->groups.first, *next; g != NULL; g = next) {
		next = g->next;
		sn_group_void(s, g);
		free(g);
	}
	s->groups.first = NULL;
	s->groups.n = 0;
}
