/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/record.h"

#include "sec/hkdf.h"
#include "sga/octets.h"
#include "sga/session_own.h"

#define FIRST_MAX (SGA_CONF_SIZE + 1u + SIGN_SIZE) /* before the data of a first record */
#define LABEL_MAX 64u

_Static_assert(SGA_RECORD_OVER >= SGA_HEADER_SIZE + CIPHER_TAG_MAX + FIRST_MAX, "all of it");

/* ---- confirmation ---- */

/* The role of one side, as it is hashed. */
static struct slice
role_of(bool inviter)
{
	return inviter ? SLICE_LIT("i") : SLICE_LIT("j");
}

/* conf of that side. */
static enum rc
confirmation(const struct sga_session *s, bool inviter, uint8_t conf[SGA_CONF_SIZE])
{
	uint8_t text[1 + SGA_HASH_SIZE], mac[SGA_HASH_SIZE];
	struct sga_writer w = sga_writer_of(text, sizeof(text));
	enum rc rc;

	sga_write_slice(&w, role_of(inviter));
	sga_write(&w, s->th.v, SGA_HASH_SIZE);
	rc = sga_mac(&s->k_conf, sga_written(&w), mac);
	if (rc == RC_OK)
		memcpy(conf, mac, SGA_CONF_SIZE);
	secret_wipe(mac, sizeof(mac));
	return rc;
}

/* What a side signs. */
static struct slice
signed_text(const struct sga_session *s, bool inviter, const uint8_t conf[SGA_CONF_SIZE],
            uint8_t text[1 + SGA_HASH_SIZE + SGA_CONF_SIZE])
{
	struct sga_writer w = sga_writer_of(text, 1 + SGA_HASH_SIZE + SGA_CONF_SIZE);

	sga_write_slice(&w, role_of(inviter));
	sga_write(&w, s->th.v, SGA_HASH_SIZE);
	sga_write(&w, conf, SGA_CONF_SIZE);
	return sga_written(&w);
}

/* Writes conf and lv8(signature). */
static enum rc
write_first(const struct sga_session *s, const struct sga_device *d, struct sga_writer *w)
{
	uint8_t conf[SGA_CONF_SIZE], text[1 + SGA_HASH_SIZE + SGA_CONF_SIZE], sign[SIGN_SIZE];
	enum rc rc = confirmation(s, s->inviter, conf);

	if (rc == RC_OK && d->signs)
		rc = sign_make(d->sign, SIGN_SGA_E2E, signed_text(s, s->inviter, conf, text), sign);
	if (rc != RC_OK)
		return rc;
	sga_write(w, conf, sizeof(conf));
	sga_write_lv8(w, slice_make(sign, d->signs ? sizeof(sign) : 0));
	return RC_OK;
}

/* ---- sealing ---- */

static enum rc
may_seal(const struct sga_session *s, uint8_t flags, struct slice data, uint64_t now)
{
	if (s->state != SGA_S_OPEN || (flags & ~SGA_FLAG_GROUP_KEY) != 0 ||
	    (!s->confirmed && (s->out.ctr > 0 || data.n > 0)))
		return RC_CONFLICT;
	if (data.n > SGA_DATA_MAX)
		return RC_TOO_LARGE;
	if (s->out.ctr >= SGA_RECORDS_MAX || (now != 0 && s->opened != 0 && now > s->opened &&
	                                      now - s->opened > SGA_SESSION_SECONDS))
		return RC_PRECONDITION;
	return RC_OK;
}

/* header || cid */
static struct slice
aad_of(const struct sga_session *s, const void *header, uint8_t aad[SGA_HEADER_SIZE + 2])
{
	struct sga_writer w = sga_writer_of(aad, SGA_HEADER_SIZE + 2);

	sga_write(&w, header, SGA_HEADER_SIZE);
	sga_write_be(&w, s->cid, 2);
	return sga_written(&w);
}

