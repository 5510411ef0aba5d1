/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the proxy's interface: what they become, what is refused. */
#include "config.h"

#include "base/buf.h"
#include "cap/pxy/px_json.h"
#include "suite.h"

#include <stdio.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define PK "0123456789abcdef"
#define RK24 "0123456789abcdef01234567"
#define RK RK24 RK24 RK24 RK24 RK24 RK24 RK24 RK24
#define KEY32 "0123456789abcdef"
#define KEY KEY32 KEY32 KEY32 KEY32
#define SIGN "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define SINK "{\"url\":\"https://s.example/inbox\",\"pkId\":\"" PK "\"}"
#define TTL_MAX (100000 * CLOCK_SECOND)

static struct arena *arena;
static struct px_json_keys keys;
static const char *why;

static void
setup(void)
{
	arena = arena_new(4u << 20);
	ck_assert_ptr_nonnull(arena);
	keys = (struct px_json_keys){ .n = 0 };
}

static void
teardown(void)
{
	px_json_wipe(&keys);
	arena_free(arena);
}

/* ---- stores ---- */

static enum rc
read_store(const char *text, struct px_json_store *s)
{
	why = NULL;
	return px_json_store(slice_of(text), TTL_MAX, s, &why);
}

START_TEST(a_store_with_defaults)
{
	struct px_json_store s;

	ck_assert_int_eq(read_store("{\"reserve\":4096}", &s), RC_OK);
	ck_assert(!s.request.given && !s.release && !s.has_sign);
	ck_assert_uint_eq(s.reserve, 4096);
	ck_assert_int_eq(s.ttl, 86400 * CLOCK_SECOND);
	ck_assert_int_eq(s.mode, PX_STREAM);
	ck_assert_int_eq(s.class, PX_ADAPTIVE);
	ck_assert_int_eq(s.transport, PX_REST);
	ck_assert_uint_eq(s.n_allow + s.source.n, 0);
	ck_assert_int_eq(px_json_store(SLICE_LIT("{\"reserve\":4096}"), CLOCK_SECOND, &s, &why),
	                 RC_OK);
	ck_assert_int_eq(s.ttl, CLOCK_SECOND);
}
END_TEST

START_TEST(a_store_with_everything)
{
	struct px_json_store s;

	ck_assert_int_eq(
		read_store("{\"request\":\"" KEY32 KEY32 "\",\"reserve\":1000000,\"ttl\":60,"
	                   "\"mode\":\"individual\",\"class\":\"rigid\",\"transport\":\"udp\","
	                   "\"allow\":[\"scl:a\",\"cert:0/b\"],\"release\":true,"
	                   "\"source\":{\"url\":\"http://gw.example/m2m\",\"sign\":\"" SIGN "\"}}",
	                   &s),
		RC_OK);
	ck_assert(s.request.given && s.release && s.has_sign);
	ck_assert_uint_eq(s.request.id[15], 0xef);
	ck_assert_int_eq(s.ttl, 60 * CLOCK_SECOND);
	ck_assert_int_eq(s.mode, PX_INDIVIDUAL);
	ck_assert_int_eq(s.class, PX_RIGID);
	ck_assert_int_eq(s.transport, PX_UDP);
	ck_assert_uint_eq(s.n_allow, 2);
	ck_assert(slice_is(s.allow[1], "cert:0/b"));
	ck_assert(slice_is(s.source, "http://gw.example/m2m"));
	ck_assert_uint_eq(s.sign[0], 0xd7);
}
END_TEST

START_TEST(stores_that_are_none)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{\"reserve\":4095}",
		"{\"reserve\":-1}",
		"{\"reserve\":\"4096\"}",
		"{\"reserve\":4096,\"reserve\":4096}",
		"{\"reserve\":4096,\"more\":1}",
		"{\"reserve\":4096}x",
		"{\"reserve\":4096,\"ttl\":0}",
		"{\"reserve\":4096,\"ttl\":-1}",
		"{\"reserve\":4096,\"ttl\":100001}",
		"{\"reserve\":4096,\"ttl\":9223372036854775807}",
		"{\"reserve\":4096,\"mode\":\"\"}",
		"{\"reserve\":4096,\"class\":\"Rigid\"}",
		"{\"reserve\":4096,\"transport\":\"tcp\"}",
		"{\"reserve\":4096,\"request\":\"" KEY32 "\"}",
		"{\"reserve\":4096,\"request\":\"0123456789ABCDEF0123456789ABCDEF\"}",
		"{\"reserve\":4096,\"allow\":[1]}",
		"{\"reserve\":4096,\"allow\":[\"\"]}",
		"{\"reserve\":4096,\"allow\":[\"a\",]}",
		"{\"reserve\":4096,\"source\":{}}",
		"{\"reserve\":4096,\"source\":{\"url\":\"gw\"}}",
		"{\"reserve\":4096,\"source\":{\"url\":\"http://g.e/\",\"sign\":\"" KEY32 "\"}}",
	};
	struct px_json_store s;

	for (size_t i = 0; i < NITEMS(bad); i++) {
		ck_assert_msg(read_store(bad[i], &s) == RC_BAD_REQUEST, "%s", bad[i]);
		ck_assert_ptr_nonnull(why);
	}
}
END_TEST

