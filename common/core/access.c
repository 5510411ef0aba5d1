/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access rights (TS 102 690, access rights): which right governs, who matches, which flags that
 * gives.
 */
#include "config.h"

#include "core/group.h"

#define BIT(flag) (1u << (flag))
#define ALL_FLAGS (BIT(FLAG_READ) | BIT(FLAG_WRITE) | BIT(FLAG_DISCOVER) | BIT(FLAG_DELETE) | BIT(FLAG_CREATE))

/* Groups that one evaluation looks into: those that contain each other have no end. */
#define GROUPS_MAX 32u

/* What an evaluation needs. */
struct question {
	struct scl *scl;
	struct rtx *tx;
	const struct originator *who;
	int64_t *until;
	bool not_announcing; /* without the right that is for announcements alone */
	unsigned *groups; /* looked into so far */
};

/* link of the registered scl called name; empty when there is none. */
static struct slice
link_of(const struct question *q, struct slice name)
{
	struct child c;
	struct res *scl;

	if (repo_child(q->tx, ID_SCL_BASE, T_SCLS, name, &c) != RC_OK ||
	    repo_get(q->tx, c.id, &scl) != RC_OK)
		return SLICE_NONE;
	if (c.expires < *q->until)
		*q->until = c.expires;
	return comparable_uri(q->scl, repo_arena(q->tx), val_text(scl->vals, A_LINK));
}

static bool
is_scl(const struct question *q, struct slice name)
{
	struct slice link;

	if (slice_eq(name, q->scl->id))
		return q->who->self;
	link = link_of(q, name);
	return link.n > 0 && slice_eq(link, q->who->normal);
}

/* Names one entity: an application, an SCL. */
static bool
is_entity(const struct question *q, struct slice normal)
{
	struct slice scls;

	if (slice_eq(normal, q->who->normal))
		return true;
	/* The local scl resource stands for the SCL that it describes. */
	scls = arena_printf(repo_arena(q->tx), "%.*s/scls", (int)q->scl->base_path.n,
	                    q->scl->base_path.p);
	if (normal.n > scls.n + 1 && uri_path_below(normal, scls))
		return is_scl(q, slice_from(normal, scls.n + 1));
	return false;
}

static bool
looks_like_group(struct slice path)
{
	return path.p[0] == '/' && (memmem(path.p, path.n, "/groups/", 8) != NULL ||
	                            memmem(path.p, path.n, "/GR/", 4) != NULL);
}

/* The group of this SCL at path, NULL when there is none. */
static const struct res *
group_at(const struct question *q, struct slice path)
{
	struct target t;

	if (!looks_like_group(path) || target_find(q->scl, q->tx, path, &t) != RC_OK ||
	    t.kind != TARGET_NODE || t.attr != NULL || t.type->number != T_GROUP ||
	    ++*q->groups > GROUPS_MAX)
		return NULL;
	if (t.until < *q->until)
		*q->until = t.until;
	return t.node;
}

/* One of the group's members, or of the members of groups whose membersContent is one. */
static bool
in_group(const struct question *q, struct slice path)
{
	const struct res *group = group_at(q, path);
	struct arena *a = repo_arena(q->tx);
	struct arena_mark mark;
	bool found = false;

	for (const struct val *m = group == NULL ? NULL : group_members(group); m != NULL && !found;
	     m = m->next) {
		struct slice normal, nested;

		mark = arena_mark(a);
		normal = comparable_uri(q->scl, a, m->text);
		nested = members_content_owner(normal);
		found = normal.n > 0 && (is_entity(q, normal) || (nested.n > 0 && in_group(q, nested)));
		arena_rewind(a, mark);
	}
	return found;
}

static bool
match_ref(const struct question *q, struct slice uri)
{
	struct slice normal = comparable_uri(q->scl, repo_arena(q->tx), uri);

	return normal.n > 0 && (is_entity(q, normal) || in_group(q, normal));
}

static bool
match_app(const struct question *q, struct slice id)
{
	return id.n > 0 && slice_eq(id, q->who->app_id);
}

/* With a path part: prefix on a segment boundary; without: the host or a parent domain of it. */
static bool
match_domain(const struct question *q, struct slice domain)
{
	struct uri who, d;
	struct slice full = arena_printf(repo_arena(q->tx), "http://%.*s", (int)domain.n, domain.p);
	struct slice text = q->who->uri;
	bool has_scheme = uri_is_absolute(domain);

	if (!uri_parse(has_scheme ? domain : full, &d))
		return false;
	if (!uri_is_absolute(text))
		text = absolute_uri(q->scl, repo_arena(q->tx), text);
	if (!uri_parse(text, &who) || who.host.n < d.host.n)
		return false;
	if (d.path.n > 1)
		return slice_eq(who.host, d.host) && (d.port.n == 0 || slice_eq(who.port, d.port)) &&
		       uri_path_below(who.path, d.path);
	return slice_eq(slice_from(who.host, who.host.n - d.host.n), d.host) &&
	       (who.host.n == d.host.n || who.host.p[who.host.n - d.host.n - 1] == '.');
}

