/* SPDX-License-Identifier: Apache-2.0 */
/* Registration with an NSCL that the test plays: steps, refresh, other candidates, the end. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/times.h"
#include "cap/gate.h"
#include "cap/registrar.h"
#include "cap/registrar_impl.h"
#include "core_bed.h"
#include "repo_bed.h"

#define HOSTS 2 /* n0.example.org, n1.example.org */
#define MIRROR BASE "/scls/n%u.example.org"

struct nscl {
	bool down; /* refuses connections */
	bool silent; /* never answers */
	unsigned refusals, refused; /* so many connections are to be, have been refused */
	bool busy; /* the next request is put off for a second */
	int64_t told, again; /* when it was; when the one after it came */
	bool enrolled, has_poc;
	unsigned registers, refreshes, leaves;
	char contact[128];
};

struct world {
	struct core_bed b;
	struct capability_conf conf;
	void *registrar;
	struct dice dice; /* the courier thread's, once it runs */
	pthread_mutex_t lock; /* of what follows */
	struct nscl nscls[HOSTS];
	int64_t delay, granted;
	char answer[512];
	struct gate gate;
	const struct gate_listener *at_gate; /* the courier thread's */
	struct scl_task back, hold;
	const char *const *named; /* by the gate; the courier thread's, once it runs */
	_Atomic bool held, asked;
	const char *wanted_at; /* of call_it */
	bool back_within; /* the connection is back while the step that it fails is under way */
};

/* ---- the NSCL ---- */

static int
scl_request(struct nscl *n, struct slice method)
{
	bool was = n->enrolled;

	if (slice_is(method, "PUT")) {
		n->refreshes += was;
		return was ? 200 : 404;
	}
	n->enrolled = n->has_poc = false;
	n->leaves += was;
	return was ? 204 : 404;
}

static int
collection_request(struct nscl *n)
{
	if (n->enrolled)
		return 409;
	n->enrolled = true;
	n->registers++;
	return 201;
}

static int
poc_request(struct nscl *n, struct slice method, struct slice body)
{
	const char *at = memmem(body.p, body.n, "contactURI>", 11), *end;
	bool create = slice_is(method, "POST");

	if (!n->enrolled || create == n->has_poc)
		return create && n->enrolled ? 409 : 404;
	n->has_poc = true;
	ck_assert_ptr_nonnull(at);
	at += 11;
	end = memchr(at, '<', (size_t)(body.p + body.n - at));
	ck_assert_ptr_nonnull(end);
	snprintf(n->contact, sizeof(n->contact), "%.*s", (int)(end - at), at);
	return create ? 201 : 204;
}

static int
serve(struct world *w, struct nscl *n, const struct exchange *ex, struct port_answer *a)
{
	const char *path = strstr(ex->url.p, BASE) + strlen(BASE);
	char granted[TIMES_TEXT_MAX];
	int status;

	if (n->refusals > 0) {
		n->refusals--;
		n->refused++;
		return ANSWER_REFUSED;
	}
	if (n->down)
		return ANSWER_REFUSED;
	if (n->busy) {
		n->busy = false;
		n->told = clock_monotonic();
		a->retry_after = "1";
		return 503;
	}
	if (n->told != 0 && n->again == 0)
		n->again = clock_monotonic();
	if (n->silent)
		return ANSWER_NEVER;
	if (path[0] == '\0' || path[0] == ' ') {
		a->body = "<m2m:sclBase " NS "><m2m:accessRightID>" BASE
			  "/accessRights/x</m2m:accessRightID>"
			  "<m2m:aPocHandling>DEEP</m2m:aPocHandling></m2m:sclBase>";
		return 200;
	}
	if (strstr(path, "m2mPocs") != NULL)
		return poc_request(n, ex->method, ex->body);
	status = strcmp(path, "/scls") == 0 ? collection_request(n) : scl_request(n, ex->method);
	if (status == 200 || status == 201) {
		times_format(clock_now(&clock_system) + w->granted, TIMES_MILLI, granted);
		snprintf(w->answer, sizeof(w->answer),
		         "<m2m:scl " NS "><m2m:expirationTime>%s</m2m:expirationTime></m2m:scl>",
		         granted);
		a->body = w->answer;
	}
	return status;
}

