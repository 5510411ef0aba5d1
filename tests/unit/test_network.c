/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses lie in a network, and which are of the public Internet. */
#include "config.h"

#include "base/network.h"
#include "suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const char *const inside[] = {
	"0.0.0.0",
	"0.1.2.3",
	"10.0.0.1",
	"100.64.0.1",
	"100.127.255.255",
	"127.0.0.1",
	"127.255.255.254",
	"169.254.169.254",
	"172.16.0.1",
	"172.31.255.255",
	"192.0.0.8",
	"192.0.2.1",
	"192.88.99.1",
	"192.168.0.1",
	"198.18.0.1",
	"198.19.255.255",
	"198.51.100.1",
	"203.0.113.1",
	"224.0.0.1",
	"239.1.2.3",
	"240.0.0.1",
	"255.255.255.255",
	"::",
	"::1",
	"::127.0.0.1",
	"::ffff:127.0.0.1",
	"::ffff:10.0.0.1",
	"::ffff:0.0.0.0",
	"64:ff9b::127.0.0.1",
	"64:ff9b::10.0.0.1",
	"64:ff9b:1::1",
	"100::1",
	"2001::1",
	"2001:db8::1",
	"2002:7f00:1::",
	"3fff::1",
	"fc00::1",
	"fd12::1",
	"fe80::1",
	"fec0::1",
	"ff02::1",
	"ff0e::1",
};

static const char *const outside[] = {
	"1.1.1.1",        "9.255.255.255",    "11.0.0.0",        "100.63.255.255",
	"100.128.0.0",    "126.255.255.255",  "128.0.0.0",       "172.15.255.255",
	"172.32.0.0",     "192.167.255.255",  "192.169.0.0",     "198.17.0.1",
	"198.20.0.0",     "223.255.255.255",  "2606:4700::1111", "2a00:1450::1",
	"::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
};

static bool
ok(const char *address, const char *network)
{
	struct network n;
	uint8_t a[16];

	ck_assert_msg(network_address_parse(slice_of(address), a), "%s", address);
	if (network == NULL)
		return network_address_ok(a, NULL, 0);
	ck_assert(network_parse(slice_of(network), &n));
	return network_address_ok(a, &n, 1);
}

START_TEST(inside_is_refused)
{
	ck_assert_msg(!ok(inside[_i], NULL), "%s", inside[_i]);
}
END_TEST

START_TEST(outside_is_allowed)
{
	ck_assert_msg(ok(outside[_i], NULL), "%s", outside[_i]);
}
END_TEST

START_TEST(networks_can_be_permitted)
{
	ck_assert(ok("10.1.2.3", "10.1.0.0/16"));
	ck_assert(!ok("10.2.2.3", "10.1.0.0/16"));
	ck_assert(ok("::ffff:10.1.2.3", "10.1.0.0/16"));
	ck_assert(ok("127.0.0.1", "127.0.0.1"));
	ck_assert(!ok("127.0.0.2", "127.0.0.1"));
	ck_assert(ok("fd00::5", "fd00::/8"));
	ck_assert(ok("10.129.0.1", "10.128.0.0/9"));
	ck_assert(!ok("10.127.0.1", "10.128.0.0/9"));
	/* Nobody is there. */
	ck_assert(!ok("0.0.0.0", "0.0.0.0/0"));
	ck_assert(!ok("224.0.0.1", "0.0.0.0/0"));
	ck_assert(!ok("255.255.255.255", "0.0.0.0/0"));
	ck_assert(!ok("::", "::/0"));
	ck_assert(!ok("ff02::1", "::/0"));
	ck_assert(ok("::1", "::/0"));
}
END_TEST

static bool
has(const char *network, const char *address)
{
	struct network n;
	uint8_t a[16];

	ck_assert(network_parse(slice_of(network), &n));
	ck_assert(network_address_parse(slice_of(address), a));
	return network_has(&n, a);
}

START_TEST(networks_have_addresses)
{
	ck_assert(has("10.128.0.0/9", "10.255.255.255"));
	ck_assert(!has("10.128.0.0/9", "10.127.255.255"));
	ck_assert(has("192.0.2.7", "192.0.2.7"));
	ck_assert(!has("192.0.2.7", "192.0.2.6"));
	ck_assert(has("192.0.2.0/25", "::ffff:192.0.2.127"));
	ck_assert(!has("192.0.2.0/25", "192.0.2.128"));
	ck_assert(has("0.0.0.0/0", "203.0.113.9"));
	ck_assert(!has("0.0.0.0/0", "2001:db8::1"));
	ck_assert(has("2001:db8::/33", "2001:db8:7fff::1"));
	ck_assert(!has("2001:db8::/33", "2001:db8:8000::1"));
	ck_assert(has("::/0", "203.0.113.9"));
}
END_TEST

START_TEST(what_is_no_network)
{
	static const char *const bad[] = { "",           "/8",         "10.0.0.0/33",
		                           "::/129",     "10.0.0/8",   "a",
		                           "10.0.0.0/",  "10.0.0.0/x", "10.0.0.0/-1",
		                           "1.2.3.4/8/8" };
	struct network n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!network_parse(slice_of(bad[i]), &n), "%s", bad[i]);
}
END_TEST

START_TEST(sockets_have_addresses)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(8443) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
	struct sockaddr other = { .sa_family = AF_UNIX };
	uint8_t a[16], b[16];
	unsigned port;

	inet_pton(AF_INET, "10.1.2.3", &v4.sin_addr);
	ck_assert(network_address_of((const struct sockaddr *)(const void *)&v4, a, &port));
	ck_assert_uint_eq(port, 8443);
	ck_assert(network_address_parse(slice_of("10.1.2.3"), b));
	ck_assert_mem_eq(a, b, 16);
	inet_pton(AF_INET6, "::ffff:10.1.2.3", &v6.sin6_addr);
	ck_assert(network_address_of((const struct sockaddr *)(const void *)&v6, a, &port));
	ck_assert_uint_eq(port, 443);
	ck_assert_mem_eq(a, b, 16);
	/* By a translator as well: that is where it comes out. */
	inet_pton(AF_INET6, "64:ff9b::10.1.2.3", &v6.sin6_addr);
	ck_assert(network_address_of((const struct sockaddr *)(const void *)&v6, a, &port));
	ck_assert_mem_eq(a, b, 16);
	ck_assert(!network_address_of(&other, a, &port));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("network");
	TCase *c = suite_case(s, "address", NULL, NULL);

	tcase_add_loop_test(c, inside_is_refused, 0, sizeof(inside) / sizeof(inside[0]));
	tcase_add_loop_test(c, outside_is_allowed, 0, sizeof(outside) / sizeof(outside[0]));
	tcase_add_test(c, networks_have_addresses);
	tcase_add_test(c, networks_can_be_permitted);
	tcase_add_test(c, what_is_no_network);
	tcase_add_test(c, sockets_have_addresses);
	return run_suite(s);
}
