/* SPDX-License-Identifier: Apache-2.0 */
/* Bearer tokens of applications, and the file of their digests. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "issuer_bed.h"
#include "sec/failures.h"
#include "sec/tokens.h"

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

int
main(void)
{
	Suite *s = suite_create("sec_tokens");
	TCase *c = suite_case(s, "tokens", issuer_setup, issuer_teardown);

	tcase_add_test(c, tokens);
	tcase_add_test(c, token_of_another);
	tcase_add_test(c, guessing);
	tcase_add_test(c, token_files_that_are_none);
	tcase_add_test(c, token_file_of_rubbish);
	tcase_add_test(c, many_tokens);
	tcase_add_test(c, file_that_changes);
	tcase_add_test(c, file_that_cannot_be_read);
	tcase_add_test(c, reloads_under_load);
	return run_suite(s);
}
