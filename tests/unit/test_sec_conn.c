/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of handshakes, and how a connection is made and ended. */
#include "config.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "mid_bed.h"
#include "sec/hex.h"

#define SET BASE "/connectionParamSet"

/* ---- how much a look-up costs ---- */

static atomic_uint derivations;

/* In place of the library's own, which it calls: every block of a derivation is a MAC. */
int
EVP_MAC_init(EVP_MAC_CTX *c, const unsigned char *key, size_t n, const OSSL_PARAM params[])
{
	int (*real)(EVP_MAC_CTX *, const unsigned char *, size_t, const OSSL_PARAM *);

	*(void **)&real = dlsym(RTLD_NEXT, "EVP_MAC_init");
	atomic_fetch_add(&derivations, 1);
	return real(c, key, n, params);
}

/* ---- handshakes ---- */

static struct key
found(const char *identity, unsigned version)
{
	const struct psk_source *source = psk_front_source(psk);
	struct key k;

	ck_assert(source->find(source->arg, slice_of(identity), version, &k));
	return k;
}

/* What is known has its key in its version of TLS alone, all else one that nobody knows. */
START_TEST(handshakes)
{
	struct node_id node = bed_node(1);
	char mr3[PSK_ID_TEXT], mn3[PSK_ID_TEXT];
	struct psk_id id = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .node = node, .index = 1 };
	struct key kmr = bed_key(1), want, got;
	struct session s;

	bed_issue(&mb, 1, 1);
	open_session(&s, 1);
	psk_id_format(&id, mr3);
	ck_assert_int_eq(psk_mr(&kmr, PSK_TLS_1_3, &node, 1, &want), RC_OK);
	got = found(mr3, 0x0304);
	ck_assert(key_equal(&got, &want));
	got = found(mr3, 0x0303);
	ck_assert(!key_equal(&got, &want));
	want = found(mr3, 0x0303);
	ck_assert(key_equal(&got, &want));

	ck_assert_int_eq(psk_mc(&s.conn.kmc, PSK_TLS_1_3, s.conn.id, 1, &want), RC_OK);
	got = found(s.identity, 0x0304);
	ck_assert(key_equal(&got, &want));
	id = (struct psk_id){ .kind = PSK_MN, .tls = PSK_TLS_1_3, .connection = s.conn.id, .index = 1 };
	psk_id_format(&id, mn3);
	ck_assert_int_eq(psk_mn(&s.conn.kmc, PSK_TLS_1_3, s.conn.id, 1, &want), RC_OK);
	got = found(mn3, 0x0304);
	ck_assert(!key_equal(&got, &want));

	revoke(MAS_REVOKE_NODE, 1, 0);
	got = found(s.identity, 0x0304);
	ck_assert_int_eq(psk_mc(&s.conn.kmc, PSK_TLS_1_3, s.conn.id, 1, &want), RC_OK);
	ck_assert(!key_equal(&got, &want));
	want = found("rubbish", 0x0304);
	ck_assert(!key_equal(&got, &want));
}
END_TEST

static unsigned
cost_of(enum psk_kind kind, enum psk_tls tls, uint64_t connection, uint32_t index)
{
	struct psk_id id = { .kind = kind, .tls = tls, .connection = connection, .index = index,
		             .node = bed_node(1) };
	char text[PSK_ID_TEXT];

	ck_assert_uint_gt(psk_id_format(&id, text), 0);
	atomic_store(&derivations, 0);
	(void)found(text, tls == PSK_TLS_1_3 ? 0x0304 : 0x0303);
	return atomic_load(&derivations);
}

/* An identity that is known costs as many derivations as one of its kind that is not. */
START_TEST(equal_cost)
{
	struct mas_connection c = { .id = 5, .kmc_index = 1, .flags = MAS_CHANNEL | MAS_TLS13,
		                    .expires = BED_START + BED_HOUR, .scl_id = "scl-1" };
	unsigned known;

	bed_issue(&mb, 1, 1);
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	known = cost_of(PSK_MC, PSK_TLS_1_3, 5, 1);
	ck_assert_uint_gt(known, 0);
	ck_assert_uint_eq(cost_of(PSK_MC, PSK_TLS_1_3, 6, 1), known);
	ck_assert_uint_eq(cost_of(PSK_MC, PSK_TLS_1_3, 5, 2), known);
	ck_assert_uint_eq(cost_of(PSK_MC, PSK_TLS_1_2, 5, 1), known);
	ck_assert_uint_eq(cost_of(PSK_MC, PSK_TLS_1_2, 6, 1), known);
	live_end(live, 5, LIVE_REVOKED);
	ck_assert_uint_eq(cost_of(PSK_MC, PSK_TLS_1_3, 5, 1), known);
	ck_assert_uint_eq(cost_of(PSK_MR, PSK_TLS_1_3, 0, 1), cost_of(PSK_MR, PSK_TLS_1_3, 0, 2));
}
END_TEST

