/* SPDX-License-Identifier: Apache-2.0 */
/* Administration: who may call, operations, strictness, the audit of calls. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "codec/json_fields.h"
#include "endpoint_bed.h"
#include "mas_bed.h"
#include "mas/admin.h"
#include "mas/msbf_admin.h"
#include "suite.h"

#define TOKEN "0123456789abcdef-secret"
#define GOOD "Bearer " TOKEN
#define PPID "503c71bf0a1b2c00124b0001020304"

struct world {
	struct core_bed core;
	struct mas_bed mas;
	struct msbf *msbf;
	struct admin *admin;
	struct asker who; /* with the token */
	char token[300], devices[300];
};

static struct world w;

static void
make_msbf(void)
{
	const struct msbf_conf conf = { .engine = &store_memory, .clock = &w.mas.clock.clock,
		                        .mas = w.mas.mas, .more = msbf_mas_of(w.mas.m),
		                        .kek_file = w.mas.kek, .kek_next_file = w.mas.next,
		                        .sp_id = "sp1.example",
		                        .msbf_id = "msbf.sp1.example",
		                        .reject_key_file = w.mas.reject };
	char why[256] = "";

	ck_assert_msg(msbf_open(&conf, &w.msbf, why) == RC_OK, "%s", why);
}

static void
setup_with(bool next_key)
{
	struct admin_conf conf;
	char why[ADMIN_WHY] = "";

	memset(&w, 0, sizeof(w));
	core_start_alone(&w.core);
	bed_make(&w.mas, 1);
	if (next_key)
		bed_write(w.mas.next, w.mas.kek_octets[1], KEY_BYTES);
	bed_open(&w.mas);
	make_msbf();
	snprintf(w.token, sizeof(w.token), "%s/token", w.mas.dir);
	bed_write(w.token, TOKEN "\n", strlen(TOKEN) + 1);
	conf = (struct admin_conf){ .mas = w.mas.m, .msbf = w.msbf, .token_file = w.token,
		                    .clock = &w.mas.clock.clock };
	ck_assert_msg(admin_open(&conf, &w.admin, why) == RC_OK, "%s", why);
	ck_assert_int_eq(admin_attach(w.admin, w.core.scl), RC_OK);
	w.who = asker_plain(SERVE_ADMIN);
	w.who.authorization = GOOD;
}

static void
setup(void)
{
	setup_with(false);
}

static void
setup_next_key(void)
{
	setup_with(true);
}

static void
teardown(void)
{
	msbf_stop(w.msbf);
	core_stop(&w.core);
	core_fini(&w.core);
	admin_close(w.admin);
	msbf_close(w.msbf);
	bed_free(&w.mas);
}

static struct told
call(const char *method, const char *path, const char *body)
{
	char target[512];

	snprintf(target, sizeof(target), "/admin/%s", path);
	return ask(&w.core, &w.who, method, target, "application/json", body);
}

static int
status(const char *method, const char *path, const char *body)
{
	struct told t = call(method, path, body);
	int s = t.status;

	told_fini(&t);
	return s;
}

/* Issues; the node id in a static ring of told_text. */
static const char *
issue(const char *body)
{
	struct told t = call("POST", "nodes", body);
	const char *node = told_text(&t, "nodeId");

	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	told_fini(&t);
	return node;
}

/* ---- who ---- */

