/* SPDX-License-Identifier: Apache-2.0 */
/* A device in multiparty authentication: it proves itself, and whom it does not believe. */
#include "config.h"

#include "cap/mpa_device.h"
#include "mpa_device_bed.h"

/* ---- as it should be ---- */

START_TEST(proves_itself)
{
	begin();
	await_phase(MPAD_STANDS);
	await_verdict(MPAD_FOR);
	expect_used();
	ck_assert_uint_eq(counter(MPAD_N_KEYS), 1);
	ck_assert_uint_eq(counter(MPAD_N_CREDENTIALS), 1);
	ck_assert_uint_eq(counter(MPAD_N_RUNS), 1);
	ck_assert_uint_eq(counter(MPAD_N_ACCEPTED), 1);
	ck_assert_uint_eq(counter(MPAD_N_DECIDED_FOR), 1);
	ck_assert_str_eq(view().gateway, PLACE);
	ck_assert(view().session);
	end();
}
END_TEST

/* A listener that takes nobody without a key is of no use before there is one. */
START_TEST(proves_itself_at_another_listener)
{
	w.conf.mpa.attach = ATTACH;
	w.conf.mpa.require_decision = true;
	begin();
	await_phase(MPAD_STANDS);
	expect_used();
	ck_assert_uint_eq(now_of(&w.attached), 3);
	await_count(MPAD_N_DECIDED_FOR, 1);
	end();
}
END_TEST

START_TEST(no_key_without_tls)
{
	char why[CAPABILITY_WHY_MAX] = "";
	void *state;

	w.conf.mpa.gateway = ATTACH;
	ck_assert_int_eq(cap_mpa_device.attach(NULL, &w.conf, &state, why), RC_BAD_REQUEST);
	ck_assert_str_eq(why, "mpa.gateway: " ATTACH " has no TLS");
	ck_assert_ptr_null(state);
}
END_TEST

/* The second time with hashes, and whole when the gateway has forgotten what they stand for. */
START_TEST(begins_anew_when_the_gateway_has)
{
	begin();
	await_phase(MPAD_STANDS);
	ck_assert_uint_gt(w.last_a3, 1000);
	set(&w.lost, true);
	await_count(MPAD_N_ACCEPTED, 2);
	await_phase(MPAD_STANDS);
	expect_used();
	ck_assert_uint_eq(w.last_a3, 140);
	ck_assert_uint_eq(counter(MPAD_N_LOST), 1);
	pthread_mutex_lock(&w.lock);
	mpa_cache_free(w.cache);
	ck_assert_int_eq(mpa_cache_new(8, &w.cache), RC_OK);
	w.lost = true;
	pthread_mutex_unlock(&w.lock);
	await_count(MPAD_N_ACCEPTED, 3);
	await_phase(MPAD_STANDS);
	expect_used();
	ck_assert_uint_gt(w.last_a3, 1000);
	ck_assert_uint_eq(counter(MPAD_N_RUNS_SHORT), 2);
	end();
}
END_TEST

START_TEST(renews_before_the_end)
{
	w.conf.mpa.session_time = CLOCK_SECOND;
	begin();
	await_count(MPAD_N_ACCEPTED, 3);
	await_used();
	ck_assert_uint_eq(counter(MPAD_N_LOST), 0);
	end();
}
END_TEST

START_TEST(stands_without_an_nscl_after_a_start)
{
	begin();
	await_phase(MPAD_STANDS);
	end();
	w.connected = false;
	begin();
	await_phase(MPAD_STANDS);
	ck_assert_uint_eq(counter(MPAD_N_CREDENTIALS), 0);
	ck_assert_uint_eq(now_of(&w.keys), 1);
	end();
}
END_TEST

/* The book is the node's, and nobody else's. */
START_TEST(another_node_has_nothing)
{
	begin();
	await_phase(MPAD_STANDS);
	end();
	w.connected = false;
	ck_assert(node_id_parse(SLICE_LIT(DEVICE2_ID), &w.node));
	begin();
	await_phase(MPAD_NO_CONNECTION);
	ck_assert_uint_eq(counter(MPAD_N_RUNS), 0);
	end();
}
END_TEST

START_TEST(waits_for_credentials)
{
	struct mpa_octets later = w.from_cn;

	w.from_cn.n = 0;
	begin();
	await_phase(MPAD_NO_CREDENTIALS);
	ck_assert_uint_eq(now_of(&w.a1s), 0);
	pthread_mutex_lock(&w.lock);
	w.from_cn = later;
	pthread_mutex_unlock(&w.lock);
	await_phase(MPAD_STANDS);
	pthread_mutex_lock(&w.lock);
	w.from_cn.n = 0;
	pthread_mutex_unlock(&w.lock);
	await_phase(MPAD_NO_CREDENTIALS);
	expect_unused();
	end();
}
END_TEST

/* ---- who is not believed ---- */

static void
expect_no_credentials(enum mpa_cause why)
{
	begin();
	await_cause(why);
	ck_assert_uint_eq(now_of(&w.a1s), 0);
	ck_assert_uint_eq(counter(MPAD_N_CREDENTIALS), 0);
	ck_assert_uint_ge(counter(MPAD_N_CREDENTIALS_REFUSED), 2);
	end();
}

START_TEST(warrants_of_another_network)
{
	pinned_cn = publics[S2];
	expect_no_credentials(MPA_ROOT);
}
END_TEST

/* A server that has a contract, but is not the one that is pinned. */
START_TEST(only_another_server)
{
	pinned_s = publics[AP2];
	begin();
	await_phase(MPAD_NO_CREDENTIALS);
	ck_assert_uint_eq(now_of(&w.a1s), 0);
	end();
}
END_TEST

