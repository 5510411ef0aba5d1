/* SPDX-License-Identifier: Apache-2.0 */
/* Phase B, G's side. */
#include "config.h"

#include "sga/server_own.h"

#include "sga/octets.h"

#define HALF_MAX (SGA_ELEMENT_MAX + SGA_ENC_MAX + 2u * SGA_HASH_SIZE)
#define B2_BODY_MAX (SGA_IDS_MAX + 2u + SGA_HASH_SIZE)
#define B3_BODY_MAX (HALF_MAX + SGA_HASH_SIZE)
#define B6_BODY_MAX (SGA_ELEMENT_MAX + 3u * SGA_HASH_SIZE)

/* ---- halves ---- */

/* The plaintext of B1 or B3, of which the size is known: that of a half and extra octets. */
static enum rc
open_half(const struct sga_server_session *s, struct sga_way *up, struct slice message,
          size_t extra, uint8_t body[B3_BODY_MAX])
{
	const struct sga_exchange x = sga_server_exchange(s);
	const struct cipher *c = sga_server_cipher(s);
	size_t n = x.group->element + x.suite->enc + 2u * SGA_HASH_SIZE + extra;

	if (message.n != SGA_HEADER_SIZE + n + c->tag)
		return RC_BAD_REQUEST;
	return sga_way_open(up, c, message, body, &n);
}

/* Of an opened message; what follows the half is *rest. */
static void
read_half(const struct sga_exchange *x, const uint8_t *body, size_t extra, struct sga_half *h,
          struct slice *rest)
{
	size_t n = x->group->element + x->suite->enc + 2u * SGA_HASH_SIZE + extra;
	struct sga_reader r = sga_reader_of(slice_make(body, n));

	*h = (struct sga_half){ .n = { 0 } };
	sga_read_to(&r, h->n, x->group->element);
	sga_read_to(&r, h->f, x->suite->enc);
	sga_read_to(&r, h->m1, SGA_HASH_SIZE);
	sga_read_to(&r, h->m2, SGA_HASH_SIZE);
	*rest = r.rest;
}

/* ---- B1, B2 ---- */

static enum rc
make_b2(struct sga_server_session *s, struct buf *to)
{
	struct sga_header h = { .suite = s->suite, .type = SGA_B2, .sid = s->sid };
	uint8_t body[B2_BODY_MAX];
	struct sga_writer w = sga_writer_of(body, sizeof(body));

	sga_write_ids(&w, &s->ids);
	sga_write_be(&w, s->cid, 2);
	sga_write(&w, s->heard[SGA_H_B1].v, SGA_HASH_SIZE);
	return sga_way_seal(&s->hop_j.down, sga_server_cipher(s), &h, sga_written(&w), to,
	                    &s->heard[SGA_H_B2]);
}

enum rc
sga_b1_take(struct sga_server_session *s, struct slice b1, struct buf *to)
{
	const struct sga_expected expected = { SGA_B1, s->suite, &s->sid };
	const struct sga_exchange x = sga_server_exchange(s);
	struct sga_server_session next;
	uint8_t body[B3_BODY_MAX];
	struct slice rest;
	struct sga_header h;
	enum rc rc = sga_expect(b1, &expected, &h);

	if (rc != RC_OK)
		return rc;
	if (s->state != SGA_G_AGREED)
		return RC_CONFLICT;
	next = *s;
	rc = open_half(&next, &next.hop_i.up, b1, 0, body);
	if (rc == RC_OK)
		rc = sga_hash(b1, &next.heard[SGA_H_B1]);
	if (rc == RC_OK) {
		read_half(&x, body, 0, &next.half, &rest);
		next.state = SGA_G_ASKED;
		rc = make_b2(&next, to);
	}
	if (rc == RC_OK)
		*s = next;
	secret_wipe(&next, sizeof(next));
	secret_wipe(body, sizeof(body));
	return rc;
}

/* ---- B4 ---- */

