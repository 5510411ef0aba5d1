/* SPDX-License-Identifier: Apache-2.0 */
/* CoAP messages octet by octet, also those that no library would make. Functions assert. */
#ifndef UNIT_COAP_MESSAGE_H
#define UNIT_COAP_MESSAGE_H

#include "bind/coap_map.h"

#define MESSAGE_MAX 4096

struct message {
	unsigned char v[MESSAGE_MAX];
	size_t n;
	unsigned last; /* number of the last option */
};

/* A confirmable one with the token "tok"; code as class * 100 + detail. */
void message_begin(struct message *m, unsigned code);
/* In the order of their numbers. */
void message_option(struct message *m, unsigned number, const void *value, size_t n);
void message_text(struct message *m, unsigned number, const char *value);
/* In the shortest form. */
void message_uint(struct message *m, unsigned number, unsigned value);
void message_body(struct message *m, const void *body, size_t n);
/* As the library has it, also when it would refuse it; coap_delete_pdu by the caller. */
coap_pdu_t *message_pdu(const struct message *m);

/* The nth (from 0) option of that number; p NULL: there is none. */
struct slice pdu_option(const coap_pdu_t *pdu, unsigned number, unsigned nth);
struct slice pdu_body(const coap_pdu_t *pdu);
/* class * 100 + detail */
unsigned pdu_code(const coap_pdu_t *pdu);

#define ck_assert_slice_is(s, text)                                                                \
	do {                                                                                       \
		struct slice is_ = (s);                                                            \
		const char *text_ = (text);                                                        \
		ck_assert_msg(slice_eq(is_, slice_of(text_)), "%s is \"%.*s\", not \"%s\"", #s,    \
		              (int)is_.n, is_.p == NULL ? "" : is_.p, text_);                      \
	} while (0)

#endif
