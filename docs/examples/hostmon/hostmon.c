/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmon: a device (or gateway) application. It registers at an SCL over dIa and publishes what
 * the machine it runs on measures about itself.
 */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <curl/curl.h>
#include <libxml/parser.h>

#include "client/http.h"
#include "client/mem.h"
#include "client/option.h"
#include "client/stop.h"
#include "client/when.h"
#include "hostmon/publisher.h"
#include "hostmon/sampler.h"

#define RETRY_MIN_MS	500
#define RETRY_MAX_MS	30000
#define FLUSH_MS	10000	/* after the last round, for what still waits */

struct options {
	char *scl;
	const char *app_id;
	const char *access_right;
	struct http_proof proof;
	int64_t period;
	int64_t lifetime;
	uint64_t rounds;
	long long keep;
	size_t queue;
};

struct hostmon {
	struct sampler sampler;
	struct publisher publisher;
	int stop_fd;
	int64_t retry_step;	/* 0 while the SCL answers */
	int64_t retry_at;	/* monotonic */
	int64_t flush_until;	/* 0 while rounds are taken */
	bool accepted;		/* was registered once */
};

static const char usage_text[] =
    "usage: hostmon --scl URL_OF_SCLBASE [--app-id ID] [--period SECONDS] [--count ROUNDS]\n"
    "               [--keep INSTANCES] [--queue VALUES] [--lifetime SECONDS]\n"
    "               [--access-right PATH] [--ca FILE] [--token FILE]\n";

static const struct option long_options[] = {
	{ "scl",          required_argument, NULL, 's' },
	{ "app-id",       required_argument, NULL, 'a' },
	{ "period",       required_argument, NULL, 'p' },
	{ "count",        required_argument, NULL, 'c' },
	{ "keep",         required_argument, NULL, 'k' },
	{ "queue",        required_argument, NULL, 'q' },
	{ "lifetime",     required_argument, NULL, 'l' },
	{ "access-right", required_argument, NULL, 'r' },
	{ "ca",           required_argument, NULL, 'C' },
	{ "token",        required_argument, NULL, 'T' },
	{ "help",         no_argument,       NULL, 'h' },
	{ NULL,           0,                 NULL, 0   }
};

