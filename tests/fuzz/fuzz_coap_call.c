/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any answers to the requests of one exchange: what is sent next is a message that fits and has what
 * it should have of the body, and the outcome stays within its bounds.
 *
 * Input: method, octets of the body / 40, largest answer / 64, then for each answer its code, the
 * number of octets after the header, and these.
 */
#include "config.h"

#include "bind/coap_call.h"

#include <assert.h>
#include <stdlib.h>

#define BODY_MAX (255u * 40u)
#define HEADERS_MAX 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char
octet(size_t i)
{
	return (unsigned char)(i * 13 + i / 256);
}

/* The payload is the part of the body that the block says. */
static void
check_written(const struct coapc_call *call)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, call->n_out);
	struct cmap_block block;
	const uint8_t *payload = NULL;
	size_t n = 0, at;

	assert(pdu != NULL && call->n_out <= CALL_MESSAGE_SECURE);
	assert(coap_pdu_parse(COAP_PROTO_UDP, call->out, call->n_out, pdu) == 1);
	assert(!coapc_has_unknown_option(pdu));
	assert(cmap_block(pdu, COAP_OPTION_BLOCK1, &block));
	(void)coap_get_data(pdu, &n, &payload);
	at = block.given ? (size_t)block.num * BLOCK_OCTETS(block.szx) : 0;
	assert(at + n <= call->ex->body.n);
	assert(n == 0 || memcmp(call->ex->body.p + at, payload, n) == 0);
	assert(!block.given || block.more == (at + n < call->ex->body.n));
	assert(!block.given || !block.more || n == BLOCK_OCTETS(block.szx));
	coap_delete_pdu(pdu);
}

static enum coapc_heard
hear(struct coapc_call *call, unsigned code, const uint8_t *p, size_t n)
{
	uint8_t message[4 + 255] = { 1u << 6 | COAP_MESSAGE_ACK << 4, (uint8_t)code, 0, 1 };
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, 4 + n);
	enum coapc_heard heard = CALL_GOES_ON;

	assert(pdu != NULL);
	memcpy(message + 4, p, n);
	if (coap_pdu_parse(COAP_PROTO_UDP, message, 4 + n, pdu)) {
		heard = coapc_call_answer(call, pdu);
		if (heard == CALL_GOES_ON) {
			assert(coapc_call_write(call, 7, CALL_MESSAGE_SECURE));
			check_written(call);
		}
	}
	coap_delete_pdu(pdu);
	return heard;
}

static void
check_outcome(const struct exchange *ex, enum coapc_heard heard)
{
	assert(ex->answer.n <= ex->answer_max && ex->answer_text.n <= HEADERS_MAX);
	if (heard != CALL_ENDED)
		return;
	assert(ex->rc == RC_OK || ex->rc == RC_BAD_GATEWAY);
	assert((ex->rc == RC_OK) == (ex->http_status != 0));
	assert(ex->rc == RC_OK || (ex->answer.n == 0 && ex->failure[0] != '\0'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char body[BODY_MAX];
	struct exchange ex = { .url = SLICE_LIT("coap://h.example/m2m/a?b=c") };
	enum coapc_heard heard = CALL_GOES_ON;
	struct coapc_call *call;
	struct cmap_call where;
	const char *why;

	if (size < 3)
		return 0;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)octet(i);
	ex.method = data[0] % 2 == 0 ? SLICE_LIT("GET") : SLICE_LIT("POST");
	ex.body = slice_make(body, data[0] % 2 == 0 ? 0 : data[1] * 40u);
	ex.answer_max = data[2] * 64u;
	exchange_begin(&ex, HEADERS_MAX);
	call = coapc_call_new(&ex);
	assert(call != NULL && coapc_call_prepare(call, NULL, &where, &why) == RC_OK);
	assert(coapc_call_write(call, 1, CALL_MESSAGE_SECURE));
	check_written(call);
	for (size_t at = 3; at + 2 <= size && heard == CALL_GOES_ON;) {
		size_t n = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;

		heard = hear(call, data[at], data + at + 2, n);
		check_outcome(&ex, heard);
		at += 2 + n;
	}
	coapc_call_free(call);
	buf_fini(&ex.answer);
	buf_fini(&ex.answer_text);
	return 0;
}
