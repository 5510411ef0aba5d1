/* SPDX-License-Identifier: Apache-2.0 */
/* A message of the proxy over CoAP, octet by octet, out and in (Fig. 5 of the paper). */
#include "config.h"

#include "suite.h"

#include "base/be.h"
#include "bind/coap_call.h"
#include "cap/pxy/px_coap.h"
#include "pre/data.h"
#include "sec/hex.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define SOURCE "http://gw.example/m2m"
#define SINK "coap://b.example/m2m/proxy/inbox"
#define PROXY "coap://10.0.0.1/m2m/proxy"
#define NAMES "m2m.invalid"
#define MSG_ID 0xc0ffee01u
#define REST_MAX 3000u

#define TO_PROXY                                                                                   \
	"44027d34c0ffee01c12add0a13636f61703a2f2f622e6578616d706c652f6d326d2f70726f78792f696e626f" \
	"78edfcb808687474703a2f2f67772e6578616d706c652f6d326d480123456789abcdefff"
#define TO_SINK                                                                                    \
	"44027d34c0ffee0139622e6578616d706c65836d326d0570726f787905696e626f78112aedfccf08"         \
	"687474703a2f2f67772e6578616d706c652f6d326dff"

static struct arena *arena;
static struct pre_unit unit;
static unsigned char rest[REST_MAX];
static struct buf payload, wire, again;
static struct exchange ex;
static struct cmap_head head;

/* A data message with n octets of text. */
static void
make_unit(const char *sink, size_t n)
{
	unit = (struct pre_unit){
		.hdr = { .type = PRE_DATA, .stream = 1, .key_index = 7, .epoch = 3 },
		.msg_id = MSG_ID,
		.source = SLICE_LIT(SOURCE),
		.sink = slice_of(sink)
	};
	unit.hdr.cid = PRE_CID_DEFAULT;
	ck_assert_uint_eq(pre_source_name(unit.source, unit.hdr.source), RC_OK);
	unit.rest = slice_make(rest, pre_data_size(&unit.hdr, n));
	ck_assert_uint_le(unit.rest.n, REST_MAX);
	buf_clear(&wire);
	ck_assert_uint_eq(pre_unit_write(&unit, &wire), RC_OK);
}

static void
setup(void)
{
	arena = arena_new(1u << 20);
	ck_assert_ptr_nonnull(arena);
	for (size_t i = 0; i < REST_MAX; i++)
		rest[i] = (unsigned char)(i * 7);
	buf_init(&payload, 65536);
	buf_init(&wire, 65536);
	buf_init(&again, 65536);
	ex = (struct exchange){ .nheaders = 0 };
	make_unit(SINK, 10);
}

static void
teardown(void)
{
	buf_fini(&payload);
	buf_fini(&wire);
	buf_fini(&again);
	arena_free(arena);
}

/* The first datagram with the unit: to the sink, or with its URI to a proxy, into a store there. */
static struct coapc_call *
datagram(const char *proxy_uri)
{
	const uint8_t store[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	struct coapc_call *call = coapc_call_new(&ex);
	struct cmap_call where;
	const char *why;

	ck_assert_ptr_nonnull(call);
	buf_clear(&payload);
	ck_assert_uint_eq(pre_unit_payload(&unit, &payload), RC_OK);
	ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                .url = slice_of(proxy_uri == NULL ? SINK : PROXY),
		                .target = slice_of(proxy_uri),
		                .body = buf_view(&payload),
		                .has_coap_token = true };
	be_put(ex.coap_token, MSG_ID, sizeof(ex.coap_token));
	exchange_add_header(&ex, SLICE_LIT("Content-Type"), SLICE_LIT("application/octet-stream"));
	exchange_add_header(&ex, SLICE_LIT("PRE-Source"), unit.source);
	ck_assert_uint_eq(coapc_call_prepare(call, NULL, &where, &why), RC_OK);
	if (proxy_uri != NULL)
		coap_insert_optlist(&call->options, coap_new_optlist(65004, sizeof(store), store));
	ck_assert(coapc_call_write(call, 0x7d34, CALL_MESSAGE_MAX));
	return call;
}

