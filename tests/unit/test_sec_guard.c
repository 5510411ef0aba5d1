/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask what on which listener: all that can be proved, in all names. */
#include "config.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/sec/guard.h"
#include "cap/sec/kma.h"
#include "cap/sec/kma_book.h"
#include "core/identity.h"
#include "core_bed.h"
#include "mas/mas_audit.h"
#include "sec/b64url.h"
#include "sec/hex.h"

#define OWN "http://scl.example.org:8080"
#define APPS BASE "/applications"
#define METER APPS "/meter"
#define GATEWAY "http://gw1.example.org:8080/m2m"
#define TOKEN "a-token-of-meter-0123456789"
#define CONNECTION UINT64_C(0x1122334455667788)
#define HOUR (3600 * CLOCK_SECOND)

static const struct listener_policy claims = { .proved = false }, proves = { .proved = true };

enum { CLAIMED, CLAIMED_MIA, CLAIMED_MID, BOTH, MIA, MID, UNKNOWN };

static const struct req_listener listeners[] = {
	[CLAIMED] = { .serve = SERVE_MIA | SERVE_DIA | SERVE_MID, .policy = &claims },
	[CLAIMED_MIA] = { .serve = SERVE_MIA | SERVE_DIA, .policy = &claims },
	[CLAIMED_MID] = { .serve = SERVE_MID, .policy = &claims },
	[BOTH] = { .serve = SERVE_MIA | SERVE_DIA | SERVE_MID, .policy = &proves, .secure = true },
	[MIA] = { .serve = SERVE_MIA | SERVE_DIA, .policy = &proves, .secure = true },
	[MID] = { .serve = SERVE_MID, .policy = &proves, .secure = true },
	/* Nothing is said of it. */
	[UNKNOWN] = { .serve = SERVE_MIA },
};

enum { NOBODY, CERTIFICATE, TWO_NAMES, STATIC_SCL, USER, STRANGER, PSK_B, PSK_A, PSK_APP };

static const struct slice uri_meter[] = { SLICE_INIT("urn:m2m:app:meter") };
static const struct slice uri_two[] = { SLICE_INIT("urn:m2m:app:meter"),
	                                SLICE_INIT("urn:m2m:app:other") };
static const struct slice uri_scl[] = { SLICE_INIT("urn:m2m:role:scl"),
	                                SLICE_INIT("urn:m2m:scl:gw1") };

static char app_identity[PSK_ID_TEXT];
static struct peer peers[] = {
	[NOBODY] = { .loopback = true, .address = SLICE_INIT("127.0.0.1") },
	[CERTIFICATE] = { .kind = PEER_CERTIFICATE, .uris = uri_meter, .n_uris = 1,
	                  .tls_version = 0x0304, .address = SLICE_INIT("192.0.2.1") },
	[TWO_NAMES] = { .kind = PEER_CERTIFICATE, .uris = uri_two, .n_uris = 2,
	                .tls_version = 0x0304, .address = SLICE_INIT("192.0.2.1") },
	[STATIC_SCL] = { .kind = PEER_CERTIFICATE, .uris = uri_scl, .n_uris = 2,
	                 .tls_version = 0x0304, .address = SLICE_INIT("192.0.2.1") },
	[USER] = { .kind = PEER_UNIX, .loopback = true, .uid = 1001 },
	[STRANGER] = { .kind = PEER_UNIX, .loopback = true, .uid = 1002 },
	[PSK_B] = { .kind = PEER_PSK, .tls_version = 0x0304,
	            .psk_identity = SLICE_INIT("mc3.1122334455667788.1") },
	[PSK_A] = { .kind = PEER_PSK, .tls_version = 0x0304,
	            .psk_identity = SLICE_INIT("mr3.01bcad980102030405060708090a0b0c.1") },
	[PSK_APP] = { .kind = PEER_PSK, .tls_version = 0x0304 },
};

