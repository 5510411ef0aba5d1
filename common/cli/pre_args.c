/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/pre_args.h"

#include <getopt.h>
#include <string.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define NAME "m2m-pre"

#define RECORD_SIZE_DEFAULT 1024
#define RECORD_SIZE_MAX CLI_RECORD_MAX
#define SECTION_DEFAULT 1000
#define SECTION_MAX (1u << 20)
#define SECTION_TIME_MAX 600
#define CID_DEFAULT 3
#define EPOCH_SECTIONS_MAX 65536

#define OF(c) (1u << CLI_##c)
#define EVERY ((1u << CLI_COMMANDS) - 1)

static const struct {
	const char *name;
	const char *takes;
	const char *help;
} commands[CLI_COMMANDS] = {
	[CLI_KEYGEN] = { "keygen", "--url=URL --out=NAME", "make a key pair" },
	[CLI_ENCRYPT] = { "encrypt", "--key=FILE [FILE]",
	                  "make a stream of messages of any octets" },
	[CLI_REKEY] = { "rekey", "--key=FILE --to=FILE --out=FILE",
	                "make the keys with which a proxy re-encrypts for a sink" },
	[CLI_REENCRYPT] = { "reencrypt", "--rk=FILE... [FILE]",
	                    "turn messages that only their source can read into ones for a sink" },
	[CLI_DECRYPT] = { "decrypt", "--key=FILE --source=FILE [FILE]",
	                  "verify a stream and give back the octets" },
	[CLI_INSPECT] = { "inspect", "[FILE]", "tell what anybody can see of a stream" },
};

/* How a value gets to its place in struct cli_args. */
enum kind { STRING, NUMBER, FLAG, RK, RECORD, EPOCHS };

static const struct arg {
	const char *name;
	const char *value; /* what follows it, or NULL */
	char letter;
	enum kind kind;
	unsigned commands; /* that have it */
	size_t offset;
	uint32_t min, max; /* of NUMBER */
	const char *help;
} rows[] = {
	{ "key", "FILE", 'k', STRING, OF(ENCRYPT) | OF(REKEY) | OF(DECRYPT),
	  offsetof(struct cli_args, key), 0, 0, "the own secret key" },
	{ "to", "FILE", 't', STRING, OF(ENCRYPT) | OF(REKEY), offsetof(struct cli_args, to), 0, 0,
	  "rekey: .pk2 of the sink; encrypt: .pk1 of who shall read it, without a proxy" },
	{ "source", "FILE", 's', STRING, EVERY & ~(OF(KEYGEN) | OF(INSPECT)),
	  offsetof(struct cli_args, source), 0, 0,
	  ".pub of the source, whose messages alone are taken; encrypt, rekey: beside the key" },
	{ "rk", "FILE", 'K', RK, OF(REENCRYPT), 0, 0, 0, "re-encryption keys; may be repeated" },
	{ "url", "URL", 'u', STRING, OF(KEYGEN), offsetof(struct cli_args, url), 0, 0,
	  "name of the owner of the key, in every message that it makes" },
	{ "out", "FILE", 'O', STRING, EVERY, offsetof(struct cli_args, out), 0, 0,
	  "write there, once all went well; keygen: FILE.key, .pub, .pk1 and .pk2" },
	{ "record", "lines|whole|N", 'r', RECORD, OF(ENCRYPT), 0, 0, 0,
	  "a data message is a line, the whole input, or N octets (default 1024)" },
	{ "section", "N", 'n', NUMBER, OF(ENCRYPT), offsetof(struct cli_args, section), 1,
	  SECTION_MAX, "a new session key after N data messages (default 1000)" },
	{ "section-time", "SECONDS", 'T', NUMBER, OF(ENCRYPT),
	  offsetof(struct cli_args, section_time), 1, SECTION_TIME_MAX,
	  "or after so long, also without input (default 600)" },
	{ "epoch-length", "N", 'E', NUMBER, OF(ENCRYPT), offsetof(struct cli_args, epoch_sections),
	  1, EPOCH_SECTIONS_MAX, "a new epoch after N sections (default 1)" },
	{ "stream", "N", 'S', NUMBER, OF(ENCRYPT) | OF(REKEY), offsetof(struct cli_args, stream), 0,
	  UINT16_MAX, "number of the stream (default 1)" },
	{ "epoch", "N[-M]", 'e', EPOCHS, OF(REKEY), 0, 0, 0, "the epochs to allow (default 0)" },
	{ "cid", "N", 'c', NUMBER, OF(ENCRYPT), offsetof(struct cli_args, cid), 1, UINT16_MAX,
	  "cipher of the data messages (default 3, AES-128-GCM)" },
	{ "sink", "URL", 'd', STRING, OF(ENCRYPT) | OF(REENCRYPT), offsetof(struct cli_args, sink),
	  0, 0, "name of the sink in the messages (default: none; reencrypt: as it was)" },
	{ "sign", NULL, 'g', FLAG, OF(ENCRYPT), offsetof(struct cli_args, sign), 0, 0,
	  "sign every data message: for sinks that do not trust each other" },
	{ "individual", NULL, 'i', FLAG, OF(ENCRYPT) | OF(DECRYPT),
	  offsetof(struct cli_args, individual), 0, 0,
	  "every record with a key of its own, no END" },
	{ "direct", NULL, 'D', FLAG, OF(DECRYPT), offsetof(struct cli_args, direct), 0, 0,
	  "encrypted for this key by --to" },
	{ "state", "FILE", 'f', STRING, OF(ENCRYPT) | OF(DECRYPT), offsetof(struct cli_args, state),
	  0, 0, "go on where the last call with this file has ended" },
	{ "archive", NULL, 'a', FLAG, OF(DECRYPT), offsetof(struct cli_args, archive), 0, 0,
	  "also take sections that are older than the newest" },
	{ "joined", NULL, 'm', FLAG, OF(DECRYPT), offsetof(struct cli_args, joined), 0, 0,
	  "the first section need not be the first of the stream" },
	{ "json", NULL, 'j', FLAG, OF(INSPECT), offsetof(struct cli_args, json), 0, 0,
	  "one JSON object per message" },
	{ "progress", NULL, 'p', FLAG, EVERY & ~(OF(KEYGEN) | OF(REKEY)),
	  offsetof(struct cli_args, progress), 0, 0,
	  "tell on standard error how far it is; by itself on a terminal when it takes long" },
	{ "help", NULL, 'h', FLAG, EVERY, offsetof(struct cli_args, help), 0, 0, "print this" },
	{ "version", NULL, 'V', FLAG, EVERY, offsetof(struct cli_args, version), 0, 0,
	  "print the version and where pairings come from" },
};

