/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the codecs share: an arena per test, trees as one-line dumps. */
#ifndef UNIT_CODEC_HELP_H
#define UNIT_CODEC_HELP_H

#include <check.h>
#include <stdlib.h>

#include "codec/codec.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define M2M "xmlns:m2m=\"" NS_M2M "\""
#define XMIME "xmlns:xmime=\"" NS_XMIME "\""
#define XSI "xmlns:xsi=\"" NS_XSI "\""
#define XML_DECL "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"

static const struct codec_limits usual = { .depth = 8, .nodes = 64, .attributes = 8, .text = 256 };

static struct arena *arena;
static struct buf out;

static inline void
setup(void)
{
	arena = arena_new(1u << 29);
	buf_init(&out, 1u << 24);
}

static inline void
teardown(void)
{
	arena_free(arena);
	buf_fini(&out);
}

/* Dumps: m: x: i: {uri} are namespaces, @ an attribute; flags of JSON and CBOR as letters in []. */
static inline void
dump_name(struct buf *b, const struct node *n)
{
	if (n->flags & NODE_ATTRIBUTE)
		buf_char(b, '@');
	if (slice_is(n->ns, NS_M2M))
		buf_puts(b, "m:");
	else if (slice_is(n->ns, NS_XMIME))
		buf_puts(b, "x:");
	else if (slice_is(n->ns, NS_XSI))
		buf_puts(b, "i:");
	else if (n->ns.n > 0)
		buf_printf(b, "{%.*s}", (int)n->ns.n, n->ns.p);
	buf_slice(b, n->name);
}

static inline void
dump_flags(struct buf *b, unsigned flags)
{
	static const char letters[] = ".nea0#bsy";

	flags &= ~(unsigned)NODE_ATTRIBUTE;
	if (flags == 0)
		return;
	buf_char(b, '[');
	for (unsigned i = 1; i < sizeof(letters) - 1; i++)
		if (flags & 1u << i)
			buf_char(b, letters[i]);
	buf_char(b, ']');
}

static inline void
dump(struct buf *b, const struct node *n)
{
	dump_name(b, n);
	dump_flags(b, n->flags);
	if (n->text.n > 0)
		buf_printf(b, "\"%.*s\"", (int)n->text.n, n->text.p);
	if (n->first == NULL)
		return;
	buf_char(b, '(');
	for (const struct node *c = n->first; c != NULL; c = c->next) {
		dump(b, c);
		buf_puts(b, c->next == NULL ? ")" : " ");
	}
}

static inline const char *
dumped(const struct node *n)
{
	buf_clear(&out);
	dump(&out, n);
	return arena_str(arena, buf_view(&out));
}

/* Decodes a copy of exactly the size of bytes, so that sanitizers see what lies behind. */
static inline enum rc
decode(const struct codec *c, struct slice bytes, const struct codec_limits *limits,
       struct node **root, const char **why)
{
	char *copy = malloc(bytes.n == 0 ? 1 : bytes.n);
	enum rc rc;

	ck_assert_ptr_nonnull(copy);
	if (bytes.n > 0)
		memcpy(copy, bytes.p, bytes.n);
	*root = NULL;
	*why = NULL;
	rc = c->decode(arena, slice_make(copy, bytes.n), limits, root, why);
	ck_assert_int_eq(rc == RC_OK, *root != NULL);
	ck_assert_int_eq(rc == RC_OK, *why == NULL);
	/* All codecs copy what they keep: the input may go away before the tree. */
	free(copy);
	return rc;
}

static inline struct node *
good(const struct codec *c, struct slice bytes)
{
	struct node *root;
	const char *why;

	ck_assert_msg(decode(c, bytes, &usual, &root, &why) == RC_OK, "%.*s: %s", (int)bytes.n,
	              bytes.p, why);
	return root;
}

static inline void
bad_with(const struct codec *c, struct slice bytes, const struct codec_limits *limits,
         const char *reason)
{
	struct node *root;
	const char *why;

	ck_assert_msg(decode(c, bytes, limits, &root, &why) == RC_BAD_REQUEST, "accepted: %.*s",
	              (int)slice_head(bytes, 200).n, bytes.p);
	if (why == NULL)
		why = "";
	ck_assert_msg(strstr(why, reason) != NULL, "%.*s: \"%s\" is not about \"%s\"",
	              (int)slice_head(bytes, 200).n, bytes.p, why, reason);
	for (const char *p = why; *p != '\0'; p++)
		ck_assert_msg(*p >= ' ' && *p < 0x7f, "unprintable byte in a reason");
}

struct pair {
	struct slice bytes;
	const char *expect;
};

#define PAIR(document, expect) { { (document), sizeof(document) - 1 }, (expect) }

/* pattern count times, between head and tail. */
static inline struct slice
repeated(const char *head, const char *pattern, unsigned count, const char *tail)
{
	struct slice s;

	buf_clear(&out);
	buf_puts(&out, head);
	for (unsigned i = 0; i < count; i++)
		buf_printf(&out, pattern, i);
	buf_puts(&out, tail);
	s = arena_copy(arena, buf_view(&out));
	ck_assert(s.p != NULL && !out.failed);
	return s;
}

#endif
