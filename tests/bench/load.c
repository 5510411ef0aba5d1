/* SPDX-License-Identifier: Apache-2.0 */
/* Load generator: many connections, kept or not, one request in flight on each. */
#include "config.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "keys.h"
#include "link.h"
#include "ticks.h"
#include "worker.h"

enum { THREADS_MAX = 16, CONNS_MAX = 4096, HEAD_MAX = 4096 };

struct options {
	const char *url;
	const char *method;
	const char *body_file;
	const char *type;
	const char *from;
	const char *accept;
	const char *paths_file;
	const char *psk_file;
	struct link_conf tls;
	bool single;
	bool hold;
	int expect;
	int conns;
	int threads;
	double seconds;
	double warmup;
	double interval;
	uint64_t requests;
};

static const char usage[] =
    "usage: load --url http[s]://ADDRESS:PORT/path [--method M] [--body-file F] [--content-type T]\n"
    "            [--from URI] [--accept T] [--paths FILE] [--expect STATUS] [--warmup SECONDS]\n"
    "            [--psk FILE] [--ca FILE] [--certificate FILE --key FILE] [--tls 1.2|1.3]\n"
    "            [--single] [--hold] [--interval SECONDS]\n"
    "            [-c CONNECTIONS] [-t THREADS] [-d SECONDS | -n REQUESTS]\n"
    "--psk: one key after the other (keys.h), with their From; --single: a connection for each\n"
    "request; --hold: the connections stay open after the result until standard input ends;\n"
    "--interval: between two requests of a connection; --expect 0: the handshake is to fail\n";

static _Noreturn void
die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

/* Zero terminated, never freed: lives as long as the program. */
static char *
file_read(const char *name, size_t *len)
{
	FILE *f = fopen(name, "rb");
	size_t room = 65536;
	char *data = malloc(room);

	if (f == NULL || data == NULL)
		die("cannot read %s", name);
	*len = 0;
	while (data != NULL && !feof(f) && !ferror(f)) {
		*len += fread(data + *len, 1, room - *len - 1, f);
		if (*len + 1 == room)
			data = realloc(data, room *= 2);
	}
	if (data == NULL || ferror(f))
		die("cannot read %s", name);
	fclose(f);
	data[*len] = '\0';
	return data;
}

static enum link_version
version_read(const char *text)
{
	if (strcmp(text, "1.2") == 0)
		return LINK_TLS_1_2;
	if (strcmp(text, "1.3") != 0)
		die("TLS %s is not known", text);
	return LINK_TLS_1_3;
}

static void
option_set(struct options *o, int c, const char *value)
{
	switch (c) {
	case 'u': o->url = value; break;
	case 'm': o->method = value; break;
	case 'b': o->body_file = value; break;
	case 'T': o->type = value; break;
	case 'f': o->from = value; break;
	case 'a': o->accept = value; break;
	case 'p': o->paths_file = value; break;
	case 'e': o->expect = atoi(value); break;
	case 'w': o->warmup = atof(value); break;
	case 'i': o->interval = atof(value); break;
	case 'P': o->psk_file = value; break;
	case 'A': o->tls.ca = value; break;
	case 'C': o->tls.cert = value; break;
	case 'K': o->tls.cert_key = value; break;
	case 'V': o->tls.version = version_read(value); break;
	case 'S': o->single = true; break;
	case 'H': o->hold = true; break;
	case 'c': o->conns = atoi(value); break;
	case 't': o->threads = atoi(value); break;
	case 'd': o->seconds = atof(value); break;
	case 'n': o->requests = strtoull(value, NULL, 10); break;
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void
options_parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "url", required_argument, NULL, 'u' },
		{ "method", required_argument, NULL, 'm' },
		{ "body-file", required_argument, NULL, 'b' },
		{ "content-type", required_argument, NULL, 'T' },
		{ "from", required_argument, NULL, 'f' },
		{ "accept", required_argument, NULL, 'a' },
		{ "paths", required_argument, NULL, 'p' },
		{ "expect", required_argument, NULL, 'e' },
		{ "warmup", required_argument, NULL, 'w' },
		{ "interval", required_argument, NULL, 'i' },
		{ "psk", required_argument, NULL, 'P' },
		{ "ca", required_argument, NULL, 'A' },
		{ "certificate", required_argument, NULL, 'C' },
		{ "key", required_argument, NULL, 'K' },
		{ "tls", required_argument, NULL, 'V' },
		{ "single", no_argument, NULL, 'S' },
		{ "hold", no_argument, NULL, 'H' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:t:d:n:", names, NULL)) != -1)
		option_set(o, c, optarg);
	if (o->url == NULL || optind != argc)
		option_set(o, '?', NULL);
	if (o->interval > 0 && o->requests > 0)
		die("either an interval or a number of requests");
	if ((o->tls.cert == NULL) != (o->tls.cert_key == NULL))
		die("a certificate and its key");
	if (o->threads < 1 || o->threads > THREADS_MAX || o->conns < o->threads || o->conns > CONNS_MAX)
		die("connections or threads out of range");
}

static bool
url_is_secure(const char *url)
{
	return strncmp(url, "https://", strlen("https://")) == 0;
}

/* Splits http[s]://ADDRESS:PORT/path; returns the path. */
static const char *
url_parse(const char *url, struct sockaddr_in *server, char *authority, size_t size)
{
	const char *start = url + strlen(url_is_secure(url) ? "https://" : "http://");
	size_t len;
	char *colon;

	if (!url_is_secure(url) && strncmp(url, "http://", strlen("http://")) != 0)
		die("only http:// and https:// are known");
	len = strcspn(start, "/");
	if (len == 0 || len >= size)
		die("bad URL %s", url);
	memcpy(authority, start, len);
	authority[len] = '\0';
	colon = strchr(authority, ':');
	if (colon == NULL)
		die("the URL needs a port");
	*colon = '\0';
	server->sin_family = AF_INET;
	server->sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, authority, &server->sin_addr) != 1)
		die("the URL needs a numeric IPv4 address");
	*colon = ':';
	return start[len] == '/' ? start + len : "/";
}

