/* SPDX-License-Identifier: Apache-2.0 */
/* The device service capability layer. */
#include "config.h"

#include "app/main.h"
#include "cap/gaka_ue.h"
#include "cap/mpa_device.h"
#include "cap/registrar.h"
#include "cap/rem.h"
#include "cap/sd/sd_device.h"
#include "cap/sec/sec.h"
#include "cap/sga_device.h"
#include "cap/trigger.h"
#include "core/port.h"
#include "store/store.h"

static const struct store_ops *const stores[] = {
	&store_lmdb,
	&store_memory,
	NULL,
};

static const struct port_ops *const ports[] = { &port_http, &port_coap, NULL };
static const struct capability *const caps[] = { &cap_rem,          &cap_sga_device,
	                                         &cap_gaka_ue,      &cap_mpa_device,
	                                         &cap_trigger_take, &cap_sd_device,
	                                         &cap_registrar,    NULL };

static const struct options_default defaults[] = {
	{ "store.path", "/var/lib/openscl/dscl" },
	{ "listeners", "( { address = \"127.0.0.1\"; port = 8282; } )" },
	{ "http.max_connections", "512" },
	{ "http.max_connections_per_address", "256" },
	{ "client.max_exchanges", "128" },
	{ "limits.pending_requests", "1024" },
	{ "limits.queue_max", "512" },
	{ "cache.containers", "1024" },
	{ NULL, NULL },
};

/*
 * Only network SCLs have peers; a device neither stores for others nor parks, nor is it
 * the server of an SGA.
 */
static const char *const absent[] = { "edge.",
	                              "peers",
	                              "proxy.",
	                              "sga.suites",
	                              "sga.group",
	                              "sga.cipher_policy",
	                              "sga.managers",
	                              "sga.devices_max",
	                              "sga.sessions_max",
	                              "sga.members_max",
	                              "sga.token",
	                              "sga.half_open",
	                              "sga.replays_max",
	                              "sga.mailbox",
	                              "sga.bytes_max",
	                              "sga.item_ttl",
	                              "sga.rotate",
	                              "sga.waiters_max",
	                              "sga.push_places",
	                              "sga.failures",
	                              "gaka.window",
	                              "gaka.sets_max",
	                              "gaka.members_max",
	                              "gaka.attempt",
	                              "gaka.sessions_max",
	                              "mpa.servers_max",
	                              "mpa.warrant",
	                              "mpa.contact_timeout",
	                              "mpa.attempt",
	                              "mpa.sessions_max",
	                              "mpa.chains_max",
	                              "mpa.forward",
	                              "mpa.decisions_max",
	                              "sd.threads",
	                              "sd.devices_max",
	                              "sd.waiting_max",
	                              "sd.verify",
	                              "sd.bundle",
	                              "sd.keep",
	                              "sd.key_ttl",
	                              "sd.policy",
	                              "sd.octet_cost",
	                              "sd.round_time",
	                              "sd.pending_max",
	                              "geo.enabled",
	                              "geo.nodes_max",
	                              "geo.hold",
	                              "geo.access_right",
	                              "trigger.contact",
	                              "trigger.lifetime",
	                              "trigger.retry",
	                              "trigger.rate",
	                              "trigger.pending_max",
	                              "trigger.networks",
	                              NULL };

static const struct profile profile = {
	.name = "dscl",
	.role = ROLE_DSCL,
	.stores = stores,
	.ports = ports,
	.caps = caps,
	.sec = &sec_node,
	.defaults = defaults,
	.absent_options = absent,
};

int
main(int argc, char **argv)
{
	return scl_main(&profile, argc, argv);
}
