/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/phase.h"

#include "sec/hkdf.h"
#include "sga/octets.h"
#include "sga/package.h"

/* The longest text of a MAC: m1 of a half of the longest parts. */
#define TEXT_MAX (2u + SGA_SID_SIZE + SGA_IDS_MAX + SGA_ELEMENT_MAX + SGA_ENC_MAX)
#define INFO_MAX (sizeof("SGA/1 Kis") - 1 + SGA_IDS_MAX + SGA_ELEMENT_MAX + SGA_ENC_MAX)

/* ---- headers ---- */

/* The types whose messages are counted. */
static bool
counted(uint8_t type)
{
	return (type >= SGA_B1 && type <= SGA_B6) || type == SGA_RECORD;
}

enum rc
sga_expect(struct slice message, const struct sga_expected *e, struct sga_header *out)
{
	enum rc rc = sga_header_read(message, out);

	if (rc != RC_OK)
		return rc;
	if (out->type != e->type)
		return RC_BAD_REQUEST;
	if (out->suite != e->suite || !sga_sid_equal(&out->sid, e->sid))
		return RC_DENIED;
	return out->ctr != 0 && !counted(out->type) ? RC_DENIED : RC_OK;
}

enum rc
sga_time_check(uint64_t time, uint64_t now)
{
	uint64_t apart = time > now ? time - now : now - time;

	return apart <= SGA_TIME_WINDOW ? RC_OK : RC_DENIED;
}

bool
sga_cipher_in(uint16_t cid, uint16_t set)
{
	return cipher_find(cid) != NULL && (sga_cipher_bit(cid) & set) != 0;
}

/* ---- messages under the public key of G ---- */

enum rc
sga_envelope_make(const struct sga_public *to_whom, const struct sga_envelope *e,
                  struct slice plain, const struct sga_random *random, struct buf *to,
                  struct sga_hash *hash)
{
	size_t n = SGA_HEADER_SIZE + plain.n + sga_suite_find(e->header->suite)->overhead;
	uint8_t *out = (uint8_t *)buf_reserve(to, n);
	struct sga_seal_context c = { e->dp, e->label, out };
	enum rc rc;

	if (out == NULL)
		return RC_NO_SPACE;
	sga_header_write(e->header, out);
	rc = sga_seal(to_whom, &c, plain, random, out + SGA_HEADER_SIZE);
	if (rc == RC_OK)
		rc = sga_hash(slice_make(out, n), hash);
	if (rc == RC_OK)
		to->n += n;
	return rc;
}

/* ---- phase A ---- */

enum rc
sga_proof_make(const struct key *k_auth, const struct sga_proof *p, uint8_t out[SGA_HASH_SIZE])
{
	uint8_t text[TEXT_MAX], header[SGA_HEADER_SIZE];
	struct sga_writer w = sga_writer_of(text, sizeof(text));
	enum rc rc;

	sga_header_write(p->header, header);
	sga_write_slice(&w, p->a2 == NULL ? SLICE_LIT("A1") : SLICE_LIT("A3"));
	sga_write(&w, header, sizeof(header));
	sga_write(&w, p->kt->v, KEY_BYTES);
	sga_write_ids(&w, p->ids);
	sga_write_be(&w, p->cid, 2);
	sga_write(&w, p->header->sid.v, SGA_SID_SIZE);
	if (p->n != NULL)
		sga_write(&w, p->n, SGA_SID_SIZE);
	sga_write_be(&w, p->time, 8);
	if (p->a2 != NULL)
		sga_write(&w, p->a2->v, SGA_HASH_SIZE);
	rc = w.full ? RC_INTERNAL : sga_mac(k_auth, sga_written(&w), out);
	secret_wipe(text, sizeof(text));
	return rc;
}

/* ---- phase B ---- */

struct slice
sga_half_n(const struct sga_exchange *x, const struct sga_half *h)
{
	return slice_make(h->n, x->group->element);
}