START_TEST(nobody_without_proof)
{
	static const char *const wrong[] = { NULL, "", "Bearer", "Bearer ", "Bearer wrongwrongwrongwrong",
		                             "Basic " TOKEN, TOKEN, "Bearer " TOKEN "x" };
	struct slice uri = SLICE_LIT("urn:m2m:role:nscl"), admin = SLICE_LIT(ADMIN_ROLE);
	struct asker who = asker_certified(SERVE_ADMIN, &uri, NULL);

	for (size_t i = 0; i < NITEMS(wrong); i++) {
		w.who.authorization = wrong[i];
		w.who.peer.address = (struct slice){ "10.0.0.1234567" , 8 + i / 4 };
		ck_assert_int_eq(status("GET", "nodes", NULL), 401);
	}
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/admin/nodes", NULL), 401);
	who = asker_certified(SERVE_ADMIN, &admin, NULL);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/admin/nodes", NULL), 200);
	/* Not on another listener, whoever it is. */
	who = asker_certified(SERVE_MIA | SERVE_MID, &admin, NULL);
	who.serve = SERVE_MAS;
	{
		const struct req_listener l = { .serve = SERVE_MAS };
		struct req *rq = req_new(w.core.scl, &l);
		struct req_input *in = req_input(rq);

		in->op = REQ_RETRIEVE;
		in->known_method = true;
		in->target = SLICE_LIT("/admin/nodes");
		in->host = SLICE_LIT("h");
		in->peer = &who.peer;
		ck_assert_int_eq(req_admit(rq), RC_NOT_FOUND);
		req_free(rq);
	}
}
END_TEST

START_TEST(brute_force_is_locked)
{
	struct told t;

	w.who.authorization = "Bearer guessguessguessguess";
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(status("GET", "nodes", NULL), 401);
	/* The eleventh is not looked at, not even the right one. */
	w.who.authorization = GOOD;
	t = call("GET", "nodes", NULL);
	ck_assert_int_eq(t.status, 503);
	ck_assert_uint_gt(t.retry_after, 60);
	told_fini(&t);
	w.who.peer.address = SLICE_LIT("127.0.0.2");
	ck_assert_int_eq(status("GET", "nodes", NULL), 200);
	w.who.peer.address = SLICE_LIT("127.0.0.1");
	bed_pass(&w.mas, 2 * BED_HOUR);
	ck_assert_int_eq(status("GET", "nodes", NULL), 200);
}
END_TEST

START_TEST(token_is_read_again)
{
	bed_write(w.token, "another-token-0123456789", 24);
	admin_reload(w.admin);
	ck_assert_int_eq(status("GET", "nodes", NULL), 401);
	w.who.authorization = "Bearer another-token-0123456789";
	ck_assert_int_eq(status("GET", "nodes", NULL), 200);
	bed_write(w.token, "short", 5);
	admin_reload(w.admin);
	ck_assert_int_eq(status("GET", "nodes", NULL), 200);
}
END_TEST

/* ---- operations ---- */

START_TEST(issue_list_show_revoke)
{
	struct told t = call("POST", "nodes", "{\"sclId\":\"gscl-1\",\"subId\":\"s1\"}");
	char path[128];
	const char *node = told_text(&t, "nodeId"), *kmr = told_text(&t, "kmr");

	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	ck_assert_uint_eq(strlen(kmr), 43);
	told_fini(&t);
	t = call("GET", "nodes?subId=s1", NULL);
	ck_assert_str_eq(told_text(&t, "nodeId"), node);
	ck_assert_str_eq(told_text(&t, "state"), "ENABLED");
	ck_assert_ptr_null(strstr(t.body, kmr));
	told_fini(&t);
	snprintf(path, sizeof(path), "nodes/%s", node);
	t = call("GET", path, NULL);
	ck_assert_int_eq(t.status, 200);
	ck_assert_ptr_nonnull(strstr(t.body, "\"kmrs\":[{"));
	ck_assert_ptr_nonnull(strstr(t.body, "\"connections\":[]"));
	ck_assert_ptr_null(strstr(t.body, kmr));
	told_fini(&t);
	snprintf(path, sizeof(path), "nodes/%s/revoke", node);
	ck_assert_int_eq(status("POST", path, "{\"scope\":\"node\",\"reason\":\"lost\"}"), 204);
	ck_assert_int_eq(status("POST", path, "{\"scope\":\"node\"}"), 204);
	t = call("GET", "nodes?state=REVOKED", NULL);
	ck_assert_str_eq(told_text(&t, "nodeId"), node);
	told_fini(&t);
	/* Issuing again for it is refused. */
	snprintf(path, sizeof(path), "{\"nodeId\":\"%s\"}", node);
	ck_assert_int_eq(status("POST", "nodes", path), 403);
	ck_assert_int_eq(status("POST", "nodes", "{\"sclId\":\"gscl-1\"}"), 409);
}
END_TEST

