/* SPDX-License-Identifier: Apache-2.0 */
/* Phase A, G's side: A1 and A2. */
#include "config.h"

#include "sga/server_own.h"

#include "base/be.h"
#include "sga/octets.h"

#define A1_BODY_MAX (KEY_BYTES + SGA_IDS_MAX + 2u + SGA_SID_SIZE + 8u + SGA_HASH_SIZE)
#define A2_BODY_MAX A1_BODY_MAX

/* ---- A1 ---- */

static bool
read_a1(struct slice body, struct sga_a1 *out)
{
	struct sga_reader r = sga_reader_of(body);
	struct sga_sid sid;

	sga_read_to(&r, out->masked.v, KEY_BYTES);
	sga_read_ids(&r, &out->ids);
	out->cid = (uint16_t)sga_read_be(&r, 2);
	sga_read_to(&r, sid.v, SGA_SID_SIZE);
	out->time = sga_read_be(&r, 8);
	sga_read_to(&r, out->t, sizeof(out->t));
	return sga_reader_done(&r) && sga_sid_equal(&sid, &out->header.sid);
}

enum rc
sga_a1_open(const struct sga_keys *keys, struct slice a1, struct sga_a1 *out)
{
	const struct sga_package *p = sga_keys_package(keys);
	uint8_t body[A1_BODY_MAX];
	size_t n = 0;
	enum rc rc;

	*out = (struct sga_a1){ 0 };
	rc = sga_header_read(a1, &out->header);
	if (rc == RC_OK && out->header.type != SGA_A1)
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK && (out->header.suite != p->suite->id || out->header.ctr > 1))
		rc = RC_DENIED;
	if (rc == RC_OK)
		rc = sga_server_open(keys, "A1", a1, sizeof(body), body, &n);
	if (rc == RC_OK &&
	    (!read_a1(slice_make(body, n), out) || !sga_server_ids_ok(&out->ids, &p->id)))
		rc = RC_DENIED;
	if (rc == RC_OK)
		rc = sga_hash(a1, &out->hash);
	secret_wipe(body, sizeof(body));
	if (rc != RC_OK)
		secret_wipe(out, sizeof(*out));
	return rc;
}

/* kt_i under the mask of i. */
static enum rc
unmask(const struct sga_a1 *a1, const struct key *kd, struct key *kt)
{
	const struct sga_pair who = { &a1->ids.i, &a1->ids.g };
	enum rc rc = sga_kd_mask(kd, &who, &a1->header.sid, SGA_A1, kt);

	sga_xor(a1->masked.v, kt->v, kt->v, KEY_BYTES);
	return rc;
}

static enum rc
check_proof(const struct sga_a1 *a1, const struct key *kd)
{
	const struct sga_pair who = { &a1->ids.i, &a1->ids.g };
	struct key k_auth, kt;
	const struct sga_proof proof = {
		.header = &a1->header, .kt = &kt, .ids = &a1->ids, .cid = a1->cid, .time = a1->time
	};
	uint8_t t[SGA_HASH_SIZE];
	enum rc rc = unmask(a1, kd, &kt);

	if (rc == RC_OK)
		rc = sga_kd_auth(kd, &who, &k_auth);
	if (rc == RC_OK)
		rc = sga_proof_make(&k_auth, &proof, t);
	if (rc == RC_OK &&
	    !secret_equal(slice_make(t, sizeof(t)), slice_make(a1->t, sizeof(a1->t))))
		rc = RC_DENIED;
	key_wipe(&kt);
	key_wipe(&k_auth);
	return rc;
}

/* The challenge of this minute or of the one before is what A1 has in place of a time. */
static enum rc
check_challenge(const struct sga_a1 *a1, const struct sga_challenger *c)
{
	struct sga_challenger before = *c;
	uint8_t said[SGA_CHALLENGE_SIZE], now[SGA_CHALLENGE_SIZE], then[SGA_CHALLENGE_SIZE];
	struct slice is = slice_make(said, sizeof(said));
	enum rc rc;

	before.now = c->now < 60 ? 0 : c->now - 60;
	be_put(said, a1->time, sizeof(said));
	rc = sga_challenge_make(c, &a1->header.sid, now);
	if (rc == RC_OK)
		rc = sga_challenge_make(&before, &a1->header.sid, then);
	if (rc != RC_OK)
		return rc;
	return secret_equal(is, slice_make(now, sizeof(now))) ||
	                       secret_equal(is, slice_make(then, sizeof(then)))
	               ? RC_OK
	               : RC_DENIED;
}

