/* SPDX-License-Identifier: Apache-2.0 */
/* Registration and challenges, G's side. */
#include "config.h"

#include "sga/server_own.h"

#include "base/be.h"
#include "sga/octets.h"
#include "sga/register.h"

#define PEER_MAX 255u

/* ---- R1 ---- */

/* token(16), and the proof behind it. A token of zeros is none. */
static bool
read_token(struct slice token, struct sga_r1 *out)
{
	static const uint8_t none[SGA_TOKEN_SIZE];

	if (token.n != SGA_TOKEN_SIZE && token.n != SGA_TOKEN_LONG)
		return false;
	out->again = token.n == SGA_TOKEN_LONG;
	memcpy(out->token, token.p, SGA_TOKEN_SIZE);
	if (out->again)
		memcpy(out->proof, token.p + SGA_TOKEN_SIZE, sizeof(out->proof));
	return out->again ||
	       !secret_equal(slice_head(token, SGA_TOKEN_SIZE), slice_make(none, sizeof(none)));
}

static bool
read_sign(struct slice sign, struct sga_r1 *out)
{
	out->signs = sign.n > 0;
	if (!out->signs)
		return true;
	if (sign.n != SIGN_PUBLIC_SIZE)
		return false;
	memcpy(out->sign.v, sign.p, SIGN_PUBLIC_SIZE);
	return sign_public_ok(&out->sign);
}

static bool
read_r1(struct slice body, struct sga_r1 *out)
{
	struct sga_reader r = sga_reader_of(body);
	struct slice token = sga_read_lv8(&r);

	sga_read_id(&r, &out->id);
	sga_read_to(&r, out->kd.v, KEY_BYTES);
	out->cid0 = (uint16_t)sga_read_be(&r, 2);
	out->cids = (uint16_t)sga_read_be(&r, 2);
	sga_read_to(&r, out->n, sizeof(out->n));
	out->time = sga_read_be(&r, 8);
	return read_sign(sga_read_lv8(&r), out) && sga_reader_done(&r) && read_token(token, out);
}

static enum rc
check_r1(const struct sga_r1 *r1, const struct sga_package *p, uint64_t now)
{
	if (sga_id_equal(&r1->id, &p->id) || key_is_zero(&r1->kd) ||
	    !sga_cipher_in(r1->cid0, r1->cids))
		return RC_DENIED;
	return r1->time == 0 ? RC_OK : sga_time_check(r1->time, now);
}

enum rc
sga_r1_open(const struct sga_keys *keys, struct slice r1, uint64_t now, struct sga_r1 *out)
{
	static const struct sga_sid none;
	const struct sga_package *p = sga_keys_package(keys);
	const struct sga_expected expected = { SGA_R1, p->suite->id, &none };
	uint8_t body[SGA_R1_BODY_MAX];
	size_t n = 0;
	enum rc rc;

	*out = (struct sga_r1){ 0 };
	rc = sga_expect(r1, &expected, &out->header);
	if (rc == RC_OK)
		rc = sga_server_open(keys, "R1", r1, sizeof(body), body, &n);
	if (rc == RC_OK && !read_r1(slice_make(body, n), out))
		rc = RC_DENIED;
	if (rc == RC_OK)
		rc = check_r1(out, p, now);
	if (rc == RC_OK)
		rc = sga_hash(r1, &out->hash);
	secret_wipe(body, sizeof(body));
	if (rc != RC_OK)
		secret_wipe(out, sizeof(*out));
	return rc;
}

enum rc
sga_r1_again_ok(const struct sga_r1 *r1, const struct sga_id *g, const struct key *old)
{
	const struct sga_pair who = { &r1->id, g };
	const struct sga_again again = { &r1->header, &r1->id, &r1->kd, r1->n, r1->time };
	uint8_t right[SGA_HASH_SIZE];
	bool equal;
	enum rc rc = sga_again_make(sga_server_kd(old), &who, &again, right);

	if (rc != RC_OK)
		return rc;
	equal = secret_equal(slice_make(right, sizeof(right)),
	                     slice_make(r1->proof, sizeof(r1->proof)));
	secret_wipe(right, sizeof(right));
	return equal && r1->again && old != NULL ? RC_OK : RC_DENIED;
}

/* ---- R2 ---- */

enum rc
sga_r2_make(const struct sga_r1 *r1, const struct sga_id *g, uint8_t status, uint64_t registrations,
            struct buf *to)
{
	const struct sga_pair who = { &r1->id, g };
	const struct sga_header h = { .suite = r1->header.suite, .type = SGA_R2 };
	const struct sga_acknowledgement a = { status, registrations };
	uint8_t *out = (uint8_t *)buf_reserve(to, SGA_R2_SIZE);
	enum rc rc;

	if (out == NULL)
		return RC_NO_SPACE;
	rc = sga_acknowledgement_write(&r1->kd, &who, &r1->hash, &h, &a, out);
	if (rc == RC_OK)
		to->n += SGA_R2_SIZE;
	return rc;
}

/* ---- challenges ---- */

enum rc
sga_challenge_make(const struct sga_challenger *c, const struct sga_sid *sid,
                   uint8_t out[SGA_CHALLENGE_SIZE])
{
	uint8_t text[SGA_SID_SIZE + PEER_MAX + 8], mac[SGA_HASH_SIZE];
	struct sga_writer w = sga_writer_of(text, sizeof(text));
	enum rc rc;

	sga_write(&w, sid->v, SGA_SID_SIZE);
	sga_write_slice(&w, slice_head(c->peer, PEER_MAX));
	sga_write_be(&w, c->now / 60, 8);
	rc = sga_mac(c->cookie, sga_written(&w), mac);
	memcpy(out, mac, SGA_CHALLENGE_SIZE);
	return rc;
}

/* ---- notices ---- */

enum rc
sga_notice_make(uint8_t suite, const struct sga_sid *gid, uint32_t epoch, const struct sga_id *left,
                const struct key *kd, const struct sga_id *owner, const struct sga_id *g,
                struct buf *to)
{
	const struct sga_pair who = { owner, g };
	const struct sga_header h = { .suite = suite, .type = SGA_NOTICE, .sid = *gid };
	size_t n = SGA_NOTICE_FIXED + left->n;
	uint8_t *out = (uint8_t *)buf_reserve(to, n);
	struct sga_writer w;
	struct key k_auth;
	enum rc rc;

	if (out == NULL)
		return RC_NO_SPACE;
	sga_header_write(&h, out);
	w = sga_writer_of(out + SGA_HEADER_SIZE, n - SGA_HEADER_SIZE - SGA_HASH_SIZE);
	sga_write_be(&w, epoch, 4);
	sga_write_id(&w, left);
	rc = sga_kd_auth(kd, &who, &k_auth);
	if (rc == RC_OK)
		rc = sga_notice_mac(&k_auth, slice_make(out, n - SGA_HASH_SIZE),
		                    out + n - SGA_HASH_SIZE);
	key_wipe(&k_auth);
	if (rc == RC_OK)
		to->n += n;
	return rc;
}
