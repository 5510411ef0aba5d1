/* SPDX-License-Identifier: Apache-2.0 */
/* What the pool seals for a source: in order, in sections and epochs, each ended; keys of epochs. */
#include "config.h"

#include <semaphore.h>
#include <stdio.h>

#include "cap/pxy/px_seal.h"
#include "pre_bed.h"

#define URL "http://scl.example.org:8080/m2m"
#define STREAM 7
#define DOCUMENTS PX_SPOOL_PARCELS

static struct afgh *afgh;
static struct pre_identity *identity;
static struct pool *pool;
static struct px_seal_conf conf;
static struct px_seal *seal;
static struct px_seal_order order;
static struct pre_opening *opening;
static sem_t over;
static char texts[DOCUMENTS][16];
static struct slice plains[DOCUMENTS];

static void
order_done(struct px_seal_order *o)
{
	sem_post(o->owner);
}

static void
new_seal(struct slice state)
{
	px_seal_free(seal);
	ck_assert_int_eq(px_seal_new(&conf, STREAM, state, &seal), RC_OK);
}

static void
setup(void)
{
	struct pre_opening_conf c = { .as = PRE_AS_OWNER, .source = SLICE_LIT(URL) };

	ck_assert_int_eq(sem_init(&over, 0, 0), 0);
	ck_assert_int_eq(afgh_new(&afgh), RC_OK);
	ck_assert_int_eq(pre_identity_new(&identity), RC_OK);
	ck_assert_int_eq(pool_start(1, &pool), RC_OK);
	c.afgh = afgh;
	c.keys = pre_identity_keys(identity);
	sign_key_public(pre_identity_sign(identity), &c.key);
	ck_assert_int_eq(pre_opening_new(&c, SLICE_NONE, &opening), RC_OK);
	conf = (struct px_seal_conf){
		.afgh = afgh, .identity = identity, .source = SLICE_LIT(URL), .clock = &clock_system
	};
	for (unsigned i = 0; i < DOCUMENTS; i++) {
		snprintf(texts[i], sizeof(texts[i]), "document %u", i);
		plains[i] = slice_of(texts[i]);
	}
	new_seal(SLICE_NONE);
}

static void
teardown(void)
{
	px_seal_free(seal);
	seal = NULL;
	buf_fini(&order.batch);
	pool_stop(pool);
	pre_opening_free(opening);
	pre_identity_free(identity);
	afgh_free(afgh);
	sem_destroy(&over);
}

/* The order is filled in, but for what is the same for all. */
static void
run(struct px_seal_order o, size_t n)
{
	buf_fini(&order.batch);
	order = o;
	order.documents = plains;
	order.n = n;
	order.pool = pool;
	order.done = order_done;
	order.owner = &over;
	px_seal_run(seal, &order);
	ck_assert_int_eq(sem_wait(&over), 0);
}

/* What a batch is made of: 'M', 'e' for the MM2 of a section, of the next epoch; 'd', 'E'. */
static void
expect(const char *units)
{
	static uint32_t epoch;
	struct slice rest = buf_view(&order.batch);
	char got[2 * DOCUMENTS + 1] = "";
	unsigned next = 0;
	struct pre_unit u;
	size_t n = 0;

	while (pre_batch_next(&rest, NULL, &u) == RC_OK) {
		struct pre_opened out;

		ck_assert_int_eq(pre_opening_take(opening, &u, &out), RC_OK);
		ck_assert_uint_eq(u.hdr.stream, STREAM);
		ck_assert_uint_lt(n, sizeof(got) - 1);
		got[n++] = u.hdr.type == PRE_DATA  ? 'd'
		           : u.hdr.type == PRE_END ? 'E'
		           : u.hdr.epoch == epoch  ? 'M'
		                                   : 'e';
		epoch = u.hdr.epoch;
		if (u.hdr.type == PRE_DATA)
			ck_assert(slice_is(out.plain, texts[next++]));
		else if (u.hdr.type == PRE_END)
			ck_assert(out.judged && out.findings == 0);
	}
	got[n] = '\0';
	ck_assert_str_eq(got, units);
	ck_assert_uint_eq(next, order.sealed);
	ck_assert_uint_eq(rest.n, 0);
}

