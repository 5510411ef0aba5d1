/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tls_bed.h"

#include <check.h>
#include <stdio.h>

#include "base/clock.h"

const struct psk_peer_key keys[KEYS] = {
	{ "mr3.01bcad980102030405060708090a0b0c.1", { { 1, 2, 3 } } },
	{ "mr2.01bcad980102030405060708090a0b0c.1", { { 4, 5, 6 } } },
	{ "mc3.1122334455667788.1", { { 7, 8, 9 } } },
	{ "mc2.1122334455667788.1", { { 10, 11, 12 } } },
};

struct psk_peer peer;

struct credential_psk
psk_of(const struct psk_peer_key *k)
{
	struct credential_psk psk = { .key = k->key };

	snprintf(psk.identity, sizeof(psk.identity), "%s", k->identity);
	return psk;
}

/* Of keys[at] for TLS 1.3 and keys[at + 1] for TLS 1.2. */
struct credential *
credential_at(size_t at)
{
	struct credential_psk tls13 = psk_of(&keys[at]), tls12 = psk_of(&keys[at + 1]);
	struct credential *c = credential_psk(&tls13, &tls12);

	ck_assert_ptr_nonnull(c);
	return c;
}

/* ---- exchanges ---- */

static void
errand_done(struct exchange *ex)
{
	struct errand *e = ex->owner;

	e->done++;
}

void
errand_url(struct errand *e, const char *scheme, const char *host, const char *path)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->url, sizeof(e->url), "%s://%s:%u%s", scheme, host, peer.port, path);
	e->ex = (struct exchange){ .method = SLICE_LIT("GET"),
		                   .url = slice_of(e->url),
		                   .timeout_ms = 20000,
		                   .answer_max = 50000,
		                   .done = errand_done,
		                   .owner = e };
}

void
errand_init(struct errand *e, const struct credential *c, const char *path)
{
	errand_url(e, "https", "127.0.0.1", path);
	e->ex.credential = c;
}

void
errand_fini(struct errand *e)
{
	buf_fini(&e->ex.answer);
	buf_fini(&e->ex.answer_text);
}

struct port *
port_with(enum rc (*credential)(void *arg, struct slice url, struct credential **out), void *arg)
{
	const struct port_conf conf = { .max_exchanges = 500,
		                        .max_connections_per_host = 2,
		                        .connect_timeout_ms = 15000,
		                        .credential = credential,
		                        .credential_arg = arg };
	struct port *p = NULL;

	ck_assert_int_eq(port_http.open(&conf, &p), RC_OK);
	return p;
}

struct port *
port_open(void)
{
	return port_with(NULL, NULL);
}

void
await(struct port *p, const struct errand *e)
{
	int64_t until = clock_monotonic() + WITHIN;

	while (e->done == 0 && clock_monotonic() < until)
		port_turn(&port_http, p, 1000);
	ck_assert_uint_eq(e->done, 1);
}

void
run(struct port *p, struct errand *e)
{
	e->done = 0;
	port_http.send(p, &e->ex);
	ck_assert_uint_eq(e->done, 0);
	await(p, e);
}

void
expect_answer(const struct errand *e)
{
	ck_assert_msg(e->ex.rc == RC_OK, "%s: %s", e->url, e->ex.failure);
	ck_assert_int_eq(e->ex.http_status, 200);
	ck_assert(slice_is(buf_view(&e->ex.answer), "body"));
	ck_assert(!e->ex.unsent);
	ck_assert(!e->ex.tls_failed);
}

static bool
speaks_of_secrets(const char *text)
{
	for (size_t i = 0; i < NITEMS(keys); i++)
		if (strstr(text, keys[i].identity) != NULL)
			return true;
	return false;
}

/* The exchange ended for want of a session, and the peer got nothing of it. */
void
expect_no_session(struct errand *e)
{
	ck_assert_msg(e->ex.rc == RC_BAD_GATEWAY, "%s: %d", e->url, (int)e->ex.rc);
	ck_assert(e->ex.tls_failed);
	ck_assert(e->ex.unsent);
	ck_assert_int_eq(e->ex.http_status, 0);
	ck_assert_int_ne(e->ex.failure[0], '\0');
	ck_assert(!speaks_of_secrets(e->ex.failure));
	errand_fini(e);
}

void
expect_silence(struct port *p)
{
	port_http.close(p);
	psk_peer_await_end(&peer, 1);
	ck_assert_uint_eq(peer.n_octets, 0);
	ck_assert_uint_eq(peer.n_seen, 0);
}
