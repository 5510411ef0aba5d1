/* SPDX-License-Identifier: Apache-2.0 */
/* From a work to the next request that it needs. */
#include "config.h"

#include "base/times.h"
#include "core/announce_state.h"
#include "core/route.h"

/* Of another SCL, to be looked into on the courier thread. */
#define DOCUMENT_MAX 65536u

static enum rc
settle(struct announce_step *s, enum announce_next next, enum announce_outcome outcome)
{
	s->next = next;
	s->outcome = outcome;
	return RC_OK;
}

static void
request(struct announce_step *s, enum announce_purpose purpose, const char *method,
        struct slice target, struct slice from)
{
	s->next = NEXT_SEND;
	s->purpose = purpose;
	s->method = slice_of(method);
	s->target = target;
	s->from = from;
}

void
announce_step_owner(struct announce_step *s)
{
	request(s, PURPOSE_OWNER, "GET", s->uri, SLICE_NONE);
	s->body = SLICE_NONE;
}

/* ---- the document of an announcement ---- */

static bool
add_text(struct arena *a, struct val **vals, unsigned attr, struct slice text)
{
	struct val *v = val_add(a, vals, attr);

	if (v == NULL || text.p == NULL)
		return false;
	v->text = text;
	return true;
}

/* At another SCL a right of this one is known by its absolute URI. */
static struct slice
absolute_right(const struct scl *scl, struct arena *a, struct slice right)
{
	return right.n > 0 && right.p[0] == '/' ? absolute_uri(scl, a, right) : right;
}

static bool
fill(const struct scl *scl, struct arena *a, const struct res *node, const struct rtype *annc,
     bool create, struct announce_step *s, struct val **vals)
{
	const struct val *labels = val_get(node->vals, A_SEARCH_STRINGS);
	struct slice right = val_text(node->vals, A_ACCESS_RIGHT_ID);
	struct val *v;

	if (create &&
	    !add_text(a, vals, annc->id_attr, ARENA_JOIN(a, node->name, SLICE_LIT("Annc"))))
		return false;
	if (!add_text(a, vals, A_LINK, s->link))
		return false;
	if (right.n > 0 && !add_text(a, vals, A_ACCESS_RIGHT_ID, absolute_right(scl, a, right)))
		return false;
	v = val_add(a, vals, A_SEARCH_STRINGS);
	if (v == NULL)
		return false;
	v->first = labels == NULL ? NULL : labels->first;
	return node->expires == CLOCK_NEVER ||
	       val_set_num(a, vals, A_EXPIRATION_TIME, node->expires);
}

