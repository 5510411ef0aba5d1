/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of applications outside: whatever in them is a URI is one that this SCL, or another, will
 * ask, tell or send to, so all are looked at, by whatever name they go.
 */
#include "config.h"

#include "base/uri.h"
#include "cap/edge/edge_impl.h"
#include "codec/node.h"
#include "model/rtype.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

struct scan {
	const struct edge *e;
	const struct edge_grant *g;
	bool own; /* what is written is the application itself, or below it */
};

static bool
is_one_of(struct slice name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

/* ---- types ---- */

static const uint8_t free_types[] = { T_APPLICATION,  T_ACCESS_RIGHT,
	                              T_CONTAINER,    T_CONTENT_INSTANCE,
	                              T_SUBSCRIPTION, T_LOCATION_CONTAINER,
	                              T_GROUP,        T_NOTIFICATION_CHANNEL };
static const uint8_t managed_types[] = { T_MGMT_OBJ, T_MGMT_CMD, T_EXEC_INSTANCE };

static bool
is_in(uint8_t type, const uint8_t *v, size_t n)
{
	return memchr(v, type, n) != NULL;
}

/* What is no resource is an attribute, or a collection, which has no more than access rights. */
static bool
type_is_allowed(const struct edge_grant *g, struct slice name)
{
	for (unsigned i = 1; i < T_MAX; i++) {
		const struct rtype *t = rtype_get((enum type)i);

		if (t == NULL || t->name == NULL || !slice_is(name, t->name) ||
		    (t->flags & RT_COLLECTION) != 0)
			continue;
		return is_in((uint8_t)i, free_types, NITEMS(free_types)) ||
		       ((g->operations & EDGE_EXECUTE) != 0 &&
		        is_in((uint8_t)i, managed_types, NITEMS(managed_types)));
	}
	return true;
}

/* ---- texts ---- */

static bool
looks_like_uri(struct slice word)
{
	return word.p[0] == '/' || word.p[0] == '\\' || memmem(word.p, word.n, "://", 3) != NULL;
}

static enum edge_reason
check_word(const struct scan *s, struct slice name, struct slice word)
{
	/* Sent to. */
	static const char *const contacts[] = { "contact", "contactURI", "aggregateURI" };
	static const char *const own_contacts[] = { "aPoC", "poc", "pocs" };
	/* Only compared. */
	static const char *const rights[] = {
		"accessRightID", "regAccessRightID", "membersContentAccessRightID",
		"holderRef",     "creator",          "subscriberId"
	};

	if (is_one_of(name, contacts, NITEMS(contacts)))
		return edge_check_contact(s->e, s->g, word);
	/* Of another application it would be sent to in that one's name. */
	if (is_one_of(name, own_contacts, NITEMS(own_contacts)))
		return s->own ? edge_check_contact(s->e, s->g, word) : EDGE_WHY_CONTACT;
	if (slice_is(name, "path") || !looks_like_uri(word))
		return EDGE_PASS;
	return edge_check_reference(s->e, s->g, word, is_one_of(name, rights, NITEMS(rights)));
}

/* A list of URIs is one text in some syntaxes. */
static enum edge_reason
check_text(const struct scan *s, struct slice name, struct slice text)
{
	size_t from = 0;

	while (from < text.n) {
		size_t to = from;
		enum edge_reason why = EDGE_PASS;

		while (to < text.n && (unsigned char)text.p[to] > ' ')
			to++;
		if (to > from)
			why = check_word(s, name, slice_make(text.p + from, to - from));
		if (why != EDGE_PASS)
			return why;
		from = to + 1;
	}
	return EDGE_PASS;
}

/* ---- the tree ---- */

/* Announcing is asked for: something but "no". */
static bool
announces(const struct node *n)
{
	if (n->first == NULL)
		return n->text.n > 0 && !slice_is(n->text, "false") && !slice_is(n->text, "0");
	for (const struct node *c = n->first; c != NULL; c = c->next)
		if (announces(c))
			return true;
	return false;
}

static bool
is_announcing(struct slice name)
{
	static const char *const names[] = { "announceTo", "sclList", "activated", "global" };

	return is_one_of(name, names, NITEMS(names));
}

/* holder: the name that entries of a list go by. */
static enum edge_reason
check_node(const struct scan *s, struct slice holder, const struct node *n)
{
	/* The entries of a list are what the list is. */
	bool entry = slice_is(n->name, "reference") || slice_is(n->name, "uri") || n->name.n == 0;
	enum edge_reason why = EDGE_PASS;

	if (is_announcing(n->name) && (s->g->operations & EDGE_ANNOUNCE) == 0 && announces(n))
		return EDGE_WHY_DOCUMENT;
	if (n->first == NULL)
		return check_text(s, entry ? holder : n->name, n->text);
	/* Depth is bounded by the codec. */
	for (const struct node *c = n->first; c != NULL && why == EDGE_PASS; c = c->next)
		why = check_node(s, entry ? holder : n->name, c);
	return why == EDGE_PASS && n->text.n > 0 ? check_text(s, entry ? holder : n->name, n->text)
	                                         : why;
}

/* What is in an instance is its reader's matter. */
static enum edge_reason
check_instance(const struct scan *s, const struct node *doc)
{
	for (const struct node *c = doc->first; c != NULL; c = c->next) {
		enum edge_reason why =
			slice_is(c->name, "content") ? EDGE_PASS : check_node(s, doc->name, c);

		if (why != EDGE_PASS)
			return why;
	}
	return EDGE_PASS;
}

enum edge_reason
edge_check_document(const struct edge *e, const struct edge_grant *g, struct slice app_id,
                    const struct req_input *in, const struct node *doc)
{
	struct scan s = { .e = e, .g = g };
	struct uri u;

	if (!uri_parse(in->target, &u))
		return EDGE_WHY_TARGET;
	/* The core sees that who registers an application is it. */
	s.own = edge_is_own_application(e, u.path, app_id) ||
	        (in->op == REQ_CREATE && slice_is(doc->name, "application"));
	if (!type_is_allowed(g, doc->name))
		return EDGE_WHY_DOCUMENT;
	if (slice_is(doc->name, "contentInstance"))
		return check_instance(&s, doc);
	return check_node(&s, doc->name, doc);
}
