/* SPDX-License-Identifier: Apache-2.0 */
/* What applications prove: certificates, users of UNIX sockets, tokens and their file, Kma. */
#include "config.h"

#include <check.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cap/sec/issuer.h"
#include "cap/sec/live.h"
#include "cap/sec/token_file.h"
#include "cap/sec/unix_users.h"
#include "sec/failures.h"
#include "sec/hex.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define START (INT64_C(1700000000) * CLOCK_SECOND)
#define HOUR (3600 * CLOCK_SECOND)
#define CONNECTION UINT64_C(0x1122334455667788)
#define GOOD "a-token-of-meter-1-0123456789"
#define OTHER "a-token-of-meter-2-0123456789"

static char dir[64], path[128];
static struct clock test_clock;
static struct sec_conf sec;
static struct live *live;
static struct issuers *issuers;
static struct arena *arena;

static int64_t
now(const struct clock *c)
{
	(void)c;
	return START;
}

static void
write_to(const char *file, const char *text, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void
write_file(const char *text, mode_t mode)
{
	write_to(path, text, mode);
}

/* At once: whoever reads it sees the old one or the new one. */
static void
replace_file(const char *text)
{
	char fresh[sizeof(path) + 8];

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	write_to(fresh, text, 0600);
	ck_assert_int_eq(rename(fresh, path), 0);
}

static const char *
line_of(const char *name, const char *token)
{
	static char line[2][400];
	static unsigned turn;
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[2 * sizeof(digest) + 1];
	char *to = line[turn++ % 2];

	SHA256((const unsigned char *)token, strlen(token), digest);
	hex_encode(digest, sizeof(digest), hex);
	snprintf(to, sizeof(line[0]), "%s %s\n", name, hex);
	return to;
}

static void
setup(void)
{
	const struct live_conf conf = { .clock = &test_clock, .max = 8, .remember = HOUR };

	snprintf(dir, sizeof(dir), "/tmp/test_issuer.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/tokens", dir);
	test_clock.now = now;
	sec = (struct sec_conf){ .scl_id = "gscl-1", .base = "m2m", .clock = &test_clock };
	live = live_new(&conf);
	arena = arena_new(1u << 20);
	ck_assert(live != NULL && arena != NULL);
}

static void
teardown(void)
{
	issuers_free(issuers);
	issuers = NULL;
	live_free(live);
	arena_free(arena);
	unlink(path);
	rmdir(dir);
}

static void
open_issuers(bool node)
{
	const struct issuers_conf conf = { .sec = &sec, .live = node ? live : NULL };
	char why[SEC_WHY_MAX];

	issuers_free(issuers);
	ck_assert_msg(issuers_new(&conf, &issuers, why) == RC_OK, "%s", why);
}

struct verdict {
	enum rc rc;
	struct issuer issuer;
	struct slice reason;
	struct req_answer out;
	struct req_input in;
};

static struct verdict
identify(const struct peer *peer, const char *authorization)
{
	struct verdict v = { .in = { .peer = peer, .authorization = slice_of(authorization) } };

	v.rc = issuers_identify(issuers, &v.in, arena, &v.issuer, &v.out, &v.reason);
	return v;
}

static void
expect(const struct peer *peer, const char *authorization, enum issuer_by by, const char *app_id)
{
	struct verdict v = identify(peer, authorization);

	ck_assert_int_eq(v.rc, RC_OK);
	ck_assert_int_eq(v.issuer.by, by);
	ck_assert_msg(by == ISSUER_NOBODY ? v.issuer.app_id.p == NULL
	                                  : slice_is(v.issuer.app_id, app_id),
	              "%.*s", (int)v.issuer.app_id.n, v.issuer.app_id.p);
}

static void
refused(const struct peer *peer, const char *authorization, enum rc rc, const char *reason)
{
	struct verdict v = identify(peer, authorization);

	ck_assert_int_eq(v.rc, rc);
	ck_assert_msg(slice_is(v.reason, reason), "%.*s", (int)v.reason.n, v.reason.p);
}

START_TEST(certificates)
{
	char big[APP_ID_MAX + 32];
	struct slice uris[2] = { SLICE_INIT("urn:m2m:role:scl"), SLICE_INIT("urn:m2m:app:meter") };
	struct peer p = { .kind = PEER_CERTIFICATE, .uris = uris, .n_uris = 2 };

	open_issuers(false);
	expect(&p, NULL, ISSUER_CERTIFICATE, "meter");
	uris[0] = SLICE_LIT("urn:m2m:app:other");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	p.n_uris = 1;
	expect(&p, NULL, ISSUER_CERTIFICATE, "other");
	uris[0] = SLICE_LIT("urn:m2m:app:");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	uris[0] = SLICE_LIT("URN:m2m:app:meter");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	memset(big, 'a', sizeof(big));
	memcpy(big, "urn:m2m:app:", 12);
	uris[0] = slice_make(big, 12 + APP_ID_MAX);
	ck_assert_int_eq(identify(&p, NULL).issuer.by, ISSUER_CERTIFICATE);
	uris[0] = slice_make(big, 12 + APP_ID_MAX + 1);
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	p.kind = PEER_UNPROVED;
	uris[0] = SLICE_LIT("urn:m2m:app:meter");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	expect(NULL, NULL, ISSUER_NOBODY, NULL);
}
END_TEST

START_TEST(users)
{
	static const char *const list[] = { "1001=meter", "root=boss", NULL };
	struct peer p = { .kind = PEER_UNIX, .loopback = true, .uid = 1001 };

	sec.unix_users = list;
	open_issuers(false);
	expect(&p, NULL, ISSUER_USER, "meter");
	p.uid = 0;
	expect(&p, NULL, ISSUER_USER, "boss");
	p.uid = 1002;
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	/* A uid that was never asked for is not that of root. */
	p = (struct peer){ .kind = PEER_UNPROVED, .loopback = true };
	expect(&p, NULL, ISSUER_NOBODY, NULL);
}
END_TEST

START_TEST(users_that_are_none)
{
	static const struct {
		const char *list[3];
		enum rc rc;
	} cases[] = {
		{ { "1001" }, RC_BAD_REQUEST },
		{ { "=meter" }, RC_BAD_REQUEST },
		{ { "1001=" }, RC_BAD_REQUEST },
		{ { "" }, RC_BAD_REQUEST },
		{ { "12x=meter" }, RC_BAD_REQUEST },
		{ { "4294967295=meter" }, RC_BAD_REQUEST },
		{ { "65534=meter" }, RC_BAD_REQUEST },
		{ { "1001=a", "65534=b" }, RC_BAD_REQUEST },
		{ { "99999999999999999999=meter" }, RC_BAD_REQUEST },
		{ { "-1=meter" }, RC_NOT_FOUND },
		{ { "no-such-user-here=meter" }, RC_NOT_FOUND },
		{ { "1001=a", "1001=b" }, RC_BAD_REQUEST },
		{ { "0=a", "root=a" }, RC_BAD_REQUEST },
	};
	struct unix_users *u;
	char why[UNIX_USERS_WHY];

	for (size_t i = 0; i < NITEMS(cases); i++) {
		why[0] = '\0';
		ck_assert_msg(unix_users_new(cases[i].list, &u, why) == cases[i].rc, "%zu", i);
		ck_assert(u == NULL && why[0] != '\0');
	}
	ck_assert_int_eq(unix_users_new(NULL, &u, why), RC_OK);
	ck_assert_ptr_null(unix_users_find(u, 0).p);
	unix_users_free(u);
}
END_TEST

START_TEST(tokens)
{
	struct peer tls = { .tls_version = 0x0304, .address = SLICE_INIT("192.0.2.1") };
	struct peer local = { .loopback = true, .address = SLICE_INIT("127.0.0.1") };
	struct peer remote = { .address = SLICE_INIT("192.0.2.2") };
	struct peer user = { .kind = PEER_UNIX, .loopback = true, .uid = 7 };
	struct verdict v;

	write_file(line_of("meter", GOOD), 0600);
	sec.tokens = path;
	open_issuers(false);
	expect(&tls, "Bearer " GOOD, ISSUER_TOKEN, "meter");
	expect(&local, "bearer  " GOOD " ", ISSUER_TOKEN, "meter");
	expect(&user, "Bearer " GOOD, ISSUER_TOKEN, "meter");
	refused(&remote, "Bearer " GOOD, RC_DENIED, "AUTH_FAILED");
	refused(NULL, "Bearer " GOOD, RC_DENIED, "AUTH_FAILED");
	refused(&tls, "Bearer " GOOD "x", RC_DENIED, "AUTH_FAILED");
	refused(&tls, "Bearer short", RC_DENIED, "AUTH_FAILED");
	expect(&tls, "Basic bWV0ZXI6", ISSUER_NOBODY, NULL);
	expect(&tls, "Bearer", ISSUER_NOBODY, NULL);
	/* It goes no further than here, and the credentials of others stay. */
	v = identify(&tls, "Bearer " GOOD);
	ck_assert_ptr_null(v.in.authorization.p);
	v = identify(&tls, "Basic bWV0ZXI6");
	ck_assert_ptr_nonnull(v.in.authorization.p);
	sec.clear_tokens = true;
	open_issuers(false);
	expect(&remote, "Bearer " GOOD, ISSUER_TOKEN, "meter");
	/* None are taken: what is sent is not even looked at. */
	sec.tokens = NULL;
	open_issuers(false);
	expect(&tls, "Bearer " GOOD, ISSUER_NOBODY, NULL);
	ck_assert_ptr_null(identify(&tls, "Bearer " GOOD).in.authorization.p);
}
END_TEST

START_TEST(token_of_another)
{
	struct slice uri = SLICE_LIT("urn:m2m:app:meter");
	struct peer p = { .kind = PEER_CERTIFICATE, .uris = &uri, .n_uris = 1, .tls_version = 0x0303 };
	char both[800];

	snprintf(both, sizeof(both), "%s", line_of("meter", GOOD));
	strcat(both, line_of("other", OTHER));
	write_file(both, 0600);
	sec.tokens = path;
	open_issuers(false);
	expect(&p, "Bearer " GOOD, ISSUER_CERTIFICATE, "meter");
	refused(&p, "Bearer " OTHER, RC_FORBIDDEN, "SEC_IDENTITY");
	uri = SLICE_LIT("urn:m2m:role:admin");
	expect(&p, "Bearer " OTHER, ISSUER_TOKEN, "other");
}
END_TEST

START_TEST(guessing)
{
	struct peer guesser = { .tls_version = 0x0304, .address = SLICE_INIT("192.0.2.1") };
	struct peer other = { .tls_version = 0x0304, .address = SLICE_INIT("192.0.2.2") };
	struct peer local = { .loopback = true, .address = SLICE_INIT("127.0.0.1") };
	struct verdict v;

	write_file(line_of("meter", GOOD), 0600);
	sec.tokens = path;
	open_issuers(false);
	for (unsigned i = 0; i < FAILURES_PER_SOURCE; i++) {
		expect(&guesser, "Bearer " GOOD, ISSUER_TOKEN, "meter");
		refused(&guesser, "Bearer 0123456789abcdef", RC_DENIED, "AUTH_FAILED");
		refused(&local, "Bearer 0123456789abcdef", RC_DENIED, "AUTH_FAILED");
	}
	/* The right one is not evaluated any more, and the answer is the same. */
	v = identify(&guesser, "Bearer " GOOD);
	ck_assert(v.rc == RC_DENIED && slice_is(v.reason, "AUTH_FAILED"));
	ck_assert_uint_gt(v.out.retry_after, 0);
	expect(&other, "Bearer " GOOD, ISSUER_TOKEN, "meter");
	/* All who are on this host look the same. */
	expect(&local, "Bearer " GOOD, ISSUER_TOKEN, "meter");
}
END_TEST

START_TEST(token_files_that_are_none)
{
	static const struct {
		const char *text;
		mode_t mode;
		enum rc rc;
	} cases[] = {
		{ "meter", 0600, RC_BAD_REQUEST },
		{ "meter 00", 0600, RC_BAD_REQUEST },
		{ " \n# fine\n\nmeter  zz\n", 0600, RC_BAD_REQUEST },
		{ "# fine\n", 0640, RC_FORBIDDEN },
		{ "# fine\n", 0602, RC_FORBIDDEN },
	};
	const struct issuers_conf conf = { .sec = &sec };
	char why[SEC_WHY_MAX] = "";

	sec.tokens = path;
	ck_assert_int_eq(issuers_new(&conf, &issuers, why), RC_NOT_FOUND);
	ck_assert(issuers == NULL && why[0] != '\0');
	for (size_t i = 0; i < NITEMS(cases); i++) {
		write_file(cases[i].text, cases[i].mode);
		ck_assert_msg(issuers_new(&conf, &issuers, why) == cases[i].rc, "%zu", i);
	}
}
END_TEST

/* Whatever stands in the file, it is read or refused. */
START_TEST(token_file_of_rubbish)
{
	const char *line = line_of("meter", GOOD);
	size_t n = strlen(line);
	struct tokens *t;
	char why[TOKENS_WHY], text[400];

	for (unsigned i = 0; i < 4000; i++) {
		memcpy(text, line, n + 1);
		text[(i * 7919u) % n] = (char)(1 + i % 255);
		if (i % 3 == 0)
			text[(i * 31u) % n] = '\n';
		write_file(text, 0600);
		if (tokens_read(path, &t, why) != RC_OK)
			continue;
		(void)tokens_find(t, SLICE_LIT(GOOD));
		tokens_free(t);
	}
}
END_TEST

/* Each of many tokens is found, the others are not, in a time that hardly depends on how many. */
START_TEST(many_tokens)
{
	enum { MANY = 40000, FINDS = 4000, OF_ONE = 96 };
	char *text = calloc(MANY + 2, OF_ONE), *end = text, token[40], name[40], why[TOKENS_WHY];
	struct tokens *t;
	clock_t from;

	ck_assert_ptr_nonnull(text);
	for (int i = 0; i < MANY; i++) {
		snprintf(token, sizeof(token), "token-of-many-%07d", i);
		snprintf(name, sizeof(name), "app-%d", i);
		end = stpcpy(end, line_of(name, token));
	}
	/* The last line with a token counts. */
	strcpy(end, line_of("another", "token-of-many-0000007"));
	write_file(text, 0600);
	free(text);
	ck_assert_int_eq(tokens_read(path, &t, why), RC_OK);
	from = clock();
	for (int i = 0; i < FINDS; i++) {
		snprintf(token, sizeof(token), "token-of-many-%07d", i * (MANY / FINDS));
		snprintf(name, sizeof(name), "app-%d", i * (MANY / FINDS));
		ck_assert_msg(slice_is(tokens_find(t, slice_of(token)), name), "%s", token);
		token[0] = 'T';
		ck_assert_ptr_null(tokens_find(t, slice_of(token)).p);
	}
	/* To look at each of them takes a hundred times as long. */
	ck_assert_int_lt((clock() - from) / (CLOCKS_PER_SEC / 1000), 1000);
	ck_assert(slice_is(tokens_find(t, SLICE_LIT("token-of-many-0000007")), "another"));
	tokens_free(t);
}
END_TEST

static bool
comes(const char *token, const char *name)
{
	struct peer tls = { .tls_version = 0x0304, .loopback = true };
	char authorization[128];

	snprintf(authorization, sizeof(authorization), "Bearer %s", token);
	for (unsigned i = 0; i < 1000; i++) {
		struct verdict v = identify(&tls, authorization);

		if (name == NULL ? v.rc == RC_DENIED : slice_is(v.issuer.app_id, name))
			return true;
		usleep(10000);
	}
	return false;
}

START_TEST(file_that_changes)
{
	struct peer tls = { .tls_version = 0x0304, .loopback = true };

	write_file(line_of("meter", GOOD), 0600);
	sec.tokens = path;
	open_issuers(false);
	/* In place, of the same length, at once. */
	write_file(line_of("motor", OTHER), 0600);
	ck_assert(comes(OTHER, "motor"));
	ck_assert(comes(GOOD, NULL));
	/* By another file in its place. */
	replace_file(line_of("meter", GOOD));
	ck_assert(comes(GOOD, "meter"));
	/* What is wrong changes nothing. */
	write_file("rubbish", 0600);
	issuers_reload(issuers);
	expect(&tls, "Bearer " GOOD, ISSUER_TOKEN, "meter");
	unlink(path);
	issuers_reload(issuers);
	expect(&tls, "Bearer " GOOD, ISSUER_TOKEN, "meter");
	write_file(line_of("motor", GOOD), 0600);
	issuers_reload(issuers);
	expect(&tls, "Bearer " GOOD, ISSUER_TOKEN, "motor");
}
END_TEST

static void
limit_files(rlim_t n)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n < limit.rlim_max ? n : limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A file that could not be read, and that is too old to change unseen, is read when it can be. */
START_TEST(file_that_cannot_be_read)
{
	char fresh[sizeof(path) + 8];
	struct stat st;

	write_file(line_of("meter", GOOD), 0600);
	sec.tokens = path;
	open_issuers(false);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	write_to(fresh, line_of("motor", OTHER), 0600);
	limit_files(0);
	ck_assert_int_eq(rename(fresh, path), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	while (time(NULL) <= st.st_ctim.tv_sec + 2)
		usleep(10000);
	issuers_reload(issuers);
	ck_assert(comes(GOOD, "meter"));
	limit_files(1024);
	ck_assert(comes(GOOD, NULL));
	ck_assert(comes(OTHER, "motor"));
}
END_TEST

static atomic_bool over;

static void *
ask_on(void *arg)
{
	struct peer tls = { .tls_version = 0x0304, .loopback = true };
	struct arena *own = arena_new(64u << 20);

	(void)arg;
	while (!atomic_load(&over)) {
		struct req_input in = { .peer = &tls, .authorization = SLICE_LIT("Bearer " GOOD) };
		struct req_answer out = { 0 };
		struct slice reason;
		struct issuer issuer;

		ck_assert_int_eq(issuers_identify(issuers, &in, own, &issuer, &out, &reason), RC_OK);
		ck_assert(slice_is(issuer.app_id, "meter") || slice_is(issuer.app_id, "motor"));
		arena_reset(own);
	}
	arena_free(own);
	return NULL;
}

START_TEST(reloads_under_load)
{
	pthread_t threads[3];

	write_file(line_of("meter", GOOD), 0600);
	sec.tokens = path;
	open_issuers(false);
	for (size_t i = 0; i < NITEMS(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_on, NULL), 0);
	for (unsigned i = 0; i < 200; i++) {
		replace_file(line_of(i % 2 == 0 ? "motor" : "meter", GOOD));
		issuers_reload(issuers);
	}
	atomic_store(&over, true);
	for (size_t i = 0; i < NITEMS(threads); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

/* ---- Kma ---- */

static struct mas_connection
connection(void)
{
	struct mas_connection c = { .id = CONNECTION, .kmc_index = 1, .scl_id = "gscl-1",
		                    .created = START, .expires = START + HOUR };

	memset(c.kmc.v, 0x5a, sizeof(c.kmc.v));
	return c;
}

static struct psk_id
identity_of(const char *app_id)
{
	struct psk_id id = { .kind = PSK_MA, .tls = PSK_TLS_1_3, .index = 1, .connection = CONNECTION };

	ck_assert_int_eq(app_hash(slice_of(app_id), id.app), RC_OK);
	return id;
}

START_TEST(keys_of_applications)
{
	struct mas_connection c = connection();
	struct psk_id id = identity_of("meter");
	struct key kma, want, got;

	open_issuers(true);
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(kma_derive(&c.kmc, SLICE_LIT("meter"), SLICE_LIT("gscl-1"), 1, &kma), RC_OK);
	ck_assert_int_eq(psk_ma(&kma, PSK_TLS_1_3, CONNECTION, 1, SLICE_LIT("meter"), &want), RC_OK);
	/* Nobody has got it yet. */
	ck_assert(!issuers_psk(issuers, &id, &got));
	ck_assert_int_eq(app_table_add(issuers_apps(issuers), SLICE_LIT("meter")), RC_OK);
	ck_assert(issuers_psk(issuers, &id, &got));
	ck_assert(key_equal(&want, &got));
	id.tls = PSK_TLS_1_2;
	ck_assert(issuers_psk(issuers, &id, &got));
	ck_assert(!key_equal(&want, &got));
	id.index = 2;
	ck_assert(!issuers_psk(issuers, &id, &got));
	id = identity_of("motor");
	ck_assert(!issuers_psk(issuers, &id, &got));
	id = identity_of("meter");
	id.kind = PSK_MC;
	ck_assert(!issuers_psk(issuers, &id, &got));
	id.kind = PSK_MA;
	live_end(live, CONNECTION, LIVE_EXPIRED);
	ck_assert(!issuers_psk(issuers, &id, &got));
	/* At the network whoever has Kmc would be any application. */
	open_issuers(false);
	ck_assert(!issuers_psk(issuers, &id, &got));
	ck_assert_ptr_null(issuers_apps(issuers));
}
END_TEST

static atomic_uint derivations;

/* In place of the library's own: every block of a derivation is a MAC. */
int
EVP_MAC_init(EVP_MAC_CTX *c, const unsigned char *key, size_t n, const OSSL_PARAM params[])
{
	int (*real)(EVP_MAC_CTX *, const unsigned char *, size_t, const OSSL_PARAM *);

	*(void **)&real = dlsym(RTLD_NEXT, "EVP_MAC_init");
	atomic_fetch_add(&derivations, 1);
	return real(c, key, n, params);
}

static unsigned
cost_of(const struct psk_id *id, bool known)
{
	struct key got;

	atomic_store(&derivations, 0);
	ck_assert(issuers_psk(issuers, id, &got) == known);
	ck_assert(key_is_zero(&got) == !known);
	return atomic_load(&derivations);
}

/* An identity that is known costs as many derivations as one that is not. */
START_TEST(equal_cost)
{
	struct mas_connection c = connection();
	struct psk_id id = identity_of("meter"), other = identity_of("motor");
	unsigned known;

	open_issuers(true);
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(app_table_add(issuers_apps(issuers), SLICE_LIT("meter")), RC_OK);
	known = cost_of(&id, true);
	ck_assert_uint_ge(known, 2);
	ck_assert_uint_eq(cost_of(&other, false), known);
	other.connection++;
	ck_assert_uint_eq(cost_of(&other, false), known);
	id.index++;
	ck_assert_uint_eq(cost_of(&id, false), known);
	id.connection++;
	ck_assert_uint_eq(cost_of(&id, false), known);
	live_end(live, CONNECTION, LIVE_EXPIRED);
	id = identity_of("meter");
	ck_assert_uint_eq(cost_of(&id, false), known);
}
END_TEST

START_TEST(sessions_of_applications)
{
	struct mas_connection c = connection();
	struct psk_id id = identity_of("meter");
	char text[PSK_ID_TEXT];
	struct peer p = { .kind = PEER_PSK, .tls_version = 0x0304 };

	p.psk_identity = slice_make(text, psk_id_format(&id, text));
	open_issuers(true);
	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert_int_eq(app_table_add(issuers_apps(issuers), SLICE_LIT("meter")), RC_OK);
	expect(&p, NULL, ISSUER_PSK, "meter");
	live_end(live, CONNECTION, LIVE_EXPIRED);
	refused(&p, NULL, RC_DENIED, "SEC_KMC_EXPIRED");
	ck_assert(identify(&p, NULL).out.close);
	live_end(live, CONNECTION, LIVE_REVOKED);
	refused(&p, NULL, RC_FORBIDDEN, "SEC_REVOKED");
	p.psk_identity = SLICE_LIT("mc3.1122334455667788.1");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
	p.psk_identity = SLICE_LIT("rubbish");
	expect(&p, NULL, ISSUER_NOBODY, NULL);
}
END_TEST

/* ---- the table ---- */

static bool
gone(void *arg, uint64_t connection_id, uint32_t kmc_index)
{
	(void)kmc_index;
	return connection_id == *(const uint64_t *)arg;
}

START_TEST(table)
{
	struct app_table *t = app_table_new(3);
	uint8_t hash[APP_HASH_BYTES];
	char out[APP_ID_MAX + 1], big[APP_ID_MAX + 1];
	uint64_t ended = 1;

	memset(big, 'a', sizeof(big));
	ck_assert_int_eq(app_table_add(t, slice_make(big, sizeof(big))), RC_BAD_REQUEST);
	ck_assert_int_eq(app_table_add(t, SLICE_LIT("")), RC_BAD_REQUEST);
	ck_assert_int_eq(app_table_add(t, slice_make(big, APP_ID_MAX)), RC_OK);
	ck_assert_int_eq(app_table_add(t, slice_make(big, APP_ID_MAX)), RC_OK);
	ck_assert_int_eq(app_hash(slice_make(big, APP_ID_MAX), hash), RC_OK);
	ck_assert_uint_eq(app_table_find(t, hash, out), APP_ID_MAX);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("one"), 1, 1), RC_OK);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("one"), 1, 1), RC_CONFLICT);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("one"), 1, 2), RC_OK);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("two"), 2, 1), RC_OK);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("three"), 2, 1), RC_UNAVAILABLE);
	app_table_sweep(t, gone, &ended);
	ck_assert_uint_eq(app_table_find(t, hash, out), 0);
	ck_assert_int_eq(app_hash(SLICE_LIT("two"), hash), RC_OK);
	ck_assert_uint_eq(app_table_find(t, hash, out), 3);
	ck_assert_str_eq(out, "two");
	ck_assert_int_eq(app_hash(SLICE_LIT("one"), hash), RC_OK);
	ck_assert_uint_eq(app_table_find(t, hash, out), 0);
	ck_assert_int_eq(app_table_give(t, SLICE_LIT("three"), 2, 1), RC_OK);
	app_table_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_issuer");
	TCase *c = tcase_create("issuer");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, certificates);
	tcase_add_test(c, users);
	tcase_add_test(c, users_that_are_none);
	tcase_add_test(c, tokens);
	tcase_add_test(c, token_of_another);
	tcase_add_test(c, guessing);
	tcase_add_test(c, token_files_that_are_none);
	tcase_add_test(c, token_file_of_rubbish);
	tcase_add_test(c, many_tokens);
	tcase_add_test(c, file_that_changes);
	tcase_add_test(c, file_that_cannot_be_read);
	tcase_add_test(c, reloads_under_load);
	tcase_add_test(c, keys_of_applications);
	tcase_add_test(c, equal_cost);
	tcase_add_test(c, sessions_of_applications);
	tcase_add_test(c, table);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
