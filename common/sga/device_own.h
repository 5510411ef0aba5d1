/* SPDX-License-Identifier: Apache-2.0 */
/* What a device is; for device.h, session.h and group.h. */
#ifndef SGA_DEVICE_OWN_H
#define SGA_DEVICE_OWN_H

#include "sga/device.h"
#include "sga/kd.h"

/* In memory of secret_alloc. */
struct sga_device {
	struct sga_id id;
	struct sign_public gateway; /* signs packages */
	struct sga_package *package;
	uint16_t cids, cid0;
	uint16_t cid0_sent, cid0_now; /* that of the R1 that is pending, and of that in force */
	bool signs;
	uint8_t seed[SIGN_SEED_SIZE];
	struct sign_key *sign; /* of seed; NULL unless signs */
	uint64_t registered; /* how often; 0: never */
	struct key kd; /* in force; zero when registered is 0 */
	bool pending; /* R1 was made */
	struct key next; /* the kd in it */
	struct sga_hash r1; /* h(R1) */
};

/* The device and its G. */
struct sga_pair sga_device_pair(const struct sga_device *d);
/* cid is one of d's and of its package. */
bool sga_device_has_cipher(const struct sga_device *d, uint16_t cid);

#endif