static bool
put_number(void *place, const char *text, uint32_t min, uint32_t max)
{
	uint64_t v;

	if (!slice_number(slice_of(text), max, &v) || v < min)
		return false;
	*(uint32_t *)place = (uint32_t)v;
	return true;
}

static bool
put_record(struct cli_args *a, const char *text)
{
	static const char *const words[] = {
		[CLI_RECORD_LINES] = "lines", [CLI_RECORD_WHOLE] = "whole"
	};

	for (size_t i = 0; i < NITEMS(words); i++)
		if (words[i] != NULL && strcmp(text, words[i]) == 0) {
			a->record = (enum cli_record)i;
			return true;
		}
	a->record = CLI_RECORD_SIZE;
	return put_number(&a->record_size, text, 1, RECORD_SIZE_MAX);
}

/* N or N-M. */
static bool
put_epochs(struct cli_args *a, const char *text)
{
	struct slice rest = slice_of(text), first, last;
	uint64_t v, w;

	if (!slice_split(&rest, '-', &first))
		return false;
	last = rest.p == NULL ? first : rest;
	if (!slice_number(first, UINT32_MAX, &v) || !slice_number(last, UINT32_MAX, &w) || v > w)
		return false;
	a->epoch = (uint32_t)v;
	a->epoch_last = (uint32_t)w;
	return w - v < CLI_EPOCHS_MAX;
}

static bool
put_rk(struct cli_args *a, const char *text)
{
	if (a->n_rk == CLI_RK_MAX)
		return false;
	a->rk[a->n_rk++] = text;
	return true;
}

static bool
put(struct cli_args *a, const struct arg *row, const char *value)
{
	char *place = (char *)a + row->offset;

	switch (row->kind) {
	case STRING:
		*(const char **)(void *)place = value;
		return true;
	case FLAG:
		*(bool *)place = true;
		return true;
	case NUMBER:
		return put_number(place, value, row->min, row->max);
	case RK:
		return put_rk(a, value);
	case RECORD:
		return put_record(a, value);
	default:
		return put_epochs(a, value);
	}
}

static bool
take(struct cli_args *a, int letter, const char *value)
{
	for (size_t i = 0; i < NITEMS(rows); i++) {
		const struct arg *row = &rows[i];

		if (letter != row->letter)
			continue;
		if ((row->commands & (1u << a->command)) == 0) {
			fprintf(stderr, NAME ": %s has no --%s\n", commands[a->command].name,
			        row->name);
			return false;
		}
		if (put(a, row, value))
			return true;
		fprintf(stderr, NAME ": --%s=%s: must be %s", row->name, value, row->value);
		if (row->kind == NUMBER)
			fprintf(stderr, ", %u to %u", row->min, row->max);
		fputc('\n', stderr);
		return false;
	}
	return false; /* getopt_long has said why */
}

/* Letters and long names as getopt_long wants them. */
struct getopts {
	char letters[2 * NITEMS(rows) + 1];
	struct option longs[NITEMS(rows) + 1];
};

static void
make_getopts(struct getopts *g)
{
	char *to = g->letters;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		bool takes = rows[i].value != NULL;

		*to++ = rows[i].letter;
		if (takes)
			*to++ = ':';
		g->longs[i] =
			(struct option){ rows[i].name, takes ? required_argument : no_argument,
			                 NULL, rows[i].letter };
	}
	*to = '\0';
	g->longs[NITEMS(rows)] = (struct option){ 0 };
}

