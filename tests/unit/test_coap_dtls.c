/* SPDX-License-Identifier: Apache-2.0 */
/* DTLS of the CoAP server with pre-shared keys. */
#include "config.h"

#include "suite.h"

#include "cdtls_bed.h"

/* How long something is awaited that does not come. */
#define SILENCE_US (CLOCK_SECOND / 2)

START_TEST(test_psk)
{
	struct client c = { .identity = IDENTITY, .key = 'k' };

	cdtls_bed_start();
	ck_assert(connects(&c));
	ck_assert_int_eq(ask(&c), 0x45);
	ck_assert_int_eq(identity.peer.kind, PEER_PSK);
	ck_assert(slice_eq(identity.peer.psk_identity, SLICE_LIT(IDENTITY)));
	ck_assert(slice_eq(identity.peer.address, SLICE_LIT("127.0.0.1")));
	ck_assert(identity.peer.loopback);
	ck_assert_uint_eq(identity.peer.tls_version, 0x0303);
	check_exporter(&c);
	/* Asked for one cookie, not for two. */
	ck_assert_uint_eq(front_counts(front)->verified, 1);
	ck_assert_uint_eq(begun, 1);
	ck_assert_str_eq(SSL_get_cipher_name(c.tls), "ECDHE-PSK-CHACHA20-POLY1305");
	ck_assert(front_proved(peer, clock_monotonic()));
	/* A key that was revoked ends it. */
	ck_assert(cdtls_stands(&identity));
	key_stands = false;
	ck_assert(!cdtls_stands(&identity));
	client_end(&c);
	/* What is known outlives the session. */
	cdtls_bed_stop();
}
END_TEST

/* Each fails in silence, and as late as the others. */
static const struct {
	const char *identity;
	char key;
	unsigned finds;
} wrong[] = {
	{ IDENTITY, 'w', 1 },
	{ "mc2.0000000000000000", 'k', 1 },
	/* What stands in place of the key that is not there cannot be guessed. */
	{ "with\ttab", '\0', 0 },
	{ "with\ttab", 'k', 0 },
	{ "12345678901234567890123456789012345678901234567890123456789012345", 'k', 0 },
};

START_TEST(test_psk_wrong)
{
	struct client c = { .identity = wrong[_i].identity, .key = wrong[_i].key };

	cdtls_bed_start();
	client_socket(&c);
	client_tls(&c);
	ck_assert(!shake(&c, SILENCE_US));
	ck_assert(!c.failed);
	ck_assert_uint_eq(finds, wrong[_i].finds);
	ck_assert_uint_eq(begun, 1);
	ck_assert(!cdtls_current(&identity));
	ck_assert(cdtls_stands(&identity));
	client_end(&c);
}
END_TEST

static const struct {
	const char *suites;
	bool allow;
	bool connects;
} suites[] = {
	{ "ECDHE-PSK-AES128-CBC-SHA256", false, true },
	{ "PSK-AES128-CCM8", false, false },
	{ "PSK-AES128-CCM8", true, true },
	{ "PSK-AES128-GCM-SHA256", true, true },
	{ "PSK-AES128-CBC-SHA256", true, false },
	{ "ECDHE-PSK-NULL-SHA256:@SECLEVEL=0", true, false },
	{ "PSK-NULL-SHA256:@SECLEVEL=0", true, false },
};

START_TEST(test_suites)
{
	struct client c = { .identity = IDENTITY, .key = 'k', .suites = suites[_i].suites };

	conf.allow_non_pfs = suites[_i].allow;
	cdtls_bed_start();
	ck_assert_msg(connects(&c) == suites[_i].connects, "%s", suites[_i].suites);
	ck_assert(c.failed != suites[_i].connects);
	client_end(&c);
}
END_TEST

START_TEST(test_no_master)
{
	struct client c = { .identity = IDENTITY, .key = 'k', .no_master = true };

	cdtls_bed_start();
	ck_assert(connects(&c));
	ck_assert_int_eq(ask(&c), 0x45);
	ck_assert_int_eq(exported, RC_DENIED);
	client_end(&c);
}
END_TEST

/* A client that has forgotten its session has the same port again. */
START_TEST(test_again)
{
	struct client c = { .identity = IDENTITY, .key = 'k' };

	cdtls_bed_start();
	ck_assert(connects(&c));
	ck_assert_int_eq(ask(&c), 0x45);
	client_drop_tls(&c);
	client_tls(&c);
	ck_assert(shake(&c, WAIT_US));
	ck_assert_uint_eq(begun, 2);
	ck_assert_int_eq(ask(&c), 0x45);
	check_exporter(&c);
	client_end(&c);
}
END_TEST

/* Many at a time, each with the context that libcoap made ahead. */
START_TEST(test_several)
{
	struct client c[4];

	cdtls_bed_start();
	for (size_t i = 0; i < 4; i++) {
		c[i] = (struct client){ .identity = IDENTITY, .key = 'k' };
		ck_assert(connects(&c[i]));
		ck_assert_int_eq(ask(&c[i]), 0x45);
	}
	for (size_t i = 0; i < 4; i++)
		client_end(&c[i]);
}
END_TEST

/* The server shows no certificate to who has one only, and the other way round. */
START_TEST(test_no_certificate)
{
	struct client c = { .suites = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256" };

	cdtls_bed_start();
	ck_assert(!connects(&c));
	ck_assert(c.failed);
	client_end(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_dtls");
	TCase *tc = suite_case(s, "psk", cdtls_bed_begin, cdtls_bed_end);

	tcase_add_test(tc, test_psk);
	tcase_add_loop_test(tc, test_psk_wrong, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_loop_test(tc, test_suites, 0, (int)(sizeof(suites) / sizeof(suites[0])));
	tcase_add_test(tc, test_no_master);
	tcase_add_test(tc, test_again);
	tcase_add_test(tc, test_several);
	tcase_add_test(tc, test_no_certificate);
	return run_suite(s);
}
