/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of applications: to whom they are given, once, and what is entered of that. */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/sec/kma_book.h"
#include "guard_bed.h"
#include "mas/mas_audit.h"
#include "sec/b64url.h"
#include "suite.h"

static struct reply
get_kma(int listener, int peer, const char *token, const char *target, const char *from)
{
	return guard_ask(listener, peer, token, "GET", target, from, NULL);
}

static int
kma_status(int listener, int peer, const char *token, const char *target, const char *from)
{
	struct reply r = get_kma(listener, peer, token, target, from);

	ck_assert(r.status == 200 || strstr(r.body, "\"kma\"") == NULL);
	reply_fini(&r);
	return r.status;
}

static void
make_app_peer(void)
{
	static char text[PSK_ID_TEXT];
	struct psk_id id = { .kind = PSK_MA, .tls = PSK_TLS_1_3, .index = 1, .connection = CONNECTION };

	ck_assert_int_eq(app_hash(SLICE_LIT("meter"), id.app), RC_OK);
	peers[PSK_APP].psk_identity = slice_make(text, psk_id_format(&id, text));
}

START_TEST(kma_given_once)
{
	struct mas_connection c = connection();
	char text[B64URL_LEN(KEY_BYTES) + 1] = "";
	struct key want;
	struct reply r;

	core_app(&bed, "meter", "");
	r = get_kma(CLAIMED_MIA, USER, NULL, METER "/kma", NULL);
	ck_assert_msg(r.status == 200, "%d %s", r.status, r.body);
	ck_assert_int_eq(kma_derive(&c.kmc, SLICE_LIT("meter"), SLICE_LIT("gw1"), 1, &want), RC_OK);
	b64url_encode(text, want.v, sizeof(want.v));
	ck_assert_ptr_nonnull(strstr(r.body, text));
	ck_assert_ptr_nonnull(strstr(r.body, "\"connectionId\":\"1234605616436508552\""));
	ck_assert_ptr_nonnull(strstr(r.body, "\"kmcIndex\":1"));
	reply_fini(&r);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
	/* With the next Kmc again. */
	c.id++;
	c.kmc_index = 2;
	c.created++;
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, CERTIFICATE, NULL, METER "/kma", METER), 200);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, CERTIFICATE, NULL, METER "/kma", METER), 409);
}
END_TEST

START_TEST(kma_refused)
{
	core_app(&bed, "meter", "");
	core_app(&bed, "other", "");
	ck_assert_int_eq(kma_status(CLAIMED, NOBODY, NULL, METER "/kma", METER), 401);
	ck_assert_int_eq(kma_status(CLAIMED, STRANGER, NULL, METER "/kma", METER), 401);
	/* A token over a connection that others can listen to, or whose end is not known. */
	ck_assert_int_eq(kma_status(CLAIMED, NOBODY, TOKEN, METER "/kma", METER), 403);
	ck_assert_int_eq(kma_status(CLAIMED, STRANGER, TOKEN, METER "/kma", METER), 403);
	ck_assert_int_eq(kma_status(CLAIMED, NOBODY, TOKEN "x", METER "/kma", METER), 401);
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, APPS "/other/kma", NULL), 403);
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, METER "/kma", APPS "/other"), 403);
	ck_assert_int_eq(kma_status(MID, USER, NULL, METER "/kma", NULL), 403);
	ck_assert_int_eq(core_status(&bed, "DELETE", METER, ADMIN, NULL), 204);
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, METER "/kma", NULL), 404);
	core_app(&bed, "meter", "");
	live_end(live, CONNECTION, LIVE_ENDED);
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, METER "/kma", NULL), 503);
}
END_TEST

static int
status_of_method(const char *method, const char *body)
{
	struct reply r = guard_ask(CLAIMED, USER, NULL, method, METER "/kma", NULL, body);

	ck_assert(strstr(r.body, "\"kma\"") == NULL);
	reply_fini(&r);
	return r.status;
}

