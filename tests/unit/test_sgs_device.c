/* SPDX-License-Identifier: Apache-2.0 */
/* The book of the SGA server: keys, tokens, devices. */
#include "config.h"

#include <unistd.h>

#include "cap/sgs/sgs_book_impl.h"
#include "sgs_bed.h"
#include "suite.h"

static struct sgs_bed bed;

/* ---- keys ---- */

static bool
take_keys(void *arg, const struct sgs_keys *k)
{
	struct sgs_keys *to = arg;

	ck_assert(slice_is(k->package, "public package"));
	ck_assert_int_eq(k->created, SGS_START);
	while (to->serial != 0)
		to++;
	*to = *k;
	return true;
}

START_TEST(test_keys)
{
	struct sgs_bed *b = &bed;
	struct sgs_keys all[4] = { 0 };
	struct sgs_keys_remove r = { .suite = SGS_SUITE, .serial = SGS_SERIAL };
	uint8_t secret[SGS_KEYS_SECRET_MAX], zero[SGS_KEYS_SECRET_MAX] = { 0 };
	struct sgs_view *v;
	uint64_t i, j;
	size_t n;

	sgs_bed_start(b, _i);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL - 1), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, 0), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_keys(b, 0, 1), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL + 1), RC_OK);
	ck_assert_int_eq(sgs_bed_keys(b, 1, 1), RC_OK);
	i = sgs_bed_device(b, "i");
	j = sgs_bed_device(b, "j");
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);

	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_keys_list(v, take_keys, all), RC_OK);
	ck_assert(all[0].suite == 1 && all[0].serial == 1 && all[0].in_use == 0);
	ck_assert(all[1].suite == SGS_SUITE && all[1].serial == SGS_SERIAL && all[1].in_use == 1);
	ck_assert(all[2].serial == SGS_SERIAL + 1 && all[2].in_use == 0 && all[3].serial == 0);
	ck_assert_int_eq(sgs_keys_secret(v, SGS_SUITE, SGS_SERIAL, secret, sizeof(secret), &n),
	                 RC_OK);
	ck_assert(slice_is(slice_make(secret, n), "private keys of the server"));
	ck_assert_int_eq(sgs_keys_secret(v, SGS_SUITE, SGS_SERIAL, secret, n - 1, &n),
	                 RC_TOO_LARGE);
	ck_assert_mem_eq(secret, zero, 25);
	ck_assert_int_eq(sgs_keys_secret(v, 3, 1, secret, sizeof(secret), &n), RC_NOT_FOUND);
	sgs_view_close(v);

	/* Half-open negotiations need theirs. */
	ck_assert_int_eq(SGS_DO(b, sgs_keys_remove, &r), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_end(b, 1, j, SGS_INVITED), RC_OK);
	ck_assert_int_eq(SGS_DO(b, sgs_keys_remove, &r), RC_OK);
	ck_assert_int_eq(SGS_DO(b, sgs_keys_remove, &r), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_invite(b, 2, i, j), RC_PRECONDITION);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_keys_limits)
{
	struct sgs_bed *b = &bed;
	static char octets[SGS_PACKAGE_MAX + 1];
	struct sgs_keys_put p = { .suite = 1,
		                  .serial = 9,
		                  .package = slice_make(octets, SGS_PACKAGE_MAX + 1),
		                  .secret = slice_make(octets, SGS_KEYS_SECRET_MAX) };

	sgs_bed_start(b, _i);
	ck_assert_int_eq(SGS_DO(b, sgs_keys_put, &p), RC_TOO_LARGE);
	p.package.n = SGS_PACKAGE_MAX;
	p.secret.n++;
	ck_assert_int_eq(SGS_DO(b, sgs_keys_put, &p), RC_TOO_LARGE);
	p.secret.n = 0;
	ck_assert_int_eq(SGS_DO(b, sgs_keys_put, &p), RC_BAD_REQUEST);
	p.secret.n = SGS_KEYS_SECRET_MAX;
	p.package.n = 0;
	ck_assert_int_eq(SGS_DO(b, sgs_keys_put, &p), RC_BAD_REQUEST);
	p.package.n = SGS_PACKAGE_MAX;
	p.created = -1;
	ck_assert_int_eq(SGS_DO(b, sgs_keys_put, &p), RC_BAD_REQUEST);
	p.created = 0;
	ck_assert_int_eq(SGS_DO(b, sgs_keys_put, &p), RC_OK);
	for (unsigned i = 2; i < SGS_KEYS_MAX; i++)
		ck_assert_int_eq(sgs_bed_keys(b, 3, i), RC_OK);
	ck_assert_int_eq(sgs_bed_keys(b, 3, 1000), RC_NO_SPACE);
	sgs_bed_free(b);
}
END_TEST

