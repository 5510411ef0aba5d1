/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A home network, two serving networks and devices of one group, all in one memory. The devices,
 * their keys, the group and the random numbers are those of the written vectors, so that the first
 * run of each kind gives what is written there.
 */
#ifndef UNIT_GAKA_BED_H
#define UNIT_GAKA_BED_H

#include "gaka/hn.h"
#include "gaka/keys.h"
#include "gaka/sn_own.h"
#include "gaka/ue_own.h"
#include "octets.h"

#define BED_DEVICES 4u
#define BED_NOW UINT64_C(1700000000)
#define BED_EXPIRY (BED_NOW + GAKA_EXPIRY)
#define BED_SETS 2u

#define RAND_HEX "23553cbe9637a89d218ae64dae47bf35"

/* A device, at itself and at the home network; number 1 is at [0]. */
struct bed_device {
	struct node_id id;
	struct key ka;
	uint64_t sqn, iv; /* at the home network */
	bool member; /* active */
	struct gaka_ue ue;
	struct gaka_try t;
	struct gaka_attempt a; /* at the serving network */
	struct gaka_done at_ue, at_sn;
	uint8_t state[GAKA_STATE_MAX]; /* what it has kept */
	size_t state_n;
	unsigned keeps;
	enum rc keep_rc; /* of the next ones */
	/* What was said last, and what is to be said next. */
	uint8_t t1[GAKA_T1_SIZE], t4[GAKA_T4_SIZE], t7[GAKA_T7_SIZE];
	uint8_t t5[GAKA_SHORT_SIZE], t6[GAKA_SHORT_SIZE], t8[GAKA_SHORT_SIZE], t9[GAKA_SHORT_SIZE];
};

struct bed {
	struct gaka_gid gid;
	struct key gak, old_gak;
	struct gaka_gaks gaks; /* as the devices know them */
	struct node_id sn[BED_SETS];
	uint16_t w;
	bool random; /* instead of the written numbers */
	struct bed_device d[BED_DEVICES];
	uint8_t t3[GAKA_T3_SIZE(BED_DEVICES)];
	size_t t3_n;
	struct gaka_set *set[BED_SETS];
};

/* The parties before their first run. */
void bed_init(struct bed *b);
void bed_fini(struct bed *b);

/* The device number i (1..) with what it has kept, as after a restart. */
void bed_restart(struct bed *b, unsigned i);

/* T1 of i: from its try. */
void bed_t1(struct bed *b, unsigned i);
/* T2 for the T1 of i by the serving network s, T3, and the set and T4 that come of it. */
void bed_t2_t3(struct bed *b, unsigned i, unsigned s, bool resync);
void bed_t4(struct bed *b, unsigned i, unsigned s);
/* The same with T10, T11. */
void bed_t10_t4(struct bed *b, unsigned i, unsigned s, bool resync);
/* T7 of the set of s. */
void bed_t7(struct bed *b, unsigned i, unsigned s);
/* The rest of a run that goes well; the keys on both sides are the same. */
void bed_full(struct bed *b, unsigned i);
void bed_member(struct bed *b, unsigned i);

/* Views of whole messages. */
#define BED_SLICE(octets) slice_make((octets), sizeof(octets))

#endif
