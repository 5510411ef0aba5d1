/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/scl_conf.h"

#include "app/proxy_conf.h"
#include "app/gaka_conf.h"
#include "app/mpa_conf.h"
#include "app/sd_conf.h"
#include "app/edge_conf.h"
#include "app/geo_conf.h"
#include "app/sga_conf.h"
#include "app/trigger_conf.h"
#include "base/arena.h"

#define US_PER_MS INT64_C(1000)

/* The options have the flags in the order of the schema, as the core counts them. */
_Static_assert(OPTIONS_READ == 1u << FLAG_READ && OPTIONS_WRITE == 1u << FLAG_WRITE &&
                       OPTIONS_DISCOVER == 1u << FLAG_DISCOVER &&
                       OPTIONS_DELETE == 1u << FLAG_DELETE && OPTIONS_CREATE == 1u << FLAG_CREATE,
               "flags of options and core differ");

static enum scl_type
type_of(enum role role)
{
	static const enum scl_type types[] = { [ROLE_NSCL] = SCL_NSCL, [ROLE_GSCL] = SCL_GSCL,
		                               [ROLE_DSCL] = SCL_DSCL };

	return types[role];
}

/* NULL for the absent string. */
static const char *
some(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

/* list with a NULL at its end, in a; NULL when a is exhausted. */
static const char *const *
ended(struct arena *a, const struct options_strings *list)
{
	const char **v = ARENA_ARRAY(a, const char *, list->n + 1);

	for (size_t i = 0; v != NULL && i < list->n; i++)
		v[i] = list->v[i];
	return v;
}

static const struct scl_permission *
permissions(struct arena *a, const struct options_permissions *list)
{
	struct scl_permission *v = ARENA_ARRAY(a, struct scl_permission, list->n + 1);

	for (size_t i = 0; v != NULL && i < list->n; i++) {
		const struct options_permission *p = &list->v[i];

		v[i] = (struct scl_permission){
			.id = p->id,
			.flags = p->flags,
			.all = p->holders.all,
			.applications = ended(a, &p->holders.applications),
			.scls = ended(a, &p->holders.scls),
			.domains = ended(a, &p->holders.domains),
			.refs = ended(a, &p->holders.refs),
		};
	}
	return v;
}

static const struct scl_access_right *
access_rights(struct arena *a, const struct options *o)
{
	struct scl_access_right *v = ARENA_ARRAY(a, struct scl_access_right, o->access_rights.n + 1);

	for (size_t i = 0; v != NULL && i < o->access_rights.n; i++) {
		const struct options_access_right *r = &o->access_rights.v[i];

		v[i] = (struct scl_access_right){
			.id = r->id,
			.permissions = permissions(a, &r->permissions),
			.n_permissions = r->permissions.n,
			.self_permissions = permissions(a, &r->self_permissions),
			.n_self_permissions = r->self_permissions.n,
		};
	}
	return v;
}

static const struct scl_peer *
peers(struct arena *a, const struct options *o)
{
	struct scl_peer *v = ARENA_ARRAY(a, struct scl_peer, o->peers.n + 1);

	for (size_t i = 0; v != NULL && i < o->peers.n; i++)
		v[i] = (struct scl_peer){ o->peers.v[i].uri, some(o->peers.v[i].public_domain),
			                  some(o->peers.v[i].scl_id) };
	return v;
}

static void
fill_requests(struct scl_conf *conf, const struct options *o)
{
	conf->document = (struct codec_limits){
		.depth = (unsigned)o->limits.depth,
		.nodes = (unsigned)o->limits.nodes,
		.attributes = (unsigned)o->limits.attributes,
		.text = (size_t)o->limits.text_max,
	};
	conf->body_max = (size_t)o->limits.body_max;
	conf->answer_max = (size_t)o->limits.answer_max_bytes;
	conf->collection_max = (unsigned)o->limits.collection_max;
	conf->discovery_max = (unsigned)o->limits.discovery_max;
	conf->instances_max = (unsigned)o->limits.instances_per_answer;
	conf->id_max = (size_t)o->limits.id_max;
	conf->notify_timeout_ms = (unsigned)o->client.notify_timeout_ms;
	conf->forward_timeout_ms = (unsigned)o->client.forward_timeout_ms;
}

static void
fill_resources(struct scl_conf *conf, const struct options *o)
{
	conf->lifetime = (struct scl_limit){ o->lifetime.default_ms * US_PER_MS,
		                             o->lifetime.min_ms * US_PER_MS,
		                             o->lifetime.max_ms * US_PER_MS };
	conf->scl_lifetime = o->lifetime.scl_default_ms * US_PER_MS;
	conf->instances = (struct scl_limit){ o->container.max_nr_default, o->container.max_nr_min,
		                              o->container.max_nr_max };
	conf->bytes = (struct scl_limit){ o->container.max_bytes_default, o->container.max_bytes_min,
		                          o->container.max_bytes_max };
	conf->age = (struct scl_limit){ o->container.max_age_default_ms * US_PER_MS,
		                        o->container.max_age_min_ms * US_PER_MS,
		                        o->container.max_age_max_ms * US_PER_MS };
}

static void
fill_subscriptions(struct scl_conf *conf, const struct options *o)
{
	conf->subscriptions_per_resource = (unsigned)o->subscription.per_resource;
	conf->subscriptions_total = (unsigned)o->subscription.total;
	conf->outbox_max = (uint64_t)o->subscription.outbox_max;
	conf->notify_instances = (unsigned)o->subscription.batch_instances;
	conf->notify_bytes = (size_t)o->subscription.batch_bytes;
	conf->retry_first = o->subscription.retry_first_ms * US_PER_MS;
	conf->retry_max = o->subscription.retry_max_ms * US_PER_MS;
	conf->tries = (unsigned)o->subscription.tries;
}

static void
fill_groups(struct scl_conf *conf, const struct options *o)
{
	conf->group_members_max = (unsigned)o->group.members_max;
	conf->group_parallel = (unsigned)o->group.parallel;
	conf->group_fanouts_max = (unsigned)o->group.requests_max;
	conf->group_calls_max = (unsigned)o->group.calls_max;
	conf->group_member_timeout_ms = (unsigned)o->group.member_timeout_ms;
	conf->group_timeout_ms = (unsigned)o->group.timeout_ms;
	conf->aggregation_wait = o->group.aggregation_wait_ms * US_PER_MS;
	conf->aggregation_max = (unsigned)o->group.aggregation_max;
}

static void
fill_channels(struct scl_conf *conf, const struct options *o)
{
	conf->poll_hold = o->channel.hold_ms * US_PER_MS;
	conf->polls_max = (unsigned)o->channel.polls_max;
	conf->channels_max = (unsigned)o->channel.per_parent;
	conf->channel_queue = (unsigned)o->channel.queue_max;
	conf->channel_bytes = (size_t)o->channel.queue_bytes;
	conf->channels_bytes = (size_t)o->channel.total_bytes;
}

static void
fill_saf(struct scl_conf *conf, const struct options *o)
{
	conf->saf.requests_max = (unsigned)o->saf.requests_max;
	conf->saf.octets_max = (size_t)o->saf.octets_max;
	conf->saf.waiting_max = (unsigned)o->saf.waiting_max;
	conf->saf.lifetime = o->saf.lifetime_ms * US_PER_MS;
	conf->saf.linger = o->saf.linger_ms * US_PER_MS;
	conf->saf.retry_first = o->saf.retry_first_ms * US_PER_MS;
	conf->saf.retry_max = o->saf.retry_max_ms * US_PER_MS;
}

static void
fill_management(struct scl_conf *conf, const struct options *o)
{
	conf->mgmt_instance_lifetime = o->rem.exec_lifetime_ms * US_PER_MS;
	conf->mgmt_instances_max = (unsigned)o->rem.exec_max;
	conf->mgmt_orders_max = (unsigned)o->rem.orders_max;
}

void
scl_conf_limits(struct scl_conf *conf, const struct options *o)
{
	fill_management(conf, o);
	conf->announce_scls = (unsigned)o->announce.max_scls;
	fill_requests(conf, o);
	fill_resources(conf, o);
	fill_subscriptions(conf, o);
	fill_saf(conf, o);
	fill_channels(conf, o);
	fill_groups(conf, o);
}

bool
scl_conf_fill(struct scl_conf *conf, enum role role, const struct options *o, struct arena *a)
{
	*conf = (struct scl_conf){
		.id = o->scl.id,
		.base = o->scl.base,
		.role = type_of(role),
		.search_strings = ended(a, &o->scl.search_strings),
		.public_domain = some(o->scl.public_domain),
		.nscl_release = o->register_at.release,
		.access_rights = access_rights(a, o),
		.n_access_rights = o->access_rights.n,
		.default_access_right = some(o->default_access_right),
		.tolerate_unordered = o->scl.tolerate_unordered,
		.trailing_slash = o->scl.trailing_slash,
		.announce_to = ended(a, &o->announce.to),
		.peers = peers(a, o),
		.n_peers = o->peers.n,
		.arena_max = (size_t)o->limits.arena_max,
		.pending_max = (unsigned)o->limits.pending_requests,
		.queue_max = (unsigned)o->limits.queue_max,
		.batch_max = (unsigned)o->limits.batch_max,
	};
	conf->saf.networks = ended(a, &o->saf.access_networks);
	scl_conf_limits(conf, o);
	return !arena_failed(a);
}

void
scl_conf_port(struct port_conf *port, const struct options *o)
{
	*port = (struct port_conf){
		.max_exchanges = (unsigned)o->client.max_exchanges,
		.max_connections_per_host = (unsigned)o->client.max_connections_per_host,
		.connect_timeout_ms = (unsigned)o->client.connect_timeout_ms,
		.ca_file = some(o->client.ca),
		.cert_file = some(o->client.certificate),
		.key_file = some(o->client.key),
		.user_agent = PACKAGE_NAME "/" PACKAGE_VERSION,
	};
}

/* NULL for the empty list. */
static const char *const *
some_list(struct arena *a, const struct options_strings *list)
{
	return list->n == 0 ? NULL : ended(a, list);
}

/* NULL when nothing can be kept: the engine memory forgets everything. */
static const char *
management_state(const struct options *o, struct arena *a)
{
	if (o->rem.state[0] != '\0')
		return o->rem.state;
	return strcmp(o->store.engine, store_memory.name) == 0
	               ? NULL
	               : arena_printf(a, "%s/rem", o->store.path).p;
}

static void
fill_rem(struct capability_rem *rem, const struct options *o, struct arena *a)
{
	rem->enabled = o->rem.enabled;
	rem->version = PACKAGE_VERSION;
	rem->refresh_us = o->rem.refresh_ms * US_PER_MS;
	rem->managers = some_list(a, &o->rem.managers);
	rem->state = management_state(o, a);
	rem->package_key = some(o->rem.package_key);
	rem->package_max = (uint64_t)o->rem.package_max;
	rem->command_timeout_ms = (unsigned)o->rem.command_timeout_ms;
	rem->download_timeout_ms = (unsigned)o->rem.download_timeout_ms;
	rem->firmware.directory = some(o->rem.firmware_directory);
	rem->firmware.command = some_list(a, &o->rem.firmware_command);
	rem->software.directory = some(o->rem.software_directory);
	rem->software.command = some_list(a, &o->rem.software_command);
	rem->reboot_command = some_list(a, &o->rem.reboot_command);
	rem->factory_reset = o->rem.factory_reset;
	rem->log_bytes = (size_t)o->rem.log_bytes;
	rem->system_log = some(o->rem.system_log);
}

bool
scl_conf_capability(struct capability_conf *conf, const struct profile *profile,
                    const struct options *o, struct arena *a)
{
	conf->role = type_of(profile->role);
	conf->scl_id = o->scl.id;
	conf->base = o->scl.base;
	conf->nscl = ended(a, &o->register_at.nscl);
	conf->lifetime_us = o->register_at.lifetime_ms * US_PER_MS;
	conf->retry_us = o->register_at.retry_ms * US_PER_MS;
	conf->retry_max_us = o->register_at.retry_max_ms * US_PER_MS;
	conf->channel = o->register_at.channel;
	conf->on_trigger = o->register_at.on_trigger;
	conf->search_strings = ended(a, &o->register_at.search_strings);
	conf->announce_to = ended(a, &o->register_at.announce_to);
	conf->peers = peers(a, o);
	conf->n_peers = o->peers.n;
	conf->mgmt_protocol = o->register_at.mgmt_protocol;
	conf->nscl_release = o->register_at.release;
	fill_rem(&conf->rem, o, a);
	conf->rem.signed_only = conf->role != SCL_NSCL && o->config.require &&
	                        o->config.key[0] != '\0';
	proxy_conf_fill(&conf->proxy, profile, o, a);
	sga_conf_fill(&conf->sga, profile, o, a);
	gaka_conf_fill(&conf->gaka, profile, o, a);
	mpa_conf_fill(&conf->mpa, profile, o);
	sd_conf_fill(&conf->sd, profile, o);
	edge_conf_fill(&conf->edge, profile, o, a);
	trigger_conf_fill(&conf->trigger, o, a);
	geo_conf_fill(&conf->geo, profile, o);
	return !arena_failed(a);
}

void
scl_conf_reached(struct capability_conf *conf, const struct options *o, const char *base_uri)
{
	const char *contact = some(o->register_at.contact_uri);

	conf->base_uri = base_uri;
	conf->contact_uri = contact != NULL ? contact : base_uri;
}

const struct store_ops *
scl_conf_engine(const struct profile *profile, const struct options *o)
{
	for (const struct store_ops *const *ops = profile->stores; *ops != NULL; ops++)
		if (strcmp((*ops)->name, o->store.engine) == 0)
			return *ops;
	return NULL;
}

void
scl_conf_repo(struct repo_conf *conf, const struct store_ops *ops, const struct options *o)
{
	*conf = (struct repo_conf){
		.ops = ops,
		.store = {
			.path = ops == &store_memory ? NULL : o->store.path,
			.max_bytes = (uint64_t)o->store.max_bytes,
			.cache_bytes = (uint64_t)o->store.cache_bytes,
			.write_buffer_bytes = (uint64_t)o->store.write_buffer_bytes,
			.max_readers = (unsigned)o->store.max_readers,
		},
		.cached_sequences = (unsigned)o->cache.containers,
		.arena_max = (size_t)o->limits.arena_max,
		.clock = &clock_system,
	};
}
