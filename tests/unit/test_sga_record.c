/* SPDX-License-Identifier: Apache-2.0 */
/* Records: their order, confirmations, signatures, and when a session is used up. */
#include "config.h"

#include "sga/octets.h"
#include "sga/session_own.h"
#include "sga_flow.h"

static struct flow flow;
static struct buf sealed[8], plain;

static void
setup(void)
{
	const struct flow_conf conf = { 0 };

	flow_init(&flow, &conf);
	for (size_t i = 0; i < NITEMS(sealed); i++)
		buf_init(&sealed[i], 2 * SGA_MESSAGE_MAX);
	buf_init(&plain, 2 * SGA_MESSAGE_MAX);
}

static void
teardown(void)
{
	flow_fini(&flow);
	for (size_t i = 0; i < NITEMS(sealed); i++)
		buf_fini(&sealed[i]);
	buf_fini(&plain);
}

/* Record n of i, with one octet of data. */
static void
seal(size_t n)
{
	const char data = (char)('a' + n);

	ck_assert_int_eq(
		sga_record_seal(flow.si, flow.i, 0, slice_make(&data, 1), FLOW_NOW, &sealed[n]),
		RC_OK);
}

static enum rc
open_at_j(struct slice record)
{
	struct sga_plain out;
	enum rc rc;

	buf_clear(&plain);
	rc = sga_record_open(flow.sj, NULL, record, &out, &plain);
	ck_assert_uint_eq(plain.n, rc == RC_OK ? out.data.n : 0);
	return rc;
}

/* ---- order ---- */

START_TEST(exactly_the_next)
{
	static const struct {
		size_t n;
		enum rc rc;
	} steps[] = {
		{ 1, RC_CONFLICT }, { 0, RC_OK },       { 0, RC_CONFLICT }, { 2, RC_CONFLICT },
		{ 1, RC_OK },       { 0, RC_CONFLICT }, { 3, RC_CONFLICT }, { 2, RC_OK },
		{ 1, RC_CONFLICT }, { 2, RC_CONFLICT }, { 3, RC_OK },
	};

	flow_run(&flow, FLOW_CONF_J);
	for (size_t n = 0; n < 4; n++)
		seal(n);
	for (size_t i = 0; i < NITEMS(steps); i++) {
		ck_assert_int_eq(open_at_j(buf_view(&sealed[steps[i].n])), steps[i].rc);
		if (steps[i].rc == RC_OK)
			ck_assert_int_eq(plain.p[0], (char)('a' + steps[i].n));
	}
	ck_assert_int_eq(sga_session_set_window(flow.sj, true), RC_CONFLICT);
}
END_TEST

START_TEST(any_of_the_window)
{
	static const struct {
		size_t n;
		enum rc rc;
	} steps[] = {
		{ 2, RC_OK }, { 1, RC_OK }, { 2, RC_CONFLICT }, { 1, RC_CONFLICT },
		{ 5, RC_OK }, { 0, RC_OK }, { 0, RC_CONFLICT }, { 3, RC_OK },
	};
	struct buf one;

	flow_run(&flow, FLOW_B6_J);
	ck_assert_int_eq(sga_session_set_window(flow.sj, true), RC_OK);
	flow_run(&flow, FLOW_CONF_J);
	for (size_t n = 0; n < 6; n++)
		seal(n);
	for (size_t i = 0; i < NITEMS(steps); i++)
		ck_assert_int_eq(open_at_j(buf_view(&sealed[steps[i].n])), steps[i].rc);
	/* Far ahead: what is then more than a window behind is gone. */
	buf_init(&one, SGA_MESSAGE_MAX);
	for (unsigned n = 0; n < REPLAY_WINDOW; n++) {
		buf_clear(&one);
		ck_assert_int_eq(
			sga_record_seal(flow.si, flow.i, 0, SLICE_LIT("z"), FLOW_NOW, &one), RC_OK);
	}
	ck_assert_int_eq(open_at_j(buf_view(&one)), RC_OK);
	ck_assert_int_eq(open_at_j(buf_view(&sealed[4])), RC_CONFLICT);
	buf_fini(&one);
}
END_TEST

/* ---- confirmation ---- */

