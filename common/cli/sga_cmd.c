/* SPDX-License-Identifier: Apache-2.0 */
/* m2m-sga package, register, and administration. */
#include "config.h"

#include "cli/sga_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/json_fields.h"
#include "sec/b64url.h"
#include "sec/cipher.h"
#include "sec/hex.h"
#include "sec/key_file.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define OCTETS "application/octet-stream"
#define JSON "application/json"
#define SUITE_DEFAULT 2

/* ---- administration ---- */

static enum sga_status_code
print_answer(const struct sga_http_request *rq)
{
	struct slice s = buf_view(&rq->answer);

	if (s.n > 0 &&
	    (fwrite(s.p, 1, s.n, stdout) != s.n || putchar('\n') == EOF || fflush(stdout) != 0))
		return (void)sga_fail("standard output", strerror(errno)), SGA_FAILED;
	return SGA_OK;
}

static enum sga_status_code
admin(struct sga_cli *c, const char *method, const char *path)
{
	struct sga_http_request rq = { .method = method, .path = path, .accept = JSON };
	enum sga_status_code status;

	if (!sga_ask(c, &rq))
		status = SGA_FAILED;
	else
		status = sga_is_good(&rq) ? print_answer(&rq) : sga_refused(c->args.words[0], &rq);
	buf_fini(&rq.answer);
	return status;
}

/* A new file, or one that is replaced, that nobody else reads. */
static bool
write_private(const char *path, struct slice text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	/* One that was there may have been for everybody. */
	bool ok = fd >= 0 && fchmod(fd, 0600) == 0 &&
	          write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;

	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	return ok || sga_fail(path, strerror(errno));
}

static bool
write_verify_key(const char *path, const struct sign_public *key)
{
	struct buf pem;
	bool ok = sga_public_pem(key, &pem) && write_private(path, buf_view(&pem));

	buf_fini(&pem);
	return ok;
}

struct token_answer {
	struct slice token, key;
};

static bool
decode_key(struct slice text, uint8_t *out, size_t n)
{
	return b64url_octets(text.n) == n && b64url_decode(text, out);
}

static bool
write_token(struct sga_cli *c, struct slice json)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct token_answer, token, "token", JSON_TEXT, true),
		JSON_FIELD(struct token_answer, key, "verifyKey", JSON_TEXT, true),
	};
	struct token_answer a;
	uint8_t token[SGA_TOKEN_SIZE];
	struct sign_public key;
	char hex[2 * SGA_TOKEN_SIZE + 2];
	bool ok = json_pick(json, fields, NITEMS(fields), &a) &&
	          decode_key(a.token, token, sizeof(token)) &&
	          decode_key(a.key, key.v, sizeof(key.v));

	if (!ok)
		return sga_fail("token", "the answer is none");
	hex_encode(token, sizeof(token), hex);
	hex[sizeof(hex) - 2] = '\n';
	if (c->args.token_file != NULL)
		ok = write_private(c->args.token_file, slice_make(hex, sizeof(hex) - 1));
	if (ok && c->args.verify_key != NULL)
		ok = write_verify_key(c->args.verify_key, &key);
	secret_wipe(token, sizeof(token));
	secret_wipe(hex, sizeof(hex));
	return ok;
}

static enum sga_status_code
make_token(struct sga_cli *c)
{
	struct sga_http_request rq = {
		.method = "POST", .path = "/tokens", .type = JSON, .accept = JSON
	};
	enum sga_status_code status = SGA_FAILED;
	struct sga_id id;
	struct buf body;

	if (!sga_word_id(c->args.words[1], &id))
		return SGA_USAGE;
	buf_init(&body, 1024);
	buf_char(&body, '{');
	json_put_text(&body, "id", sga_id_slice(&id));
	if (c->args.ttl >= 0)
		json_put_number(&body, "ttl", c->args.ttl);
	buf_char(&body, '}');
	rq.body = buf_view(&body);
	if (sga_ask(c, &rq) && !sga_is_good(&rq))
		status = sga_refused("token", &rq);
	else if (sga_is_good(&rq) && ((c->args.token_file == NULL && c->args.verify_key == NULL) ||
	                              write_token(c, buf_view(&rq.answer))))
		status = c->args.token_file == NULL ? print_answer(&rq) : SGA_OK;
	buf_fini(&body);
	sga_buf_wipe(&rq.answer);
	return status;
}

