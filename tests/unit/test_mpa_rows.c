/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator of multiparty authentication keeps, and what is revoked in it. */
#include "config.h"

#include "cap/mpa/mpa_rows.h"
#include "suite.h"

#define ID SLICE_LIT("mtc.app.example")
#define OTHER SLICE_LIT("mtc.app.example2")
#define SCL SLICE_LIT("gscl-1")
#define END UINT64_C(1700000000)

static struct tables store;
static struct tables_tx *tx;
static const struct node_id node = { { 1, 2, 3 } };

static void
setup(void)
{
	struct store_conf conf = { .max_bytes = 1u << 20 };
	char why[256];

	ck_assert_int_eq(tables_open(&store_memory, &conf, &store, why), RC_OK);
	ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
}

static void
teardown(void)
{
	tables_abort(tx);
	tables_close(&store);
}

static struct mpa_serial
serial_of(uint8_t issuer, uint8_t number)
{
	struct mpa_serial s;

	memset(s.issuer.v, issuer, sizeof(s.issuer.v));
	memset(s.v, number, sizeof(s.v));
	return s;
}

static void
put(uint8_t issuer, uint8_t number, enum mpa_kind kind, struct slice holder, struct slice server)
{
	struct mpa_serial s = serial_of(issuer, number);
	struct mpa_warrant w = { .kind = kind,
		                 .not_after = END + number,
		                 .delegator = s.issuer,
		                 .delegate_id = holder };

	memcpy(w.serial, s.v, sizeof(w.serial));
	ck_assert_int_eq(cn_warrant_put(tx, &w, server), RC_OK);
}

static bool
is_revoked(uint8_t issuer, uint8_t number)
{
	struct mpa_serial s = serial_of(issuer, number);

	return cn_is_revoked(tx, &s);
}

static uint64_t
number(void)
{
	uint64_t n;

	ck_assert_int_eq(cn_number(tx, &n), RC_OK);
	return n;
}

static bool
count(void *arg, const struct mpa_serial *serial)
{
	(void)serial;
	++*(unsigned *)arg;
	return true;
}

static bool
count_warrant(void *arg, const struct cn_warrant *w)
{
	(void)w;
	++*(unsigned *)arg;
	return true;
}

static unsigned
all_revoked(unsigned kind)
{
	unsigned n = 0;

	ck_assert_int_eq(cn_revoked(tx, kind, count, &n), RC_OK);
	return n;
}

/* ---- records ---- */

START_TEST(a_server)
{
	struct cn_server s = { .id = ID,
		               .state = CN_OFFERED,
		               .contact = SLICE_LIT("https://mtc.example/t"),
		               .application = SLICE_LIT("mtc"),
		               .w1 = SLICE_LIT("one") },
			 got;

	memset(s.key.v, 7, sizeof(s.key.v));
	ck_assert_int_eq(cn_server_get(tx, ID, &got), RC_NOT_FOUND);
	ck_assert_int_eq(cn_server_put(tx, &s), RC_OK);
	ck_assert_int_eq(cn_server_get(tx, ID, &got), RC_OK);
	ck_assert_mem_eq(got.key.v, s.key.v, sizeof(s.key.v));
	ck_assert_int_eq(got.state, CN_OFFERED);
	ck_assert(slice_eq(got.contact, s.contact) && slice_eq(got.application, s.application));
	ck_assert(slice_eq(got.w1, s.w1) && got.w2.n == 0);
	ck_assert_int_eq(cn_server_get(tx, OTHER, &got), RC_NOT_FOUND);
	ck_assert_int_eq(cn_server_del(tx, ID), RC_OK);
	ck_assert_int_eq(cn_server_get(tx, ID, &got), RC_NOT_FOUND);
}
END_TEST

START_TEST(a_party_by_both_names)
{
	struct cn_party p = { .node = node, .scl_id = SCL }, got;

	p.key.v[0] = 9;
	ck_assert_int_eq(cn_party_put(tx, &p), RC_OK);
	ck_assert_int_eq(cn_party_get(tx, &node, &got), RC_OK);
	ck_assert_uint_eq(got.key.v[0], 9);
	ck_assert(slice_eq(got.scl_id, SCL));
	ck_assert_int_eq(cn_party_named(tx, SCL, &got), RC_OK);
	ck_assert(node_id_eq(&got.node, &node));
	p.scl_id = SCL;
	ck_assert_int_eq(cn_party_del(tx, &p), RC_OK);
	ck_assert_int_eq(cn_party_get(tx, &node, &got), RC_NOT_FOUND);
	ck_assert_int_eq(cn_party_named(tx, SCL, &got), RC_NOT_FOUND);
}
END_TEST

