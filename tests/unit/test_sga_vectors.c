/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session, a group and a request octet by octet, for both suites, as vectors/sga_x.txt and
 * vectors/sga_c.txt have them: everything that goes in, everything that is said, and what lies
 * between, so that another implementation can compute the same. With SGA_VECTORS_OUT in the
 * environment the files are written into that directory.
 */
#include "config.h"

#include "sga/group_own.h"
#include "sga/session_own.h"
#include "sga_flow.h"

#include <stdio.h>

#define TEXT_MAX (256u * 1024u)

static struct buf lines;
static struct flow flow;

static void
setup(void)
{
	buf_init(&lines, TEXT_MAX);
}

static void
teardown(void)
{
	buf_fini(&lines);
}

/* ---- lines ---- */

static void
hex_line(const char *name, const void *p, size_t n)
{
	const uint8_t *octets = p;

	buf_printf(&lines, "%s = ", name);
	for (size_t i = 0; i < n; i++)
		buf_printf(&lines, "%02x", octets[i]);
	buf_char(&lines, '\n');
}

static void
slice_line(const char *name, struct slice s)
{
	hex_line(name, s.p, s.n);
}

static void
number_line(const char *name, uint64_t v, unsigned octets)
{
	uint8_t out[8];

	for (unsigned i = 0; i < octets; i++)
		out[i] = (uint8_t)(v >> (8 * (octets - 1 - i)));
	hex_line(name, out, octets);
}

static void
comment(const char *text)
{
	buf_printf(&lines, "\n# %s\n", text);
}

/* ---- what goes in ---- */

/* The draws in their order. */
static const char *const draws[] = {
	"kd_i",          "n_r1_i",    "enc_random_r1_i", "kd_j", "n_r1_j",     "enc_random_r1_j",
	"sid",           "kt_i",      "enc_random_a1",   "n_g",  "kt_j",       "n_j",
	"enc_random_a3", "r_i",       "f_random_i",      "r_j",  "f_random_j", "r_s",
	"group_id",      "group_key",
};

static void
seen(void *arg, const void *octets, size_t n)
{
	size_t *at = arg;

	ck_assert_uint_lt(*at, NITEMS(draws));
	hex_line(draws[(*at)++], octets, n);
}

static void
seed_line(const char *name, uint8_t first)
{
	const uint8_t seed[SIGN_SEED_SIZE] = { first };

	hex_line(name, seed, sizeof(seed));
}

static void
private_line(const char *name, const struct sga_private *k)
{
	struct buf out;

	buf_init(&out, SGA_KEYS_MAX);
	ck_assert_int_eq(sga_private_write(k, &out), RC_OK);
	slice_line(name, buf_view(&out));
	buf_fini(&out);
}

static void
inputs(void)
{
	const struct sga_package *p = sga_keys_package(flow.keys);

	comment("who; Ed25519 seeds; the private keys of PK_E and PK_F; times");
	number_line("suite", p->suite->id, 1);
	number_line("group", p->group->id, 2);
	number_line("cid", flow.conf.cid, 2);
	number_line("cid0", flow.conf.cid0, 2);
	slice_line("id_i", SLICE_LIT(FLOW_I));
	slice_line("id_g", SLICE_LIT(FLOW_G));
	slice_line("id_j", SLICE_LIT(FLOW_J));
	seed_line("seed_g", 7);
	seed_line("seed_i", 0x11);
	seed_line("seed_j", 0x22);
	private_line("private_e", sga_keys_e(flow.keys));
	private_line("private_f", sga_keys_f(flow.keys));
	hex_line("token", flow_token, sizeof(flow_token));
	number_line("now", FLOW_NOW, 8);
	slice_line("package", sga_package_octets(p));
	hex_line("dp", &p->dp, SGA_HASH_SIZE);
	number_line("registrations", 1, 8);
}

/* ---- what is said ---- */

