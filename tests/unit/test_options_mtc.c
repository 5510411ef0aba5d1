/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of group and multiparty authentication, of small data, of the networks of contacts and
 * triggers: what they must not contradict, what they become.
 */
#include "config.h"

#include "app/gaka_conf.h"
#include "app/mpa_conf.h"
#include "app/sd_conf.h"
#include "base/arena.h"
#include "options_bed.h"

#define ONE "listeners = ( { port = 1; } );"
#define GID "0011223344556677"
#define GW "gateway = \"https://gw.example.org:8443/m2m\"; "

#define MPA(url)                                                                                   \
	"mpa = { enabled = true; gateway = \"" url                                                 \
	"\"; network_key = \"n\"; server_key = \"s\"; };" ONE

static const struct {
	const char *text, *line;
} cases[] = {
	{ ONE, NULL },
	{ "gaka = { enabled = true; " GW "groups = [ \"" GID "\", \"a011223344556677\" ]; };" ONE,
	  NULL },
	{ "gaka = { enabled = true; };" ONE, "gaka.enabled needs gaka.gateway\n" },
	{ "gaka = { groups = [ \"" GID "0\" ]; };" ONE, "is not 16 lower-case hex digits\n" },
	{ "gaka = { groups = [ \"A011223344556677\" ]; };" ONE,
	  "is not 16 lower-case hex digits\n" },
	{ "gaka = { groups = [ \"g011223344556677\" ]; };" ONE,
	  "is not 16 lower-case hex digits\n" },
	{ "gaka = { groups = [ \"" GID "\", \"" GID "\" ]; };" ONE,
	  "gaka.groups: " GID " is there twice\n" },
	{ "gaka = { retry_first = \"2 s\"; retry_max = \"1 s\"; };" ONE,
	  "gaka.retry_first must not be above gaka.retry_max\n" },
	{ "gaka = { window = 0; };" ONE, "gaka.window" },
	{ "gaka = { window = 65536; };" ONE, "gaka.window" },
	{ "mpa = { enabled = true; " GW "network_key = \"n\"; server_key = \"s\"; };" ONE, NULL },
	{ "mpa = { enabled = true; " GW "network_key = \"n\"; };" ONE,
	  "mpa.enabled needs mpa.network_key and mpa.server_key\n" },
	{ "mpa = { enabled = true; " GW "server_key = \"s\"; };" ONE,
	  "mpa.enabled needs mpa.network_key and mpa.server_key\n" },
	{ "mpa = { enabled = true; network_key = \"n\"; server_key = \"s\"; };" ONE,
	  "mpa.enabled needs mpa.gateway\n" },
	{ "mpa = { retry_first = \"2 s\"; retry_max = \"1 s\"; };" ONE,
	  "mpa.retry_first must not be above mpa.retry_max\n" },
	{ "gaka = { enabled = true; " GW "};" MPA("https://gw.example.org:8443/other"),
	  "mpa.gateway: gw.example.org:8443 is reached under the session of gaka.gateway already" },
	{ "gaka = { enabled = true; gateway = \"https://gw.example.org/m2m\"; };" MPA(
		  "HTTPS://GW.example.org:443/m2m"),
	  "mpa.gateway: gw.example.org:443 is reached under" },
	{ "gaka = { enabled = true; " GW "};" MPA("https://gw.example.org:8444/m2m"), NULL },
	{ "gaka = { enabled = true; " GW "};" MPA("https://gw2.example.org:8443/m2m"), NULL },
	{ "gaka = { enabled = false; " GW "};" MPA("https://gw.example.org:8443/m2m"), NULL },
	{ "sd = { enabled = true; " GW "container = \"/m2m/c\"; };" ONE, NULL },
	{ "sd = { enabled = true; " GW "};" ONE, "sd.enabled needs sd.container\n" },
	{ "sd = { enabled = true; container = \"/m2m/c\"; };" ONE,
	  "sd.enabled needs sd.gateway\n" },
	{ "sd = { bundle_max = 100; pending_max = 99; };" ONE,
	  "sd.bundle_max must not be above sd.pending_max\n" },
	{ "sd = { bundle_max = 1025; };" ONE, "sd.bundle_max" },
	{ "sd = { policy = \"rsa\"; };" ONE, "sd.policy" },
	{ "sd = { retry_first = \"2 s\"; retry_max = \"1 s\"; };" ONE,
	  "sd.retry_first must not be above sd.retry_max\n" },
	{ "edge = { contact_networks = [ \"10.0.0.0/8\", \"fd00::/8\" ]; };" ONE, NULL },
	{ "edge = { contact_networks = [ \"10.0.0.0/8\", \"inside\" ]; };" ONE,
	  "edge.contact_networks: inside is no address/bits\n" },
	{ "trigger = { networks = [ \"127.0.0.1\", \"::1/128\" ]; };" ONE, NULL },
	{ "trigger = { networks = [ \"10.0.0.0/33\" ]; };" ONE,
	  "trigger.networks: 10.0.0.0/33 is no address/bits\n" },
};

