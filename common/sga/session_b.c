/* SPDX-License-Identifier: Apache-2.0 */
/* Phase B, as devices do it. */
#include "config.h"

#include "sga/session_own.h"

#include "sga/octets.h"

#define B1_BODY_MAX (SGA_ELEMENT_MAX + SGA_ENC_MAX + 2u * SGA_HASH_SIZE)
#define B3_BODY_MAX (B1_BODY_MAX + SGA_HASH_SIZE)
#define B2_BODY_MAX (SGA_IDS_MAX + 2u + SGA_HASH_SIZE)
#define B6_BODY_MAX (SGA_ELEMENT_MAX + 3u * SGA_HASH_SIZE)

/* ---- B1 and B3 ---- */

/* F, and K_is of it. */
static enum rc
make_secret(const struct sga_session *s, const struct sga_random *random, struct sga_half *h,
            struct key *k_is)
{
	const struct sga_exchange x = sga_session_exchange(s);
	uint8_t power[SGA_ELEMENT_MAX];
	struct sga_exponent r = { 0 };
	struct sga_public *f;
	enum rc rc = sga_public_read(x.suite, slice_make(s->f, s->f_n), &f);

	if (rc != RC_OK)
		return rc;
	rc = sga_trapdoor_make(f, random, h->f, &r);
	if (rc == RC_OK)
		rc = sga_group_power(x.group, sga_half_n(&x, h), &r, power);
	if (rc == RC_OK)
		rc = sga_half_key(&x, h, power, k_is);
	secret_wipe(power, sizeof(power));
	secret_wipe(&r, sizeof(r));
	sga_public_free(f);
	return rc;
}

/* N, F, m1 and m2; R and K_is into s. */
static enum rc
make_half(struct sga_session *s, const struct sga_device *d, const struct sga_random *random,
          struct sga_half *h)
{
	const struct sga_exchange x = sga_session_exchange(s);
	const struct sga_pair who = sga_device_pair(d);
	struct key k_auth;
	enum rc rc = sga_group_exponent(x.group, random, &s->power);

	if (rc == RC_OK)
		rc = sga_group_base_power(x.group, &s->power, h->n);
	if (rc == RC_OK)
		rc = make_secret(s, random, h, &s->k_is);
	if (rc == RC_OK)
		rc = sga_kd_auth(&d->kd, &who, &k_auth);
	if (rc != RC_OK)
		return rc;
	rc = sga_half_macs(&x, s->inviter ? SGA_SIDE_I : SGA_SIDE_J, h, &k_auth, &s->k_is, h->m1,
	                   h->m2);
	key_wipe(&k_auth);
	return rc;
}

/* Half of s, and in B3 h(B2), sealed. */
static enum rc
seal_half(struct sga_session *s, const struct sga_half *half, struct buf *to)
{
	const struct sga_exchange x = sga_session_exchange(s);
	struct sga_header h = { .suite = s->suite,
		                .type = s->inviter ? SGA_B1 : SGA_B3,
		                .sid = s->sid };
	uint8_t body[B3_BODY_MAX];
	struct sga_writer w = sga_writer_of(body, sizeof(body));
	enum rc rc;

	sga_write_slice(&w, sga_half_n(&x, half));
	sga_write_slice(&w, sga_half_f(&x, half));
	sga_write(&w, half->m1, SGA_HASH_SIZE);
	sga_write(&w, half->m2, SGA_HASH_SIZE);
	if (!s->inviter)
		sga_write(&w, s->heard[SGA_H_B2].v, SGA_HASH_SIZE);
	rc = sga_way_seal(&s->hop.up, sga_session_cipher(s), &h, sga_written(&w), to,
	                  &s->heard[s->inviter ? SGA_H_B1 : SGA_H_B3]);
	secret_wipe(body, sizeof(body));
	return rc;
}