/* ---- tokens ---- */

START_TEST(test_tokens)
{
	struct sgs_bed *b = &bed;
	struct sgs_token t = { .id = SLICE_LIT("d"), .ttl = CLOCK_SECOND - 1 };
	char long_id[SGS_ID_MAX + 1] = { 0 };
	uint8_t hash[SGS_HASH_BYTES];
	struct sgs_view *v;
	struct slice id;

	sgs_bed_start(b, _i);
	ck_assert_int_eq(SGS_DO(b, sgs_token_make, &t), RC_BAD_REQUEST);
	t.ttl = CLOCK_NEVER;
	ck_assert_int_eq(SGS_DO(b, sgs_token_make, &t), RC_BAD_REQUEST);
	t.ttl = CLOCK_SECOND;
	t.id = slice_make(long_id, sizeof(long_id));
	ck_assert_int_eq(SGS_DO(b, sgs_token_make, &t), RC_BAD_REQUEST);
	t.id = SLICE_NONE;
	ck_assert_int_eq(SGS_DO(b, sgs_token_make, &t), RC_BAD_REQUEST);
	t.id = slice_make(long_id, SGS_ID_MAX);
	ck_assert_int_eq(SGS_DO(b, sgs_token_make, &t), RC_OK);
	ck_assert_int_eq(t.expires, SGS_START + CLOCK_SECOND);

	ck_assert_int_eq(sgs_bed_token(b, "d", 1), RC_OK);
	ck_assert_int_eq(sgs_bed_token(b, "e", 1), RC_CONFLICT);
	memset(hash, 1, sizeof(hash));
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_token_get(v, hash, &id), RC_OK);
	ck_assert(slice_is(id, "d"));
	sgs_view_close(v);

	/* Another one takes its place. */
	ck_assert_int_eq(sgs_bed_token(b, "d", 2), RC_OK);
	ck_assert_int_eq(sgs_bed_register(b, "d", 1, 1, NULL), RC_DENIED);
	ck_assert_int_eq(sgs_bed_token(b, "e", 3), RC_OK);
	ck_assert_int_eq(sgs_bed_token(b, "f", 4), RC_OK);
	ck_assert_int_eq(sgs_bed_token(b, "g", 5), RC_NO_SPACE);
	ck_assert_int_eq(sgs_bed_token(b, "f", 5), RC_OK);

	/* Not of another identity, not twice, not when it is over. */
	ck_assert_int_eq(sgs_bed_register(b, "d", 3, 1, NULL), RC_DENIED);
	ck_assert_int_eq(sgs_bed_register(b, "d", 9, 1, NULL), RC_DENIED);
	ck_assert_int_eq(sgs_bed_register(b, "d", 2, 1, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_token(b, "d", 6), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_revoke(b, 1), RC_OK);
	ck_assert_int_eq(sgs_bed_register(b, "d", 2, 1, NULL), RC_DENIED);
	memset(hash, 3, sizeof(hash));
	atomic_fetch_add(&b->clock.now, 600 * CLOCK_SECOND);
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_token_get(v, hash, &id), RC_NOT_FOUND);
	sgs_view_close(v);
	b->quick = true;
	ck_assert_int_eq(sgs_bed_register(b, "e", 3, 1, NULL), RC_DENIED);
	b->quick = false;
	sgs_bed_settle(b);
	ck_assert_uint_eq(sgs_bed_stats(b).tokens, 0);
	sgs_bed_free(b);
}
END_TEST

