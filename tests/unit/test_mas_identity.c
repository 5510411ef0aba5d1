/* SPDX-License-Identifier: Apache-2.0 */
/* The generator of small data: at the MAS of this process, and through that of another. */
#include "config.h"

#include "rest_bed.h"
#include "suite.h"

#define NOW_MS (UINT64_C(1700000000) * 1000)
#define LMDB 1

#ifdef HAVE_PAIRING
#define WITH_PAIRING true
#else
#define WITH_PAIRING false
#endif

static void
over(struct mas_identity *i)
{
	bed_over(i->owner);
}

static enum rc
asked(struct mas_bed *b, const struct mas *mas, struct mas_identity *i)
{
	struct bed_call call = { .b = b };

	i->owner = &call;
	i->done = over;
	mas->ops->identity(mas->self, i);
	bed_wait(&call);
	return i->outcome.rc;
}

/* The key is one of that generator for that node, this month. */
static void
expect_key(const struct mas_identity *i, uint8_t node)
{
	struct node_id id = bed_node(node);
	struct ibas_signer *signer;
	struct ibas_public q;
	struct ibas_identity want;
	const struct ibas_signer_conf conf = {
		.device = id, .millis = NOW_MS, .key = slice_make(i->key, sizeof(i->key)), .q = &q
	};

	ck_assert_int_eq(ibas_public_read(slice_make(i->q, sizeof(i->q)), &q), RC_OK);
	ck_assert_int_eq(ibas_identity_make(&id, NOW_MS, &want), RC_OK);
	ck_assert_str_eq(i->id, want.id);
	ck_assert_int_eq(ibas_signer_new(&conf, &signer), RC_OK);
	ibas_signer_free(signer);
}

static void
expect_no_key(const struct mas_identity *i)
{
	for (size_t k = 0; k < sizeof(i->key); k++)
		ck_assert_uint_eq(i->key[k], 0);
}

START_TEST(keys)
{
	struct mas_identity here = { .node = bed_node(1) }, q = { .generator = true };
	struct mas_identity far = { .node = bed_node(1) };
	struct mas_connect c;

	bed_issue(&w.mas, 1, 10);
	(void)bed_connected(&w.mas, 1, 1);
	ck_assert_int_eq(asked(&w.mas, &w.mas.mas, &here), RC_OK);
	expect_key(&here, 1);
	ck_assert_int_eq(asked(&w.mas, &w.far, &q), RC_OK);
	ck_assert_mem_eq(q.q, here.q, sizeof(q.q));
	expect_no_key(&q);
	/* A connection of another NSCL is none. */
	ck_assert_int_eq(asked(&w.mas, &w.far, &far), RC_FORBIDDEN);
	expect_no_key(&far);
	bed_issue(&w.mas, 2, 20);
	c = bed_connecting(2, 1);
	ck_assert_int_eq(far_connect(&c), RC_OK);
	far = (struct mas_identity){ .node = bed_node(2) };
	ck_assert_int_eq(asked(&w.mas, &w.far, &far), RC_OK);
	expect_key(&far, 2);
	ck_assert_mem_eq(far.q, here.q, sizeof(q.q));
	ck_assert_mem_ne(far.key, here.key, sizeof(far.key));
	ck_assert_uint_eq(audited("generator-make", "mas"), 1);
	ck_assert_uint_eq(audited("identity-key", "nscl"), 1);
	ck_assert_uint_eq(mas_counted(mas_counters_of(w.mas.m), MAS_COUNT_IDENTITY_KEYS), 2);
}
END_TEST

START_TEST(refusals)
{
	struct mas_change node = { .kind = MAS_REVOKE_NODE, .node = bed_node(1), .actor = "t" };
	struct asker msbf = asker_certified(SERVE_MAS, &msbf_uri, &dns);
	struct asker gateway = asker_certified(SERVE_MAS, &gw_uri, &dns);
	struct mas_identity i = { .node = bed_node(1) };

	bed_issue(&w.mas, 1, 10);
	ck_assert_int_eq(asked(&w.mas, &w.mas.mas, &i), RC_FORBIDDEN); /* no connection */
	expect_no_key(&i);
	(void)bed_connected(&w.mas, 1, 1);
	ck_assert_int_eq(bed_change(&w.mas, &node), RC_OK);
	ck_assert_int_eq(asked(&w.mas, &w.mas.mas, &i), RC_FORBIDDEN);
	expect_no_key(&i);
	ck_assert_int_eq(ask_status(&w.core, &msbf, "GET", "/mas/v1/generator", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &gateway, "GET", "/mas/v1/generator", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &gateway, "GET",
	                            "/mas/v1/nodes/01bcad98010203040506070809"
	                            "0a0b0c01/identity",
	                            NULL),
	                 403);
}
END_TEST