START_TEST(at_most_16_others)
{
	char text[2000];
	struct px_json_store s;

	for (unsigned n = PX_NAMED_MAX; n <= PX_NAMED_MAX + 1; n++) {
		int at = snprintf(text, sizeof(text), "{\"reserve\":4096,\"allow\":[\"x\"");

		for (unsigned i = 1; i < n; i++)
			at += snprintf(text + at, sizeof(text) - (size_t)at, ",\"x\"");
		snprintf(text + at, sizeof(text) - (size_t)at, "]}");
		ck_assert_int_eq(read_store(text, &s), n == PX_NAMED_MAX ? RC_OK : RC_BAD_REQUEST);
	}
}
END_TEST

START_TEST(single_numbers)
{
	int64_t ttl;
	uint64_t upto;

	ck_assert_int_eq(px_json_ttl(SLICE_LIT("{\"ttl\":5}"), TTL_MAX, &ttl, &why), RC_OK);
	ck_assert_int_eq(ttl, 5 * CLOCK_SECOND);
	ck_assert_int_eq(px_json_ttl(SLICE_LIT("{\"ttl\":0}"), TTL_MAX, &ttl, &why),
	                 RC_BAD_REQUEST);
	ck_assert_int_eq(px_json_ttl(SLICE_LIT("{}"), TTL_MAX, &ttl, &why), RC_BAD_REQUEST);
	ck_assert_int_eq(px_json_upto(SLICE_LIT("{\"upto\":9}"), &upto, &why), RC_OK);
	ck_assert_uint_eq(upto, 9);
	ck_assert_int_eq(px_json_upto(SLICE_LIT("{\"upto\":-9}"), &upto, &why), RC_BAD_REQUEST);
}
END_TEST

/* ---- forwards ---- */

static enum rc
read_forward(const char *text, struct px_json_forward *f)
{
	why = NULL;
	return px_json_forward(slice_of(text), arena, f, &keys, &why);
}

START_TEST(a_forward)
{
	struct px_json_forward f;

	ck_assert_int_eq(
		read_forward(
			"{\"sinks\":[{\"url\":\"coaps://s.example/i\",\"pkId\":\"" PK "\","
			"\"rk\":[{\"stream\":1,\"epoch\":2,\"rk\":\"" RK "\"},"
			"{\"stream\":65535,\"epoch\":4294967295,\"rk\":\"" RK "\"}],"
			"\"rate\":100,\"batch\":256,\"compress\":true,"
			"\"from\":{\"stream\":1,\"epoch\":2,\"keyIndex\":3},\"to\":{\"number\":9}},"
			"{\"url\":\"udp://127.0.0.1:5\",\"pkId\":\"" PK "\",\"key\":\"" KEY "\"}],"
			"\"from\":{\"number\":4}}",
			&f),
		RC_OK);
	ck_assert_uint_eq(f.n_sinks, 2);
	ck_assert_uint_eq(keys.n, 2);
	ck_assert_uint_eq(f.sinks[0].n_keys, 2);
	ck_assert_uint_eq(f.sinks[0].keys[1].of.epoch, UINT32_MAX);
	ck_assert_uint_eq(f.sinks[0].keys[1].pk_id[7], 0xef);
	ck_assert_uint_eq(f.sinks[0].keys[0].rk[95], 0x67);
	ck_assert_uint_eq(f.sinks[0].rate, 100);
	ck_assert_uint_eq(f.sinks[0].batch, 256);
	ck_assert(f.sinks[0].compress && f.sinks[0].from.by_section && !f.sinks[0].to.by_section);
	ck_assert_uint_eq(f.sinks[0].from.section.key_index, 3);
	ck_assert_uint_eq(f.sinks[0].to.number, 9);
	ck_assert_ptr_null(f.sinks[0].udp_key);
	ck_assert_uint_eq(f.sinks[1].udp_key[31], 0xef);
	ck_assert_uint_eq(f.sinks[1].batch, PX_BATCH_DEFAULT);
	ck_assert_uint_eq(f.sinks[1].n_keys, 0);
	ck_assert_uint_eq(f.from.number, 4);
	ck_assert(!f.to.by_section && f.to.number == 0);
}
END_TEST