START_TEST(confirmation_first)
{
	const struct flow_conf conf = { .label = "other" };
	struct flow other;

	flow_run(&flow, FLOW_B6_J);
	/* No data before the peer has confirmed, and one empty record at most. */
	ck_assert_int_eq(sga_record_seal(flow.si, flow.i, 0, SLICE_LIT("x"), 0, &sealed[0]),
	                 RC_CONFLICT);
	ck_assert_int_eq(sga_record_seal(flow.si, flow.i, 0, SLICE_NONE, 0, &sealed[0]), RC_OK);
	ck_assert_int_eq(sga_record_seal(flow.si, flow.i, 0, SLICE_NONE, 0, &sealed[1]),
	                 RC_CONFLICT);
	ck_assert_int_eq(sga_session_export(flow.si, SLICE_LIT("x"), sealed, 8), RC_CONFLICT);
	ck_assert_int_eq(open_at_j(buf_view(&sealed[0])), RC_OK);
	ck_assert_int_eq(open_at_j(buf_view(&sealed[0])), RC_CONFLICT);
	ck_assert_int_eq(sga_record_seal(flow.sj, flow.j, 0x01, SLICE_NONE, 0, &sealed[1]),
	                 RC_CONFLICT);
	ck_assert_int_eq(
		sga_record_seal(flow.sj, flow.j, SGA_FLAG_GROUP_KEY, SLICE_LIT("x"), 0, &sealed[1]),
		RC_OK);
	flow_init(&other, &conf);
	flow_run(&other, FLOW_CONF_I);
	ck_assert_int_eq(flow_take(&other, FLOW_CONF_J, buf_view(&sealed[1])), RC_DENIED);
	flow_fini(&other);
}
END_TEST

/* A record of i that says plain, sealed as the keys of s say. */
static void
craft(const struct sga_session *s, uint8_t flags, uint32_t ctr, struct slice text, struct buf *to)
{
	const struct cipher *c = sga_session_cipher(s);
	const struct sga_header h = {
		.suite = s->suite, .type = SGA_RECORD, .flags = flags, .sid = s->sid, .ctr = ctr
	};
	uint8_t aad[SGA_HEADER_SIZE + 2] = { 0 }, nonce[CIPHER_IV_MAX], out[512];

	sga_header_write(&h, aad);
	aad[SGA_HEADER_SIZE + 1] = (uint8_t)s->cid;
	sga_way_nonce(&s->out, c, ctr, nonce);
	ck_assert_int_eq(
		aead_seal_once(c, s->out.key, nonce, slice_make(aad, sizeof(aad)), text, out),
		RC_OK);
	buf_clear(to);
	buf_add(to, aad, SGA_HEADER_SIZE);
	buf_add(to, out, text.n + c->tag);
}

/* conf of i, lv8(signature) and "data". */
static void
confirmation_of(const struct sga_session *s, struct buf *to)
{
	uint8_t text[33] = { 'i' }, mac[32];

	memcpy(text + 1, s->th.v, 32);
	ck_assert_int_eq(sga_mac(&s->k_conf, slice_make(text, sizeof(text)), mac), RC_OK);
	buf_clear(to);
	buf_add(to, mac, SGA_CONF_SIZE);
	buf_char(to, '\0');
	buf_puts(to, "data");
}

