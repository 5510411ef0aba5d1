/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of group AKA, application/octet-stream. Each begins with
 *
 *   4d 47 01 | u8 type | u32 total length
 *
 * Numbers are big-endian, fields have fixed sizes. Reading is strict: RC_BAD_REQUEST for another
 * magic, type or length (of the octets, or said in them), for a value outside what is said with the
 * member, and for anything but zero where zeros belong. *out is untouched then. Writers take values
 * within their ranges. Any thread.
 *
 * T1, T4..T9 may go over a line that anybody reads. T2, T3, T10 and T11 go over a TLS session in
 * which both sides have proved who they are: T3 and T11 contain keys. T5, T6, T8 and T9 do not say
 * whose they are: whoever carries them knows by other means which attempt they belong to.
 */
#ifndef GAKA_MESSAGE_H
#define GAKA_MESSAGE_H

#include "gaka/gaka.h"

enum gaka_type {
	GAKA_T1 = 1, /* device -> SN: I am here */
	GAKA_T2, /* SN -> HN: vectors of a group */
	GAKA_T3, /* HN -> SN: those */
	GAKA_T4, /* SN -> leader: challenge */
	GAKA_T5, /* leader -> SN: RES */
	GAKA_T6, /* SN -> leader: done */
	GAKA_T7, /* SN -> member: challenge */
	GAKA_T8, /* member -> SN: TAG_UE */
	GAKA_T9, /* SN -> member: done */
	GAKA_T10, /* SN -> HN: a vector of one device */
	GAKA_T11, /* HN -> SN: that */
	GAKA_T12, /* either: error */
	GAKA_TYPES
};

/* Octets of a whole message. */
#define GAKA_HEADER_SIZE 8u
#define GAKA_T1_SIZE 48u
#define GAKA_T2_SIZE 68u
#define GAKA_T3_MIN 142u /* with no member but the leader */
#define GAKA_T3_MEMBER 56u /* for each other one */
#define GAKA_T3_SIZE(members) (GAKA_T3_MIN + GAKA_T3_MEMBER * (size_t)(members))
#define GAKA_T3_MAX GAKA_T3_SIZE(GAKA_MEMBERS_MAX)
#define GAKA_T4_SIZE 66u
#define GAKA_T7_SIZE 90u
#define GAKA_T7_TAGGED 66u /* octets of the payload of T7 before the tag: what TAG_SN covers */
#define GAKA_T10_SIZE 60u
#define GAKA_T11_SIZE 106u
#define GAKA_SHORT_SIZE 24u /* T5, T6, T8, T9, T12 */
#define GAKA_DEVICE_MAX GAKA_T7_SIZE /* the longest that a device sends or gets */

/*
 * The type of a message whose header is right and whose length the type can have; 0 otherwise.
 * Says nothing about the fields.
 */
unsigned gaka_type_of(struct slice message);

/* ---- device -> SN ---- */

struct gaka_t1 {
	struct gaka_gid gid; /* none: a device of no group, for conventional AKA */
	struct node_id id; /* the device */
	uint8_t n[GAKA_NONCE_SIZE]; /* random */
};

enum rc gaka_t1_read(struct slice message, struct gaka_t1 *out);
void gaka_t1_write(const struct gaka_t1 *t1, uint8_t out[GAKA_T1_SIZE]);

/* ---- SN -> HN ---- */

struct gaka_t2 {
	struct gaka_gid gid; /* never none */
	struct node_id leader; /* of T1 */
	uint8_t n[GAKA_NONCE_SIZE]; /* of T1 */
	struct node_id sn; /* who asks: HN compares it with whom it has authenticated */
	uint16_t w; /* values of C wanted for each member, at least 1 */
	/*
	 * The last two octets as a number, 0 or 1. 1: the device has answered the vector before this
	 * one with T12 and GAKA_SYNC; HN moves its sequence number on by GAKA_RESYNC. Not
	 * authenticated: it costs sequence numbers, of which there are 2^64, and nothing else.
	 */
	bool resync;
};

enum rc gaka_t2_read(struct slice message, struct gaka_t2 *out);
void gaka_t2_write(const struct gaka_t2 *t2, uint8_t out[GAKA_T2_SIZE]);

/* For one device alone: conventional AKA. In place of W it has the number 1. */
struct gaka_t10 {
	struct node_id id; /* of T1 */
	uint8_t n[GAKA_NONCE_SIZE]; /* of T1 */
	struct node_id sn; /* as in T2 */
	bool resync; /* as in T2 */
};

enum rc gaka_t10_read(struct slice message, struct gaka_t10 *out);
void gaka_t10_write(const struct gaka_t10 *t10, uint8_t out[GAKA_T10_SIZE]);