START_TEST(connections_end)
{
	struct mas_connection c;
	char body[128], path[128], id[CONN_ID_HEX], node[NODE_ID_TEXT];
	struct told t;

	bed_issue(&w.mas, 1, 7);
	c = bed_connected(&w.mas, 1, 1);
	conn_id_hex(c.id, id);
	t = call("GET", "connections?state=ACTIVE", NULL);
	ck_assert_str_eq(told_text(&t, "connectionId"), id);
	told_fini(&t);
	snprintf(body, sizeof(body), "{\"scope\":\"connection\",\"connection\":\"%s\"}", id);
	/* Below another node it is not there. */
	node_id_text(&(struct node_id){ { 1 } }, node);
	snprintf(path, sizeof(path), "nodes/%s/revoke", node);
	ck_assert_int_eq(status("POST", path, body), 404);
	ck_assert(!bed_was_told(&w.mas, c.id, MAS_REVOKED));
	node_id_text(&c.node, node);
	snprintf(path, sizeof(path), "nodes/%s/revoke", node);
	ck_assert_int_eq(status("POST", path, body), 204);
	ck_assert(bed_was_told(&w.mas, c.id, MAS_REVOKED));
	t = call("GET", "connections?state=ACTIVE", NULL);
	ck_assert_str_eq(told_text(&t, "connectionId"), "");
	told_fini(&t);
}
END_TEST

START_TEST(lists_have_pages)
{
	char after[128] = "", path[256], body[64];
	unsigned rows = 0, pages = 0;

	for (int i = 0; i < 7; i++) {
		snprintf(body, sizeof(body), "{\"sclId\":\"n%d\"}", i);
		(void)issue(body);
	}
	do {
		struct told t;

		snprintf(path, sizeof(path), "nodes?limit=3%s%s", after[0] != '\0' ? "&after=" : "", after);
		t = call("GET", path, NULL);
		for (const char *p = t.body; (p = strstr(p, "\"nodeId\"")) != NULL; p++)
			rows++;
		snprintf(after, sizeof(after), "%s", told_text(&t, "next"));
		told_fini(&t);
		pages++;
	} while (after[0] != '\0');
	ck_assert_uint_eq(rows, 7);
	ck_assert_uint_eq(pages, 3);
}
END_TEST

