/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a daemon. */
#ifndef APP_ARGS_H
#define APP_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ARGS_OVERRIDES_MAX 256

/* What to do instead of serving; the last one given counts. */
enum args_action {
	ARGS_RUN,
	ARGS_CHECK_CONFIG,
	ARGS_DUMP_CONFIG,
	ARGS_SAMPLE_CONFIG,
	ARGS_MAN_OPTIONS,
	ARGS_CHECK_STORE,
	ARGS_BACKUP,
	ARGS_IMPORT,
	ARGS_ADMIN,
	ARGS_ISSUE,
	ARGS_TYPES,
	ARGS_HELP,
	ARGS_VERSION,
	ARGS_ACTIONS
};

/* Strings are those of argv. */
struct args {
	enum args_action action;
	const char *file; /* NULL: built-in defaults */
	const char *backup_to;
	const char *import_from;
	const char *operation; /* ARGS_ADMIN, with what follows it: */
	char *const *operands;
	int n_operands;
	const char *scl_id, *out; /* ARGS_ISSUE */
	const char *overrides[ARGS_OVERRIDES_MAX];
	size_t n_overrides;
};

/* False when argv is wrong; the reason is on stderr. */
bool args_parse(struct args *a, int argc, char **argv);
/* The list of arguments of --help. */
void args_usage(const char *name, FILE *out);

#endif
