/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/rc.h"
#include "base/uri.h"
#include "suite.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- slice ---- */

START_TEST(slice_operations)
{
	struct slice rest = SLICE_LIT("a,,b"), part;

	ck_assert(slice_eq(SLICE_NONE, slice_of("")));
	ck_assert(slice_is(slice_from(SLICE_LIT("abc"), 1), "bc"));
	ck_assert(slice_is(slice_from(SLICE_LIT("abc"), 9), ""));
	ck_assert(slice_is(slice_head(SLICE_LIT("abc"), 2), "ab"));
	ck_assert(slice_is(slice_head(SLICE_LIT("abc"), 7), "abc"));
	ck_assert(slice_starts(SLICE_LIT("abc"), SLICE_NONE));
	ck_assert(!slice_starts(SLICE_LIT("ab"), SLICE_LIT("abc")));
	ck_assert(slice_split(&rest, ',', &part) && slice_is(part, "a"));
	ck_assert(slice_split(&rest, ',', &part) && slice_is(part, ""));
	ck_assert(slice_split(&rest, ',', &part) && slice_is(part, "b"));
	ck_assert(!slice_split(&rest, ',', &part));
	ck_assert_int_lt(slice_cmp(SLICE_LIT("a"), SLICE_LIT("aa")), 0);
	ck_assert_int_gt(slice_cmp(SLICE_LIT("\xff"), SLICE_LIT("a")), 0);
	ck_assert_int_eq(slice_cmp(SLICE_NONE, SLICE_LIT("")), 0);
}
END_TEST

/* ---- arena ---- */

START_TEST(arena_gives_zeroed_aligned_memory)
{
	struct arena *a = arena_new(1 << 20);

	for (size_t n = 1; n < 9000; n += 97) {
		unsigned char *p = arena_alloc(a, n);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_eq(p[i], 0);
		memset(p, 0xaa, n);
	}
	ck_assert_ptr_nonnull(arena_alloc(a, 0));
	ck_assert(!arena_failed(a));
	arena_free(a);
	arena_free(NULL);
}
END_TEST

START_TEST(arena_has_a_limit)
{
	struct arena *a = arena_new(10000);

	ck_assert_ptr_null(arena_alloc(a, 10001));
	ck_assert(arena_failed(a));
	arena_reset(a);
	ck_assert(!arena_failed(a));
	ck_assert_ptr_null(arena_alloc(a, SIZE_MAX));
	arena_reset(a);
	ck_assert_ptr_nonnull(arena_alloc(a, 8000));
	ck_assert_ptr_nonnull(arena_alloc(a, 2000));
	ck_assert_ptr_null(arena_alloc(a, 1));
	ck_assert_ptr_null(arena_copy(a, SLICE_LIT("x")).p);
	ck_assert_ptr_null(arena_printf(a, "%d", 4).p);
	/* What was there before is untouched, and after a reset everything is there again. */
	for (int i = 0; i < 3; i++) {
		arena_reset(a);
		ck_assert_ptr_nonnull(arena_alloc(a, 9000));
	}
	arena_free(a);
}
END_TEST

START_TEST(arena_copies_and_formats)
{
	struct arena *a = arena_new(1 << 20);
	char text[] = "hello";
	struct slice s = arena_copy(a, slice_of(text)), f;

	text[0] = 'j';
	ck_assert(slice_is(s, "hello"));
	ck_assert_str_eq(arena_str(a, slice_head(s, 4)), "hell");
	ck_assert_ptr_nonnull(arena_copy(a, SLICE_NONE).p);
	f = arena_printf(a, "%s-%d", "x", 42);
	ck_assert(slice_is(f, "x-42") && f.p[f.n] == '\0');
	arena_free(a);
}
END_TEST