START_TEST(rotate_bind_set_unlock)
{
	static const char print[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct {
		const char *text;
		int status;
	} networks[] = { { "10.0.0.0/8", 204 },     { "10.0.0.1, 2001:db8::/32", 204 },
		         { "2001:db8::1", 204 },    { "", 204 },
		         { "10.0.0.0/33", 400 },    { "10.0.0.0/", 400 },
		         { "gateway.example", 400 }, { "10.0.0.1;10.0.0.2", 400 },
		         { "10.0.0.1,", 400 },      { "::/129", 400 },
		         { "10.0.0/8", 400 },       { "10.0.0.0/0x8", 400 } };
	const char *node = issue("{\"sclId\":\"a\"}");
	char path[128], body[256];
	struct told t;

	snprintf(path, sizeof(path), "nodes/%s/rotate", node);
	ck_assert_int_eq(status("POST", path, "{\"deadline\":\"2030-01-01T00:00:00Z\"}"), 204);
	snprintf(path, sizeof(path), "nodes/%s/fingerprints", node);
	snprintf(body, sizeof(body), "{\"fingerprints\":[\"%s\"]}", print);
	ck_assert_int_eq(status("PUT", path, body), 204);
	snprintf(path, sizeof(path), "nodes/%s/unlock", node);
	ck_assert_int_eq(status("POST", path, NULL), 204);
	ck_assert_int_eq(status("POST", path, "{}"), 204);
	snprintf(path, sizeof(path), "nodes/%s", node);
	for (size_t i = 0; i < NITEMS(networks); i++) {
		snprintf(body, sizeof(body), "{\"allowedSources\":\"%s\"}", networks[i].text);
		ck_assert_msg(status("PUT", path, body) == networks[i].status, "%s", body);
	}
	ck_assert_int_eq(status("PUT", path, "{\"flags\":8192,\"priority\":\"low\",\"subId\":\"x\"}"), 204);
	t = call("GET", path, NULL);
	ck_assert_str_eq(told_text(&t, "deadline"), "2030-01-01T00:00:00.000Z");
	ck_assert_ptr_nonnull(strstr(t.body, print));
	ck_assert_str_eq(told_text(&t, "flags"), "8192");
	ck_assert_str_eq(told_text(&t, "priority"), "low");
	told_fini(&t);
}
END_TEST

START_TEST(devices)
{
	char hash[80], path[160];
	struct told t = call("POST", "devices", "{\"ppid\":\"" PPID "\",\"subId\":\"s\"}");

	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	snprintf(hash, sizeof(hash), "%s", told_text(&t, "device"));
	told_fini(&t);
	ck_assert_int_eq(status("POST", "devices", "{\"ppid\":\"" PPID "\",\"subId\":\"s\"}"), 200);
	ck_assert_int_eq(status("POST", "devices", "{\"ppid\":\"" PPID "\",\"subId\":\"t\"}"), 409);
	ck_assert_int_eq(status("POST", "devices", "{\"ppid\":\"zz\"}"), 400);
	snprintf(path, sizeof(path), "devices/%s", hash);
	t = call("GET", path, NULL);
	ck_assert_str_eq(told_text(&t, "state"), "ADMITTED");
	told_fini(&t);
	snprintf(path, sizeof(path), "devices/%s/unlock", hash);
	ck_assert_int_eq(status("POST", path, NULL), 204);
	snprintf(path, sizeof(path), "devices/%s/link", hash);
	snprintf(path + 120, 40, "x");
	ck_assert_int_eq(status("POST", path, "{\"old\":\"00\"}"), 400);
	snprintf(path, sizeof(path), "devices/%s/revoke", hash);
	ck_assert_int_eq(status("POST", path, NULL), 204);
	t = call("GET", "devices?state=REVOKED", NULL);
	ck_assert_str_eq(told_text(&t, "device"), hash);
	told_fini(&t);
}
END_TEST

#define NOBODY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* What is not there, or is none, is in the audit as well. */
START_TEST(device_calls_are_audited)
{
	static const char *const records[] = {
		"\"device-provision\",\"object\":\"zz\",\"result\":\"BAD_PARAM\"",
		"\"device-provision\",\"object\":\"202a\",\"result\":\"PPID_NOT_UNIQUE\"",
		"\"device-show\",\"object\":\"" NOBODY "\",\"result\":\"not found\"",
		"\"device-unlock\",\"object\":\"" NOBODY "\",\"result\":\"not found\"",
		"\"device-bind\",\"object\":\"" NOBODY "\",\"result\":\"not found\"",
		"\"device-revoke\",\"object\":\"" NOBODY "\",\"result\":\"not found\"",
		"\"device-link\",\"object\":\"" NOBODY "\",\"result\":\"not found\"",
		"\"device-list\",\"object\":\"\",\"result\":\"BAD_PARAM\"",
		"\"device-provision\",\"object\":\"2 lines\",\"result\":\"BAD_PARAM\"",
	};
	struct told t;

	ck_assert_int_eq(status("POST", "devices", "{\"ppid\":\"zz\"}"), 400);
	ck_assert_int_eq(status("POST", "devices", "{\"ppid\":\"202a\"}"), 400);
	ck_assert_int_eq(status("GET", "devices/" NOBODY, NULL), 404);
	ck_assert_int_eq(status("POST", "devices/" NOBODY "/unlock", NULL), 404);
	ck_assert_int_eq(status("PUT", "devices/" NOBODY "/fingerprints", "{\"fingerprints\":[]}"), 404);
	ck_assert_int_eq(status("POST", "devices/" NOBODY "/revoke", NULL), 404);
	ck_assert_int_eq(status("POST", "devices/" NOBODY "/link", "{\"old\":\"" NOBODY "\"}"), 404);
	ck_assert_int_eq(status("GET", "devices?after=zz", NULL), 400);
	t = ask(&w.core, &w.who, "POST", "/admin/devices", "application/x-ndjson", "{\nrubbish\n");
	ck_assert_int_eq(t.status, 200);
	told_fini(&t);
	t = call("GET", "msbf/audit", NULL);
	for (size_t i = 0; i < NITEMS(records); i++)
		ck_assert_msg(strstr(t.body, records[i]) != NULL, "%s in %s", records[i], t.body);
	told_fini(&t);
}
END_TEST

START_TEST(bulk)
{
	struct buf b;
	struct told t;
	unsigned good = 0, bad = 0;
	char line[128];

	buf_init(&b, 1u << 20);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(line, sizeof(line), "{\"ppid\":\"503c71bf0a%02x%02x00124b00010203%02x\"}\n",
		         i / 256, i % 256, i % 251);
		buf_puts(&b, i % 100 == 50 ? "{\"ppid\":1}\n" : i % 100 == 51 ? "rubbish\n" : line);
	}
	buf_char(&b, '\0');
	t = ask(&w.core, &w.who, "POST", "/admin/devices", "application/x-ndjson", b.p);
	ck_assert_int_eq(t.status, 200);
	for (const char *p = t.body; (p = strstr(p, "\"line\":")) != NULL; p++) {
		const char *end = strchr(p, '\n');

		if (memmem(p, (size_t)(end - p), "\"status\":200", 12) != NULL ||
		    memmem(p, (size_t)(end - p), "\"status\":201", 12) != NULL)
			good++;
		else
			bad++;
	}
	ck_assert_msg(good + bad == 300 && bad >= 6, "%u good, %u bad: %.300s", good, bad, t.body);
	ck_assert_uint_gt(good, 200);
	ck_assert_ptr_nonnull(strstr(t.body, "\"line\":300"));
	told_fini(&t);
	buf_fini(&b);
}
END_TEST