/* ---- the gate ---- */

static enum rc
enter(void *arg, const char *nscl)
{
	(void)arg;
	(void)nscl;
	return RC_OK;
}

static void
listen_at(void *arg, const struct gate_listener *listener)
{
	struct world *w = arg;

	w->at_gate = listener;
}

static const char *const *
named(void *arg)
{
	static const char *const none[] = { NULL };
	const struct world *w = arg;

	return w->named == NULL ? none : w->named;
}

static void
no_report(void *arg, struct buf *to)
{
	(void)arg;
	(void)to;
}

static struct gate
gate_of(struct world *w)
{
	return (struct gate){ .arg = w, .enter = enter, .listen = listen_at, .nscls = named,
		              .report = no_report };
}

static const char *const candidates[] = { "http://n0.example.org" BASE,
	                                  "http://n1.example.org" BASE, NULL };

static void
tell_back(struct scl_task *task)
{
	struct world *w = (struct world *)(void *)((char *)task - offsetof(struct world, back));

	w->at_gate->changed(w->at_gate->owner, candidates[0], true);
}

static struct port_answer
script(void *arg, const struct exchange *ex)
{
	struct world *w = arg;
	struct port_answer a = { 0 };
	unsigned host;

	ck_assert_int_eq(sscanf(ex->url.p, "http://n%u.example.org" BASE, &host), 1);
	pthread_mutex_lock(&w->lock);
	if (host == 0 && w->back_within && w->nscls[0].refusals > 0)
		tell_back(&w->back);
	if (w->delay > 0)
		a.delay = dice(&w->dice, (unsigned)w->delay);
	a.status = serve(w, &w->nscls[host], ex, &a);
	pthread_mutex_unlock(&w->lock);
	return a;
}

/* ---- life ---- */

static void
world_init(struct world *w, const char *what)
{
	*w = (struct world){ .granted = 3600 * CLOCK_SECOND };
	core_init(&w->b);
	w->b.conf.role = SCL_GSCL;
	pthread_mutex_init(&w->lock, NULL);
	dice_init(&w->dice, what);
	port_fake_set(script, w);
	w->conf = (struct capability_conf){
		.role = SCL_GSCL,
		.scl_id = "scl.example.org",
		.base_uri = "http://scl.example.org:8080" BASE,
		.nscl = candidates,
		.lifetime_us = 3600 * CLOCK_SECOND,
		.retry_us = 2000,
		.retry_max_us = 8000,
		.contact_uri = "http://scl.example.org:8080" BASE "?a&b",
		.mgmt_protocol = "OMA_DM",
	};
	core_start(&w->b);
}

static void
registrar_begin(struct world *w)
{
	char why[CAPABILITY_WHY_MAX] = "";

	w->conf.log = w->b.log;
	ck_assert_int_eq(cap_registrar.start(w->b.scl, &w->conf, &w->registrar, why), RC_OK);
	ck_assert_ptr_nonnull(w->registrar);
}

static void
world_fini(struct world *w)
{
	core_fini(&w->b);
	pthread_mutex_destroy(&w->lock);
}

static struct nscl
nscl_look(struct world *w, unsigned host)
{
	struct nscl n;

	pthread_mutex_lock(&w->lock);
	n = w->nscls[host];
	pthread_mutex_unlock(&w->lock);
	return n;
}

static void
nscl_set(struct world *w, unsigned host, bool down, bool silent)
{
	pthread_mutex_lock(&w->lock);
	w->nscls[host].down = down;
	w->nscls[host].silent = silent;
	pthread_mutex_unlock(&w->lock);
}

