/* SPDX-License-Identifier: Apache-2.0 */
/* Object security: the vector, every change of a message refused. */
#include "config.h"

#include <check.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "sec/b64url.h"
#include "sec/jose.h"
#include "sec/replay.h"
#include "suite.h"

#define ARENA (1u << 20)
#define TARGET "/m2m/scls/gscl-0102/containers/c1/contentInstances"

static const char vector[] =
	"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoibWMuMTEyMjMzNDQ1NTY2Nzc4OC4xLmQybiIsImN0eS"
        "I6"
	"ImFwcGxpY2F0aW9uL3htbCIsInNlcSI6MSwiaHRtIjoiUE9TVCIsImh0dSI6Ii9tMm0vc2Nscy9nc2NsLTAxMDIvY2"
        "9u"
	"dGFpbmVycy9jMS9jb250ZW50SW5zdGFuY2VzIn0..AAAAAQAAAAAAAAAB.v_AP4Q.0_rOpEf-3uNmTu8kDlNsSw";

/* Kmc of the vectors. */
static const struct key kmc = { { 0x6e, 0x12, 0x89, 0xf5, 0x3d, 0x22, 0x5a, 0xee, 0x4b, 0x9a, 0x8a,
	                          0x53, 0xb6, 0x9e, 0x72, 0x66, 0xa3, 0x2a, 0xb9, 0x9d, 0xe8, 0xfc,
	                          0xa6, 0x72, 0x20, 0x5c, 0xf3, 0xaa, 0x73, 0x4d, 0xe1, 0x44 } };

static struct key d2n, n2d;
static struct arena *arena;
static struct replay window;
static struct buf sealed, body;

static bool
take(void *arg, uint64_t seq)
{
	return replay_take(arg, seq);
}

static struct jose_header
request(uint64_t seq)
{
	return (struct jose_header){
		.connection = UINT64_C(0x1122334455667788),
		.kmc_index = 1,
		.direction = OBJ_D2N,
		.cty = SLICE_LIT("application/xml"),
		.seq = seq,
		.method = SLICE_LIT("POST"),
		.target = SLICE_LIT(TARGET),
	};
}

static struct jose_expect
expected(void)
{
	return (struct jose_expect){
		.connection = UINT64_C(0x1122334455667788),
		.kmc_index = 1,
		.direction = OBJ_D2N,
		.method = SLICE_LIT("POST"),
		.target = SLICE_LIT(TARGET),
		.take = take,
		.arg = &window,
	};
}

static void
setup(void)
{
	uint64_t id = UINT64_C(0x1122334455667788);

	ck_assert_int_eq(obj_key(&kmc, OBJ_D2N, id, 1, &d2n), RC_OK);
	ck_assert_int_eq(obj_key(&kmc, OBJ_N2D, id, 1, &n2d), RC_OK);
	arena = arena_new(ARENA);
	replay_init(&window, 0);
	buf_init(&sealed, 1u << 20);
	buf_init(&body, 1u << 20);
}

static void
teardown(void)
{
	arena_free(arena);
	buf_fini(&sealed);
	buf_fini(&body);
}

/* Everything that a receiver does. */
static enum rc
receive(struct slice compact, const struct key *key, const struct jose_expect *want)
{
	struct jose j;
	enum rc rc;

	arena_reset(arena);
	buf_clear(&body);
	rc = jose_parse(compact, arena, &j);
	return rc == RC_OK ? jose_open(&j, key, want, &body) : rc;
}

/* A message with that header, sealed as it is: for headers that jose_seal does not make. */
static enum rc
receive_header(const char *head)
{
	struct jose_expect want = expected();
	struct buf b;
	enum rc rc;

	buf_init(&b, 65536);
	b64url_add(&b, slice_of(head));
	buf_puts(&b, "..AAAAAQAAAAAAAAAB.v_AP4Q.0_rOpEf-3uNmTu8kDlNsSw");
	rc = receive(buf_view(&b), &d2n, &want);
	buf_fini(&b);
	return rc;
}

/* ---- text of octets ---- */

