/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga_tls.h"

#include <string.h>
#include <time.h>

#define PSK_SIZE 32u
#define IDENTITY "device-i.example"
#define TURNS 10 /* more than any handshake takes */

static unsigned
psk_of_client(SSL *s, const char *hint, char *identity, unsigned identity_max, unsigned char *psk,
              unsigned psk_max)
{
	(void)s;
	(void)hint;
	if (identity_max < sizeof(IDENTITY) || psk_max < PSK_SIZE)
		return 0;
	memcpy(identity, IDENTITY, sizeof(IDENTITY));
	memset(psk, 7, PSK_SIZE);
	return PSK_SIZE;
}

static unsigned
psk_of_server(SSL *s, const char *identity, unsigned char *psk, unsigned psk_max)
{
	(void)s;
	if (strcmp(identity, IDENTITY) != 0 || psk_max < PSK_SIZE)
		return 0;
	memset(psk, 7, PSK_SIZE);
	return PSK_SIZE;
}

static SSL_CTX *
context(const SSL_METHOD *method, const char *group)
{
	SSL_CTX *c = SSL_CTX_new(method);

	if (c == NULL)
		return NULL;
	if (SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1 &&
	    SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") == 1 &&
	    SSL_CTX_set1_groups_list(c, group) == 1 && SSL_CTX_set_num_tickets(c, 0) == 1)
		return c;
	SSL_CTX_free(c);
	return NULL;
}

int
tls_pair_make(struct tls_pair *p, const char *group)
{
	p->client = context(TLS_client_method(), group);
	p->server = context(TLS_server_method(), group);
	if (p->client == NULL || p->server == NULL) {
		tls_pair_free(p);
		return 0;
	}
	SSL_CTX_set_psk_client_callback(p->client, psk_of_client);
	SSL_CTX_set_psk_server_callback(p->server, psk_of_server);
	return 1;
}

void
tls_pair_free(struct tls_pair *p)
{
	SSL_CTX_free(p->client);
	SSL_CTX_free(p->server);
}

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* One turn of a side: what it has to say, and what that cost. 0: it failed. */
static int
turn(SSL *s, uint64_t *ns)
{
	uint64_t start = cpu_ns();
	int rc = SSL_do_handshake(s);

	*ns += cpu_ns() - start;
	return rc == 1 || SSL_get_error(s, rc) == SSL_ERROR_WANT_READ;
}

static int
talk(SSL *client, SSL *server, struct tls_cost *cost)
{
	uint64_t start = cpu_ns();

	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	cost->client_ns += cpu_ns() - start;
	for (int i = 0; i < TURNS; i++) {
		if (!turn(client, &cost->client_ns) || !turn(server, &cost->server_ns))
			return 0;
		if (SSL_is_init_finished(client) && SSL_is_init_finished(server))
			return SSL_session_reused(client) == 1;
	}
	return 0;
}

int
tls_handshake(const struct tls_pair *p, struct tls_cost *cost)
{
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
	uint64_t start = cpu_ns();
	SSL *client = SSL_new(p->client), *server;
	int ok = 0;

	memset(cost, 0, sizeof(*cost));
	cost->client_ns = cpu_ns() - start;
	start = cpu_ns();
	server = SSL_new(p->server);
	cost->server_ns = cpu_ns() - start;
	if (up != NULL && down != NULL && client != NULL && server != NULL) {
		BIO_up_ref(up);
		BIO_up_ref(down);
		SSL_set_bio(client, down, up);
		SSL_set_bio(server, up, down);
		BIO_up_ref(up);
		BIO_up_ref(down);
		ok = talk(client, server, cost);
		cost->client_octets = (unsigned long)BIO_number_written(up);
		cost->server_octets = (unsigned long)BIO_number_written(down);
	}
	BIO_free(up);
	BIO_free(down);
	SSL_free(client);
	SSL_free(server);
	return ok;
}
