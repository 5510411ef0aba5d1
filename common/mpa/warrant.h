/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warrant: one party lets another sign for a third, within limits that are signed.
 *
 *   "MWR1" | u8 kind | u8 depth | u16 total | serial 16 | u64 notBefore | u64 notAfter | u32 rights |
 *   parent 32 | delegatorPk 32 | delegatePk 32 | onBehalfPk 32 | LV8 delegatorId | LV8 delegateId |
 *   LV8 onBehalfId | LV8 scope | Ed25519 64 of the delegator over SIGN_DELEGATE || all before
 *
 * The delegate signs with a key of its own: the delegator cannot sign in its name, and it cannot deny.
 * Any thread.
 */
#ifndef MPA_WARRANT_H
#define MPA_WARRANT_H

#include "base/buf.h"
#include "mpa/mpa.h"

#define MPA_WARRANT_FIXED 240u /* octets without the four strings */
#define MPA_SCOPE_MAX 64u
#define MPA_WARRANT_MAX (MPA_WARRANT_FIXED + 3u * MPA_ID_MAX + MPA_SCOPE_MAX)
#define MPA_DEPTH_MAX 3u

enum mpa_kind {
	MPA_AGREEMENT = 1, /* between CN and S */
	MPA_DEVICE = 2, /* the credential of a device */
	MPA_ACCESS_POINT = 3, /* the credential of an access point */
};

/* Rights, a sum of these. */
#define MPA_MAY_CERTIFY UINT32_C(0x01) /* may delegate to devices */
#define MPA_IS_DEVICE UINT32_C(0x02)
#define MPA_IS_AP UINT32_C(0x04)
#define MPA_MAY_READ UINT32_C(0x08)
#define MPA_MAY_WRITE UINT32_C(0x10)
#define MPA_MAY_TRIGGER UINT32_C(0x20)
#define MPA_LEADS UINT32_C(0x40) /* leader of a group */
#define MPA_RIGHTS_ALL UINT32_C(0x7f)

struct mpa_warrant {
	enum mpa_kind kind;
	uint8_t depth; /* so often may it be delegated further, 0..MPA_DEPTH_MAX */
	uint8_t serial[MPA_SERIAL_SIZE];
	uint64_t not_before, not_after; /* seconds since 1970, both included; the second is later */
	uint32_t rights;
	uint8_t parent
		[DIGEST_SIZE]; /* SHA-256 of the warrant that it was made under; zeros: a root */
	struct sign_public delegator, delegate, on_behalf;
	struct slice delegator_id, delegate_id, on_behalf_id; /* mpa_id_ok */
	/* "*", or an SCL-ID (scl_id_ok), or the id of a group in hex digits. */
	struct slice scope;
};

/*
 * Takes the warrant at the start of *octets apart and moves *octets behind it; slices of *out point
 * into it. RC_BAD_REQUEST, and both untouched: no warrant, or a member outside what is said above. Says
 * nothing about the signature or the keys.
 */
enum rc mpa_warrant_take(struct slice *octets, struct mpa_warrant *out);
/* The same when octets are one warrant and nothing else. */
enum rc mpa_warrant_parse(struct slice octets, struct mpa_warrant *out);

/*
 * Writes *w, signed with key, whose public one w->delegator must be, and *n, its octets.
 * RC_BAD_REQUEST: a member is outside what is said above, or a key is of small order.
 */
enum rc mpa_warrant_make(const struct mpa_warrant *w, const struct sign_key *key,
                         uint8_t out[MPA_WARRANT_MAX], size_t *n);

/*
 * Whether the signature of octets, one warrant, is its delegator's: RC_OK; RC_FORBIDDEN, also when one
 * of its keys is of small order or not canonical; RC_BAD_REQUEST: no warrant. No other rule is looked
 * at: see chain.h.
 */
enum rc mpa_warrant_verify(struct slice octets);

/* SHA-256 of octets: what is written as parent. RC_INTERNAL, and zeros. */
enum rc mpa_warrant_hash(struct slice octets, uint8_t out[DIGEST_SIZE]);

/* What an issuer decides; everything else in a warrant follows from it. */
struct mpa_grant {
	enum mpa_kind kind;
	uint8_t depth;
	uint32_t rights;
	uint64_t not_before, not_after;
	struct sign_public delegate;
	struct slice delegate_id;
	struct slice issuer_id; /* of a root; ignored below a parent, which has it */
	struct slice scope;
	/* One warrant, whose delegate the issuer is, or none: a root, on the issuer's own behalf. */
	struct slice parent;
};

/*
 * Issues a warrant with a random serial number, appended to *out. RC_BAD_REQUEST: a member is outside
 * what is said above; RC_FORBIDDEN: the rules for chains (chain.h) would refuse it below its parent, or
 * the parent was not made for this key. Whether the parent itself stands is the caller's matter. *
 * (may be NULL): the cause. out is unchanged unless RC_OK.
 */
enum rc mpa_warrant_issue(const struct mpa_grant *g, const struct sign_key *key,
                          const struct mpa_random *random, struct buf *out, enum mpa_cause *why);

#endif