/* The peer has the keys of the records, and yet must say what it has to. */
START_TEST(confirmation_needed)
{
	struct buf text, record, before, after;

	buf_init(&text, 256);
	buf_init(&record, 512);
	flow_run(&flow, FLOW_B6_J);
	flow_state(&flow, &before);
	confirmation_of(flow.si, &text);
	/* No confirmation; one in a later record; one that is not i's; cut off; a short signature. */
	craft(flow.si, 0, 0, SLICE_LIT("data"), &record);
	ck_assert_int_eq(open_at_j(buf_view(&record)), RC_DENIED);
	craft(flow.si, SGA_FLAG_CONFIRMED, 1, buf_view(&text), &record);
	ck_assert_int_eq(open_at_j(buf_view(&record)), RC_DENIED);
	for (size_t k = 0; k < SGA_CONF_SIZE; k++) {
		text.p[k] ^= 4;
		craft(flow.si, SGA_FLAG_CONFIRMED, 0, buf_view(&text), &record);
		ck_assert_int_eq(open_at_j(buf_view(&record)), RC_DENIED);
		text.p[k] ^= 4;
	}
	for (size_t n = 0; n <= SGA_CONF_SIZE; n++) {
		craft(flow.si, SGA_FLAG_CONFIRMED, 0, slice_head(buf_view(&text), n), &record);
		ck_assert_int_eq(open_at_j(buf_view(&record)), RC_DENIED);
	}
	text.p[SGA_CONF_SIZE] = 4;
	craft(flow.si, SGA_FLAG_CONFIRMED, 0, buf_view(&text), &record);
	ck_assert_int_eq(open_at_j(buf_view(&record)), RC_DENIED);
	flow_state(&flow, &after);
	ck_assert(slice_eq(buf_view(&before), buf_view(&after)));
	text.p[SGA_CONF_SIZE] = 0;
	craft(flow.si, SGA_FLAG_CONFIRMED, 0, buf_view(&text), &record);
	ck_assert_int_eq(open_at_j(buf_view(&record)), RC_OK);
	ck_assert(slice_is(buf_view(&plain), "data"));
	buf_fini(&before);
	buf_fini(&after);
	buf_fini(&text);
	buf_fini(&record);
}
END_TEST

/* Nor with a window is there anything before the confirmation. */
START_TEST(confirmation_before_the_rest)
{
	struct buf record;

	buf_init(&record, 512);
	flow_run(&flow, FLOW_B6_J);
	ck_assert_int_eq(sga_session_set_window(flow.sj, true), RC_OK);
	craft(flow.si, 0, 1, SLICE_LIT("x"), &record);
	ck_assert_int_eq(open_at_j(buf_view(&record)), RC_CONFLICT);
	flow_run(&flow, FLOW_CONF_I);
	ck_assert_int_eq(open_at_j(buf_view(&record)), RC_OK);
	buf_fini(&record);
}
END_TEST

/* ---- signature ---- */

START_TEST(signature_of_the_peer)
{
	static const struct {
		bool signs, known, other, required;
		enum rc rc;
		bool by_peer;
	} rows[] = {
		{ true, false, false, false, RC_OK, false },
		{ true, true, false, false, RC_OK, true },
		{ true, true, false, true, RC_OK, true },
		{ true, true, true, false, RC_DENIED, false },
		{ true, true, true, true, RC_DENIED, false },
		{ true, false, false, true, RC_DENIED, false },
		{ false, true, false, false, RC_DENIED, false },
		{ false, true, false, true, RC_DENIED, false },
		{ false, false, false, true, RC_DENIED, false },
		{ false, false, false, false, RC_OK, false },
	};
	const struct flow_conf conf = { .unsigned_i = !rows[_i].signs };
	struct sga_trust trust = { .required = rows[_i].required };
	struct sign_public i;
	struct sga_plain out;
	struct flow f;

	sign_key_public(sga_device_sign_key(flow.i), &i);
	flow_init(&f, &conf);
	flow_run(&f, FLOW_B6_J);
	flow_make(&f, FLOW_CONF_I);
	if (rows[_i].known)
		trust.peer = rows[_i].other ? &f.sign_j : &i;
	ck_assert_int_eq(sga_record_open(f.sj, &trust, flow_octets(&f, FLOW_CONF_I), &out, &plain),
	                 rows[_i].rc);
	if (rows[_i].rc == RC_OK)
		ck_assert(out.signed_by_peer == rows[_i].by_peer);
	flow_fini(&f);
}
END_TEST

/*
 * G is active: it is j to i, and i to j, with a key on each side that it knows. What i said it says
 * again to j under the other key, with the signature of i, or its own.
 */
