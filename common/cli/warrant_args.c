/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/warrant_args.h"

#include "base/slice.h"

#include <getopt.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define NAME "m2m-warrant"

enum kind { STRING, NUMBER, FLAG };

static const struct row {
	const char *name;
	const char *value; /* what follows it, or NULL */
	enum kind kind;
	size_t offset;
	const char *help;
} rows[] = {
#define AT(member) offsetof(struct warrant_args, member)
	{ "state", "DIR", STRING, AT(state), "the server: its key, agreements and revocations" },
	{ "out", "FILE", STRING, AT(out), "what is made; default: standard output" },
	{ "peer-key", "FILE", STRING, AT(peer_key), "agree: PEM, public key of the operator" },
	{ "root", "FILE", STRING, AT(root), "verify: PEM, the public key that is trusted" },
	{ "kind", "KIND", STRING, AT(kind), "verify: agreement, device (default) or ap" },
	{ "place", "SCL-ID", STRING, AT(place), "verify: where it is to be valid" },
	{ "scope", "SCOPE", STRING, AT(scope), "certify: *, an SCL-ID or the id of a group" },
	{ "rights", "N", NUMBER, AT(rights), "certify: a sum of rights, 2 (device) is added" },
	{ "from", "TIME", NUMBER, AT(from), "seconds since 1970 that it begins; default: now" },
	{ "until", "TIME", NUMBER, AT(until), "that it ends" },
	{ "days", "N", NUMBER, AT(days), "or how long it lasts; default: 30" },
	{ "refuse", NULL, FLAG, AT(refuse), "decide: no" },
	{ "http", "ADDRESS:PORT", STRING, AT(http), "serve: listen there" },
	{ "cert", "FILE", STRING, AT(cert), "serve: PEM, certificate and chain; with TLS" },
	{ "key-pem", "FILE", STRING, AT(key_pem), "serve: PEM, its private key" },
	{ "ca", "FILE", STRING, AT(ca), "serve: PEM, authorities of clients" },
	{ "help", NULL, FLAG, AT(help), "print this" },
	{ "version", NULL, FLAG, AT(version), "print the version" },
#undef AT
};

static const char *const commands[] = {
	"init ID             become the server of that name; prints its public key",
	"agree FILE          take the operator's warrant for this server, make one for it",
	"certify ID KEY.pem  make the warrant of a device in the operator's name",
	"verify FILE...      whether a chain of warrants holds; prints it",
	"show FILE...        print warrants, whatever they are worth",
	"transcript FILE     what a run of a device proves",
	"decide FILE         the same, and sign a decision",
	"revoke SERIAL       a warrant that this server has made no longer stands",
	"revocations         print them",
	"serve               answer transcripts that are posted with decisions",
};

bool
warrant_fail(const char *what, const char *why)
{
	fprintf(stderr, NAME ": %s%s%s\n", what, why[0] == '\0' ? "" : ": ", why);
	return false;
}

static bool
put(struct warrant_args *a, const struct row *row, const char *value)
{
	void *place = (char *)a + row->offset;

	switch (row->kind) {
	case STRING:
		*(const char **)place = value;
		return true;
	case FLAG:
		*(bool *)place = true;
		return true;
	case NUMBER:
		/* 2^40 seconds or days are beyond every warrant. */
		return slice_number(slice_of(value), UINT64_C(1) << 40, place) ||
		       warrant_fail(row->name, "must be a number");
	}
	return false;
}

static bool
check(const struct warrant_args *a)
{
	if (a->n_words == 0)
		return warrant_fail("a command is missing", "");
	if ((a->cert == NULL) != (a->key_pem == NULL))
		return warrant_fail("--cert and --key-pem belong together", "");
	if (a->ca != NULL && a->cert == NULL)
		return warrant_fail("--ca needs --cert", "");
	if (a->until != UINT64_MAX && a->days != UINT64_MAX)
		return warrant_fail("one of --until and --days", "");
	return true;
}

bool
warrant_args_parse(struct warrant_args *a, int argc, char **argv)
{
	struct option options[NITEMS(rows) + 1] = { 0 };
	int at;

	*a = (struct warrant_args){
		.from = UINT64_MAX, .until = UINT64_MAX, .days = UINT64_MAX, .rights = UINT64_MAX
	};
	for (size_t i = 0; i < NITEMS(rows); i++)
		options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].value == NULL ? no_argument : required_argument,
			.val = (int)i,
		};
	while ((at = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (at == '?' || !put(a, &rows[at], optarg))
			return false;
	a->words = argv + optind;
	a->n_words = argc - optind;
	return a->help || a->version || check(a);
}

void
warrant_args_usage(FILE *out)
{
	fputs("usage: " NAME " --state=DIR COMMAND [OPTION]...\n\n"
	      "The side of a server outside of the operator's network in multiparty "
	      "authentication.\n\n",
	      out);
	for (size_t i = 0; i < NITEMS(commands); i++)
		fprintf(out, "  %s\n", commands[i]);
	fputc('\n', out);
	for (size_t i = 0; i < NITEMS(rows); i++)
		fprintf(out, "  --%s%s%-*s %s\n", rows[i].name, rows[i].value == NULL ? "" : "=",
		        (int)(rows[i].value == NULL ? 21 : 20) - (int)strlen(rows[i].name),
		        rows[i].value == NULL ? "" : rows[i].value, rows[i].help);
}
