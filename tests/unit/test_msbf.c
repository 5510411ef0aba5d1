/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrap: what is issued, and what is left when something breaks on the way. */
#include "config.h"

#include <stdio.h>

#include "base/times.h"
#include "codec/codec.h"
#include "mas/msbf_impl.h"
#include "msbf_case.h"
#include "sec/hex.h"

/* ---- what is issued ---- */

START_TEST(test_derive)
{
	struct msbf_bed *b = start_admitted(_i);
	struct told t = msbf_post(b, PPID_A, 1, "&sclId=gscl-0102&kmr=derive"), again, other;
	struct msbf_device d;
	struct key kmr, second;
	char text[TIMES_TEXT_MAX];

	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	ck_assert(t.no_store);
	ck_assert_str_eq(t.type, codec_xml.media_type);
	ck_assert_str_eq(t.location, SET "?ppid=" PPID_A);
	ck_assert_ptr_null(strstr(t.body, "M2MKey"));
	value(&t, "securityKmrIndex", "1");
	value(&t, "sclId", "gscl-0102");
	value(&t, "securityMasFqdn", "https://mas.sp1.example:8443");
	ck_assert_ptr_nonnull(strstr(t.body,
	                             "<m2m:sclIdList><reference>https://nscl.sp1.example:8443/m2m"
	                             "</reference></m2m:sclIdList>"));
	text[times_format(BED_START + MAS_KMR_LIFETIME, TIMES_SECOND, text)] = '\0';
	value(&t, "securityLifetime", text);
	kmr = kmr_of(&t, PPID_A, 1);
	ck_assert(mas_has_kmr(b, &t, &kmr));

	/* The same session again: another index, another key, the same node. */
	again = msbf_post(b, PPID_A, 1, "&sclId=other");
	ck_assert_int_eq(again.status, 201);
	ck_assert_uint_eq(index_of(&again), 2);
	value(&again, "sclId", "gscl-0102");
	second = kmr_of(&again, PPID_A, 1);
	ck_assert(!key_equal(&kmr, &second));
	ck_assert(mas_has_kmr(b, &again, &second));
	/* Another session: what the first one knows is of no use. */
	other = msbf_post(b, PPID_A, 2, "");
	kmr = kmr_of(&other, PPID_A, 1);
	ck_assert(!mas_has_kmr(b, &other, &kmr));
	kmr = kmr_of(&other, PPID_A, 2);
	ck_assert(mas_has_kmr(b, &other, &kmr));

	ck_assert(msbf_device_of(b, PPID_A, &d));
	ck_assert_int_eq(d.state, MSBF_BOOTSTRAPPED);
	ck_assert_uint_eq(d.kmr_index, 3);
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "ok"), 3);
	ck_assert(msbf_audit_sound(b));
	told_free(&t);
	told_free(&again);
	told_free(&other);
	msbf_bed_free(b);
}
END_TEST

START_TEST(test_transport)
{
	struct msbf_bed *b = &bed;
	struct key kmr, e_boot = peer_secret(4), kek;
	uint8_t wrapped[KEYWRAP_BYTES];
	struct node_id node;
	char text[256];
	struct told t;

	msbf_bed_make(b, 0);
	b->conf.old_documents = _i == 1;
	msbf_bed_open(b);
	ck_assert_int_eq(msbf_provision(b, PPID_A, NULL, 0).rc, RC_OK);
	t = msbf_post(b, PPID_A, 4, "&kmr=transport");
	ck_assert_int_eq(t.status, 201);
	if (_i == 1) {
		ck_assert(hex_decode(slice_of(told_value(&t, "securityM2MKey", text)), kmr.v,
		                     KEY_BYTES));
	} else {
		node = node_of(&t);
		told_value(&t, "securityEncryptedM2MKey", text);
		ck_assert(hex_decode(slice_of(text), wrapped, sizeof(wrapped)));
		ck_assert_int_eq(kek_boot(&e_boot, &node, 1, &kek), RC_OK);
		ck_assert_int_eq(key_unwrap(&kek, slice_make(wrapped, sizeof(wrapped)), &kmr),
		                 RC_OK);
	}
	ck_assert(mas_has_kmr(b, &t, &kmr));
	value(&t, "sclId", told_value(&t, "securityM2MNodeId", text));
	told_free(&t);
	msbf_bed_free(b);
}
END_TEST

START_TEST(test_json)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "POST",
		           .target = SET "?ppid=" PPID_A,
		           .peer = &p,
		           .accept = "application/json" };
	struct told t;

	peer_of(&p, PPID_A, 1);
	t = msbf_ask(b, &a);
	ck_assert_int_eq(t.status, 201);
	ck_assert_str_eq(t.type, "application/json");
	value(&t, "securityKmrIndex", "1");
	ck_assert_msg(strstr(t.body, "\"sclIdList\":{\"reference\":[\"https://nscl") != NULL, "%s",
	              t.body);
	told_free(&t);
	a.accept = "text/plain";
	refused(msbf_ask(b, &a), 406, "");
	msbf_bed_free(b);
}
END_TEST

