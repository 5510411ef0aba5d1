/* SPDX-License-Identifier: Apache-2.0 */
/* By what names the listeners are reached, and the options in the words of the core. */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/listen.h"
#include "app/listen_names.h"
#include "app/options.h"
#include "app/scl_conf.h"
#include "app/sec_conf.h"
#include "base/arena.h"
#include "suite.h"

static const char *const engines[] = { "lmdb", "memory", NULL };
static const struct options_default defaults[] = {
	{ "scl.id", "scl-1" },
	{ "store.path", "/var/lib/test" },
	{ "listeners", "( { port = 8080; } )" },
	{ NULL, NULL },
};
static const struct options_profile profile = { "test", defaults, NULL, engines };

static struct arena *arena;
static struct options *o;

static void
setup(void)
{
	arena = arena_new(1u << 20);
}

static void
teardown(void)
{
	options_free(o);
	arena_free(arena);
}

static void
load_from(const struct options_source *src)
{
	struct buf errors;

	buf_init(&errors, OPTIONS_ERRORS_MAX);
	o = options_load(src, &errors);
	ck_assert_msg(o != NULL, "%.*s", (int)errors.n, errors.p);
	buf_fini(&errors);
}

static void
load(const char *text)
{
	load_from(&(struct options_source){ .profile = &profile, .text = text });
}

