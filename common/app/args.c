/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/args.h"

#include <getopt.h>
#include <string.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define LETTERS "c:o:hVS:O:"

/* val of a long option without a letter: above every character. */
enum { VAL_ACTION = 256 };

static const struct arg {
	const char *name;
	const char *value; /* what follows it, or NULL */
	char letter; /* 0: none */
	enum args_action action; /* ARGS_RUN: no action */
	const char *help;
} rows[] = {
	{ "config", "FILE", 'c', ARGS_RUN, "read this configuration; without it the defaults hold" },
	{ "option", "PATH=VALUE", 'o', ARGS_RUN, "set one option; counts more than the file" },
	{ "check-config", NULL, 0, ARGS_CHECK_CONFIG, "check the configuration; 0 when good, else 1" },
	{ "dump-config", NULL, 0, ARGS_DUMP_CONFIG, "print the complete configuration in effect" },
	{ "sample-config", NULL, 0, ARGS_SAMPLE_CONFIG, "print a configuration to start from" },
	{ "man-options", NULL, 0, ARGS_MAN_OPTIONS, "print the options for a manual page (roff)" },
	{ "check-store", NULL, 0, ARGS_CHECK_STORE, "verify the store; 0 when sound, else 1" },
	{ "backup", "DIR", 0, ARGS_BACKUP, "copy the stores into a new directory, also while in use" },
	{ "import-credentials", "FILE", 0, ARGS_IMPORT,
	  "store the bootstrapParamSet in FILE and wipe it; gscl and dscl" },
	{ "admin", "OPERATION", 0, ARGS_ADMIN,
	  "ask a running nscl for an operation with what follows (see nscl(8))" },
	{ "issue-credentials", NULL, 0, ARGS_ISSUE,
	  "make credentials for the node --sclid and write them to --out; nscl" },
	{ "sclid", "SCL-ID", 'S', ARGS_RUN, "of the node" },
	{ "out", "FILE", 'O', ARGS_RUN, "new file for its credentials" },
	{ "types", NULL, 0, ARGS_TYPES, "print the resource types as JSON" },
	{ "help", NULL, 'h', ARGS_HELP, "print this" },
	{ "version", NULL, 'V', ARGS_VERSION, "print the version" },
};

static void
make_long(struct option out[NITEMS(rows) + 1])
{
	for (size_t i = 0; i < NITEMS(rows); i++)
		out[i] = (struct option){ rows[i].name,
			rows[i].value != NULL ? required_argument : no_argument, NULL,
			rows[i].letter != 0 ? rows[i].letter : VAL_ACTION + (int)rows[i].action };
	out[NITEMS(rows)] = (struct option){ NULL, 0, NULL, 0 };
}

static const struct arg *
find_row(int val)
{
	for (size_t i = 0; i < NITEMS(rows); i++)
		if (val == rows[i].letter || val == VAL_ACTION + (int)rows[i].action)
			return &rows[i];
	return NULL;
}

static bool
add_override(struct args *a, const char *text, const char *name)
{
	if (a->n_overrides == ARGS_OVERRIDES_MAX) {
		fprintf(stderr, "%s: more than %d times -o\n", name, ARGS_OVERRIDES_MAX);
		return false;
	}
	a->overrides[a->n_overrides++] = text;
	return true;
}

static bool
take(struct args *a, int val, const char *name)
{
	const struct arg *row = find_row(val);

	if (row == NULL)
		return false;
	if (val == 'o')
		return add_override(a, optarg, name);
	if (val == 'c')
		a->file = optarg;
	else if (val == 'S')
		a->scl_id = optarg;
	else if (val == 'O')
		a->out = optarg;
	else
		a->action = row->action;
	if (row->action == ARGS_BACKUP)
		a->backup_to = optarg;
	if (row->action == ARGS_IMPORT)
		a->import_from = optarg;
	if (row->action == ARGS_ADMIN)
		a->operation = optarg;
	return true;
}

bool
args_parse(struct args *a, int argc, char **argv)
{
	struct option longs[NITEMS(rows) + 1];
	bool ok = true;
	int val;

	memset(a, 0, sizeof(*a));
	make_long(longs);
	optind = 1;
	while (ok && (val = getopt_long(argc, argv, LETTERS, longs, NULL)) != -1)
		ok = take(a, val, argv[0]);
	if (ok && a->action == ARGS_ADMIN) {
		a->operands = argv + optind;
		a->n_operands = argc - optind;
	} else if (ok && optind < argc) {
		fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], argv[optind]);
		ok = false;
	}
	if (ok && a->action == ARGS_ISSUE && (a->scl_id == NULL || a->out == NULL)) {
		fprintf(stderr, "%s: --issue-credentials needs --sclid and --out\n", argv[0]);
		ok = false;
	}
	if (!ok)
		fprintf(stderr, "Try '%s --help'.\n", argv[0]);
	return ok;
}

void
args_usage(const char *name, FILE *out)
{
	fprintf(out, "usage: %s [-c FILE] [-o PATH=VALUE]... [ACTION]\n\n", name);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		const struct arg *r = &rows[i];
		const char *value = r->value == NULL ? "" : r->value;
		int room = 26 - (int)strlen(r->name) - (int)strlen(value);

		fprintf(out, "  %c%c%c --%s%s%s%*s%s\n", r->letter ? '-' : ' ', r->letter ? r->letter : ' ',
		        r->letter ? ',' : ' ', r->name, r->value == NULL ? " " : "=", value, room, "",
		        r->help);
	}
}
