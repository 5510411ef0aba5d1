/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the security layer: nodes, SCLs, connections, and PSK identities of them. */
#include "config.h"

#include "key_bed.h"
#include "sec/psk_id.h"

/* ---- names ---- */

START_TEST(node_ids_are_made)
{
	struct node_id a, b;
	char text[NODE_ID_TEXT];

	ck_assert_uint_eq(node_id_make(SLICE_LIT("sp1.example"), &a), RC_OK);
	ck_assert_uint_eq(node_id_make(SLICE_LIT("sp1.example"), &b), RC_OK);
	ck_assert(node_id_ok(&a) && node_id_ok(&b) && !node_id_eq(&a, &b));
	node_id_text(&a, text);
	ck_assert_int_eq(strncmp(text, "01bcad98", 8), 0);
	ck_assert(node_id_parse(slice_of(text), &b) && node_id_eq(&a, &b));
	ck_assert_uint_eq(node_id_make(SLICE_NONE, &a), RC_BAD_REQUEST);
	ck_assert_uint_eq(node_id_make(SLICE_LIT("sp 1"), &a), RC_BAD_REQUEST);
	ck_assert_uint_eq(node_id_make(SLICE_LIT("sp\xc3\xa4"), &a), RC_BAD_REQUEST);
}
END_TEST

static const struct {
	const char *text;
	bool parses, ok;
} node_ids[] = {
	{ NODE, true, true },
	{ "01BCAD980102030405060708090A0B0C", true, true },
	{ "02bcad980102030405060708090a0b0c", true, false },
	{ "00bcad980102030405060708090a0b0c", true, false },
	{ "01bcad98000000000000000000000000", true, false },
	{ "01bcad98ffffffffffffffffffffffff", true, false },
	{ "01bcad98000000000000000000000001", true, true },
	{ "01bcad98fffffffffffffffffffffffe", true, true },
	{ "01bcad980102030405060708090a0b0", false, false },
	{ "01bcad980102030405060708090a0b0c0d", false, false },
	{ "01bcad980102030405060708090a0b0g", false, false },
	{ "", false, false },
};

START_TEST(node_ids_are_checked)
{
	struct node_id id;

	ck_assert_int_eq(node_id_parse(slice_of(node_ids[_i].text), &id), node_ids[_i].parses);
	if (node_ids[_i].parses)
		ck_assert_int_eq(node_id_ok(&id), node_ids[_i].ok);
}
END_TEST

START_TEST(scl_ids_are_checked)
{
	static const char *const good[] = {
		"g", "gscl-0102", NODE, "A.b_c~d-", "-", "SCLS", "scl", "mas1",
	};
	static const char *const bad[] = {
		"", ".", ".a", "a/b", "a b", "a%20", "\xc3\xa4", "scls", "applications", "containers",
		"groups", "accessRights", "subscriptions", "discovery", "msbf", "mas", "sga", "proxy", "a:b",
	};
	char long_id[SCL_ID_MAX + 2];

	for (size_t i = 0; i < NITEMS(good); i++)
		ck_assert_msg(scl_id_ok(slice_of(good[i])), "%s", good[i]);
	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_msg(!scl_id_ok(slice_of(bad[i])), "%s", bad[i]);
	memset(long_id, 'a', sizeof(long_id));
	ck_assert(scl_id_ok(slice_make(long_id, SCL_ID_MAX)));
	ck_assert(!scl_id_ok(slice_make(long_id, SCL_ID_MAX + 1)));
	ck_assert(!scl_id_ok(slice_make("a\0b", 3)));
}
END_TEST

START_TEST(connection_ids)
{
	static const char *const bad_hex[] = { "", "0", "0000000000000000", "112233445566778",
		                                   "11223344556677889", "112233445566778G",
		                                   "AA22334455667788", " 122334455667788" };
	static const char *const bad_decimal[] = { "", "0", "01", "-1", "+1", " 1", "1 ", "1x",
		                                       "18446744073709551616", "99999999999999999999",
		                                       "100000000000000000000" };
	char hex[CONN_ID_HEX];
	uint64_t id, other;

	ck_assert_uint_eq(conn_id_make(&id), RC_OK);
	ck_assert_uint_eq(conn_id_make(&other), RC_OK);
	ck_assert(id != 0 && id != other);
	conn_id_hex(CONNECTION, hex);
	ck_assert_str_eq(hex, "1122334455667788");
	ck_assert(conn_id_parse_hex(slice_of(hex), &id) && id == CONNECTION);
	ck_assert(conn_id_parse_decimal(SLICE_LIT("1234605616436508552"), &id) && id == CONNECTION);
	ck_assert(conn_id_parse_decimal(SLICE_LIT("18446744073709551615"), &id) && id == UINT64_MAX);
	for (size_t i = 0; i < NITEMS(bad_hex); i++)
		ck_assert_msg(!conn_id_parse_hex(slice_of(bad_hex[i]), &id), "%s", bad_hex[i]);
	for (size_t i = 0; i < NITEMS(bad_decimal); i++)
		ck_assert_msg(!conn_id_parse_decimal(slice_of(bad_decimal[i]), &id), "%s", bad_decimal[i]);
}
END_TEST

