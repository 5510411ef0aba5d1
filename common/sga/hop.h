/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages under symmetric keys: those of a hop (a device and G, phase B) and those that go alone
 * under their key (A2, A4). In both aad is the header. For the steps of session.h and server.h, which
 * say what is in them. The objects are secret: who has them wipes them. Any thread.
 *
 * Openings that fail are not counted here, not even under tags of 8 octets: a hop has one message
 * that is due at a time, for minutes, and what a forged one could say is proved again inside, by
 * HMACs of 32 octets (m1, m2, that of B6) or hashed into what both sides must have alike (A2, A4,
 * B2); but for the end of a session, which whoever sits in the way can bring about without.
 */
#ifndef SGA_HOP_H
#define SGA_HOP_H

#include "base/buf.h"
#include "sec/cipher.h"
#include "sec/secret.h"
#include "sga/sga.h"

/* Key and iv of one direction, as long as the cipher wants them; behind that zeros. */
struct sga_way {
	uint8_t key[CIPHER_KEY_MAX];
	uint8_t iv[CIPHER_IV_MAX];
	uint32_t ctr; /* of the next message */
};

struct sga_hop {
	struct sga_way up, down; /* from the device, from G */
};

/* What the keys of a hop are made of. */
struct sga_hop_terms {
	const struct cipher *cipher;
	const struct sga_hash *first, *second; /* the two messages of phase A of that device */
	const struct key *kt, *k_hop;
	const char *label; /* "B i", "B j" */
};

enum rc sga_hop_make(const struct sga_hop_terms *t, struct sga_hop *out);

/* nonce = iv XOR ctr, which is padded with zeros in front. */
void sga_way_nonce(const struct sga_way *w, const struct cipher *c, uint32_t ctr,
                   uint8_t nonce[CIPHER_IV_MAX]);

/*
 * Appends the next message of w: h, whose ctr is set, and what is sealed. *hash: of the message;
 * NULL: not wanted. w counts on.
 */
enum rc sga_way_seal(struct sga_way *w, const struct cipher *c, struct sga_header *h,
                     struct slice plain, struct buf *to, struct sga_hash *hash);
/*
 * Opens the next message of w, whose header has been checked but for ctr; out has room for
 * message.n octets, *n is what was written. RC_DENIED; w counts on with RC_OK alone.
 */
enum rc sga_way_open(struct sga_way *w, const struct cipher *c, struct slice message, uint8_t *out,
                     size_t *n);

/* Keys that serve once: HKDF(salt, ikm, label) as long as the cipher wants it, nonce of zeros. */
struct sga_once {
	const struct cipher *cipher;
	struct slice salt, ikm;
	const char *label; /* "A2", "A4" */
};

/* Writes plain.n + tag octets to out. header: SGA_HEADER_SIZE octets. */
enum rc sga_once_seal(const struct sga_once *o, const uint8_t *header, struct slice plain,
                      uint8_t *out);
/* Writes sealed.n - tag octets to out. RC_DENIED. */
enum rc sga_once_open(const struct sga_once *o, const uint8_t *header, struct slice sealed,
                      uint8_t *out);

#endif
