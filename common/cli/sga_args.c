/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/sga_args.h"

#include "base/slice.h"

#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define NAME "m2m-sga"

enum kind { STRING, NUMBER, FLAG };

static const struct row {
	const char *name;
	const char *value; /* what follows it, or NULL */
	enum kind kind;
	size_t offset;
	const char *help;
} rows[] = {
#define AT(member) offsetof(struct sga_args, member)
	{ "state", "DIR", STRING, AT(state), "the device: its keys, sessions and messages" },
	{ "root", "URL", STRING, AT(root), "the server, such as http://gw:8181/m2m/sga" },
	{ "via", "URL", STRING, AT(via), "the own gateway, which passes requests on" },
	{ "from", "URI", STRING, AT(from), "requestingEntity of requests" },
	{ "ca", "FILE", STRING, AT(ca), "PEM: authorities of servers (https)" },
	{ "cert", "FILE", STRING, AT(cert), "PEM: certificate of this client" },
	{ "key-pem", "FILE", STRING, AT(key_pem), "PEM: its private key" },
	{ "bearer", "FILE", STRING, AT(bearer), "with the token of an administrator" },
	{ "unix-socket", "PATH", STRING, AT(unix_socket), "connect there instead of to the host" },
	{ "verify-key", "FILE", STRING, AT(verify_key),
	  "PEM: the key that packages are signed by (token: is written)" },
	{ "token-file", "FILE", STRING, AT(token_file),
	  "the one-time token, 32 hex digits (token: is written)" },
	{ "sign-key", "FILE", STRING, AT(sign_key), "PEM: Ed25519 private key of the device" },
	{ "peer-key", "FILE", STRING, AT(peer_key),
	  "PEM: Ed25519 public key, which the peer must prove" },
	{ "ciphers", "NAME,...", STRING, AT(ciphers), "ciphers of the device, the best one first" },
	{ "cipher", "NAME", STRING, AT(cipher), "of this session" },
	{ "suite", "N", NUMBER, AT(suite), "1: RSA and finite fields, 2: X25519 (default)" },
	{ "ttl", "SECONDS", NUMBER, AT(ttl), "how long the token is good" },
	{ "wait", "SECONDS", NUMBER, AT(wait), "for messages of others" },
	{ "count", "N", NUMBER, AT(count), "receive: end after so many" },
	{ "max", "N", NUMBER, AT(max), "devices, sessions: so many at once, up to 100" },
	{ "after", "NEXT", STRING, AT(after), "devices, sessions: what follows that page" },
	{ "any", NULL, FLAG, AT(any), "accept: whoever invites" },
	{ "refuse", NULL, FLAG, AT(refuse), "accept: say no" },
	{ "close", NULL, FLAG, AT(close), "session: end it" },
	{ "new", NULL, FLAG, AT(renew), "negotiate: also when there is a session" },
	{ "purpose", "TEXT", STRING, AT(purpose), "of a group" },
	{ "out", "PATH", STRING, AT(out), "receive: directory; package: file" },
	{ "help", NULL, FLAG, AT(help), "print this" },
	{ "version", NULL, FLAG, AT(version), "print the version" },
#undef AT
};

static const char *const commands[] = {
	"token ID                 administrator: a one-time token, and the key of packages",
	"devices|sessions|stats|lockouts   administrator: lists",
	"unlock NAME              administrator: lift a lock-out",
	"revoke ID                administrator: end a registration",
	"package                  show and check what the server publishes",
	"register ID              become a device of the server, or renew the keys",
	"negotiate PEER           agree on a key with another device",
	"accept [PEER...]         answer invitations",
	"session [PEER]           what there is; with --close: end it",
	"send PEER [FILE]         a message, of a file or standard input",
	"receive                  print messages",
	"groups                   what there is",
	"groups make MEMBER...    begin a group; prints its name",
	"groups change GID MEMBER...   other members, a new key",
	"groups send GID [FILE]   a message to all",
	"groups leave GID         leave; the owner ends it",
};

static bool
fail(const char *what, const char *why)
{
	fprintf(stderr, NAME ": %s%s%s\n", what, why[0] == '\0' ? "" : ": ", why);
	return false;
}

static bool
put(struct sga_args *a, const struct row *row, const char *value)
{
	void *place = (char *)a + row->offset;
	uint64_t n;

	switch (row->kind) {
	case STRING:
		*(const char **)place = value;
		return true;
	case FLAG:
		*(bool *)place = true;
		return true;
	case NUMBER:
		if (!slice_number(slice_of(value), INT_MAX, &n))
			return fail(row->name, "must be a number");
		*(long *)place = (long)n;
		return true;
	}
	return false;
}

static bool
check(const struct sga_args *a)
{
	if (a->n_words == 0)
		return fail("a command is missing", "");
	if ((a->cert == NULL) != (a->key_pem == NULL))
		return fail("--cert and --key-pem belong together", "");
	if (a->suite != -1 && a->suite != 1 && a->suite != 2)
		return fail("--suite", "must be 1 or 2");
	return true;
}

bool
sga_args_parse(struct sga_args *a, int argc, char **argv)
{
	struct option options[NITEMS(rows) + 1] = { 0 };
	int at;

	*a = (struct sga_args){ .suite = -1, .ttl = -1, .wait = -1, .count = -1, .max = -1 };
	for (size_t i = 0; i < NITEMS(rows); i++)
		options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].value == NULL ? no_argument : required_argument,
			.val = (int)i,
		};
	opterr = 1;
	while ((at = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (at == '?' || !put(a, &rows[at], optarg))
			return false;
	a->words = argv + optind;
	a->n_words = argc - optind;
	return a->help || a->version || check(a);
}

void
sga_args_usage(FILE *out)
{
	fputs("usage: " NAME " --state=DIR COMMAND [OPTION]...\n"
	      "       " NAME " --root=URL COMMAND [OPTION]...\n\n"
	      "A device of a security gateway application, and its administration.\n\n",
	      out);
	for (size_t i = 0; i < NITEMS(commands); i++)
		fprintf(out, "  %s\n", commands[i]);
	fputc('\n', out);
	for (size_t i = 0; i < NITEMS(rows); i++)
		fprintf(out, "  --%s%s%-*s %s\n", rows[i].name, rows[i].value == NULL ? "" : "=",
		        (int)(rows[i].value == NULL ? 21 : 20) - (int)strlen(rows[i].name),
		        rows[i].value == NULL ? "" : rows[i].value, rows[i].help);
}
