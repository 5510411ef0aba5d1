/* SPDX-License-Identifier: Apache-2.0 */
/* Each option by itself: its row, its default, which values it takes, what is said of the others. */
#include "config.h"

#include <inttypes.h>

#include "app/opt_value.h"
#include "options_bed.h"

START_TEST(rows_make_sense)
{
	const struct opt_row *row = &opt_options.rows[_i];
	const char *dot = strchr(row->path, '.');
	size_t help = strlen(row->help);

	ck_assert(opt_find(&opt_options, row->path, NULL) == row);
	ck_assert(help > 0 && row->help[help - 1] == '.');
	ck_assert(dot == NULL || strchr(dot + 1, '.') == NULL);
	ck_assert(!opt_is_group(&opt_options, row->path, NULL));
	if (row->kind <= OPT_MS) {
		ck_assert(opt_number_in_range(row, row->number));
		ck_assert_int_lt(row->min, row->max);
		ck_assert(row->kind != OPT_INT || row->max <= INT32_MAX);
	}
	if (row->text != NULL) {
		ck_assert(opt_text_wrong(row, row->text) == NULL);
		ck_assert_int_ge((int64_t)strlen(row->text), row->min);
	}
	ck_assert(row->kind != OPT_TABLE || (row->element != NULL && !row->reloadable));
}
END_TEST

START_TEST(rows_of_a_group_stand_together)
{
	const struct opt_row *rows = opt_options.rows;

	for (size_t i = 1; i < opt_options.n; i++) {
		size_t group = strcspn(rows[i].path, ".");
		bool left = false;

		for (size_t k = i; k-- > 0;) {
			bool same = strcspn(rows[k].path, ".") == group &&
			            strncmp(rows[k].path, rows[i].path, group) == 0;

			ck_assert_msg(!(same && left), "%s is away from its group", rows[i].path);
			left = left || !same;
		}
	}
}
END_TEST

START_TEST(defaults_are_those_of_the_rows)
{
	const struct opt_row *row = &opt_options.rows[_i];
	struct options *o = load_text("");
	const char *text;

	ck_assert_ptr_nonnull(o);
	if (row->kind <= OPT_BOOL || row->kind == OPT_CHOICE) {
		ck_assert_int_eq(opt_number(row, o), row->number);
	} else if (row->kind == OPT_TEXT) {
		memcpy(&text, opt_field_const(row, o), sizeof(text));
		if (strcmp(row->path, "store.path") == 0)
			ck_assert_str_eq(text, "/var/lib/test");
		else if (row->text == NULL)
			ck_assert_int_eq(strncmp(text, "test-", 5), 0);
		else
			ck_assert_str_eq(text, row->text);
	} else {
		ck_assert_int_eq((int)opt_span_of(row, o).n, strcmp(row->path, "listeners") == 0);
	}
	options_free(o);
}
END_TEST

START_TEST(defaults_are_those_of_the_reference)
{
	struct options *o = load_text("");

	ck_assert_str_eq(o->scl.base, "m2m");
	ck_assert_int_eq(o->lifetime.default_ms, 0);
	ck_assert_int_eq(o->lifetime.scl_default_ms, 3600 * 1000);
	ck_assert_int_eq(o->lifetime.min_ms, 60 * 1000);
	ck_assert_int_eq(o->lifetime.max_ms, INT64_C(30) * 86400 * 1000);
	ck_assert_int_eq(o->container.max_nr_default, 20);
	ck_assert_int_eq(o->container.max_nr_min, 1);
	ck_assert_int_eq(o->container.max_nr_max, 0);
	ck_assert_int_eq(o->container.max_bytes_default, 20480);
	ck_assert_int_eq(o->container.max_bytes_min, 10);
	ck_assert_int_eq(o->container.max_age_min_ms, 86400 * 1000);
	ck_assert_int_eq(o->container.max_age_max_ms, INT64_C(365) * 86400 * 1000);
	ck_assert_int_eq(o->client.forward_timeout_ms, 30000);
	ck_assert_int_eq(o->client.notify_timeout_ms, 10000);
	ck_assert_int_eq(o->register_at.lifetime_ms, 1800 * 1000);
	ck_assert_int_eq(o->register_at.retry_ms, 5000);
	ck_assert_int_eq(o->register_at.retry_max_ms, 300 * 1000);
	ck_assert_int_eq(o->limits.body_max, 1048576);
	ck_assert_int_eq(o->listeners.v[0].port, 8080);
	ck_assert_int_eq((int)o->listeners.v[0].serve, SERVE_MIA | SERVE_DIA | SERVE_MID);
	options_free(o);
}
END_TEST

