/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sga.h"

#include "cap/sgs/sgs.h"

static enum rc
sga_attach(struct scl *scl, const struct capability_conf *conf, void **state,
           char why[CAPABILITY_WHY_MAX])
{
	struct sgs *s;
	enum rc rc = sgs_attach(scl, conf, &s, why);

	*state = s;
	return rc;
}

static enum rc
sga_start(struct scl *scl, const struct capability_conf *conf, void **state,
          char why[CAPABILITY_WHY_MAX])
{
	(void)scl;
	return *state == NULL ? RC_OK : sgs_start(*state, conf->base_uri, why);
}

static void
sga_stop(void *state)
{
	if (state != NULL)
		sgs_stop(state);
}

static void
sga_detach(void *state)
{
	if (state != NULL)
		sgs_detach(state);
}

const struct capability cap_sga = {
	.name = "sga",
	.attach = sga_attach,
	.start = sga_start,
	.stop = sga_stop,
	.detach = sga_detach,
};