START_TEST(arena_goes_back_to_a_mark)
{
	struct arena *a = arena_new(100000);
	struct slice kept = arena_copy(a, SLICE_LIT("kept"));
	struct arena_mark mark = arena_mark(a);

	for (int i = 0; i < 100; i++) {
		ck_assert_ptr_nonnull(arena_alloc(a, 50000));
		ck_assert_ptr_nonnull(arena_alloc(a, 10));
		arena_rewind(a, mark);
	}
	ck_assert(slice_is(kept, "kept"));
	ck_assert_int_eq(*(char *)arena_alloc(a, 16), 0);
	arena_free(a);
}
END_TEST

START_TEST(arena_joins)
{
	struct arena *a = arena_new(100);
	const struct slice pieces[] = { SLICE_LIT("ab"), SLICE_NONE, SLICE_LIT("c") };
	struct slice s = arena_join(a, pieces, NITEMS(pieces));

	ck_assert(slice_is(s, "abc"));
	ck_assert(arena_join(a, pieces, 0).p != NULL);
	arena_free(a);
}
END_TEST

/* ---- buf ---- */

START_TEST(buf_grows_to_its_maximum)
{
	struct buf b;
	size_t n;
	char *p;

	buf_init(&b, 1000);
	for (int i = 0; i < 100; i++)
		buf_puts(&b, "0123456789");
	ck_assert(!b.failed && b.n == 1000);
	buf_char(&b, 'x');
	ck_assert(b.failed && b.n == 1000);
	ck_assert_ptr_null(buf_take(&b, &n));
	ck_assert_uint_eq(n, 0);
	buf_puts(&b, "again");
	ck_assert(!b.failed);
	p = buf_take(&b, &n);
	ck_assert(n == 5 && memcmp(p, "again", 5) == 0);
	free(p);
	buf_add(&b, NULL, 0);
	ck_assert_ptr_null(buf_take(&b, &n));
	buf_fini(&b);
}
END_TEST

START_TEST(buf_failure_sticks_until_cleared)
{
	struct buf b;

	buf_init(&b, 4);
	buf_puts(&b, "12345");
	buf_puts(&b, "1");
	ck_assert(b.failed && b.n == 0);
	buf_clear(&b);
	buf_puts(&b, "1234");
	ck_assert(!b.failed && slice_is(buf_view(&b), "1234"));
	buf_fini(&b);
}
END_TEST

START_TEST(buf_writes_numbers)
{
	static const int64_t values[] = { 0, 1, -1, 9, 10, -10, 1234567890123, INT64_MAX, INT64_MIN };
	char expected[32];
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < NITEMS(values); i++) {
		buf_clear(&b);
		buf_long(&b, values[i]);
		snprintf(expected, sizeof(expected), "%lld", (long long)values[i]);
		ck_assert(slice_is(buf_view(&b), expected));
	}
	buf_clear(&b);
	buf_be(&b, UINT64_C(0x0102030405060708), 8);
	buf_be(&b, 0x1ff, 1);
	ck_assert(slice_eq(buf_view(&b), SLICE_LIT("\1\2\3\4\5\6\7\10\xff")));
	buf_clear(&b);
	buf_printf(&b, "%s=%d", "a", 5);
	buf_slice(&b, SLICE_LIT(";"));
	ck_assert(slice_is(buf_view(&b), "a=5;"));
	buf_fini(&b);
}
END_TEST

/* ---- base64 ---- */

/* RFC 4648 section 10. */
static const char *const base64_vectors[][2] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

START_TEST(base64_both_ways)
{
	struct arena *a = arena_new(1 << 20);
	unsigned char all[256];
	struct slice out;
	struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < NITEMS(base64_vectors); i++) {
		buf_clear(&b);
		base64_encode(&b, slice_of(base64_vectors[i][0]));
		ck_assert(slice_is(buf_view(&b), base64_vectors[i][1]));
		ck_assert(base64_decode(a, slice_of(base64_vectors[i][1]), &out));
		ck_assert(slice_is(out, base64_vectors[i][0]));
	}
	for (unsigned i = 0; i < 256; i++)
		all[i] = (unsigned char)(255 - i);
	for (size_t n = 0; n <= 256; n++) {
		buf_clear(&b);
		base64_encode(&b, slice_make(all, n));
		ck_assert_uint_eq(b.n, (n + 2) / 3 * 4);
		ck_assert(base64_decode(a, buf_view(&b), &out));
		ck_assert(slice_eq(out, slice_make(all, n)));
	}
	ck_assert(base64_decode(a, SLICE_LIT(" Zm\n9v\tYg =\r= "), &out) && slice_is(out, "foob"));
	buf_fini(&b);
	arena_free(a);
}
END_TEST

