/* SPDX-License-Identifier: Apache-2.0 */
/* What a group is; for group.h. */
#ifndef SGA_GROUP_OWN_H
#define SGA_GROUP_OWN_H

#include "sga/device_own.h"
#include "sga/group.h"
#include "sga/octets.h"

/* A member, and the number of the next record of it. */
struct sga_seat {
	struct sga_member member;
	uint32_t next;
};

/* In memory of secret_alloc. */
struct sga_team {
	uint8_t suite;
	uint16_t cid;
	uint16_t count;
	struct sga_sid gid;
	uint32_t epoch;
	struct key gk;
	struct sga_id owner;
	uint32_t sealed;
	struct sga_hash open; /* of the other part, where it is saved */
	struct sga_seat *seats; /* count of them; no secrets */
};

/* NULL: there is no such member. */
struct sga_seat *sga_team_seat(const struct sga_team *g, const struct sga_id *id);
/* count seats, all empty. RC_UNAVAILABLE. */
enum rc sga_team_new(size_t count, struct sga_team **out);
/* Members that are none, or twice the same, are not good. */
bool sga_team_members_ok(const struct sga_team *g);
/* lv8(ID) lv8(Ed25519 key or empty) */
void sga_team_write_member(struct buf *to, const struct sga_member *m);
void sga_team_read_member(struct sga_reader *r, struct sga_member *out);

#endif
