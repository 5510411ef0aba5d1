/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway does for whoever has proved nothing: little, and nobody else is the worse for it. */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include "base/be.h"
#include "endpoint_bed.h"

#define PATH BASE "/smallData"

static struct core_bed bed;
static struct capability_conf conf;
static struct gw *gw;

static void
attach(struct scl *scl)
{
	char why[CAPABILITY_WHY_MAX] = "";
	void *state = NULL;

	ck_assert_msg(cap_sd_gateway.attach(scl, &conf, &state, why) == RC_OK, "%s", why);
	gw = state;
}

/* A gateway without an NSCL. */
static void
setup(void)
{
	char why[CAPABILITY_WHY_MAX] = "";
	void *state;

	memset(&bed, 0, sizeof(bed));
	core_init_alone(&bed);
	conf = (struct capability_conf){
		.role = SCL_GSCL,
		.scl_id = "gscl.example.org",
		.log = bed.log,
		.sec = &sec_access_none,
		.sd = { .enabled = true,
		        .threads = 1,
		        .verify = true,
		        .bundle_max = 10,
		        .bundle_wait = CLOCK_SECOND,
		        .key_ttl = 60 * CLOCK_SECOND,
		        .round_time = 60 * CLOCK_SECOND,
		        .pending_max = 100,
		        .retry_first = 60 * CLOCK_SECOND,
		        .retry_max = 60 * CLOCK_SECOND },
	};
	bed.attach = attach;
	core_start(&bed);
	state = gw;
	ck_assert_int_eq(cap_sd_gateway.start(bed.scl, &conf, &state, why), RC_OK);
}

static void
teardown(void)
{
	cap_sd_gateway.stop(gw);
	core_stop(&bed);
	cap_sd_gateway.detach(gw);
	core_fini(&bed);
}

static struct node_id
node(uint64_t i)
{
	struct node_id id = { { NODE_ID_VERSION } };

	be_put(id.v + 8, i, 8);
	return id;
}

/* One reading of device i, from an address elsewhere, with a signature that is none. */
static struct told
post(uint64_t i)
{
	struct asker who = asker_plain(SERVE_DIA);
	const struct sd_reading reading = { node(i), 1, 1, SLICE_LIT("x") };
	const char signature[SD_ED25519_SIZE] = { 0 };
	const struct sd_bundle b = { .alg = SD_ED25519,
		                     .n = 1,
		                     .signatures = slice_make(signature, sizeof(signature)) };
	struct buf octets;
	struct told t;

	who.peer.address = SLICE_LIT("192.0.2.1");
	who.peer.loopback = false;
	buf_init(&octets, 1024);
	ck_assert_int_eq(sd_bundle_write(&b, &reading, &octets), RC_OK);
	t = ask_octets(&bed, &who, "POST", PATH, SD_BUNDLE_TYPE, buf_view(&octets));
	buf_fini(&octets);
	return t;
}

/* What an address may ask for is 2 ms of work, and to ask the network is one. */
START_TEST(a_place_is_paid_for)
{
	for (uint64_t i = 1; i <= 20; i++) {
		struct told t = post(i);

		ck_assert_int_eq(t.status, 503);
		told_fini(&t);
	}
	pthread_mutex_lock(&gw->lock);
	ck_assert_uint_ge(gw->strangers.n, 1);
	ck_assert_uint_le(gw->strangers.n, 4);
	ck_assert_uint_eq(gw->devices.n, 0);
	ck_assert_uint_eq(gw->n_takes, 0);
	pthread_mutex_unlock(&gw->lock);
}
END_TEST

/* Device i, which has come and gone. */
static struct gw_device *
comes(uint64_t i)
{
	const struct node_id id = node(i);
	struct gw_device *d;

	ck_assert_int_eq(gw_device_enter(gw, &id, &d), RC_OK);
	gw_device_leave(d);
	return d;
}

