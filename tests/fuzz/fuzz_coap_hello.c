/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as the first datagram of a DTLS peer: what is found lies within them, and the answer
 * has no more octets than came.
 */
#include "config.h"

#include "bind/coap_front_impl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static bool
within(const unsigned char *p, size_t n, struct slice all)
{
	const unsigned char *begin = (const unsigned char *)all.p;

	return p >= begin && n <= all.n && (size_t)(p - begin) <= all.n - n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = slice_make(data, size);
	unsigned char cookie[FRONT_COOKIE] = { 1 }, out[FRONT_VERIFY_MAX];
	struct front_hello h;
	size_t n;

	if (!front_hello_read(all, &h))
		return 0;
	must(h.record == data && within(h.random, FRONT_RANDOM, all));
	must(h.cookie.n <= 255 && within((const unsigned char *)h.cookie.p, h.cookie.n, all));
	n = front_hello_verify(&h, cookie, out);
	must(n <= size && n <= sizeof(out) && memcmp(out + 3, data + 3, 8) == 0);
	/* It is no ClientHello itself. */
	must(!front_hello_read(slice_make(out, n), &h));
	return 0;
}
