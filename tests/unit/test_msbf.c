/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrap: who gets a Kmr, which one, and what is left when something breaks on the way. */
#include "config.h"

#include "msbf_bed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/times.h"
#include "codec/codec.h"
#include "mas/msbf_impl.h"
#include "sec/hex.h"

static struct msbf_bed bed;

static struct msbf_bed *
start(int engine)
{
	msbf_bed_make(&bed, engine);
	msbf_bed_open(&bed);
	return &bed;
}

/* With PPID_A on the list. */
static struct msbf_bed *
start_admitted(int engine)
{
	struct msbf_bed *b = start(engine);

	ck_assert_int_eq(msbf_provision(b, PPID_A, NULL, 0).rc, RC_OK);
	return b;
}

static void
value(const struct told *t, const char *name, const char *expected)
{
	char text[256];

	told_value(t, name, text);
	ck_assert_msg(strcmp(text, expected) == 0, "%s is \"%s\" in %s", name, text, t->body);
}

static struct node_id
node_of(const struct told *t)
{
	struct node_id id;
	char text[256];

	ck_assert(node_id_parse(slice_of(told_value(t, "securityM2MNodeId", text)), &id));
	return id;
}

static uint32_t
index_of(const struct told *t)
{
	char text[256];

	return (uint32_t)strtoul(told_value(t, "securityKmrIndex", text), NULL, 10);
}

/* Kmr as the node computes it. */
static struct key
kmr_of(const struct told *t, const char *ppid, uint8_t session)
{
	struct key e_boot = peer_secret(session), kmr;
	struct node_id node = node_of(t);
	struct ppid p;

	ck_assert_int_eq(ppid_parse(slice_of(ppid), true, &p), PPID_OK);
	ck_assert_int_eq(kmr_derive(&e_boot, ppid_octets(&p), &node, index_of(t),
	                            SLICE_LIT("msbf.sp1.example"), &kmr),
	                 RC_OK);
	return kmr;
}

/* The MAS has that Kmr. */
static bool
mas_has_kmr(struct msbf_bed *b, const struct told *t, const struct key *kmr)
{
	struct node_id node = node_of(t);
	struct key has, expected;

	ck_assert_int_eq(psk_mr(kmr, PSK_TLS_1_3, &node, index_of(t), &expected), RC_OK);
	return bed_psk(&b->mas, &node, index_of(t), PSK_TLS_1_3, &has) &&
	       key_equal(&has, &expected);
}

static bool
reason_is(const struct told *t, const char *reason)
{
	char mark[80];

	snprintf(mark, sizeof(mark), ">%s<", reason);
	return strstr(t->body, mark) != NULL;
}

static void
refused(struct told t, int status, const char *reason)
{
	ck_assert_msg(t.status == status && (reason[0] == '\0' || reason_is(&t, reason)), "%d %s",
	              t.status, t.body);
	ck_assert(t.no_store);
	told_free(&t);
}

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

/* ---- what is asked badly ---- */

static const struct {
	const char *query;
	int status;
	const char *reason;
} bad[] = {
	{ "", 400, "BAD_PARAM" },
	{ "?", 400, "BAD_PARAM" },
	{ "?ppid", 400, "" },
	{ "?ppid=", 400, "" },
	{ "?ppid=zz", 400, "" },
	{ "?ppid=00", 400, "PPID_LENGTH" },
	{ "?ppid=80", 400, "PPID_LENGTH" },
	{ "?ppid=0000", 400, "PPID_EMPTY" },
	{ "?ppid=80001a7dda71", 400, "PPID_LENGTH" },
	{ "?ppid=81001a7dda7113", 400, "PPID_NONCANONICAL" },
	{ "?ppid=0101010101ff", 400, "PPID_HEADER" },
	{ "?ppid=01083c71bf0a1b2d", 400, "PPID_UNKNOWN_TECH" },
	{ "?ppid=4001005e000001", 400, "PPID_BAD_ADDRESS" },
	{ "?ppid=4002005e000001", 400, "PPID_LOCAL_MAC" },
	{ "?ppid=202a", 400, "PPID_NOT_UNIQUE" },
	{ "?ppid=2000", 400, "PPID_BAD_ADDRESS" },
	{ "?ppid=20fb", 400, "PPID_BAD_ADDRESS" },
	{ "?ppid=%zz", 400, "" },
	{ "?ppid=%00", 400, "" },
	{ "?ppid=" PPID_A "%", 400, "" },
	{ "?ppid=" PPID_A "&ppid=" PPID_A, 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&pp%69d=" PPID_B, 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&x=1", 400, "BAD_PARAM" },
	{ "?PPID=" PPID_A, 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=scls", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=.x", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=a%2fb", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=a&sclId=a", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=%ff%fe", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A
	  "&sclId=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=DERIVE", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=derive&kmr=transport", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=gba", 501, "VARIANT_OFF" },
	{ "?ppid=" PPID_A "&kmr=eap_sim", 501, "VARIANT_OFF" },
	{ "?ppid=" PPID_A "&kmr=eap_tls", 501, "VARIANT_OFF" },
};

