/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mpa/own.h"

#include "base/be.h"

enum state { WAITS_A2, WAITS_A4, ENDED };

struct mpa_device {
	struct mpa_device_conf conf;
	enum state state;
	uint8_t secret[MPA_SHARE_SIZE]; /* until A2 */
	struct key confirm; /* until A4 */
	struct mpa_session session; /* what A4 gives */
	uint8_t run[MPA_RUN_SIZE];
	size_t n_a1;
	uint8_t a1[MPA_A1_MAX];
};

/* ---- A1 ---- */

static enum mpa_cause
write_a1(struct mpa_device *d)
{
	const struct mpa_device_conf *c = &d->conf;
	uint8_t *nonce = d->a1 + MPA_HEADER_SIZE, *share = nonce + MPA_NONCE_SIZE;
	uint8_t *id = share + MPA_SHARE_SIZE;
	enum rc rc = mpa_random_fill(c->random, nonce, MPA_NONCE_SIZE);

	if (rc == RC_OK)
		rc = mpa_share_make(c->random, d->secret, share);
	id[0] = (uint8_t)c->id.n;
	memcpy(id + 1, c->id.p, c->id.n);
	d->n_a1 = (size_t)(id + 1 + c->id.n - d->a1);
	mpa_header_write(d->a1, MPA_A1, d->n_a1);
	return mpa_cause_of(rc);
}

static bool
conf_ok(const struct mpa_device_conf *conf)
{
	struct mpa_chain c;

	return mpa_id_ok(conf->id) && mpa_chain_parse(conf->from_cn, &c, NULL) == RC_OK &&
	       mpa_chain_parse(conf->from_s, &c, NULL) == RC_OK;
}

enum rc
mpa_device_start(const struct mpa_device_conf *conf, struct mpa_device **out, struct buf *a1)
{
	enum mpa_cause cause;
	struct mpa_device *d;

	if (!conf_ok(conf))
		return RC_BAD_REQUEST;
	d = secret_alloc(sizeof(*d));
	if (d == NULL)
		return RC_UNAVAILABLE;
	d->conf = *conf;
	cause = write_a1(d);
	if (cause == MPA_FINE)
		buf_add(a1, d->a1, d->n_a1);
	if (cause == MPA_FINE && a1->failed)
		cause = MPA_NO_SPACE;
	if (cause == MPA_FINE)
		*out = d;
	else
		mpa_device_free(d);
	return mpa_cause_rc(cause);
}

void
mpa_device_free(struct mpa_device *d)
{
	if (d != NULL)
		secret_free(d, sizeof(*d));
}

bool
mpa_device_run(const struct mpa_device *d, uint8_t out[MPA_RUN_SIZE])
{
	if (d->state == WAITS_A2)
		return false;
	memcpy(out, d->run, MPA_RUN_SIZE);
	return true;
}

/* ---- A2 ---- */

static struct slice
a1_of(const struct mpa_device *d)
{
	return slice_make(d->a1, d->n_a1);
}

/* Whose message it is, and Z. */
static enum mpa_cause
look_a2(const struct mpa_device *d, struct slice a2, int64_t now, struct mpa_chain *ap,
        struct key *z)
{
	const struct mpa_ap_look look = {
		.cn = &d->conf.cn, .revocations = d->conf.revocations, .now = now, .a1 = a1_of(d)
	};
	struct mpa_hello own, hello;
	enum mpa_cause cause;

	if (!mpa_a2_parse(a2, &hello) || !mpa_a1_parse(a1_of(d), &own))
		return MPA_FORM;
	if (slice_eq(hello.share, own.share) || slice_eq(hello.nonce, own.nonce))
		return MPA_REFLECTED;
	cause = mpa_share_agree(d->secret, hello.share, z);
	if (cause == MPA_FINE)
		cause = mpa_ap_look(&look, &hello, ap);
	if (cause == MPA_FINE && d->conf.ap.n > 0 && !slice_eq(d->conf.ap, ap->last->delegate_id))
		cause = MPA_NAME;
	return cause;
}

/* A chain behind its length, or its hash; known. Returns where it ends. */
static uint8_t *
put_chain(uint8_t *to, struct slice chain, bool known)
{
	size_t n = known ? DIGEST_SIZE : chain.n;

	to = be_put(to, n, 2);
	if (known && digest_sha256(&chain, 1, to) != RC_OK)
		return NULL;
	if (!known)
		memcpy(to, chain.p, chain.n);
	return to + n;
}