START_TEST(wrong_types_are_reported_with_their_line)
{
	static const char *const wrong[OPT_KINDS][4] = {
		[OPT_INT] = { "\"1\"", "1.5", "true", "{ }" },
		[OPT_INT64] = { "\"1\"", "1.5", "true", "[ 1 ]" },
		[OPT_SIZE] = { "\"1 furlong\"", "1.5", "true", "\"\"" },
		[OPT_MS] = { "\"1 furlong\"", "\"1ss\"", "true", "\" 1 s\"" },
		[OPT_BOOL] = { "1", "\"true\"", "{ }", "[ ]" },
		[OPT_TEXT] = { "1", "true", "[ \"a\" ]", "\"a\\nb\"" },
		[OPT_CHOICE] = { "1", "\"loud\"", "\"\"", "{ }" },
		[OPT_LIST] = { "\"a\"", "[ 1 ]", "[ \"\" ]", "( \"a\", 1 )" },
		[OPT_TABLE] = { "{ }", "( 1 )", "[ \"a\" ]", "1" },
	};
	const struct opt_row *row = &opt_options.rows[_i];

	for (size_t i = 0; i < NITEMS(wrong[0]); i++)
		expect_value_error(row, wrong[row->kind][i]);
}
END_TEST

static void
try_number(const struct opt_row *row, int64_t n, bool good)
{
	char value[64], line[128];
	char *text;

	snprintf(value, sizeof(value), row->kind == OPT_MS ? "\"%" PRId64 " ms\"" : "%" PRId64 "L", n);
	if (!good) {
		expect_value_error(row, value);
		return;
	}
	text = config_of(row->path, value);
	options_free(load_text(text));
	snprintf(line, sizeof(line), "%s: must be ", row->path);
	ck_assert_msg(!reported(line), "%s", errors.p);
	free(text);
}

START_TEST(ranges_hold)
{
	const struct opt_row *row = &opt_options.rows[_i];

	if (row->kind > OPT_MS)
		return;
	try_number(row, row->min, true);
	try_number(row, row->max, true);
	try_number(row, row->min - 1, false);
	if (row->max < INT64_MAX)
		try_number(row, row->max + 1, false);
}
END_TEST

START_TEST(long_texts_and_lists_are_refused)
{
	const struct opt_row *row = &opt_options.rows[_i];
	struct buf b;

	if (row->kind != OPT_TEXT && row->kind != OPT_LIST && row->kind != OPT_TABLE)
		return;
	buf_init(&b, TEXT_MAX);
	buf_puts(&b, row->kind == OPT_TEXT ? "\"" : "(");
	for (int64_t i = 0; i <= row->max; i++)
		buf_puts(&b, row->kind == OPT_TEXT    ? "a"
		             : i > 0 && row->kind == OPT_LIST ? ", \"http://a/b\""
		             : row->kind == OPT_LIST          ? "\"http://a/b\""
		             : i > 0                          ? ", {}"
		                                              : "{}");
	buf_puts(&b, row->kind == OPT_TEXT ? "\"" : ")");
	buf_char(&b, '\0');
	ck_assert(!b.failed);
	expect_value_error(row, b.p);
	buf_fini(&b);
}
END_TEST

