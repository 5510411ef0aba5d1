/* SPDX-License-Identifier: Apache-2.0 */
/* AFGH in threads: several at a time with the same objects, and what is left on a stack. */
#include "config.h"

#include "pre_bed.h"

#include <pthread.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define THREADS 4
#define TURNS 20

/* All objects, and the public octets that go with them. */
struct party {
	struct afgh *afgh;
	struct afgh_keys *keys; /* source and sink in one */
	const struct afgh_epoch *epoch;
	struct afgh_rk *rk;
	uint8_t pk1[AFGH_GT];
	uint8_t pk2[AFGH_G2];
	uint8_t secret[AFGH_SECRET];
	uint8_t c1[AFGH_G1];
	uint8_t d[AFGH_GT];
	uint8_t rk_octets[AFGH_G2];
	struct afgh_gt k;
};

static struct party *party;

static void
setup(void)
{
	const struct octets o = octets_of(KAT_A1 KAT_A2 KAT_SEED);
	struct party *p = calloc(1, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	memcpy(p->secret, o.v, sizeof(p->secret));
	ck_assert_uint_eq(afgh_new(&p->afgh), RC_OK);
	ck_assert_uint_eq(afgh_keys_read(octets_slice(&o), &p->keys), RC_OK);
	p->epoch = afgh_keys_first(p->keys);
	afgh_keys_public(p->keys, p->pk2);
	ck_assert_uint_eq(afgh_epoch_public(p->afgh, p->epoch, p->pk1), RC_OK);
	ck_assert_uint_eq(afgh_rekey(p->epoch, slice_make(p->pk2, AFGH_G2), p->rk_octets), RC_OK);
	ck_assert_uint_eq(afgh_rk_load(slice_make(p->rk_octets, AFGH_G2), &p->rk), RC_OK);
	ck_assert_uint_eq(afgh_encrypt(p->afgh, p->epoch, p->c1, &p->k), RC_OK);
	ck_assert_uint_eq(afgh_reencrypt(p->rk, slice_make(p->c1, AFGH_G1), p->d), RC_OK);
	party = p;
}

static void
teardown(void)
{
	afgh_rk_free(party->rk);
	afgh_keys_free(party->keys);
	afgh_free(party->afgh);
	free(party);
}

/* ---- every operation ---- */

static enum rc
do_encrypt(struct party *p)
{
	return afgh_encrypt(p->afgh, p->epoch, p->c1, &p->k);
}

static enum rc
do_encrypt_to(struct party *p)
{
	return afgh_encrypt_to(slice_make(p->pk1, AFGH_GT), p->c1, &p->k);
}

static enum rc
do_rekey(struct party *p)
{
	return afgh_rekey(p->epoch, slice_make(p->pk2, AFGH_G2), p->rk_octets);
}

static enum rc
do_load(struct party *p)
{
	struct afgh_rk *rk;
	enum rc rc = afgh_rk_load(slice_make(p->rk_octets, AFGH_G2), &rk);

	afgh_rk_free(rk);
	return rc;
}

static enum rc
do_reencrypt(struct party *p)
{
	return afgh_reencrypt(p->rk, slice_make(p->c1, AFGH_G1), p->d);
}

static enum rc
do_decrypt_first(struct party *p)
{
	return afgh_decrypt_first(p->keys, slice_make(p->d, AFGH_GT), &p->k);
}

static enum rc
do_decrypt_second(struct party *p)
{
	return afgh_decrypt_second(p->afgh, p->epoch, slice_make(p->c1, AFGH_G1), &p->k);
}

static enum rc
do_read(struct party *p)
{
	struct afgh_keys *k;
	enum rc rc = afgh_keys_read(slice_make(p->secret, AFGH_SECRET), &k);

	afgh_keys_free(k);
	return rc;
}

static enum rc
do_new(struct party *p)
{
	struct afgh_keys *k;
	enum rc rc = afgh_keys_new(&k);

	(void)p;
	afgh_keys_free(k);
	return rc;
}

static enum rc
do_public(struct party *p)
{
	afgh_keys_public(p->keys, p->pk2);
	return RC_OK;
}

static enum rc
do_epoch_public(struct party *p)
{
	return afgh_epoch_public(p->afgh, p->epoch, p->pk1);
}

static enum rc
do_epoch(struct party *p)
{
	const struct afgh_epoch_id id = { .stream = 1 };
	struct afgh_epoch *e;
	enum rc rc = afgh_epoch_new(p->keys, &id, &e);

	afgh_epoch_free(e);
	return rc;
}

typedef enum rc operation(struct party *p);

static operation *const operations[] = {
	do_encrypt,        do_encrypt_to, do_rekey, do_load,   do_reencrypt,    do_decrypt_first,
	do_decrypt_second, do_read,       do_new,   do_public, do_epoch_public, do_epoch,
};

/* ---- what is left on the stack ---- */

#define STACK_SIZE (8u * STACK_WIPED)
#define UNTOUCHED 0xa5
#define OWN_FRAMES 2048u /* of the test, and of the functions that are called by it */
#define WIPE_FRAMES 1024u /* of what clears */

struct run {
	operation *operation;
	enum rc rc;
	const uint8_t *frame; /* somewhere in the first function's */
};

static void *
run_operation(void *arg)
{
	struct run *run = arg;

	run->frame = __builtin_frame_address(0);
	run->rc = run->operation(party);
	return NULL;
}

static void
run_on(uint8_t *stack, struct run *run)
{
	pthread_attr_t attr;
	pthread_t thread;

	ck_assert_int_eq(pthread_attr_init(&attr), 0);
	ck_assert_int_eq(pthread_attr_setstack(&attr, stack, STACK_SIZE), 0);
	ck_assert_int_eq(pthread_create(&thread, &attr, run_operation, run), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
	ck_assert_uint_eq(run->rc, RC_OK);
}

/* From the operation downwards: zeros, what clearing itself uses, and what nobody has touched. */
static void
expect_clear(const uint8_t *stack, const uint8_t *frame)
{
	const uint8_t *end = frame - OWN_FRAMES, *deepest = stack;
	size_t left = 0;

	while (deepest < end && *deepest == UNTOUCHED)
		deepest++;
	ck_assert_int_gt(end - deepest, (ptrdiff_t)(STACK_WIPED - OWN_FRAMES));
	ck_assert_int_lt(end - deepest, (ptrdiff_t)(STACK_WIPED + WIPE_FRAMES));
	for (const uint8_t *p = deepest + WIPE_FRAMES; p < end; p++)
		left += *p != 0;
	ck_assert_uint_eq(left, 0);
}

static void
expect_absent(const uint8_t *stack, const void *secret, size_t n)
{
	const uint8_t *first = secret;
	size_t found = 0;

	for (size_t i = 0; i + n <= STACK_SIZE; i++)
		found += stack[i] == *first && memcmp(stack + i, secret, n) == 0;
	ck_assert_uint_eq(found, 0);
}

/* Above it too: K, the scalars and rk, as the functions hold them while they work. */
static void
expect_no_secrets(const uint8_t *stack)
{
	struct pairing_scalar s;
	struct pairing_gt k;
	struct pairing_g2 rk;

	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(
			pairing_scalar_read(
				slice_make(party->secret + i * AFGH_SCALAR, AFGH_SCALAR), &s),
			RC_OK);
		expect_absent(stack, s.v, sizeof(s.v));
	}
	ck_assert_uint_eq(pairing_gt_read_raw(slice_make(party->k.raw, AFGH_GT_RAW), &k), RC_OK);
	expect_absent(stack, k.v, PAIRING_G1_SIZE);
	ck_assert_uint_eq(pairing_g2_read(slice_make(party->rk_octets, AFGH_G2), &rk), RC_OK);
	expect_absent(stack, rk.v, PAIRING_G1_SIZE);
}

START_TEST(stack_is_cleared)
{
	struct run run = { .operation = operations[_i] };
	uint8_t *stack =
		mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(stack, MAP_FAILED);
	memset(stack, UNTOUCHED, STACK_SIZE);
	run_on(stack, &run);
	if (!SANITIZED) { /* it has stacks of its own */
		expect_clear(stack, run.frame);
		expect_no_secrets(stack);
	}
	munmap(stack, STACK_SIZE);
}
END_TEST

/* ---- several at a time ---- */

/* One thread's results, and how often they were wrong. */
struct turn {
	struct party own;
	unsigned wrong;
};

/* Encrypts, and gets K back both ways. */
static bool
round_trip(struct party *p, operation *encrypt)
{
	struct afgh_gt k;

	if (encrypt(p) != RC_OK || do_reencrypt(p) != RC_OK)
		return false;
	k = p->k;
	if (do_decrypt_first(p) != RC_OK || memcmp(k.raw, p->k.raw, AFGH_GT_RAW) != 0)
		return false;
	return do_decrypt_second(p) == RC_OK && memcmp(k.raw, p->k.raw, AFGH_GT_RAW) == 0;
}

static void *
take_turns(void *arg)
{
	struct turn *t = arg;

	for (unsigned i = 0; i < TURNS; i++) {
		for (size_t j = 0; j < NITEMS(operations); j++)
			t->wrong += operations[j](&t->own) != RC_OK;
		t->wrong += !round_trip(&t->own, do_encrypt);
		t->wrong += !round_trip(&t->own, do_encrypt_to);
	}
	return NULL;
}

START_TEST(threads_share_objects)
{
	struct turn *turns = calloc(THREADS, sizeof(*turns));
	pthread_t threads[THREADS];

	ck_assert_ptr_nonnull(turns);
	for (size_t i = 0; i < THREADS; i++) {
		turns[i].own = *party;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_turns, &turns[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_uint_eq(turns[i].wrong, 0);
		ck_assert_mem_eq(turns[i].own.rk_octets, party->rk_octets, AFGH_G2);
		ck_assert_mem_eq(turns[i].own.pk1, party->pk1, AFGH_GT);
	}
	free(turns);
}
END_TEST

static Suite *
threads_suite(void)
{
	Suite *s = suite_create("afgh in threads");
	TCase *c = suite_case(s, "threads", setup, teardown);

	tcase_add_test(c, threads_share_objects);
	tcase_add_loop_test(c, stack_is_cleared, 0, (int)NITEMS(operations));
	return s;
}

int
main(void)
{
	return run_pre_suite(threads_suite);
}