static const char *const base64_wrong[] = {
	"Z", "Zg", "Zg=", "Zg===", "=", "==", "Zm8=Zm8=", "Zm9v=", "Zm-_", "Zm9v!", "Zg==A", "Z=g=", "Zm9vY",
};

START_TEST(base64_refuses)
{
	struct arena *a = arena_new(4096);
	struct slice out;

	ck_assert_msg(!base64_decode(a, slice_of(base64_wrong[_i]), &out), "%s", base64_wrong[_i]);
	arena_free(a);
}
END_TEST

/* ---- uri ---- */

static const struct {
	const char *text, *scheme, *host, *port, *path, *query;
} good_uris[] = {
	{ "http://h", "http", "h", "", "", "" },
	{ "http://h:80/a/b?c=d", "http", "h", "80", "/a/b", "c=d" },
	{ "coap://[::1]:5683/x", "coap", "[::1]", "5683", "/x", "" },
	{ "http://user:pw@h/x", "http", "h", "", "/x", "" },
	{ "HTTP://H?q", "HTTP", "H", "", "", "q" },
	{ "/a?b?c", "", "", "", "/a", "b?c" },
	{ "/", "", "", "", "/", "" },
};

START_TEST(uris_are_split)
{
	struct uri u;

	ck_assert(uri_parse(slice_of(good_uris[_i].text), &u));
	ck_assert(slice_is(u.scheme, good_uris[_i].scheme));
	ck_assert(slice_is(u.host, good_uris[_i].host));
	ck_assert(slice_is(u.port, good_uris[_i].port));
	ck_assert(slice_is(u.path, good_uris[_i].path));
	ck_assert(slice_is(u.query, good_uris[_i].query));
	ck_assert_int_eq(uri_is_absolute(slice_of(good_uris[_i].text)), good_uris[_i].scheme[0] != '\0');
}
END_TEST

static const char *const wrong_uris[] = {
	"", "a", "a/b", "http:", "http:/h", "http://", "http:///x", "1http://h/", "ht_tp://h/", "http://h:x/",
	"http://h:123456/", "http://[::1", "http://[::1]x/", "http://h/a b", "http://h/#f", "/a\nb", "/a\x7f",
	"http://h/\"", "/<a>", "http://@/x",
};

START_TEST(uris_refuses)
{
	struct uri u;

	ck_assert_msg(!uri_parse(slice_of(wrong_uris[_i]), &u), "%s", wrong_uris[_i]);
}
END_TEST

static const char *const normal_uris[][2] = {
	{ "HTTP://Host.Example:80/A/b/", "http://host.example/A/b" },
	{ "https://h:443", "https://h" },
	{ "https://h:80/", "https://h:80" },
	{ "coap://h:5683/x", "coap://h/x" },
	{ "http://h:/x", "http://h/x" },
	{ "http://h/%7euser/%2f%aB", "http://h/~user/%2F%AB" },
	{ "/a/b//", "/a/b" },
	{ "/", "" },
};

START_TEST(uris_are_normalised)
{
	struct arena *a = arena_new(4096);
	struct slice s = uri_normalise(a, slice_of(normal_uris[_i][0]));

	ck_assert_msg(slice_is(s, normal_uris[_i][1]), "%.*s", (int)s.n, s.p);
	ck_assert_ptr_null(uri_normalise(a, SLICE_LIT("no uri")).p);
	/* A lone percent sign has no normal form: decoding next to it would make an escape of it. */
	ck_assert_ptr_null(uri_normalise(a, SLICE_LIT("http://h/%zz%4")).p);
	ck_assert_ptr_null(uri_normalise(a, SLICE_LIT("/%%43")).p);
	arena_free(a);
}
END_TEST