START_TEST(unknown_keys_are_reported_with_their_line)
{
	expect_error("scl = { id = \"a\";\n\n bse = \"m\"; };", "<text>:3: unknown option scl.bse\n");
	expect_error("\nscli = { id = \"a\"; };", "<text>:2: unknown option scli\n");
	expect_error("scl = 5;", "<text>:1: scl: a group { ... } is expected\n");
	expect_error("log = { level = { x = 1; }; };", "<text>:1: log.level: ");
	expect_error("listeners = (\n { port = 1; prot = 2; } );",
	             "<text>:2: unknown option listeners[0].prot\n");
	expect_error("log = { level = \"info\"; \n level = \"warn\"; };", "<text>:2: ");
	expect_error("log = {\n level = ; };", "<text>:2: syntax error");
}
END_TEST

START_TEST(all_errors_are_reported)
{
	ck_assert_ptr_null(load_text("scl = { id = \"a b\"; };\nlimits = { depth = 1;\n nodes = 1; };\n"
	                             "other = 1;\n"));
	ck_assert(reported("<text>:1: scl.id: must be letters, digits and -._~ only\n"));
	ck_assert(reported("<text>:2: limits.depth: must be 8 to 256\n"));
	ck_assert(reported("<text>:3: limits.nodes: must be 64 to 10000000\n"));
	ck_assert(reported("<text>:4: unknown option other\n"));
}
END_TEST

START_TEST(options_that_a_daemon_lacks_are_unknown)
{
	const char *override = "register.retry=5";
	struct options *o;
	char *text;

	ck_assert_ptr_null(load_with(&smaller, "register = { retry = 5; };", NULL, 0));
	ck_assert(reported("<text>:1: unknown option register\n"));
	ck_assert_ptr_null(load_with(&smaller, "", &override, 1));
	ck_assert(reported("-o: unknown option register.retry\n"));
	o = load_with(&smaller, "", NULL, 0);
	text = dump(o, &smaller, OPTIONS_EFFECTIVE);
	ck_assert_ptr_null(strstr(text, "register ="));
	free(text);
	options_free(o);
}
END_TEST

