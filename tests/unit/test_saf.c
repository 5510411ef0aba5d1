/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for another SCL that are answered later, and those that wait for a connection. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/saf_parcel.h"
#include "core_bed.h"

#define OTHER "http://gw.example.org:8080/m2m"
#define DEAD "http://dead.example.org:8080/m2m"
#define ISSUER "http://scl.example.org:8080/m2m/applications/na"
#define SINK "http://sink.example.org:9000/answers"
#define START INT64_C(1400000000000000)

static struct core_bed bed;

/* What the other SCL and the contact have seen; by the courier thread, read when it holds. */
static struct {
	pthread_mutex_t lock;
	int status; /* of the other SCL */
	int64_t delay;
	int sink_status;
	unsigned sent, refused, notified; /* arrived, or not */
	char order[4096]; /* bodies in the order of arrival, each with a space behind it */
	char last_notify[4096], last_correlation[64];
} peer = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct slice
header_of(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (slice_is(ex->headers[i].name, name))
			return ex->headers[i].value;
	return SLICE_NONE;
}

static void
append(char *to, size_t size, struct slice s)
{
	size_t n = strlen(to);

	snprintf(to + n, size - n, "%.*s ", (int)s.n, s.p == NULL ? "" : s.p);
}

static struct port_answer
answer(void *arg, const struct exchange *ex)
{
	struct port_answer a = { .status = 204 };

	(void)arg;
	pthread_mutex_lock(&peer.lock);
	if (slice_starts(ex->url, SLICE_LIT("http://sink.example.org"))) {
		a.status = peer.sink_status;
		peer.last_notify[0] = peer.last_correlation[0] = '\0';
		append(peer.last_notify, sizeof(peer.last_notify), ex->body);
		append(peer.last_correlation, sizeof(peer.last_correlation),
		       header_of(ex, "X-etsi-correlationID"));
		peer.notified += peer.sink_status >= 200 && peer.sink_status < 300;
	} else if (slice_starts(ex->url, SLICE_LIT(DEAD))) {
		a.status = ANSWER_NEVER;
	} else {
		a.status = peer.status;
		a.delay = peer.delay;
		a.body = peer.status == 200 ? "<hello/>" : NULL;
		a.location = peer.status == 201 ? OTHER "/x" : NULL;
		peer.refused += a.status == ANSWER_REFUSED;
		if (a.status > 0) {
			peer.sent++;
			append(peer.order, sizeof(peer.order), ex->body);
		}
	}
	pthread_mutex_unlock(&peer.lock);
	return a;
}

static void
peer_says(int status, int sink_status)
{
	pthread_mutex_lock(&peer.lock);
	peer.status = status;
	peer.sink_status = sink_status;
	pthread_mutex_unlock(&peer.lock);
}

static unsigned
peer_read(const unsigned *v)
{
	unsigned n;

	pthread_mutex_lock(&peer.lock);
	n = *v;
	pthread_mutex_unlock(&peer.lock);
	return n;
}

struct wanted {
	const unsigned *v;
	unsigned n;
};

static bool
has_come(void *arg)
{
	const struct wanted *w = arg;

	return peer_read(w->v) >= w->n;
}

static void
await(const unsigned *v, unsigned n)
{
	struct wanted w = { v, n };

	ck_assert_msg(core_await(has_come, &w), "%u of %u", peer_read(v), n);
}

static bool
nothing_stored(void *arg)
{
	(void)arg;
	return atomic_load(&bed.scl->parcels->count) == 0;
}

/* Stops when all answers are delivered: then nothing is left. */
static void
drain(void)
{
	ck_assert(core_await(nothing_stored, NULL));
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), 0);
}

static void
register_scl(const char *id, const char *link)
{
	char body[1024];

	snprintf(body, sizeof(body),
	         "<m2m:scl " NS " sclId=\"%s\"><m2m:link>%s</m2m:link>"
	         "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	         "<m2m:pocs><reference>%s</reference></m2m:pocs>"
	         "<m2m:sclType>GSCL</m2m:sclType></m2m:scl>",
	         id, link, link);
	ck_assert_int_eq(core_status(&bed, "POST", "/m2m/scls", link, body), 201);
}

