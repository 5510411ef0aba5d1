/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups: one ciphertext for many devices. Whoever makes a group (its owner) sends the key to each
 * member in a record of their session with SGA_FLAG_GROUP_KEY, whose data are
 *
 *   "SGAG" gid(16) epoch(4) GK(32) cid(2) count(2) count x (lv8(ID) lv8(Ed25519 key or empty))
 *
 * and all members, the owner is one, speak with group records:
 *
 *   header(type 21, sid = gid, ctr) || epoch(4) || lv8(ID_sender) || AEAD_cid || signature(64)
 *   key || iv = HKDF(salt gid, ikm GK, "SGA/1 group" || epoch || lv8(ID_sender))
 *   nonce = iv XOR ctr, aad = all before the AEAD, signature = Ed25519 of "SGA/1 group" 00 || all
 *   before it, by the key that the owner named for the sender
 *
 * The signature is mandatory, because every member has GK: a member without a signing key only
 * receives. ctr counts from 0 for each sender in each epoch. When members come or go there is a new
 * epoch with a new GK, which those who are left out never get.
 *
 * Outcomes, besides what a function says: RC_BAD_REQUEST for octets that have not the form,
 * RC_DENIED for those that are not authentic, RC_NO_SPACE when to is full, RC_UNAVAILABLE without
 * (lockable) memory, RC_INTERNAL. Whatever is not RC_OK has changed nothing and appended nothing. No
 * function blocks, has a clock or does I/O. A group belongs to one thread at a time.
 */
#ifndef SGA_GROUP_H
#define SGA_GROUP_H

#include "sga/device.h"

#define SGA_GROUP_MEMBERS_MAX 256u
#define SGA_GROUP_RECORDS_MAX (1u << 20) /* of one sender in one epoch */
/* Octets of the data that carry a key to a member. */
#define SGA_GROUP_KEY_MAX (4u + 16u + 4u + 32u + 2u + 2u + SGA_GROUP_MEMBERS_MAX * (65u + 33u))
/* Octets at most that a group record has more than its data. */
#define SGA_GROUP_OVER (SGA_HEADER_SIZE + 4u + 1u + SGA_ID_MAX + 16u + SIGN_SIZE)
/* Octets of the two parts of a saved group. */
#define SGA_GROUP_SECRET_MAX 256u
#define SGA_GROUP_OPEN_MAX (2u + SGA_GROUP_MEMBERS_MAX * (65u + 33u + 4u))

/* One epoch of a group (sga_group_ are those of algebra, in suite.h). */
struct sga_team;

struct sga_member {
	struct sga_id id;
	bool signs;
	struct sign_public sign; /* zero unless signs */
};

/* What an epoch is made of, by its owner. */
struct sga_team_conf {
	struct sga_sid gid; /* random; of a new group zero: one is drawn */
	uint32_t epoch; /* 1, then the next one */
	uint16_t cid;
	const struct sga_member *members; /* with the owner; each once */
	size_t count; /* 1..SGA_GROUP_MEMBERS_MAX */
};

/*
 * The owner: an epoch with a fresh key. RC_CONFLICT: something in conf is not as said above; d is
 * no member. The caller frees *out with sga_team_free.
 */
enum rc sga_team_make(const struct sga_device *d, const struct sga_team_conf *conf,
                      const struct sga_random *random, struct sga_team **out);
/* Appends the data that carry the key to a member; secret, to->secret is set. */
enum rc sga_team_key_write(const struct sga_team *g, struct buf *to);
/*
 * A member: an epoch from such data, which from has sent (the peer of the session). before: the
 * epoch so far; NULL: there is none. RC_DENIED: d is no member, or before has another gid or owner;
 * RC_CONFLICT: the epoch is not above that of before. The caller frees *out with sga_team_free.
 */
enum rc sga_team_take(const struct sga_device *d, struct slice data, const struct sga_id *from,
                      const struct sga_team *before, struct sga_team **out);
/* Wipes and frees; NULL is fine. */
void sga_team_free(struct sga_team *g);

/*
 * Appends the next record of d. RC_CONFLICT: d cannot sign, or not with the key that the owner named
 * for it; RC_PRECONDITION: SGA_GROUP_RECORDS_MAX are sealed, a new epoch is due; RC_TOO_LARGE: data
 * are over SGA_DATA_MAX. Save g before the record is sent.
 */
enum rc sga_team_seal(struct sga_team *g, const struct sga_device *d, struct slice data,
                      struct buf *to);

/* What a group record said. */
struct sga_team_plain {
	struct slice data; /* lies in to; until to changes */
	const struct sga_member *sender; /* lives as long as g */
	uint32_t ctr;
	uint32_t missed; /* records of the sender that have not come before this one */
};

/*
 * Opens a record of another member; appends its data to to, which the caller wipes. RC_DENIED: no
 * member, no or another signing key, not authentic, of another group; RC_PRECONDITION: of another
 * epoch; RC_CONFLICT: its number was taken or passed over, or it is one of the device's own that
 * somebody sends back. Save g together with the data.
 */
enum rc sga_team_open(struct sga_team *g, struct slice record, struct sga_team_plain *out,
                      struct buf *to);
/* The epoch and the claimed sender of a group record, unproved. */
enum rc sga_team_peek(struct slice record, uint32_t *epoch, struct sga_id *sender);

/*
 * Appends the state in two parts that belong together: secret (at most SGA_GROUP_SECRET_MAX octets;
 * its ->secret is set; the first is the version) and open (at most SGA_GROUP_OPEN_MAX, no secrets).
 */
enum rc sga_team_save(const struct sga_team *g, struct buf *secret, struct buf *open);
/* RC_BAD_REQUEST: not what one group saved. The caller frees *out with sga_team_free. */
enum rc sga_team_load(struct slice secret, struct slice open, struct sga_team **out);

/* These live as long as g. */
const struct sga_sid *sga_team_id(const struct sga_team *g);
const struct sga_id *sga_team_owner(const struct sga_team *g);
/* NULL behind the last. */
const struct sga_member *sga_team_member_at(const struct sga_team *g, size_t i);
uint32_t sga_team_epoch(const struct sga_team *g);
uint16_t sga_team_cid(const struct sga_team *g);
/* Records that d has sealed in this epoch. */
uint32_t sga_team_sealed(const struct sga_team *g);

/*
 * The owner takes the notice of G that left is no member any more: header(SGA_NOTICE, sid gid) ||
 * epoch(4) || lv8(ID) || HMAC(k_auth, "left" || all before)(32). A new epoch without it is due.
 * RC_DENIED: not G's, or of another group; RC_EXPIRED: of the epoch before, *left is there: the epoch
 * was made by whoever did not know yet; RC_PRECONDITION: of another epoch.
 */
enum rc sga_notice_take(const struct sga_team *g, const struct sga_device *d, struct slice notice,
                        struct sga_id *left);

#endif
