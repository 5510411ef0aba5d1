/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/announce_state.h"

#include "core/route.h"

#define WORK_VERSION 1

/* ---- on the announced resource ---- */

static void
read_one(const struct val *v, struct announcement *out)
{
	*out = (struct announcement){
		.scl = val_text(v->first, A_ANNC_SCL),
		.reference = val_text(v->first, A_ANNC_REFERENCE),
		.uri = val_text(v->first, A_ANNC_URI),
		.stamp = val_num(v->first, A_ANNC_STAMP, 0),
		.work = (uint64_t)val_num(v->first, A_ANNC_WORK, 0),
		.refresh = (uint64_t)val_num(v->first, A_ANNC_REFRESH, 0),
	};
}

enum rc
announcements_read(struct arena *a, const struct val *vals, size_t more, struct announcements *out)
{
	const struct val *list = val_get(vals, A_ANNOUNCED);
	size_t n = more;

	*out = (struct announcements){ 0 };
	for (const struct val *v = list == NULL ? NULL : list->first; v != NULL; v = v->next)
		n++;
	if (n == 0)
		return RC_OK;
	out->v = ARENA_ARRAY(a, struct announcement, n);
	if (out->v == NULL)
		return RC_UNAVAILABLE;
	for (const struct val *v = list == NULL ? NULL : list->first; v != NULL; v = v->next)
		read_one(v, &out->v[out->n++]);
	return RC_OK;
}

enum rc
announcements_write(struct arena *a, struct val **vals, const struct announcements *list)
{
	struct val *all;

	val_remove(vals, A_ANNOUNCED);
	if (list->n == 0)
		return RC_OK;
	all = val_add(a, vals, A_ANNOUNCED);
	for (size_t i = 0; i < list->n; i++) {
		const struct announcement *an = &list->v[i];
		struct val *v = all == NULL ? NULL : val_add(a, &all->first, A_ANNOUNCEMENT);

		if (v == NULL || !val_set_text(a, &v->first, A_ANNC_SCL, an->scl) ||
		    !val_set_text(a, &v->first, A_ANNC_REFERENCE, an->reference) ||
		    !val_set_text(a, &v->first, A_ANNC_URI, an->uri) ||
		    !val_set_num(a, &v->first, A_ANNC_STAMP, an->stamp) ||
		    !val_set_num(a, &v->first, A_ANNC_WORK, (int64_t)an->work) ||
		    !val_set_num(a, &v->first, A_ANNC_REFRESH, (int64_t)an->refresh))
			return RC_UNAVAILABLE;
	}
	return RC_OK;
}

struct announcement *
announcements_find(const struct announcements *list, struct slice scl)
{
	for (size_t i = 0; i < list->n; i++)
		if (slice_eq(list->v[i].scl, scl))
			return &list->v[i];
	return NULL;
}

const struct rtype *
announced_as(const struct rtype *t)
{
	if (t->annc != T_NONE)
		return rtype_get(t->annc);
	/* An announcement may be announced again (Release 2), as what it is. */
	return rtype_is_annc(t) && rtype_rule(t, A_ANNOUNCE_TO) != NULL ? t : NULL;
}

static uint64_t
mix(uint64_t h, struct slice s)
{
	/* Lengths keep "ab","c" and "a","bc" apart. */
	h = (h ^ s.n) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

int64_t
announce_stamp(const struct res *node)
{
	const struct val *labels = val_get(node->vals, A_SEARCH_STRINGS);
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const struct val *v = labels == NULL ? NULL : labels->first; v != NULL; v = v->next)
		h = mix(h, v->text);
	h = mix(h, val_text(node->vals, A_ACCESS_RIGHT_ID));
	h = mix(h, slice_make(&node->expires, sizeof(node->expires)));
	return h == 0 ? 1 : (int64_t)h;
}

bool
announce_wanted(const struct res *node, struct slice reference)
{
	const struct val *to = val_get(node->vals, A_ANNOUNCE_TO);
	const struct val *list = to == NULL ? NULL : val_get(to->first, A_SCL_LIST);

	if (list == NULL || val_num(to->first, A_ACTIVATED, 1) == 0)
		return false;
	for (const struct val *v = list->first; v != NULL; v = v->next)
		if (slice_eq(v->text, reference))
			return true;
	return false;
}

