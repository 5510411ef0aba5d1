/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "coap_peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <coap3/coap.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define MESSAGE_MAX 2048
#define AGAIN_MS 150

struct coap_peer_session {
	struct sockaddr_in from;
	SSL *ssl; /* NULL: clear */
	bool stands;
};

/* A request, and its answer as far as it is made. */
struct turn {
	struct coap_peer *peer;
	struct coap_peer_session *session;
	const coap_pdu_t *request;
	char path[256];
	unsigned char out[MESSAGE_MAX];
	size_t n;
	uint16_t number;
};

/* A separate response that is to be sent, again and again. */
static struct {
	unsigned char out[MESSAGE_MAX];
	size_t n;
	struct coap_peer_session *session;
	unsigned missing; /* acknowledgements that are not taken */
} later;

unsigned char
coap_peer_octet(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

/* ---- datagrams ---- */

static void
send_raw(const struct coap_peer *p, const struct coap_peer_session *s, const void *v, size_t n)
{
	(void)sendto(p->fd, v, n, 0, (const struct sockaddr *)&s->from, sizeof(s->from));
}

static void
flush(const struct coap_peer *p, struct coap_peer_session *s)
{
	char *octets;
	long n = BIO_get_mem_data(SSL_get_wbio(s->ssl), &octets);

	if (n > 0)
		send_raw(p, s, octets, (size_t)n);
	(void)BIO_reset(SSL_get_wbio(s->ssl));
}

static void
send_message(const struct coap_peer *p, struct coap_peer_session *s, const void *v, size_t n)
{
	if (s->ssl == NULL) {
		send_raw(p, s, v, n);
		return;
	}
	(void)SSL_write(s->ssl, v, (int)n);
	flush(p, s);
}

/* ---- answers ---- */

static void
begin(struct turn *t, unsigned type, unsigned code, unsigned mid)
{
	coap_bin_const_t token = coap_pdu_get_token(t->request);

	t->out[0] = (unsigned char)(1u << 6 | type << 4 | (code == 0 ? 0 : token.length));
	t->out[1] = (unsigned char)code;
	t->out[2] = (unsigned char)(mid >> 8);
	t->out[3] = (unsigned char)mid;
	t->n = 4;
	t->number = 0;
	if (code != 0) {
		memcpy(t->out + 4, token.s, token.length);
		t->n += token.length;
	}
}

static void
option(struct turn *t, uint16_t number, const void *v, size_t n)
{
	t->n += coap_opt_encode(t->out + t->n, MESSAGE_MAX - t->n, (uint16_t)(number - t->number),
	                        v, n);
	t->number = number;
}

static void
option_uint(struct turn *t, uint16_t number, unsigned v)
{
	unsigned char room[4];

	option(t, number, room, coap_encode_var_safe(room, sizeof(room), v));
}

static void
payload(struct turn *t, const void *v, size_t n)
{
	t->out[t->n++] = 0xff;
	memcpy(t->out + t->n, v, n);
	t->n += n;
}

static void
send_turn(struct turn *t)
{
	send_message(t->peer, t->session, t->out, t->n);
}

static void
piggy_back(struct turn *t, unsigned code)
{
	begin(t, COAP_MESSAGE_ACK, code, (unsigned)coap_pdu_get_mid(t->request));
}

static void
empty(struct turn *t, unsigned type)
{
	begin(t, type, 0, (unsigned)coap_pdu_get_mid(t->request));
	send_turn(t);
}

static const coap_opt_t *
find(const struct turn *t, uint16_t number)
{
	coap_opt_iterator_t it;

	return coap_check_option(t->request, number, &it);
}

static bool
read_block(const struct turn *t, uint16_t number, coap_block_t *b)
{
	const coap_opt_t *o = find(t, number);
	unsigned v = o == NULL ? 0 : coap_decode_var_bytes(coap_opt_value(o), coap_opt_length(o));

	*b = (coap_block_t){ .num = v >> 4, .m = v >> 3 & 1u, .szx = v & 7u };
	return o != NULL;
}

static void
serve_ok(struct turn *t)
{
	piggy_back(t, COAP_RESPONSE_CODE(205));
	option(t, COAP_OPTION_ETAG, "12345678", 8);
	option_uint(t, COAP_OPTION_CONTENT_FORMAT, 41);
	payload(t, "body", 4);
	send_turn(t);
}

static void
serve_created(struct turn *t)
{
	piggy_back(t, COAP_RESPONSE_CODE(201));
	option(t, COAP_OPTION_LOCATION_PATH, "m2m", 3);
	option(t, COAP_OPTION_LOCATION_PATH, "a b", 3);
	send_turn(t);
}

static void
serve_busy(struct turn *t)
{
	piggy_back(t, COAP_RESPONSE_CODE(503));
	option_uint(t, COAP_OPTION_MAXAGE, 7);
	send_turn(t);
}

static void
respond(struct turn *t)
{
	begin(t, COAP_MESSAGE_CON, COAP_RESPONSE_CODE(204),
	      (unsigned)coap_pdu_get_mid(t->request) + 1000);
	send_turn(t);
}

static void
serve_separate(struct turn *t)
{
	const struct timespec pause = { .tv_nsec = 50000000 };

	empty(t, COAP_MESSAGE_ACK);
	nanosleep(&pause, NULL);
	respond(t);
}

static void
serve_again(struct turn *t)
{
	respond(t);
	memcpy(later.out, t->out, t->n);
	later.n = t->n;
	later.session = t->session;
	later.missing = 2;
}

static void
serve_slow(struct turn *t)
{
	atomic_fetch_add(&t->peer->n_most, 1);
	empty(t, COAP_MESSAGE_ACK);
}

static void
serve_silent(struct turn *t)
{
	(void)t;
}

static void
serve_rst(struct turn *t)
{
	empty(t, COAP_MESSAGE_RST);
}

static void
serve_garbage(struct turn *t)
{
	send_message(t->peer, t->session, "\x9f\xff\x00", 3);
	send_message(t->peer, t->session, "GET / HTTP/1.1\r\n\r\n", 18);
	serve_ok(t);
}

static void
serve_mixed(struct turn *t)
{
	piggy_back(t, COAP_RESPONSE_CODE(404));
	t->out[4] ^= 1;
	send_turn(t);
	serve_ok(t);
}

static void
serve_critical(struct turn *t)
{
	begin(t, COAP_MESSAGE_CON, COAP_RESPONSE_CODE(205), 77);
	option(t, 2049, "x", 1);
	send_turn(t);
}

static void
serve_echo(struct turn *t)
{
	const coap_opt_t *o = find(t, COAP_OPTION_ECHO);

	if (o != NULL && coap_opt_length(o) == 5 && memcmp(coap_opt_value(o), "prove", 5) == 0) {
		serve_ok(t);
		return;
	}
	piggy_back(t, COAP_RESPONSE_CODE(401));
	option(t, COAP_OPTION_ECHO, "prove", 5);
	send_turn(t);
}

static void
serve_big(struct turn *t)
{
	static unsigned asked;
	unsigned char part[64];
	coap_block_t b;
	bool changing = strcmp(t->path, "changing") == 0;
	size_t n = sizeof(part), at;

	if (!read_block(t, COAP_OPTION_BLOCK2, &b))
		b.num = 0;
	at = b.num * sizeof(part);
	ck_assert_uint_lt(at, COAP_PEER_BIG);
	if (COAP_PEER_BIG - at < n)
		n = COAP_PEER_BIG - at;
	for (size_t i = 0; i < n; i++)
		part[i] = coap_peer_octet(at + i);
	piggy_back(t, COAP_RESPONSE_CODE(205));
	option(t, COAP_OPTION_ETAG, changing && asked++ < 5 ? "old" : "new", 3);
	option_uint(t, COAP_OPTION_BLOCK2, b.num << 4 | (at + n < COAP_PEER_BIG ? 8u : 0u) | 2u);
	payload(t, part, n);
	send_turn(t);
}

static void
serve_put(struct turn *t)
{
	struct coap_peer *p = t->peer;
	static unsigned lost;
	size_t n = 0, at;
	const uint8_t *v = NULL;
	coap_block_t b;
	bool given = read_block(t, COAP_OPTION_BLOCK1, &b);
	unsigned code = COAP_RESPONSE_CODE(204), szx = b.szx;

	(void)coap_get_data(t->request, &n, &v);
	at = given ? (size_t)b.num << (b.szx + 4) : 0;
	pthread_mutex_lock(&p->lock);
	if (at == 0)
		p->blocks = 0;
	p->blocks++;
	if (strcmp(t->path, "small") == 0 && (!given || b.szx > 1)) {
		code = COAP_RESPONSE_CODE(413);
		szx = 1;
	} else if (strcmp(t->path, "lossy") == 0 && b.num == 2 && lost++ == 0) {
		code = COAP_RESPONSE_CODE(408);
	} else {
		ck_assert_uint_le(at + n, sizeof(p->body));
		if (n > 0)
			memcpy(p->body + at, v, n);
		p->n_body = at + n;
		if (given && b.m)
			code = COAP_RESPONSE_CODE(231);
		/* Smaller ones from now on (RFC 7959 section 2.3). */
		if (strcmp(t->path, "put") == 0 && b.num == 0)
			szx = b.szx < 4 ? b.szx : 4;
	}
	pthread_mutex_unlock(&p->lock);
	piggy_back(t, code);
	if (given || code == COAP_RESPONSE_CODE(413))
		option_uint(t, COAP_OPTION_BLOCK1, b.num << 4 | (unsigned)b.m << 3 | szx);
	send_turn(t);
}

static const struct {
	const char *path;
	void (*serve)(struct turn *t);
} rows[] = {
	{ "ok", serve_ok },           { "created", serve_created },
	{ "busy", serve_busy },       { "separate", serve_separate },
	{ "early", respond },         { "again", serve_again },
	{ "silent", serve_silent },   { "slow", serve_slow },
	{ "rst", serve_rst },         { "echo", serve_echo },
	{ "big", serve_big },         { "changing", serve_big },
	{ "put", serve_put },         { "small", serve_put },
	{ "lossy", serve_put },       { "critical", serve_critical },
	{ "garbage", serve_garbage }, { "mixed", serve_mixed },
};

/* ---- requests ---- */

static void
note(struct turn *t)
{
	struct coap_peer *p = t->peer;
	coap_opt_iterator_t it;
	const coap_opt_t *o;
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = (size_t)snprintf(p->last, sizeof(p->last), "%u", coap_pdu_get_code(t->request));
	coap_option_iterator_init(t->request, &it, COAP_OPT_ALL);
	while ((o = coap_option_next(&it)) != NULL && n < sizeof(p->last) - 300)
		n += (size_t)snprintf(p->last + n, sizeof(p->last) - n, " %u:%.*s", it.number,
		                      (int)coap_opt_length(o), (const char *)coap_opt_value(o));
	pthread_mutex_unlock(&p->lock);
}

static void
take_request(struct coap_peer *p, struct coap_peer_session *s, const coap_pdu_t *pdu)
{
	struct turn t = { .peer = p, .session = s, .request = pdu };
	const coap_opt_t *o = find(&t, COAP_OPTION_URI_PATH);

	if (o != NULL)
		snprintf(t.path, sizeof(t.path), "%.*s", (int)coap_opt_length(o),
		         (const char *)coap_opt_value(o));
	note(&t);
	atomic_fetch_add(&p->n_requests, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].path, t.path) == 0)
			rows[i].serve(&t);
}

