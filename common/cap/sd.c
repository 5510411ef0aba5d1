/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sd.h"

#include "cap/sd/sd_network.h"

static enum rc
sd_attach(struct scl *scl, const struct capability_conf *conf, void **state,
          char why[CAPABILITY_WHY_MAX])
{
	struct sd_network *net;
	enum rc rc = sd_network_attach(scl, conf, &net, why);

	*state = net;
	return rc;
}

static enum rc
sd_start(struct scl *scl, const struct capability_conf *conf, void **state,
         char why[CAPABILITY_WHY_MAX])
{
	(void)scl;
	(void)conf;
	return *state == NULL ? RC_OK : sd_network_start(*state, why);
}

static void
sd_stop(void *state)
{
	if (state != NULL)
		sd_network_stop(state);
}

static void
sd_detach(void *state)
{
	if (state != NULL)
		sd_network_detach(state);
}

const struct capability cap_sd = {
	.name = "sd",
	.attach = sd_attach,
	.start = sd_start,
	.stop = sd_stop,
	.detach = sd_detach,
};