/* What a server makes of the datagram. */
static enum rc
read_head(const unsigned char *p, size_t n)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, n);
	const char *why = "";
	const uint8_t *body = NULL;
	size_t body_n = 0;
	enum rc rc;

	ck_assert_ptr_nonnull(pdu);
	ck_assert_int_ne(coap_pdu_parse(COAP_PROTO_UDP, p, n, pdu), 0);
	rc = cmap_request(pdu, SLICE_LIT("10.0.0.1"), arena, &head, &why);
	if (coap_get_data(pdu, &body_n, &body))
		head.input.body = arena_copy(arena, slice_make(body, body_n));
	coap_delete_pdu(pdu);
	return rc;
}

static enum rc
read_unit(void)
{
	buf_clear(&again);
	return px_coap_read(&head.input, false, SLICE_LIT(NAMES), NULL, arena, &again);
}

static void
expect_octets(const char *proxy_uri, const char *hex)
{
	unsigned char want[256];
	size_t n = strlen(hex) / 2;
	struct coapc_call *call;

	ck_assert(hex_decode(slice_of(hex), want, n));
	call = datagram(proxy_uri);
	ck_assert_uint_eq(call->n_out, n + PRE_HDR_SIZE + unit.rest.n);
	ck_assert_mem_eq(call->out, want, n);
	ck_assert_mem_eq(call->out + n + PRE_HDR_SIZE, rest, unit.rest.n);
	/* And back. */
	ck_assert_uint_eq(read_head(call->out, call->n_out), RC_OK);
	ck_assert(slice_is(head.input.pre_source, SOURCE));
	ck_assert_uint_eq(read_unit(), RC_OK);
	ck_assert(slice_eq(buf_view(&again), buf_view(&wire)));
	coapc_call_free(call);
}

