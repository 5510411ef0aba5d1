/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pre-shared keys of the benchmarks: a file with a line "identity key from" each, the key in hex,
 * from the URI of whose requests they are.
 */
#ifndef BENCH_KEYS_H
#define BENCH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum { KEYS_BYTES = 32, KEYS_IDENTITY_MAX = 64, KEYS_FROM_MAX = 128 };

struct psk {
	char identity[KEYS_IDENTITY_MAX + 1];
	unsigned char key[KEYS_BYTES];
	char from[KEYS_FROM_MAX + 1];	/* URI */
};

/* Caller's memory; all zero is empty. Constant after keys_read(); any thread. */
struct keys {
	struct psk *all;	/* by identity; NULL: there are none */
	size_t n;
};

/*
 * False after a line on stderr: not to be read, a bad line, or no line at all. keys_free() in any
 * case.
 */
bool keys_read(struct keys *k, const char *file);
void keys_free(struct keys *k);

/* NULL: unknown. */
const struct psk *keys_find(const struct keys *k, const char *identity);

#endif
