/* SPDX-License-Identifier: Apache-2.0 */
/* The serving network: what forged T1 may cost the home network, and what is full. */
#include "config.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/be.h"
#include "gaka_sn_bed.h"
#include "suite.h"

static struct snb b;
static const struct gaka_gid nobody;

static void
teardown(void)
{
	snb_fini(&b);
}

static void
begin(unsigned devices)
{
	snb_init(&b, devices);
	snb_start(&b);
}

/* A T1 that anybody may have made. */
static struct snb_said
forged(uint64_t gid, uint64_t id)
{
	struct gaka_t1 t1 = { .n = { 1 } };
	uint8_t octets[GAKA_T1_SIZE];

	be_put(t1.gid.v, gid, 8);
	be_put(t1.id.v, id, 8);
	gaka_t1_write(&t1, octets);
	return snb_say(&b, BASE "/gaka", slice_make(octets, sizeof(octets)));
}

static unsigned
asked(void)
{
	return b.n_t2 + b.n_t10;
}

/* ---- how often it asks ---- */

START_TEST(strangers)
{
	snb_init(&b, 5);
	b.conf.gaka.sets_max = 1000;
	snb_start(&b);
	for (uint64_t i = 1; i <= 200; i++)
		(void)forged(i, i);
	ck_assert_uint_eq(asked(), SN_STRANGERS);
	/* Not before the home network has forgotten them as well. */
	snb_pass(&b, 65);
	for (uint64_t i = 1; i <= 200; i++)
		(void)forged(i, i);
	ck_assert_uint_eq(asked(), SN_STRANGERS);
	snb_pass(&b, 1);
	/* A group that was vouched for before is none the worse. */
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	for (uint64_t i = 1; i <= 200; i++)
		(void)forged(i, i);
	ck_assert_uint_le(asked(), 2 * SN_STRANGERS + 1);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	snb_pass(&b, 30);
	b.w = 1;
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
}
END_TEST

/* What the home network counts as refusals, though it has vouched for the group. */
START_TEST(named)
{
	uint64_t gid;
	uint8_t t12[GAKA_SHORT_SIZE];
	struct snb_said said;
	unsigned i;

	begin(SNB_DEVICES);
	gid = be_get(b.gid.v, 8);
	gaka_t12_write(GAKA_SYNC, t12);
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	snb_pass(&b, 3600);
	b.expiry = SNB_EXPIRY + 7200;
	for (i = 0; i < SN_NAMED / 2; i++) {
		said = forged(gid, 1000 + i);
		snb_expect(&said, 403, GAKA_MAC);
		snb_pass(&b, 5);
	}
	ck_assert_uint_eq(b.n_t2, 1 + SN_NAMED / 2);
	for (; i < SN_NAMED; i++) {
		ck_assert_int_eq(snb_begin(&b, i, &nobody).status, 200);
		ck_assert_int_eq(snb_short(&b, i, t12).status, 200);
	}
	ck_assert_int_eq(snb_begin(&b, i, &nobody).status, 200);
	said = snb_short(&b, i, t12);
	snb_expect(&said, 503, GAKA_BUSY);
	said = forged(gid, 1000);
	snb_expect(&said, 503, GAKA_BUSY);
	ck_assert_uint_eq(b.n_t2, 1 + SN_NAMED / 2);
	ck_assert_uint_eq(b.n_t10, SN_NAMED + 1);
	snb_pass(&b, 67);
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
}
END_TEST

START_TEST(unknown_group)
{
	struct snb_said said;

	begin(5);
	for (uint64_t i = 1; i <= 20; i++) {
		said = forged(7, i);
		snb_expect(&said, 403, GAKA_MAC);
	}
	ck_assert_uint_eq(asked(), 1); /* once in five seconds */
	snb_pass(&b, 5);
	said = forged(7, 1);
	snb_expect(&said, 403, GAKA_MAC);
	ck_assert_uint_eq(asked(), 2);
}
END_TEST

