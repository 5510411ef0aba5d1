/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fresh store begins with: sclBase and the configured access rights (TS 102 690, access
 * rights).
 */
#include "config.h"

#include "core/scl_impl.h"

#include <stdio.h>

static bool
add_texts(struct arena *a, struct val **holders, unsigned list, unsigned entry,
          const char *const *texts)
{
	struct val *v;

	if (texts == NULL || texts[0] == NULL)
		return true;
	v = val_add(a, holders, list);
	for (; v != NULL && *texts != NULL; texts++) {
		struct val *e = val_add(a, &v->first, entry);

		if (e == NULL)
			return false;
		e->text = slice_of(*texts);
	}
	return v != NULL;
}

static bool
add_holders(struct arena *a, struct val **holders, const struct scl_permission *p)
{
	return add_texts(a, holders, A_HOLDER_REFS, A_HOLDER_REF, p->refs) &&
	       add_texts(a, holders, A_APPLICATION_IDS, A_APPLICATION_ID, p->applications) &&
	       add_texts(a, holders, A_SCL_IDS, A_SCL_ID_ENTRY, p->scls) &&
	       (!p->all || val_add(a, holders, A_ALL) != NULL) &&
	       add_texts(a, holders, A_DOMAINS, A_DOMAIN, p->domains);
}

static bool
add_permission(struct arena *a, struct val **list, const struct scl_permission *p)
{
	struct val *v = val_add(a, list, A_PERMISSION), *flags, *holders;

	if (v == NULL || !val_set_text(a, &v->first, A_ID, slice_of(p->id)))
		return false;
	flags = val_add(a, &v->first, A_PERMISSION_FLAGS);
	holders = val_add(a, &v->first, A_PERMISSION_HOLDERS);
	if (flags == NULL || holders == NULL)
		return false;
	for (unsigned f = FLAG_READ; f <= FLAG_CREATE; f++)
		if (p->flags >> f & 1) {
			struct val *flag = val_add(a, &flags->first, A_FLAG);

			if (flag == NULL)
				return false;
			flag->num = f;
		}
	return add_holders(a, &holders->first, p);
}

static bool
add_list(struct arena *a, struct val **vals, unsigned attr, const struct scl_permission *p, size_t n)
{
	struct val *list = val_add(a, vals, attr);

	for (size_t i = 0; i < n && list != NULL; i++)
		if (!add_permission(a, &list->first, &p[i]))
			return false;
	return list != NULL;
}

static enum rc
create_rights(struct scl *scl, struct rtx *tx)
{
	struct arena *a = repo_arena(tx);

	for (size_t i = 0; i < scl->conf.n_access_rights; i++) {
		const struct scl_access_right *c = &scl->conf.access_rights[i];
		struct res r = { .type = rtype_get(T_ACCESS_RIGHT), .parent = ID_SCL_BASE,
			         .slot = T_ACCESS_RIGHTS, .name = slice_of(c->id),
			         .created = repo_now(tx), .modified = repo_now(tx),
			         .expires = CLOCK_NEVER };

		if (!add_list(a, &r.vals, A_PERMISSIONS, c->permissions, c->n_permissions) ||
		    !add_list(a, &r.vals, A_SELF_PERMISSIONS, c->self_permissions, c->n_self_permissions))
			return RC_UNAVAILABLE;
		TRY(repo_insert(tx, &r));
	}
	return RC_OK;
}

static enum rc
create_base(struct scl *scl, struct rtx *tx)
{
	struct arena *a = repo_arena(tx);
	const char *const *s = scl->conf.search_strings;
	struct res base = { .type = rtype_get(T_SCL_BASE), .id = ID_SCL_BASE,
		            .name = slice_of(scl->conf.base), .created = repo_now(tx),
		            .modified = repo_now(tx), .expires = CLOCK_NEVER };

	if (scl->conf.default_access_right != NULL &&
	    !val_set_text(a, &base.vals, A_ACCESS_RIGHT_ID,
	                  arena_printf(a, "/%s/accessRights/%s", scl->conf.base,
	                               scl->conf.default_access_right)))
		return RC_UNAVAILABLE;
	if (!add_texts(a, &base.vals, A_SEARCH_STRINGS, A_SEARCH_STRING, s))
		return RC_UNAVAILABLE;
	if (scl->conf.role == SCL_NSCL && !val_set_num(a, &base.vals, A_APOC_HANDLING, APOC_SHALLOW))
		return RC_UNAVAILABLE;
	TRY(repo_insert(tx, &base));
	return create_rights(scl, tx);
}

static bool
count_one(void *arg, uint64_t id)
{
	(void)id;
	++*(unsigned *)arg;
	return true;
}

static enum rc
take_stock(struct scl *scl, struct arena *a, char why[256])
{
	unsigned subscriptions = 0;
	struct res *base;
	struct rtx *tx;
	enum rc rc = repo_begin_read(scl->repo, a, &tx);

	if (rc != RC_OK)
		return rc;
	rc = repo_get(tx, ID_SCL_BASE, &base);
	if (rc == RC_OK && !slice_is(base->name, scl->conf.base)) {
		snprintf(why, 256, "the store was made for the sclBase \"%.*s\", not \"%s\"",
		         (int)base->name.n, base->name.p, scl->conf.base);
		rc = RC_CONFLICT;
	}
	if (rc == RC_OK)
		rc = repo_of_type(tx, T_SUBSCRIPTION, count_one, &subscriptions);
	repo_end_read(tx);
	scl->subscriptions = subscriptions;
	return rc;
}

enum rc
bootstrap(struct scl *scl, char why[256])
{
	struct arena *a = arena_new(scl->conf.arena_max);
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : RC_OK;

	snprintf(why, 256, "the store cannot be read");
	if (rc == RC_OK && repo_is_fresh(scl->repo)) {
		snprintf(why, 256, "the first resources cannot be stored");
		rc = repo_begin_write(scl->repo, &tx);
		if (rc == RC_OK) {
			repo_request(tx, a);
			rc = create_base(scl, tx);
			if (rc == RC_OK)
				rc = repo_commit(tx);
			else
				repo_abort(tx);
		}
	}
	if (rc == RC_OK)
		rc = take_stock(scl, a, why);
	arena_free(a);
	/* The first tick finds out what is really due and left over. */
	atomic_store(&scl->next_due, 0);
	atomic_store(&scl->removed, true);
	return rc;
}
