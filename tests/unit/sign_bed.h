/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of signatures work with: two keys that sign, a node, keys of devices, a directory
 * of the test's own. Each test has its own process: sign_setup and sign_teardown are its fixture.
 */
#ifndef UNIT_SIGN_BED_H
#define UNIT_SIGN_BED_H

#include <stdint.h>
#include <sys/types.h>

#include "sec/node_id.h"
#include "sec/sign.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define PEM_MAX 1024
#define NOW INT64_C(1700000000)

extern const struct node_id node;
extern struct sign_key *cn, *other;
extern struct sign_public cn_public, other_public;
extern char dir[64], path[128]; /* path: "file" in dir */

/* Of make_pems. */
extern char ed_pem[PEM_MAX], ed_public_pem[PEM_MAX], ec_pem[PEM_MAX], ec_public_pem[PEM_MAX];

void sign_setup(void);
/* The directory may have "file" and what ival_measure is shown. */
void sign_teardown(void);

/* SHA-256 */
void digest_of(const char *text, uint8_t out[32]);
/* Name within dir; until the next call. */
const char *in_dir(const char *name);
/* Anew, with exactly that mode. */
void write_file(const char *name, const char *text, mode_t mode);

typedef struct evp_pkey_st EVP_PKEY;
/* The key as PEM, private and public; it is freed. */
void make_pem(EVP_PKEY *key, char private_pem[PEM_MAX], char public_pem[PEM_MAX]);
/* New ones: Ed25519 and P-256. */
void make_pems(void);

#endif
