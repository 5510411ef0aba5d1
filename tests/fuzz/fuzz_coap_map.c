/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams as requests and responses: every outcome is one, what a header of HTTP could not carry
 * does not get through, and a request that is sent on is read as the same.
 */
#include "config.h"

#include "base/uri.h"
#include "bind/coap_map.h"
#include "bind/coap_names.h"

#include <assert.h>
#include <stdlib.h>

#define MESSAGE_MAX 65536u
#define HEADERS_MAX 8192u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *header;
	size_t offset;
} attributes[] = {
#define ATTRIBUTE(name, field, header) { header, offsetof(struct req_input, field) },
#include "bind/coap.def"
#undef ATTRIBUTE
};

#define N_ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

static struct slice
attribute(const struct req_input *in, size_t i)
{
	return *(const struct slice *)(const void *)((const char *)in + attributes[i].offset);
}

static void
check_header(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		assert((unsigned char)s.p[i] >= ' ' && s.p[i] != 0x7f);
}

/* ---- requests ---- */

static const char *const methods[] = {
	[REQ_CREATE] = "POST",
	[REQ_RETRIEVE] = "GET",
	[REQ_UPDATE] = "PUT",
	[REQ_DELETE] = "DELETE",
};

static void
check_same(const struct req_input *in, const struct req_input *again, bool same_target)
{
	assert(in->op == again->op);
	assert(!same_target || slice_eq(in->target, again->target));
	for (size_t i = 0; i < N_ATTRIBUTES; i++) {
		struct slice a = attribute(in, i), b = attribute(again, i);

		assert((a.p == NULL) == (b.p == NULL) && slice_eq(a, b));
	}
	assert(slice_eq(in->if_match, again->if_match));
	assert(in->op != REQ_RETRIEVE || slice_eq(in->if_none_match, again->if_none_match));
	assert(slice_eq(in->accept, again->accept));
	assert(slice_eq(in->pre_source, again->pre_source));
}

/* What is sent for it reads as the same, when it can be sent. */
static void
send_on(const struct req_input *in, struct arena *a)
{
	struct exchange ex = { .method = slice_of(methods[in->op]),
		               .url = SLICE_LIT("coap://10.0.0.1/"),
		               .target = in->target };
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, MESSAGE_MAX);
	struct cmap_head head;
	struct cmap_call call;
	struct uri u;
	const char *why;

	for (size_t i = 0; i < N_ATTRIBUTES; i++)
		if (attribute(in, i).p != NULL)
			exchange_add_header(&ex, slice_of(attributes[i].header), attribute(in, i));
	if (in->accept.p != NULL)
		exchange_add_header(&ex, SLICE_LIT("Accept"), in->accept);
	if (in->if_match.p != NULL)
		exchange_add_header(&ex, SLICE_LIT("If-Match"), in->if_match);
	if (in->if_none_match.p != NULL)
		exchange_add_header(&ex, SLICE_LIT("If-None-Match"), in->if_none_match);
	if (in->pre_source.p != NULL)
		exchange_add_header(&ex, SLICE_LIT("PRE-Source"), in->pre_source);
	if (pdu != NULL && cmap_exchange(&ex, a, &call, &why) == RC_OK) {
		coap_pdu_set_code(pdu, (coap_pdu_code_t)call.code);
		if (call.options != NULL)
			(void)coap_add_optlist_pdu(pdu, &call.options);
		assert(cmap_request(pdu, SLICE_LIT("10.0.0.1:5683"), a, &head, &why) == RC_OK ||
		       arena_failed(a));
		/* A URI in parts has one form, a URI as it was written more than that. */
		(void)uri_parse(in->target, &u);
		if (!arena_failed(a))
			check_same(in, &head.input, u.scheme.n == 0);
		coap_delete_optlist(call.options);
	}
	coap_delete_pdu(pdu);
}

static void
check_request(const coap_pdu_t *pdu)
{
	struct arena *a = arena_new(1u << 20);
	struct cmap_head head;
	const char *why = NULL;
	struct uri u;
	enum rc rc;

	if (a == NULL)
		return;
	rc = cmap_request(pdu, SLICE_LIT("[2001:db8::1]:5683"), a, &head, &why);
	assert(head.input.pre_source.n <= CMAP_PRE_SOURCE_MAX);
	assert(head.input.pre_store.p == NULL || head.input.pre_store.n == CMAP_PRE_STORE_SIZE);
	assert((rc == RC_OK) == (why == NULL));
	assert(head.block1.szx < 7 || rc != RC_OK);
	assert(head.block2.szx < 7 || rc != RC_OK);
	for (size_t i = 0; i < N_ATTRIBUTES; i++)
		check_header(attribute(&head.input, i));
	check_header(head.input.if_match);
	check_header(head.input.if_none_match);
	if (rc == RC_OK) {
		assert(head.input.host.n > 0);
		check_header(head.input.host);
		assert(uri_parse(head.input.target, &u));
		if (head.input.op != REQ_OTHER)
			send_on(&head.input, a);
	}
	arena_free(a);
}

/* ---- responses ---- */

static void
check_response(const coap_pdu_t *pdu)
{
	struct exchange ex = { .method = SLICE_LIT("GET") };
	struct req_answer answer;
	struct cmap_answer out;
	coap_pdu_t *copy = coap_pdu_init(COAP_MESSAGE_ACK, 0, 0, MESSAGE_MAX);

	buf_init(&ex.answer_text, HEADERS_MAX);
	if (copy != NULL && cmap_exchange_answer(pdu, &ex)) {
		assert(ex.http_status >= 200 && ex.http_status < 600);
		for (unsigned i = 0; i < ex.n_answer_headers; i++) {
			struct slice v = ex.answer_headers[i].value;

			assert(v.n == 0 || (v.p >= ex.answer_text.p &&
			                    v.p + v.n <= ex.answer_text.p + ex.answer_text.n));
			check_header(v);
		}
		answer = (struct req_answer){ .http_status = ex.http_status,
			                      .etag = exchange_answer_header(&ex, "etag"),
			                      .location = exchange_answer_header(&ex, "location") };
		cmap_answer(&answer, REQ_RETRIEVE, &out);
		assert(out.code / 100 == (unsigned)coap_pdu_get_code(pdu) >> 5);
		assert(cmap_write(&out, 0, 0, copy));
		if (out.etag_n > 0) {
			coap_opt_iterator_t it;
			const coap_opt_t *opt = coap_check_option(pdu, COAP_OPTION_ETAG, &it);

			assert(opt != NULL &&
			       slice_eq(slice_make(out.etag, out.etag_n),
			                slice_make(coap_opt_value(opt), coap_opt_length(opt))));
		}
	}
	buf_fini(&ex.answer_text);
	coap_delete_pdu(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, MESSAGE_MAX);

	coap_set_log_level(LOG_EMERG);
	if (pdu != NULL && size <= MESSAGE_MAX && coap_pdu_parse(COAP_PROTO_UDP, data, size, pdu)) {
		check_request(pdu);
		check_response(pdu);
	}
	coap_delete_pdu(pdu);
	return 0;
}
