/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libgaka: group authentication and key agreement. Devices of one group that attach to the same
 * serving network do not each bother the home network: the first one, the leader, runs a full AKA
 * (3GPP TS 33.102, clause 6.3, with our functions), and in that run the serving network is given
 * what it authenticates each other member with, by itself ("Security Issues on Machine to Machine
 * Communications", Lai et al. 2012, group authentication and key agreement; G-AKA, Chen et al.).
 *
 *   message.h  T1..T12: sizes, strict reading, writing
 *   keys.h     every key and tag
 *   hn.h       home network (the MAS): answers T2 and T10
 *   sn.h       serving network (gscl, nscl): sets of vectors, attempts of devices
 *   ue.h       device: leader, conventional device and member, with what it keeps durably
 *
 *   device          serving network SN                    home network HN
 *     | T1 gid, id, n     |                                      |
 *     |------------------>| no vectors: T2 gid, leader, n, sn, W |
 *     |                   |------------------------------------->|
 *     |                   | T3 AUTN, HXRES, KS, GTK, XK_i ...    |
 *     | T4 RAND, AUTN, sn |<-------------------------------------|
 *     |<------------------|
 *     | T5 RES            |     leader; also a device for which SN asks alone (T10, T11)
 *     |------------------>|
 *     | T6                |
 *     |<------------------|
 *
 *     | T1                | has vectors
 *     |------------------>|
 *     | T7 RAND, IV, C .. |
 *     |<------------------|
 *     | T8                |     member; HN is not asked
 *     |------------------>|
 *     | T9                |
 *     |<------------------|     T12 from either side: an error
 *
 * A member's tags depend on the group's key GAK (through GTK) and on a key XK_i of its own, which
 * the home network gives the one serving network that it authorises: a gateway without it cannot
 * play the network, and a member cannot play another. No forward secrecy: all keys are symmetric.
 * The serving network is trusted for the members that it was given, until their vectors expire.
 *
 * The library has no global state, no clock and does no input or output; times are arguments, in
 * seconds since 1970. Objects are used by one thread at a time; functions without an object by any.
 * Every function that can fail returns an enum rc. Common to all: RC_INTERNAL when libcrypto or its
 * generator fails. What is not RC_OK has changed no state and has given out nothing: outputs are
 * zero or untouched. Needs libcrypto alone.
 */
#ifndef GAKA_GAKA_H
#define GAKA_GAKA_H

#include "sec/node_id.h"
#include "sec/secret.h"

#define GAKA_GID_SIZE 8u
#define GAKA_RAND_SIZE 16u
#define GAKA_NONCE_SIZE 16u /* N of a device, NS of a serving network */
#define GAKA_TAG_SIZE 16u /* MAC, RES, HXRES, TAG_SN, TAG_UE, TAG_OK, the payload of T6 */
#define GAKA_AUTN_SIZE 26u

#define GAKA_WINDOW 16u /* W: values of C that one answer of the home network is good for */
#define GAKA_EXPIRY 3600u /* seconds that a set of vectors lives, unless configured */
#define GAKA_SQN_WINDOW 32u /* how far sequence numbers may arrive out of order */
#define GAKA_RESYNC 32u /* what the home network adds after a T12 with GAKA_SYNC */
#define GAKA_ATTEMPT_SECONDS 10u /* that a serving network waits for T5 or T8 */
#define GAKA_MEMBERS_MAX 1024u /* members in one T3, besides the leader */
/*
 * The first IV of a member and the first C: 0 stands for "none yet" in what a device keeps. The
 * first SQN is 1, too.
 */
#define GAKA_IV_FIRST 1u

/* Names a group; all zeros: none. */
struct gaka_gid {
	uint8_t v[GAKA_GID_SIZE];
};

struct gaka_rand {
	uint8_t v[GAKA_RAND_SIZE];
};

static inline bool
gaka_gid_eq(const struct gaka_gid *a, const struct gaka_gid *b)
{
	return memcmp(a->v, b->v, GAKA_GID_SIZE) == 0;
}

/* True for the name that stands for no group. */
static inline bool
gaka_gid_none(const struct gaka_gid *gid)
{
	static const struct gaka_gid none;

	return gaka_gid_eq(gid, &none);
}

/*
 * What both sides have after T6 or T9: the end of an attempt. Secret; its owner wipes it with
 * gaka_done_wipe.
 */
struct gaka_done {
	struct gaka_gid gid; /* as in T1; none: a device of no group */
	struct node_id id; /* the device */
	struct node_id sn; /* the serving network */
	struct key ks; /* KS, or KS_i */
	uint64_t c; /* for gaka_psk: C of T7; of a leader the first eight octets of AUTN */
	uint64_t expiry; /* of ks: seconds since 1970; 0 at a device, which is not told */
	bool leader; /* by a full AKA (T4): leader or conventional; false: member (T7) */
};

/* NULL is fine. */
void gaka_done_wipe(struct gaka_done *done);

#endif
