/* SPDX-License-Identifier: Apache-2.0 */
/* What applications prove: certificates, users of UNIX sockets, Kma. */
#include "config.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdatomic.h>

#include "cap/sec/unix_users.h"
#include "issuer_bed.h"

#define CONNECTION UINT64_C(0x1122334455667788)

START_TEST(certificates)
{
	char big[APP_ID_MAX + 32];
	struct slice uris[2] = { SLICE_INIT("urn:m2m:role:scl"), SLICE_INIT("urn:m2m:app:meter") };
	struct peer p = { .kind = PEER_CERTIFICATE, .uris = uris, .n_uris = 2 };

	open_issuers(false);
	expect(&p, NULL, ISSUER_CERTIFICATE, "meter");
	uris[0] = SLICE_LIT("urn:m2m:app:other");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	p.n_uris = 1;
	expect(&p, NULL, ISSUER_CERTIFICATE, "other");
	uris[0] = SLICE_LIT("urn:m2m:app:");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	uris[0] = SLICE_LIT("URN:m2m:app:meter");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	memset(big, 'a', sizeof(big));
	memcpy(big, "urn:m2m:app:", 12);
	uris[0] = slice_make(big, 12 + APP_ID_MAX);
	ck_assert_int_eq(identify(&p, NULL).issuer.by, ISSUER_CERTIFICATE);
	uris[0] = slice_make(big, 12 + APP_ID_MAX + 1);
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	p.kind = PEER_UNPROVED;
	uris[0] = SLICE_LIT("urn:m2m:app:meter");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	expect(NULL, NULL, ISSUER_NOBODY, NULL);
}
END_TEST

START_TEST(users)
{
	static const char *const list[] = { "1001=meter", "root=boss", NULL };
	struct peer p = { .kind = PEER_UNIX, .loopback = true, .uid = 1001 };

	sec.unix_users = list;
	open_issuers(false);
	expect(&p, NULL, ISSUER_USER, "meter");
	p.uid = 0;
	expect(&p, NULL, ISSUER_USER, "boss");
	p.uid = 1002;
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	/* A uid that was never asked for is not that of root. */
	p = (struct peer){ .kind = PEER_UNPROVED, .loopback = true };
	expect(&p, NULL, ISSUER_NOBODY, NULL);
}
END_TEST

START_TEST(users_that_are_none)
{
	static const struct {
		const char *list[3];
		enum rc rc;
	} cases[] = {
		{ { "1001" }, RC_BAD_REQUEST },
		{ { "=meter" }, RC_BAD_REQUEST },
		{ { "1001=" }, RC_BAD_REQUEST },
		{ { "" }, RC_BAD_REQUEST },
		{ { "12x=meter" }, RC_BAD_REQUEST },
		{ { "4294967295=meter" }, RC_BAD_REQUEST },
		{ { "65534=meter" }, RC_BAD_REQUEST },
		{ { "1001=a", "65534=b" }, RC_BAD_REQUEST },
		{ { "99999999999999999999=meter" }, RC_BAD_REQUEST },
		{ { "-1=meter" }, RC_NOT_FOUND },
		{ { "no-such-user-here=meter" }, RC_NOT_FOUND },
		{ { "1001=a", "1001=b" }, RC_BAD_REQUEST },
		{ { "0=a", "root=a" }, RC_BAD_REQUEST },
	};
	struct unix_users *u;
	char why[UNIX_USERS_WHY];

	for (size_t i = 0; i < NITEMS(cases); i++) {
		why[0] = '\0';
		ck_assert_msg(unix_users_new(cases[i].list, &u, why) == cases[i].rc, "%zu", i);
		ck_assert(u == NULL && why[0] != '\0');
	}
	ck_assert_int_eq(unix_users_new(NULL, &u, why), RC_OK);
	ck_assert_ptr_null(unix_users_find(u, 0).p);
	unix_users_free(u);
}
END_TEST

/* ---- Kma ---- */

static struct mas_connection
connection(void)
{
	struct mas_connection c = { .id = CONNECTION, .kmc_index = 1, .scl_id = "gscl-1",
		                    .created = START, .expires = START + HOUR };

	memset(c.kmc.v, 0x5a, sizeof(c.kmc.v));
	return c;
}

