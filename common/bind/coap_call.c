/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/coap_call.h"

#include <stdlib.h>

#include "sec/secret.h"

#define HEADER 4u
#define PAYLOAD_MARKER 0xffu
#define OPTIONS_MAX 128u
#define ARENA_LIMIT 262144u

/* An option to be written; chain or the call owns the value. */
struct option {
	uint16_t number;
	size_t n;
	const unsigned char *v;
};

struct options {
	struct option v[OPTIONS_MAX];
	unsigned n;
	/* Values that are made here. */
	unsigned char block1[4], block2[4], size1[4];
};

void
coapc_calls_add(struct coapc_calls *list, struct coapc_call *call)
{
	call->next = NULL;
	call->prev = list->last;
	*(list->last == NULL ? &list->first : &list->last->next) = call;
	list->last = call;
}

void
coapc_calls_remove(struct coapc_calls *list, struct coapc_call *call)
{
	*(call->prev == NULL ? &list->first : &call->prev->next) = call->next;
	*(call->next == NULL ? &list->last : &call->next->prev) = call->prev;
	call->next = call->prev = NULL;
}

struct coapc_call *
coapc_call_new(struct exchange *ex)
{
	struct coapc_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->arena = arena_new(ARENA_LIMIT);
	if (call->arena == NULL) {
		free(call);
		return NULL;
	}
	call->ex = ex;
	return call;
}

void
coapc_call_free(struct coapc_call *call)
{
	if (call == NULL)
		return;
	coap_delete_optlist(call->options);
	arena_wipe(call->arena);
	arena_free(call->arena);
	secret_wipe(call, sizeof(*call));
	free(call);
}

void
coapc_call_fail(struct coapc_call *call, enum rc rc, const char *text)
{
	exchange_fail(call->ex, rc, text);
	call->ex->http_status = 0;
	call->ex->n_answer_headers = 0;
}

enum rc
coapc_call_prepare(struct coapc_call *call, const struct exchange_header *more,
                   struct cmap_call *where, const char **why)
{
	struct exchange *ex = call->ex;
	unsigned nheaders = ex->nheaders;
	enum rc rc = RC_BAD_GATEWAY;

	*why = "too many header fields";
	coap_delete_optlist(call->options);
	*where = (struct cmap_call){ .code = 0 };
	if (more == NULL || more->name.n == 0 || exchange_add_header(ex, more->name, more->value))
		rc = cmap_exchange(ex, call->arena, where, why);
	/* The exchange is its sender's: it may be sent again. */
	ex->nheaders = nheaders;
	call->options = where->options;
	call->code = where->code;
	return rc;
}

/* ---- writing ---- */

static bool
option_add(struct options *o, uint16_t number, const void *v, size_t n)
{
	unsigned at = o->n;

	if (o->n == OPTIONS_MAX)
		return false;
	/* In their order (RFC 7252 section 3.1); those of one number stay as they came. */
	for (; at > 0 && o->v[at - 1].number > number; at--)
		o->v[at] = o->v[at - 1];
	o->v[at] = (struct option){ number, n, v };
	o->n++;
	return true;
}

static bool
add_block(struct options *o, uint16_t number, const struct cmap_block *b, unsigned char *room)
{
	unsigned n;

	if (!b->given)
		return true;
	n = coap_encode_var_safe(room, 4, b->num << 4 | (b->more ? 8u : 0u) | b->szx);
	return option_add(o, number, room, n);
}

static bool
add_kept(const struct coapc_call *call, struct options *o)
{
	for (const coap_optlist_t *at = call->options; at != NULL; at = at->next)
		if (!option_add(o, at->number, at->data, at->length))
			return false;
	return true;
}

/*
 * Tells apart what is under way at once with the same target. A message with a token of its own has
 * that; between its blocks a server that goes by the RFCs alone needs the tag nevertheless.
 */
static bool
add_tag(const struct coapc_call *call, struct options *o)
{
	bool tagged = call->code == COAP_REQUEST_CODE_POST || call->code == COAP_REQUEST_CODE_PUT;

	if (!tagged || (call->ex->has_coap_token && !call->in_blocks))
		return true;
	return option_add(o, COAP_OPTION_RTAG, call->tag, sizeof(call->tag));
}

static size_t
octets_of(const struct options *o)
{
	size_t n = 0;
	uint16_t number = 0;

	for (unsigned i = 0; i < o->n; i++) {
		n += coap_opt_encode_size((uint16_t)(o->v[i].number - number), o->v[i].n);
		number = o->v[i].number;
	}
	return n;
}

static bool
put_options(struct coapc_call *call, const struct options *o, size_t max)
{
	uint16_t number = 0;

	for (unsigned i = 0; i < o->n; i++) {
		size_t n =
			coap_opt_encode(call->out + call->n_out, max - call->n_out,
		                        (uint16_t)(o->v[i].number - number), o->v[i].v, o->v[i].n);

		if (n == 0)
			return false;
		call->n_out += n;
		number = o->v[i].number;
	}
	return true;
}