/* ---- registration ---- */

START_TEST(test_register)
{
	struct sgs_bed *b = &bed;
	uint8_t kd[SGS_SECRET_BYTES];
	struct sgs_device d;
	struct sgs_view *v;
	uint64_t device, other;

	sgs_bed_start(b, _i);
	ck_assert_int_eq(sgs_bed_register(b, "d", 0, 1, NULL), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_token(b, "d", 1), RC_OK);
	sgs_bed_told_clear(b);
	ck_assert_int_eq(sgs_bed_register(b, "d", 1, 1, &device), RC_OK);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_DEVICE, device), 1);
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_device_find(v, SLICE_LIT("d"), &d), RC_OK);
	ck_assert(d.number == device && slice_is(d.id, "d") && d.suite == SGS_SUITE);
	ck_assert(d.cid0 == 1 && d.cidset == 3 && d.regctr == 1 && d.ceiling == 0);
	ck_assert(d.registered == SGS_START && d.r1_hash[31] == 1 && d.contact.n == 0);
	ck_assert(slice_is(d.answer, "the answer R2") && d.sign != NULL && d.sign[0] == 't');
	ck_assert_int_eq(sgs_device_kd(v, device, kd), RC_OK);
	ck_assert_mem_eq(kd, "the initial key of the device kd", 32);
	ck_assert_int_eq(sgs_device_find(v, SLICE_LIT("e"), &d), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_device_kd(v, device + 1, kd), RC_NOT_FOUND);
	ck_assert(kd[0] == 0);
	sgs_view_close(v);

	/* The same R1 changes nothing, another one needs the old key. */
	ck_assert_int_eq(sgs_bed_register(b, "d", 1, 1, &other), RC_OK);
	ck_assert_uint_eq(other, device);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_DEVICE, device), 1);
	ck_assert_int_eq(sgs_bed_register(b, "d", 1, 2, NULL), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_register(b, "d", 0, 2, &other), RC_OK);
	ck_assert_uint_eq(other, device);
	ck_assert_int_eq(sgs_bed_show(b, device, &d), RC_OK);
	ck_assert_uint_eq(d.regctr, 2);

	/* Revoked, and another device of that name. */
	sgs_bed_told_clear(b);
	ck_assert_int_eq(sgs_bed_revoke(b, device), RC_OK);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_DEVICE_GONE, device), 1);
	ck_assert_int_eq(sgs_bed_revoke(b, device), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_register(b, "d", 0, 3, NULL), RC_NOT_FOUND);
	other = sgs_bed_device(b, "d");
	ck_assert_uint_gt(other, device);
	ck_assert_int_eq(sgs_bed_show(b, other, &d), RC_OK);
	ck_assert_uint_eq(d.regctr, 3);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_register_bounds)
{
	struct sgs_bed *b = &bed;
	static char octets[SGS_ANSWER_MAX + 1];
	const char *ids[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	struct sgs_register r = { .id = SLICE_LIT("a"),
		                  .kd = (const uint8_t *)octets,
		                  .regctr = 3,
		                  .answer = SLICE_LIT("R2") };
	struct sgs_device d;

	sgs_bed_start(b, _i);
	for (size_t i = 0; i < NITEMS(ids); i++)
		(void)sgs_bed_device(b, ids[i]);
	ck_assert_int_eq(sgs_bed_token(b, "i", 1), RC_OK);
	ck_assert_int_eq(sgs_bed_register(b, "i", 1, 1, NULL), RC_NO_SPACE);
	ck_assert_int_eq(SGS_DO(b, sgs_device_register, &r), RC_PRECONDITION);
	r.regctr = 1;
	ck_assert_int_eq(SGS_DO(b, sgs_device_register, &r), RC_PRECONDITION);
	r.regctr = 2;
	r.answer = slice_make(octets, SGS_ANSWER_MAX + 1);
	ck_assert_int_eq(SGS_DO(b, sgs_device_register, &r), RC_BAD_REQUEST);
	r.answer = SLICE_NONE;
	ck_assert_int_eq(SGS_DO(b, sgs_device_register, &r), RC_BAD_REQUEST);
	r.answer = slice_make(octets, SGS_ANSWER_MAX);
	r.id = SLICE_NONE;
	ck_assert_int_eq(SGS_DO(b, sgs_device_register, &r), RC_BAD_REQUEST);
	r.id = slice_make(octets, SGS_ID_MAX + 1);
	ck_assert_int_eq(SGS_DO(b, sgs_device_register, &r), RC_BAD_REQUEST);
	r.id = SLICE_LIT("a");
	ck_assert_int_eq(SGS_DO(b, sgs_device_register, &r), RC_OK);
	ck_assert_int_eq(sgs_bed_show(b, r.device, &d), RC_OK);
	ck_assert(d.sign == NULL && d.answer.n == SGS_ANSWER_MAX);

	/* There is room for another one when one is gone. */
	ck_assert_int_eq(sgs_bed_revoke(b, r.device), RC_OK);
	ck_assert_int_eq(sgs_bed_register(b, "i", 1, 1, NULL), RC_OK);
	sgs_bed_free(b);
}
END_TEST

/* What is prepared for a device of an identity, which is revoked before: it has a regctr to fit. */
START_TEST(test_regctr)
{
	struct sgs_bed *b = &bed;
	uint8_t token[SGS_HASH_BYTES];
	struct sgs_register r = { .id = SLICE_LIT("n"),
		                  .token_hash = token,
		                  .kd = token,
		                  .regctr = 1,
		                  .answer = SLICE_LIT("R2") };
	uint64_t device;

	sgs_bed_start(b, _i);
	device = sgs_bed_device(b, "d");
	ck_assert_int_eq(sgs_bed_token(b, "n", 1), RC_OK);
	ck_assert_int_eq(sgs_bed_revoke(b, device), RC_OK);
	memset(token, 1, sizeof(token));
	ck_assert_int_eq(SGS_DO(b, sgs_device_register, &r), RC_PRECONDITION);
	r.regctr = 2;
	ck_assert_int_eq(SGS_DO(b, sgs_device_register, &r), RC_OK);
	sgs_bed_free(b);
}
END_TEST

/* ---- contact, counter, lists ---- */

START_TEST(test_contact)
{
	struct sgs_bed *b = &bed;
	static char octets[SGS_CONTACT_MAX + 1] = "http://d/";
	struct sgs_contact c = { .device = 1, .uri = SLICE_LIT("coap://d/") };
	struct sgs_view *v;
	struct sgs_device d;

	sgs_bed_start(b, _i);
	ck_assert_int_eq(SGS_DO(b, sgs_contact_put, &c), RC_NOT_FOUND);
	c.device = sgs_bed_device(b, "d");
	sgs_bed_told_clear(b);
	ck_assert_int_eq(SGS_DO(b, sgs_contact_put, &c), RC_OK);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_DEVICE, c.device), 1);
	c.uri = slice_make(octets, sizeof(octets));
	ck_assert_int_eq(SGS_DO(b, sgs_contact_put, &c), RC_TOO_LARGE);
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_device_get(v, c.device, &d), RC_OK);
	ck_assert(slice_is(d.contact, "coap://d/"));
	sgs_view_close(v);
	c.uri = SLICE_NONE;
	ck_assert_int_eq(SGS_DO(b, sgs_contact_put, &c), RC_OK);
	ck_assert_uint_eq(sgs_bed_count(b, SGS_T_CONTACT), 0);
	ck_assert_int_eq(SGS_DO(b, sgs_contact_put, &c), RC_OK);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_counter)
{
	struct sgs_bed *b = &bed;
	struct sgs_counter c = { .device = 1, .regctr = 1, .ctr = 1 };
	struct sgs_device d;

	sgs_bed_start(b, _i);
	ck_assert_int_eq(SGS_DO(b, sgs_counter_raise, &c), RC_NOT_FOUND);
	c.device = sgs_bed_device(b, "d");
	ck_assert_int_eq(SGS_DO(b, sgs_counter_raise, &c), RC_OK);
	ck_assert_uint_eq(c.ceiling, 1001);
	c.ctr = 0;
	ck_assert_int_eq(SGS_DO(b, sgs_counter_raise, &c), RC_OK);
	ck_assert_uint_eq(c.ceiling, 1001);
	c.ctr = 5000;
	ck_assert_int_eq(SGS_DO(b, sgs_counter_raise, &c), RC_OK);
	ck_assert_int_eq(sgs_bed_show(b, c.device, &d), RC_OK);
	ck_assert(c.ceiling == 6000 && d.ceiling == 6000);
	c.ctr = UINT64_MAX - SGS_COUNTER_STEP + 1;
	ck_assert_int_eq(SGS_DO(b, sgs_counter_raise, &c), RC_BAD_REQUEST);
	c.regctr = 2;
	c.ctr = 7000;
	ck_assert_int_eq(SGS_DO(b, sgs_counter_raise, &c), RC_PRECONDITION);

	/* With another key it begins again. */
	ck_assert_int_eq(sgs_bed_register(b, "d", 0, 2, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_show(b, c.device, &d), RC_OK);
	ck_assert_uint_eq(d.ceiling, 0);
	ck_assert_int_eq(SGS_DO(b, sgs_counter_raise, &c), RC_OK);
	ck_assert_uint_eq(c.ceiling, 8000);
	sgs_bed_free(b);
}
END_TEST

struct names {
	char seen[64];
	size_t n, stop;
};

static bool
see_device(void *arg, const struct sgs_device *d)
{
	struct names *s = arg;

	s->seen[s->n++] = d->id.p[0];
	return s->n != s->stop;
}

static bool
see_contact(void *arg, uint64_t device, struct slice uri)
{
	struct names *s = arg;

	(void)device;
	s->seen[s->n++] = uri.p[0];
	return s->n != s->stop;
}

START_TEST(test_lists)
{
	struct sgs_bed *b = &bed;
	const char *ids[] = { "a", "b", "c", "d", "e" };
	struct names s;
	struct sgs_view *v;
	uint64_t first = 0;

	sgs_bed_start(b, _i);
	for (size_t i = 0; i < NITEMS(ids); i++) {
		uint64_t device = sgs_bed_device(b, ids[i]);
		struct sgs_contact c = { .device = device, .uri = slice_of(ids[i]) };

		first = i == 0 ? device : first;
		if (i % 2 == 0)
			ck_assert_int_eq(SGS_DO(b, sgs_contact_put, &c), RC_OK);
	}
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_bed_revoke(b, first + 2), RC_OK);
	sgs_view_close(v);
	v = sgs_bed_view(b);
	s = (struct names){ 0 };
	ck_assert_int_eq(sgs_device_list(v, 0, 0, see_device, &s), RC_OK);
	ck_assert_str_eq(s.seen, "abde");
	s = (struct names){ 0 };
	ck_assert_int_eq(sgs_device_list(v, first, 2, see_device, &s), RC_OK);
	ck_assert_str_eq(s.seen, "bd");
	s = (struct names){ .stop = 1 };
	ck_assert_int_eq(sgs_device_list(v, first, 0, see_device, &s), RC_OK);
	ck_assert_str_eq(s.seen, "b");
	s = (struct names){ 0 };
	ck_assert_int_eq(sgs_contact_list(v, 0, 0, see_contact, &s), RC_OK);
	ck_assert_str_eq(s.seen, "ae");
	s = (struct names){ 0 };
	ck_assert_int_eq(sgs_contact_list(v, first, 1, see_contact, &s), RC_OK);
	ck_assert_str_eq(s.seen, "e");
	sgs_view_close(v);
	sgs_bed_free(b);
}
END_TEST

