/* SPDX-License-Identifier: Apache-2.0 */
/* Phase A, the device that invites: A1 and A4. */
#include "config.h"

#include "sga/session_own.h"

#include "base/be.h"
#include "sga/octets.h"

#define A1_BODY_MAX (KEY_BYTES + SGA_IDS_MAX + 2u + SGA_SID_SIZE + 8u + SGA_HASH_SIZE)
#define A4_BODY_MAX (KEY_BYTES + SGA_IDS_MAX + 2u + 2u * SGA_HASH_SIZE)

/* k_auth of d and its mask for the type. */
static enum rc
own_keys(const struct sga_device *d, const struct sga_sid *sid, uint8_t type, struct key *k_auth,
         struct key *mask)
{
	const struct sga_pair who = sga_device_pair(d);
	enum rc rc = sga_kd_auth(&d->kd, &who, k_auth);

	return rc == RC_OK ? sga_kd_mask(&d->kd, &who, sid, type, mask) : rc;
}

/* ---- A1 ---- */

/* Seals A1 of s; time may be a challenge. */
static enum rc
seal_a1(const struct sga_session *s, const struct sga_device *d, const struct sga_header *h,
        uint64_t time, const struct sga_random *random, struct buf *to, struct sga_hash *hash)
{
	const struct sga_envelope e = { &d->package->dp, "A1", h };
	const struct sga_proof proof = {
		.header = h, .kt = &s->kt_i, .ids = &s->ids, .cid = s->cid, .time = time
	};
	uint8_t body[A1_BODY_MAX], t[SGA_HASH_SIZE];
	struct sga_writer w = sga_writer_of(body, sizeof(body));
	struct key k_auth, masked;
	enum rc rc = own_keys(d, &s->sid, SGA_A1, &k_auth, &masked);

	if (rc == RC_OK)
		rc = sga_proof_make(&k_auth, &proof, t);
	if (rc == RC_OK) {
		sga_xor(s->kt_i.v, masked.v, masked.v, KEY_BYTES);
		sga_write(&w, masked.v, KEY_BYTES);
		sga_write_ids(&w, &s->ids);
		sga_write_be(&w, s->cid, 2);
		sga_write(&w, s->sid.v, SGA_SID_SIZE);
		sga_write_be(&w, time, 8);
		sga_write(&w, t, sizeof(t));
		rc = sga_envelope_make(d->package->e, &e, sga_written(&w), random, to, hash);
	}
	secret_wipe(body, sizeof(body));
	key_wipe(&k_auth);
	key_wipe(&masked);
	return rc;
}

static enum rc
begin(struct sga_session *s, const struct sga_device *d, const struct sga_id *peer, uint16_t cid,
      const struct sga_random *random)
{
	enum rc rc;

	s->inviter = true;
	s->state = SGA_S_INVITING;
	s->cid = cid;
	s->ids = (struct sga_ids){ .i = d->id, .g = d->package->id, .j = *peer };
	sga_session_package(s, d);
	rc = sga_random_clear(random, s->sid.v, SGA_SID_SIZE);
	return rc == RC_OK ? sga_random_secret(random, s->kt_i.v, KEY_BYTES) : rc;
}

enum rc
sga_a1_make(const struct sga_device *d, const struct sga_id *peer, uint16_t cid, uint64_t now,
            const struct sga_random *random, struct sga_session **out, struct buf *to)
{
	struct sga_header h = { .type = SGA_A1 };
	struct sga_session *s;
	enum rc rc;

	*out = NULL;
	if (d->registered == 0 || peer->n == 0 || sga_id_equal(peer, &d->id) ||
	    sga_id_equal(peer, &d->package->id) || !sga_device_has_cipher(d, cid))
		return RC_CONFLICT;
	s = secret_alloc(sizeof(*s));
	if (s == NULL)
		return RC_UNAVAILABLE;
	rc = begin(s, d, peer, cid, random);
	h.suite = s->suite;
	h.sid = s->sid;
	if (rc == RC_OK)
		rc = seal_a1(s, d, &h, now, random, to, &s->heard[SGA_H_A1]);
	if (rc == RC_OK)
		*out = s;
	else
		sga_session_free(s);
	return rc;
}

