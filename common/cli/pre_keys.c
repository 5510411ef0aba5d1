/* SPDX-License-Identifier: Apache-2.0 */
/* m2m-pre keygen and rekey: files with keys; and how the other commands read them. */
#include "config.h"

#include "cli/pre_keys.h"

#include <stdlib.h>
#include <unistd.h>

#include "sec/key_file.h"
#include "sec/secret.h"

#define TEXT_MAX KEY_FILE_MAX
#define SECRET_SUFFIX ".key"
#define PUBLIC_SUFFIX ".pub"

enum cli_status
cli_identity(const char *path, struct pre_identity **out)
{
	enum rc rc = pre_identity_read(path, out);

	return rc == RC_OK ? CLI_OK : cli_fail_file(path, rc);
}

enum cli_status
cli_public(const char *path, unsigned parts, struct pre_public *out)
{
	static const char *const kinds[] = { [PRE_PUBLIC_FIRST] = "no .pk1",
		                             [PRE_PUBLIC_SECOND] = "no .pk2",
		                             [PRE_PUBLIC_SIGN] = "no .pub" };
	enum rc rc = pre_public_read(path, out);

	if (rc != RC_OK)
		return cli_fail_file(path, rc);
	return (out->parts & parts) != 0 ? CLI_OK : cli_fail(CLI_FAILED, path, kinds[parts]);
}

bool
cli_is_own(const struct pre_identity *id, const struct pre_public *p)
{
	struct sign_public own;

	sign_key_public(pre_identity_sign(id), &own);
	return memcmp(own.v, p->sign.v, sizeof(own.v)) == 0;
}

/* The name of the .pub beside a .key. */
static bool
beside(const char *path, char out[PATH_MAX])
{
	struct slice key = slice_of(path), suffix = SLICE_LIT(SECRET_SUFFIX);

	return key.n > suffix.n && slice_eq(slice_from(key, key.n - suffix.n), suffix) &&
	       snprintf(out, PATH_MAX, "%.*s" PUBLIC_SUFFIX, (int)(key.n - suffix.n), key.p) <
	               PATH_MAX;
}

enum cli_status
cli_own_public(const struct cli_args *a, const struct pre_identity *id, struct pre_public *out)
{
	char path[PATH_MAX];
	const char *name = a->source;
	enum cli_status status;

	if (name == NULL && beside(a->key, path))
		name = path;
	if (name == NULL)
		return cli_fail(CLI_USAGE, a->key, "its .pub is to be given by --source");
	status = cli_public(name, PRE_PUBLIC_SIGN, out);
	if (status == CLI_OK && !cli_is_own(id, out))
		status = cli_fail(CLI_FAILED, name, "is not of the secret key");
	return status;
}

/* ---- keygen ---- */

/* The files of a key pair; parts 0: the secret one. */
static const struct key_kind {
	const char *suffix;
	unsigned parts;
} kinds[] = { { SECRET_SUFFIX, 0 },
	      { PUBLIC_SUFFIX, PRE_PUBLIC_SIGN },
	      { ".pk1", PRE_PUBLIC_FIRST },
	      { ".pk2", PRE_PUBLIC_SECOND } };

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static enum rc
key_text(const struct pre_identity *id, const struct afgh *afgh, unsigned parts, const char *url,
         struct buf *to)
{
	struct pre_public *p;
	enum rc rc;

	if (parts == 0)
		return pre_identity_write(id, to);
	p = malloc(sizeof(*p));
	if (p == NULL)
		return RC_UNAVAILABLE;
	rc = pre_public_of(id, afgh, parts, slice_of(url), p);
	if (rc == RC_OK)
		rc = pre_public_write(p, to);
	free(p);
	return rc;
}

static enum cli_status
write_text(const char *path, struct slice text, bool secret)
{
	enum rc rc = pre_key_write(path, text, secret);

	if (rc == RC_OK)
		return CLI_OK;
	return cli_fail(CLI_FAILED, path,
	                rc == RC_CONFLICT    ? "is there already"
	                : rc == RC_NOT_FOUND ? "no such directory"
	                                     : status_of(rc)->text);
}

static void
buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
}