START_TEST(base64url)
{
	static const struct {
		const char *octets, *text;
	} rows[] = { { "", "" },
		     { "f", "Zg" },
		     { "fo", "Zm8" },
		     { "foo", "Zm9v" },
		     { "foob", "Zm9vYg" },
		     { "fooba", "Zm9vYmE" },
		     { "foobar", "Zm9vYmFy" },
		     { "\xfb\xff\xbf", "-_-_" } };
	static const char *const bad[] = { "A",  "AAAAA", "Zh",   "Zm9", "Zg==",  "Z g",
		                           "Z+", "Z/",    "Zg\n", "-_-", "Zm9vYm" };
	uint8_t out[16];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice text = slice_of(rows[i].text);
		size_t n = strlen(rows[i].octets);

		buf_clear(&body);
		b64url_add(&body, slice_of(rows[i].octets));
		ck_assert(slice_eq(buf_view(&body), text));
		ck_assert_uint_eq(b64url_octets(text.n), n);
		ck_assert(b64url_decode(text, out));
		ck_assert_mem_eq(out, rows[i].octets, n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!b64url_decode(slice_of(bad[i]), out), "%s", bad[i]);
}
END_TEST

/* ---- messages ---- */

START_TEST(the_vector)
{
	struct jose_header h = request(1);
	struct jose_expect want = expected();

	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_LIT("<x/>"), &sealed), RC_OK);
	ck_assert(slice_is(buf_view(&sealed), vector));
	ck_assert_int_eq(receive(slice_of(vector), &d2n, &want), RC_OK);
	ck_assert(slice_is(buf_view(&body), "<x/>"));
	ck_assert_uint_eq(window.high, 1);
}
END_TEST

START_TEST(bodies_of_many_sizes)
{
	static char data[10000];
	uint64_t seq = 0;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 256);
	for (size_t n = 0; n < sizeof(data); n += n < 20 || (n >= 3060 && n < 3100) ? 1
	                                          : n == 20                         ? 3040
	                                                                            : 517) {
		struct jose_header h = request(++seq);
		struct jose_expect want = expected();

		buf_clear(&sealed);
		buf_puts(&sealed, "before");
		ck_assert_int_eq(jose_seal(&h, &d2n, slice_make(data, n), &sealed), RC_OK);
		ck_assert_int_eq(receive(slice_from(buf_view(&sealed), 6), &d2n, &want), RC_OK);
		ck_assert_uint_eq(body.n, n);
		ck_assert(n == 0 || memcmp(body.p, data, n) == 0);
	}
	ck_assert_uint_gt(seq, 60);
}
END_TEST

START_TEST(strings_with_escapes)
{
	struct jose_header h = request(5);
	struct jose_expect want = expected();
	struct jose j;

	h.cty = SLICE_LIT("text/plain; a=\"q\\\"\b\f\n\r\t\x01\x1f\x7f\xc3\xa4\xf0\x9f\x98\x80");
	h.target = want.target = SLICE_LIT("/a?b=\"\\&c=/");
	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_LIT("b"), &sealed), RC_OK);
	ck_assert_int_eq(receive(buf_view(&sealed), &d2n, &want), RC_OK);
	ck_assert_int_eq(jose_parse(buf_view(&sealed), arena, &j), RC_OK);
	ck_assert(slice_eq(j.h.cty, h.cty));
	ck_assert(slice_eq(j.h.target, h.target));
}
END_TEST

START_TEST(a_response)
{
	struct jose_header h = request(9);
	struct jose_expect want = expected();
	struct jose j;

	h.direction = want.direction = OBJ_N2D;
	h.method = want.method = JOSE_RSP;
	h.target = want.target = SLICE_NONE;
	h.answers = want.answers = 4711;
	h.status = want.status = 201;
	ck_assert_int_eq(jose_seal(&h, &n2d, SLICE_LIT("created"), &sealed), RC_OK);
	ck_assert_int_eq(receive(buf_view(&sealed), &n2d, &want), RC_OK);
	ck_assert_int_eq(jose_parse(buf_view(&sealed), arena, &j), RC_OK);
	ck_assert(j.h.answers == 4711 && j.h.status == 201 && j.h.target.n == 0);

	/* The answer to another request, another status, a request of that text. */
	replay_init(&window, 0);
	want.answers = 4712;
	ck_assert_int_eq(receive(buf_view(&sealed), &n2d, &want), RC_FORBIDDEN);
	replay_init(&window, 0);
	want.answers = 4711;
	want.status = 200;
	ck_assert_int_eq(receive(buf_view(&sealed), &n2d, &want), RC_FORBIDDEN);
	replay_init(&window, 0);
	want = expected();
	want.direction = OBJ_N2D;
	ck_assert_int_eq(receive(buf_view(&sealed), &n2d, &want), RC_FORBIDDEN);
	ck_assert_uint_eq(body.n, 0);
}
END_TEST