static const char *const names[FLOW_MESSAGES] = {
	"r1_i", "r2_i", "r1_j", "r2_j", "a1",     "a2",     "a3",     "a4",     "b1",
	"b2",   "b3",   "b6_i", "b6_j", "conf_i", "conf_j", "data_i", "data_j",
};

static void
messages(void)
{
	for (int m = 0; m < FLOW_MESSAGES; m++) {
		comment(names[m]);
		flow_run(&flow, (enum flow_message)m);
		slice_line(names[m], flow_octets(&flow, (enum flow_message)m));
		if (m == FLOW_B1)
			hex_line("k_is", &flow.si->k_is, KEY_BYTES);
		if (m == FLOW_B3)
			hex_line("k_js", &flow.sj->k_is, KEY_BYTES);
	}
	slice_line("plain", buf_view(&flow.plain));
}

/* A way as the cipher has it. */
static void
way_lines(const char *key, const char *iv, const struct sga_way *w)
{
	const struct cipher *c = sga_session_cipher(flow.si);

	hex_line(key, w->key, c->key);
	hex_line(iv, w->iv, c->iv);
}

static void
keys(void)
{
	const struct sga_session *s = flow.si;
	uint8_t out[32];

	comment("what both have computed");
	hex_line("th", &s->th, SGA_HASH_SIZE);
	hex_line("prk", &s->prk, KEY_BYTES);
	way_lines("k_ij", "iv_ij", &s->out);
	way_lines("k_ji", "iv_ji", &s->in);
	hex_line("k_conf", &s->k_conf, KEY_BYTES);
	ck_assert_int_eq(sga_session_export(s, SLICE_LIT("vector"), out, sizeof(out)), RC_OK);
	hex_line("export_vector", out, sizeof(out));
}

/* ---- the rest ---- */

static void
group(void)
{
	struct sga_member members[] = { { .id = flow_id(FLOW_I), .signs = true },
		                        { .id = flow_id(FLOW_J), .signs = true },
		                        { .id = flow_id("gamma") } };
	const struct sga_team_conf conf = {
		.epoch = 2, .cid = flow.conf.cid, .members = members, .count = NITEMS(members)
	};
	const struct sga_id g = flow_id(FLOW_G);
	struct sga_team *team;
	struct buf out;

	comment("a group of i, j and gamma, who does not sign; epoch 2; two records of i");
	members[0].sign = flow.sign_i;
	members[1].sign = flow.sign_j;
	buf_init(&out, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_team_make(flow.i, &conf, &flow.random.random, &team), RC_OK);
	ck_assert_int_eq(sga_team_key_write(team, &out), RC_OK);
	slice_line("group_data", buf_view(&out));
	for (int i = 0; i < 2; i++) {
		buf_clear(&out);
		ck_assert_int_eq(sga_team_seal(team, flow.i, SLICE_LIT("to all"), &out), RC_OK);
		slice_line(i == 0 ? "group_record_0" : "group_record_1", buf_view(&out));
	}
	buf_clear(&out);
	ck_assert_int_eq(sga_notice_make(flow.conf.suite, sga_team_id(team), 2, &members[1].id,
	                                 &flow.at_i.kd, &members[0].id, &g, &out),
	                 RC_OK);
	slice_line("notice_of_j", buf_view(&out));
	sga_team_free(team);
	buf_fini(&out);
}

static void
request(void)
{
	const struct sga_request rq = { SLICE_LIT("POST"),
		                        SLICE_LIT("/sessions/00/messages?a=1&x-m2m-sga=z&b"),
		                        SLICE_LIT("body") };
	char text[SGA_TAG_TEXT + 1];
	struct sga_tag tag;
	struct key key;

	comment("X-M2M-SGA of i");
	ck_assert_int_eq(sga_device_request_key(flow.i, false, &key), RC_OK);
	ck_assert_int_eq(sga_tag_make(&key, sga_device_id(flow.i), 1001, &rq, &tag), RC_OK);
	sga_tag_format(&tag, text);
	slice_line("request_method", rq.method);
	slice_line("request_target", rq.target);
	slice_line("request_body", rq.body);
	slice_line("request_tag", slice_of(text));
}