static void
take_message(struct coap_peer *p, struct coap_peer_session *s, const unsigned char *v, size_t n)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, n);

	ck_assert_int_eq(coap_pdu_parse(COAP_PROTO_UDP, v, n, pdu), 1);
	if (coap_pdu_get_type(pdu) == COAP_MESSAGE_ACK) {
		atomic_fetch_add(&p->n_acks, 1);
		if (later.missing > 0)
			later.missing--;
	} else if (coap_pdu_get_type(pdu) == COAP_MESSAGE_RST) {
		atomic_fetch_add(&p->n_resets, 1);
	} else if (coap_pdu_get_code(pdu) != 0) {
		take_request(p, s, pdu);
	} else {
		struct turn t = { .peer = p, .session = s, .request = pdu };

		empty(&t, COAP_MESSAGE_RST);
	}
	coap_delete_pdu(pdu);
}

/* ---- sessions ---- */

static unsigned
on_psk(SSL *ssl, const char *identity, unsigned char *key, unsigned max)
{
	const struct coap_peer *p = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (strcmp(identity, p->conf.psk_identity) != 0 || max < KEY_BYTES)
		return 0;
	memcpy(key, p->conf.psk_key.v, KEY_BYTES);
	return KEY_BYTES;
}

static void
forget(struct coap_peer *p)
{
	for (unsigned i = 0; i < COAP_PEER_SESSIONS; i++)
		if (p->sessions[i] != NULL) {
			SSL_free(p->sessions[i]->ssl);
			free(p->sessions[i]);
			p->sessions[i] = NULL;
		}
}

