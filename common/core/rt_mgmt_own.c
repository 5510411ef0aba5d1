/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The own collection, <sclBase>/scls/mgmtObjs: what the capabilities of this SCL keep there, in one
 * transaction, and what it says as documents for another SCL.
 */
#include "config.h"

#include "core/own_job.h"
#include "core/rt_mgmt.h"

#include <stdlib.h>

/* ---- which values are kept ---- */

#define FACTS_MAX 16

struct kept_one {
	char name[REPO_NAME_MAX + 1];
	uint16_t facts[FACTS_MAX];
	unsigned n;
};

struct mgmt_kept {
	pthread_mutex_t lock;
	struct kept_one *v;
	size_t n;
};

struct mgmt_kept *
mgmt_kept_new(void)
{
	struct mgmt_kept *k = calloc(1, sizeof(*k));

	if (k != NULL)
		pthread_mutex_init(&k->lock, NULL);
	return k;
}

void
mgmt_kept_free(struct mgmt_kept *k)
{
	if (k == NULL)
		return;
	pthread_mutex_destroy(&k->lock);
	free(k->v);
	free(k);
}

static const struct kept_one *
kept_named(const struct mgmt_kept *k, struct slice name)
{
	for (size_t i = 0; i < k->n; i++)
		if (slice_is(name, k->v[i].name))
			return &k->v[i];
	return NULL;
}

bool
mgmt_own_is_kept(struct mgmt *m, struct slice name)
{
	struct mgmt_kept *k = mgmt_kept_of(m);
	bool kept;

	pthread_mutex_lock(&k->lock);
	kept = kept_named(k, name) != NULL;
	pthread_mutex_unlock(&k->lock);
	return kept;
}

bool
mgmt_own_is_fact(struct mgmt *m, struct slice name, unsigned attr)
{
	struct mgmt_kept *k = mgmt_kept_of(m);
	const struct kept_one *one;
	bool fact = false;

	pthread_mutex_lock(&k->lock);
	one = kept_named(k, name);
	for (unsigned i = 0; one != NULL && i < one->n; i++)
		fact = fact || one->facts[i] == attr;
	pthread_mutex_unlock(&k->lock);
	return fact;
}

static void
keep(struct kept_one *one, const struct mgmt_own *own)
{
	size_t n = strlen(own->name);

	memcpy(one->name, own->name, n > REPO_NAME_MAX ? REPO_NAME_MAX : n);
	for (const struct val *v = own->facts; v != NULL && one->n < FACTS_MAX; v = v->next)
		one->facts[one->n++] = v->attr;
}

static void
keep_all(struct mgmt_kept *k, const struct mgmt_sync *sync)
{
	struct kept_one *v = calloc(sync->n + 1, sizeof(*v)), *old;
	size_t n = 0;

	if (v == NULL)
		return;
	for (size_t i = 0; i < sync->n; i++)
		if (!sync->own[i].gone)
			keep(&v[n++], &sync->own[i]);
	pthread_mutex_lock(&k->lock);
	old = k->v;
	k->v = v;
	k->n = n;
	pthread_mutex_unlock(&k->lock);
	free(old);
}

/* ---- the transaction ---- */

struct syncing {
	struct own_job job; /* first */
	struct scl *scl;
	struct mgmt_sync *sync;
	bool changed;
};

static bool
copy_val(struct arena *a, struct val **list, const struct val *v)
{
	struct val *copy = val_add(a, list, v->attr);

	if (copy == NULL)
		return false;
	copy->num = v->num;
	copy->text = v->text;
	copy->first = v->first;
	copy->any = v->any;
	return true;
}

static bool
is_empty(const struct val *v)
{
	return v->num == 0 && v->text.n == 0 && v->first == NULL &&
	       attr_info(v->attr)->kind != K_LONG && attr_info(v->attr)->kind != K_ENUM;
}

/* The value as it is to be stored: an action is its own address. */
static struct val
fact_value(struct scl *scl, struct arena *a, const struct rtype *type, struct slice path,
           const struct val *fact)
{
	const struct rule *r = rtype_rule(type, fact->attr);
	struct val v = *fact;

	v.next = NULL;
	if (r != NULL && (r->elem & E_ACTION) && !is_empty(fact))
		v.text = child_reference(scl, a, path, attr_info(fact->attr)->name);
	return v;
}

static enum rc
set_facts(struct syncing *s, struct arena *a, struct slice path, const struct mgmt_own *own,
          struct res *self, bool *changed)
{
	for (const struct val *f = own->facts; f != NULL; f = f->next) {
		struct val v = fact_value(s->scl, a, self->type, path, f),
			   was = { .attr = f->attr };
		const struct val *stored = val_get(self->vals, f->attr);

		if (stored != NULL)
			was = *stored;
		was.next = NULL;
		if (stored == NULL ? is_empty(f) : val_equal(&was, &v))
			continue;
		*changed = true;
		val_remove(&self->vals, f->attr);
		if (!is_empty(f) && !copy_val(a, &self->vals, &v))
			return RC_UNAVAILABLE;
	}
	return RC_OK;
}

