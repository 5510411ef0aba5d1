/* SPDX-License-Identifier: Apache-2.0 */

/*
 * watcher: a network application. It registers at an NSCL over mIa, finds applications at all SCLs
 * registered there, subscribes to their containers and prints what they notify.
 */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <curl/curl.h>
#include <libxml/parser.h>

#include "client/http.h"
#include "client/mem.h"
#include "client/option.h"
#include "client/resource.h"
#include "client/stop.h"
#include "client/when.h"
#include "watcher/discover.h"
#include "watcher/server.h"
#include "watcher/sites.h"
#include "watcher/watch.h"

#define ROUND_MS	3000		/* between two rounds of discovery */
#define LIFETIME_MS	(5 * 60 * 1000)	/* of what is left behind when the watcher is killed */
#define END_MS		5000		/* for all that is deleted at the end */
#define SEARCH_MAX	16

struct options {
	char *nscl;
	const char *listen;
	const char *app_id;
	struct http_proof proof;
	const char *search[SEARCH_MAX + 1];
	size_t searches;
	uint64_t count;
	int64_t timeout;	/* ms; 0: none */
};

struct watcher {
	const struct options *options;
	char *app_uri;
	struct server *server;
	struct discover discover;
	int fds[2];		/* stop, and done: enough values or nobody to read them */
	int64_t deadline;	/* monotonic */
	int64_t refresh_at;	/* monotonic, of the application */
	bool registered;	/* at least once */
	bool trouble;		/* the last round failed, and that was reported */
};

static const char usage_text[] =
    "usage: watcher --nscl URL_OF_SCLBASE [--listen HOST:PORT] [--search STRING]... [--app-id ID]\n"
    "               [--count VALUES] [--timeout SECONDS] [--ca FILE] [--token FILE]\n";

static const struct option long_options[] = {
	{ "nscl",    required_argument, NULL, 'n' },
	{ "listen",  required_argument, NULL, 'l' },
	{ "search",  required_argument, NULL, 's' },
	{ "app-id",  required_argument, NULL, 'a' },
	{ "count",   required_argument, NULL, 'c' },
	{ "timeout", required_argument, NULL, 't' },
	{ "ca",      required_argument, NULL, 'C' },
	{ "token",   required_argument, NULL, 'T' },
	{ "help",    no_argument,       NULL, 'h' },
	{ NULL,      0,                 NULL, 0   }
};

static void
add_search(struct options *o, const char *search)
{
	if (o->searches == SEARCH_MAX)
		errx(2, "--search: at most %d times", SEARCH_MAX);
	o->search[o->searches++] = search;
}

static void
set_option(struct options *o, int option)
{
	switch (option) {
	case 'n': free(o->nscl); o->nscl = option_uri("--nscl", optarg); break;
	case 'l': o->listen = optarg; break;
	case 's': add_search(o, optarg); break;
	case 'a': o->app_id = option_id("--app-id", optarg); break;
	case 'c': o->count = (uint64_t)option_number("--count", optarg, 1, INT_MAX); break;
	case 'C': o->proof.ca = optarg; break;
	case 'T': o->proof.token = optarg; break;
	case 't': o->timeout = option_seconds("--timeout", optarg); break;
	case 'h': fputs(usage_text, stdout); exit(0);
	default: fputs(usage_text, stderr); exit(2);
	}
}

static void
parse_options(struct options *o, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(o, option);
	if (o->nscl == NULL || optind != argc)
		set_option(o, '?');
	if (o->searches == 0)
		add_search(o, "Category/hostmon");
}

