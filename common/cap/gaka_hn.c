/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/gaka_hn.h"

#include <stdlib.h>

#include "cap/gaka/gaka_sn.h"
#include "cap/gaka/home.h"
#include "cap/sec_access.h"

/* An NSCL reaches the home network for its gateways, and is a serving network itself. */
struct both {
	struct gaka_home *home;
	struct gaka_sn *sn;
};

static void
hn_detach(void *state)
{
	struct both *b = state;

	if (b == NULL)
		return;
	if (b->sn != NULL)
		gaka_sn_detach(b->sn);
	if (b->home != NULL)
		gaka_home_detach(b->home);
	free(b);
}

static enum rc
hn_attach(struct scl *scl, const struct capability_conf *conf, void **state,
          char why[CAPABILITY_WHY_MAX])
{
	struct both *b;
	enum rc rc;

	*state = NULL;
	if (!conf->gaka.enabled || conf->sec->mas == NULL)
		return RC_OK;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return RC_UNAVAILABLE;
	rc = gaka_home_attach(scl, conf, &b->home, why);
	if (rc == RC_OK)
		rc = gaka_sn_attach(scl, conf, &b->sn, why);
	if (rc != RC_OK) {
		hn_detach(b);
		return rc;
	}
	gaka_home_devices(b->home, gaka_sn_endpoint(b->sn));
	*state = b;
	return RC_OK;
}

static enum rc
hn_start(struct scl *scl, const struct capability_conf *conf, void **state,
         char why[CAPABILITY_WHY_MAX])
{
	struct both *b = *state;

	(void)scl;
	(void)conf;
	(void)why;
	if (b != NULL) {
		gaka_home_start(b->home);
		gaka_sn_start(b->sn);
	}
	return RC_OK;
}

static void
hn_stop(void *state)
{
	struct both *b = state;

	if (b != NULL) {
		gaka_sn_stop(b->sn);
		gaka_home_stop(b->home);
	}
}

const struct capability cap_gaka_hn = {
	.name = "gaka-hn",
	.attach = hn_attach,
	.start = hn_start,
	.stop = hn_stop,
	.detach = hn_detach,
};
