/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group AKA, octet by octet, against vectors that an independent script has computed: the keys and
 * tags alone, and then as the four roles put them into messages. The totals are those that the cost
 * of the group is counted with.
 */
#include "config.h"

#include "gaka_bed.h"

#define KA_1 "605a0392bcef021c658a8b209b8ed76620b03bccf58f73cf4a9d7bc14223c492"
#define AUTN "49f1b439c52f22a38000559b98b1ad65a064ea51aca0e347c3c7"
#define RES "bc9cd225c172b1908f03b3a125d0085e"
#define HXRES "ada413846b688777da648f1b576ec1e2"
#define KS_1 "3a1be362becb0d94186165c403159573d82530cd4f91d262dca1074ee6a2899e"
#define T6_TAG "bd4917446ad4c6d6f2a62845ffdfdb17"
#define GTK "6d1f5105d56d9498e7707a425284abb2c485b4eeda250ac287e9cee1597e4641"
#define XK_2 "e3a83ff78a8e7360ab5ea6c97466984f67d82004fab3254481aadf1ecadeadce"
#define KAUTH_2 "14606e6466a687a7e7164b25a3a9c35b90996d5d6aa6e6a7cd10cf306f080762"
#define TAG_SN "000ba36798428ba822c8e62ca76c4603"
#define TAG_UE "e36f66e6253b9fc0da87e6810ca5a439"
#define TAG_OK "cbd9e860dd0ae18e2ed65c78fc8c873a"
#define KS_2 "0e086b9a7b092ff347b2ff21aa5601f6d4403a19584b234532fe8dc7eaa54a42"

#define GID "a1a2a3a4a5a6a7a8"
#define ID_1 "01bcad98000000000000000000000001"
#define ID_2 "01bcad98000000000000000000000002"
#define SNID "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"
#define N "22222222222222222222222222222222"
#define NS "33333333333333333333333333333333"
#define M1(id)                                                                                     \
	"4d470101"                                                                                 \
	"00000030" GID id N
#define T4                                                                                         \
	"4d470104"                                                                                 \
	"00000042" RAND_HEX AUTN SNID
#define T5                                                                                         \
	"4d470105"                                                                                 \
	"00000018" RES
#define T6                                                                                         \
	"4d470106"                                                                                 \
	"00000018" T6_TAG
#define T7_HEAD                                                                                    \
	"4d470107"                                                                                 \
	"0000005a" RAND_HEX SNID "0000000000000064"                                                \
	"0010"                                                                                     \
	"0000000000000064" NS
#define T7 T7_HEAD TAG_SN
#define T8                                                                                         \
	"4d470108"                                                                                 \
	"00000018" TAG_UE
#define T9                                                                                         \
	"4d470109"                                                                                 \
	"00000018" TAG_OK

static struct bed bed;

static void
setup(void)
{
	bed_init(&bed);
}

static void
teardown(void)
{
	bed_fini(&bed);
}

/* ---- keys ---- */

START_TEST(full_keys)
{
	struct gaka_rand rand;
	struct gaka_aka a = { &bed.d[0].ka, &rand, &bed.sn[0], 5 };
	struct octets t4 = octets_of(T4), t5 = octets_of(T5);
	uint8_t tag[GAKA_TAG_SIZE], hx[GAKA_TAG_SIZE], autn[GAKA_AUTN_SIZE];
	struct key ks;

	ck_assert(hex_decode(SLICE_LIT(RAND_HEX), rand.v, GAKA_RAND_SIZE));
	expect_octets(bed.d[0].ka.v, KEY_BYTES, KA_1);
	ck_assert_int_eq(gaka_autn(&a, autn), RC_OK);
	expect_octets(autn, sizeof(autn), AUTN);
	ck_assert_int_eq(gaka_mac(&a, tag), RC_OK);
	ck_assert_mem_eq(tag, autn + 10, sizeof(tag));
	ck_assert_int_eq(gaka_res(&a, tag), RC_OK);
	expect_octets(tag, sizeof(tag), RES);
	ck_assert_int_eq(gaka_hxres(&rand, tag, hx), RC_OK);
	expect_octets(hx, sizeof(hx), HXRES);
	ck_assert_int_eq(gaka_ks(&a, &ks), RC_OK);
	expect_octets(ks.v, KEY_BYTES, KS_1);
	ck_assert_int_eq(gaka_aka_ok(&ks, octets_slice(&t4), octets_slice(&t5), tag), RC_OK);
	expect_octets(tag, sizeof(tag), T6_TAG);
	a.sqn = 0;
	ck_assert_int_eq(gaka_autn_open(&a, autn), RC_OK);
	ck_assert_uint_eq(a.sqn, 5);
	autn[9] ^= 1; /* AMF */
	ck_assert_int_eq(gaka_autn_open(&a, autn), RC_DENIED);
	ck_assert_uint_eq(a.sqn, 0);
}
END_TEST

