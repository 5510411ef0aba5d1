/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mpa/own.h"

struct run {
	struct slice a1, a2, a3;
	struct mpa_hello from_d, from_ap;
	struct mpa_proof proof, more;
	bool has_more;
};

static bool
parse(struct slice octets, struct run *r)
{
	struct slice c = SLICE_NONE;

	*r = (struct run){ 0 };
	if (!mpa_message_take(&octets, MPA_A1, &r->a1) ||
	    !mpa_message_take(&octets, MPA_A2, &r->a2) ||
	    !mpa_message_take(&octets, MPA_A3, &r->a3))
		return false;
	r->has_more = octets.n > 0;
	if (r->has_more && (!mpa_message_take(&octets, MPA_CHAINS, &c) || octets.n > 0 ||
	                    !mpa_chains_parse(c, &r->more)))
		return false;
	return mpa_a1_parse(r->a1, &r->from_d) && mpa_a2_parse(r->a2, &r->from_ap) &&
	       mpa_a3_parse(r->a3, &r->proof);
}

static enum mpa_cause
look_ap(const struct mpa_verifier *v, const struct run *r, struct mpa_chain *ap)
{
	const struct mpa_ap_look look = { .cn = &v->anchors.cn,
		                          .revocations = v->revocations,
		                          .cache = v->cache,
		                          .now = v->now,
		                          .a1 = r->a1 };

	if (slice_eq(r->from_d.share, r->from_ap.share) ||
	    slice_eq(r->from_d.nonce, r->from_ap.nonce))
		return MPA_REFLECTED;
	return mpa_ap_look(&look, &r->from_ap, ap);
}

static enum mpa_cause
look_device(const struct mpa_verifier *v, const struct run *r, struct slice place,
            struct buf *space, struct mpa_device_chains *out)
{
	const struct mpa_device_look look = { .anchors = &v->anchors,
		                              .place = place,
		                              .groups = v->groups,
		                              .n_groups = v->n_groups,
		                              .revocations = v->revocations,
		                              .cache = v->cache,
		                              .now = v->now,
		                              .a1 = r->a1,
		                              .a2 = r->a2,
		                              .more = r->has_more ? &r->more : NULL,
		                              .space = space };

	return mpa_device_look(&look, &r->proof, out);
}

static uint64_t
earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static enum mpa_cause
tell(const struct run *r, const struct mpa_chain *ap, const struct mpa_device_chains *d,
     struct mpa_proved *out)
{
	const struct slice parts[] = { r->a1, r->a2, r->a3 };

	out->device_key = d->from_cn.last->delegate;
	out->ap_key = ap->last->delegate;
	mpa_id_text(d->from_cn.last->delegate_id, out->device);
	mpa_id_text(ap->last->delegate_id, out->ap);
	out->server = d->from_s.root;
	out->not_after =
		earliest(ap->not_after, earliest(d->from_cn.not_after, d->from_s.not_after));
	return mpa_cause_of(digest_sha256(parts, 3, out->th.v));
}

static enum mpa_cause
check(struct slice octets, const struct mpa_verifier *v, struct buf *space, struct mpa_proved *out)
{
	struct mpa_device_chains d;
	struct mpa_chain ap;
	struct run r;
	enum mpa_cause cause;

	if (!parse(octets, &r))
		return MPA_FORM;
	cause = look_ap(v, &r, &ap);
	if (cause == MPA_FINE)
		cause = look_device(v, &r, ap.last->delegate_id, space, &d);
	if (cause == MPA_FINE)
		cause = tell(&r, &ap, &d, out);
	if (cause != MPA_FINE)
		return cause;
	mpa_cache_put(v->cache, ap.hash, r.from_ap.chain);
	mpa_cache_put(v->cache, d.from_cn.hash, d.octets[0]);
	mpa_cache_put(v->cache, d.from_s.hash, d.octets[1]);
	return MPA_FINE;
}

enum rc
mpa_transcript_check(struct slice octets, const struct mpa_verifier *v, struct mpa_proved *out,
                     enum mpa_cause *why)
{
	enum mpa_cause cause;
	struct buf space;

	buf_init(&space, 2 * MPA_CHAIN_MAX);
	cause = check(octets, v, &space, out);
	buf_fini(&space);
	return mpa_tell(cause, why);
}
