/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrap: who gets nothing; modules that were replaced. */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "mas/msbf_impl.h"
#include "msbf_case.h"

/* ---- who gets nothing ---- */

START_TEST(test_not_authenticated)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = SET "?ppid=" PPID_A };

	refused(msbf_ask(b, &a), 401, "AUTH_FAILED");
	a.peer = &p;
	peer_of(&p, PPID_A, 1);
	p.peer.kind = PEER_UNPROVED; /* a certificate that did not pass, or none */
	refused(msbf_ask(b, &a), 401, "AUTH_FAILED");
	p.peer.kind = PEER_PSK;
	p.peer.psk_identity = SLICE_LIT("mr3.01bcad980102030405060708090a0b0c.1");
	refused(msbf_ask(b, &a), 401, "AUTH_FAILED");
	p.peer.kind = PEER_UNIX;
	refused(msbf_ask(b, &a), 401, "AUTH_FAILED");
	/* A session that the exporter does not identify. */
	p.peer.kind = PEER_CERTIFICATE;
	p.no_exporter = true;
	refused(msbf_ask(b, &a), 401, "AUTH_FAILED");
	p.peer.exporter = NULL;
	refused(msbf_ask(b, &a), 401, "AUTH_FAILED");
	ck_assert_uint_eq(atomic_load(&b->provisions), 0);
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "NO_CERTIFICATE"), 3);
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "OTHER_SESSION"), 1);
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "NO_EXPORTER"), 2);
	msbf_bed_free(b);
}
END_TEST

/* Certificates that do not name the PPID, and nothing but it. */
START_TEST(test_other_names)
{
	static const char *const uris[][3] = {
		{ "urn:m2m:ppid:" PPID_B, NULL, NULL },
		{ "urn:m2m:ppid:" PPID_A, "urn:m2m:ppid:" PPID_B, NULL },
		{ "urn:m2m:ppid:" PPID_A, "urn:m2m:ppid:" PPID_A, NULL },
		{ "urn:m2m:app:" PPID_A, NULL, NULL },
		{ "urn:m2m:ppid:", NULL, NULL },
		{ "urn:m2m:ppid:" PPID_A "00", NULL, NULL },
		{ "x-urn:m2m:ppid:" PPID_A, NULL, NULL },
		{ NULL, NULL, NULL },
	};
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = SET "?ppid=" PPID_A, .peer = &p };

	for (unsigned i = 0; i < NITEMS(uris); i++) {
		peer_of(&p, PPID_A, 1);
		p.peer.n_uris = 0;
		for (unsigned k = 0; k < 3 && uris[i][k] != NULL; k++)
			p.uris[p.peer.n_uris++] = slice_of(uris[i][k]);
		refused(msbf_ask(b, &a), 403, "AUTH_FAILED");
	}
	/* Others beside it do not matter. */
	peer_of(&p, PPID_A, 1);
	p.uris[1] = SLICE_LIT("https://device.example/");
	p.peer.n_uris = 2;
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "OTHER_PPID"), NITEMS(uris));
	msbf_bed_free(b);
}
END_TEST

static enum rc
change(struct msbf_bed *b, enum msbf_change_kind kind, const char *ppid)
{
	struct msbf_change c = { .kind = kind };

	msbf_hash(ppid, c.hash);
	return msbf_do(b, &c);
}

