/* SPDX-License-Identifier: Apache-2.0 */
/* Load generator for CoAP: clients with a window of confirmable requests each, over UDP. */
#include "config.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coap_wire.h"
#include "hist.h"
#include "ticks.h"

enum {
	CLIENTS_MAX = 1000,
	WINDOW_MAX = 256,
	BODY_MAX = 1024,	/* in one message */
	EVENTS = 64,
	SCAN_MS = 100,
	TRIES_MAX = 5,
	PROVED = 2		/* answers after which the server knows the address (RFC 9175) */
};

#define ACK_TIMEOUT_NS UINT64_C(2000000000)

struct options {
	const char *url;
	const char *method;
	const char *body_file;
	const char *from;
	const char *expect;
	int content_format;
	int clients;
	int window;
	double seconds;
	double warmup;
	uint64_t requests;
};

/* One request after the other. */
struct slot {
	bool busy;
	bool acknowledged;	/* its response comes in a message of its own */
	uint16_t mid;
	uint16_t turn;		/* part of the token: answers to earlier ones are known by it */
	uint32_t block;		/* Block2 that is asked for; 0: none, it is the request itself */
	unsigned tries;
	uint64_t began_ns;
	uint64_t sent_ns;
};

struct client {
	int fd;
	uint16_t mid;
	unsigned answers;	/* until PROVED; then the window is open */
	size_t echo_len;	/* to be shown in the next request; 0: nothing */
	uint8_t echo[WIRE_ECHO_MAX];
	struct slot *slots;
};

struct run {
	uint8_t code;
	uint8_t expect;
	int window;
	int n_clients;
	struct client *clients;
	struct wire head;	/* options of all requests, behind a header that is replaced */
	uint8_t body[BODY_MAX];
	size_t body_len;
	uint64_t start_ns;	/* what begins earlier is warm-up */
	uint64_t stop_ns;
	uint64_t left;		/* requests that may still begin */
	unsigned under_way;
	uint64_t last_ns;
	uint64_t errors;
	unsigned first_error;
	uint64_t again;		/* retransmissions */
	uint64_t separate;	/* responses that were not piggy-backed */
	uint64_t octets;	/* of payloads received */
	struct hist hist;
};

static const char usage[] =
    "usage: coap_load --url coap://ADDRESS:PORT/path [--method GET|POST|PUT|DELETE] [--from URI]\n"
    "            [--body-file F] [--content-format N] [--expect CODE] [--warmup SECONDS]\n"
    "            [-c CLIENTS] [-w WINDOW] [-d SECONDS | -n REQUESTS]\n";