static bool
find_command(struct cli_args *a, const char *word)
{
	for (size_t i = 0; i < CLI_COMMANDS; i++)
		if (strcmp(word, commands[i].name) == 0) {
			a->command = (enum cli_command)i;
			return true;
		}
	fprintf(stderr, NAME ": unknown command '%s'\n", word);
	return false;
}

static bool
parse_options(struct cli_args *a, int argc, char **argv)
{
	struct getopts g = { .letters = "" };
	int letter;

	make_getopts(&g);
	optind = 1;
	while ((letter = getopt_long(argc, argv, g.letters, g.longs, NULL)) != -1)
		if (!take(a, letter, optarg))
			return false;
	if (optind < argc &&
	    (a->command == CLI_KEYGEN || a->command == CLI_REKEY || argc > optind + 1)) {
		fprintf(stderr, NAME ": unexpected argument '%s'\n", argv[argc - 1]);
		return false;
	}
	if (optind < argc && strcmp(argv[optind], "-") != 0)
		a->file = argv[optind];
	return true;
}

/* What a command cannot do without. */
static bool
complete(const struct cli_args *a)
{
	static const struct need {
		unsigned commands;
		size_t offset;
		const char *name;
	} needs[] = {
		{ OF(KEYGEN), offsetof(struct cli_args, url), "url" },
		{ OF(KEYGEN) | OF(REKEY), offsetof(struct cli_args, out), "out" },
		{ OF(ENCRYPT) | OF(REKEY) | OF(DECRYPT), offsetof(struct cli_args, key), "key" },
		{ OF(REKEY), offsetof(struct cli_args, to), "to" },
		{ OF(DECRYPT), offsetof(struct cli_args, source), "source" },
		{ OF(REENCRYPT), offsetof(struct cli_args, rk), "rk" },
	};

	for (size_t i = 0; i < NITEMS(needs); i++) {
		const char *const *place = (const void *)((const char *)a + needs[i].offset);

		if ((needs[i].commands & (1u << a->command)) != 0 && *place == NULL) {
			fprintf(stderr, NAME ": %s needs --%s\n", commands[a->command].name,
			        needs[i].name);
			return false;
		}
	}
	return true;
}

static bool
parse(struct cli_args *a, int argc, char **argv)
{
	const char *word = argv[argc < 2 ? 0 : 1];

	if (argc < 2) {
		fputs(NAME ": which command?\n", stderr);
		return false;
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		return a->version = true;
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		a->command = CLI_COMMANDS;
		return a->help = true;
	}
	if (!find_command(a, word))
		return false;
	/* getopt_long names the program in what it says. */
	argv[1] = argv[0];
	return parse_options(a, argc - 1, argv + 1) && (a->help || a->version || complete(a));
}

enum cli_status
cli_args_parse(struct cli_args *a, int argc, char **argv)
{
	*a = (struct cli_args){ .record = CLI_RECORD_SIZE,
		                .record_size = RECORD_SIZE_DEFAULT,
		                .section = SECTION_DEFAULT,
		                .section_time = SECTION_TIME_MAX,
		                .epoch_sections = 1,
		                .stream = 1,
		                .cid = CID_DEFAULT };
	if (parse(a, argc, argv))
		return CLI_OK;
	fputs("Try '" NAME " --help'.\n", stderr);
	return CLI_USAGE;
}

static void
print_row(const struct arg *r, FILE *out)
{
	const char *value = r->value == NULL ? "" : r->value;
	int room = 22 - (int)strlen(r->name) - (int)strlen(value);

	fprintf(out, "  -%c, --%s%s%s%*s%s\n", r->letter, r->name, r->value == NULL ? " " : "=",
	        value, room, "", r->help);
}

void
cli_args_usage(const struct cli_args *a, FILE *out)
{
	if (a->command < CLI_COMMANDS) {
		fprintf(out, "usage: " NAME " %s %s [OPTION]...\n%s\n\n", commands[a->command].name,
		        commands[a->command].takes, commands[a->command].help);
		for (size_t i = 0; i < NITEMS(rows); i++)
			if ((rows[i].commands & (1u << a->command)) != 0)
				print_row(&rows[i], out);
		return;
	}
	fputs("usage: " NAME " COMMAND [OPTION]... [FILE]\n\n", out);
	for (size_t i = 0; i < CLI_COMMANDS; i++)
		fprintf(out, "  %-9s %-32s %s\n", commands[i].name, commands[i].takes,
		        commands[i].help);
	fputs("\nWithout FILE standard input is read. '" NAME
	      " COMMAND --help' tells the options.\n"
	      "Status: 0 done, 1 something cannot be read, written or used, 2 wrong arguments,\n"
	      "3 malformed or not authentic, 4 messages are missing, moved or replaced,\n"
	      "5 the stream ends without its END, 6 built without pairings.\n",
	      out);
}
