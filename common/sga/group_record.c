/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: what members say. */
#include "config.h"

#include "sga/group_own.h"

#include "sec/hkdf.h"
#include "sga/hop.h"

/* Between the header and the AEAD, at most. */
#define NAMED_MAX (4u + 1u + SGA_ID_MAX)
/* Octets of a record besides identity, data and tag. */
#define FIXED (SGA_HEADER_SIZE + 4u + 1u + SIGN_SIZE)

/* The parts of a record; slices of it. */
struct parts {
	struct sga_header h;
	uint32_t epoch;
	struct sga_id sender;
	struct slice aad, sealed, before, sign; /* before: the signature */
};

static enum rc
read_parts(struct slice record, struct parts *p)
{
	struct sga_reader r = sga_reader_of(slice_from(record, SGA_HEADER_SIZE));
	enum rc rc = sga_header_read(record, &p->h);

	if (rc != RC_OK)
		return rc;
	p->epoch = (uint32_t)sga_read_be(&r, 4);
	sga_read_id(&r, &p->sender);
	if (r.bad || p->h.type != SGA_GROUP_RECORD || r.rest.n < SIGN_SIZE)
		return RC_BAD_REQUEST;
	p->aad = slice_head(record, record.n - r.rest.n);
	p->before = slice_head(record, record.n - SIGN_SIZE);
	p->sealed = slice_from(p->before, p->aad.n);
	p->sign = slice_from(record, p->before.n);
	return RC_OK;
}

enum rc
sga_team_peek(struct slice record, uint32_t *epoch, struct sga_id *sender)
{
	struct parts p;
	enum rc rc = read_parts(record, &p);

	if (rc != RC_OK)
		return rc;
	*epoch = p.epoch;
	*sender = p.sender;
	return RC_OK;
}

/* Key and iv of a sender. */
static enum rc
way_of(const struct sga_team *g, const struct sga_id *sender, struct sga_way *out)
{
	const struct cipher *c = cipher_find(g->cid);
	uint8_t info[11 + NAMED_MAX], okm[CIPHER_KEY_MAX + CIPHER_IV_MAX];
	struct sga_writer w = sga_writer_of(info, sizeof(info));
	size_t n = (size_t)c->key + c->iv;
	enum rc rc;

	*out = (struct sga_way){ .ctr = 0 };
	sga_write_slice(&w, SLICE_LIT("SGA/1 group"));
	sga_write_be(&w, g->epoch, 4);
	sga_write_id(&w, sender);
	rc = hkdf_sha256(slice_make(g->gid.v, SGA_SID_SIZE), slice_make(g->gk.v, KEY_BYTES),
	                 sga_written(&w), okm, n);
	if (rc == RC_OK) {
		memcpy(out->key, okm, c->key);
		memcpy(out->iv, okm + c->key, c->iv);
	}
	secret_wipe(okm, sizeof(okm));
	return rc;
}

/* ---- sealing ---- */

/* The seat of d when it can sign, and the others expect its key; else NULL. */
static struct sga_seat *
speaker(const struct sga_team *g, const struct sga_device *d)
{
	struct sga_seat *own = sga_team_seat(g, &d->id);
	struct sign_public sign;

	if (own == NULL || !own->member.signs || !d->signs)
		return NULL;
	sign_key_public(d->sign, &sign);
	return memcmp(sign.v, own->member.sign.v, sizeof(sign.v)) == 0 ? own : NULL;
}

/* All of a record to out, which has room for n octets. */
static enum rc
write_record(const struct sga_team *g, const struct sga_device *d, struct slice data, uint8_t *out,
             size_t n)
{
	const struct cipher *c = cipher_find(g->cid);
	const struct sga_header h = {
		.suite = g->suite, .type = SGA_GROUP_RECORD, .sid = g->gid, .ctr = g->sealed
	};
	struct sga_writer w = sga_writer_of(out + SGA_HEADER_SIZE, NAMED_MAX);
	uint8_t nonce[CIPHER_IV_MAX];
	struct sga_way way;
	size_t aad;
	enum rc rc = way_of(g, &d->id, &way);

	sga_header_write(&h, out);
	sga_write_be(&w, g->epoch, 4);
	sga_write_id(&w, &d->id);
	aad = SGA_HEADER_SIZE + w.n;
	sga_way_nonce(&way, c, h.ctr, nonce);
	if (rc == RC_OK)
		rc = aead_seal_once(c, way.key, nonce, slice_make(out, aad), data, out + aad);
	if (rc == RC_OK)
		rc = sign_make(d->sign, SIGN_SGA_GROUP, slice_make(out, n - SIGN_SIZE),
		               out + n - SIGN_SIZE);
	secret_wipe(&way, sizeof(way));
	return rc;
}