START_TEST(parties_in_order)
{
	static const uint8_t firsts[] = { 7, 1, 200 }, sorted[] = { 1, 7, 200 };
	struct node_id at;

	ck_assert_int_eq(cn_party_next(tx, NULL, &at), RC_NOT_FOUND);
	for (size_t i = 0; i < 3; i++) {
		const struct cn_party p = { .node = { { firsts[i] } },
			                    .scl_id = i == 0   ? SCL
			                              : i == 1 ? ID
			                                       : OTHER };

		ck_assert_int_eq(cn_party_put(tx, &p), RC_OK);
	}
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(cn_party_next(tx, i == 0 ? NULL : &at, &at), RC_OK);
		ck_assert_uint_eq(at.v[0], sorted[i]);
	}
	ck_assert_int_eq(cn_party_next(tx, &at, &at), RC_NOT_FOUND);
}
END_TEST

static bool
count_credential(void *arg, const struct cn_credential *c)
{
	ck_assert(slice_is(c->from_cn, "w1w3") && slice_is(c->from_s, "w2w4"));
	++*(unsigned *)arg;
	return true;
}

static unsigned
credentials(const struct node_id *of)
{
	unsigned n = 0;

	ck_assert_int_eq(cn_credentials(tx, of, count_credential, &n), RC_OK);
	return n;
}

START_TEST(credentials_go_with_server_or_node)
{
	const struct node_id second = { { 1, 2, 4 } };
	struct cn_credential c = { .node = node,
		                   .server = ID,
		                   .from_cn = SLICE_LIT("w1w3"),
		                   .from_s = SLICE_LIT("w2w4") };
	const struct slice id = ID;

	ck_assert_int_eq(cn_credential_put(tx, &c), RC_OK);
	c.server = OTHER;
	ck_assert_int_eq(cn_credential_put(tx, &c), RC_OK);
	c.node = second;
	ck_assert_int_eq(cn_credential_put(tx, &c), RC_OK);
	ck_assert_uint_eq(credentials(&node), 2);
	ck_assert_uint_eq(credentials(&second), 1);
	ck_assert_int_eq(cn_credentials_del(tx, NULL, &id), RC_OK);
	ck_assert_uint_eq(credentials(&node), 1);
	ck_assert_uint_eq(credentials(&second), 1);
	ck_assert_int_eq(cn_credentials_del(tx, &node, NULL), RC_OK);
	ck_assert_uint_eq(credentials(&node), 0);
	ck_assert_uint_eq(credentials(&second), 1);
}
END_TEST

/* ---- revocation ---- */

START_TEST(one_is_revoked_once)
{
	struct mpa_serial s = serial_of(1, 5), foreign = serial_of(2, 5);
	bool news;

	put(1, 5, MPA_DEVICE, ID, OTHER);
	ck_assert(!is_revoked(1, 5));
	ck_assert_uint_eq(number(), 0);
	ck_assert_int_eq(cn_warrant_revoke(tx, &s, &news), RC_OK);
	ck_assert(news && is_revoked(1, 5) && !is_revoked(2, 5));
	ck_assert_uint_eq(number(), 1);
	ck_assert_int_eq(cn_warrant_revoke(tx, &s, &news), RC_OK);
	ck_assert(!news);
	ck_assert_uint_eq(number(), 1);
	ck_assert_int_eq(cn_warrant_revoke(tx, &foreign, &news), RC_NOT_FOUND);
	ck_assert_uint_eq(all_revoked(0), 1);
	ck_assert_uint_eq(all_revoked(MPA_DEVICE), 1);
	ck_assert_uint_eq(all_revoked(MPA_ACCESS_POINT), 0);
}
END_TEST

/* A serial number is one warrant's, as far as the operator is concerned. */
START_TEST(a_serial_number_again)
{
	struct mpa_warrant w = { .kind = MPA_DEVICE, .not_after = END, .delegate_id = SCL },
			   other = w;
	bool known = true;

	ck_assert_int_eq(cn_warrant_known(tx, &w, ID, &known), RC_OK);
	ck_assert(!known);
	ck_assert_int_eq(cn_warrant_put(tx, &w, ID), RC_OK);
	ck_assert_int_eq(cn_warrant_known(tx, &w, ID, &known), RC_OK);
	ck_assert(known);
	ck_assert_int_eq(cn_warrant_known(tx, &w, OTHER, &known), RC_CONFLICT);
	other.delegate_id = OTHER;
	ck_assert_int_eq(cn_warrant_known(tx, &other, ID, &known), RC_CONFLICT);
	other = w;
	other.kind = MPA_AGREEMENT;
	ck_assert_int_eq(cn_warrant_known(tx, &other, ID, &known), RC_CONFLICT);
	other = w;
	other.not_after++;
	ck_assert_int_eq(cn_warrant_known(tx, &other, ID, &known), RC_CONFLICT);
	other.delegator.v[0] = 1;
	ck_assert_int_eq(cn_warrant_known(tx, &other, ID, &known), RC_OK);
	ck_assert(!known);
}
END_TEST