START_TEST(group_keys)
{
	struct gaka_rand rand;
	const struct gaka_part part = { &bed.gid, &rand, &bed.sn[0], 100, 16 };
	struct octets t1 = octets_of(M1(ID_2)), t7 = octets_of(T7), t8 = octets_of(T8);
	const struct gaka_run run = { octets_slice(&t1), octets_slice(&t7), octets_slice(&t8) };
	uint8_t tag[GAKA_TAG_SIZE];
	struct key gtk, xk, kauth, ks;

	ck_assert(hex_decode(SLICE_LIT(RAND_HEX), rand.v, GAKA_RAND_SIZE));
	ck_assert_int_eq(gaka_gtk(&bed.gak, &part, &gtk), RC_OK);
	expect_octets(gtk.v, KEY_BYTES, GTK);
	ck_assert_int_eq(gaka_xk(&bed.d[1].ka, &part, &xk), RC_OK);
	expect_octets(xk.v, KEY_BYTES, XK_2);
	ck_assert_int_eq(gaka_kauth(&gtk, &xk, &kauth), RC_OK);
	expect_octets(kauth.v, KEY_BYTES, KAUTH_2);
	ck_assert_int_eq(gaka_tag_sn(&kauth, &run, tag), RC_OK);
	expect_octets(tag, sizeof(tag), TAG_SN);
	ck_assert_int_eq(gaka_tag_ue(&kauth, &run, tag), RC_OK);
	expect_octets(tag, sizeof(tag), TAG_UE);
	ck_assert_int_eq(gaka_tag_ok(&kauth, &run, tag), RC_OK);
	expect_octets(tag, sizeof(tag), TAG_OK);
	ck_assert_int_eq(gaka_ks_member(&kauth, &run, &ks), RC_OK);
	expect_octets(ks.v, KEY_BYTES, KS_2);
}
END_TEST

/* The key of the session, as it is written down, and that everything in it counts. */
START_TEST(session_key)
{
	struct octets o = octets_of(KS_2);
	struct key ks, a, b;
	uint8_t c[8] = { 0, 0, 0, 0, 0, 0, 0, 100 };

	memcpy(ks.v, o.v, KEY_BYTES);
	ck_assert_int_eq(gaka_psk(&ks, PSK_TLS_1_3, 100, &a), RC_OK);
	ck_assert_int_eq(m2m_expand(&ks, "psk ga3", BED_SLICE(c), b.v, KEY_BYTES), RC_OK);
	ck_assert(key_equal(&a, &b));
	ck_assert_int_eq(gaka_psk(&ks, PSK_TLS_1_2, 100, &b), RC_OK);
	ck_assert(!key_equal(&a, &b));
	ck_assert_int_eq(gaka_psk(&ks, PSK_TLS_1_3, 101, &b), RC_OK);
	ck_assert(!key_equal(&a, &b));
	ck_assert_int_eq(gaka_psk(&ks, (enum psk_tls)1, 100, &b), RC_BAD_REQUEST);
	ck_assert(key_is_zero(&b));
}
END_TEST

/* ---- messages ---- */

START_TEST(full_run)
{
	struct bed_device *d = &bed.d[0];

	bed_t1(&bed, 1);
	expect_octets(d->t1, sizeof(d->t1), M1(ID_1));
	bed_t2_t3(&bed, 1, 0, false);
	bed_t4(&bed, 1, 0);
	expect_octets(d->t4, sizeof(d->t4), T4);
	bed_full(&bed, 1);
	expect_octets(d->t5, sizeof(d->t5), T5);
	expect_octets(d->t6, sizeof(d->t6), T6);
	expect_octets(d->at_ue.ks.v, KEY_BYTES, KS_1);
	/* The number of the session key: SQN as it is concealed. */
	ck_assert_uint_eq(d->at_ue.c, UINT64_C(0x49f1b439c52f22a3));
}
END_TEST

