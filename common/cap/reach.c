/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/identity.h"

_Static_assert(REACH_TEXT == INET6_ADDRSTRLEN, "room for each address");

const char *
reach_read(struct reach *r, const char *const *networks)
{
	for (; *networks != NULL; networks++) {
		if (r->n_permitted == NETWORKS_MAX ||
		    !network_parse(slice_of(*networks), &r->permitted[r->n_permitted]))
			return *networks;
		r->n_permitted++;
	}
	return NULL;
}

bool
reach_ok(const struct reach *r, const struct sockaddr *to, char text[REACH_TEXT])
{
	uint8_t address[16];
	unsigned port;
	bool v4;

	text[0] = '\0';
	if (!network_address_of(to, address, &port))
		return false;
	v4 = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)address);
	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + 12 : address, text, REACH_TEXT);
	return network_address_ok(address, r->permitted, r->n_permitted) &&
	       !identity_own_address(r->scl, slice_of(text), port);
}