/* All that a device has goes with it: the other party, and the group, go on without. */
START_TEST(test_revoke)
{
	struct sgs_bed *b = &bed;
	uint64_t members[2], i, j, k;
	struct sgs_group g;
	struct sgs_session s;

	sgs_bed_make(b, _i);
	b->conf.limits.items_device_max = 300;
	b->conf.limits.items_max = 1000;
	b->conf.limits.octets_device_max = b->conf.limits.octets_max = 100000;
	sgs_bed_open(b);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL), RC_OK);
	i = sgs_bed_device(b, "i");
	j = sgs_bed_device(b, "j");
	k = sgs_bed_device(b, "k");
	members[0] = j;
	members[1] = k;
	ck_assert_int_eq(sgs_bed_group(b, 20, i, members, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_group(b, 21, j, members + 1, 1), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 20, i, 1, 0, 10, NULL), RC_OK);
	sgs_bed_session(b, 1, i, j);
	sgs_bed_session(b, 2, j, k);
	ck_assert_int_eq(sgs_bed_invite(b, 3, j, i), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 0, 5, NULL), RC_OK);
	for (uint32_t n = 1; n < 200; n++)
		ck_assert_int_eq(sgs_bed_message(b, 1, i, n, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_revoke(b, j), RC_OK);

	ck_assert_uint_eq(sgs_bed_stats(b).sessions, 0);
	ck_assert_uint_eq(sgs_bed_stats(b).half_open, 0);
	ck_assert_int_eq(sgs_bed_session_show(b, 1, &s), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 200, 5, NULL), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_group_show(b, 21, &g), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_group_show(b, 20, &g), RC_OK);
	ck_assert(g.stale && g.n_members == 2 && g.epoch == 1);
	ck_assert_int_eq(sgs_bed_ack(b, j, 1, false), RC_NOT_FOUND);
	ck_assert_uint_eq(sgs_bed_items(b, j, NULL, 0), 0);
	/* A4, B6, one record, A2 of another session; the group message, B2, B6. */
	ck_assert_uint_eq(sgs_bed_items(b, i, NULL, 0), 4);
	ck_assert_uint_eq(sgs_bed_items(b, k, NULL, 0), 4);
	sgs_bed_free(b);
}
END_TEST