START_TEST(gateway_in_the_middle)
{
	const struct flow_conf to_i = { .label = "as j to i" }, to_j = { .label = "as i to j" };
	struct sga_trust trust = { 0 };
	struct flow left, right;
	struct sga_plain said;
	struct buf record, text;

	buf_init(&record, 512);
	buf_init(&text, 512);
	flow_init(&left, &to_i);
	flow_init(&right, &to_j);
	flow_run(&left, FLOW_B6_J);
	flow_run(&right, FLOW_B6_J);
	flow_make(&left, FLOW_CONF_I);
	trust.peer = &left.sign_i;
	/* Without the option nobody sees it: the session that j has is confirmed. */
	if (_i == 0) {
		confirmation_of(right.si, &text);
		craft(right.si, SGA_FLAG_CONFIRMED, 0, buf_view(&text), &record);
		ck_assert_int_eq(sga_record_open(right.sj, NULL, buf_view(&record), &said, &plain),
		                 RC_OK);
	}
	/* With it: i's signature is over the transcript and the key of the other side. */
	if (_i == 1) {
		uint8_t opened[512], nonce[CIPHER_IV_MAX], aad[SGA_HEADER_SIZE + 2] = { 0 };
		const struct cipher *c = sga_session_cipher(left.sj);
		struct slice octets = flow_octets(&left, FLOW_CONF_I);

		memcpy(aad, octets.p, SGA_HEADER_SIZE);
		aad[SGA_HEADER_SIZE + 1] = (uint8_t)left.sj->cid;
		sga_way_nonce(&left.sj->in, c, 0, nonce);
		ck_assert_int_eq(aead_open_once(c, left.sj->in.key, nonce,
		                                slice_make(aad, sizeof(aad)),
		                                slice_from(octets, SGA_HEADER_SIZE), opened),
		                 RC_OK);
		confirmation_of(right.si, &text);
		text.n = SGA_CONF_SIZE;
		buf_add(&text, opened + SGA_CONF_SIZE, 1 + SIGN_SIZE);
		craft(right.si, SGA_FLAG_CONFIRMED, 0, buf_view(&text), &record);
		ck_assert_int_eq(
			sga_record_open(right.sj, &trust, buf_view(&record), &said, &plain),
			RC_DENIED);
	}
	/* And G cannot sign, or leave it out. */
	if (_i == 2) {
		ck_assert_int_eq(sga_record_seal(right.si, right.j, 0, SLICE_NONE, 0, &record),
		                 RC_OK);
		ck_assert_int_eq(
			sga_record_open(right.sj, &trust, buf_view(&record), &said, &plain),
			RC_DENIED);
		confirmation_of(right.si, &text);
		craft(right.si, SGA_FLAG_CONFIRMED, 0, buf_view(&text), &record);
		ck_assert_int_eq(
			sga_record_open(right.sj, &trust, buf_view(&record), &said, &plain),
			RC_DENIED);
	}
	flow_fini(&left);
	flow_fini(&right);
	buf_fini(&record);
	buf_fini(&text);
}
END_TEST

/* ---- limits ---- */

START_TEST(used_up)
{
	flow_run(&flow, FLOW_DATA_J);
	flow.si->out.ctr = SGA_RECORDS_MAX - 1;
	flow.sj->in.ctr = SGA_RECORDS_MAX - 1;
	seal(0);
	ck_assert_int_eq(open_at_j(buf_view(&sealed[0])), RC_OK);
	ck_assert_int_eq(sga_record_seal(flow.si, flow.i, 0, SLICE_LIT("x"), 0, &sealed[1]),
	                 RC_PRECONDITION);
	/* A peer that goes on is not followed. */
	craft(flow.si, 0, SGA_RECORDS_MAX, SLICE_LIT("x"), &sealed[1]);
	ck_assert_int_eq(open_at_j(buf_view(&sealed[1])), RC_PRECONDITION);
}
END_TEST

START_TEST(too_old)
{
	uint64_t last = FLOW_NOW + SGA_SESSION_SECONDS;

	flow_run(&flow, FLOW_DATA_J);
	ck_assert_int_eq(sga_record_seal(flow.si, flow.i, 0, SLICE_LIT("x"), last, &sealed[0]),
	                 RC_OK);
	ck_assert_int_eq(sga_record_seal(flow.si, flow.i, 0, SLICE_LIT("x"), last + 1, &sealed[1]),
	                 RC_PRECONDITION);
	/* A clock that was set back, or none, does not end it. */
	ck_assert_int_eq(sga_record_seal(flow.si, flow.i, 0, SLICE_LIT("x"), 1, &sealed[1]), RC_OK);
	ck_assert_int_eq(sga_record_seal(flow.si, flow.i, 0, SLICE_LIT("x"), 0, &sealed[2]), RC_OK);
}
END_TEST