static void
header_add(char *head, const char *name, const char *value)
{
	size_t used = strlen(head);
	int n;

	if (value == NULL)
		return;
	n = snprintf(head + used, HEAD_MAX - used, "%s: %s\r\n", name, value);
	if (n < 0 || (size_t)n >= HEAD_MAX - used)
		die("header too long");
}

struct body {
	char *data;	/* NULL: none */
	size_t len;
};

/* Everything behind the path: the rest of the request line, the headers and the body. */
static void
sender_rest(struct sender *s, const struct options *o, const char *authority, const char *from,
    const struct body *body)
{
	char head[HEAD_MAX] = " HTTP/1.1\r\n";
	char number[24];
	size_t head_len;

	header_add(head, "Host", authority);
	header_add(head, "From", from);
	header_add(head, "Accept", o->accept);
	if (body->data != NULL) {
		snprintf(number, sizeof(number), "%zu", body->len);
		header_add(head, "Content-Type", o->type);
		header_add(head, "Content-Length", number);
	}
	head_len = strlen(head);
	s->rest_len = head_len + 2 + body->len;
	s->rest = malloc(s->rest_len + 1);
	if (s->rest == NULL)
		die("out of memory");
	memcpy(s->rest, head, head_len);
	memcpy(s->rest + head_len, "\r\n", 2);
	if (body->len > 0)
		memcpy(s->rest + head_len + 2, body->data, body->len);
}

/* One sender per key, or the only one. */
static void
plan_senders(struct plan *p, const struct options *o, const char *authority,
    const struct keys *keys)
{
	struct body body = { 0 };

	if (o->body_file != NULL)
		body.data = file_read(o->body_file, &body.len);
	p->n_senders = keys->n > 0 ? keys->n : 1;
	p->senders = calloc(p->n_senders, sizeof(*p->senders));
	if (p->senders == NULL)
		die("out of memory");
	for (size_t i = 0; i < p->n_senders; i++) {
		struct sender *s = &p->senders[i];

		s->psk = keys->n > 0 ? &keys->all[i] : NULL;
		sender_rest(s, o, authority, s->psk == NULL ? o->from : s->psk->from, &body);
		if (s->rest_len > p->longest_rest)
			p->longest_rest = s->rest_len;
	}
	free(body.data);
}

/* One path per line; the paths point into the text of the file. */
static void
plan_paths(struct plan *p, const char *file, char *single)
{
	size_t len = strlen(single);
	char *text = file == NULL ? single : file_read(file, &len);
	size_t lines = 1;
	char *save = NULL;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	p->text = text;
	p->paths = calloc(lines, sizeof(*p->paths));
	if (p->paths == NULL)
		die("out of memory");
	for (char *s = strtok_r(text, "\n", &save); s != NULL; s = strtok_r(NULL, "\n", &save)) {
		p->paths[p->n_paths++] = s;
		if (strlen(s) > p->longest_path)
			p->longest_path = strlen(s);
	}
	if (p->n_paths == 0)
		die("no path");
}

static void
plan_times(struct plan *p, const struct options *o)
{
	p->start_ns = ticks_ns() + (uint64_t)(o->warmup * 1e9);
	p->limit = o->requests > 0 ? o->requests : UINT64_MAX;
	p->stop_ns = UINT64_MAX;
	if (o->requests == 0)
		p->stop_ns = p->start_ns + (uint64_t)(o->seconds * 1e9);
}

