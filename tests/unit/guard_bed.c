/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "guard_bed.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/sec/guard.h"
#include "cap/sec/mid.h"
#include "core/identity.h"
#include "sec/hex.h"

static const struct listener_policy claims = { .proved = false }, proves = { .proved = true };

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

static const struct slice uri_meter[] = { SLICE_INIT("urn:m2m:app:meter") };
static const struct slice uri_two[] = { SLICE_INIT("urn:m2m:app:meter"),
	                                SLICE_INIT("urn:m2m:app:other") };
static const struct slice uri_scl[] = { SLICE_INIT("urn:m2m:role:scl"),
	                                SLICE_INIT("urn:m2m:scl:gw1") };

struct peer peers[] = {
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

struct core_bed bed;
struct sec_conf sec;
struct live *live;
struct issuers *issuers;
struct kma *kma;
struct psk_sources sources;
const struct key seal = { { 7 } };

static struct mid *mid;
static struct sec_guard *guard;
static bool is_node;
static const char *book; /* NULL: Kma is entered in memory */
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
	struct issuers_conf issuers_conf = { .sec = &sec, .sources = &sources };
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

struct mas_connection
connection(void)
{
	int64_t now = clock_now(&bed.clock.clock);
	struct mas_connection c = { .id = CONNECTION, .kmc_index = 1, .scl_id = "gw1",
		                    .created = now, .expires = now + HOUR };

	memset(c.kmc.v, 0x5a, sizeof(c.kmc.v));
	return c;
}

void
guard_begin(bool node, const char *kept)
{
	static const char *const users[] = { "1001=meter", NULL };
	struct mas_connection c;

	is_node = node;
	book = kept;
	sources = (struct psk_sources){ 0 };
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

void
guard_setup(void)
{
	guard_begin(false, NULL);
}

void
guard_setup_node(void)
{
	guard_begin(true, NULL);
}

void
guard_teardown(void)
{
	core_fini(&bed);
	kma_free(kma);
	sec_guard_free(guard);
	issuers_free(issuers);
	mid_free(mid);
	live_free(live);
	unlink(path);
}

struct reply
guard_ask(int listener, int peer, const char *token, const char *method, const char *target,
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

void
guard_expect(int line, int listener, int peer, const char *token, const char *from, int status,
             const char *reason)
{
	struct reply r = guard_ask(listener, peer, token, "GET", APPS, from, NULL);

	ck_assert_msg(r.status == status && (reason == NULL || strstr(r.body, reason) != NULL),
	              "line %d: %d %s", line, r.status, r.body);
	reply_fini(&r);
}

void
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
