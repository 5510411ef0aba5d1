/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices whose readings an NSCL takes: their keys, the number of the last reading that was
 * taken, and what they have spoilt. In memory as a whole, as it is read for every reading; what of it
 * lasts is in the book (sd_book.h). A device that was there once stays, without keys.
 *
 * Functions lock; any thread, none waits.
 */
#ifndef CAP_SD_SD_KNOWN_H
#define CAP_SD_SD_KNOWN_H

#include "sd/verify.h"

#define SD_CONTAINER_MAX 255u /* octets of its path */
#define SD_CULPRIT_MAX 3u /* wrong signatures by one gateway; then it is excluded there */
#define SD_BLAMES_MAX 4u /* gateways that a device has spoilt something for, the last ones */
#define SD_EXCLUDED_TIME (INT64_C(3600) * 1000000) /* us */

/* Keys as they were registered. */
struct sd_keys {
	bool known; /* there is a registration; else all else is zero */
	bool has_ed25519, has_bls;
	uint64_t revision; /* another one with each registration */
	struct sign_public ed25519;
	uint8_t bls[SD_BLS_PUBLIC_SIZE]; /* its proof was seen */
	char scl_id[SCL_ID_MAX + 1]; /* of the device, by whose rights instances are made */
	char container[SD_CONTAINER_MAX + 1]; /* path */
};

/* Wrong signatures of a device that one gateway has delivered: they may be the gateway's own work. */
struct sd_blame {
	struct node_id gateway;
	uint32_t culprit; /* since the last exclusion */
	int64_t excluded; /* us since 1970 until which it is, from aggregates by that gateway; 0: never */
};

/* What readings have left behind. */
struct sd_trace {
	uint64_t seq; /* of the last reading that was taken; 0: none was */
	unsigned n; /* of blames, that of the last wrong signature first */
	struct sd_blame blames[SD_BLAMES_MAX];
};

struct sd_known_table;
struct sd_known; /* lives as long as its table */

/* NULL without memory. max: devices, 1.. */
struct sd_known_table *sd_known_new(unsigned max);
void sd_known_free(struct sd_known_table *t);
unsigned sd_known_count(struct sd_known_table *t);

/* NULL: it never was there. */
struct sd_known *sd_known_find(struct sd_known_table *t, const struct node_id *id);
/* The same, made when it is not there. RC_NO_SPACE: there are max; RC_UNAVAILABLE. */
enum rc sd_known_enter(struct sd_known_table *t, const struct node_id *id, struct sd_known **out);

void sd_known_keys(struct sd_known_table *t, const struct sd_known *k, struct sd_keys *out);
/*
 * keys NULL: there are none any more. RC_FORBIDDEN: it was revoked since there were so many
 * revocations; RC_UNAVAILABLE without memory: as it was.
 */
enum rc sd_known_set_keys(struct sd_known_table *t, struct sd_known *k, const struct sd_keys *keys,
                          unsigned revocations);
struct sd_trace sd_known_trace(struct sd_known_table *t, const struct sd_known *k);
void sd_known_set_trace(struct sd_known_table *t, struct sd_known *k, const struct sd_trace *trace);

/* Until when aggregates by gateway must not have a reading of the device: us since 1970, or 0. */
int64_t sd_trace_excluded(const struct sd_trace *t, const struct node_id *gateway);
/*
 * Counts a wrong signature that gateway has delivered at now; the gateway of longest ago is forgotten
 * when there are many. True: with it the device is excluded.
 */
bool sd_trace_blame(struct sd_trace *t, const struct node_id *gateway, int64_t now);

/* How often the device was revoked. revoke counts, and takes its keys away; false: it had none. */
unsigned sd_known_revocations(struct sd_known_table *t, const struct sd_known *k);
bool sd_known_revoke(struct sd_known_table *t, struct sd_known *k);

/* A place in the table; zero: the first. */
struct sd_cursor {
	size_t bucket;
	unsigned depth;
};
/* The next device with keys, and behind it; false: there is none. All that stay are found. */
bool sd_known_next(struct sd_known_table *t, struct sd_cursor *at, struct node_id *out);

/* Whether the device has what a signature of alg is checked with; identity: whether it is known. */
bool sd_known_has(struct sd_known_table *t, const struct sd_known *k, enum sd_alg alg);

/*
 * The key of the device for alg: out has room for what struct sd_signer has of it. What costs time
 * is kept: the point of a BLS key, the points of an identity of the month of millis. RC_NOT_FOUND:
 * it has none (any more); RC_UNAVAILABLE, RC_INTERNAL, RC_NOT_IMPLEMENTED. May take a millisecond.
 */
union sd_known_key {
	struct sign_public ed25519;
	struct sd_bls_public bls;
	struct ibas_identity identity;
};
enum rc sd_known_key(struct sd_known_table *t, struct sd_known *k, enum sd_alg alg, uint64_t millis,
                     union sd_known_key *out);

#endif
