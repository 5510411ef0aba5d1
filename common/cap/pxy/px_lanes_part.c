/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarder as a part of the capability, and as others see it. */
#include "config.h"

#include <stdlib.h>

#include "cap/pxy/px_grants.h"
#include "cap/pxy/px_lanes_own.h"
#include "sec/credential.h"

bool
px_lanes_look(struct px_lanes *all, uint64_t store, uint64_t forward, uint32_t sink,
              struct px_lane_look *out)
{
	const struct px_driven *d;

	pthread_mutex_lock(&all->lock);
	d = px_lanes_find(all, store, forward, sink);
	if (d != NULL)
		*out = (struct px_lane_look){ .state = d->shown.state,
			                      .waits_for = d->shown.waits_for,
			                      .refused = d->shown.refused,
			                      .failures = d->shown.failures,
			                      .speed =
			                              px_lane_speed(&d->shown, clock_monotonic()) };
	pthread_mutex_unlock(&all->lock);
	return d != NULL;
}

/* ---- the part ---- */

/* For those that are not registered here. NULL in *out: nothing is configured for them. */
static enum rc
make_credential(const struct proxy_conf *c, struct credential **out)
{
	const struct credential_files files = { .ca = c->ca_file,
		                                .certificate = c->certificate,
		                                .key = c->key };

	*out = NULL;
	if (c->ca_file == NULL && c->certificate == NULL)
		return RC_OK;
	*out = credential_certificate(&files);
	return *out == NULL ? RC_UNAVAILABLE : RC_OK;
}

static void
lanes_free(struct px_lanes *all)
{
	while (all->every != NULL)
		px_driven_free(all->every);
	px_grants_free(all->grants);
	credential_unref(all->credential);
	pthread_cond_destroy(&all->idle);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

static enum rc
lanes_attach(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	struct px_lanes *all = calloc(1, sizeof(*all));
	enum rc rc;

	(void)why;
	if (all == NULL)
		return RC_UNAVAILABLE;
	all->px = px;
	all->conf = (struct px_lane_conf){ .retry_first = px->conf->retry_first,
		                           .retry_max = px->conf->retry_max };
	all->task.run = px_lanes_work;
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->idle, NULL);
	px_places_init(all, px->conf->store.in_flight);
	rc = px_grants_new(px->conf->store.grants, &all->grants);
	if (rc == RC_OK)
		rc = make_credential(px->conf, &all->credential);
	if (rc == RC_OK)
		px->lanes = all;
	else
		lanes_free(all);
	return rc;
}

static enum rc
lanes_start(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	(void)why;
	px->lanes->hints.all = true;
	scl_post(px->scl, &px->lanes->task, 0);
	return RC_OK;
}

static void
lanes_stop(struct px *px)
{
	atomic_store(&px->lanes->stopping, true);
}

/* The pool and the scl are over; the book may still have operations of lanes. */
static void
lanes_detach(struct px *px)
{
	struct px_lanes *all = px->lanes;

	pthread_mutex_lock(&all->lock);
	while (all->ops > 0)
		pthread_cond_wait(&all->idle, &all->lock);
	pthread_mutex_unlock(&all->lock);
	px->lanes = NULL;
	lanes_free(all);
}

const struct px_part px_part_lanes = {
	.name = "lanes",
	.roles = PX_PROXY,
	.attach = lanes_attach,
	.start = lanes_start,
	.stop = lanes_stop,
	.detach = lanes_detach,
	.told = px_lanes_told,
};
