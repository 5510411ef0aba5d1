/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/proxy.h"

#include "cap/pxy/px.h"

static enum rc
proxy_attach(struct scl *scl, const struct capability_conf *conf, void **state,
             char why[CAPABILITY_WHY_MAX])
{
	struct px *px;
	enum rc rc = px_attach(scl, conf, &px, why);

	*state = px;
	return rc;
}

static enum rc
proxy_start(struct scl *scl, const struct capability_conf *conf, void **state,
            char why[CAPABILITY_WHY_MAX])
{
	(void)scl;
	return *state == NULL ? RC_OK : px_start(*state, conf->base_uri, why);
}

static void
proxy_stop(void *state)
{
	if (state != NULL)
		px_stop(state);
}

static void
proxy_detach(void *state)
{
	if (state != NULL)
		px_detach(state);
}

const struct capability cap_proxy = {
	.name = "proxy",
	.attach = proxy_attach,
	.start = proxy_start,
	.stop = proxy_stop,
	.detach = proxy_detach,
};
