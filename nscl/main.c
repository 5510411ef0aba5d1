/* SPDX-License-Identifier: Apache-2.0 */
/* The network service capability layer. */
#include "config.h"

#include "app/main.h"
#include "cap/edge.h"
#include "cap/gaka_hn.h"
#include "cap/geo.h"
#include "cap/mpa.h"
#include "cap/peering.h"
#include "cap/proxy.h"
#include "cap/rem.h"
#include "cap/sd.h"
#include "cap/sec/sec.h"
#include "cap/trigger.h"
#include "core/port.h"
#include "store/store.h"

static const struct store_ops *const stores[] = {
	&store_lmdb,
	&store_memory,
#ifdef HAVE_ROCKSDB
	&store_rocksdb,
#endif
	NULL,
};

static const struct port_ops *const ports[] = { &port_http, &port_coap, NULL };
static const struct capability *const caps[] = { &cap_rem,   &cap_edge,         &cap_geo,
	                                         &cap_proxy, &cap_gaka_hn,      &cap_mpa_cn,
	                                         &cap_sd,    &cap_trigger_send, &cap_peering,
	                                         NULL };

static const struct options_default defaults[] = {
	{ "store.path", "/var/lib/openscl/nscl" },
	{ "listeners", "( { address = \"127.0.0.1\"; port = 8080; } )" },
	{ "subscription.per_resource", "1000" },
	{ "subscription.total", "100000" },
	{ NULL, NULL },
};

/* The top of the tree registers with nobody but its peers. */
static const char *const absent[] = { "register.nscl",
	                              "register.channel",
	                              "register.announce_to",
	                              "register.on_trigger",
	                              "sga.",
	                              "gaka.attach",
	                              "gaka.check_interval",
	                              "gaka.gateway",
	                              "gaka.groups",
	                              "gaka.keys_interval",
	                              "gaka.retry",
	                              "mpa.attempt",
	                              "mpa.session",
	                              "mpa.chains_max",
	                              "mpa.forward",
	                              "mpa.decisions_max",
	                              "mpa.gateway",
	                              "mpa.attach",
	                              "mpa.server_key",
	                              "mpa.network_key",
	                              "mpa.require_decision",
	                              "mpa.check_interval",
	                              "mpa.retry",
	                              "sd.verify",
	                              "sd.bundle",
	                              "sd.keep",
	                              "sd.key_ttl",
	                              "sd.policy",
	                              "sd.octet_cost",
	                              "sd.round_time",
	                              "sd.pending_max",
	                              "sd.gateway",
	                              "sd.container",
	                              "sd.queue_max",
	                              "sd.retry",
	                              "geo.source",
	                              "trigger.listen",
	                              "trigger.uri",
	                              "trigger.max",
	                              NULL };

static const struct profile profile = {
	.name = "nscl",
	.role = ROLE_NSCL,
	.stores = stores,
	.ports = ports,
	.caps = caps,
	.sec = &sec_network,
	.defaults = defaults,
	.absent_options = absent,
};

int
main(int argc, char **argv)
{
	return scl_main(&profile, argc, argv);
}
