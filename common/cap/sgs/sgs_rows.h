/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of the book. Most are rows of numbers (store/table_row.h). All integers are
 * big-endian. Private to cap/sgs. dev: number of a device; sid, gid: 16 octets.
 *
 *   V                         version 1, check value of the wrapping key 4
 *   Q                         row: totals
 *   P suite1 serial4          version 1, created 8, LV16 package
 *   p suite1 serial4          wrapped private keys
 *   q suite1 serial4          row: how many negotiations need them
 *   H hash32                  version 1, expires 8, LV16 identity of a token
 *   h identity                hash 32 of the token that it has
 *   N identity                dev8
 *   D dev8                    row
 *   O dev8                    version 1, has sign 1, LV16 sign, LV16 hash of R1, LV16 identity,
 *                             LV16 answer
 *   C dev8                    row: what it has
 *   K dev8                    wrapped kd
 *   U dev8                    contact
 *   X dev8                    is being removed
 *   S sid                     row
 *   s sid                     wrapped state of the negotiation
 *   d dev8 sid                empty: it is i or j
 *   R dev8 sid                row: replay cache
 *   M dev8 item8              version 1, received 8, expires 8, blob 8, message (blob 0) or nothing
 *   B blob8                   message of several mailboxes
 *   b blob8                   row: in how many
 *   G gid                     row
 *   g gid                     purpose
 *   m gid dev8                row: a member
 *   n dev8 gid                empty: it is a member
 *   T time8 due1 rest         what is over then: rest is its key without the letter
 */
#ifndef CAP_SGS_SGS_ROWS_H
#define CAP_SGS_SGS_ROWS_H

#include "store/table_row.h"

enum sgs_table {
	SGS_T_VERSION = 'V',
	SGS_T_TOTALS = 'Q',
	SGS_T_PACKAGE = 'P',
	SGS_T_PRIVATE = 'p',
	SGS_T_IN_USE = 'q',
	SGS_T_TOKEN = 'H',
	SGS_T_TOKEN_OF = 'h',
	SGS_T_NUMBER = 'N',
	SGS_T_DEVICE = 'D',
	SGS_T_NAMES = 'O',
	SGS_T_COUNT = 'C',
	SGS_T_KD = 'K',
	SGS_T_CONTACT = 'U',
	SGS_T_GONE = 'X',
	SGS_T_SESSION = 'S',
	SGS_T_STATE = 's',
	SGS_T_PARTY = 'd',
	SGS_T_REPLAY = 'R',
	SGS_T_ITEM = 'M',
	SGS_T_BLOB = 'B',
	SGS_T_BLOB_IN = 'b',
	SGS_T_GROUP = 'G',
	SGS_T_PURPOSE = 'g',
	SGS_T_MEMBER = 'm',
	SGS_T_MEMBER_OF = 'n',
	SGS_T_DUE = 'T',
};

/* What is over by time. */
enum sgs_due { SGS_DUE_SESSION = 1, SGS_DUE_ITEM, SGS_DUE_TOKEN, SGS_DUE_REPLAY };

struct sgs_total_row {
	uint64_t last_device, last_blob; /* given last */
	uint64_t regctr; /* the highest of a device that is revoked */
	/* As in struct sgs_stats. */
	uint64_t devices, tokens, half_open, sessions, replays;
	uint64_t items, octets, blobs, groups;
	uint64_t revoked, ended, sessions_expired, repeated;
	uint64_t items_acknowledged, items_expired;
	uint64_t group_missed;
};

struct sgs_keys_row {
	uint64_t in_use;
};

struct sgs_device_row {
	uint64_t gone; /* 1: being removed */
	uint64_t suite, cid0, cidset, regctr, registered, ceiling;
};

struct sgs_count_row {
	uint64_t last_item, items, octets, half_open, sessions, groups, replays;
};

struct sgs_session_row {
	uint64_t i, j, state, suite, serial, created, expires, opened, next_i, next_j;
	uint64_t kept; /* 1: there is a wrapped state */
};

struct sgs_replay_row {
	uint64_t expires;
};

struct sgs_blob_row {
	uint64_t in, octets;
};

struct sgs_group_row {
	uint64_t owner, epoch, stale, created, members;
};

struct sgs_member_row {
	uint64_t next;
};

#define SGS_KEY_ID 16u /* octets of a sid, gid in a key */

struct table_key sgs_key1(enum sgs_table t, uint64_t a);
struct table_key sgs_key2(enum sgs_table t, uint64_t a, uint64_t b);
struct table_key sgs_key_id(enum sgs_table t, const uint8_t id[SGS_KEY_ID]);
struct table_key sgs_key_of(enum sgs_table t, uint64_t dev, const uint8_t id[SGS_KEY_ID]);
struct table_key sgs_key_member(const uint8_t gid[SGS_KEY_ID], uint64_t dev);
struct table_key sgs_key_set(enum sgs_table t, uint8_t suite, uint32_t serial);
/* thing: the key of what is over then. */
struct table_key sgs_key_due(uint64_t when, enum sgs_due what, const struct table_key *thing);

#endif