static struct slice
right_path(const struct syncing *s, struct arena *a)
{
	return arena_printf(a, "%.*s/accessRights/%s", (int)s->scl->base_path.n,
	                    s->scl->base_path.p, s->sync->right->id);
}

/* The same for a collection and for a node that has children itself. */
static enum rc
touch_parent(struct scl *scl, struct rtx *tx, uint64_t parent, slot_t slot)
{
	struct res *old, *self;

	TRY(repo_get(tx, parent, &old));
	if (slot != SLOT_SELF) {
		TRY(repo_coll_touch(tx, parent, slot, old->created));
	} else {
		TRY(repo_get(tx, parent, &self));
		self->modified = repo_now(tx) > old->modified ? repo_now(tx) : old->modified + 1;
		TRY(repo_update(tx, old, self));
	}
	return event_changed(scl, tx, parent, slot, true);
}

static enum rc
make(struct syncing *s, struct rtx *tx, const struct mgmt_own *own, struct res *self,
     struct slice path)
{
	struct arena *a = repo_arena(tx);
	bool changed;

	self->type = rtype_get(own->type);
	self->created = self->modified = repo_now(tx);
	self->expires = CLOCK_NEVER;
	for (const struct val *v = own->initial; v != NULL; v = v->next)
		if (!copy_val(a, &self->vals, v))
			return RC_UNAVAILABLE;
	if (s->sync->right != NULL &&
	    !val_set_text(a, &self->vals, A_ACCESS_RIGHT_ID, right_path(s, a)))
		return RC_UNAVAILABLE;
	if (rtype_rule(self->type, A_ORIGINAL_MO) != NULL &&
	    !val_set_text(a, &self->vals, A_ORIGINAL_MO, path))
		return RC_UNAVAILABLE;
	TRY(set_facts(s, a, path, own, self, &changed));
	TRY(repo_insert(tx, self));
	return touch_parent(s->scl, tx, self->parent, self->slot);
}

static enum rc
renew(struct syncing *s, struct rtx *tx, const struct mgmt_own *own, uint64_t id, struct slice path)
{
	struct res *old, *self;
	bool changed = false;

	TRY(repo_get(tx, id, &old));
	TRY(repo_get(tx, id, &self));
	TRY(set_facts(s, repo_arena(tx), path, own, self, &changed));
	if (!changed)
		return RC_OK;
	s->changed = true;
	return mgmt_store(s->scl, tx, old, self);
}

/* Where name's last segment is looked for. RC_NOT_FOUND: what it lies in is not there. */
static enum rc
find_parent(struct rtx *tx, const char *name, uint64_t *parent, slot_t *slot, struct slice *last)
{
	struct slice rest = slice_of(name), part;
	struct child c;

	*parent = ID_SCL_BASE;
	*slot = MGMT_OWN_SLOT;
	while (slice_split(&rest, '/', &part)) {
		*last = part;
		if (rest.p == NULL)
			return RC_OK;
		TRY(repo_child(tx, *parent, *slot, part, &c));
		*parent = c.id;
		*slot = SLOT_SELF;
	}
	return RC_NOT_FOUND;
}

static enum rc
sync_one(struct syncing *s, struct rtx *tx, const struct mgmt_own *own)
{
	struct res self = { 0 }, *node;
	struct slice path = arena_printf(repo_arena(tx), "%.*s/scls/mgmtObjs/%s",
	                                 (int)s->scl->base_path.n, s->scl->base_path.p, own->name);
	struct child c;
	enum rc rc = find_parent(tx, own->name, &self.parent, &self.slot, &self.name);

	if (rc == RC_OK)
		rc = repo_child(tx, self.parent, self.slot, self.name, &c);
	else if (rc == RC_NOT_FOUND && own->gone)
		return RC_OK;
	else
		return rc;
	if (rc == RC_OK && !own->gone && c.type == own->type)
		return renew(s, tx, own, c.id, path);
	if (rc == RC_OK) {
		s->changed = true;
		TRY(repo_get(tx, c.id, &node));
		TRY(remove_subtree(s->scl, tx, node, RC_GONE));
		rc = RC_NOT_FOUND;
	}
	if (rc != RC_NOT_FOUND || own->gone)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	s->changed = true;
	return make(s, tx, own, &self, path);
}

/* ---- the accessRight of those who manage ---- */