/* Works on a copy: what fails has changed nothing. */
static enum rc
send_half(struct sga_session *s, const struct sga_device *d, enum sga_state done,
          const struct sga_random *random, struct buf *to)
{
	struct sga_session next = *s;
	struct sga_half half;
	enum rc rc = make_half(&next, d, random, &half);

	if (rc == RC_OK)
		rc = seal_half(&next, &half, to);
	if (rc == RC_OK) {
		memset(next.f, 0, sizeof(next.f));
		next.f_n = 0;
		next.state = (uint8_t)done;
		*s = next;
	}
	secret_wipe(&half, sizeof(half));
	secret_wipe(&next, sizeof(next));
	return rc;
}

enum rc
sga_b1_make(struct sga_session *s, const struct sga_device *d, const struct sga_random *random,
            struct buf *to)
{
	return s->state == SGA_S_AGREED ? send_half(s, d, SGA_S_REQUESTED, random, to)
	                                : RC_CONFLICT;
}

enum rc
sga_b3_make(struct sga_session *s, const struct sga_device *d, const struct sga_random *random,
            struct buf *to)
{
	return s->state == SGA_S_ASKED ? send_half(s, d, SGA_S_ANSWERED, random, to) : RC_CONFLICT;
}

/* ---- B2 ---- */

/* The plaintext of a message of G to body, which has room for max octets. w counts on. */
static enum rc
open_down(const struct sga_session *s, struct sga_way *w, struct slice message, size_t max,
          uint8_t *body, size_t *n)
{
	const struct cipher *c = sga_session_cipher(s);

	if (message.n < SGA_HEADER_SIZE + (size_t)c->tag ||
	    message.n - SGA_HEADER_SIZE - c->tag > max)
		return RC_BAD_REQUEST;
	return sga_way_open(w, c, message, body, n);
}

static bool
read_b2(const struct sga_session *s, struct slice body, struct sga_hash *b1)
{
	struct sga_reader r = sga_reader_of(body);
	struct sga_ids ids;
	uint16_t cid;

	sga_read_ids(&r, &ids);
	cid = (uint16_t)sga_read_be(&r, 2);
	sga_read_to(&r, b1->v, SGA_HASH_SIZE);
	return sga_reader_done(&r) && cid == s->cid && sga_id_equal(&ids.i, &s->ids.i) &&
	       sga_id_equal(&ids.g, &s->ids.g) && sga_id_equal(&ids.j, &s->ids.j);
}

enum rc
sga_b2_take(struct sga_session *s, struct slice b2)
{
	const struct sga_expected expected = { SGA_B2, s->suite, &s->sid };
	uint8_t body[B2_BODY_MAX];
	struct sga_way down;
	struct sga_header h;
	struct sga_hash b1, hash;
	size_t n;
	enum rc rc = sga_expect(b2, &expected, &h);

	if (rc != RC_OK)
		return rc;
	if (s->state != SGA_S_ACCEPTED)
		return RC_CONFLICT;
	down = s->hop.down;
	rc = open_down(s, &down, b2, sizeof(body), body, &n);
	if (rc == RC_OK && !read_b2(s, slice_make(body, n), &b1))
		rc = RC_DENIED;
	if (rc == RC_OK)
		rc = sga_hash(b2, &hash);
	if (rc == RC_OK) {
		s->hop.down = down;
		s->heard[SGA_H_B1] = b1;
		s->heard[SGA_H_B2] = hash;
		s->state = SGA_S_ASKED;
	}
	secret_wipe(&down, sizeof(down));
	secret_wipe(body, sizeof(body));
	return rc;
}

/* ---- B6 ---- */

/* B6 may come: with keys when they are due, without them as soon as G has a key to say it. */
static bool
b6_due(const struct sga_session *s, bool refused)
{
	static const bool end[] = {
		[SGA_S_ACCEPTED] = true, [SGA_S_AGREED] = true,   [SGA_S_REQUESTED] = true,
		[SGA_S_ASKED] = true,    [SGA_S_ANSWERED] = true, [SGA_S_OPEN] = true,
		[SGA_S_CLOSED] = false,
	};

	return refused ? end[s->state] : s->state == SGA_S_REQUESTED || s->state == SGA_S_ANSWERED;
}