static struct core_bed bed;
static struct sec_conf sec;
static struct live *live;
static struct mid *mid;
static struct issuers *issuers;
static struct sec_guard *guard;
static struct kma *kma;
static bool is_node;
static const char *book; /* NULL: Kma is entered in memory */
static const struct key seal = { { 7 } };
static char path[64];

static void
attach(struct scl *scl)
{
	const struct kma_conf conf = { .sec = &sec, .issuers = issuers,
		                       .live = is_node ? live : NULL, .book = book,
		                       .seal = &seal };
	char why[SEC_WHY_MAX];

	mid_attach(mid, scl);
	sec_guard_attach(guard, scl);
	ck_assert_msg(kma_add(&conf, scl, &kma, why) == RC_OK, "%s", why);
}

static void
write_tokens(void)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[2 * sizeof(digest) + 1], line[128];
	int fd;

	snprintf(path, sizeof(path), "/tmp/test_guard.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	SHA256((const unsigned char *)TOKEN, strlen(TOKEN), digest);
	hex_encode(digest, sizeof(digest), hex);
	snprintf(line, sizeof(line), "meter %s\n", hex);
	ck_assert_int_eq(write(fd, line, strlen(line)), (ssize_t)strlen(line));
	close(fd);
}

static void
open_parts(void)
{
	const struct live_conf live_conf = { .clock = &bed.clock.clock, .max = 8, .remember = HOUR };
	const struct mid_conf mid_conf = { .side = is_node ? MID_NODE : MID_NETWORK,
		                           .live = NULL, .sec = &sec };
	struct mid_conf conf = mid_conf;
	struct issuers_conf issuers_conf = { .sec = &sec };
	char why[SEC_WHY_MAX];

	live = live_new(&live_conf);
	ck_assert_ptr_nonnull(live);
	conf.live = live;
	ck_assert_int_eq(mid_new(&conf, &mid), RC_OK);
	issuers_conf.live = is_node ? live : NULL;
	ck_assert_msg(issuers_new(&issuers_conf, &issuers, why) == RC_OK, "%s", why);
	guard = sec_guard_new(&(struct sec_guard_conf){ .mid = mid, .live = live,
	                                                .issuers = issuers });
	ck_assert_ptr_nonnull(guard);
	bed.guard = sec_guard_of(guard);
	bed.attach = attach;
}

static struct mas_connection
connection(void)
{
	int64_t now = clock_now(&bed.clock.clock);
	struct mas_connection c = { .id = CONNECTION, .kmc_index = 1, .scl_id = "gw1",
		                    .created = now, .expires = now + HOUR };

	memset(c.kmc.v, 0x5a, sizeof(c.kmc.v));
	return c;
}

static void
begin(bool node)
{
	static const char *const users[] = { "1001=meter", NULL };
	struct mas_connection c;

	is_node = node;
	core_init_alone(&bed);
	bed.conf.group_parallel = 4;
	bed.conf.group_member_timeout_ms = 5000;
	bed.conf.group_timeout_ms = 10000;
	write_tokens();
	sec = (struct sec_conf){ .scl_id = "scl.example.org", .base = "m2m", .log = bed.log,
		                 .clock = &bed.clock.clock, .tokens = path, .unix_users = users };
	open_parts();
	c = connection();
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	core_start(&bed);
	bed.listener = &listeners[CLAIMED];
}

static void
setup(void)
{
	begin(false);
}

static void
setup_node(void)
{
	begin(true);
}

static void
teardown(void)
{
	core_fini(&bed);
	kma_free(kma);
	sec_guard_free(guard);
	issuers_free(issuers);
	mid_free(mid);
	live_free(live);
	unlink(path);
}

static struct reply
ask(int listener, int peer, const char *token, const char *method, const char *target,
    const char *from, const char *body)
{
	struct core_call c;
	char authorization[128];
	struct reply r;

	bed.listener = &listeners[listener];
	core_prepare_call(&bed, &c, method, target, from, body == NULL ? NULL : "application/xml",
	                  body);
	req_input(c.rq)->peer = &peers[peer];
	snprintf(authorization, sizeof(authorization), "Bearer %s", token == NULL ? "" : token);
	if (token != NULL)
		req_input(c.rq)->authorization = slice_of(authorization);
	core_go(&c);
	r = core_end(&c);
	bed.listener = &listeners[CLAIMED];
	return r;
}

