/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/access_tag.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "base/buf.h"
#include "sec/derive.h"
#include "sec/hex.h"

#define DIGEST_SIZE 32
#define PART_MAX 65535u

bool
access_tag_parse(struct slice text, struct access_tag *out)
{
	struct slice rest = text, id, counter, tag;
	char again[2 * ACCESS_TAG_SIZE + 1];

	if (text.n > ACCESS_TAG_TEXT || !slice_split(&rest, ';', &id) ||
	    !slice_split(&rest, ';', &counter) || !slice_split(&rest, ';', &tag) || rest.p != NULL)
		return false;
	/* The same form as that of a ConnectionId: decimal, not 0, no leading zeros. */
	if (!conn_id_parse_hex(id, &out->connection) ||
	    !conn_id_parse_decimal(counter, &out->counter) ||
	    !hex_decode(tag, out->tag, ACCESS_TAG_SIZE))
		return false;
	hex_encode(out->tag, ACCESS_TAG_SIZE, again);
	return slice_is(tag, again);
}

size_t
access_tag_format(const struct access_tag *t, char out[ACCESS_TAG_TEXT + 1])
{
	char tag[2 * ACCESS_TAG_SIZE + 1];

	hex_encode(t->tag, ACCESS_TAG_SIZE, tag);
	return (size_t)snprintf(out, ACCESS_TAG_TEXT + 1, "%016" PRIx64 ";%" PRIu64 ";%s",
	                        t->connection, t->counter, tag);
}

enum rc
access_tag_key(const struct key *kmc, uint64_t connection, uint32_t kmc_index, struct key *out)
{
	uint8_t ctx[12];

	for (unsigned i = 0; i < 8; i++)
		ctx[i] = (uint8_t)(connection >> (56 - 8 * i));
	for (unsigned i = 0; i < 4; i++)
		ctx[8 + i] = (uint8_t)(kmc_index >> (24 - 8 * i));
	return m2m_expand(kmc, "hdr", slice_make(ctx, sizeof(ctx)), out->v, KEY_BYTES);
}

static void
put_part(struct buf *b, struct slice s)
{
	buf_be(b, s.n, 2);
	buf_slice(b, s);
}

static enum rc
compute(const struct key *key, uint64_t counter, const struct access_request *rq,
        uint8_t tag[ACCESS_TAG_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	enum rc rc = RC_INTERNAL;
	struct buf b;

	if (rq->method.n > PART_MAX || rq->target.n > PART_MAX)
		return RC_TOO_LARGE;
	if (EVP_Digest(rq->body.p, rq->body.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return RC_INTERNAL;
	buf_init(&b, 2 * (2 + PART_MAX) + 8 + DIGEST_SIZE);
	put_part(&b, rq->method);
	put_part(&b, rq->target);
	buf_be(&b, counter, 8);
	buf_add(&b, digest, sizeof(digest));
	if (b.failed)
		rc = RC_UNAVAILABLE;
	else if (HMAC(EVP_sha256(), key->v, KEY_BYTES, (const uint8_t *)b.p, b.n, digest, NULL) !=
	         NULL)
		rc = RC_OK;
	buf_fini(&b);
	if (rc == RC_OK)
		memcpy(tag, digest, ACCESS_TAG_SIZE);
	return rc;
}

enum rc
access_tag_make(const struct key *key, uint64_t connection, uint64_t counter,
                const struct access_request *rq, struct access_tag *out)
{
	*out = (struct access_tag){ .connection = connection, .counter = counter };
	return compute(key, counter, rq, out->tag);
}

enum rc
access_tag_check(const struct key *key, const struct access_request *rq, const struct access_tag *t,
                 uint64_t *last)
{
	uint8_t tag[ACCESS_TAG_SIZE];
	enum rc rc;

	/* Before any hashing: a replay costs nothing. */
	if (t->counter <= *last)
		return RC_FORBIDDEN;
	rc = compute(key, t->counter, rq, tag);
	if (rc != RC_OK)
		return rc == RC_TOO_LARGE ? RC_FORBIDDEN : rc;
	if (!secret_equal(slice_make(tag, sizeof(tag)), slice_make(t->tag, sizeof(t->tag))))
		return RC_FORBIDDEN;
	*last = t->counter;
	return RC_OK;
}
