/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions per second of an SGA server: pairs of devices that make session after session by way of
 * it, each as a device must: a request for each message, a look into the mailbox, an
 * acknowledgement; until both have confirmed the key.
 *
 *   sga_load PORT BASE SUITE KEY SECONDS <tokens
 *
 * BASE: path of the SGA. SUITE: 1, 2. KEY: of the server's packages, hex. tokens: lines "ID HEX",
 * two for each pair. A pair has one thread and one connection. One JSON object on standard output.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sec/hex.h"
#include "sga/record.h"
#include "sga/tag.h"
#include "sga_http.h"

#define PAIRS_MAX 256u
#define TIMES_MAX 65536u
#define CID 0x0003
#define CIDS 0x03ff
#define WAIT "5"

/* ---- what all have ---- */

static unsigned port;
static const char *base;
static struct sign_public verify;
static struct slice package;
static struct timespec until;

struct device {
	struct sga_device *d;
	const char *name;
	struct key request; /* of X-M2M-SGA */
	uint64_t counter;
};

struct pair {
	struct http http;
	char names[2][SGA_ID_MAX + 1];
	uint8_t tokens[2][SGA_TOKEN_SIZE];
	struct device i, j;
	unsigned long sessions;
	double *times; /* of the first TIMES_MAX sessions, ms */
	pthread_t thread;
};

static void
die(const char *what, int status)
{
	fprintf(stderr, "sga_load: %s: %d\n", what, status);
	exit(1);
}