/* plain is not in to. */
static enum rc
seal(struct sga_session *s, uint8_t flags, struct slice plain, struct buf *to)
{
	const struct cipher *c = sga_session_cipher(s);
	const struct sga_header h = { .suite = s->suite,
		                      .type = SGA_RECORD,
		                      .flags = flags,
		                      .sid = s->sid,
		                      .ctr = s->out.ctr };
	size_t n = SGA_HEADER_SIZE + plain.n + c->tag;
	uint8_t *out = (uint8_t *)buf_reserve(to, n);
	uint8_t aad[SGA_HEADER_SIZE + 2], nonce[CIPHER_IV_MAX];
	enum rc rc;

	if (out == NULL)
		return RC_NO_SPACE;
	sga_header_write(&h, out);
	sga_way_nonce(&s->out, c, h.ctr, nonce);
	rc = aead_seal_once(c, s->out.key, nonce, aad_of(s, out, aad), plain,
	                    out + SGA_HEADER_SIZE);
	if (rc != RC_OK)
		return rc;
	to->n += n;
	s->out.ctr++;
	return RC_OK;
}

/* The first record, with data behind the confirmation. */
static enum rc
seal_first(struct sga_session *s, const struct sga_device *d, uint8_t flags, struct slice data,
           struct buf *to)
{
	uint8_t first[FIRST_MAX];
	struct sga_writer w = sga_writer_of(first, sizeof(first));
	struct buf plain;
	enum rc rc = write_first(s, d, &w);

	if (rc != RC_OK)
		return rc;
	buf_init(&plain, FIRST_MAX + SGA_DATA_MAX);
	plain.secret = true;
	buf_slice(&plain, sga_written(&w));
	buf_slice(&plain, data);
	rc = plain.failed ? RC_UNAVAILABLE
	                  : seal(s, flags | SGA_FLAG_CONFIRMED, buf_view(&plain), to);
	buf_fini(&plain);
	return rc;
}

enum rc
sga_record_seal(struct sga_session *s, const struct sga_device *d, uint8_t flags, struct slice data,
                uint64_t now, struct buf *to)
{
	enum rc rc = may_seal(s, flags, data, now);

	if (rc != RC_OK)
		return rc;
	return s->out.ctr == 0 ? seal_first(s, d, flags, data, to) : seal(s, flags, data, to);
}

/* ---- opening ---- */

/* Its number is due, and is taken in *s, a copy. */
static enum rc
take_number(struct sga_session *s, const struct sga_header *h)
{
	/* The first record confirms, and no other; before it there is nothing. */
	bool first = (h->flags & SGA_FLAG_CONFIRMED) != 0;

	if (h->ctr >= SGA_RECORDS_MAX)
		return RC_PRECONDITION;
	if (first != (h->ctr == 0))
		return RC_DENIED;
	if (s->confirmed == first)
		return RC_CONFLICT;
	if (s->window ? !replay_take(&s->seen, (uint64_t)h->ctr + 1) : h->ctr != s->in.ctr)
		return RC_CONFLICT;
	if (h->ctr >= s->in.ctr)
		s->in.ctr = h->ctr + 1;
	return RC_OK;
}

/* The peer's signature, if its key is known. */
static enum rc
check_signature(struct sga_session *s, const struct sga_trust *trust, struct slice conf,
                struct slice sign)
{
	uint8_t text[1 + SGA_HASH_SIZE + SGA_CONF_SIZE];
	enum rc rc;

	if (trust == NULL || (trust->peer == NULL && !trust->required))
		return RC_OK;
	if (trust->peer == NULL || sign.n == 0)
		return RC_DENIED;
	rc = sign_verify(trust->peer, SIGN_SGA_E2E,
	                 signed_text(s, !s->inviter, (const uint8_t *)conf.p, text),
	                 (const uint8_t *)sign.p);
	s->signed_by_peer = rc == RC_OK;
	return rc == RC_FORBIDDEN ? RC_DENIED : rc;
}

/* Takes confirmation and signature off *plain. */
static enum rc
confirm(struct sga_session *s, const struct sga_trust *trust, struct slice *plain)
{
	struct sga_reader r = sga_reader_of(*plain);
	struct slice conf = sga_read(&r, SGA_CONF_SIZE), sign = sga_read_lv8(&r);
	uint8_t right[SGA_CONF_SIZE];
	enum rc rc = confirmation(s, !s->inviter, right);

	if (rc != RC_OK)
		return rc;
	if (r.bad || (sign.n != 0 && sign.n != SIGN_SIZE) ||
	    !secret_equal(conf, slice_make(right, sizeof(right))))
		return RC_DENIED;
	*plain = r.rest;
	s->confirmed = true;
	return check_signature(s, trust, conf, sign);
}