struct slice
sga_half_f(const struct sga_exchange *x, const struct sga_half *h)
{
	return slice_make(h->f, x->suite->enc);
}

enum rc
sga_half_key(const struct sga_exchange *x, const struct sga_half *h, const uint8_t *power,
             struct key *out)
{
	uint8_t info[INFO_MAX];
	struct sga_writer w = sga_writer_of(info, sizeof(info));

	sga_write_slice(&w, SLICE_LIT("SGA/1 Kis"));
	sga_write_ids(&w, x->ids);
	sga_write_slice(&w, sga_half_n(x, h));
	sga_write_slice(&w, sga_half_f(x, h));
	return hkdf_sha256(slice_make(x->sid->v, SGA_SID_SIZE),
	                   slice_make(power, x->group->element), sga_written(&w), out->v,
	                   KEY_BYTES);
}

enum rc
sga_half_macs(const struct sga_exchange *x, enum sga_side side, const struct sga_half *h,
              const struct key *k_auth, const struct key *k_is, uint8_t m1[SGA_HASH_SIZE],
              uint8_t m2[SGA_HASH_SIZE])
{
	uint8_t text[TEXT_MAX];
	struct slice label = side == SGA_SIDE_I ? SLICE_LIT("B1") : SLICE_LIT("B3");
	struct sga_writer first = sga_writer_of(text, sizeof(text)), second = first;
	enum rc rc;

	sga_write_slice(&first, label);
	sga_write(&first, x->sid->v, SGA_SID_SIZE);
	sga_write_ids(&first, x->ids);
	sga_write_slice(&first, sga_half_n(x, h));
	sga_write_slice(&first, sga_half_f(x, h));
	rc = sga_mac(k_auth, sga_written(&first), m1);
	if (rc != RC_OK)
		return rc;
	sga_write_slice(&second, label);
	sga_write(&second, x->sid->v, SGA_SID_SIZE);
	sga_write_slice(&second, sga_half_n(x, h));
	return sga_mac(k_is, sga_written(&second), m2);
}

enum rc
sga_transcript(uint8_t suite, const struct sga_hash *dp, const struct sga_hash *heard,
               struct sga_hash *th)
{
	uint8_t text[sizeof("SGA/1 TH") - 1 + 1 + (1 + SGA_HS) * SGA_HASH_SIZE];
	struct sga_writer w = sga_writer_of(text, sizeof(text));

	sga_write_slice(&w, SLICE_LIT("SGA/1 TH"));
	sga_write_be(&w, suite, 1);
	sga_write(&w, dp->v, SGA_HASH_SIZE);
	for (unsigned i = 0; i < SGA_HS; i++)
		sga_write(&w, heard[i].v, SGA_HASH_SIZE);
	return sga_hash(sga_written(&w), th);
}

enum rc
sga_b6_mac(const struct sga_exchange *x, const struct key *k, const uint8_t *s,
           const struct sga_hash *th, uint8_t out[SGA_HASH_SIZE])
{
	uint8_t text[TEXT_MAX];
	struct sga_writer w = sga_writer_of(text, sizeof(text));
	enum rc rc;

	sga_write_slice(&w, SLICE_LIT("B6"));
	sga_write_ids(&w, x->ids);
	sga_write(&w, s, x->group->element);
	sga_write(&w, th->v, SGA_HASH_SIZE);
	rc = sga_mac(k, sga_written(&w), out);
	/* S travels under the key of the hop alone. */
	secret_wipe(text, sizeof(text));
	return rc;
}

/* ---- others ---- */

enum rc
sga_notice_mac(const struct key *k_auth, struct slice text, uint8_t out[SGA_HASH_SIZE])
{
	uint8_t all[4 + SGA_NOTICE_FIXED + SGA_ID_MAX];
	struct sga_writer w = sga_writer_of(all, sizeof(all));

	sga_write_slice(&w, SLICE_LIT("left"));
	sga_write_slice(&w, text);
	return w.full ? RC_INTERNAL : sga_mac(k_auth, sga_written(&w), out);
}