static bool
mirrored(struct world *w, unsigned host)
{
	char target[64];

	snprintf(target, sizeof(target), MIRROR, host);
	return core_status(&w->b, "GET", target, candidates[host], NULL) == 200;
}

static bool
registered_at_0(void *arg)
{
	return nscl_look(arg, 0).has_poc;
}

static void
pass(struct scl_task *task)
{
	struct world *w = (struct world *)(void *)((char *)task - offsetof(struct world, hold));

	atomic_store(&w->held, true);
}

static bool
mirrored_at_0(void *arg)
{
	return mirrored(arg, 0);
}

static bool
registered_at_1(void *arg)
{
	return nscl_look(arg, 1).has_poc;
}

static bool
refreshed(void *arg)
{
	return nscl_look(arg, 0).refreshes >= 2;
}

/* The provider names another NSCL, and until the registrar is stopped nothing else happens. */
static void
hold(struct scl_task *task)
{
	struct world *w = (struct world *)(void *)((char *)task - offsetof(struct world, hold));

	if (!((const struct registrar *)w->registrar)->registered) {
		scl_post(w->b.scl, task, 1000);
		return;
	}
	w->named = &candidates[1];
	w->at_gate->report(w->at_gate->owner);
	atomic_store(&w->held, true);
	while (!atomic_load(&w->asked))
		usleep(1000);
	/* So that what follows the question is done as well. */
	usleep(20000);
}

static bool
is_held(void *arg)
{
	const struct world *w = arg;

	return atomic_load(&w->held);
}

static bool
asked_to_begin_again(const void *arg)
{
	struct world *w = (struct world *)(uintptr_t)arg;

	atomic_store(&w->asked, true);
	return true;
}

/* ---- tests ---- */

START_TEST(test_register)
{
	struct world w;
	struct reply r;

	world_init(&w, "register");
	registrar_begin(&w);
	ck_assert(core_await(registered_at_0, &w));
	ck_assert_str_eq(nscl_look(&w, 0).contact, "http://scl.example.org:8080" BASE "?a&amp;b");
	r = core_ask(&w.b, "GET", BASE "/aPocHandling", ADMIN, NULL);
	ck_assert_ptr_nonnull(strstr(r.body, "DEEP"));
	reply_fini(&r);
	cap_registrar.stop(w.registrar);
	ck_assert_uint_eq(nscl_look(&w, 0).leaves, 1);
	ck_assert_uint_eq(nscl_look(&w, 0).registers, 1);
	core_stop(&w.b);
	/* The mirror went, too: sclBase and the accessRight are left. */
	ck_assert_uint_eq(core_records(&w.b, 'N'), 2);
	world_fini(&w);
}
END_TEST

/* At half of what was granted, again and again. */
START_TEST(test_refresh)
{
	struct world w;
	int64_t begin = clock_monotonic();

	world_init(&w, "refresh");
	w.granted = 4 * CLOCK_SECOND;
	registrar_begin(&w);
	ck_assert(core_await(refreshed, &w));
	ck_assert_int_ge(clock_monotonic() - begin, 3 * CLOCK_SECOND);
	ck_assert_uint_eq(nscl_look(&w, 0).registers, 1);
	cap_registrar.stop(w.registrar);
	ck_assert_uint_eq(nscl_look(&w, 0).leaves, 1);
	world_fini(&w);
}
END_TEST

/* The next candidate is taken, and left where the registration is. */
START_TEST(test_candidates)
{
	struct world w;

	world_init(&w, "candidates");
	nscl_set(&w, 0, true, false);
	w.granted = 2 * CLOCK_SECOND;
	registrar_begin(&w);
	ck_assert(core_await(registered_at_1, &w));
	ck_assert(mirrored(&w, 1));
	ck_assert(!mirrored(&w, 0));
	cap_registrar.stop(w.registrar);
	ck_assert_uint_eq(nscl_look(&w, 1).leaves, 1);
	ck_assert_uint_eq(nscl_look(&w, 0).registers, 0);
	ck_assert(!mirrored(&w, 1));
	world_fini(&w);
}
END_TEST