/* More than are looked for at a time. */
START_TEST(all_of_a_holder)
{
	unsigned n = 0;

	for (unsigned i = 1; i <= 100; i++)
		put(1, (uint8_t)i, MPA_DEVICE, i % 10 == 0 ? ID : SCL, OTHER);
	ck_assert_int_eq(cn_revoke_all(tx, MPA_DEVICE, SCL, &n), RC_OK);
	ck_assert_uint_eq(n, 90);
	ck_assert_uint_eq(all_revoked(0), 90);
	ck_assert(is_revoked(1, 1) && is_revoked(1, 99) && !is_revoked(1, 10));
	ck_assert_uint_eq(number(), 90);
	ck_assert_int_eq(cn_revoke_all(tx, MPA_DEVICE, SCL, &n), RC_OK);
	ck_assert_uint_eq(n, 90);
}
END_TEST

/* A node that is called like a server, or as another one, takes nothing of theirs with it. */
START_TEST(names_of_different_kinds)
{
	unsigned n = 0;

	put(1, 1, MPA_AGREEMENT, SCL, OTHER);
	put(1, 2, MPA_ACCESS_POINT, SCL, SLICE_LIT(""));
	put(1, 3, MPA_DEVICE, SCL, ID);
	put(1, 4, MPA_AGREEMENT, ID, SCL);
	ck_assert_int_eq(cn_revoke_all(tx, MPA_ACCESS_POINT, SCL, &n), RC_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert(is_revoked(1, 2) && !is_revoked(1, 1) && !is_revoked(1, 3) && !is_revoked(1, 4));
	ck_assert_int_eq(cn_revoke_all(tx, MPA_DEVICE, SCL, &n), RC_OK);
	ck_assert(is_revoked(1, 3) && !is_revoked(1, 1) && !is_revoked(1, 4));
	ck_assert_int_eq(cn_revoke_all(tx, MPA_AGREEMENT, SCL, &n), RC_OK);
	ck_assert(is_revoked(1, 4) && !is_revoked(1, 1));
	ck_assert_uint_eq(n, 3);
}
END_TEST

/* What devices have is void with its parent; their own warrants stay. */
START_TEST(agreements_with_a_server)
{
	unsigned n = 0;

	put(1, 1, MPA_AGREEMENT, ID, ID);
	put(2, 2, MPA_AGREEMENT, SCL, ID);
	put(1, 3, MPA_DEVICE, SCL, ID);
	put(1, 4, MPA_AGREEMENT, OTHER, OTHER);
	ck_assert_int_eq(cn_revoke_all(tx, MPA_AGREEMENT, ID, &n), RC_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert(is_revoked(1, 1) && is_revoked(2, 2) && !is_revoked(1, 3) && !is_revoked(1, 4));
}
END_TEST

START_TEST(the_past_is_forgotten)
{
	struct mpa_serial s = serial_of(1, 5);
	unsigned n = 0, left = 0;
	uint64_t before;
	bool news;

	for (unsigned i = 1; i <= 10; i++)
		put(1, (uint8_t)i, MPA_DEVICE, SCL, ID);
	ck_assert_int_eq(cn_warrant_revoke(tx, &s, &news), RC_OK);
	before = number();
	ck_assert_int_eq(cn_forget(tx, END + 7, 4, &n), RC_OK);
	ck_assert_uint_eq(n, 4);
	ck_assert_int_eq(cn_forget(tx, END + 7, 4, &n), RC_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(cn_warrants(tx, SLICE_NONE, count_warrant, &left), RC_OK);
	ck_assert_uint_eq(left, 4);
	ck_assert(!is_revoked(1, 5));
	ck_assert_uint_eq(number(), before);
}
END_TEST

/* ---- damage ---- */

START_TEST(a_damaged_record_is_none)
{
	struct cn_server s = { .id = ID, .state = CN_OFFERED }, got;
	struct table_key k = table_key_of('S', ID.p, ID.n);

	ck_assert_int_eq(cn_server_put(tx, &s), RC_OK);
	ck_assert_int_eq(tables_put(tx, table_key_view(&k), SLICE_LIT("\1rubbish")), RC_OK);
	ck_assert_int_eq(cn_server_get(tx, ID, &got), RC_PRECONDITION);
	ck_assert_int_eq(tables_put(tx, table_key_view(&k), SLICE_LIT("\2")), RC_OK);
	ck_assert_int_eq(cn_server_get(tx, ID, &got), RC_PRECONDITION);
}
END_TEST

static Suite *
rows_suite(void)
{
	Suite *s = suite_create("mpa_rows");
	TCase *c = suite_case(s, "rows", setup, teardown);

	tcase_add_test(c, a_server);
	tcase_add_test(c, a_party_by_both_names);
	tcase_add_test(c, parties_in_order);
	tcase_add_test(c, credentials_go_with_server_or_node);
	tcase_add_test(c, one_is_revoked_once);
	tcase_add_test(c, a_serial_number_again);
	tcase_add_test(c, all_of_a_holder);
	tcase_add_test(c, names_of_different_kinds);
	tcase_add_test(c, agreements_with_a_server);
	tcase_add_test(c, the_past_is_forgotten);
	tcase_add_test(c, a_damaged_record_is_none);
	return s;
}

int
main(void)
{
	return run_suite(rows_suite());
}