static _Noreturn void
die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("coap_load: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static void
option_set(struct options *o, int c, const char *value)
{
	switch (c) {
	case 'u': o->url = value; break;
	case 'm': o->method = value; break;
	case 'b': o->body_file = value; break;
	case 'f': o->from = value; break;
	case 'e': o->expect = value; break;
	case 'F': o->content_format = atoi(value); break;
	case 'W': o->warmup = atof(value); break;
	case 'c': o->clients = atoi(value); break;
	case 'w': o->window = atoi(value); break;
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
		{ "from", required_argument, NULL, 'f' },
		{ "expect", required_argument, NULL, 'e' },
		{ "content-format", required_argument, NULL, 'F' },
		{ "warmup", required_argument, NULL, 'W' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:w:d:n:", names, NULL)) != -1)
		option_set(o, c, optarg);
	if (o->url == NULL || optind != argc)
		option_set(o, '?', NULL);
	if (o->clients < 1 || o->clients > CLIENTS_MAX || o->window < 1 || o->window > WINDOW_MAX)
		die("clients or window out of range");
}

/* 2.05 and the like. */
static uint8_t
code_read(const char *text)
{
	unsigned kind, detail;

	if (sscanf(text, "%1u.%2u", &kind, &detail) != 2 || kind > 7 || detail > 31)
		die("%s is no response code", text);
	return (uint8_t)(kind << 5 | detail);
}

static uint8_t
method_read(const char *name)
{
	static const char *const names[] = { "GET", "POST", "PUT", "DELETE" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return (uint8_t)(i + 1);
	}
	die("%s is no method", name);
}

/* Splits coap://ADDRESS:PORT/path; returns what is behind the slash. */
static const char *
url_parse(const char *url, struct sockaddr_in *server)
{
	static const char scheme[] = "coap://";
	char host[64];
	unsigned port;
	const char *path;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		die("only coap:// is known");
	url += sizeof(scheme) - 1;
	path = strchr(url, '/');
	if (path == NULL || sscanf(url, "%63[0-9.]:%5u", host, &port) != 2 || port > UINT16_MAX)
		die("the URL needs a numeric IPv4 address, a port and a path");
	server->sin_family = AF_INET;
	server->sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &server->sin_addr) != 1)
		die("bad address %s", host);
	return path + 1;
}

static void
body_read(struct run *r, const char *name)
{
	FILE *f = fopen(name, "rb");

	if (f == NULL)
		die("cannot read %s", name);
	r->body_len = fread(r->body, 1, sizeof(r->body), f);
	if (ferror(f) || fgetc(f) != EOF)
		die("%s does not fit into a message", name);
	fclose(f);
}

static void
head_options(struct run *r, const struct options *o, const char *path)
{
	char query[256];

	wire_begin(&r->head, WIRE_CON, r->code, 0, (const uint8_t[WIRE_TOKEN]) { 0 });
	while (*path != '\0') {
		size_t len = strcspn(path, "/");

		wire_option(&r->head, WIRE_URI_PATH, path, len);
		path += len + (path[len] == '/');
	}
	if (r->body_len > 0)
		wire_uint(&r->head, WIRE_CONTENT_FORMAT, (uint32_t)o->content_format);
	if (o->from == NULL)
		return;
	if (snprintf(query, sizeof(query), "RequestingEntity=%s", o->from) >= (int)sizeof(query))
		die("--from is too long");
	wire_option(&r->head, WIRE_URI_QUERY, query, strlen(query));
}

static void
clients_open(struct run *r, const struct sockaddr_in *server, int events)
{
	for (int i = 0; i < r->n_clients; i++) {
		struct client *c = &r->clients[i];
		struct epoll_event wanted = { .events = EPOLLIN, .data = { .ptr = c } };

		c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		c->slots = calloc((size_t)r->window, sizeof(*c->slots));
		if (c->fd < 0 || c->slots == NULL)
			die("no socket or memory");
		if (connect(c->fd, (const struct sockaddr *)server, sizeof(*server)) != 0 ||
		    epoll_ctl(events, EPOLL_CTL_ADD, c->fd, &wanted) != 0)
			die("cannot connect");
	}
}

/* What does not go out is sent again as if it were lost. */
static void
message_send(const struct client *c, const struct wire *w)
{
	ssize_t n = send(c->fd, w->data, w->len, 0);

	(void)n;
}

static void
slot_send(const struct run *r, struct client *c, struct slot *s)
{
	uint16_t number = (uint16_t)(s - c->slots);
	uint8_t token[WIRE_TOKEN] = { (uint8_t)(number >> 8), (uint8_t)number,
		(uint8_t)(s->turn >> 8), (uint8_t)s->turn };
	struct wire w = r->head;
	size_t len = w.len;
	unsigned last = w.last;

	wire_begin(&w, WIRE_CON, r->code, s->mid, token);
	w.len = len;
	w.last = last;
	if (s->block > 0)
		wire_uint(&w, WIRE_BLOCK2, s->block);
	if (c->echo_len > 0)
		wire_option(&w, WIRE_ECHO, c->echo, c->echo_len);
	c->echo_len = 0;
	/* RFC 7959 section 3.3: what asks for the rest of an answer has no body. */
	wire_payload(&w, r->body, s->block > 0 ? 0 : r->body_len);
	if (w.full)
		die("the request does not fit into a message");
	s->sent_ns = ticks_ns();
	message_send(c, &w);
}

static void
slot_ask(const struct run *r, struct client *c, struct slot *s, uint32_t block)
{
	s->busy = true;
	s->acknowledged = false;
	s->block = block;
	s->tries = 1;
	s->mid = c->mid++;
	s->turn++;
	slot_send(r, c, s);
}

static void
slot_begin(struct run *r, struct client *c, struct slot *s)
{
	uint64_t now = ticks_ns();

	if (r->left == 0 || now >= r->stop_ns)
		return;
	r->left--;
	r->under_way++;
	s->began_ns = now;
	slot_ask(r, c, s, 0);
}

/* One request at a time until the address is proved: before, the server says little. */
static void
window_open(struct run *r, struct client *c)
{
	if (c->answers >= PROVED || ++c->answers < PROVED)
		return;
	for (int i = 1; i < r->window; i++)
		slot_begin(r, c, &c->slots[i]);
}

static void
slot_end(struct run *r, struct client *c, struct slot *s, uint8_t code)
{
	uint64_t now = ticks_ns();

	s->busy = false;
	r->under_way--;
	if (s->began_ns >= r->start_ns) {
		hist_add(&r->hist, now - s->began_ns);
		r->last_ns = now;
		if (code != r->expect) {
			if (r->errors++ == 0)
				r->first_error = code;
		}
	}
	slot_begin(r, c, s);
	window_open(r, c);
}

/* NULL: an answer to an earlier request, or no answer of ours. */
static struct slot *
slot_of(const struct run *r, const struct client *c, const struct wire_in *in)
{
	unsigned number = (unsigned)in->token[0] << 8 | in->token[1];
	struct slot *s;

	if (!in->has_token || number >= (unsigned)r->window)
		return NULL;
	s = &c->slots[number];
	if (!s->busy || s->turn != ((unsigned)in->token[2] << 8 | in->token[3]))
		return NULL;
	return s;
}

static void
acknowledge(const struct client *c, const struct wire_in *in)
{
	struct wire ack;

	wire_begin(&ack, WIRE_ACK, 0, in->mid, NULL);
	message_send(c, &ack);
}

static void
response_take(struct run *r, struct client *c, const struct wire_in *in)
{
	struct slot *s = slot_of(r, c, in);

	if (in->type == WIRE_CON)
		acknowledge(c, in);
	if (s == NULL)
		return;
	if (in->type != WIRE_ACK)
		r->separate++;
	if (in->echo != NULL) {
		memcpy(c->echo, in->echo, in->echo_len);
		c->echo_len = in->echo_len;
	}
	r->octets += in->payload_len;
	if (in->code == r->expect && in->has_block2 && (in->block2 & 8u) != 0)
		slot_ask(r, c, s, ((in->block2 >> 4) + 1) << 4 | (in->block2 & 7u));
	else
		slot_end(r, c, s, in->code);
}

/* An empty ACK or RST, which has the message ID alone. */
static void
empty_take(struct run *r, struct client *c, const struct wire_in *in)
{
	for (int i = 0; i < r->window; i++) {
		struct slot *s = &c->slots[i];

		if (!s->busy || s->mid != in->mid)
			continue;
		if (in->type == WIRE_ACK)
			s->acknowledged = true;
		else if (in->type == WIRE_RST)
			slot_end(r, c, s, 0);
		return;
	}
}

static void
client_read(struct run *r, struct client *c)
{
	uint8_t data[65536];
	struct wire_in in;
	ssize_t n;

	while ((n = recv(c->fd, data, sizeof(data), 0)) >= 0) {
		if (!wire_parse(&in, data, (size_t)n))
			continue;
		if (in.code == 0)
			empty_take(r, c, &in);
		else
			response_take(r, c, &in);
	}
}

/* RFC 7252, 4.2, without the randomness. */
static void
slot_again(struct run *r, struct client *c, struct slot *s, uint64_t now)
{
	if (!s->busy || s->acknowledged || now - s->sent_ns < ACK_TIMEOUT_NS << (s->tries - 1))
		return;
	if (s->tries == TRIES_MAX) {
		slot_end(r, c, s, 0);
		return;
	}
	s->tries++;
	r->again++;
	slot_send(r, c, s);
}

static void
scan(struct run *r, uint64_t now)
{
	for (int i = 0; i < r->n_clients; i++) {
		for (int k = 0; k < r->window; k++)
			slot_again(r, &r->clients[i], &r->clients[i].slots[k], now);
	}
}

static void
run_all(struct run *r, int events)
{
	struct epoll_event found[EVENTS];
	uint64_t scanned = ticks_ns();

	for (int i = 0; i < r->n_clients; i++)
		slot_begin(r, &r->clients[i], &r->clients[i].slots[0]);
	while (r->under_way > 0) {
		int n = epoll_wait(events, found, EVENTS, SCAN_MS);
		uint64_t now;

		for (int i = 0; i < n; i++)
			client_read(r, found[i].data.ptr);
		now = ticks_ns();
		if (now - scanned >= SCAN_MS * UINT64_C(1000000)) {
			scan(r, now);
			scanned = now;
		}
	}
}

static void
report(const struct run *r)
{
	double seconds = r->last_ns > r->start_ns ? (double)(r->last_ns - r->start_ns) / 1e9 : 0;
	double rps = seconds > 0 ? (double)r->hist.count / seconds : 0;

	printf("{\"requests\":%llu,\"seconds\":%.3f,\"rps\":%.1f,\"errors\":%llu,"
	    "\"first_error\":\"%u.%02u\",\"retransmissions\":%llu,\"separate\":%llu,"
	    "\"body_bytes\":%llu,",
	    (unsigned long long)r->hist.count, seconds, rps, (unsigned long long)r->errors,
	    r->first_error >> 5, r->first_error & 31u, (unsigned long long)r->again,
	    (unsigned long long)r->separate, (unsigned long long)r->octets);
	hist_print(&r->hist);
	puts("}");
}

static void
clients_close(struct run *r)
{
	for (int i = 0; i < r->n_clients; i++) {
		close(r->clients[i].fd);
		free(r->clients[i].slots);
	}
	free(r->clients);
}

int
main(int argc, char **argv)
{
	struct options o = { .method = "GET", .expect = "2.05", .content_format = 41,
		.clients = 1, .window = 1, .seconds = 5 };
	static struct run r;
	struct sockaddr_in server = { 0 };
	const char *path;
	int events;

	options_parse(&o, argc, argv);
	path = url_parse(o.url, &server);
	r.code = method_read(o.method);
	r.expect = code_read(o.expect);
	r.window = o.window;
	r.n_clients = o.clients;
	if (o.body_file != NULL)
		body_read(&r, o.body_file);
	head_options(&r, &o, path);
	r.clients = calloc((size_t)r.n_clients, sizeof(*r.clients));
	events = epoll_create1(0);
	if (r.clients == NULL || events < 0)
		die("out of memory");
	clients_open(&r, &server, events);
	r.start_ns = ticks_ns() + (uint64_t)(o.warmup * 1e9);
	r.left = o.requests > 0 ? o.requests : UINT64_MAX;
	r.stop_ns = o.requests > 0 ? UINT64_MAX : r.start_ns + (uint64_t)(o.seconds * 1e9);
	run_all(&r, events);
	report(&r);
	clients_close(&r);
	close(events);
	return 0;
}