static void
expect(int line, int listener, int peer, const char *token, const char *from, int status,
       const char *reason)
{
	struct reply r = ask(listener, peer, token, "GET", APPS, from, NULL);

	ck_assert_msg(r.status == status && (reason == NULL || strstr(r.body, reason) != NULL),
	              "line %d: %d %s", line, r.status, r.body);
	reply_fini(&r);
}

#define EXPECT(...) expect(__LINE__, __VA_ARGS__)

static void
register_gateway(void)
{
	struct reply r = ask(BOTH, PSK_B, NULL, "POST", BASE "/scls", GATEWAY,
	                     "<m2m:scl " NS " sclId=\"gw1\"><m2m:link>" GATEWAY "</m2m:link>"
	                     "<m2m:sclType>GSCL</m2m:sclType>"
	                     "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType></m2m:scl>");

	ck_assert_msg(r.status == 201, "%d %s", r.status, r.body);
	reply_fini(&r);
}

/* Whoever has proved an App-ID, in whichever way. */
START_TEST(applications)
{
	static const struct {
		int peer;
		const char *token;
	} ways[] = { { CERTIFICATE, NULL }, { USER, NULL }, { NOBODY, TOKEN }, { STRANGER, TOKEN },
		     { TWO_NAMES, TOKEN }, { CERTIFICATE, TOKEN } };
	static const char *const own[] = { NULL, METER, OWN METER, "http://SCL.example.org:8080" METER,
		                           APPS "/%6deter", METER "/", "urn:m2m:app:meter" };
	static const char *const others[] = {
		APPS "/other", APPS "/meter2", APPS "/mete", METER "/containers", METER "//x",
		APPS "/", "/m2m", OWN BASE, OWN APPS "/other", "http://other.example.org" METER,
		"urn:m2m:app:other", "urn:m2m:app:", GATEWAY, ADMIN, "/m2m/scls/meter", "meter",
		"/other/applications/meter", "/m2mx/applications/meter",
	};
	static const int open[] = { CLAIMED, CLAIMED_MIA, BOTH, MIA, UNKNOWN };

	for (size_t w = 0; w < NITEMS(ways); w++)
		for (size_t l = 0; l < NITEMS(open); l++) {
			for (size_t i = 0; i < NITEMS(own); i++)
				EXPECT(open[l], ways[w].peer, ways[w].token, own[i], 200, NULL);
			for (size_t i = 0; i < NITEMS(others); i++)
				EXPECT(open[l], ways[w].peer, ways[w].token, others[i], 403,
				       "SEC_IDENTITY");
		}
}
END_TEST

START_TEST(applications_on_mid)
{
	EXPECT(MID, CERTIFICATE, NULL, METER, 403, "SEC_NO_CONNECTION");
	EXPECT(CLAIMED_MID, USER, NULL, METER, 403, "SEC_NO_CONNECTION");
	EXPECT(MID, NOBODY, TOKEN, NULL, 403, "SEC_NO_CONNECTION");
	EXPECT(MID, NOBODY, NULL, METER, 403, "SEC_NO_CONNECTION");
	EXPECT(CLAIMED_MID, NOBODY, NULL, METER, 403, "SEC_NO_CONNECTION");
}
END_TEST

