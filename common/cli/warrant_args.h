/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of m2m-warrant. */
#ifndef CLI_WARRANT_ARGS_H
#define CLI_WARRANT_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses. */
enum warrant_status {
	WARRANT_OK = 0,
	WARRANT_FAILED = 1, /* files, network, memory */
	WARRANT_USAGE = 2,
	WARRANT_REFUSED = 3, /* what was looked at does not hold */
};

/* Strings are those of argv; NULL: not given. */
struct warrant_args {
	bool help, version, refuse;
	const char *state, *out, *scope, *kind, *place, *http;
	const char *root, *peer_key, *cert, *key_pem, *ca; /* files */
	uint64_t from, until, days, rights; /* UINT64_MAX: not given */
	char *const *words; /* what is no option: the command and what it is for */
	int n_words;
};

/* False: the reason is on stderr. */
bool warrant_args_parse(struct warrant_args *a, int argc, char **argv);
void warrant_args_usage(FILE *out);
/* One line on standard error; false. */
bool warrant_fail(const char *what, const char *why);

#endif