static const struct {
	const char *text;
	bool transport, secure;
} transports[] = {
	{ "http://h/x", true, false },  { "HTTPS://h", true, true },
	{ "coap://[::1]:1/x", true, false }, { "CoAPs://h", true, true },
	{ "coap+tcp://h", false, false }, { "coap://", false, false },
	{ "coap:/x", false, false },    { "ftp://h/", false, false },
	{ "/x", false, false },         { "", false, false },
	{ "https://h/a b", false, false },
};

START_TEST(transports_are_told)
{
	struct slice s = slice_of(transports[_i].text);

	ck_assert_int_eq(uri_is_transport(s), transports[_i].transport);
	ck_assert_int_eq(uri_is_secure(s), transports[_i].secure);
}
END_TEST

START_TEST(escapes_both_ways)
{
	struct arena *a = arena_new(4096);
	struct slice out;
	char raw[255];

	ck_assert(uri_decode(a, SLICE_LIT("a%20b%2fc"), &out) && slice_is(out, "a b/c"));
	ck_assert(uri_decode(a, SLICE_LIT("plain+x"), &out) && slice_is(out, "plain+x"));
	ck_assert(uri_decode(a, SLICE_NONE, &out) && out.n == 0);
	ck_assert(!uri_decode(a, SLICE_LIT("a%"), &out));
	ck_assert(!uri_decode(a, SLICE_LIT("a%2"), &out));
	ck_assert(!uri_decode(a, SLICE_LIT("a%gg"), &out));
	ck_assert(!uri_decode(a, SLICE_LIT("a%00"), &out));
	for (int i = 0; i < 255; i++)
		raw[i] = (char)(i + 1);
	out = uri_encode_segment(a, slice_make(raw, 255));
	for (size_t i = 0; i < out.n; i++)
		ck_assert((unsigned char)out.p[i] > ' ' && (unsigned char)out.p[i] < 0x7f &&
		          strchr("/?#\"<>[]", out.p[i]) == NULL);
	ck_assert(uri_decode(a, out, &out) && slice_eq(out, slice_make(raw, 255)));
	ck_assert(slice_is(uri_encode_segment(a, SLICE_LIT("a:b@c-._~")), "a:b@c-._~"));
	arena_free(a);
}
END_TEST

START_TEST(query_is_taken_apart)
{
	struct arena *a = arena_new(4096);
	struct slice q = SLICE_LIT("&a=1&&b=x%26y=z&c&=d&e+f=1+1"), name, value;
	static const char *const expected[][2] = {
		{ "a", "1" }, { "b", "x&y=z" }, { "c", "" }, { "", "d" }, { "e+f", "1+1" },
	};

	for (size_t i = 0; i < NITEMS(expected); i++) {
		ck_assert_int_eq(uri_next_param(a, &q, &name, &value), 1);
		ck_assert(slice_is(name, expected[i][0]) && slice_is(value, expected[i][1]));
	}
	ck_assert_int_eq(uri_next_param(a, &q, &name, &value), 0);
	q = SLICE_LIT("a=%x");
	ck_assert_int_eq(uri_next_param(a, &q, &name, &value), -1);
	q = SLICE_NONE;
	ck_assert_int_eq(uri_next_param(a, &q, &name, &value), 0);
	q = SLICE_LIT("a=1&");
	ck_assert_int_eq(uri_next_param(a, &q, &name, &value), 1);
	ck_assert_int_eq(uri_next_param(a, &q, &name, &value), 0);
	arena_free(a);
}
END_TEST

START_TEST(paths_below)
{
	ck_assert(uri_path_below(SLICE_LIT("/a/b"), SLICE_LIT("/a")));
	ck_assert(uri_path_below(SLICE_LIT("/a"), SLICE_LIT("/a/")));
	ck_assert(!uri_path_below(SLICE_LIT("/ab"), SLICE_LIT("/a")));
	ck_assert(!uri_path_below(SLICE_LIT("/"), SLICE_LIT("/a")));
	ck_assert(uri_path_below(SLICE_LIT("/x"), SLICE_LIT("/")));
}
END_TEST