START_TEST(tls_1_3_alone)
{
	struct mas_connection c = { .id = 5, .kmc_index = 1, .flags = MAS_CHANNEL | MAS_TLS13,
		                    .expires = BED_START + BED_HOUR, .scl_id = "scl-1" };
	struct psk_id id = { .kind = PSK_MC, .tls = PSK_TLS_1_2, .connection = 5, .index = 1 };
	struct key k;

	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert(!mid_psk(mid, &id, &k));
	id.tls = PSK_TLS_1_3;
	ck_assert(mid_psk(mid, &id, &k));
}
END_TEST

/* ---- making a connection ---- */

static struct slice
element(const char *doc, const char *name)
{
	char tag[64];
	const char *from, *to;

	snprintf(tag, sizeof(tag), "<m2m:%s>", name);
	from = strstr(doc, tag);
	ck_assert_msg(from != NULL, "no %s in %s", name, doc);
	from += strlen(tag);
	to = strchr(from, '<');
	return slice_make(from, (size_t)(to - from));
}

static void
check_set(const char *doc, bool clear)
{
	struct key kmr = bed_key(1), e_conn = bed_key(0xe0), kmc, kek, got;
	uint8_t wrapped[KEYWRAP_BYTES];
	struct kmc_terms t = { .node = bed_node(1), .kmr_index = 1, .scl_id = SLICE_LIT("scl-1") };

	ck_assert(conn_id_parse_decimal(element(doc, "securityConnectionId"), &t.connection));
	t.kmc_index = (uint32_t)strtoul(element(doc, "securityKmcIndex").p, NULL, 10);
	ck_assert_int_eq(kmc_derive(&kmr, &e_conn, &t, &kmc), RC_OK);
	if (clear) {
		ck_assert(hex_decode(element(doc, "securityM2MKey"), got.v, KEY_BYTES));
	} else {
		ck_assert(hex_decode(element(doc, "securityEncryptedM2MKey"), wrapped,
		                     sizeof(wrapped)));
		ck_assert_int_eq(kek_conn(&kmr, &t.node, t.connection, t.kmc_index, &kek), RC_OK);
		ck_assert_int_eq(key_unwrap(&kek, slice_make(wrapped, sizeof(wrapped)), &got), RC_OK);
	}
	ck_assert(key_equal(&got, &kmc));
	ck_assert(live_kmc(live, t.connection, t.kmc_index, &got));
	ck_assert(key_equal(&got, &kmc));
	ck_assert(slice_is(element(doc, "securitymIdFlags"), "4000"));
	ck_assert(slice_is(element(doc, "sclId"), "scl-1"));
}

START_TEST(parameter_set)
{
	struct peer p = peer_of(mr_identity(1));
	struct reply r;

	bed_issue(&mb, 1, 1);
	for (int clear = 0; clear < 2; clear++) {
		sec.old_documents = clear;
		r = ask(&(struct ask){ "POST", SET "?sclId=scl-1", .peer = &p });
		ck_assert_msg(r.status == 201, "%d %s", r.status, r.body);
		check_set(r.body, clear);
		reply_fini(&r);
	}
}
END_TEST

START_TEST(no_parameter_set)
{
	struct peer p = peer_of(mr_identity(1)), nobody = peer_of(NULL);
	struct session s;

	bed_issue(&mb, 1, 1);
	bed_issue(&mb, 2, 2);
	open_session(&s, 2);
	expect(401, "AUTH_FAILED", "POST", SET "?sclId=scl-2", .peer = &s.peer);
	expect(401, "AUTH_FAILED", "POST", SET "?sclId=scl-1", .peer = &nobody);
	expect(401, "AUTH_FAILED", "DELETE", SET, .peer = &p);
	expect(405, NULL, "GET", SET, .peer = &p);
	expect(405, NULL, "PUT", SET, .body = "<x/>", .peer = &p);
	expect(409, "SCLID_TAKEN", "POST", SET "?sclId=scl-2", .peer = &p);
	expect(400, "BAD_PARAM", "POST", SET "?sclId=a%2Fb", .peer = &p);
	expect(400, "BAD_PARAM", "POST", SET "?sclId=%zz", .peer = &p);
	expect(400, "XSD_INVALID", "POST", SET "?sclId=scl-1", .body = "<x/>", .peer = &p);
	p.tls_version = 0x0303;
	expect(403, "AUTH_FAILED", "POST", SET "?sclId=scl-1", .peer = &p);
	p.tls_version = 0x0304;
	revoke(MAS_REVOKE_KMR, 1, 0);
	expect(403, "AUTH_FAILED", "POST", SET "?sclId=scl-1", .peer = &p);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, LINK_1, .peer = &p);
}
END_TEST

