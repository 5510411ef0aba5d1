/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints of a sink: deliveries, and what is known of a source (cap/pxy/px_inbox.h). */
#include "config.h"

#include "cap/pxy/px_inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "core_bed.h"
#include "sec/hex.h"

#undef NITEMS
#include "pre_flow.h"
#include "px_in_bed.h"

#define PATH BASE "/proxy/inbox"
#define OCTETS "application/octet-stream"
#define BODY_MAX (1u << 20)
#define OTHER "http://other.example.org/"

static struct {
	struct core_bed core;
	struct px_in_bed in;
	struct pool *pool;
	struct px_inbox *inbox;
	_Atomic uint64_t counts[6];
	_Atomic unsigned told;
	enum rc may_rc; /* for who looks at a source */
	size_t may_source; /* that was asked for last */
	struct buf batch; /* for the sink: MM1 data END, twice, of two data messages each */
	char look[256]; /* path of the source's state */
	struct log *log;
	_Atomic unsigned unknown; /* lines about unknown sources */
} t;

static void
see_line(void *arg, struct slice line)
{
	(void)arg;
	if (memmem(line.p, line.n, "proxy-source-unknown", 20) != NULL)
		atomic_fetch_add(&t.unknown, 1);
}

static void
log_start(void)
{
	t.log = log_new(STDERR_FILENO, "test", LOG_LEVEL_WARN);
	ck_assert_ptr_nonnull(t.log);
	log_set_tap(t.log, see_line, NULL);
	atomic_store(&t.unknown, 0);
}

static void
queued(void *arg, size_t source)
{
	(void)arg;
	ck_assert_uint_eq(source, 1);
	atomic_fetch_add(&t.told, 1);
}

static enum rc
may(void *arg, struct req *rq, size_t source)
{
	(void)arg;
	t.may_source = source;
	return source == SIZE_MAX || t.may_rc == RC_OK ? RC_OK
	                                               : endpoint_refuse(rq, t.may_rc, SLICE_NONE);
}

static void
attach(struct scl *scl)
{
	ck_assert_int_eq(px_inbox_attach(t.inbox, scl), RC_OK);
}

static enum rc
make(const struct px_inbox_source *sources, size_t n, struct px_inbox **out)
{
	_Atomic uint64_t *c = t.counts;
	const struct px_inbox_conf conf = {
		.path = PATH,
		.serve = SERVE_MIA | SERVE_MID,
		.body_max = BODY_MAX,
		.sources = sources,
		.n_sources = n,
		.afgh = flow_afgh,
		.keys = flow_sink.keys,
		.waiting_max = 4,
		.octets_max = PX_IN_OCTETS,
		.book = t.in.book,
		.outlet = { queued, &t },
		.stats = { c, c + 1, c + 2, c + 3, c + 4, c + 5 },
		.may = may,
		.log = t.log,
	};

	return px_inbox_new(&conf, out);
}

static void
seal(void)
{
	struct pre_stream_conf conf = flow_stream_conf();
	struct pre_stream *s = flow_stream(&conf);
	struct buf b;

	buf_init(&b, 1u << 20);
	buf_init(&t.batch, 1u << 20);
	flow_send(s, 2, 2, &b);
	flow_forward(&b, &flow_sink, &t.batch);
	pre_stream_free(s);
	buf_fini(&b);
}

static void
setup(void)
{
	struct px_inbox_source sources[] = { { .url = OTHER }, { .url = FLOW_SOURCE } };
	uint8_t name[PRE_SOURCE_SIZE];
	char hex[2 * PRE_SOURCE_SIZE + 1];

	pre_flow_setup();
	seal();
	log_start();
	px_in_start(&t.in);
	t.may_rc = RC_OK;
	atomic_store(&t.told, 0);
	for (size_t i = 0; i < 6; i++)
		atomic_store(&t.counts[i], 0);
	sources[0].key = sources[1].key = flow_source.public;
	ck_assert_int_eq(make(sources, 2, &t.inbox), RC_OK);
	ck_assert_int_eq(pre_source_name(SLICE_LIT(FLOW_SOURCE), name), RC_OK);
	memcpy(t.in.source.v, name, sizeof(name));
	hex_encode(name, sizeof(name), hex);
	snprintf(t.look, sizeof(t.look), PATH "/%s", hex);
	core_init(&t.core);
	t.core.attach = attach;
	core_start(&t.core);
	ck_assert_int_eq(pool_start(1, &t.pool), RC_OK);
	ck_assert_int_eq(px_inbox_start(t.inbox, t.pool), RC_OK);
}

