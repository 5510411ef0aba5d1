/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/proxy_conf.h"

#include "app/scl_conf.h"
#include "base/arena.h"

#define US_PER_MS INT64_C(1000)

/* NULL for the absent string. */
static const char *
some(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

/* list, or alone when it is empty (NULL: nothing), with a NULL at its end. */
static const char *const *
list_of(struct arena *a, const struct options_strings *list, const char *alone)
{
	const char **v = ARENA_ARRAY(a, const char *, list->n + 2);

	for (size_t i = 0; v != NULL && i < list->n; i++)
		v[i] = list->v[i];
	if (v != NULL && list->n == 0)
		v[0] = alone;
	return v;
}

static void
fill_store(struct proxy_conf_store *c, const struct options_proxy *o)
{
	*c = (struct proxy_conf_store){
		.enabled = o->enabled,
		.capacity = (uint64_t)o->capacity,
		.message_max = (uint32_t)o->message_max,
		.batch_bytes = (uint32_t)o->batch_bytes,
		.stores_max = (unsigned)o->stores_max,
		.stores_per_owner = (unsigned)o->stores_per_owner,
		.streams_max = (unsigned)o->streams_max,
		.forwards_max = (unsigned)o->forwards_max,
		.sinks_max = (unsigned)o->sinks_max,
		.keys_max = (unsigned)o->keys_max,
		.ttl_max = o->ttl_max_ms * US_PER_MS,
		.monitor_interval = o->monitor_interval_ms * US_PER_MS,
		.watchers_max = (unsigned)o->watchers_max,
		.grants = (unsigned)o->grants,
		.in_flight = (unsigned)o->in_flight,
		.rate = (uint64_t)o->rate,
	};
}

static void
fill_udp(struct proxy_conf_udp *c, const struct options_proxy *o)
{
	*c = (struct proxy_conf_udp){
		.address = some(o->udp_address),
		.port = (unsigned)o->udp_port,
		.unit_max = (size_t)o->udp_max,
		.held = (size_t)o->udp_held,
	};
}

static void
fill_sink(struct proxy_conf_sink *c, const struct options_proxy *o, struct arena *a)
{
	struct proxy_source_conf *v = ARENA_ARRAY(a, struct proxy_source_conf, o->sources.n + 1);

	for (size_t i = 0; v != NULL && i < o->sources.n; i++)
		v[i] = (struct proxy_source_conf){ o->sources.v[i].url, o->sources.v[i].scl,
			                           o->sources.v[i].key };
	*c = (struct proxy_conf_sink){
		.sources = v,
		.n_sources = o->sources.n,
		.inbox_waiting = (unsigned)o->inbox_waiting,
		.inbox_octets = (size_t)o->inbox_octets,
		.apply_window = (unsigned)o->apply_window,
		.apply_limit = o->apply_limit_ms * US_PER_MS,
		.archive = o->archive,
	};
}

static const struct proxy_sink_conf *
sinks_of(const struct options_proxy *o, struct arena *a)
{
	struct proxy_sink_conf *v = ARENA_ARRAY(a, struct proxy_sink_conf, o->sinks.n + 1);

	for (size_t i = 0; v != NULL && i < o->sinks.n; i++)
		v[i] = (struct proxy_sink_conf){ o->sinks.v[i].name, o->sinks.v[i].url,
			                         o->sinks.v[i].key,
			                         some(o->sinks.v[i].destination) };
	return v;
}

static void
fill_source(struct proxy_conf_source *c, const struct options_proxy *o, struct arena *a)
{
	static const enum proxy_park parks[] = { [OPTIONS_PARK_FULL] = PROXY_PARK_FULL,
		                                 [OPTIONS_PARK_DOWN] = PROXY_PARK_DOWN,
		                                 [OPTIONS_PARK_ALWAYS] = PROXY_PARK_ALWAYS };

	*c = (struct proxy_conf_source){
		.enabled = o->source,
		.proxies = list_of(a, &o->proxies, NULL),
		.discover = list_of(a, &o->discover, NULL),
		.sinks = sinks_of(o, a),
		.n_sinks = o->sinks.n,
		.uplink_key = some(o->uplink_key),
		.rigid_rcat = list_of(a, &o->rigid_rcat, "RCAT_0"),
		.min_delay = o->min_delay_ms * US_PER_MS,
		.park = parks[o->park],
		.park_level = (unsigned)o->park_level,
		.park_after = o->park_after_ms * US_PER_MS,
		.destinations = (unsigned)o->destinations,
		.reserve = (uint64_t)o->reserve,
		.store_ttl = o->store_ttl_ms * US_PER_MS,
		.epoch_sections = (unsigned)o->epoch_sections,
		.section_messages = (unsigned)o->section_messages,
		.section_time = o->section_time_ms * US_PER_MS,
		.sign_data = o->sign_data,
		.cid = (uint16_t)o->cid,
		.parked_max = (uint64_t)o->parked_max,
		.drain = o->drain == OPTIONS_DRAIN_ACKNOWLEDGED ? PROXY_DRAIN_ACKNOWLEDGED
		                                                : PROXY_DRAIN_APPLIED,
	};
}

void
proxy_conf_fill(struct proxy_conf *conf, const struct profile *profile, const struct options *o,
                struct arena *a)
{
	const struct options_proxy *p = &o->proxy;

	*conf = (struct proxy_conf){
		.engine = scl_conf_engine(profile, o),
		.kek_file = some(p->kek_file),
		.identity = some(p->identity),
		.managers = list_of(a, &p->managers, NULL),
		.ca_file = some(p->ca_file),
		.certificate = some(p->certificate),
		.key = some(p->key),
		.namespace_host = p->namespace_host,
		.allow_clear = p->allow_clear,
		.threads = (unsigned)p->threads,
		.send_timeout_ms = (unsigned)p->send_timeout_ms,
		.retry_first = p->retry_first_ms * US_PER_MS,
		.retry_max = p->retry_max_ms * US_PER_MS,
	};
	if (conf->engine != NULL && conf->engine != &store_memory)
		conf->state = some(o->store.path);
	fill_store(&conf->store, p);
	fill_udp(&conf->udp, p);
	fill_sink(&conf->sink, p, a);
	fill_source(&conf->source, p, a);
}
