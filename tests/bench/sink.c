/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiver of notifications: POST anywhere is counted and answered 204.
 *   GET  /stats    what came since the start or the last reset, as JSON
 *   POST /reset    counts from zero
 *   POST /hold     leaves every notification without an answer ...
 *   POST /release  ... until now
 */
#include "config.h"

#include <getopt.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ticks.h"
#include "serve.h"

enum { BODY_MAX = 16 << 20 };

struct message {
	struct MHD_Connection *connection;
	struct message *next;	/* among the held ones */
	bool counted;
	size_t len;
	size_t room;
	char *body;
};

/* Used by the one serving thread only. */
struct sink {
	uint64_t notifies;
	uint64_t instances;
	uint64_t bytes;
	uint64_t reset_ns;
	uint64_t first_ns;	/* 0: nothing came yet */
	uint64_t last_ns;
	bool hold;
	struct message *held;
	struct MHD_Response *empty;
};

struct command {
	const char *method;
	const char *url;
	void (*run)(struct sink *);
};

static int
base64_value(int c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes in place up to the next '<' and terminates the result; returns what follows the input. */
static char *
base64_decode(char *text)
{
	char *in = text;
	char *out = text;
	unsigned bits = 0;
	unsigned n = 0;

	for (; *in != '\0' && *in != '<'; in++) {
		int value = base64_value((unsigned char)*in);

		if (value < 0)
			continue;
		bits = bits << 6 | (unsigned)value;
		if (++n % 4 != 1)
			*out++ = (char)(bits >> (6 - 2 * ((n - 1) % 4)));
	}
	if (*in != '\0')
		in++;
	*out = '\0';
	return in;
}

static unsigned
count_instances(const char *xml)
{
	static const char tag[] = "<m2m:contentInstance";
	unsigned n = 0;

	while ((xml = strstr(xml, tag)) != NULL) {
		xml += sizeof(tag) - 1;
		n += strchr(" \t\r\n>", *xml) != NULL && *xml != '\0';
	}
	return n;
}

static void
message_count(struct sink *s, struct message *m)
{
	char *p = m->body;
	uint64_t now = ticks_ns();

	m->counted = true;
	s->notifies++;
	s->bytes += m->len;
	if (s->first_ns == 0)
		s->first_ns = now;
	s->last_ns = now;
	while (p != NULL && (p = strstr(p, "<representation")) != NULL) {
		char *content = strchr(p, '>');

		if (content == NULL)
			return;
		p = base64_decode(content + 1);
		s->instances += count_instances(content + 1);
	}
}

static void
command_reset(struct sink *s)
{
	s->notifies = 0;
	s->instances = 0;
	s->bytes = 0;
	s->first_ns = 0;
	s->last_ns = 0;
	s->reset_ns = ticks_ns();
}

static void
command_hold(struct sink *s)
{
	s->hold = true;
}

static void
command_release(struct sink *s)
{
	struct message *m = s->held;

	s->hold = false;
	s->held = NULL;
	while (m != NULL) {
		struct message *next = m->next;

		MHD_resume_connection(m->connection);
		m = next;
	}
}

static void
stopping(void *cls)
{
	command_release(cls);
}

static enum MHD_Result
stats_answer(struct sink *s, struct MHD_Connection *connection)
{
	struct MHD_Response *response;
	enum MHD_Result result;
	char text[256];
	uint64_t first = s->first_ns == 0 ? 0 : (s->first_ns - s->reset_ns) / 1000;
	uint64_t last = s->last_ns == 0 ? 0 : (s->last_ns - s->reset_ns) / 1000;
	int n = snprintf(text, sizeof(text),
	    "{\"notifies\":%llu,\"instances\":%llu,\"bytes\":%llu,\"first_us\":%llu,\"last_us\":%llu,"
	    "\"now_us\":%llu}\n", (unsigned long long)s->notifies, (unsigned long long)s->instances,
	    (unsigned long long)s->bytes, (unsigned long long)first, (unsigned long long)last,
	    (unsigned long long)((ticks_ns() - s->reset_ns) / 1000));

	response = MHD_create_response_from_buffer((size_t)n, text, MHD_RESPMEM_MUST_COPY);
	if (response == NULL)
		return MHD_NO;
	result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

/* False when the body is over the limit or memory is short. */
static bool
message_append(struct message *m, const char *data, size_t len)
{
	size_t room = m->room == 0 ? 4096 : m->room;
	char *body;

	if (len > BODY_MAX - m->len)
		return false;
	while (room < m->len + len + 1)
		room *= 2;
	if (room != m->room) {
		body = realloc(m->body, room);
		if (body == NULL)
			return false;
		m->body = body;
		m->room = room;
	}
	memcpy(m->body + m->len, data, len);
	m->len += len;
	m->body[m->len] = '\0';
	return true;
}

/* The request is complete. */
static enum MHD_Result
message_serve(struct sink *s, struct message *m, const char *url, const char *method)
{
	static const struct command commands[] = {
		{ "POST", "/reset", command_reset },
		{ "POST", "/hold", command_hold },
		{ "POST", "/release", command_release },
	};

	if (strcmp(method, "GET") == 0)
		return stats_answer(s, m->connection);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(url, commands[i].url) != 0 || strcmp(method, commands[i].method) != 0)
			continue;
		commands[i].run(s);
		return MHD_queue_response(m->connection, 204, s->empty);
	}
	if (!m->counted) {
		message_count(s, m);
		if (s->hold) {
			m->next = s->held;
			s->held = m;
			MHD_suspend_connection(m->connection);
			return MHD_YES;
		}
	}
	return MHD_queue_response(m->connection, 204, s->empty);
}

static enum MHD_Result
handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *data, size_t *data_size, void **state)
{
	struct message *m = *state;

	(void)version;
	if (m == NULL) {
		m = calloc(1, sizeof(*m));
		if (m == NULL)
			return MHD_NO;
		m->connection = connection;
		*state = m;
		return MHD_YES;
	}
	if (*data_size > 0) {
		if (!message_append(m, data, *data_size))
			return MHD_NO;
		*data_size = 0;
		return MHD_YES;
	}
	return message_serve(cls, m, url, method);
}

static void
completed(void *cls, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct message *m = *state;

	(void)cls;
	(void)connection;
	(void)why;
	if (m != NULL)
		free(m->body);
	free(m);
	*state = NULL;
}

static int
port_option(int argc, char **argv)
{
	static const struct option names[] = { { "port", required_argument, NULL, 'p' }, { 0 } };
	int port = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c != 'p') {
			fputs("usage: sink [--port N]\n", stderr);
			exit(2);
		}
		port = atoi(optarg);
	}
	return port;
}

int
main(int argc, char **argv)
{
	struct sink s = { .reset_ns = ticks_ns() };
	struct serve_config config = { .threads = 1, .handler = handle, .completed = completed,
		.stopping = stopping, .cls = &s };
	struct serve *server;

	config.port = (uint16_t)port_option(argc, argv);
	serve_block_signals();
	s.empty = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (s.empty == NULL)
		return 1;
	server = serve_start(&config);
	if (server != NULL) {
		serve_wait();
		serve_stop(server);
	}
	MHD_destroy_response(s.empty);
	return server == NULL;
}
