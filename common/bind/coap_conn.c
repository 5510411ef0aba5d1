/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/coap_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/tls_client.h"
#include "sec/secret.h"

/* RFC 7252 section 4.8; the factor of the random part is 1.5. */
#define ACK_TIMEOUT (2 * CLOCK_SECOND)
#define ACK_RANDOM (ACK_TIMEOUT / 2)
#define MAX_RETRANSMIT 4u
#define DOUBT_AFTER 3u /* transmissions without a sign of the peer */
#define PING_REPEAT (2 * CLOCK_SECOND)
#define DATAGRAM_MAX 4096u /* larger ones are nothing that was asked for */
#define DATAGRAMS_AT_ONCE 64u
/* Half of the message IDs: the other half is for what is under way by then. */
#define DATAGRAMS_MAX 32768u

/* ---- what goes out ---- */

static void
conn_fail(struct coapc_conn *c, const char *text, bool unreachable)
{
	if (c->state == CONN_FAILED)
		return;
	c->state = CONN_FAILED;
	c->failure.unreachable = unreachable;
	snprintf(c->failure.text, sizeof(c->failure.text), "%s", text);
}

static bool
is_lost(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == EPERM;
}

/* An error that waits in the socket is that of an earlier datagram: the second try tells. */
static ssize_t
send_clear(const struct coapc_conn *c, const void *p, size_t n)
{
	ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);

	return sent < 0 && !is_lost(errno) ? send(c->fd, p, n, MSG_NOSIGNAL) : sent;
}

/* What the socket does not take now is lost like any other datagram. */
static void
send_octets(struct coapc_conn *c, const void *p, size_t n)
{
	c->n_sent++;
	if (c->ssl != NULL) {
		if (!dtls_out_write(c->ssl, p, n))
			conn_fail(c, "the DTLS session is broken", false);
	} else if (send_clear(c, p, n) < 0 && !is_lost(errno)) {
		conn_fail(c, strerror(errno), true);
	}
}

/* ACK, RST or ping: messages of four octets. */
static void
send_empty(struct coapc_conn *c, unsigned type, uint16_t mid)
{
	const unsigned char m[4] = { (unsigned char)(1u << 6 | type << 4), 0,
		                     (unsigned char)(mid >> 8), (unsigned char)mid };

	send_octets(c, m, sizeof(m));
}

static bool
send_next(struct coapc_conn *c, struct coapc_call *call, int64_t now)
{
	if (call->echo.n == 0) {
		call->echo = c->echo;
		c->echo.n = 0;
	}
	if (!coapc_call_write(call, ++c->mid, c->message_max))
		return false;
	call->n_sent = 1;
	call->begun = now;
	call->acknowledged = false;
	/* The tag is random, the token may have been given. */
	call->timeout = ACK_TIMEOUT + ACK_RANDOM * call->tag[0] / 256;
	call->timer = now + call->timeout;
	send_octets(c, call->out, call->n_out);
	call->place = c->n_sent;
	return true;
}

bool
coapc_conn_send(struct coapc_conn *c, struct coapc_call *call, int64_t now)
{
	if (!send_next(c, call, now)) {
		coapc_call_fail(call, RC_BAD_GATEWAY, "the request does not fit into a message");
		return false;
	}
	call->conn = c;
	coapc_calls_add(&c->active, call);
	c->n_active++;
	return true;
}

void
coapc_conn_leave(struct coapc_conn *c, struct coapc_call *call, int64_t now)
{
	coapc_calls_remove(&c->active, call);
	/* A late answer must not be taken for that to the next message with this token. */
	c->draining = c->draining || (call->ex->has_coap_token && !call->taken);
	call->conn = NULL;
	call->n_sent = 0;
	c->n_active--;
	c->used = now;
}

static void
end_call(struct coapc_conn *c, struct coapc_call *call, int64_t now, struct coapc_calls *ended)
{
	coapc_conn_leave(c, call, now);
	coapc_calls_add(ended, call);
}

void
coapc_conn_ping(struct coapc_conn *c, int64_t now, int64_t due)
{
	c->state = CONN_PINGING;
	c->ping = ++c->mid;
	c->due = due;
	c->timer = now + PING_REPEAT;
	send_empty(c, COAP_MESSAGE_CON, c->ping);
}