/* Which page of a list. False: --after is none. */
static bool
add_page(const struct sga_cli *c, char *to, size_t size)
{
	const char *after = c->args.after;
	char max[32] = "";

	if (after != NULL && after[strspn(after, "0123456789abcdef")] != '\0')
		return sga_fail("--after", "is what next was in the page before");
	if (c->args.max > 0)
		snprintf(max, sizeof(max), "max=%ld", c->args.max);
	if (after != NULL)
		snprintf(to, size, "?after=%.64s%s%s", after, max[0] == '\0' ? "" : "&", max);
	else if (max[0] != '\0')
		snprintf(to, size, "?%s", max);
	return true;
}

enum sga_status_code
sga_cmd_admin(struct sga_cli *c)
{
	static const struct {
		const char *name, *method,
			*path; /* with what it is for when it ends with a slash */
		bool pages;
	} rows[] = {
		{ "token", NULL, "/", false },
		{ "devices", "GET", "/devices", true },
		{ "sessions", "GET", "/sessions", true },
		{ "stats", "GET", "/stats", false },
		{ "lockouts", "GET", "/lockouts", false },
		{ "unlock", "DELETE", "/lockouts/", false },
		{ "revoke", "DELETE", "/devices/", false },
	};
	const char *name = c->args.words[0];
	char path[512];

	for (size_t i = 0; i < NITEMS(rows); i++) {
		size_t n = strlen(rows[i].path);
		bool of_one = rows[i].path[n - 1] == '/';

		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (c->args.n_words != (of_one ? 2 : 1))
			return sga_usage(name,
			                 of_one ? "one name is to be given" : "takes no name");
		if (!sga_connect(c))
			return SGA_FAILED;
		if (rows[i].method == NULL)
			return make_token(c);
		snprintf(path, sizeof(path), "%s%s", rows[i].path, of_one ? c->args.words[1] : "");
		if (rows[i].pages && !add_page(c, path + n, sizeof(path) - n))
			return SGA_USAGE;
		return admin(c, rows[i].method, path);
	}
	return sga_usage(name, "is no command");
}

/* ---- the package ---- */

static bool
fetch_package(struct sga_cli *c, struct sga_http_request *rq)
{
	static const char *const paths[] = { "/package", "/package?suite=1", "/package?suite=2" };

	rq->method = "GET";
	rq->accept = OCTETS;
	rq->path = paths[c->args.suite < 0 ? 0 : c->args.suite];
	if (!sga_ask(c, rq))
		return false;
	if (sga_is_good(rq))
		return true;
	(void)sga_refused("package", rq);
	return false;
}

static const char *
package_why(enum rc rc)
{
	switch (rc) {
	case RC_DENIED:
		return "is not signed by --verify-key";
	case RC_EXPIRED:
		return "is out of date";
	case RC_BAD_REQUEST:
		return "is none";
	default:
		return status_of(rc)->text;
	}
}

static bool
print_package(const struct sga_package *p)
{
	char hex[2 * SGA_HASH_SIZE + 1];
	const struct cipher *cipher;
	bool ok;

	hex_encode(p->dp.v, sizeof(p->dp.v), hex);
	ok = printf("id %.*s\nserial %u\nnotAfter %llu\nhash %s\nciphers", (int)p->id.n, p->id.v,
	            (unsigned)p->serial, (unsigned long long)p->not_after, hex) > 0;
	for (size_t i = 0; ok && (cipher = cipher_at(i)) != NULL; i++)
		if ((p->ciphers & sga_cipher_bit(cipher->cid)) != 0)
			ok = printf(" %s", cipher->name) > 0;
	return ok && putchar('\n') != EOF && fflush(stdout) == 0;
}

enum sga_status_code
sga_cmd_package(struct sga_cli *c)
{
	struct sga_http_request rq = { .method = NULL };
	struct sga_package_rule rule = { .now = sga_now() };
	struct sga_package *p = NULL;
	struct sign_public key;
	bool ok;
	enum rc rc;

	if (c->args.verify_key == NULL)
		return sga_usage("--verify-key", "is missing");
	if (sign_public_read(c->args.verify_key, &key) != RC_OK)
		return (void)sga_fail(c->args.verify_key, "has no Ed25519 public key"), SGA_FAILED;
	rule.key = &key;
	ok = fetch_package(c, &rq);
	rc = ok ? sga_package_read(buf_view(&rq.answer), &rule, &p) : RC_OK;
	if (ok && rc != RC_OK)
		ok = sga_fail("package", package_why(rc));
	ok = ok && print_package(p) &&
	     (c->args.out == NULL || write_private(c->args.out, buf_view(&rq.answer)));
	sga_package_free(p);
	buf_fini(&rq.answer);
	return ok ? SGA_OK : SGA_FAILED;
}
