/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a PSK identity: what is taken is written as the same octets, what is not has a
 * dummy key. With it, any octets as the other names of the security layer.
 */
#include "config.h"

#include "sec/psk_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* What each kind has to have. */
static bool
is_whole(const struct psk_id *id)
{
	static const bool indexed[PSK_KINDS] = {
		[PSK_MR] = true, [PSK_MC] = true, [PSK_MN] = true, [PSK_MA] = true
	};
	static const bool connected[PSK_KINDS] = {
		[PSK_MC] = true, [PSK_MN] = true, [PSK_MA] = true
	};

	return id->kind < PSK_KINDS && indexed[id->kind] == (id->index != 0) &&
	       connected[id->kind] == (id->connection != 0);
}

static void
check_identity(struct slice s)
{
	static const struct key server = { "server" };
	struct psk_id id;
	struct key dummy;
	char text[PSK_ID_TEXT];

	if (psk_id_parse(s, &id)) {
		must(is_whole(&id));
		must(psk_id_format(&id, text) == s.n && slice_is(s, text));
	} else {
		must(id.index == 0);
	}
	must(psk_dummy(&server, s, &dummy) == RC_OK && !key_is_zero(&dummy));
}

static void
check_names(struct slice s)
{
	struct node_id node, again;
	char text[NODE_ID_TEXT], decimal[21], hex[CONN_ID_HEX];
	uint64_t id;

	if (node_id_parse(s, &node)) {
		node_id_text(&node, text);
		must(node_id_parse(slice_of(text), &again) && node_id_eq(&node, &again));
		(void)node_id_ok(&node);
	}
	if (conn_id_parse_decimal(s, &id)) {
		snprintf(decimal, sizeof(decimal), "%" PRIu64, id);
		must(slice_is(s, decimal));
	}
	if (conn_id_parse_hex(s, &id)) {
		conn_id_hex(id, hex);
		must(slice_is(s, hex));
	}
	must(!scl_id_ok(s) || (s.n >= 1 && s.n <= SCL_ID_MAX && memchr(s.p, '/', s.n) == NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_make(data, size);

	check_identity(s);
	check_names(s);
	return 0;
}
