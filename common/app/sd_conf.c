/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/sd_conf.h"

#include "app/scl_conf.h"

#define US_PER_MS INT64_C(1000)

/* NULL for the absent string. */
static const char *
some(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

void
sd_conf_fill(struct sd_conf *conf, const struct profile *profile, const struct options *o)
{
	const struct options_sd *s = &o->sd;

	*conf = (struct sd_conf){
		.enabled = s->enabled,
		.engine = scl_conf_engine(profile, o),
		.threads = (unsigned)s->threads,
		.devices_max = (unsigned)s->devices_max,
		.waiting_max = (unsigned)s->waiting_max,
		.verify = s->verify,
		.bundle_max = (unsigned)s->bundle_max,
		.bundle_wait = s->bundle_wait_ms * US_PER_MS,
		.keep = s->keep_ms * US_PER_MS,
		.key_ttl = s->key_ttl_ms * US_PER_MS,
		.policy = (enum sd_policy)s->policy,
		.octet_cost = (unsigned)s->octet_cost,
		.round_time = s->round_time_ms * US_PER_MS,
		.pending_max = (unsigned)s->pending_max,
		.gateway = some(s->gateway),
		.container = some(s->container),
		.queue_max = (unsigned)s->queue_max,
		.retry_first = s->retry_first_ms * US_PER_MS,
		.retry_max = s->retry_max_ms * US_PER_MS,
	};
}
