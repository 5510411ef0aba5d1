/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/sink_args.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define NAME "m2m-sink"

enum kind { STRING, FLAG, SOURCE, ADDRESS, UDP_KEY };

static const struct row {
	const char *name;
	const char *value; /* what follows it, or NULL */
	enum kind kind;
	size_t offset;
	const char *help;
} rows[] = {
	{ "key", "FILE", STRING, offsetof(struct sink_args, key), "the secret key of this sink" },
	{ "source", "[URL=]FILE", SOURCE, 0,
	  ".pub of a source, whose messages are taken; may be repeated" },
	{ "state", "DIR", STRING, offsetof(struct sink_args, state),
	  "what it has received and not handed out yet" },
	{ "out", "DIR", STRING, offsetof(struct sink_args, out),
	  "message N of a source becomes the file DIR/SOURCE/N" },
	{ "exec", "PROGRAM", STRING, offsetof(struct sink_args, exec),
	  "gets each message on its standard input; status 0: it is done with" },
	{ "http", "ADDRESS:PORT", ADDRESS, offsetof(struct sink_args, http), "listen there" },
	{ "coap", "ADDRESS:PORT", ADDRESS, offsetof(struct sink_args, coap), "and there" },
	{ "udp", "ADDRESS:PORT", ADDRESS, offsetof(struct sink_args, udp), "take datagrams there" },
	{ "udp-key", "FILE", UDP_KEY, 0,
	  "32 octets, or 64 hexadecimal digits: key of datagrams; may be repeated" },
	{ "cert", "FILE", STRING, offsetof(struct sink_args, cert),
	  "PEM: certificate and chain; listen with TLS and DTLS" },
	{ "key-pem", "FILE", STRING, offsetof(struct sink_args, key_pem), "PEM: its private key" },
	{ "ca", "FILE", STRING, offsetof(struct sink_args, ca),
	  "PEM: take deliveries from certificates of these authorities alone" },
	{ "archive", NULL, FLAG, offsetof(struct sink_args, archive),
	  "also take sections that are older than the newest ones" },
	{ "public", NULL, FLAG, offsetof(struct sink_args, public),
	  "print what sources and proxies need to know of --key, and end" },
	{ "url", "URL", STRING, offsetof(struct sink_args, url), "with --public: of this sink" },
	{ "help", NULL, FLAG, offsetof(struct sink_args, help), "print this" },
	{ "version", NULL, FLAG, offsetof(struct sink_args, version), "print the version" },
};

static bool
fail(const char *what, const char *why)
{
	fprintf(stderr, NAME ": %s%s%s\n", what, why[0] == '\0' ? "" : ": ", why);
	return false;
}

/* URL=FILE, or FILE with the URL in it. A URL may have the sign in it, a name of a file not. */
static bool
put_source(struct sink_args *a, const char *text)
{
	const char *mark = strrchr(text, '=');
	struct sink_source *s = &a->sources[a->n_sources];

	if (a->n_sources == SINK_SOURCES_MAX)
		return fail("--source", "too many");
	*s = (struct sink_source){ .file = mark == NULL ? text : mark + 1 };
	if (mark != NULL &&
	    !slice_copy(slice_make(text, (size_t)(mark - text)), s->url, sizeof(s->url)))
		return fail(text, "the URL is too long");
	if (s->url[0] != '\0' && !pre_url_ok(slice_of(s->url)))
		return fail(s->url, "is no URL of a source");
	a->n_sources++;
	return true;
}

/* 127.0.0.1:8080, [::1]:8080 */
static bool
put_address(struct sink_address *to, const char *text)
{
	const char *mark = strrchr(text, ':');
	struct slice host;
	uint64_t port;

	if (mark == NULL || !slice_number(slice_of(mark + 1), UINT16_MAX, &port))
		return fail(text, "must be ADDRESS:PORT");
	host = slice_make(text, (size_t)(mark - text));
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = slice_make(host.p + 1, host.n - 2);
	if (host.n == 0 || !slice_copy(host, to->host, sizeof(to->host)))
		return fail(text, "must be ADDRESS:PORT");
	to->port = (unsigned)port;
	to->given = true;
	return true;
}

static bool
put_udp_key(struct sink_args *a, const char *file)
{
	if (a->n_udp_keys == SINK_UDP_KEYS_MAX)
		return fail("--udp-key", "too many");
	a->udp_keys[a->n_udp_keys++] = file;
	return true;
}

static bool
put(struct sink_args *a, const struct row *row, const char *value)
{
	void *place = (char *)a + row->offset;

	switch (row->kind) {
	case STRING:
		*(const char **)place = value;
		return true;
	case FLAG:
		*(bool *)place = true;
		return true;
	case SOURCE:
		return put_source(a, value);
	case UDP_KEY:
		return put_udp_key(a, value);
	default:
		return put_address(place, value);
	}
}

static bool
check(const struct sink_args *a)
{
	if (a->key == NULL)
		return fail("--key is missing", "");
	if (a->public)
		return true;
	if (a->n_sources == 0)
		return fail("--source is missing", "");
	if (a->state == NULL)
		return fail("--state is missing", "");
	if ((a->out == NULL) == (a->exec == NULL))
		return fail("one of --out and --exec is to be given", "");
	if (!a->http.given && !a->coap.given && !a->udp.given)
		return fail("one of --http, --coap and --udp is to be given", "");
	if (a->udp.given != (a->n_udp_keys > 0))
		return fail("--udp and --udp-key belong together", "");
	if ((a->cert == NULL) != (a->key_pem == NULL))
		return fail("--cert and --key-pem belong together", "");
	if (a->ca != NULL && a->cert == NULL)
		return fail("--ca needs --cert", "");
	return true;
}

bool
sink_args_parse(struct sink_args *a, int argc, char **argv)
{
	struct option options[NITEMS(rows) + 1] = { 0 };
	int at;

	*a = (struct sink_args){ .help = false };
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
	if (optind < argc)
		return fail(argv[optind], "is not expected here");
	return a->help || a->version || check(a);
}

void
sink_args_usage(FILE *out)
{
	fputs("usage: " NAME
	      " --key=FILE --source=FILE... --state=DIR (--out=DIR | --exec=PROGRAM)\n"
	      "                (--http=ADDRESS:PORT | --coap=ADDRESS:PORT | --udp=ADDRESS:PORT)... "
	      "[OPTION]...\n"
	      "       " NAME " --key=FILE --public [--url=URL]\n\n"
	      "Receive what proxies re-encrypt for this sink.\n\n",
	      out);
	for (size_t i = 0; i < NITEMS(rows); i++)
		fprintf(out, "  --%s%s%-*s %s\n", rows[i].name, rows[i].value == NULL ? "" : "=",
		        (int)(rows[i].value == NULL ? 25 : 24) - (int)strlen(rows[i].name),
		        rows[i].value == NULL ? "" : rows[i].value, rows[i].help);
}
