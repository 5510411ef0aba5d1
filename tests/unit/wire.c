/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "wire.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 30000
#define REPLY_MAX (64u << 20)

struct wire {
	int fd;
	gnutls_session_t session; /* NULL = clear */
	gnutls_certificate_credentials_t cred;
	gnutls_psk_client_credentials_t psk;
	struct buf in; /* received and not yet consumed */
};

static bool
dial(struct wire *w, unsigned port, const char *from)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in own = { .sin_family = AF_INET };
	int on = 1;

	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return false;
	/* Each send is a segment of its own, so the server sees the pieces as pieces. */
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (from != NULL && (inet_pton(AF_INET, from, &own.sin_addr) != 1 ||
	                     bind(w->fd, (struct sockaddr *)&own, sizeof(own)) != 0))
		return false;
	return connect(w->fd, (struct sockaddr *)&to, sizeof(to)) == 0;
}

static gnutls_datum_t
datum(struct slice s)
{
	return (gnutls_datum_t){ .data = (unsigned char *)s.p, .size = (unsigned)s.n };
}

static bool
set_psk(struct wire *w, const struct wire_tls *tls)
{
	gnutls_datum_t identity = datum(tls->identity), key = datum(tls->psk);

	return gnutls_psk_allocate_client_credentials(&w->psk) == 0 &&
	       gnutls_psk_set_client_credentials2(w->psk, &identity, &key, GNUTLS_PSK_KEY_RAW) ==
	               0 &&
	       gnutls_credentials_set(w->session, GNUTLS_CRD_PSK, w->psk) == 0;
}

static bool
set_certificates(struct wire *w, const struct wire_tls *tls)
{
	if (gnutls_certificate_allocate_credentials(&w->cred) != 0)
		return false;
	if (tls->ca != NULL)
		gnutls_certificate_set_x509_trust_file(w->cred, tls->ca, GNUTLS_X509_FMT_PEM);
	if (tls->cert != NULL)
		gnutls_certificate_set_x509_key_file(w->cred, tls->cert, tls->key,
		                                     GNUTLS_X509_FMT_PEM);
	gnutls_session_set_verify_cert(w->session, "localhost", 0);
	return gnutls_credentials_set(w->session, GNUTLS_CRD_CERTIFICATE, w->cred) == 0;
}

static bool
shake_hands(struct wire *w, const struct wire_tls *tls)
{
	int rc;

	if (gnutls_init(&w->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT) !=
	            0 ||
	    !(tls->psk.n > 0 ? set_psk(w, tls) : set_certificates(w, tls)))
		return false;
	if (tls->priority == NULL)
		gnutls_set_default_priority(w->session);
	else if (gnutls_priority_set_direct(w->session, tls->priority, NULL) != 0)
		return false;
	gnutls_transport_set_int(w->session, w->fd);
	gnutls_handshake_set_timeout(w->session, PATIENCE_MS);
	do
		rc = gnutls_handshake(w->session);
	while (rc < 0 && !gnutls_error_is_fatal(rc));
	return rc == 0;
}

struct wire *
wire_open(unsigned port, const char *from, const struct wire_tls *tls)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	buf_init(&w->in, REPLY_MAX);
	if (dial(w, port, from) && (tls == NULL || shake_hands(w, tls)))
		return w;
	wire_close(w);
	return NULL;
}

struct wire *
wire_open_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct wire *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	buf_init(&w->in, REPLY_MAX);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd >= 0 && connect(w->fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return w;
	wire_close(w);
	return NULL;
}

void
wire_close(struct wire *w)
{
	if (w == NULL)
		return;
	if (w->session != NULL)
		gnutls_deinit(w->session);
	if (w->cred != NULL)
		gnutls_certificate_free_credentials(w->cred);
	if (w->psk != NULL)
		gnutls_psk_free_client_credentials(w->psk);
	if (w->fd >= 0)
		close(w->fd);
	buf_fini(&w->in);
	free(w);
}

void
wire_end(struct wire *w)
{
	if (w->session != NULL)
		gnutls_bye(w->session, GNUTLS_SHUT_WR);
	else
		shutdown(w->fd, SHUT_WR);
}

