/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/opt_row.h"
#include "app/opt_value.h"
#include "app/opt_write.h"
#include "app/options.h"
#include "base/log.h"
#include "core/req.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT_MAX (1u << 20)

static const char *const engines[] = { "lmdb", "memory", NULL };
static const struct options_default defaults[] = {
	{ "store.path", "/var/lib/test" },
	{ "listeners", "( { port = 8080; } )" },
	{ NULL, NULL },
};
static const struct options_profile profile = { "test", defaults, NULL, engines };

static const char *const absent[] = { "register.", NULL };
static const struct options_profile smaller = { "small", defaults, absent, engines };

/* What the last load of this process reported; each test has its own process or clears it. */
static struct buf errors;

static void
setup(void)
{
	buf_init(&errors, OPTIONS_ERRORS_MAX);
}

static void
teardown(void)
{
	buf_fini(&errors);
}

static struct options *
load_with(const struct options_profile *p, const char *text, const char *const *overrides, size_t n)
{
	const struct options_source src = { .profile = p, .text = text, .overrides = overrides,
		.n_overrides = n };
	struct options *o;

	buf_clear(&errors);
	o = options_load(&src, &errors);
	buf_char(&errors, '\0');
	ck_assert_msg((o == NULL) == (errors.n > 1), "errors and result differ: %s", errors.p);
	return o;
}

static struct options *
load_text(const char *text)
{
	return load_with(&profile, text, NULL, 0);
}

static bool
reported(const char *line)
{
	return strstr(errors.p, line) != NULL;
}

static void
expect_error(const char *text, const char *line)
{
	ck_assert_msg(load_text(text) == NULL, "accepted: %s", text);
	ck_assert_msg(reported(line), "not reported: %s\nbut: %s", line, errors.p);
}

/* A configuration that sets path in line 3 of its text. */
static char *
config_of(const char *path, const char *value)
{
	const char *dot = strchr(path, '.');
	struct buf b;
	size_t n;

	buf_init(&b, TEXT_MAX);
	buf_puts(&b, "# one\n# two\n");
	if (dot == NULL)
		buf_printf(&b, "%s = %s;", path, value);
	else
		buf_printf(&b, "%.*s = { %s = %s; };", (int)(dot - path), path, dot + 1, value);
	buf_char(&b, '\0');
	return buf_take(&b, &n);
}

static void
expect_value_error(const struct opt_row *row, const char *value)
{
	char *text = config_of(row->path, value);
	char line[128];

	snprintf(line, sizeof(line), "<text>:3: %s: ", row->path);
	expect_error(text, line);
	free(text);
}

static char *
dump(const struct options *o, const struct options_profile *p, enum options_form form)
{
	struct buf b;
	size_t n;

	buf_init(&b, TEXT_MAX);
	options_write(o, p, form, &b);
	buf_char(&b, '\0');
	ck_assert(!b.failed);
	return buf_take(&b, &n);
}

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
	{ "register.nscl=ftp://a/b", "-o: register.nscl: must be an absolute http or https URI\n" },
	{ "register.nscl=/m2m", "-o: register.nscl: must be an absolute http or https URI\n" },
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
	  "listeners[0].address: must be a numeric IPv4 or IPv6 address\n" },
	{ "listeners = ( { port = 1; serve = [ ]; } );", "<text>:1: serve must not be empty\n" },
	{ "listeners = ( { port = 1; serve = [ \"mib\" ]; } );",
	  "listeners[0].serve: must be one of mia, dia, mid\n" },
	{ "listeners = (\n{ port = 1; },\n{ port = 1; } );",
	  "<text>:3: the same address and port as of listeners[0]\n" },
	{ "listeners = (\n{ port = 1; address = \"0.0.0.0\"; } );",
	  "<text>:2: 0.0.0.0 is not a loopback address: the From header" },
	{ "listeners = ( { port = 1; address = \"::\"; } );", "needs listen.allow_remote = true" },
	{ "listeners = ( { port = 1; address = \"128.0.0.1\"; } );",
	  "needs listen.allow_remote = true" },
	{ "listeners = ( { port = 1; address = \"::ffff:10.0.0.1\"; } );",
	  "needs listen.allow_remote = true" },
	{ "listen = { allow_remote = true; }; listeners = ( { port = 1; address = \"::\"; } );",
	  "needs listen.allow_clear = true" },
	{ "listen = { allow_clear = true; }; listeners = ( { port = 1; address = \"::\"; } );",
	  "needs listen.allow_remote = true" },
	{ "listen = { allow_remote = true; allow_clear = true; };"
	  "listeners = ( { port = 1; address = \"::\"; } );",
	  NULL },
	{ "listen = { allow_remote = true; }; listeners = ( { port = 1; address = \"::\";"
	  "security = \"certificate\"; certificate = \"c\"; key = \"k\"; } );",
	  NULL },
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