/* ---- PSK identities ---- */

static const struct {
	const char *text;
	enum psk_kind kind;
	enum psk_tls tls;
	uint32_t index;
} identities[] = {
	{ "mr3." NODE ".1", PSK_MR, PSK_TLS_1_3, 1 },
	{ "mr2." NODE ".4294967295", PSK_MR, PSK_TLS_1_2, UINT32_MAX },
	{ "mc3.1122334455667788.1", PSK_MC, PSK_TLS_1_3, 1 },
	{ "mc2.1122334455667788.10", PSK_MC, PSK_TLS_1_2, 10 },
	{ "mn3.1122334455667788.1", PSK_MN, PSK_TLS_1_3, 1 },
	{ "mn2.1122334455667788.7", PSK_MN, PSK_TLS_1_2, 7 },
	{ "ma3.1122334455667788.7f617789285a8bb3.1", PSK_MA, PSK_TLS_1_3, 1 },
	{ "ma2.1122334455667788.7f617789285a8bb3.4294967295", PSK_MA, PSK_TLS_1_2, UINT32_MAX },
	{ "ga3.1122334455667788." NODE, PSK_GA, PSK_TLS_1_3, 0 },
	{ "ga2.0000000000000000." NODE, PSK_GA, PSK_TLS_1_2, 0 },
	{ "mp3.7f617789285a8bb31122334455667788", PSK_MP, PSK_TLS_1_3, 0 },
	{ "mp2.00000000000000000000000000000000", PSK_MP, PSK_TLS_1_2, 0 },
};

START_TEST(identities_are_read_and_written)
{
	static const uint8_t app[] = { 0x7f, 0x61, 0x77, 0x89, 0x28, 0x5a, 0x8b, 0xb3 };
	static const uint8_t gid[] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	static const uint8_t zero[PSK_TRANSCRIPT_BYTES];
	struct psk_id id;
	const struct node_id node = the_node();
	char text[PSK_ID_TEXT];
	bool tls13 = identities[_i].tls == PSK_TLS_1_3;

	ck_assert(psk_id_parse(slice_of(identities[_i].text), &id));
	ck_assert_uint_eq(id.kind, identities[_i].kind);
	ck_assert_uint_eq(id.tls, identities[_i].tls);
	ck_assert_uint_eq(id.index, identities[_i].index);
	ck_assert(node_id_eq(&id.node, &node) == (id.kind == PSK_MR || id.kind == PSK_GA));
	ck_assert((id.connection == CONNECTION) ==
	          (id.kind == PSK_MC || id.kind == PSK_MN || id.kind == PSK_MA));
	if (id.kind == PSK_MA || (id.kind == PSK_MP && tls13))
		ck_assert_mem_eq(id.kind == PSK_MA ? id.app : id.th, app, sizeof(app));
	ck_assert((memcmp(id.gid, gid, sizeof(gid)) == 0) == (id.kind == PSK_GA && tls13));
	ck_assert((memcmp(id.th, zero, sizeof(zero)) != 0) == (id.kind == PSK_MP && tls13));
	ck_assert_uint_eq(psk_id_format(&id, text), strlen(identities[_i].text));
	ck_assert_str_eq(text, identities[_i].text);
}
END_TEST

/* Nothing shorter and nothing longer than an identity is one, and no other octet in it. */
START_TEST(identities_have_one_spelling)
{
	char text[PSK_ID_TEXT + 1];
	struct psk_id id;
	size_t n = strlen(identities[_i].text), index = n;

	memcpy(text, identities[_i].text, n + 1);
	while (text[index - 1] != '.')
		index--;
	for (size_t i = 0; i <= index; i++)
		ck_assert(!psk_id_parse(slice_make(text, i), &id));
	for (size_t at = 0; at < n; at++)
		for (int c = 0; c < 256; c++) {
			char was = text[at];
			char again[PSK_ID_TEXT];

			text[at] = (char)c;
			/* Another identity, maybe; never the same one spelled in another way. */
			if (psk_id_parse(slice_make(text, n), &id)) {
				ck_assert_uint_eq(psk_id_format(&id, again), n);
				ck_assert_mem_eq(again, text, n);
			}
			text[at] = was;
		}
	for (int c = 0; c < 256; c++) {
		if (c >= '0' && c <= '9')
			continue;
		text[n] = (char)c;
		ck_assert(!psk_id_parse(slice_make(text, n + 1), &id));
	}
}
END_TEST