/* Other spellings of the path and other methods give nothing. */
START_TEST(kma_otherwise)
{
	static const char *const paths[] = {
		METER "/kma/", METER "//kma", METER "/%6bma", APPS "//kma", APPS "/kma",
		"/m2m/AP/meter/kma", METER "/x/kma", METER "/kma/x", "/m2m//applications/meter/kma",
	};
	struct core_call c;
	struct reply r;

	core_app(&bed, "meter", "");
	for (size_t i = 0; i < NITEMS(paths); i++)
		ck_assert_msg(kma_status(CLAIMED, USER, NULL, paths[i], NULL) == 404, "%s", paths[i]);
	ck_assert_int_eq(status_of_method("POST", NULL), 405);
	ck_assert_int_eq(status_of_method("PUT", NULL), 405);
	ck_assert_int_eq(status_of_method("PUT", "x"), 413);
	ck_assert_int_eq(status_of_method("DELETE", NULL), 405);
	core_prepare_call(&bed, &c, "GET", METER "/kma", NULL, NULL, NULL);
	req_input(c.rq)->peer = &peers[USER];
	req_input(c.rq)->head = true;
	core_go(&c);
	r = core_end(&c);
	ck_assert_int_eq(r.status, 405);
	reply_fini(&r);
	/* Nor does a group, which asks in its own way. */
	make_group(METER "/kma");
	r = guard_ask(CLAIMED, USER, NULL, "GET", GROUP, NULL, NULL);
	ck_assert_ptr_null(strstr(r.body, "connectionId"));
	reply_fini(&r);
	/* And the key is there still. */
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, METER "/kma", NULL), 200);
}
END_TEST

START_TEST(kma_session)
{
	struct psk_id id;
	struct key got;

	core_app(&bed, "meter", "");
	make_app_peer();
	ck_assert(psk_id_parse(peers[PSK_APP].psk_identity, &id));
	ck_assert(!issuers_psk(issuers, &id, &got));
	ck_assert_int_eq(kma_status(MIA, USER, NULL, METER "/kma", NULL), 200);
	ck_assert(issuers_psk(issuers, &id, &got));
	EXPECT(MIA, PSK_APP, NULL, METER, 200, NULL);
	EXPECT(MIA, PSK_APP, NULL, APPS "/other", 403, "SEC_IDENTITY");
	EXPECT(MID, PSK_APP, NULL, METER, 403, "SEC_NO_CONNECTION");
	live_end(live, CONNECTION, LIVE_REVOKED);
	EXPECT(MIA, PSK_APP, NULL, METER, 403, "SEC_REVOKED");
}
END_TEST

START_TEST(kma_after_a_restart)
{
	struct psk_id id;
	struct key got;

	core_app(&bed, "meter", "");
	make_app_peer();
	ck_assert(psk_id_parse(peers[PSK_APP].psk_identity, &id));
	ck_assert(!issuers_psk(issuers, &id, &got));
	ck_assert_int_eq(kma_start(kma), RC_OK);
	ck_assert(issuers_psk(issuers, &id, &got));
	ck_assert_int_eq(app_hash(SLICE_LIT("other"), id.app), RC_OK);
	ck_assert(!issuers_psk(issuers, &id, &got));
}
END_TEST

/* ---- Kma that is entered on disk ---- */

static char kept[64];

static void
setup_kept(void)
{
	snprintf(kept, sizeof(kept), "/tmp/test_guard_kma.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(kept));
	guard_begin(true, kept);
}

static void
teardown_kept(void)
{
	char file[128];

	guard_teardown();
	snprintf(file, sizeof(file), "%s/data.mdb", kept);
	unlink(file);
	snprintf(file, sizeof(file), "%s/lock.mdb", kept);
	unlink(file);
	rmdir(kept);
}

struct seen {
	unsigned rows, given;
	char object[AUDIT_OBJECT_MAX + 1];
};

static void
see(void *arg, const struct audit_row *row)
{
	struct seen *s = arg;

	s->rows++;
	if (!slice_is(row->entry.action, "kma"))
		return;
	s->given++;
	ck_assert(slice_is(row->entry.actor, "meter"));
	ck_assert(slice_is(row->entry.source, "uid 1001"));
	snprintf(s->object, sizeof(s->object), "%.*s", (int)row->entry.object.n, row->entry.object.p);
}

/* The audit as it is on disk. */
static struct seen
audited(void)
{
	const struct store_conf conf = { .path = kept };
	struct seen seen = { .rows = 0 };
	struct audit_check check = { .next = 0 };
	struct tables store;
	struct tables_tx *tx;
	char why[256];

	ck_assert_int_eq(tables_open(&store_lmdb, &conf, &store, why), RC_OK);
	ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
	ck_assert_int_eq(audit_verify(tx, &seal, 1000, &check), RC_OK);
	ck_assert(check.ended && check.bad == 0 && !check.bad_head);
	ck_assert_int_eq(audit_read(tx, 0, 100, see, &seen), RC_OK);
	tables_abort(tx);
	tables_close(&store);
	return seen;
}

START_TEST(kma_once_for_ever)
{
	struct mas_connection c;
	struct seen seen;

	core_app(&bed, "meter", "");
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 200);
	for (int i = 0; i < 3; i++) {
		guard_teardown();
		seen = audited();
		ck_assert_uint_eq(seen.given, 1);
		ck_assert_str_eq(seen.object, "1122334455667788.1.5eff322a1bd4164e");
		guard_begin(true, kept);
		core_app(&bed, "meter", "");
		ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
	}
	/* Nor after its registration is another one. */
	ck_assert_int_eq(core_status(&bed, "DELETE", METER, ADMIN, NULL), 204);
	core_app(&bed, "meter", "");
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
	c = connection();
	c.id++;
	c.kmc_index = 2;
	c.created++;
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 200);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
	kma_stop(kma);
	ck_assert_uint_eq(audited().given, 2);
	c.id++;
	c.created++;
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 503);
}
END_TEST