/* ---- the SCLs ---- */

enum rc
announce_peer_named(struct rtx *tx, struct slice name, struct res **peer)
{
	struct child c;

	TRY(repo_child(tx, ID_SCL_BASE, T_SCLS, name, &c));
	return repo_get(tx, c.id, peer);
}

enum rc
announce_peer(struct scl *scl, struct rtx *tx, struct slice entry, struct res **peer)
{
	struct arena *a = repo_arena(tx);
	struct slice uri = comparable_uri(scl, a, entry), name;
	struct slice scls = ARENA_JOIN(a, scl->base_path, SLICE_LIT("/scls/"));
	enum rc rc;

	if (entry.n == 0 || entry.n > REPO_NAME_MAX * 16)
		return RC_NOT_FOUND;
	if (entry.n <= REPO_NAME_MAX) {
		rc = announce_peer_named(tx, entry, peer);
		if (rc != RC_NOT_FOUND)
			return rc;
	}
	if (uri.n == 0)
		return RC_NOT_FOUND;
	if (uri.p[0] != '/')
		return route_registered(tx, uri, peer);
	if (!slice_starts(uri, scls) || !uri_decode(a, slice_from(uri, scls.n), &name) ||
	    name.n > REPO_NAME_MAX)
		return RC_NOT_FOUND;
	return announce_peer_named(tx, name, peer);
}

/* ---- the place of an announcement: TS 102 690, announcing ---- */

const struct rtype *
announce_collection(const struct res *node)
{
	return node->slot > UINT8_MAX ? NULL : rtype_get(slot_type(node->slot));
}

static bool
takes(const struct rtype *coll, const struct rtype *annc)
{
	for (const uint8_t *n = coll == NULL ? NULL : coll->creates; n != NULL && *n != 0; n++)
		if (*n == annc->number)
			return true;
	return false;
}

/* An scl is announced to another NSCL, by an NSCL, and not to itself. */
static bool
may_show_scl(const struct scl *scl, const struct res *node, const struct res *peer)
{
	return scl->conf.role == SCL_NSCL && node->id != peer->id &&
	       val_num(peer->vals, A_SCL_TYPE, SCL_GSCL) == SCL_NSCL;
}

/* Directly below the scl resource that the peer has of this SCL. */
static bool
place_below_scl(const struct scl *scl, const struct res *node, const struct res *peer,
                const struct rtype *coll, const struct rtype *annc)
{
	if (node->type->number == T_SCL)
		return may_show_scl(scl, node, peer);
	return takes(rtype_fixed_child(peer->type, slice_of(coll->name)), annc);
}

enum rc
announce_place(struct scl *scl, struct rtx *tx, const struct res *node, const struct res *peer,
               struct announcement *above)
{
	const struct rtype *coll = announce_collection(node), *annc = announced_as(node->type),
			   *host;
	struct announcement *an;
	struct announcements list;
	struct res *parent;

	if (coll == NULL || annc == NULL)
		return RC_NOT_FOUND;
	if (above != NULL)
		*above = (struct announcement){ 0 };
	if (node->parent == ID_SCL_BASE)
		return place_below_scl(scl, node, peer, coll, annc) ? RC_OK : RC_NOT_FOUND;
	TRY(repo_get(tx, node->parent, &parent));
	host = announced_as(parent->type);
	if (host == NULL || !takes(rtype_fixed_child(host, slice_of(coll->name)), annc))
		return RC_NOT_FOUND;
	TRY(announcements_read(repo_arena(tx), parent->vals, 0, &list));
	an = announcements_find(&list, peer->name);
	if (an == NULL)
		return RC_NOT_FOUND;
	if (above != NULL)
		*above = *an;
	return RC_OK;
}

/* The scl resource that peer has of this SCL. */
static struct slice
own_scl_at(const struct scl *scl, struct arena *a, const struct res *peer, unsigned name)
{
	struct slice link = val_text(peer->vals, A_LINK), own = scl->id;
	struct uri u;

	/* A gateway that was not told the SCL-ID of its NSCL names it by its authority. */
	if (name == 1 && uri_parse(scl->own.base_uri, &u))
		own = uri_authority_name(a, u.authority);
	while (link.n > 0 && link.p[link.n - 1] == '/')
		link.n--;
	return ARENA_JOIN(a, link, SLICE_LIT("/scls/"), uri_encode_segment(a, own));
}

