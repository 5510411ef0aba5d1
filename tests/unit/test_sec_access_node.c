/* SPDX-License-Identifier: Apache-2.0 */
/* What other capabilities of a node may ask of its SEC capability. */
#include "config.h"

#include <limits.h>
#include <stdio.h>

#include "cap/sec/authorities.h"
#include "cap/sec_access.h"
#include "sec/jose.h"
#include "sec_node_bed.h"
#include "suite.h"

#define GATEWAY "https://gw.sp1.example:8443/m2m"

static struct node_bed w;
static const struct sec_access *access_of_w;
#define A access_of_w

static void
begin(void)
{
	node_begin(&w);
	A = sec_node.access(w.sec);
	ck_assert_ptr_nonnull(A);
}

static void
begin_and_connect(void)
{
	begin();
	node_want(&w);
	ck_assert(node_await_up(&w));
}

static void
setup(void)
{
	node_init(&w);
}

static void
teardown(void)
{
	node_end(&w);
	node_fini(&w);
}

/* ---- the own root ---- */

static void
expect_derived(enum sec_use use, enum rc (*derive)(const struct key *kmr,
                                                   const struct node_id *node, struct key *out))
{
	struct key got, want;

	ck_assert_int_eq(A->derive(A->arg, use, &got), RC_OK);
	ck_assert_int_eq(derive(&w.kmrs[w.first_index], &w.node, &want), RC_OK);
	ck_assert(key_equal(&got, &want));
}

START_TEST(keys_of_the_root)
{
	struct node_id node;
	uint32_t index = 0;

	begin_and_connect();
	ck_assert_ptr_null(A->mas);
	ck_assert(A->node(A->arg, &node, &index));
	ck_assert(node_id_eq(&node, &w.node));
	ck_assert_uint_eq(index, w.first_index);
	ck_assert(A->node(A->arg, &node, NULL));
	expect_derived(SEC_USE_AKA, aka_root);
	expect_derived(SEC_USE_TRIGGER, trigger_key);
	expect_derived(SEC_USE_INDICATOR, indicator_key);
}
END_TEST

START_TEST(nothing_without_credentials)
{
	struct node_id node = { { 1 } };
	uint32_t index = 1;
	struct sec_session s = { .connection = 1 };
	struct key k = { { 1 } };
	char dir[PATH_MAX];
	struct buf out;

	w.conf.bootstrap.msbf = NULL;
	begin();
	ck_assert(!A->node(A->arg, &node, &index));
	ck_assert(node.v[0] == 0 && index == 0);
	ck_assert_int_eq(A->derive(A->arg, SEC_USE_AKA, &k), RC_NOT_FOUND);
	ck_assert(key_is_zero(&k));
	ck_assert_int_eq(A->session(A->arg, SLICE_LIT(NSCL), &s), RC_NOT_FOUND);
	ck_assert_uint_eq(s.connection, 0);
	k.v[0] = 1;
	ck_assert_int_eq(A->book(A->arg, "gaka", &k, dir, sizeof(dir)), RC_NOT_FOUND);
	ck_assert(key_is_zero(&k));
	ck_assert(!A->renew(A->arg, SEC_RENEW_CONNECTIONS));
	ck_assert(!A->renew(A->arg, SEC_RENEW_ROOT));
	buf_init(&out, 64);
	ck_assert_int_eq(A->seal(A->arg, 1, &(struct sec_object){ 0 }, SLICE_NONE, &out),
	                 RC_NOT_FOUND);
	buf_fini(&out);
}
END_TEST

struct told {
	struct sec_watcher watcher; /* first */
	_Atomic unsigned revoked;
	struct node_id node; /* of the first; read when revoked is not 0 */
};

static void
revoked(struct sec_watcher *watcher, const struct node_id *node, uint64_t connection)
{
	struct told *t = (struct told *)(void *)watcher;

	ck_assert_uint_eq(connection, 0);
	if (t->revoked == 0)
		t->node = *node;
	t->revoked++;
}

static bool
two_boots(struct node_bed *b)
{
	return b->counts.boots >= 2;
}

/* The provider has said, signed, that the credentials are void. */
START_TEST(erasure_is_told)
{
	struct told t = { .watcher = { .revoked = revoked } };
	struct told other = { .watcher = { .revoked = revoked } };

	w.link = LINK_REJECTED;
	w.verdict = SAY_VOID;
	begin();
	A->revoked_watch(A->arg, &t.watcher);
	A->revoked_watch(A->arg, &other.watcher);
	A->revoked_unwatch(A->arg, &other.watcher);
	node_want(&w);
	ck_assert(node_await(&w, two_boots));
	ck_assert_uint_ge(t.revoked, 1);
	ck_assert(node_id_eq(&t.node, &w.node));
	ck_assert_uint_eq(other.revoked, 0);
	A->revoked_unwatch(A->arg, &t.watcher);
}
END_TEST

