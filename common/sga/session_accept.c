/* SPDX-License-Identifier: Apache-2.0 */
/* Phase A, the device that is invited: A2 and A3. */
#include "config.h"

#include "sga/session_own.h"

#include "sga/octets.h"

#define A2_BODY_MAX (KEY_BYTES + SGA_IDS_MAX + 2u + SGA_SID_SIZE + 8u + SGA_HASH_SIZE)
#define A3_BODY_MAX (A2_BODY_MAX + SGA_SID_SIZE + SGA_HASH_SIZE)
#define N_SIZE SGA_SID_SIZE /* n_G, n_j */

/* ---- A2 ---- */

/* What A2 says. */
struct invitation {
	struct key kt_i;
	struct sga_ids ids;
	uint16_t cid;
	struct sga_sid sid;
	uint64_t time;
	struct sga_hash a1;
};

static enum rc
open_a2(const struct sga_device *d, struct slice a2, uint8_t *body, size_t *n)
{
	const struct sga_pair who = sga_device_pair(d);
	struct slice sealed = slice_from(a2, SGA_HEADER_SIZE + N_SIZE);
	struct key k_g2d;
	const struct sga_once once = {
		.cipher = cipher_find(d->cid0_now),
		.salt = slice_head(slice_from(a2, SGA_HEADER_SIZE), N_SIZE),
		.ikm = slice_make(k_g2d.v, KEY_BYTES),
		.label = "A2",
	};
	enum rc rc;

	if (sealed.n < once.cipher->tag || sealed.n - once.cipher->tag > A2_BODY_MAX)
		return RC_BAD_REQUEST;
	rc = sga_kd_g2d(&d->kd, &who, &k_g2d);
	if (rc == RC_OK)
		rc = sga_once_open(&once, (const uint8_t *)a2.p, sealed, body);
	*n = sealed.n - once.cipher->tag;
	key_wipe(&k_g2d);
	return rc;
}

static bool
read_a2(struct slice body, struct invitation *v)
{
	struct sga_reader r = sga_reader_of(body);

	sga_read_to(&r, v->kt_i.v, KEY_BYTES);
	sga_read_ids(&r, &v->ids);
	v->cid = (uint16_t)sga_read_be(&r, 2);
	sga_read_to(&r, v->sid.v, SGA_SID_SIZE);
	v->time = sga_read_be(&r, 8);
	sga_read_to(&r, v->a1.v, SGA_HASH_SIZE);
	return sga_reader_done(&r);
}

/* It is for d, of this G, and what d can do. */
static enum rc
check_a2(const struct sga_device *d, const struct invitation *v, const struct sga_sid *sid,
         uint64_t now)
{
	if (!sga_sid_equal(&v->sid, sid) || !sga_id_equal(&v->ids.j, &d->id) ||
	    !sga_id_equal(&v->ids.g, &d->package->id) || sga_id_equal(&v->ids.i, &d->id) ||
	    sga_id_equal(&v->ids.i, &v->ids.g) || !sga_device_has_cipher(d, v->cid))
		return RC_DENIED;
	return now == 0 ? RC_OK : sga_time_check(v->time, now);
}

static enum rc
learn_a2(const struct sga_device *d, struct slice a2, const struct sga_sid *sid, uint64_t now,
         struct invitation *v)
{
	const struct sga_pair who = sga_device_pair(d);
	uint8_t body[A2_BODY_MAX];
	struct key mask;
	size_t n;
	enum rc rc = open_a2(d, a2, body, &n);

	if (rc == RC_OK && !read_a2(slice_make(body, n), v))
		rc = RC_DENIED;
	if (rc == RC_OK)
		rc = check_a2(d, v, sid, now);
	if (rc == RC_OK)
		rc = sga_kd_mask(&d->kd, &who, sid, SGA_A2, &mask);
	if (rc == RC_OK) {
		sga_xor(v->kt_i.v, mask.v, v->kt_i.v, KEY_BYTES);
		key_wipe(&mask);
	}
	secret_wipe(body, sizeof(body));
	return rc;
}

static enum rc
invited(const struct invitation *v, uint8_t suite, struct slice a2, struct sga_session **out)
{
	struct sga_session *s = secret_alloc(sizeof(*s));
	enum rc rc;

	if (s == NULL)
		return RC_UNAVAILABLE;
	s->state = SGA_S_INVITED;
	s->suite = suite;
	s->cid = v->cid;
	s->sid = v->sid;
	s->ids = v->ids;
	s->kt_i = v->kt_i;
	s->heard[SGA_H_A1] = v->a1;
	rc = sga_hash(a2, &s->heard[SGA_H_A2]);
	if (rc == RC_OK)
		*out = s;
	else
		sga_session_free(s);
	return rc;
}