/* Registers the application, or prolongs its life, when it is time to. */
static enum outcome
keep_application(struct watcher *w)
{
	static const char *const search[] = { "Category/watcher", NULL };
	char *collection = mem_printf("%s/applications", w->options->nscl);
	struct resource app = { .type = "application", .collection = collection,
	    .id = w->options->app_id, .search = search };
	struct http *http = w->discover.http;
	enum outcome out = OUT_DONE;
	int64_t expires;

	if (when_monotonic() >= w->refresh_at) {
		out = resource_keep(http, &app, LIFETIME_MS, &expires);
		if (out == OUT_DONE)
			w->refresh_at = when_refresh(expires);
		else if (!w->registered && out != OUT_AWAY && out != OUT_STOPPED)
			errx(1, "cannot register: %s", http_reason(http));
		w->registered |= out == OUT_DONE;
	}
	free(collection);
	return out;
}

static enum outcome
do_round(struct watcher *w)
{
	enum outcome out = keep_application(w);

	if (out == OUT_DONE)
		out = discover_refresh(&w->discover);
	if (out == OUT_DONE)
		out = discover_round(&w->discover);
	return out;
}

/* Says once that the NSCL cannot be asked, and once that it can be again. */
static void
note_round(struct watcher *w, enum outcome out)
{
	if (out != OUT_DONE && !w->trouble)
		warnx("cannot look for containers: %s", http_reason(w->discover.http));
	if (out == OUT_DONE && w->trouble)
		warnx("looking for containers again");
	w->trouble = out != OUT_DONE;
}

/* Until a signal, enough values or the time-out. */
static void
run(struct watcher *w)
{
	enum outcome out;
	int64_t next;

	while (when_monotonic() < w->deadline) {
		out = do_round(w);
		if (out == OUT_STOPPED)
			return;
		note_round(w, out);
		next = when_monotonic() + ROUND_MS;
		if (!stop_wait(w->fds, 2, next < w->deadline ? next : w->deadline))
			return;
	}
}

static void
start(struct watcher *w, const struct options *o)
{
	struct discover *d = &w->discover;

	w->options = o;
	w->app_uri = mem_printf("%s/applications/%s", o->nscl, o->app_id);
	w->fds[0] = stop_open();
	w->fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fds[1] == -1)
		err(1, "eventfd");
	w->deadline = o->timeout != 0 ? when_monotonic() + o->timeout : INT64_MAX;
	d->watch = watch_new(o->count, w->fds[1]);
	w->server = server_start(o->listen, watch_post, d->watch);
	d->http = http_new(o->nscl, w->app_uri, &o->proof);
	http_stop_on(d->http, w->fds[0]);
	http_stop_on(d->http, w->fds[1]);
	if (o->timeout != 0)
		http_set_deadline(d->http, w->deadline);
	d->nscl = o->nscl;
	d->search = o->search;
	d->subscription_id = o->app_id;
	d->contact = server_uri(w->server);
	d->lifetime = LIFETIME_MS;
	d->sites = sites_new();
	warnx("notifications go to %s/notify", d->contact);
}

/* Leaves nothing behind at the SCLs, in bounded time. */
static void
finish(struct watcher *w)
{
	struct discover *d = &w->discover;

	http_stop_never(d->http);
	discover_end(d, when_monotonic() + END_MS);
	if (w->registered)
		http_call(d->http, "DELETE", w->app_uri, NULL, NULL);
	server_stop(w->server);
	http_free(d->http);
	watch_free(d->watch);
	sites_free(d->sites);
	close(w->fds[0]);
	close(w->fds[1]);
	free(w->app_uri);
}

int
main(int argc, char **argv)
{
	struct options options = { .listen = "127.0.0.1:0", .app_id = "watcher" };
	struct watcher w = { 0 };
	uint64_t values;
	bool stopped;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		errx(1, "cannot start libcurl");
	xmlInitParser();
	parse_options(&options, argc, argv);
	start(&w, &options);
	run(&w);
	stopped = stop_asked(w.fds[0]) || stop_asked(w.fds[1]);
	values = watch_values(w.discover.watch);
	finish(&w);
	warnx("%" PRIu64 " values", values);
	free(options.nscl);
	curl_global_cleanup();
	xmlCleanupParser();
	return stopped || options.count == 0 ? 0 : 1;
}