/* ---- service connections ---- */

START_TEST(session_of_the_nscl)
{
	static const char *const same[] = { NSCL, NSCL "/groupKeys",
		                            "https://NSCL.sp1.example:8443/" };
	static const char *const none[] = { NSCL_2, "https://nscl.sp1.example/m2m",
		                            "http://nscl.sp1.example:8443/m2m", "x", "" };
	struct sec_session s;

	begin_and_connect();
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		ck_assert_int_eq(A->session(A->arg, slice_of(same[i]), &s), RC_OK);
		ck_assert_uint_eq(s.connection, w.connection);
		ck_assert_uint_eq(s.kmc_index, w.kmc_index);
		ck_assert(key_equal(&s.kmc, &w.kmc));
		ck_assert(node_id_eq(&s.node, &w.node));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		ck_assert_int_eq(A->session(A->arg, slice_of(none[i]), &s), RC_NOT_FOUND);
		ck_assert(s.connection == 0 && key_is_zero(&s.kmc));
	}
}
END_TEST

static void
seal(uint64_t connection, uint64_t seq, enum obj_dir dir, struct buf *out)
{
	const struct jose_header h = { .connection = connection,
		                       .kmc_index = w.kmc_index,
		                       .direction = dir,
		                       .cty = SLICE_LIT("application/json"),
		                       .seq = seq,
		                       .method = SLICE_LIT("GET"),
		                       .target = SLICE_LIT("/m2m/groupKeys") };
	struct key k;

	ck_assert_int_eq(obj_key(&w.kmc, dir, connection, w.kmc_index, &k), RC_OK);
	buf_clear(out);
	ck_assert_int_eq(jose_seal(&h, &k, SLICE_LIT("{}"), out), RC_OK);
}

static enum rc
open_at(const char *url, const char *target, const struct buf *object, struct buf *out)
{
	const struct sec_object o = { .method = SLICE_LIT("GET"), .target = slice_of(target) };

	buf_clear(out);
	return A->open(A->arg, slice_of(url), &o, buf_view(object), out);
}

/* It counts once, for what was asked, on the connection that stands. */
START_TEST(objects_are_opened)
{
	struct buf object, out;

	begin_and_connect();
	buf_init(&object, 4096);
	buf_init(&out, 4096);
	seal(w.connection, 7, OBJ_N2D, &object);
	ck_assert_int_eq(open_at(NSCL, "/m2m/other", &object, &out), RC_FORBIDDEN);
	ck_assert_int_eq(open_at(NSCL_2, "/m2m/groupKeys", &object, &out), RC_NOT_FOUND);
	seal(w.connection, 8, OBJ_N2D, &object);
	ck_assert_int_eq(open_at(NSCL, "/m2m/groupKeys", &object, &out), RC_OK);
	ck_assert(slice_is(buf_view(&out), "{}"));
	ck_assert_int_eq(open_at(NSCL, "/m2m/groupKeys", &object, &out), RC_FORBIDDEN);
	ck_assert_uint_eq(out.n, 0);
	/* What this node has sent itself. */
	seal(w.connection, 9, OBJ_D2N, &object);
	ck_assert_int_eq(open_at(NSCL, "/m2m/groupKeys", &object, &out), RC_FORBIDDEN);
	seal(w.connection + 1, 10, OBJ_N2D, &object);
	ck_assert_int_eq(open_at(NSCL, "/m2m/groupKeys", &object, &out), RC_NOT_FOUND);
	seal(w.connection, 11, OBJ_N2D, &object);
	object.p[object.n - 1] = object.p[object.n - 1] == 'A' ? 'Q' : 'A';
	ck_assert_int_eq(open_at(NSCL, "/m2m/groupKeys", &object, &out), RC_FORBIDDEN);
	buf_clear(&object);
	ck_assert_int_eq(open_at(NSCL, "/m2m/groupKeys", &object, &out), RC_BAD_REQUEST);
	buf_fini(&object);
	buf_fini(&out);
}
END_TEST

/* ---- books ---- */