static void
must(enum rc rc, const char *what)
{
	if (rc != RC_OK)
		die(what, (int)rc);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t
now(void)
{
	return (uint64_t)time(NULL);
}

/* ---- requests ---- */

/* A request whose answer must have that status; its body. */
static struct slice
ask(struct pair *p, const char *method, const char *path, const char *header, struct slice body,
    int status)
{
	struct http_request r = { .method = method, .header = header, .body = body };
	struct slice answer;
	char target[256];
	int got;

	if (snprintf(target, sizeof(target), "%s%s", base, path) >= (int)sizeof(target))
		die("path", 0);
	r.target = target;
	got = http_ask(&p->http, &r, &answer);
	if (got != status)
		die(path, got);
	return answer;
}

/* The same with the proof of d. */
static struct slice
prove(struct pair *p, struct device *d, const char *method, const char *path, struct slice body,
      int status)
{
	struct sga_request rq = { slice_of(method), slice_of(path), body };
	char text[SGA_TAG_TEXT + 1], header[SGA_TAG_TEXT + 128];
	struct sga_tag tag;

	must(sga_tag_make(&d->request, sga_device_id(d->d), ++d->counter, &rq, &tag), "tag");
	sga_tag_format(&tag, text);
	if (snprintf(header, sizeof(header), "%s: %s\r\nAccept: application/octet-stream\r\n",
	             SGA_TAG_HEADER, text) >= (int)sizeof(header))
		die("header", 0);
	return ask(p, method, path, header, body, status);
}

/* ---- registration ---- */

static void
enrol(struct pair *p, struct device *d, const char *name, const uint8_t *token)
{
	struct sga_device_conf c = {
		.package = package, .gateway = verify, .now = now(), .cids = CIDS, .cid0 = CID
	};
	uint8_t status = SGA_STATUS_TAKEN;
	struct buf r1;

	d->name = name;
	must(sga_id_make(slice_of(name), &c.id), "ID");
	must(sga_device_new(&c, &d->d), "device");
	buf_init(&r1, SGA_MESSAGE_MAX);
	must(sga_r1_make(d->d, token, now(), NULL, &r1), "R1");
	must(sga_r2_take(d->d,
	                 ask(p, "POST", "/devices", "Accept: application/octet-stream\r\n",
	                     buf_view(&r1), 201),
	                 &status),
	     "R2");
	if (status != SGA_STATUS_OK)
		die("status", status);
	must(sga_device_request_key(d->d, false, &d->request), "key");
	buf_fini(&r1);
}

/* ---- a session ---- */

/* What the two sides of one have. */
struct both {
	struct pair *p;
	struct sga_session *i, *j;
	struct buf out;
	struct buf plain;
	char sid[2 * SGA_SID_SIZE + 1];
};

static void
give(struct both *b, const char *form, int status)
{
	char path[128];

	if (snprintf(path, sizeof(path), form, b->sid) >= (int)sizeof(path))
		die("path", 0);
	ask(b->p, "POST", path, "", buf_view(&b->out), status);
	buf_clear(&b->out);
}

/* A record, with the proof of d. */
static void
record(struct both *b, struct device *d, struct sga_session *s)
{
	char path[128];

	must(sga_record_seal(s, d->d, 0, SLICE_NONE, now(), &b->out), "record");
	if (snprintf(path, sizeof(path), "/sessions/%s/messages", b->sid) >= (int)sizeof(path))
		die("path", 0);
	prove(b->p, d, "POST", path, buf_view(&b->out), 201);
	buf_clear(&b->out);
}

/* One message of the mailbox. */
static void
take(struct both *b, struct device *d, struct slice message)
{
	bool is_i = d == &b->p->i;
	struct sga_trust nobody = { 0 };
	struct sga_plain plain;
	struct sga_header h;

	must(sga_header_read(message, &h), "header");
	if (h.type == SGA_A2)
		must(sga_a2_take(d->d, message, now(), &b->j), "A2");
	else if (h.type == SGA_A4)
		must(sga_a4_take(b->i, d->d, message), "A4");
	else if (h.type == SGA_B2)
		must(sga_b2_take(b->j, message), "B2");
	else if (h.type == SGA_B6)
		must(sga_b6_take(is_i ? b->i : b->j, message, now()), "B6");
	else if (h.type == SGA_RECORD)
		must(sga_record_open(is_i ? b->i : b->j, &nobody, message, &plain, &b->plain),
		     "record");
	else
		die("type", h.type);
	buf_clear(&b->plain);
}

static uint64_t
number(const char *p, unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | (uint8_t)*p++;
	return v;
}

/* The mailbox of d, which has something: all of it is taken, then acknowledged. */
static void
look(struct both *b, struct device *d)
{
	char path[192];
	struct slice items;
	uint64_t last = 0;

	(void)snprintf(path, sizeof(path), "/devices/%s/mailbox?wait=" WAIT "&max=10", d->name);
	items = prove(b->p, d, "GET", path, SLICE_NONE, 200);
	if (items.n == 0)
		die("nothing in the mailbox", 0);
	while (items.n > 0) {
		size_t n = items.n < 12 ? 0 : (size_t)number(items.p + 8, 4);

		if (items.n < 12 || n > items.n - 12)
			die("mailbox", 0);
		last = number(items.p, 8);
		take(b, d, slice_make(items.p + 12, n));
		items = slice_from(items, 12 + n);
	}
	(void)snprintf(path, sizeof(path), "/devices/%s/mailbox/%llu?before=true", d->name,
	               (unsigned long long)last);
	prove(b->p, d, "DELETE", path, SLICE_NONE, 204);
}

static void
session(struct pair *p)
{
	struct both b = { .p = p };

	buf_init(&b.out, SGA_MESSAGE_MAX);
	buf_init(&b.plain, SGA_MESSAGE_MAX);
	must(sga_a1_make(p->i.d, sga_device_id(p->j.d), CID, now(), NULL, &b.i, &b.out), "A1");
	hex_encode(sga_session_sid(b.i)->v, SGA_SID_SIZE, b.sid);
	give(&b, "/negotiations", 202);
	look(&b, &p->j);
	must(sga_a3_make(b.j, p->j.d, true, now(), NULL, &b.out), "A3");
	give(&b, "/negotiations/%s/acceptance", 200);
	look(&b, &p->i);
	must(sga_b1_make(b.i, p->i.d, NULL, &b.out), "B1");
	give(&b, "/sessions", 202);
	look(&b, &p->j);
	must(sga_b3_make(b.j, p->j.d, NULL, &b.out), "B3");
	give(&b, "/sessions/%s/response", 200);
	look(&b, &p->i);
	record(&b, &p->i, b.i);
	look(&b, &p->j);
	record(&b, &p->j, b.j);
	look(&b, &p->i);
	sga_session_free(b.i);
	sga_session_free(b.j);
	buf_fini(&b.out);
	buf_fini(&b.plain);
}

/* ---- all of them ---- */

static void *
work(void *arg)
{
	struct pair *p = arg;
	double end = (double)until.tv_sec + (double)until.tv_nsec / 1e9, start;

	while ((start = seconds()) < end) {
		session(p);
		if (p->sessions < TIMES_MAX)
			p->times[p->sessions] = (seconds() - start) * 1e3;
		p->sessions++;
	}
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
say(struct pair *pairs, size_t n, double took)
{
	unsigned long sessions = 0, requests = 0;
	size_t kept = 0;
	double *all;

	for (size_t i = 0; i < n; i++)
		sessions += pairs[i].sessions;
	all = calloc(sessions + 1, sizeof(*all));
	if (all == NULL)
		die("memory", 0);
	for (size_t i = 0; i < n; i++) {
		requests += pairs[i].http.requests;
		for (size_t k = 0; k < pairs[i].sessions && k < TIMES_MAX; k++)
			all[kept++] = pairs[i].times[k];
	}
	qsort(all, kept, sizeof(*all), compare);
	printf("{\"pairs\":%zu,\"sessions\":%lu,\"seconds\":%.3f,\"per_second\":%.2f,"
	       "\"requests\":%lu,\"median_ms\":%.3f,\"p99_ms\":%.3f}\n",
	       n, sessions, took, (double)sessions / took, requests, all[kept / 2],
	       all[kept * 99 / 100]);
	free(all);
}

/* A line of standard input. */
static bool
read_token(char name[SGA_ID_MAX + 1], uint8_t token[SGA_TOKEN_SIZE])
{
	char line[256], hex[2 * SGA_TOKEN_SIZE + 1];

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	if (sscanf(line, "%64s %32s", name, hex) != 2 ||
	    !hex_decode(slice_of(hex), token, SGA_TOKEN_SIZE))
		die("token", 0);
	return true;
}

/* Registers all; the first one fetches the package for them. */
static size_t
prepare(struct pair *pairs, const char *suite)
{
	static char octets[SGA_PACKAGE_MAX + 1];
	char path[64];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "/package?suite=%s", suite);
	while (n < PAIRS_MAX && read_token(pairs[n].names[0], pairs[n].tokens[0]) &&
	       read_token(pairs[n].names[1], pairs[n].tokens[1])) {
		struct pair *p = &pairs[n++];

		http_open(&p->http, port);
		if (n == 1) {
			package = ask(p, "GET", path, "Accept: application/octet-stream\r\n",
			              SLICE_NONE, 200);
			if (!slice_copy(package, octets, sizeof(octets)))
				die("package", 0);
			package.p = octets;
		}
		enrol(p, &p->i, p->names[0], p->tokens[0]);
		enrol(p, &p->j, p->names[1], p->tokens[1]);
		p->times = calloc(TIMES_MAX, sizeof(*p->times));
		p->http.requests = 0;
	}
	return n;
}

int
main(int argc, char **argv)
{
	static struct pair pairs[PAIRS_MAX];
	double start;
	size_t n;

	if (argc != 6 || !hex_decode(slice_of(argv[4]), verify.v, sizeof(verify.v)))
		die("usage: sga_load PORT BASE SUITE KEY SECONDS", argc);
	port = (unsigned)strtoul(argv[1], NULL, 10);
	base = argv[2];
	n = prepare(pairs, argv[3]);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += strtol(argv[5], NULL, 10);
	start = seconds();
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&pairs[i].thread, NULL, work, &pairs[i]) != 0)
			die("thread", 0);
	for (size_t i = 0; i < n; i++)
		pthread_join(pairs[i].thread, NULL);
	say(pairs, n, seconds() - start);
	for (size_t i = 0; i < n; i++) {
		http_close(&pairs[i].http);
		sga_device_free(pairs[i].i.d);
		sga_device_free(pairs[i].j.d);
		free(pairs[i].times);
	}
	return 0;
}
