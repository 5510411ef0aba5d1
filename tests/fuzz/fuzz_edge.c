/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a grant, a path, a contact, a network: what is taken says the same when it is read
 * again, and leads nowhere else. The first octet says as what.
 */
#include "config.h"

#include "base/network.h"
#include "base/uri.h"
#include "cap/edge/edge_grant.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_grant(const struct edge_grant *g, struct buf *b)
{
	buf_init(b, 2 * EDGE_GRANT_MAX);
	edge_grant_write(g, b);
	if (b->failed)
		abort();
}

static void
read_grant(struct slice s)
{
	struct edge_grant g, again;
	struct buf first, second;
	const char *why;

	if (edge_grant_read(s, &g, &why) != RC_OK)
		return;
	write_grant(&g, &first);
	if (first.n <= EDGE_GRANT_MAX) {
		if (edge_grant_read(buf_view(&first), &again, &why) != RC_OK)
			abort();
		write_grant(&again, &second);
		if (!slice_eq(buf_view(&first), buf_view(&second)))
			abort();
		buf_fini(&second);
	}
	buf_fini(&first);
}

/* No segment of a plain path is another when it is decoded. */
static void
read_path(struct slice s)
{
	struct arena *a = arena_new(1u << 20);
	struct slice rest, seg, decoded;

	if (a != NULL && edge_path_is_plain(s)) {
		rest = slice_from(s, 1);
		while (slice_split(&rest, '/', &seg))
			if (!uri_decode(a, seg, &decoded) || slice_is(decoded, "..") ||
			    slice_is(decoded, ".") ||
			    (decoded.n > 0 && (memchr(decoded.p, '/', decoded.n) != NULL ||
			                       memchr(decoded.p, '\\', decoded.n) != NULL)) ||
			    (seg.n == 0 && rest.p != NULL))
				abort();
	}
	arena_free(a);
}

/* Whoever splits it otherwise comes to the same host. */
static void
read_contact(struct slice s)
{
	static const char json[] =
		"{\"fingerprints\":["
	        "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
		"\"],\"operations\":[],\"prefixes\":[],\"contacts\":[\"a.b\",\"[::1]:9\"]}";
	struct edge_grant g;
	const char *why;
	struct uri u;

	if (edge_grant_read(slice_of(json), &g, &why) != RC_OK)
		abort();
	if (!edge_grant_contact(&g, s))
		return;
	if (!uri_parse(s, &u) || (u.host.n != 3 && u.host.n != 5) || u.scheme.n != 5)
		abort();
}

static void
read_network(struct slice s)
{
	struct network n;
	uint8_t address[16];

	if (network_parse(s, &n) && n.bits > 128)
		abort();
	if (network_address_parse(s, address))
		(void)network_address_ok(address, &n, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct slice) = { read_grant, read_path, read_contact,
		                                         read_network };
	struct slice s = slice_make(data, size);

	if (size > 0)
		readers[data[0] % 4](slice_from(s, 1));
	return 0;
}