START_TEST(octets_to_a_proxy)
{
	expect_octets(SINK, TO_PROXY);
	ck_assert_uint_eq(head.input.pre_store.n, 8);
	ck_assert_mem_eq(head.input.pre_store.p, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	ck_assert(slice_is(head.input.target, SINK));
}
END_TEST

START_TEST(octets_to_a_sink)
{
	expect_octets(NULL, TO_SINK);
	ck_assert_ptr_null(head.input.pre_store.p);
	ck_assert(slice_is(head.input.target, "/m2m/proxy/inbox"));
	ck_assert(slice_is(head.input.host, "b.example"));
}
END_TEST

/* What Proxy-Uri says, and what the sink is called then. */
static const struct {
	const char *target, *sink;
} names[] = {
	{ "coap://" NAMES "/", "" },
	{ "coap://" NAMES, "" },
	{ "coap://M2M.Invalid/alpha_2", "alpha_2" },
	{ "coap://" NAMES "/a%2Fb%3Fc=%25", "a/b?c=%" },
	{ "coap://" NAMES "/a/b", "a/b" },
	{ "http://b.example:8080/m2m/proxy/inbox?x=1",
	  "http://b.example:8080/m2m/proxy/inbox?x=1" },
	{ "coap://" NAMES ":5684/x", "coap://" NAMES ":5684/x" },
};

START_TEST(sinks_and_names)
{
	struct coapc_call *call;

	make_unit(names[_i].sink, 10);
	call = datagram(names[_i].target);
	ck_assert_uint_eq(read_head(call->out, call->n_out), RC_OK);
	ck_assert_uint_eq(read_unit(), RC_OK);
	ck_assert(slice_eq(buf_view(&again), buf_view(&wire)));
	coapc_call_free(call);
}
END_TEST

START_TEST(the_sink_itself)
{
	struct coapc_call *call = datagram(NULL);

	make_unit("coaps://b.example/m2m/proxy/inbox", 10);
	ck_assert_uint_eq(read_head(call->out, call->n_out), RC_OK);
	buf_clear(&again);
	ck_assert_uint_eq(px_coap_read(&head.input, true, SLICE_NONE, NULL, arena, &again), RC_OK);
	ck_assert(slice_eq(buf_view(&again), buf_view(&wire)));
	coapc_call_free(call);
}
END_TEST

START_TEST(requests_that_are_none)
{
	struct req_input good;

	expect_octets(SINK, TO_PROXY);
	good = head.input;
	head.input.has_msg_id = false;
	ck_assert_uint_eq(read_unit(), RC_BAD_REQUEST);
	head.input = good;
	head.input.op = REQ_UPDATE;
	ck_assert_uint_eq(read_unit(), RC_BAD_REQUEST);
	head.input = good;
	head.input.content_type = SLICE_LIT("application/json");
	ck_assert_uint_eq(read_unit(), RC_MEDIA_TYPE);
	head.input.content_type = SLICE_NONE;
	ck_assert_uint_eq(read_unit(), RC_MEDIA_TYPE);
	head.input = good;
	head.input.body.n = PRE_HDR_SIZE;
	ck_assert_uint_eq(read_unit(), RC_BAD_REQUEST);
	head.input = good;
	head.input.pre_source = SLICE_LIT("http://gw.example/m2n");
	ck_assert_uint_eq(read_unit(), RC_BAD_REQUEST);
	head.input = good;
	head.input.target = SLICE_LIT("coap://" NAMES "/a?b");
	ck_assert_uint_eq(read_unit(), RC_BAD_REQUEST);
	head.input.target = SLICE_LIT("coap://" NAMES "/a%zz");
	ck_assert_uint_eq(read_unit(), RC_BAD_REQUEST);
	head.input = good;
	ck_assert_uint_eq(read_unit(), RC_OK);
}
END_TEST

/* The same source, sink and store; what tells them apart between blocks is the number. */
START_TEST(blocks)
{
	unsigned char digest[2][32];
	uint8_t block;
	struct coapc_call *call;
	coap_opt_iterator_t it;
	coap_pdu_t *pdu;

	make_unit(SINK, 2000);
	call = datagram(SINK);
	ck_assert_uint_eq(read_head(call->out, call->n_out), RC_OK);
	ck_assert(head.block1.given && head.block1.more);
	ck_assert_uint_eq(head.input.msg_id, MSG_ID);
	ck_assert_uint_eq(blocks_digest(&head, digest[0]), RC_OK);
	/* For servers that know nothing of the number. */
	ck_assert_uint_eq(head.request_tag.n, 5);
	pdu = coap_pdu_init(COAP_MESSAGE_ACK, COAP_RESPONSE_CODE(231), 0x7d34, 64);
	block = (uint8_t)(8u | head.block1.szx);
	coap_add_token(pdu, 4, call->out + 4);
	coap_add_option(pdu, COAP_OPTION_BLOCK1, 1, &block);
	ck_assert_ptr_nonnull(coap_check_option(pdu, COAP_OPTION_BLOCK1, &it));
	ck_assert_int_eq(coapc_call_answer(call, pdu), CALL_GOES_ON);
	coap_delete_pdu(pdu);
	ck_assert(coapc_call_write(call, 0x7d35, CALL_MESSAGE_MAX));
	ck_assert_mem_eq(call->out + 4, "\xc0\xff\xee\x01", 4);
	ck_assert_uint_eq(read_head(call->out, call->n_out), RC_OK);
	ck_assert_uint_eq(head.block1.num, 1);
	ck_assert_uint_eq(blocks_digest(&head, digest[1]), RC_OK);
	ck_assert_mem_eq(digest[0], digest[1], 32);
	head.input.msg_id++;
	ck_assert_uint_eq(blocks_digest(&head, digest[1]), RC_OK);
	ck_assert_mem_ne(digest[0], digest[1], 32);
	coapc_call_free(call);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("px_coap");
	TCase *c = suite_case(s, "px_coap", setup, teardown);

	tcase_add_test(c, octets_to_a_proxy);
	tcase_add_test(c, octets_to_a_sink);
	tcase_add_loop_test(c, sinks_and_names, 0, (int)NITEMS(names));
	tcase_add_test(c, the_sink_itself);
	tcase_add_test(c, requests_that_are_none);
	tcase_add_test(c, blocks);
	return run_suite(s);
}
