/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher/server.h"

#include <err.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "client/mem.h"

#define BODY_MAX	(16u << 20)	/* bytes of a notification */
#define CONNECTIONS	128u
#define IDLE_SECONDS	60u

struct server {
	struct MHD_Daemon *daemon;
	char *uri;
	server_post_fn *post;
	void *arg;
};

/* The body of a request while it comes in. */
struct incoming {
	char *body;
	size_t len;
	size_t capacity;
	int too_long;
};

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned int status)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "POST");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static void
take(struct incoming *in, const char *data, size_t n)
{
	if (n > BODY_MAX - in->len)
		in->too_long = 1;
	if (in->too_long)
		return;
	if (in->len + n > in->capacity) {
		in->capacity = (in->len + n) * 2;
		in->body = mem_resize(in->body, in->capacity, 1);
	}
	memcpy(in->body + in->len, data, n);
	in->len += n;
}

/* Called by libmicrohttpd with the header, with every piece of the body and at the end. */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *path, const char *method,
    const char *version, const char *data, size_t *size, void **context)
{
	struct server *s = arg;
	struct incoming *in = *context;

	(void)version;
	if (in == NULL) {
		*context = mem_alloc(1, sizeof(*in));
		return MHD_YES;
	}
	if (*size > 0) {
		take(in, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED);
	if (in->too_long)
		return answer(connection, MHD_HTTP_CONTENT_TOO_LARGE);
	return answer(connection, s->post(s->arg, path, in->body, in->len));
}

static void
completed(void *arg, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode code)
{
	struct incoming *in = *context;

	(void)arg;
	(void)connection;
	(void)code;
	if (in != NULL)
		free(in->body);
	free(in);
}

/* Splits "host:port" at the last colon; brackets around an IPv6 address go. */
static struct addrinfo *
resolve(const char *listen, char **host)
{
	const char *colon = strrchr(listen, ':');
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV
	};
	struct addrinfo *found;
	char *name;
	int error;

	if (colon == NULL || colon == listen)
		errx(2, "--listen: %s is not host:port", listen);
	*host = mem_strndup(listen, (size_t)(colon - listen));
	name = **host == '[' ? mem_strndup(*host + 1, strcspn(*host + 1, "]")) : mem_strdup(*host);
	error = getaddrinfo(name, colon + 1, &hints, &found);
	if (error != 0)
		errx(2, "--listen: %s: %s", listen, gai_strerror(error));
	free(name);
	return found;
}

static unsigned int
real_port(struct MHD_Daemon *daemon)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info != NULL ? info->port : 0;
}

struct server *
server_start(const char *listen, server_post_fn *post, void *arg)
{
	struct server *s = mem_alloc(1, sizeof(*s));
	char *host;
	struct addrinfo *address = resolve(listen, &host);
	unsigned int flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ERROR_LOG;

	if (address->ai_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	s->post = post;
	s->arg = arg;
	s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, s,
	    MHD_OPTION_SOCK_ADDR, address->ai_addr, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
	    MHD_OPTION_END);
	if (s->daemon == NULL)
		err(1, "cannot listen on %s", listen);
	s->uri = mem_printf("http://%s:%u", host, real_port(s->daemon));
	freeaddrinfo(address);
	free(host);
	return s;
}

void
server_stop(struct server *s)
{
	MHD_stop_daemon(s->daemon);
	free(s->uri);
	free(s);
}

const char *
server_uri(const struct server *s)
{
	return s->uri;
}