START_TEST(overrides_count_more_than_the_text)
{
	const char *const list[] = { "log.level=debug", "limits.body_max=2 MiB", "limits.depth=9",
		"limits.depth=10", "scl.trailing_slash=true", "client.notify_timeout=1500 ms",
		"register.nscl=http://a/m2m", "scl.own_names=[ \"a:1\", \"b\" ]", "scl.public_domain=a=b",
		"listeners=( { port = 0; } )" };
	struct options *o = load_with(&profile, "limits = { depth = 8; nodes = 100; };", list,
	                              NITEMS(list));

	ck_assert_msg(o != NULL, "%s", errors.p);
	ck_assert_int_eq(o->log.level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(o->limits.body_max, 2 << 20);
	ck_assert_int_eq(o->limits.depth, 10);
	ck_assert_int_eq(o->limits.nodes, 100);
	ck_assert(o->scl.trailing_slash);
	ck_assert_int_eq(o->client.notify_timeout_ms, 1500);
	ck_assert_str_eq(o->register_at.nscl.v[0], "http://a/m2m");
	ck_assert_int_eq((int)o->scl.own_names.n, 2);
	ck_assert_str_eq(o->scl.own_names.v[0], "a:1");
	ck_assert_str_eq(o->scl.public_domain, "a=b");
	ck_assert_int_eq(o->listeners.v[0].port, 0);
	options_free(o);
}
END_TEST

static const struct {
	const char *override, *line;
} bad_overrides[] = {
	{ "limits.depth=7", "-o: limits.depth: must be 8 to 256\n" },
	{ "limits.body_max=1", "must be 1 KiB to 1 GiB; a number without a unit means octets\n" },
	{ "client.connect_timeout=5000", "-o: client.connect_timeout: must be 100 ms to 5 min; a number "
	  "without a unit means seconds\n" },
	{ "limits.depth=x", "-o: limits.depth: an integer is expected\n" },
	{ "limits.depth=", "-o: limits.depth: an integer is expected\n" },
	{ "limits.depth", "-o limits.depth: path=value is expected\n" },
	{ "limits=1", "-o: unknown option limits\n" },
	{ "=1", "-o: unknown option \n" },
	{ "log.level=loud", "-o: log.level: must be one of error, warn, info, debug\n" },
	{ "scl.base=a/b", "-o: scl.base: must be letters, digits and -._~ only\n" },
	{ "scl.base=..", "-o: scl.base: must be letters, digits and -._~ only\n" },
	{ "scl.base=", "-o: scl.base: must not be empty\n" },
	{ "scl.own_names=a/b", "-o: scl.own_names: must be host or host:port\n" },
	{ "register.nscl=ftp://a/b", "-o: register.nscl: must be an absolute http, https, coap or coaps URI\n" },
	{ "register.nscl=/m2m", "-o: register.nscl: must be an absolute http, https, coap or coaps URI\n" },
	{ "register.contact_uri=m2m", "-o: register.contact_uri: must be an absolute" },
	{ "register.nscl=[ \"http://a/m\" ]; x = 1", "-o: register.nscl: a list of strings" },
	{ "listeners=()", "-o: at least one listener is needed\n" },
	{ "listeners=( { port = 1; port = 2; } )", "-o: listeners: a list of groups" },
	{ "store.engine=rocksdb", "-o: store.engine: test has no engine rocksdb\n" },
	{ "store.path=", "-o: store.path: must not be empty with the engine lmdb\n" },
	{ "client.key=k.pem", "client.certificate and client.key need each other\n" },
	{ "default_access_right=x", "-o: default_access_right: no access right has the id x\n" },
	{ "container.max_nr_max=9",
	  "container.max_nr_default must not be above container.max_nr_max\n" },
	{ "lifetime.max=30", "lifetime.min must not be above lifetime.max\n" },
	{ "msbf.ocsp=maybe", "-o: msbf.ocsp: must be one of off, on\n" },
	{ "msbf.ocsp_responder=https://a/b",
	  "-o: msbf.ocsp_responder: https://a/b is no URI with the scheme http\n" },
	{ "limits.body_max=100 MiB", "-o: limits.body_max must not be above limits.arena_max\n" },
	{ "subscription.retry_first=9223372036854775807", "subscription.retry_first: " },
};

START_TEST(bad_overrides_are_reported)
{
	ck_assert_ptr_null(load_with(&profile, "", &bad_overrides[_i].override, 1));
	ck_assert_msg(reported(bad_overrides[_i].line), "%s", errors.p);
}
END_TEST

static const struct {
	const char *text, *line;
} listener_cases[] = {
	{ "listeners = ( { port = 0; }, { port = 0; } );", NULL },
	{ "listeners = ( { port = 80; address = \"::1\"; } );", NULL },
	{ "listeners = ( { port = 80; address = \"127.9.9.9\"; } );", NULL },
	{ "listeners = ( { port = 80; address = \"::ffff:127.0.0.1\"; } );", NULL },
	{ "listeners = ( { address = \"127.0.0.1\"; } );", "<text>:1: listeners[0].port: is missing\n" },
	{ "listeners = ( { port = 70000; } );", "<text>:1: listeners[0].port: must be 0 to 65535\n" },
	{ "listeners = ( { port = 1; address = \"localhost\"; } );",
	  "listeners[0].address: must be a numeric IPv4 or IPv6 address, or unix:/path\n" },
	{ "listeners = ( { port = 1; serve = [ ]; } );", "<text>:1: serve must not be empty\n" },
	{ "listeners = ( { port = 1; serve = [ \"mib\" ]; } );",
	  "listeners[0].serve: must be one of mia, dia, mid, msbf, mas, admin, proxy, "
	  "edge\n" },
	{ "listeners = (\n{ port = 1; },\n{ port = 1; } );",
	  "<text>:3: the same address and port as of listeners[0]\n" },
	/* Beyond loopback a client has to be able to prove who it is. */
	{ "listeners = (\n{ port = 1; address = \"0.0.0.0\"; } );",
	  "<text>:2: nothing can prove here who a client is" },
	{ "listeners = ( { port = 1; address = \"::\"; } );", "nothing can prove here" },
	{ "listeners = ( { port = 1; address = \"128.0.0.1\"; } );", "nothing can prove here" },
	{ "listeners = ( { port = 1; address = \"::ffff:10.0.0.1\"; } );", "nothing can prove here" },
	{ "listeners = ( { port = 1; address = \"::\"; issuer = \"claimed\"; } );",
	  "issuer \"claimed\" is for loopback and UNIX sockets alone\n" },
	{ "listen = { allow_clear = true; }; listeners = ( { port = 1; address = \"::\"; } );",
	  "nothing can prove here" },
	{ "issuers = { tokens = \"t\"; }; listeners = ( { port = 1; address = \"::\"; } );",
	  "needs listen.allow_clear = true" },
	{ "issuers = { tokens = \"t\"; }; listen = { allow_clear = true; };"
	  "listeners = ( { port = 1; address = \"::\"; } );",
	  NULL },
	{ "listeners = ( { port = 1; address = \"::\"; security = \"certificate\"; certificate = \"c\";"
	  "key = \"k\"; } );",
	  "nothing can prove here" },
	{ "listeners = ( { port = 1; address = \"::\"; security = \"certificate\"; certificate = \"c\";"
	  "key = \"k\"; ca = \"a\"; } );",
	  NULL },
	{ "listeners = ( { port = 1; address = \"::\"; security = \"psk\"; } );", NULL },
	{ "listeners = ( { port = 1; address = \"::\"; trusted_access = true; } );", NULL },
	{ "listeners = ( { port = 1; issuer = \"proved\"; } );", "nothing can prove here" },
	{ "listeners = ( { port = 1; security = \"psk\"; issuer = \"claimed\"; } );", NULL },
	{ "listeners = ( { port = 1; security = \"psk\"; crl = \"c\"; } );", "crl needs ca\n" },
	{ "listeners = ( { port = 1; tls13_only = true; } );", "need security \"psk\"\n" },
	{ "listeners = ( { port = 1; security = \"psk\"; tls13_only = true; allow_non_pfs = true; } );",
	  "exclude each other\n" },
	/* UNIX sockets. */
	{ "listeners = ( { port = 0; address = \"unix:/run/s\"; } );", NULL },
	{ "listeners = ( { port = 1; protocol = \"coap\"; } );", NULL },
	{ "listeners = ( { port = 1; protocol = \"coap\"; }, { port = 1; } );", NULL },
	{ "listeners = ( { port = 1; protocol = \"coap\"; }, { port = 1; protocol = \"coap\"; } );",
	  "the same address and port as of listeners[0]\n" },
	{ "listeners = ( { port = 1; protocol = \"mqtt\"; } );",
	  "listeners[0].protocol: must be one of http, coap\n" },
	{ "listeners = ( { port = 1; protocol = \"coap\"; security = \"psk\"; address = \"::\";"
	  " allow_non_pfs = true; } );", NULL },
	{ "listeners = ( { port = 1; protocol = \"coap\"; security = \"psk\"; tls13_only = true; } );",
	  "tls13_only needs protocol \"http\"\n" },
	{ "listeners = ( { port = 0; protocol = \"coap\"; address = \"unix:/run/s\"; } );",
	  "a UNIX socket needs protocol \"http\"\n" },
	{ "listeners = ( { port = 1; protocol = \"coap\"; serve = [ \"mid\", \"admin\" ]; } );",
	  "msbf, mas and admin need protocol \"http\"\n" },
	{ "listeners = ( { port = 1; protocol = \"coap\"; address = \"::\"; } );",
	  "nothing can prove here" },
	{ "issuers = { tokens = \"t\"; };"
	  "listeners = ( { port = 1; protocol = \"coap\"; address = \"::\"; } );",
	  "nothing can prove here" },
	{ "issuers = { unix_users = [ \"7=a\" ]; };"
	  "listeners = ( { port = 0; address = \"unix:/run/s\"; issuer = \"proved\"; } );",
	  NULL },
	{ "listeners = ( { port = 0; address = \"unix:/run/s\"; issuer = \"proved\"; } );",
	  "nothing can prove here" },
	{ "listeners = ( { port = 1; address = \"unix:/run/s\"; } );", "a UNIX socket has port 0" },
	{ "listeners = ( { port = 0; address = \"unix:/run/s\"; security = \"psk\"; } );",
	  "a UNIX socket has port 0" },
	{ "listeners = ( { port = 0; address = \"unix:run/s\"; } );", "or unix:/path\n" },
	{ "listeners = ( { port = 1; security = \"certificate\"; certificate = \"c\"; } );",
	  "security \"certificate\" needs certificate and key\n" },
	{ "listeners = ( { port = 1; certificate = \"c\"; key = \"k\"; } );",
	  "need security \"certificate\"\n" },
	{ "listeners = ( { port = 1; security = \"certificate\"; certificate = \"c\"; key = \"k\";"
	  "require_client_cert = true; } );",
	  "require_client_cert needs ca\n" },
	{ "listeners = ( { port = 1; security = \"certificate\"; certificate = \"c\"; key = \"k\";"
	  "ca = \"a\"; require_client_cert = true; } );",
	  NULL },
};

START_TEST(listeners_are_checked)
{
	const char *line = listener_cases[_i].line;
	struct options *o = load_text(listener_cases[_i].text);

	ck_assert_msg((o != NULL) == (line == NULL), "%s: %s", listener_cases[_i].text, errors.p);
	if (line != NULL)
		ck_assert_msg(reported(line), "%s", errors.p);
	options_free(o);
}
END_TEST

static const struct {
	const char *text;
	int64_t ms;
} durations[] = {
	{ "0", 0 },         { "\"0\"", 0 },          { "7", 7000 },         { "\"7\"", 7000 },
	{ "\"7s\"", 7000 }, { "\"250 ms\"", 250 },   { "\"2 min\"", 120000 }, { "\"3 h\"", 10800000 },
	{ "\"2 d\"", 172800000 },
};

START_TEST(durations_have_units)
{
	char *text = config_of("container.max_age_min", durations[_i].text);
	struct options *o = load_text(text);

	ck_assert_msg(o != NULL, "%s", errors.p);
	ck_assert_int_eq(o->container.max_age_min_ms, durations[_i].ms);
	free(text);
	options_free(o);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("options");
	TCase *tc = suite_case(s, "options", setup, teardown);
	int n = (int)opt_options.n;

	tcase_add_loop_test(tc, rows_make_sense, 0, n);
	tcase_add_loop_test(tc, defaults_are_those_of_the_rows, 0, n);
	tcase_add_loop_test(tc, wrong_types_are_reported_with_their_line, 0, n);
	tcase_add_loop_test(tc, ranges_hold, 0, n);
	tcase_add_loop_test(tc, long_texts_and_lists_are_refused, 0, n);
	tcase_add_test(tc, rows_of_a_group_stand_together);
	tcase_add_test(tc, defaults_are_those_of_the_reference);
	tcase_add_test(tc, unknown_keys_are_reported_with_their_line);
	tcase_add_test(tc, all_errors_are_reported);
	tcase_add_test(tc, options_that_a_daemon_lacks_are_unknown);
	tcase_add_test(tc, overrides_count_more_than_the_text);
	tcase_add_loop_test(tc, bad_overrides_are_reported, 0, (int)NITEMS(bad_overrides));
	tcase_add_loop_test(tc, listeners_are_checked, 0, (int)NITEMS(listener_cases));
	tcase_add_loop_test(tc, durations_have_units, 0, (int)NITEMS(durations));
	return run_suite(s);
}
