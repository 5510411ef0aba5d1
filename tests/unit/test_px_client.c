/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a source: what is answered, what does not go out in clear, and how they end. */
#include "config.h"

#include <stdlib.h>

#include "cap/pxy/px_client.h"
#include "saf_bed.h"
#include "suite.h"

#define FAR "http://far.example/m2m/proxy"
#define NEAR "http://127.0.0.1:7000/m2m/proxy"
#define TLS "https://far.example/m2m/proxy"

static struct {
	pthread_mutex_t lock;
	int status; /* of the answers */
	unsigned asked;
	bool done;
	char url[256], from[256], body[64], accept[64], type[64]; /* of the last one */
	const struct credential *credential;
} net = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct px_client client;

static void
copy_header(const struct exchange *ex, const char *name, char *to, size_t size)
{
	to[0] = '\0';
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (slice_is(ex->headers[i].name, name))
			ck_assert(slice_copy(ex->headers[i].value, to, size));
}

static struct port_answer
play(void *arg, const struct exchange *ex)
{
	(void)arg;
	net.asked++;
	ck_assert(slice_copy(ex->url, net.url, sizeof(net.url)));
	ck_assert(slice_copy(ex->body, net.body, sizeof(net.body)));
	copy_header(ex, "Accept", net.accept, sizeof(net.accept));
	copy_header(ex, "Content-Type", net.type, sizeof(net.type));
	copy_header(ex, "From", net.from, sizeof(net.from));
	net.credential = ex->credential;
	return (struct port_answer){ .status = net.status, .body = "answer" };
}

static void
setup(void)
{
	net.status = 200;
	net.asked = 0;
	saf_init();
	port_fake_set(play, NULL);
	core_start(&bed);
	saf_register("gw", OTHER);
	client = (struct px_client){ .scl = bed.scl, .timeout_ms = 60000 };
}

static void
teardown(void)
{
	saf_teardown();
}

/* ---- a call ---- */

struct asking {
	struct scl_task task; /* first */
	struct px_call call;
	const char *base, *body; /* NULL: none */
	size_t body_max;
	bool secret;
};

static void
call_done(struct px_call *c)
{
	(void)c;
	pthread_mutex_lock(&net.lock);
	net.done = true;
	pthread_mutex_unlock(&net.lock);
}

static void
call_run(struct scl_task *t)
{
	struct asking *a = (struct asking *)(void *)t;

	px_call_begin(&a->call, a->body_max, a->secret);
	if (a->body != NULL)
		buf_puts(&a->call.body, a->body);
	a->call.done = call_done;
	px_call_send(&client, &a->call, a->body == NULL ? "GET" : "POST", slice_of(a->base),
	             "/tail", a->body == NULL ? PX_MEDIA_NONE : PX_MEDIA_JSON);
	/* Not from within. */
	ck_assert(!net.done);
}

static bool
is_done(void *arg)
{
	bool done;

	(void)arg;
	pthread_mutex_lock(&net.lock);
	done = net.done;
	pthread_mutex_unlock(&net.lock);
	return done;
}

static void
begin(struct asking *a)
{
	net.done = false;
	if (a->body_max == 0)
		a->body_max = 1024;
	a->task.run = call_run;
	scl_post(bed.scl, &a->task, 0);
}

static enum rc
run(struct asking *a)
{
	begin(a);
	ck_assert(core_await(is_done, NULL));
	return a->call.rc;
}

/* The same, of a call that is not looked at. */
static enum rc
outcome(const char *base, const char *body, bool secret)
{
	struct asking a = { .base = base, .body = body, .secret = secret };
	enum rc rc = run(&a);

	px_call_end(&a.call);
	return rc;
}

/* ---- answers ---- */

static const struct {
	int status;
	enum rc rc;
} statuses[] = { { 200, RC_OK },        { 201, RC_OK },       { 204, RC_OK },
	         { 404, RC_NOT_FOUND }, { 409, RC_CONFLICT }, { 403, RC_FORBIDDEN },
	         { 410, RC_GONE },      { 507, RC_NO_SPACE }, { 503, RC_UNAVAILABLE } };

START_TEST(answered)
{
	struct asking a = { .base = NEAR, .body = "{}" };

	net.status = statuses[_i].status;
	ck_assert_int_eq(run(&a), statuses[_i].rc);
	ck_assert_int_eq(a.call.status, statuses[_i].status);
	ck_assert(slice_is(a.call.answer, "answer"));
	ck_assert_str_eq(net.url, NEAR "/tail");
	ck_assert_str_eq(net.body, "{}");
	ck_assert_str_eq(net.accept, "application/json");
	ck_assert_str_eq(net.type, "application/json");
	/* It is used again, and nothing is left of the first. */
	a.body = NULL;
	net.status = ANSWER_REFUSED;
	ck_assert_int_eq(run(&a), RC_BAD_GATEWAY);
	ck_assert(a.call.status == 0 && a.call.answer.n == 0);
	ck_assert_str_eq(net.body, "");
	ck_assert_str_eq(net.type, "");
	px_call_end(&a.call);
}
END_TEST