static void
setup(void)
{
	peer.sent = peer.refused = peer.notified = 0;
	peer.delay = 0;
	peer.order[0] = '\0';
	peer_says(204, 204);
	port_fake_set(answer, NULL);
	core_init(&bed);
	bed.conf.saf.requests_max = 100;
	bed.conf.saf.octets_max = 1u << 20;
	bed.conf.saf.waiting_max = 8;
	bed.conf.saf.lifetime = 3600 * CLOCK_SECOND;
	bed.conf.saf.linger = CLOCK_SECOND;
	bed.conf.saf.retry_first = 1000;
	bed.conf.saf.retry_max = 20000;
	core_start(&bed);
	register_scl("gw", OTHER);
}

static void
teardown(void)
{
	core_fail_commits(0);
	core_fini(&bed);
}

struct headers {
	const char *correlation, *contact, *trpdt, *rcat, *via, *from;
};

#define LATER(a, b) .correlation = (a), .contact = (b)

static void
fill(struct req *rq, const char *method, const char *target, const struct headers *h,
     const char *body)
{
	struct req_input *in = req_input(rq);

	in->op = method[0] == 'G' ? REQ_RETRIEVE : REQ_CREATE;
	in->known_method = true;
	in->target = slice_of(target);
	in->host = SLICE_LIT("scl.example.org:8080");
	in->from = slice_of(h->from != NULL ? h->from : ISSUER);
	in->content_type = SLICE_LIT("text/plain");
	in->body = slice_of(body);
	in->has_length = true;
	in->content_length = in->body.n;
	in->correlation_id = slice_of(h->correlation);
	in->contact_uri = slice_of(h->contact);
	in->trpdt = slice_of(h->trpdt);
	in->rcat = slice_of(h->rcat);
	in->via = slice_of(h->via);
}

static void
done(struct req *rq, void *arg)
{
	struct core_call *c = arg;

	(void)rq;
	pthread_mutex_lock(&c->lock);
	c->done = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static void
begin(struct core_call *c, const char *method, const char *target, const struct headers *h,
      const char *body)
{
	static const struct req_listener listener = { .serve = SERVE_MIA | SERVE_MID };

	*c = (struct core_call){ .bed = &bed, .rq = req_new(bed.scl, &listener) };
	ck_assert_ptr_nonnull(c->rq);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	fill(c->rq, method, target, h, body);
	if (req_admit(c->rq) == RC_OK && req_prepare(c->rq) == RC_PENDING)
		req_submit(c->rq, done, c);
	else
		c->done = true;
}

static struct reply
ask(const char *method, const char *target, struct headers h, const char *body)
{
	struct core_call c;

	begin(&c, method, target, &h, body);
	return core_end(&c);
}

static int
send_one(const char *correlation, const char *contact, const char *body)
{
	struct reply r =
		ask("POST", OTHER "/c", (struct headers){ LATER(correlation, contact) }, body);

	reply_fini(&r);
	return r.status;
}

/* ---- answered later ---- */

START_TEST(answer_is_notified)
{
	peer_says(201, 204);
	ck_assert_int_eq(send_one("c-1", SINK, "one"), 202);
	await(&peer.notified, 1);
	ck_assert_str_eq(peer.last_correlation, "c-1 ");
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "responseNotify"));
	ck_assert_ptr_nonnull(
		strstr(peer.last_notify, "<m2m:statusCode>STATUS_OK</m2m:statusCode>"));
	ck_assert_ptr_nonnull(
		strstr(peer.last_notify, "<locationHeader>" OTHER "/x</locationHeader>"));
	ck_assert_str_eq(peer.order, "one ");
}
END_TEST

struct fetching {
	struct reply r;
	const char *method, *correlation, *body;
};