/* Processor time of this process so far, in seconds. */
static double
cpu_seconds(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	    (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void
report(const struct worker *sum, uint64_t start_ns)
{
	double seconds = sum->last_ns > start_ns ? (double)(sum->last_ns - start_ns) / 1e9 : 0;
	double rps = seconds > 0 ? (double)sum->hist.count / seconds : 0;

	printf("{\"requests\":%llu,\"seconds\":%.3f,\"rps\":%.1f,\"errors\":%llu,\"first_error\":%d,"
	    "\"reconnects\":%llu,\"body_bytes\":%llu,\"answers\":%llu,\"cpu\":%.6f,"
	    "\"tls\":\"%s\",",
	    (unsigned long long)sum->hist.count, seconds, rps, (unsigned long long)sum->errors,
	    sum->first_error, (unsigned long long)sum->reconnects, (unsigned long long)sum->body,
	    (unsigned long long)sum->answers, cpu_seconds(), sum->tls);
	hist_print(&sum->hist);
	puts("}");
	fflush(stdout);
}

static void
worker_sum(struct worker *sum, const struct worker *w)
{
	hist_merge(&sum->hist, &w->hist);
	if (sum->errors == 0)
		sum->first_error = w->first_error;
	sum->errors += w->errors;
	sum->reconnects += w->reconnects;
	sum->answers += w->answers;
	if (w->tls[0] != '\0')
		memcpy(sum->tls, w->tls, sizeof(sum->tls));
	sum->body += w->body;
	sum->failed = sum->failed || w->failed;
	if (w->last_ns > sum->last_ns)
		sum->last_ns = w->last_ns;
}

static void
workers_start(struct worker *w, struct plan *p, const struct options *o)
{
	unsigned all = (unsigned)o->threads + 1;
	size_t first = 0;

	if (pthread_barrier_init(&p->done, NULL, all) != 0 ||
	    pthread_barrier_init(&p->end, NULL, all) != 0)
		die("out of memory");
	plan_times(p, o);
	for (int i = 0; i < o->threads; i++) {
		w[i].plan = p;
		w[i].n_conns = o->conns / o->threads + (i < o->conns % o->threads);
		w[i].first = first;
		first += (size_t)w[i].n_conns;
		if (pthread_create(&w[i].thread, NULL, worker_run, &w[i]) != 0)
			die("cannot start a thread");
	}
}

static void
workers_end(struct worker *w, struct plan *p, const struct options *o)
{
	pthread_barrier_wait(&p->end);
	for (int i = 0; i < o->threads; i++)
		pthread_join(w[i].thread, NULL);
	pthread_barrier_destroy(&p->done);
	pthread_barrier_destroy(&p->end);
}

/* Until standard input ends. */
static void
hold(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
}

/* Exit status 1 when the run had to be given up; wrong answers are only counted. */
static int
load_run(struct plan *p, const struct options *o)
{
	struct worker *w = calloc((size_t)o->threads + 1, sizeof(*w));
	struct worker *sum;
	int failed;

	if (w == NULL)
		die("out of memory");
	sum = &w[o->threads];
	workers_start(w, p, o);
	pthread_barrier_wait(&p->done);
	for (int i = 0; i < o->threads; i++)
		worker_sum(sum, &w[i]);
	report(sum, p->start_ns);
	if (o->hold)
		hold();
	workers_end(w, p, o);
	failed = sum->failed;
	free(w);
	return failed;
}

/* NULL for a clear URL. */
static struct link_tls *
tls_prepare(struct options *o, struct keys *keys)
{
	struct link_tls *tls;

	if (!url_is_secure(o->url))
		return NULL;
	if (o->psk_file != NULL) {
		if (!keys_read(keys, o->psk_file))
			die("no key");
		o->tls.psk = true;
	}
	tls = link_tls_new(&o->tls);
	if (tls == NULL)
		die("no TLS");
	return tls;
}

int
main(int argc, char **argv)
{
	struct options o = { .method = "GET", .type = "application/xml", .expect = 200, .conns = 1,
		.threads = 1, .seconds = 5 };
	struct plan p = { 0 };
	struct keys keys = { 0 };
	struct link_tls *tls;
	char authority[128];
	char *single;
	int rc;

	options_parse(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);	/* OpenSSL writes as to a file */
	single = strdup(url_parse(o.url, &p.server, authority, sizeof(authority)));
	if (single == NULL)
		die("out of memory");
	p.method = o.method;
	p.expect = o.expect;
	p.single = o.single;
	p.interval_ns = (uint64_t)(o.interval * 1e9);
	p.tls = tls = tls_prepare(&o, &keys);
	plan_senders(&p, &o, authority, &keys);
	plan_paths(&p, o.paths_file, single);
	rc = load_run(&p, &o);
	link_tls_free(tls);
	keys_free(&keys);
	if (p.text != single)
		free(p.text);
	free(single);
	free(p.paths);
	for (size_t i = 0; i < p.n_senders; i++)
		free(p.senders[i].rest);
	free(p.senders);
	return rc;
}
