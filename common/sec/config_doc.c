/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/config_doc.h"

#include <inttypes.h>

#include "base/be.h"
#include "sec/b64url.h"
#include "sec/digest.h"

#define SIGNED_MAX (2 + CONFIG_TARGET_MAX + 8 + 2 + CONFIG_TYPE_MAX + DIGEST_SIZE)

/* ---- members ---- */

static bool
is_word(struct slice s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return s.n >= 1 && s.n <= max;
}

static bool
in_range(const struct config_doc *d)
{
	return is_word(d->target, CONFIG_TARGET_MAX) && d->version != 0 &&
	       is_word(d->type, CONFIG_TYPE_MAX) && d->body.n >= 1 && d->body.n <= CONFIG_BODY_MAX;
}

/* Up to the first '/'. */
static size_t
node_length(struct slice target)
{
	const char *slash = memchr(target.p, '/', target.n);

	return slash == NULL ? target.n : (size_t)(slash - target.p);
}

struct slice
config_doc_node(const struct config_doc *d)
{
	return slice_head(d->target, node_length(d->target));
}

struct slice
config_doc_object(const struct config_doc *d)
{
	size_t n = node_length(d->target);

	return n == d->target.n ? SLICE_LIT("") : slice_from(d->target, n + 1);
}

/* ---- what is signed ---- */

static uint8_t *
put_lv16(uint8_t *at, struct slice s)
{
	be_put(at, s.n, 2);
	memcpy(at + 2, s.p, s.n);
	return at + 2 + s.n;
}

static enum rc
signed_octets(const struct config_doc *d, uint8_t out[SIGNED_MAX], size_t *n)
{
	uint8_t *at = put_lv16(out, d->target);
	enum rc rc;

	be_put(at, d->version, 8);
	at = put_lv16(at + 8, d->type);
	rc = digest_sha256(&d->body, 1, at);
	*n = (size_t)(at + DIGEST_SIZE - out);
	return rc;
}

enum rc
config_doc_sign(struct config_doc *d, const struct sign_key *key)
{
	uint8_t octets[SIGNED_MAX];
	enum rc rc;
	size_t n;

	if (!in_range(d))
		return RC_BAD_REQUEST;
	rc = signed_octets(d, octets, &n);
	return rc == RC_OK ? sign_make(key, SIGN_CONFIG, slice_make(octets, n), d->signature) : rc;
}

enum rc
config_doc_verify(const struct config_doc *d, const struct sign_public *key)
{
	uint8_t octets[SIGNED_MAX];
	enum rc rc;
	size_t n;

	if (!in_range(d))
		return RC_BAD_REQUEST;
	rc = signed_octets(d, octets, &n);
	return rc == RC_OK ? sign_verify(key, SIGN_CONFIG, slice_make(octets, n), d->signature)
	                   : rc;
}

/* ---- JSON ---- */

enum rc
config_doc_write(const struct config_doc *d, struct buf *to)
{
	if (!in_range(d))
		return RC_BAD_REQUEST;
	buf_printf(to, "{\"target\":\"%.*s\",\"version\":%" PRIu64 ",\"type\":\"%.*s\",\"body\":\"",
	           (int)d->target.n, d->target.p, d->version, (int)d->type.n, d->type.p);
	b64url_add(to, d->body);
	buf_puts(to, "\",\"signature\":\"");
	b64url_add(to, slice_make(d->signature, SIGN_SIZE));
	buf_puts(to, "\"}");
	return to->failed ? RC_UNAVAILABLE : RC_OK;
}

static bool
skip(struct slice *rest, struct slice text)
{
	if (!slice_starts(*rest, text))
		return false;
	*rest = slice_from(*rest, text.n);
	return true;
}

/* What stands before the next end, which is skipped too. */
static bool
take(struct slice *rest, char end, struct slice *out)
{
	const char *at = rest->n == 0 ? NULL : memchr(rest->p, end, rest->n);

	if (at == NULL)
		return false;
	*out = slice_head(*rest, (size_t)(at - rest->p));
	*rest = slice_from(*rest, out->n + 1);
	return true;
}

static bool
read_members(struct slice rest, struct slice *version, struct slice *body, struct slice *signature,
             struct config_doc *out)
{
	return skip(&rest, SLICE_LIT("{\"target\":\"")) && take(&rest, '"', &out->target) &&
	       skip(&rest, SLICE_LIT(",\"version\":")) && take(&rest, ',', version) &&
	       skip(&rest, SLICE_LIT("\"type\":\"")) && take(&rest, '"', &out->type) &&
	       skip(&rest, SLICE_LIT(",\"body\":\"")) && take(&rest, '"', body) &&
	       skip(&rest, SLICE_LIT(",\"signature\":\"")) && take(&rest, '"', signature) &&
	       slice_is(rest, "}");
}

static enum rc
decode_body(struct slice text, struct arena *a, struct slice *out)
{
	size_t n = b64url_octets(text.n);
	uint8_t *octets;

	if (n == 0 || n > CONFIG_BODY_MAX)
		return RC_BAD_REQUEST;
	octets = arena_alloc(a, n);
	if (octets == NULL)
		return RC_UNAVAILABLE;
	*out = slice_make(octets, n);
	return b64url_decode(text, octets) ? RC_OK : RC_BAD_REQUEST;
}

enum rc
config_doc_read(struct slice text, struct arena *a, struct config_doc *out)
{
	struct slice version, body, signature;
	enum rc rc;

	*out = (struct config_doc){ 0 };
	if (!read_members(text, &version, &body, &signature, out) || version.n == 0 ||
	    version.p[0] == '0' || !slice_number(version, UINT64_MAX, &out->version) ||
	    b64url_octets(signature.n) != SIGN_SIZE || !b64url_decode(signature, out->signature))
		return RC_BAD_REQUEST;
	rc = decode_body(body, a, &out->body);
	if (rc != RC_OK)
		return rc;
	return in_range(out) ? RC_OK : RC_BAD_REQUEST;
}