START_TEST(singles)
{
	unsigned good = 0;
	struct snb_said said;

	begin(SNB_DEVICES);
	for (unsigned i = 0; i < 100; i++)
		good += snb_begin(&b, i % SNB_DEVICES, &nobody).status == 200;
	ck_assert_uint_eq(good, SNB_SINGLES);
	ck_assert_uint_eq(b.n_t10, SNB_SINGLES);
	said = snb_begin(&b, 0, &nobody);
	snb_expect(&said, 503, GAKA_BUSY);
	/* Not before the home network has forgotten them as well. */
	snb_pass(&b, 65);
	ck_assert_int_eq(snb_begin(&b, 0, &nobody).status, 503);
	snb_pass(&b, 1);
	ck_assert_int_eq(snb_begin(&b, 0, &nobody).status, 200);
}
END_TEST

/* A flood in the name of members uses vectors up, and then costs no more than the limits. */
START_TEST(members_flooded)
{
	begin(5);
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	for (unsigned i = 0; i < 300; i++)
		(void)snb_begin(&b, 1 + i % 4, NULL);
	ck_assert_uint_eq(b.n_t2, 1);
	ck_assert_uint_le(b.n_t10, SNB_SINGLES);
	snb_pass(&b, 5);
	for (unsigned i = 0; i < 300; i++)
		(void)snb_begin(&b, 1 + i % 4, NULL);
	ck_assert_uint_eq(b.n_t2, 2);
	ck_assert_uint_le(b.n_t10, SNB_SINGLES);
}
END_TEST

START_TEST(locked)
{
	uint8_t t8[GAKA_SHORT_SIZE];
	struct snb_said said;

	begin(5);
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	gaka_tag_write(GAKA_T8, (const uint8_t[GAKA_TAG_SIZE]){ 1 }, t8);
	said = snb_begin(&b, 1, NULL);
	ck_assert_int_eq(said.status, 200);
	for (unsigned i = 0; i < SN_FAILURES; i++) {
		said = snb_short(&b, 1, t8);
		snb_expect(&said, 403, GAKA_MAC);
	}
	said = snb_short(&b, 1, t8);
	snb_expect(&said, 503, GAKA_BUSY);
	said = snb_begin(&b, 1, NULL);
	snb_expect(&said, 503, GAKA_BUSY);
	ck_assert_uint_eq(snb_attach(&b, 2, NULL), GAKA_T7);
	snb_pass(&b, 50);
	ck_assert_int_eq(snb_begin(&b, 1, NULL).status, 503);
	snb_pass(&b, 16);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
}
END_TEST

/* ---- when the home network does not answer ---- */

static void
expect_away(void)
{
	struct snb_said said = snb_begin(&b, 0, NULL);

	snb_expect(&said, 503, GAKA_BUSY);
	/* Nor is it asked at once again. */
	said = snb_begin(&b, 1, NULL);
	snb_expect(&said, 503, GAKA_BUSY);
	ck_assert_uint_eq(asked(), 1);
	ck_assert_uint_eq(b.sn->attempts.n, 0);
	b.outcome = RC_OK;
	b.refusal = 0;
	b.nonsense = false;
	b.expiry = SNB_EXPIRY;
	snb_pass(&b, 5);
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
}

START_TEST(away)
{
	begin(5);
	b.outcome = RC_UNAVAILABLE;
	expect_away();
}
END_TEST

START_TEST(busy)
{
	begin(5);
	b.refusal = GAKA_BUSY;
	expect_away();
}
END_TEST

START_TEST(misnamed)
{
	begin(5);
	b.refusal = GAKA_MAC;
	expect_away();
}
END_TEST

START_TEST(nonsense)
{
	begin(5);
	b.nonsense = true;
	expect_away();
}
END_TEST

/* Times that nothing is to be reckoned with, of a group and of a device alone. */
START_TEST(endless)
{
	static const struct gaka_gid alone;

	begin(5);
	b.expiry = UINT64_MAX;
	expect_away();
	b.expiry = SNB_NOW + UINT64_C(40) * 86400;
	ck_assert_uint_eq(snb_attach(&b, 1, &alone), 0);
	b.expiry = SNB_NOW + UINT64_C(30) * 86400;
	ck_assert_uint_eq(snb_attach(&b, 1, &alone), GAKA_T4);
}
END_TEST