static enum cli_status
write_kind(const struct pre_identity *id, const struct afgh *afgh, const struct key_kind *kind,
           const struct cli_args *a)
{
	char path[PATH_MAX];
	struct buf text;
	enum cli_status status;
	enum rc rc;

	if (snprintf(path, sizeof(path), "%s%s", a->out, kind->suffix) >= (int)sizeof(path))
		return cli_fail(CLI_FAILED, a->out, "too long a name");
	buf_init(&text, TEXT_MAX);
	text.secret = true;
	rc = key_text(id, afgh, kind->parts, a->url, &text);
	status = rc == RC_OK ? write_text(path, buf_view(&text), kind->parts == 0)
	                     : cli_fail_rc(path, rc);
	buf_wipe(&text);
	return status;
}

/* All files, or none. */
static enum cli_status
write_pair(const struct pre_identity *id, const struct afgh *afgh, const struct cli_args *a)
{
	char path[PATH_MAX];
	enum cli_status status = CLI_OK;
	size_t done = 0;

	while (status == CLI_OK && done < KINDS) {
		status = write_kind(id, afgh, &kinds[done], a);
		done += status == CLI_OK;
	}
	if (status == CLI_OK)
		return CLI_OK;
	while (done-- > 0)
		if (snprintf(path, sizeof(path), "%s%s", a->out, kinds[done].suffix) <
		    (int)sizeof(path))
			unlink(path);
	return status;
}

enum cli_status
cli_keygen(const struct cli_args *a)
{
	struct pre_identity *id = NULL;
	struct afgh *afgh = NULL;
	enum cli_status status;
	enum rc rc;

	if (a->url[0] == '\0' || !pre_url_ok(slice_of(a->url)) || strlen(a->url) > PRE_URL_MAX)
		return cli_fail(CLI_USAGE, "--url",
		                "must be an absolute URL in lower case, without a fragment");
	rc = afgh_new(&afgh);
	if (rc == RC_OK)
		rc = pre_identity_new(&id);
	status = rc == RC_OK ? write_pair(id, afgh, a) : cli_fail_rc("keygen", rc);
	pre_identity_free(id);
	afgh_free(afgh);
	return status;
}

/* ---- rekey ---- */

/* The keys of all epochs, as text. */
static enum rc
rekey_text(const struct cli_args *a, const struct pre_identity *id, const struct pre_public *source,
           const struct pre_public *sink, struct buf *to)
{
	struct afgh_epoch_id epoch = { .stream = (uint16_t)a->stream };
	enum rc rc = pre_source_name(slice_of(source->url), epoch.source);

	for (uint64_t e = a->epoch; rc == RC_OK && e <= a->epoch_last; e++) {
		struct pre_rekey key;

		epoch.epoch = (uint32_t)e;
		rc = pre_rekey_make(pre_identity_keys(id), &epoch,
		                    slice_make(sink->pk2, sizeof(sink->pk2)), &key);
		if (rc == RC_OK)
			rc = pre_rekey_write(&key, to);
		secret_wipe(&key, sizeof(key));
	}
	return rc;
}

static enum cli_status
rekey(const struct cli_args *a, const struct pre_identity *id, const struct pre_public *source,
      const struct pre_public *sink)
{
	struct buf text;
	enum cli_status status;
	enum rc rc;

	buf_init(&text, TEXT_MAX);
	text.secret = true;
	rc = rekey_text(a, id, source, sink, &text);
	status = rc == RC_OK ? write_text(a->out, buf_view(&text), true) : cli_fail_rc("rekey", rc);
	buf_wipe(&text);
	return status;
}

enum cli_status
cli_rekey(const struct cli_args *a)
{
	struct pre_public source, sink;
	struct pre_identity *id = NULL;
	struct afgh *afgh = NULL;
	enum rc rc = afgh_new(&afgh);
	enum cli_status status = rc == RC_OK ? cli_identity(a->key, &id) : cli_fail_rc("rekey", rc);

	if (status == CLI_OK)
		status = cli_own_public(a, id, &source);
	if (status == CLI_OK)
		status = cli_public(a->to, PRE_PUBLIC_SECOND, &sink);
	if (status == CLI_OK)
		status = rekey(a, id, &source, &sink);
	pre_identity_free(id);
	afgh_free(afgh);
	return status;
}
