/* SPDX-License-Identifier: Apache-2.0 */
/* A message of each type of group AKA, and what its reader says of one that is changed. */
#ifndef UNIT_GAKA_MESSAGES_H
#define UNIT_GAKA_MESSAGES_H

#include "base/be.h"
#include "gaka_bed.h"

#define MEMBERS 3u

/* A message of each type with values in the middle of their ranges. */
static uint8_t messages[GAKA_TYPES][GAKA_T3_SIZE(MEMBERS)];
static size_t sizes[GAKA_TYPES];

/* Anything that a reader may fill. */
union any {
	struct gaka_t1 t1;
	struct gaka_t2 t2;
	struct gaka_t3 t3;
	struct gaka_t4 t4;
	struct gaka_t7 t7;
	struct gaka_t10 t10;
	struct gaka_t11 t11;
	uint8_t tag[GAKA_TAG_SIZE];
	enum gaka_reason reason;
	uint8_t octets[512];
};

static inline enum rc
read_as(unsigned type, struct slice m, union any *out)
{
	switch (type) {
	case GAKA_T1:
		return gaka_t1_read(m, &out->t1);
	case GAKA_T2:
		return gaka_t2_read(m, &out->t2);
	case GAKA_T3:
		return gaka_t3_read(m, &out->t3);
	case GAKA_T4:
		return gaka_t4_read(m, &out->t4);
	case GAKA_T7:
		return gaka_t7_read(m, &out->t7);
	case GAKA_T10:
		return gaka_t10_read(m, &out->t10);
	case GAKA_T11:
		return gaka_t11_read(m, &out->t11);
	case GAKA_T12:
		return gaka_t12_read(m, &out->reason);
	default:
		return gaka_tag_read((enum gaka_type)type, m, out->tag);
	}
}

/* Refused, and nothing is written. */
static inline void
refused(unsigned type, struct slice m)
{
	union any out, before;

	memset(&out, 0x5a, sizeof(out));
	memcpy(&before, &out, sizeof(out));
	ck_assert_int_eq(read_as(type, m, &out), RC_BAD_REQUEST);
	ck_assert_mem_eq(&out, &before, sizeof(out));
}

static inline void
taken(unsigned type)
{
	union any out;

	ck_assert_int_eq(read_as(type, slice_make(messages[type], sizes[type]), &out), RC_OK);
}

/* The fields are numbered octets, and the numbers among them are put in their ranges. */
static inline void
setup(void)
{
	static const size_t fixed[GAKA_TYPES] = {
		[GAKA_T1] = GAKA_T1_SIZE,          [GAKA_T2] = GAKA_T2_SIZE,
		[GAKA_T3] = GAKA_T3_SIZE(MEMBERS), [GAKA_T4] = GAKA_T4_SIZE,
		[GAKA_T7] = GAKA_T7_SIZE,          [GAKA_T10] = GAKA_T10_SIZE,
		[GAKA_T11] = GAKA_T11_SIZE,
	};

	for (unsigned t = GAKA_T1; t < GAKA_TYPES; t++) {
		sizes[t] = fixed[t] != 0 ? fixed[t] : GAKA_SHORT_SIZE;
		for (size_t i = 0; i < sizes[t]; i++)
			messages[t][i] = (uint8_t)(i + t);
		memcpy(messages[t], "\x4d\x47\x01", 3);
		messages[t][3] = (uint8_t)t;
		be_put(messages[t] + 4, sizes[t], 4);
	}
	be_put(messages[GAKA_T2] + 64, 16, 2);
	be_put(messages[GAKA_T2] + 66, 0, 2);
	be_put(messages[GAKA_T3] + 138, 16, 2);
	be_put(messages[GAKA_T3] + 140, MEMBERS, 2);
	for (unsigned i = 0; i < MEMBERS; i++)
		memset(messages[GAKA_T3] + GAKA_T3_SIZE(i), (int)(7 * i + 1), GAKA_T3_MEMBER);
	be_put(messages[GAKA_T7] + 40, 100, 8);
	be_put(messages[GAKA_T7] + 48, 16, 2);
	be_put(messages[GAKA_T7] + 50, 107, 8);
	be_put(messages[GAKA_T10] + 56, 1, 2);
	be_put(messages[GAKA_T10] + 58, 0, 2);
	memset(messages[GAKA_T12] + 8, 0, 16);
	messages[GAKA_T12][8] = GAKA_MAC;
}

#endif