static bool
has(const char *const *names, const char *name)
{
	for (; *names != NULL; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static size_t
count(const char *const *names)
{
	size_t n = 0;

	while (names[n] != NULL)
		n++;
	return n;
}

START_TEST(test_loopback)
{
	const unsigned ports[] = { 4711 };
	const char *const *names;

	load("listeners = ( { address = \"127.0.0.1\"; port = 0; } );");
	names = listen_names(arena, o, ports);
	ck_assert_ptr_nonnull(names);
	ck_assert(has(names, "127.0.0.1:4711"));
	ck_assert(has(names, "localhost:4711"));
	ck_assert(has(names, "[::1]:4711"));
	ck_assert_uint_eq(count(names), 3);
	ck_assert_str_eq(listen_base_uri(arena, o, ports), "http://127.0.0.1:4711/m2m");
}
END_TEST

START_TEST(test_default_port)
{
	const unsigned ports[] = { 80, 443 };
	const char *const *names;

	load("listen = { allow_clear = true; }; issuers = { tokens = \"t\"; };"
	     "listeners = ( { address = \"192.0.2.7\"; port = 80; },"
	     " { address = \"2001:DB8::7\"; port = 443; security = \"certificate\";"
	     "   certificate = \"c\"; key = \"k\"; } );");
	names = listen_names(arena, o, ports);
	ck_assert_ptr_nonnull(names);
	ck_assert(has(names, "192.0.2.7:80"));
	ck_assert(has(names, "192.0.2.7"));
	/* Case does not count, so the usual form is no name of its own. */
	ck_assert(has(names, "[2001:DB8::7]:443"));
	ck_assert(has(names, "[2001:DB8::7]"));
	ck_assert_uint_eq(count(names), 4);
}
END_TEST

START_TEST(test_configured)
{
	const unsigned ports[] = { 8080, 8081 };
	const char *const *names;

	load("scl = { own_names = [ \"m2m.example.org\", \"gw.example.org:9\", \"[2001:db8::1]\" ]; };"
	     "listeners = ( { port = 8080; serve = [ \"mia\" ]; }, { port = 8081; } );");
	names = listen_names(arena, o, ports);
	ck_assert_ptr_nonnull(names);
	ck_assert(has(names, "m2m.example.org"));
	ck_assert(has(names, "m2m.example.org:8080"));
	ck_assert(has(names, "m2m.example.org:8081"));
	ck_assert(has(names, "gw.example.org:9"));
	ck_assert(!has(names, "gw.example.org:9:8080"));
	ck_assert(has(names, "[2001:db8::1]"));
	ck_assert(has(names, "[2001:db8::1]:8080"));
	/* The first that serves mid. */
	ck_assert_str_eq(listen_base_uri(arena, o, ports), "http://127.0.0.1:8081/m2m");
}
END_TEST

/* Names and the base URI are of whatever protocol; each has ports of its own. */
START_TEST(test_coap)
{
	const unsigned ports[] = { 8080, 5683, 5684, 80 };
	const char *const *names;

	load("listeners = ( { port = 8080; serve = [ \"mia\" ]; }, { port = 5683; protocol = \"coap\"; },"
	     " { port = 5684; protocol = \"coap\"; security = \"psk\"; address = \"192.0.2.7\"; },"
	     " { port = 80; protocol = \"coap\"; address = \"127.0.0.2\"; } );");
	names = listen_names(arena, o, ports);
	ck_assert_ptr_nonnull(names);
	ck_assert(has(names, "127.0.0.1:5683"));
	ck_assert(has(names, "127.0.0.1"));
	ck_assert(has(names, "192.0.2.7"));
	ck_assert(has(names, "127.0.0.2:80"));
	ck_assert(!has(names, "127.0.0.2"));
	ck_assert_str_eq(listen_base_uri(arena, o, ports), "coap://127.0.0.1:5683/m2m");
	ck_assert_str_eq(listen_scheme(&o->listeners.v[2]), "coaps");
}
END_TEST

START_TEST(test_all_interfaces)
{
	const unsigned ports[] = { 8080 };
	const char *const *names;

	load("scl = { base = \"root\"; own_names = [ \"m2m.example.org\" ]; };"
	     "listen = { allow_clear = true; }; issuers = { tokens = \"t\"; };"
	     "listeners = ( { address = \"::\"; port = 8080; } );");
	names = listen_names(arena, o, ports);
	ck_assert_ptr_nonnull(names);
	ck_assert(has(names, "[::]:8080"));
	ck_assert(has(names, "127.0.0.1:8080"));
	ck_assert(has(names, "m2m.example.org:8080"));
	ck_assert_str_eq(listen_base_uri(arena, o, ports), "http://m2m.example.org:8080/root");
}
END_TEST

START_TEST(test_behind_proxy)
{
	const unsigned ports[] = { 8080, 0 };
	const char *const *names;

	load("scl = { uri = \"https://gw.example.org:444/m2m\"; };"
	     "listeners = ( { port = 8080; }, { address = \"unix:/run/s\"; port = 0; } );");
	names = listen_names(arena, o, ports);
	ck_assert_ptr_nonnull(names);
	ck_assert(has(names, "gw.example.org:444"));
	ck_assert(has(names, "localhost"));
	ck_assert(has(names, "127.0.0.1:8080"));
	ck_assert_str_eq(listen_base_uri(arena, o, ports), "https://gw.example.org:444/m2m");
}
END_TEST

START_TEST(test_no_memory)
{
	const unsigned ports[] = { 8080 };
	struct arena *small = arena_new(64);

	load("");
	ck_assert_ptr_null(listen_names(small, o, ports));
	arena_free(small);
}
END_TEST

START_TEST(test_scl_conf)
{
	struct scl_conf conf;
	const struct scl_permission *p;

	load("scl = { search_strings = [ \"a\", \"b\" ]; };"
	     "lifetime = { default = 90; min = 60; };"
	     "access_rights = ( { id = \"r\"; permissions = ( { id = \"p\";"
	     " flags = [ \"DELETE\", \"READ\" ]; holders = { domains = [ \"example.org\" ]; }; } );"
	     " } );");
	ck_assert(scl_conf_fill(&conf, ROLE_GSCL, o, arena));
	ck_assert_str_eq(conf.id, "scl-1");
	ck_assert_int_eq(conf.role, SCL_GSCL);
	ck_assert_ptr_null(conf.public_domain);
	ck_assert_ptr_null(conf.default_access_right);
	ck_assert_uint_eq(count(conf.search_strings), 2);
	ck_assert_int_eq(conf.lifetime.def, 90 * CLOCK_SECOND);
	ck_assert_int_eq(conf.lifetime.min, 60 * CLOCK_SECOND);
	ck_assert_uint_eq(conf.n_access_rights, 1);
	ck_assert_uint_eq(conf.access_rights[0].n_permissions, 1);
	ck_assert_uint_eq(conf.access_rights[0].n_self_permissions, 0);
	p = &conf.access_rights[0].permissions[0];
	ck_assert_uint_eq(p->flags, 1u << FLAG_READ | 1u << FLAG_DELETE);
	ck_assert(!p->all);
	ck_assert_uint_eq(count(p->domains), 1);
	ck_assert_uint_eq(count(p->scls), 0);
}
END_TEST

START_TEST(test_contact)
{
	static const struct store_ops *const stores[] = { &store_memory, NULL };
	static const struct profile daemon = { .name = "test", .role = ROLE_DSCL, .stores = stores };
	struct capability_conf conf = { .scl_id = NULL };

	load("register = { nscl = [ \"http://a/m2m\", \"http://b/m2m\" ]; lifetime = 60; };");
	ck_assert(scl_conf_capability(&conf, &daemon, o, arena));
	ck_assert_ptr_null(conf.base_uri);
	scl_conf_reached(&conf, o, "http://own/m2m");
	ck_assert_str_eq(conf.base_uri, "http://own/m2m");
	ck_assert_int_eq(conf.role, SCL_DSCL);
	ck_assert_str_eq(conf.contact_uri, "http://own/m2m");
	ck_assert_uint_eq(count(conf.nscl), 2);
	ck_assert_int_eq(conf.lifetime_us, 60 * CLOCK_SECOND);
}
END_TEST

/* Of the file dir/name, which has text. */
static void
load_file(struct sec_conf *conf, const char *file, const char *text)
{
	static const struct store_ops *const stores[] = { &store_memory, NULL };
	static const struct profile daemon = { .name = "test", .role = ROLE_GSCL, .stores = stores };
	FILE *f = fopen(file, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	options_free(o);
	load_from(&(struct options_source){ .profile = &profile, .file = file });
	ck_assert(sec_conf_fill(conf, &daemon, o, NULL, arena));
}

START_TEST(test_sec)
{
	char dir[] = "/tmp/test_service_conf.XXXXXX", path[64], was[PATH_MAX];
	struct sec_conf conf;
	struct sec_rate rate;

	ck_assert_ptr_nonnull(getcwd(was, sizeof(was)));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.conf", dir);
	load_file(&conf, path, "");
	ck_assert_str_eq(conf.ival.configuration, path);
	ck_assert_uint_eq(conf.rate.rate, 1000);
	ck_assert_uint_eq(conf.rate.burst, 5000);
	ck_assert_int_eq(chdir(dir), 0);
	load_file(&conf, "./a.conf", "limits = { rate = 0; burst = 7; };");
	ck_assert_str_eq(conf.ival.configuration, path);
	sec_conf_rate(&rate, o);
	ck_assert_uint_eq(rate.rate, 0);
	ck_assert_uint_eq(rate.burst, 7);
	load_file(&conf, path, "ival = { configuration = \"/etc/other\"; };");
	ck_assert_str_eq(conf.ival.configuration, "/etc/other");
	options_free(o);
	load("");
	ck_assert(sec_conf_fill(&conf, &(struct profile){ .stores = (const struct store_ops *[]){ NULL } },
	                        o, NULL, arena));
	ck_assert_ptr_null(conf.ival.configuration);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(chdir(was), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(test_ocsp)
{
	static const struct store_ops *const stores[] = { NULL };
	static const struct profile daemon = { .stores = stores };
	struct sec_conf conf;

	load("");
	ck_assert(sec_conf_fill(&conf, &daemon, o, NULL, arena));
	ck_assert(!conf.network.ocsp);
	ck_assert_ptr_null(conf.network.ocsp_responder);
	ck_assert_int_eq(conf.network.ocsp_timeout, 5 * CLOCK_SECOND);
	options_free(o);
	load("msbf = { ocsp = \"on\"; ocsp_responder = \"http://a/b\"; ocsp_timeout = \"2 s\"; };");
	ck_assert(sec_conf_fill(&conf, &daemon, o, NULL, arena));
	ck_assert(conf.network.ocsp);
	ck_assert_str_eq(conf.network.ocsp_responder, "http://a/b");
	ck_assert_int_eq(conf.network.ocsp_timeout, 2 * CLOCK_SECOND);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { test_loopback, test_default_port, test_configured, test_coap,
		test_all_interfaces, test_behind_proxy, test_no_memory, test_scl_conf, test_contact,
		test_sec, test_ocsp };
	Suite *s = suite_create("service_conf");
	TCase *tc = suite_case(s, "all", setup, teardown);

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	return run_suite(s);
}