enum rc
sga_a1_again(struct sga_session *s, const struct sga_device *d, struct slice error,
             const struct sga_random *random, struct buf *to)
{
	const struct sga_header h = { .suite = s->suite, .type = SGA_A1, .sid = s->sid, .ctr = 1 };
	struct sga_error e;
	struct sga_hash hash;
	enum rc rc = sga_error_read(error, &e);

	if (rc == RC_OK && e.class != SGA_CLASS_CHALLENGE)
		rc = RC_BAD_REQUEST;
	if (rc != RC_OK)
		return rc;
	if (s->state != SGA_S_INVITING || s->challenged || !sga_device_has_cipher(d, s->cid))
		return RC_CONFLICT;
	if (e.header.suite != s->suite || !sga_sid_equal(&e.header.sid, &s->sid))
		return RC_DENIED;
	rc = seal_a1(s, d, &h, be_get(e.challenge, SGA_CHALLENGE_SIZE), random, to, &hash);
	if (rc != RC_OK)
		return rc;
	/* The package may have been fetched again since the first A1. */
	sga_session_package(s, d);
	s->heard[SGA_H_A1] = hash;
	s->challenged = true;
	return RC_OK;
}

/* ---- A4 ---- */

static enum rc
open_a4(const struct sga_session *s, const struct sga_device *d, struct slice a4, uint8_t *body,
        size_t *n)
{
	const struct sga_pair who = sga_device_pair(d);
	struct slice sealed = slice_from(a4, SGA_HEADER_SIZE);
	uint8_t ikm[2 * KEY_BYTES];
	struct key k_auth;
	const struct sga_once once = {
		.cipher = sga_session_cipher(s),
		.salt = slice_make(s->sid.v, SGA_SID_SIZE),
		.ikm = slice_make(ikm, sizeof(ikm)),
		.label = "A4",
	};
	enum rc rc;

	if (sealed.n < once.cipher->tag || sealed.n - once.cipher->tag > A4_BODY_MAX)
		return RC_BAD_REQUEST;
	rc = sga_kd_auth(&d->kd, &who, &k_auth);
	memcpy(ikm, s->kt_i.v, KEY_BYTES);
	memcpy(ikm + KEY_BYTES, k_auth.v, KEY_BYTES);
	if (rc == RC_OK)
		rc = sga_once_open(&once, (const uint8_t *)a4.p, sealed, body);
	*n = sealed.n - once.cipher->tag;
	key_wipe(&k_auth);
	secret_wipe(ikm, sizeof(ikm));
	return rc;
}

/* kt_j (zero: refused), h(A2) and h(A3) from A4 into s. */
static bool
read_a4(struct slice body, bool refused, struct sga_session *s)
{
	struct sga_reader r = sga_reader_of(body);
	struct sga_ids ids;
	uint16_t cid;

	sga_read_to(&r, s->kt_j.v, KEY_BYTES);
	sga_read_ids(&r, &ids);
	cid = (uint16_t)sga_read_be(&r, 2);
	sga_read_to(&r, s->heard[SGA_H_A2].v, SGA_HASH_SIZE);
	sga_read_to(&r, s->heard[SGA_H_A3].v, SGA_HASH_SIZE);
	return sga_reader_done(&r) && cid == s->cid && sga_id_equal(&ids.i, &s->ids.i) &&
	       sga_id_equal(&ids.g, &s->ids.g) && sga_id_equal(&ids.j, &s->ids.j) &&
	       key_is_zero(&s->kt_j) == refused;
}

static enum rc
agree(struct sga_session *s, const struct sga_device *d, struct slice a4, bool refused)
{
	uint8_t body[A4_BODY_MAX];
	size_t n;
	enum rc rc = open_a4(s, d, a4, body, &n);

	if (rc == RC_OK && !read_a4(slice_make(body, n), refused, s))
		rc = RC_DENIED;
	secret_wipe(body, sizeof(body));
	if (rc != RC_OK || refused)
		return rc;
	sga_xor(s->kt_i.v, s->kt_j.v, s->kt_j.v, KEY_BYTES);
	s->state = SGA_S_AGREED;
	rc = sga_hash(a4, &s->heard[SGA_H_A4]);
	return rc == RC_OK ? sga_session_hop(s, d, &s->hop) : rc;
}

enum rc
sga_a4_take(struct sga_session *s, const struct sga_device *d, struct slice a4)
{
	const struct sga_expected expected = { SGA_A4, s->suite, &s->sid };
	struct sga_session next;
	struct sga_header h;
	enum rc rc = sga_expect(a4, &expected, &h);
	bool refused;

	if (rc != RC_OK)
		return rc;
	if (s->state != SGA_S_INVITING)
		return RC_CONFLICT;
	refused = (h.flags & SGA_FLAG_REFUSED) != 0;
	next = *s;
	rc = agree(&next, d, a4, refused);
	if (rc == RC_OK && refused)
		sga_session_close(&next);
	if (rc == RC_OK)
		*s = next;
	secret_wipe(&next, sizeof(next));
	return rc;
}
