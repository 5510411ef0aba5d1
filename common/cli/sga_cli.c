/* SPDX-License-Identifier: Apache-2.0 */
/* The server and the device of m2m-sga. */
#include "config.h"

#include "cli/sga_cli.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <time.h>

#include "sec/key_file.h"

/* Counters that are used without a write. */
#define COUNTERS 64u
/* What a server that was started again may have skipped of them. */
#define COUNTERS_SKIPPED 1000u
#define TEXT_MAX 8192u

enum sga_status_code
sga_usage(const char *what, const char *why)
{
	(void)sga_fail(what, why);
	return SGA_USAGE;
}

uint64_t
sga_now(void)
{
	time_t t = time(NULL);

	return t < 0 ? 0 : (uint64_t)t;
}

bool
sga_word_id(const char *word, struct sga_id *out)
{
	return sga_id_make(slice_of(word), out) == RC_OK ||
	       sga_fail(word, "must be 1 to 64 of letters, digits and . _ ~ : @ -");
}

/* ---- the server ---- */

static bool
keep_url(const char *url, char to[SGA_URL_MAX])
{
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		n--;
	if (n >= SGA_URL_MAX)
		return sga_fail(url, "is too long");
	memcpy(to, url, n);
	to[n] = '\0';
	return true;
}

/* root and via, a line each. */
static bool
read_urls(struct sga_cli *c)
{
	struct slice text, line;
	struct buf b;
	bool ok;

	buf_init(&b, TEXT_MAX);
	ok = sga_state_read(&c->state, "server", &b);
	text = buf_view(&b);
	if (ok && c->args.root == NULL && slice_split(&text, '\n', &line))
		ok = slice_copy(line, c->root, sizeof(c->root));
	if (ok && c->args.root == NULL && c->args.via == NULL && slice_split(&text, '\n', &line))
		ok = slice_copy(line, c->via, sizeof(c->via));
	sga_buf_wipe(&b);
	return ok;
}

bool
sga_connect(struct sga_cli *c)
{
	if (c->args.root != NULL && !keep_url(c->args.root, c->root))
		return false;
	if (c->args.via != NULL && !keep_url(c->args.via, c->via))
		return false;
	if (c->args.root == NULL && c->state.lock >= 0 && sga_state_has(&c->state, "server") &&
	    !read_urls(c))
		return false;
	if (c->root[0] == '\0')
		return sga_fail("--root", "is missing");
	return sga_http_open(&c->args, c->root, c->via[0] == '\0' ? NULL : c->via, &c->http);
}

bool
sga_ask(struct sga_cli *c, struct sga_http_request *rq)
{
	char why[SGA_HTTP_WHY];

	return sga_http_do(c->http, rq, why) || sga_fail(c->root, why);
}

/* ---- X-M2M-SGA ---- */

static bool
keep_counter(struct sga_cli *c, uint64_t ceiling)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)ceiling);

	if (!sga_state_write(&c->state, "counter", slice_make(text, (size_t)n)))
		return false;
	c->ceiling = ceiling;
	return true;
}

static bool
load_counter(struct sga_cli *c)
{
	struct buf b;
	bool ok = true;

	if (!sga_state_has(&c->state, "counter"))
		return true;
	buf_init(&b, TEXT_MAX);
	ok = sga_state_read(&c->state, "counter", &b) &&
	     (slice_number(slice_head(buf_view(&b), b.n > 0 ? b.n - 1 : 0), UINT64_MAX >> 1,
	                   &c->counter) ||
	      sga_fail("counter", "is damaged"));
	c->ceiling = c->counter;
	sga_buf_wipe(&b);
	return ok;
}

static bool
next_counter(struct sga_cli *c)
{
	if (c->counter == c->ceiling && !keep_counter(c, c->ceiling + COUNTERS))
		return false;
	c->counter++;
	return true;
}

static bool
prove(struct sga_cli *c, const struct sga_http_request *rq, bool pending,
      char proof[SGA_TAG_TEXT + 1])
{
	const struct sga_request covered = { slice_of(rq->method), slice_of(rq->path), rq->body };
	struct sga_tag tag;
	struct key key;
	enum rc rc;

	if (!next_counter(c))
		return false;
	rc = sga_device_request_key(c->device, pending, &key);
	if (rc == RC_OK)
		rc = sga_tag_make(&key, sga_device_id(c->device), c->counter, &covered, &tag);
	key_wipe(&key);
	if (rc != RC_OK)
		return sga_fail("X-M2M-SGA", status_of(rc)->text);
	(void)sga_tag_format(&tag, proof);
	return true;
}

bool
sga_ask_proved(struct sga_cli *c, struct sga_http_request *rq, bool pending)
{
	char proof[SGA_TAG_TEXT + 1];
	bool again = false;

	for (;;) {
		bool ok = prove(c, rq, pending, proof);

		rq->proof = proof;
		ok = ok && sga_ask(c, rq);
		rq->proof = NULL;
		/* A server that was started again takes only what is above its last step. */
		if (!ok || rq->status != 403 || again)
			return ok;
		again = true;
		c->counter = c->ceiling + COUNTERS_SKIPPED;
		if (!keep_counter(c, c->counter))
			return false;
	}
}