#define ONE(more) "{\"sinks\":[{\"url\":\"http://s.example/\",\"pkId\":\"" PK "\"," more "}]}"

START_TEST(forwards_that_are_none)
{
	static const char *const bad[] = {
		"{\"sinks\":[]}",
		"{\"sinks\":[" SINK ",]}",
		"{\"sinks\":[{\"url\":\"http://s.example/\"}]}",
		"{\"sinks\":[{\"url\":\"ftp://s.example/\",\"pkId\":\"" PK "\"}]}",
		"{\"sinks\":[{\"url\":\"udp://s.example\",\"pkId\":\"" PK "\",\"key\":\"" KEY
		"\"}]}",
		"{\"sinks\":[{\"url\":\"udp://127.0.0.1:5\",\"pkId\":\"" PK "\"}]}",
		"{\"sinks\":[{\"url\":\"http://s.example/\",\"pkId\":\"" PK "0\"}]}",
		ONE("\"key\":\"" KEY "\""),
		ONE("\"rate\":-1"),
		ONE("\"batch\":0"),
		ONE("\"batch\":257"),
		ONE("\"from\":{}"),
		ONE("\"from\":{\"number\":0}"),
		ONE("\"from\":{\"number\":-1,\"stream\":1,\"epoch\":1,\"keyIndex\":1}"),
		ONE("\"from\":{\"number\":1,\"stream\":1}"),
		ONE("\"to\":{\"stream\":1,\"epoch\":1}"),
		ONE("\"to\":{\"stream\":65536,\"epoch\":1,\"keyIndex\":1}"),
		ONE("\"rk\":[{\"stream\":1,\"epoch\":1}]"),
		ONE("\"rk\":[{\"stream\":-1,\"epoch\":1,\"rk\":\"" RK "\"}]"),
		ONE("\"rk\":[{\"stream\":1,\"epoch\":4294967296,\"rk\":\"" RK "\"}]"),
		ONE("\"rk\":[{\"stream\":1,\"epoch\":1,\"rk\":\"" RK "0\"}]"),
		ONE("\"rk\":[{\"stream\":1,\"epoch\":1,\"rk\":\"" RK "\"},]"),
	};
	struct px_json_forward f;

	for (size_t i = 0; i < NITEMS(bad); i++) {
		ck_assert_msg(read_forward(bad[i], &f) == RC_BAD_REQUEST, "%s", bad[i]);
		ck_assert_ptr_nonnull(why);
	}
}
END_TEST

/* n re-encryption keys of one sink. */
static char *
many_keys(unsigned n)
{
	static const char one[] = "{\"stream\":1,\"epoch\":1,\"rk\":\"" RK "\"}";
	struct buf b;
	size_t len;

	buf_init(&b, 1u << 20);
	buf_puts(&b, "{\"sinks\":[{\"url\":\"http://s.example/\",\"pkId\":\"" PK "\",\"rk\":[");
	for (unsigned i = 0; i < n; i++) {
		buf_puts(&b, i == 0 ? "" : ",");
		buf_puts(&b, one);
	}
	buf_puts(&b, "]}]}");
	buf_char(&b, '\0');
	return buf_take(&b, &len);
}

START_TEST(at_most_256_keys)
{
	for (unsigned n = PX_JSON_KEYS_MAX; n <= PX_JSON_KEYS_MAX + 1; n++) {
		struct px_json_forward f;
		char *text = many_keys(n);

		ck_assert_int_eq(read_forward(text, &f),
		                 n > PX_JSON_KEYS_MAX ? RC_BAD_REQUEST : RC_OK);
		free(text);
	}
}
END_TEST

/* Also of what was refused half-way. */
START_TEST(keys_are_wiped)
{
	static const char bad[] = ONE("\"rk\":[{\"stream\":1,\"epoch\":1,\"rk\":\"" RK "\"},{}]");
	static const struct px_key none;
	struct px_json_forward f;

	ck_assert_int_eq(read_forward(bad, &f), RC_BAD_REQUEST);
	ck_assert_uint_eq(keys.v[0].rk[0], 0x01);
	px_json_wipe(&keys);
	ck_assert_mem_eq(keys.v, &none, sizeof(none));
}
END_TEST