/* The secret is the same after a start and under a new master key. */
START_TEST(the_secret_stays)
{
	struct mas_rewrap r = { .actor = "admin" };
	struct mas_identity first = { .generator = true }, then = { .generator = true };
	struct mas_bed b;

	bed_make(&b, LMDB);
	bed_open(&b);
	ck_assert_int_eq(asked(&b, &b.mas, &first), RC_OK);
	bed_close(&b);
	bed_write(b.next, b.kek_octets[1], KEY_BYTES);
	bed_open(&b);
	ck_assert_int_eq(asked(&b, &b.mas, &then), RC_OK);
	ck_assert_mem_eq(first.q, then.q, sizeof(first.q));
	ck_assert_int_eq(bed_rewrap(&b, &r), RC_OK);
	ck_assert_uint_ge(r.records, 1);
	bed_close(&b);
	/* The old master key is no more. */
	bed_write(b.kek, b.kek_octets[1], KEY_BYTES);
	bed_open(&b);
	then = (struct mas_identity){ .generator = true };
	ck_assert_int_eq(asked(&b, &b.mas, &then), RC_OK);
	ck_assert_mem_eq(first.q, then.q, sizeof(first.q));
	bed_free(&b);
}
END_TEST

static void
administered(struct mas_generator *g)
{
	bed_over(g->owner);
}

static enum rc
administer(struct mas_bed *b, struct mas_generator *g, bool replace)
{
	struct bed_call call = { .b = b };

	*g = (struct mas_generator){
		.replace = replace, .actor = "admin", .owner = &call, .done = administered
	};
	mas_generator(b->m, g);
	bed_wait(&call);
	return g->outcome.rc;
}

/* Keys are of the new one from then on, also after a start; the epoch says how many there were. */
START_TEST(a_new_generator)
{
	struct mas_identity old = { .node = bed_node(1) }, now = { .node = bed_node(1) };
	struct mas_generator g, shown;
	struct ibas_signer *signer;
	struct ibas_public q;
	struct ibas_signer_conf conf = { .device = bed_node(1), .millis = NOW_MS, .q = &q };

	ck_assert_int_eq(administer(&w.mas, &g, false), RC_NOT_FOUND);
	bed_issue(&w.mas, 1, 10);
	(void)bed_connected(&w.mas, 1, 1);
	ck_assert_int_eq(asked(&w.mas, &w.mas.mas, &old), RC_OK);
	ck_assert_int_eq(administer(&w.mas, &g, false), RC_OK);
	ck_assert_uint_eq(g.epoch, 1);
	ck_assert_mem_eq(g.q, old.q, sizeof(g.q));
	ck_assert_int_eq(administer(&w.mas, &g, true), RC_OK);
	ck_assert_uint_eq(g.epoch, 2);
	ck_assert_mem_ne(g.q, old.q, sizeof(g.q));
	ck_assert_int_eq(administer(&w.mas, &shown, false), RC_OK);
	ck_assert_uint_eq(shown.epoch, 2);
	ck_assert_mem_eq(shown.q, g.q, sizeof(g.q));
	ck_assert_int_eq(asked(&w.mas, &w.mas.mas, &now), RC_OK);
	ck_assert_mem_eq(now.q, g.q, sizeof(g.q));
	expect_key(&now, 1);
	ck_assert_int_eq(ibas_public_read(slice_make(g.q, sizeof(g.q)), &q), RC_OK);
	conf.key = slice_make(old.key, sizeof(old.key));
	ck_assert_int_eq(ibas_signer_new(&conf, &signer), RC_FORBIDDEN);
	ck_assert_uint_eq(audited("generator-replace", "admin"), 1);
}
END_TEST

START_TEST(a_first_generator_by_hand)
{
	struct mas_generator g;
	struct mas_identity q = { .generator = true };
	struct mas_bed b;

	bed_make(&b, LMDB);
	bed_open(&b);
	ck_assert_int_eq(administer(&b, &g, true), RC_OK);
	ck_assert_uint_eq(g.epoch, 1);
	bed_close(&b);
	bed_open(&b);
	ck_assert_int_eq(asked(&b, &b.mas, &q), RC_OK);
	ck_assert_mem_eq(q.q, g.q, sizeof(g.q));
	bed_free(&b);
}
END_TEST

START_TEST(without_pairing)
{
	struct mas_identity q = { .generator = true };

	ck_assert_int_eq(asked(&w.mas, &w.mas.mas, &q), RC_NOT_IMPLEMENTED);
	ck_assert_str_eq(q.outcome.reason, "SD_ALG");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mas_identity");
	TCase *c = suite_case(s, "keys", rest_setup, rest_teardown);

	if (WITH_PAIRING) {
		tcase_add_test(c, keys);
		tcase_add_test(c, refusals);
		tcase_add_test(c, a_new_generator);
		c = suite_case(s, "store", NULL, NULL);
		tcase_add_test(c, the_secret_stays);
		tcase_add_test(c, a_first_generator_by_hand);
	} else {
		tcase_add_test(c, without_pairing);
	}
	return run_suite(s);
}