START_TEST(nobody)
{
	static const char *const names[] = { NULL, METER, APPS "/other", GATEWAY, ADMIN };

	for (size_t i = 0; i < NITEMS(names); i++) {
		EXPECT(MIA, NOBODY, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(BOTH, NOBODY, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(UNKNOWN, NOBODY, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, STRANGER, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, TWO_NAMES, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, STATIC_SCL, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, PSK_APP, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, NOBODY, TOKEN "x", names[i], 401, "AUTH_FAILED");
		EXPECT(CLAIMED, NOBODY, TOKEN "x", names[i], 401, "AUTH_FAILED");
	}
	EXPECT(CLAIMED, NOBODY, NULL, METER, 200, NULL);
	EXPECT(CLAIMED_MIA, NOBODY, NULL, ADMIN, 200, NULL);
	EXPECT(CLAIMED_MIA, STRANGER, NULL, METER, 200, NULL);
	EXPECT(CLAIMED, NOBODY, NULL, NULL, 402, NULL);
	EXPECT(CLAIMED, NOBODY, NULL, BASE, 403, NULL);
}
END_TEST

/* Claimed or proved by a session: SCLs are on mId, by their connections. */
START_TEST(scls)
{
	static const char *const names[] = { GATEWAY, GATEWAY "/applications/z" };

	register_gateway();
	for (size_t i = 0; i < NITEMS(names); i++) {
		EXPECT(BOTH, PSK_B, NULL, names[i], 200, NULL);
		EXPECT(MID, PSK_B, NULL, names[i], 200, NULL);
		EXPECT(MIA, PSK_B, NULL, names[i], 403, "SEC_IDENTITY");
		EXPECT(CLAIMED, NOBODY, NULL, names[i], 403, "SEC_NO_CONNECTION");
		EXPECT(CLAIMED_MIA, NOBODY, NULL, names[i], 403, "SEC_NO_CONNECTION");
		EXPECT(BOTH, NOBODY, NULL, names[i], 403, "SEC_NO_CONNECTION");
		EXPECT(BOTH, PSK_A, NULL, names[i], 403, "SEC_NO_CONNECTION");
		EXPECT(BOTH, STATIC_SCL, NULL, names[i], 403, "SEC_NO_CONNECTION");
	}
	EXPECT(BOTH, PSK_B, NULL, METER, 403, "SEC_IDENTITY");
	EXPECT(BOTH, PSK_B, NULL, ADMIN, 403, "SEC_IDENTITY");
	/* A token does not make an SCL an application. */
	EXPECT(BOTH, PSK_B, TOKEN, METER, 403, "SEC_IDENTITY");
	sec.open_on_loopback = true;
	EXPECT(CLAIMED, NOBODY, NULL, GATEWAY, 200, NULL);
	EXPECT(CLAIMED_MID, NOBODY, NULL, GATEWAY, 200, NULL);
	EXPECT(MIA, NOBODY, NULL, GATEWAY, 401, "AUTH_FAILED");
	sec.static_credentials = true;
	EXPECT(BOTH, STATIC_SCL, NULL, GATEWAY, 200, NULL);
	EXPECT(BOTH, STATIC_SCL, NULL, METER, 403, "SEC_IDENTITY");
}
END_TEST

static int
create(int listener, int peer, const char *from, const char *appid, char location[512])
{
	char body[512];
	struct reply r;

	snprintf(body, sizeof(body),
	         "<m2m:application " NS " %s><m2m:accessRightID>" BASE
	         "/accessRights/default</m2m:accessRightID></m2m:application>",
	         appid);
	r = ask(listener, peer, NULL, "POST", APPS, from, body);
	if (location != NULL)
		memcpy(location, r.location, sizeof(r.location));
	reply_fini(&r);
	return r.status;
}

START_TEST(registration)
{
	char location[512];

	ck_assert_int_eq(create(MIA, USER, NULL, "appId=\"other\"", NULL), 403);
	ck_assert_int_eq(create(CLAIMED, CERTIFICATE, METER, "appId=\"other\"", NULL), 403);
	ck_assert_int_eq(create(MIA, USER, NULL, "", location), 201);
	ck_assert_str_eq(location, OWN METER);
	ck_assert_int_eq(create(MIA, USER, NULL, "", NULL), 409);
	ck_assert_int_eq(core_status(&bed, "DELETE", METER, ADMIN, NULL), 204);
	ck_assert_int_eq(create(MIA, CERTIFICATE, METER, "appId=\"meter\"", NULL), 201);
	/* Where issuers are claimed, any. */
	ck_assert_int_eq(create(CLAIMED, NOBODY, ADMIN, "appId=\"other\"", NULL), 201);
}
END_TEST

#define GROUP BASE "/groups/all/membersContent"

static void
make_group(const char *member)
{
	ck_assert_int_eq(core_do(&bed, "POST", BASE "/groups",
	                         "<m2m:group " NS " m2m:id=\"all\"><m2m:accessRightID>" BASE
	                         "/accessRights/default</m2m:accessRightID>"
	                         "<m2m:memberType>MIXED</m2m:memberType><m2m:members><reference>%s"
	                         "</reference></m2m:members></m2m:group>",
	                         member),
	                 201);
}

/* What a group carries on is of the same issuer. */
START_TEST(registration_by_a_group)
{
	const char *body = "<m2m:application " NS " appId=\"other\"/>";
	struct reply r;

	make_group(APPS);
	r = ask(MIA, USER, NULL, "POST", GROUP, NULL, body);
	ck_assert_msg(strstr(r.body, "STATUS_FORBIDDEN") != NULL, "%d %s", r.status, r.body);
	reply_fini(&r);
	ck_assert_int_eq(core_status(&bed, "GET", APPS "/other", ADMIN, NULL), 404);
}
END_TEST

/* Of SCLs nothing is registered by whoever is no SCL. */
START_TEST(scls_of_others)
{
	const char *body = "<m2m:scl " NS " sclId=\"gw9\"><m2m:link>http://gw9.example.org/m2m</m2m:link>"
	                   "<m2m:sclType>GSCL</m2m:sclType>"
	                   "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType></m2m:scl>";
	const char *own = "<m2m:scl " NS " sclId=\"gw9\"><m2m:link>" OWN METER "</m2m:link>"
	                  "<m2m:sclType>GSCL</m2m:sclType>"
	                  "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType></m2m:scl>";
	static const char *const paths[] = { "/m2m/scls", "/m2m//scls/", "/%6d2m/s%63ls", "/m2m/SL",
		                             OWN "/m2m/scls" };
	struct reply r;

	for (size_t i = 0; i < NITEMS(paths); i++) {
		r = ask(CLAIMED, NOBODY, NULL, "POST", paths[i], "http://gw9.example.org/m2m", body);
		ck_assert_msg(r.status == 403 || (r.status == 404 && i == 3), "%s: %d %s", paths[i],
		              r.status, r.body);
		reply_fini(&r);
	}
	r = ask(BOTH, USER, NULL, "POST", "/m2m/scls", METER, own);
	ck_assert_msg(r.status == 403, "%d %s", r.status, r.body);
	reply_fini(&r);
	make_group(BASE "/scls");
	r = ask(CLAIMED, NOBODY, NULL, "POST", GROUP, "http://gw9.example.org/m2m", body);
	reply_fini(&r);
	ck_assert_int_eq(core_status(&bed, "GET", BASE "/scls/gw9", ADMIN, NULL), 404);
}
END_TEST

/* ---- Kma ---- */

static struct reply
get_kma(int listener, int peer, const char *token, const char *target, const char *from)
{
	return ask(listener, peer, token, "GET", target, from, NULL);
}

static int
kma_status(int listener, int peer, const char *token, const char *target, const char *from)
{
	struct reply r = get_kma(listener, peer, token, target, from);

	ck_assert(r.status == 200 || strstr(r.body, "\"kma\"") == NULL);
	reply_fini(&r);
	return r.status;
}

static void
make_app_peer(void)
{
	struct psk_id id = { .kind = PSK_MA, .tls = PSK_TLS_1_3, .index = 1, .connection = CONNECTION };

	ck_assert_int_eq(app_hash(SLICE_LIT("meter"), id.app), RC_OK);
	peers[PSK_APP].psk_identity = slice_make(app_identity, psk_id_format(&id, app_identity));
}

START_TEST(kma_given_once)
{
	struct mas_connection c = connection();
	char text[B64URL_LEN(KEY_BYTES) + 1] = "";
	struct key want;
	struct reply r;

	core_app(&bed, "meter", "");
	r = get_kma(CLAIMED_MIA, USER, NULL, METER "/kma", NULL);
	ck_assert_msg(r.status == 200, "%d %s", r.status, r.body);
	ck_assert_int_eq(kma_derive(&c.kmc, SLICE_LIT("meter"), SLICE_LIT("gw1"), 1, &want), RC_OK);
	b64url_encode(text, want.v, sizeof(want.v));
	ck_assert_ptr_nonnull(strstr(r.body, text));
	ck_assert_ptr_nonnull(strstr(r.body, "\"connectionId\":\"1234605616436508552\""));
	ck_assert_ptr_nonnull(strstr(r.body, "\"kmcIndex\":1"));
	reply_fini(&r);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
	/* With the next Kmc again. */
	c.id++;
	c.kmc_index = 2;
	c.created++;
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, CERTIFICATE, NULL, METER "/kma", METER), 200);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, CERTIFICATE, NULL, METER "/kma", METER), 409);
}
END_TEST

