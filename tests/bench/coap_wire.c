/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "coap_wire.h"

#include <string.h>

enum { HEADER = 4, PAYLOAD_MARKER = 0xff };

static void
append(struct wire *w, const void *data, size_t len)
{
	if (w->full || len > sizeof(w->data) - w->len) {
		w->full = true;
		return;
	}
	if (len > 0)
		memcpy(w->data + w->len, data, len);
	w->len += len;
}

void
wire_begin(struct wire *w, enum wire_type type, uint8_t code, uint16_t mid, const uint8_t *token)
{
	unsigned token_len = token == NULL ? 0 : WIRE_TOKEN;
	uint8_t head[HEADER] = { (uint8_t)(0x40u | (unsigned)type << 4 | token_len), code,
		(uint8_t)(mid >> 8), (uint8_t)mid };

	w->len = 0;
	w->last = 0;
	w->full = false;
	append(w, head, sizeof(head));
	if (token != NULL)
		append(w, token, WIRE_TOKEN);
}

/* The nibble that stands for a number, and the octets that say the rest of it. */
static unsigned
nibble(unsigned number, uint8_t more[2], size_t *n)
{
	*n = 0;
	if (number < 13)
		return number;
	if (number < 269) {
		more[(*n)++] = (uint8_t)(number - 13);
		return 13;
	}
	more[(*n)++] = (uint8_t)((number - 269) >> 8);
	more[(*n)++] = (uint8_t)(number - 269);
	return 14;
}

void
wire_option(struct wire *w, unsigned number, const void *value, size_t len)
{
	uint8_t delta[2], length[2], head;
	size_t n_delta, n_length;
	unsigned high = nibble(number - w->last, delta, &n_delta);

	head = (uint8_t)(high << 4 | nibble((unsigned)len, length, &n_length));
	append(w, &head, 1);
	append(w, delta, n_delta);
	append(w, length, n_length);
	append(w, value, len);
	w->last = number;
}

void
wire_uint(struct wire *w, unsigned number, uint32_t value)
{
	uint8_t octets[4];
	size_t n = 0;

	for (int shift = 24; shift >= 0; shift -= 8) {
		if (n > 0 || value >> shift != 0)
			octets[n++] = (uint8_t)(value >> shift);
	}
	wire_option(w, number, octets, n);
}

void
wire_payload(struct wire *w, const void *data, size_t len)
{
	static const uint8_t marker = PAYLOAD_MARKER;

	if (len == 0)
		return;
	append(w, &marker, 1);
	append(w, data, len);
}

/* What is left of a message. */
struct rest {
	const uint8_t *at;
	size_t len;
};

static bool
extended(struct rest *r, unsigned first, unsigned *number)
{
	size_t n = first == 13 ? 1 : first == 14 ? 2 : 0;

	if (first == 15 || r->len < n)
		return false;
	*number = first;
	if (n == 1)
		*number = 13u + r->at[0];
	else if (n == 2)
		*number = 269u + ((unsigned)r->at[0] << 8 | r->at[1]);
	r->at += n;
	r->len -= n;
	return true;
}

static void
option_keep(struct wire_in *in, unsigned number, const uint8_t *value, size_t len)
{
	if (number == WIRE_ECHO && len <= WIRE_ECHO_MAX) {
		in->echo = value;
		in->echo_len = len;
		return;
	}
	if (number != WIRE_BLOCK2 || len > 3)
		return;
	in->has_block2 = true;
	for (size_t i = 0; i < len; i++)
		in->block2 = in->block2 << 8 | value[i];
}

static bool
options_parse(struct wire_in *in, struct rest *r)
{
	unsigned number = 0, delta, len;

	while (r->len > 0 && *r->at != PAYLOAD_MARKER) {
		uint8_t head = *r->at;

		r->at++;
		r->len--;
		if (!extended(r, head >> 4, &delta) || !extended(r, head & 15u, &len) ||
		    len > r->len)
			return false;
		number += delta;
		option_keep(in, number, r->at, len);
		r->at += len;
		r->len -= len;
	}
	in->payload_len = r->len > 0 ? r->len - 1 : 0;
	return true;
}

bool
wire_parse(struct wire_in *in, const uint8_t *data, size_t len)
{
	size_t token_len;
	struct rest r;

	memset(in, 0, sizeof(*in));
	if (len < HEADER || data[0] >> 6 != 1)
		return false;
	token_len = data[0] & 15u;
	if (token_len > len - HEADER)
		return false;
	in->type = (enum wire_type)(data[0] >> 4 & 3u);
	in->code = data[1];
	in->mid = (uint16_t)(data[2] << 8 | data[3]);
	in->has_token = token_len == WIRE_TOKEN;
	if (in->has_token)
		memcpy(in->token, data + HEADER, WIRE_TOKEN);
	r.at = data + HEADER + token_len;
	r.len = len - HEADER - token_len;
	return options_parse(in, &r);
}