/* The four reasons for one answer. */
START_TEST(test_uniform)
{
	static const char *const truths[] = { "UNKNOWN", "REVOKED", "BINDING_MISMATCH",
		                              "OTHER_PPID" };
	static const char nonce[] = "00112233445566778899aabbccddeeff";
	struct msbf_bed *b = start_admitted(0);
	struct device_fingerprint other = { { 0x77 } };
	struct told t[4];
	struct test_peer p;
	struct asked a = { .method = "POST", .peer = &p, .nonce = nonce };
	char target[256];
	const char *ppids[4] = { "800000b8000001", "800000b8000002", "800000b8000003", PPID_A };

	ck_assert_int_eq(msbf_provision(b, ppids[1], NULL, 0).rc, RC_OK);
	ck_assert_int_eq(change(b, MSBF_REVOKE, ppids[1]), RC_OK);
	ck_assert_int_eq(change(b, MSBF_REVOKE, ppids[1]), RC_OK);
	ck_assert_int_eq(msbf_provision(b, ppids[2], &other, 1).rc, RC_OK);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(target, sizeof(target), SET "?ppid=%s", ppids[i]);
		a.target = target;
		peer_of(&p, i == 3 ? PPID_B : ppids[i], 1);
		t[i] = msbf_ask(b, &a);
		ck_assert_int_eq(t[i].status, 403);
		ck_assert_str_eq(t[i].body, t[0].body);
		ck_assert_str_eq(t[i].type, t[0].type);
		ck_assert_uint_eq(strlen(t[i].reject), strlen(t[0].reject));
		/* The header, up to the signature, is the same for all: the clock stands. */
		ck_assert_str_eq(t[i].reject, t[0].reject);
		ck_assert_uint_eq(msbf_audited(b, "bootstrap", truths[i]), 1);
	}
	ck_assert_uint_gt(strlen(t[0].reject), 0);
	for (unsigned i = 0; i < 4; i++)
		told_free(&t[i]);
	msbf_bed_free(b);
}
END_TEST

START_TEST(test_binding)
{
	struct msbf_bed *b = start(0);
	struct device_fingerprint f[2];
	struct told t;
	struct node_id node;

	memset(f[0].v, 0x22, sizeof(f[0].v));
	memset(f[1].v, 0x11, sizeof(f[1].v)); /* that of the peers */
	ck_assert_int_eq(msbf_provision(b, PPID_A, f, 1).rc, RC_OK);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 403);
	struct msbf_change c = { .kind = MSBF_BIND, .fingerprints = f, .n_fingerprints = 2 };

	msbf_hash(PPID_A, c.hash);
	ck_assert_int_eq(msbf_do(b, &c), RC_OK);
	t = msbf_post(b, PPID_A, 1, "");
	ck_assert_int_eq(t.status, 201);
	node = node_of(&t);
	told_free(&t);
	/* The MAS knows them too, and what comes later. */
	ck_assert_int_eq(bed_show(&b->mas, &node), RC_OK);
	ck_assert_uint_eq(b->mas.nodes[0].n_fingerprints, 2);
	c.by_node = true;
	c.node = node;
	c.n_fingerprints = 1;
	ck_assert_int_eq(msbf_do(b, &c), RC_OK);
	ck_assert_int_eq(bed_show(&b->mas, &node), RC_OK);
	ck_assert_uint_eq(b->mas.nodes[0].n_fingerprints, 1);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 403);
	c.n_fingerprints = MSBF_FINGERPRINTS + 1;
	ck_assert_int_eq(msbf_do(b, &c), RC_BAD_REQUEST);
	c.node = bed_node(9);
	ck_assert_int_eq(msbf_do(b, &c), RC_NOT_FOUND);
	msbf_bed_free(b);
}
END_TEST

/* A node that was revoked at the MAS. */
START_TEST(test_revoked_node)
{
	struct msbf_bed *b = start_admitted(0);
	struct told t = msbf_post(b, PPID_A, 1, "");
	struct mas_change c = { .kind = MAS_REVOKE_NODE, .node = node_of(&t), .actor = "admin" };

	ck_assert_int_eq(bed_change(&b->mas, &c), RC_OK);
	told_free(&t);
	refused(msbf_post(b, PPID_A, 1, ""), 403, "AUTH_FAILED");
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "NODE_REVOKED"), 1);
	msbf_bed_free(b);
}
END_TEST

START_TEST(test_admission_ca)
{
	struct msbf_bed *b = &bed;
	struct msbf_device d;

	msbf_bed_make(b, 1);
	b->conf.admit_ca = true;
	msbf_bed_open(b);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 201);
	ck_assert(msbf_device_of(b, PPID_A, &d));
	ck_assert_int_eq(d.by, MSBF_BY_CA);
	/* They are not on the list, should that be asked for later. */
	b->conf.admit_ca = false;
	msbf_bed_restart(b);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 403);
	ck_assert_int_eq(msbf_provision(b, PPID_A, NULL, 0).rc, RC_OK);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 201);
	msbf_bed_free(b);
}
END_TEST