START_TEST(kma_refused)
{
	core_app(&bed, "meter", "");
	core_app(&bed, "other", "");
	ck_assert_int_eq(kma_status(CLAIMED, NOBODY, NULL, METER "/kma", METER), 401);
	ck_assert_int_eq(kma_status(CLAIMED, STRANGER, NULL, METER "/kma", METER), 401);
	/* A token over a connection that others can listen to, or whose end is not known. */
	ck_assert_int_eq(kma_status(CLAIMED, NOBODY, TOKEN, METER "/kma", METER), 403);
	ck_assert_int_eq(kma_status(CLAIMED, STRANGER, TOKEN, METER "/kma", METER), 403);
	ck_assert_int_eq(kma_status(CLAIMED, NOBODY, TOKEN "x", METER "/kma", METER), 401);
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, APPS "/other/kma", NULL), 403);
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, METER "/kma", APPS "/other"), 403);
	ck_assert_int_eq(kma_status(MID, USER, NULL, METER "/kma", NULL), 403);
	ck_assert_int_eq(core_status(&bed, "DELETE", METER, ADMIN, NULL), 204);
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, METER "/kma", NULL), 404);
	core_app(&bed, "meter", "");
	live_end(live, CONNECTION, LIVE_ENDED);
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, METER "/kma", NULL), 503);
}
END_TEST

