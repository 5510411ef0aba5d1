/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sga_device.h"

#include "cap/sgd/sgd.h"

static enum rc
sga_device_attach(struct scl *scl, const struct capability_conf *conf, void **state,
                  char why[CAPABILITY_WHY_MAX])
{
	struct sgd *d;
	enum rc rc = sgd_attach(scl, conf, &d, why);

	*state = d;
	return rc;
}

static enum rc
sga_device_start(struct scl *scl, const struct capability_conf *conf, void **state,
                 char why[CAPABILITY_WHY_MAX])
{
	(void)scl;
	(void)conf;
	return *state == NULL ? RC_OK : sgd_start(*state, why);
}

static void
sga_device_stop(void *state)
{
	if (state != NULL)
		sgd_stop(state);
}

static void
sga_device_detach(void *state)
{
	if (state != NULL)
		sgd_detach(state);
}

const struct capability cap_sga_device = {
	.name = "sga-device",
	.attach = sga_device_attach,
	.start = sga_device_start,
	.stop = sga_device_stop,
	.detach = sga_device_detach,
};