/* ---- what comes in ---- */

static struct coapc_call *
call_by_mid(const struct coapc_conn *c, uint16_t mid)
{
	for (struct coapc_call *call = c->active.first; call != NULL; call = call->next)
		if (call->mid == mid)
			return call;
	return NULL;
}

static struct coapc_call *
call_by_token(const struct coapc_conn *c, const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);

	for (struct coapc_call *call = c->active.first; call != NULL; call = call->next)
		if (token.length == call->token_n &&
		    memcmp(call->token, token.s, token.length) == 0)
			return call;
	return NULL;
}

static bool
was_answered(const struct coapc_conn *c, uint16_t mid)
{
	unsigned n = c->n_answered < CONN_ANSWERED_MAX ? c->n_answered : CONN_ANSWERED_MAX;

	for (unsigned i = 0; i < n; i++)
		if (c->answered[i] == mid)
			return true;
	return false;
}

static void
note_answer(struct coapc_conn *c, uint16_t mid)
{
	c->answered[c->n_answered++ % CONN_ANSWERED_MAX] = mid;
	/* The ring is full for good: its count says no more than that. */
	if (c->n_answered == 2 * CONN_ANSWERED_MAX)
		c->n_answered = CONN_ANSWERED_MAX;
}

static void
take_response(struct coapc_conn *c, struct coapc_call *call, const coap_pdu_t *pdu, int64_t now,
              struct coapc_calls *ended)
{
	bool asks = coap_pdu_get_type(pdu) == COAP_MESSAGE_CON;
	uint16_t mid = (uint16_t)coap_pdu_get_mid(pdu);

	if (coapc_has_unknown_option(pdu)) {
		if (asks)
			send_empty(c, COAP_MESSAGE_RST, mid);
		coapc_call_fail(call, RC_BAD_GATEWAY, "an answer with an unknown critical option");
		end_call(c, call, now, ended);
		return;
	}
	if (coap_pdu_get_type(pdu) != COAP_MESSAGE_ACK)
		note_answer(c, mid);
	if (asks)
		send_empty(c, COAP_MESSAGE_ACK, mid);
	if (coap_pdu_get_code(pdu) != COAP_RESPONSE_CODE(401))
		(void)coapc_echo_of(pdu, &c->echo);
	if (coapc_call_answer(call, pdu) == CALL_ENDED) {
		end_call(c, call, now, ended);
	} else if (!send_next(c, call, now)) {
		coapc_call_fail(call, RC_BAD_GATEWAY, "the request does not fit into a message");
		end_call(c, call, now, ended);
	}
}

static void
take_ack(struct coapc_conn *c, const coap_pdu_t *pdu, int64_t now, struct coapc_calls *ended)
{
	struct coapc_call *call = call_by_mid(c, (uint16_t)coap_pdu_get_mid(pdu));

	if (call == NULL)
		return;
	if (coap_pdu_get_code(pdu) == 0)
		call->acknowledged = true;
	else if (call == call_by_token(c, pdu))
		take_response(c, call, pdu, now, ended);
}

static void
take_reset(struct coapc_conn *c, const coap_pdu_t *pdu, int64_t now, struct coapc_calls *ended)
{
	uint16_t mid = (uint16_t)coap_pdu_get_mid(pdu);
	struct coapc_call *call = call_by_mid(c, mid);

	/* The answer to an empty message (RFC 7252 section 4.3). */
	if (c->state == CONN_PINGING && mid == c->ping)
		c->state = CONN_STANDS;
	if (call == NULL || call->acknowledged)
		return;
	coapc_call_fail(call, RC_BAD_GATEWAY, "the peer has rejected the message");
	end_call(c, call, now, ended);
}

