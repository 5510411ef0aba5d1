/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams that come to m2m-sink (cap/pxy/px_udp.h), under keys that its proxies have been told by
 * the source. Each is one unit, which goes the way of those that come by requests.
 */
#ifndef CLI_SINK_UDP_H
#define CLI_SINK_UDP_H

#include "cap/pxy/px_inbox.h"
#include "cli/sink_args.h"

#define SINK_UDP_IDS 64u /* lanes that are remembered of each key */

struct sink_udp;

struct sink_udp_conf {
	const struct sink_address *address;
	const char *const *key_files; /* 32 octets, or 64 hexadecimal digits each, mode 0600 */
	size_t n_keys; /* 1..SINK_UDP_KEYS_MAX */
	struct px_inbox *inbox; /* has started; until sink_udp_free */
};

/* On failure one line is in why. */
enum rc sink_udp_start(const struct sink_udp_conf *conf, struct sink_udp **out, char why[256]);
unsigned sink_udp_port(const struct sink_udp *u);
/* Takes nothing more; before px_inbox_stop. NULL is fine. */
void sink_udp_stop(struct sink_udp *u);
/* Waits for what is under way in the inbox, which ends by itself. NULL is fine. */
void sink_udp_free(struct sink_udp *u);

#endif