START_TEST(test_get_and_delete)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "GET", .target = SET "?ppid=" PPID_A, .peer = &p };
	struct told posted, t;
	struct node_id node;
	struct key k;
	char id[PSK_ID_TEXT];
	struct psk_id psk = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .index = 1 };

	peer_of(&p, PPID_A, 1);
	refused(msbf_ask(b, &a), 404, "NO_BOOTSTRAP");
	a.method = "DELETE";
	refused(msbf_ask(b, &a), 404, "NO_BOOTSTRAP");
	posted = msbf_post(b, PPID_A, 1, "&kmr=transport");
	node = node_of(&posted);
	a.method = "GET";
	t = msbf_ask(b, &a);
	ck_assert_int_eq(t.status, 200);
	value(&t, "securityKmrIndex", "1");
	ck_assert_ptr_null(strstr(t.body, "M2MKey"));
	told_free(&t);
	/* By session A: not for what it has not, and for nothing but this. */
	a.method = "DELETE";
	psk.node = bed_node(7);
	ck_assert_uint_gt(psk_id_format(&psk, id), 0);
	p.peer.kind = PEER_PSK;
	p.peer.psk_identity = slice_of(id);
	refused(msbf_ask(b, &a), 403, "AUTH_FAILED");
	psk.node = node;
	ck_assert_uint_gt(psk_id_format(&psk, id), 0);
	a.method = "GET";
	refused(msbf_ask(b, &a), 401, "AUTH_FAILED");
	ck_assert(bed_psk(&b->mas, &node, 1, PSK_TLS_1_3, &k));
	a.method = "DELETE";
	t = msbf_ask(b, &a);
	ck_assert_int_eq(t.status, 204);
	ck_assert(!bed_psk(&b->mas, &node, 1, PSK_TLS_1_3, &k));
	told_free(&t);
	/* It may come back, as the same node. */
	t = msbf_post(b, PPID_A, 1, "");
	ck_assert_int_eq(t.status, 201);
	ck_assert_uint_eq(index_of(&t), 2);
	ck_assert_mem_eq(node_of(&t).v, node.v, NODE_ID_BYTES);
	told_free(&t);
	told_free(&posted);
	a.method = "PUT";
	t = msbf_ask(b, &a);
	ck_assert_int_eq(t.status, 405);
	ck_assert_str_eq(t.allow, "DELETE, GET, POST");
	told_free(&t);
	msbf_bed_free(b);
}
END_TEST

/* ---- what is lost on the way ---- */

/* The old key is good until the new one is used. */
START_TEST(test_lost_answer)
{
	struct msbf_bed *b = start_admitted(0);
	struct told first = msbf_post(b, PPID_A, 1, ""), second;
	struct node_id node = node_of(&first);
	struct mas_connect c = { .node = node,
		                 .kmr_index = 1,
		                 .exporter = bed_key(0xe0),
		                 .tls_version = 0x0304,
		                 .source = SLICE_LIT("192.0.2.1") };
	struct key k;

	ck_assert_int_eq(bed_connect(&b->mas, &c), RC_OK);
	second = msbf_post(b, PPID_A, 2, ""); /* is lost */
	ck_assert_int_eq(second.status, 201);
	ck_assert(bed_psk(&b->mas, &node, 1, PSK_TLS_1_3, &k));
	ck_assert_int_eq(bed_connect(&b->mas, &c), RC_OK);
	told_free(&first);
	told_free(&second);
	msbf_bed_free(b);
}
END_TEST

/* Between the index and the MAS, and between the MAS and the answer; then all starts again. */
START_TEST(test_broken)
{
	static const enum msbf_fault faults[] = { MAS_GONE, MAS_SILENT };
	struct msbf_bed *b = start_admitted(1);
	struct told t = msbf_post(b, PPID_A, 1, "");
	struct node_id node = node_of(&t);
	struct msbf_device d;
	struct key kmr;

	told_free(&t);
	atomic_store(&b->fault, faults[_i]);
	t = msbf_post(b, PPID_A, 1, "");
	ck_assert_int_eq(t.status, 503);
	ck_assert_uint_gt(t.retry_after, 0);
	told_free(&t);
	msbf_bed_restart(b);
	ck_assert(msbf_device_of(b, PPID_A, &d));
	ck_assert_uint_eq(d.kmr_reserved, 2);
	ck_assert_uint_eq(d.kmr_index, 1);
	ck_assert_int_eq(d.state, MSBF_BOOTSTRAPPED);
	atomic_store(&b->fault, MAS_WORKS);
	t = msbf_post(b, PPID_A, 1, "");
	ck_assert_int_eq(t.status, 201);
	ck_assert_uint_eq(index_of(&t), 3);
	ck_assert_mem_eq(node_of(&t).v, node.v, NODE_ID_BYTES);
	kmr = kmr_of(&t, PPID_A, 1);
	ck_assert(mas_has_kmr(b, &t, &kmr));
	ck_assert(msbf_audit_sound(b));
	told_free(&t);
	msbf_bed_free(b);
}
END_TEST

