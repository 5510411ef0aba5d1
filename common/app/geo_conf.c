/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/geo_conf.h"

#include "app/scl_conf.h"

#define US_PER_MS INT64_C(1000)

void
geo_conf_fill(struct geo_conf *conf, const struct profile *profile, const struct options *o)
{
	*conf = (struct geo_conf){
		.enabled = o->geo.enabled,
		.engine = scl_conf_engine(profile, o),
		.nodes_max = (unsigned)o->geo.nodes_max,
		.hold = o->geo.hold_ms * US_PER_MS,
		.access_right = o->geo.access_right,
		.source = o->geo.source[0] == '\0' ? NULL : o->geo.source,
		.container = o->geo.container,
	};
	if (conf->engine != NULL && conf->engine != &store_memory && o->store.path[0] != '\0')
		conf->state = o->store.path;
}