static struct coap_peer_session *
session_of(struct coap_peer *p, const struct sockaddr_in *from)
{
	struct coap_peer_session *s;
	unsigned i;

	for (i = 0; i < COAP_PEER_SESSIONS && (s = p->sessions[i]) != NULL; i++)
		if (s->from.sin_port == from->sin_port &&
		    s->from.sin_addr.s_addr == from->sin_addr.s_addr)
			return s;
	ck_assert_uint_lt(i, COAP_PEER_SESSIONS);
	s = calloc(1, sizeof(*s));
	ck_assert_ptr_nonnull(s);
	s->from = *from;
	if (p->ctx != NULL) {
		s->ssl = SSL_new(p->ctx);
		SSL_set_bio(s->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		SSL_set_accept_state(s->ssl);
		SSL_set_mtu(s->ssl, 1200);
	}
	p->sessions[i] = s;
	atomic_fetch_add(&p->n_sources, 1);
	return s;
}

static void
session_stands(struct coap_peer *p, struct coap_peer_session *s)
{
	s->stands = true;
	if (p->conf.label != NULL) {
		pthread_mutex_lock(&p->lock);
		ck_assert_int_eq(SSL_export_keying_material(s->ssl, p->exported.v, KEY_BYTES,
		                                            p->conf.label, strlen(p->conf.label),
		                                            NULL, 0, 0),
		                 1);
		pthread_mutex_unlock(&p->lock);
	}
	atomic_fetch_add(&p->n_handshakes, 1);
}

static void
take_record(struct coap_peer *p, struct coap_peer_session *s, const unsigned char *v, size_t n)
{
	unsigned char plain[MESSAGE_MAX];
	int got;

	(void)BIO_write(SSL_get_rbio(s->ssl), v, (int)n);
	while ((got = SSL_read(s->ssl, plain, sizeof(plain))) > 0) {
		if (!s->stands)
			session_stands(p, s);
		take_message(p, s, plain, (size_t)got);
	}
	if (SSL_get_error(s->ssl, got) == SSL_ERROR_ZERO_RETURN)
		atomic_fetch_add(&p->n_closed, 1);
	if (!s->stands && SSL_is_init_finished(s->ssl))
		session_stands(p, s);
	flush(p, s);
}

static void *
peer_run(void *arg)
{
	struct coap_peer *p = arg;
	unsigned char v[MESSAGE_MAX];
	struct sockaddr_in from;

	while (!atomic_load(&p->stopping)) {
		struct pollfd fd = { .fd = p->fd, .events = POLLIN };
		socklen_t len = sizeof(from);
		struct coap_peer_session *s;
		ssize_t n;

		if (poll(&fd, 1, AGAIN_MS) == 0) {
			if (later.missing > 0)
				send_message(p, later.session, later.out, later.n);
			continue;
		}
		n = recvfrom(p->fd, v, sizeof(v), 0, (struct sockaddr *)&from, &len);
		if (n <= 0 || atomic_load(&p->deaf) ||
		    atomic_fetch_add(&p->n_datagrams, 1) < p->conf.drop)
			continue;
		if (atomic_exchange(&p->forget, false))
			forget(p);
		s = session_of(p, &from);
		if (s->ssl == NULL)
			take_message(p, s, v, (size_t)n);
		else
			take_record(p, s, v, (size_t)n);
	}
	return NULL;
}

static SSL_CTX *
context(struct coap_peer *p)
{
	const struct coap_peer_conf *conf = &p->conf;
	SSL_CTX *ctx;

	if (conf->psk_identity == NULL && conf->certificate == NULL)
		return NULL;
	ctx = SSL_CTX_new(DTLS_server_method());
	SSL_CTX_set_app_data(ctx, p);
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU);
	if (conf->no_extended_master_secret)
		SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (conf->psk_identity != NULL)
		SSL_CTX_set_psk_server_callback(ctx, on_psk);
	if (conf->suites != NULL)
		ck_assert_int_eq(SSL_CTX_set_cipher_list(ctx, conf->suites), 1);
	if (conf->certificate != NULL) {
		ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(ctx, conf->certificate), 1);
		ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(ctx, conf->key, SSL_FILETYPE_PEM), 1);
	}
	if (conf->client_ca != NULL) {
		ck_assert_int_eq(SSL_CTX_load_verify_locations(ctx, conf->client_ca, NULL), 1);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	return ctx;
}

void
coap_peer_start(struct coap_peer *p, const struct coap_peer_conf *conf)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	memset(p, 0, sizeof(*p));
	if (conf != NULL)
		p->conf = *conf;
	later.missing = 0;
	pthread_mutex_init(&p->lock, NULL);
	p->ctx = context(p);
	p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(p->fd, 0);
	ck_assert_int_eq(bind(p->fd, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(getsockname(p->fd, (struct sockaddr *)&a, &len), 0);
	p->port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

void
coap_peer_stop(struct coap_peer *p)
{
	atomic_store(&p->stopping, true);
	pthread_join(p->thread, NULL);
	close(p->fd);
	forget(p);
	SSL_CTX_free(p->ctx);
	pthread_mutex_destroy(&p->lock);
}
