/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a server: an answer, or the block of it that was asked for. */
#include "config.h"

#include <openssl/evp.h>

#include "bind/coap_server.h"

#define RECORD 64u /* octets that DTLS may add; RFC 7252 section 4.6 means the datagram */
#define CONTENT 205u
#define BAD_REQUEST 400u
#define UNAUTHORIZED 401u
#define RETRANSMIT_MAX 4u /* MAX_RETRANSMIT, RFC 7252 section 4.8 */

void
coapd_ack(struct coapd_session *se, coap_mid_t mid)
{
	coap_pdu_t *pdu;

	if (se->coap == NULL)
		return;
	pdu = coap_pdu_init(COAP_MESSAGE_ACK, COAP_EMPTY_CODE, mid, 0);
	if (pdu == NULL)
		return;
	front_sent(se->front, COAPD_HEADER);
	coap_send(se->coap, pdu);
}

void
coapd_acknowledged(struct coapd_session *se)
{
	front_sent(se->front, COAPD_HEADER);
}

/* Octets of a complete message. */
static size_t
size_of(const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	const uint8_t *end = token.s + token.length, *data;
	coap_opt_iterator_t it;
	coap_opt_t *option;
	size_t n;

	if (coap_get_data(pdu, &n, &data))
		return COAPD_HEADER + (size_t)(data + n - token.s);
	coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
	while ((option = coap_option_next(&it)) != NULL)
		end = coap_opt_value(option) + coap_opt_length(option);
	return COAPD_HEADER + (size_t)(end - token.s);
}

/* NULL when it does not fit into max octets. */
static coap_pdu_t *
write_message(const struct coapd_reply *r, size_t max)
{
	coap_pdu_t *pdu;

	if (max < COAPD_HEADER + r->token_n)
		return NULL;
	pdu = coap_pdu_init(r->type, COAP_EMPTY_CODE, r->mid, max - COAPD_HEADER);
	if (pdu == NULL)
		return NULL;
	if (coap_add_token(pdu, r->token_n, r->token) != 0 || r->token_n == 0)
		if (cmap_write(r->answer, r->from, r->n, pdu))
			return pdu;
	coap_delete_pdu(pdu);
	return NULL;
}

/*
 * Blocks of one representation are told by its ETag (RFC 7959 section 2.4); one without gets the
 * beginning of its digest.
 */
static void
give_etag(struct cmap_answer *a)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (a->etag_n > 0 || a->code / 100u != 2 ||
	    EVP_Digest(a->body.p, a->body.n, digest, &n, EVP_sha256(), NULL) != 1)
		return;
	memcpy(a->etag, digest, CMAP_ETAG_MAX);
	a->etag_n = CMAP_ETAG_MAX;
}

/* One block of the body, of the size that was asked for or the next smaller one that fits. */
static coap_pdu_t *
write_block(struct coapd_reply *r, size_t max)
{
	struct cmap_answer *a = r->answer;
	unsigned szx = r->block2.given ? r->block2.szx : BLOCK_SZX_MAX;

	r->from = (size_t)r->block2.num * BLOCK_OCTETS(szx);
	for (;; szx--) {
		size_t rest = a->body.n - r->from;
		coap_pdu_t *pdu;

		r->n = rest < BLOCK_OCTETS(szx) ? rest : BLOCK_OCTETS(szx);
		a->block2 = (struct cmap_block){ .given = true,
			                         .num = (unsigned)(r->from / BLOCK_OCTETS(szx)),
			                         .more = r->n < rest,
			                         .szx = szx };
		a->has_size2 = a->block2.more && a->block2.num == 0;
		a->size2 = (uint32_t)a->body.n;
		if (a->block2.more)
			give_etag(a);
		pdu = write_message(r, max);
		if (pdu != NULL || szx == 0)
			return pdu;
	}
}

/*
 * Nobody asks for the rest of an error: what does not fit goes without its explanation. What was
 * done is done, and what was to be read is there for who proves his address (RFC 9175).
 */
static coap_pdu_t *
write_bare(struct coapd_reply *r, size_t max)
{
	struct cmap_answer *a = r->answer;

	if (a->code == CONTENT)
		a->code = UNAUTHORIZED;
	r->from = r->n = 0;
	a->location = SLICE_NONE;
	a->etag_n = 0;
	a->has_format = a->has_size2 = a->has_observe = false;
	a->block2.given = false;
	return write_message(r, max);
}

/* A shorter explanation of an error (a diagnostic payload, RFC 7252 section 5.5.2). */
static coap_pdu_t *
write_diagnostic(struct coapd_reply *r, size_t max)
{
	struct cmap_answer *a = r->answer;
	unsigned rc = 0;

	while (rc < RC_COUNT && (unsigned)status_of((enum rc)rc)->coap != a->code)
		rc++;
	if (rc == RC_COUNT)
		return NULL;
	a->body = slice_of(status_of((enum rc)rc)->text);
	a->has_format = false;
	r->n = a->body.n;
	return write_message(r, max);
}

/* Is the block that was asked for past the end (RFC 7959 section 2.4)? */
static bool
is_past_end(const struct coapd_reply *r)
{
	size_t from = (size_t)r->block2.num * BLOCK_OCTETS(r->block2.szx);

	return r->block2.given && from > 0 && from >= r->answer->body.n &&
	       r->answer->code / 100u == 2;
}

