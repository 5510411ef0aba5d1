/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_doc.h"

#include "codec/codec.h"

void
rem_doc_text(struct buf *b, struct slice text)
{
	if (!codec_xml_text_ok(text))
		return;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '&')
			buf_puts(b, "&amp;");
		else if (text.p[i] == '<')
			buf_puts(b, "&lt;");
		else if (text.p[i] == '>')
			buf_puts(b, "&gt;");
		else
			buf_char(b, text.p[i]);
}

const struct node *
rem_doc_read(struct arena *a, struct slice body)
{
	static const struct codec_limits limits = { 24, 8192, 64, 1u << 20 };
	struct node *root = NULL;
	const char *why;

	if (body.n == 0 || codec_xml.decode(a, body, &limits, &root, &why) != RC_OK)
		return NULL;
	return root;
}

const struct node *
rem_doc_child(const struct node *n, const char *name)
{
	for (n = n == NULL ? NULL : n->first; n != NULL; n = n->next)
		if ((n->flags & NODE_ATTRIBUTE) == 0 && slice_is(n->name, name))
			return n;
	return NULL;
}

struct slice
rem_doc_value(const struct node *n, const char *name)
{
	const struct node *child = rem_doc_child(n, name);

	return child == NULL ? SLICE_NONE : child->text;
}