/* N^r, K and both MACs of one side. RC_DENIED: anything of it. */
static enum rc
verify(const struct sga_server_session *s, const struct sga_keys *keys, enum sga_role role,
       const struct sga_half *h, const struct key *kd, struct key *k_is)
{
	const struct sga_exchange x = sga_server_exchange(s);
	const struct sga_pair who = sga_server_pair(s, role);
	uint8_t power[SGA_ELEMENT_MAX], m1[SGA_HASH_SIZE], m2[SGA_HASH_SIZE];
	struct sga_exponent r = { 0 };
	struct key k_auth;
	enum rc rc = sga_kd_auth(sga_server_kd(kd), &who, &k_auth);

	if (rc == RC_OK)
		rc = sga_trapdoor_open(sga_keys_f(keys), sga_half_f(&x, h), &r);
	if (rc == RC_OK)
		rc = sga_group_power(x.group, sga_half_n(&x, h), &r, power);
	if (rc == RC_OK)
		rc = sga_half_key(&x, h, power, k_is);
	if (rc == RC_OK)
		rc = sga_half_macs(&x, role == SGA_ROLE_I ? SGA_SIDE_I : SGA_SIDE_J, h, &k_auth,
		                   k_is, m1, m2);
	if (rc == RC_OK &&
	    (!secret_equal(slice_make(m1, sizeof(m1)), slice_make(h->m1, sizeof(h->m1))) ||
	     !secret_equal(slice_make(m2, sizeof(m2)), slice_make(h->m2, sizeof(h->m2))) ||
	     kd == NULL))
		rc = RC_DENIED;
	key_wipe(&k_auth);
	secret_wipe(&r, sizeof(r));
	secret_wipe(power, sizeof(power));
	return rc == RC_BAD_REQUEST ? RC_DENIED : rc;
}

/* ---- B5, B6 ---- */

/* What of B6 is for one of both. */
struct answer {
	enum sga_role role;
	const struct key *k; /* K_is or K_js */
	const struct sga_half *peer; /* whose N */
	const struct sga_hash *hashes[2]; /* that it does not have; the second may be NULL */
	struct buf *to;
};

static enum rc
make_b6(struct sga_server_session *s, const struct answer *a, const struct sga_exponent *rs,
        const struct sga_hash *th)
{
	const struct sga_exchange x = sga_server_exchange(s);
	struct sga_header h = { .suite = s->suite, .type = SGA_B6, .sid = s->sid };
	struct sga_hop *hop = a->role == SGA_ROLE_I ? &s->hop_i : &s->hop_j;
	uint8_t body[B6_BODY_MAX], element[SGA_ELEMENT_MAX], mac[SGA_HASH_SIZE];
	struct sga_writer w = sga_writer_of(body, sizeof(body));
	enum rc rc = sga_group_power(x.group, sga_half_n(&x, a->peer), rs, element);

	if (rc == RC_OK)
		rc = sga_b6_mac(&x, a->k, element, th, mac);
	if (rc == RC_OK) {
		sga_write(&w, element, x.group->element);
		for (unsigned i = 0; i < 2 && a->hashes[i] != NULL; i++)
			sga_write(&w, a->hashes[i]->v, SGA_HASH_SIZE);
		sga_write(&w, mac, sizeof(mac));
		rc = sga_way_seal(&hop->down, sga_server_cipher(s), &h, sga_written(&w), a->to,
		                  NULL);
	}
	secret_wipe(element, sizeof(element));
	secret_wipe(body, sizeof(body));
	return rc;
}

/* Rs, and both answers. */
static enum rc
distribute(struct sga_server_session *s, const struct answer both[2],
           const struct sga_random *random)
{
	const struct sga_exchange x = sga_server_exchange(s);
	struct sga_exponent rs = { 0 };
	struct sga_hash th;
	enum rc rc = sga_transcript(s->suite, &s->dp, s->heard, &th);

	if (rc == RC_OK)
		rc = sga_group_exponent(x.group, random, &rs);
	for (unsigned i = 0; i < 2 && rc == RC_OK; i++)
		rc = make_b6(s, &both[i], &rs, &th);
	secret_wipe(&rs, sizeof(rs));
	return rc;
}

/* What nobody needs any more. */
static void
forget(struct sga_server_session *s)
{
	secret_wipe(s->heard, sizeof(s->heard));
	secret_wipe(&s->half, sizeof(s->half));
	secret_wipe(&s->hop_i.up, sizeof(s->hop_i.up));
	secret_wipe(&s->hop_j.up, sizeof(s->hop_j.up));
	s->state = SGA_G_DONE;
}

