/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/param_read.h"

#include "base/times.h"
#include "codec/codec.h"
#include "sec/hex.h"

#define TEXT_MAX 1024u

/* The element that is looked at, and what of the document is left. */
struct cursor {
	const struct node *at; /* NULL: the end */
	const char *wrong; /* the first element that is not as it has to be */
};

static const struct codec_limits limits = { 4, 64, 8, 4096 };

/* xs:token and the types of it: white space around a value means nothing. */
static struct slice
trimmed(struct slice s)
{
	while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL)
		s = slice_from(s, 1);
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
		s.n--;
	return s;
}

/* First child that is an element; attributes of namespaces of XML Schema alone are let pass. */
static const struct node *
first_element(const struct node *n)
{
	n = n->first;
	while (n != NULL && (n->flags & NODE_ATTRIBUTE) && slice_is(n->ns, NS_XSI))
		n = n->next;
	return n;
}

static const struct node *
document(struct arena *a, struct slice xml, const char *name)
{
	struct node *root = NULL;
	const char *why;

	if (xml.n == 0 || xml.n > PARAM_READ_MAX ||
	    codec_xml.decode(a, xml, &limits, &root, &why) != RC_OK)
		return NULL;
	return slice_is(root->name, name) && slice_is(root->ns, NS_M2M) && trimmed(root->text).n == 0
	               ? root
	               : NULL;
}

static bool
is_element(const struct node *n, const char *name)
{
	return n != NULL && !(n->flags & NODE_ATTRIBUTE) && slice_is(n->name, name) &&
	       slice_is(n->ns, NS_M2M);
}

/* The text of the element name, and one step on; false when it is absent. */
static bool
take_text(struct cursor *c, const char *name, struct slice *text)
{
	if (c->wrong != NULL || !is_element(c->at, name))
		return false;
	if (first_element(c->at) != NULL) {
		c->wrong = name;
		return false;
	}
	*text = trimmed(c->at->text);
	c->at = c->at->next;
	return true;
}

/* Of an element that has to be there. */
static struct slice
need_text(struct cursor *c, const char *name)
{
	struct slice text = SLICE_NONE;

	if (!take_text(c, name, &text) && c->wrong == NULL)
		c->wrong = name;
	return text;
}

static void
check(struct cursor *c, bool right, const char *name)
{
	if (c->wrong == NULL && !right)
		c->wrong = name;
}

static uint64_t
need_number(struct cursor *c, const char *name, uint64_t max)
{
	uint64_t v = 0;

	check(c, slice_number(need_text(c, name), max, &v) && v > 0, name);
	return v;
}

static int64_t
need_time(struct cursor *c, const char *name)
{
	int64_t us = 0;

	check(c, times_parse(need_text(c, name), &us), name);
	return us;
}

/* Either form; the schemas have one each. */
static void
take_key(struct cursor *c, struct param_key *k)
{
	struct slice text;

	if (take_text(c, "securityM2MKey", &text)) {
		check(c, hex_decode(text, k->v, KEY_BYTES), "securityM2MKey");
		k->n = KEY_BYTES;
	} else if (take_text(c, "securityEncryptedM2MKey", &text)) {
		check(c, hex_decode(text, k->v, KEYWRAP_BYTES), "securityEncryptedM2MKey");
		k->n = KEYWRAP_BYTES;
	}
}

static bool
is_uri(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0 && s.n <= TEXT_MAX;
}

static void
take_nscls(struct cursor *c, struct bootstrap_set *set)
{
	const struct node *list = c->at;

	if (c->wrong != NULL || !is_element(list, "sclIdList"))
		return;
	c->at = list->next;
	for (const struct node *n = first_element(list); n != NULL; n = n->next) {
		struct slice uri = trimmed(n->text);

		check(c, !(n->flags & NODE_ATTRIBUTE) && slice_is(n->name, "reference") &&
		                n->ns.n == 0 && first_element(n) == NULL && is_uri(uri) &&
		                set->n_nscls < PARAM_NSCLS_MAX, "sclIdList");
		if (c->wrong != NULL)
			return;
		set->nscls[set->n_nscls++] = uri;
	}
}

static enum rc
outcome(struct cursor *c, struct param_key *key, const char *root, const char **element)
{
	check(c, c->at == NULL, root);
	if (c->wrong == NULL)
		return RC_OK;
	secret_wipe(key, sizeof(*key));
	*element = c->wrong;
	return RC_BAD_REQUEST;
}

enum rc
bootstrap_set_parse(struct arena *a, struct slice xml, struct bootstrap_set *out,
                    const char **element)
{
	const struct node *root = document(a, xml, "bootstrapParamSet");
	struct cursor c = { .at = root == NULL ? NULL : first_element(root) };

	*out = (struct bootstrap_set){ 0 };
	check(&c, root != NULL, "bootstrapParamSet");
	check(&c, node_id_parse(need_text(&c, "securityM2MNodeId"), &out->node), "securityM2MNodeId");
	out->kmr_index = (uint32_t)need_number(&c, "securityKmrIndex", UINT32_MAX);
	out->expires = need_time(&c, "securityLifetime");
	if (take_text(&c, "securityMasFqdn", &out->mas))
		check(&c, is_uri(out->mas), "securityMasFqdn");
	take_key(&c, &out->key);
	if (take_text(&c, "sclId", &out->scl_id))
		check(&c, is_uri(out->scl_id), "sclId");
	take_nscls(&c, out);
	return outcome(&c, &out->key, "bootstrapParamSet", element);
}

enum rc
connection_set_parse(struct arena *a, struct slice xml, struct connection_set *out,
                     const char **element)
{
	const struct node *root = document(a, xml, "connectionParamSet");
	struct cursor c = { .at = root == NULL ? NULL : first_element(root) };
	uint8_t flags[2] = { 0 };

	*out = (struct connection_set){ 0 };
	check(&c, root != NULL, "connectionParamSet");
	out->id = need_number(&c, "securityConnectionId", UINT64_MAX);
	out->kmc_index = (uint32_t)need_number(&c, "securityKmcIndex", UINT32_MAX);
	out->expires = need_time(&c, "securityLifetime");
	take_key(&c, &out->key);
	check(&c, out->key.n > 0, "securityM2MKey");
	out->scl_id = need_text(&c, "sclId");
	check(&c, is_uri(out->scl_id), "sclId");
	check(&c, hex_decode(need_text(&c, "securitymIdFlags"), flags, sizeof(flags)),
	      "securitymIdFlags");
	out->flags = (unsigned)flags[0] << 8 | flags[1];
	return outcome(&c, &out->key, "connectionParamSet", element);
}

enum rc
param_key_open(const struct param_key *k, const struct key *kek, struct key *out)
{
	if (k->n == KEYWRAP_BYTES)
		return key_unwrap(kek, slice_make(k->v, k->n), out);
	memcpy(out->v, k->v, KEY_BYTES);
	return RC_OK;
}

struct slice
error_reason(struct arena *a, struct slice xml)
{
	const struct node *n = document(a, xml, "errorInfo");

	for (n = n == NULL ? NULL : n->first; n != NULL; n = n->next)
		if (slice_is(n->name, "additionalInfo"))
			return trimmed(n->text);
	return SLICE_NONE;
}
