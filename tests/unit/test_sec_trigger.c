/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that wake a node. */
#include "config.h"

#include <time.h>

#include "key_bed.h"
#include "sec/derive.h"
#include "sec/trigger.h"

#define NOW INT64_C(1600000000)
#define VECTOR                                                                                     \
	"4d5447318001004c01bcad980102030405060708090a0b0c0000000000000007000000006553f10020fb0110" \
	"6e"                                                                                       \
	"73636c2e7370312e6578616d706c65a4f966bb17ec430df2777c7e39031aff"
#define VECTOR_OCTETS 76

static struct key key;
static struct node_id node;
static bool home; /* what leads_home says */
static unsigned asked; /* how often it was asked */

static bool
leads_home(void *arg, const struct trigger *t)
{
	(void)arg;
	ck_assert(t->host.n > 0 && t->port != 0);
	asked++;
	return home;
}

static struct trigger_check check = {
	.node = &node, .last = 6, .now = NOW, .leads_home = leads_home
};

static void
setup(void)
{
	struct key kmr = the_kmr();

	node = the_node();
	ck_assert_int_eq(trigger_key(&kmr, &node, &key), RC_OK);
	check.verifier = trigger_verifier_new(&key);
	ck_assert_ptr_nonnull(check.verifier);
	check.last = 6;
	check.now = NOW;
	home = true;
	asked = 0;
}

static void
teardown(void)
{
	trigger_verifier_free(check.verifier);
}

static struct trigger
token(void)
{
	return (struct trigger){ .reason = TRIGGER_CONNECT,
		                 .node = node,
		                 .counter = 7,
		                 .not_after = 1700000000,
		                 .port = 8443,
		                 .scheme = TRIGGER_HTTPS_PSK,
		                 .host = SLICE_LIT("nscl.sp1.example") };
}

static size_t
make(const struct trigger *t, uint8_t out[TRIGGER_MAX])
{
	size_t n = 0;

	ck_assert_int_eq(trigger_make(t, &key, out, &n), RC_OK);
	return n;
}

static enum trigger_fault
look(const uint8_t *octets, size_t n)
{
	struct trigger got;

	return trigger_look(slice_make(octets, n), &check, &got);
}

START_TEST(the_vector_of_a_token)
{
	uint8_t octets[TRIGGER_MAX];
	char hex[2 * TRIGGER_MAX + 1];
	struct trigger t = token(), got;
	size_t n = make(&t, octets);

	ck_assert_uint_eq(n, VECTOR_OCTETS);
	hex_encode(octets, n, hex);
	ck_assert_str_eq(hex, VECTOR);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(trigger_look(slice_make(octets, n), &check, &got), TRIGGER_GOOD);
	ck_assert(got.reason == TRIGGER_CONNECT && got.counter == 7 &&
	          got.not_after == 1700000000 && got.port == 8443 &&
	          got.scheme == TRIGGER_HTTPS_PSK && node_id_eq(&got.node, &node) &&
	          slice_is(got.host, "nscl.sp1.example"));
}
END_TEST

