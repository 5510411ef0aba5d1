/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/geo.h"

#include <stdio.h>

#include "cap/geo/geo.h"
#include "cap/sec_access.h"

static enum rc
cap_geo_attach(struct scl *scl, const struct capability_conf *conf, void **state,
               char why[CAPABILITY_WHY_MAX])
{
	const struct geo_parts parts = { .conf = &conf->geo,
		                         .clock = &clock_system,
		                         .log = conf->log,
		                         .scl = scl,
		                         .admin = conf->sec->admin,
		                         .seat = conf->geo_seat };
	struct geo *g = NULL;
	enum rc rc = RC_OK;

	if (conf->geo.enabled && parts.admin == NULL) {
		snprintf(why, CAPABILITY_WHY_MAX,
		         "geo.enabled needs a listener that serves admin, or a role with it");
		return RC_BAD_REQUEST;
	}
	if (conf->geo.enabled)
		rc = geo_open(&parts, &g, why);
	*state = g;
	return rc;
}

static enum rc
cap_geo_start(struct scl *scl, const struct capability_conf *conf, void **state,
              char why[CAPABILITY_WHY_MAX])
{
	(void)scl;
	(void)conf;
	(void)why;
	geo_start(*state);
	return RC_OK;
}

static void
cap_geo_stop(void *state)
{
	geo_stop(state);
}

static void
cap_geo_detach(void *state)
{
	geo_close(state);
}

const struct capability cap_geo = {
	.name = "geo",
	.governs = true,
	.attach = cap_geo_attach,
	.start = cap_geo_start,
	.stop = cap_geo_stop,
	.detach = cap_geo_detach,
};
