/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints beside the tree (core/endpoint.h): what they cover, who asks, who is told of changes. */
#include "config.h"

#include <stdio.h>

#include "core/endpoint.h"
#include "core/guard.h"
#include "core/observe.h"
#include "core/peer.h"
#include "core_bed.h"
#include "suite.h"

#define PROXY BASE "/proxy"
#define HIDDEN BASE "/hidden/"
#define WELL_KNOWN "/.well-known/core"
#define APPS BASE "/applications"
#define OTHERS "coap://b.example/m2m/proxy/inbox"
#define OWN "http://alias.example.org:8080"
#define KEY UINT64_C(77)

static struct core_bed b;
static const struct peer peer = { .kind = PEER_CERTIFICATE };

static const struct req_listener at_tree = { .serve = SERVE_MID };
static const struct req_listener at_proxy = { .serve = SERVE_PROXY };
static const struct req_listener at_mas = { .serve = SERVE_MAS };

/* ---- what is served ---- */

/* What the last request to an endpoint was. */
static struct {
	unsigned n;
	bool foreign, identified, again;
	char rest[64], query[64], sga[64], scl_id[64], app_id[64], claimed[128];
	const struct peer *peer;
} seen;

static bool tell_within;

static void
copy(char *to, size_t size, struct slice s)
{
	snprintf(to, size, "%.*s", (int)s.n, s.p == NULL ? "" : s.p);
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct endpoint_who who;
	enum rc rc = endpoint_identify(rq, &who);

	copy(seen.sga, sizeof(seen.sga), in->sga);
	copy(seen.query, sizeof(seen.query), endpoint_query(rq));
	seen.again = endpoint_is_again(rq);
	seen.n++;
	if (rc != RC_OK)
		return rc;
	seen.identified = true;
	seen.foreign = endpoint_is_foreign(rq);
	seen.peer = who.peer;
	copy(seen.rest, sizeof(seen.rest), endpoint_rest(rq));
	copy(seen.scl_id, sizeof(seen.scl_id), who.scl_id);
	copy(seen.app_id, sizeof(seen.app_id), who.app_id);
	copy(seen.claimed, sizeof(seen.claimed), who.claimed);
	if (arg != NULL)
		endpoint_watch(rq, *(const uint64_t *)arg);
	if (tell_within)
		observe_tell(b.scl, KEY);
	return endpoint_answer(rq, RC_OK, "text/plain", SLICE_LIT("here"));
}

/* What a client may keep, and an error with a body of its own. */
static enum rc
serve_package(void *arg, struct req *rq, const struct req_input *in)
{
	(void)arg;
	seen.n++;
	if (in->op != REQ_RETRIEVE)
		return endpoint_answer(rq, RC_FORBIDDEN, "application/octet-stream",
		                       SLICE_LIT("no"));
	if (endpoint_cache(rq, SLICE_LIT("0a1b")))
		return endpoint_answer(rq, RC_NOT_MODIFIED, "text/plain", SLICE_NONE);
	return endpoint_answer(rq, RC_OK, "text/plain", SLICE_LIT("kept"));
}

static uint64_t key = KEY;

static const struct endpoint endpoints[] = {
	{ .path = PROXY, .serve = SERVE_MID | SERVE_PROXY, .serve_request = serve, .arg = &key },
	{ .path = PROXY "/",
	  .serve = SERVE_MID | SERVE_PROXY,
	  .body_max = 10,
	  .foreign = true,
	  .serve_request = serve },
	{ .path = HIDDEN,
	  .serve = SERVE_MID | SERVE_PROXY,
	  .internal = true,
	  .serve_request = serve },
	{ .path = BASE "/mid", .serve = SERVE_MID, .serve_request = serve },
	{ .path = BASE "/sga/", .serve = SERVE_MID, .channels = true, .serve_request = serve },
	{ .path = BASE "/package",
	  .serve = SERVE_MID,
	  .body_max = 8,
	  .serve_request = serve_package },
};

static void
attach(struct scl *scl)
{
	for (size_t i = 0; i < NITEMS(endpoints); i++)
		ck_assert_int_eq(endpoint_add(scl, &endpoints[i]), RC_OK);
}

static void
ready(void)
{
	memset(&seen, 0, sizeof(seen));
	tell_within = false;
	core_init_alone(&b);
	b.attach = attach;
	core_start(&b);
	b.listener = &at_tree;
}

