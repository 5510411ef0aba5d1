/* SPDX-License-Identifier: Apache-2.0 */
/* The MSBF beside bootstraps: info and status, the list of devices, its store, its end. */
#include "config.h"

#include <stdio.h>

#include "mas/msbf_impl.h"
#include "msbf_case.h"
#include "sec/b64url.h"

/* ---- info and status ---- */

START_TEST(test_info)
{
	struct msbf_bed *b = start(0);
	struct asked a = { .method = "GET", .target = "/m2m/msbf/info" };
	struct told t = msbf_ask(b, &a);
	const char *end = strstr(t.body, ",\"signature\":\"");
	uint8_t signature[SIGN_SIZE];
	struct sign_public pub;
	char key[256];

	ck_assert_int_eq(t.status, 200);
	ck_assert_str_eq(t.type, "application/json");
	ck_assert_ptr_nonnull(end);
	value(&t, "msbfId", "msbf.sp1.example");
	value(&t, "spId", "sp1.example");
	ck_assert_ptr_nonnull(
		strstr(t.body, "\"variants\":[\"tls\"],\"modes\":[\"derive\",\"transport\"]"));
	ck_assert(b64url_decode(slice_of(told_value(&t, "signKey", key)), pub.v));
	ck_assert(b64url_decode(slice_make(end + 14, B64URL_LEN(SIGN_SIZE)), signature));
	ck_assert_int_eq(
		sign_verify(&pub, SIGN_OWN, slice_make(t.body, (size_t)(end - t.body)), signature),
		RC_OK);
	told_free(&t);
	a.method = "POST";
	refused(msbf_ask(b, &a), 405, "");
	a.method = "GET";
	a.accept = "application/xml";
	refused(msbf_ask(b, &a), 406, "");
	msbf_bed_free(b);
}
END_TEST

#define NONCE "00112233445566778899aabbccddeeff"

/* The verdict about an identity; 100 more: permanent. */
static unsigned
verdict(struct msbf_bed *b, const struct node_id *node, uint32_t index)
{
	struct asked a = { .method = "POST",
		           .target = "/m2m/msbf/status",
		           .type = "application/json" };
	struct psk_id id = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .node = *node, .index = index };
	char text[PSK_ID_TEXT], body[256];
	uint8_t nonce[REJECT_NONCE_SIZE];
	struct sign_public pub = bed_reject_public();
	struct reject_check check = {
		.pinned = &pub, .node = node, .nonce = nonce, .now = BED_START / CLOCK_SECOND
	};
	struct reject r;
	struct told t;

	ck_assert_uint_gt(psk_id_format(&id, text), 0);
	snprintf(body, sizeof(body), "{\"identity\":\"%s\",\"nonce\":\"" NONCE "\"}", text);
	a.body = body;
	t = msbf_ask(b, &a);
	ck_assert_msg(t.status == 200, "%d %s", t.status, t.body);
	ck_assert_str_eq(t.type, "application/octet-stream");
	ck_assert(reject_nonce_parse(SLICE_LIT(NONCE), nonce));
	ck_assert_int_eq(reject_verify(slice_make(t.body, t.n), &check, &r), RC_OK);
	ck_assert(slice_is(r.sp_id, "sp1.example"));
	told_free(&t);
	return r.cause + (r.permanent ? 100u : 0u);
}

START_TEST(test_status)
{
	static const char *const wrong[] = {
		"",
		"x",
		"{}",
		"[]",
		"{\"identity\":\"mr3.01bcad980102030405060708090a0b0c.1\"}",
		"{\"nonce\":\"" NONCE "\"}",
		"{\"identity\":1,\"nonce\":\"" NONCE "\"}",
		"{\"identity\":\"mr3.01bcad980102030405060708090a0b0c.1\",\"nonce\":\"0011\"}",
		"{\"identity\":\"mc3.1122334455667788.1\",\"nonce\":\"" NONCE "\"}",
		"{\"identity\":\"mr3.01bcad980102030405060708090a0b0c.01\",\"nonce\":\"" NONCE
		"\"}",
	};
	struct msbf_bed *b = start_admitted(0);
	struct told t = msbf_post(b, PPID_A, 1, "");
	struct node_id node = node_of(&t), other = bed_node(3);
	struct mas_change c = { .kind = MAS_REVOKE_NODE, .node = node, .actor = "admin" };
	struct test_peer p;
	struct asked a = { .method = "POST",
		           .target = "/m2m/msbf/status",
		           .type = "application/json" };
	unsigned limited = 0;

	told_free(&t);
	ck_assert_uint_eq(verdict(b, &node, 1), REJECT_ACCEPTED);
	ck_assert_uint_eq(verdict(b, &other, 1), 100 + REJECT_UNKNOWN);
	ck_assert_int_eq(bed_change(&b->mas, &c), RC_OK);
	ck_assert_uint_eq(verdict(b, &node, 1), 100 + REJECT_REVOKED);
	for (unsigned i = 0; i < NITEMS(wrong); i++) {
		a.body = wrong[i];
		refused(msbf_ask(b, &a), 400, "BAD_PARAM");
	}
	a.type = "application/xml";
	refused(msbf_ask(b, &a), 415, "");
	a.type = "application/json";
	peer_of(&p, PPID_A, 1);
	a.peer = &p;
	for (unsigned i = 0; i < 3 * MSBF_STATUS_RATE; i++) {
		t = msbf_ask(b, &a);
		limited += t.status == 503;
		told_free(&t);
	}
	ck_assert_uint_gt(limited, 0);
	msbf_bed_free(b);
}
END_TEST

