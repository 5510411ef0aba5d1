/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mpa/own.h"

#include "base/be.h"

struct mpa_ap {
	struct key z; /* until A3 was accepted */
	bool accepted;
	uint8_t run[DIGEST_SIZE];
	size_t n_a1, n_a2;
	struct buf log; /* A1 || A2; the transcript when accepted */
};

/* ---- A1, A2 ---- */

/* A2 of an own share, up to the signature; where that goes. */
static uint8_t *
fill_a2(const struct mpa_ap_conf *c, uint8_t *out, size_t *n)
{
	uint8_t *to = out + MPA_HEADER_SIZE + MPA_NONCE_SIZE + MPA_SHARE_SIZE;

	to = be_put(to, c->chain.n, 2);
	if (c->chain.n > 0)
		memcpy(to, c->chain.p, c->chain.n);
	to += c->chain.n;
	*n = (size_t)(to - out) + SIGN_SIZE;
	mpa_header_write(out, MPA_A2, *n);
	return to;
}

static enum mpa_cause
make_share(const struct mpa_ap_conf *c, struct slice peer, uint8_t *a2, struct key *z)
{
	uint8_t *nonce = a2 + MPA_HEADER_SIZE, secret[MPA_SHARE_SIZE];
	enum mpa_cause cause = mpa_cause_of(mpa_random_fill(c->random, nonce, MPA_NONCE_SIZE));

	if (cause == MPA_FINE)
		cause = mpa_cause_of(mpa_share_make(c->random, secret, nonce + MPA_NONCE_SIZE));
	if (cause == MPA_FINE)
		cause = mpa_share_agree(secret, peer, z);
	secret_wipe(secret, sizeof(secret));
	return cause;
}

static enum mpa_cause
write_a2(struct mpa_ap *ap, const struct mpa_ap_conf *c, struct slice a1, uint8_t a2[MPA_A2_MAX],
         size_t *n)
{
	struct mpa_signed what = { .role = "AP", .chains = { c->chain }, .parts = { a1 } };
	struct mpa_hello hello;
	enum mpa_cause cause;
	uint8_t *signature;

	if (!mpa_a1_parse(a1, &hello))
		return MPA_FORM;
	cause = make_share(c, hello.share, a2, &ap->z);
	if (cause != MPA_FINE)
		return cause;
	signature = fill_a2(c, a2, n);
	what.parts[1] = slice_make(a2, *n - SIGN_SIZE);
	return mpa_cause_of(mpa_proxy_make(c->key, &what, signature));
}

static enum mpa_cause
begin(struct mpa_ap *ap, const struct mpa_ap_conf *c, struct slice a1, struct buf *a2)
{
	uint8_t octets[MPA_A2_MAX];
	size_t n;
	enum mpa_cause cause =
		c->chain.n > MPA_CHAIN_MAX ? MPA_FORM : write_a2(ap, c, a1, octets, &n);
	struct slice all;

	if (cause != MPA_FINE)
		return cause;
	buf_slice(&ap->log, a1);
	buf_add(&ap->log, octets, n);
	ap->n_a1 = a1.n;
	ap->n_a2 = n;
	all = buf_view(&ap->log);
	if (ap->log.failed)
		return MPA_NO_MEMORY;
	cause = mpa_cause_of(digest_sha256(&all, 1, ap->run));
	if (cause == MPA_FINE)
		buf_add(a2, octets, n);
	return cause == MPA_FINE && a2->failed ? MPA_NO_SPACE : cause;
}

enum rc
mpa_ap_start(const struct mpa_ap_conf *conf, struct slice a1, struct mpa_ap **out, struct buf *a2,
             enum mpa_cause *why)
{
	struct mpa_ap *ap = secret_alloc(sizeof(*ap));
	enum mpa_cause cause;

	if (ap == NULL)
		return mpa_tell(MPA_NO_MEMORY, why);
	buf_init(&ap->log, MPA_TRANSCRIPT_MAX);
	cause = begin(ap, conf, a1, a2);
	if (cause == MPA_FINE)
		*out = ap;
	else
		mpa_ap_free(ap);
	return mpa_tell(cause, why);
}

void
mpa_ap_free(struct mpa_ap *ap)
{
	if (ap == NULL)
		return;
	buf_fini(&ap->log);
	secret_free(ap, sizeof(*ap));
}

void
mpa_ap_run(const struct mpa_ap *ap, uint8_t out[MPA_RUN_SIZE])
{
	memcpy(out, ap->run, MPA_RUN_SIZE);
}

/* ---- A3, A4 ---- */