static enum rc
no_commit(struct txn *txn)
{
	store_memory.abort(txn);
	return RC_UNAVAILABLE;
}

/* No Kmr is made when its index cannot be stored first. */
START_TEST(test_index_first)
{
	struct store_ops ops = store_memory;
	struct msbf_bed *b = start_admitted(0);
	struct msbf_device d;

	ops.commit = no_commit;
	b->m->store.ops = &ops;
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 503);
	ck_assert_uint_eq(atomic_load(&b->provisions), 0);
	b->m->store.ops = &store_memory;
	ck_assert(msbf_device_of(b, PPID_A, &d));
	ck_assert_uint_eq(d.kmr_reserved, 0);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 201);
	msbf_bed_free(b);
}
END_TEST

/* The store of the MSBF is lost, or older than that of the MAS: node and index are the MAS's. */
START_TEST(test_older_store)
{
	struct msbf_bed *b = start_admitted(1);
	struct told t = msbf_post(b, PPID_A, 1, ""), again;
	char path[300];
	struct key kmr;

	told_free(&t);
	t = msbf_post(b, PPID_A, 1, "");
	msbf_bed_close(b);
	snprintf(path, sizeof(path), "%s-new", b->dir);
	b->conf.store.path = path;
	msbf_bed_open(b);
	ck_assert_int_eq(msbf_provision(b, PPID_A, NULL, 0).rc, RC_OK);
	again = msbf_post(b, PPID_A, 3, "");
	ck_assert_int_eq(again.status, 201);
	ck_assert_mem_eq(node_of(&again).v, node_of(&t).v, NODE_ID_BYTES);
	ck_assert_uint_gt(index_of(&again), 2);
	kmr = kmr_of(&again, PPID_A, 3);
	ck_assert(mas_has_kmr(b, &again, &kmr));
	told_free(&again);
	told_free(&t);
	msbf_bed_free(b);
}
END_TEST

/* Keys that were issued beside the MSBF: one question is enough, also of a MAS behind REST. */
START_TEST(test_index_behind)
{
	static const enum msbf_fault faults[] = { MAS_WORKS, MAS_TERSE };
	struct msbf_bed *b = start_admitted(0);
	struct told t = msbf_post(b, PPID_A, 1, "");
	struct mas_provision p = { .has_node = true, .node = node_of(&t), .origin = "B0" };
	struct key kmr;

	told_free(&t);
	for (unsigned i = 0; i < 8; i++) {
		p.kmr_index = 0;
		ck_assert_int_eq(bed_provision(&b->mas, &p), RC_OK);
	}
	atomic_store(&b->fault, faults[_i]);
	t = msbf_post(b, PPID_A, 2, "");
	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	ck_assert_uint_gt(index_of(&t), p.kmr_index);
	kmr = kmr_of(&t, PPID_A, 2);
	ck_assert(mas_has_kmr(b, &t, &kmr));
	told_free(&t);
	msbf_bed_free(b);
}
END_TEST

START_TEST(test_in_progress)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = SET "?ppid=" PPID_A, .peer = &p };
	struct msbf_call c;
	struct told t;

	peer_of(&p, PPID_A, 1);
	atomic_store(&b->fault, MAS_HELD);
	msbf_begin(b, &c, &a);
	refused(msbf_post(b, PPID_A, 2, ""), 409, "IN_PROGRESS");
	/* Nobody else can claim that it is under way. */
	peer_of(&p, PPID_B, 1);
	refused(msbf_ask(b, &a), 403, "AUTH_FAILED");
	msbf_bed_release(b);
	t = msbf_end(&c);
	ck_assert_int_eq(t.status, 201);
	told_free(&t);
	atomic_store(&b->fault, MAS_WORKS);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 2, ""), 201);
	msbf_bed_free(b);
}
END_TEST

START_TEST(test_scl_id_taken)
{
	struct msbf_bed *b = start_admitted(0);

	ck_assert_int_eq(msbf_provision(b, PPID_B, NULL, 0).rc, RC_OK);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, "&sclId=gscl-1"), 201);
	refused(msbf_post(b, PPID_B, 1, "&sclId=gscl-1"), 409, "SCLID_TAKEN");
	ck_assert_int_eq(msbf_status_of(b, PPID_B, 1, "&sclId=gscl-2"), 201);
	msbf_bed_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("msbf");
	TCase *c = suite_case(s, "boot", NULL, NULL);

	tcase_add_loop_test(c, test_derive, 0, BED_ENGINES);
	tcase_add_loop_test(c, test_transport, 0, 2);
	tcase_add_test(c, test_json);
	tcase_add_test(c, test_get_and_delete);
	tcase_add_test(c, test_lost_answer);
	tcase_add_loop_test(c, test_broken, 0, 2);
	tcase_add_test(c, test_index_first);
	tcase_add_test(c, test_older_store);
	tcase_add_loop_test(c, test_index_behind, 0, 2);
	tcase_add_test(c, test_in_progress);
	tcase_add_test(c, test_scl_id_taken);
	return run_suite(s);
}