/* CON or NON. What is no answer that is waited for is rejected, unless it only comes again. */
static void
take_separate(struct coapc_conn *c, const coap_pdu_t *pdu, int64_t now, struct coapc_calls *ended)
{
	struct coapc_call *call = NULL;
	uint16_t mid = (uint16_t)coap_pdu_get_mid(pdu);

	if (coap_pdu_get_code(pdu) >= COAP_RESPONSE_CODE(200))
		call = call_by_token(c, pdu);
	/* The blocks of a message have one token: the answer to the last may come again. */
	if (call != NULL && call->ex->has_coap_token && was_answered(c, mid))
		call = NULL;
	if (call != NULL)
		take_response(c, call, pdu, now, ended);
	else if (coap_pdu_get_type(pdu) == COAP_MESSAGE_CON)
		send_empty(c, was_answered(c, mid) ? COAP_MESSAGE_ACK : COAP_MESSAGE_RST, mid);
}

/* An answer may have a key: libcoap leaves behind what it frees. */
static void
delete_message(coap_pdu_t *pdu)
{
	const uint8_t *payload;
	size_t n;

	if (coap_get_data(pdu, &n, &payload))
		secret_wipe((void *)(uintptr_t)payload, n);
	coap_delete_pdu(pdu);
}

static void
take_message(struct coapc_conn *c, const unsigned char *p, size_t n, int64_t now,
             struct coapc_calls *ended)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, n);

	if (pdu == NULL)
		return;
	if (coap_pdu_parse(COAP_PROTO_UDP, p, n, pdu)) {
		coap_pdu_type_t type = coap_pdu_get_type(pdu);

		if (type == COAP_MESSAGE_ACK)
			take_ack(c, pdu, now, ended);
		else if (type == COAP_MESSAGE_RST)
			take_reset(c, pdu, now, ended);
		else
			take_separate(c, pdu, now, ended);
	}
	delete_message(pdu);
}

/* False: there is nothing more. */
static bool
read_clear(struct coapc_conn *c, unsigned char *p, size_t *n)
{
	ssize_t got = recv(c->fd, p, DATAGRAM_MAX, MSG_TRUNC);

	if (got < 0 && !is_lost(errno))
		conn_fail(c, strerror(errno), true);
	*n = got < 0 || got > (ssize_t)DATAGRAM_MAX ? 0 : (size_t)got;
	return got >= 0;
}

static bool
read_secure(struct coapc_conn *c, unsigned char *p, size_t *n)
{
	enum dtls_out_step step = dtls_out_read(c->ssl, p, DATAGRAM_MAX, n);

	if (step == DTLS_OUT_CLOSED)
		conn_fail(c, "the peer has closed the DTLS session", false);
	else if (step == DTLS_OUT_FAILED)
		conn_fail(c, "the DTLS session is broken", false);
	return step == DTLS_OUT_DONE;
}

/* ---- the session ---- */

static void
shake_hands(struct coapc_conn *c, int64_t now)
{
	enum dtls_out_step step = dtls_out_handshake(c->ssl, &c->failure);
	const char *why;

	if (step == DTLS_OUT_WAITS) {
		c->timer = dtls_out_due(c->ssl, now);
	} else if (step == DTLS_OUT_DONE) {
		why = tls_client_check(c->ssl, c->credential);
		c->state = CONN_STANDS;
		if (why != NULL) {
			conn_fail(c, why, false);
			c->failure.refused = true;
		}
	} else {
		c->state = CONN_FAILED;
	}
}

void
coapc_conn_read(struct coapc_conn *c, int64_t now, struct coapc_calls *ended)
{
	unsigned char p[DATAGRAM_MAX];
	size_t n = 0;

	if (c->state == CONN_CONNECTING)
		shake_hands(c, now);
	for (unsigned i = 0;
	     i < DATAGRAMS_AT_ONCE && c->state >= CONN_STANDS && c->state != CONN_FAILED; i++) {
		if (!(c->ssl != NULL ? read_secure : read_clear)(c, p, &n))
			break;
		c->heard = true;
		c->heard_at = now;
		c->doubted = false;
		take_message(c, p, n, now, ended);
	}
	secret_wipe(p, sizeof(p));
}