/* ---- outcomes ---- */

START_TEST(outcomes_have_rows)
{
	for (int rc = 0; rc < RC_COUNT; rc++) {
		const struct status *s = status_of((enum rc)rc);

		ck_assert(s->http >= 200 && s->http < 600);
		ck_assert(s->coap >= 200 && s->coap < 600 && s->coap % 100 < 32);
		ck_assert_int_eq(strncmp(s->etsi, "STATUS_", 7), 0);
		ck_assert(s->text[0] != '\0');
		ck_assert_int_eq(status_is_success((enum rc)rc), s->http < 300 && rc != RC_PENDING);
	}
}
END_TEST

START_TEST(http_codes_map)
{
	ck_assert_int_eq(status_from_http(200), RC_OK);
	ck_assert_int_eq(status_from_http(206), RC_OK);
	ck_assert_int_eq(status_from_http(202), RC_ACCEPTED);
	ck_assert_int_eq(status_from_http(404), RC_NOT_FOUND);
	ck_assert_int_eq(status_from_http(410), RC_GONE);
	ck_assert_int_eq(status_from_http(418), RC_BAD_REQUEST);
	ck_assert_int_eq(status_from_http(302), RC_BAD_GATEWAY);
	ck_assert_int_eq(status_from_http(599), RC_BAD_GATEWAY);
	ck_assert_int_eq(status_from_http(0), RC_INTERNAL);
}
END_TEST

/* ---- names and clocks ---- */

START_TEST(random_names_differ)
{
	char names[100][IDENT_LEN + 1];

	for (int i = 0; i < 100; i++) {
		ident_random(names[i]);
		ck_assert_uint_eq(strspn(names[i], "abcdefghijklmnopqrstuvwxyz0123456789"), IDENT_LEN);
		ck_assert_uint_eq(strlen(names[i]), IDENT_LEN);
		ck_assert(names[i][0] >= 'a' && names[i][0] <= 'z');
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(names[i], names[k]);
	}
}
END_TEST

START_TEST(clocks_go_on)
{
	int64_t a = clock_monotonic();

	ck_assert_int_gt(clock_now(&clock_system), INT64_C(1500000000) * CLOCK_SECOND);
	ck_assert_int_ge(clock_monotonic(), a);
}
END_TEST

/* ---- log ---- */

struct log_bed {
	int fd[2];
	struct log *log;
	char text[8192];
};

static void
log_begin(struct log_bed *b, enum log_level level)
{
	ck_assert_int_eq(pipe(b->fd), 0);
	b->log = log_new(b->fd[1], "nscl", level);
	ck_assert_ptr_nonnull(b->log);
}

static void
log_end(struct log_bed *b)
{
	size_t n = 0;
	ssize_t got;

	log_free(b->log);
	close(b->fd[1]);
	while ((got = read(b->fd[0], b->text + n, sizeof(b->text) - 1 - n)) > 0)
		n += (size_t)got;
	b->text[n] = '\0';
	close(b->fd[0]);
}

START_TEST(log_writes_one_line)
{
	struct log_bed b;
	char *rest;

	log_begin(&b, LOG_LEVEL_INFO);
	LOG_INFO(b.log, "hello", LOG_Z("plain", "a/b"), LOG_Z("quoted", "a b=\"c\\"),
	         LOG_S("control", SLICE_LIT("x\ny\x7f\0")), LOG_N("n", -5), LOG_Z("none", ""));
	LOG_DEBUG(b.log, "hidden", LOG_N("n", 1));
	LOG_INFO(NULL, "nowhere", LOG_N("n", 1));
	log_end(&b);
	rest = strstr(b.text, " level=");
	ck_assert(strncmp(b.text, "time=20", 7) == 0 && rest != NULL);
	ck_assert_str_eq(rest, " level=info daemon=nscl event=hello plain=a/b quoted=\"a b=\\\"c\\\\\" "
	                       "control=\"x\\x0ay\\x7f\\x00\" n=-5 none=\"\"\n");
}
END_TEST