/* What both get when something was wrong. RC_FORBIDDEN. */
static enum rc
refuse_both(struct sga_server_session *s, struct buf *to_i, struct buf *to_j)
{
	enum rc rc = sga_server_refuse(s, SGA_ROLE_I, NULL, to_i);

	if (rc == RC_OK)
		rc = sga_server_refuse(s, SGA_ROLE_J, NULL, to_j);
	return rc == RC_OK ? RC_FORBIDDEN : rc;
}

/* The keys of G and of the two devices. */
struct knowledge {
	const struct sga_keys *keys;
	const struct key *kd_i, *kd_j;
};

/* A failure of the library counts more than one of a peer. */
static enum rc
worse(enum rc a, enum rc b)
{
	return a == RC_OK || (a == RC_DENIED && b != RC_OK) ? b : a;
}

/* s is a copy; j: its half, and h(B2) as j has it. */
static enum rc
answer_both(struct sga_server_session *s, const struct knowledge *g, const struct sga_half *j,
            struct slice b2, const struct sga_random *random, struct buf *to_i, struct buf *to_j)
{
	struct key k_i = { { 0 } }, k_j = { { 0 } };
	const struct answer both[] = {
		{ SGA_ROLE_I, &k_i, j, { &s->heard[SGA_H_B2], &s->heard[SGA_H_B3] }, to_i },
		{ SGA_ROLE_J, &k_j, &s->half, { &s->heard[SGA_H_A4], NULL }, to_j },
	};
	/* Both sides always: who is at fault does not show in the time. */
	enum rc i_ok = verify(s, g->keys, SGA_ROLE_I, &s->half, g->kd_i, &k_i);
	enum rc j_ok = verify(s, g->keys, SGA_ROLE_J, j, g->kd_j, &k_j), rc = RC_OK;

	if (!slice_eq(b2, slice_make(s->heard[SGA_H_B2].v, SGA_HASH_SIZE)))
		rc = RC_DENIED;
	rc = worse(rc, worse(i_ok, j_ok));
	if (rc == RC_OK)
		rc = distribute(s, both, random);
	if (rc == RC_OK)
		forget(s);
	else if (rc == RC_DENIED)
		rc = refuse_both(s, to_i, to_j);
	key_wipe(&k_i);
	key_wipe(&k_j);
	return rc;
}

enum rc
sga_b3_take(struct sga_server_session *s, const struct sga_keys *keys, struct slice b3,
            const struct key *kd_i, const struct key *kd_j, const struct sga_random *random,
            struct buf *to_i, struct buf *to_j)
{
	const struct sga_expected expected = { SGA_B3, s->suite, &s->sid };
	const struct sga_exchange x = sga_server_exchange(s);
	const struct knowledge g = { keys, kd_i, kd_j };
	size_t at_i = to_i->n, at_j = to_j->n;
	struct sga_server_session next;
	uint8_t body[B3_BODY_MAX];
	struct sga_half half;
	struct slice b2;
	struct sga_header h;
	enum rc rc = sga_expect(b3, &expected, &h);

	if (rc != RC_OK)
		return rc;
	if (s->state != SGA_G_ASKED ||
	    memcmp(&sga_keys_package(keys)->dp, &s->dp, sizeof(s->dp)) != 0)
		return RC_CONFLICT;
	next = *s;
	rc = open_half(&next, &next.hop_j.up, b3, SGA_HASH_SIZE, body);
	if (rc == RC_OK)
		rc = sga_hash(b3, &next.heard[SGA_H_B3]);
	if (rc == RC_OK) {
		read_half(&x, body, SGA_HASH_SIZE, &half, &b2);
		rc = answer_both(&next, &g, &half, b2, random, to_i, to_j);
	}
	if (rc == RC_OK || rc == RC_FORBIDDEN) {
		*s = next;
	} else {
		to_i->n = at_i;
		to_j->n = at_j;
	}
	secret_wipe(&next, sizeof(next));
	secret_wipe(&half, sizeof(half));
	secret_wipe(body, sizeof(body));
	return rc;
}