/* ---- HN -> SN: secret ---- */

/* What authenticates one device by a full AKA. */
struct gaka_vector {
	struct gaka_rand rand;
	uint8_t autn[GAKA_AUTN_SIZE];
	uint8_t hxres[GAKA_TAG_SIZE];
	struct key ks;
};

struct gaka_t3 {
	struct gaka_vector leader;
	struct key gtk;
	uint64_t expiry; /* seconds since 1970 */
	uint16_t w; /* at least 1 */
	uint16_t count; /* of members: at most GAKA_MEMBERS_MAX */
	struct slice members; /* count times GAKA_T3_MEMBER octets: a view into the message */
};

/* One of the members: secret. */
struct gaka_member {
	struct node_id id;
	uint64_t iv; /* at least GAKA_IV_FIRST, and iv + w below 2^64 */
	struct key xk;
};

/*
 * Checks the members, too: in ascending order of their ids, each once. The caller wipes *out with
 * gaka_t3_wipe, and wipes message.
 */
enum rc gaka_t3_read(struct slice message, struct gaka_t3 *out);
/* The member number i (below count). The caller wipes *out. */
void gaka_t3_member(const struct gaka_t3 *t3, unsigned i, struct gaka_member *out);
/* NULL is fine. */
void gaka_t3_wipe(struct gaka_t3 *t3);

struct gaka_t11 {
	struct gaka_vector vector;
	uint64_t expiry; /* seconds since 1970 */
};

/* The caller wipes *out with gaka_t11_wipe, and wipes message. */
enum rc gaka_t11_read(struct slice message, struct gaka_t11 *out);
/* The caller wipes out. */
void gaka_t11_write(const struct gaka_t11 *t11, uint8_t out[GAKA_T11_SIZE]);
/* NULL is fine. */
void gaka_t11_wipe(struct gaka_t11 *t11);

/* ---- SN -> device ---- */

struct gaka_t4 {
	struct gaka_rand rand;
	uint8_t autn[GAKA_AUTN_SIZE];
	struct node_id sn;
};

enum rc gaka_t4_read(struct slice message, struct gaka_t4 *out);
void gaka_t4_write(const struct gaka_t4 *t4, uint8_t out[GAKA_T4_SIZE]);

struct gaka_t7 {
	struct gaka_rand rand; /* of T3 */
	struct node_id sn;
	uint64_t iv; /* of T3: at least GAKA_IV_FIRST, and iv + w below 2^64 */
	uint16_t w; /* of T3: at least 1 */
	uint64_t c; /* iv <= c < iv + w */
	uint8_t ns[GAKA_NONCE_SIZE];
	uint8_t tag[GAKA_TAG_SIZE]; /* TAG_SN */
};

enum rc gaka_t7_read(struct slice message, struct gaka_t7 *out);
void gaka_t7_write(const struct gaka_t7 *t7, uint8_t out[GAKA_T7_SIZE]);

/* ---- T5, T6, T8, T9: one tag ---- */

/* type: one of the four. */
enum rc gaka_tag_read(enum gaka_type type, struct slice message, uint8_t tag[GAKA_TAG_SIZE]);
void gaka_tag_write(enum gaka_type type, const uint8_t tag[GAKA_TAG_SIZE],
                    uint8_t out[GAKA_SHORT_SIZE]);

/* ---- T12 ---- */

enum gaka_reason {
	GAKA_UNKNOWN = 1, /* there is no such group or device, as far as the sender says */
	GAKA_NOT_MEMBER = 2, /* HN -> SN: the device is no active member of the group */
	GAKA_MAC = 3, /* the one answer to every failure that has to do with keys */
	GAKA_SYNC = 4, /* leader -> SN: MAC right, sequence number not fresh */
	GAKA_EXPIRED = 5, /* the attempt or the vectors have expired: begin again with T1 */
	GAKA_BUSY = 6, /* later */
	GAKA_REASONS
};

/* Nobody has signed a T12: it ends nothing but the attempt that it answers. */
enum rc gaka_t12_read(struct slice message, enum gaka_reason *out);
void gaka_t12_write(enum gaka_reason reason, uint8_t out[GAKA_SHORT_SIZE]);
/*
 * What a peer on the area network is told for the outcome of a step of ue.h or sn.h: GAKA_SYNC for
 * RC_CONFLICT, GAKA_EXPIRED for RC_EXPIRED, GAKA_BUSY for what may pass (RC_UNAVAILABLE,
 * RC_NO_SPACE, RC_INTERNAL), else GAKA_MAC.
 */
enum gaka_reason gaka_reason_of(enum rc rc);

#endif
