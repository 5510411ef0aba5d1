/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway service capability layer. */
#include "config.h"

#include "app/main.h"
#include "cap/gaka_sn.h"
#include "cap/mpa.h"
#include "cap/proxy.h"
#include "cap/registrar.h"
#include "cap/rem.h"
#include "cap/sd/sd_gateway.h"
#include "cap/sec/sec.h"
#include "cap/sga.h"
#include "cap/trigger.h"
#include "core/port.h"
#include "store/store.h"

static const struct store_ops *const stores[] = {
	&store_lmdb,
	&store_memory,
	NULL,
};

static const struct port_ops *const ports[] = { &port_http, &port_coap, NULL };
static const struct capability *const caps[] = { &cap_rem,          &cap_proxy,     &cap_sga,
	                                         &cap_gaka_sn,      &cap_mpa_ap,    &cap_sd_gateway,
	                                         &cap_trigger_take, &cap_registrar, NULL };

static const struct options_default defaults[] = {
	{ "store.path", "/var/lib/openscl/gscl" },
	{ "listeners", "( { address = \"127.0.0.1\"; port = 8181; } )" },
	{ NULL, NULL },
};

/* Only network SCLs have peers; the devices of an SGA are others. */
static const char *const absent[] = {
	"edge.",
	"peers",
	"sga.servers",
	"sga.peers",
	"sga.accept_any",
	"sga.applications",
	"sga.poll_wait",
	"sga.joined_max",
	"sga.queue",
	"sga.inbox",
	"sga.session_records",
	"gaka.attach",
	"gaka.check_interval",
	"gaka.gateway",
	"gaka.groups",
	"gaka.keys_interval",
	"gaka.retry",
	"mpa.servers_max",
	"mpa.warrant",
	"mpa.contact_timeout",
	"mpa.gateway",
	"mpa.attach",
	"mpa.server_key",
	"mpa.network_key",
	"mpa.require_decision",
	"mpa.check_interval",
	"sd.devices_max",
	"sd.waiting_max",
	"sd.gateway",
	"sd.container",
	"sd.queue_max",
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
	NULL,
};

static const struct profile profile = {
	.name = "gscl",
	.role = ROLE_GSCL,
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
