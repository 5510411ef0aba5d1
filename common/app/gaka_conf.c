/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/gaka_conf.h"

#include "app/scl_conf.h"
#include "base/arena.h"

#define US_PER_MS INT64_C(1000)

/* list with a NULL at its end, in a; NULL when a is exhausted. */
static const char *const *
ended(struct arena *a, const struct options_strings *list)
{
	const char **v = ARENA_ARRAY(a, const char *, list->n + 1);

	for (size_t i = 0; v != NULL && i < list->n; i++)
		v[i] = list->v[i];
	return v;
}

void
gaka_conf_fill(struct gaka_conf *conf, const struct profile *profile, const struct options *o,
               struct arena *a)
{
	const struct options_gaka *g = &o->gaka;

	*conf = (struct gaka_conf){
		.enabled = g->enabled,
		.conventional = g->conventional,
		.window = (uint16_t)g->window,
		.sets_max = (unsigned)g->sets_max,
		.members_max = (unsigned)g->members_max,
		.attempts_max = (unsigned)g->attempts_max,
		.attempt_time = g->attempt_time_ms * US_PER_MS,
		.singles_max = (unsigned)g->conventional_max,
		.sessions_max = (unsigned)g->sessions_max,
		.engine = scl_conf_engine(profile, o),
		.gateway = g->gateway[0] == '\0' ? NULL : g->gateway,
		.attach = g->attach[0] == '\0' ? NULL : g->attach,
		.ca = o->client.ca[0] == '\0' ? NULL : o->client.ca,
		.groups = ended(a, &g->groups),
		.keys_interval = g->keys_interval_ms * US_PER_MS,
		.check_interval = g->check_interval_ms * US_PER_MS,
		.retry_first = g->retry_first_ms * US_PER_MS,
		.retry_max = g->retry_max_ms * US_PER_MS,
	};
}