/* ---- what is full ---- */

START_TEST(attempts_full)
{
	struct snb_said said;

	snb_init(&b, 5);
	b.conf.gaka.attempts_max = 2;
	snb_start(&b);
	ck_assert_int_eq(snb_begin(&b, 0, NULL).status, 200);
	ck_assert_int_eq(snb_begin(&b, 1, NULL).status, 200);
	said = snb_begin(&b, 2, NULL);
	snb_expect(&said, 503, GAKA_BUSY);
	snb_pass(&b, 10);
	ck_assert_uint_eq(snb_attach(&b, 2, NULL), GAKA_T7);
}
END_TEST

START_TEST(sessions_full)
{
	struct snb_said said;

	snb_init(&b, 5);
	b.conf.gaka.sessions_max = 2;
	snb_start(&b);
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	said = snb_begin(&b, 2, NULL);
	snb_expect(&said, 503, GAKA_BUSY);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
}
END_TEST

/* Without room for its vectors a group goes on one by one. */
START_TEST(members_full)
{
	snb_init(&b, 5);
	b.conf.gaka.members_max = 3;
	snb_start(&b);
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	ck_assert_ptr_null(sn_group_find(b.sn, &b.gid)->set);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T4);
	ck_assert_uint_eq(b.n_t2, 1);
	ck_assert_uint_eq(b.n_t10, 1);
}
END_TEST

static void
count_full(void *arg, struct slice line)
{
	*(atomic_uint *)arg += memmem(line.p, line.n, "gaka-full", strlen("gaka-full")) != NULL;
}

/* Each epoch of the group finds that there is no room. */
START_TEST(full_is_told_once_a_minute)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct log *log = log_new(fd, "test", LOG_LEVEL_WARN);
	atomic_uint lines = 0;

	ck_assert_ptr_nonnull(log);
	log_set_tap(log, count_full, &lines);
	snb_init(&b, 5);
	b.conf.log = log;
	b.conf.gaka.members_max = 3;
	snb_start(&b);
	for (unsigned epoch = 2; epoch < 5; epoch++) {
		ck_assert_uint_eq(snb_attach(&b, epoch, NULL), GAKA_T4);
		snb_tell(&b, epoch, NULL);
		snb_pass(&b, 5);
	}
	ck_assert_uint_eq(b.n_t2, 3);
	ck_assert_uint_eq(lines, 1);
	log_set_tap(log, NULL, NULL);
	b.sn->log = NULL;
	log_free(log);
	close(fd);
}
END_TEST

START_TEST(groups_full)
{
	begin(5);
	for (uint64_t i = 1; i <= 8; i++)
		ck_assert_int_eq(forged(i, 1).status, 403);
	ck_assert_int_eq(forged(9, 1).status, 503);
	snb_pass(&b, 5); /* those that were never vouched for make room */
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	ck_assert_uint_eq(b.sn->groups.n, 8);
}
END_TEST

START_TEST(off)
{
	char why[CAPABILITY_WHY_MAX];
	struct capability_conf conf;
	struct gaka_sn *sn = (struct gaka_sn *)&conf;

	begin(5);
	conf = b.conf;
	conf.gaka.enabled = false;
	ck_assert_int_eq(gaka_sn_attach(b.core.scl, &conf, &sn, why), RC_OK);
	ck_assert_ptr_null(sn);
}
END_TEST

static Suite *
limits_suite(void)
{
	const TTest *const tests[] = {
		strangers,   named,         unknown_group, singles,      members_flooded,
		locked,      away,          busy,          misnamed,     nonsense,
		endless,     attempts_full, sessions_full, members_full, full_is_told_once_a_minute,
		groups_full, off,
	};
	Suite *s = suite_create("gaka_sn_limits");
	TCase *c = suite_case(s, "limits", NULL, teardown);

	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	return s;
}

int
main(void)
{
	return run_suite(limits_suite());
}