static enum mpa_cause
write_a3(const struct mpa_device *d, struct slice a2, bool known, uint8_t out[MPA_A3_MAX],
         size_t *n)
{
	const struct mpa_device_conf *c = &d->conf;
	struct mpa_signed what = { .role = "D",
		                   .chains = { c->from_cn, c->from_s },
		                   .parts = { a1_of(d), a2 } };
	uint8_t *to = put_chain(out + MPA_HEADER_SIZE, c->from_cn, known);

	to = to == NULL ? NULL : put_chain(to, c->from_s, known);
	if (to == NULL)
		return MPA_BROKEN;
	*n = (size_t)(to - out) + SIGN_SIZE;
	mpa_header_write(out, MPA_A3, *n);
	what.parts[2] = slice_make(out, *n - SIGN_SIZE);
	return mpa_cause_of(mpa_proxy_make(c->key, &what, to));
}

/* What A4 will give; s and confirm are the caller's to wipe. */
static enum mpa_cause
make_session(const struct mpa_device *d, const struct mpa_chain *ap, struct mpa_session *s)
{
	const struct slice own[] = { d->conf.from_cn, d->conf.from_s };
	struct mpa_chain c;

	s->peer_key = ap->last->delegate;
	mpa_id_text(ap->last->delegate_id, s->peer);
	mpa_session_add(s, ap);
	for (size_t i = 0; i < 2; i++) {
		enum mpa_cause cause;

		if (mpa_chain_parse(own[i], &c, &cause) != RC_OK)
			return cause;
		mpa_session_add(s, &c);
	}
	return MPA_FINE;
}

/* What is left when A3 is there. */
struct next {
	struct mpa_session session;
	struct key confirm, z;
	uint8_t run[DIGEST_SIZE];
	size_t n;
	uint8_t a3[MPA_A3_MAX];
};

static enum mpa_cause
answer_a2(const struct mpa_device *d, struct slice a2, int64_t now, bool known, struct next *next)
{
	struct slice parts[3] = { a1_of(d), a2 };
	struct mpa_chain ap;
	enum mpa_cause cause = look_a2(d, a2, now, &ap, &next->z);
	enum rc rc;

	if (cause == MPA_FINE)
		cause = write_a3(d, a2, known, next->a3, &next->n);
	if (cause == MPA_FINE)
		cause = make_session(d, &ap, &next->session);
	if (cause != MPA_FINE)
		return cause;
	parts[2] = slice_make(next->a3, next->n);
	rc = digest_sha256(parts, 3, next->session.th.v);
	if (rc == RC_OK)
		rc = digest_sha256(parts, 2, next->run);
	if (rc == RC_OK)
		rc = mpa_keys(&next->session.th, &next->z, &next->confirm, &next->session.key);
	return mpa_cause_of(rc);
}

enum rc
mpa_device_take_a2(struct mpa_device *d, struct slice a2, int64_t now, bool known, struct buf *a3,
                   enum mpa_cause *why)
{
	enum mpa_cause cause = MPA_STATE;
	struct next *next;

	if (d->state != WAITS_A2)
		return mpa_tell(cause, why);
	next = secret_alloc(sizeof(*next));
	cause = next == NULL ? MPA_NO_MEMORY : answer_a2(d, a2, now, known, next);
	if (cause == MPA_FINE) {
		buf_add(a3, next->a3, next->n);
		cause = a3->failed ? MPA_NO_SPACE : MPA_FINE;
	}
	if (cause == MPA_FINE) {
		d->session = next->session;
		d->confirm = next->confirm;
		memcpy(d->run, next->run, MPA_RUN_SIZE);
		secret_wipe(d->secret, sizeof(d->secret));
		d->state = WAITS_A4;
	}
	secret_free(next, sizeof(*next));
	return mpa_tell(cause, why);
}

/* ---- A4 ---- */

static enum mpa_cause
look_a4(const struct mpa_device *d, struct slice a4)
{
	uint8_t right[MPA_A4_SIZE];
	struct slice message;
	bool same;

	if (a4.n != MPA_A4_SIZE || !mpa_message_take(&a4, MPA_A4, &message) || a4.n != 0)
		return MPA_FORM;
	if (mpa_a4_make(&d->session.th, &d->confirm, right) != RC_OK)
		return MPA_BROKEN;
	same = secret_equal(message, slice_make(right, sizeof(right)));
	secret_wipe(right, sizeof(right));
	return same ? MPA_FINE : MPA_CONFIRM;
}

enum rc
mpa_device_take_a4(struct mpa_device *d, struct slice a4, struct mpa_session *out,
                   enum mpa_cause *why)
{
	enum mpa_cause cause = d->state == WAITS_A4 ? look_a4(d, a4) : MPA_STATE;

	if (cause == MPA_FINE) {
		*out = d->session;
		mpa_session_wipe(&d->session);
		key_wipe(&d->confirm);
		d->state = ENDED;
	}
	return mpa_tell(cause, why);
}