START_TEST(identities_refuse)
{
	static const char *const bad[] = {
		"", ".", "mr3", "mr3.", "mr3." NODE, "mr3." NODE ".", "mr3." NODE ".0", "mr3." NODE ".01",
		"mr3." NODE ".4294967296", "mr3." NODE ".99999999999", "mr3." NODE ".1.", "mr3." NODE ".1.1",
		"mr3." NODE "..1", "mr3." NODE ".+1", "mr3." NODE ".1a", "mr1." NODE ".1", "mr4." NODE ".1",
		"mr." NODE ".1", "mr3" NODE ".1", "MR3." NODE ".1", "mr3.01BCAD980102030405060708090a0b0c.1",
		"mr3.01bcad980102030405060708090a0b0.1", "mr3.01bcad980102030405060708090a0b0c0d.1",
		"mr3.01bcad980102030405060708090a0b0g.1", " mr3." NODE ".1", "mr3." NODE ".1 ",
		"mr33." NODE ".1", "mc3.0000000000000000.1", "mc3.112233445566778.1",
		"mc3.11223344556677889.1", "mc3.1122334455667788.7f617789285a8bb3.1", "mc3." NODE ".1",
		"ma3.1122334455667788.1", "ma3.1122334455667788.7f617789285a8bb.1",
		"ma3.1122334455667788.7f617789285a8bb3.1.1", "ma3.1122334455667788.7f617789285a8bb3.0",
		"ga3.1122334455667788", "ga3.1122334455667788.", "ga3." NODE, "ga3." NODE ".1122334455667788",
		"ga3.112233445566778." NODE, "ga3.1122334455667788." NODE ".1", "ga4.1122334455667788." NODE,
		"ga3.112233445566778A." NODE, "mp3." NODE ".1", "mp3.01bcad980102030405060708090a0b",
		"mp3." NODE "0d", "mp1." NODE, "mp3.", "pb3.11223344.1",
		"3GPP-bootstrapping;x@bsf.example", "mx3.1122334455667788.1", "mr3,1122334455667788,1",
	};
	const struct psk_id none = { .index = 0 };
	struct psk_id id;
	char long_text[PSK_ID_MAX + 2];

	for (size_t i = 0; i < NITEMS(bad); i++) {
		memset(&id, 0xff, sizeof(id));
		ck_assert_msg(!psk_id_parse(slice_of(bad[i]), &id), "%s", bad[i]);
		ck_assert(id.index == none.index && id.connection == 0 && id.node.v[0] == 0);
	}
	ck_assert(!psk_id_parse(slice_make("mr3." NODE ".1\0x", 4 + 32 + 4), &id));
	memset(long_text, '1', sizeof(long_text));
	memcpy(long_text, "mr3." NODE ".", 37);
	ck_assert(!psk_id_parse(slice_make(long_text, sizeof(long_text)), &id));
	ck_assert(!psk_id_parse(SLICE_NONE, &id));
}
END_TEST

START_TEST(identities_that_cannot_be_written)
{
	const struct psk_id bad[] = {
		{ .kind = PSK_KINDS, .tls = PSK_TLS_1_3, .index = 1, .connection = 1 },
		{ .kind = PSK_MC, .tls = PSK_TLS_1_3, .index = 0, .connection = 1 },
		{ .kind = PSK_MC, .tls = PSK_TLS_1_3, .index = 1, .connection = 0 },
		{ .kind = PSK_MC, .tls = (enum psk_tls)1, .index = 1, .connection = 1 },
		{ .kind = PSK_MR, .tls = PSK_TLS_1_3, .index = 0, .connection = 1 },
		{ .kind = PSK_GA, .tls = (enum psk_tls)4 },
	};
	char text[PSK_ID_TEXT];

	for (size_t i = 0; i < NITEMS(bad); i++) {
		ck_assert_uint_eq(psk_id_format(&bad[i], text), 0);
		ck_assert_str_eq(text, "");
	}
}
END_TEST

START_TEST(dummy_keys)
{
	static char huge[30000];
	const struct key server = the_kmr();
	struct key a, b;

	/* openssl mac -digest SHA256 -macopt hexkey:0001..1f HMAC of "m2m1 dummyx" */
	expect_key(psk_dummy(&server, SLICE_LIT("x"), &a), &a,
	           "71e797d707615abc17a29104710f1bfb7b1f84227eafaa0025d96df5db602d97");
	ck_assert_uint_eq(psk_dummy(&server, SLICE_LIT("y"), &b), RC_OK);
	ck_assert(!key_equal(&a, &b));
	ck_assert_uint_eq(psk_dummy(&server, SLICE_NONE, &b), RC_OK);
	ck_assert(!key_is_zero(&b));
	ck_assert_uint_eq(psk_dummy(&server, slice_make(huge, sizeof(huge)), &b), RC_OK);
	ck_assert(!key_is_zero(&b));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_psk_id");
	TCase *c = suite_case(s, "names", NULL, NULL);

	tcase_add_test(c, node_ids_are_made);
	tcase_add_loop_test(c, node_ids_are_checked, 0, NITEMS(node_ids));
	tcase_add_test(c, scl_ids_are_checked);
	tcase_add_test(c, connection_ids);
	c = suite_case(s, "identities", NULL, NULL);
	tcase_add_loop_test(c, identities_are_read_and_written, 0, NITEMS(identities));
	tcase_add_loop_test(c, identities_have_one_spelling, 0, NITEMS(identities));
	tcase_add_test(c, identities_refuse);
	tcase_add_test(c, identities_that_cannot_be_written);
	tcase_add_test(c, dummy_keys);
	return run_suite(s);
}
