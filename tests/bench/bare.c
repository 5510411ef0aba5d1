/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bare libmicrohttpd server, the reference of the benchmarks.
 *   bare constant   answers every request with a constant
 *   bare mechanism  suspends a POST, hands it to one thread that stores nothing and resumes the
 *                   whole waiting burst; everything else as above
 * With --psk or --certificate under TLS, as the listeners of the daemons.
 */
#include "config.h"

#include <getopt.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secure.h"
#include "serve.h"

enum { HEADERS_MAX = 16, SIZE_MAX_BYTES = 64 << 20 };

/* One request from its header to its end. */
struct request {
	struct MHD_Connection *connection;
	struct request *next;
	bool handed_over;
};

/* Requests that wait for the one thread. */
struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct request *head;
	struct request **tail;
	bool stop;
	/* Of the one thread; read after its end. */
	unsigned long requests;
	unsigned long bursts;
};

struct bare {
	bool mechanism;
	unsigned get_status;
	unsigned post_status;
	struct MHD_Response *get;
	struct MHD_Response *post;
	struct queue queue;
	struct serve *serve;	/* set before the first request is handed over */
};

struct options {
	const char *mode;
	const char *headers[HEADERS_MAX];
	int n_headers;
	int size;
	int post_size;
	int port;
	int threads;
	bool pool;
	struct secure_conf tls;
};

/* False when the queue is closed: the caller answers at once. */
static bool
queue_push(struct queue *q, struct request *r)
{
	bool open;

	pthread_mutex_lock(&q->lock);
	open = !q->stop;
	if (open) {
		r->handed_over = true;
		MHD_suspend_connection(r->connection);
		*q->tail = r;
		q->tail = &r->next;
		pthread_cond_signal(&q->filled);
	}
	pthread_mutex_unlock(&q->lock);
	return open;
}

/* Waits for requests and takes all of them; NULL when the queue is closed and empty. */
static struct request *
queue_take(struct queue *q)
{
	struct request *burst;

	pthread_mutex_lock(&q->lock);
	while (q->head == NULL && !q->stop)
		pthread_cond_wait(&q->filled, &q->lock);
	burst = q->head;
	q->head = NULL;
	q->tail = &q->head;
	pthread_mutex_unlock(&q->lock);
	return burst;
}

static void
queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

static void *
burst_thread(void *arg)
{
	struct bare *b = arg;
	struct queue *q = &b->queue;
	struct request *r;

	while ((r = queue_take(q)) != NULL) {
		q->bursts++;
		while (r != NULL) {
			struct request *next = r->next;

			q->requests++;
			MHD_resume_connection(r->connection);	/* r may be gone from here on */
			r = next;
		}
		serve_wake(b->serve);
	}
	return NULL;
}

static enum MHD_Result
answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *data, size_t *data_size, void **state)
{
	struct bare *b = cls;
	struct request *r = *state;
	bool post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;

	(void)url;
	(void)version;
	(void)data;
	if (r == NULL) {
		r = calloc(1, sizeof(*r));
		if (r == NULL)
			return MHD_NO;
		r->connection = connection;
		*state = r;
		return MHD_YES;
	}
	if (*data_size > 0) {
		*data_size = 0;
		return MHD_YES;
	}
	if (post && b->mechanism && !r->handed_over && queue_push(&b->queue, r))
		return MHD_YES;
	return MHD_queue_response(connection, post ? b->post_status : b->get_status,
	    post ? b->post : b->get);
}

static void
completed(void *cls, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode why)
{
	(void)cls;
	(void)connection;
	(void)why;
	free(*state);
	*state = NULL;
}

/* Adds "Name: value"; false when the text has no colon or the library refuses it. */
static bool
header_add(struct MHD_Response *response, const char *text)
{
	const char *colon = strchr(text, ':');
	char name[64];
	size_t len = colon == NULL ? sizeof(name) : (size_t)(colon - text);

	if (len >= sizeof(name))
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	colon += 1 + strspn(colon + 1, " ");
	return MHD_add_response_header(response, name, colon) == MHD_YES;
}

static struct MHD_Response *
constant(const struct options *o, int size, bool location)
{
	char *body = malloc((size_t)size + 1);
	struct MHD_Response *response;

	if (body == NULL)
		return NULL;
	memset(body, 'x', (size_t)size);
	response = MHD_create_response_from_buffer((size_t)size, body, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(body);
		return NULL;
	}
	for (int i = 0; i < o->n_headers; i++) {
		if (!location && strncmp(o->headers[i], "Location:", strlen("Location:")) == 0)
			continue;
		if (!header_add(response, o->headers[i])) {
			fprintf(stderr, "bare: bad header %s\n", o->headers[i]);
			MHD_destroy_response(response);
			return NULL;
		}
	}
	return response;
}