START_TEST(contradictions_are_found)
{
	struct options *o;

	if (cases[_i].line != NULL) {
		expect_error(cases[_i].text, cases[_i].line);
		return;
	}
	o = load_text(cases[_i].text);
	ck_assert_msg(o != NULL, "refused: %s: %s", cases[_i].text, errors.p);
	options_free(o);
}
END_TEST

/* What a daemon does not have, its capability does not need. */
START_TEST(others_need_less)
{
	static const char *const no_device[] = { "gaka.gateway", "mpa.gateway",  "mpa.network_key",
		                                 "sd.gateway",   "sd.container", NULL };
	static const struct options_profile gateway = { "gateway", defaults, no_device, engines };
	struct options *o = load_with(&gateway,
	                              "gaka = { enabled = true; }; mpa = { enabled = true; };"
	                              "sd = { enabled = true; };" ONE,
	                              NULL, 0);

	ck_assert_msg(o != NULL, "%s", errors.p);
	options_free(o);
}
END_TEST

static const struct store_ops *const stores[] = { &store_lmdb, &store_memory, NULL };
static const struct profile daemon = { .name = "d", .role = ROLE_GSCL, .stores = stores };

START_TEST(what_is_not_given)
{
	struct arena *a = arena_new(65536);
	struct options *o = load_text(ONE);
	struct gaka_conf g;
	struct mpa_conf m;
	struct sd_conf s;

	gaka_conf_fill(&g, &daemon, o, a);
	mpa_conf_fill(&m, &daemon, o);
	sd_conf_fill(&s, &daemon, o);
	ck_assert(!g.enabled && !m.enabled && !s.enabled);
	ck_assert(!g.conventional && m.forward && s.verify);
	ck_assert_ptr_null(g.gateway);
	ck_assert_ptr_nonnull(g.groups);
	ck_assert_ptr_null(g.groups[0]);
	ck_assert_uint_eq(g.window, 16);
	ck_assert_int_eq(g.attempt_time, 10 * INT64_C(1000000));
	ck_assert(m.key == NULL && m.gateway == NULL && m.server_key == NULL &&
	          m.network_key == NULL);
	ck_assert(s.gateway == NULL && s.container == NULL && s.policy == SD_POLICY_AUTO);
	ck_assert_int_eq(s.keep, 600 * INT64_C(1000000));
	ck_assert(g.engine == &store_lmdb && m.engine == &store_lmdb && s.engine == &store_lmdb);
	options_free(o);
	arena_free(a);
}
END_TEST