START_TEST(in_order_with_an_end)
{
	ck_assert(!px_seal_is_open(seal));
	ck_assert_int_eq(px_seal_deadline(seal), CLOCK_NEVER);
	run((struct px_seal_order){ .end = false }, 3);
	ck_assert_int_eq(order.rc, RC_OK);
	ck_assert(order.last.epoch == 0 && order.last.count == 3);
	ck_assert(order.n_epochs == 1 && order.epochs[0].epoch == 0);
	expect("Mddd");
	ck_assert(px_seal_is_open(seal));
	ck_assert_int_ne(px_seal_deadline(seal), CLOCK_NEVER);
	/* The same section goes on, and is ended once. */
	run((struct px_seal_order){ .end = true }, 2);
	ck_assert(order.n_epochs == 0 && order.last.count == 5);
	expect("ddE");
	ck_assert(!px_seal_is_open(seal));
	run((struct px_seal_order){ .end = true }, 0);
	ck_assert(order.rc == RC_OK && order.batch.n == 0);
}
END_TEST

START_TEST(sections_and_epochs)
{
	conf.section_messages = 2;
	conf.epoch_sections = 2;
	new_seal(SLICE_NONE);
	run((struct px_seal_order){ .end = true }, 7);
	expect("MddEMddEeddEMdE");
	ck_assert_uint_eq(order.n_epochs, 2);
	ck_assert(order.epochs[1].epoch == 1 && order.epochs[1].key_index == 2);
	ck_assert(order.last.epoch == 1 && order.last.key_index == 3 && order.last.count == 1);
}
END_TEST

START_TEST(a_new_epoch_ends_the_section)
{
	conf.epoch_sections = 100;
	new_seal(SLICE_NONE);
	run((struct px_seal_order){ .end = false }, 1);
	expect("Md");
	run((struct px_seal_order){ .next_epoch = true }, 1);
	expect("Eed");
	ck_assert(order.n_epochs == 1 && order.epochs[0].epoch == 1);
	/* Nothing to be sealed: what comes later is of the next one all the same. */
	run((struct px_seal_order){ .next_epoch = true }, 0);
	expect("E");
	run((struct px_seal_order){ .end = false }, 1);
	expect("ed");
}
END_TEST

START_TEST(what_is_given_up_has_no_end)
{
	run((struct px_seal_order){ .end = false }, 2);
	expect("Mdd");
	run((struct px_seal_order){ .give_up = true }, 1);
	expect("ed");
	ck_assert_uint_eq(order.last.count, 1);
}
END_TEST

static unsigned
signed_units(void)
{
	struct slice rest = buf_view(&order.batch);
	struct pre_unit u;
	unsigned n = 0;

	while (pre_batch_next(&rest, NULL, &u) == RC_OK)
		n += u.hdr.type == PRE_DATA && (u.hdr.flags & PRE_FLAG_SIGNED) != 0;
	return n;
}

START_TEST(signing_begins_with_a_section)
{
	const struct px_seal_order on = { .change_signing = true, .sign_data = true };

	run((struct px_seal_order){ .change_signing = true }, 2);
	ck_assert_uint_eq(signed_units(), 0);
	expect("Mdd");
	run(on, 2);
	ck_assert_uint_eq(signed_units(), 2);
	expect("Eedd");
	run(on, 1);
	ck_assert_uint_eq(signed_units(), 1);
	expect("d");
	/* Nothing is to be sealed: the section ends, and is still the last one. */
	run((struct px_seal_order){ .change_signing = true, .end = true }, 0);
	expect("E");
	ck_assert(order.last.epoch == 1 && order.last.count == 3);
}
END_TEST

START_TEST(another_process_begins_another_section)
{
	struct px_seal *none;
	uint8_t state[PRE_STREAM_STATE_SIZE];

	run((struct px_seal_order){ .end = false }, 2);
	expect("Mdd");
	memcpy(state, order.state, sizeof(state));
	new_seal(slice_make(state, sizeof(state)));
	ck_assert(!px_seal_is_open(seal));
	run((struct px_seal_order){ .end = false }, 2);
	ck_assert(order.n_epochs == 1 && order.last.key_index == 1);
	expect("edd");
	/* The state is one of this stream alone. */
	ck_assert_int_eq(px_seal_new(&conf, STREAM + 1, slice_make(state, sizeof(state)), &none),
	                 RC_BAD_REQUEST);
	ck_assert_ptr_null(none);
}
END_TEST