static int
status_of_method(const char *method, const char *body)
{
	struct reply r = ask(CLAIMED, USER, NULL, method, METER "/kma", NULL, body);

	ck_assert(strstr(r.body, "\"kma\"") == NULL);
	reply_fini(&r);
	return r.status;
}

/* Other spellings of the path and other methods give nothing. */
START_TEST(kma_otherwise)
{
	static const char *const paths[] = {
		METER "/kma/", METER "//kma", METER "/%6bma", APPS "//kma", APPS "/kma",
		"/m2m/AP/meter/kma", METER "/x/kma", METER "/kma/x", "/m2m//applications/meter/kma",
	};
	struct core_call c;
	struct reply r;

	core_app(&bed, "meter", "");
	for (size_t i = 0; i < NITEMS(paths); i++)
		ck_assert_msg(kma_status(CLAIMED, USER, NULL, paths[i], NULL) == 404, "%s", paths[i]);
	ck_assert_int_eq(status_of_method("POST", NULL), 405);
	ck_assert_int_eq(status_of_method("PUT", NULL), 405);
	ck_assert_int_eq(status_of_method("PUT", "x"), 413);
	ck_assert_int_eq(status_of_method("DELETE", NULL), 405);
	core_prepare_call(&bed, &c, "GET", METER "/kma", NULL, NULL, NULL);
	req_input(c.rq)->peer = &peers[USER];
	req_input(c.rq)->head = true;
	core_go(&c);
	r = core_end(&c);
	ck_assert_int_eq(r.status, 405);
	reply_fini(&r);
	/* Nor does a group, which asks in its own way. */
	make_group(METER "/kma");
	r = ask(CLAIMED, USER, NULL, "GET", GROUP, NULL, NULL);
	ck_assert_ptr_null(strstr(r.body, "connectionId"));
	reply_fini(&r);
	/* And the key is there still. */
	ck_assert_int_eq(kma_status(CLAIMED, USER, NULL, METER "/kma", NULL), 200);
}
END_TEST

