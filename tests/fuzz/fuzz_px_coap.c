/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams as messages of the proxy in the form of Fig. 5 of the paper: what is read is a unit, and
 * what is made of it for its sink, if it can be, is read as the same unit.
 */
#include "config.h"

#include "base/uri.h"
#include "bind/coap_map.h"
#include "cap/pxy/px_coap.h"
#include "core/port.h"

#include <assert.h>
#include <ctype.h>

#define MESSAGE_MAX 65536u
#define NAMES SLICE_LIT("m2m.invalid")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RC_OK, and the unit that the message carries; the arena owns what it needs. */
static enum rc
read_unit(const coap_pdu_t *pdu, struct arena *a, struct buf *unit)
{
	struct cmap_head head;
	const uint8_t *body = NULL;
	const char *why;
	size_t n = 0;

	if (cmap_request(pdu, SLICE_LIT("10.0.0.1:5683"), a, &head, &why) != RC_OK ||
	    head.input.pre_source.p == NULL)
		return RC_NOT_FOUND;
	(void)coap_get_data(pdu, &n, &body);
	head.input.body = slice_make((const char *)body, n);
	return px_coap_read(&head.input, false, NAMES, NULL, a, unit);
}

/* The same message to the sink itself; NULL when there is no form of it. */
static coap_pdu_t *
message_of(const struct pre_unit *u, struct slice body, struct arena *a)
{
	const uint8_t token[] = { (uint8_t)(u->msg_id >> 24), (uint8_t)(u->msg_id >> 16),
		                  (uint8_t)(u->msg_id >> 8), (uint8_t)u->msg_id };
	struct exchange ex = { .method = SLICE_LIT("POST"), .url = u->sink, .body = body };
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, MESSAGE_MAX);
	struct cmap_call call;
	const char *why;
	bool made = false;

	exchange_add_header(&ex, SLICE_LIT("Content-Type"), SLICE_LIT("application/octet-stream"));
	exchange_add_header(&ex, SLICE_LIT("PRE-Source"), u->source);
	if (pdu != NULL && cmap_exchange(&ex, a, &call, &why) == RC_OK) {
		coap_pdu_set_code(pdu, (coap_pdu_code_t)call.code);
		made = coap_add_token(pdu, sizeof(token), token) != 0 &&
		       coap_add_optlist_pdu(pdu, &call.options) != 0 &&
		       coap_add_data(pdu, body.n, (const uint8_t *)body.p) != 0;
		coap_delete_optlist(call.options);
	}
	if (made)
		return pdu;
	coap_delete_pdu(pdu);
	return NULL;
}

/* All but the sink, which a message names in more than one way, is the same. */
static void
check_same(const struct pre_unit *u, struct slice wire)
{
	struct pre_unit v;

	assert(pre_unit_parse(wire, NULL, &v) == RC_OK);
	assert(u->msg_id == v.msg_id && slice_eq(u->source, v.source));
	assert(pre_hdr_same(&u->hdr, &v.hdr) && u->hdr.type == v.hdr.type);
	assert(slice_eq(u->rest, v.rest));
}

/* Of others not all are hosts (RFC 7252 section 6.5). */
static bool
has_plain_host(struct slice sink)
{
	struct uri u;

	if (!uri_parse(sink, &u))
		return false;
	for (size_t i = 0; i < u.host.n; i++)
		if (strchr(".-", u.host.p[i]) == NULL && !isalnum((unsigned char)u.host.p[i]))
			return false;
	return true;
}

static void
pass_on(struct slice wire, struct arena *a)
{
	struct pre_unit u;
	struct buf payload, again;
	coap_pdu_t *pdu;

	buf_init(&payload, MESSAGE_MAX);
	buf_init(&again, MESSAGE_MAX);
	assert(pre_unit_parse(wire, NULL, &u) == RC_OK);
	assert(pre_unit_payload(&u, &payload) == RC_OK);
	if (has_plain_host(u.sink) && (pdu = message_of(&u, buf_view(&payload), a)) != NULL) {
		assert(read_unit(pdu, a, &again) == RC_OK || arena_failed(a));
		if (!arena_failed(a))
			check_same(&u, buf_view(&again));
		coap_delete_pdu(pdu);
	}
	buf_fini(&payload);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, MESSAGE_MAX);
	struct arena *a = arena_new(1u << 20);
	struct buf unit;

	coap_set_log_level(LOG_EMERG);
	buf_init(&unit, MESSAGE_MAX);
	if (pdu != NULL && a != NULL && size <= MESSAGE_MAX &&
	    coap_pdu_parse(COAP_PROTO_UDP, data, size, pdu) && read_unit(pdu, a, &unit) == RC_OK)
		pass_on(buf_view(&unit), a);
	buf_fini(&unit);
	arena_free(a);
	coap_delete_pdu(pdu);
	return 0;
}