static const struct {
	unsigned list;
	bool (*match)(const struct question *q, struct slice text);
} holder_kinds[] = {
	{ A_HOLDER_REFS, match_ref },
	{ A_APPLICATION_IDS, match_app },
	{ A_SCL_IDS, is_scl },
	{ A_DOMAINS, match_domain },
};

static bool
holders_match(const struct question *q, const struct val *holders)
{
	if (val_get(holders, A_ALL) != NULL)
		return true;
	/* Who has no name is nobody's holder. */
	if (q->who->uri.n == 0)
		return false;
	for (size_t i = 0; i < sizeof(holder_kinds) / sizeof(holder_kinds[0]); i++) {
		const struct val *list = val_get(holders, holder_kinds[i].list);

		for (const struct val *v = list == NULL ? NULL : list->first; v != NULL; v = v->next)
			if (holder_kinds[i].match(q, v->text))
				return true;
	}
	return false;
}

/* Union of the flags of all permissions with a matching holder. */
static unsigned
list_flags(const struct question *q, const struct val *list)
{
	unsigned flags = 0;

	for (const struct val *p = list == NULL ? NULL : list->first; p != NULL; p = p->next) {
		const struct val *given = val_get(p->first, A_PERMISSION_FLAGS);
		const struct val *holders = val_get(p->first, A_PERMISSION_HOLDERS);

		if (given == NULL || holders == NULL || !holders_match(q, holders->first))
			continue;
		for (const struct val *f = given->first; f != NULL; f = f->next)
			flags |= BIT((unsigned)f->num);
	}
	return flags;
}

/* The application whose resource the announcement is of. */
static bool
is_announced_app(const struct question *q, const struct target *t)
{
	struct slice link;

	if (q->who->app_id.n == 0 || !rtype_is_annc(t->node->type))
		return false;
	link = comparable_uri(q->scl, repo_arena(q->tx), val_text(t->node->vals, A_LINK));
	return uri_path_below(link, q->who->normal);
}

static bool
takes_anncs(const struct rtype *t)
{
	for (const uint8_t *n = t->creates; n != NULL && *n != 0; n++)
		if (rtype_is_annc(rtype_get(*n)))
			return true;
	return false;
}

/*
 * An application of a registered SCL: its resources are announced in its own name (TS 102 690,
 * announcing). SCLs are not an application's to announce.
 */
static bool
may_announce(const struct question *q, const struct target *t)
{
	struct slice link;

	if (q->not_announcing || t->scl == ID_NONE || t->kind != TARGET_COLLECTION ||
	    q->who->app_id.n == 0 || t->type->number == T_SCL_ANNCS || !takes_anncs(t->type))
		return false;
	link = link_of(q, t->scl_name);
	return link.n > 0 && uri_path_below(q->who->normal, link);
}

/* Owner subtrees (TS 102 690, access rights); everybody else has none. */
static unsigned
default_flags(const struct question *q, const struct target *t)
{
	if (t->app != ID_NONE && t->app_path.n > 0 && slice_eq(q->who->local_path, t->app_path))
		return ALL_FLAGS;
	if (t->scl != ID_NONE && is_scl(q, t->scl_name))
		return ALL_FLAGS;
	if (is_announced_app(q, t))
		return ALL_FLAGS;
	return may_announce(q, t) ? BIT(FLAG_CREATE) : 0;
}

static unsigned
right_flags(const struct question *q, const struct target *t, struct slice right)
{
	struct slice path = right.n == 0 ? SLICE_NONE : own_path(q->scl, repo_arena(q->tx), right);
	struct target r;

	if (path.n == 0 || target_find(q->scl, q->tx, path, &r) != RC_OK ||
	    r.kind != TARGET_NODE || r.type->number != T_ACCESS_RIGHT)
		return default_flags(q, t);
	if (r.until < *q->until)
		*q->until = r.until;
	return list_flags(q, val_get(r.node->vals, A_PERMISSIONS));
}

enum rc
collection_right(struct rtx *tx, const struct res *node, slot_t slot, struct slice *right)
{
	const struct val *inherited;
	struct coll c;

	TRY(repo_coll_get(tx, node->id, slot, &c));
	inherited = val_get(node->vals, A_INHERITED_RIGHT);
	if (c.has_right)
		*right = c.right;
	else if (inherited != NULL)
		*right = inherited->text;
	else
		*right = val_text(node->vals, A_ACCESS_RIGHT_ID);
	return RC_OK;
}

/* The collection or node that subscriptions hang from. */
static void
subscribed_place(const struct target *t, struct target *out)
{
	*out = *t;
	out->slot = t->slot >> 8;
	out->type = out->slot == SLOT_SELF ? t->node->type : rtype_get(slot_type(out->slot));
	out->kind = out->slot == SLOT_SELF ? TARGET_NODE : TARGET_COLLECTION;
}