START_TEST(strictness)
{
	static const char *const bad[] = {
		"", "{", "[]", "null", "{\"sclId\":1}", "{\"sclId\":\"a\",\"sclId\":\"b\"}",
		"{\"unknown\":\"a\"}", "{\"sclId\":\"a\"}x", "{\"sclId\":\"a\",}", "{\"lifetime\":1.5}",
		"{\"lifetime\":-1}", "{\"lifetime\":99999999999999999999}", "{\"kmrIndex\":4294967296}",
		"{\"kmr\":\"AAAA\"}", "{\"nodeId\":\"00\"}", "{\"ppid\":\"0\"}", "{\"sclId\":\"a\\u0041\"}",
		"{\"sclId\":\"../x\"}", "{\"sclId\":null}", "{\"lifetime\":01}", "{\"lifetime\":1e3}",
		"{\"sclId\":{\"a\":[[[[[[[[[[1]]]]]]]]]]}}",
	};
	char path[160];

	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_msg(status("POST", "nodes", bad[i]) == 400, "%s", bad[i]);
	ck_assert_int_eq(ask_status(&w.core, &w.who, "POST", "/admin/nodes?x=1", "{}"), 400);
	ck_assert_int_eq(status("GET", "nodes?state=odd", NULL), 400);
	ck_assert_int_eq(status("GET", "nodes?limit=0", NULL), 400);
	ck_assert_int_eq(status("GET", "nodes?limit=1&limit=1", NULL), 400);
	ck_assert_int_eq(status("GET", "nodes?after=zz", NULL), 400);
	ck_assert_int_eq(status("GET", "audit?after=-1", NULL), 400);
	ck_assert_int_eq(status("GET", "nodes/xx", NULL), 400);
	ck_assert_int_eq(status("GET", "nothing", NULL), 404);
	ck_assert_int_eq(status("GET", "", NULL), 404);
	ck_assert_int_eq(status("DELETE", "nodes", NULL), 405);
	snprintf(path, sizeof(path), "nodes/%032d/revoke", 1);
	ck_assert_int_eq(status("POST", path, "{\"scope\":\"all\"}"), 400);
	ck_assert_int_eq(status("POST", path, "{\"scope\":\"node\",\"index\":1}"), 400);
	ck_assert_int_eq(status("POST", path, "{\"scope\":\"connection\"}"), 400);
	ck_assert_int_eq(status("POST", path, "{\"scope\":\"node\"}"), 404);
	{
		struct told t = ask(&w.core, &w.who, "POST", "/admin/nodes", "text/plain", "{}");

		ck_assert_int_eq(t.status, 415);
		told_fini(&t);
	}
}
END_TEST