static bool
fetched(void *arg)
{
	struct fetching *f = arg;

	f->r = ask(f->method, OTHER "/c", (struct headers){ .correlation = f->correlation },
	           f->body);
	if (f->r.status != 202)
		return true;
	reply_fini(&f->r);
	return false;
}

START_TEST(answer_is_fetched_once)
{
	struct fetching f = { .method = "GET", .correlation = "c-1", .body = "" };

	peer_says(ANSWER_REFUSED, 204);
	ck_assert(!fetched(&f));
	ck_assert(!fetched(&f));
	/* The correlationID is the issuer's: of another request, of another issuer. */
	ck_assert_int_eq(send_one("c-1", NULL, "other"), 409);
	f.r = ask("GET", OTHER "/c", (struct headers){ .correlation = "c-1", .from = ISSUER "2" },
	          "");
	ck_assert_int_eq(f.r.status, 202);
	reply_fini(&f.r);
	peer_says(200, 204);
	ck_assert(core_await(fetched, &f));
	ck_assert_int_eq(f.r.status, 200);
	ck_assert_str_eq(f.r.body, "<hello/>");
	reply_fini(&f.r);
	ck_assert(!fetched(&f));
}
END_TEST

START_TEST(only_the_first_scl_answers_later)
{
	struct reply r = ask("POST", OTHER "/c",
	                     (struct headers){ LATER("c", SINK), .via = "1.1 gw2" }, "x");

	ck_assert_int_eq(r.status, 204);
	reply_fini(&r);
	r = ask("POST", OTHER "/c", (struct headers){ LATER(NULL, SINK) }, "x");
	ck_assert_int_eq(r.status, 204);
	reply_fini(&r);
	r = ask("GET", "/m2m", (struct headers){ LATER("c", SINK) }, "");
	ck_assert_int_eq(r.status, 200);
	reply_fini(&r);
	ck_assert_int_eq(send_one("c", SINK, "x"), 202);
	await(&peer.notified, 1);
	/* Somebody else's SCL that answers later itself has taken over. */
	peer_says(202, 204);
	ck_assert_int_eq(send_one("d", SINK, "x"), 202);
	await(&peer.sent, 4);
	peer_says(204, 204);
	ck_assert_int_eq(send_one("e", SINK, "x"), 202);
	await(&peer.notified, 2);
	ck_assert_str_eq(peer.last_correlation, "e ");
}
END_TEST

static const struct {
	struct headers h;
	const char *why;
} refused[] = {
	{ { LATER("c", "ftp://x/y") }, "contactURI" },
	{ { LATER("c", "http:///y") }, "contactURI" },
	{ { LATER("c", "relative") }, "contactURI" },
	{ { LATER("c", "/") }, "contactURI" },
	{ { LATER("c", "") }, "contactURI" },
	{ { LATER("c", OTHER "/c") }, "the target itself" },
	{ { LATER("", SINK) }, "correlationID" },
	{ { LATER("a b", SINK) }, "correlationID" },
	{ { LATER("c", SINK), .trpdt = "soon" }, "trpdt" },
	{ { LATER("c", SINK), .trpdt = "-5" }, "trpdt" },
	{ { LATER("c", SINK), .rcat = "RCAT_8" }, "rcat" },
	{ { LATER("c", SINK), .rcat = "" }, "rcat" },
};

START_TEST(headers_are_checked)
{
	struct reply r = ask("POST", OTHER "/c", refused[_i].h, "x");

	ck_assert_int_eq(r.status, 400);
	ck_assert_msg(strstr(r.body, refused[_i].why) != NULL, "%s", r.body);
	reply_fini(&r);
}
END_TEST

START_TEST(rcat_and_trpdt_have_their_forms)
{
	static const char *const trpdt[] = { "PT10M", "04:30:00Z", "600" };

	for (size_t i = 0; i < NITEMS(trpdt); i++) {
		struct reply r =
			ask("POST", OTHER "/c",
		            (struct headers){ .trpdt = trpdt[i], .rcat = i == 1 ? "7" : "RCAT_0" },
		            "x");

		ck_assert_int_eq(r.status, 204);
		reply_fini(&r);
	}
}
END_TEST

