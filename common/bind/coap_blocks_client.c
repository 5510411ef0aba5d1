/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks of one exchange of a client (RFC 7959 sections 2.4 to 2.9). */
#include "config.h"

#include "bind/coap_blocks.h"

#define AGAIN_MAX 3u

/* ---- sending ---- */

static bool
has_numbers(const struct blocks_send *s, unsigned szx)
{
	return s->body.n / BLOCK_OCTETS(szx) <= BLOCK_NUM_MAX;
}

void
blocks_send_next(const struct blocks_send *s, struct cmap_block *block, struct slice *payload)
{
	size_t size = BLOCK_OCTETS(s->szx);

	*payload = SLICE_NONE;
	if (s->at < s->body.n)
		*payload = slice_head(slice_from(s->body, s->at), size);
	*block = (struct cmap_block){ .given = s->body.n > size || s->at > 0,
		                      .num = (unsigned)(s->at / size),
		                      .more = s->body.n - s->at > size,
		                      .szx = s->szx };
}

bool
blocks_send_answered(struct blocks_send *s, const struct cmap_block *answered, bool *bad)
{
	struct cmap_block sent;
	struct slice payload;

	blocks_send_next(s, &sent, &payload);
	*bad = sent.given && (!answered->given ? sent.more : answered->num != sent.num);
	*bad = *bad || (answered->given && !has_numbers(s, answered->szx));
	if (*bad)
		return false;
	s->at += payload.n;
	/* The smaller size is for what comes; what was sent counts as it was (section 2.3). */
	if (answered->given && answered->szx < s->szx)
		s->szx = answered->szx;
	return sent.more;
}

bool
blocks_send_smaller(struct blocks_send *s, unsigned szx)
{
	if (szx >= s->szx || !has_numbers(s, szx))
		return false;
	s->szx = szx;
	s->at = 0;
	return true;
}

/* ---- receiving ---- */

static enum blocks_received
begin_again(struct blocks_receive *r, struct buf *body)
{
	*r = (struct blocks_receive){ .again = r->again + 1 };
	buf_clear(body);
	return r->again > AGAIN_MAX ? RECEIVED_BAD : RECEIVED_AGAIN;
}

/* Of two representations no body is made. An answer without a tag says nothing about it. */
static bool
has_changed(const struct blocks_receive *r, const unsigned char *etag, unsigned n)
{
	return r->etag_n > 0 && n > 0 && (r->etag_n != n || memcmp(r->etag, etag, n) != 0);
}

static enum blocks_received
take_payload(struct slice payload, struct buf *body)
{
	buf_slice(body, payload);
	return body->failed ? RECEIVED_TOO_LARGE : RECEIVED_ALL;
}

enum blocks_received
blocks_receive_add(struct blocks_receive *r, const struct cmap_block *block,
                   const unsigned char *etag, unsigned etag_n, struct slice payload,
                   struct buf *body, struct cmap_block *ask)
{
	size_t size = BLOCK_OCTETS(block->szx);

	if (!block->given)
		return r->begun ? RECEIVED_BAD : take_payload(payload, body);
	if (block->szx > BLOCK_SZX_MAX || payload.n > size || (block->more && payload.n < size))
		return RECEIVED_BAD;
	if (has_changed(r, etag, etag_n))
		return begin_again(r, body);
	if ((r->begun && block->szx > r->szx) || (size_t)block->num * size != r->at)
		return RECEIVED_BAD;
	if (!r->begun && etag_n > 0 && etag_n <= CMAP_ETAG_MAX) {
		r->etag_n = etag_n;
		memcpy(r->etag, etag, etag_n);
	}
	r->begun = true;
	r->szx = block->szx;
	r->at += payload.n;
	if (take_payload(payload, body) != RECEIVED_ALL)
		return RECEIVED_TOO_LARGE;
	if (!block->more)
		return RECEIVED_ALL;
	if (r->at / size > BLOCK_NUM_MAX)
		return RECEIVED_TOO_LARGE;
	*ask = (struct cmap_block){ .given = true, .num = (unsigned)(r->at / size), .szx = r->szx };
	return RECEIVED_MORE;
}
