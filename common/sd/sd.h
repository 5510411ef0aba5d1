/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsd: small data of many devices with few octets of signatures ("Security Issues on Machine to
 * Machine Communications", section on the transmission of small data: aggregate signatures).
 *
 *   reading.h  what a device signs
 *   bundle.h   MSB1: readings of many devices on their way
 *   ed25519.h  a signature each (RFC 8032)
 *   bls.h      signatures that become one (draft-irtf-cfrg-bls-signature), with proof of possession
 *   ibas.h     the same without keys of devices: identity-based (Gentry, Ramzan, PKC 2006)
 *   verify.h   a bundle, and who has spoilt it
 *   costs.h    what that costs on this machine, and which algorithm is the best
 *
 * All is pure: no I/O, no state but that of a struct ibas_signer. In a build without pairing
 * everything of bls.h and ibas.h answers RC_NOT_IMPLEMENTED.
 */
#ifndef SD_SD_H
#define SD_SD_H

#include "base/rc.h"

/* Octet alg of a bundle. */
enum sd_alg {
	SD_ED25519 = 1, /* n signatures of Ed25519 */
	SD_BLS = 2, /* one aggregate */
	SD_BLS_SINGLE = 3, /* n signatures of BLS: they name who has spoilt an aggregate */
	SD_IDENTITY = 4 /* one aggregate of the identity-based scheme */
};

#define SD_ALG_MIN SD_ED25519
#define SD_ALG_MAX SD_IDENTITY
/* A set of algorithms. */
#define SD_ALG_BIT(alg) (1u << (alg))

#define SD_READINGS_MAX 1024u /* of a bundle */
#define SD_PAYLOAD_MAX 512u /* octets of a reading */
#define SD_BUNDLE_MAX (1u << 20) /* octets */
#define SD_SIGNATURES_MAX (64u * SD_READINGS_MAX) /* octets behind the readings */

#endif
