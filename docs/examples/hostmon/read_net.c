/* SPDX-License-Identifier: Apache-2.0 */
#include "hostmon/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostmon/text.h"

#define INTERFACES_MAX	32

/* Counters since boot of an interface, or summed. */
struct traffic {
	uint64_t rx_bytes, rx_packets, tx_bytes, tx_packets;
};

static void
add_traffic(struct json_object *out, const struct traffic *t)
{
	json_put_count(out, "rx_bytes", t->rx_bytes);
	json_put_count(out, "rx_packets", t->rx_packets);
	json_put_count(out, "tx_bytes", t->tx_bytes);
	json_put_count(out, "tx_packets", t->tx_packets);
}

/* "  eth0: bytes packets errs drop fifo frame compressed multicast bytes packets ..." */
static bool
parse_interface(const char *line, char name[64], struct traffic *t)
{
	return sscanf(line, " %63[^:]: %" SCNu64 " %" SCNu64 " %*u %*u %*u %*u %*u %*u %" SCNu64
	    " %" SCNu64, name, &t->rx_bytes, &t->rx_packets, &t->tx_bytes, &t->tx_packets) == 5;
}

/* The loopback is listed but not summed: what goes through it never leaves the machine. */
static bool
add_interface(struct json_object *interfaces, const char *line, struct traffic *sum)
{
	struct json_object *interface;
	struct traffic t;
	char name[64];

	if (!parse_interface(line, name, &t))
		return false;
	text_clean(name);
	interface = json_object_new_object();
	add_traffic(interface, &t);
	json_object_object_add(interfaces, name, interface);
	if (strcmp(name, "lo") == 0)
		return true;
	sum->rx_bytes += t.rx_bytes;
	sum->rx_packets += t.rx_packets;
	sum->tx_bytes += t.tx_bytes;
	sum->tx_packets += t.tx_packets;
	return true;
}

/* The value is the number of bytes received and sent since boot. */
bool
read_network(struct machine *m, struct json_object *out)
{
	struct traffic sum = { 0 };
	struct json_object *interfaces;
	char *text, *cursor, *line;
	unsigned int n = 0;

	(void)m;
	text = text_load("/proc/net/dev");
	if (text == NULL)
		return false;
	interfaces = json_object_new_object();
	cursor = text;
	while (n < INTERFACES_MAX && (line = text_line(&cursor)) != NULL)
		n += add_interface(interfaces, line, &sum);
	free(text);
	json_put_count(out, "value", sum.rx_bytes + sum.tx_bytes);
	add_traffic(out, &sum);
	json_object_object_add(out, "interfaces", interfaces);
	return n > 0;
}
