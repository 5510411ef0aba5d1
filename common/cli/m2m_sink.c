/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver of what proxies re-encrypt, without the rest of an SCL: m2m-sink OPTION... It answers a
 * delivery when it is durable below --state, and hands the messages out, in their order, as files or to
 * a program.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/datalock.h"
#include "cli/sink_out.h"
#include "cli/sink_server.h"
#include "pre/pre.h"
#include "sec/hex.h"
#include "sec/secret.h"

#define NAME "m2m-sink"
#define HEAP 262144 /* octets for secrets */
#define TEXT_MAX 65536u

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

struct sink {
	struct sink_args args;
	struct log *log;
	int lock; /* of the state, -1: none */
	struct afgh *afgh;
	struct pre_identity *identity;
	struct pre_public publics[SINK_SOURCES_MAX];
	struct px_inbox_source sources[SINK_SOURCES_MAX];
	struct sink_out_source outs[SINK_SOURCES_MAX];
	struct px_inbook *book;
	struct sink_out *out;
	struct sink_server *server;
};

static bool
fail(const char *what, const char *why)
{
	fprintf(stderr, NAME ": %s: %s\n", what, why);
	return false;
}

/* ---- keys ---- */

static bool
read_identity(struct sink *s)
{
	enum rc rc = afgh_new(&s->afgh);

	if (rc == RC_NOT_IMPLEMENTED)
		return fail("pairing", "this build has none");
	if (rc != RC_OK)
		return fail("pairing", status_of(rc)->text);
	rc = pre_identity_read(s->args.key, &s->identity);
	if (rc == RC_FORBIDDEN)
		return fail(s->args.key, "others may read it, or it is not this user's");
	return rc == RC_OK || fail(s->args.key, status_of(rc)->text);
}

static bool
read_source(struct sink *s, size_t i)
{
	const struct sink_source *given = &s->args.sources[i];
	struct pre_public *p = &s->publics[i];
	enum rc rc = pre_public_read(given->file, p);

	if (rc != RC_OK)
		return fail(given->file, status_of(rc)->text);
	if ((p->parts & PRE_PUBLIC_SIGN) == 0)
		return fail(given->file, "is no .pub");
	if (given->url[0] == '\0' && p->url[0] == '\0')
		return fail(given->file, "has no URL; give it as URL=FILE");
	s->sources[i] =
		(struct px_inbox_source){ .url = given->url[0] != '\0' ? given->url : p->url,
		                          .key = p->sign };
	s->outs[i].url = s->sources[i].url;
	rc = pre_source_name(slice_of(s->sources[i].url), s->outs[i].name.v);
	return rc == RC_OK || fail(s->sources[i].url, status_of(rc)->text);
}

static bool
print_public(struct sink *s)
{
	const char *url = s->args.url == NULL ? "" : s->args.url;
	char pk2[2 * AFGH_G2 + 1], id[2 * PRE_PK_ID_SIZE + 1];
	uint8_t pk_id[PRE_PK_ID_SIZE];
	struct pre_public *p = &s->publics[0];
	struct buf text;
	bool ok;

	if (pre_public_of(s->identity, s->afgh, PRE_PUBLIC_ALL, slice_of(url), p) != RC_OK)
		return fail(url, "is no URL");
	if (pre_pk_id(slice_make(p->pk2, sizeof(p->pk2)), pk_id) != RC_OK)
		return fail(s->args.key, "cannot be used");
	hex_encode(p->pk2, sizeof(p->pk2), pk2);
	hex_encode(pk_id, sizeof(pk_id), id);
	buf_init(&text, TEXT_MAX);
	ok = pre_public_write(p, &text) == RC_OK &&
	     printf("pkId %s\npk2 %s\n%.*s", id, pk2, (int)text.n, text.p) > 0 &&
	     fflush(stdout) == 0;
	buf_fini(&text);
	return ok || fail("standard output", strerror(errno));
}