/* S, what of the hashes was missing, and the MAC over all of it. */
static enum rc
read_b6(struct sga_session *s, struct slice body, uint8_t *element)
{
	const struct sga_exchange x = sga_session_exchange(s);
	struct sga_reader r = sga_reader_of(body);
	uint8_t mac[SGA_HASH_SIZE], right[SGA_HASH_SIZE];
	enum rc rc;

	sga_read_to(&r, element, x.group->element);
	if (s->inviter) {
		sga_read_to(&r, s->heard[SGA_H_B2].v, SGA_HASH_SIZE);
		sga_read_to(&r, s->heard[SGA_H_B3].v, SGA_HASH_SIZE);
	} else {
		sga_read_to(&r, s->heard[SGA_H_A4].v, SGA_HASH_SIZE);
	}
	sga_read_to(&r, mac, sizeof(mac));
	if (!sga_reader_done(&r))
		return RC_DENIED;
	rc = sga_transcript(s->suite, &s->dp, s->heard, &s->th);
	if (rc == RC_OK)
		rc = sga_b6_mac(&x, &s->k_is, element, &s->th, right);
	if (rc == RC_OK &&
	    !secret_equal(slice_make(mac, sizeof(mac)), slice_make(right, sizeof(right))))
		rc = RC_DENIED;
	return rc;
}

/* What of phases A and B nobody needs any more. */
static void
forget(struct sga_session *s)
{
	secret_wipe(s->heard, sizeof(s->heard));
	key_wipe(&s->kt_i);
	key_wipe(&s->kt_j);
	secret_wipe(&s->power, sizeof(s->power));
	key_wipe(&s->k_is);
	secret_wipe(&s->hop.up, sizeof(s->hop.up));
}

/* B7: K = S^R. */
static enum rc
recover(struct sga_session *s, struct slice body, uint64_t now)
{
	const struct sga_exchange x = sga_session_exchange(s);
	uint8_t element[SGA_ELEMENT_MAX], k[SGA_ELEMENT_MAX];
	enum rc rc = read_b6(s, body, element);

	if (rc == RC_OK)
		rc = sga_group_power(x.group, slice_make(element, x.group->element), &s->power, k);
	if (rc == RC_OK)
		rc = sga_session_keys(s, k);
	secret_wipe(element, sizeof(element));
	secret_wipe(k, sizeof(k));
	if (rc != RC_OK)
		return rc == RC_BAD_REQUEST ? RC_DENIED : rc;
	forget(s);
	replay_init(&s->seen, 0);
	s->opened = now;
	s->state = SGA_S_OPEN;
	return RC_OK;
}

static enum rc
finish(struct sga_session *s, struct slice b6, bool refused, uint64_t now)
{
	uint8_t body[B6_BODY_MAX];
	size_t n;
	enum rc rc = open_down(s, &s->hop.down, b6, sizeof(body), body, &n);

	if (rc != RC_OK)
		return rc;
	if (!refused)
		rc = recover(s, slice_make(body, n), now);
	else if (n == 0)
		sga_session_close(s);
	else
		rc = RC_DENIED;
	secret_wipe(body, sizeof(body));
	return rc;
}

enum rc
sga_b6_take(struct sga_session *s, struct slice b6, uint64_t now)
{
	const struct sga_expected expected = { SGA_B6, s->suite, &s->sid };
	struct sga_session next;
	struct sga_header h;
	enum rc rc = sga_expect(b6, &expected, &h);
	bool refused;

	if (rc != RC_OK)
		return rc;
	refused = (h.flags & SGA_FLAG_REFUSED) != 0;
	if (!b6_due(s, refused))
		return RC_CONFLICT;
	next = *s;
	rc = finish(&next, b6, refused, now);
	if (rc == RC_OK)
		*s = next;
	secret_wipe(&next, sizeof(next));
	return rc;
}