START_TEST(test_bad_parameters)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	char target[700];
	struct asked a = { .method = "POST", .target = target, .peer = &p };

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		snprintf(target, sizeof(target), SET "%s", bad[i].query);
		peer_of(&p, PPID_A, 1);
		refused(msbf_ask(b, &a), bad[i].status, bad[i].reason);
	}
	/* 256 octets, one too many. */
	snprintf(target, sizeof(target), SET "?ppid=%0512d", 0);
	refused(msbf_ask(b, &a), 400, "PPID_LENGTH");
	/* What is of POST alone. */
	snprintf(target, sizeof(target), SET "?ppid=" PPID_A "&kmr=derive");
	a.method = "GET";
	peer_of(&p, PPID_A, 1);
	refused(msbf_ask(b, &a), 400, "BAD_PARAM");
	snprintf(target, sizeof(target), SET "?ppid=" PPID_A);
	a.method = "POST";
	a.nonce = "0011";
	refused(msbf_ask(b, &a), 400, "BAD_PARAM");
	/* None of it counts as an attempt; separators and capitals are another spelling. */
	a.nonce = NULL;
	snprintf(target, sizeof(target), SET "?ppid=80:00:1A-7D-DA-71-13");
	peer_of(&p, PPID_B, 1);
	ck_assert_int_eq(msbf_provision(b, PPID_B, NULL, 0).rc, RC_OK);
	struct told t = msbf_ask(b, &a);

	ck_assert_int_eq(t.status, 201);
	ck_assert_str_eq(t.location, SET "?ppid=" PPID_B);
	told_free(&t);
	msbf_bed_free(b);
}
END_TEST

/* ---- integrity ---- */

static const char device_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
	"-----END PRIVATE KEY-----\n";

struct report {
	char body[512];
	char header[IVAL_SIG_TEXT_MAX + 1];
};

static void
report_make(struct report *out, const struct device_key *k, int64_t results, int64_t when,
            uint8_t session, const struct node_id *node, const char *scl_id)
{
	struct key e_boot = peer_secret(session);
	struct ival_origin o = { .node = node, .scl_id = slice_of(scl_id) };
	struct ival_report r = { .results = results };
	char text[TIMES_TEXT_MAX];

	r.time = slice_make(text, times_format(when, TIMES_SECOND, text));
	ck_assert_int_eq(ival_boot_sign(k, &e_boot, &o, &r, out->header), RC_OK);
	snprintf(out->body, sizeof(out->body),
	         "<m2m:integrityValResults xmlns:m2m=\"http://uri.etsi.org/m2m\"><ivalResults>%lld"
	         "</ivalResults><signedIvalResult>0</signedIvalResult><secureTimeStamp>%.*s"
	         "</secureTimeStamp></m2m:integrityValResults>",
	         (long long)results, (int)r.time.n, r.time.p);
}

START_TEST(test_ival)
{
	const struct node_id nobody = { { 0 } };
	struct msbf_bed *b = &bed;
	struct device_key *k;
	struct test_peer p;
	struct report r;
	struct asked a = { .method = "POST",
		           .target = SET "?ppid=" PPID_A "&sclId=g1",
		           .peer = &p,
		           .type = "application/xml",
		           .body = r.body,
		           .ival = r.header };
	struct told t;

	ck_assert_int_eq(device_key_from_pem(slice_of(device_pem), &k), RC_OK);
	msbf_bed_make(b, 0);
	b->conf.ival_required = 0x1f;
	msbf_bed_open(b);
	ck_assert_int_eq(msbf_provision(b, PPID_A, NULL, 0).rc, RC_OK);
	refused(msbf_post(b, PPID_A, 1, "&sclId=g1"), 403, "IVAL_FAILED");

	peer_of(&p, PPID_A, 1);
	p.peer.spki = device_key_spki(k);
	report_make(&r, k, 0x0f, BED_START, 1, &nobody, "g1"); /* not enough */
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED");
	report_make(&r, k, 0x1f, BED_START - BED_HOUR, 1, &nobody, "g1"); /* old */
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED");
	report_make(&r, k, 0x1f, BED_START, 2, &nobody, "g1"); /* of another session */
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED");
	report_make(&r, k, 0x1f, BED_START, 1, &nobody, "g1");
	a.ival = NULL; /* not signed */
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED");
	a.ival = r.header;
	t = msbf_ask(b, &a);
	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED"); /* again */
	/* It knows its name by now. */
	bed_pass(&b->mas, CLOCK_SECOND);
	struct node_id node = node_of(&t);
	report_make(&r, k, 0x3f, BED_START + CLOCK_SECOND, 1, &node, "g1");
	told_free(&t);
	t = msbf_ask(b, &a);
	ck_assert_int_eq(t.status, 201);
	told_free(&t);
	device_key_free(k);
	msbf_bed_free(b);
}
END_TEST

#define IVAL(x)                                                                                    \
	"<m2m:integrityValResults xmlns:m2m=\"http://uri.etsi.org/m2m\">" x                        \
	"</m2m:integrityValResults>"