START_TEST(what_no_header_can_say)
{
	static const struct {
		struct jose_header change;
		enum rc rc;
	} rows[] = {
		{ { .connection = 1 }, RC_BAD_REQUEST },
		{ { .kmc_index = 1 }, RC_BAD_REQUEST },
		{ { .direction = OBJ_D2N }, RC_BAD_REQUEST },
		{ { .seq = 1 }, RC_BAD_REQUEST },
		{ { .method = SLICE_INIT("x") }, RC_BAD_REQUEST },
		{ { .target = SLICE_INIT("x") }, RC_BAD_REQUEST },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct jose_header *c = &rows[i].change;
		struct jose_header h = request(1);

		h.connection = c->connection != 0 ? 0 : h.connection;
		h.kmc_index = c->kmc_index != 0 ? 0 : h.kmc_index;
		h.direction = c->direction != 0 ? (enum obj_dir)3 : h.direction;
		h.seq = c->seq != 0 ? 0 : h.seq;
		h.method = c->method.n != 0 ? SLICE_NONE : h.method;
		h.target = c->target.n != 0 ? SLICE_NONE : h.target;
		ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_NONE, &sealed), rows[i].rc);
		ck_assert_uint_eq(sealed.n, 0);
	}
}
END_TEST

START_TEST(limits)
{
	static char big[JOSE_TARGET_MAX + 1];
	struct jose_header h = request(1);
	struct jose_expect want = expected();
	struct buf small;

	/* The worst that fits: everything escaped. */
	memset(big, '"', sizeof(big));
	big[0] = '/';
	h.target = want.target = slice_make(big, JOSE_TARGET_MAX);
	h.cty = slice_make(big, JOSE_CTY_MAX);
	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_LIT("b"), &sealed), RC_OK);
	ck_assert_int_eq(receive(buf_view(&sealed), &d2n, &want), RC_OK);
	h.cty = slice_make(big, JOSE_CTY_MAX + 1);
	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_NONE, &sealed), RC_BAD_REQUEST);
	h = request(1);
	h.target = slice_make(big, JOSE_TARGET_MAX + 1);
	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_NONE, &sealed), RC_BAD_REQUEST);
	h = request(1);
	h.method = SLICE_LIT("ABCDEFGHIJKLMNOPQ");
	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_NONE, &sealed), RC_BAD_REQUEST);
	h = request(JOSE_SEQ_MAX + 1);
	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_NONE, &sealed), RC_FORBIDDEN);

	/* One octet short on both sides. */
	h = request(2);
	want = expected();
	buf_init(&small, sizeof(vector) - 2);
	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_LIT("<x/>"), &small), RC_TOO_LARGE);
	ck_assert_uint_eq(small.n, 0);
	buf_fini(&small);
	buf_init(&small, sizeof(vector) - 1);
	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_LIT("<x/>"), &small), RC_OK);
	buf_fini(&body);
	buf_init(&body, 3);
	ck_assert_int_eq(receive(buf_view(&small), &d2n, &want), RC_TOO_LARGE);
	buf_fini(&body);
	buf_init(&body, 4);
	ck_assert_int_eq(receive(buf_view(&small), &d2n, &want), RC_OK);
	buf_fini(&small);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(every_truncation)
{
	struct jose_expect want = expected();

	for (size_t n = 0; n < sizeof(vector) - 1; n++) {
		/* A block of this size: a read behind the end is seen. */
		char *copy = malloc(n + 1);

		memcpy(copy, vector, n);
		ck_assert_int_ne(receive(slice_make(copy, n), &d2n, &want), RC_OK);
		free(copy);
	}
	ck_assert_uint_eq(window.high, 0);
	ck_assert_int_eq(receive(slice_of(vector), &d2n, &want), RC_OK);
}
END_TEST