static struct psk_id
identity_of(const char *app_id)
{
	struct psk_id id = { .kind = PSK_MA, .tls = PSK_TLS_1_3, .index = 1, .connection = CONNECTION };

	ck_assert_int_eq(app_hash(slice_of(app_id), id.app), RC_OK);
	return id;
}

START_TEST(keys_of_applications)
{
	struct mas_connection c = connection();
	struct psk_id id = identity_of("meter");
	struct key kma, want, got;

	open_issuers(true);
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(kma_derive(&c.kmc, SLICE_LIT("meter"), SLICE_LIT("gscl-1"), 1, &kma), RC_OK);
	ck_assert_int_eq(psk_ma(&kma, PSK_TLS_1_3, CONNECTION, 1, SLICE_LIT("meter"), &want), RC_OK);
	/* Nobody has got it yet. */
	ck_assert(!issuers_psk(issuers, &id, &got));
	ck_assert_int_eq(app_table_add(issuers_apps(issuers), SLICE_LIT("meter")), RC_OK);
	ck_assert(issuers_psk(issuers, &id, &got));
	ck_assert(key_equal(&want, &got));
	id.tls = PSK_TLS_1_2;
	ck_assert(issuers_psk(issuers, &id, &got));
	ck_assert(!key_equal(&want, &got));
	id.index = 2;
	ck_assert(!issuers_psk(issuers, &id, &got));
	id = identity_of("motor");
	ck_assert(!issuers_psk(issuers, &id, &got));
	id = identity_of("meter");
	id.kind = PSK_MC;
	ck_assert(!issuers_psk(issuers, &id, &got));
	id.kind = PSK_MA;
	live_end(live, CONNECTION, LIVE_EXPIRED);
	ck_assert(!issuers_psk(issuers, &id, &got));
	/* At the network whoever has Kmc would be any application. */
	open_issuers(false);
	ck_assert(!issuers_psk(issuers, &id, &got));
	ck_assert_ptr_null(issuers_apps(issuers));
}
END_TEST

static atomic_uint derivations;

/* In place of the library's own: every block of a derivation is a MAC. */
int
EVP_MAC_init(EVP_MAC_CTX *c, const unsigned char *key, size_t n, const OSSL_PARAM params[])
{
	int (*real)(EVP_MAC_CTX *, const unsigned char *, size_t, const OSSL_PARAM *);

	*(void **)&real = dlsym(RTLD_NEXT, "EVP_MAC_init");
	atomic_fetch_add(&derivations, 1);
	return real(c, key, n, params);
}

static unsigned
cost_of(const struct psk_id *id, bool known)
{
	struct key got;

	atomic_store(&derivations, 0);
	ck_assert(issuers_psk(issuers, id, &got) == known);
	ck_assert(key_is_zero(&got) == !known);
	return atomic_load(&derivations);
}

/* An identity that is known costs as many derivations as one that is not. */
START_TEST(equal_cost)
{
	struct mas_connection c = connection();
	struct psk_id id = identity_of("meter"), other = identity_of("motor");
	unsigned known;

	open_issuers(true);
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(app_table_add(issuers_apps(issuers), SLICE_LIT("meter")), RC_OK);
	known = cost_of(&id, true);
	ck_assert_uint_ge(known, 2);
	ck_assert_uint_eq(cost_of(&other, false), known);
	other.connection++;
	ck_assert_uint_eq(cost_of(&other, false), known);
	id.index++;
	ck_assert_uint_eq(cost_of(&id, false), known);
	id.connection++;
	ck_assert_uint_eq(cost_of(&id, false), known);
	live_end(live, CONNECTION, LIVE_EXPIRED);
	id = identity_of("meter");
	ck_assert_uint_eq(cost_of(&id, false), known);
}
END_TEST

