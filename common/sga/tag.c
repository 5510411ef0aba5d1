/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/tag.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/buf.h"
#include "sec/b64url.h"
#include "sec/hex.h"
#include "sga/kd.h"

#define PART_MAX 65535u

/* ---- text ---- */

static bool
parse_id(struct slice text, struct sga_id *out)
{
	uint8_t raw[SGA_ID_MAX];
	size_t n = b64url_octets(text.n);

	return n <= sizeof(raw) && b64url_decode(text, raw) &&
	       sga_id_make(slice_make(raw, n), out) == RC_OK;
}

/* Decimal, not 0, in its one form. */
static bool
parse_counter(struct slice text, uint64_t *out)
{
	return text.n > 0 && text.p[0] != '0' && slice_number(text, UINT64_MAX, out);
}

/* In its one form: lower case. */
static bool
parse_digits(struct slice text, uint8_t out[SGA_TAG_SIZE])
{
	char again[2 * SGA_TAG_SIZE + 1];

	if (!hex_decode(text, out, SGA_TAG_SIZE))
		return false;
	hex_encode(out, SGA_TAG_SIZE, again);
	return slice_is(text, again);
}

bool
sga_tag_parse(struct slice text, struct sga_tag *out)
{
	struct slice rest = text, id, counter, tag;

	return text.n <= SGA_TAG_TEXT && slice_split(&rest, ';', &id) &&
	       slice_split(&rest, ';', &counter) && slice_split(&rest, ';', &tag) &&
	       rest.p == NULL && parse_id(id, &out->id) && parse_counter(counter, &out->counter) &&
	       parse_digits(tag, out->tag);
}

size_t
sga_tag_format(const struct sga_tag *t, char out[SGA_TAG_TEXT + 1])
{
	size_t n = B64URL_LEN((size_t)t->id.n);
	char tag[2 * SGA_TAG_SIZE + 1];

	b64url_encode(out, t->id.v, t->id.n);
	hex_encode(t->tag, SGA_TAG_SIZE, tag);
	return n +
	       (size_t)snprintf(out + n, SGA_TAG_TEXT + 1 - n, ";%" PRIu64 ";%s", t->counter, tag);
}

/* ---- target ---- */

static bool
is_parameter(struct slice part)
{
	return slice_starts(part, SLICE_LIT(SGA_TAG_PARAMETER "="));
}

/* lv16(target without the parameter). The length is written last: it is not known before. */
static void
put_target(struct buf *b, struct slice target)
{
	struct slice path = SLICE_NONE, query = target, part;
	size_t at = b->n;
	char between = '?';

	buf_be(b, 0, 2);
	/* query.p is NULL when there is no "?". */
	slice_split(&query, '?', &path);
	buf_slice(b, path);
	/* A "?" with nothing behind it stays when nothing was left out: the target is as sent. */
	if (query.p != NULL && query.n == 0)
		buf_char(b, '?');
	else
		while (slice_split(&query, '&', &part)) {
			if (is_parameter(part))
				continue;
			buf_char(b, between);
			buf_slice(b, part);
			between = '&';
		}
	if (b->failed)
		return;
	b->p[at] = (char)((b->n - at - 2) >> 8);
	b->p[at + 1] = (char)((b->n - at - 2) & 0xff);
}

/* ---- tag ---- */

enum rc
sga_tag_key(const struct key *kd, const struct sga_id *id, const struct sga_id *g, struct key *out)
{
	const struct sga_pair who = { id, g };

	return sga_kd(kd, &who, SLICE_LIT("req"), out->v, KEY_BYTES);
}

static enum rc
compute(const struct key *key, uint64_t counter, const struct sga_request *rq,
        uint8_t tag[SGA_HASH_SIZE])
{
	struct sga_hash body;
	struct buf b;
	enum rc rc;

	if (rq->method.n > PART_MAX || rq->target.n > PART_MAX)
		return RC_TOO_LARGE;
	rc = sga_hash(rq->body, &body);
	if (rc != RC_OK)
		return rc;
	buf_init(&b, 2 * (2 + PART_MAX) + 8 + SGA_HASH_SIZE);
	buf_be(&b, rq->method.n, 2);
	buf_slice(&b, rq->method);
	put_target(&b, rq->target);
	buf_be(&b, counter, 8);
	buf_add(&b, body.v, SGA_HASH_SIZE);
	rc = b.failed ? RC_UNAVAILABLE : sga_mac(key, buf_view(&b), tag);
	buf_fini(&b);
	return rc;
}

enum rc
sga_tag_make(const struct key *key, const struct sga_id *id, uint64_t counter,
             const struct sga_request *rq, struct sga_tag *out)
{
	uint8_t mac[SGA_HASH_SIZE] = { 0 };
	enum rc rc = compute(key, counter, rq, mac);

	*out = (struct sga_tag){ .id = *id, .counter = counter };
	memcpy(out->tag, mac, SGA_TAG_SIZE);
	return rc;
}

enum rc
sga_tag_check(const struct key *key, const struct sga_request *rq, const struct sga_tag *t)
{
	static const struct key dummy;
	uint8_t mac[SGA_HASH_SIZE];
	enum rc rc = compute(key == NULL ? &dummy : key, t->counter, rq, mac);
	bool equal;

	if (rc != RC_OK)
		return rc == RC_TOO_LARGE ? RC_DENIED : rc;
	equal = secret_equal(slice_make(mac, SGA_TAG_SIZE), slice_make(t->tag, SGA_TAG_SIZE));
	secret_wipe(mac, sizeof(mac));
	return equal && key != NULL ? RC_OK : RC_DENIED;
}