static void
teardown(void)
{
	px_inbox_stop(t.inbox);
	pool_stop(t.pool);
	core_stop(&t.core);
	core_fini(&t.core);
	px_inbox_free(t.inbox);
	px_in_free(&t.in);
	log_free(t.log);
	buf_fini(&t.batch);
	pre_flow_teardown();
}

/* ---- requests ---- */

static struct reply
post(struct slice body, const char *type, const struct pre_unit *fig5)
{
	struct core_call c;
	struct req_input *in;

	core_prepare_call(&t.core, &c, "POST", PATH, ADMIN, type, NULL);
	in = req_input(c.rq);
	in->body = arena_copy(req_arena(c.rq), body);
	in->content_length = body.n;
	if (fig5 != NULL) {
		in->pre_source = fig5->source;
		in->has_msg_id = true;
		in->msg_id = fig5->msg_id;
	}
	core_go(&c);
	return core_end(&c);
}

static void
expect(struct reply r, int status, const char *body)
{
	ck_assert_msg(r.status == status, "%d: %s", r.status, r.body);
	if (body != NULL)
		ck_assert_str_eq(r.body, body);
	reply_fini(&r);
}

#define POST(body, status, answer) expect(post((body), OCTETS, NULL), (status), (answer))

START_TEST(test_batch)
{
	struct units u = units_of(&t.batch);

	ck_assert_uint_eq(u.n, 8);
	POST(buf_view(&t.batch), 200, "{\"taken\":8,\"duplicates\":0}");
	POST(buf_view(&t.batch), 200, "{\"taken\":0,\"duplicates\":8}");
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 1 2 3 ");
	ck_assert_uint_eq(atomic_load(&t.told), 1);
	ck_assert_uint_eq(atomic_load(&t.counts[0]), 8);
}
END_TEST

START_TEST(test_units)
{
	struct units u = units_of(&t.batch);

	for (size_t i = 0; i < u.n; i++)
		POST(u.u[i].whole, 200, "{\"taken\":1,\"duplicates\":0}");
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 1 2 3 ");
}
END_TEST

/* One message whose number is the token and whose source is an option. */
START_TEST(test_coap)
{
	struct units u = units_of(&t.batch);

	for (size_t i = 0; i < u.n; i++) {
		struct buf payload;

		buf_init(&payload, 65536);
		ck_assert_int_eq(pre_unit_payload(&u.u[i], &payload), RC_OK);
		expect(post(buf_view(&payload), OCTETS, &u.u[i]), 204, "");
		buf_fini(&payload);
	}
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 1 2 3 ");
	expect(post(SLICE_LIT("x"), OCTETS, &u.u[0]), 400, NULL);
}
END_TEST

START_TEST(test_refused)
{
	struct units u = units_of(&t.batch);
	struct slice all = buf_view(&t.batch);

	POST(SLICE_LIT(""), 400, NULL);
	POST(SLICE_LIT("no unit"), 413, NULL);
	POST(SLICE_LIT("\0\0\0\x05no un"), 400, NULL);
	POST(slice_head(all, all.n - 1), 400, NULL);
	POST(slice_head(u.u[0].whole, u.u[0].whole.n - 1), 400, NULL);
	/* A section whose management message did not come. */
	POST(u.u[1].whole, 409, NULL);
	expect(post(all, "text/plain", NULL), 415, NULL);
	expect(post(all, OCTETS "x", NULL), 415, NULL);
	ck_assert_int_eq(core_status(&t.core, "GET", PATH, ADMIN, NULL), 405);
	ck_assert_int_eq(core_status(&t.core, "DELETE", t.look, ADMIN, NULL), 405);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "");
	ck_assert_uint_eq(atomic_load(&t.counts[2]), 8);
	/* None of it has spoilt anything. */
	expect(post(all, "Application/Octet-Stream; x=y", NULL), 200, NULL);
}
END_TEST

/* Of a source that nobody knows, or of two at once. */
START_TEST(test_sources)
{
	struct pre_stream_conf conf = flow_stream_conf();
	struct units u = units_of(&t.batch);
	struct pre_stream *s;
	struct buf b, two;

	conf.source = SLICE_LIT("http://nobody.example.org/");
	s = flow_stream(&conf);
	buf_init(&b, 65536);
	buf_init(&two, 1u << 20);
	flow_send(s, 1, 1, &b);
	POST(buf_view(&b), 403, NULL);
	buf_slice(&two, buf_view(&t.batch));
	buf_slice(&two, buf_view(&b));
	POST(buf_view(&two), 403, NULL);
	/* Who sends many of them does not fill the log. */
	ck_assert_uint_eq(atomic_load(&t.unknown), 1);
	ck_assert_uint_eq(u.n, 8);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "");
	pre_stream_free(s);
	buf_fini(&b);
	buf_fini(&two);
}
END_TEST

