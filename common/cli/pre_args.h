/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of m2m-pre: a command, its options, at most one file. */
#ifndef CLI_PRE_ARGS_H
#define CLI_PRE_ARGS_H

#include "base/slice.h"

#include <stdio.h>

#define CLI_RK_MAX 256 /* files of re-encryption keys */
#define CLI_RECORD_MAX                                                                             \
	1040384 /* octets of a data message: with all around it a unit (pre/unit.h) */

#define CLI_EPOCHS_MAX 10000 /* of one call of rekey: what a key file can hold */

/* What a process ends with; docs/pre.md and the manual page explain them. */
enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1, /* something cannot be read, written or used */
	CLI_USAGE = 2, /* wrong arguments */
	CLI_REFUSED = 3, /* octets that are malformed, or not from whom they should be */
	CLI_INCOMPLETE = 4, /* messages are missing, or were moved or replaced */
	CLI_CUT = 5, /* the stream ends without its END */
	CLI_ABSENT = 6 /* built without pairings */
};

enum cli_command {
	CLI_KEYGEN,
	CLI_ENCRYPT,
	CLI_REKEY,
	CLI_REENCRYPT,
	CLI_DECRYPT,
	CLI_INSPECT,
	CLI_COMMANDS /* none */
};

/* How the input of encrypt becomes data messages. */
enum cli_record { CLI_RECORD_LINES, CLI_RECORD_SIZE, CLI_RECORD_WHOLE };

/* Strings are those of argv; NULL: not given. Numbers are in their range. */
struct cli_args {
	enum cli_command command;
	bool help, version;
	const char *file; /* NULL: standard input */
	const char *out; /* NULL: standard output */
	const char *key, *to, *source, *url, *sink, *state;
	const char *rk[CLI_RK_MAX];
	size_t n_rk;
	enum cli_record record;
	uint32_t record_size; /* octets, of CLI_RECORD_SIZE */
	uint32_t section_time; /* seconds */
	uint32_t section; /* data messages */
	uint32_t epoch_sections; /* sections of an epoch */
	uint32_t stream; /* 16 bits */
	uint32_t epoch, epoch_last;
	uint32_t cid; /* 16 bits */
	bool sign, individual, direct, archive, joined, json, progress;
};

/* CLI_OK; CLI_USAGE: the reason is on stderr. */
enum cli_status cli_args_parse(struct cli_args *a, int argc, char **argv);
/* What --help prints: the options of the command, or, when there is none, all commands. */
void cli_args_usage(const struct cli_args *a, FILE *out);

#endif