/* ---- limits ---- */

START_TEST(stored_requests_are_limited)
{
	char name[16];

	bed.conf.saf.requests_max = 3;
	scl_reconfigure(bed.scl, &bed.conf);
	peer_says(ANSWER_REFUSED, 204);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ck_assert_int_eq(send_one(name, SINK, "x"), 202);
	}
	ck_assert_int_eq(send_one("n3", SINK, "x"), 503);
	ck_assert_int_eq(send_one("n0", SINK, "x"), 202);
	peer_says(204, 204);
	await(&peer.notified, 3);
	while (send_one("n3", SINK, "x") == 503)
		;
	await(&peer.notified, 4);
	bed.conf.saf.requests_max = 100;
	bed.conf.saf.octets_max = 3000;
	scl_reconfigure(bed.scl, &bed.conf);
	peer_says(ANSWER_REFUSED, 204);
	ck_assert_int_eq(send_one("o1", SINK, "x"), 202);
	ck_assert_int_eq(send_one("o2", SINK, "x"), 202);
	ck_assert_int_eq(send_one("o3", SINK, "x"), 503);
}
END_TEST

START_TEST(waiting_requests_are_limited)
{
	const struct headers h = { .trpdt = "PT60S" };
	struct core_call calls[9];
	unsigned busy = 0;

	bed.conf.forward_timeout_ms = 60000;
	scl_reconfigure(bed.scl, &bed.conf);
	peer_says(ANSWER_REFUSED, 204);
	for (size_t i = 0; i < 9; i++)
		begin(&calls[i], "POST", OTHER "/c", &h, "x");
	ck_assert(calls[8].done);
	await(&peer.refused, 16);
	for (size_t i = 0; i < 8; i++)
		ck_assert(!core_is_done(&calls[i]));
	peer_says(204, 204);
	for (size_t i = 0; i < 9; i++) {
		struct reply r = core_end(&calls[i]);

		busy += r.status == 503;
		ck_assert(r.status == 204 || r.status == 503);
		reply_fini(&r);
	}
	ck_assert_uint_eq(busy, 1);
}
END_TEST

/* ---- nothing is lost ---- */

START_TEST(order_is_kept_over_restarts)
{
	char name[16], want[1024] = "";

	peer_says(ANSWER_REFUSED, 204);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "n%02d", i);
		append(want, sizeof(want), slice_of(name));
		ck_assert_int_eq(send_one(name, SINK, name), 202);
		if (i % 10 == 9) {
			core_stop(&bed);
			core_start(&bed);
		}
	}
	peer_says(204, 204);
	await(&peer.notified, 30);
	ck_assert_str_eq(peer.order, want);
	drain();
}
END_TEST

START_TEST(answers_outlive_a_restart)
{
	peer_says(200, 503);
	ck_assert_int_eq(send_one("one", SINK, "x"), 202);
	ck_assert_int_eq(send_one("two", NULL, "y"), 202);
	await(&peer.sent, 2);
	core_stop(&bed);
	core_start(&bed);
	peer_says(500, 204);
	await(&peer.notified, 1);
	ck_assert_str_eq(peer.last_correlation, "one ");
	struct fetching f = { .method = "POST", .correlation = "two", .body = "y" };

	ck_assert(core_await(fetched, &f));
	ck_assert_int_eq(f.r.status, 200);
	reply_fini(&f.r);
}
END_TEST

START_TEST(a_failing_store_loses_nothing)
{
	unsigned n = core_scale(100), accepted = 0;
	char name[16];

	bed.conf.saf.requests_max = n;
	scl_reconfigure(bed.scl, &bed.conf);
	core_fail_commits(300);
	for (unsigned i = 0; i < n; i++) {
		int status;

		snprintf(name, sizeof(name), "n%u", i);
		status = send_one(name, SINK, "x");
		ck_assert(status == 202 || status == 503);
		accepted += status == 202;
	}
	ck_assert_uint_gt(accepted, n / 4);
	await(&peer.notified, accepted);
	core_fail_commits(0);
	drain();
}
END_TEST