/* Also when another connection came in between, as that with a second NSCL. */
START_TEST(kma_of_two_networks)
{
	struct mas_connection c, first;

	core_app(&bed, "meter", "");
	first = c = connection();
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 200);
	c.id++;
	c.created++;
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 200);
	live_end(live, c.id, LIVE_ENDED);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
	/* Whatever is known of it in memory alone. */
	guard_teardown();
	ck_assert_uint_eq(audited().given, 2);
	guard_begin(true, kept);
	core_app(&bed, "meter", "");
	ck_assert(app_table_has(issuers_apps(issuers), SLICE_LIT("meter"), first.id, 1));
	ck_assert(app_table_has(issuers_apps(issuers), SLICE_LIT("meter"), c.id, 1));
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
}
END_TEST

struct crowd {
	pthread_t thread;
	int status;
};

static void *
ask_kma(void *arg)
{
	struct crowd *one = arg;

	one->status = kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL);
	return NULL;
}

/* However many ask at the same time, one gets it. */
START_TEST(kma_for_one_of_many)
{
	struct crowd all[16];
	unsigned given = 0;

	core_app(&bed, "meter", "");
	for (size_t i = 0; i < NITEMS(all); i++)
		ck_assert_int_eq(pthread_create(&all[i].thread, NULL, ask_kma, &all[i]), 0);
	for (size_t i = 0; i < NITEMS(all); i++) {
		pthread_join(all[i].thread, NULL);
		ck_assert(all[i].status == 200 || all[i].status == 409);
		given += all[i].status == 200;
	}
	ck_assert_uint_eq(given, 1);
}
END_TEST

/* A book that was made with another key, or has another record, is not begun anew. */
START_TEST(kma_book_of_another)
{
	const struct key other = { { 8 } };
	struct kma_book_conf conf = { .dir = kept, .engine = &store_lmdb, .seal = &other,
		                      .clock = &bed.clock.clock, .log = bed.log };
	struct kma_book *opened;
	char why[256];

	kma_stop(kma);
	ck_assert_int_eq(kma_book_open(&conf, &opened, why), RC_PRECONDITION);
	ck_assert_ptr_null(opened);
	ck_assert_ptr_nonnull(strstr(why, kept));
	ck_assert_ptr_nonnull(strstr(why, "moved away, it begins anew"));
	conf.seal = &seal;
	ck_assert_int_eq(kma_book_open(&conf, &opened, why), RC_OK);
	kma_book_close(opened);
}
END_TEST

/* ---- the book alone ---- */

static pthread_mutex_t entering = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t entered = PTHREAD_COND_INITIALIZER;

static void
done(struct kma_entry *e)
{
	pthread_mutex_lock(&entering);
	--*(unsigned *)e->owner;
	pthread_cond_signal(&entered);
	pthread_mutex_unlock(&entering);
}

/* At once. */
static void
enter_all(struct kma_book *b, struct kma_entry *all, unsigned n)
{
	unsigned left = n;

	for (unsigned i = 0; i < n; i++) {
		all[i].done = done;
		all[i].owner = &left;
		kma_book_enter(b, &all[i]);
	}
	pthread_mutex_lock(&entering);
	while (left > 0)
		pthread_cond_wait(&entered, &entering);
	pthread_mutex_unlock(&entering);
}

static enum rc
entry(struct kma_book *b, const char *app_id, uint64_t connection_id, uint32_t index,
      int64_t expires)
{
	struct kma_entry e = { .app_id = slice_of(app_id), .connection = connection_id,
		               .kmc_index = index, .expires = expires };

	enter_all(b, &e, 1);
	return e.rc;
}

/* As a letter of each hand-out, in the order of the book. */
static void
remember(void *arg, struct slice app_id, uint64_t connection_id, uint32_t kmc_index)
{
	char *all = arg;

	snprintf(all + strlen(all), 256 - strlen(all), "%.*s.%u.%u ", (int)app_id.n, app_id.p,
	         (unsigned)connection_id, kmc_index);
}

static struct kma_book *
book_of(struct kma_book_conf *conf, const char *want)
{
	static char all[256];
	struct kma_book *b;
	char why[256];

	all[0] = '\0';
	*conf = (struct kma_book_conf){ .dir = kept, .engine = &store_lmdb, .seal = &seal,
		                        .clock = &bed.clock.clock, .log = bed.log,
		                        .given = remember, .arg = all };
	ck_assert_int_eq(kma_book_open(conf, &b, why), RC_OK);
	if (want != NULL)
		ck_assert_str_eq(all, want);
	return b;
}