static enum rc place_flags(const struct question *q, const struct target *t, unsigned *flags);

/* Creator: everything. Others: DELETE on the subscribed resource, else they see nothing (6.4.1). */
static enum rc
subscription_flags(const struct question *q, const struct target *t, unsigned *flags)
{
	struct slice creator = val_text(t->node->vals, A_SUBSCRIBER_ID);
	struct target place = *t;

	*flags = ALL_FLAGS;
	if (slice_eq(comparable_uri(q->scl, repo_arena(q->tx), creator), q->who->normal))
		return RC_OK;
	place.id = t->node->parent;
	place.slot = t->node->slot;
	place.container = ID_NONE;
	TRY(repo_get(q->tx, place.id, &place.node));
	subscribed_place(&place, &place);
	TRY(place_flags(q, &place, flags));
	*flags = *flags & BIT(FLAG_DELETE) ? ALL_FLAGS : 0;
	return RC_OK;
}

/*
 * What stands for a registered device here is the device's to keep true, whoever else may see or
 * manage it (TS 102 690, mgmtObj).
 */
static bool
is_told_by_device(const struct question *q, const struct target *t)
{
	unsigned type = rtype_base(t->type);

	return t->scl != ID_NONE && is_scl(q, t->scl_name) &&
	       (type == T_MGMT_OBJS || type == T_MGMT_OBJ || type == T_PARAMETERS);
}

static enum rc
place_flags(const struct question *q, const struct target *t, unsigned *flags)
{
	struct slice right;
	struct target place;

	switch ((enum govern)t->type->govern) {
	case GOVERN_ANYONE:
		*flags = ALL_FLAGS;
		return RC_OK;
	case GOVERN_DEFAULT:
		*flags = default_flags(q, t);
		return RC_OK;
	case GOVERN_SELF:
		*flags = list_flags(q, val_get(t->node->vals, A_SELF_PERMISSIONS));
		return RC_OK;
	case GOVERN_SUBSCRIBED:
		if (t->kind == TARGET_NODE)
			return subscription_flags(q, t, flags);
		subscribed_place(t, &place);
		return place_flags(q, &place, flags);
	case GOVERN_PARENT:
		*flags = right_flags(q, t, val_text(t->node->vals, A_ACCESS_RIGHT_ID));
		return RC_OK;
	case GOVERN_OWN:
		break;
	}
	right = val_text(t->node->vals, A_ACCESS_RIGHT_ID);
	if (t->kind == TARGET_COLLECTION)
		TRY(collection_right(q->tx, t->node, t->slot, &right));
	if (t->kind == TARGET_APOC && val_get(t->apoc_path->first, A_ACCESS_RIGHT_ID) != NULL)
		right = val_text(t->apoc_path->first, A_ACCESS_RIGHT_ID);
	if (t->kind == TARGET_FANOUT && val_get(t->node->vals, A_MEMBERS_CONTENT_ACCESS_RIGHT_ID) != NULL)
		right = val_text(t->node->vals, A_MEMBERS_CONTENT_ACCESS_RIGHT_ID);
	*flags = is_told_by_device(q, t) ? ALL_FLAGS : right_flags(q, t, right);
	return RC_OK;
}

enum rc
access_flags(struct scl *scl, struct rtx *tx, const struct originator *who, const struct target *t,
             unsigned *flags, int64_t *until)
{
	unsigned groups = 0;
	const struct question q = { scl, tx, who, until, false, &groups };

	*flags = ALL_FLAGS;
	return who->self ? RC_OK : place_flags(&q, t, flags);
}

enum rc
access_announces_only(struct scl *scl, struct rtx *tx, const struct originator *who,
                      const struct target *t, bool *yes)
{
	int64_t until = CLOCK_NEVER;
	unsigned groups = 0;
	struct question q = { scl, tx, who, &until, false, &groups };
	unsigned flags;

	*yes = false;
	if (who->self || !may_announce(&q, t))
		return RC_OK;
	q.not_announcing = true;
	TRY(place_flags(&q, t, &flags));
	*yes = (flags & BIT(FLAG_CREATE)) == 0;
	return RC_OK;
}

enum rc
access_judge(const struct target *t, unsigned flags, enum permission_flag flag)
{
	/* To subscribe and to list the subscriptions is to read what they watch. */
	if (t->type->number == T_SUBSCRIPTIONS)
		flag = FLAG_READ;
	/* Any flag implies that the holder may know of the resource. */
	if (flag == FLAG_DISCOVER)
		return flags != 0 ? RC_OK : RC_NOT_FOUND;
	if (flags & BIT(flag))
		return RC_OK;
	return flags != 0 ? RC_DENIED : RC_NOT_FOUND;
}

enum rc
access_check(struct scl *scl, struct rtx *tx, const struct originator *who, const struct target *t,
             enum permission_flag flag)
{
	int64_t until = CLOCK_NEVER;
	unsigned flags;

	TRY(access_flags(scl, tx, who, t, &flags, &until));
	return access_judge(t, flags, flag);
}