static const char *class_text(enum sga_class class)
{
	static const char *const texts[] = {
		[SGA_CLASS_SYNTAX] = "the server does not understand it",
		[SGA_CLASS_REFUSED] = "the server refuses it",
		[SGA_CLASS_LATER] = "the server asks to try later",
		[SGA_CLASS_CHALLENGE] = "the server asks for a clock",
	};

	return texts[class];
}

enum sga_status_code
sga_refused(const char *what, const struct sga_http_request *rq)
{
	struct slice body = buf_view(&rq->answer);
	struct sga_error e;
	char text[512];

	if (sga_error_read(body, &e) == RC_OK)
		snprintf(text, sizeof(text), "%s (%ld)", class_text(e.class), rq->status);
	else
		snprintf(text, sizeof(text), "answered %ld %.*s", rq->status,
		         body.n > 300 ? 300 : (int)body.n, body.p == NULL ? "" : body.p);
	(void)sga_fail(what, text);
	return rq->status >= 500 ? SGA_FAILED : SGA_REFUSED;
}

/* ---- the device ---- */

bool
sga_save(struct sga_cli *c)
{
	struct buf b;
	bool ok;
	enum rc rc;

	buf_init(&b, SGA_DEVICE_SAVED_MAX);
	b.secret = true;
	rc = sga_device_save(c->device, &b);
	ok = rc == RC_OK ? sga_state_write(&c->state, "device", buf_view(&b))
	                 : sga_fail("device", status_of(rc)->text);
	sga_buf_wipe(&b);
	return ok;
}

static bool
load_device(struct sga_cli *c)
{
	struct buf b;
	bool ok;

	buf_init(&b, SGA_DEVICE_SAVED_MAX);
	ok = sga_state_read(&c->state, "device", &b) &&
	     (sga_device_load(buf_view(&b), &c->device) == RC_OK ||
	      sga_fail("device", "is damaged"));
	sga_buf_wipe(&b);
	return ok && load_counter(c);
}

bool
sga_load(struct sga_cli *c)
{
	if (c->args.state == NULL)
		return sga_fail("--state", "is missing");
	if (!sga_state_open(&c->state, c->args.state))
		return false;
	return !sga_state_has(&c->state, "device") || load_device(c);
}

void
sga_end(struct sga_cli *c)
{
	sga_http_close(c->http);
	sga_device_free(c->device);
	if (c->args.state != NULL)
		sga_state_close(&c->state);
}

/* ---- peers ---- */

static void
peer_file(const struct sga_id *id, char name[SGA_STATE_NAME])
{
	snprintf(name, SGA_STATE_NAME, "peers/%.*s", (int)id->n, id->v);
}

enum rc
sga_peer_key(struct sga_cli *c, const struct sga_id *id, struct sign_public *out)
{
	char name[SGA_STATE_NAME];
	struct buf b;
	enum rc rc = RC_INTERNAL;

	peer_file(id, name);
	if (!sga_state_has(&c->state, name))
		return RC_NOT_FOUND;
	buf_init(&b, TEXT_MAX);
	if (sga_state_read(&c->state, name, &b)) {
		rc = sign_public_from_pem(buf_view(&b), out);
		if (rc != RC_OK)
			(void)sga_fail(name, "has no Ed25519 public key");
	}
	sga_buf_wipe(&b);
	return rc;
}

bool
sga_public_pem(const struct sign_public *key, struct buf *out)
{
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->v, sizeof(key->v));
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	size_t n;
	bool ok = pkey != NULL && bio != NULL && PEM_write_bio_PUBKEY(bio, pkey) == 1;

	buf_init(out, TEXT_MAX);
	if (ok) {
		n = (size_t)BIO_get_mem_data(bio, &p);
		buf_add(out, p, n);
	}
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return (ok && !out->failed) || sga_fail("public key", "no memory");
}

bool
sga_peer_learn(struct sga_cli *c, const struct sga_id *id)
{
	char name[SGA_STATE_NAME];
	struct sign_public key;
	struct key_file file;
	struct buf b;
	bool ok;

	if (c->args.peer_key == NULL)
		return true;
	if (sign_public_read(c->args.peer_key, &key) != RC_OK ||
	    key_file_public(c->args.peer_key, &file) != RC_OK)
		return sga_fail(c->args.peer_key, "has no Ed25519 public key");
	peer_file(id, name);
	buf_init(&b, TEXT_MAX);
	buf_add(&b, file.p, file.n);
	ok = !b.failed && sga_state_write(&c->state, name, buf_view(&b));
	buf_fini(&b);
	key_file_free(&file);
	return ok;
}