START_TEST(books_outlive_the_process)
{
	static const char *const bad[] = { "",  "a/b", "..",
		                           "A", "a-b", "0123456789abcdef0123456789abcdefx" };
	struct key first, second, again;
	char dir[PATH_MAX], other[PATH_MAX];

	begin_and_connect();
	ck_assert_int_eq(A->book(A->arg, "gaka", &first, dir, sizeof(dir)), RC_OK);
	ck_assert_int_eq(A->book(A->arg, "mpa", &second, other, sizeof(other)), RC_OK);
	ck_assert(!key_is_zero(&first) && !key_equal(&first, &second));
	ck_assert_str_ne(dir, other);
	ck_assert(slice_starts(slice_of(dir), slice_of(w.keystore)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(A->book(A->arg, bad[i], &second, other, sizeof(other)),
		                 RC_BAD_REQUEST);
	ck_assert_int_eq(A->book(A->arg, "gaka", &second, other, strlen(dir)), RC_BAD_REQUEST);
	ck_assert(key_is_zero(&second));
	node_end(&w);
	begin();
	ck_assert_int_eq(A->book(A->arg, "gaka", &again, other, sizeof(other)), RC_OK);
	ck_assert(key_equal(&first, &again));
	ck_assert_str_eq(dir, other);
}
END_TEST

/* ---- credentials ---- */

/* On the courier thread, which alone may. */
struct setting {
	struct scl_task task; /* first */
	void (*run)(void);
	_Atomic bool done;
};

static void
run_setting(struct scl_task *task)
{
	struct setting *s = (struct setting *)(void *)task;

	s->run();
	s->done = true;
}

static bool
is_done(void *arg)
{
	return ((struct setting *)arg)->done;
}

static void
on_courier(void (*run)(void))
{
	struct setting s = { .task = { .run = run_setting }, .run = run };

	scl_post(w.core.scl, &s.task, 0);
	ck_assert(core_await(is_done, &s));
}

static struct credential *
psk(const char *identity)
{
	struct credential_psk p = { .key = { { 9 } } };
	struct credential *c;

	snprintf(p.identity, sizeof(p.identity), "%s", identity);
	c = credential_psk(&p, NULL);
	ck_assert_ptr_nonnull(c);
	return c;
}

static bool
has(const char *url, const struct credential *want)
{
	struct credential *got = NULL;
	enum rc rc = sec_node.credential(w.sec, slice_of(url), &got);

	credential_unref(got);
	return rc == RC_OK && got == want;
}

static void
set_credentials(void)
{
	struct credential *a = psk("ga3.a"), *b = psk("ga3.b");

	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT(GATEWAY), a), RC_OK);
	ck_assert(has(GATEWAY "/applications", a) && has("https://GW.sp1.example:8443/", a));
	ck_assert(has("https://gw.sp1.example/m2m", NULL) &&
	          has("http://gw.sp1.example:8443/", NULL));
	ck_assert(has("coaps://gw.sp1.example:8443/m2m", NULL));
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT(GATEWAY), b), RC_OK);
	ck_assert(has(GATEWAY, b));
	ck_assert(credential_sole(a));
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT(GATEWAY), NULL), RC_OK);
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT(GATEWAY), NULL), RC_OK);
	ck_assert(has(GATEWAY, NULL) && credential_sole(b));
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT("http://gw.sp1.example/"), a),
	                 RC_BAD_REQUEST);
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT("coaps://gw.sp1.example/"), a), RC_OK);
	ck_assert(has("coaps://gw.sp1.example:5684/m2m", a));
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT("coaps://gw.sp1.example/"), NULL),
	                 RC_OK);
	credential_unref(a);
	credential_unref(b);
}

static void
set_many(void)
{
	struct credential *c = psk("mp3.c");
	char url[64];

	for (unsigned i = 0; i < AUTHORITIES_MAX; i++) {
		snprintf(url, sizeof(url), "https://gw%u.example/", i);
		ck_assert_int_eq(A->credential_set(A->arg, slice_of(url), c), RC_OK);
	}
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT(GATEWAY), c), RC_NO_SPACE);
	/* One that is there may change still, and one that goes makes room. */
	ck_assert_int_eq(A->credential_set(A->arg, slice_of(url), c), RC_OK);
	ck_assert_int_eq(A->credential_set(A->arg, slice_of(url), NULL), RC_OK);
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT(GATEWAY), c), RC_OK);
	credential_unref(c);
}

START_TEST(credentials_of_authorities)
{
	begin();
	on_courier(set_credentials);
	on_courier(set_many);
}
END_TEST

static struct credential *nscl_credential;