START_TEST(not_answered_in_time)
{
	client.timeout_ms = 50;
	net.status = ANSWER_NEVER;
	ck_assert_int_eq(outcome(NEAR, NULL, false), RC_GATEWAY_TIMEOUT);
}
END_TEST

START_TEST(stopped)
{
	struct asking a = { .base = NEAR };

	net.status = ANSWER_NEVER;
	begin(&a);
	while (port_fake_most() == 0)
		ck_assert(core_status(&bed, "GET", "/m2m", ADMIN, NULL) == 200);
	core_halt(&bed);
	ck_assert(net.done);
	ck_assert_int_ne(a.call.rc, RC_OK);
	px_call_end(&a.call);
}
END_TEST

/* ---- what goes out ---- */

START_TEST(not_in_clear)
{
	ck_assert_int_eq(outcome(FAR, NULL, false), RC_FORBIDDEN);
	ck_assert_int_eq(outcome(FAR, "{}", true), RC_FORBIDDEN);
	/* Keys neither to who is known. */
	ck_assert_int_eq(outcome(OTHER, "{}", true), RC_FORBIDDEN);
	client.allow_clear = true;
	ck_assert_int_eq(outcome(FAR, "{}", true), RC_FORBIDDEN);
	ck_assert_uint_eq(net.asked, 0);
	ck_assert_int_eq(outcome(FAR, "{}", false), RC_OK);
	client.allow_clear = false;
	ck_assert_int_eq(outcome(OTHER, "{}", false), RC_OK);
	ck_assert_int_eq(outcome(NEAR, "{}", true), RC_OK);
	ck_assert_int_eq(outcome(TLS, "{}", true), RC_OK);
	ck_assert_uint_eq(net.asked, 4);
}
END_TEST

/* By name to who is registered or cannot know it otherwise, by certificate to all others. */
START_TEST(who_calls)
{
	const struct credential_files files = { .ca = "ca" };
	struct credential *own = credential_certificate(&files);

	client.credential = own;
	ck_assert_int_eq(outcome(TLS, NULL, false), RC_OK);
	ck_assert(net.credential == own && net.from[0] == '\0');
	ck_assert_int_eq(outcome(OTHER, NULL, false), RC_OK);
	ck_assert(net.credential == NULL && net.from[0] != '\0');
	ck_assert_int_eq(outcome(NEAR, NULL, false), RC_OK);
	ck_assert(net.from[0] != '\0');
	core_halt(&bed);
	credential_unref(own);
}
END_TEST

START_TEST(keys_are_wiped)
{
	struct asking a = { .base = NEAR, .body = "secret", .secret = true };

	ck_assert_int_eq(run(&a), RC_OK);
	ck_assert_str_eq(net.body, "secret");
	ck_assert(a.call.body.p != NULL && memcmp(a.call.body.p, "\0\0\0\0\0\0", 6) == 0);
	a.base = FAR;
	ck_assert_int_eq(run(&a), RC_FORBIDDEN);
	ck_assert(memcmp(a.call.body.p, "\0\0\0\0\0\0", 6) == 0);
	px_call_end(&a.call);
}
END_TEST

START_TEST(what_cannot_be_said)
{
	char base[PX_CALL_URL + 1];
	struct asking a = { .base = NEAR, .body = "more than that", .body_max = 4 };

	ck_assert_int_eq(run(&a), RC_UNAVAILABLE);
	px_call_end(&a.call);
	memset(base, 'a', PX_CALL_URL);
	base[PX_CALL_URL] = '\0';
	ck_assert_int_eq(outcome(base, NULL, false), RC_TOO_LARGE);
	ck_assert_uint_eq(net.asked, 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("px_client");
	TCase *c = suite_case(s, "client", setup, teardown);

	tcase_add_loop_test(c, answered, 0, (int)NITEMS(statuses));
	tcase_add_test(c, not_answered_in_time);
	tcase_add_test(c, stopped);
	tcase_add_test(c, not_in_clear);
	tcase_add_test(c, who_calls);
	tcase_add_test(c, keys_are_wiped);
	tcase_add_test(c, what_cannot_be_said);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}
