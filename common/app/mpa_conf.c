/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/mpa_conf.h"

#include "app/scl_conf.h"

#define US_PER_MS INT64_C(1000)

/* NULL for the absent string. */
static const char *
some(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

void
mpa_conf_fill(struct mpa_conf *conf, const struct profile *profile, const struct options *o)
{
	const struct options_mpa *m = &o->mpa;

	*conf = (struct mpa_conf){
		.enabled = m->enabled,
		.engine = scl_conf_engine(profile, o),
		.key = some(m->key),
		.servers_max = (unsigned)m->servers_max,
		.warrants_max = (unsigned)m->warrants_max,
		.warrant_time = m->warrant_time_ms * US_PER_MS,
		.contact_time = m->contact_timeout_ms * US_PER_MS,
		.attempts_max = (unsigned)m->attempts_max,
		.attempt_time = m->attempt_time_ms * US_PER_MS,
		.sessions_max = (unsigned)m->sessions_max,
		.session_time = m->session_time_ms * US_PER_MS,
		.chains_max = (unsigned)m->chains_max,
		.forward = m->forward,
		.decisions_max = (unsigned)m->decisions_max,
		.gateway = some(m->gateway),
		.attach = some(m->attach),
		.server_key = some(m->server_key),
		.network_key = some(m->network_key),
		.require_decision = m->require_decision,
		.check_interval = m->check_interval_ms * US_PER_MS,
		.retry_first = m->retry_first_ms * US_PER_MS,
		.retry_max = m->retry_max_ms * US_PER_MS,
	};
}
