/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The download package: what a gateway publishes of itself, signed.
 *
 *   "SGAP" 01 | suite 1 | group 2 | CidSet 2 | serial 4 | notAfter 8 | lv8(ID_G) |
 *   lv16(PK_E) | lv16(PK_F) | signature 64 (Ed25519, SIGN_SGA_PACKAGE, of all before)
 *
 * CidSet: bit i stands for the cipher of number i + 1 (sec/cipher.h); bits of ciphers that there are
 * not are left as they are and mean nothing. dp, the SHA-256 of all octets, is bound into every key
 * that is made with the package.
 */
#ifndef SGA_PACKAGE_H
#define SGA_PACKAGE_H

#include "sec/sign.h"
#include "sga/suite.h"

#define SGA_PACKAGE_MAX 1088u
#define SGA_CIPHERS_MANDATORY 0x0014u /* AES-128-GCM and ChaCha20-Poly1305 */
#define SGA_CIPHERS_KNOWN 0x03ffu

/* The bit of a cipher's number; 0 of a number that there is not. */
uint16_t sga_cipher_bit(uint16_t cid);

/* All public. Immutable: any thread. The pointers live as long as the package. */
struct sga_package {
	const struct sga_suite *suite;
	const struct sga_group *group; /* one of suite */
	uint16_t ciphers; /* CidSet; it has one of SGA_CIPHERS_MANDATORY */
	uint32_t serial;
	uint64_t not_after; /* seconds since 1970 */
	struct sga_id id; /* ID_G */
	struct sga_public *e, *f; /* PK_E and PK_F */
	struct sga_hash dp;
	uint16_t n; /* octets */
	uint8_t octets[SGA_PACKAGE_MAX];
};

/* What is asked of a package. */
struct sga_package_rule {
	const struct sign_public *key; /* the gateway's, from provisioning */
	struct slice id; /* ID_G that it must have; empty: any */
	uint64_t now; /* seconds since 1970; 0: the time is not known, and not checked */
	uint32_t serial; /* the least that is taken: of the package before; 0: any */
};

/*
 * Takes a package apart and checks it. The signature is checked before the public keys are looked
 * at. RC_BAD_REQUEST: it is none; RC_DENIED: the signature is not rule->key's, or another ID_G;
 * RC_NOT_IMPLEMENTED: signed, but of a suite or group that there is not, with keys that are not
 * the suite's, PK_E and PK_F the same, or without a mandatory cipher; RC_EXPIRED: now is after
 * notAfter; RC_CONFLICT: serial is below rule->serial. The caller frees *out with sga_package_free;
 * NULL unless RC_OK.
 */
enum rc sga_package_read(struct slice octets, const struct sga_package_rule *rule,
                         struct sga_package **out);
/* The octets; a view that lives as long as p. */
struct slice sga_package_octets(const struct sga_package *p);
/* NULL is fine. */
void sga_package_free(struct sga_package *p);

#endif