static void
over(void)
{
	core_fini(&b);
}

static struct reply
ask(const struct req_listener *at, const char *target, const char *from, const char *source)
{
	struct core_call c;

	b.listener = at;
	core_prepare_call(&b, &c, "GET", target, from, NULL, NULL);
	req_input(c.rq)->peer = &peer;
	if (source != NULL)
		req_input(c.rq)->pre_source = arena_copy(req_arena(c.rq), slice_of(source));
	core_go(&c);
	return core_end(&c);
}

static int
status(const struct req_listener *at, const char *target, const char *from, const char *source)
{
	struct reply r = ask(at, target, from, source);

	memset(&seen.n, 0, sizeof(seen.n));
	reply_fini(&r);
	return r.status;
}

/* ---- what is told of ---- */

START_TEST(without_a_tree)
{
	struct reply r = ask(&at_proxy, WELL_KNOWN, NULL, NULL);

	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(r.body, "</m2m/proxy>;rt=\"m2m.capability\";title=\"Capability/proxy\"");
	reply_fini(&r);
	/* Not even to whoever asks for resources. */
	r = ask(&at_proxy, WELL_KNOWN "?rt=m2m.sclbase", ADMIN, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(r.body, "");
	reply_fini(&r);
	ck_assert_int_eq(status(&at_proxy, BASE, ADMIN, NULL), 404);
	ck_assert_int_eq(status(&at_proxy, APPS, ADMIN, NULL), 404);
	ck_assert_int_eq(status(&at_proxy, BASE "/mid", ADMIN, NULL), 404);
	ck_assert_int_eq(status(&at_mas, WELL_KNOWN, NULL, NULL), 404);
	ck_assert_int_eq(status(&at_mas, PROXY, NULL, NULL), 404);
	ck_assert_int_eq(status(&at_proxy, PROXY, NULL, NULL), 200);
}
END_TEST

START_TEST(with_a_tree)
{
	struct reply r = ask(&at_tree, WELL_KNOWN, NULL, NULL);

	ck_assert_ptr_nonnull(strstr(r.body, "</m2m>;"));
	ck_assert_ptr_nonnull(strstr(r.body, "Capability/proxy\""));
	ck_assert_ptr_nonnull(strstr(r.body, "Capability/mid\""));
	ck_assert_ptr_null(strstr(r.body, "hidden"));
	reply_fini(&r);
	r = ask(&at_tree, BASE "/discovery?searchString=Capability%2Fproxy", ADMIN, NULL);
	ck_assert_ptr_nonnull(strstr(r.body, "/m2m/proxy<"));
	reply_fini(&r);
	r = ask(&at_tree, BASE "/discovery?searchString=Capability%2Fhidden", ADMIN, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_ptr_null(strstr(r.body, "hidden<"));
	reply_fini(&r);
	ck_assert_int_eq(status(&at_tree, HIDDEN "x", NULL, NULL), 200);
}
END_TEST

/* ---- who asks ---- */

static enum rc
admit(void *arg, const struct req_listener *listener, struct req_input *in, struct arena *arena,
      struct req_answer *out, struct slice *reason)
{
	(void)arg;
	(void)listener;
	(void)arena;
	(void)out;
	if (slice_is(in->from, "http://stranger.example/m2m")) {
		*reason = SLICE_LIT("AUTH_FAILED");
		return RC_DENIED;
	}
	in->scl_id = SLICE_LIT("gw1.example");
	in->app_id = SLICE_LIT("meter");
	return RC_OK;
}

START_TEST(nobody_proves_anything)
{
	ck_assert_int_eq(status(&at_tree, PROXY, NULL, NULL), 200);
	ck_assert_str_eq(seen.claimed, "");
	ck_assert_str_eq(seen.scl_id, "");
	ck_assert_ptr_eq(seen.peer, &peer);
	ck_assert_int_eq(status(&at_tree, PROXY, "HTTP://Gw.Example:80/m2m/", NULL), 200);
	ck_assert_str_eq(seen.claimed, "http://gw.example/m2m");
	ck_assert_int_eq(status(&at_tree, PROXY, OWN APPS "/a", NULL), 200);
	ck_assert_str_eq(seen.claimed, APPS "/a");
	ck_assert_int_eq(status(&at_tree, PROXY, "no uri", NULL), 400);
	/* Where there is no tree a name means nothing. */
	ck_assert_int_eq(status(&at_proxy, PROXY, "http://gw.example/m2m", NULL), 200);
	ck_assert_str_eq(seen.claimed, "");
	ck_assert_ptr_eq(seen.peer, &peer);
}
END_TEST

START_TEST(the_guard_knows)
{
	static const struct guard guard = { .admit = admit };

	core_stop(&b);
	b.guard = &guard;
	core_start(&b);
	ck_assert_int_eq(status(&at_tree, PROXY, NULL, NULL), 200);
	ck_assert_str_eq(seen.scl_id, "gw1.example");
	ck_assert_str_eq(seen.app_id, "meter");
	seen.identified = false;
	ck_assert_int_eq(status(&at_tree, PROXY, "http://stranger.example/m2m", NULL), 401);
	ck_assert(!seen.identified);
	/* It has no say there. */
	ck_assert_int_eq(status(&at_proxy, PROXY, "http://stranger.example/m2m", NULL), 200);
	ck_assert_str_eq(seen.scl_id, "");
	ck_assert_str_eq(seen.app_id, "");
}
END_TEST

/* ---- what is for others ---- */

START_TEST(a_message_for_others)
{
	static const char source[] = "http://gw.example/m2m";
	struct reply r = ask(&at_tree, OTHERS, ADMIN, source);

	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert(seen.foreign);
	ck_assert_str_eq(seen.rest, "");
	reply_fini(&r);
	r = ask(&at_proxy, "http://m2m.invalid/", ADMIN, source);
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(seen.n, 2);
	ck_assert(seen.foreign);
	reply_fini(&r);
	/* What is ours goes by its path. */
	r = ask(&at_tree, OWN PROXY "/inbox", ADMIN, source);
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(seen.n, 3);
	ck_assert(!seen.foreign);
	ck_assert_str_eq(seen.rest, "inbox");
	reply_fini(&r);
	/* Without a source it is passed on as ever, or not where there is nothing of the kind. */
	ck_assert_int_eq(status(&at_proxy, OTHERS, ADMIN, NULL), 404);
	r = ask(&at_tree, OTHERS, ADMIN, NULL);
	ck_assert_int_ne(r.status, 200);
	ck_assert_uint_eq(seen.n, 0);
	reply_fini(&r);
	r = ask(&at_mas, OTHERS, ADMIN, source);
	ck_assert_int_eq(r.status, 404);
	ck_assert_uint_eq(seen.n, 0);
	reply_fini(&r);
}
END_TEST

START_TEST(no_endpoint_for_others)
{
	struct reply r;

	core_stop(&b);
	b.attach = NULL;
	core_start(&b);
	r = ask(&at_tree, OTHERS, ADMIN, "http://gw.example/m2m");
	ck_assert_int_ne(r.status, 200);
	ck_assert_uint_eq(seen.n, 0);
	reply_fini(&r);
}
END_TEST

/* ---- what may be kept, and what is said of an error ---- */

static struct reply
ask_package(const char *method, const char *if_none_match)
{
	struct core_call c;

	b.listener = &at_tree;
	core_prepare_call(&b, &c, method, BASE "/package", NULL, NULL, NULL);
	if (if_none_match != NULL)
		req_input(c.rq)->if_none_match =
			arena_copy(req_arena(c.rq), slice_of(if_none_match));
	core_go(&c);
	return core_end(&c);
}

START_TEST(what_may_be_kept)
{
	static const struct {
		const char *tags;
		int status;
	} cases[] = {
		{ NULL, 200 },
		{ "\"0a1b\"", 304 },
		{ "\"x\", W/\"0a1b\"", 304 },
		{ "\"0a1b\" ,\"x\"", 304 },
		{ "\"x\",\t\"0a1b\"\t", 304 },
		{ "*", 304 },
		{ "\"0a1\"", 200 },
		{ "0a1b", 200 },
		{ "\"x\",\"0a1bc\"", 200 },
	};

	for (size_t i = 0; i < NITEMS(cases); i++) {
		struct reply r = ask_package("GET", cases[i].tags);

		ck_assert_int_eq(r.status, cases[i].status);
		ck_assert_str_eq(r.etag, "\"0a1b\"");
		ck_assert_str_eq(r.body, r.status == 200 ? "kept" : "");
		ck_assert(!r.no_store);
		reply_fini(&r);
	}
}
END_TEST

START_TEST(an_error_with_its_own_body)
{
	struct reply r = ask_package("DELETE", NULL);

	ck_assert_int_eq(r.status, 403);
	ck_assert_str_eq(r.body, "no");
	ck_assert(r.no_store);
	reply_fini(&r);
}
END_TEST

/* ---- the proof of a device ---- */

static const struct {
	const char *target, *header;
	int status;
	const char *sga, *query;
} proofs[] = {
	{ "/sga/x", NULL, 200, "", "" },
	{ "/sga/x", "aWQ;1;00", 200, "aWQ;1;00", "" },
	{ "/sga/x?x-m2m-sga=aWQ;1;00", NULL, 200, "aWQ;1;00", "" },
	{ "/sga/x?x-m2m-sga=aWQ%3B1%3b00", NULL, 200, "aWQ;1;00", "" },
	{ "/sga/x?wait=3&x-m2m-sga=a&max=2", NULL, 200, "a", "wait=3&max=2" },
	{ "/sga/x?x-m2m-sga=a&max=2", NULL, 200, "a", "max=2" },
	{ "/sga/x?wait=3&x-m2m-sga=a", NULL, 200, "a", "wait=3" },
	{ "/sga/x?wait=3&&x-m2m-sga=a", NULL, 200, "a", "wait=3&" },
	{ "/sga/x?wait=3&xx-m2m-sga=a", NULL, 200, "", "wait=3&xx-m2m-sga=a" },
	{ "/sga/x?x-m2m-sga=", NULL, 200, "", "" },
	{ "/sga/x?x-m2m-sga=a", "a", 400, NULL, NULL },
	{ "/sga/x?x-m2m-sga=a&x-m2m-sga=a", NULL, 400, NULL, NULL },
	{ "/sga/x?x-m2m-sga=%0a", NULL, 400, NULL, NULL },
	{ "/sga/x?x-m2m-sga=%4", NULL, 400, NULL, NULL },
};

START_TEST(a_device_proves_itself)
{
	struct core_call c;
	struct reply r;
	char target[128];

	snprintf(target, sizeof(target), BASE "%s", proofs[_i].target);
	b.listener = &at_tree;
	core_prepare_call(&b, &c, "GET", target, NULL, NULL, NULL);
	if (proofs[_i].header != NULL)
		req_input(c.rq)->sga = arena_copy(req_arena(c.rq), slice_of(proofs[_i].header));
	core_go(&c);
	r = core_end(&c);
	ck_assert_int_eq(r.status, proofs[_i].status);
	ck_assert_uint_eq(seen.n, r.status == 200);
	if (r.status == 200) {
		ck_assert_str_eq(seen.sga, proofs[_i].sga);
		ck_assert_str_eq(seen.query, proofs[_i].query);
		ck_assert_str_eq(seen.rest, "x");
	}
	reply_fini(&r);
}
END_TEST

/* ---- what comes through a channel ---- */

struct called {
	struct scl_call call;
	_Atomic bool done;
	int status;
};

static void
call_done(struct scl_call *call)
{
	struct called *c = call->owner;

	c->status = call->answer->http_status;
	scl_call_end(call);
	atomic_store(&c->done, true);
}

static bool
is_done(void *arg)
{
	return atomic_load(&((struct called *)arg)->done);
}

static int
call_status(const char *target, const char *from, const struct req_listener *at)
{
	struct called c = { .call = { .method = SLICE_LIT("GET"),
		                      .target = slice_of(target),
		                      .from = slice_of(from),
		                      .listener = at,
		                      .done = call_done } };

	c.call.owner = &c;
	scl_call(b.scl, &c.call);
	ck_assert(core_await(is_done, &c));
	return c.status;
}

START_TEST(through_a_channel)
{
	static const char from[] = "http://dev.example/m2m";

	ck_assert_int_eq(call_status(BASE "/sga/x?max=2&x-m2m-sga=a", from, &at_tree), 200);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert_str_eq(seen.sga, "a");
	ck_assert_str_eq(seen.query, "max=2");
	ck_assert_str_eq(seen.claimed, from);
	ck_assert_ptr_null(seen.peer);
	/* By its own name as well; and neither what does not want it nor what is not there. */
	ck_assert_int_eq(call_status(OWN BASE "/sga/x", from, &at_tree), 200);
	ck_assert_uint_eq(seen.n, 2);
	ck_assert_int_ne(call_status(HIDDEN "x", from, &at_tree), 200);
	ck_assert_int_ne(call_status(BASE "/sga/x", from, &at_proxy), 200);
	ck_assert_int_ne(call_status(BASE "/sga/x", from, NULL), 200);
	ck_assert_uint_eq(seen.n, 2);
}
END_TEST

/* ---- who is told ---- */

struct watch {
	struct observer *o;
	_Atomic unsigned told;
};

static void
changed(void *arg)
{
	atomic_fetch_add(&((struct watch *)arg)->told, 1);
}

static void
look(struct watch *w, const char *target)
{
	struct core_call c;
	struct reply r;

	core_prepare_call(&b, &c, "GET", target, ADMIN, NULL, NULL);
	if (w->o == NULL)
		ck_assert(req_observe(c.rq, changed, w));
	else
		req_observe_again(c.rq, w->o);
	core_go(&c);
	if (w->o == NULL)
		w->o = req_observer(c.rq);
	r = core_end(&c);
	ck_assert_int_eq(r.status, 200);
	reply_fini(&r);
}

START_TEST(observers_are_told)
{
	struct watch w = { .o = NULL }, all = { .o = NULL };

	b.listener = &at_proxy;
	look(&w, PROXY);
	ck_assert(!seen.again);
	ck_assert_ptr_nonnull(w.o);
	observe_tell(b.scl, KEY + 1);
	ck_assert_uint_eq(w.told, 0);
	observe_tell(b.scl, KEY);
	ck_assert_uint_eq(w.told, 1);
	/* Once until it is read again. */
	observe_tell(b.scl, KEY);
	ck_assert_uint_eq(w.told, 1);
	look(&w, PROXY);
	ck_assert(seen.again);
	observe_tell(b.scl, KEY);
	ck_assert_uint_eq(w.told, 2);
	look(&w, PROXY);
	/* What is in the tree is not its matter, though others hear of it. */
	b.listener = NULL;
	look(&all, APPS);
	ck_assert_int_eq(core_do(&b, "POST", APPS, "<m2m:application " NS "/>"), 201);
	ck_assert_uint_eq(all.told, 1);
	ck_assert_uint_eq(w.told, 2);
	observer_end(w.o);
	observer_end(all.o);
	observe_tell(b.scl, KEY);
	ck_assert_uint_eq(w.told, 2);
}
END_TEST

/* Between the reading and the place in the table. */
START_TEST(nothing_is_missed)
{
	struct watch w = { .o = NULL };

	b.listener = &at_proxy;
	tell_within = true;
	look(&w, PROXY);
	ck_assert_ptr_nonnull(w.o);
	ck_assert_uint_eq(w.told, 1);
	look(&w, PROXY);
	ck_assert_uint_eq(w.told, 2);
	tell_within = false;
	look(&w, PROXY);
	ck_assert_uint_eq(w.told, 2);
	observer_end(w.o);
}
END_TEST

START_TEST(what_is_not_watched)
{
	struct watch w = { .o = NULL };

	b.listener = &at_proxy;
	look(&w, PROXY "/x");
	ck_assert_ptr_null(w.o);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("endpoint");
	TCase *c = suite_case(s, "endpoint", ready, over);

	tcase_add_test(c, without_a_tree);
	tcase_add_test(c, with_a_tree);
	tcase_add_test(c, nobody_proves_anything);
	tcase_add_test(c, the_guard_knows);
	tcase_add_test(c, a_message_for_others);
	tcase_add_test(c, no_endpoint_for_others);
	tcase_add_test(c, what_may_be_kept);
	tcase_add_test(c, an_error_with_its_own_body);
	tcase_add_loop_test(c, a_device_proves_itself, 0, (int)NITEMS(proofs));
	tcase_add_test(c, through_a_channel);
	tcase_add_test(c, observers_are_told);
	tcase_add_test(c, nothing_is_missed);
	tcase_add_test(c, what_is_not_watched);
	return run_suite(s);
}
