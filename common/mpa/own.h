/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of libmpa share. Slices that are taken out of others point into them. */
#ifndef MPA_OWN_H
#define MPA_OWN_H

#include "mpa/ap.h"
#include "mpa/transcript.h"

/* ---- causes ---- */

/* Says it, and the outcome of it. */
enum rc mpa_tell(enum mpa_cause cause, enum mpa_cause *why);
/* The cause of an outcome of the own side; MPA_FINE of RC_OK. */
enum mpa_cause mpa_cause_of(enum rc rc);

/* ---- octets ---- */

/* The next n octets; false when there are fewer. */
static inline bool
mpa_take(struct slice *rest, size_t n, struct slice *out)
{
	if (rest->n < n)
		return false;
	*out = slice_head(*rest, n);
	*rest = slice_make(rest->p + n, rest->n - n);
	return true;
}

/* What follows a length of size octets. */
bool mpa_take_lv(struct slice *rest, unsigned size, struct slice *out);
bool mpa_public_equal(const struct sign_public *a, const struct sign_public *b);
/* A name as text; id is mpa_id_ok. */
void mpa_id_text(struct slice id, char out[MPA_ID_MAX + 1]);

enum rc mpa_random_fill(const struct mpa_random *r, void *out, size_t n);

/* ---- links ---- */

struct mpa_link {
	const struct mpa_warrant *w;
	struct slice octets; /* of the warrant */
};

/* What must hold between one warrant and the next, signatures apart. */
enum mpa_cause mpa_link_follows(const struct mpa_link *before, const struct mpa_link *next);
/* Whether the right to certify devices is good for a warrant of that kind. */
bool mpa_may_be_certified(enum mpa_kind kind);
/* Whether all keys of a warrant are of full order. */
bool mpa_link_keys_ok(const struct mpa_warrant *w);

/* ---- shares ---- */

/* A new X25519 key; the caller wipes secret. RC_INTERNAL. */
enum rc mpa_share_make(const struct mpa_random *r, uint8_t secret[MPA_SHARE_SIZE],
                       uint8_t share[MPA_SHARE_SIZE]);
/* Z of the own secret and the peer's share; the caller wipes z. MPA_SHARE: it is zero. */
enum mpa_cause mpa_share_agree(const uint8_t secret[MPA_SHARE_SIZE], struct slice share,
                               struct key *z);

/* ---- keys ---- */

/* K_conf and K_sess of a run; the caller wipes both. */
enum rc mpa_keys(const struct mpa_th *th, const struct key *z, struct key *conf, struct key *sess);
/* A4 of a run. */
enum rc mpa_a4_make(const struct mpa_th *th, const struct key *conf, uint8_t out[MPA_A4_SIZE]);
/* Adds the warrants of a chain, and their end. */
void mpa_session_add(struct mpa_session *s, const struct mpa_chain *c);

/* ---- messages ---- */

enum mpa_type { MPA_A1 = 1, MPA_A2, MPA_A3, MPA_A4, MPA_DECIDED, MPA_CHAINS };

/* The header of a message of n octets. */
void mpa_header_write(uint8_t *to, enum mpa_type type, size_t n);
/* The message of that type, whole, at the start of *rest. */
bool mpa_message_take(struct slice *rest, enum mpa_type type, struct slice *out);

/* A1 or A2 of which only the first has a name, only the second a chain and a signature. */
struct mpa_hello {
	struct slice nonce, share, id, chain, signature;
	struct slice before; /* all that is signed */
};
bool mpa_a1_parse(struct slice message, struct mpa_hello *out);
bool mpa_a2_parse(struct slice message, struct mpa_hello *out);

/* A3; each of the two may be empty, a chain or, of 32 octets, its hash. */
struct mpa_proof {
	struct slice from_cn, from_s, signature;
	struct slice before; /* all that is signed */
};
bool mpa_a3_parse(struct slice message, struct mpa_proof *out);
/* C; signature and before are empty. */
bool mpa_chains_parse(struct slice message, struct mpa_proof *out);

/* ---- proxy signatures ---- */

/* What is signed: by whom ("AP", "D"), under which chains, all octets of the run up to there. */
struct mpa_signed {
	const char *role;
	struct slice chains[2]; /* whole, also where a hash was sent */
	struct slice parts[3];
};
enum rc mpa_proxy_make(const struct sign_key *key, const struct mpa_signed *what,
                       uint8_t out[SIGN_SIZE]);
/* MPA_SIGNED: it is not p's. */
enum mpa_cause mpa_proxy_check(const struct sign_public *p, const struct mpa_signed *what,
                               struct slice signature);

/* ---- parties ---- */

/* The access point's side, in hello (A2) to a1: chain and signature. */
struct mpa_ap_look {
	const struct mpa_anchor *cn;
	const struct mpa_revocations *revocations;
	struct mpa_cache *cache;
	int64_t now;
	struct slice a1;
};
enum mpa_cause mpa_ap_look(const struct mpa_ap_look *look, const struct mpa_hello *a2,
                           struct mpa_chain *out);

/* The device's side, in A3: both chains, and its signature. */
struct mpa_device_look {
	const struct mpa_anchors *anchors;
	struct slice place;
	const struct slice *groups;
	size_t n_groups;
	const struct mpa_revocations *revocations;
	struct mpa_cache *cache;
	int64_t now;
	struct slice a1, a2; /* of the run */
	const struct mpa_proof *more; /* C, or NULL */
	struct buf *space; /* for chains that were named by a hash; empty */
};
struct mpa_device_chains {
	struct slice octets[2];
	struct mpa_chain from_cn, from_s;
};
enum mpa_cause mpa_device_look(const struct mpa_device_look *look, const struct mpa_proof *a3,
                               struct mpa_device_chains *out);

#endif