static void
set_option(struct options *o, int option)
{
	switch (option) {
	case 's': free(o->scl); o->scl = option_uri("--scl", optarg); break;
	case 'a': o->app_id = option_id("--app-id", optarg); break;
	case 'p': o->period = option_seconds("--period", optarg); break;
	case 'c': o->rounds = (uint64_t)option_number("--count", optarg, 1, INT_MAX); break;
	case 'k': o->keep = option_number("--keep", optarg, 1, INT_MAX); break;
	case 'q': o->queue = (size_t)option_number("--queue", optarg, 1, 1000000); break;
	case 'l': o->lifetime = option_seconds("--lifetime", optarg); break;
	case 'r': o->access_right = optarg; break;
	case 'C': o->proof.ca = optarg; break;
	case 'T': o->proof.token = optarg; break;
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
	if (o->scl == NULL || optind != argc)
		set_option(o, '?');
}

/*
 * The SCL did not answer or lost the resources: doubles the wait, with a random part so that
 * devices spread out.
 */
static void
back_off(struct hostmon *m)
{
	if (m->retry_step == 0)
		warnx("keeping values: %s", http_reason(m->publisher.http));
	m->retry_step = m->retry_step == 0 ? RETRY_MIN_MS : m->retry_step * 2;
	if (m->retry_step > RETRY_MAX_MS)
		m->retry_step = RETRY_MAX_MS;
	m->retry_at = when_monotonic() + m->retry_step / 2 + random() % m->retry_step;
}

static void
note_answer(struct hostmon *m)
{
	if (m->retry_step != 0)
		warnx("publishing again: %zu values wait, %" PRIu64 " dropped",
		    m->sampler.queue.count, m->sampler.queue.dropped);
	m->retry_step = 0;
	m->retry_at = 0;
}

/* Registers when it is time to, and sends what waits. */
static enum outcome
attend(struct hostmon *m)
{
	struct publisher *p = &m->publisher;
	enum outcome out = OUT_DONE;

	if (!p->registered || when_monotonic() >= p->refresh_at)
		out = publisher_register(p, &m->sampler);
	if (out != OUT_DONE) {
		if (!m->accepted && out != OUT_AWAY && out != OUT_STOPPED)
			errx(1, "cannot register: %s", http_reason(p->http));
		return out;
	}
	m->accepted = true;
	note_answer(m);
	out = publisher_send(p, &m->sampler.queue);
	if (out == OUT_GONE)
		p->registered = false;
	return out;
}

/* When there is something to do next, on the monotonic clock. */
static int64_t
next_event(struct hostmon *m)
{
	int64_t at = when_monotonic() + sampler_run(&m->sampler);
	int64_t work = m->retry_step != 0 ? m->retry_at : m->publisher.refresh_at;

	if (m->retry_step == 0 && (m->sampler.queue.count > 0 || !m->publisher.registered))
		work = 0;
	if (m->flush_until != 0 && m->flush_until < at)
		at = m->flush_until;
	return work < at ? work : at;
}

/* True when all rounds were taken and delivered, or could not be in time. */
static bool
finished(struct hostmon *m)
{
	if (!sampler_done(&m->sampler))
		return false;
	if (m->flush_until == 0)
		m->flush_until = when_monotonic() + FLUSH_MS;
	return m->sampler.queue.count == 0 || when_monotonic() >= m->flush_until;
}

static void
run(struct hostmon *m)
{
	enum outcome out = OUT_DONE;

	while (!finished(m) && out != OUT_STOPPED) {
		if (!stop_wait(&m->stop_fd, 1, next_event(m)))
			break;
		if (when_monotonic() < m->retry_at)
			continue;
		out = attend(m);
		if (out != OUT_DONE && out != OUT_STOPPED)
			back_off(m);
	}
}

static void
start(struct hostmon *m, const struct options *o)
{
	struct publisher *p = &m->publisher;

	m->stop_fd = stop_open();
	srandom((unsigned int)when_now());
	sampler_init(&m->sampler, o->period, o->rounds, o->queue);
	publisher_init(p, o->scl, o->app_id, &o->proof);
	p->lifetime = o->lifetime;
	p->keep = o->keep;
	if (o->access_right != NULL)
		p->access_right = mem_strdup(o->access_right);
	http_stop_on(p->http, m->stop_fd);
	http_set_idle(p->http, sampler_run, &m->sampler);
	printf("hostmon: publishing %zu metrics to %s\n", m->sampler.metrics, p->app_uri);
	fflush(stdout);
}

static void
summarise(const struct hostmon *m)
{
	const struct publisher *p = &m->publisher;
	const struct queue *q = &m->sampler.queue;

	warnx("%" PRIu64 " rounds, %" PRIu64 " values published, %" PRIu64 " refused, %" PRIu64
	    " dropped, %zu not sent", m->sampler.rounds, p->published, p->refused, q->dropped,
	    q->count);
}

int
main(int argc, char **argv)
{
	struct options options = { .app_id = "hostmon", .period = 1000, .keep = 3600, .queue = 8192,
	    .lifetime = 24 * 3600 * 1000 };
	struct hostmon m = { 0 };
	bool lost;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		errx(1, "cannot start libcurl");
	parse_options(&options, argc, argv);
	start(&m, &options);
	run(&m);
	summarise(&m);
	/* A number of rounds is a promise; a signal is not a failure. */
	lost = !stop_asked(m.stop_fd) &&
	    m.publisher.refused + m.sampler.queue.dropped + m.sampler.queue.count > 0;
	publisher_fini(&m.publisher);
	sampler_fini(&m.sampler);
	close(m.stop_fd);
	free(options.scl);
	curl_global_cleanup();
	xmlCleanupParser();
	return lost ? 1 : 0;
}