static bool
put_payload(struct coapc_call *call, struct slice payload, size_t max)
{
	if (payload.n == 0)
		return true;
	if (call->n_out + 1 + payload.n > max)
		return false;
	call->out[call->n_out++] = PAYLOAD_MARKER;
	memcpy(call->out + call->n_out, payload.p, payload.n);
	call->n_out += payload.n;
	return true;
}

static void
put_head(struct coapc_call *call, uint16_t mid)
{
	call->mid = mid;
	call->out[0] = (unsigned char)(1u << 6 | COAP_MESSAGE_CON << 4 | call->token_n);
	call->out[1] = (unsigned char)call->code;
	call->out[2] = (unsigned char)(mid >> 8);
	call->out[3] = (unsigned char)mid;
	memcpy(call->out + HEADER, call->token, call->token_n);
	call->n_out = HEADER + call->token_n;
}

/* The largest blocks that fit beside the options; decided once for a body. */
static bool
begin_body(struct coapc_call *call, const struct options *kept, size_t max)
{
	/* Beside the kept ones: Request-Tag, Block1, Block2, Size1 and Echo at their longest. */
	size_t used = HEADER + CALL_TOKEN + octets_of(kept) + 3 + sizeof(call->tag) + 5 + 5 + 6 +
	              3 + CALL_ECHO_MAX + 1;
	unsigned szx = BLOCK_SZX_MAX;

	while (szx > 0 && used + BLOCK_OCTETS(szx) > max)
		szx--;
	if (used + BLOCK_OCTETS(szx) > max)
		return false;
	call->send = (struct blocks_send){ .body = call->ex->body, .szx = szx };
	call->sending = call->ex->body.n > 0;
	return true;
}

static bool
make_token(struct coapc_call *call)
{
	const struct exchange *ex = call->ex;

	call->token_n = ex->has_coap_token ? sizeof(ex->coap_token) : CALL_TOKEN;
	if (!ex->has_coap_token)
		return secret_random(call->token, CALL_TOKEN) == RC_OK;
	memcpy(call->token, ex->coap_token, sizeof(ex->coap_token));
	return true;
}

bool
coapc_call_same_token(const struct coapc_call *a, const struct coapc_call *b)
{
	return a->ex->has_coap_token && b->ex->has_coap_token &&
	       memcmp(a->ex->coap_token, b->ex->coap_token, sizeof(a->ex->coap_token)) == 0;
}

static bool
add_body(struct coapc_call *call, struct options *o, struct slice *payload)
{
	struct cmap_block block = { .given = false };
	unsigned n;

	*payload = SLICE_NONE;
	if (call->sending)
		blocks_send_next(&call->send, &block, payload);
	call->in_blocks = call->in_blocks || block.given;
	if (!add_tag(call, o))
		return false;
	if (!block.given)
		return true;
	n = coap_encode_var_safe(o->size1, 4, (unsigned)call->send.body.n);
	return add_block(o, COAP_OPTION_BLOCK1, &block, o->block1) &&
	       (block.num > 0 || option_add(o, COAP_OPTION_SIZE1, o->size1, n));
}

bool
coapc_call_write(struct coapc_call *call, uint16_t mid, size_t max)
{
	struct options o = { .n = 0 };
	struct slice payload;

	if (call->n_messages == 0 && secret_random(call->tag, sizeof(call->tag)) != RC_OK)
		return false;
	if (!add_kept(call, &o) || (call->n_messages == 0 && !begin_body(call, &o, max)) ||
	    !make_token(call))
		return false;
	if (!add_body(call, &o, &payload) ||
	    !add_block(&o, COAP_OPTION_BLOCK2, &call->ask, o.block2) ||
	    (call->echo.n > 0 && !option_add(&o, COAP_OPTION_ECHO, call->echo.v, call->echo.n)))
		return false;
	call->n_messages++;
	put_head(call, mid);
	return put_options(call, &o, max) && put_payload(call, payload, max);
}

/* ---- hearing ---- */

bool
coapc_echo_of(const coap_pdu_t *pdu, struct coapc_echo *echo)
{
	coap_opt_iterator_t it;
	const coap_opt_t *o = coap_check_option(pdu, COAP_OPTION_ECHO, &it);

	if (o == NULL || coap_opt_length(o) == 0 || coap_opt_length(o) > CALL_ECHO_MAX)
		return false;
	echo->n = coap_opt_length(o);
	memcpy(echo->v, coap_opt_value(o), echo->n);
	return true;
}

