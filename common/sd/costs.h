/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What signatures cost on this machine, and the algorithm that is the best for a bundle: time of
 * the verifier and octets on the way, added by the price of an octet. Any thread.
 */
#ifndef SD_COSTS_H
#define SD_COSTS_H

#include "sd/sd.h"

/* Nanoseconds; those of the pairing are 0 in a build without it. */
struct sd_costs {
	uint64_t ed25519; /* a verification */
	uint64_t bls; /* an aggregate, whatever it holds */
	uint64_t bls_reading; /* for each reading of it */
	uint64_t bls_signer; /* for each device of it, in addition */
	uint64_t identity; /* an aggregate of the identity-based scheme */
	uint64_t identity_reading; /* for each reading of it, identities kept (ibas_identity) */
};

/*
 * Measures, for at most about a quarter of a second of one core: the least of a few repetitions.
 * Blocks for so long: for a start, or a pool. RC_UNAVAILABLE, RC_INTERNAL.
 */
enum rc sd_costs_measure(struct sd_costs *out);
/* Nanoseconds of verifying one bundle; signers: different devices in it, 1..n. */
uint64_t sd_costs_of(const struct sd_costs *c, enum sd_alg alg, size_t n, size_t signers);

struct sd_choice {
	const struct sd_costs *costs; /* of the verifier */
	unsigned algs; /* SD_ALG_BIT of those that all devices and both ends have */
	uint64_t octet; /* price of an octet on the way, ns */
	size_t n; /* readings expected in a bundle, 1..SD_READINGS_MAX */
	size_t signers; /* devices among them, 1..n */
	size_t payloads; /* octets of all payloads */
};

/*
 * The algorithm with the least time and octets together; with equal ones the lower number.
 * SD_BLS_SINGLE is chosen only when it is the only one. RC_NOT_FOUND: algs is empty.
 */
enum rc sd_choose(const struct sd_choice *c, enum sd_alg *out);

#endif