START_TEST(kma_session)
{
	struct psk_id id;
	struct key got;

	core_app(&bed, "meter", "");
	make_app_peer();
	ck_assert(psk_id_parse(peers[PSK_APP].psk_identity, &id));
	ck_assert(!issuers_psk(issuers, &id, &got));
	ck_assert_int_eq(kma_status(MIA, USER, NULL, METER "/kma", NULL), 200);
	ck_assert(issuers_psk(issuers, &id, &got));
	EXPECT(MIA, PSK_APP, NULL, METER, 200, NULL);
	EXPECT(MIA, PSK_APP, NULL, APPS "/other", 403, "SEC_IDENTITY");
	EXPECT(MID, PSK_APP, NULL, METER, 403, "SEC_NO_CONNECTION");
	live_end(live, CONNECTION, LIVE_REVOKED);
	EXPECT(MIA, PSK_APP, NULL, METER, 403, "SEC_REVOKED");
}
END_TEST

START_TEST(kma_after_a_restart)
{
	struct psk_id id;
	struct key got;

	core_app(&bed, "meter", "");
	make_app_peer();
	ck_assert(psk_id_parse(peers[PSK_APP].psk_identity, &id));
	ck_assert(!issuers_psk(issuers, &id, &got));
	ck_assert_int_eq(kma_start(kma), RC_OK);
	ck_assert(issuers_psk(issuers, &id, &got));
	ck_assert_int_eq(app_hash(SLICE_LIT("other"), id.app), RC_OK);
	ck_assert(!issuers_psk(issuers, &id, &got));
}
END_TEST

/* ---- Kma that is entered on disk ---- */

static char kept[64];

static void
setup_kept(void)
{
	snprintf(kept, sizeof(kept), "/tmp/test_guard_kma.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(kept));
	book = kept;
	begin(true);
}

static void
teardown_kept(void)
{
	char file[128];

	teardown();
	snprintf(file, sizeof(file), "%s/data.mdb", kept);
	unlink(file);
	snprintf(file, sizeof(file), "%s/lock.mdb", kept);
	unlink(file);
	rmdir(kept);
}

struct seen {
	unsigned rows, given;
	char object[AUDIT_OBJECT_MAX + 1];
};

static void
see(void *arg, const struct audit_row *row)
{
	struct seen *s = arg;

	s->rows++;
	if (!slice_is(row->entry.action, "kma"))
		return;
	s->given++;
	ck_assert(slice_is(row->entry.actor, "meter"));
	ck_assert(slice_is(row->entry.source, "uid 1001"));
	snprintf(s->object, sizeof(s->object), "%.*s", (int)row->entry.object.n, row->entry.object.p);
}

/* The audit as it is on disk. */
static struct seen
audited(void)
{
	const struct store_conf conf = { .path = kept };
	struct seen seen = { .rows = 0 };
	struct audit_check check = { .next = 0 };
	struct mas_store store;
	struct mas_tx *tx;
	char why[256];

	ck_assert_int_eq(mas_store_open(&store_lmdb, &conf, &store, why), RC_OK);
	ck_assert_int_eq(mas_tx_begin(&store, &tx), RC_OK);
	ck_assert_int_eq(audit_verify(tx, &seal, 1000, &check), RC_OK);
	ck_assert(check.ended && check.bad == 0 && !check.bad_head);
	ck_assert_int_eq(audit_read(tx, 0, 100, see, &seen), RC_OK);
	mas_tx_abort(tx);
	mas_store_close(&store);
	return seen;
}

START_TEST(kma_once_for_ever)
{
	struct mas_connection c;
	struct seen seen;

	core_app(&bed, "meter", "");
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 200);
	for (int i = 0; i < 3; i++) {
		teardown();
		seen = audited();
		ck_assert_uint_eq(seen.given, 1);
		ck_assert_str_eq(seen.object, "1122334455667788.1.5eff322a1bd4164e");
		begin(true);
		core_app(&bed, "meter", "");
		ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
	}
	/* Nor after its registration is another one. */
	ck_assert_int_eq(core_status(&bed, "DELETE", METER, ADMIN, NULL), 204);
	core_app(&bed, "meter", "");
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
	c = connection();
	c.id++;
	c.kmc_index = 2;
	c.created++;
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 200);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 409);
	kma_stop(kma);
	ck_assert_uint_eq(audited().given, 2);
	c.id++;
	c.created++;
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL), 503);
}
END_TEST