#define RESULTS "<ivalResults>31</ivalResults>"
#define SIGNED "<signedIvalResult>0</signedIvalResult>"
#define STAMP "<secureTimeStamp>2023-11-14T22:13:20Z</secureTimeStamp>"

static const struct {
	const char *type, *body;
	int status;
	const char *reason;
} bodies[] = {
	{ NULL, IVAL(RESULTS SIGNED STAMP), 415, "" },
	{ "text/xml2", IVAL(RESULTS SIGNED STAMP), 415, "" },
	{ "application/xml", "x", 400, "XSD_INVALID" },
	{ "application/xml", "<integrityValResults/>", 400, "XSD_INVALID" },
	{ "application/xml", IVAL(""), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(SIGNED STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS SIGNED), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(SIGNED RESULTS STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS RESULTS SIGNED STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS SIGNED STAMP "<x/>"), 400, "XSD_INVALID" },
	{ "application/xml", IVAL("<m2m:ivalResults>31</m2m:ivalResults>" SIGNED STAMP), 400,
	  "XSD_INVALID" },
	{ "application/xml", IVAL("<ivalResults>9223372036854775808</ivalResults>" SIGNED STAMP),
	  400, "XSD_INVALID" },
	{ "application/xml", IVAL("<ivalResults></ivalResults>" SIGNED STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL("<ivalResults>1f</ivalResults>" SIGNED STAMP), 400,
	  "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS SIGNED "<secureTimeStamp>now</secureTimeStamp>"), 400,
	  "XSD_INVALID" },
	{ "application/json", "{\"integrityValResults\":{\"ivalResults\":31}}", 400,
	  "XSD_INVALID" },
	{ "application/json",
	  "{\"integrityValResults\":{\"ivalResults\":[31,0],\"signedIvalResult\":0,"
	  "\"secureTimeStamp\":\"2023-11-14T22:13:20Z\"}}",
	  400, "XSD_INVALID" },
	{ "application/json", "[]", 400, "XSD_INVALID" },
	/* Well-formed: what is wrong is the signature. */
	{ "application/json; charset=utf-8",
	  "{\"integrityValResults\":{\"ivalResults\":31,\"signedIvalResult\":0,"
	  "\"secureTimeStamp\":\"2023-11-14T22:13:20Z\"}}",
	  403, "IVAL_FAILED" },
	{ "application/xml", IVAL(RESULTS SIGNED STAMP), 403, "IVAL_FAILED" },
	{ "application/xml", IVAL("<ivalResults>-9223372036854775808</ivalResults>" SIGNED STAMP),
	  403, "IVAL_FAILED" },
};

START_TEST(test_bad_bodies)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = SET "?ppid=" PPID_A, .peer = &p };
	char *large;

	for (unsigned i = 0; i < NITEMS(bodies); i++) {
		peer_of(&p, PPID_A, 1);
		a.type = bodies[i].type;
		a.body = bodies[i].body;
		refused(msbf_ask(b, &a), bodies[i].status, bodies[i].reason);
	}
	large = calloc(1, 16386);
	ck_assert_ptr_nonnull(large);
	memset(large, ' ', 16385);
	a.body = large;
	refused(msbf_ask(b, &a), 413, "TOO_LARGE");
	free(large);
	msbf_bed_free(b);
}
END_TEST

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
	struct sign_public pub;
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
	ck_assert(mas_reject_public(b->mas.m, &pub));
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
	Suite *s = suite_create("msbf");
	TCase *tc = tcase_create("boot");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_derive, 0, BED_ENGINES);
	tcase_add_loop_test(tc, test_transport, 0, 2);
	tcase_add_test(tc, test_json);
	tcase_add_test(tc, test_get_and_delete);
	tcase_add_test(tc, test_lost_answer);
	tcase_add_loop_test(tc, test_broken, 0, 2);
	tcase_add_test(tc, test_index_first);
	tcase_add_test(tc, test_older_store);
	tcase_add_test(tc, test_in_progress);
	tcase_add_test(tc, test_scl_id_taken);
	tcase_add_test(tc, test_not_authenticated);
	tcase_add_test(tc, test_other_names);
	tcase_add_test(tc, test_uniform);
	tcase_add_test(tc, test_binding);
	tcase_add_test(tc, test_revoked_node);
	tcase_add_test(tc, test_admission_ca);
	tcase_add_test(tc, test_lock);
	tcase_add_test(tc, test_rate);
	tcase_add_test(tc, test_replaced_module);
	tcase_add_test(tc, test_duplicate_address);
	tcase_add_test(tc, test_bad_parameters);
	tcase_add_test(tc, test_ival);
	tcase_add_test(tc, test_bad_bodies);
	tcase_add_test(tc, test_info);
	tcase_add_test(tc, test_status);
	tcase_add_test(tc, test_provision);
	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_master_key);
	tcase_add_test(tc, test_stop);
	suite_add_tcase(s, tc);
	return core_run(s);
}
