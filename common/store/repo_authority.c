/* SPDX-License-Identifier: Apache-2.0 */
/* The index by authority: where registered SCLs are reached. */
#include "config.h"

#include "base/uri.h"
#include "store/repo_impl.h"

/* An authority has no zero in it, so none is the beginning of another. */
void
authority_key(struct repo_key *k, struct slice authority, uint64_t id)
{
	key_init(k, SPACE_AUTHORITY);
	key_text(k, authority);
	key_be(k, 0, 1);
	if (id != ID_NONE)
		key_be(k, id, 8);
}

/* A URI that is none is not indexed; one that finds no memory must not be lost. */
static enum rc
visit_uri(struct arena *a, struct slice uri, authority_visit *visit, void *arg)
{
	struct slice authority = uri_authority(a, uri);

	if (authority.n == 0)
		return arena_failed(a) ? RC_UNAVAILABLE : RC_OK;
	return authority.n > REPO_AUTHORITY_MAX ? RC_OK : visit(arg, authority);
}

static enum rc
visit_scl(struct arena *a, const struct val *vals, authority_visit *visit, void *arg)
{
	const struct val *pocs = val_get(vals, A_POCS), *v = pocs == NULL ? NULL : pocs->first;
	enum rc rc = visit_uri(a, val_text(vals, A_LINK), visit, arg);

	/* Release 1 has points of contact in pocs. */
	for (; v != NULL && rc == RC_OK; v = v->next)
		rc = visit_uri(a, v->text, visit, arg);
	return rc;
}

enum rc
authorities_each(struct arena *a, const struct res *r, authority_visit *visit, void *arg)
{
	const struct val *info;

	if (r->type->number == T_SCL)
		return visit_scl(a, r->vals, visit, arg);
	info = r->type->number == T_M2M_POC ? val_get(r->vals, A_CONTACT_INFO) : NULL;
	return info == NULL ? RC_OK : visit_uri(a, val_text(info->first, A_CONTACT_URI), visit, arg);
}

struct entry {
	struct rtx *tx;
	uint64_t id;
};

static enum rc
entry_put(void *arg, struct slice authority)
{
	const struct entry *e = arg;
	struct repo_key k;

	authority_key(&k, authority, e->id);
	rec_begin(e->tx);
	return rec_put(e->tx, &k);
}

static enum rc
entry_del(void *arg, struct slice authority)
{
	const struct entry *e = arg;
	struct repo_key k;
	enum rc rc;

	authority_key(&k, authority, e->id);
	rc = rec_del(e->tx, &k);
	/* The same authority twice has one entry. */
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc
authorities_add(struct rtx *tx, const struct res *r)
{
	struct entry e = { tx, r->id };

	return authorities_each(tx->arena, r, entry_put, &e);
}

enum rc
authorities_remove(struct rtx *tx, const struct res *r)
{
	struct entry e = { tx, r->id };

	return authorities_each(tx->arena, r, entry_del, &e);
}

static bool
same_list(const struct res *a, const struct res *b, unsigned attr)
{
	const struct val *x = val_get(a->vals, attr), *y = val_get(b->vals, attr);

	return val_equal(x == NULL ? NULL : x->first, y == NULL ? NULL : y->first);
}

enum rc
authorities_update(struct rtx *tx, const struct res *old, const struct res *self)
{
	enum rc rc;

	if (slice_eq(val_text(old->vals, A_LINK), val_text(self->vals, A_LINK)) &&
	    same_list(old, self, A_POCS) && same_list(old, self, A_CONTACT_INFO))
		return RC_OK;
	rc = authorities_remove(tx, old);
	return rc == RC_OK ? authorities_add(tx, self) : rc;
}

struct scan {
	repo_visit_id *visit;
	void *arg;
	size_t prefix;
	bool damaged;
};

static bool
scan_entry(void *arg, struct slice key, struct slice val)
{
	struct scan *s = arg;
	struct reader r = { slice_from(key, s->prefix), true };
	uint64_t id = read_be(&r, 8);

	s->damaged = !rec_check(&val) || !r.ok || r.rest.n > 0;
	return !s->damaged && s->visit(s->arg, id);
}

enum rc
repo_reached(struct rtx *tx, struct slice authority, repo_visit_id *visit, void *arg)
{
	struct scan s = { .visit = visit, .arg = arg };
	struct repo_key k;
	enum rc rc;

	if (authority.n > REPO_AUTHORITY_MAX || tx->repo->format != REPO_FORMAT)
		return RC_UNAVAILABLE;
	authority_key(&k, authority, ID_NONE);
	s.prefix = k.n;
	rc = rec_scan(tx, &k, false, 0, scan_entry, &s);
	return rc == RC_OK && s.damaged ? RC_INTERNAL : rc;
}