/* ---- time ---- */

static bool
calls_done(void *arg)
{
	return core_is_done(arg);
}

START_TEST(what_is_late_is_answered_504)
{
	struct core_call c;
	struct headers h = { .trpdt = "PT30S" };
	struct reply r;

	bed.conf.forward_timeout_ms = 60000;
	scl_reconfigure(bed.scl, &bed.conf);
	atomic_store(&bed.clock.now, START);
	peer_says(ANSWER_REFUSED, 204);
	r = ask("POST", OTHER "/c", (struct headers){ LATER("c", SINK), .trpdt = "PT30S" }, "x");
	ck_assert_int_eq(r.status, 202);
	reply_fini(&r);
	begin(&c, "POST", OTHER "/c", &h, "x");
	atomic_store(&bed.clock.now, START + 29 * CLOCK_SECOND);
	ck_assert(!core_is_done(&c));
	atomic_store(&bed.clock.now, START + 31 * CLOCK_SECOND);
	ck_assert(core_await(calls_done, &c));
	r = core_end(&c);
	ck_assert_int_eq(r.status, 504);
	reply_fini(&r);
	await(&peer.notified, 1);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_GATEWAY_TIMEOUT"));
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
}
END_TEST

START_TEST(busy_peer_is_asked_again)
{
	peer_says(503, 204);
	ck_assert_int_eq(send_one("c", SINK, "x"), 202);
	await(&peer.sent, 3);
	peer_says(204, 204);
	await(&peer.notified, 1);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_OK"));
	/* One that waits for the answer gets it as it is. */
	peer_says(503, 204);
	ck_assert_int_eq(send_one(NULL, NULL, "x"), 503);
}
END_TEST

START_TEST(contact_that_refuses_is_given_up)
{
	peer_says(204, 404);
	ck_assert_int_eq(send_one("c", SINK, "x"), 202);
	await(&peer.sent, 1);
	peer_says(204, 204);
	ck_assert_int_eq(send_one("d", SINK, "x"), 202);
	await(&peer.notified, 1);
	drain();
}
END_TEST

START_TEST(one_at_a_time_for_a_destination)
{
	char name[16];

	peer.delay = 2000;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%02d", i);
		ck_assert_int_eq(send_one(name, SINK, name), 202);
	}
	await(&peer.notified, 20);
	/* One request and one answer at most. */
	ck_assert_uint_le(port_fake_most(), 2);
}
END_TEST

START_TEST(dead_destination_costs_others_nothing)
{
	char name[16];
	struct reply r;

	bed.conf.forward_timeout_ms = 60000;
	scl_reconfigure(bed.scl, &bed.conf);
	register_scl("dead", DEAD);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "d%02d", i);
		r = ask("POST", DEAD "/c", (struct headers){ LATER(name, SINK) }, "x");
		ck_assert_int_eq(r.status, 202);
		reply_fini(&r);
	}
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%02d", i);
		ck_assert_int_eq(send_one(name, SINK, name), 202);
	}
	await(&peer.notified, 20);
	/* One that nobody answers, one that somebody does, one notification. */
	ck_assert_uint_le(port_fake_most(), 3);
}
END_TEST

START_TEST(stops_with_everything_under_way)
{
	const struct headers h = { .trpdt = "PT60S" };
	struct core_call c;
	struct reply r;

	bed.conf.forward_timeout_ms = 60000;
	scl_reconfigure(bed.scl, &bed.conf);
	peer_says(ANSWER_NEVER, 503);
	ck_assert_int_eq(send_one("c", SINK, "x"), 202);
	ck_assert_int_eq(send_one("d", SINK, "x"), 202);
	begin(&c, "POST", OTHER "/c", &h, "x");
	core_halt(&bed);
	r = core_end(&c);
	ck_assert(r.status == 503 || r.status == 502);
	reply_fini(&r);
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), 2);
	peer_says(204, 204);
	core_start(&bed);
	await(&peer.notified, 2);
}
END_TEST

