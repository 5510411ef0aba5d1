/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bare libcoap server, the reference of the benchmarks over CoAP: every request gets a constant of
 * the size that is given, with the options of a daemon's answer.
 */
#include "config.h"

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MAX_BYTES = 1 << 20, XML = 41, WAIT_MS = 1000, ETAG = 8 };

struct bare {
	uint8_t *body;
	size_t size;
};

static volatile sig_atomic_t ended;

static void
end(int number)
{
	(void)number;
	ended = 1;
}

static void
option_uint(coap_pdu_t *pdu, coap_option_num_t number, unsigned value)
{
	uint8_t octets[4];

	coap_add_option(pdu, number, coap_encode_var_safe(octets, sizeof(octets), value), octets);
}

static void
get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
    const coap_string_t *query, coap_pdu_t *response)
{
	const struct bare *b = coap_resource_get_userdata(resource);

	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
	coap_add_data_large_response(resource, session, request, response, query, XML, -1, 1,
	    b->size, b->body, NULL, NULL);
}

static void
post(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
    const coap_string_t *query, coap_pdu_t *response)
{
	static const char *const place[] = { "m2m", "applications", "bench", "containers", "c0",
		"contentInstances", "ci0000000000000001" };
	static const uint8_t etag[ETAG] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const struct bare *b = coap_resource_get_userdata(resource);

	(void)session;
	(void)request;
	(void)query;
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CREATED);
	coap_add_option(response, COAP_OPTION_ETAG, sizeof(etag), etag);
	for (size_t i = 0; i < sizeof(place) / sizeof(place[0]); i++)
		coap_add_option(response, COAP_OPTION_LOCATION_PATH, strlen(place[i]),
		    (const uint8_t *)place[i]);
	option_uint(response, COAP_OPTION_CONTENT_FORMAT, XML);
	if (b->size > 0)
		coap_add_data(response, b->size, b->body);
}

static coap_context_t *
server_new(struct bare *b, unsigned port)
{
	coap_context_t *ctx = coap_new_context(NULL);
	coap_address_t address;
	coap_resource_t *all = coap_resource_unknown_init2(NULL, 0);
	coap_endpoint_t *endpoint;

	if (ctx == NULL || all == NULL)
		return NULL;
	coap_context_set_block_mode(ctx, COAP_BLOCK_USE_LIBCOAP);
	coap_address_init(&address);
	address.addr.sin.sin_family = AF_INET;
	address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.addr.sin.sin_port = htons((uint16_t)port);
	endpoint = coap_new_endpoint(ctx, &address, COAP_PROTO_UDP);
	if (endpoint == NULL) {
		coap_free_context(ctx);
		return NULL;
	}
	coap_register_request_handler(all, COAP_REQUEST_GET, get);
	coap_register_request_handler(all, COAP_REQUEST_POST, post);
	coap_resource_set_userdata(all, b);
	coap_add_resource(ctx, all);
	return ctx;
}

static unsigned
number(const char *text, unsigned most)
{
	char *rest;
	unsigned long value = strtoul(text, &rest, 10);

	if (*rest != '\0' || value > most) {
		fputs("usage: coap_bare --port N [--size BYTES]\n", stderr);
		exit(2);
	}
	return (unsigned)value;
}

int
main(int argc, char **argv)
{
	static const struct option names[] = { { "size", required_argument, NULL, 's' },
		{ "port", required_argument, NULL, 'p' }, { 0 } };
	struct bare b = { .size = 600 };
	unsigned port = 0;
	coap_context_t *ctx;
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 's')
			b.size = number(optarg, SIZE_MAX_BYTES);
		else
			port = number(c == 'p' ? optarg : "x", UINT16_MAX);
	}
	b.body = malloc(b.size + 1);
	coap_startup();
	coap_set_log_level(LOG_EMERG);
	ctx = b.body == NULL ? NULL : server_new(&b, port);
	if (ctx == NULL) {
		fputs("coap_bare: cannot listen\n", stderr);
		free(b.body);
		return 1;
	}
	memset(b.body, 'x', b.size);
	signal(SIGTERM, end);
	signal(SIGINT, end);
	printf("ready coap=127.0.0.1:%u\n", port);
	fflush(stdout);
	while (!ended && coap_io_process(ctx, WAIT_MS) >= 0)
		continue;
	coap_free_context(ctx);
	coap_cleanup();
	free(b.body);
	return 0;
}