/* ---- administration and store ---- */

START_TEST(test_provision)
{
	struct msbf_bed *b = start_admitted(0);
	struct device_fingerprint f = { { 1 } };
	struct msbf_line line = msbf_provision(b, PPID_A, NULL, 0);

	ck_assert_int_eq(line.rc, RC_OK);
	ck_assert(!line.is_new);
	line = msbf_provision(b, PPID_A, &f, 1);
	ck_assert_int_eq(line.rc, RC_CONFLICT);
	ck_assert_str_eq(line.reason, "DEVICE_EXISTS");
	line = msbf_provision(b, "00", NULL, 0);
	ck_assert_int_eq(line.rc, RC_BAD_REQUEST);
	ck_assert_str_eq(line.reason, "PPID_LENGTH");
	ck_assert_uint_eq(b->m->devices, 1);
	b->m->conf.devices_max = 1;
	line = msbf_provision(b, PPID_B, NULL, 0);
	ck_assert_int_eq(line.rc, RC_NO_SPACE);
	b->m->conf.admit_ca = true;
	ck_assert_int_eq(msbf_status_of(b, PPID_B, 1, ""), 503);
	msbf_bed_free(b);
}
END_TEST

struct listing {
	struct bed_call call;
	unsigned rows;
};

static void
list_row(struct msbf_query *q, const struct msbf_device *d)
{
	ck_assert_uint_eq(d->ppid.n, 7);
	((struct listing *)q->owner)->rows++;
}

static void
listed(struct msbf_query *q)
{
	bed_over(&((struct listing *)q->owner)->call);
}

START_TEST(test_list)
{
	struct msbf_bed *b = start(0);
	struct listing l = { .rows = 0 };
	struct msbf_query q = { .limit = 3, .row = list_row, .done = listed, .owner = &l };
	char next[sizeof(q.next)];
	unsigned pages = 0;

	for (unsigned i = 0; i < 10; i++) {
		char ppid[32];

		snprintf(ppid, sizeof(ppid), "800000b80000%02x", i);
		ck_assert_int_eq(msbf_provision(b, ppid, NULL, 0).rc, RC_OK);
	}
	do {
		l.call = (struct bed_call){ .b = &b->mas };
		msbf_query(b->m, &q);
		bed_wait(&l.call);
		ck_assert_int_eq(q.outcome.rc, RC_OK);
		memcpy(next, q.next, sizeof(next));
		q.after = slice_of(next);
		pages++;
	} while (next[0] != '\0');
	ck_assert_uint_eq(l.rows, 10);
	ck_assert_uint_eq(pages, 4);
	q.after = SLICE_LIT("xyz");
	l.call.over = false;
	msbf_query(b->m, &q);
	bed_wait(&l.call);
	ck_assert_int_eq(q.outcome.rc, RC_BAD_REQUEST);
	msbf_bed_free(b);
}
END_TEST

static void
rewrapped(struct mas_rewrap *r)
{
	bed_over(r->owner);
}

/* Another master key: the chain goes on, and opens with the new one alone. */
START_TEST(test_master_key)
{
	struct msbf_bed *b = &bed;
	struct bed_call call = { .b = &b->mas };
	struct mas_rewrap r = { .actor = "admin", .done = rewrapped, .owner = &call };
	struct msbf *other;
	char why[256];

	msbf_bed_make(b, 1);
	bed_write(b->mas.next, b->mas.kek_octets[1], KEY_BYTES);
	msbf_bed_open(b);
	ck_assert_int_eq(msbf_provision(b, PPID_A, NULL, 0).rc, RC_OK);
	msbf_rewrap(b->m, &r);
	bed_wait(&call);
	ck_assert_int_eq(r.outcome.rc, RC_OK);
	ck_assert(msbf_audit_sound(b));
	call.over = false;
	msbf_rewrap(b->m, &r);
	bed_wait(&call);
	ck_assert_int_eq(r.outcome.rc, RC_BAD_REQUEST);
	msbf_bed_restart(b); /* both files are there */
	ck_assert(msbf_audit_sound(b));
	msbf_bed_close(b);
	b->conf.kek_next_file = NULL;
	ck_assert_int_eq(msbf_open(&b->conf, &other, why), RC_BAD_REQUEST);
	b->conf.kek_file = b->mas.next;
	ck_assert_int_eq(msbf_open(&b->conf, &other, why), RC_OK);
	msbf_close(other);
	msbf_bed_free(b);
}
END_TEST

static void
late(struct msbf_change *c)
{
	*(bool *)c->owner = true;
}

/* What comes after the end is answered; what was under way at the end, too. */
START_TEST(test_stop)
{
	struct msbf_bed *b = start_admitted(0);
	bool told = false;
	struct msbf_change c = { .kind = MSBF_UNLOCK, .done = late, .owner = &told };

	msbf_stop(b->m);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 503);
	msbf_change(b->m, &c);
	ck_assert(told);
	ck_assert_int_eq(c.outcome.rc, RC_UNAVAILABLE);
	msbf_bed_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("msbf admin");
	TCase *c = suite_case(s, "admin", NULL, NULL);

	tcase_add_test(c, test_info);
	tcase_add_test(c, test_status);
	tcase_add_test(c, test_provision);
	tcase_add_test(c, test_list);
	tcase_add_test(c, test_master_key);
	tcase_add_test(c, test_stop);
	return run_suite(s);
}