static coap_pdu_t *
write_answer(struct coapd_reply *r, size_t max)
{
	struct cmap_answer *a = r->answer;
	coap_pdu_t *pdu = NULL;

	if (!r->as_it_is && is_past_end(r))
		*a = (struct cmap_answer){ .code = BAD_REQUEST,
			                   .body = SLICE_LIT("there is no such block"),
			                   .echo = a->echo };
	r->from = 0;
	r->n = a->body.n;
	if (r->as_it_is)
		return write_message(r, max);
	if (a->code / 100u != 2 || a->body.n == 0)
		pdu = write_message(r, max);
	else if (!r->block2.given && a->body.n <= BLOCK_OCTETS(BLOCK_SZX_MAX))
		pdu = write_message(r, max);
	if (pdu == NULL && a->code / 100u == 2 && a->body.n > 0)
		pdu = write_block(r, max);
	if (pdu == NULL && a->code / 100u > 2)
		pdu = write_diagnostic(r, max);
	return pdu == NULL ? write_bare(r, max) : pdu;
}

/* The rest of the body stays for the blocks that will be asked for. */
static void
keep_rest(struct coapd_session *se, struct coapd_reply *r)
{
	struct blocks_key key = coapd_blocks_key(se);
	struct cmap_answer *a = r->answer;

	if (!a->block2.given)
		return;
	if (r->digest != NULL)
		memcpy(key.digest, r->digest, sizeof(key.digest));
	else if (!a->block2.more || r->head == NULL || blocks_digest(r->head, key.digest) != RC_OK)
		return;
	if (!a->block2.more)
		blocks_served(se->server->blocks, &key);
	if (!a->block2.more || r->body == NULL || *r->body == NULL)
		return;
	if (blocks_keep(se->server->blocks, &key, a, *r->body, a->body.n, se->server->now))
		*r->body = NULL;
}

/*
 * Who has not proved his address gets what he has paid for (RFC 9175 section 2.4), repetitions
 * included. libcoap has no CON without any: where not even one is paid for it is a NON, and the next
 * shall be paid for.
 */
static void
pay(struct coapd_session *se, struct coapd_reply *r, coap_pdu_t *pdu)
{
	size_t n = size_of(pdu);
	size_t times = front_allowance(se->front, se->server->now) / n;

	if (r->type == COAP_MESSAGE_CON && times < 2) {
		r->type = COAP_MESSAGE_NON;
		coap_pdu_set_type(pdu, r->type);
		front_sent(se->front, n);
		front_challenge(se->server->front, se->front, se->server->now);
		return;
	}
	if (r->type != COAP_MESSAGE_CON) {
		front_sent(se->front, n);
		return;
	}
	if (times > RETRANSMIT_MAX + 1)
		times = RETRANSMIT_MAX + 1;
	coap_session_set_max_retransmit(se->coap, (uint16_t)(times - 1));
	front_sent(se->front, n * times);
}

bool
coapd_reply(struct coapd_session *se, struct coapd_reply *r)
{
	unsigned char echo[FRONT_ECHO];
	struct coapd *s = se->server;
	size_t most, max;
	coap_pdu_t *pdu;

	if (se->coap == NULL)
		return false;
	most = COAPD_MESSAGE_MAX - (s->dtls == NULL ? 0 : RECORD);
	max = front_allowance(se->front, s->now);
	if (max > most)
		max = most;
	/* To a 4.01 an Echo would mean that nothing but it is missing (RFC 9175 section 2.3). */
	if (r->answer->code != UNAUTHORIZED)
		r->answer->echo = slice_make(echo, front_echo(s->front, se->front, echo, s->now));
	if (r->type != COAP_MESSAGE_ACK)
		r->mid = coap_new_message_id(se->coap);
	pdu = write_answer(r, max);
	r->answer->echo = SLICE_NONE;
	if (max < most && (pdu == NULL || r->n < r->answer->body.n))
		front_challenge(s->front, se->front, s->now);
	if (pdu == NULL)
		return false;
	pay(se, r, pdu);
	if (coap_send(se->coap, pdu) == COAP_INVALID_MID)
		return false;
	if (!r->as_it_is)
		keep_rest(se, r);
	if (r->watch != NULL) {
		r->watch->mid = r->mid;
		coapd_watch(se, r->watch, r->type == COAP_MESSAGE_CON);
	}
	return true;
}

void
coapd_answer_code(struct coapd_session *se, const coap_pdu_t *pdu, bool acked, unsigned code,
                  uint32_t max_age)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	bool con = coap_pdu_get_type(pdu) == COAP_MESSAGE_CON;
	struct cmap_answer a = { .code = code, .has_max_age = max_age > 0, .max_age = max_age };
	/* Of those that need an acknowledgement there are enough. */
	struct coapd_reply r = { .type = con && !acked ? COAP_MESSAGE_ACK : COAP_MESSAGE_NON,
		                 .mid = coap_pdu_get_mid(pdu),
		                 .token = token.s,
		                 .token_n = (unsigned)token.length,
		                 .answer = &a };

	coapd_reply(se, &r);
}