START_TEST(long_data)
{
	const struct flow_conf conf = { .cid = (uint16_t)_i };
	struct buf data, record;
	struct sga_plain out;
	struct flow f;

	flow_init(&f, &conf);
	flow_run(&f, FLOW_DATA_J);
	buf_init(&data, SGA_DATA_MAX + 1);
	buf_init(&record, SGA_MESSAGE_MAX);
	ck_assert_ptr_nonnull(buf_reserve(&data, SGA_DATA_MAX + 1));
	memset(data.p, 'x', SGA_DATA_MAX + 1);
	data.n = SGA_DATA_MAX + 1;
	ck_assert_int_eq(sga_record_seal(f.si, f.i, 0, buf_view(&data), 0, &record), RC_TOO_LARGE);
	data.n--;
	ck_assert_int_eq(sga_record_seal(f.si, f.i, 0, buf_view(&data), 0, &record), RC_OK);
	ck_assert_int_eq(sga_record_open(f.sj, NULL, buf_view(&record), &out, &plain), RC_OK);
	ck_assert(slice_eq(out.data, buf_view(&data)));
	buf_fini(&data);
	buf_fini(&record);
	flow_fini(&f);
}
END_TEST

/* A cipher with short tags: after too many failures nobody can be sure of the next one. */
START_TEST(forgeries)
{
	const struct flow_conf conf = { .cid = 1 };
	struct sga_plain out;
	struct flow f;

	flow_init(&f, &conf);
	flow_run(&f, FLOW_DATA_I);
	ck_assert_int_eq(sga_record_seal(f.si, f.i, 0, SLICE_LIT("x"), 0, &sealed[0]), RC_OK);
	sealed[0].p[sealed[0].n - 1] ^= 1;
	f.sj->failed = (1u << 20) - 2;
	ck_assert_int_eq(sga_record_open(f.sj, NULL, buf_view(&sealed[0]), &out, &plain),
	                 RC_DENIED);
	ck_assert_int_eq(sga_session_state(f.sj), SGA_S_OPEN);
	ck_assert_int_eq(sga_record_open(f.sj, NULL, buf_view(&sealed[0]), &out, &plain),
	                 RC_DENIED);
	ck_assert_int_eq(sga_session_state(f.sj), SGA_S_CLOSED);
	flow_fini(&f);
}
END_TEST

START_TEST(after_the_end)
{
	struct sga_progress p;

	flow_run(&flow, FLOW_DATA_J);
	seal(0);
	sga_session_close(flow.sj);
	ck_assert_int_eq(open_at_j(buf_view(&sealed[0])), RC_CONFLICT);
	ck_assert_int_eq(sga_record_seal(flow.sj, flow.j, 0, SLICE_NONE, 0, &sealed[1]),
	                 RC_CONFLICT);
	expect_zeros(&flow.sj->prk, sizeof(flow.sj->prk));
	expect_zeros(&flow.sj->in, sizeof(flow.sj->in));
	expect_zeros(&flow.sj->out, sizeof(flow.sj->out));
	expect_zeros(&flow.sj->hop, sizeof(flow.sj->hop));
	sga_session_progress(flow.sj, &p);
	ck_assert_uint_eq(p.taken, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sga record");
	TCase *c = suite_case(s, "order", setup, teardown);

	tcase_add_test(c, exactly_the_next);
	tcase_add_test(c, any_of_the_window);
	c = suite_case(s, "confirmation", setup, teardown);
	tcase_add_test(c, confirmation_first);
	tcase_add_test(c, confirmation_needed);
	tcase_add_test(c, confirmation_before_the_rest);
	tcase_add_loop_test(c, signature_of_the_peer, 0, 10);
	tcase_add_loop_test(c, gateway_in_the_middle, 0, 3);
	c = suite_case(s, "limits", setup, teardown);
	tcase_add_test(c, used_up);
	tcase_add_test(c, too_old);
	tcase_add_loop_test(c, long_data, 1, CIPHER_CID_MAX + 1);
	tcase_add_test(c, forgeries);
	tcase_add_test(c, after_the_end);
	return run_suite(s);
}