START_TEST(member_run)
{
	struct bed_device *d = &bed.d[1];

	bed_t1(&bed, 1);
	bed_t2_t3(&bed, 1, 0, false);
	bed_t4(&bed, 1, 0);
	bed_t1(&bed, 2);
	expect_octets(d->t1, sizeof(d->t1), M1(ID_2));
	bed_t7(&bed, 2, 0);
	expect_octets(d->t7, sizeof(d->t7), T7);
	bed_member(&bed, 2);
	expect_octets(d->t8, sizeof(d->t8), T8);
	expect_octets(d->t9, sizeof(d->t9), T9);
	expect_octets(d->at_ue.ks.v, KEY_BYTES, KS_2);
	ck_assert_uint_eq(d->at_ue.c, 100);
}
END_TEST

/* What the serving network sends, and what it gets. */
START_TEST(home_messages)
{
	struct gaka_t2 t2 = { .gid = bed.gid, .leader = bed.d[0].id, .sn = bed.sn[0], .w = 16 };
	struct gaka_t10 t10 = { .id = bed.d[0].id, .sn = bed.sn[0], .resync = true };
	uint8_t octets[GAKA_T2_SIZE];
	struct octets xk = octets_of(XK_2);

	memset(t2.n, 0x22, sizeof(t2.n));
	memset(t10.n, 0x22, sizeof(t10.n));
	gaka_t2_write(&t2, octets);
	expect_octets(octets, 68,
	              "4d470102"
	              "00000044" GID ID_1 N SNID "0010"
	              "0000");
	gaka_t10_write(&t10, octets);
	expect_octets(octets, 60,
	              "4d47010a"
	              "0000003c" ID_1 N SNID "0001"
	              "0001");
	bed_t1(&bed, 1);
	bed_t2_t3(&bed, 1, 0, false);
	ck_assert_uint_eq(bed.t3_n, 142 + 56 * (BED_DEVICES - 1));
	expect_octets(bed.t3, 142,
	              "4d470103"
	              "00000136" RAND_HEX AUTN HXRES KS_1 GTK "00000000"
	              "6553ff10"
	              "0010"
	              "0003");
	expect_octets(bed.t3 + 142, 24, ID_2 "0000000000000064");
	ck_assert_mem_eq(bed.t3 + 166, xk.v, KEY_BYTES);
	ck_assert_uint_eq(bed.d[1].iv, 116);
	ck_assert_uint_eq(bed.d[0].iv, 100);
	ck_assert_uint_eq(bed.d[0].sqn, 5);
}
END_TEST

/* The price of n attaches, in messages and octets of the home network. */
START_TEST(cost)
{
	static const struct {
		unsigned n, conventional, group;
	} rows[] = { { 1, 166, 210 },   { 2, 332, 266 },    { 5, 830, 434 },
		     { 10, 1660, 714 }, { 50, 8300, 2954 }, { 100, 16600, 5754 } };

	for (unsigned i = 0; i < NITEMS(rows); i++) {
		ck_assert_uint_eq(rows[i].n * (GAKA_T10_SIZE + GAKA_T11_SIZE),
		                  rows[i].conventional);
		ck_assert_uint_eq(GAKA_T2_SIZE + GAKA_T3_SIZE(rows[i].n - 1), rows[i].group);
	}
	ck_assert_uint_eq(GAKA_T1_SIZE + GAKA_T4_SIZE + 2 * GAKA_SHORT_SIZE, 162);
	ck_assert_uint_eq(GAKA_T1_SIZE + GAKA_T7_SIZE + 2 * GAKA_SHORT_SIZE, 186);
}
END_TEST

static Suite *
vectors_suite(void)
{
	Suite *s = suite_create("gaka_vectors");
	TCase *c = suite_case(s, "vectors", setup, teardown);

	tcase_add_test(c, full_keys);
	tcase_add_test(c, group_keys);
	tcase_add_test(c, session_key);
	tcase_add_test(c, full_run);
	tcase_add_test(c, member_run);
	tcase_add_test(c, home_messages);
	tcase_add_test(c, cost);
	return s;
}

int
main(void)
{
	return run_suite(vectors_suite());
}
