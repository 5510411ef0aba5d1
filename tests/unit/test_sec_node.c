/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrap and service connections of a node, against peers that do well, badly, and evil. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cap/sec/import.h"
#include "sec_node_bed.h"

#define SET(w, member, value)                                                                      \
	do {                                                                                       \
		pthread_mutex_lock(&(w)->lock);                                                    \
		(w)->member = (value);                                                             \
		pthread_mutex_unlock(&(w)->lock);                                                  \
	} while (0)

static void
begin_and_want(struct node_bed *w)
{
	node_begin(w);
	node_want(w);
}

static bool
some_links(struct node_bed *w)
{
	return w->counts.links >= 12;
}

static bool
some_requests(struct node_bed *w)
{
	return w->counts.requests >= 12;
}

static bool
two_boots(struct node_bed *w)
{
	return w->counts.boots >= 2;
}

/* ---- the way it should be ---- */

START_TEST(test_from_nothing)
{
	struct node_bed w;
	struct node_counts before;
	char identity[80];

	node_init(&w);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert_int_eq(memcmp(w.identity, "mc3.", 4), 0);
	strcpy(identity, w.identity);
	before = node_counts(&w);
	ck_assert_uint_eq(before.boots, 1);
	ck_assert_uint_eq(before.links, 1);
	node_end(&w);
	/* What is stored is used: nobody is asked again. */
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert_str_eq(w.identity, identity);
	ck_assert_uint_eq(node_counts(&w).infos, before.infos);
	ck_assert_uint_eq(node_counts(&w).boots, 1);
	ck_assert_uint_eq(node_counts(&w).links, 1);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* Bodies, and answers, are objects; the sender sees neither. */
START_TEST(test_objects)
{
	struct node_bed w;
	struct sent s;

	node_init(&w);
	w.flags = MAS_CHANNEL | MAS_OBJECT | MAS_OBJECT_JWE;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	node_send(&w, &s, "POST", "<x/>");
	node_sent(&s);
	ck_assert_int_eq(s.status, 200);
	ck_assert_str_eq(s.body, "sealed answer");
	ck_assert_str_eq(s.ex.body.p, "<x/>");
	ck_assert(slice_is(s.ex.headers[0].value, "application/xml"));
	/* An answer that is none of the connection is no answer. */
	SET(&w, status, 201);
	node_send(&w, &s, "POST", "<x/>");
	node_sent(&s);
	ck_assert_int_eq(s.status, 0);
	ck_assert_str_eq(s.body, "");
	node_end(&w);
	/* The numbers of objects begin anew with a new key alone. */
	SET(&w, status, 200);
	SET(&w, counts.requests, 0);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(node_counts(&w).links, 2);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* ---- keys that are not confirmed ---- */

START_TEST(test_tampered)
{
	struct node_bed w;

	node_init(&w);
	w.link = LINK_TAMPERED;
	begin_and_want(&w);
	ck_assert(node_await_down(&w));
	ck_assert(!w.ups);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert_uint_eq(node_counts(&w).requests, 0);
	/* No second attempt within the back-off, whoever wants one. */
	node_want(&w);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert_uint_eq(node_counts(&w).links, 1);
	node_end(&w);
	/* And nothing was kept of it. */
	w.link = LINK_OK;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(node_counts(&w).links, 2);
	node_end(&w);
	node_fini(&w);
}
END_TEST

START_TEST(test_captured)
{
	struct node_bed w;

	node_init(&w);
	w.flags = MAS_CHANNEL | MAS_OBJECT_JWE; /* is not kept */
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	node_end(&w);
	w.link = LINK_CAPTURED;
	begin_and_want(&w);
	ck_assert(node_await_down(&w));
	ck_assert(!w.ups);
	ck_assert_int_eq(node_ask(&w), 0);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* ---- bootstraps ---- */

START_TEST(test_lost)
{
	struct node_bed w;

	node_init(&w);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	node_end(&w);
	/* The key is to be replaced, and the answer with the new one never comes. */
	w.flags = MAS_CHANNEL | MAS_OBJECT_JWE;
	w.kmc_lifetime = 1;
	w.link = LINK_REBOOTSTRAP;
	w.boot = BOOT_LOST;
	atomic_store(&w.core.clock.now, clock_now(&clock_system) + 7200 * CLOCK_SECOND);
	begin_and_want(&w);
	ck_assert(node_await(&w, two_boots));
	node_end(&w);
	/* The old one is still there. */
	w.kmc_lifetime = 3600 * CLOCK_SECOND;
	w.link = LINK_OK;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(w.first_index, 1);
	node_end(&w);
	node_fini(&w);
}
END_TEST

START_TEST(test_again)
{
	struct node_bed w;

	node_init(&w);
	w.link = LINK_REBOOTSTRAP;
	begin_and_want(&w);
	ck_assert(node_await(&w, two_boots));
	SET(&w, link, LINK_OK);
	ck_assert(node_await_up(&w));
	ck_assert_uint_gt(w.first_index, 1);
	node_end(&w);
	node_fini(&w);
}
END_TEST

static const struct bad_set {
	const char *nscl, *scl_id;
	int64_t lifetime;
	enum boot_mode mode;
} bad_sets[] = {
	{ "https://nscl.evil.example:8443/m2m", SCL_ID, 86400, BOOT_OK },
	{ "https://sp1.example.evil/m2m", SCL_ID, 86400, BOOT_OK },
	{ "ftp://nscl.sp1.example/m2m", SCL_ID, 86400, BOOT_OK },
	{ NSCL, "gscl-0103", 86400, BOOT_OK },
	{ NSCL, SCL_ID, 3000, BOOT_OK },
	{ NSCL, SCL_ID, 86400, BOOT_WRONG },
	{ NSCL, SCL_ID, 86400, BOOT_TAKEN },
};

/* Nothing is stored of what is not acceptable; the node tries again, and takes what is. */
START_TEST(test_bad_set)
{
	const struct bad_set *bad = &bad_sets[_i];
	struct node_bed w;

	node_init(&w);
	w.nscls[0] = bad->nscl;
	w.sets_scl_id = bad->scl_id;
	w.kmr_lifetime = bad->lifetime * CLOCK_SECOND;
	w.boot = bad->mode;
	begin_and_want(&w);
	ck_assert(node_await(&w, two_boots));
	ck_assert_uint_eq(node_counts(&w).links, 0);
	pthread_mutex_lock(&w.lock);
	w.nscls[0] = NSCL;
	w.sets_scl_id = SCL_ID;
	w.kmr_lifetime = 86400 * CLOCK_SECOND;
	w.boot = BOOT_OK;
	pthread_mutex_unlock(&w.lock);
	ck_assert(node_await_up(&w));
	node_end(&w);
	node_fini(&w);
}
END_TEST

static bool
second_root(struct node_bed *w)
{
	return w->first_index >= 2;
}

/* An index that was there does not come again. */
START_TEST(test_old_index)
{
	struct node_bed w;

	node_init(&w);
	w.link = LINK_REBOOTSTRAP;
	begin_and_want(&w);
	ck_assert(node_await(&w, second_root));
	node_end(&w);
	w.first_index = 0;
	w.kmr_index = 0;
	w.counts.boots = 0;
	begin_and_want(&w);
	ck_assert(node_await(&w, two_boots));
	node_end(&w);
	ck_assert_uint_gt(w.first_index, 1);
	node_fini(&w);
}
END_TEST

/* ---- refusals ---- */

static const enum link_mode unsigned_modes[] = { LINK_NO_TLS, LINK_FORBIDDEN, LINK_GONE,
	                                         LINK_REJECTED };
static const enum verdict_mode void_nothing[] = { SAY_NOTHING,    SAY_OLD_NONCE, SAY_OTHER_KEY,
	                                          SAY_OTHER_NODE, SAY_OLD,       SAY_PASSING,
	                                          SAY_OVERLOAD };

/* However often it is said, what is not signed, or not to this node now, has no lasting effect. */
START_TEST(test_no_effect)
{
	struct node_bed w;

	node_init(&w);
	w.link = unsigned_modes[(size_t)_i % NITEMS(unsigned_modes)];
	w.verdict = void_nothing[(size_t)_i / NITEMS(unsigned_modes)];
	begin_and_want(&w);
	ck_assert(node_await(&w, some_links));
	ck_assert(w.link != LINK_NO_TLS || node_counts(&w).verdicts > 0);
	SET(&w, link, LINK_OK);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(node_counts(&w).boots, 1);
	ck_assert_int_eq(node_ask(&w), 200);
	node_end(&w);
	node_fini(&w);
}
END_TEST

START_TEST(test_void)
{
	struct node_bed w;

	node_init(&w);
	w.link = _i == 0 ? LINK_NO_TLS : LINK_REJECTED;
	w.verdict = SAY_VOID;
	begin_and_want(&w);
	ck_assert(node_await(&w, two_boots));
	SET(&w, link, LINK_OK);
	ck_assert(node_await_up(&w));
	ck_assert_uint_ge(w.first_index, 2);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* The connection is over: one attempt at once, then less and less often. */
START_TEST(test_expired)
{
	struct node_bed w;

	node_init(&w);
	w.conf.bootstrap.retry = w.conf.bootstrap.retry_max = 3600 * CLOCK_SECOND;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	SET(&w, says_expired, true);
	SET(&w, ups, false);
	ck_assert_int_eq(node_ask(&w), 401);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(node_counts(&w).links, 2);
	ck_assert_int_eq(node_ask(&w), 401);
	ck_assert(node_await_down(&w));
	ck_assert_uint_eq(node_counts(&w).links, 2);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert_uint_eq(node_counts(&w).boots, 1);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* A session that is refused: a new key is got at once, and who waits at the gate is told. */
START_TEST(test_session_refused)
{
	struct node_bed w;

	node_init(&w);
	w.conf.bootstrap.retry = w.conf.bootstrap.retry_max = 3600 * CLOCK_SECOND;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	SET(&w, ups, false);
	SET(&w, refused_sessions, 1);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(node_counts(&w).links, 2);
	ck_assert_int_eq(node_ask(&w), 200);
	/* Good for a moment, and lost again: the next attempt is not made at once. */
	SET(&w, refused_sessions, 1);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert_uint_eq(node_counts(&w).links, 2);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* The network cuts sessions off: the same key again, and who waits at the gate is told of the end. */
START_TEST(test_session_cut)
{
	struct node_bed w;
	char identity[80];

	node_init(&w);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	strcpy(identity, w.identity);
	for (unsigned times = 0; times < 5; times++) {
		SET(&w, ups, false);
		SET(&w, cut_sessions, 2);
		ck_assert_int_eq(node_ask(&w), 0);
		ck_assert(node_await_up(&w));
		ck_assert_int_eq(node_ask(&w), 200);
	}
	/* Nobody there is no cut, however often. */
	SET(&w, counts.requests, 0);
	SET(&w, unreachable, true);
	SET(&w, cut_sessions, 1);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert(node_await(&w, some_requests));
	SET(&w, ups, false);
	SET(&w, unreachable, false);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert_str_eq(w.identity, identity);
	ck_assert_uint_eq(node_counts(&w).links, 1);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* Requests that fail while the next attempt is awaited are one cut, and one of them may end it. */
START_TEST(test_cut_at_once)
{
	struct node_bed w;

	node_init(&w);
	w.conf.bootstrap.retry = w.conf.bootstrap.retry_max = 3600 * CLOCK_SECOND;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	SET(&w, ups, false);
	SET(&w, cut_sessions, 6);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(node_ask(&w), 0);
	ck_assert(!w.ups);
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(node_counts(&w).links, 1);
	/* A refusal does not wait for what a cut waits for. */
	SET(&w, ups, false);
	SET(&w, cut_sessions, 1);
	ck_assert_int_eq(node_ask(&w), 0);
	SET(&w, refused_sessions, 1);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(node_counts(&w).links, 2);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* A server that does not know the key may say nothing: after three in a row there is a new one. */
START_TEST(test_cut_for_good)
{
	struct node_bed w;

	node_init(&w);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	SET(&w, ups, false);
	SET(&w, cut_sessions, 3);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert(node_await_up(&w));
	ck_assert_uint_eq(w.cut_sessions, 0);
	ck_assert_uint_eq(node_counts(&w).links, 2);
	ck_assert_int_eq(node_ask(&w), 200);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* ---- time ---- */

static bool
one_request(struct node_bed *w)
{
	return w->counts.requests >= 1;
}

static bool
renewed(struct node_bed *w)
{
	return w->counts.links >= 2;
}

/* The clock stands still: the connection is renewed all the same, and nothing that is under way fails. */
START_TEST(test_renewal)
{
	struct node_bed w;
	struct sent slow;
	char first[80];

	node_init(&w);
	atomic_store(&w.core.clock.now, clock_now(&clock_system));
	/* Renewed after four seconds, while that which takes seven is under way. */
	w.kmc_lifetime = 5 * CLOCK_SECOND;
	w.delay = 7 * CLOCK_SECOND;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	/* What follows lasts. */
	SET(&w, kmc_lifetime, 3600 * CLOCK_SECOND);
	node_send(&w, &slow, "GET", "");
	ck_assert(node_await(&w, one_request));
	strcpy(first, w.identity);
	SET(&w, delay, 0);
	/* Whoever asks meanwhile does it by one or the other. */
	ck_assert(node_await(&w, renewed));
	do
		ck_assert_int_eq(node_ask(&w), 200);
	while (strcmp(w.identity, first) == 0);
	node_sent(&slow);
	ck_assert_int_eq(slow.status, 200);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* It jumps beyond the end of the connection: that is not used any more, but made again. */
START_TEST(test_jump)
{
	struct node_bed w;

	node_init(&w);
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	SET(&w, ups, false);
	atomic_store(&w.core.clock.now, clock_now(&clock_system) + 7200 * CLOCK_SECOND);
	ck_assert_int_eq(node_ask(&w), 0);
	ck_assert_uint_eq(node_counts(&w).requests, 0);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	/* And back: what there is was made for so long, not longer. */
	atomic_store(&w.core.clock.now, clock_now(&clock_system) - 86400 * CLOCK_SECOND);
	ck_assert_int_eq(node_ask(&w), 200);
	node_end(&w);
	node_fini(&w);
}
END_TEST

/* ---- without credentials ---- */

START_TEST(test_laboratory)
{
	struct node_bed w;
	struct stat st;

	node_init(&w);
	w.conf.bootstrap.msbf = NULL;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert_str_eq(w.identity, "");
	node_end(&w);
	ck_assert_int_ne(stat(w.keystore, &st), 0);
	node_fini(&w);
}
END_TEST

static void
write_credentials(struct node_bed *w, char path[128], const char *key, const char *scl_id)
{
	char node[NODE_ID_TEXT];
	FILE *f;

	snprintf(path, 128, "%s/credentials", w->dir);
	node_id_text(&w->node, node);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f,
	        "<m2m:bootstrapParamSet " NS "><m2m:securityM2MNodeId>%s</m2m:securityM2MNodeId>"
	        "<m2m:securityKmrIndex>1</m2m:securityKmrIndex>"
	        "<m2m:securityLifetime>2100-01-01T00:00:00Z</m2m:securityLifetime>%s"
	        "<m2m:sclId>%s</m2m:sclId><m2m:sclIdList><reference>" NSCL
	        "</reference></m2m:sclIdList></m2m:bootstrapParamSet>", node, key, scl_id);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

#define KEY_ELEMENT                                                                                \
	"<m2m:securityM2MKey>"                                                                     \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f</m2m:securityM2MKey>"

START_TEST(test_import)
{
	struct node_bed w;
	char path[128], why[SEC_WHY_MAX];
	struct stat st;

	node_init(&w);
	w.conf.bootstrap.msbf = NULL;
	write_credentials(&w, path, "", SCL_ID);
	ck_assert_int_ne(import_credentials(&w.conf, path, why), RC_OK);
	ck_assert_ptr_nonnull(strstr(why, "securityM2MKey"));
	write_credentials(&w, path, KEY_ELEMENT, "another");
	ck_assert_int_ne(import_credentials(&w.conf, path, why), RC_OK);
	ck_assert_ptr_nonnull(strstr(why, "sclId"));
	write_credentials(&w, path, KEY_ELEMENT, SCL_ID);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_ne(import_credentials(&w.conf, path, why), RC_OK);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_msg(import_credentials(&w.conf, path, why) == RC_OK, "%s", why);
	ck_assert_int_ne(stat(path, &st), 0);
	/* The same again is not newer. */
	write_credentials(&w, path, KEY_ELEMENT, SCL_ID);
	ck_assert_int_ne(import_credentials(&w.conf, path, why), RC_OK);
	ck_assert_ptr_nonnull(strstr(why, "securityKmrIndex"));
	for (uint8_t i = 0; i < KEY_BYTES; i++)
		w.kmrs[1].v[i] = i;
	begin_and_want(&w);
	ck_assert(node_await_up(&w));
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert_uint_eq(node_counts(&w).boots, 0);
	node_end(&w);
	node_fini(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_node");
	TCase *c = tcase_create("node");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, test_from_nothing);
	tcase_add_test(c, test_objects);
	tcase_add_test(c, test_tampered);
	tcase_add_test(c, test_captured);
	tcase_add_test(c, test_lost);
	tcase_add_test(c, test_again);
	tcase_add_loop_test(c, test_bad_set, 0, NITEMS(bad_sets));
	tcase_add_test(c, test_old_index);
	tcase_add_loop_test(c, test_no_effect, 0, NITEMS(unsigned_modes) * NITEMS(void_nothing));
	tcase_add_loop_test(c, test_void, 0, 2);
	tcase_add_test(c, test_expired);
	tcase_add_test(c, test_session_refused);
	tcase_add_test(c, test_session_cut);
	tcase_add_test(c, test_cut_at_once);
	tcase_add_test(c, test_cut_for_good);
	tcase_add_test(c, test_renewal);
	tcase_add_test(c, test_jump);
	tcase_add_test(c, test_laboratory);
	tcase_add_test(c, test_import);
	suite_add_tcase(s, c);
	return core_run(s);
}
