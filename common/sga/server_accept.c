/* SPDX-License-Identifier: Apache-2.0 */
/* Phase A, G's side: A3 and A4. */
#include "config.h"

#include "sga/server_own.h"

#include "sga/octets.h"

#define A3_BODY_MAX                                                                                \
	(KEY_BYTES + SGA_IDS_MAX + 2u + SGA_SID_SIZE + SGA_NONCE_SIZE + 8u + 2u * SGA_HASH_SIZE)
#define A4_BODY_MAX (KEY_BYTES + SGA_IDS_MAX + 2u + 2u * SGA_HASH_SIZE)

/* ---- A3 ---- */

static bool
read_a3(struct slice body, struct sga_a3 *out)
{
	struct sga_reader r = sga_reader_of(body);
	struct sga_sid sid;

	sga_read_to(&r, out->masked.v, KEY_BYTES);
	sga_read_ids(&r, &out->ids);
	out->cid = (uint16_t)sga_read_be(&r, 2);
	sga_read_to(&r, sid.v, SGA_SID_SIZE);
	sga_read_to(&r, out->n, sizeof(out->n));
	out->time = sga_read_be(&r, 8);
	sga_read_to(&r, out->a2.v, SGA_HASH_SIZE);
	sga_read_to(&r, out->t, sizeof(out->t));
	return sga_reader_done(&r) && sga_sid_equal(&sid, &out->header.sid);
}

enum rc
sga_a3_open(const struct sga_keys *keys, struct slice a3, struct sga_a3 *out)
{
	const struct sga_package *p = sga_keys_package(keys);
	const struct sga_expected expected = { SGA_A3, p->suite->id, &out->header.sid };
	uint8_t body[A3_BODY_MAX];
	size_t n = 0;
	enum rc rc;

	*out = (struct sga_a3){ 0 };
	rc = sga_header_read(a3, &out->header);
	if (rc == RC_OK)
		rc = sga_expect(a3, &expected, &out->header);
	if (rc == RC_OK)
		rc = sga_server_open(keys, "A3", a3, sizeof(body), body, &n);
	if (rc == RC_OK &&
	    (!read_a3(slice_make(body, n), out) || !sga_server_ids_ok(&out->ids, &p->id)))
		rc = RC_DENIED;
	if (rc == RC_OK)
		rc = sga_hash(a3, &out->hash);
	out->dp = p->dp;
	secret_wipe(body, sizeof(body));
	if (rc != RC_OK)
		secret_wipe(out, sizeof(*out));
	return rc;
}

/* kt: the key of j, or zero in a refusal. */
static enum rc
check_a3(const struct sga_server_session *s, const struct sga_a3 *a3, const struct key *kd_j,
         const struct key *kt, uint64_t now)
{
	const struct sga_pair who = sga_server_pair(s, SGA_ROLE_J);
	const struct sga_proof proof = {
		&a3->header, kt, &s->ids, s->cid, a3->n, a3->time, &a3->a2
	};
	bool refused = (a3->header.flags & SGA_FLAG_REFUSED) != 0;
	struct key k_auth;
	uint8_t t[SGA_HASH_SIZE];
	enum rc rc = sga_kd_auth(sga_server_kd(kd_j), &who, &k_auth);

	if (rc == RC_OK)
		rc = sga_proof_make(&k_auth, &proof, t);
	key_wipe(&k_auth);
	if (rc != RC_OK)
		return rc;
	if (!secret_equal(slice_make(t, sizeof(t)), slice_make(a3->t, sizeof(a3->t))) ||
	    kd_j == NULL || key_is_zero(&a3->masked) != refused || a3->cid != s->cid ||
	    a3->header.suite != s->suite || !sga_sid_equal(&a3->header.sid, &s->sid) ||
	    !sga_id_equal(&a3->ids.i, &s->ids.i) || !sga_id_equal(&a3->ids.j, &s->ids.j) ||
	    memcmp(&a3->a2, &s->heard[SGA_H_A2], sizeof(a3->a2)) != 0 ||
	    memcmp(&a3->dp, &s->dp, sizeof(a3->dp)) != 0)
		return RC_DENIED;
	return a3->time == 0 ? RC_OK : sga_time_check(a3->time, now);
}

/* ---- A4 ---- */