START_TEST(every_change_of_a_character)
{
	static const char others[] = "AQgw-_.9~\"\x80";
	struct jose_expect want = expected();
	char copy[sizeof(vector)];

	for (size_t i = 0; i < sizeof(vector) - 1; i++)
		for (size_t k = 0; k < sizeof(others); k++) {
			memcpy(copy, vector, sizeof(vector));
			if (copy[i] == others[k])
				continue;
			copy[i] = others[k];
			ck_assert_int_ne(receive(slice_make(copy, sizeof(vector) - 1), &d2n, &want),
			                 RC_OK);
			ck_assert_uint_eq(body.n, 0);
		}
	ck_assert_uint_eq(window.high, 0);
}
END_TEST

START_TEST(every_part)
{
	static const char *const rows[] = {
		"", ".", "....", ".....", "..AAAAAQAAAAAAAAAB.v_AP4Q.0_rOpEf-3uNmTu8kDlNsSw",
	};
	struct jose_expect want = expected();
	struct slice v = slice_of(vector);
	struct buf b;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_int_eq(receive(slice_of(rows[i]), &d2n, &want), RC_BAD_REQUEST);
	buf_init(&b, 4096);
	/* A sixth part; an encrypted key. */
	buf_slice(&b, v);
	buf_puts(&b, ".AA");
	ck_assert_int_eq(receive(buf_view(&b), &d2n, &want), RC_BAD_REQUEST);
	buf_clear(&b);
	for (size_t i = 0; i < v.n; i++) {
		buf_char(&b, v.p[i]);
		if (v.p[i] == '.' && v.p[i + 1] == '.')
			buf_puts(&b, "AAAA");
	}
	ck_assert_int_eq(receive(buf_view(&b), &d2n, &want), RC_BAD_REQUEST);
	buf_fini(&b);
	ck_assert_int_eq(receive(v, &d2n, &want), RC_OK);
}
END_TEST

#define ID "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"mc.1122334455667788.1.d2n\""
#define REST ",\"htm\":\"POST\",\"htu\":\"" TARGET "\"}"