/* Who asks it to wait is not asked before; another one is. */
START_TEST(test_put_off)
{
	static const char *const alone[] = { "http://n0.example.org" BASE, NULL };
	struct world w;

	world_init(&w, "put-off");
	if (_i == 0)
		w.conf.nscl = alone;
	w.conf.retry_max_us = 2 * CLOCK_SECOND;
	w.nscls[0].busy = true;
	registrar_begin(&w);
	ck_assert(core_await(_i == 0 ? registered_at_0 : registered_at_1, &w));
	if (_i == 0)
		ck_assert_int_ge(nscl_look(&w, 0).again - nscl_look(&w, 0).told, CLOCK_SECOND);
	cap_registrar.stop(w.registrar);
	world_fini(&w);
}
END_TEST

/* Stopped at any step, with the timer due or not: what was entered is taken back. */
START_TEST(test_stop_anywhere)
{
	struct world w;

	world_init(&w, "stop anywhere");
	w.delay = 300;
	w.granted = 1000; /* refreshed at once, which is after a second at the earliest */
	for (unsigned i = 0; i < core_scale(400); i++) {
		unsigned pause = i % 40 * 100;

		nscl_set(&w, 0, i % 7 == 0, false);
		nscl_set(&w, 1, i % 14 == 0, false);
		registrar_begin(&w);
		nanosleep(&(struct timespec){ .tv_nsec = 1000 * (long)pause }, NULL);
		cap_registrar.stop(w.registrar);
		for (unsigned host = 0; host < HOSTS; host++) {
			ck_assert(!nscl_look(&w, host).enrolled);
			ck_assert(!mirrored(&w, host));
		}
	}
	world_fini(&w);
}
END_TEST

/* An NSCL that does not answer holds nobody up; the rest is done when the scl stops. */
START_TEST(test_stop_silent)
{
	struct world w;
	int64_t begin;

	world_init(&w, "silent");
	if (_i == 1) {
		registrar_begin(&w);
		ck_assert(core_await(registered_at_0, &w));
		nscl_set(&w, 0, false, true);
	} else {
		nscl_set(&w, 0, false, true);
		registrar_begin(&w);
	}
	begin = clock_monotonic();
	cap_registrar.stop(w.registrar);
	ck_assert_int_lt(clock_monotonic() - begin, 8 * CLOCK_SECOND);
	world_fini(&w);
}
END_TEST

static bool
failed_at_0(void *arg)
{
	return nscl_look(arg, 0).refused > 0;
}

static bool
refreshed_once(void *arg)
{
	return nscl_look(arg, 0).refreshes >= 1;
}

/*
 * A refresh has failed with the service connection: when that is back nobody waits for the time of
 * the next trial, be the registrar waiting for it (0) or still within the step (1).
 */
START_TEST(test_connection_back)
{
	static const char *const one[] = { "http://n0.example.org" BASE, NULL };
	struct world w;

	world_init(&w, "connection back");
	w.gate = gate_of(&w);
	w.back.run = tell_back;
	w.conf.gate = &w.gate;
	w.conf.nscl = one;
	w.conf.retry_us = w.conf.retry_max_us = 3600 * CLOCK_SECOND;
	w.granted = 2 * CLOCK_SECOND; /* refreshed after one */
	registrar_begin(&w);
	ck_assert(core_await(registered_at_0, &w));
	pthread_mutex_lock(&w.lock);
	w.back_within = _i == 1;
	w.nscls[0].refusals = 1;
	pthread_mutex_unlock(&w.lock);
	ck_assert(core_await(failed_at_0, &w));
	if (_i == 0)
		scl_post(w.b.scl, &w.back, 10000);
	ck_assert(core_await(refreshed_once, &w));
	cap_registrar.stop(w.registrar);
	world_fini(&w);
}
END_TEST