START_TEST(sessions_of_applications)
{
	struct mas_connection c = connection();
	struct psk_id id = identity_of("meter");
	char text[PSK_ID_TEXT];
	struct peer p = { .kind = PEER_PSK, .tls_version = 0x0304 };

	p.psk_identity = slice_make(text, psk_id_format(&id, text));
	open_issuers(true);
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(app_table_add(issuers_apps(issuers), SLICE_LIT("meter")), RC_OK);
	expect(&p, NULL, ISSUER_PSK, "meter");
	live_end(live, CONNECTION, LIVE_EXPIRED);
	refused(&p, NULL, RC_DENIED, "SEC_KMC_EXPIRED");
	ck_assert(identify(&p, NULL).out.close);
	live_end(live, CONNECTION, LIVE_REVOKED);
	refused(&p, NULL, RC_FORBIDDEN, "SEC_REVOKED");
	p.psk_identity = SLICE_LIT("mc3.1122334455667788.1");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	p.psk_identity = SLICE_LIT("rubbish");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
}
END_TEST

/* ---- the table ---- */

static bool
gone(void *arg, uint64_t connection_id, uint32_t kmc_index)
{
	(void)kmc_index;
	return connection_id == *(const uint64_t *)arg;
}

START_TEST(table)
{
	struct app_table *t = app_table_new(3);
	uint8_t hash[APP_HASH_BYTES];
	char out[APP_ID_MAX + 1], big[APP_ID_MAX + 1];
	uint64_t ended = 1;

	memset(big, 'a', sizeof(big));
	ck_assert_int_eq(app_table_add(t, slice_make(big, sizeof(big))), RC_BAD_REQUEST);
	ck_assert_int_eq(app_table_add(t, SLICE_LIT("")), RC_BAD_REQUEST);
	ck_assert_int_eq(app_table_add(t, slice_make(big, APP_ID_MAX)), RC_OK);
	ck_assert_int_eq(app_table_add(t, slice_make(big, APP_ID_MAX)), RC_OK);
	ck_assert_int_eq(app_hash(slice_make(big, APP_ID_MAX), hash), RC_OK);
	ck_assert_uint_eq(app_table_find(t, hash, out), APP_ID_MAX);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("one"), 1, 1), RC_OK);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("one"), 1, 1), RC_CONFLICT);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("one"), 1, 2), RC_OK);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("one"), 1, 1), RC_CONFLICT);
	ck_assert(app_table_has(t, SLICE_LIT("one"), 1, 1));
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("two"), 2, 1), RC_OK);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("two"), 1, 1), RC_OK);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("three"), 2, 1), RC_UNAVAILABLE);
	app_table_sweep(t, gone, &ended);
	ck_assert_uint_eq(app_table_find(t, hash, out), 0);
	ck_assert_int_eq(app_hash(SLICE_LIT("two"), hash), RC_OK);
	ck_assert_uint_eq(app_table_find(t, hash, out), 3);
	ck_assert_str_eq(out, "two");
	ck_assert(app_table_has(t, SLICE_LIT("two"), 2, 1));
	ck_assert(!app_table_has(t, SLICE_LIT("two"), 1, 1));
	ck_assert_int_eq(app_hash(SLICE_LIT("one"), hash), RC_OK);
	ck_assert_uint_eq(app_table_find(t, hash, out), 0);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("three"), 2, 1), RC_OK);
	for (uint32_t i = 2; i < 3 * APP_TABLE_KMA; i++)
		ck_assert_int_eq(app_table_give(t, SLICE_LIT("three"), 2, i), RC_OK);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("three"), 1, 1), RC_UNAVAILABLE);
	ck_assert_int_eq(app_table_add(t, SLICE_LIT("two")), RC_UNAVAILABLE);
	ended = 2;
	app_table_sweep(t, gone, &ended);
	ck_assert_int_eq(app_table_add(t, SLICE_LIT("two")), RC_OK);
	app_table_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_issuer");
	TCase *c = suite_case(s, "issuer", issuer_setup, issuer_teardown);

	tcase_add_test(c, certificates);
	tcase_add_test(c, users);
	tcase_add_test(c, users_that_are_none);
	tcase_add_test(c, keys_of_applications);
	tcase_add_test(c, equal_cost);
	tcase_add_test(c, sessions_of_applications);
	tcase_add_test(c, table);
	return run_suite(s);
}
