/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device of the SGA: its identity, what it believes about G (the package), the key kd that both
 * share, and the registration that makes it so (SGA paper, section 3, figure 3).
 *
 *   R1  i -> G  E_PK("R1"; lv8(token) lv8(ID) kd cid0 CidSet n time lv8(Ed25519 key or empty))
 *   R2  G -> i  status(1) regctr(8) HMAC(k_auth, "R2" h(R1) status regctr)
 *
 * token is 16 octets; a registration that follows another has a token of 48: 16 octets (zero when
 * there is no new token) and HMAC(old k_auth, "R1 again" header lv8(ID) kd n time).
 *
 * The new kd counts from R2 on; until then it is pending beside the old one, so that a device whose
 * answer was lost can still ask with either. Save the device after sga_r1_make, before the octets
 * are sent, and after sga_r2_take.
 *
 * Outcomes of all functions, besides what each says: RC_BAD_REQUEST for octets that have not the
 * form, RC_DENIED for those that are not authentic, RC_CONFLICT for a step that is not due,
 * RC_NO_SPACE when to is full, RC_UNAVAILABLE without (lockable) memory, RC_INTERNAL when a library
 * fails. Whatever is not RC_OK has changed nothing, and what it would have appended is not there.
 * No function blocks, has a clock or does I/O. A device belongs to one thread at a time; functions
 * that take it as const may run at the same time.
 */
#ifndef SGA_DEVICE_H
#define SGA_DEVICE_H

#include "base/buf.h"
#include "sec/secret.h"
#include "sec/sign.h"
#include "sga/package.h"
#include "sga/sga.h"

#define SGA_TOKEN_SIZE 16u
#define SGA_DEVICE_SAVED_MAX 4096u /* octets of a saved device */

struct sga_device;

/* What a device is made of; all of it is copied. */
struct sga_device_conf {
	struct sga_id id; /* ID_d */
	struct slice package; /* of G, its octets as they were downloaded */
	struct sign_public gateway; /* the key of G that signs packages, from provisioning */
	struct slice g; /* ID_G that the package must have; empty: any */
	uint64_t now; /* seconds since 1970; 0 without a clock */
	uint16_t cids; /* the ciphers that it has, as a CidSet; those that G lacks are never used */
	uint16_t cid0; /* what G encrypts to it with; one of cids and of the package */
	const uint8_t *seed; /* SIGN_SEED_SIZE octets of its Ed25519 key; NULL: it does not sign */
};

/*
 * A device that is not registered. RC_CONFLICT: cid0 is not in both sets, or id is empty or G's;
 * else as sga_package_read. The caller frees *out with sga_device_free.
 */
enum rc sga_device_new(const struct sga_device_conf *conf, struct sga_device **out);
/* Wipes and frees; NULL is fine. */
void sga_device_free(struct sga_device *d);

/*
 * Appends the state: secret octets, at most SGA_DEVICE_SAVED_MAX, the first is the version. The
 * caller has set to->secret, wraps and wipes them.
 */
enum rc sga_device_save(const struct sga_device *d, struct buf *to);
/* RC_BAD_REQUEST: not what a device saved. */
enum rc sga_device_load(struct slice saved, struct sga_device **out);

/*
 * The package of the same G, downloaded again; sessions that have begun go on with the one that
 * they began with. As sga_package_read; RC_CONFLICT: its serial is lower than that of the package
 * so far (a roll-back), its suite is another, or cid0 is not in it.
 */
enum rc sga_device_renew(struct sga_device *d, struct slice package, uint64_t now);
/* Other ciphers for the next registration. RC_CONFLICT: cid0 is not in cids and the package. */
enum rc sga_device_set_ciphers(struct sga_device *d, uint16_t cids, uint16_t cid0);

/* These live as long as d, the package until sga_device_renew. */
const struct sga_id *sga_device_id(const struct sga_device *d);
const struct sga_package *sga_device_package(const struct sga_device *d);
/* NULL: it does not sign. */
const struct sign_key *sga_device_sign_key(const struct sga_device *d);
uint16_t sga_device_cids(const struct sga_device *d);
/* How often G has registered it, by the last R2; 0: it is not registered. */
uint64_t sga_device_registered(const struct sga_device *d);
/* An R1 was made whose R2 has not come. */
bool sga_device_pending(const struct sga_device *d);

/*
 * The key of X-M2M-SGA (tag.h) under the kd in force or, pending, under that of the R1 that was
 * made last. RC_CONFLICT: there is none. The caller wipes *out.
 */
enum rc sga_device_request_key(const struct sga_device *d, bool pending, struct key *out);

/*
 * Appends R1 with a fresh kd, which is pending then (and replaces one that was). token:
 * SGA_TOKEN_SIZE octets, or NULL, which only a registered device may do. A registered device proves
 * its kd. now: seconds since 1970, 0 without a clock.
 */
enum rc sga_r1_make(struct sga_device *d, const uint8_t *token, uint64_t now,
                    const struct sga_random *random, struct buf *to);
/*
 * Takes R2. *status: what G says, authenticated: SGA_STATUS_OK, and the pending kd is in force;
 * else G refused, nothing is pending and the kd before remains. RC_DENIED too for a count of
 * registrations that is not above the last one.
 */
enum rc sga_r2_take(struct sga_device *d, struct slice r2, uint8_t *status);

/* status of R2. */
enum sga_status {
	SGA_STATUS_OK,
	SGA_STATUS_TAKEN, /* the identity is another device's */
	SGA_STATUS_CIPHER, /* no common cipher, or cid0 not allowed */
};

#endif
