/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "coap_message.h"

#include <check.h>

static void
put(struct message *m, const void *p, size_t n)
{
	ck_assert_uint_le(n, sizeof(m->v) - m->n);
	if (n > 0)
		memcpy(m->v + m->n, p, n);
	m->n += n;
}

static void
put_byte(struct message *m, unsigned v)
{
	unsigned char c = (unsigned char)v;

	put(m, &c, 1);
}

void
message_begin(struct message *m, unsigned code)
{
	*m = (struct message){ .n = 0 };
	put_byte(m, 0x43);
	put_byte(m, code / 100 << 5 | code % 100);
	put(m, "\x12\x34tok", 5);
}

static unsigned
nibble(size_t v)
{
	return v < 13 ? (unsigned)v : v < 269 ? 13 : 14;
}

static void
put_extended(struct message *m, size_t v)
{
	if (v >= 269) {
		put_byte(m, (unsigned)(v - 269) >> 8);
		put_byte(m, (unsigned)(v - 269) & 255);
	} else if (v >= 13) {
		put_byte(m, (unsigned)v - 13);
	}
}

void
message_option(struct message *m, unsigned number, const void *value, size_t n)
{
	ck_assert_uint_ge(number, m->last);
	put_byte(m, nibble(number - m->last) << 4 | nibble(n));
	put_extended(m, number - m->last);
	put_extended(m, n);
	put(m, value, n);
	m->last = number;
}

void
message_text(struct message *m, unsigned number, const char *value)
{
	message_option(m, number, value, strlen(value));
}

void
message_uint(struct message *m, unsigned number, unsigned value)
{
	unsigned char v[4];

	message_option(m, number, v, coap_encode_var_safe(v, sizeof(v), value));
}

void
message_body(struct message *m, const void *body, size_t n)
{
	if (n == 0)
		return;
	put_byte(m, 0xff);
	put(m, body, n);
}

coap_pdu_t *
message_pdu(const struct message *m)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, MESSAGE_MAX);

	ck_assert_ptr_nonnull(pdu);
	coap_set_log_level(LOG_EMERG);
	(void)coap_pdu_parse(COAP_PROTO_UDP, m->v, m->n, pdu);
	return pdu;
}

struct slice
pdu_option(const coap_pdu_t *pdu, unsigned number, unsigned nth)
{
	coap_opt_iterator_t it;
	const coap_opt_t *opt;

	coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
	while ((opt = coap_option_next(&it)) != NULL)
		if (it.number == number && nth-- == 0)
			return slice_make(coap_opt_value(opt), coap_opt_length(opt));
	return SLICE_NONE;
}

struct slice
pdu_body(const coap_pdu_t *pdu)
{
	const uint8_t *data = NULL;
	size_t n = 0;

	return coap_get_data(pdu, &n, &data) == 1 ? slice_make(data, n) : SLICE_NONE;
}

unsigned
pdu_code(const coap_pdu_t *pdu)
{
	unsigned code = (unsigned)coap_pdu_get_code(pdu);

	return (code >> 5) * 100 + (code & 31);
}
