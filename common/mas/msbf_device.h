/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the MSBF knows about devices: one record per pre-provisioned identifier (PPID), and who has
 * which globally unique address. Decoding is strict: a record that is not exactly one of this
 * version is damage (RC_INTERNAL). No keys. Worker.
 */
#ifndef MAS_MSBF_DEVICE_H
#define MAS_MSBF_DEVICE_H

#include "mas/mas_table.h"

#define MSBF_NOTE_MAX 128
#define MSBF_FINGERPRINTS MAS_FINGERPRINTS

enum msbf_state {
	MSBF_ADMITTED = 1, /* may bootstrap */
	MSBF_BOOTSTRAPPING, /* a KmrIndex is reserved, whether the MAS has a Kmr of it is open */
	MSBF_BOOTSTRAPPED, /* the MAS has a Kmr; whether it was used is known there */
	MSBF_LINK_PENDING, /* shares an address with link, waits for an administrator */
	MSBF_REFUSED, /* claims an address of another device */
	MSBF_REPLACED, /* link has taken its place */
	MSBF_REVOKED,
	MSBF_STATES
};

enum msbf_by { MSBF_BY_LIST = 1, MSBF_BY_CA, MSBF_BY_CLAIM /* not admitted: it came by itself */ };

struct msbf_device {
	uint8_t hash[PPID_HASH]; /* of the PPID: its name in administration and audit */
	struct ppid ppid;
	enum msbf_state state;
	enum msbf_by by;
	bool alarmed; /* another device has claimed one of its addresses, or it has */
	bool has_link; /* link: what it claims to replace, has replaced, or is replaced by */
	uint8_t link[PPID_HASH];
	bool has_rival; /* rival: waits in MSBF_LINK_PENDING to take its place */
	uint8_t rival[PPID_HASH];
	char sub_id[MAS_SUB_ID_MAX + 1];
	char note[MSBF_NOTE_MAX + 1];
	int64_t created; /* us since 1970, as the other times */
	unsigned n_fingerprints; /* 0: any key of a certificate for the PPID */
	struct device_fingerprint fingerprints[MSBF_FINGERPRINTS];
	bool has_node;
	bool inherited; /* from a replaced device: the MAS knows the node by that one's PPID */
	struct node_id node;
	uint32_t kmr_reserved; /* highest index that was ever given out */
	uint32_t kmr_index; /* of the last Kmr that was issued, 0 = none is held */
	char scl_id[MAS_SCL_ID_MAX + 1];
	int64_t expires; /* of that Kmr */
	int64_t last_ival; /* secureTimeStamp last accepted; 0: none */
};

/* RC_NOT_FOUND. */
enum rc msbf_device_get(struct tables_tx *tx, const uint8_t hash[PPID_HASH],
                        struct msbf_device *out);
/* Also under its node id. */
enum rc msbf_device_put(struct tables_tx *tx, const struct msbf_device *d);
enum rc msbf_device_by_node(struct tables_tx *tx, const struct node_id *node,
                            struct msbf_device *out);
/* The visitor returns false to end and does not change anything. after NULL: all; limit 0: all. */
typedef bool msbf_device_visit(void *arg, const struct msbf_device *d);
enum rc msbf_device_scan(struct tables_tx *tx, const uint8_t after[PPID_HASH], size_t limit,
                         msbf_device_visit *visit, void *arg);

/* Who has an address; RC_NOT_FOUND. */
enum rc msbf_address_get(struct tables_tx *tx, const struct ppid_pair *pair,
                         uint8_t hash[PPID_HASH]);
/* All unique addresses of ppid are those of hash from now on; hash NULL: nobody's. */
enum rc msbf_address_set(struct tables_tx *tx, const struct ppid *ppid, const uint8_t *hash);

static inline bool
msbf_hash_eq(const uint8_t a[PPID_HASH], const uint8_t b[PPID_HASH])
{
	return memcmp(a, b, PPID_HASH) == 0;
}

/* "ADMITTED" ...; static. */
const char *msbf_state_name(enum msbf_state state);

#endif
