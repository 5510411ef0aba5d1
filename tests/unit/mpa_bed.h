/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parties of multiparty authentication, their warrants, and runs whose octets another program has
 * computed. Each test has its own process: mpa_setup and mpa_teardown are its fixture.
 */
#ifndef UNIT_MPA_BED_H
#define UNIT_MPA_BED_H

#include "mpa/ap.h"
#include "mpa/decision.h"
#include "mpa/transcript.h"
#include "octets.h"

#define NOW INT64_C(1700000100)
#define FROM UINT64_C(1700000000)
#define AGREED_UNTIL UINT64_C(1731536000)
#define UNTIL UINT64_C(1702592000)
#define DEVICE_ID "01bcad980102030405060708090a0b0c"
#define DEVICE2_ID "01bcad98ffffffffffffffffffffffff"
#define PLACE "gscl-0102"
#define K_SESS "19639472c0578e0820688e916abbb18550048ad26796c71da3316fd344fc9b1f"

enum mpa_party { CN, S, D, AP, S2, D2, AP2, MPA_PARTIES };

struct mpa_octets {
	uint8_t v[MPA_CHAIN_MAX];
	size_t n;
};

extern struct sign_key *keys[MPA_PARTIES];
extern struct sign_public publics[MPA_PARTIES];
extern struct mpa_octets w1, w2, w3, w4, w5;
extern struct mpa_octets from_cn, from_s; /* W1 || W3, W2 || W4 */
extern struct mpa_anchor servers[2]; /* S, S2 */

void mpa_setup(void);
void mpa_teardown(void);

struct slice octets_in(const struct mpa_octets *o);
/* A warrant as the fixture has it; its strings are static. */
struct mpa_warrant warrant_of(enum mpa_party delegator, enum mpa_party delegate,
                              enum mpa_party on_behalf);
/* Serial numbers are the given octet, repeated; parent NULL: a root. */
void warrant_make(struct mpa_warrant *w, uint8_t serial, const struct mpa_octets *parent,
                  struct mpa_octets *out);
void chain_join(const struct mpa_octets *a, const struct mpa_octets *b, struct mpa_octets *out);

/* ---- runs ---- */

/* Gives a nonce of one octet repeated, then SHA-256 of a name as the secret. */
struct mpa_dice {
	uint8_t nonce;
	const char *name;
	unsigned turn;
	struct mpa_random random;
};

void mpa_dice_init(struct mpa_dice *d, uint8_t nonce, const char *name);

struct mpa_run {
	struct mpa_dice dice_d, dice_ap;
	struct mpa_device_conf d_conf;
	struct mpa_ap_conf ap_conf;
	struct mpa_device *d;
	struct mpa_ap *ap;
	struct buf a1, a2, a3;
	uint8_t a4[MPA_A4_SIZE];
	struct mpa_session at_d, at_ap;
};

/* Both parties as the vectors have them; nothing is sent. */
void mpa_run_init(struct mpa_run *r);
/* Up to the message of that number, which is there but not taken: 1 .. 4. */
void mpa_run_to(struct mpa_run *r, unsigned message, bool known);
/* Takes A4 as it should be. */
void mpa_run_end(struct mpa_run *r);
void mpa_run_fini(struct mpa_run *r);

/* The messages, each given to whom it is for; the outcome, and the cause of the last one in cause. */
extern enum mpa_cause cause;
enum rc give(struct mpa_run *r, unsigned message, struct slice octets);
struct slice message_of(const struct mpa_run *r, unsigned message);

#endif
