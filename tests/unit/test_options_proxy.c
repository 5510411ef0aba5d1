/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the proxy: what they must not contradict. */
#include "config.h"

#include "options_bed.h"
#include "pre/hdr.h"

#define ONE "listeners = ( { port = 1; } );"
#define PROXY "proxy = { enabled = true; };"
#define PROXY_CA "proxy = { enabled = true; ca_file = \"f\"; };"
#define FAR                                                                                        \
	"listeners = ( { address = \"0.0.0.0\"; port = 1; security = \"certificate\";"             \
	"certificate = \"c\"; key = \"k\"; serve = [ \"proxy\" ];"

static const struct {
	const char *text, *line;
} cases[] = {
	{ PROXY "listeners = ( { port = 1; serve = [ \"proxy\" ]; } );", NULL },
	{ PROXY "listeners = ( { port = 1; protocol = \"coap\"; serve = [ \"proxy\" ]; } );",
	  NULL },
	{ PROXY "listeners = ( { port = 1; serve = [ \"proxy\", \"mia\" ]; } );",
	  "proxy needs a listener of its own\n" },
	{ "listeners = ( { port = 1; serve = [ \"proxy\" ]; } );", "proxy.enabled is false" },
	{ PROXY FAR "} );",
	  "proxy needs security \"certificate\" with require_client_cert, or loopback\n" },
	{ PROXY FAR "require_client_cert = true; } );", "require_client_cert needs ca\n" },
	{ PROXY_CA FAR "require_client_cert = true; } );", NULL },
	{ PROXY FAR "require_client_cert = true; ca = \"a\"; } );", NULL },
	{ PROXY_CA
	  "listeners = ( { port = 1; security = \"certificate\"; certificate = \"c\"; key = \"k\";"
	  "require_client_cert = true; } );",
	  "require_client_cert needs ca\n" },
	{ "proxy = { sources = ( { url = \"http://a/\"; scl = \"a\"; key = \"k\"; } ); };" ONE,
	  "proxy.identity is needed" },
	{ "proxy = { source = true; };" ONE, "proxy.identity is needed" },
	{ "proxy = { source = true; identity = \"i\"; };" ONE, NULL },
	{ "proxy = { identity = \"i\"; sources = ( { url = \"http://a/\"; scl = \"a\"; key = "
	  "\"k\"; },"
	  "{ url = \"http://a/\"; scl = \"b\"; key = \"k\"; } ); };" ONE,
	  "two sources have the url http://a/\n" },
	{ "proxy = { sinks = ( { name = \"uplink\"; url = \"http://a/\"; key = \"k\"; } ); };" ONE,
	  "the name uplink is that of the NSCL\n" },
	{ "proxy = { sinks = ( { name = \"s\"; url = \"http://a/\"; key = \"k\"; },"
	  "{ name = \"s\"; url = \"http://b/\"; key = \"k\"; } ); };" ONE,
	  "two sinks have the name s\n" },
	{ "proxy = { certificate = \"c\"; };" ONE,
	  "proxy.certificate and proxy.key need each other\n" },
	{ "proxy = { message_max = 1048576; batch_bytes = 65536; };" ONE,
	  "proxy.message_max must not be above proxy.batch_bytes\n" },
	{ "proxy = { udp_port = 5; udp_max = 2000; message_max = 1024; };" ONE,
	  "proxy.udp_max must not be above proxy.message_max\n" },
	{ "proxy = { udp_address = \"unix:/x\"; };" ONE, "a UNIX socket takes no datagrams\n" },
	{ "proxy = { managers = [ \"scl:a\", \"app:b\", \"cert:0/c\", \"claim:d\" ]; };" ONE,
	  NULL },
	{ "proxy = { managers = [ \"scl:\" ]; };" ONE, "scl: is no scl:, app:, cert: or claim:" },
	{ "proxy = { managers = [ \"a\" ]; };" ONE, "a is no scl:, app:, cert: or claim:" },
};

START_TEST(contradictions_are_found)
{
	const char *line = cases[_i].line;
	struct options *o = load_text(cases[_i].text);

	ck_assert_msg((o != NULL) == (line == NULL), "%s: %s", cases[_i].text, errors.p);
	if (line != NULL)
		ck_assert_msg(reported(line), "%s", errors.p);
	options_free(o);
}
END_TEST

/* Choices and numbers are those of the ciphers that there are. */
START_TEST(ciphers_are_those_of_messages)
{
	const struct cipher *c;

	for (size_t i = 0; (c = cipher_at(i)) != NULL; i++) {
		char text[128];
		struct options *o;

		snprintf(text, sizeof(text), "proxy = { cid = \"%s\"; };" ONE, c->name);
		o = load_text(text);
		ck_assert_msg((o != NULL) == (pre_cipher_find(c->cid) != NULL), "%s: %s", text,
		              errors.p);
		if (o != NULL)
			ck_assert_int_eq(o->proxy.cid, c->cid);
		options_free(o);
	}
}
END_TEST

/* Where a listener for other providers takes their authorities from. */
START_TEST(authorities_of_listeners)
{
	struct options *o = load_text(PROXY_CA FAR "require_client_cert = true; } );");

	ck_assert_ptr_nonnull(o);
	ck_assert_str_eq(options_listener_ca(o, &o->listeners.v[0]), "f");
	ck_assert(options_listener_proves(o, &o->listeners.v[0]));
	options_free(o);
	o = load_text(PROXY_CA FAR "require_client_cert = true; ca = \"a\"; } );");
	ck_assert_str_eq(options_listener_ca(o, &o->listeners.v[0]), "a");
	options_free(o);
	o = load_text(PROXY_CA "listeners = ( { port = 1; serve = [ \"proxy\" ]; } );");
	ck_assert_str_eq(options_listener_ca(o, &o->listeners.v[0]), "");
	ck_assert(!options_listener_proves(o, &o->listeners.v[0]));
	options_free(o);
}
END_TEST

static Suite *
proxy_suite(void)
{
	Suite *s = suite_create("options_proxy");
	TCase *c = suite_case(s, "proxy", setup, teardown);

	tcase_add_loop_test(c, contradictions_are_found, 0, (int)NITEMS(cases));
	tcase_add_test(c, ciphers_are_those_of_messages);
	tcase_add_test(c, authorities_of_listeners);
	return s;
}

int
main(void)
{
	return run_suite(proxy_suite());
}
