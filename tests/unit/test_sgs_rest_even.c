/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGA server does the same cryptographic work for whom it does not know as for whom gives a wrong
 * proof, and answers the same: neither says who is registered.
 */
#include "config.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "sgs_rest_bed.h"

/* ---- the work ---- */

static atomic_uint macs, agreements;

/* In place of the library's own, which they call. */
int
EVP_MAC_init(EVP_MAC_CTX *c, const unsigned char *key, size_t n, const OSSL_PARAM params[])
{
	int (*real)(EVP_MAC_CTX *, const unsigned char *, size_t, const OSSL_PARAM *);

	*(void **)&real = dlsym(RTLD_NEXT, "EVP_MAC_init");
	atomic_fetch_add(&macs, 1);
	return real(c, key, n, params);
}

int
EVP_PKEY_derive(EVP_PKEY_CTX *c, unsigned char *key, size_t *n)
{
	int (*real)(EVP_PKEY_CTX *, unsigned char *, size_t *);

	*(void **)&real = dlsym(RTLD_NEXT, "EVP_PKEY_derive");
	atomic_fetch_add(&agreements, 1);
	return real(c, key, n);
}

struct work {
	unsigned macs, agreements;
};

/* What a request costs that is refused. */
static struct work
refused(const char *method, const char *path, const char *tag, struct slice body)
{
	struct work w;

	atomic_store(&macs, 0);
	atomic_store(&agreements, 0);
	class_is(SGA_CLASS_REFUSED, method, path, &(struct how){ .tag = tag }, body);
	w.macs = atomic_load(&macs);
	w.agreements = atomic_load(&agreements);
	return w;
}

static void
same_work(struct work a, struct work b)
{
	ck_assert_uint_gt(a.macs, 0);
	ck_assert_uint_eq(a.macs, b.macs);
	ck_assert_uint_eq(a.agreements, b.agreements);
}

static void
expect_causes(long long unknown, long long mac)
{
	struct answer a = managed("GET", "stats", NULL);

	ck_assert_int_eq(number_in(&a, "refusedUnknown"), unknown);
	ck_assert_int_eq(number_in(&a, "refusedMac"), mac);
	answer_fini(&a);
}

/* ---- who they are ---- */

/* The server has another key of alice than fake, and none of elsie any more. */
static struct phone alice, fake, elsie, bob;

static void
revoke(const char *path)
{
	struct answer a = managed("DELETE", path, NULL);

	answer_fini(&a);
}

static void
make_all(void)
{
	phone_register(&fake, "alice", 2);
	phone_register(&elsie, "elsie", 2);
	phone_register(&bob, "bob", 2);
	revoke("devices/alice");
	revoke("devices/elsie");
	phone_register(&alice, "alice", 2);
}

static void
end_all(void)
{
	phone_fini(&alice);
	phone_fini(&fake);
	phone_fini(&elsie);
	phone_fini(&bob);
}

START_TEST(test_tags)
{
	const char *path = "devices/alice/mailbox";
	char wrong[160], unknown[160];
	struct work by_wrong, by_unknown;

	make_all();
	snprintf(wrong, sizeof(wrong), "%s", phone_tag(&fake, "GET", path, SLICE_NONE));
	snprintf(unknown, sizeof(unknown), "%s", phone_tag(&elsie, "GET", path, SLICE_NONE));
	by_wrong = refused("GET", path, wrong, SLICE_NONE);
	by_unknown = refused("GET", path, unknown, SLICE_NONE);
	same_work(by_wrong, by_unknown);
	expect_causes(1, 1);
	end_all();
}
END_TEST

static struct work
invite_refused(struct phone *i, const struct sga_id *j, uint64_t now)
{
	struct sga_session *s;
	struct buf a1;
	struct work w;

	buf_init(&a1, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_a1_make(i->d, j, 3, now, NULL, &s, &a1), RC_OK);
	w = refused("POST", "negotiations", NULL, buf_view(&a1));
	ck_assert_uint_eq(w.agreements, 1);
	sga_session_free(s);
	buf_fini(&a1);
	return w;
}

START_TEST(test_invitations)
{
	struct work wrong;

	make_all();
	wrong = invite_refused(&fake, &bob.id, bed_now());
	same_work(wrong, invite_refused(&elsie, &bob.id, bed_now()));
	expect_causes(1, 1);
	/* Out of time, and both at once; whom it is for does not matter either. */
	same_work(wrong, invite_refused(&alice, &bob.id, bed_now() - 1000));
	same_work(wrong, invite_refused(&elsie, &bob.id, 0));
	same_work(wrong, invite_refused(&fake, &elsie.id, bed_now()));
	end_all();
}
END_TEST

/* The proof of a key that the server had once. */
static struct work
again_refused(struct phone *p)
{
	struct buf r1;
	struct work w;

	buf_init(&r1, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_r1_make(p->d, NULL, bed_now(), NULL, &r1), RC_OK);
	w = refused("POST", "devices", NULL, buf_view(&r1));
	ck_assert_uint_eq(w.agreements, 1);
	buf_fini(&r1);
	return w;
}

START_TEST(test_registrations)
{
	make_all();
	same_work(again_refused(&fake), again_refused(&elsie));
	end_all();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs rest even");
	TCase *c = suite_case(s, "server", sgs_setup, sgs_teardown);

	tcase_add_test(c, test_tags);
	tcase_add_test(c, test_invitations);
	tcase_add_test(c, test_registrations);
	return run_suite(s);
}