#define CONTRACT                                                                                   \
	"scl = { id = \"nscl.example.org\"; base = \"m2m\"; };\n"                                      \
	"store = { engine = \"lmdb\"; path = \"/var/lib/openscl/nscl\"; };\n"                          \
	"listeners = ( { address = \"127.0.0.1\"; port = 0; security = \"none\";\n"                    \
	"    serve = [ \"mia\", \"mid\" ]; } );\n"                                                     \
	"register = { nscl = [ \"http://127.0.0.1:18080/m2m\" ]; lifetime = 1800; };\n"                \
	"access_rights = ( { id = \"default\"; permissions = ( { id = \"everyone\";\n"                 \
	"    flags = [ \"READ\",\"WRITE\",\"CREATE\",\"DELETE\",\"DISCOVER\" ];\n"                     \
	"    holders = { all = true; domains = ( \"a.b\", \"c\" ); refs = [ \"http://a/m2m\" ];\n"     \
	"        applications = [ \"app\" ]; scls = [ \"gw\" ]; }; } );\n"                             \
	"  self_permissions = ( { id = \"everyone\"; flags = [ \"READ\" ];\n"                          \
	"    holders = { all = true; }; } ); },\n"                                                     \
	"  { id = \"empty\"; } );\n"                                                                   \
	"default_access_right = \"default\";\n"                                                        \
	"log = { level = \"info\"; };\n"

START_TEST(access_rights_are_read)
{
	struct options *o = load_text(CONTRACT);
	const struct options_access_right *r;
	const struct options_permission *p;

	ck_assert_msg(o != NULL, "%s", errors.p);
	ck_assert_int_eq((int)o->access_rights.n, 2);
	r = &o->access_rights.v[0];
	ck_assert_str_eq(r->id, "default");
	ck_assert_int_eq((int)r->permissions.n, 1);
	p = &r->permissions.v[0];
	ck_assert_str_eq(p->id, "everyone");
	ck_assert_int_eq((int)p->flags, OPTIONS_READ | OPTIONS_WRITE | OPTIONS_CREATE |
	                                        OPTIONS_DELETE | OPTIONS_DISCOVER);
	ck_assert(p->holders.all);
	ck_assert_int_eq((int)p->holders.domains.n, 2);
	ck_assert_str_eq(p->holders.domains.v[1], "c");
	ck_assert_str_eq(p->holders.refs.v[0], "http://a/m2m");
	ck_assert_str_eq(p->holders.applications.v[0], "app");
	ck_assert_str_eq(p->holders.scls.v[0], "gw");
	ck_assert_int_eq((int)r->self_permissions.v[0].flags, OPTIONS_READ);
	ck_assert_int_eq((int)o->access_rights.v[1].permissions.n, 0);
	ck_assert_int_eq((int)o->listeners.v[0].serve, SERVE_MIA | SERVE_MID);
	ck_assert_int_eq(o->register_at.lifetime_ms, 1800 * 1000);
	options_free(o);
}
END_TEST

START_TEST(bad_access_rights_are_reported)
{
	expect_error("access_rights = (\n { permissions = ( ); } );",
	             "<text>:2: access_rights[0].id: is missing\n");
	expect_error("access_rights = ( { id = \"a\"; },\n { id = \"a\"; } );",
	             "<text>:2: two access rights with the id a\n");
	expect_error("access_rights = ( { id = \"a\"; permissions = ( { id = \"p\"; },\n"
	             "{ id = \"p\"; } ); } );",
	             "<text>:1: two permissions with the id p\n");
	expect_error("access_rights = ( { id = \"a\"; self_permissions = (\n { id = \"p\";\n"
	             "flags = [ \"EXECUTE\" ]; } ); } );",
	             "<text>:3: access_rights[0].self_permissions[0].flags: must be one of READ, ");
	expect_error("access_rights = ( { id = \"a\"; permissions = ( { id = \"p\";\n"
	             "holders = { al = true; }; } ); } );",
	             "<text>:2: unknown option access_rights[0].permissions[0].holders.al\n");
	expect_error("access_rights = ( { id = \"a/b\"; } );", "access_rights[0].id: must be letters");
}
END_TEST

/* Settings of every kind away from the defaults. */
#define VARIED                                                                                     \
	"scl = { search_strings = [ \"a \\\"b\\\" \\\\ c\", \"\xc3\xa4\" ]; own_names = ( \"x:1\" ); };\n" \
	"store = { max_bytes = 10000000000L; cache_bytes = \"3 GiB\"; write_buffer_bytes = 1025; };\n" \
	"http = { min_rate = 0; idle_timeout = \"1500 ms\"; header_timeout = 90; };\n"                 \
	"lifetime = { default = \"36 h\"; max = 0; };\n"                                               \
	"container = { max_nr_max = 9223372036854775807L; max_bytes_max = 0x7fffffffffffffffL; };\n"

