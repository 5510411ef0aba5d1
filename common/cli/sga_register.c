/* SPDX-License-Identifier: Apache-2.0 */
/*
 * m2m-sga register. The device with its new key is durable before R1 is sent: a lost answer is asked
 * for under that key.
 */
#include "config.h"

#include "cli/sga_cli.h"

#include "sec/cipher.h"
#include "sec/hex.h"
#include "sec/key_file.h"

#define OCTETS "application/octet-stream"
#define R1_MAX 2048u

/* ---- what a new device is made of ---- */

/* The set of --ciphers, and the first of them. */
static bool
read_ciphers(struct sga_cli *c, struct sga_device_conf *conf)
{
	struct slice rest = slice_of(c->args.ciphers == NULL ? "AES-128-GCM,ChaCha20-Poly1305"
	                                                     : c->args.ciphers);
	struct slice name;

	while (slice_split(&rest, ',', &name)) {
		const struct cipher *p = cipher_named(name);

		if (p == NULL)
			return sga_fail("--ciphers", "has one that there is not");
		if (conf->cids == 0)
			conf->cid0 = p->cid;
		conf->cids |= sga_cipher_bit(p->cid);
	}
	return (conf->cids & SGA_CIPHERS_MANDATORY) != 0 ||
	       sga_fail("--ciphers", "needs AES-128-GCM or ChaCha20-Poly1305");
}

/* Of --sign-key; else a fresh one. */
static bool
read_seed(struct sga_cli *c, uint8_t seed[SIGN_SEED_SIZE])
{
	const char *file = c->args.sign_key;
	enum rc rc;

	if (file == NULL)
		return sga_random_secret(NULL, seed, SIGN_SEED_SIZE) == RC_OK;
	rc = sign_seed_read(file, seed);
	return rc == RC_OK ||
	       sga_fail(file, rc == RC_BAD_REQUEST ? "has no Ed25519 private key"
	                                           : "cannot be read, or others may read it");
}

static bool
fetch(struct sga_cli *c, int suite, struct sga_http_request *rq)
{
	char path[32];

	snprintf(path, sizeof(path), "/package?suite=%d", suite);
	rq->method = "GET";
	rq->path = path;
	rq->accept = OCTETS;
	if (!sga_ask(c, rq))
		return false;
	if (!sga_is_good(rq))
		(void)sga_refused("package", rq);
	return sga_is_good(rq);
}

static bool
make_device(struct sga_cli *c, const struct sga_device_conf *conf)
{
	enum rc rc = sga_device_new(conf, &c->device);

	return rc == RC_OK ||
	       sga_fail("package", rc == RC_DENIED     ? "is not signed by --verify-key"
	                           : rc == RC_CONFLICT ? "does not have the first of --ciphers"
	                                               : status_of(rc)->text);
}

static bool
new_device(struct sga_cli *c, const struct sga_id *id)
{
	struct sga_http_request rq = { .method = NULL };
	struct sga_device_conf conf = { .id = *id, .now = sga_now() };
	uint8_t seed[SIGN_SEED_SIZE];
	bool ok;

	if (c->args.verify_key == NULL)
		return sga_fail("--verify-key", "is missing");
	if (c->args.token_file == NULL)
		return sga_fail("--token-file", "is missing");
	if (sign_public_read(c->args.verify_key, &conf.gateway) != RC_OK)
		return sga_fail(c->args.verify_key, "has no Ed25519 public key");
	ok = read_ciphers(c, &conf) && read_seed(c, seed) &&
	     fetch(c, c->args.suite < 0 ? 2 : (int)c->args.suite, &rq);
	conf.seed = seed;
	conf.package = buf_view(&rq.answer);
	ok = ok && make_device(c, &conf);
	secret_wipe(seed, sizeof(seed));
	buf_fini(&rq.answer);
	return ok;
}

/* ---- R1, R2 ---- */

static bool
read_token(struct sga_cli *c, uint8_t token[SGA_TOKEN_SIZE])
{
	struct key_file file;
	bool ok;

	if (key_file_private(c->args.token_file, &file) != RC_OK)
		return sga_fail(c->args.token_file, "cannot be read, or others may read it");
	ok = file.n >= 2 * SGA_TOKEN_SIZE &&
	     hex_decode(slice_make(file.p, 2 * SGA_TOKEN_SIZE), token, SGA_TOKEN_SIZE);
	key_file_free(&file);
	return ok || sga_fail(c->args.token_file, "must have 32 hexadecimal digits");
}

/* R1 and the device that has made it are durable. */
static bool
make_r1(struct sga_cli *c, struct buf *r1)
{
	uint8_t token[SGA_TOKEN_SIZE];
	/* Who is registered proves the key so far. */
	bool has = sga_device_registered(c->device) == 0;
	enum rc rc;

	if (has && c->args.token_file == NULL)
		return sga_fail("--token-file", "is missing");
	if (has && !read_token(c, token))
		return false;
	rc = sga_r1_make(c->device, has ? token : NULL, sga_now(), NULL, r1);
	secret_wipe(token, sizeof(token));
	if (rc != RC_OK)
		return sga_fail("registration", status_of(rc)->text);
	return sga_save(c);
}