static void
set_nscl(void)
{
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT(NSCL), nscl_credential), RC_OK);
}

/* An exchange goes under it, not under the service connection. */
START_TEST(exchanges_take_it)
{
	begin_and_connect();
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert(slice_starts(slice_of(w.identity), SLICE_LIT("mc3.")));
	nscl_credential = psk("ga3.x");
	on_courier(set_nscl);
	ck_assert_int_eq(node_ask(&w), 200);
	/* port_fake is asked for no credential: nobody has named one. */
	ck_assert_str_eq(w.identity, "");
	credential_unref(nscl_credential);
	nscl_credential = NULL;
	on_courier(set_nscl);
	ck_assert_int_eq(node_ask(&w), 200);
	ck_assert(slice_starts(slice_of(w.identity), SLICE_LIT("mc3.")));
}
END_TEST

/* Who is of low priority says so there too; nobody else does. */
START_TEST(claims_are_made_under_it)
{
	unsigned want = _i == 0 ? 1 : 0, before;
	struct sent s;

	w.conf.low_priority = _i == 0;
	begin_and_connect();
	nscl_credential = psk("ga3.x");
	on_courier(set_nscl);
	before = w.low_requests;
	node_send_to(&w, &s, NSCL "/scls", "GET", "");
	node_sent(&s);
	ck_assert_int_eq(s.status, 200);
	ck_assert_str_eq(w.identity, "");
	ck_assert_uint_eq(w.low_requests - before, want);
	/* The request is as its sender gave it, who may send it once more. */
	ck_assert_uint_eq(s.ex.nheaders, 1);
	credential_unref(nscl_credential);
	nscl_credential = NULL;
}
END_TEST

/* ---- anew ---- */

static bool
two_links(struct node_bed *b)
{
	return b->counts.links >= 2;
}

START_TEST(connections_are_renewed)
{
	begin_and_connect();
	ck_assert_uint_eq(node_counts(&w).links, 1);
	ck_assert(A->renew(A->arg, SEC_RENEW_CONNECTIONS));
	ck_assert(node_await(&w, two_links));
	ck_assert_uint_eq(node_counts(&w).boots, 1);
}
END_TEST

START_TEST(root_is_renewed)
{
	begin_and_connect();
	ck_assert_uint_eq(node_counts(&w).boots, 1);
	ck_assert(A->renew(A->arg, SEC_RENEW_ROOT));
	ck_assert(node_await(&w, two_boots));
	ck_assert_int_eq(node_ask(&w), 200);
}
END_TEST

/* ---- the link of a gateway to the MAS ---- */

START_TEST(the_mas_needs_a_certificate)
{
	char why[SEC_WHY_MAX] = "";
	struct sec_conf conf = w.conf;
	struct sec *n = NULL;

	conf.network.mas_uri = "https://mas.sp1.example:8446/mas/v1";
	ck_assert_int_eq(sec_node.open(&conf, &n, why), RC_BAD_REQUEST);
	ck_assert_ptr_null(n);
	ck_assert_ptr_nonnull(strstr(why, "urn:m2m:role:gw"));
	conf.network.mas_certificate = conf.network.mas_key = "x.pem";
	conf.network.mas_uri = "no-uri";
	ck_assert_int_eq(sec_node.open(&conf, &n, why), RC_BAD_REQUEST);
	ck_assert_ptr_nonnull(strstr(why, "no-uri is no URI of a MAS"));
	w.conf.network = conf.network;
	w.conf.network.mas_uri = "https://mas.sp1.example:8446/mas/v1";
	begin();
	ck_assert_ptr_nonnull(A->mas);
	ck_assert_ptr_nonnull(A->mas->ops);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_access_node");
	TCase *c = suite_case(s, "node", setup, teardown);

	tcase_set_timeout(c, 300);
	tcase_add_test(c, keys_of_the_root);
	tcase_add_test(c, nothing_without_credentials);
	tcase_add_test(c, erasure_is_told);
	tcase_add_test(c, session_of_the_nscl);
	tcase_add_test(c, objects_are_opened);
	tcase_add_test(c, books_outlive_the_process);
	tcase_add_test(c, credentials_of_authorities);
	tcase_add_test(c, exchanges_take_it);
	tcase_add_loop_test(c, claims_are_made_under_it, 0, 2);
	tcase_add_test(c, connections_are_renewed);
	tcase_add_test(c, root_is_renewed);
	tcase_add_test(c, the_mas_needs_a_certificate);
	return core_run(s);
}