START_TEST(strangers_displace_strangers_alone)
{
	const struct node_id one = node(1);
	struct gw_device *d;

	pthread_mutex_lock(&gw->lock);
	d = comes(1);
	gw_device_prove(gw, d);
	gw_device_prove(gw, d);
	d->seq = 7;
	for (uint64_t i = 2; i < 2 + 3 * (uint64_t)GW_STRANGERS_MAX; i++)
		(void)comes(i);
	ck_assert_uint_eq(gw->strangers.n, GW_STRANGERS_MAX);
	ck_assert_uint_eq(gw->devices.n, 1);
	ck_assert_ptr_eq(gw_device_find(gw, &one), d);
	ck_assert_uint_eq(d->seq, 7);
	pthread_mutex_unlock(&gw->lock);
}
END_TEST

START_TEST(devices_displace_devices)
{
	pthread_mutex_lock(&gw->lock);
	for (uint64_t i = 1; i <= GW_DEVICES_MAX + 10; i++)
		gw_device_prove(gw, comes(i));
	ck_assert_uint_eq(gw->devices.n, GW_DEVICES_MAX);
	ck_assert_uint_eq(gw->strangers.n, 0);
	pthread_mutex_unlock(&gw->lock);
}
END_TEST

/* Who is in use stays, and when all are there is no room. */
START_TEST(who_is_in_use_stays)
{
	struct gw_device *d;
	struct node_id id;

	pthread_mutex_lock(&gw->lock);
	for (uint64_t i = 1; i <= GW_STRANGERS_MAX; i++) {
		id = node(i);
		ck_assert_int_eq(gw_device_enter(gw, &id, &d), RC_OK);
	}
	id = node(GW_STRANGERS_MAX + 1);
	ck_assert_int_eq(gw_device_enter(gw, &id, &d), RC_UNAVAILABLE);
	ck_assert_ptr_null(gw_device_find(gw, &id));
	pthread_mutex_unlock(&gw->lock);
}
END_TEST

/* A round is above the last one that the device has signed in; without verification nobody can say. */
START_TEST(rounds_of_a_device_grow)
{
	uint8_t round[SD_ROUND_SIZE] = { 0, 5, 5 };
	struct gw_device *d;

	pthread_mutex_lock(&gw->lock);
	d = comes(1);
	ck_assert(gw_is_new_round(gw, d, round));
	memcpy(d->round, round, SD_ROUND_SIZE);
	ck_assert(!gw_is_new_round(gw, d, round));
	round[SD_ROUND_SIZE - 1] = 1;
	ck_assert(gw_is_new_round(gw, d, round));
	round[1] = 4;
	ck_assert(!gw_is_new_round(gw, d, round));
	gw->conf.verify = false;
	ck_assert(gw_is_new_round(gw, d, round));
	ck_assert(gw_is_new_round(gw, d, d->round));
	pthread_mutex_unlock(&gw->lock);
}
END_TEST

START_TEST(its_state_stays_on_this_machine)
{
	struct asker who = asker_plain(SERVE_DIA);

	ck_assert_int_eq(ask_status(&bed, &who, "GET", PATH "/state", NULL), 200);
	ck_assert_int_eq(ask_status(&bed, &who, "PUT", PATH "/state", "{}"), 405);
	who.peer.address = SLICE_LIT("192.0.2.1");
	who.peer.loopback = false;
	ck_assert_int_eq(ask_status(&bed, &who, "GET", PATH "/state", NULL), 403);
	ck_assert_int_eq(ask_status(&bed, &who, "GET", PATH "/round", NULL), 200);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sd_gateway_serve");
	TCase *t = tcase_create("serve");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_place_is_paid_for);
	tcase_add_test(t, strangers_displace_strangers_alone);
	tcase_add_test(t, devices_displace_devices);
	tcase_add_test(t, who_is_in_use_stays);
	tcase_add_test(t, rounds_of_a_device_grow);
	tcase_add_test(t, its_state_stays_on_this_machine);
	suite_add_tcase(s, t);
	return core_run(s);
}