static const char *const fixpoints[] = { "", CONTRACT, VARIED };

START_TEST(dump_reads_back_to_the_same)
{
	struct options *a = load_text(fixpoints[_i]), *b;
	char *first, *second;

	ck_assert_msg(a != NULL, "%s", errors.p);
	first = dump(a, &profile, OPTIONS_EFFECTIVE);
	b = load_text(first);
	ck_assert_msg(b != NULL, "%s\n%s", errors.p, first);
	second = dump(b, &profile, OPTIONS_EFFECTIVE);
	ck_assert_str_eq(first, second);
	for (size_t i = 0; i < opt_options.n; i++) {
		struct buf x, y;

		buf_init(&x, TEXT_MAX);
		buf_init(&y, TEXT_MAX);
		opt_write_value(&opt_options.rows[i], a, 0, &x);
		opt_write_value(&opt_options.rows[i], b, 0, &y);
		ck_assert(slice_eq(buf_view(&x), buf_view(&y)));
		buf_fini(&x);
		buf_fini(&y);
	}
	free(first);
	free(second);
	options_free(a);
	options_free(b);
}
END_TEST

START_TEST(dump_and_help_name_every_option)
{
	const char *path = opt_options.rows[_i].path, *leaf = strrchr(path, '.');
	struct options *o = load_text("");
	char *text = dump(o, &profile, OPTIONS_EFFECTIVE);
	char line[128];
	struct buf b;

	snprintf(line, sizeof(line), "%s = ", leaf == NULL ? path : leaf + 1);
	ck_assert_ptr_nonnull(strstr(text, line));
	buf_init(&b, TEXT_MAX);
	options_write_help(&profile, &b);
	buf_char(&b, '\0');
	snprintf(line, sizeof(line), "  %s (", path);
	ck_assert_ptr_nonnull(strstr(b.p, line));
	buf_clear(&b);
	options_write_man(&profile, &b);
	buf_char(&b, '\0');
	snprintf(line, sizeof(line), ".TP\n.B %s\n", path);
	ck_assert_ptr_nonnull(strstr(b.p, line));
	buf_fini(&b);
	free(text);
	options_free(o);
}
END_TEST

START_TEST(sample_differs_from_defaults_by_its_examples)
{
	struct options *o = load_text(""), *sample;
	char *text = dump(o, &profile, OPTIONS_SAMPLE);

	sample = load_text(text);
	ck_assert_msg(sample != NULL, "%s", errors.p);
	for (size_t i = 0; i < opt_options.n; i++) {
		const struct opt_row *row = &opt_options.rows[i];
		struct buf x, y;

		buf_init(&x, TEXT_MAX);
		buf_init(&y, TEXT_MAX);
		opt_write_value(row, o, 0, &x);
		opt_write_value(row, sample, 0, &y);
		ck_assert_msg(slice_eq(buf_view(&x), buf_view(&y)) || row->example != NULL, "%s",
		              row->path);
		buf_fini(&x);
		buf_fini(&y);
	}
	ck_assert_str_eq(sample->default_access_right, sample->access_rights.v[0].id);
	free(text);
	options_free(o);
	options_free(sample);
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

struct seen {
	char text[256];
};

static void
on_change(void *arg, const char *path, bool applied)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof(seen->text) - n, "%s%s ", applied ? "+" : "-", path);
}