/* Every hand-out has its record, until an hour after Kmc is over. */
START_TEST(kma_book_records)
{
	const int64_t start = clock_now(&bed.clock.clock);
	struct kma_book_conf conf;
	struct kma_book *b;

	kma_stop(kma);
	b = book_of(&conf, "");
	ck_assert_int_eq(entry(b, "one", 1, 1, start + HOUR), RC_OK);
	ck_assert_int_eq(entry(b, "one", 1, 2, start + 2 * HOUR), RC_OK);
	ck_assert_int_eq(entry(b, "one", 2, 1, start + 3 * HOUR), RC_OK);
	ck_assert_int_eq(entry(b, "on", 1, 1, start + 3 * HOUR), RC_OK);
	for (uint32_t index = 1; index <= 2; index++)
		ck_assert_int_eq(entry(b, "one", 1, index, start + 9 * HOUR), RC_CONFLICT);
	ck_assert_int_eq(entry(b, "one", 2, 1, start + 9 * HOUR), RC_CONFLICT);
	kma_book_close(b);
	atomic_store(&bed.clock.now, start + 2 * HOUR);
	kma_book_close(book_of(&conf, "on.1.1 one.1.1 one.1.2 one.2.1 "));
	atomic_store(&bed.clock.now, start + 2 * HOUR + 1);
	kma_book_close(book_of(&conf, "on.1.1 one.1.1 one.1.2 one.2.1 "));
	b = book_of(&conf, "on.1.1 one.1.2 one.2.1 ");
	ck_assert_int_eq(entry(b, "one", 1, 2, start + 9 * HOUR), RC_CONFLICT);
	kma_book_close(b);
	atomic_store(&bed.clock.now, start + 5 * HOUR);
	kma_book_close(book_of(&conf, "on.1.1 one.1.2 one.2.1 "));
	kma_book_close(book_of(&conf, ""));
}
END_TEST

/* A full book gives nothing more. */
START_TEST(kma_book_full)
{
	struct kma_book_conf conf = { .seal = &seal, .clock = &bed.clock.clock, .log = bed.log };
	struct kma_entry all[128];
	struct kma_book *b;
	char why[256];

	ck_assert_int_eq(kma_book_open(&conf, &b, why), RC_OK);
	for (unsigned n = 0; n < KMA_BOOK_MAX; n += NITEMS(all)) {
		for (unsigned i = 0; i < NITEMS(all); i++)
			all[i] = (struct kma_entry){ .app_id = SLICE_LIT("one"),
				                     .connection = n + i + 1,
				                     .kmc_index = 1,
				                     .expires = CLOCK_NEVER };
		enter_all(b, all, NITEMS(all));
		for (unsigned i = 0; i < NITEMS(all); i++)
			ck_assert_int_eq(all[i].rc, RC_OK);
	}
	ck_assert_int_eq(entry(b, "one", KMA_BOOK_MAX + 1, 1, CLOCK_NEVER), RC_UNAVAILABLE);
	ck_assert_int_eq(entry(b, "one", KMA_BOOK_MAX, 1, CLOCK_NEVER), RC_CONFLICT);
	kma_book_close(b);
}
END_TEST

/* At the network nobody has a Kma. */
START_TEST(kma_of_the_network)
{
	core_app(&bed, "meter", "");
	ck_assert_int_eq(kma_status(MIA, USER, NULL, METER "/kma", NULL), 403);
	ck_assert_int_eq(kma_start(kma), RC_OK);
	make_app_peer();
	EXPECT(MIA, PSK_APP, NULL, METER, 401, "AUTH_FAILED");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_kma");
	TCase *c = suite_case(s, "node", guard_setup_node, guard_teardown);

	tcase_add_test(c, kma_given_once);
	tcase_add_test(c, kma_refused);
	tcase_add_test(c, kma_otherwise);
	tcase_add_test(c, kma_session);
	tcase_add_test(c, kma_after_a_restart);
	c = suite_case(s, "on disk", setup_kept, teardown_kept);
	tcase_add_test(c, kma_once_for_ever);
	tcase_add_test(c, kma_of_two_networks);
	tcase_add_test(c, kma_for_one_of_many);
	tcase_add_test(c, kma_book_of_another);
	tcase_add_test(c, kma_book_records);
	tcase_add_test(c, kma_book_full);
	c = suite_case(s, "network", guard_setup, guard_teardown);
	tcase_add_test(c, kma_of_the_network);
	return run_suite(s);
}