START_TEST(warrants_of_another_device)
{
	issue_all(D2);
	expect_no_credentials(MPA_NAME);
}
END_TEST

START_TEST(changed_warrants)
{
	w.from_s.v[w.from_s.n - 1] ^= 1;
	expect_no_credentials(MPA_LINK_SIGNED);
}
END_TEST

START_TEST(an_access_point_of_nobody)
{
	issue(S2, AP, S2, NULL, &w.w5);
	begin();
	await_cause(MPA_ROOT);
	ck_assert_uint_eq(now_of(&w.a3s), 0);
	expect_unused();
	end();
}
END_TEST

START_TEST(an_access_point_without_its_key)
{
	w.ap_party = AP2;
	begin();
	await_cause(MPA_SIGNED);
	ck_assert_uint_eq(now_of(&w.a3s), 0);
	expect_unused();
	end();
}
END_TEST

static void
revoke_w5(void)
{
	pthread_mutex_lock(&w.lock);
	memcpy(w.revoked, publics[CN].v, SIGN_PUBLIC_SIZE);
	memcpy(w.revoked + SIGN_PUBLIC_SIZE, w.w5.v + 8, MPA_SERIAL_SIZE);
	w.has_revoked = true;
	pthread_mutex_unlock(&w.lock);
}

START_TEST(a_revoked_access_point)
{
	begin();
	await_phase(MPAD_STANDS);
	revoke_w5();
	await_cause(MPA_REVOKED);
	expect_unused();
	ck_assert(!view().session);
	end();
}
END_TEST

START_TEST(refused_by_the_gateway)
{
	w.a3_status = 403;
	begin();
	await_count(MPAD_N_REFUSED, 3);
	expect_unused();
	ck_assert_uint_eq(counter(MPAD_N_ACCEPTED), 0);
	ck_assert_uint_ge(now_of(&w.fetches), 2);
	end();
}
END_TEST

/* ---- the server's decision ---- */

START_TEST(without_a_decision_nothing_when_it_is_required)
{
	w.conf.mpa.require_decision = true;
	w.decision_status = 503;
	begin();
	await_phase(MPAD_WAITS);
	expect_unused();
	pthread_mutex_lock(&w.lock);
	w.decision_status = 200;
	pthread_mutex_unlock(&w.lock);
	await_phase(MPAD_STANDS);
	expect_used();
	end();
}
END_TEST

static void
decide(int status, enum mpa_verdict verdict)
{
	pthread_mutex_lock(&w.lock);
	w.decision_status = status;
	w.verdict = verdict;
	pthread_mutex_unlock(&w.lock);
}

/* What was said of one session says nothing of the next. */
START_TEST(a_new_run_needs_a_new_decision)
{
	w.conf.mpa.require_decision = true;
	w.conf.mpa.session_time = CLOCK_SECOND;
	begin();
	await_phase(MPAD_STANDS);
	decide(503, MPA_ACCEPTED);
	await_count(MPAD_N_ACCEPTED, counter(MPAD_N_ACCEPTED) + 1);
	await_phase(MPAD_WAITS);
	expect_unused();
	decide(200, MPA_ACCEPTED);
	await_used();
	end();
}
END_TEST

START_TEST(a_decision_that_is_taken_back)
{
	w.conf.mpa.require_decision = true;
	begin();
	await_phase(MPAD_STANDS);
	expect_used();
	decide(200, MPA_REFUSED);
	await_phase(MPAD_REFUSED_BY_SERVER);
	expect_unused();
	end();
}
END_TEST

START_TEST(refused_by_the_server)
{
	w.conf.mpa.require_decision = true;
	w.verdict = MPA_REFUSED;
	begin();
	await_phase(MPAD_REFUSED_BY_SERVER);
	expect_unused();
	ck_assert_uint_ge(counter(MPAD_N_DECIDED_AGAINST), 1);
	ck_assert_uint_eq(now_of(&w.uses), 0);
	end();
}
END_TEST

START_TEST(a_decision_of_somebody_else)
{
	w.conf.mpa.require_decision = true;
	w.decider = S2;
	begin();
	await_cause(MPA_SIGNED);
	expect_unused();
	ck_assert_uint_eq(counter(MPAD_N_DECIDED_FOR), 0);
	end();
}
END_TEST

START_TEST(serves_without_a_decision_when_none_is_required)
{
	w.decision_status = 403;
	begin();
	await_phase(MPAD_STANDS);
	await_verdict(MPAD_NONE);
	expect_used();
	end();
}
END_TEST

/* ---- the end ---- */

static bool
has_begun(void *arg)
{
	(void)arg;
	return counter(MPAD_N_RUNS) > 0;
}

START_TEST(ends_while_it_waits)
{
	w.silent = true;
	begin();
	ck_assert(core_await(has_begun, NULL));
	end();
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		proves_itself,
		proves_itself_at_another_listener,
		no_key_without_tls,
		begins_anew_when_the_gateway_has,
		renews_before_the_end,
		stands_without_an_nscl_after_a_start,
		another_node_has_nothing,
		waits_for_credentials,
		warrants_of_another_network,
		only_another_server,
		warrants_of_another_device,
		changed_warrants,
		an_access_point_of_nobody,
		an_access_point_without_its_key,
		a_revoked_access_point,
		refused_by_the_gateway,
		without_a_decision_nothing_when_it_is_required,
		a_new_run_needs_a_new_decision,
		a_decision_that_is_taken_back,
		refused_by_the_server,
		a_decision_of_somebody_else,
		serves_without_a_decision_when_none_is_required,
		ends_while_it_waits,
	};
	Suite *s = suite_create("mpa device");
	TCase *c = tcase_create("device");

	tcase_set_timeout(c, 300);
	tcase_add_checked_fixture(c, device_setup, device_teardown);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	return core_run(s);
}