/* What cannot be served does not stay at the MAS, however often the node tries. */
START_TEST(no_room)
{
	struct mas_connection c = { .kmc_index = 1, .expires = BED_START + BED_DAY, .scl_id = "other" };
	struct peer p = peer_of(mr_identity(1));
	struct node_id node = bed_node(1);

	bed_issue(&mb, 1, 1);
	do
		c.id++;
	while (live_put(live, &c) == RC_OK);
	for (unsigned i = 0; i < 3; i++)
		expect(503, "OVERLOAD", "POST", SET "?sclId=scl-1", .peer = &p);
	ck_assert_int_eq(bed_show(&mb, &node), RC_OK);
	ck_assert_uint_eq(mb.n_conns, 3);
	for (unsigned i = 0; i < mb.n_conns; i++)
		ck_assert_int_eq(mb.conns[i].state, MAS_CONN_ENDED);
	live_end(live, 1, LIVE_ENDED);
	expect(201, NULL, "POST", SET "?sclId=scl-1", .peer = &p);
}
END_TEST

/* The MAS's own, whose list of connections comes before its answer about one. */
static const struct mas_ops *mas_ops;
static struct mas_ops listing;
static void (*connected)(struct mas_connect *c);
static uint8_t listed_node;
static enum live_state listed_as;

static void
list_first(struct mas_connect *c)
{
	struct mas_connection listed = c->connection;

	if (c->outcome.rc == RC_OK) {
		listed.node = bed_node(listed_node);
		ck_assert_int_eq(live_put(live, &listed), RC_OK);
		if (listed_as != LIVE_OK)
			live_end(live, listed.id, listed_as);
	}
	connected(c);
}

static void
connect_listed(void *self, struct mas_connect *c)
{
	connected = c->done;
	c->done = list_first;
	mas_ops->connect(self, c);
}

static const struct {
	uint8_t node;
	enum live_state as;
	int status;
} listed[] = {
	{ 1, LIVE_OK, 201 },
	{ 2, LIVE_OK, 503 },
	{ 1, LIVE_ENDED, 503 },
	{ 1, LIVE_REVOKED, 503 },
};

/* A connection that is in the list already is as good, if it is the node's and stands. */
START_TEST(listed_before)
{
	struct peer p = peer_of(mr_identity(1));
	struct node_id node = bed_node(1);
	struct reply r;

	bed_issue(&mb, 1, 1);
	mas_ops = mb.mas.ops;
	listing = *mas_ops;
	listing.connect = connect_listed;
	mb.mas.ops = &listing;
	listed_node = listed[_i].node;
	listed_as = listed[_i].as;
	r = ask(&(struct ask){ "POST", SET "?sclId=scl-1", .peer = &p });
	ck_assert_msg(r.status == listed[_i].status, "%d %s", r.status, r.body);
	if (r.status == 201)
		check_set(r.body, false);
	reply_fini(&r);
	ck_assert_int_eq(bed_show(&mb, &node), RC_OK);
	ck_assert_uint_eq(mb.n_conns, 1);
	ck_assert_int_eq(mb.conns[0].state,
	                 listed[_i].status == 201 ? MAS_CONN_ACTIVE : MAS_CONN_ENDED);
	mb.mas.ops = mas_ops;
}
END_TEST

START_TEST(ends_itself)
{
	struct session s;

	bed_issue(&mb, 1, 1);
	open_session(&s, 1);
	expect(200, "\"remaining\":86400", "GET", BASE "/connections/self", .peer = &s.peer);
	expect(405, NULL, "DELETE", BASE "/connections/self", .peer = &s.peer);
	expect(204, NULL, "DELETE", SET, .peer = &s.peer);
	expect(401, "SEC_KMC_EXPIRED", "DELETE", SET, .peer = &s.peer);
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_1, .peer = &s.peer);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_conn");
	TCase *c = suite_case(s, "connections", mid_setup, mid_teardown);

	tcase_add_test(c, handshakes);
	tcase_add_test(c, equal_cost);
	tcase_add_test(c, tls_1_3_alone);
	tcase_add_test(c, parameter_set);
	tcase_add_test(c, no_parameter_set);
	tcase_add_test(c, no_room);
	tcase_add_loop_test(c, listed_before, 0, NITEMS(listed));
	tcase_add_test(c, ends_itself);
	return run_suite(s);
}
