/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cdtls_bed.h"

#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/clock.h"
#include "sec/secret.h"
#include "suite.h"

struct coapd_conf conf;
struct cdtls *dtls;
struct front *front;
char why[COAPD_WHY_MAX];
struct cdtls_identity identity;
struct front_peer *peer;
unsigned begun, finds;
enum rc exported;
unsigned char server_export[32];
bool key_stands;

static coap_context_t *context;
static struct front_name name;
static unsigned requests, refused;
static coap_session_t *fresh; /* begun by the datagram that is read */
static coap_address_t fresh_from;
static int fresh_interface;

/* ---- the server ---- */

static bool
find(void *arg, struct slice id, unsigned tls_version, struct key *out)
{
	(void)arg;
	finds++;
	ck_assert_uint_eq(tls_version, 0x0303);
	memset(out, 'k', sizeof(*out));
	if (!slice_eq(id, SLICE_LIT(IDENTITY)))
		memset(out, 'x', sizeof(*out));
	return true;
}

static bool
stands(void *arg, struct slice id)
{
	(void)arg;
	ck_assert(slice_eq(id, SLICE_LIT(IDENTITY)));
	return key_stands;
}

static const struct psk_source source = { NULL, find, stands };

static void
session_begins(coap_session_t *session)
{
	cdtls_end(&identity);
	cdtls_begin(&identity, dtls, session);
	peer = front_join(front, &coap_session_get_addr_remote(session)->addr.sa, session,
	                  clock_monotonic());
	coap_session_set_app_data(session, peer);
	fresh = session;
	fresh_from = *coap_session_get_addr_remote(session);
	fresh_interface = coap_session_get_ifindex(session);
	begun++;
}

static void
session_ends(coap_session_t *session)
{
	struct front_peer *p = coap_session_get_app_data(session);

	front_leave(front, p);
	coap_session_set_app_data(session, NULL);
	if (identity.session == session)
		identity.session = NULL;
}

static int
event(coap_session_t *session, const coap_event_t what)
{
	if (what == COAP_EVENT_SERVER_SESSION_NEW)
		session_begins(session);
	else if (what == COAP_EVENT_DTLS_CONNECTED)
		front_established(front, coap_session_get_app_data(session));
	else if (what == COAP_EVENT_SERVER_SESSION_DEL || what == COAP_EVENT_DTLS_CLOSED)
		session_ends(session);
	return 0;
}

static void
end(void *arg)
{
	coap_tick_t now;

	coap_session_disconnected(arg, COAP_NACK_NOT_DELIVERABLE);
	coap_ticks(&now);
	coap_io_prepare_epoll(context, now);
}