/* In several turns at the pool. */
START_TEST(a_large_order)
{
	static char large[4096];
	struct slice all[DOCUMENTS];

	for (size_t i = 0; i < DOCUMENTS; i++)
		all[i] = slice_make(large, sizeof(large));
	conf.section_messages = 2;
	new_seal(SLICE_NONE);
	buf_fini(&order.batch);
	order = (struct px_seal_order){ .documents = all,
		                        .n = DOCUMENTS,
		                        .end = true,
		                        .pool = pool,
		                        .done = order_done,
		                        .owner = &over };
	px_seal_run(seal, &order);
	ck_assert_int_eq(sem_wait(&over), 0);
	ck_assert(order.rc == RC_OK && order.sealed == DOCUMENTS);
	ck_assert_uint_eq(order.n_epochs, DOCUMENTS / 2);
}
END_TEST

START_TEST(too_large_is_refused)
{
	static char large[PRE_UNIT_MAX + 1];
	struct slice one = slice_make(large, sizeof(large));

	run((struct px_seal_order){ .end = false }, 1);
	expect("Md");
	buf_fini(&order.batch);
	order = (struct px_seal_order){
		.documents = &one, .n = 1, .pool = pool, .done = order_done, .owner = &over
	};
	px_seal_run(seal, &order);
	ck_assert_int_eq(sem_wait(&over), 0);
	ck_assert(order.rc == RC_TOO_LARGE && order.sealed == 0 && order.batch.n == 0);
	/* The section has no gap. */
	run((struct px_seal_order){ .end = true }, 1);
	expect("dE");
}
END_TEST

/* ---- keys ---- */

static void
rekey_done(struct px_rekey_order *o)
{
	sem_post(o->owner);
}

START_TEST(keys_of_epochs)
{
	struct octets pk2 = octets_of(KAT_PK2_B);
	struct px_rekey_order o = { .identity = identity,
		                    .stream = STREAM,
		                    .pk2 = octets_slice(&pk2),
		                    .n = 40,
		                    .pool = pool,
		                    .done = rekey_done,
		                    .owner = &over };

	ck_assert_int_eq(pre_source_name(SLICE_LIT(URL), o.source), RC_OK);
	for (uint32_t i = 0; i < 40; i++)
		o.epochs[i] = 3 * i;
	ck_assert_int_eq(px_rekey_run(&o), RC_OK);
	ck_assert_int_eq(sem_wait(&over), 0);
	ck_assert_int_eq(o.rc, RC_OK);
	for (uint32_t i = 0; i < 40; i++) {
		struct pre_rekey want;

		ck_assert_int_eq(
			pre_rekey_make(pre_identity_keys(identity),
		                       &(struct afgh_epoch_id){ .stream = STREAM, .epoch = 3 * i },
		                       o.pk2, &want),
			RC_OK);
		ck_assert(o.keys[i].id.stream == STREAM && o.keys[i].id.epoch == 3 * i);
		ck_assert_mem_eq(o.keys[i].id.source, o.source, PRE_SOURCE_SIZE);
		ck_assert_mem_eq(o.keys[i].pk_id, want.pk_id, sizeof(want.pk_id));
		ck_assert(i == 0 || memcmp(o.keys[i].rk, o.keys[i - 1].rk, AFGH_G2) != 0);
	}
	px_rekey_free(&o);
	ck_assert_ptr_null(o.keys);

	/* What is no key of a sink. */
	o.pk2 = slice_make(pk2.v, 5);
	ck_assert_int_eq(px_rekey_run(&o), RC_OK);
	ck_assert_int_eq(sem_wait(&over), 0);
	ck_assert_int_ne(o.rc, RC_OK);
	px_rekey_free(&o);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("px_seal");
	TCase *c = suite_case(s, "seal", setup, teardown);

	tcase_add_test(c, in_order_with_an_end);
	tcase_add_test(c, sections_and_epochs);
	tcase_add_test(c, a_new_epoch_ends_the_section);
	tcase_add_test(c, what_is_given_up_has_no_end);
	tcase_add_test(c, signing_begins_with_a_section);
	tcase_add_test(c, another_process_begins_another_section);
	tcase_add_test(c, a_large_order);
	tcase_add_test(c, too_large_is_refused);
	tcase_add_test(c, keys_of_epochs);
	return s;
}

int
main(void)
{
	return run_pre_suite(suite);
}