enum rc
sga_a2_take(const struct sga_device *d, struct slice a2, uint64_t now, struct sga_session **out)
{
	struct sga_header h;
	const struct sga_expected expected = { SGA_A2, d->package->suite->id, &h.sid };
	struct invitation v;
	enum rc rc = sga_header_read(a2, &h);

	*out = NULL;
	if (rc == RC_OK)
		rc = sga_expect(a2, &expected, &h);
	if (rc != RC_OK)
		return rc;
	if (d->registered == 0)
		return RC_CONFLICT;
	rc = learn_a2(d, a2, &h.sid, now, &v);
	if (rc == RC_OK)
		rc = invited(&v, h.suite, a2, out);
	secret_wipe(&v, sizeof(v));
	return rc;
}

/* ---- A3 ---- */

/* s has kt_j, which is zero in a refusal, and the package. */
static enum rc
seal_a3(struct sga_session *s, const struct sga_device *d, bool accept, uint64_t now,
        const struct sga_random *random, struct buf *to)
{
	const struct sga_header h = { .suite = s->suite,
		                      .type = SGA_A3,
		                      .flags = accept ? 0 : SGA_FLAG_REFUSED,
		                      .sid = s->sid };
	const struct sga_envelope e = { &s->dp, "A3", &h };
	const struct sga_pair who = sga_device_pair(d);
	uint8_t body[A3_BODY_MAX], n[N_SIZE], t[SGA_HASH_SIZE];
	const struct sga_proof proof = {
		&h, &s->kt_j, &s->ids, s->cid, n, now, &s->heard[SGA_H_A2]
	};
	struct sga_writer w = sga_writer_of(body, sizeof(body));
	struct key k_auth, masked = { { 0 } };
	enum rc rc = sga_random_clear(random, n, sizeof(n));

	if (rc == RC_OK)
		rc = sga_kd_auth(&d->kd, &who, &k_auth);
	if (rc == RC_OK)
		rc = sga_proof_make(&k_auth, &proof, t);
	if (accept)
		sga_xor(s->kt_i.v, s->kt_j.v, masked.v, KEY_BYTES);
	if (rc == RC_OK) {
		sga_write(&w, masked.v, KEY_BYTES);
		sga_write_ids(&w, &s->ids);
		sga_write_be(&w, s->cid, 2);
		sga_write(&w, s->sid.v, SGA_SID_SIZE);
		sga_write(&w, n, sizeof(n));
		sga_write_be(&w, now, 8);
		sga_write(&w, s->heard[SGA_H_A2].v, SGA_HASH_SIZE);
		sga_write(&w, t, sizeof(t));
		rc = sga_envelope_make(d->package->e, &e, sga_written(&w), random, to,
		                       &s->heard[SGA_H_A3]);
	}
	secret_wipe(body, sizeof(body));
	key_wipe(&k_auth);
	key_wipe(&masked);
	return rc;
}

/* Everything on a copy: what fails has changed nothing. */
static enum rc
answer(struct sga_session *s, const struct sga_device *d, bool accept, uint64_t now,
       const struct sga_random *random, struct buf *to)
{
	size_t at = to->n;
	enum rc rc = RC_OK;

	sga_session_package(s, d);
	if (accept)
		rc = sga_random_secret(random, s->kt_j.v, KEY_BYTES);
	if (rc == RC_OK)
		rc = seal_a3(s, d, accept, now, random, to);
	if (rc == RC_OK && accept)
		rc = sga_session_hop(s, d, &s->hop);
	s->state = SGA_S_ACCEPTED;
	if (rc != RC_OK)
		to->n = at;
	return rc;
}

enum rc
sga_a3_make(struct sga_session *s, const struct sga_device *d, bool accept, uint64_t now,
            const struct sga_random *random, struct buf *to)
{
	struct sga_session next;
	enum rc rc;

	if (s->state != SGA_S_INVITED)
		return RC_CONFLICT;
	next = *s;
	rc = answer(&next, d, accept, now, random, to);
	if (rc == RC_OK && !accept)
		sga_session_close(&next);
	if (rc == RC_OK)
		*s = next;
	secret_wipe(&next, sizeof(next));
	return rc;
}