enum rc
sga_a1_check(const struct sga_a1 *a1, const struct sga_challenger *c, const struct key *kd_i)
{
	enum rc rc = check_proof(a1, sga_server_kd(kd_i)), time;

	if (a1->header.ctr == 1)
		time = check_challenge(a1, c);
	else
		time = a1->time == 0 ? RC_PRECONDITION : sga_time_check(a1->time, c->now);
	if (rc != RC_OK)
		return rc;
	return kd_i == NULL ? RC_DENIED : time;
}

/* ---- A2 ---- */

static enum rc
seal_a2(const struct sga_server_session *s, const struct sga_party *j, uint64_t now,
        const struct sga_random *random, uint8_t *out, size_t *n)
{
	const struct sga_pair who = { &j->id, &s->ids.g };
	const struct sga_header h = { .suite = s->suite, .type = SGA_A2, .sid = s->sid };
	uint8_t body[A2_BODY_MAX], *n_g = out + SGA_HEADER_SIZE;
	struct sga_writer w = sga_writer_of(body, sizeof(body));
	struct key k_g2d, masked;
	const struct sga_once once = { cipher_find(j->cid0), slice_make(n_g, SGA_NONCE_SIZE),
		                       slice_make(k_g2d.v, KEY_BYTES), "A2" };
	enum rc rc = sga_random_clear(random, n_g, SGA_NONCE_SIZE);

	sga_header_write(&h, out);
	if (rc == RC_OK)
		rc = sga_kd_g2d(&j->kd, &who, &k_g2d);
	if (rc == RC_OK)
		rc = sga_kd_mask(&j->kd, &who, &s->sid, SGA_A2, &masked);
	if (rc == RC_OK) {
		sga_xor(s->kt_i.v, masked.v, masked.v, KEY_BYTES);
		sga_write(&w, masked.v, KEY_BYTES);
		sga_write_ids(&w, &s->ids);
		sga_write_be(&w, s->cid, 2);
		sga_write(&w, s->sid.v, SGA_SID_SIZE);
		sga_write_be(&w, now, 8);
		sga_write(&w, s->heard[SGA_H_A1].v, SGA_HASH_SIZE);
		rc = sga_once_seal(&once, out, sga_written(&w), n_g + SGA_NONCE_SIZE);
		*n = SGA_HEADER_SIZE + SGA_NONCE_SIZE + w.n + once.cipher->tag;
	}
	secret_wipe(body, sizeof(body));
	key_wipe(&k_g2d);
	key_wipe(&masked);
	return rc;
}

static enum rc
begin(struct sga_server_session *s, const struct sga_package *p, const struct sga_a1 *a1,
      const struct key *kd_i)
{
	s->state = SGA_G_INVITED;
	s->suite = p->suite->id;
	s->group = p->group->id;
	s->cid = a1->cid;
	s->sid = a1->header.sid;
	s->ids = a1->ids;
	s->dp = p->dp;
	s->heard[SGA_H_A1] = a1->hash;
	return unmask(a1, kd_i, &s->kt_i);
}

enum rc
sga_a2_make(const struct sga_keys *keys, const struct sga_a1 *a1, const struct sga_party *i,
            const struct sga_party *j, uint16_t allowed, uint64_t now,
            const struct sga_random *random, struct sga_server_session **out, struct buf *to)
{
	const struct sga_package *p = sga_keys_package(keys);
	struct sga_server_session *s;
	uint8_t *a2;
	size_t n = 0;
	enum rc rc;

	*out = NULL;
	if (j->suite != p->suite->id || cipher_find(j->cid0) == NULL ||
	    !sga_cipher_in(a1->cid, i->cids & j->cids & allowed & p->ciphers))
		return RC_FORBIDDEN;
	a2 = (uint8_t *)buf_reserve(to, SGA_HEADER_SIZE + SGA_NONCE_SIZE + A2_BODY_MAX +
	                                        CIPHER_TAG_MAX);
	if (a2 == NULL)
		return RC_NO_SPACE;
	s = secret_alloc(sizeof(*s));
	if (s == NULL)
		return RC_UNAVAILABLE;
	rc = begin(s, p, a1, &i->kd);
	if (rc == RC_OK)
		rc = seal_a2(s, j, now, random, a2, &n);
	if (rc == RC_OK)
		rc = sga_hash(slice_make(a2, n), &s->heard[SGA_H_A2]);
	if (rc != RC_OK) {
		sga_server_session_free(s);
		return rc;
	}
	to->n += n;
	*out = s;
	return RC_OK;
}