START_TEST(log_levels)
{
	enum log_level level = LOG_LEVEL_ERROR;
	struct log_bed b;

	log_begin(&b, LOG_LEVEL_ERROR);
	ck_assert(log_enabled(b.log, LOG_LEVEL_ERROR) && !log_enabled(b.log, LOG_LEVEL_WARN));
	ck_assert(!log_enabled(NULL, LOG_LEVEL_ERROR));
	log_set_level(b.log, LOG_LEVEL_DEBUG);
	ck_assert(log_enabled(b.log, LOG_LEVEL_DEBUG));
	ck_assert(log_level_from("warn", &level) && level == LOG_LEVEL_WARN);
	ck_assert(!log_level_from("loud", &level));
	log_end(&b);
	ck_assert_str_eq(b.text, "");
}
END_TEST

/* Plain texts of 4 * fill octets in all, then as much as four pairs of escapes take. */
static size_t
long_line(const char *plain, const char *escapes, size_t fill)
{
	struct log_pair pairs[8];
	struct log_bed b;
	size_t n;

	for (size_t i = 0; i < NITEMS(pairs); i++)
		pairs[i] = i < 4 ? LOG_S("key", slice_make(plain, fill / 4 + (i < fill % 4)))
		                 : LOG_S("key", slice_make(escapes, 400));
	log_begin(&b, LOG_LEVEL_INFO);
	log_write(b.log, LOG_LEVEL_INFO, "long", pairs, NITEMS(pairs));
	log_end(&b);
	n = strlen(b.text);
	ck_assert_msg(n > 0 && strchr(b.text, '\n') == b.text + n - 1, "fill %zu", fill);
	ck_assert_int_eq(b.text[n - 2], '"');
	return n;
}

START_TEST(long_log_lines_are_still_lines)
{
	char plain[400], escapes[400];
	size_t longest = 0;

	memset(plain, 'a', sizeof(plain));
	memset(escapes, '\1', sizeof(escapes));
	for (size_t fill = 4; fill <= 1024; fill++) {
		size_t n = long_line(plain, escapes, fill);

		longest = n > longest ? n : longest;
	}
	ck_assert(longest > 2500 && longest <= 4096);
}
END_TEST

static void
add_tests(TCase *c)
{
	tcase_add_test(c, slice_operations);
	tcase_add_test(c, arena_gives_zeroed_aligned_memory);
	tcase_add_test(c, arena_has_a_limit);
	tcase_add_test(c, arena_copies_and_formats);
	tcase_add_test(c, arena_goes_back_to_a_mark);
	tcase_add_test(c, arena_joins);
	tcase_add_test(c, buf_grows_to_its_maximum);
	tcase_add_test(c, buf_failure_sticks_until_cleared);
	tcase_add_test(c, buf_writes_numbers);
	tcase_add_test(c, base64_both_ways);
	tcase_add_loop_test(c, base64_refuses, 0, NITEMS(base64_wrong));
	tcase_add_loop_test(c, uris_are_split, 0, NITEMS(good_uris));
	tcase_add_loop_test(c, uris_refuses, 0, NITEMS(wrong_uris));
	tcase_add_loop_test(c, transports_are_told, 0, NITEMS(transports));
	tcase_add_loop_test(c, uris_are_normalised, 0, NITEMS(normal_uris));
	tcase_add_test(c, escapes_both_ways);
	tcase_add_test(c, query_is_taken_apart);
	tcase_add_test(c, paths_below);
	tcase_add_test(c, outcomes_have_rows);
	tcase_add_test(c, http_codes_map);
	tcase_add_test(c, random_names_differ);
	tcase_add_test(c, clocks_go_on);
	tcase_add_test(c, log_writes_one_line);
	tcase_add_test(c, log_levels);
	tcase_add_test(c, long_log_lines_are_still_lines);
}

int
main(void)
{
	Suite *s = suite_create("base");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 60);
	add_tests(c);
	suite_add_tcase(s, c);
	return run_suite(s);
}