enum rc
sga_team_seal(struct sga_team *g, const struct sga_device *d, struct slice data, struct buf *to)
{
	size_t n = FIXED + d->id.n + data.n + cipher_find(g->cid)->tag;
	struct sga_seat *own = speaker(g, d);
	uint8_t *out;
	enum rc rc;

	if (data.n > SGA_DATA_MAX)
		return RC_TOO_LARGE;
	if (own == NULL)
		return RC_CONFLICT;
	if (g->sealed >= SGA_GROUP_RECORDS_MAX)
		return RC_PRECONDITION;
	out = (uint8_t *)buf_reserve(to, n);
	if (out == NULL)
		return RC_NO_SPACE;
	rc = write_record(g, d, data, out, n);
	if (rc != RC_OK)
		return rc;
	to->n += n;
	g->sealed++;
	/* If it comes back, it is nothing that another has said. */
	own->next = g->sealed;
	return RC_OK;
}

/* ---- opening ---- */

/* The sender of a record of g; its number and its signature are good. */
static enum rc
check_sender(const struct sga_team *g, const struct parts *p, struct sga_seat **out)
{
	struct sga_seat *seat = sga_team_seat(g, &p->sender);
	enum rc rc;

	if (p->h.suite != g->suite || !sga_sid_equal(&p->h.sid, &g->gid))
		return RC_DENIED;
	if (p->epoch != g->epoch)
		return RC_PRECONDITION;
	if (seat == NULL || !seat->member.signs || p->h.ctr >= SGA_GROUP_RECORDS_MAX)
		return RC_DENIED;
	if (p->h.ctr < seat->next)
		return RC_CONFLICT;
	rc = sign_verify(&seat->member.sign, SIGN_SGA_GROUP, p->before, (const uint8_t *)p->sign.p);
	*out = seat;
	return rc == RC_FORBIDDEN ? RC_DENIED : rc;
}

static enum rc
open_parts(const struct sga_team *g, const struct parts *p, uint8_t *data)
{
	const struct cipher *c = cipher_find(g->cid);
	uint8_t nonce[CIPHER_IV_MAX];
	struct sga_way way;
	enum rc rc = way_of(g, &p->sender, &way);

	sga_way_nonce(&way, c, p->h.ctr, nonce);
	if (rc == RC_OK)
		rc = aead_open_once(c, way.key, nonce, p->aad, p->sealed, data);
	secret_wipe(&way, sizeof(way));
	return rc == RC_BAD_REQUEST ? RC_DENIED : rc;
}

enum rc
sga_team_open(struct sga_team *g, struct slice record, struct sga_team_plain *out, struct buf *to)
{
	struct sga_seat *seat;
	struct parts p;
	uint8_t *data;
	size_t n;
	enum rc rc = read_parts(record, &p);

	if (rc == RC_OK)
		rc = check_sender(g, &p, &seat);
	if (rc != RC_OK)
		return rc;
	if (p.sealed.n < cipher_find(g->cid)->tag)
		return RC_BAD_REQUEST;
	n = p.sealed.n - cipher_find(g->cid)->tag;
	data = (uint8_t *)buf_reserve(to, n + 1);
	if (data == NULL)
		return RC_NO_SPACE;
	rc = open_parts(g, &p, data);
	if (rc != RC_OK)
		return rc;
	to->n += n;
	*out = (struct sga_team_plain){ .data = slice_make(data, n),
		                        .sender = &seat->member,
		                        .ctr = p.h.ctr,
		                        .missed = p.h.ctr - seat->next };
	seat->next = p.h.ctr + 1;
	return RC_OK;
}
