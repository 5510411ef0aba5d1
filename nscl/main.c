/* SPDX-License-Identifier: Apache-2.0 */
/* The network service capability layer. */
#include "config.h"

#include "app/main.h"
#include "cap/peering.h"
#include "cap/proxy.h"
#include "cap/rem.h"
#include "cap/sec/sec.h"
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
static const struct capability *const caps[] = { &cap_rem, &cap_proxy, &cap_peering, NULL };

static const struct options_default defaults[] = {
	{ "store.path", "/var/lib/openscl/nscl" },
	{ "listeners", "( { address = \"127.0.0.1\"; port = 8080; } )" },
	{ "subscription.per_resource", "1000" },
	{ "subscription.total", "100000" },
	{ NULL, NULL },
};

/* The top of the tree registers with nobody but its peers. */
static const char *const absent[] = { "register.nscl", "register.channel", "register.announce_to",
	                              "sga.", NULL };

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
