/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions under the keys of group and multiparty authentication: who has the keys in handshakes, and
 * what the guard lets the node do that has proved itself by one.
 */
#include "config.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>

#include "cap/sec/psk.h"
#include "guard_bed.h"
#include "suite.h"

#define NODE "01bcad980102030405060708090a0b0c"
#define GA3 "ga3.1122334455667788." NODE
#define GA2 "ga2.1122334455667788." NODE
#define GA_OTHER "ga3.1122334455667789." NODE
#define MP3 "mp3.7f617789285a8bb31122334455667788"
#define MP_OTHER "mp3.7f617789285a8bb31122334455667789"
#define OWN_APP APPS "/" NODE
#define TLS13 0x0304u
#define TLS12 0x0303u

/* ---- a capability that has agreed on keys ---- */

static struct {
	_Atomic bool revoked, over;
	_Atomic unsigned asked;
} agreed;

static bool
is_known(const struct psk_id *id)
{
	return !agreed.over &&
	       (id->kind == PSK_GA ? id->gid[7] == 0x88 : id->th[15] == 0x88);
}

/* As it is wanted of a source: the derivation comes before it is known whether it is of use. */
static bool
agreed_find(void *arg, const struct psk_id *id, struct key *out)
{
	const struct key root = { { 0x4b } };
	bool ok;

	(void)arg;
	agreed.asked++;
	ok = m2m_expand(&root, id->tls == PSK_TLS_1_3 ? "psk 3" : "psk 2", SLICE_NONE, out->v,
	                KEY_BYTES) == RC_OK;
	if (ok && is_known(id) && !agreed.revoked)
		return true;
	key_wipe(out);
	return false;
}

static bool
agreed_stands(void *arg, const struct psk_id *id)
{
	(void)arg;
	(void)id;
	return !agreed.revoked;
}

static bool
agreed_node(void *arg, const struct psk_id *id, struct node_id *out)
{
	(void)arg;
	return is_known(id) && node_id_parse(SLICE_LIT(NODE), out);
}

static const struct sec_psk agreement = { .find = agreed_find,
	                                  .stands = agreed_stands,
	                                  .node = agreed_node };

static void
add_agreements(void)
{
	agreed.revoked = agreed.over = false;
	agreed.asked = 0;
	ck_assert_int_eq(psk_sources_add(&sources, PSK_GA, &agreement), RC_OK);
	ck_assert_int_eq(psk_sources_add(&sources, PSK_MP, &agreement), RC_OK);
}

/* ---- handshakes ---- */

static struct psk_front *front;

static void
front_setup(void)
{
	sources = (struct psk_sources){ 0 };
	/* mid has nothing to do with these kinds. */
	ck_assert_int_eq(psk_front_new(&(struct psk_front_conf){ .sources = &sources }, &front),
	                 RC_OK);
}

static void
front_teardown(void)
{
	psk_front_free(front);
}

static struct key
found(const char *identity, unsigned tls)
{
	const struct psk_source *s = psk_front_source(front);
	struct key k;

	ck_assert(s->find(s->arg, slice_of(identity), tls, &k));
	return k;
}

static bool
stands(const char *identity)
{
	const struct psk_source *s = psk_front_source(front);

	return s->stands(s->arg, slice_of(identity));
}

static struct key
key_for(const char *label)
{
	const struct key root = { { 0x4b } };
	struct key k;

	ck_assert_int_eq(m2m_expand(&root, label, SLICE_NONE, k.v, KEY_BYTES), RC_OK);
	return k;
}

static bool
is_key(const char *identity, unsigned tls, const char *label)
{
	struct key got = found(identity, tls), want = key_for(label);

	return key_equal(&got, &want);
}

START_TEST(keys_come_from_who_agreed)
{
	struct key dummy = found(GA3, TLS13), again = found(GA3, TLS13);

	/* Nobody has: the same answer each time, that nobody knows. */
	ck_assert(key_equal(&dummy, &again));
	ck_assert(!is_key(GA3, TLS13, "psk 3"));
	ck_assert(!stands(GA3));
	add_agreements();
	ck_assert(is_key(GA3, TLS13, "psk 3"));
	ck_assert(is_key(GA2, TLS12, "psk 2"));
	ck_assert(is_key(MP3, TLS13, "psk 3"));
	again = found(GA_OTHER, TLS13);
	ck_assert(!is_key(GA_OTHER, TLS13, "psk 3") && !key_is_zero(&again));
	ck_assert(!is_key(MP_OTHER, TLS13, "psk 3"));
}
END_TEST

