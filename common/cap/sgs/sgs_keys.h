/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key sets of the SGA server: for each suite and serial the package that devices download, and
 * the private keys that belong to it.
 */
#ifndef CAP_SGS_SGS_KEYS_H
#define CAP_SGS_SGS_KEYS_H

#include "cap/sgs/sgs_book.h"

#define SGS_PACKAGE_MAX 8192u /* octets of a download package */
#define SGS_KEYS_SECRET_MAX 4096u /* octets of saved private keys */
#define SGS_KEYS_MAX 64u /* key sets of all suites together; more: RC_NO_SPACE */

/* A new key set. RC_CONFLICT: that suite has this serial, or a higher one. */
struct sgs_keys_put {
	struct sgs_op op;
	uint8_t suite; /* not 0 */
	uint32_t serial; /* not 0; rises with each set of a suite */
	int64_t created; /* when it is to be taken for made; not negative */
	struct slice package; /* 1..SGS_PACKAGE_MAX octets, public */
	struct slice secret; /* 1..SGS_KEYS_SECRET_MAX octets; stored wrapped */
};

void sgs_keys_put(struct sgs_book *b, struct sgs_keys_put *p);

/*
 * Removes a key set with its private keys. RC_CONFLICT: negotiations that began with it are still
 * half-open.
 */
struct sgs_keys_remove {
	struct sgs_op op;
	uint8_t suite;
	uint32_t serial;
};

void sgs_keys_remove(struct sgs_book *b, struct sgs_keys_remove *r);

/* ---- reading ---- */

struct sgs_keys {
	uint8_t suite;
	uint32_t serial;
	int64_t created;
	uint64_t in_use; /* half-open negotiations that began with it */
	struct slice package;
};

/* False ends it. */
typedef bool sgs_keys_visit(void *arg, const struct sgs_keys *k);
/* All key sets in the order of suite and serial. RC_INTERNAL. */
enum rc sgs_keys_list(const struct sgs_view *v, sgs_keys_visit *visit, void *arg);
/*
 * The private keys of a set into out, which has room for max octets and is best secret_alloc'd; *n
 * of them. RC_NOT_FOUND; RC_TOO_LARGE: max is too small; RC_INTERNAL: it does not open. out is a
 * secret; zero unless RC_OK.
 */
enum rc sgs_keys_secret(const struct sgs_view *v, uint8_t suite, uint32_t serial, void *out,
                        size_t max, size_t *n);

#endif