/* ---- policies: a gateway ---- */

struct own_call {
	struct scl_call call;
	pthread_mutex_t lock;
	bool done;
	int status;
};

static void
own_done(struct scl_call *call)
{
	struct own_call *c = call->owner;

	pthread_mutex_lock(&c->lock);
	c->status = call->answer->http_status;
	scl_call_end(call);
	/* After this c is gone. */
	c->done = true;
	pthread_mutex_unlock(&c->lock);
}

static bool
own_is_done(void *arg)
{
	struct own_call *c = arg;
	bool done;

	pthread_mutex_lock(&c->lock);
	done = c->done;
	pthread_mutex_unlock(&c->lock);
	return done;
}

/* A creation by the SCL itself: only it may make its mirror of the NSCL. */
static void
own_create(const char *target, const char *body)
{
	struct own_call c = { .lock = PTHREAD_MUTEX_INITIALIZER };

	c.call = (struct scl_call){ .method = SLICE_LIT("POST"),
		                    .target = slice_of(target),
		                    .body = slice_of(body),
		                    .done = own_done,
		                    .owner = &c };
	scl_call(bed.scl, &c.call);
	ck_assert(core_await(own_is_done, &c));
	ck_assert_int_eq(c.status, 201);
}

static void
setup_gateway(void)
{
	peer.sent = peer.refused = peer.notified = 0;
	peer.delay = 0;
	peer.order[0] = '\0';
	peer_says(204, 204);
	port_fake_set(answer, NULL);
	core_init(&bed);
	atomic_store(&bed.clock.now, START);
	bed.conf.role = SCL_GSCL;
	bed.conf.forward_timeout_ms = 60000;
	bed.conf.saf.requests_max = 100;
	bed.conf.saf.octets_max = 1u << 20;
	bed.conf.saf.waiting_max = 8;
	bed.conf.saf.lifetime = 36000 * CLOCK_SECOND;
	bed.conf.saf.linger = 5 * CLOCK_SECOND;
	bed.conf.saf.retry_first = CLOCK_SECOND;
	bed.conf.saf.retry_max = CLOCK_SECOND;
	core_start(&bed);
	own_create("/m2m/scls", "<m2m:scl " NS " sclId=\"nscl\"><m2m:link>" OTHER "</m2m:link>"
	                        "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	                        "<m2m:pocs><reference>" OTHER "</reference></m2m:pocs>"
	                        "<m2m:sclType>NSCL</m2m:sclType></m2m:scl>");
}

#define XSI "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type"
#define RIGHT "<m2m:accessRightID>/m2m/accessRights/default</m2m:accessRightID>"
#define MO "/m2m/scls/mgmtObjs"

static void
put_parameters(const char *at, const char *type, const char *name, const char *inner)
{
	ck_assert_int_eq(core_do(&bed, "POST", at,
	                         "<m2m:parameters " NS " " XSI "=\"m2m:%s\" m2m:id=\"%s\">" RIGHT
	                         "%s</m2m:parameters>",
	                         type, name, inner),
	                 201);
}