enum rc
announce_uri(struct scl *scl, struct rtx *tx, const struct res *node, const struct res *peer,
             unsigned name, struct slice *uri, struct slice *collection)
{
	struct arena *a = repo_arena(tx);
	const char *coll = "sclAnncs";
	struct announcement above;
	struct slice base, at;

	TRY(announce_place(scl, tx, node, peer, &above));
	if (node->type->number != T_SCL)
		coll = announce_collection(node)->name;
	if (above.scl.n > 0 && above.uri.n == 0)
		return RC_UNAVAILABLE;
	base = above.scl.n > 0 ? above.uri : own_scl_at(scl, a, peer, name);
	at = ARENA_JOIN(a, base, SLICE_LIT("/"), slice_of(coll));
	*uri = ARENA_JOIN(a, at, SLICE_LIT("/"),
	                  uri_encode_segment(a, ARENA_JOIN(a, node->name, SLICE_LIT("Annc"))));
	if (collection != NULL)
		*collection = at;
	return uri->p == NULL ? RC_UNAVAILABLE : RC_OK;
}

struct slice
announce_issuer(const struct res *node, struct slice link)
{
	struct slice by = val_text(node->vals, A_ANNOUNCED_BY);

	/* By default rights only the application that link names may do more than create. */
	return by.n > 0 && uri_path_below(link, by) ? by : SLICE_NONE;
}

/* ---- works ---- */

static void
put_text(struct buf *b, struct slice s)
{
	buf_be(b, s.n, 4);
	buf_slice(b, s);
}

enum rc
announce_work_put(struct scl *scl, struct rtx *tx, uint64_t key, const struct announce_work *w)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, scl->conf.arena_max);
	buf_be(&b, WORK_VERSION, 1);
	buf_be(&b, w->form, 1);
	buf_be(&b, w->node, 8);
	buf_be(&b, w->cursor, 8);
	buf_be(&b, (uint64_t)w->after, 8);
	buf_be(&b, w->unsure, 1);
	put_text(&b, w->scl);
	put_text(&b, w->uri);
	put_text(&b, w->link);
	put_text(&b, w->from);
	rc = b.failed ? RC_UNAVAILABLE : repo_work_put(tx, WORK_ANNOUNCE, key, buf_view(&b));
	buf_fini(&b);
	TRY(rc);
	TRY(announce_index_add(tx, key, w));
	announcer_note(scl);
	return RC_OK;
}

static uint64_t
cut_be(struct slice *s, unsigned size, bool *ok)
{
	uint64_t v = 0;

	*ok = *ok && s->n >= size;
	for (unsigned i = 0; *ok && i < size; i++)
		v = v << 8 | (unsigned char)s->p[i];
	*s = slice_from(*s, size);
	return v;
}

static struct slice
cut_text(struct slice *s, bool *ok)
{
	uint64_t n = cut_be(s, 4, ok);
	struct slice text;

	*ok = *ok && n <= s->n;
	text = slice_head(*s, *ok ? (size_t)n : 0);
	*s = slice_from(*s, text.n);
	return text;
}

bool
announce_work_read(struct slice bytes, struct announce_work *w)
{
	bool ok = true;
	uint64_t version = cut_be(&bytes, 1, &ok);

	w->form = (enum announce_form)cut_be(&bytes, 1, &ok);
	w->node = cut_be(&bytes, 8, &ok);
	w->cursor = cut_be(&bytes, 8, &ok);
	w->after = (int64_t)cut_be(&bytes, 8, &ok);
	w->unsure = cut_be(&bytes, 1, &ok) != 0;
	w->scl = cut_text(&bytes, &ok);
	w->uri = cut_text(&bytes, &ok);
	w->link = cut_text(&bytes, &ok);
	w->from = cut_text(&bytes, &ok);
	return ok && version == WORK_VERSION && bytes.n == 0 && w->form >= ANNOUNCE_NODE &&
	       w->form <= ANNOUNCE_REFRESH;
}
