/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks of IP, and the addresses that nothing is sent to on the word of another: those that are
 * not of the public Internet (RFC 6890 and the registries of special-purpose addresses), in IPv4, in
 * IPv6, and as IPv4 within IPv6. Pure functions; any thread.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include "base/slice.h"

#include <stdint.h>

struct sockaddr; /* <sys/socket.h> */

#define NETWORKS_MAX 64u

/* Of IPv4 in the last 4 of 16 octets, after ::ffff:0:0/96. */
struct network {
	uint8_t address[16];
	unsigned bits;
};

/* "address/bits" or "address"; false: it is none. */
bool network_parse(struct slice text, struct network *out);
/* Whether address lies in n. */
bool network_has(const struct network *n, const uint8_t address[16]);
/* An address that stands in a URL, an IPv6 one without its brackets; false: it is none. */
bool network_address_parse(struct slice text, uint8_t out[16]);
/*
 * The same of a socket, as IPv4 where a translator (RFC 6052) makes that of it; *port in host order.
 * False: another family.
 */
bool network_address_of(const struct sockaddr *sa, uint8_t out[16], unsigned *port);
/*
 * True when something may be sent there: it is an address of the public Internet, or in one of the
 * networks that are permitted. Never the unspecified, multicast or broadcast address.
 */
bool network_address_ok(const uint8_t address[16], const struct network *permitted, unsigned n);

#endif
