/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/hdr.h"

#include <openssl/evp.h>

#include "base/be.h"
#include "base/uri.h"
#include "base/utf8.h"

#define URL_LONGEST 65535u /* LV16 */
#define RESERVED_AT 14u
#define SOURCE_AT 16u

const struct cipher *
pre_cipher_find(uint16_t cid)
{
	return cid <= PRE_CID_MAX ? cipher_find(cid) : NULL;
}

enum rc
pre_hdr_parse(struct slice s, struct pre_hdr *out)
{
	const uint8_t *p = (const uint8_t *)s.p;

	*out = (struct pre_hdr){ 0 };
	if (s.n < PRE_HDR_SIZE || p[0] != PRE_VERSION || p[1] != PRE_SUITE)
		return RC_BAD_REQUEST;
	if (p[2] < PRE_MM1 || p[2] > PRE_END || (p[3] & ~PRE_FLAG_SIGNED) != 0)
		return RC_BAD_REQUEST;
	if (p[RESERVED_AT] != 0 || p[RESERVED_AT + 1] != 0)
		return RC_BAD_REQUEST;
	if (pre_cipher_find((uint16_t)be_get(p + 12, 2)) == NULL)
		return RC_BAD_REQUEST;
	out->type = p[2];
	out->flags = p[3];
	out->epoch = (uint32_t)be_get(p + 4, 4);
	out->stream = (uint16_t)be_get(p + 8, 2);
	out->key_index = (uint16_t)be_get(p + 10, 2);
	out->cid = (uint16_t)be_get(p + 12, 2);
	memcpy(out->source, p + SOURCE_AT, PRE_SOURCE_SIZE);
	return RC_OK;
}

void
pre_hdr_write(const struct pre_hdr *h, enum pre_type type, uint8_t out[PRE_HDR_SIZE])
{
	uint8_t *to = out;

	*to++ = PRE_VERSION;
	*to++ = PRE_SUITE;
	*to++ = (uint8_t)type;
	*to++ = h->flags;
	to = be_put(to, h->epoch, 4);
	to = be_put(to, h->stream, 2);
	to = be_put(to, h->key_index, 2);
	to = be_put(to, h->cid, 2);
	to = be_put(to, 0, 2);
	memcpy(to, h->source, PRE_SOURCE_SIZE);
}

bool
pre_hdr_same(const struct pre_hdr *a, const struct pre_hdr *b)
{
	return a->flags == b->flags && a->stream == b->stream && a->key_index == b->key_index &&
	       a->cid == b->cid && a->epoch == b->epoch &&
	       memcmp(a->source, b->source, PRE_SOURCE_SIZE) == 0;
}

int
pre_hdr_order(const struct pre_hdr *a, const struct pre_hdr *b)
{
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	return (a->key_index > b->key_index) - (a->key_index < b->key_index);
}

/* ---- names ---- */

static bool
has_upper(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return true;
	return false;
}

bool
pre_url_ok(struct slice url)
{
	struct uri u;

	if (url.n > URL_LONGEST || !utf8_printable(url) || !uri_parse(url, &u) || u.scheme.n == 0)
		return false;
	/* User information lies between the slashes and the authority. */
	return u.authority.p == u.scheme.p + u.scheme.n + 3 && !has_upper(u.scheme) &&
	       !has_upper(u.host);
}

bool
pre_sink_ok(struct slice sink)
{
	return sink.n <= URL_LONGEST && utf8_printable(sink) &&
	       (sink.n == 0 || memchr(sink.p, ' ', sink.n) == NULL);
}

enum rc
pre_source_name(struct slice url, uint8_t out[PRE_SOURCE_SIZE])
{
	uint8_t hash[EVP_MAX_MD_SIZE];

	memset(out, 0, PRE_SOURCE_SIZE);
	if (EVP_Digest(url.p, url.n, hash, NULL, EVP_sha256(), NULL) != 1)
		return RC_INTERNAL;
	memcpy(out, hash, PRE_SOURCE_SIZE);
	return RC_OK;
}
