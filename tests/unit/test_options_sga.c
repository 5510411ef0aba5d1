/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the security gateway application: what they must not contradict, what they become. */
#include "config.h"

#include "app/sga_conf.h"
#include "base/arena.h"
#include "options_bed.h"

#define ONE "listeners = ( { port = 1; } );"
#define LONG "0123456789012345678901234567890123456789012345678901234567890123x"
#define SERVER(id) "{ id = \"" id "\"; root = \"http://g/m2m/sga\"; verify_key = \"v\"; }"

static const struct {
	const char *text, *line;
} cases[] = {
	{ "sga = { enabled = true; id = \"A.b_c~d:e@f-1\"; };" ONE, NULL },
	{ "sga = { id = \"a b\"; };" ONE, "sga.id must be 1 to 64 of letters" },
	{ "sga = { id = \"a/b\"; };" ONE, "sga.id must be 1 to 64 of letters" },
	{ "sga = { enabled = true; }; scl = { id = \"" LONG "\"; };" ONE, "sga.id is needed" },
	{ "sga = { enabled = false; }; scl = { id = \"" LONG "\"; };" ONE, NULL },
	{ "sga = { ciphers = [ \"Ascon-AEAD128\", \"AES-128-GCM\" ]; };" ONE, NULL },
	{ "sga = { ciphers = [ \"ChaCha20-Poly1305\" ]; };" ONE, NULL },
	{ "sga = { ciphers = [ \"Ascon-AEAD128\" ]; };" ONE,
	  "sga.ciphers needs AES-128-GCM or ChaCha20-Poly1305\n" },
	{ "sga = { ciphers = [ \"AES-128-GCM\", \"DES\" ]; };" ONE, "there is no cipher DES\n" },
	{ "sga = { ciphers = [ \"AES-128-GCM\", \"AES-128-GCM\" ]; };" ONE,
	  "AES-128-GCM is there twice\n" },
	{ "sga = { suites = [ \"C\", \"X\" ]; };" ONE, NULL },
	{ "sga = { suites = [ \"Y\" ]; };" ONE, "there is no suite Y, but C and X\n" },
	{ "sga = { half_open_max = 3; half_open_per_device = 4; };" ONE,
	  "sga.half_open_per_device must not be above sga.half_open_max\n" },
	{ "sga = { mailbox_bytes = 65537; bytes_max = 65536; };" ONE,
	  "sga.mailbox_bytes must not be above sga.bytes_max\n" },
	{ "sga = { retry_first = \"2 s\"; retry_max = \"1 s\"; };" ONE,
	  "sga.retry_first must not be above sga.retry_max\n" },
	{ "sga = { servers = ( " SERVER("a") ", " SERVER("b") " ); };" ONE, NULL },
	{ "sga = { servers = ( " SERVER("a") ", " SERVER("a") " ); };" ONE,
	  "two servers have the id a\n" },
	{ "sga = { servers = ( " SERVER("a b") " ); };" ONE, "sga.servers: a b is no id\n" },
	{ "sga = { servers = ( " SERVER("a") " ); peers = ( { id = \"p\"; },"
	                                     "{ id = \"q\"; server = \"a\"; "
	                                     "sign_key = \"k\"; } ); };" ONE,
	  NULL },
	{ "sga = { peers = ( { id = \"p\"; } ); };" ONE,
	  "the server of the peer p is not in sga.servers\n" },
	{ "sga = { servers = ( " SERVER(
		  "a") " ); peers = ( { id = \"p\"; server = \"b\"; } ); };" ONE,
	  "the server of the peer p is not in sga.servers\n" },
	{ "sga = { servers = ( " SERVER("a") " ); peers = ( { id = \"p\"; },"
	                                     "{ id = \"p\"; } ); };" ONE,
	  "two peers have the id p\n" },
	{ "sga = { servers = ( " SERVER("a") " ); peers = ( { id = \"p/q\"; } ); };" ONE,
	  "sga.peers: p/q is no id\n" },
	{ "sga = { servers = ( " SERVER("a") " ); peers_max = 1; peers = ( { id = \"p\"; },"
	                                     "{ id = \"q\"; } ); };" ONE,
	  "sga.peers has more than sga.peers_max\n" },
	{ "sga = { managers = [ \"scl:a\", \"claim:b\" ]; };" ONE, NULL },
	{ "sga = { managers = [ \"a\" ]; };" ONE, "sga.managers: a is no scl:" },
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

static const struct store_ops *const stores[] = { &store_memory, NULL };

/* What a daemon of that role makes of text. */
static struct sga_conf
conf_of(enum role role, struct options *o, struct arena *a)
{
	struct profile p = { .name = "test", .role = role, .stores = stores };
	struct sga_conf c;

	ck_assert_ptr_nonnull(o);
	sga_conf_fill(&c, &p, o, a);
	ck_assert(!arena_failed(a));
	return c;
}

START_TEST(what_is_not_given)
{
	struct arena *a = arena_new(65536);
	struct options *o = load_text("scl = { id = \"gw\"; };" ONE);
	struct sga_conf c = conf_of(ROLE_GSCL, o, a);
	unsigned all = 0;

	ck_assert(!c.enabled);
	ck_assert_str_eq(c.id, "gw");
	ck_assert_ptr_null(c.sign_key);
	ck_assert_uint_eq(c.n_ciphers, 10);
	for (size_t i = 0; i < c.n_ciphers; i++)
		all |= 1u << (c.ciphers[i] - 1);
	ck_assert_uint_eq(all, 0x3ff);
	/* In the order of strength: AES-256-GCM first, the one with a short tag last. */
	ck_assert_uint_eq(c.ciphers[0], 4);
	ck_assert_uint_eq(c.ciphers[9], 1);
	ck_assert(c.server.suite_x && !c.server.suite_c);
	ck_assert_uint_eq(c.server.group, 0x0101);
	ck_assert_ptr_null(c.server.managers[0]);
	ck_assert_int_eq(c.server.half_open_time, 120 * INT64_C(1000000));
	c = conf_of(ROLE_DSCL, o, a);
	ck_assert_uint_eq(c.n_ciphers, 2);
	ck_assert_uint_eq(c.ciphers[0], 3);
	ck_assert_uint_eq(c.ciphers[1], 5);
	ck_assert_uint_eq(c.device.n_servers, 0);
	ck_assert_ptr_null(c.device.applications[0]);
	options_free(o);
	arena_free(a);
}
END_TEST

START_TEST(what_is_given)
{
	struct arena *a = arena_new(65536);
	struct options *o = load_text(
		"sga = { enabled = true; id = \"d1\"; suites = [ \"C\" ]; group = \"ffdhe4096\";"
		"cipher_policy = \"strongest\"; sign_key = \"s\"; kek_file = \"k\";"
		"ciphers = [ \"Ascon-AEAD128\", \"AES-128-GCM\" ]; accept_any = true;"
		"applications = [ \"a1\" ]; poll_wait = \"5 s\"; rotate = \"36 h\";"
		"servers = ( { id = \"g\"; root = \"http://g/m2m/sga\"; via = \"http://h/\";"
		"verify_key = \"v\"; token = \"t\"; suite = 1; }, " SERVER(
			"h") " );"
			     "peers = ( { id = \"p\"; server = \"h\"; sign_key = \"x\"; },"
			     "{ id = \"q\"; } ); };" ONE);
	struct sga_conf c = conf_of(ROLE_DSCL, o, a);

	ck_assert(c.enabled && c.device.accept_any);
	ck_assert_str_eq(c.id, "d1");
	ck_assert_str_eq(c.sign_key, "s");
	ck_assert_str_eq(c.kek_file, "k");
	ck_assert_uint_eq(c.n_ciphers, 2);
	ck_assert_uint_eq(c.ciphers[0], 10);
	ck_assert_uint_eq(c.ciphers[1], 3);
	ck_assert(c.server.suite_c && !c.server.suite_x);
	ck_assert_uint_eq(c.server.group, 0x0102);
	ck_assert_int_eq(c.server.policy, SGA_POLICY_STRONGEST);
	ck_assert_int_eq(c.server.rotate, 36 * 3600 * INT64_C(1000000));
	ck_assert_int_eq(c.device.poll_wait, 5 * INT64_C(1000000));
	ck_assert_str_eq(c.device.applications[0], "a1");
	ck_assert_uint_eq(c.device.n_servers, 2);
	ck_assert_str_eq(c.device.servers[0].via, "http://h/");
	ck_assert_str_eq(c.device.servers[0].token, "t");
	ck_assert_uint_eq(c.device.servers[0].suite, 1);
	ck_assert_ptr_null(c.device.servers[1].via);
	ck_assert_ptr_null(c.device.servers[1].token);
	ck_assert_uint_eq(c.device.servers[1].suite, 2);
	ck_assert_uint_eq(c.device.n_peers, 2);
	ck_assert_str_eq(c.device.peers[0].server, "h");
	ck_assert_str_eq(c.device.peers[0].sign_key, "x");
	ck_assert_ptr_null(c.device.peers[1].server);
	ck_assert_ptr_null(c.device.peers[1].sign_key);
	options_free(o);
	arena_free(a);
}
END_TEST

static Suite *
sga_suite(void)
{
	Suite *s = suite_create("options_sga");
	TCase *c = suite_case(s, "sga", setup, teardown);

	tcase_add_loop_test(c, contradictions_are_found, 0, (int)NITEMS(cases));
	tcase_add_test(c, what_is_not_given);
	tcase_add_test(c, what_is_given);
	return s;
}

int
main(void)
{
	return run_suite(sga_suite());
}