/* A source has a stream for each destination. */
START_TEST(test_streams)
{
	for (uint16_t stream = 1; stream <= PRE_STREAMS_DEFAULT + 1; stream++) {
		struct pre_stream_conf conf = flow_stream_conf();
		struct pre_stream *s;
		struct buf b, out;

		conf.stream = stream;
		s = flow_stream(&conf);
		buf_init(&b, 65536);
		buf_init(&out, 65536);
		flow_send(s, 1, 1, &b);
		flow_forward(&b, &flow_sink, &out);
		POST(buf_view(&out), stream <= PRE_STREAMS_DEFAULT ? 200 : 507, NULL);
		pre_stream_free(s);
		buf_fini(&b);
		buf_fini(&out);
	}
}
END_TEST

START_TEST(test_many)
{
	struct units u = units_of(&t.batch);
	struct buf b;

	buf_init(&b, 1u << 20);
	for (unsigned i = 0; i <= PX_INBOX_UNITS_MAX; i++) {
		size_t at = pre_batch_begin(&b);

		buf_slice(&b, u.u[i == 0 ? 0 : 1].whole);
		ck_assert_int_eq(pre_batch_end(&b, at), RC_OK);
		if (i + 1 == PX_INBOX_UNITS_MAX)
			POST(buf_view(&b), 200, "{\"taken\":2,\"duplicates\":1022}");
	}
	POST(buf_view(&b), 413, NULL);
	buf_fini(&b);
}
END_TEST

/* ---- compression ---- */

static struct buf
compressed(struct slice s)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)s.p, .avail_in = (uInt)s.n };
	struct buf b;

	buf_init(&b, 1u << 20);
	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
	                 Z_OK);
	z.next_out = (Bytef *)buf_reserve(&b, 1u << 20);
	z.avail_out = 1u << 20;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	b.n = (1u << 20) - z.avail_out;
	deflateEnd(&z);
	return b;
}

static struct reply
post_coded(struct slice body, const char *encoding)
{
	struct core_call c;
	struct req_input *in;

	core_prepare_call(&t.core, &c, "POST", PATH, ADMIN, OCTETS, NULL);
	in = req_input(c.rq);
	in->body = arena_copy(req_arena(c.rq), body);
	in->content_length = body.n;
	in->content_encoding = slice_of(encoding);
	core_go(&c);
	return core_end(&c);
}

START_TEST(test_gzip)
{
	struct buf b = compressed(buf_view(&t.batch)), bomb, bytes;
	struct slice s = buf_view(&b);

	expect(post_coded(slice_head(s, s.n - 1), "gzip"), 400, NULL);
	expect(post_coded(slice_head(s, 20), "gzip"), 400, NULL);
	expect(post_coded(SLICE_LIT(""), "gzip"), 400, NULL);
	expect(post_coded(buf_view(&t.batch), "gzip"), 400, NULL);
	expect(post_coded(s, "br"), 415, NULL);
	expect(post_coded(s, "identity"), 413, NULL);
	expect(post_coded(s, "GZIP"), 200, "{\"taken\":8,\"duplicates\":0}");
	/* As long as a body may be, and one octet more. */
	buf_init(&bytes, 2u << 20);
	memset(buf_reserve(&bytes, BODY_MAX + 1), 0, BODY_MAX + 1);
	bytes.n = BODY_MAX;
	bomb = compressed(buf_view(&bytes));
	expect(post_coded(buf_view(&bomb), "gzip"), 400, NULL);
	buf_fini(&bomb);
	bytes.n = BODY_MAX + 1;
	bomb = compressed(buf_view(&bytes));
	ck_assert_uint_lt(bomb.n, 4096);
	expect(post_coded(buf_view(&bomb), "gzip"), 413, NULL);
	buf_fini(&bomb);
	buf_fini(&bytes);
	/* Something behind it. */
	buf_char(&b, 'x');
	expect(post_coded(buf_view(&b), "gzip"), 400, NULL);
	buf_fini(&b);
}
END_TEST

