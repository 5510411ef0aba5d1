/* SPDX-License-Identifier: Apache-2.0 */
/* What other capabilities of an NSCL may ask of its SEC capability. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cap/sec/network_impl.h"
#include "core_bed.h"
#include "sec/jose.h"
#include "suite.h"

#define CONNECTION UINT64_C(0x1122334455667788)
#define HOUR (3600 * CLOCK_SECOND)
#define GATEWAY "https://gw.sp1.example:8443/m2m"

static struct core_bed bed;
static struct sec_conf conf;
static struct sec *network;
static const struct sec_access *A;
static char dir[64], keystore[96];
static const struct node_id node = { { 0x01, 0xbc, 0xad, 0x98, [NODE_ID_BYTES - 1] = 1 } };

static void
begin(void)
{
	char why[SEC_WHY_MAX] = "";

	ck_assert_msg(sec_network.open(&conf, &network, why) == RC_OK, "%s", why);
	A = sec_network.access(network);
}

static void
setup(void)
{
	core_init_alone(&bed);
	strcpy(dir, "/tmp/test_sec_access.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(keystore, sizeof(keystore), "%s/keystore", dir);
	conf = (struct sec_conf){ .scl_id = "nscl.sp1.example",
		                  .base = "m2m",
		                  .log = bed.log,
		                  .clock = &bed.clock.clock,
		                  .network.nscl = true,
		                  .keystore.path = keystore };
	begin();
	core_start(&bed);
}

static void
teardown(void)
{
	char command[160];

	core_fini(&bed);
	sec_network.close(network);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c): a name of mkdtemp */
}

static struct mas_connection
connect(void)
{
	int64_t now = clock_now(&bed.clock.clock);
	struct mas_connection c = { .id = CONNECTION,
		                    .kmc_index = 1,
		                    .node = node,
		                    .scl_id = "gw1",
		                    .created = now,
		                    .expires = now + HOUR };

	memset(c.kmc.v, 0x5a, sizeof(c.kmc.v));
	ck_assert_int_eq(live_put(network->live, &c), RC_OK);
	return c;
}

START_TEST(no_node)
{
	struct node_id id;
	struct sec_session s;
	struct key k;
	struct buf out;

	ck_assert(!A->node(A->arg, &id, NULL));
	ck_assert_int_eq(A->derive(A->arg, SEC_USE_AKA, &k), RC_NOT_FOUND);
	ck_assert_int_eq(A->session(A->arg, SLICE_LIT(GATEWAY), &s), RC_NOT_FOUND);
	buf_init(&out, 64);
	ck_assert_int_eq(
		A->open(A->arg, SLICE_LIT(GATEWAY), &(struct sec_object){ 0 }, SLICE_NONE, &out),
		RC_NOT_FOUND);
	buf_fini(&out);
	ck_assert(!A->renew(A->arg, SEC_RENEW_CONNECTIONS) && !A->renew(A->arg, SEC_RENEW_ROOT));
	ck_assert_ptr_null(A->mas);
}
END_TEST

/* ---- objects ---- */

static const struct sec_object keys = { .method = SLICE_INIT("GET"),
	                                .target = SLICE_INIT("/m2m/groupKeys"),
	                                .media_type = SLICE_INIT("application/json") };

static bool
take(void *arg, uint64_t seq)
{
	*(uint64_t *)arg = seq;
	return true;
}

/* The number that it has; it is opened as the node would. */
static uint64_t
seq_of(const struct mas_connection *c, const struct buf *object)
{
	uint64_t seq = 0;
	const struct jose_expect want = { .connection = c->id,
		                          .kmc_index = 1,
		                          .direction = OBJ_N2D,
		                          .method = keys.method,
		                          .target = keys.target,
		                          .take = take,
		                          .arg = &seq };
	struct arena *a = arena_new(1u << 20);
	struct jose j;
	struct key k;
	struct buf body;

	buf_init(&body, 256);
	ck_assert_int_eq(obj_key(&c->kmc, OBJ_N2D, c->id, 1, &k), RC_OK);
	ck_assert_int_eq(jose_parse(buf_view(object), a, &j), RC_OK);
	ck_assert_int_eq(jose_open(&j, &k, &want, &body), RC_OK);
	ck_assert(slice_is(buf_view(&body), "{}"));
	ck_assert(slice_is(j.h.cty, "application/json"));
	buf_fini(&body);
	arena_free(a);
	return seq;
}

