/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and tags of group AKA. EXPAND is M2M-EXPAND of sec/derive.h, H is SHA-256, KA of a device is
 * EXPAND(Kmr, "aka root", node id). The names are those of 3GPP TS 33.102 where there is one.
 *
 *   MAC      EXPAND(KA, "aka f1", RAND || u64 SQN || AMF || SNID)            16
 *   RES      EXPAND(KA, "aka f2", RAND || SNID)                              16
 *   KS       EXPAND(KA, "aka f3", RAND || u64 SQN || SNID)                   32
 *   AK       EXPAND(KA, "aka f5", RAND)                                       8
 *   AUTN     (u64 SQN xor AK) || AMF || MAC, AMF 80 00                       26
 *   HXRES    H("m2m1 hxres" || RAND || RES)                                  16 first octets
 *   GTK      EXPAND(GAK, "gtk", GID || RAND || SNID)                         32
 *   XK_i     EXPAND(KA_i, "gaka xk", GID || RAND || SNID || u64 IV_i || u16 W) 32
 *   KAUTH_i  HKDF-Extract(salt GTK, ikm XK_i)                                32
 *   TAG_SN   EXPAND(KAUTH_i, "gaka sn", T1 || payload of T7 before the tag)  16
 *   TAG_UE   EXPAND(KAUTH_i, "gaka ue", T1 || T7)                            16
 *   TAG_OK   EXPAND(KAUTH_i, "gaka ok", H(T1 || T7 || T8))                   16
 *   KS_i     EXPAND(KAUTH_i, "gaka ks", H(T1 || T7 || T8))                   32
 *   T6       HMAC(KS, "m2m1 aka ok" || T4 || T5)                             16 first octets
 *
 * T1, T4, T5, T7, T8 are whole messages with their headers. RC_INTERNAL, and zeros, when the
 * library fails: the one failure of all functions here. The caller wipes what it gets. Any thread.
 */
#ifndef GAKA_KEYS_H
#define GAKA_KEYS_H

#include "gaka/message.h"
#include "sec/derive.h"

/* ---- full AKA: leader, conventional device ---- */

/* What a run of one device is about. */
struct gaka_aka {
	const struct key *ka;
	const struct gaka_rand *rand;
	const struct node_id *sn;
	uint64_t sqn; /* not used for RES and AK */
};

enum rc gaka_mac(const struct gaka_aka *a, uint8_t out[GAKA_TAG_SIZE]);
enum rc gaka_res(const struct gaka_aka *a, uint8_t out[GAKA_TAG_SIZE]);
enum rc gaka_ks(const struct gaka_aka *a, struct key *out);
enum rc gaka_autn(const struct gaka_aka *a, uint8_t out[GAKA_AUTN_SIZE]);
/*
 * The SQN that autn conceals, which is in a->sqn then, when its AMF and MAC are right; RC_DENIED
 * otherwise, and a->sqn is 0.
 */
enum rc gaka_autn_open(struct gaka_aka *a, const uint8_t autn[GAKA_AUTN_SIZE]);
enum rc gaka_hxres(const struct gaka_rand *rand, const uint8_t res[GAKA_TAG_SIZE],
                   uint8_t out[GAKA_TAG_SIZE]);
/* The payload of T6; t4, t5: the whole messages. */
enum rc gaka_aka_ok(const struct key *ks, struct slice t4, struct slice t5,
                    uint8_t out[GAKA_TAG_SIZE]);

/* ---- group ---- */

/* What a set of vectors is about, and the part of one member in it. */
struct gaka_part {
	const struct gaka_gid *gid;
	const struct gaka_rand *rand;
	const struct node_id *sn;
	uint64_t iv; /* of the member; not used for GTK, as w */
	uint16_t w;
};

enum rc gaka_gtk(const struct key *gak, const struct gaka_part *p, struct key *out);
enum rc gaka_xk(const struct key *ka, const struct gaka_part *p, struct key *out);
enum rc gaka_kauth(const struct key *gtk, const struct key *xk, struct key *out);

/* The messages of a member's attempt, as far as they are there; whole ones. */
struct gaka_run {
	struct slice t1, t7, t8;
};

/* Of t1 and t7 without its tag, which need not be there yet: GAKA_T7_SIZE octets all the same. */
enum rc gaka_tag_sn(const struct key *kauth, const struct gaka_run *run,
                    uint8_t out[GAKA_TAG_SIZE]);
enum rc gaka_tag_ue(const struct key *kauth, const struct gaka_run *run,
                    uint8_t out[GAKA_TAG_SIZE]);
enum rc gaka_tag_ok(const struct key *kauth, const struct gaka_run *run,
                    uint8_t out[GAKA_TAG_SIZE]);
enum rc gaka_ks_member(const struct key *kauth, const struct gaka_run *run, struct key *out);

/* ---- the session that the key is for ---- */

/*
 * PSK of a TLS session with the identity ga<v>: EXPAND(KS, "psk ga<v>", u64 C), of the ks and the c
 * of a struct gaka_done. For a member, C is that of T7. A leader has none, and the serving network
 * cannot see SQN; theirs is the first eight octets of AUTN (SQN as AK conceals it), which both have.
 * RC_BAD_REQUEST, and zeros: v.
 */
enum rc gaka_psk(const struct key *ks, enum psk_tls v, uint64_t c, struct key *out);

#endif