START_TEST(what_is_given)
{
	struct arena *a = arena_new(65536);
	struct options *o = load_text(
		"gaka = { enabled = true; conventional = true; conventional_max = 61; window = 7; "
	        "sets_max = 2; "
		"members_max = 3;"
		"attempts_max = 4; sessions_max = 5; attempt_time = \"6 s\"; " GW
		"groups = [ \"" GID "\" ]; keys_interval = \"8 s\"; retry_first = \"1 s\";"
		"retry_max = \"9 s\"; };"
		"mpa = { enabled = true; key = \"k\"; servers_max = 2; warrants_max = 30;"
		"warrant_time = \"2 h\"; contact_timeout = \"3 s\"; attempts_max = 4; sessions_max "
		"= 5;"
		"chains_max = 6; decisions_max = 7; attempt_time = \"8 s\"; session_time = \"9 "
		"min\";"
		"forward = false; gateway = \"https://gw2.example.org/m2m\"; "
		"server_key = \"s\"; network_key = \"n\"; retry_first = \"1 s\";"
		"retry_max = \"2 s\"; };"
		"sd = { enabled = true; threads = 2; devices_max = 3; waiting_max = 4; verify = "
		"false;"
		"bundle_max = 5; bundle_wait = \"6 s\"; keep = \"7 s\"; key_ttl = \"8 s\";"
		"policy = \"identity\"; octet_cost = 9; round_time = \"10 s\"; pending_max = "
		"11; " GW "container = \"/c\"; queue_max = 12; retry_first = \"1 s\"; retry_max = "
		"\"2 s\"; };" ONE);
	const int64_t second = INT64_C(1000000);
	struct gaka_conf g;
	struct mpa_conf m;
	struct sd_conf s;

	ck_assert_msg(o != NULL, "%s", errors.p);
	gaka_conf_fill(&g, &daemon, o, a);
	mpa_conf_fill(&m, &daemon, o);
	sd_conf_fill(&s, &daemon, o);
	ck_assert(g.enabled && g.conventional && g.singles_max == 61 && g.window == 7 &&
	          g.sets_max == 2 && g.members_max == 3);
	ck_assert(g.attempts_max == 4 && g.sessions_max == 5 && g.attempt_time == 6 * second);
	ck_assert_str_eq(g.gateway, "https://gw.example.org:8443/m2m");
	ck_assert_str_eq(g.groups[0], GID);
	ck_assert_ptr_null(g.groups[1]);
	ck_assert(g.keys_interval == 8 * second && g.retry_first == second &&
	          g.retry_max == 9 * second);
	ck_assert(m.enabled && m.servers_max == 2 && m.warrants_max == 30 && !m.forward);
	ck_assert(m.warrant_time == 7200 * second && m.contact_time == 3 * second);
	ck_assert(m.attempts_max == 4 && m.sessions_max == 5 && m.chains_max == 6 &&
	          m.decisions_max == 7);
	ck_assert(m.attempt_time == 8 * second && m.session_time == 540 * second);
	ck_assert(m.retry_first == second && m.retry_max == 2 * second);
	ck_assert_str_eq(m.key, "k");
	ck_assert_str_eq(m.server_key, "s");
	ck_assert_str_eq(m.network_key, "n");
	ck_assert_str_eq(m.gateway, "https://gw2.example.org/m2m");
	ck_assert(s.enabled && s.threads == 2 && s.devices_max == 3 && s.waiting_max == 4 &&
	          !s.verify);
	ck_assert(s.bundle_max == 5 && s.bundle_wait == 6 * second && s.keep == 7 * second);
	ck_assert(s.key_ttl == 8 * second && s.policy == SD_POLICY_IDENTITY && s.octet_cost == 9);
	ck_assert(s.round_time == 10 * second && s.pending_max == 11 && s.queue_max == 12);
	ck_assert(s.retry_first == second && s.retry_max == 2 * second);
	ck_assert_str_eq(s.gateway, "https://gw.example.org:8443/m2m");
	ck_assert_str_eq(s.container, "/c");
	options_free(o);
	arena_free(a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("options_mtc");
	TCase *c = suite_case(s, "mtc", setup, teardown);

	tcase_add_loop_test(c, contradictions_are_found, 0, (int)NITEMS(cases));
	tcase_add_test(c, others_need_less);
	tcase_add_test(c, what_is_not_given);
	tcase_add_test(c, what_is_given);
	return run_suite(s);
}