static void
handle(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
       const coap_string_t *query, coap_pdu_t *response)
{
	(void)resource;
	(void)request;
	(void)query;
	ck_assert_ptr_eq(session, identity.session);
	requests++;
	if (!cdtls_current(&identity)) {
		refused++;
		return;
	}
	exported = identity.peer.exporter(&identity.peer, LABEL, server_export, 32);
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
start_at(unsigned port)
{
	coap_resource_t *resource;
	coap_address_t a;
	struct front_conf fc = { .dtls = true, .max_sessions = 16, .max_sessions_per_address = 8,
		                 .max_handshakes = 8, .end = end };

	conf.address = "127.0.0.1";
	ck_assert_int_eq(front_reserve(conf.address, port, &name, why), RC_OK);
	context = coap_new_context(NULL);
	coap_register_event_handler(context, event);
	resource = coap_resource_unknown_init2(handle, 0);
	coap_register_request_handler(resource, COAP_REQUEST_GET, handle);
	coap_add_resource(context, resource);
	dtls = cdtls_new(&conf, context, why);
	ck_assert_msg(dtls != NULL, "%s", why);
	coap_address_init(&a);
	a.size = name.n;
	memcpy(&a.addr, &name.name, name.n);
	ck_assert_ptr_nonnull(coap_new_endpoint(context, &a, COAP_PROTO_DTLS));
	front = front_new(&fc, &name, why);
	ck_assert_msg(front != NULL, "%s", why);
	cdtls_front(dtls, front);
}

void
cdtls_bed_start(void)
{
	start_at(0);
}

/* libcoap says nothing of a session whose handshake fails at once. */
static void
settle(void)
{
	if (fresh == NULL ||
	    coap_session_get_by_peer(context, &fresh_from, fresh_interface) == fresh)
		return;
	front_leave(front, peer);
	identity.session = NULL;
}

void
cdtls_bed_turn(void)
{
	struct pollfd p = { .fd = front_fd(front), .events = POLLIN };

	poll(&p, 1, 2);
	while (front_next(front, clock_monotonic()) == FRONT_PASS) {
		fresh = NULL;
		coap_io_process(context, COAP_IO_NO_WAIT);
		settle();
	}
}

void
cdtls_bed_begin(void)
{
	coap_startup();
	coap_set_log_level(LOG_EMERG);
	conf = (struct coapd_conf){ .security = COAPD_PSK, .psk = &source };
	begun = requests = refused = finds = 0;
	key_stands = true;
}

void
cdtls_bed_stop(void)
{
	coap_free_context(context);
	cdtls_end(&identity);
	cdtls_free(dtls);
	front_free(front);
	identity = (struct cdtls_identity){ .session = NULL };
	context = NULL;
	dtls = NULL;
	front = NULL;
}

void
cdtls_bed_end(void)
{
	if (context != NULL)
		cdtls_bed_stop();
}

/* ---- the client ---- */

static unsigned
give_key(SSL *tls, const char *hint, char *id, unsigned max_id, unsigned char *key, unsigned max)
{
	struct client *c = SSL_get_app_data(tls);

	(void)hint;
	ck_assert(strlen(c->identity) < max_id && max >= KEY_BYTES);
	strcpy(id, c->identity);
	memset(key, c->key, KEY_BYTES);
	return KEY_BYTES;
}

void
client_socket(struct client *c)
{
	c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(connect(c->fd, (struct sockaddr *)&name.name, name.n), 0);
}

void
client_tls(struct client *c)
{
	BIO *bio = BIO_new_dgram(c->fd, BIO_NOCLOSE);

	c->ctx = SSL_CTX_new(DTLS_client_method());
	ck_assert_int_eq(SSL_CTX_set_cipher_list(c->ctx, c->suites == NULL ? "ALL:PSK" : c->suites), 1);
	if (c->no_master)
		SSL_CTX_set_options(c->ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (c->certificate != NULL) {
		ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(c->ctx, c->certificate), 1);
		ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(c->ctx, conf.key_file, SSL_FILETYPE_PEM), 1);
	}
	c->tls = SSL_new(c->ctx);
	SSL_set_app_data(c->tls, c);
	if (c->identity != NULL)
		SSL_set_psk_client_callback(c->tls, give_key);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &name.name);
	SSL_set_bio(c->tls, bio, bio);
	c->failed = false;
}

void
client_drop_tls(struct client *c)
{
	SSL_free(c->tls);
	SSL_CTX_free(c->ctx);
}

void
client_end(struct client *c)
{
	client_drop_tls(c);
	close(c->fd);
}

bool
shake(struct client *c, int64_t us)
{
	int64_t until = clock_monotonic() + us;

	while (!SSL_is_init_finished(c->tls) && !c->failed && clock_monotonic() < until) {
		int rc;

		ERR_clear_error();
		rc = SSL_connect(c->tls);
		if (rc <= 0 && SSL_get_error(c->tls, rc) != SSL_ERROR_WANT_READ)
			c->failed = true;
		cdtls_bed_turn();
	}
	return SSL_is_init_finished(c->tls);
}

bool
connects(struct client *c)
{
	client_socket(c);
	client_tls(c);
	return shake(c, WAIT_US);
}

int
ask(struct client *c)
{
	static const unsigned char get[] = { 0x40, 1, 0x12, 0x34 };
	int64_t until = clock_monotonic() + WAIT_US;
	unsigned before = requests;
	unsigned char m[256];
	int n = -1;

	ck_assert_int_eq(SSL_write(c->tls, get, sizeof(get)), sizeof(get));
	while (n <= 0 && clock_monotonic() < until && (requests == before || refused == 0)) {
		cdtls_bed_turn();
		n = SSL_read(c->tls, m, sizeof(m));
	}
	return n < 4 ? 0 : m[1];
}

void
check_exporter(struct client *c)
{
	unsigned char mine[32];

	ck_assert_int_eq(exported, RC_OK);
	ck_assert_int_eq(SSL_export_keying_material(c->tls, mine, 32, LABEL, strlen(LABEL), NULL, 0, 0),
	                 1);
	ck_assert_mem_eq(mine, server_export, 32);
}