/* Each with a number of its own, of those that the connection has for mId. */
START_TEST(objects_are_sealed)
{
	struct mas_connection c = connect();
	struct buf out;
	uint64_t next = 0;

	buf_init(&out, 4096);
	/* As after a start: nobody knows which numbers were used with the key. */
	ck_assert_int_eq(A->seal(A->arg, CONNECTION, &keys, SLICE_LIT("{}"), &out), RC_UNAVAILABLE);
	live_allow_objects(network->live, CONNECTION, 1, 3);
	ck_assert_int_eq(A->seal(A->arg, CONNECTION, &keys, SLICE_LIT("{}"), &out), RC_OK);
	ck_assert_uint_eq(seq_of(&c, &out), 1);
	ck_assert_int_eq(live_next_object(network->live, CONNECTION, &next), RC_OK);
	ck_assert_uint_eq(next, 2);
	buf_clear(&out);
	ck_assert_int_eq(A->seal(A->arg, CONNECTION, &keys, SLICE_LIT("{}"), &out), RC_OK);
	ck_assert_uint_eq(seq_of(&c, &out), 3);
	buf_clear(&out);
	ck_assert_int_eq(A->seal(A->arg, CONNECTION, &keys, SLICE_LIT("{}"), &out), RC_UNAVAILABLE);
	ck_assert_int_eq(A->seal(A->arg, CONNECTION + 1, &keys, SLICE_LIT("{}"), &out),
	                 RC_NOT_FOUND);
	ck_assert_int_eq(A->seal(A->arg, 0, &keys, SLICE_LIT("{}"), &out), RC_NOT_FOUND);
	live_end(network->live, CONNECTION, LIVE_REVOKED);
	ck_assert_int_eq(A->seal(A->arg, CONNECTION, &keys, SLICE_LIT("{}"), &out), RC_NOT_FOUND);
	ck_assert_uint_eq(out.n, 0);
	buf_fini(&out);
}
END_TEST

/* ---- who asks ---- */

START_TEST(whose_connection_it_is)
{
	struct peer p = { .kind = PEER_PSK, .psk_identity = SLICE_LIT("mc3.1122334455667788.1") };
	struct req_input in = { .peer = &p };
	struct node_id got;

	(void)connect();
	/* Only what the guard has found out counts. */
	ck_assert(!A->peer_node(A->arg, &in, &got));
	in.connection_id = CONNECTION;
	ck_assert(A->peer_node(A->arg, &in, &got) && node_id_eq(&got, &node));
	in.connection_id = CONNECTION + 1;
	ck_assert(!A->peer_node(A->arg, &in, &got) && got.v[0] == 0);
	in.connection_id = CONNECTION;
	live_end(network->live, CONNECTION, LIVE_REVOKED);
	ck_assert(!A->peer_node(A->arg, &in, &got) && got.v[0] == 0);
	in.peer = NULL;
	in.connection_id = 0;
	ck_assert(!A->peer_node(A->arg, &in, &got));
}
END_TEST

/* ---- what capabilities keep and bring ---- */

START_TEST(books)
{
	struct key first, again;
	char path[PATH_MAX], other[PATH_MAX];
	bool there;

	ck_assert_ptr_null(network->keys);
	ck_assert_int_eq(A->book(A->arg, "sd", &first, path, sizeof(path)), RC_OK);
	ck_assert_int_eq(A->book(A->arg, "sd", &again, other, sizeof(other)), RC_OK);
	ck_assert(key_equal(&first, &again) && !key_is_zero(&first));
	ck_assert_str_eq(path, other);
	sec_network.close(network);
	begin();
	ck_assert_int_eq(A->book(A->arg, "sd", &again, other, sizeof(other)), RC_OK);
	ck_assert(key_equal(&first, &again));
	ck_assert_int_eq(A->book(A->arg, "geo", &again, other, sizeof(other)), RC_OK);
	ck_assert(!key_equal(&first, &again));
	sec_network.close(network);
	conf.keystore.path = NULL;
	begin();
	there = A->book(A->arg, "sd", &again, other, sizeof(other)) != RC_NOT_FOUND;
	ck_assert(!there && key_is_zero(&again));
}
END_TEST