/* Too many failures: whoever sent them may have found a tag. */
static void
count_failure(struct sga_session *s)
{
	uint32_t max = sga_session_cipher(s)->forgeries;

	if (max != 0 && ++s->failed >= max)
		sga_session_close(s);
}

/* plain: room for sealed octets. */
static enum rc
open_sealed(struct sga_session *s, struct slice record, const struct sga_header *h, uint8_t *plain)
{
	const struct cipher *c = sga_session_cipher(s);
	uint8_t aad[SGA_HEADER_SIZE + 2], nonce[CIPHER_IV_MAX];
	enum rc rc;

	sga_way_nonce(&s->in, c, h->ctr, nonce);
	rc = aead_open_once(c, s->in.key, nonce, aad_of(s, record.p, aad),
	                    slice_from(record, SGA_HEADER_SIZE), plain);
	if (rc != RC_BAD_REQUEST)
		return rc;
	count_failure(s);
	return RC_DENIED;
}

/* On next, a copy of s, but for failures, which count in s. */
static enum rc
open_record(struct sga_session *s, struct sga_session *next, const struct sga_trust *trust,
            struct slice record, const struct sga_header *h, struct sga_plain *out, struct buf *to)
{
	size_t n = record.n - SGA_HEADER_SIZE - sga_session_cipher(s)->tag;
	uint8_t *p = (uint8_t *)buf_reserve(to, n + 1);
	enum rc rc = p == NULL ? RC_NO_SPACE : open_sealed(s, record, h, p);
	struct slice plain = slice_make(p, n);
	bool first = h->ctr == 0;

	if (rc == RC_OK && first)
		rc = confirm(next, trust, &plain);
	if (rc != RC_OK) {
		if (p != NULL)
			secret_wipe(p, n);
		return rc;
	}
	/* The data alone, where the plaintext begins. */
	memmove(p, plain.p, plain.n);
	secret_wipe(p + plain.n, n - plain.n);
	to->n += plain.n;
	*out = (struct sga_plain){ .data = slice_make(p, plain.n),
		                   .ctr = h->ctr,
		                   .flags = h->flags,
		                   .confirmed = first,
		                   .signed_by_peer = next->signed_by_peer };
	return RC_OK;
}

enum rc
sga_record_open(struct sga_session *s, const struct sga_trust *trust, struct slice record,
                struct sga_plain *out, struct buf *to)
{
	const struct sga_expected expected = { SGA_RECORD, s->suite, &s->sid };
	struct sga_session next;
	struct sga_header h;
	enum rc rc = sga_expect(record, &expected, &h);

	if (rc != RC_OK)
		return rc;
	if (record.n < SGA_HEADER_SIZE + (size_t)sga_session_cipher(s)->tag)
		return RC_BAD_REQUEST;
	if (s->state != SGA_S_OPEN)
		return RC_CONFLICT;
	next = *s;
	rc = take_number(&next, &h);
	if (rc == RC_OK)
		rc = open_record(s, &next, trust, record, &h, out, to);
	if (rc == RC_OK)
		*s = next;
	secret_wipe(&next, sizeof(next));
	return rc;
}

/* ---- other uses ---- */

enum rc
sga_session_export(const struct sga_session *s, struct slice label, void *out, size_t n)
{
	uint8_t info[sizeof("SGA/1 export") - 1 + LABEL_MAX];
	struct sga_writer w = sga_writer_of(info, sizeof(info));

	if (s->state != SGA_S_OPEN || !s->confirmed)
		return RC_CONFLICT;
	sga_write_slice(&w, SLICE_LIT("SGA/1 export"));
	sga_write_slice(&w, label);
	return w.full ? RC_TOO_LARGE : hkdf_expand(&s->prk, sga_written(&w), out, n);
}
