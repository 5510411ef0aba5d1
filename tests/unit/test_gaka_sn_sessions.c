/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of devices that have attached: one per group and device, until they expire or are revoked. */
#include "config.h"

#include <check.h>

#include "base/be.h"
#include "cap/gaka/gaka_sn_sessions.h"
#include "gaka/keys.h"
#include "suite.h"

#define NOW INT64_C(1700000000)

static int64_t now_us;

static int64_t
now_of(const struct clock *c)
{
	(void)c;
	return now_us;
}

static const struct clock clock_of_test = { now_of };
static struct gaka_sessions *t;
static struct sec_psk psk;

static void
setup(void)
{
	now_us = NOW * CLOCK_SECOND;
	t = gaka_sessions_new(4, &clock_of_test);
	ck_assert_ptr_nonnull(t);
	psk = gaka_sessions_psk(t);
}

static void
teardown(void)
{
	gaka_sessions_free(t);
	gaka_sessions_free(NULL);
}

static struct gaka_done
done_of(uint8_t gid, uint8_t id, uint8_t ks)
{
	struct gaka_done d = { .c = ks, .expiry = (uint64_t)NOW + 100 };

	d.gid.v[7] = gid;
	d.id.v[15] = id;
	memset(d.ks.v, ks, KEY_BYTES);
	return d;
}

static enum rc
put(uint8_t gid, uint8_t id, uint8_t ks, bool single)
{
	const struct gaka_done d = done_of(gid, id, ks);

	return gaka_sessions_put(t, &d, single);
}

static struct psk_id
psk_id_of(uint8_t gid, uint8_t id)
{
	struct psk_id p = { .kind = PSK_GA, .tls = PSK_TLS_1_2 };

	p.gid[7] = gid;
	p.node.v[15] = id;
	return p;
}

/* The one that it has is that key. */
static bool
has(uint8_t gid, uint8_t id, uint8_t ks)
{
	const struct gaka_done d = done_of(gid, id, ks);
	const struct psk_id p = psk_id_of(gid, id);
	struct node_id node;
	struct key want, got;
	bool found = psk.find(psk.arg, &p, &got);

	ck_assert_int_eq(gaka_psk(&d.ks, p.tls, d.c, &want), RC_OK);
	ck_assert(found == psk.node(psk.arg, &p, &node));
	ck_assert(found == gaka_sessions_has(t, &d.gid, &d.id));
	ck_assert(node_id_eq(&node, found ? &d.id : &(struct node_id){ { 0 } }));
	return found && key_equal(&want, &got);
}

static bool
stands(uint8_t gid, uint8_t id)
{
	const struct psk_id p = psk_id_of(gid, id);

	return psk.stands(psk.arg, &p);
}

START_TEST(newest_counts)
{
	ck_assert(!has(1, 1, 5));
	ck_assert_int_eq(put(1, 1, 5, false), RC_OK);
	ck_assert(has(1, 1, 5));
	ck_assert(!has(2, 1, 5));
	ck_assert(!has(1, 2, 5));
	ck_assert_int_eq(put(1, 1, 6, false), RC_OK);
	ck_assert(has(1, 1, 6));
	ck_assert(!has(1, 1, 5));
	ck_assert_uint_eq(gaka_sessions_count(t), 1);
	ck_assert_int_eq(put(2, 1, 7, false), RC_OK);
	ck_assert(has(1, 1, 6));
	ck_assert(has(2, 1, 7));
	ck_assert_uint_eq(gaka_sessions_count(t), 2);
	ck_assert(stands(1, 1) && stands(3, 3));
}
END_TEST

START_TEST(expire)
{
	ck_assert_int_eq(put(1, 1, 5, false), RC_OK);
	now_us += 99 * CLOCK_SECOND;
	ck_assert(has(1, 1, 5));
	now_us += CLOCK_SECOND;
	ck_assert(!has(1, 1, 5));
	ck_assert(stands(1, 1)); /* it was not revoked */
	ck_assert(gaka_sessions_sweep(t));
	ck_assert_uint_eq(gaka_sessions_count(t), 0);
}
END_TEST

START_TEST(bounded)
{
	const struct gaka_done fifth = done_of(1, 5, 1), first = done_of(1, 1, 1);

	for (uint8_t i = 1; i <= 4; i++)
		ck_assert_int_eq(put(1, i, i, false), RC_OK);
	ck_assert(!gaka_sessions_room(t, &fifth.gid, &fifth.id));
	ck_assert(gaka_sessions_room(t, &first.gid, &first.id));
	ck_assert_int_eq(put(1, 5, 5, false), RC_NO_SPACE);
	ck_assert(!has(1, 5, 5));
	ck_assert_int_eq(put(1, 1, 6, false), RC_OK);
	ck_assert(has(1, 1, 6));
	for (uint8_t i = 2; i <= 4; i++)
		ck_assert(has(1, i, i));
	now_us += 100 * CLOCK_SECOND;
	while (!gaka_sessions_sweep(t))
		;
	ck_assert(gaka_sessions_room(t, &fifth.gid, &fifth.id));
	now_us -= 100 * CLOCK_SECOND;
	ck_assert_int_eq(put(1, 5, 5, false), RC_OK);
	ck_assert(has(1, 5, 5));
}
END_TEST

START_TEST(revoked)
{
	const struct gaka_done one = done_of(1, 1, 1), two = done_of(2, 2, 2);
	const struct gaka_session_end member = { &one.gid, &one.id, true },
				      device = { NULL, &two.id, true },
				      group = { &one.gid, NULL, true }, all = { NULL, NULL, false };

	ck_assert_int_eq(put(1, 1, 1, false), RC_OK);
	ck_assert_int_eq(put(2, 1, 2, false), RC_OK);
	ck_assert_int_eq(put(3, 1, 3, true), RC_OK);
	ck_assert_int_eq(put(2, 2, 4, false), RC_OK);
	/* Also what was answered for the device alone: it may have been as a member of that group. */
	ck_assert_uint_eq(gaka_sessions_end(t, &member), 2);
	ck_assert(!has(1, 1, 1) && !stands(1, 1));
	ck_assert(!has(3, 1, 3) && !stands(3, 1));
	ck_assert(has(2, 1, 2) && stands(2, 1));
	ck_assert_uint_eq(gaka_sessions_end(t, &device), 1);
	ck_assert(!has(2, 2, 4) && has(2, 1, 2));
	/* Attached anew. */
	ck_assert_int_eq(put(1, 1, 9, false), RC_OK);
	ck_assert(has(1, 1, 9) && stands(1, 1));
	ck_assert_uint_eq(gaka_sessions_end(t, &group), 1);
	ck_assert(!has(1, 1, 9) && has(2, 1, 2));
	ck_assert_uint_eq(gaka_sessions_end(t, &all), 1);
	ck_assert_uint_eq(gaka_sessions_count(t), 0);
	ck_assert_uint_eq(gaka_sessions_end(t, &all), 0);
}
END_TEST

static Suite *
sessions_suite(void)
{
	Suite *s = suite_create("gaka_sn_sessions");
	TCase *c = suite_case(s, "sessions", setup, teardown);

	tcase_add_test(c, newest_counts);
	tcase_add_test(c, expire);
	tcase_add_test(c, bounded);
	tcase_add_test(c, revoked);
	return s;
}

int
main(void)
{
	return run_suite(sessions_suite());
}
