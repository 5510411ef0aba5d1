/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of m2m-sga. */
#ifndef CLI_SGA_ARGS_H
#define CLI_SGA_ARGS_H

#include <stdbool.h>
#include <stdio.h>

/* Exit statuses. */
enum sga_status_code {
	SGA_OK = 0,
	SGA_FAILED = 1, /* files, network, memory */
	SGA_USAGE = 2,
	SGA_REFUSED = 3, /* by the server or the peer */
	SGA_NOTHING = 4, /* nothing came in time */
};

/* Strings are those of argv; NULL: not given. */
struct sga_args {
	bool help, version;
	const char *state; /* directory of the device */
	const char *root, *via, *from; /* URLs */
	const char *ca, *cert, *key_pem, *bearer, *unix_socket; /* files */
	const char *verify_key, *token_file, *sign_key, *peer_key; /* files */
	const char *ciphers, *cipher; /* names */
	const char *out, *purpose, *after;
	long suite, ttl, wait, count, max; /* -1: not given */
	bool any, refuse, close, renew;
	char *const *words; /* what is no option: the command and what it is for */
	int n_words;
};

/* False: the reason is on stderr. */
bool sga_args_parse(struct sga_args *a, int argc, char **argv);
void sga_args_usage(FILE *out);

#endif
