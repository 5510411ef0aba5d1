/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/edge.h"

#include "cap/edge/edge.h"

static enum rc
cap_edge_attach(struct scl *scl, const struct capability_conf *conf, void **state,
                char why[CAPABILITY_WHY_MAX])
{
	struct edge *e = NULL;
	enum rc rc = RC_OK;

	if (conf->edge.enabled)
		rc = edge_open(&conf->edge, &clock_system, conf->log, scl, conf->edge_seat, &e,
		               why);
	*state = e;
	return rc;
}

static enum rc
cap_edge_start(struct scl *scl, const struct capability_conf *conf, void **state,
               char why[CAPABILITY_WHY_MAX])
{
	(void)scl;
	(void)conf;
	(void)state;
	(void)why;
	return RC_OK;
}

static void
cap_edge_stop(void *state)
{
	edge_stop(state);
}

static void
cap_edge_detach(void *state)
{
	edge_close(state);
}

const struct capability cap_edge = {
	.name = "edge",
	.governs = true,
	.attach = cap_edge_attach,
	.start = cap_edge_start,
	.stop = cap_edge_stop,
	.detach = cap_edge_detach,
};