/* ---- controls ---- */

static enum rc
read_control(const char *text, struct px_json_control *c)
{
	why = NULL;
	return px_json_control(slice_of(text), arena, c, &keys, &why);
}

START_TEST(a_control)
{
	struct px_json_control c;

	ck_assert_int_eq(
		read_control(
			"{\"revision\":3,\"action\":\"resume\",\"add\":[" SINK "],"
			"\"keys\":[{\"url\":\"a\",\"rk\":[{\"stream\":1,\"epoch\":2,\"rk\":\"" RK
			"\"}]},"
			"{\"url\":\"b\",\"pkId\":\"" PK "\",\"rk\":[]}],"
			"\"remove\":[{\"url\":\"c\",\"at\":\"section\"},{\"url\":\"d\",\"at\":"
			"\"now\"}],"
			"\"rate\":[{\"url\":\"e\",\"rate\":0},{\"url\":\"f\",\"batch\":2}],"
			"\"skip\":[{\"url\":\"g\",\"number\":7}]}",
			&c),
		RC_OK);
	ck_assert_uint_eq(c.revision, 3);
	ck_assert_int_eq(c.action, PX_JSON_RESUME);
	ck_assert(c.n_add == 1 && c.n_grant == 2 && c.n_remove == 2 && c.n_rate == 2 &&
	          c.n_skip == 1);
	ck_assert(!c.grant[0].has_pk_id && c.grant[1].has_pk_id);
	ck_assert_uint_eq(c.grant[0].n_keys, 1);
	ck_assert_uint_eq(c.grant[1].n_keys, 0);
	ck_assert(c.remove[0].at_section && !c.remove[1].at_section);
	ck_assert(c.rate[0].has_rate && c.rate[0].rate == 0 && c.rate[0].batch == 0);
	ck_assert(!c.rate[1].has_rate && c.rate[1].batch == 2);
	ck_assert(slice_is(c.skip[0].url, "g") && c.skip[0].number == 7);
}
END_TEST

START_TEST(controls_that_are_none)
{
	static const char *const bad[] = {
		"{\"revision\":1}",
		"{\"action\":\"pause\"}",
		"{\"revision\":0,\"action\":\"pause\"}",
		"{\"revision\":1,\"action\":\"stop\"}",
		"{\"revision\":1,\"action\":\"change\",\"add\":[{}]}",
		"{\"revision\":1,\"action\":\"change\",\"keys\":[{\"url\":\"a\"}]}",
		("{\"revision\":1,\"action\":\"change\",\"keys\":[{\"url\":\"a\",\"pkId\":\"0\","
		 "\"rk\":[]}]}"),
		"{\"revision\":1,\"action\":\"change\",\"remove\":[{\"url\":\"a\"}]}",
		"{\"revision\":1,\"action\":\"change\",\"remove\":[{\"url\":\"a\",\"at\":\"x\"}]}",
		"{\"revision\":1,\"action\":\"change\",\"rate\":[{\"url\":\"a\",\"rate\":-1}]}",
		"{\"revision\":1,\"action\":\"change\",\"rate\":[{\"url\":\"a\",\"batch\":0}]}",
		"{\"revision\":1,\"action\":\"change\",\"skip\":[{\"url\":\"a\",\"number\":0}]}",
		"{\"revision\":1,\"action\":\"change\",\"skip\":[1]}",
	};
	struct px_json_control c;

	for (size_t i = 0; i < NITEMS(bad); i++) {
		ck_assert_msg(read_control(bad[i], &c) == RC_BAD_REQUEST, "%s", bad[i]);
		ck_assert_ptr_nonnull(why);
	}
}
END_TEST

static Suite *
json_suite(void)
{
	Suite *s = suite_create("px_json");
	TCase *c = suite_case(s, "stores", setup, teardown);

	tcase_add_test(c, a_store_with_defaults);
	tcase_add_test(c, a_store_with_everything);
	tcase_add_test(c, stores_that_are_none);
	tcase_add_test(c, at_most_16_others);
	tcase_add_test(c, single_numbers);
	c = suite_case(s, "forwards", setup, teardown);
	tcase_add_test(c, a_forward);
	tcase_add_test(c, forwards_that_are_none);
	tcase_add_test(c, at_most_256_keys);
	tcase_add_test(c, keys_are_wiped);
	c = suite_case(s, "controls", setup, teardown);
	tcase_add_test(c, a_control);
	tcase_add_test(c, controls_that_are_none);
	return s;
}

int
main(void)
{
	return run_suite(json_suite());
}