START_TEST(test_lock)
{
	struct msbf_bed *b = start_admitted(0);
	struct told t;

	for (unsigned i = 0; i < FAILURES_PER_SUBJECT; i++)
		ck_assert_int_eq(msbf_status_of(b, PPID_B, 1, ""), 403);
	t = msbf_post(b, PPID_B, 1, "");
	ck_assert_int_eq(t.status, 503);
	ck_assert_uint_gt(t.retry_after, 0);
	told_free(&t);
	/* Not evaluated: nothing more in the audit. */
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "UNKNOWN"), FAILURES_PER_SUBJECT);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 201);
	ck_assert_int_eq(msbf_provision(b, PPID_B, NULL, 0).rc, RC_OK);
	ck_assert_int_eq(msbf_status_of(b, PPID_B, 1, ""), 503);
	ck_assert_int_eq(change(b, MSBF_UNLOCK, PPID_B), RC_OK);
	ck_assert_int_eq(msbf_status_of(b, PPID_B, 1, ""), 201);
	ck_assert_uint_ge(mas_counted(msbf_counters_of(b->m), MSBF_COUNT_ALARM), 1);
	msbf_bed_free(b);
}
END_TEST

/* An identifier is no secret: only who has proved it can lock it. */
START_TEST(test_claims_do_not_lock)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = SET "?ppid=" PPID_A, .peer = &p };
	struct psk_id psk = { .kind = PSK_MR, .tls = PSK_TLS_1_3, .index = 1 };
	char id[PSK_ID_TEXT];

	psk.node = bed_node(7);
	ck_assert_uint_gt(psk_id_format(&psk, id), 0);
	for (unsigned i = 0; i <= FAILURES_PER_SUBJECT; i++) {
		peer_of(&p, PPID_B, 1);
		a.method = "POST";
		refused(msbf_ask(b, &a), 403, "AUTH_FAILED");
		p.peer.kind = PEER_UNPROVED;
		refused(msbf_ask(b, &a), 401, "AUTH_FAILED");
		p.peer.kind = PEER_PSK;
		p.peer.psk_identity = slice_of(id);
		a.method = "DELETE";
		refused(msbf_ask(b, &a), 403, "AUTH_FAILED");
	}
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 201);
	msbf_bed_free(b);
}
END_TEST

/* As often as the rate of one source permits: its 503 is for a second. */
static struct told
ask_slowly(struct msbf_bed *b, const struct asked *a)
{
	struct told t = msbf_ask(b, a);

	while (t.status == 503 && t.retry_after == 1) {
		told_free(&t);
		usleep(20000);
		t = msbf_ask(b, a);
	}
	return t;
}

/* The address is counted all the same. */
START_TEST(test_claims_lock_the_source)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = SET "?ppid=" PPID_A, .peer = &p };

	peer_of(&p, PPID_B, 1);
	for (unsigned i = 0; i < FAILURES_PER_SOURCE; i++)
		refused(ask_slowly(b, &a), 403, "AUTH_FAILED");
	refused(ask_slowly(b, &a), 503, "OVERLOAD");
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 201);
	msbf_bed_free(b);
}
END_TEST

/* More than the rate of one source; another source is not concerned. */
START_TEST(test_rate)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = SET "?ppid=zz", .peer = &p };
	unsigned limited = 0;

	peer_of(&p, PPID_A, 1);
	for (unsigned i = 0; i < 3 * MSBF_BOOT_RATE; i++) {
		struct told t = msbf_ask(b, &a);

		limited += t.status == 503 && t.retry_after > 0;
		told_free(&t);
	}
	ck_assert_uint_gt(limited, 0);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 201);
	msbf_bed_free(b);
}
END_TEST

/* ---- replaced modules ---- */

#define PPID_A2 "500000b800000100124b0001020304" /* Wi-Fi replaced, ZigBee kept */
#define PPID_A3 "500000b800000200124b0001020304"