static enum sga_status_code
take_r2(struct sga_cli *c, struct slice r2)
{
	static const char *const whys[] = {
		[SGA_STATUS_OK] = "",
		[SGA_STATUS_TAKEN] = "the identity is another device's",
		[SGA_STATUS_CIPHER] = "the server does not allow these ciphers",
	};
	uint8_t status = 0;
	enum rc rc = sga_r2_take(c->device, r2, &status);

	if (rc != RC_OK)
		return (void)sga_fail("registration", "the answer is not authentic"), SGA_FAILED;
	if (!sga_save(c))
		return SGA_FAILED;
	if (status == SGA_STATUS_OK)
		return SGA_OK;
	return (void)sga_fail("registration",
	                      status < sizeof(whys) / sizeof(whys[0]) ? whys[status] : "refused"),
	       SGA_REFUSED;
}

/* Has an R1 arrived whose answer has not? SGA_NOTHING: no. */
static enum sga_status_code
ask_r2(struct sga_cli *c)
{
	const struct sga_id *id = sga_device_id(c->device);
	struct sga_http_request rq = { .method = "GET", .accept = OCTETS };
	enum sga_status_code status = SGA_NOTHING;
	char path[128];

	snprintf(path, sizeof(path), "/devices/%.*s", (int)id->n, id->v);
	rq.path = path;
	if (!sga_ask_proved(c, &rq, true))
		status = SGA_FAILED;
	else if (sga_is_good(&rq))
		status = take_r2(c, buf_view(&rq.answer));
	buf_fini(&rq.answer);
	return status;
}

/* A refusal that the new key proves. */
static bool
is_r2(struct slice body)
{
	struct sga_header h;

	return sga_header_read(body, &h) == RC_OK && h.type == SGA_R2;
}

static enum sga_status_code
send_r1(struct sga_cli *c)
{
	struct sga_http_request rq = { .method = "POST", .path = "/devices", .type = OCTETS };
	enum sga_status_code status = SGA_FAILED;
	struct buf r1;

	buf_init(&r1, R1_MAX);
	if (make_r1(c, &r1)) {
		rq.body = buf_view(&r1);
		if (sga_ask(c, &rq))
			status = sga_is_good(&rq) || is_r2(buf_view(&rq.answer))
			                 ? take_r2(c, buf_view(&rq.answer))
			                 : sga_refused("registration", &rq);
	}
	buf_fini(&rq.answer);
	buf_fini(&r1);
	return status;
}

/* ---- the command ---- */

static bool
keep_urls(struct sga_cli *c)
{
	char text[2 * SGA_URL_MAX + 4];
	int n = snprintf(text, sizeof(text), "%s\n%s\n", c->root, c->via);

	return sga_state_write(&c->state, "server", slice_make(text, (size_t)n));
}

static enum sga_status_code
print_sign_key(const struct sga_cli *c)
{
	const struct sign_key *key = sga_device_sign_key(c->device);
	struct sign_public public;
	struct buf pem;
	bool ok;

	if (key == NULL)
		return SGA_OK;
	sign_key_public(key, &public);
	ok = sga_public_pem(&public, &pem) && fwrite(pem.p, 1, pem.n, stdout) == pem.n &&
	     fflush(stdout) == 0;
	buf_fini(&pem);
	return ok ? SGA_OK : SGA_FAILED;
}

/* The package of today: keys of the server may have been replaced. */
static enum sga_status_code
renew_package(struct sga_cli *c)
{
	struct sga_http_request rq = { .method = NULL };
	bool ok = fetch(c, sga_device_package(c->device)->suite->id, &rq);
	enum rc rc = ok ? sga_device_renew(c->device, buf_view(&rq.answer), sga_now()) : RC_OK;

	buf_fini(&rq.answer);
	if (!ok)
		return SGA_FAILED;
	return rc == RC_OK ? SGA_OK : ((void)sga_fail("package", status_of(rc)->text), SGA_REFUSED);
}

enum sga_status_code
sga_cmd_register(struct sga_cli *c)
{
	enum sga_status_code status = SGA_NOTHING;
	struct sga_id id;

	if (c->args.n_words != 2)
		return sga_usage("register", "ID is to be given");
	if (!sga_word_id(c->args.words[1], &id))
		return SGA_USAGE;
	if (c->device != NULL && !sga_id_equal(&id, sga_device_id(c->device)))
		return (void)sga_fail(c->args.state, "is another device's"), SGA_FAILED;
	if (!keep_urls(c))
		return SGA_FAILED;
	if (c->device == NULL && !new_device(c, &id))
		return SGA_FAILED;
	if (sga_device_pending(c->device))
		status = ask_r2(c);
	else if (sga_device_registered(c->device) > 0 && renew_package(c) != SGA_OK)
		return SGA_FAILED;
	if (status == SGA_NOTHING)
		status = send_r1(c);
	return status == SGA_OK ? print_sign_key(c) : status;
}