START_TEST(every_change_of_a_token)
{
	uint8_t octets[TRIGGER_MAX + 1];
	struct trigger t = token();
	size_t n = make(&t, octets);

	for (size_t i = 0; i < n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			octets[i] ^= (uint8_t)(1u << bit);
			ck_assert_int_ne(look(octets, n), TRIGGER_GOOD);
			octets[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t i = 0; i < n; i++) {
		uint8_t *copy = malloc(i + 1);

		memcpy(copy, octets, i);
		ck_assert_int_eq(look(copy, i), TRIGGER_MALFORMED);
		free(copy);
	}
	octets[n] = 0;
	ck_assert_int_eq(look(octets, n + 1), TRIGGER_MALFORMED);
	/* Nobody was led anywhere by any of them. */
	ck_assert_uint_eq(asked, 0);
	ck_assert_int_eq(look(octets, n), TRIGGER_GOOD);
}
END_TEST

START_TEST(tokens_that_do_not_count)
{
	uint8_t octets[TRIGGER_MAX];
	struct trigger t = token();
	size_t n = make(&t, octets);
	struct node_id stranger = node;

	check.last = 7;
	ck_assert_int_eq(look(octets, n), TRIGGER_REPLAYED);
	check.last = UINT64_MAX;
	ck_assert_int_eq(look(octets, n), TRIGGER_REPLAYED);
	check.last = 6;
	check.now = 1700000000;
	ck_assert_int_eq(look(octets, n), TRIGGER_LATE);
	check.now = -1;
	ck_assert_int_eq(look(octets, n), TRIGGER_LATE);
	check.now = 1699999999;
	ck_assert_int_eq(look(octets, n), TRIGGER_GOOD);
	home = false;
	ck_assert_int_eq(look(octets, n), TRIGGER_ASTRAY);
	home = true;
	stranger.v[15] ^= 1;
	check.node = &stranger;
	ck_assert_int_eq(look(octets, n), TRIGGER_OF_ANOTHER);
	check.node = &node;
	/* By the key of another node. */
	key.v[0] ^= 1;
	n = make(&t, octets);
	ck_assert_int_eq(look(octets, n), TRIGGER_FORGED);
	ck_assert_uint_eq(asked, 2);
}
END_TEST

/* What is signed by the right key and still out of its range is malformed; so make refuses it. */
START_TEST(members_out_of_range)
{
	static char long_host[TRIGGER_HOST_MAX + 2];
	uint8_t octets[TRIGGER_MAX];
	struct trigger t, good = token();
	size_t n;

	memset(long_host, 'a', sizeof(long_host) - 1);
	t = good;
	t.host = slice_make(long_host, TRIGGER_HOST_MAX);
	n = make(&t, octets);
	ck_assert_uint_eq(n, TRIGGER_MAX);
	ck_assert_int_eq(look(octets, n), TRIGGER_GOOD);
#define REFUSED(member, value)                                                                     \
	do {                                                                                       \
		t = good;                                                                          \
		t.member = value;                                                                  \
		ck_assert_int_eq(trigger_make(&t, &key, octets, &n), RC_BAD_REQUEST);              \
	} while (0)
	REFUSED(reason, 0);
	REFUSED(reason, TRIGGER_REASONS + 1);
	REFUSED(scheme, 0);
	REFUSED(scheme, TRIGGER_COAPS + 1);
	REFUSED(counter, 0);
	REFUSED(port, 0);
	REFUSED(host, SLICE_NONE);
	REFUSED(host, slice_make(long_host, TRIGGER_HOST_MAX + 1));
	REFUSED(host, SLICE_LIT("a/b"));
	REFUSED(host, SLICE_LIT("a@b"));
	REFUSED(host, slice_make("a\0b", 3));
#undef REFUSED
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(trigger_fault_name(TRIGGER_GOOD), "");
	ck_assert_str_eq(trigger_fault_name(TRIGGER_FORGED), "tag");
	ck_assert_str_eq(trigger_fault_name(TRIGGER_FAULTS), "");
	ck_assert_str_eq(trigger_reason_name(TRIGGER_BOOTSTRAP), "bootstrap");
	ck_assert_str_eq(trigger_reason_name(0), "");
	ck_assert_str_eq(trigger_reason_name(TRIGGER_REASONS + 1), "");
}
END_TEST

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Of those that are not looked at by the key: below 10 us each, in time of the processor. */
START_TEST(the_cost_before_the_key)
{
	enum { N = 20000 };
	uint8_t octets[TRIGGER_MAX];
	struct trigger t = token();
	size_t n;
	double begin, used;

	t.node.v[15] ^= 1;
	n = make(&t, octets);
	begin = cpu_us();
	for (unsigned i = 0; i < N; i++)
		ck_assert_int_eq(look(octets, n - i % 2),
		                 i % 2 ? TRIGGER_MALFORMED : TRIGGER_OF_ANOTHER);
	used = (cpu_us() - begin) / N;
	ck_assert_msg(used < 10, "%.2f us", used);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_trigger");
	TCase *c = suite_case(s, "tokens", setup, teardown);

	tcase_add_test(c, the_vector_of_a_token);
	tcase_add_test(c, every_change_of_a_token);
	tcase_add_test(c, tokens_that_do_not_count);
	tcase_add_test(c, members_out_of_range);
	tcase_add_test(c, names);
	tcase_add_test(c, the_cost_before_the_key);
	return run_suite(s);
}
