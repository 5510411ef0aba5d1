/* SPDX-License-Identifier: Apache-2.0 */
/* m2m-pre reencrypt: management messages for a sink; all else passes through as it came. */
#include "config.h"

#include "cli/pre_keys.h"
#include "pre/reencrypt.h"
#include "sec/key_file.h"
#include "sec/secret.h"

#define KEYS_FIRST 32 /* keys that there is room for at first */
#define KEYS_MAX 65536 /* of all files */
#define MESSAGE_MAX 16384 /* octets of a management message with its URLs and its length */

struct proxy {
	struct cli_run run;
	struct afgh *afgh; /* for its test of what computes */
	struct pre_rekey *keys; /* secret memory */
	size_t n, cap;
	struct pre_grant *grant; /* the one that was used last */
	const struct pre_rekey *granted;
	struct pre_public source;
	struct buf made;
	uint64_t left; /* management messages without a key */
};

/* ---- keys ---- */

static bool
more_keys(struct proxy *p)
{
	size_t cap = p->cap == 0 ? KEYS_FIRST : p->cap * 2;
	struct pre_rekey *keys;

	if (cap > KEYS_MAX || (keys = secret_alloc(cap * sizeof(*keys))) == NULL)
		return false;
	if (p->n > 0)
		memcpy(keys, p->keys, p->n * sizeof(*keys));
	secret_free(p->keys, p->cap * sizeof(*keys));
	p->keys = keys;
	p->cap = cap;
	return true;
}

static enum rc
take_keys(struct proxy *p, struct slice text)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK) {
		if (p->n == p->cap && !more_keys(p))
			return RC_UNAVAILABLE;
		rc = pre_rekey_next(&text, &p->keys[p->n]);
		p->n += rc == RC_OK;
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum cli_status
read_keys(struct proxy *p, const char *path)
{
	size_t before = p->n;
	struct key_file file;
	enum rc rc = key_file_private(path, &file);

	if (rc == RC_OK) {
		rc = take_keys(p, slice_make(file.p, file.n));
		key_file_free(&file);
		if (rc == RC_OK && p->n == before)
			rc = RC_BAD_REQUEST;
	}
	return rc == RC_OK ? CLI_OK : cli_fail_file(path, rc);
}

static const struct pre_rekey *
find_key(const struct proxy *p, const struct pre_hdr *h)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct afgh_epoch_id *id = &p->keys[i].id;

		if (id->epoch == h->epoch && id->stream == h->stream &&
		    memcmp(id->source, h->source, sizeof(id->source)) == 0)
			return &p->keys[i];
	}
	return NULL;
}

/* The key of u becomes p->grant. */
static enum rc
load_key(struct proxy *p, const struct pre_rekey *key)
{
	if (p->granted == key)
		return RC_OK;
	pre_grant_free(p->grant);
	p->grant = NULL;
	p->granted = key;
	return pre_grant_new(key, &p->grant);
}

/* ---- messages ---- */

static enum cli_status
reencrypt(struct proxy *p, const struct pre_unit *u, const struct pre_rekey *key)
{
	const struct cli_args *a = p->run.args;
	size_t at;
	enum rc rc = load_key(p, key);

	if (rc != RC_OK)
		return cli_fail_rc("re-encryption key", rc);
	buf_clear(&p->made);
	at = pre_batch_begin(&p->made);
	rc = pre_reencrypt(p->grant, u, a->source == NULL ? NULL : &p->source.sign,
	                   a->sink == NULL ? u->sink : slice_of(a->sink), &p->made);
	if (rc == RC_OK)
		rc = pre_batch_end(&p->made, at);
	if (rc == RC_BAD_REQUEST)
		return cli_fail_at(&p->run, CLI_REFUSED, "malformed, or not of the source");
	return rc == RC_OK ? cli_run_put(&p->run, buf_view(&p->made)) : cli_fail_rc("message", rc);
}

/* unit: with its length. */
static enum cli_status
pass(struct proxy *p, struct slice unit)
{
	const struct pre_rekey *key;
	struct slice rest = unit;
	struct pre_unit u;

	if (pre_batch_next(&rest, NULL, &u) != RC_OK)
		return cli_fail_at(&p->run, CLI_REFUSED, "not a message");
	cli_progress_step(&p->run.progress, &p->run.in);
	if (u.hdr.type == PRE_MM2) {
		key = find_key(p, &u.hdr);
		if (key != NULL)
			return reencrypt(p, &u, key);
		p->left++;
	}
	return cli_run_put(&p->run, unit);
}

static enum cli_status
pass_all(struct proxy *p)
{
	struct slice unit;
	enum cli_got got = CLI_GOT_END;
	enum cli_status status = CLI_OK;

	while (status == CLI_OK && (got = cli_in_unit(&p->run.in, &unit)) == CLI_GOT_PIECE)
		status = pass(p, unit);
	if (status == CLI_OK && got != CLI_GOT_END)
		status = cli_run_bad(&p->run, got);
	return status;
}

static enum cli_status
get_ready(struct proxy *p, const struct cli_args *a)
{
	enum rc rc = afgh_new(&p->afgh);
	enum cli_status status = rc == RC_OK ? CLI_OK : cli_fail_rc("reencrypt", rc);

	for (size_t i = 0; status == CLI_OK && i < a->n_rk; i++)
		status = read_keys(p, a->rk[i]);
	if (status == CLI_OK && a->source != NULL)
		status = cli_public(a->source, PRE_PUBLIC_SIGN, &p->source);
	if (status == CLI_OK && a->sink != NULL && !pre_sink_ok(slice_of(a->sink)))
		status = cli_fail(CLI_USAGE, "--sink", "must be a URL or a name without spaces");
	return status;
}

enum cli_status
cli_reencrypt(const struct cli_args *a)
{
	struct proxy p = { 0 };
	enum cli_status status = get_ready(&p, a);

	buf_init(&p.made, MESSAGE_MAX);
	if (status == CLI_OK) {
		status = cli_run_start(&p.run, a);
		if (status == CLI_OK)
			status = pass_all(&p);
		status = cli_run_end(&p.run, status);
	}
	/* The output is good for whoever was granted what there were keys for. */
	if (status == CLI_OK && p.left > 0)
		status = cli_fail_count(
			"sections passed on as they are, without a key of their epoch", p.left);
	buf_fini(&p.made);
	pre_grant_free(p.grant);
	secret_free(p.keys, p.cap * sizeof(*p.keys));
	afgh_free(p.afgh);
	return status;
}