START_TEST(headers_of_another_form)
{
	static const char *const rows[] = {
		"{}",
		"null",
		/* Another algorithm, another order, a member more or less, spaces. */
		"{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":\"mc.1122334455667788.1.d2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		"{\"alg\":\"none\",\"enc\":\"A256GCM\",\"kid\":\"mc.1122334455667788.1.d2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		"{\"alg\":\"dir\",\"enc\":\"A128GCM\",\"kid\":\"mc.1122334455667788.1.d2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		"{\"enc\":\"A256GCM\",\"alg\":\"dir\",\"kid\":\"mc.1122334455667788.1.d2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		ID ",\"seq\":1,\"cty\":\"application/xml\"" REST,
		ID ",\"cty\":\"application/xml\"" REST,
		ID ",\"zip\":\"DEF\",\"cty\":\"application/xml\",\"seq\":1" REST,
		ID ", \"cty\":\"application/xml\",\"seq\":1" REST,
		ID ",\"cty\":\"application/xml\",\"seq\":1" REST " ",
		ID ",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"POST\",\"htu\":\"" TARGET
		   "\",\"st\":200}",
		/* Numbers. */
		ID ",\"cty\":\"application/xml\",\"seq\":01" REST,
		ID ",\"cty\":\"application/xml\",\"seq\":0" REST,
		ID ",\"cty\":\"application/xml\",\"seq\":-1" REST,
		ID ",\"cty\":\"application/xml\",\"seq\":1.0" REST,
		ID ",\"cty\":\"application/xml\",\"seq\":18446744073709551617" REST,
		ID ",\"cty\":\"application/xml\",\"seq\":\"1\"" REST,
		/* Strings that have a shorter form, or none. */
		ID ",\"cty\":\"application\\/xml\",\"seq\":1" REST,
		ID ",\"cty\":\"\\u0061pplication/xml\",\"seq\":1" REST,
		ID ",\"cty\":\"\\u0000\",\"seq\":1" REST,
		ID ",\"cty\":\"\\u000a\",\"seq\":1" REST,
		ID ",\"cty\":\"\\u001F\",\"seq\":1" REST,
		ID ",\"cty\":\"\\u00\",\"seq\":1" REST,
		ID ",\"cty\":\"\\x41\",\"seq\":1" REST,
		ID ",\"cty\":\"\t\",\"seq\":1" REST,
		ID ",\"cty\":\"\xc0\xaf\",\"seq\":1" REST,
		ID ",\"cty\":\"\xed\xa0\x80\",\"seq\":1" REST,
		ID ",\"cty\":\"\xf4\x90\x80\x80\",\"seq\":1" REST,
		ID ",\"cty\":\"\xe2\x82\",\"seq\":1" REST,
		ID ",\"cty\":\"application/xml",
		ID ",\"cty\":\"application/xml\\",
		/* Identities. */
		"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"mc.112233445566778F.1.d2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"mc.0000000000000000.1.d2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"mc.1122334455667788.0.d2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"mc.1122334455667788.4294967296."
		"d2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"mc.1122334455667788.1.x2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"mr.1122334455667788.1.d2n\","
		"\"cty\":\"application/xml\",\"seq\":1" REST,
		/* Request lines and responses. */
		ID ",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"post\",\"htu\":\"" TARGET
		   "\"}",
		ID ",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"\",\"htu\":\"" TARGET "\"}",
		ID ",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"POST\",\"htu\":\"m2m\"}",
		ID ",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"POST\",\"htu\":\"\"}",
		ID ",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"RSP\",\"htu\":\"" TARGET "\"}",
		ID ",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"RSP\",\"htu\":\"#1\"}",
		ID
		",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"RSP\",\"htu\":\"#1\",\"st\":99}",
		ID
		",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"RSP\",\"htu\":\"#1\",\"st\":600}",
		ID
		",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"RSP\",\"htu\":\"#0\",\"st\":200}",
		ID ",\"cty\":\"application/"
		   "xml\",\"seq\":1,\"htm\":\"RSP\",\"htu\":\"#01\",\"st\":200}",
		ID
		",\"cty\":\"application/xml\",\"seq\":1,\"htm\":\"RSP\",\"htu\":\"1\",\"st\":200}",
		ID ",\"cty\":\"application/"
		   "xml\",\"seq\":1,\"htm\":\"RSP\",\"htu\":\"#1\",\"st\":\"200\"}",
	};

	/* The form itself is right: what differs below is what is refused. */
	ck_assert_int_eq(receive_header(ID ",\"cty\":\"application/xml\",\"seq\":1" REST), RC_OK);
	/* Syntax is right, the rest is not. */
	replay_init(&window, 0);
	ck_assert_int_eq(receive_header(ID ",\"cty\":\"application/json\",\"seq\":1" REST),
	                 RC_FORBIDDEN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(receive_header(rows[i]) == RC_BAD_REQUEST, "%s", rows[i]);
	ck_assert_uint_eq(window.high, 0);
}
END_TEST

START_TEST(not_what_was_expected)
{
	static const struct jose_expect changes[] = {
		{ .connection = UINT64_C(0x1122334455667789) },
		{ .kmc_index = 2 },
		{ .direction = OBJ_N2D },
		{ .method = SLICE_INIT("PUT") },
		{ .target = SLICE_INIT(TARGET "/") },
		{ .target = SLICE_INIT("/m2m/scls/gscl-0102/containers/c1/contentInstance") },
		{ .status = 200 },
		{ .answers = 1 },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct jose_expect *c = &changes[i];
		struct jose_expect want = expected();

		want.connection = c->connection != 0 ? c->connection : want.connection;
		want.kmc_index = c->kmc_index != 0 ? c->kmc_index : want.kmc_index;
		want.direction = c->direction != 0 ? c->direction : want.direction;
		want.method = c->method.n != 0 ? c->method : want.method;
		want.target = c->target.n != 0 ? c->target : want.target;
		want.status = c->status;
		want.answers = c->answers;
		replay_init(&window, 0);
		ck_assert_int_eq(receive(slice_of(vector), &d2n, &want), RC_FORBIDDEN);
		ck_assert_uint_eq(body.n, 0);
	}
}
END_TEST

START_TEST(replayed_and_reflected)
{
	struct jose_header h = request(7);
	struct jose_expect want = expected();

	ck_assert_int_eq(jose_seal(&h, &d2n, SLICE_LIT("b"), &sealed), RC_OK);
	/* A wrong tag does not take the number away from the right message. */
	ck_assert_int_eq(receive(buf_view(&sealed), &n2d, &want), RC_FORBIDDEN);
	ck_assert_int_eq(receive(buf_view(&sealed), &d2n, &want), RC_OK);
	ck_assert_int_eq(receive(buf_view(&sealed), &d2n, &want), RC_FORBIDDEN);
	/* Back to the sender, who expects the other direction, under either key. */
	replay_init(&window, 0);
	want.direction = OBJ_N2D;
	ck_assert_int_eq(receive(buf_view(&sealed), &n2d, &want), RC_FORBIDDEN);
	ck_assert_int_eq(receive(buf_view(&sealed), &d2n, &want), RC_FORBIDDEN);
	ck_assert_uint_eq(window.high, 0);
}
END_TEST

/* Seals by hand, as a peer that holds the key but not to the profile: any seq with any iv. */
static enum rc
receive_sealed(const char *seq, uint8_t last_of_iv)
{
	uint8_t iv[JOSE_IV_SIZE] = { 0, 0, 0, OBJ_D2N, 0, 0, 0, 0, 0, 0, 0, last_of_iv };
	uint8_t cipher[1], tag[JOSE_TAG_SIZE];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	struct jose_expect want = expected();
	char head[512];
	enum rc rc;
	int n;

	snprintf(head, sizeof(head), "%s%s%s", ID ",\"cty\":\"\",\"seq\":", seq, REST);
	if (strcmp(seq, "4294967297") == 0)
		iv[7] = 1;
	buf_clear(&sealed);
	b64url_add(&sealed, slice_of(head));
	ck_assert_int_eq(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, d2n.v, iv), 1);
	ck_assert_int_eq(
		EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)sealed.p, (int)sealed.n), 1);
	ck_assert_int_eq(EVP_EncryptUpdate(ctx, cipher, &n, (const uint8_t *)"b", 1), 1);
	ck_assert_int_eq(EVP_EncryptFinal_ex(ctx, tag, &n), 1);
	ck_assert_int_eq(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, JOSE_TAG_SIZE, tag), 1);
	EVP_CIPHER_CTX_free(ctx);
	buf_puts(&sealed, "..");
	b64url_add(&sealed, slice_make(iv, sizeof(iv)));
	buf_char(&sealed, '.');
	b64url_add(&sealed, slice_make(cipher, 1));
	buf_char(&sealed, '.');
	b64url_add(&sealed, slice_make(tag, sizeof(tag)));
	replay_init(&window, 0);
	rc = receive(buf_view(&sealed), &d2n, &want);
	ck_assert_uint_eq(body.n, rc == RC_OK ? 1 : 0);
	return rc;
}