/* ---- revoked, and not removed yet ---- */

/*
 * Handed in by the thread of the book when the device is revoked: done before anything is removed,
 * unless its clock strikes just then.
 */
static struct {
	struct sgs_bed *b;
	uint64_t i, j;
	struct sgs_revoke revoke;
	struct sgs_message message;
	struct sgs_group_message group;
	struct sgs_invite invite;
	struct sgs_end end;
	struct sgs_ack ack;
	struct sgs_contact contact;
	struct sgs_counter counter;
	struct sgs_revoke again;
	struct sgs_group_end group_end;
	atomic_uint left;
	bool seen;
} u;

static void
look(void)
{
	struct sgs_view *v = sgs_bed_view(u.b);
	struct names seen = { 0 };
	struct sgs_session s;
	struct sgs_group g;
	struct sgs_device d;
	uint8_t kd[SGS_SECRET_BYTES];

	ck_assert_int_eq(sgs_device_get(v, u.j, &d), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_device_find(v, SLICE_LIT("j"), &d), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_device_kd(v, u.j, kd), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_session_get(v, sgs_sid(1).v, &s), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_item_list(v, u.j, 0, 0, 0, NULL, NULL), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_group_get(v, sgs_sid(21).v, &g), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_group_get(v, sgs_sid(20).v, &g), RC_OK);
	ck_assert_int_eq(sgs_device_list(v, 0, 0, see_device, &seen), RC_OK);
	ck_assert_str_eq(seen.seen, "ik");
	sgs_view_close(v);
	u.seen = true;
}

