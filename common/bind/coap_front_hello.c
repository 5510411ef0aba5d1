/* SPDX-License-Identifier: Apache-2.0 */
/* The begin of a DTLS 1.2 handshake (RFC 6347 section 4.2): ClientHello and HelloVerifyRequest. */
#include "config.h"

#include "bind/coap_front_impl.h"

#define RECORD_HANDSHAKE 22u
#define VERSION_MAJOR 254u /* of every version of DTLS */
#define RECORD_HEADER 13u
#define MESSAGE_HEADER 12u
#define CLIENT_HELLO 1u
#define HELLO_VERIFY 3u
#define ORDER_MAX 2u
#define SESSION_ID_MAX 32u

/* What is left to be read; a read beyond it fails, and all after it. */
struct rest {
	const unsigned char *p;
	size_t n;
	bool ok;
};

static const unsigned char *
take(struct rest *r, size_t n)
{
	const unsigned char *p = r->p;

	r->ok = r->ok && n <= r->n;
	if (!r->ok)
		return NULL;
	r->p += n;
	r->n -= n;
	return p;
}

static size_t
number(struct rest *r, unsigned octets)
{
	const unsigned char *p = take(r, octets);
	size_t v = 0;

	for (unsigned i = 0; p != NULL && i < octets; i++)
		v = v << 8 | p[i];
	return v;
}

/*
 * The header of a record of epoch 0 that has one whole message or the begin of one, not later than
 * with the second cookie: nothing else begins a session in the TLS library.
 */
static bool
read_headers(struct rest *r)
{
	size_t type = number(r, 1), major = number(r, 1), minor = number(r, 1);
	size_t epoch = number(r, 2), n, message, length, order, offset, fragment;

	take(r, 6);
	n = number(r, 2);
	if (!r->ok || type != RECORD_HANDSHAKE || major != VERSION_MAJOR || epoch != 0 || n > r->n)
		return false;
	(void)minor;
	r->n = n;
	message = number(r, 1);
	length = number(r, 3);
	order = number(r, 2);
	offset = number(r, 3);
	fragment = number(r, 3);
	return r->ok && message == CLIENT_HELLO && order <= ORDER_MAX && offset == 0 &&
	       fragment <= length && fragment == r->n;
}

bool
front_hello_read(struct slice datagram, struct front_hello *h)
{
	struct rest r = { (const unsigned char *)datagram.p, datagram.n, true };
	size_t id, cookie;

	h->record = r.p;
	if (!read_headers(&r) || number(&r, 1) != VERSION_MAJOR)
		return false;
	take(&r, 1);
	h->random = take(&r, FRONT_RANDOM);
	id = number(&r, 1);
	take(&r, id);
	cookie = number(&r, 1);
	h->cookie = slice_make(take(&r, cookie), cookie);
	return r.ok && id <= SESSION_ID_MAX;
}

/*
 * Of version 1.0 whatever is agreed later, with the sequence number of the record that it answers
 * (RFC 6347 section 4.2.1).
 */
size_t
front_hello_verify(const struct front_hello *h, const unsigned char cookie[FRONT_COOKIE],
                   unsigned char out[FRONT_VERIFY_MAX])
{
	static const unsigned char version[] = { VERSION_MAJOR, 255 };
	const unsigned body = 2 + 1 + FRONT_COOKIE;
	unsigned char *at = out;

	*at++ = RECORD_HANDSHAKE;
	memcpy(at, version, 2);
	memcpy(at + 2, h->record + 3, 8); /* epoch, sequence number */
	at += 10;
	*at++ = 0;
	*at++ = (unsigned char)(MESSAGE_HEADER + body);
	memset(at, 0, MESSAGE_HEADER);
	at[0] = HELLO_VERIFY;
	at[3] = (unsigned char)body;
	at[11] = (unsigned char)body; /* one fragment */
	at += MESSAGE_HEADER;
	memcpy(at, version, 2);
	at[2] = FRONT_COOKIE;
	memcpy(at + 3, cookie, FRONT_COOKIE);
	return RECORD_HEADER + MESSAGE_HEADER + body;
}
