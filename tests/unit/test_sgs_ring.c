/* SPDX-License-Identifier: Apache-2.0 */
/* The SGA server: new keys in the place of old ones while it runs. */
#include "config.h"

#include <stdio.h>

#include "cap/sgs/sgs_ring_own.h"
#include "sga/octets.h"
#include "sgs_rest_bed.h"

/* ---- the course of time ---- */

static uint64_t
later(void)
{
	return (uint64_t)(clock_now(sgs->clock) / CLOCK_SECOND);
}

static void
pass(int64_t time)
{
	sgs_core.clock.now = clock_now(sgs->clock) + time;
}

static bool
is_at_rest(void *arg)
{
	struct sgs_ring *r = sgs->ring;
	bool rest;

	(void)arg;
	pthread_mutex_lock(&r->lock);
	rest = !r->waiting;
	pthread_mutex_unlock(&r->lock);
	return rest;
}

static bool
has_serial(uint32_t serial)
{
	struct sgs_keyset *k = sgs_ring_find(sgs->ring, SGA_SUITE_X, serial);
	bool has = k != NULL;

	sgs_keyset_end(k);
	return has;
}

static bool
is_made(void *arg)
{
	return has_serial(*(uint32_t *)arg) && is_at_rest(NULL);
}

/* What the courier does every ten minutes; a removal has ended then. */
static void
look(void)
{
	sgs_ring_look_run(&sgs->ring->look);
	ck_assert(core_await(is_at_rest, NULL));
}

static void
rotate(uint32_t serial)
{
	pass(sgs_conf.sga.server.rotate + CLOCK_SECOND);
	sgs_ring_look_run(&sgs->ring->look);
	ck_assert(core_await(is_made, &serial));
}

/* ---- what devices see of it ---- */

static uint32_t
package_serial(const struct answer *a)
{
	struct sga_reader r = sga_reader_of(slice_make(a->p, a->n));

	sga_read(&r, 4 + 1 + 1 + 2 + 2);
	return (uint32_t)sga_read_be(&r, 4);
}

static int
register_late(struct phone *p, const uint8_t token[SGA_TOKEN_SIZE])
{
	struct buf r1;
	int status;

	buf_init(&r1, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_r1_make(p->d, token, later(), NULL, &r1), RC_OK);
	status = sgs_status("POST", "devices", NULL, buf_view(&r1));
	buf_fini(&r1);
	return status;
}

/* With the package that the server has now. */
static void
renew(struct phone *p)
{
	struct answer a = sgs_ask("GET", "package", NULL, SLICE_NONE);

	ck_assert_int_eq(sga_device_renew(p->d, slice_make(a.p, a.n), later()), RC_OK);
	answer_fini(&a);
}

static int
invite_late(struct phone *i, struct phone *j)
{
	struct talk t;
	int status = talk_invite(&t, i, j, later());

	talk_fini(&t);
	return status;
}

START_TEST(test_rotation)
{
	struct phone alice, bob, carol;
	uint8_t token[SGA_TOKEN_SIZE];
	struct answer before, a;
	struct talk open;
	struct buf a2;

	buf_init(&a2, SGA_MESSAGE_MAX);
	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	phone_make(&carol, "carol", 2);
	token_for("carol", token);
	talk_open(&open, &alice, &bob);
	talk_confirm(&open, &alice, &bob);
	before = sgs_ask("GET", "package", NULL, SLICE_NONE);
	ck_assert_uint_eq(package_serial(&before), 1);
	look();
	ck_assert(!has_serial(2));

	rotate(2);
	a = sgs_ask("GET", "package", &(struct how){ .if_none_match = before.etag }, SLICE_NONE);
	ck_assert_int_eq(a.status, 200);
	ck_assert_uint_eq(package_serial(&a), 2);
	answer_fini(&a);
	a = managed("GET", "stats", NULL);
	ck_assert_int_eq(number_in(&a, "rotations"), 1);
	answer_fini(&a);
	/* A new session takes the new one alone, a registration both for a while. */
	ck_assert_int_eq(invite_late(&alice, &bob), 403);
	renew(&alice);
	ck_assert_int_eq(invite_late(&alice, &bob), 202);
	ck_assert_int_eq(register_late(&carol, token), 201);
	/* What is open has nothing to do with it. */
	phone_take(&bob, &a2);
	ck_assert_int_eq(talk_say(&open, &alice, true, "still here"), 201);
	talk_hears(&open, &bob, false, "still here");

	talk_fini(&open);
	buf_fini(&a2);
	answer_fini(&before);
	phone_fini(&alice);
	phone_fini(&bob);
	phone_fini(&carol);
}
END_TEST

/* A negotiation that has begun with the old keys ends with them; they go when nothing does. */
START_TEST(test_old_keys)
{
	struct phone alice, bob, carol;
	uint8_t token[SGA_TOKEN_SIZE];
	struct buf b1;
	struct talk t;

	buf_init(&b1, SGA_MESSAGE_MAX);
	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	phone_make(&carol, "carol", 2);
	token_for("carol", token);
	ck_assert_int_eq(talk_invite(&t, &alice, &bob, bed_now()), 202);
	rotate(2);
	look();
	ck_assert(has_serial(1));
	pass(SGS_RING_OVERLAP + CLOCK_SECOND);
	look();
	ck_assert(has_serial(1));
	/* Too late for all but the negotiation. */
	ck_assert_int_eq(register_late(&carol, token), 403);
	sgs_core.clock.now = 0; /* that of the devices */
	talk_accept(&t, &alice, &bob, &b1);
	talk_finish(&t, &alice, &bob, buf_view(&b1));
	pass(sgs_conf.sga.server.rotate + SGS_RING_OVERLAP + 3 * CLOCK_SECOND);
	look();
	ck_assert(!has_serial(1));
	ck_assert(has_serial(2));
	talk_confirm(&t, &alice, &bob);
	talk_fini(&t);
	buf_fini(&b1);
	phone_fini(&alice);
	phone_fini(&bob);
	phone_fini(&carol);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs ring");
	TCase *c = suite_case(s, "server", sgs_setup, sgs_teardown);

	tcase_add_test(c, test_rotation);
	tcase_add_test(c, test_old_keys);
	return run_suite(s);
}