static enum rc
link_to(struct msbf_bed *b, const char *ppid, const char *old, char reason[MAS_REASON_MAX])
{
	struct msbf_change c = { .kind = MSBF_LINK };
	enum rc rc;

	msbf_hash(ppid, c.hash);
	msbf_hash(old, c.old);
	rc = msbf_do(b, &c);
	memcpy(reason, c.outcome.reason, MAS_REASON_MAX);
	return rc;
}

START_TEST(test_replaced_module)
{
	struct msbf_bed *b = start_admitted(1);
	struct told first = msbf_post(b, PPID_A, 1, "&sclId=gscl-1"), t;
	struct msbf_device d;
	char why[MAS_REASON_MAX];
	struct key kmr;

	refused(msbf_post(b, PPID_A2, 1, ""), 409, "PPID_PARTIAL_MATCH");
	refused(msbf_post(b, PPID_A2, 1, ""), 409, "PPID_PARTIAL_MATCH");
	ck_assert(msbf_device_of(b, PPID_A2, &d));
	ck_assert_int_eq(d.state, MSBF_LINK_PENDING);
	ck_assert(msbf_device_of(b, PPID_A, &d));
	ck_assert(d.alarmed);
	ck_assert_uint_ge(msbf_audited(b, "alarm", "PPID_PARTIAL_MATCH"), 1);
	ck_assert_int_eq(msbf_provision(b, PPID_B, NULL, 0).rc, RC_OK);
	ck_assert_int_eq(link_to(b, PPID_A2, PPID_B, why), RC_CONFLICT);
	ck_assert_str_eq(why, "LINK_ADDRESS");
	ck_assert_int_eq(link_to(b, PPID_B, PPID_A, why), RC_CONFLICT);
	ck_assert_str_eq(why, "LINK_STATE");
	msbf_bed_restart(b);
	ck_assert_int_eq(link_to(b, PPID_A2, PPID_A, why), RC_OK);
	ck_assert_int_eq(link_to(b, PPID_A2, PPID_A, why), RC_OK);
	t = msbf_post(b, PPID_A2, 2, "");
	ck_assert_int_eq(t.status, 201);
	ck_assert_mem_eq(node_of(&t).v, node_of(&first).v, NODE_ID_BYTES);
	ck_assert_uint_eq(index_of(&t), 2);
	value(&t, "sclId", "gscl-1");
	kmr = kmr_of(&t, PPID_A2, 2);
	ck_assert(mas_has_kmr(b, &t, &kmr));
	refused(msbf_post(b, PPID_A, 1, ""), 403, "AUTH_FAILED");
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "REPLACED"), 1);
	/* And once more. */
	refused(msbf_post(b, PPID_A3, 1, ""), 409, "PPID_PARTIAL_MATCH");
	ck_assert_int_eq(link_to(b, PPID_A3, PPID_A2, why), RC_OK);
	ck_assert_int_eq(msbf_status_of(b, PPID_A3, 1, ""), 201);
	told_free(&first);
	told_free(&t);
	msbf_bed_free(b);
}
END_TEST

/* Revoked, or replaced, while the MAS makes the key: nobody has it. */
START_TEST(test_too_late)
{
	struct msbf_bed *b = start_admitted(_i);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = SET "?ppid=" PPID_A, .peer = &p };
	struct msbf_call c;
	struct msbf_device d;
	struct told t;
	struct key k;
	char why[MAS_REASON_MAX];

	peer_of(&p, PPID_A, 1);
	atomic_store(&b->fault, MAS_HELD);
	msbf_begin(b, &c, &a);
	msbf_bed_await(b);
	atomic_store(&b->fault, MAS_WORKS);
	if (_i == 0) {
		ck_assert_int_eq(change(b, MSBF_REVOKE, PPID_A), RC_OK);
	} else {
		refused(msbf_post(b, PPID_A2, 1, ""), 409, "PPID_PARTIAL_MATCH");
		ck_assert_int_eq(link_to(b, PPID_A2, PPID_A, why), RC_OK);
	}
	msbf_bed_release(b);
	refused(msbf_end(&c), 403, "AUTH_FAILED");
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", _i == 0 ? "REVOKED" : "REPLACED"), 1);
	ck_assert(msbf_device_of(b, PPID_A, &d));
	ck_assert_int_eq(d.state, _i == 0 ? MSBF_REVOKED : MSBF_REPLACED);
	ck_assert_uint_eq(d.kmr_index, 0);
	ck_assert(!bed_psk(&b->mas, &d.node, 1, PSK_TLS_1_3, &k));
	ck_assert_int_eq(bed_show(&b->mas, &d.node), RC_OK);
	ck_assert_int_eq(bed_kmr(&b->mas, 1)->state, MAS_KMR_REVOKED);
	if (_i == 1) {
		t = msbf_post(b, PPID_A2, 2, "");
		ck_assert_int_eq(t.status, 201);
		ck_assert_mem_eq(node_of(&t).v, d.node.v, NODE_ID_BYTES);
		told_free(&t);
	}
	msbf_bed_free(b);
}
END_TEST