/* ---- life ---- */

static bool
open_state(struct sink *s)
{
	struct px_inbook_conf conf = { .dir = s->args.state,
		                       .engine = &store_lmdb,
		                       .octets = SINK_QUEUE_OCTETS * s->args.n_sources,
		                       .log = s->log };
	char why[256] = "";

	s->lock = datalock_take(s->args.state, why, sizeof(why));
	if (s->lock < 0)
		return fail(s->args.state, why);
	return px_inbook_open(&conf, &s->book, why) == RC_OK || fail(s->args.state, why);
}

static bool
start_out(struct sink *s)
{
	const struct sink_out_conf conf = { .book = s->book,
		                            .sources = s->outs,
		                            .n_sources = s->args.n_sources,
		                            .dir = s->args.out,
		                            .program = s->args.exec,
		                            .log = s->log };
	enum rc rc = sink_out_start(&conf, &s->out);

	return rc == RC_OK || fail(s->args.out == NULL ? s->args.exec : s->args.out,
	                           rc == RC_FORBIDDEN ? "is no directory that can be written to"
	                                              : status_of(rc)->text);
}

static bool
start_server(struct sink *s)
{
	const struct sink_server_conf conf = { .args = &s->args,
		                               .sources = s->sources,
		                               .n_sources = s->args.n_sources,
		                               .afgh = s->afgh,
		                               .identity = s->identity,
		                               .book = s->book,
		                               .outlet = { sink_out_queued, s->out },
		                               .log = s->log };
	char why[SINK_WHY_MAX];

	return sink_server_start(&conf, &s->server, why) == RC_OK || fail("start", why);
}

static bool
serve(struct sink *s)
{
	sigset_t stop;
	int got;

	/* Before the first thread, so that all have them blocked. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0)
		return fail("signals", strerror(errno));
	for (size_t i = 0; i < s->args.n_sources; i++)
		if (!read_source(s, i))
			return false;
	if (!open_state(s) || !start_out(s) || !start_server(s))
		return false;
	if (printf("%s\n", sink_server_ready(s->server)) < 0 || fflush(stdout) != 0)
		return fail("standard output", strerror(errno));
	return sigwait(&stop, &got) == 0;
}

/* The server goes first: what it has under way is stored, and handed out the next time. */
static void
end(struct sink *s)
{
	sink_server_stop(s->server);
	sink_out_stop(s->out);
	px_inbook_close(s->book);
	pre_identity_free(s->identity);
	afgh_free(s->afgh);
	if (s->lock >= 0)
		close(s->lock);
	log_free(s->log);
	free(s);
}

static int
run(struct sink *s)
{
	bool ok = signal(SIGPIPE, SIG_IGN) != SIG_ERR && process_hide() == RC_OK;

	if (!ok)
		(void)fail("cannot hide this process", strerror(errno));
	/* Without it every secret takes a page: what does not fit says so. */
	(void)secret_heap(HEAP);
	s->log = log_new(STDERR_FILENO, NAME, LOG_LEVEL_INFO);
	ok = ok && read_identity(s);
	if (ok && !s->args.public)
		pre_identity_end_signing(s->identity);
	ok = ok && (s->args.public ? print_public(s) : serve(s));
	return ok ? STATUS_OK : STATUS_FAILED;
}

int
main(int argc, char **argv)
{
	struct sink *s = calloc(1, sizeof(*s));
	int status = STATUS_OK;

	if (s == NULL)
		return STATUS_FAILED;
	s->lock = -1;
	if (!sink_args_parse(&s->args, argc, argv))
		status = STATUS_USAGE;
	else if (s->args.help)
		sink_args_usage(stdout);
	else if (s->args.version)
		printf(NAME " %s (pairing: %s)\n", PACKAGE_VERSION, PAIRING_PROVIDER);
	else
		status = run(s);
	end(s);
	return status;
}
