/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregations as they are stored (TS 102 690, groups): the group keeps a list of them, in no rule
 * of its type; each also has a record of its own, found by the address that the members notify
 * without a look at the group.
 */
#include "config.h"

#include "base/ident.h"
#include "core/group.h"

#include <stdlib.h>

#define ENTRY_VERSION 1u
#define ENTRY_HEADER 9u

static const struct val *
entries_of(const struct res *group)
{
	const struct val *list = val_get(group->vals, A_AGGREGATIONS);

	return list == NULL ? NULL : list->first;
}

static int64_t
entry_expires(const struct val *values)
{
	return val_num(values, A_EXPIRATION_TIME, CLOCK_NEVER);
}

/* ---- the record ---- */

/* The first half of a token is the key, so that nobody has to search. */
static bool
key_of(struct slice token, uint64_t *key)
{
	*key = 0;
	if (token.n != IDENT_SECRET_LEN)
		return false;
	for (size_t i = 0; i < 16; i++) {
		char c = token.p[i];

		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
		*key = *key << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return true;
}

static enum rc
record_put(struct rtx *tx, uint64_t group, const struct val *values)
{
	enum rc rc = RC_UNAVAILABLE;
	struct buf b;
	uint64_t key;

	if (!key_of(val_text(values, A_AGGREGATION_TOKEN), &key))
		return RC_INTERNAL;
	buf_init(&b, 1u << 20);
	buf_be(&b, ENTRY_VERSION, 1);
	buf_be(&b, group, 8);
	vals_encode(&b, values);
	if (!b.failed)
		rc = repo_work_put(tx, WORK_AGGREGATE, key, buf_view(&b));
	buf_fini(&b);
	return rc;
}

static enum rc
record_remove(struct rtx *tx, const struct val *values)
{
	uint64_t key;

	return key_of(val_text(values, A_AGGREGATION_TOKEN), &key)
	               ? repo_work_remove(tx, WORK_AGGREGATE, key)
	               : RC_OK;
}

enum rc
aggregation_find(struct rtx *tx, struct slice token, struct aggregation_entry *out)
{
	struct slice bytes;
	struct val *values;
	uint64_t key;

	if (!key_of(token, &key))
		return RC_NOT_FOUND;
	TRY(repo_work_get(tx, WORK_AGGREGATE, key, &bytes));
	if (bytes.n < ENTRY_HEADER || bytes.p[0] != ENTRY_VERSION)
		return RC_INTERNAL;
	TRY(vals_decode(repo_arena(tx), slice_from(bytes, ENTRY_HEADER), &values));
	if (!slice_eq(val_text(values, A_AGGREGATION_TOKEN), token) ||
	    val_text(values, A_SUBSCRIBER_ID).n == 0)
		return RC_NOT_FOUND;
	*out = (struct aggregation_entry){ .contact = val_text(values, A_CONTACT),
		                           .creator = val_text(values, A_SUBSCRIBER_ID),
		                           .syntax = val_text(values, A_SYNTAX),
		                           .delay = val_num(values, A_DELAY_TOLERANCE, 0) };
	for (size_t i = 1; i < ENTRY_HEADER; i++)
		out->group = out->group << 8 | (unsigned char)bytes.p[i];
	return RC_OK;
}

/* ---- the list of the group ---- */

/* The one that would deliver in the same way. */
static const struct val *
entry_like(const struct res *group, const struct val *wanted)
{
	for (const struct val *e = entries_of(group); e != NULL; e = e->next)
		if (slice_eq(val_text(e->first, A_CONTACT), val_text(wanted, A_CONTACT)) &&
		    slice_eq(val_text(e->first, A_SUBSCRIBER_ID),
		             val_text(wanted, A_SUBSCRIBER_ID)) &&
		    slice_eq(val_text(e->first, A_SYNTAX), val_text(wanted, A_SYNTAX)) &&
		    val_num(e->first, A_DELAY_TOLERANCE, 0) ==
		            val_num(wanted, A_DELAY_TOLERANCE, 0))
			return e;
	return NULL;
}

/* Drops the entry that is replaced, and what has expired when there are too many. *n: the rest. */
static enum rc
make_room(struct rtx *tx, struct val *list, struct slice token, unsigned max, size_t *n)
{
	struct val **at;

	*n = 0;
	for (const struct val *e = list->first; e != NULL; e = e->next)
		++*n;
	for (at = &list->first; *at != NULL;) {
		const struct val *values = (*at)->first;
		bool replaced = slice_eq(val_text(values, A_AGGREGATION_TOKEN), token);

		if (!replaced && (max == 0 || *n < max || entry_expires(values) > repo_now(tx))) {
			at = &(*at)->next;
			continue;
		}
		TRY(record_remove(tx, values));
		*at = (*at)->next;
		--*n;
	}
	return RC_OK;
}

enum rc
aggregation_store(struct scl *scl, struct rtx *tx, uint64_t group, const struct val *values)
{
	unsigned max = scl_conf(scl)->subscriptions_per_resource;
	struct res *old, *self;
	struct val *list, *e;
	size_t n;

	TRY(repo_get(tx, group, &old));
	TRY(repo_get(tx, group, &self));
	list = val_find(self->vals, A_AGGREGATIONS);
	if (list == NULL)
		list = val_add(repo_arena(tx), &self->vals, A_AGGREGATIONS);
	if (list == NULL)
		return RC_UNAVAILABLE;
	TRY(make_room(tx, list, val_text(values, A_AGGREGATION_TOKEN), max, &n));
	if (max > 0 && n >= max)
		return RC_FORBIDDEN;
	e = val_add(repo_arena(tx), &list->first, A_AGGREGATION);
	if (e == NULL)
		return RC_UNAVAILABLE;
	/* The values are only read. */
	e->first = (struct val *)(uintptr_t)values;
	TRY(record_put(tx, group, values));
	return repo_update(tx, old, self);
}

enum rc
aggregations_end(struct rtx *tx, const struct res *group)
{
	for (const struct val *e = entries_of(group); e != NULL; e = e->next)
		TRY(record_remove(tx, e->first));
	return RC_OK;
}

/* ---- who may notify ---- */

/* A fixed segment may have been written in its short form. */
static bool
same_segment(struct slice written, struct slice full)
{
	if (slice_eq(written, full))
		return true;
	for (unsigned n = 1; n < T_MAX; n++) {
		const struct rtype *t = rtype_get(n);

		if (t != NULL && t->short_name != NULL && slice_is(written, t->short_name) &&
		    slice_is(full, t->name))
			return true;
	}
	return false;
}

static bool
is_below(struct slice path, struct slice member)
{
	struct slice written, full;

	while (slice_split(&member, '/', &written))
		if (!slice_split(&path, '/', &full) || !same_segment(written, full))
			return false;
	return true;
}

/*
 * What a member's subscription sends is below the member. What comes through another group is
 * below one of that group's, which is not ours to know.
 */
static bool
comes_from_member(struct req *rq, const struct res *group, struct slice reference,
                  struct slice path)
{
	const struct val *members = group_members(group);

	/* Nearly always it is written like that. */
	for (const struct val *m = members; m != NULL; m = m->next)
		if (uri_path_below(path, m->text) || uri_path_below(reference, m->text) ||
		    members_content_owner(m->text).n > 0)
			return true;
	for (const struct val *m = members; m != NULL; m = m->next) {
		struct arena_mark mark = arena_mark(rq->arena);
		struct slice member = comparable_uri(rq->scl, rq->arena, m->text);
		bool found = member.n > 0 &&
		             (members_content_owner(member).n > 0 || is_below(path, member));

		arena_rewind(rq->arena, mark);
		if (found)
			return true;
	}
	return false;
}

enum rc
aggregation_check(struct req *rq, uint64_t id, struct slice reference)
{
	struct slice path = comparable_uri(rq->scl, rq->arena, reference);
	struct res *group;
	enum rc rc;

	if (path.n == 0)
		return RC_NOT_FOUND;
	rc = repo_get(rq->tx, id, &group);
	if (rc != RC_OK)
		return rc;
	return comes_from_member(rq, group, reference, path) ? RC_OK : RC_NOT_FOUND;
}

/* ---- a subscription through the group ---- */

static bool
bind_subscription(struct req *rq, struct val **vals)
{
	struct binder b = { .arena = rq->arena, .ordered = !rq->conf->tolerate_unordered };
	struct node *root;
	const char *why;

	if (rq->in_codec == NULL ||
	    rq->in_codec->decode(rq->arena, rq->in.body, &rq->conf->document, &root, &why) !=
	            RC_OK ||
	    !slice_is(root->name, "subscription"))
		return false;
	return bind_resource(&b, rtype_get(T_SUBSCRIPTION), BIND_CREATE, root, vals) == RC_OK;
}

/* Members on other SCLs read a path as one of theirs. */
static struct slice
absolute_contact(struct req *rq, struct slice contact)
{
	if (contact.n > 0 && contact.p[0] == '/')
		return absolute_uri(rq->scl, rq->arena, contact);
	return uri_is_absolute(contact) ? contact : SLICE_NONE;
}

static bool
new_token(struct req *rq, struct val **entry)
{
	char secret[IDENT_SECRET_LEN + 1];
	struct slice token;

	ident_secret(secret);
	token = arena_copy(rq->arena, slice_of(secret));
	return token.p != NULL && val_set_text(rq->arena, entry, A_AGGREGATION_TOKEN, token);
}

/* The entry that the subscription wants, with the token of one that is stored, if there is one. */
static bool
make_entry(struct req *rq, const struct val *sub, struct slice contact, struct val **entry,
           bool *stored)
{
	int64_t expires = val_num(sub, A_EXPIRATION_TIME, CLOCK_NEVER);
	int64_t delay = val_num(sub, A_DELAY_TOLERANCE, 0);
	const struct val *like;

	*entry = NULL;
	if (!val_set_text(rq->arena, entry, A_CONTACT, contact) ||
	    !val_set_text(rq->arena, entry, A_SUBSCRIBER_ID, rq->who.uri) ||
	    !val_set_text(rq->arena, entry, A_SYNTAX, slice_of(rq->in_codec->media_type)) ||
	    (delay != 0 && !val_set_num(rq->arena, entry, A_DELAY_TOLERANCE, delay)) ||
	    (expires != CLOCK_NEVER && !val_set_num(rq->arena, entry, A_EXPIRATION_TIME, expires)))
		return false;
	like = entry_like(rq->target.node, *entry);
	*stored = like != NULL && entry_expires(like->first) >= expires;
	if (like == NULL)
		return new_token(rq, entry);
	return val_set_text(rq->arena, entry, A_AGGREGATION_TOKEN,
	                    val_text(like->first, A_AGGREGATION_TOKEN));
}

static bool
render_subscription(struct req *rq, struct val *vals, struct slice contact, struct slice token,
                    struct slice *body)
{
	struct slice uri = ARENA_JOIN(rq->arena, rq->scl->own.base_uri,
	                              SLICE_LIT("/" AGGREGATION_SEGMENT "/"), token);
	struct buf b;

	if (uri.p == NULL || !val_set_text(rq->arena, &vals, A_CONTACT, contact) ||
	    !val_set_text(rq->arena, &vals, A_AGGREGATE_URI, uri))
		return false;
	buf_init(&b, rq->conf->body_max * 2);
	*body = encode_values(rq->in_codec, 2, rtype_get(T_SUBSCRIPTION), vals, &b)
	                ? arena_copy(rq->arena, buf_view(&b))
	                : SLICE_NONE;
	buf_fini(&b);
	return body->p != NULL;
}

bool
aggregation_prepare(struct req *rq, struct aggregation *out)
{
	struct val *vals, *entry;
	struct slice contact;
	bool stored;

	/*
	 * Release 1 knows no notifyCollection. One that names its aggregateURI already comes
	 * through another group, or wants another way.
	 */
	if (rq->conf->aggregation_wait == 0 || req_release(rq) == 1 ||
	    !bind_subscription(rq, &vals) || val_get(vals, A_AGGREGATE_URI) != NULL)
		return false;
	contact = absolute_contact(rq, val_text(vals, A_CONTACT));
	if (contact.n == 0 || !make_entry(rq, vals, contact, &entry, &stored))
		return false;
	out->entry = stored ? NULL : entry;
	return render_subscription(rq, vals, contact, val_text(entry, A_AGGREGATION_TOKEN),
	                           &out->body);
}