START_TEST(test_duplicate_address)
{
	struct msbf_bed *b = start_admitted(0);
	struct msbf_line line;
	struct msbf_device d;
	char why[MAS_REASON_MAX];

	/* A second one for the same place. */
	refused(msbf_post(b, PPID_A2, 1, ""), 409, "PPID_PARTIAL_MATCH");
	refused(msbf_post(b, PPID_A3, 1, ""), 409, "PPID_DUPLICATE_ADDRESS");
	ck_assert(msbf_device_of(b, PPID_A3, &d));
	ck_assert_int_eq(d.state, MSBF_REFUSED);
	ck_assert(d.alarmed);
	/* The old one is still there: the new one was no repair. */
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 201);
	refused(msbf_post(b, PPID_A2, 1, ""), 409, "PPID_DUPLICATE_ADDRESS");
	/* Imported: refused until it is linked. */
	line = msbf_provision(b,
	                      "4080"
	                      "3c71bf0a1b2c",
	                      NULL, 0);
	ck_assert_int_eq(line.rc, RC_BAD_REQUEST);
	line = msbf_provision(b,
	                      "40"
	                      "3c71bf0a1b2c",
	                      NULL, 0);
	ck_assert_int_eq(line.rc, RC_CONFLICT);
	ck_assert_str_eq(line.reason, "PPID_DUPLICATE_ADDRESS");
	refused(msbf_post(b, "403c71bf0a1b2c", 1, ""), 409, "PPID_DUPLICATE_ADDRESS");
	ck_assert_int_eq(link_to(b, "403c71bf0a1b2c", PPID_A, why), RC_OK);
	ck_assert_int_eq(msbf_status_of(b, "403c71bf0a1b2c", 1, ""), 201);
	/* Addresses of two others: no repair of either. */
	ck_assert_int_eq(msbf_provision(b, PPID_B, NULL, 0).rc, RC_OK);
	refused(msbf_post(b, "c0001a7dda71133c71bf0a1b2c", 1, ""), 409, "PPID_DUPLICATE_ADDRESS");
	ck_assert_int_eq(link_to(b, "c0001a7dda71133c71bf0a1b2c", PPID_B, why), RC_CONFLICT);
	ck_assert_str_eq(why, "PPID_DUPLICATE_ADDRESS");
	ck_assert(msbf_audit_sound(b));
	msbf_bed_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("msbf refuse");
	TCase *c = suite_case(s, "refuse", NULL, NULL);

	tcase_add_test(c, test_not_authenticated);
	tcase_add_test(c, test_other_names);
	tcase_add_test(c, test_uniform);
	tcase_add_test(c, test_binding);
	tcase_add_test(c, test_revoked_node);
	tcase_add_test(c, test_admission_ca);
	tcase_add_test(c, test_lock);
	tcase_add_test(c, test_claims_do_not_lock);
	tcase_add_test(c, test_claims_lock_the_source);
	tcase_add_test(c, test_rate);
	tcase_add_test(c, test_replaced_module);
	tcase_add_loop_test(c, test_too_late, 0, 2);
	tcase_add_test(c, test_duplicate_address);
	return run_suite(s);
}