/* C, when a chain was named by its hash; the log has room for it. */
static void
keep_chains(struct buf *log, const struct mpa_proof *a3, const struct mpa_device_chains *c)
{
	uint8_t header[MPA_HEADER_SIZE];

	if (a3->from_cn.n != DIGEST_SIZE && a3->from_s.n != DIGEST_SIZE)
		return;
	mpa_header_write(header, MPA_CHAINS,
	                 MPA_HEADER_SIZE + 2 + c->octets[0].n + 2 + c->octets[1].n);
	buf_add(log, header, sizeof(header));
	for (size_t i = 0; i < 2; i++) {
		buf_be(log, c->octets[i].n, 2);
		buf_slice(log, c->octets[i]);
	}
}

static enum mpa_cause
fill_session(const struct mpa_ap_conf *conf, const struct mpa_device_chains *c,
             struct mpa_session *s)
{
	enum mpa_cause cause;
	struct mpa_chain own;

	if (mpa_chain_parse(conf->chain, &own, &cause) != RC_OK)
		return cause;
	s->peer_key = c->from_cn.last->delegate;
	mpa_id_text(c->from_cn.last->delegate_id, s->peer);
	s->server = c->from_s.root;
	mpa_session_add(s, &c->from_cn);
	mpa_session_add(s, &c->from_s);
	mpa_session_add(s, &own);
	return MPA_FINE;
}

/* The keys of the run, and A4. */
static enum mpa_cause
finish(const struct mpa_ap *ap, struct slice a3, struct mpa_session *s, uint8_t a4[MPA_A4_SIZE])
{
	const struct slice parts[] = { buf_view(&ap->log), a3 };
	struct key confirm;
	enum rc rc = digest_sha256(parts, 2, s->th.v);

	if (rc == RC_OK)
		rc = mpa_keys(&s->th, &ap->z, &confirm, &s->key);
	if (rc != RC_OK)
		return mpa_cause_of(rc);
	rc = mpa_a4_make(&s->th, &confirm, a4);
	key_wipe(&confirm);
	return mpa_cause_of(rc);
}

static enum mpa_cause
accept(struct mpa_ap *ap, const struct mpa_ap_conf *conf, struct slice a3, int64_t now,
       struct buf *space, struct mpa_session *s, uint8_t a4[MPA_A4_SIZE])
{
	const struct mpa_device_look look = { .anchors = &conf->anchors,
		                              .place = conf->place,
		                              .groups = conf->groups,
		                              .n_groups = conf->n_groups,
		                              .revocations = conf->revocations,
		                              .cache = conf->cache,
		                              .now = now,
		                              .a1 = slice_make(ap->log.p, ap->n_a1),
		                              .a2 = slice_make(ap->log.p + ap->n_a1, ap->n_a2),
		                              .space = space };
	struct mpa_device_chains chains;
	struct mpa_proof proof;
	enum mpa_cause cause = MPA_FORM;

	if (mpa_a3_parse(a3, &proof))
		cause = mpa_device_look(&look, &proof, &chains);
	if (cause == MPA_FINE)
		cause = fill_session(conf, &chains, s);
	if (cause == MPA_FINE)
		cause = finish(ap, a3, s, a4);
	/* Room for all that follows, so that nothing fails half-way. */
	if (cause == MPA_FINE && buf_reserve(&ap->log, a3.n + MPA_CHAINS_MAX) == NULL)
		cause = MPA_NO_MEMORY;
	if (cause != MPA_FINE)
		return cause;
	buf_slice(&ap->log, a3);
	keep_chains(&ap->log, &proof, &chains);
	mpa_cache_put(conf->cache, chains.from_cn.hash, chains.octets[0]);
	mpa_cache_put(conf->cache, chains.from_s.hash, chains.octets[1]);
	return MPA_FINE;
}

enum rc
mpa_ap_take_a3(struct mpa_ap *ap, const struct mpa_ap_conf *conf, struct slice a3, int64_t now,
               uint8_t a4[MPA_A4_SIZE], struct mpa_session *session, enum mpa_cause *why)
{
	struct mpa_session s = { 0 };
	uint8_t answer[MPA_A4_SIZE];
	enum mpa_cause cause;
	struct buf space;

	if (ap->accepted)
		return mpa_tell(MPA_STATE, why);
	buf_init(&space, 2 * MPA_CHAIN_MAX);
	cause = accept(ap, conf, a3, now, &space, &s, answer);
	buf_fini(&space);
	if (cause == MPA_FINE) {
		ap->accepted = true;
		key_wipe(&ap->z);
		*session = s;
		memcpy(a4, answer, MPA_A4_SIZE);
	}
	mpa_session_wipe(&s);
	secret_wipe(answer, sizeof(answer));
	return mpa_tell(cause, why);
}

enum rc
mpa_ap_transcript(const struct mpa_ap *ap, struct buf *out)
{
	if (!ap->accepted)
		return RC_CONFLICT;
	buf_slice(out, buf_view(&ap->log));
	return out->failed ? RC_NO_SPACE : RC_OK;
}
