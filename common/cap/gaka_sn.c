/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/gaka_sn.h"

#include "cap/gaka/gaka_sn.h"

static enum rc
attach(struct scl *scl, const struct capability_conf *conf, void **state,
       char why[CAPABILITY_WHY_MAX])
{
	struct gaka_sn *s;
	enum rc rc = gaka_sn_attach(scl, conf, &s, why);

	*state = s;
	return rc;
}

static enum rc
start(struct scl *scl, const struct capability_conf *conf, void **state,
      char why[CAPABILITY_WHY_MAX])
{
	(void)scl;
	(void)conf;
	(void)why;
	if (*state != NULL)
		gaka_sn_start(*state);
	return RC_OK;
}

static void
stop(void *state)
{
	if (state != NULL)
		gaka_sn_stop(state);
}

static void
detach(void *state)
{
	if (state != NULL)
		gaka_sn_detach(state);
}

const struct capability cap_gaka_sn = {
	.name = "gaka-sn",
	.attach = attach,
	.start = start,
	.stop = stop,
	.detach = detach,
};