enum rc
sga_server_a4(struct sga_server_session *s, const struct key *kd_i, bool refused,
              const struct key *masked, struct buf *to)
{
	const struct sga_pair who = sga_server_pair(s, SGA_ROLE_I);
	const struct sga_header h = { .suite = s->suite,
		                      .type = SGA_A4,
		                      .flags = refused ? SGA_FLAG_REFUSED : 0,
		                      .sid = s->sid };
	uint8_t body[A4_BODY_MAX], ikm[2 * KEY_BYTES], *out;
	struct sga_writer w = sga_writer_of(body, sizeof(body));
	const struct sga_once once = { sga_server_cipher(s), slice_make(s->sid.v, SGA_SID_SIZE),
		                       slice_make(ikm, sizeof(ikm)), "A4" };
	struct key k_auth;
	size_t n;
	enum rc rc = sga_kd_auth(kd_i, &who, &k_auth);

	memcpy(ikm, s->kt_i.v, KEY_BYTES);
	memcpy(ikm + KEY_BYTES, k_auth.v, KEY_BYTES);
	sga_write(&w, masked->v, KEY_BYTES);
	sga_write_ids(&w, &s->ids);
	sga_write_be(&w, s->cid, 2);
	sga_write(&w, s->heard[SGA_H_A2].v, SGA_HASH_SIZE);
	sga_write(&w, s->heard[SGA_H_A3].v, SGA_HASH_SIZE);
	n = SGA_HEADER_SIZE + w.n + once.cipher->tag;
	out = (uint8_t *)buf_reserve(to, n);
	if (rc == RC_OK && out == NULL)
		rc = RC_NO_SPACE;
	if (rc == RC_OK) {
		sga_header_write(&h, out);
		rc = sga_once_seal(&once, out, sga_written(&w), out + SGA_HEADER_SIZE);
	}
	if (rc == RC_OK)
		rc = sga_hash(slice_make(out, n), &s->heard[SGA_H_A4]);
	if (rc == RC_OK)
		to->n += n;
	key_wipe(&k_auth);
	secret_wipe(body, sizeof(body));
	secret_wipe(ikm, sizeof(ikm));
	return rc;
}

/* The keys of one hop. */
static enum rc
make_hop(const struct sga_server_session *s, enum sga_role role, const struct key *kd,
         const struct key *kt, struct sga_hop *out)
{
	const struct sga_pair who = sga_server_pair(s, role);
	struct key k_hop;
	const struct sga_hop_terms terms = {
		.cipher = sga_server_cipher(s),
		.first = &s->heard[role == SGA_ROLE_I ? SGA_H_A1 : SGA_H_A2],
		.second = &s->heard[role == SGA_ROLE_I ? SGA_H_A4 : SGA_H_A3],
		.kt = kt,
		.k_hop = &k_hop,
		.label = role == SGA_ROLE_I ? "B i" : "B j",
	};
	enum rc rc = sga_kd_hop(kd, &who, &k_hop);

	if (rc == RC_OK)
		rc = sga_hop_make(&terms, out);
	key_wipe(&k_hop);
	return rc;
}

/* A3 is good: A4, and the keys of both hops, or the end. */
static enum rc
go_on(struct sga_server_session *s, const struct sga_a3 *a3, const struct key *kd_i,
      const struct key *kd_j, const struct key *kt_j, struct buf *to)
{
	bool refused = (a3->header.flags & SGA_FLAG_REFUSED) != 0;
	size_t at = to->n;
	enum rc rc;

	s->heard[SGA_H_A3] = a3->hash;
	rc = sga_server_a4(s, kd_i, refused, &a3->masked, to);
	if (rc == RC_OK && refused) {
		s->told_i = s->told_j = true;
		sga_server_end(s);
		return RC_OK;
	}
	if (rc == RC_OK)
		rc = make_hop(s, SGA_ROLE_I, kd_i, &s->kt_i, &s->hop_i);
	if (rc == RC_OK)
		rc = make_hop(s, SGA_ROLE_J, kd_j, kt_j, &s->hop_j);
	if (rc != RC_OK) {
		to->n = at;
		return rc;
	}
	key_wipe(&s->kt_i);
	s->hops = true;
	s->state = SGA_G_AGREED;
	return RC_OK;
}

enum rc
sga_a3_take(struct sga_server_session *s, const struct sga_a3 *a3, const struct key *kd_i,
            const struct key *kd_j, uint64_t now, struct buf *to)
{
	struct sga_server_session next;
	struct key kt_j = { { 0 } };
	enum rc rc;

	if (s->state != SGA_G_INVITED)
		return RC_CONFLICT;
	if (kd_i == NULL)
		kd_j = NULL; /* nobody is there to be told: the same work, and no */
	if ((a3->header.flags & SGA_FLAG_REFUSED) == 0)
		sga_xor(a3->masked.v, s->kt_i.v, kt_j.v, KEY_BYTES);
	rc = check_a3(s, a3, kd_j, &kt_j, now);
	if (rc == RC_OK) {
		next = *s;
		rc = go_on(&next, a3, kd_i, kd_j, &kt_j, to);
		if (rc == RC_OK)
			*s = next;
		secret_wipe(&next, sizeof(next));
	}
	key_wipe(&kt_j);
	return rc;
}
