/* SPDX-License-Identifier: Apache-2.0 */
/* What a session is; for session.h and record.h. */
#ifndef SGA_SESSION_OWN_H
#define SGA_SESSION_OWN_H

#include "sec/replay.h"
#include "sga/device_own.h"
#include "sga/hop.h"
#include "sga/phase.h"
#include "sga/session.h"

#define SGA_CONF_SIZE 16u

/* In memory of secret_alloc. */
struct sga_session {
	bool inviter; /* this is i */
	uint8_t state; /* enum sga_state */
	uint8_t suite;
	uint16_t group; /* 0 before the package is known: j before A3 */
	uint16_t cid;
	bool challenged; /* A1 was made a second time */
	struct sga_sid sid;
	struct sga_ids ids;
	struct sga_hash dp; /* of the package that the session began with */
	uint16_t f_n;
	uint8_t f[SGA_PUBLIC_MAX]; /* its PK_F, until B1 or B3 */

	/* Phase A and B; erased by B6. */
	struct sga_hash heard[SGA_HS];
	struct key kt_i, kt_j;
	struct sga_exponent power; /* R */
	struct key k_is; /* or K_js */
	struct sga_hop hop; /* what G says to end the session comes in hop.down, also later */

	/* Phase C; from B6 on. */
	struct key prk, k_conf;
	struct sga_hash th;
	struct sga_way out, in; /* ctr: of the next record */
	uint64_t opened;
	bool window;
	struct replay seen; /* with a window; numbers are ctr + 1 */
	bool confirmed, signed_by_peer;

	uint32_t failed; /* openings; not saved */
};

struct sga_exchange sga_session_exchange(const struct sga_session *s);
const struct cipher *sga_session_cipher(const struct sga_session *s);
/* The session begins with the package of d. */
void sga_session_package(struct sga_session *s, const struct sga_device *d);
/* Hop keys of this side. heard and kt are there. */
enum rc sga_session_hop(const struct sga_session *s, const struct sga_device *d,
                        struct sga_hop *out);

/*
 * PRK and all that comes of it into s; k: what both devices have computed, group->element octets.
 * TH, kt_i and kt_j are there. s is undefined unless RC_OK.
 */
enum rc sga_session_keys(struct sga_session *s, const uint8_t *k);

#endif
