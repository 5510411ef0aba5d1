/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain: 1 to MPA_LINKS_MAX warrants one behind the other, from a root that is trusted to whom it is
 * about. It holds when all of these do; the cause of the first that does not is said:
 *
 *   form            each is a warrant, and nothing else is there
 *   root            the first has no parent, is made by a trusted key under its name, for itself
 *   parent          each other one has the hash of the one before it as its parent
 *   delegator       and is made by the delegate of the one before it (key and name)
 *   on behalf       of the same principal all along
 *   depth           which falls from each to the next
 *   times           inside those of the one before it; all around now, with MPA_TOLERANCE
 *   rights, kinds   all but the last are agreements that may certify; the last is what is asked for
 *   scope           "*", or the same as in the one before it; the last one's has the place in it
 *   revocation      none was revoked
 *   keys            all are Ed25519 keys of full order
 *   signatures      all are right
 */
#ifndef MPA_CHAIN_H
#define MPA_CHAIN_H

#include "mpa/cache.h"
#include "mpa/warrant.h"

#define MPA_CHAIN_MAX (MPA_LINKS_MAX * MPA_WARRANT_MAX) /* octets */

/* What is asked of a chain. All that is pointed to is the caller's and outlives the call. */
struct mpa_terms {
	const struct mpa_anchor *roots; /* one of these n_roots */
	size_t n_roots;
	enum mpa_kind kind; /* of the last */
	uint32_t rights; /* all of these in the last */
	/*
	 * Where it is to be valid: an SCL-ID, and besides n_groups ids of groups in hex digits. The scope
	 * of the last must be "*" or one of them. place empty: the name of the last delegate (an access
	 * point is valid where it stands).
	 */
	struct slice place;
	const struct slice *groups;
	size_t n_groups;
	int64_t now; /* seconds since 1970 */
	const struct mpa_revocations *revocations; /* NULL: none */
	struct mpa_cache *cache; /* NULL: every signature is verified */
};

struct mpa_chain {
	size_t n;
	struct mpa_warrant link[MPA_LINKS_MAX]; /* slices point into the octets */
	const struct mpa_warrant *last; /* link + n - 1 */
	size_t root; /* index of the anchor it begins with */
	uint64_t not_after; /* the earliest end of its warrants */
	uint8_t hash[DIGEST_SIZE]; /* SHA-256 of all octets: what a cache knows it by */
	bool known; /* the cache had it: no signature was verified */
};

/* Takes octets apart; nothing but the form and the number of links is looked at. */
enum rc mpa_chain_parse(struct slice octets, struct mpa_chain *out, enum mpa_cause *why);

/*
 * All rules. The right to certify is one for devices: a warrant of an access point is the root's own,
 * or refused. *out is valid with RC_OK alone. Signatures come last, so that what needs no work is refused
 * without it. A chain that holds is not put into the cache by this: see mpa_cache_put.
 */
enum rc mpa_chain_check(struct slice octets, const struct mpa_terms *terms, struct mpa_chain *out,
                        enum mpa_cause *why);

#endif
