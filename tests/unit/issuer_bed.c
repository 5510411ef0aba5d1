/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "issuer_bed.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sec/hex.h"

char path[128];
struct sec_conf sec;
struct live *live;
struct issuers *issuers;
struct arena *arena;

static char dir[64];
static struct clock test_clock;

static int64_t
now(const struct clock *c)
{
	(void)c;
	return START;
}

void
write_to(const char *file, const char *text, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

void
write_file(const char *text, mode_t mode)
{
	write_to(path, text, mode);
}

void
replace_file(const char *text)
{
	char fresh[sizeof(path) + 8];

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	write_to(fresh, text, 0600);
	ck_assert_int_eq(rename(fresh, path), 0);
}

const char *
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

void
issuer_setup(void)
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

void
issuer_teardown(void)
{
	issuers_free(issuers);
	issuers = NULL;
	live_free(live);
	arena_free(arena);
	unlink(path);
	rmdir(dir);
}

void
open_issuers(bool node)
{
	const struct issuers_conf conf = { .sec = &sec, .live = node ? live : NULL };
	char why[SEC_WHY_MAX];

	issuers_free(issuers);
	ck_assert_msg(issuers_new(&conf, &issuers, why) == RC_OK, "%s", why);
}

struct verdict
identify(const struct peer *peer, const char *authorization)
{
	struct verdict v = { .in = { .peer = peer, .authorization = slice_of(authorization) } };

	v.rc = issuers_identify(issuers, &v.in, arena, &v.issuer, &v.out, &v.reason);
	return v;
}

void
expect(const struct peer *peer, const char *authorization, enum issuer_by by, const char *app_id)
{
	struct verdict v = identify(peer, authorization);

	ck_assert_int_eq(v.rc, RC_OK);
	ck_assert_int_eq(v.issuer.by, by);
	ck_assert_msg(by == ISSUER_NOBODY ? v.issuer.app_id.p == NULL
	                                  : slice_is(v.issuer.app_id, app_id),
	              "%.*s", (int)v.issuer.app_id.n, v.issuer.app_id.p);
}

void
refused(const struct peer *peer, const char *authorization, enum rc rc, const char *reason)
{
	struct verdict v = identify(peer, authorization);

	ck_assert_int_eq(v.rc, rc);
	ck_assert_msg(slice_is(v.reason, reason), "%.*s", (int)v.reason.n, v.reason.p);
}