struct crowd {
	pthread_t thread;
	int status;
};

static void *
ask_kma(void *arg)
{
	struct crowd *one = arg;

	one->status = kma_status(CLAIMED_MIA, USER, NULL, METER "/kma", NULL);
	return NULL;
}

/* However many ask at the same time, one gets it. */
START_TEST(kma_for_one_of_many)
{
	struct crowd all[16];
	unsigned given = 0;

	core_app(&bed, "meter", "");
	for (size_t i = 0; i < NITEMS(all); i++)
		ck_assert_int_eq(pthread_create(&all[i].thread, NULL, ask_kma, &all[i]), 0);
	for (size_t i = 0; i < NITEMS(all); i++) {
		pthread_join(all[i].thread, NULL);
		ck_assert(all[i].status == 200 || all[i].status == 409);
		given += all[i].status == 200;
	}
	ck_assert_uint_eq(given, 1);
}
END_TEST

/* A book that was made with another key, or has another record, is not begun anew. */
START_TEST(kma_book_of_another)
{
	const struct key other = { { 8 } };
	struct kma_book_conf conf = { .dir = kept, .engine = &store_lmdb, .seal = &other,
		                      .clock = &bed.clock.clock, .log = bed.log };
	struct kma_book *opened;
	char why[256];

	kma_stop(kma);
	ck_assert_int_eq(kma_book_open(&conf, &opened, why), RC_PRECONDITION);
	ck_assert_ptr_null(opened);
	ck_assert_ptr_nonnull(strstr(why, kept));
	conf.seal = &seal;
	ck_assert_int_eq(kma_book_open(&conf, &opened, why), RC_OK);
	kma_book_close(opened);
}
END_TEST

/* At the network nobody has a Kma. */
START_TEST(kma_of_the_network)
{
	core_app(&bed, "meter", "");
	ck_assert_int_eq(kma_status(MIA, USER, NULL, METER "/kma", NULL), 403);
	ck_assert_int_eq(kma_start(kma), RC_OK);
	make_app_peer();
	EXPECT(MIA, PSK_APP, NULL, METER, 401, "AUTH_FAILED");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_guard");
	TCase *network = tcase_create("network"), *node = tcase_create("node");
	TCase *disk = tcase_create("kma on disk");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(network, setup, teardown);
	tcase_add_test(network, applications);
	tcase_add_test(network, applications_on_mid);
	tcase_add_test(network, nobody);
	tcase_add_test(network, scls);
	tcase_add_test(network, registration);
	tcase_add_test(network, registration_by_a_group);
	tcase_add_test(network, scls_of_others);
	tcase_add_test(network, kma_of_the_network);
	suite_add_tcase(s, network);
	tcase_add_checked_fixture(node, setup_node, teardown);
	tcase_add_test(node, kma_given_once);
	tcase_add_test(node, kma_refused);
	tcase_add_test(node, kma_otherwise);
	tcase_add_test(node, kma_session);
	tcase_add_test(node, kma_after_a_restart);
	tcase_add_checked_fixture(disk, setup_kept, teardown_kept);
	tcase_add_test(disk, kma_once_for_ever);
	tcase_add_test(disk, kma_for_one_of_many);
	tcase_add_test(disk, kma_book_of_another);
	suite_add_tcase(s, disk);
	suite_add_tcase(s, node);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