static void
repeat(struct coapc_conn *c, struct coapc_call *call, int64_t now, struct coapc_calls *ended)
{
	if (call->n_sent > MAX_RETRANSMIT) {
		coapc_call_fail(call, RC_GATEWAY_TIMEOUT, "the peer has not acknowledged it");
		end_call(c, call, now, ended);
		return;
	}
	call->n_sent++;
	if (call->n_sent >= DOUBT_AFTER && c->heard_at < call->begun)
		c->doubted = true;
	call->timeout *= 2;
	call->timer = now + call->timeout;
	send_octets(c, call->out, call->n_out);
}

/* What is made of the session itself; when it is to be called next. */
static int64_t
session_work(struct coapc_conn *c, int64_t now)
{
	if (c->state == CONN_STANDS || c->state == CONN_FAILED)
		return INT64_MAX;
	if (now >= c->due) {
		conn_fail(c,
		          c->state == CONN_PINGING ? "the peer is not there any more"
		                                   : "the DTLS session does not come about",
		          false);
		return INT64_MAX;
	}
	if (now >= c->timer && c->state == CONN_CONNECTING) {
		shake_hands(c, now);
	} else if (now >= c->timer) {
		send_empty(c, COAP_MESSAGE_CON, c->ping);
		c->timer = now + PING_REPEAT;
	}
	return c->timer < c->due ? c->timer : c->due;
}

int64_t
coapc_conn_work(struct coapc_conn *c, int64_t now, struct coapc_calls *ended)
{
	int64_t next = session_work(c, now);

	for (struct coapc_call *call = c->active.first, *after; call != NULL; call = after) {
		after = call->next;
		if (!call->acknowledged && now >= call->timer)
			repeat(c, call, now, ended);
		if (call->conn != NULL && !call->acknowledged && call->timer < next)
			next = call->timer;
	}
	return next;
}

void
coapc_conn_lose(struct coapc_conn *c)
{
	conn_fail(c, "the peer has lost the DTLS session", false);
}

bool
coapc_conn_is_spent(const struct coapc_conn *c)
{
	return c->n_sent >= DATAGRAMS_MAX;
}

bool
coapc_conn_is_unsent(const struct coapc_conn *c)
{
	const struct coapc_call *call = c->active.first;

	return c->failure.unreachable && c->ssl == NULL && c->n_active == 1 &&
	       call->n_messages == 1 && call->place == c->n_sent && !call->acknowledged;
}

/* ---- making ---- */

static int
open_socket(const struct resolve_address *a)
{
	int fd = socket(a->a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&a->a, a->n) != 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static bool
begin_session(struct coapc_conn *c, const struct conn_conf *conf)
{
	const struct dtls_out_conf dtls = {
		.fd = c->fd,
		.address = (const struct sockaddr *)(const void *)&conf->address->a,
		.host = conf->host,
		.credential = conf->credential,
	};

	c->credential = conf->credential;
	c->ssl = dtls_out_new(&dtls, &c->failure);
	if (c->ssl == NULL)
		return false;
	c->state = CONN_CONNECTING;
	c->message_max = CALL_MESSAGE_SECURE;
	c->due = conf->due;
	dtls_out_listen(c->ssl, &c->heard);
	shake_hands(c, conf->now);
	return true;
}

struct coapc_conn *
coapc_conn_new(const struct conn_conf *conf, struct dtls_out_failure *failure)
{
	struct coapc_conn *c = calloc(1, sizeof(*c));

	*failure = (struct dtls_out_failure){ .refused = false };
	if (c == NULL || secret_random(&c->mid, sizeof(c->mid)) != RC_OK) {
		free(c);
		snprintf(failure->text, sizeof(failure->text), "no memory");
		return NULL;
	}
	c->state = CONN_STANDS;
	c->message_max = CALL_MESSAGE_MAX;
	c->used = c->heard_at = conf->now;
	c->fd = open_socket(conf->address);
	if (c->fd >= 0 && (conf->credential == NULL || begin_session(c, conf)))
		return c;
	*failure = c->failure;
	if (c->fd < 0)
		snprintf(failure->text, sizeof(failure->text), "%s", strerror(errno));
	failure->unreachable = c->fd < 0;
	coapc_conn_free(c);
	return NULL;
}

void
coapc_conn_free(struct coapc_conn *c)
{
	dtls_out_free(c->ssl);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}
