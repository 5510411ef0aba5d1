/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/node_text.h"

#include <inttypes.h>
#include <stddef.h>

#include "sec/hex.h"

static bool
time_of(struct slice s, int64_t *out)
{
	uint64_t v;

	if (!slice_number(s, INT64_MAX, &v))
		return false;
	*out = (int64_t)v;
	return true;
}

/* A line is given to its row; rows that must come have a bit in need. */
struct row {
	const char *word;
	bool (*read)(void *to, struct slice value);
	unsigned bit;
};

static bool
read_lines(struct slice text, const struct row *rows, size_t n, unsigned need, void *to)
{
	struct slice line, word;
	unsigned seen = 0;

	while (slice_split(&text, '\n', &line)) {
		const struct row *row = NULL;

		if (line.n == 0)
			continue;
		slice_split(&line, ' ', &word);
		for (size_t i = 0; i < n && row == NULL; i++)
			if (slice_is(word, rows[i].word))
				row = &rows[i];
		/* A later version may have more to say. */
		if (row == NULL)
			continue;
		if (line.p == NULL || !row->read(to, line))
			return false;
		seen |= row->bit;
	}
	return (seen & need) == need;
}

/* ---- the root ---- */

static bool
root_created(void *to, struct slice v)
{
	return time_of(v, &((struct node_root *)to)->created);
}

static bool
root_expires(void *to, struct slice v)
{
	return time_of(v, &((struct node_root *)to)->expires);
}

static bool
root_scl(void *to, struct slice v)
{
	struct node_root *r = to;

	return slice_copy(v, r->scl_id, sizeof(r->scl_id));
}

static bool
root_mas(void *to, struct slice v)
{
	struct node_root *r = to;

	return slice_copy(v, r->mas, sizeof(r->mas));
}

static bool
root_reject(void *to, struct slice v)
{
	struct node_root *r = to;

	r->has_reject = hex_decode(v, r->reject.v, sizeof(r->reject.v)) && sign_public_ok(&r->reject);
	return r->has_reject;
}

static bool
root_nscl(void *to, struct slice v)
{
	struct node_root *r = to;

	return r->n_nscls < NODE_NSCLS_MAX &&
	       slice_copy(v, r->nscls[r->n_nscls++], sizeof(r->nscls[0]));
}

bool
root_from_text(struct slice text, struct node_root *root)
{
	static const struct row rows[] = {
		{ "created", root_created, 1 }, { "expires", root_expires, 2 },
		{ "scl", root_scl, 4 },         { "mas", root_mas, 0 },
		{ "reject", root_reject, 0 },   { "nscl", root_nscl, 0 },
	};

	return read_lines(text, rows, sizeof(rows) / sizeof(rows[0]), 7, root);
}

void
root_to_text(const struct node_root *root, struct buf *to)
{
	char hex[2 * SIGN_PUBLIC_SIZE + 1];

	buf_printf(to, "created %" PRId64 "\nexpires %" PRId64 "\nscl %s\n", root->created,
	           root->expires, root->scl_id);
	if (root->mas[0] != '\0')
		buf_printf(to, "mas %s\n", root->mas);
	if (root->has_reject) {
		hex_encode(root->reject.v, sizeof(root->reject.v), hex);
		buf_printf(to, "reject %s\n", hex);
	}
	for (unsigned i = 0; i < root->n_nscls; i++)
		buf_printf(to, "nscl %s\n", root->nscls[i]);
}

/* ---- a connection ---- */

static bool
link_id(void *to, struct slice v)
{
	return conn_id_parse_hex(v, &((struct node_link *)to)->conn.id);
}

static bool
link_node(void *to, struct slice v)
{
	return node_id_parse(v, &((struct node_link *)to)->conn.node);
}

static bool
link_kmr(void *to, struct slice v)
{
	struct node_link *l = to;
	uint64_t n;

	if (!slice_number(v, UINT32_MAX, &n))
		return false;
	l->conn.kmr_index = (uint32_t)n;
	return n > 0;
}

static bool
link_scl(void *to, struct slice v)
{
	struct node_link *l = to;

	return slice_copy(v, l->conn.scl_id, sizeof(l->conn.scl_id));
}

static bool
link_flags(void *to, struct slice v)
{
	uint64_t n;

	if (!slice_number(v, 0xffff, &n))
		return false;
	((struct node_link *)to)->conn.flags = (unsigned)n;
	return true;
}

static bool
link_created(void *to, struct slice v)
{
	return time_of(v, &((struct node_link *)to)->conn.created);
}

static bool
link_expires(void *to, struct slice v)
{
	return time_of(v, &((struct node_link *)to)->conn.expires);
}

static bool
link_lifetime(void *to, struct slice v)
{
	return time_of(v, &((struct node_link *)to)->lifetime);
}

bool
link_from_text(struct slice text, struct node_link *link)
{
	static const struct row rows[] = {
		{ "connection", link_id, 1 },     { "node", link_node, 2 },
		{ "kmr", link_kmr, 4 },           { "scl", link_scl, 8 },
		{ "flags", link_flags, 16 },      { "created", link_created, 32 },
		{ "expires", link_expires, 64 },  { "lifetime", link_lifetime, 128 },
	};

	return read_lines(text, rows, sizeof(rows) / sizeof(rows[0]), 255, link);
}

void
link_to_text(const struct node_link *link, struct buf *to)
{
	const struct mas_connection *c = &link->conn;
	char id[CONN_ID_HEX], node[NODE_ID_TEXT];

	conn_id_hex(c->id, id);
	node_id_text(&c->node, node);
	buf_printf(to, "connection %s\nnode %s\nkmr %" PRIu32 "\nscl %s\nflags %u\n", id, node,
	           c->kmr_index, c->scl_id, c->flags);
	buf_printf(to, "created %" PRId64 "\nexpires %" PRId64 "\nlifetime %" PRId64 "\n", c->created,
	           c->expires, link->lifetime);
}