bool
coapc_has_unknown_option(const coap_pdu_t *pdu)
{
	static const uint16_t known[] = {
		COAP_OPTION_IF_MATCH,  COAP_OPTION_URI_HOST,     COAP_OPTION_IF_NONE_MATCH,
		COAP_OPTION_URI_PORT,  COAP_OPTION_URI_PATH,     COAP_OPTION_URI_QUERY,
		COAP_OPTION_ACCEPT,    COAP_OPTION_BLOCK2,       COAP_OPTION_BLOCK1,
		COAP_OPTION_PROXY_URI, COAP_OPTION_PROXY_SCHEME,
	};
	coap_opt_iterator_t it;

	if (coap_option_iterator_init(pdu, &it, COAP_OPT_ALL) == NULL)
		return false;
	while (coap_option_next(&it) != NULL) {
		bool found = (it.number & 1u) == 0;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found = found || known[i] == it.number;
		if (!found)
			return true;
	}
	return false;
}

static enum coapc_heard
nonsense(struct coapc_call *call, const char *text)
{
	coapc_call_fail(call, RC_BAD_GATEWAY, text);
	return CALL_ENDED;
}

/* 4.01 (RFC 9175 section 2.3), 4.08 and 4.13 (RFC 7959 section 2.9): another request may mend it. */
static bool
is_mended(struct coapc_call *call, unsigned code, const coap_pdu_t *pdu,
          const struct cmap_block *block1)
{
	if (code == COAP_RESPONSE_CODE(401) && !call->proved && coapc_echo_of(pdu, &call->echo)) {
		call->proved = true;
		return true;
	}
	if (code == COAP_RESPONSE_CODE(408) && call->sending && !call->restarted) {
		call->restarted = true;
		call->send.at = 0;
		return true;
	}
	return code == COAP_RESPONSE_CODE(413) && call->sending && block1->given &&
	       blocks_send_smaller(&call->send, block1->szx);
}

/* The status and the headers are those of the first block. */
static bool
take_head(struct coapc_call *call, const coap_pdu_t *pdu)
{
	if (!call->taken) {
		buf_clear(&call->ex->answer_text);
		call->ex->n_answer_headers = 0;
		call->taken = cmap_exchange_answer(pdu, call->ex);
	}
	return call->taken;
}

static enum coapc_heard
take_body(struct coapc_call *call, const coap_pdu_t *pdu, const struct cmap_block *block2)
{
	struct coapc_echo etag = { .n = 0 };
	struct slice payload = SLICE_NONE;
	const uint8_t *p = NULL;
	coap_opt_iterator_t it;
	const coap_opt_t *o = coap_check_option(pdu, COAP_OPTION_ETAG, &it);
	size_t n = 0;

	if (o != NULL && coap_opt_length(o) <= CMAP_ETAG_MAX) {
		etag.n = coap_opt_length(o);
		memcpy(etag.v, coap_opt_value(o), etag.n);
	}
	if (coap_get_data(pdu, &n, &p))
		payload = slice_make((const char *)p, n);
	switch (blocks_receive_add(&call->receive, block2, etag.v, etag.n, payload,
	                           &call->ex->answer, &call->ask)) {
	case RECEIVED_ALL:
		/* CoAP has no HEAD: it was a GET. */
		if (slice_is(call->ex->method, "HEAD"))
			buf_clear(&call->ex->answer);
		call->ex->rc = RC_OK;
		return CALL_ENDED;
	case RECEIVED_MORE:
		return CALL_GOES_ON;
	case RECEIVED_AGAIN:
		/* What is no GET would be done again. */
		if (call->code != COAP_REQUEST_CODE_GET)
			return nonsense(call, "the answer has changed while its blocks came");
		call->taken = false;
		call->ask.given = false;
		return CALL_GOES_ON;
	case RECEIVED_TOO_LARGE:
		return nonsense(call, "the answer is too large");
	default:
		return nonsense(call, "the blocks of the answer do not fit together");
	}
}

enum coapc_heard
coapc_call_answer(struct coapc_call *call, const coap_pdu_t *pdu)
{
	unsigned code = coap_pdu_get_code(pdu);
	struct cmap_block block1, block2;
	bool bad = false;

	call->echo.n = 0;
	if (!cmap_block(pdu, COAP_OPTION_BLOCK1, &block1) ||
	    !cmap_block(pdu, COAP_OPTION_BLOCK2, &block2))
		return nonsense(call, "a malformed block option");
	if (is_mended(call, code, pdu, &block1))
		return CALL_GOES_ON;
	if (code == COAP_RESPONSE_CODE(231)) {
		if (!call->sending || !blocks_send_answered(&call->send, &block1, &bad))
			return nonsense(call, "2.31 for what was no block");
		return CALL_GOES_ON;
	}
	/* A final answer, be it before the last block: the rest is not wanted. */
	call->sending = false;
	if (!take_head(call, pdu))
		return nonsense(call, "no answer to a request");
	return take_body(call, pdu, &block2);
}
