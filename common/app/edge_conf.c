/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/edge_conf.h"

#include "app/scl_conf.h"
#include "base/arena.h"

/* NULL for the absent string. */
static const char *
some(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

void
edge_conf_fill(struct edge_conf *conf, const struct profile *profile, const struct options *o,
               struct arena *a)
{
	const struct options_strings *networks = &o->edge.contact_networks;
	const char **v = ARENA_ARRAY(a, const char *, networks->n + 1);

	for (size_t i = 0; v != NULL && i < networks->n; i++)
		v[i] = networks->v[i];
	*conf = (struct edge_conf){
		.enabled = o->edge.enabled,
		.engine = scl_conf_engine(profile, o),
		.body_max = (size_t)o->edge.body_max,
		.grants_max = (unsigned)o->edge.grants_max,
		.contact_networks = v,
		.contact_ca = some(o->edge.contact_ca),
		.admin_tokens = some(o->admin.tokens),
	};
	if (conf->engine != NULL && conf->engine != &store_memory)
		conf->state = some(o->store.path);
}