static bool
find(void *arg, const struct psk_id *id, struct key *out)
{
	(void)arg;
	(void)id;
	(void)out;
	return false;
}

START_TEST(psk_and_credentials)
{
	const struct sec_psk source = { .find = find };
	struct credential_psk p = { .identity = "ga3.x", .key = { { 9 } } };
	struct credential *c = credential_psk(&p, NULL), *got = NULL;
	struct exchange ex = { .method = SLICE_LIT("POST"), .url = SLICE_LIT(GATEWAY) };

	ck_assert_int_eq(A->psk_add(A->arg, PSK_GA, &source), RC_OK);
	ck_assert_int_eq(A->psk_add(A->arg, PSK_GA, &source), RC_CONFLICT);
	ck_assert_int_eq(A->psk_add(A->arg, PSK_MC, &source), RC_BAD_REQUEST);
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT(GATEWAY), c), RC_OK);
	ck_assert_int_eq(sec_network.credential(network, SLICE_LIT(GATEWAY), &got), RC_OK);
	ck_assert_ptr_eq(got, c);
	credential_unref(got);
	ck_assert_int_eq(sec_network.protect(network, &ex), RC_OK);
	ck_assert_ptr_null(ex.protection);
	ck_assert_int_eq(A->credential_set(A->arg, SLICE_LIT(GATEWAY), NULL), RC_OK);
	ck_assert(credential_sole(c));
	credential_unref(c);
}
END_TEST

/* ---- revocations ---- */

struct told {
	struct sec_watcher watcher; /* first */
	unsigned revoked, lost;
	uint64_t connection;
};

static void
revoked(struct sec_watcher *w, const struct node_id *id, uint64_t connection)
{
	struct told *t = (struct told *)(void *)w;

	ck_assert(node_id_eq(id, &node));
	t->revoked++;
	t->connection = connection;
}

static void
lost(struct sec_watcher *w)
{
	((struct told *)(void *)w)->lost++;
}

/* What the MAS says, as far as it is a revocation. */
START_TEST(revocations_are_told)
{
	struct told t = { .watcher = { .revoked = revoked, .lost = lost } };
	struct told quiet = { .watcher = { .revoked = revoked } };
	struct mas_watcher *mas = &network->watcher;

	A->revoked_watch(A->arg, &t.watcher);
	A->revoked_watch(A->arg, &quiet.watcher);
	mas->revoked(mas, &node, CONNECTION, MAS_ENDED);
	mas->revoked(mas, &node, CONNECTION, MAS_EXPIRED);
	ck_assert_uint_eq(t.revoked, 0);
	mas->revoked(mas, &node, CONNECTION, MAS_REVOKED);
	ck_assert(t.revoked == 1 && t.connection == CONNECTION && quiet.revoked == 1);
	mas->revoked(mas, &node, 0, MAS_REVOKED);
	ck_assert(t.revoked == 2 && t.connection == 0);
	mas->lost(mas);
	ck_assert_uint_eq(t.lost, 1);
	A->revoked_unwatch(A->arg, &t.watcher);
	mas->revoked(mas, &node, 0, MAS_REVOKED);
	ck_assert(t.revoked == 2 && quiet.revoked == 3);
	A->revoked_unwatch(A->arg, &quiet.watcher);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_access_network");
	TCase *c = suite_case(s, "network", setup, teardown);

	tcase_add_test(c, no_node);
	tcase_add_test(c, objects_are_sealed);
	tcase_add_test(c, whose_connection_it_is);
	tcase_add_test(c, books);
	tcase_add_test(c, psk_and_credentials);
	tcase_add_test(c, revocations_are_told);
	return core_run(s);
}