/* The default set with RCAT_3 for the network "default"; item is what its schedItem holds. */
static void
put_policy(const char *item, const char *blocks, const char *reqs)
{
	char inner[2048];

	ck_assert_int_eq(
		core_do(&bed, "POST", MO,
	                "<m2m:mgmtObj " NS " " XSI "=\"m2m:EtsiSclMo\" m2m:id=\"mo\">" RIGHT
	                "<m2m:moID>x</m2m:moID><m2m:originalMO>x</m2m:originalMO></m2m:mgmtObj>"),
		201);
	put_parameters(MO "/mo", "SafPolicySet", "s",
	               "<m2m:policyScope><m2m:reference>default</m2m:reference></m2m:policyScope>");
	snprintf(inner, sizeof(inner),
	         "<m2m:anName>default</m2m:anName><m2m:rcatSchedList m2m:id=\"l\">"
	         "<m2m:rcatSchedule m2m:id=\"s\"><m2m:rcatValue>RCAT_3</m2m:rcatValue>"
	         "<m2m:schedItem "
	         "m2m:id=\"i\">%s</m2m:schedItem></m2m:rcatSchedule></m2m:rcatSchedList>%s",
	         item, blocks);
	put_parameters(MO "/mo/s", "AnpPolicy", "an", inner);
	put_parameters(MO "/mo/s", "M2mSpPolicy", "sp",
	               "<m2m:defaultRcatValue>RCAT_3</m2m:defaultRcatValue>");
	snprintf(inner, sizeof(inner),
	         "<m2m:rcatValue>RCAT_3</m2m:rcatValue><m2m:defaultTrpdtValue>"
	         "<tolerableDelay>PT10M</tolerableDelay></m2m:defaultTrpdtValue>%s"
	         "<m2m:rankedAnList m2m:id=\"r\"><m2m:accessNetwork>default</m2m:accessNetwork>"
	         "</m2m:rankedAnList>",
	         reqs);
	put_parameters(MO "/mo/s/sp", "RcatParamList", "r", inner);
}

/* Long enough for a look at what waits. */
static void
look_around(void)
{
	usleep(1300000);
}

#define ALWAYS                                                                                     \
	"<m2m:schedule><m2m:scheduleString id=\"c\">* * * * *</m2m:scheduleString></m2m:schedule>"

START_TEST(schedule_opens)
{
	/* START is 16:53:20 UTC, 18:53:20 in the zone of the span. */
	put_policy("<m2m:absTimeSpan "
	           "m2m:id=\"a\"><m2m:startTime>2014-05-13T00:00:00+02:00</m2m:startTime>"
	           "<m2m:endTime>2014-05-14T00:00:00+02:00</m2m:endTime></m2m:absTimeSpan>"
	           "<m2m:schedule><m2m:scheduleString id=\"c\">0-59 19 * * "
	           "*</m2m:scheduleString></m2m:schedule>",
	           "", "<m2m:maxPendReqs>0</m2m:maxPendReqs>");
	ck_assert_int_eq(send_one("c", SINK, "x"), 202);
	look_around();
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
	atomic_store(&bed.clock.now, START + 400 * CLOCK_SECOND);
	await(&peer.notified, 1);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_OK"));
}
END_TEST

START_TEST(default_trpdt_ends)
{
	put_policy(
		"<m2m:absTimeSpan m2m:id=\"a\"><m2m:startTime>2010-05-13T00:00:00Z</m2m:startTime>"
		"<m2m:endTime>2010-05-14T00:00:00Z</m2m:endTime></m2m:absTimeSpan>",
		"", "");
	ck_assert_int_eq(send_one("c", SINK, "x"), 202);
	atomic_store(&bed.clock.now, START + 599 * CLOCK_SECOND);
	look_around();
	ck_assert_uint_eq(peer_read(&peer.notified), 0);
	atomic_store(&bed.clock.now, START + 601 * CLOCK_SECOND);
	await(&peer.notified, 1);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_GATEWAY_TIMEOUT"));
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
}
END_TEST

START_TEST(last_call_and_threshold)
{
	put_policy(ALWAYS, "",
	           "<m2m:maxPendReqs>3</m2m:maxPendReqs><m2m:maxPendData>100B</m2m:maxPendData>");
	ck_assert_int_eq(send_one("a", SINK, "a"), 202);
	ck_assert_int_eq(send_one("b", SINK, "b"), 202);
	look_around();
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
	ck_assert_int_eq(send_one("c", SINK, "c"), 202);
	await(&peer.notified, 3);
	ck_assert_str_eq(peer.order, "a b c ");
	/* The connection is there still. */
	ck_assert_int_eq(send_one("d", SINK, "d"), 202);
	await(&peer.notified, 4);
	atomic_store(&bed.clock.now, START + 10 * CLOCK_SECOND);
	ck_assert_int_eq(send_one("e", SINK, "e"), 202);
	look_around();
	ck_assert_uint_eq(peer_read(&peer.sent), 4);
	/* 600 s after it was received its time is over; the attempt is made 5 s before. */
	atomic_store(&bed.clock.now, START + 606 * CLOCK_SECOND);
	await(&peer.notified, 5);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_OK"));
}
END_TEST