START_TEST(test_later)
{
	px_in_fail(2, RC_NO_SPACE);
	POST(buf_view(&t.batch), 507, NULL);
	px_in_fail(2, RC_UNAVAILABLE);
	POST(buf_view(&t.batch), 503, NULL);
	px_in_fail(0, RC_OK);
	POST(buf_view(&t.batch), 200, "{\"taken\":8,\"duplicates\":0}");
	px_inbox_stop(t.inbox);
	POST(buf_view(&t.batch), 503, NULL);
}
END_TEST

/* ---- looking ---- */

static void
expect_look(const char *query, const char *want)
{
	char target[300];

	snprintf(target, sizeof(target), "%s%s", t.look, query);
	expect(core_ask(&t.core, "GET", target, ADMIN, NULL), 200, want);
}

START_TEST(test_look)
{
	const struct px_in_failure f = { 2, INT64_C(1700000000000000), 403 };
	struct px_in_end e = { .up_to = 3, .applied = 2, .failures = &f, .n_failures = 1 };
	char other[300];

	expect_look("", "{\"source\":\"" FLOW_SOURCE "\",\"messages\":0,\"received\":0,"
	                "\"duplicates\":0,\"gone\":0,\"applied\":0,\"waiting\":0,\"failed\":0,"
	                "\"alarms\":0,\"findings\":[],\"failures\":[]}");
	POST(buf_view(&t.batch), 200, NULL);
	ck_assert_int_eq(px_in_do_end(&t.in, &e), RC_OK);
	expect_look("", "{\"source\":\"" FLOW_SOURCE "\",\"messages\":4,\"received\":8,"
	                "\"duplicates\":0,\"gone\":0,\"applied\":2,\"waiting\":1,\"failed\":1,"
	                "\"alarms\":0,\"findings\":[],\"section\":{\"stream\":7,\"epoch\":1,"
	                "\"keyIndex\":1,\"seq\":1,\"ended\":true},\"failures\":[{\"number\":2,"
	                "\"time\":\"2023-11-14T22:13:20.000Z\",\"status\":403}]}");
	expect_look("?stream=8", "{\"source\":\"" FLOW_SOURCE "\",\"messages\":4,\"received\":8,"
	                         "\"duplicates\":0,\"gone\":0,\"applied\":2,\"waiting\":1,"
	                         "\"failed\":1,\"alarms\":0,\"findings\":[],\"failures\":[{"
	                         "\"number\":2,\"time\":\"2023-11-14T22:13:20.000Z\","
	                         "\"status\":403}]}");
	ck_assert_uint_eq(t.may_source, 1);
	snprintf(other, sizeof(other), "%s?stream=65536", t.look);
	ck_assert_int_eq(core_status(&t.core, "GET", other, ADMIN, NULL), 400);
}
END_TEST

START_TEST(test_may)
{
	t.may_rc = RC_FORBIDDEN;
	ck_assert_int_eq(core_status(&t.core, "GET", t.look, ADMIN, NULL), 403);
	/* Whether a source is known is no secret, but its name cannot be guessed. */
	ck_assert_int_eq(core_status(&t.core, "GET", PATH "/00", ADMIN, NULL), 404);
	ck_assert_int_eq(
		core_status(&t.core, "GET", PATH "/00112233445566778899aabbccddeeff", ADMIN, NULL),
		404);
	POST(buf_view(&t.batch), 200, NULL);
}
END_TEST

START_TEST(test_conf)
{
	const struct px_inbox_source twice[] = { { .url = OTHER }, { .url = OTHER } };
	const struct px_inbox_source none[] = { { .url = "no url" } };
	struct px_inbox *in;

	ck_assert_int_eq(make(twice, 2, &in), RC_BAD_REQUEST);
	ck_assert_int_eq(make(none, 1, &in), RC_BAD_REQUEST);
	ck_assert_ptr_null(in);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("px_inbox");
	TCase *c = suite_case(s, "px_inbox", setup, teardown);

	tcase_add_test(c, test_batch);
	tcase_add_test(c, test_units);
	tcase_add_test(c, test_coap);
	tcase_add_test(c, test_refused);
	tcase_add_test(c, test_sources);
	tcase_add_test(c, test_streams);
	tcase_add_test(c, test_many);
	tcase_add_test(c, test_gzip);
	tcase_add_test(c, test_later);
	tcase_add_test(c, test_look);
	tcase_add_test(c, test_may);
	tcase_add_test(c, test_conf);
	return s;
}

int
main(void)
{
	return run_pre_suite(suite);
}