static void
refusals(void)
{
	const struct key cookie = { { 9 } };
	const struct sga_challenger c = { &cookie, SLICE_LIT(FLOW_PEER), FLOW_NOW };
	uint8_t challenge[SGA_CHALLENGE_SIZE], error[SGA_ERROR_SIZE];
	struct buf out;

	comment("the challenge of sid under the cookie; errors; the end as G tells i and j");
	hex_line("cookie", &cookie, KEY_BYTES);
	slice_line("peer", SLICE_LIT(FLOW_PEER));
	ck_assert_int_eq(sga_challenge_make(&c, sga_session_sid(flow.si), challenge), RC_OK);
	sga_error_make(flow_octets(&flow, FLOW_A1), SGA_CLASS_CHALLENGE, challenge, error);
	hex_line("error_challenge", error, sizeof(error));
	sga_error_make(flow_octets(&flow, FLOW_A1), SGA_CLASS_REFUSED, NULL, error);
	hex_line("error_refused", error, sizeof(error));
	buf_init(&out, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_server_refuse(flow.sg, SGA_ROLE_I, NULL, &out), RC_OK);
	slice_line("end_i", buf_view(&out));
	buf_clear(&out);
	ck_assert_int_eq(sga_server_refuse(flow.sg, SGA_ROLE_J, NULL, &out), RC_OK);
	slice_line("end_j", buf_view(&out));
	buf_fini(&out);
}

/* ---- the files ---- */

static const struct {
	const char *name;
	struct flow_conf conf;
} files[] = {
	{ "sga_x.txt", { .suite = SGA_SUITE_X, .cid = 3, .cid0 = 5 } },
	{ "sga_c.txt", { .suite = SGA_SUITE_C, .cid = 5, .cid0 = 3 } },
};

static void
path_of(const char *directory, const char *name, char *path, size_t n)
{
	ck_assert_int_lt(snprintf(path, n, "%s/%s", directory, name), (int)n);
}

static void
write_file(const char *path)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(lines.p, 1, lines.n, f), lines.n);
	fclose(f);
}

static void
expect_file(const char *path)
{
	char *text = malloc(TEXT_MAX);
	FILE *f = fopen(path, "r");
	size_t n;

	ck_assert_msg(f != NULL, "%s cannot be read", path);
	ck_assert_ptr_nonnull(text);
	n = fread(text, 1, TEXT_MAX, f);
	fclose(f);
	ck_assert(slice_eq(slice_make(text, n), buf_view(&lines)));
	free(text);
}

START_TEST(as_written)
{
	const char *out = getenv("SGA_VECTORS_OUT"), *src = getenv("srcdir");
	char path[4096], in[4096];
	size_t drawn = 0;

	flow_init(&flow, &files[_i].conf);
	flow.random.seen = seen;
	flow.random.arg = &drawn;
	buf_puts(&lines, "# SPDX-License-Identifier: Apache-2.0\n"
	                 "# name = octets; what is random is shown where it is drawn\n");
	inputs();
	messages();
	keys();
	group();
	request();
	refusals();
	ck_assert_uint_eq(drawn, NITEMS(draws));
	ck_assert(!lines.failed);
	path_of(src == NULL ? "." : src, "tests/unit/vectors", in, sizeof(in));
	path_of(out == NULL ? in : out, files[_i].name, path, sizeof(path));
	if (out != NULL)
		write_file(path);
	else
		expect_file(path);
	flow_fini(&flow);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sga vectors");
	TCase *c = suite_case(s, "files", setup, teardown);

	tcase_add_loop_test(c, as_written, 0, (int)NITEMS(files));
	return run_suite(s);
}