/* ---- audit ---- */

START_TEST(calls_are_audited)
{
	struct told t;

	(void)issue("{\"sclId\":\"a\"}");
	(void)status("GET", "counters", NULL);
	(void)status("POST", "nodes", "{\"x\":1}");
	w.who.authorization = "Bearer nonsensenonsensenonsense";
	(void)status("GET", "nodes", NULL);
	w.who.authorization = GOOD;
	t = call("GET", "audit", NULL);
	ck_assert_int_eq(t.status, 200);
	ck_assert_ptr_nonnull(strstr(t.body, "\"actor\":\"admin\",\"action\":\"provision\""));
	ck_assert_ptr_nonnull(strstr(t.body, "\"action\":\"counters\""));
	ck_assert_ptr_nonnull(strstr(t.body, "\"action\":\"issue\",\"object\":\"\",\"result\":\"BAD_PARAM\""));
	ck_assert_ptr_nonnull(strstr(t.body, "\"result\":\"AUTH_FAILED\",\"source\":\"127.0.0.1\""));
	ck_assert_ptr_null(strstr(t.body, TOKEN));
	told_fini(&t);
	t = call("POST", "audit/verify", NULL);
	ck_assert_int_eq(t.status, 200);
	ck_assert_msg(strstr(t.body, "\"sound\":true}") != NULL, "%s", t.body);
	ck_assert_ptr_null(strstr(t.body, "false"));
	told_fini(&t);
	t = call("GET", "counters", NULL);
	ck_assert_str_eq(told_text(&t, "provision_ok"), "1");
	told_fini(&t);
	t = call("GET", "msbf/audit", NULL);
	ck_assert_int_eq(t.status, 200);
	told_fini(&t);
	ck_assert_int_eq(status("POST", "rewrap", NULL), 400);
}
END_TEST

/* ---- a new master key ---- */

static void
rewrapped(struct mas_rewrap *r)
{
	bed_over(r->owner);
}

/* A call was cut off between MAS and MSBF: the next one does what is left. */
START_TEST(rewrap_goes_on)
{
	struct bed_call call = { .b = &w.mas };
	struct mas_rewrap r = { .actor = "admin", .done = rewrapped, .owner = &call };

	if (_i == 0) {
		ck_assert_int_eq(bed_rewrap(&w.mas, &r), RC_OK);
	} else {
		msbf_rewrap(w.msbf, &r);
		bed_wait(&call);
		ck_assert_int_eq(r.outcome.rc, RC_OK);
	}
	ck_assert_int_eq(status("POST", "rewrap", NULL), 200);
	ck_assert_int_eq(status("POST", "rewrap", NULL), 400);
	r.owner = &call;
	call.over = false;
	r.done = rewrapped;
	msbf_rewrap(w.msbf, &r);
	bed_wait(&call);
	ck_assert_str_eq(r.outcome.reason, "NO_NEXT_KEY");
	ck_assert_int_eq(bed_rewrap(&w.mas, &r), RC_BAD_REQUEST);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { nobody_without_proof, brute_force_is_locked,
		                              token_is_read_again,  issue_list_show_revoke,
		                              connections_end,      lists_have_pages,
		                              rotate_bind_set_unlock, devices,
		                              device_calls_are_audited,
		                              bulk,                 strictness,
		                              calls_are_audited };
	Suite *s = suite_create("admin");
	TCase *tc = tcase_create("admin");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	tc = suite_case(s, "next key", setup_next_key, teardown);
	tcase_add_loop_test(tc, rewrap_goes_on, 0, 2);
	return core_run(s);
}
