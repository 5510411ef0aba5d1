/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of a registration compute alike (device.h says what it is). Any thread. */
#ifndef SGA_REGISTER_H
#define SGA_REGISTER_H

#include "sga/device.h"
#include "sga/phase.h"

#define SGA_TOKEN_LONG (SGA_TOKEN_SIZE + SGA_HASH_SIZE)
#define SGA_R1_BODY_MAX                                                                            \
	(1u + SGA_TOKEN_LONG + 1u + SGA_ID_MAX + KEY_BYTES + 2u + 2u + SGA_SID_SIZE + 8u + 1u +    \
	 SIGN_PUBLIC_SIZE)
#define SGA_R2_SIZE (SGA_HEADER_SIZE + 1u + 8u + SGA_HASH_SIZE)

/* What the proof of a registration that follows another covers. */
struct sga_again {
	const struct sga_header *header;
	const struct sga_id *id;
	const struct key *kd; /* the new one */
	const uint8_t *n; /* SGA_SID_SIZE octets */
	uint64_t time;
};

/* HMAC(k_auth of old, "R1 again" header lv8(ID) kd n time). */
enum rc sga_again_make(const struct key *old, const struct sga_pair *who, const struct sga_again *a,
                       uint8_t out[SGA_HASH_SIZE]);

/* R2 behind its header. */
struct sga_acknowledgement {
	uint8_t status;
	uint64_t registrations;
};

/* Writes a, and HMAC(k_auth of kd, "R2" h(R1) status registrations): SGA_R2_SIZE octets. */
enum rc sga_acknowledgement_write(const struct key *kd, const struct sga_pair *who,
                                  const struct sga_hash *r1, const struct sga_header *h,
                                  const struct sga_acknowledgement *a, uint8_t out[SGA_R2_SIZE]);
/* r2: SGA_R2_SIZE octets. RC_DENIED. */
enum rc sga_acknowledgement_read(const struct key *kd, const struct sga_pair *who,
                                 const struct sga_hash *r1, struct slice r2,
                                 struct sga_acknowledgement *out);

#endif