START_TEST(right_tags_of_wrong_messages)
{
	ck_assert_int_eq(receive_sealed("2", 2), RC_OK);
	ck_assert_int_eq(receive_sealed("2", 3), RC_FORBIDDEN);
	ck_assert_uint_eq(window.high, 0);
	/* More than one key may be used for. */
	ck_assert_int_eq(receive_sealed("4294967297", 1), RC_FORBIDDEN);
	ck_assert_uint_eq(window.high, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_jose");
	TCase *c = suite_case(s, "messages", setup, teardown);

	tcase_add_test(c, base64url);
	tcase_add_test(c, the_vector);
	tcase_add_test(c, bodies_of_many_sizes);
	tcase_add_test(c, strings_with_escapes);
	tcase_add_test(c, a_response);
	tcase_add_test(c, what_no_header_can_say);
	tcase_add_test(c, limits);
	c = suite_case(s, "refused", setup, teardown);
	tcase_add_test(c, every_truncation);
	tcase_add_test(c, every_change_of_a_character);
	tcase_add_test(c, every_part);
	tcase_add_test(c, headers_of_another_form);
	tcase_add_test(c, not_what_was_expected);
	tcase_add_test(c, replayed_and_reflected);
	tcase_add_test(c, right_tags_of_wrong_messages);
	return run_suite(s);
}
