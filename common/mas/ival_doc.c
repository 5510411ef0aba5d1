/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/ival_doc.h"

#include <strings.h>

#include "base/times.h"
#include "codec/codec.h"

static const struct codec_limits limits = { .depth = 4, .nodes = 16, .attributes = 4, .text = 255 };

enum member { RESULTS, MAC, TIME, MEMBERS };

static const char *const names[MEMBERS] = { "ivalResults", "signedIvalResult", "secureTimeStamp" };

static struct slice
trimmed(struct slice s)
{
	while (s.n > 0 && (unsigned char)s.p[0] <= ' ')
		s = slice_from(s, 1);
	while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ')
		s.n--;
	return s;
}

static const struct codec *
codec_for(struct slice content_type)
{
	static const struct codec *const codecs[] = { &codec_xml, &codec_json };
	struct slice rest = content_type, type;

	if (!slice_split(&rest, ';', &type))
		return NULL;
	type = trimmed(type);
	for (unsigned i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		for (const char *const *at = codecs[i]->accepted; *at != NULL; at++)
			if (strlen(*at) == type.n && strncasecmp(*at, type.p, type.n) == 0)
				return codecs[i];
	return NULL;
}

/* xs:long. */
static bool
parse_long(struct slice s, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	uint64_t v;

	if (negative || (s.n > 0 && s.p[0] == '+'))
		s = slice_from(s, 1);
	if (!slice_number(s, (uint64_t)INT64_MAX + negative, &v))
		return false;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* Which member a child is; MEMBERS: none. Members are local elements, without a namespace. */
static unsigned
member_of(const struct node *n)
{
	unsigned i = 0;

	if ((n->flags & NODE_ATTRIBUTE) != 0 || n->ns.n > 0 || n->first != NULL)
		return MEMBERS;
	while (i < MEMBERS && !slice_is(n->name, names[i]))
		i++;
	return i;
}

/* In XML in the order of the XSD; members of JSON have none. */
static bool
read_members(const struct node *root, struct slice texts[MEMBERS])
{
	unsigned next = 0;

	for (const struct node *n = root->first; n != NULL; n = n->next) {
		unsigned i = member_of(n);

		if (i == MEMBERS || texts[i].p != NULL ||
		    ((n->flags & NODE_NO_NS) == 0 && i != next))
			return false;
		next = i + 1;
		texts[i] = trimmed(n->text);
		if (texts[i].p == NULL)
			texts[i] = SLICE_LIT("");
	}
	return texts[RESULTS].p != NULL && texts[MAC].p != NULL && texts[TIME].p != NULL;
}

static bool
is_root(const struct node *root)
{
	return slice_is(root->name, "integrityValResults") &&
	       ((root->flags & NODE_NO_NS) != 0 || slice_is(root->ns, NS_M2M));
}

enum rc
ival_doc_from(const struct node *root, struct ival_report *out)
{
	struct slice texts[MEMBERS] = { { NULL, 0 } };
	int64_t at;

	if (!is_root(root) || !read_members(root, texts) ||
	    !parse_long(texts[RESULTS], &out->results) || !parse_long(texts[MAC], &out->mac) ||
	    !times_parse(texts[TIME], &at))
		return RC_BAD_REQUEST;
	out->time = texts[TIME];
	return RC_OK;
}

enum rc
ival_doc_read(struct arena *a, struct slice content_type, struct slice body,
              struct ival_report *out)
{
	const struct codec *codec = codec_for(content_type);
	const char *why;
	struct node *root;
	enum rc rc;

	if (codec == NULL)
		return RC_MEDIA_TYPE;
	rc = body.n > IVAL_DOC_MAX ? RC_BAD_REQUEST : codec->decode(a, body, &limits, &root, &why);
	return rc == RC_OK ? ival_doc_from(root, out) : rc;
}