static enum rc
write_body(struct scl *scl, struct rtx *tx, const struct res *node, const struct res *peer,
           bool create, struct announce_step *s)
{
	const struct rtype *annc = announced_as(node->type);
	struct arena *a = repo_arena(tx);
	struct val *vals = NULL;
	struct buf b;

	if (!fill(scl, a, node, annc, create, s, &vals))
		return RC_UNAVAILABLE;
	buf_init(&b, scl->conf.answer_max);
	if (encode_values(&codec_xml, route_release_of(peer), annc, vals, &b))
		s->body = arena_copy(a, buf_view(&b));
	buf_fini(&b);
	s->stamp = announce_stamp(node);
	return s->body.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* ---- a node and an SCL ---- */

static enum rc
step_create(struct scl *scl, struct rtx *tx, const struct res *node, const struct res *peer,
            unsigned name, struct announce_step *s)
{
	struct slice collection;
	bool going;
	enum rc rc = announce_uri(scl, tx, node, peer, name, &s->uri, &collection);

	if (rc == RC_NOT_FOUND)
		return settle(s, NEXT_STORE, OUTCOME_REFUSED);
	if (rc == RC_UNAVAILABLE && !arena_failed(repo_arena(tx)))
		return settle(s, NEXT_WAIT, OUTCOME_NONE);
	TRY(rc);
	/* What stands there of an earlier one with its name would be taken, and removed afterwards. */
	TRY(announce_is_going(tx, s->link, peer->name, &going));
	if (going)
		return settle(s, NEXT_WAIT, OUTCOME_NONE);
	TRY(write_body(scl, tx, node, peer, true, s));
	request(s, PURPOSE_CREATE, "POST", collection, val_text(node->vals, A_ANNOUNCED_BY));
	return RC_OK;
}

/* One that is not wanted any more may be there although its creation is not known to have succeeded. */
static enum rc
step_unwanted(struct scl *scl, struct rtx *tx, const struct res *node, const struct res *peer,
              unsigned name, struct announce_step *s)
{
	enum rc rc = announce_uri(scl, tx, node, peer, name, &s->uri, NULL);

	/* Without a place, or before its parent's, nothing was created. */
	if (rc == RC_NOT_FOUND || (rc == RC_UNAVAILABLE && !arena_failed(repo_arena(tx))))
		return settle(s, NEXT_STORE, OUTCOME_NONE);
	TRY(rc);
	announce_step_owner(s);
	s->unwanted = true;
	return RC_OK;
}

/* What is to be done for an, an announcement of node, so that it is as it should be. */
static enum rc
step_node(struct scl *scl, struct rtx *tx, const struct res *node, const struct announcement *an,
          unsigned name, struct announce_step *s)
{
	bool wanted = announce_wanted(node, an->reference);
	struct res *peer;
	enum rc rc = announce_peer_named(tx, an->scl, &peer);

	/* An SCL that is not registered any more has nothing of this one. */
	if (rc == RC_NOT_FOUND)
		return wanted ? settle(s, NEXT_PARK, OUTCOME_NONE)
		              : settle(s, NEXT_STORE, OUTCOME_DELETED);
	TRY(rc);
	s->uri = an->uri;
	if (wanted && an->uri.n == 0)
		return step_create(scl, tx, node, peer, name, s);
	if (an->uri.n == 0)
		return step_unwanted(scl, tx, node, peer, name, s);
	if (wanted && an->stamp == announce_stamp(node))
		return settle(s, NEXT_STORE, OUTCOME_NONE);
	request(s, wanted ? PURPOSE_UPDATE : PURPOSE_DELETE, wanted ? "PUT" : "DELETE", an->uri,
	        announce_issuer(node, s->link));
	return wanted ? write_body(scl, tx, node, peer, false, s) : RC_OK;
}

static enum rc
find_node_step(struct scl *scl, struct rtx *tx, uint64_t key, unsigned name,
               const struct announce_work *w, struct announce_step *s)
{
	struct announcements list;
	struct announcement *an;
	struct slice path;
	struct res *node;
	enum rc rc = repo_get(tx, w->node, &node);

	if (rc == RC_NOT_FOUND)
		return settle(s, NEXT_DROP, OUTCOME_NONE);
	TRY(rc);
	TRY(announcements_read(repo_arena(tx), node->vals, 0, &list));
	an = announcements_find(&list, w->scl);
	if (an == NULL || an->work != key)
		return settle(s, NEXT_DROP, OUTCOME_NONE);
	TRY(repo_path(tx, node->id, SLOT_SELF, &path));
	s->link = absolute_uri(scl, repo_arena(tx), path);
	return s->link.p == NULL ? RC_UNAVAILABLE : step_node(scl, tx, node, an, name, s);
}

/* ---- an original that is gone ---- */

static enum rc
find_gone_step(struct rtx *tx, const struct announce_work *w, struct announce_step *s)
{
	struct res *peer;
	enum rc rc = announce_peer_named(tx, w->scl, &peer);

	if (rc == RC_NOT_FOUND)
		return settle(s, NEXT_DROP, OUTCOME_NONE);
	TRY(rc);
	s->uri = w->uri;
	s->link = w->link;
	if (w->unsure)
		announce_step_owner(s);
	else
		request(s, PURPOSE_DELETE, "DELETE", w->uri, w->from);
	return RC_OK;
}

enum rc
announce_step_find(struct scl *scl, struct rtx *tx, uint64_t key, unsigned name,
                   struct announce_work *w, struct announce_step *s)
{
	struct slice bytes;
	enum rc rc = repo_work_get(tx, WORK_ANNOUNCE, key, &bytes);

	*s = (struct announce_step){ .next = NEXT_DROP };
	*w = (struct announce_work){ 0 };
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	if (!announce_work_read(bytes, w))
		return RC_OK;
	switch (w->form) {
	case ANNOUNCE_NODE:
		return find_node_step(scl, tx, key, name, w, s);
	case ANNOUNCE_GONE:
		return find_gone_step(tx, w, s);
	case ANNOUNCE_AGAIN:
	case ANNOUNCE_REFRESH:
		break;
	}
	return settle(s, NEXT_STORE, OUTCOME_NONE);
}

/* ---- what the other SCL answers ---- */

struct slice
announce_location(struct arena *a, const struct announce_step *s, struct slice location)
{
	struct slice target = uri_normalise(a, s->target), normal, name;
	struct uri u;

	if (!uri_parse(target, &u) || u.scheme.n == 0)
		return s->uri;
	if (location.n > 0 && location.p[0] == '/')
		location =
			ARENA_JOIN(a, slice_head(target, (size_t)(u.path.p - target.p)), location);
	normal = uri_normalise(a, location);
	/* Requests go there later: it must be what was asked for, a child of the collection. */
	if (normal.n <= target.n + 1 || !uri_path_below(normal, target))
		return s->uri;
	name = slice_from(normal, target.n + 1);
	if (memchr(name.p, '/', name.n) != NULL || slice_is(name, ".") || slice_is(name, ".."))
		return s->uri;
	return normal;
}

/* The child of the document element called name, NULL when there is none. */
static const struct node *
element(struct arena *a, struct slice document, const char *name)
{
	static const struct codec_limits limits = { 8, 4096, 64, 65536 };
	struct node *root = NULL;
	const char *why;

	if (document.n == 0 || document.n > DOCUMENT_MAX ||
	    codec_xml.decode(a, document, &limits, &root, &why) != RC_OK)
		return NULL;
	for (const struct node *n = root->first; n != NULL; n = n->next)
		if (slice_is(n->name, name))
			return n;
	return NULL;
}

int64_t
announce_lifetime(struct arena *a, struct slice document)
{
	const struct node *n = element(a, document, "expirationTime");
	int64_t until;

	return n != NULL && times_parse(n->text, &until) ? until : 0;
}

bool
announce_is_of(struct arena *a, struct slice document, struct slice link)
{
	const struct node *n = element(a, document, "link");
	struct slice ours = uri_normalise(a, link);

	return n != NULL && ours.p != NULL && slice_eq(uri_normalise(a, n->text), ours);
}
