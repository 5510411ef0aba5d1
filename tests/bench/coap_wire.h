/* SPDX-License-Identifier: Apache-2.0 */
/* As much of CoAP's message format (RFC 7252, RFC 7959) as the load generator needs. */
#ifndef BENCH_COAP_WIRE_H
#define BENCH_COAP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_MAX = 1500, WIRE_TOKEN = 4, WIRE_ECHO_MAX = 40 };
enum wire_type { WIRE_CON, WIRE_NON, WIRE_ACK, WIRE_RST };
enum wire_option {
	WIRE_URI_PATH = 11,
	WIRE_CONTENT_FORMAT = 12,
	WIRE_URI_QUERY = 15,
	WIRE_ACCEPT = 17,
	WIRE_BLOCK2 = 23,
	WIRE_ECHO = 252
};

/* A message under construction, in the caller's memory. Options are added in ascending order. */
struct wire {
	uint8_t data[WIRE_MAX];
	size_t len;
	unsigned last;		/* number of the last option */
	bool full;		/* something did not fit */
};

/* What is of interest in a received message; pointers are into its octets. */
struct wire_in {
	enum wire_type type;
	uint8_t code;
	uint16_t mid;
	bool has_token;		/* one of WIRE_TOKEN octets */
	uint8_t token[WIRE_TOKEN];
	const uint8_t *echo;	/* NULL: none */
	size_t echo_len;
	bool has_block2;
	uint32_t block2;
	size_t payload_len;
};

/* Header and token; token may be NULL: none. */
void wire_begin(struct wire *w, enum wire_type type, uint8_t code, uint16_t mid,
    const uint8_t *token);
void wire_option(struct wire *w, unsigned number, const void *value, size_t len);
/* An unsigned integer without leading zeros. */
void wire_uint(struct wire *w, unsigned number, uint32_t value);
/* len 0 adds nothing. */
void wire_payload(struct wire *w, const void *data, size_t len);
/* false: no message. */
bool wire_parse(struct wire_in *in, const uint8_t *data, size_t len);

#endif
