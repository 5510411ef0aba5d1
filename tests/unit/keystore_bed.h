/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key store in a directory of the test's own, with a file of its key-encryption key. Each test
 * has its own process: make_home and remove_home are its fixture.
 */
#ifndef UNIT_KEYSTORE_BED_H
#define UNIT_KEYSTORE_BED_H

#include <sys/types.h>

#include "sec/keystore.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define MACHINE SLICE_LIT("0123456789abcdef0123456789abcdef")
#define PPID SLICE_LIT("\x80\0\x1a\x7d\xda\x71\x13")
#define NODE SLICE_INIT("01bcad980102030405060708090a0b0c")

static const struct key kek = { "key-encryption key of the tests" };
static const struct key secret = { "a secret of thirty-two octets.." };

static const struct keystore_id kmr1 = { KS_KMR, 1, NODE }, kmr2 = { KS_KMR, 2, NODE };
static const struct keystore_id kmc1 = { KS_KMC, 1, SLICE_INIT("nscl.example") };
static const struct keystore_id seq = { KS_COUNTER, 1, SLICE_INIT("jwe seq") };

/* The store's directory (not made) within home, its file, and the file of the kek. */
extern char home[64], dir[80], path[100], temporary[100], kek_path[80];
/* Of the last keystore_open. */
extern char why[KEYSTORE_WHY];

void make_home(void);
void remove_home(void);
/* With exactly that mode. */
void write_file(const char *name, const void *p, size_t n, mode_t mode);

static inline struct slice
key_slice(const struct key *k)
{
	return slice_make(k->v, KEY_BYTES);
}

struct keystore_conf conf(bool create);
/* Opens and closes it; nothing is made. */
enum rc try_open(void);
/* Made when it is not there. */
struct keystore *must_open(void);
/* With that text beside it, not after 1700000000. */
void put(struct keystore *ks, const struct keystore_id *id, const char *text, const struct key *k);
void expect_key(struct keystore *ks, const struct keystore_id *id, const char *text,
                const struct key *k);
enum rc take_away(struct keystore *ks, const struct keystore_id *id);
/* All records. */
size_t count(struct keystore *ks);
/* kmr1 = secret with "mas=a", kmr2 = kek with "mas=b", kmc1 = secret with "". */
void fill(void);

/* The octets of the store's file. */
size_t read_store(char *file, size_t max);
/* The file is still there, octet for octet. */
void expect_store(const char *file, size_t n);

#endif