/* A key belongs to one version: the source is not even asked. */
START_TEST(keys_belong_to_a_version)
{
	struct key wrong, again;

	add_agreements();
	wrong = found(GA3, TLS12);
	again = found(GA3, TLS12);
	ck_assert(key_equal(&wrong, &again));
	ck_assert(!is_key(GA3, TLS12, "psk 3") && !is_key(GA3, TLS12, "psk 2"));
	ck_assert(!is_key(GA2, TLS13, "psk 3") && !is_key(GA2, TLS13, "psk 2"));
	ck_assert(!is_key("mp2.7f617789285a8bb31122334455667788", TLS13, "psk 2"));
	ck_assert_uint_eq(agreed.asked, 0);
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
cost_of(const char *identity)
{
	atomic_store(&derivations, 0);
	(void)found(identity, TLS13);
	return atomic_load(&derivations);
}

/* The front adds nothing to what a source does for all alike. */
START_TEST(equal_cost)
{
	unsigned known;

	add_agreements();
	known = cost_of(GA3);
	ck_assert_uint_ge(known, 2);
	ck_assert_uint_eq(cost_of(GA_OTHER), known);
	ck_assert_uint_eq(cost_of(MP3), known);
	ck_assert_uint_eq(cost_of(MP_OTHER), known);
	agreed.revoked = true;
	ck_assert_uint_eq(cost_of(GA3), known);
}
END_TEST

START_TEST(revocation_cuts)
{
	add_agreements();
	ck_assert(stands(GA3) && stands(MP3));
	agreed.over = true;
	/* The next request is told so. */
	ck_assert(stands(GA3));
	ck_assert(!is_key(GA3, TLS13, "psk 3"));
	agreed.revoked = true;
	ck_assert(!stands(GA3) && !stands(MP3));
	ck_assert(!stands("ga3.x"));
}
END_TEST

START_TEST(one_source_of_a_kind)
{
	static const enum psk_kind others[] = { PSK_MR, PSK_MC, PSK_MN, PSK_MA, PSK_KINDS };
	struct psk_sources s = { 0 };

	for (size_t i = 0; i < NITEMS(others); i++)
		ck_assert_int_eq(psk_sources_add(&s, others[i], &agreement), RC_BAD_REQUEST);
	ck_assert_int_eq(psk_sources_add(&s, PSK_MP, &agreement), RC_OK);
	ck_assert_int_eq(psk_sources_add(&s, PSK_MP, &agreement), RC_CONFLICT);
	ck_assert_ptr_null(psk_sources_of(&s, PSK_GA));
	ck_assert_ptr_null(psk_sources_of(NULL, PSK_MP));
	ck_assert_ptr_nonnull(psk_sources_of(&s, PSK_MP));
}
END_TEST

START_TEST(who_has_proved_itself)
{
	struct peer p = { .kind = PEER_PSK, .psk_identity = SLICE_LIT(GA3) };
	struct node_id node, want;

	ck_assert(node_id_parse(SLICE_LIT(NODE), &want));
	ck_assert(!psk_sources_node(&sources, &p, &node));
	add_agreements();
	ck_assert(psk_sources_node(&sources, &p, &node) && node_id_eq(&node, &want));
	ck_assert(!psk_sources_node(&sources, NULL, &node));
	p.kind = PEER_CERTIFICATE;
	ck_assert(!psk_sources_node(&sources, &p, &node));
	p.kind = PEER_PSK;
	p.psk_identity = SLICE_LIT("mc3.1122334455667788.1");
	ck_assert(!psk_sources_node(&sources, &p, &node));
	p.psk_identity = SLICE_LIT(MP_OTHER);
	ck_assert(!psk_sources_node(&sources, &p, &node));
	p.psk_identity = SLICE_LIT(MP3);
	agreed.revoked = true;
	ck_assert(!psk_sources_node(&sources, &p, &node));
	ck_assert(!node_id_eq(&node, &want));
}
END_TEST

/* ---- requests ---- */

static void
speaks_under(const char *identity)
{
	peers[PSK_APP].psk_identity = slice_of(identity);
	peers[PSK_APP].address = SLICE_LIT("192.0.2.7");
}

/* In its own name, which is that of its node, and in no other. */
START_TEST(a_node_is_an_application)
{
	static const char *const identities[] = { GA3, MP3 };
	static const char *const own[] = { NULL, OWN_APP, OWN OWN_APP, "urn:m2m:app:" NODE };
	static const char *const others[] = { METER,
		                              "urn:m2m:app:meter",
		                              APPS "/" NODE "0",
		                              BASE,
		                              "urn:m2m:app:01bcad980102030405060708090a0b0d",
		                              "http://gw1.example.org:8080/m2m",
		                              ADMIN };
	static const int open[] = { CLAIMED, CLAIMED_MIA, BOTH, MIA };

	add_agreements();
	for (size_t k = 0; k < NITEMS(identities); k++) {
		speaks_under(identities[k]);
		for (size_t l = 0; l < NITEMS(open); l++) {
			for (size_t i = 0; i < NITEMS(own); i++)
				EXPECT(open[l], PSK_APP, NULL, own[i], 200, NULL);
			for (size_t i = 0; i < NITEMS(others); i++)
				EXPECT(open[l], PSK_APP, NULL, others[i], 403, "SEC_IDENTITY");
		}
	}
	/* Nor in the one that a token would give it. */
	EXPECT(BOTH, PSK_APP, TOKEN, NULL, 403, "SEC_IDENTITY");
}
END_TEST

/* UNKNOWN serves mIa alone. */
START_TEST(on_dia_alone)
{
	static const int closed[] = { MID, CLAIMED_MID, UNKNOWN };

	add_agreements();
	for (size_t i = 0; i < NITEMS(closed); i++) {
		speaks_under(GA3);
		EXPECT(closed[i], PSK_APP, NULL, OWN_APP, 403, "SEC_NO_CONNECTION");
		EXPECT(closed[i], PSK_APP, NULL, NULL, 403, "SEC_NO_CONNECTION");
		speaks_under(MP3);
		EXPECT(closed[i], PSK_APP, NULL, NULL, 403, "SEC_NO_CONNECTION");
	}
}
END_TEST

static enum rc
identify(bool *closes, struct slice *reason)
{
	struct arena *a = arena_new(65536);
	struct req_input in = { .peer = &peers[PSK_APP] };
	struct req_answer out = { .http_status = 0 };
	struct issuer issuer;
	enum rc rc = issuers_identify(issuers, &in, a, &issuer, &out, reason);

	*closes = out.close;
	arena_free(a);
	return rc;
}

START_TEST(what_is_over_is_refused)
{
	struct slice reason = SLICE_NONE;
	bool closes;

	speaks_under(GA3);
	/* Nobody knows such keys. */
	EXPECT(BOTH, PSK_APP, NULL, NULL, 401, "AUTH_FAILED");
	add_agreements();
	ck_assert_int_eq(identify(&closes, &reason), RC_OK);
	ck_assert(!closes);
	agreed.over = true;
	EXPECT(BOTH, PSK_APP, NULL, NULL, 401, "SEC_KMC_EXPIRED");
	ck_assert_int_eq(identify(&closes, &reason), RC_DENIED);
	ck_assert(closes);
	agreed.revoked = true;
	EXPECT(BOTH, PSK_APP, NULL, OWN_APP, 403, "SEC_REVOKED");
	EXPECT(MID, PSK_APP, NULL, OWN_APP, 403, "SEC_REVOKED");
	ck_assert_int_eq(identify(&closes, &reason), RC_FORBIDDEN);
	ck_assert(closes && slice_is(reason, "SEC_REVOKED"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_sessions");
	TCase *f = suite_case(s, "front", front_setup, front_teardown);
	TCase *n = suite_case(s, "network", guard_setup, guard_teardown);
	TCase *d = suite_case(s, "node", guard_setup_node, guard_teardown);

	tcase_add_test(f, keys_come_from_who_agreed);
	tcase_add_test(f, keys_belong_to_a_version);
	tcase_add_test(f, equal_cost);
	tcase_add_test(f, revocation_cuts);
	tcase_add_test(f, one_source_of_a_kind);
	tcase_add_test(f, who_has_proved_itself);
	tcase_add_test(n, a_node_is_an_application);
	tcase_add_test(n, on_dia_alone);
	tcase_add_test(n, what_is_over_is_refused);
	tcase_add_test(d, a_node_is_an_application);
	tcase_add_test(d, on_dia_alone);
	tcase_add_test(d, what_is_over_is_refused);
	return core_run(s);
}
