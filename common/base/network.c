/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define V4(a, b, c, d, bits)                                                                       \
	{                                                                                          \
		{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d }, 96 + (bits)              \
	}

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Where nobody can be, whatever is permitted. */
static const struct network never[] = {
	V4(0, 0, 0, 0, 8), V4(224, 0, 0, 0, 4), V4(255, 255, 255, 255, 32),
	{ { 0 }, 128 },    { { 0xff }, 8 },
};

/* The registry of IPv4: what is not global, with documentation and benchmarks. */
static const struct network special[] = {
	V4(10, 0, 0, 0, 8),
	V4(100, 64, 0, 0, 10),
	V4(127, 0, 0, 0, 8),
	V4(169, 254, 0, 0, 16),
	V4(172, 16, 0, 0, 12),
	V4(192, 0, 0, 0, 24),
	V4(192, 0, 2, 0, 24),
	V4(192, 31, 196, 0, 24),
	V4(192, 52, 193, 0, 24),
	V4(192, 88, 99, 0, 24),
	V4(192, 168, 0, 0, 16),
	V4(192, 175, 48, 0, 24),
	V4(198, 18, 0, 0, 15),
	V4(198, 51, 100, 0, 24),
	V4(203, 0, 113, 0, 24),
	V4(240, 0, 0, 0, 4),
	/* IPv6 within 2000::/3, of which all else is global: IETF protocols (Teredo among them),
	 * documentation, 6to4, which leads to an IPv4 address. */
	{ { 0x20, 0x01, 0x00 }, 23 },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },
	{ { 0x20, 0x02 }, 16 },
	{ { 0x3f, 0xff }, 20 },
	{ { 0x26, 0x20, 0x00, 0x4f, 0x80 }, 48 },
};

static const struct network global_v6 = { { 0x20 }, 3 };
static const struct network all_v4 = V4(0, 0, 0, 0, 0);
/* IPv4 behind a translator (RFC 6052). */
static const struct network translated = { { 0x00, 0x64, 0xff, 0x9b }, 96 };

bool
network_has(const struct network *n, const uint8_t address[16])
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;

	if (memcmp(address, n->address, whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ n->address[whole]) >> (8 - rest)) == 0;
}

static bool
is_in_any(const uint8_t a[16], const struct network *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (network_has(&v[i], a))
			return true;
	return false;
}

/* The IPv4 address that a translator makes of it, if it does. */
static void
translate(uint8_t a[16])
{
	if (network_has(&translated, a))
		memcpy(a, mapped, sizeof(mapped));
}

bool
network_address_ok(const uint8_t address[16], const struct network *permitted, unsigned n)
{
	uint8_t a[16];

	memcpy(a, address, sizeof(a));
	translate(a);
	if (is_in_any(a, never, NITEMS(never)))
		return false;
	if (is_in_any(a, permitted, n))
		return true;
	if (!network_has(&all_v4, a) && !network_has(&global_v6, a))
		return false;
	return !is_in_any(a, special, NITEMS(special));
}

bool
network_address_parse(struct slice text, uint8_t out[16])
{
	char s[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof(s) || memchr(text.p, '\0', text.n) != NULL)
		return false;
	memcpy(s, text.p, text.n);
	s[text.n] = '\0';
	memcpy(out, mapped, sizeof(mapped));
	return inet_pton(AF_INET, s, out + sizeof(mapped)) == 1 || inet_pton(AF_INET6, s, out) == 1;
}

bool
network_parse(struct slice text, struct network *out)
{
	struct slice rest = text, address = SLICE_NONE;
	uint64_t bits = 0;
	unsigned skipped;

	slice_split(&rest, '/', &address);
	if (!network_address_parse(address, out->address))
		return false;
	skipped = memchr(address.p, ':', address.n) == NULL ? 96 : 0;
	out->bits = 128;
	if (rest.p == NULL)
		return true;
	if (rest.n == 0 || rest.n > 3 || !slice_number(rest, 128 - skipped, &bits))
		return false;
	out->bits = skipped + (unsigned)bits;
	return true;
}

bool
network_address_of(const struct sockaddr *sa, uint8_t out[16], unsigned *port)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		memcpy(out, mapped, sizeof(mapped));
		memcpy(out + sizeof(mapped), &v4.sin_addr, 4);
		*port = ntohs(v4.sin_port);
		return true;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&v6, sa, sizeof(v6));
	memcpy(out, &v6.sin6_addr, 16);
	translate(out);
	*port = ntohs(v6.sin6_port);
	return true;
}
