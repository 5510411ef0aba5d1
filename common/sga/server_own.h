/* SPDX-License-Identifier: Apache-2.0 */
/* What a session is at G; for server.h. */
#ifndef SGA_SERVER_OWN_H
#define SGA_SERVER_OWN_H

#include "sga/hop.h"
#include "sga/phase.h"
#include "sga/server.h"

/* In memory of secret_alloc. */
struct sga_server_session {
	uint8_t state; /* enum sga_server_state */
	uint8_t suite;
	uint16_t group, cid;
	struct sga_sid sid;
	struct sga_ids ids;
	struct sga_hash dp;
	struct sga_hash heard[SGA_HS]; /* as far as the session is */
	struct key kt_i; /* until A4 */
	bool hops; /* the two below have keys: from A4 on */
	struct sga_hop hop_i, hop_j;
	struct sga_half half; /* of i, from B1 to B3 */
	bool told_i, told_j; /* that it is over */
};

struct sga_exchange sga_server_exchange(const struct sga_server_session *s);
const struct cipher *sga_server_cipher(const struct sga_server_session *s);
/* That device and G. */
struct sga_pair sga_server_pair(const struct sga_server_session *s, enum sga_role role);
/* Three parties, and the second is this G. */
bool sga_server_ids_ok(const struct sga_ids *ids, const struct sga_id *g);
/* kd, or a dummy for a device that is not known: the same work. */
const struct key *sga_server_kd(const struct key *kd);

/*
 * Decrypts message into body, which has room for max octets, *n of which are written; header has
 * been read. RC_BAD_REQUEST: its size is not one of the type; RC_DENIED.
 */
enum rc sga_server_open(const struct sga_keys *keys, const char *label, struct slice message,
                        size_t max, uint8_t *body, size_t *n);

/* What A4 says besides names: the key of j, masked, or zero, and h(A3), which may be zero. */
enum rc sga_server_a4(struct sga_server_session *s, const struct key *kd_i, bool refused,
                      const struct key *masked, struct buf *to);
/* Closes; what is still to be said of it stays. */
void sga_server_end(struct sga_server_session *s);

#endif