START_TEST(blocked_after_failures)
{
	put_policy(
		ALWAYS,
		"<m2m:blockPeriods m2m:id=\"b\"><m2m:blockItem m2m:id=\"x\"><m2m:failedAttempts>1"
		"</m2m:failedAttempts><m2m:blockDuration>PT1M</m2m:blockDuration></m2m:blockItem>"
		"</m2m:blockPeriods>",
		"<m2m:maxPendReqs>0</m2m:maxPendReqs>");
	peer_says(ANSWER_REFUSED, 204);
	ck_assert_int_eq(send_one("c", SINK, "x"), 202);
	look_around();
	peer_says(204, 204);
	atomic_store(&bed.clock.now, START + 59 * CLOCK_SECOND);
	look_around();
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
	atomic_store(&bed.clock.now, START + 61 * CLOCK_SECOND);
	await(&peer.notified, 1);
}
END_TEST

START_TEST(policies_that_change_are_followed)
{
	struct core_call c;
	const struct headers h = { .trpdt = "PT1H" };
	struct reply r;

	put_policy(ALWAYS, "", "<m2m:maxPendReqs>50</m2m:maxPendReqs>");
	ck_assert_int_eq(send_one("a", SINK, "a"), 202);
	ck_assert_int_eq(send_one("b", SINK, "b"), 202);
	begin(&c, "POST", OTHER "/c", &h, "c");
	look_around();
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
	ck_assert(!core_is_done(&c));
	ck_assert_int_eq(core_status(&bed, "DELETE", MO "/mo/s", ADMIN, NULL), 204);
	r = core_end(&c);
	ck_assert_int_eq(r.status, 204);
	reply_fini(&r);
	await(&peer.notified, 2);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("store and forward");
	TCase *later = tcase_create("later"), *limits = tcase_create("limits"),
	      *lost = tcase_create("lost"), *time_case = tcase_create("time");
	TCase *all[] = { later, limits, lost, time_case };
	TCase *policies = tcase_create("policies");

	suite_add_tcase(s, policies);
	tcase_add_checked_fixture(policies, setup_gateway, teardown);
	tcase_set_timeout(policies, 120);
	tcase_add_test(policies, schedule_opens);
	tcase_add_test(policies, default_trpdt_ends);
	tcase_add_test(policies, last_call_and_threshold);
	tcase_add_test(policies, blocked_after_failures);
	tcase_add_test(policies, policies_that_change_are_followed);

	for (size_t i = 0; i < NITEMS(all); i++) {
		suite_add_tcase(s, all[i]);
		tcase_add_checked_fixture(all[i], setup, teardown);
		tcase_set_timeout(all[i], 120);
	}
	tcase_add_test(later, answer_is_notified);
	tcase_add_test(later, answer_is_fetched_once);
	tcase_add_test(later, only_the_first_scl_answers_later);
	tcase_add_loop_test(later, headers_are_checked, 0, NITEMS(refused));
	tcase_add_test(later, rcat_and_trpdt_have_their_forms);
	tcase_add_test(limits, stored_requests_are_limited);
	tcase_add_test(limits, waiting_requests_are_limited);
	tcase_add_test(lost, order_is_kept_over_restarts);
	tcase_add_test(lost, answers_outlive_a_restart);
	tcase_add_test(lost, a_failing_store_loses_nothing);
	tcase_add_test(time_case, what_is_late_is_answered_504);
	tcase_add_test(time_case, busy_peer_is_asked_again);
	tcase_add_test(time_case, contact_that_refuses_is_given_up);
	tcase_add_test(time_case, one_at_a_time_for_a_destination);
	tcase_add_test(time_case, dead_destination_costs_others_nothing);
	tcase_add_test(time_case, stops_with_everything_under_way);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