static bool
add_permission(struct arena *a, struct val **vals, unsigned attr, unsigned flags,
               const char *const *holders)
{
	struct val *list = val_add(a, vals, attr), *p, *given, *who, *refs;

	p = list == NULL ? NULL : val_add(a, &list->first, A_PERMISSION);
	if (p == NULL || !val_set_text(a, &p->first, A_ID, SLICE_LIT("managers")))
		return false;
	given = val_add(a, &p->first, A_PERMISSION_FLAGS);
	who = val_add(a, &p->first, A_PERMISSION_HOLDERS);
	refs = who == NULL ? NULL : val_add(a, &who->first, A_HOLDER_REFS);
	if (given == NULL || refs == NULL)
		return false;
	for (unsigned f = FLAG_READ; f <= FLAG_CREATE; f++) {
		struct val *flag = flags >> f & 1 ? val_add(a, &given->first, A_FLAG) : given;

		if (flag == NULL)
			return false;
		if (flag != given)
			flag->num = f;
	}
	for (; *holders != NULL; holders++) {
		struct val *ref = val_add(a, &refs->first, A_HOLDER_REF);

		if (ref == NULL)
			return false;
		ref->text = slice_of(*holders);
	}
	return true;
}

#define ALL_FLAGS 0x1fu

static enum rc
put_right(struct scl *scl, struct rtx *tx, const struct child *there, struct res *next)
{
	struct res *old, *self;

	if (there == NULL) {
		TRY(repo_insert(tx, next));
		return touch_parent(scl, tx, ID_SCL_BASE, T_ACCESS_RIGHTS);
	}
	TRY(repo_get(tx, there->id, &old));
	TRY(repo_get(tx, there->id, &self));
	if (old->type->number != T_ACCESS_RIGHT)
		return RC_CONFLICT;
	if (val_equal(val_get(old->vals, A_PERMISSIONS)->first,
	              val_get(next->vals, A_PERMISSIONS)->first))
		return RC_OK;
	val_remove(&self->vals, A_PERMISSIONS);
	if (!copy_val(repo_arena(tx), &self->vals, val_get(next->vals, A_PERMISSIONS)))
		return RC_UNAVAILABLE;
	return mgmt_store(scl, tx, old, self);
}

static enum rc
sync_right(struct syncing *s, struct rtx *tx)
{
	const struct mgmt_right *right = s->sync->right;
	struct arena *a = repo_arena(tx);
	struct res self = { .type = rtype_get(T_ACCESS_RIGHT),
		            .parent = ID_SCL_BASE,
		            .slot = T_ACCESS_RIGHTS,
		            .name = slice_of(right->id),
		            .created = repo_now(tx),
		            .modified = repo_now(tx),
		            .expires = CLOCK_NEVER };
	static const char *const nobody[] = { NULL };
	struct child c;
	struct coll coll;
	enum rc rc;

	if (!add_permission(a, &self.vals, A_PERMISSIONS, ALL_FLAGS, right->holders) ||
	    !add_permission(a, &self.vals, A_SELF_PERMISSIONS, 0, nobody))
		return RC_UNAVAILABLE;
	rc = repo_child(tx, ID_SCL_BASE, T_ACCESS_RIGHTS, self.name, &c);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	TRY(put_right(s->scl, tx, rc == RC_OK ? &c : NULL, &self));
	TRY(repo_coll_get(tx, ID_SCL_BASE, MGMT_OWN_SLOT, &coll));
	/* Whoever has given the collection another right meant that one. */
	if (coll.has_right)
		return RC_OK;
	coll.has_right = true;
	coll.right = right_path(s, a);
	if (coll.modified == 0)
		coll.modified = repo_now(tx);
	return repo_coll_put(tx, ID_SCL_BASE, MGMT_OWN_SLOT, &coll);
}

static enum rc
sync_run(struct own_job *oj, struct rtx *tx)
{
	struct syncing *s = (struct syncing *)(void *)oj;

	s->changed = false;
	if (s->sync->right != NULL)
		TRY(sync_right(s, tx));
	for (size_t i = 0; i < s->sync->n; i++)
		TRY(sync_one(s, tx, &s->sync->own[i]));
	if (s->changed)
		mgmt_note_changed(s->scl);
	return RC_OK;
}

static void
sync_done(struct own_job *oj, enum rc rc)
{
	struct syncing *s = (struct syncing *)(void *)oj;
	struct mgmt_sync *sync = s->sync;

	free(s);
	sync->done(sync, rc);
}

/* What cannot be begun is told like what has failed: never from within mgmt_sync. */
struct refusal {
	struct scl_task task; /* first */
	struct mgmt_sync *sync;
};

static void
refused(struct scl_task *task)
{
	struct refusal *r = (struct refusal *)(void *)task;
	struct mgmt_sync *sync = r->sync;

	free(r);
	sync->done(sync, RC_UNAVAILABLE);
}

void
mgmt_sync(struct scl *scl, struct mgmt_sync *sync)
{
	struct syncing *s = calloc(1, sizeof(*s));
	struct refusal *r;

	if (s != NULL) {
		s->scl = scl;
		s->sync = sync;
		s->job.run = sync_run;
		s->job.done = sync_done;
		/* Before the first of them can be seen, it is known what of it is not a client's. */
		keep_all(mgmt_kept_of(scl->mgmt), sync);
		if (own_job_submit(scl, &s->job))
			return;
		free(s);
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		abort();
	r->task.run = refused;
	r->sync = sync;
	scl_post(scl, &r->task, 0);
}
