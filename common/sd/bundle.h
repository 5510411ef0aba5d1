/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSB1: readings with the signatures of their devices, between device and gateway and between
 * gateway and network. Who carries it can drop it and delay it, not alter it.
 *
 *   "MSB1" | u8 alg | u8 flags | u16 n | u32 total | gatewayId 16 | u64 bundleSeq
 *   n x ( deviceId 16 | u64 seq | u64 unixMillis | LV16 payload )
 *   signatures: alg 1: n x 64; 2: 48; 3: n x 48; 4: w 16 | S 48 | T 96
 *
 * total: octets of the whole. A device sends its own readings with gatewayId and bundleSeq zero and
 * alg 1, 3 or 4. Any thread.
 */
#ifndef SD_BUNDLE_H
#define SD_BUNDLE_H

#include "base/buf.h"
#include "sd/reading.h"

#define SD_BUNDLE_TYPE "application/octet-stream"
#define SD_BUNDLE_FIXED 36u /* octets in front of the readings */
#define SD_ENCRYPTED 0x01u /* flags: each payload is a JWE */

/* Octets of a signature on its own, and of all of an aggregate. */
#define SD_ED25519_SIZE 64u
#define SD_BLS_SIZE 48u
#define SD_ROUND_SIZE 16u
#define SD_IDENTITY_SIZE (SD_ROUND_SIZE + 48u + 96u)

struct sd_bundle {
	enum sd_alg alg;
	uint8_t flags; /* 0 or SD_ENCRYPTED */
	size_t n; /* 1..SD_READINGS_MAX */
	struct node_id gateway; /* zero: none, a device sends it itself */
	uint64_t seq;
	struct slice records; /* n readings, in what was parsed; for sd_bundle_readings */
	struct slice signatures; /* of the length that alg and n ask for, in what was parsed */
};

/* Octets behind n readings; 0: there is no such algorithm. */
size_t sd_signatures_size(enum sd_alg alg, size_t n);
/* Octets of a bundle of n readings whose payloads have so many octets together. */
size_t sd_bundle_size(enum sd_alg alg, size_t n, size_t payloads);

/*
 * What the octets say, all lengths checked; nothing is copied, so octets outlive *out. Signatures
 * are not looked at. RC_BAD_REQUEST: no such bundle; *out is then zero.
 */
enum rc sd_bundle_parse(struct slice octets, struct sd_bundle *out);
/* The n readings of a parsed bundle; their payloads lie in it. */
void sd_bundle_readings(const struct sd_bundle *b, struct sd_reading *out);

/*
 * Appends the bundle: of *b all but records, and the b->n readings. RC_BAD_REQUEST: alg, flags, n,
 * a payload or the length of the signatures is outside what is said above; RC_UNAVAILABLE: no
 * memory, or out is full. On failure out is as it was.
 */
enum rc sd_bundle_write(const struct sd_bundle *b, const struct sd_reading *readings,
                        struct buf *out);

#endif
