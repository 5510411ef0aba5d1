/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSK identities: what a TLS client says in clear about who it is, so there is no name in them.
 *
 *   mr<v>.<node id, 32 hex>.<KmrIndex>                                  session A
 *   mc<v>.<ConnectionId, 16 hex>.<KmcIndex>                             session B
 *   mn<v>.<ConnectionId, 16 hex>.<KmcIndex>                             NSCL to node
 *   ma<v>.<ConnectionId, 16 hex>.<app_hash, 16 hex>.<KmcIndex>          application
 *   ga<v>.<group id, 16 hex>.<node id, 32 hex>                          after group authentication
 *   mp<v>.<transcript hash, 32 hex>                                     the same, multiparty
 *
 * <v> is 2 or 3 for TLS 1.2 or 1.3: whoever looks a key up compares it with the version that was
 * negotiated. Digits are lower case, indices are decimal, 1 .. 2^32 - 1 without leading zeros, so
 * every identity has one spelling. Any thread.
 */
#ifndef SEC_PSK_ID_H
#define SEC_PSK_ID_H

#include "sec/derive.h"

#define PSK_ID_MAX 64
#define PSK_ID_TEXT (PSK_ID_MAX + 1)

enum psk_kind { PSK_MR, PSK_MC, PSK_MN, PSK_MA, PSK_GA, PSK_MP, PSK_KINDS };

#define PSK_GROUP_BYTES 8
#define PSK_TRANSCRIPT_BYTES 16

struct psk_id {
	enum psk_kind kind;
	enum psk_tls tls;
	uint32_t index; /* KmrIndex of PSK_MR, KmcIndex of PSK_MC, PSK_MN, PSK_MA */
	uint64_t connection; /* PSK_MC, PSK_MN, PSK_MA */
	struct node_id node; /* PSK_MR, PSK_GA */
	uint8_t app[APP_HASH_BYTES]; /* PSK_MA */
	uint8_t gid[PSK_GROUP_BYTES]; /* PSK_GA: GID */
	uint8_t th[PSK_TRANSCRIPT_BYTES]; /* PSK_MP: the first octets of the hash of A1, A2, A3 */
};

/*
 * False, and *out zero, for everything that is not exactly an identity of these kinds: other
 * prefixes (pb and the ones of others), other characters, more than PSK_ID_MAX octets. The
 * answer is then the key of psk_dummy, without any look-up.
 */
bool psk_id_parse(struct slice text, struct psk_id *out);

/* Writes the identity and a zero; the length, or 0 when a member is outside its range. */
size_t psk_id_format(const struct psk_id *id, char out[PSK_ID_TEXT]);

/*
 * The key for an identity that has none, so that it fails at the same point of the handshake as a
 * wrong key: HMAC(server, "m2m1 dummy" || identity). server: a random key of this process;
 * identity: any octets. RC_INTERNAL when the library fails.
 */
enum rc psk_dummy(const struct key *server, struct slice identity, struct key *out);

#endif