static void
option_set(struct options *o, int c, const char *value)
{
	switch (c) {
	case 's': o->size = atoi(value); break;
	case 'S': o->post_size = atoi(value); break;
	case 'p': o->port = atoi(value); break;
	case 't': o->threads = atoi(value); break;
	case 'P': o->pool = true; break;
	case 'k': o->tls.psk = value; break;
	case 'c': o->tls.cert = value; break;
	case 'K': o->tls.key = value; break;
	case 'a': o->tls.ca = value; break;
	case '3': o->tls.tls13_only = true; break;
	case 'h':
		if (o->n_headers < HEADERS_MAX)
			o->headers[o->n_headers++] = value;
		break;
	default:
		fputs("usage: bare constant|mechanism [--size BYTES] [--post-size BYTES] [--port N]\n"
		    "            [--threads N] [--pool] [--header 'Name: value']... [--tls13]\n"
		    "            [--psk FILE | --certificate FILE --key FILE [--ca FILE]]\n", stderr);
		exit(2);
	}
}

static void
options_parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "size", required_argument, NULL, 's' },
		{ "post-size", required_argument, NULL, 'S' },
		{ "port", required_argument, NULL, 'p' },
		{ "threads", required_argument, NULL, 't' },
		{ "pool", no_argument, NULL, 'P' },
		{ "header", required_argument, NULL, 'h' },
		{ "psk", required_argument, NULL, 'k' },
		{ "certificate", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'K' },
		{ "ca", required_argument, NULL, 'a' },
		{ "tls13", no_argument, NULL, '3' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
		option_set(o, c, optarg);
	o->mode = optind == argc - 1 ? argv[optind] : "";
	if (strcmp(o->mode, "constant") != 0 && strcmp(o->mode, "mechanism") != 0)
		option_set(o, '?', NULL);
	if (o->size < 0 || o->size > SIZE_MAX_BYTES || o->post_size > SIZE_MAX_BYTES ||
	    o->threads < 1 || o->threads > SERVE_THREADS_MAX)
		option_set(o, '?', NULL);
	if ((o->tls.cert == NULL) != (o->tls.key == NULL) ||
	    (o->tls.psk != NULL && o->tls.cert != NULL))
		option_set(o, '?', NULL);
	if (o->post_size < 0)
		o->post_size = o->size;
}

/* The headers a daemon sends with a created contentInstance. */
static void
default_headers(struct options *o)
{
	if (o->n_headers > 0)
		return;
	o->headers[o->n_headers++] = "Content-Type: application/xml; charset=utf-8";
	o->headers[o->n_headers++] = "ETag: \"2014-03-01T08:12:00.250000Z\"";
	o->headers[o->n_headers++] = "Last-Modified: Sat, 01 Mar 2014 08:12:00 GMT";
	o->headers[o->n_headers++] = "Location: http://127.0.0.1:18080/m2m/applications/bench/"
	    "containers/c0/contentInstances/ci0000000000000001";
}

static int
bare_run(struct bare *b, const struct options *o, const struct secure *tls)
{
	struct serve_config config = { .port = (uint16_t)o->port, .threads = (unsigned)o->threads,
		.pool = o->pool, .handler = answer, .completed = completed, .cls = b };
	pthread_t thread;

	if (tls != NULL) {
		config.flags = MHD_USE_TLS;
		config.options = tls->options;
	}
	serve_block_signals();
	pthread_mutex_lock(&b->queue.lock);	/* no request may be handed over before serve is set */
	b->serve = serve_start(&config);
	pthread_mutex_unlock(&b->queue.lock);
	if (b->serve == NULL)
		return 1;
	if (pthread_create(&thread, NULL, burst_thread, b) != 0)
		return 1;
	serve_wait();
	queue_close(&b->queue);
	pthread_join(thread, NULL);
	serve_stop(b->serve);
	printf("{\"requests\":%lu,\"bursts\":%lu}\n", b->queue.requests, b->queue.bursts);
	return 0;
}

static int
secure_run(struct bare *b, const struct options *o)
{
	struct secure tls = { 0 };
	int rc = 1;

	if (o->tls.psk == NULL && o->tls.cert == NULL)
		return bare_run(b, o, NULL);
	if (secure_prepare(&tls, &o->tls))
		rc = bare_run(b, o, &tls);
	secure_free(&tls);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = { .size = 600, .post_size = -1, .threads = 2 };
	struct bare b = { .get_status = 200, .post_status = 201,
		.queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER } };
	int rc = 1;

	options_parse(&o, argc, argv);
	default_headers(&o);
	b.mechanism = strcmp(o.mode, "mechanism") == 0;
	b.queue.tail = &b.queue.head;
	b.get = constant(&o, o.size, false);
	b.post = constant(&o, o.post_size, true);
	if (b.get != NULL && b.post != NULL)
		rc = secure_run(&b, &o);
	if (b.get != NULL)
		MHD_destroy_response(b.get);
	if (b.post != NULL)
		MHD_destroy_response(b.post);
	return rc;
}