START_TEST(merge_takes_over_what_is_reloadable)
{
	struct options *cur = load_text("scl = { id = \"a\"; }; limits = { depth = 8; };");
	struct options *next = load_text(
		"scl = { id = \"b\"; search_strings = [ \"x\" ]; }; limits = { depth = 9; };"
		"log = { level = \"debug\"; }; listeners = ( { port = 1; }, { port = 2; } );");
	struct seen seen = { "" };

	buf_clear(&errors);
	ck_assert(options_merge(next, cur, &profile, on_change, &seen, &errors));
	ck_assert_str_eq(seen.text,
	                 "-scl.id -scl.search_strings -listeners +limits.depth +log.level ");
	ck_assert_str_eq(next->scl.id, "a");
	ck_assert_int_eq((int)next->scl.search_strings.n, 0);
	ck_assert_int_eq(next->limits.depth, 9);
	ck_assert_int_eq(next->log.level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq((int)next->listeners.n, 1);
	ck_assert_int_eq(next->listeners.v[0].port, 8080);
	options_free(next);
	options_free(cur);
}
END_TEST

START_TEST(merge_of_the_same_changes_nothing)
{
	struct options *cur = load_text(CONTRACT), *next = load_text(CONTRACT);
	struct seen seen = { "" };

	buf_clear(&errors);
	ck_assert(options_merge(next, cur, &profile, on_change, &seen, &errors));
	ck_assert_str_eq(seen.text, "");
	options_free(next);
	options_free(cur);
}
END_TEST

/* Both files are good; what a running daemon may take of the second contradicts the first. */
START_TEST(merge_refuses_a_contradiction)
{
	struct options *cur = load_text("");
	struct options *next = load_text("limits = { arena_max = \"1 GiB\"; body_max = \"512 MiB\"; };");
	struct seen seen = { "" };

	ck_assert_msg(next != NULL, "%s", errors.p);
	buf_clear(&errors);
	ck_assert(!options_merge(next, cur, &profile, on_change, &seen, &errors));
	buf_char(&errors, '\0');
	ck_assert(reported("limits.body_max must not be above limits.arena_max"));
	options_free(next);
	options_free(cur);
}
END_TEST

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void
expect_file_error(const char *dir, const char *name, const char *line)
{
	char path[128];
	const struct options_source src = { .profile = &profile, .file = path };

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	buf_clear(&errors);
	ck_assert_ptr_null(options_load(&src, &errors));
	buf_char(&errors, '\0');
	ck_assert_msg(reported(line), "%s", errors.p);
}

START_TEST(files_are_named_in_errors)
{
	char dir[] = "/tmp/test_options.XXXXXX", path[128];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	write_file(dir, "a.conf", "\n@include \"b.conf\"\nscl = { bas = 1; };\n");
	write_file(dir, "b.conf", "log = {\n level = 1; };\n");
	write_file(dir, "c.conf", "log = {\n\n level = ; };\n");
	expect_file_error(dir, "a.conf", "/a.conf:3: unknown option scl.bas\n");
	expect_file_error(dir, "a.conf", "b.conf:2: log.level: a string is expected\n");
	expect_file_error(dir, "c.conf", "/c.conf:3: syntax error\n");
	expect_file_error(dir, "none", "/none: No such file or directory\n");
	expect_file_error(dir, "", "/: is a directory\n");
	for (const char *name = "abc"; *name != '\0'; name++) {
		snprintf(path, sizeof(path), "%s/%c.conf", dir, *name);
		unlink(path);
	}
	rmdir(dir);
}
END_TEST

static void
add_row_tests(TCase *tc)
{
	int n = (int)opt_options.n;

	tcase_add_loop_test(tc, rows_make_sense, 0, n);
	tcase_add_loop_test(tc, defaults_are_those_of_the_rows, 0, n);
	tcase_add_loop_test(tc, wrong_types_are_reported_with_their_line, 0, n);
	tcase_add_loop_test(tc, ranges_hold, 0, n);
	tcase_add_loop_test(tc, long_texts_and_lists_are_refused, 0, n);
	tcase_add_loop_test(tc, dump_and_help_name_every_option, 0, n);
	tcase_add_test(tc, rows_of_a_group_stand_together);
}

static void
add_load_tests(TCase *tc)
{
	tcase_add_test(tc, defaults_are_those_of_the_reference);
	tcase_add_test(tc, unknown_keys_are_reported_with_their_line);
	tcase_add_test(tc, all_errors_are_reported);
	tcase_add_test(tc, options_that_a_daemon_lacks_are_unknown);
	tcase_add_test(tc, overrides_count_more_than_the_text);
	tcase_add_loop_test(tc, bad_overrides_are_reported, 0, (int)NITEMS(bad_overrides));
	tcase_add_loop_test(tc, listeners_are_checked, 0, (int)NITEMS(listener_cases));
	tcase_add_test(tc, access_rights_are_read);
	tcase_add_test(tc, bad_access_rights_are_reported);
	tcase_add_loop_test(tc, durations_have_units, 0, (int)NITEMS(durations));
	tcase_add_test(tc, files_are_named_in_errors);
	tcase_add_loop_test(tc, dump_reads_back_to_the_same, 0, (int)NITEMS(fixpoints));
	tcase_add_test(tc, sample_differs_from_defaults_by_its_examples);
	tcase_add_test(tc, merge_takes_over_what_is_reloadable);
	tcase_add_test(tc, merge_of_the_same_changes_nothing);
	tcase_add_test(tc, merge_refuses_a_contradiction);
}

int
main(void)
{
	Suite *s = suite_create("options");
	TCase *rows = tcase_create("rows"), *load = tcase_create("load");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(rows, setup, teardown);
	tcase_add_checked_fixture(load, setup, teardown);
	add_row_tests(rows);
	add_load_tests(load);
	suite_add_tcase(s, rows);
	suite_add_tcase(s, load);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