/* The NSCL is not to be registered with any more just when the daemon begins again. */
START_TEST(test_moved_at_the_end)
{
	static const char *const first[] = { "http://n0.example.org" BASE, NULL };
	struct world w;

	world_init(&w, "moved at the end");
	w.gate = gate_of(&w);
	w.conf.gate = &w.gate;
	w.conf.nscl = NULL;
	w.named = first;
	w.conf.begins_again = asked_to_begin_again;
	w.conf.begins_again_arg = &w;
	w.hold.run = hold;
	registrar_begin(&w);
	scl_post(w.b.scl, &w.hold, 0);
	ck_assert(core_await(is_held, &w));
	cap_registrar.stop(w.registrar);
	ck_assert_uint_eq(nscl_look(&w, 0).leaves, 1);
	ck_assert(!mirrored(&w, 0));
	ck_assert_uint_eq(nscl_look(&w, 1).registers, 0);
	world_fini(&w);
}
END_TEST

/* On the courier thread. */
static void
call_it(struct scl_task *task)
{
	struct world *w = (struct world *)(void *)((char *)task - offsetof(struct world, back));

	if (w->at_gate != NULL)
		w->at_gate->wake(w->at_gate->owner, w->wanted_at);
}

/* Who is called registers again at once, not when its time has come. */
START_TEST(test_called)
{
	struct world w;

	world_init(&w, "called");
	w.gate = gate_of(&w);
	w.conf.gate = &w.gate;
	w.conf.trigger = (struct trigger_conf){ .enabled = true,
		                                .take.uri = "udp://192.0.2.1:7001" };
	w.back.run = call_it;
	registrar_begin(&w);
	ck_assert(core_await(registered_at_0, &w));
	scl_post(w.b.scl, &w.back, 0);
	ck_assert(core_await(refreshed_once, &w));
	cap_registrar.stop(w.registrar);
	world_fini(&w);
}
END_TEST

/*
 * Who connects only when it is called: until there is a registration it is made; then nothing is sent
 * after a start, until somebody calls, and to whom it was called.
 */
START_TEST(test_sleeps)
{
	struct world w;

	world_init(&w, "sleeps");
	w.gate = gate_of(&w);
	w.conf.gate = &w.gate;
	w.conf.on_trigger = true;
	w.back.run = call_it;
	registrar_begin(&w);
	ck_assert(core_await(registered_at_0, &w));
	ck_assert(core_await(mirrored_at_0, &w));
	cap_registrar.stop(w.registrar);
	ck_assert_uint_eq(nscl_look(&w, 0).leaves, 0);
	w.at_gate = NULL;
	registrar_begin(&w);
	/* The task of its start has run when this one has. */
	w.hold.run = pass;
	scl_post(w.b.scl, &w.hold, 20000);
	ck_assert(core_await(is_held, &w));
	ck_assert_uint_eq(nscl_look(&w, 0).refreshes, 0);
	ck_assert_uint_eq(nscl_look(&w, 0).registers, 1);
	w.wanted_at = candidates[1];
	scl_post(w.b.scl, &w.back, 0);
	ck_assert(core_await(registered_at_1, &w));
	cap_registrar.stop(w.registrar);
	world_fini(&w);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("registrar");
	TCase *tc = tcase_create("registrar");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, test_register);
	tcase_add_test(tc, test_refresh);
	tcase_add_test(tc, test_candidates);
	tcase_add_loop_test(tc, test_put_off, 0, 2);
	tcase_add_test(tc, test_stop_anywhere);
	tcase_add_loop_test(tc, test_stop_silent, 0, 2);
	tcase_add_loop_test(tc, test_connection_back, 0, 2);
	tcase_add_test(tc, test_moved_at_the_end);
	tcase_add_test(tc, test_called);
	tcase_add_test(tc, test_sleeps);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return core_run(suite());
}