static void
one_done(struct sgs_op *op)
{
	(void)op;
	if (atomic_load(&u.left) == 1)
		look();
	atomic_fetch_sub(&u.left, 1);
}

static void
revoked(struct sgs_op *op)
{
	struct sgs_book *b = u.b->book;

	(void)op;
	sgs_message_put(b, &u.message);
	sgs_group_message_put(b, &u.group);
	sgs_session_invite(b, &u.invite);
	sgs_session_end(b, &u.end);
	sgs_item_ack(b, &u.ack);
	sgs_contact_put(b, &u.contact);
	sgs_counter_raise(b, &u.counter);
	sgs_device_revoke(b, &u.again);
	sgs_group_end(b, &u.group_end);
}

START_TEST(test_revoked)
{
	struct sgs_bed *b = &bed;
	const struct sgs_op one = { .done = one_done };
	uint64_t members[2];

	sgs_bed_start(b, _i);
	u.b = b;
	u.i = sgs_bed_device(b, "i");
	u.j = members[0] = sgs_bed_device(b, "j");
	members[1] = sgs_bed_device(b, "k");
	sgs_bed_session(b, 1, u.i, u.j);
	ck_assert_int_eq(sgs_bed_group(b, 20, u.i, members, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_group(b, 21, u.j, members + 1, 1), RC_OK);
	u.revoke = (struct sgs_revoke){ .op = { .done = revoked }, .device = u.j };
	u.message = (struct sgs_message){
		.op = one, .by = u.i, .confirm = true, .octets = SLICE_LIT("x")
	};
	memcpy(u.message.sid, sgs_sid(1).v, SGS_SID_BYTES);
	u.group = (struct sgs_group_message){
		.op = one, .by = u.i, .epoch = 1, .octets = SLICE_LIT("x")
	};
	memcpy(u.group.gid, sgs_sid(20).v, SGS_SID_BYTES);
	u.invite = (struct sgs_invite){ .op = one,
		                        .i = u.i,
		                        .j = u.j,
		                        .suite = SGS_SUITE,
		                        .serial = SGS_SERIAL,
		                        .state = SLICE_LIT("state"),
		                        .to_j = SLICE_LIT("A2") };
	u.end = (struct sgs_end){ .op = one };
	memcpy(u.end.sid, u.message.sid, SGS_SID_BYTES);
	u.ack = (struct sgs_ack){ .op = one, .device = u.j, .item = 1 };
	u.contact = (struct sgs_contact){ .op = one, .device = u.j, .uri = SLICE_LIT("u") };
	u.counter = (struct sgs_counter){ .op = one, .device = u.j, .regctr = 1 };
	u.again = (struct sgs_revoke){ .op = one, .device = u.j };
	u.group_end = (struct sgs_group_end){ .op = one };
	memcpy(u.group_end.gid, sgs_sid(21).v, SGS_SID_BYTES);
	atomic_store(&u.left, 9);
	sgs_device_revoke(b->book, &u.revoke);
	while (atomic_load(&u.left) > 0)
		usleep(1000);
	ck_assert_int_eq(u.revoke.op.rc, RC_OK);
	ck_assert_int_eq(u.group.op.rc, RC_PRECONDITION);
	ck_assert_int_eq(u.message.op.rc, RC_NOT_FOUND);
	ck_assert_int_eq(u.invite.op.rc, RC_NOT_FOUND);
	ck_assert_int_eq(u.end.op.rc, RC_NOT_FOUND);
	ck_assert_int_eq(u.ack.op.rc, RC_NOT_FOUND);
	ck_assert_int_eq(u.contact.op.rc, RC_NOT_FOUND);
	ck_assert_int_eq(u.counter.op.rc, RC_NOT_FOUND);
	ck_assert_int_eq(u.again.op.rc, RC_NOT_FOUND);
	ck_assert_int_eq(u.group_end.op.rc, RC_NOT_FOUND);
	ck_assert(u.seen);
	sgs_bed_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs_device");
	TCase *c = suite_case(s, "device", NULL, NULL);

	tcase_add_loop_test(c, test_keys, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_keys_limits, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_tokens, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_register, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_register_bounds, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_regctr, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_contact, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_counter, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_lists, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_revoke, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_revoked, 0, SGS_ENGINES);
	return run_suite(s);
}
