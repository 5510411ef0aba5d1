/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what is computed, by functions that the linker puts in front of those of the libraries
 * (--wrap: sources.am has the list). One thread.
 */
#ifndef BENCH_SGA_COUNT_H
#define BENCH_SGA_COUNT_H

enum count {
	COUNT_POWER, /* multiplication of a point, power in a group */
	COUNT_RSA_PUBLIC,
	COUNT_RSA_PRIVATE,
	COUNT_SIGN,
	COUNT_VERIFY,
	COUNT_AEAD, /* sealed or opened */
	COUNT_HMAC, /* also those that HKDF is made of */
	COUNT_HASH,
	COUNTS
};

#define COUNTS_PUBLIC COUNT_AEAD /* those before are operations with public keys */

extern unsigned long counted[COUNTS];
extern const char *const count_names[COUNTS];

#endif