bool
wire_send(struct wire *w, struct slice text)
{
	while (text.n > 0) {
		ssize_t n = w->session != NULL ? gnutls_record_send(w->session, text.p, text.n)
		                               : send(w->fd, text.p, text.n, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text = slice_from(text, (size_t)n);
	}
	return true;
}

bool
wire_puts(struct wire *w, const char *text)
{
	return wire_send(w, slice_of(text));
}

/* Receives some more; false at the end. */
static bool
receive(struct wire *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	char part[16384];
	ssize_t n;

	do {
		if ((w->session == NULL || gnutls_record_check_pending(w->session) == 0) &&
		    poll(&p, 1, PATIENCE_MS) <= 0)
			return false;
		n = w->session != NULL ? gnutls_record_recv(w->session, part, sizeof(part))
		                       : recv(w->fd, part, sizeof(part), 0);
	} while (w->session != NULL && n < 0 && !gnutls_error_is_fatal((int)n));
	if (n <= 0)
		return false;
	buf_add(&w->in, part, (size_t)n);
	return true;
}

/* Moves n octets from the input to the end of to. */
static void
consume(struct wire *w, size_t n, struct buf *to)
{
	buf_add(to, w->in.p, n);
	memmove(w->in.p, w->in.p + n, w->in.n - n);
	w->in.n -= n;
}

static bool
read_head(struct wire *w, struct buf *head)
{
	const char *end;

	while (w->in.n == 0 || (end = memmem(w->in.p, w->in.n, "\r\n\r\n", 4)) == NULL)
		if (!receive(w))
			return false;
	consume(w, (size_t)(end - w->in.p) + 4, head);
	return true;
}

struct slice
wire_field(const struct wire_reply *r, const char *name)
{
	struct slice rest = buf_view(&r->head);
	struct slice line;
	size_t n = strlen(name);

	while (slice_split(&rest, '\n', &line))
		if (line.n > n + 2 && line.p[n] == ':' && strncasecmp(line.p, name, n) == 0)
			return slice_make(line.p + n + 2, line.n - n - 3);
	return SLICE_NONE;
}

struct wire_reply
wire_read(struct wire *w, bool head)
{
	struct wire_reply r = { .status = 0 };
	size_t length;

	buf_init(&r.head, REPLY_MAX);
	buf_init(&r.body, REPLY_MAX);
	if (!read_head(w, &r.head) || r.head.n < 12)
		return r;
	/* Numbers are read as strings. */
	buf_char(&r.head, '\0');
	r.head.n--;
	r.status = atoi(r.head.p + 9);
	if (head || r.status == 100)
		return r;
	length = strtoul(wire_field(&r, "Content-Length").n > 0 ? wire_field(&r, "Content-Length").p
	                                                        : "0",
	                 NULL, 10);
	while (w->in.n < length)
		if (!receive(w)) {
			r.status = 0;
			return r;
		}
	consume(w, length, &r.body);
	return r;
}

void
wire_forget(struct wire_reply *r)
{
	buf_fini(&r->head);
	buf_fini(&r->body);
}

bool
wire_readable(struct wire *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	return w->in.n > 0 || poll(&p, 1, 0) > 0;
}

bool
wire_closed(struct wire *w)
{
	return w->in.n == 0 && !receive(w);
}

int
wire_ask(struct wire *w, const char *text, char *body, size_t size)
{
	struct wire_reply r;
	int status;

	if (!wire_puts(w, text))
		return 0;
	r = wire_read(w, false);
	status = r.status;
	if (body != NULL) {
		size_t n = r.body.n < size ? r.body.n : size - 1;

		if (n > 0)
			memcpy(body, r.body.p, n);
		body[n] = '\0';
	}
	wire_forget(&r);
	return status;
}

int
wire_serial(const struct wire *w)
{
	unsigned n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(w->session, &n);
	unsigned char serial[32];
	size_t size = sizeof(serial);
	gnutls_x509_crt_t crt;

	if (chain == NULL || n == 0 || gnutls_x509_crt_init(&crt) != 0)
		return -1;
	if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) != 0 ||
	    gnutls_x509_crt_get_serial(crt, serial, &size) != 0)
		size = 0;
	gnutls_x509_crt_deinit(crt);
	return size == 1 ? serial[0] : -1;
}
