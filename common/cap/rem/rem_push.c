/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of the own management objects below scls/<own SCL-ID>/mgmtObjs of the NSCL: the device tells
 * of itself over mId, in place of OMA-DM or BBF TR-069 (TS 102 690, xREM). A round compares what the
 * objects say with what was told last, and tells what differs, one request after the other.
 */
#include "config.h"

#include <stdlib.h>

#include "base/uri.h"
#include "cap/rem/rem_doc.h"
#include "cap/rem/rem_impl.h"

#define DOCUMENTS_MAX 1024
#define ROUND_ARENA (32u << 20)
#define RETRY_DELAY (5 * CLOCK_SECOND)
#define REGISTRATION_DELAY CLOCK_SECOND
#define TIMEOUT_MS 10000u

/* What the NSCL was told. */
struct told {
	char *name;
	uint64_t stamp;
	bool there; /* in this round */
};

enum push_step { PUSH_RIGHT, PUSH_UPDATE, PUSH_CREATE, PUSH_DELETE };

struct rem_push {
	struct rem *r;
	struct scl_task retry;
	struct scl_call call;
	bool busy, again;
	enum push_step step;
	struct arena *arena; /* of the round */
	struct slice nscl; /* sclBase URI of the NSCL */
	struct mgmt_document *at;
	char *home; /* nscl of the last round, and which registration: another one knows nothing */
	unsigned which;
	char *right; /* accessRightID of the own scl there: who sees that sees its objects */
	bool right_known;
	struct told told[DOCUMENTS_MAX];
	size_t n, gone; /* gone: the next one that may have to be removed */
};

static void round_go_on(struct rem_push *p);

static void
forget(struct rem_push *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->told[i].name);
	p->n = 0;
	free(p->right);
	p->right = NULL;
	p->right_known = false;
}

static struct told *
told_of(struct rem_push *p, struct slice name)
{
	for (size_t i = 0; i < p->n; i++)
		if (slice_is(name, p->told[i].name))
			return &p->told[i];
	return NULL;
}

static void
remember(struct rem_push *p, const struct mgmt_document *d)
{
	struct told *t = told_of(p, d->name);

	if (t == NULL && p->n < DOCUMENTS_MAX) {
		char *name = strndup(d->name.p, d->name.n);

		if (name == NULL)
			return;
		t = &p->told[p->n++];
		*t = (struct told){ .name = name };
	}
	if (t != NULL) {
		t->stamp = d->stamp;
		t->there = true;
	}
}

/* ---- a round ---- */

static void
round_end(struct rem_push *p, bool failed)
{
	struct rem *r = p->r;

	p->busy = false;
	if (!r->leaving && p->again)
		rem_push_begin(p);
	else if (!r->leaving && failed)
		scl_post(r->scl, &p->retry, RETRY_DELAY);
	rem_release(r);
}

static struct slice
copy_uri(struct rem_push *p, struct slice name)
{
	return arena_printf(p->arena, "%.*s/scls/%s/mgmtObjs%s%.*s", (int)p->nscl.n, p->nscl.p,
	                    p->r->conf.scl_id, name.n > 0 ? "/" : "", (int)name.n,
	                    name.n > 0 ? name.p : "");
}

static struct slice
parent_name(struct slice name)
{
	while (name.n > 0 && name.p[name.n - 1] != '/')
		name.n--;
	if (name.n > 0)
		name.n--;
	return name;
}

static void answered(struct scl_call *call);

static void
ask(struct rem_push *p, enum push_step step, struct slice method, struct slice uri,
    struct slice body)
{
	if (uri.p == NULL) {
		round_end(p, true);
		return;
	}
	p->step = step;
	p->call = (struct scl_call){ .method = method,
		                     .target = uri,
		                     .body = body,
		                     .timeout_ms = TIMEOUT_MS,
		                     .done = answered,
		                     .owner = p };
	scl_call(p->r->scl, &p->call);
}

static void
tell(struct rem_push *p, enum push_step step)
{
	const struct mgmt_document *d = p->at;

	if (step == PUSH_UPDATE)
		ask(p, step, SLICE_LIT("PUT"), copy_uri(p, d->name), d->update);
	else
		ask(p, step, SLICE_LIT("POST"), copy_uri(p, parent_name(d->name)), d->create);
}

/* What is told no more, children before what they lie in. */
static void
remove_next(struct rem_push *p)
{
	while (p->gone > 0 && p->told[p->gone - 1].there)
		p->gone--;
	if (p->gone == 0) {
		round_end(p, false);
		return;
	}
	ask(p, PUSH_DELETE, SLICE_LIT("DELETE"), copy_uri(p, slice_of(p->told[p->gone - 1].name)),
	    SLICE_NONE);
}

static void
round_go_on(struct rem_push *p)
{
	for (; p->at != NULL; p->at = p->at->next) {
		struct told *t = told_of(p, p->at->name);

		if (t == NULL || t->stamp != p->at->stamp)
			break;
		t->there = true;
	}
	if (p->r->leaving) {
		round_end(p, false);
	} else if (p->at != NULL) {
		tell(p, PUSH_UPDATE);
	} else {
		p->gone = p->n;
		remove_next(p);
	}
}

static void
removed(struct rem_push *p, enum rc rc)
{
	struct told *t = &p->told[p->gone - 1];

	if (!status_is_success(rc) && rc != RC_NOT_FOUND) {
		round_end(p, true);
		return;
	}
	free(t->name);
	memmove(t, t + 1, (p->n - p->gone) * sizeof(*t));
	p->n--;
	p->gone--;
	remove_next(p);
}

static void
begin_documents(struct rem_push *p)
{
	struct mgmt_export how = { .max = DOCUMENTS_MAX };
	struct slice home = copy_uri(p, SLICE_NONE);
	struct uri u;
	enum rc rc;

	if (p->right != NULL)
		how.right = slice_of(p->right);
	if (uri_parse(home, &u))
		how.home = u.path;
	rc = mgmt_documents(p->r->scl, p->arena, &how, &p->at);
	if (rc != RC_OK) {
		round_end(p, true);
		return;
	}
	for (size_t i = 0; i < p->n; i++)
		p->told[i].there = false;
	round_go_on(p);
}

/* The right that the registration gave to the own scl holds for what lies below it, too. */
static void
learn_right(struct rem_push *p, enum rc rc, struct slice body)
{
	const struct node *root = rc == RC_OK ? rem_doc_read(p->arena, body) : NULL;

	if (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_DENIED) {
		round_end(p, true);
		return;
	}
	p->right_known = true;
	p->right = root == NULL || root->text.n == 0 ? NULL : strndup(root->text.p, root->text.n);
	begin_documents(p);
}

static void
told_one(struct rem_push *p, enum rc rc)
{
	if (rc == RC_NOT_FOUND && p->step == PUSH_UPDATE) {
		tell(p, PUSH_CREATE);
		return;
	}
	/* The own scl is not there (any more): what was told is gone with it. */
	if (rc == RC_NOT_FOUND) {
		forget(p);
		round_end(p, true);
		return;
	}
	if (!status_is_success(rc) && rc != RC_CONFLICT) {
		LOG_WARN(p->r->conf.log, "management-copy", LOG_S("name", p->at->name),
		         LOG_Z("status", status_of(rc)->text));
		/* One that is refused does not keep the others back. */
		if (rc != RC_BAD_REQUEST && rc != RC_DENIED && rc != RC_FORBIDDEN) {
			round_end(p, true);
			return;
		}
	}
	remember(p, p->at);
	p->at = p->at->next;
	round_go_on(p);
}

static void
answered(struct scl_call *call)
{
	struct rem_push *p = call->owner;
	enum rc rc = call->rc;
	struct slice body =
		arena_copy(p->arena, slice_make(call->answer->body, call->answer->body_len));

	scl_call_end(call);
	if (p->step == PUSH_RIGHT)
		learn_right(p, rc, body);
	else if (p->step == PUSH_DELETE)
		removed(p, rc);
	else
		told_one(p, rc);
}

static bool
same_home(struct rem_push *p, unsigned which)
{
	if (p->home != NULL && slice_is(p->nscl, p->home) && p->which == which)
		return true;
	p->which = which;
	free(p->home);
	p->home = strndup(p->nscl.p, p->nscl.n);
	return false;
}

void
rem_push_stop(struct rem_push *p)
{
	scl_cancel(p->r->scl, &p->retry);
}

void
rem_push_begin(struct rem_push *p)
{
	unsigned which;

	p->again = p->busy;
	if (p->busy || p->r->leaving)
		return;
	arena_reset(p->arena);
	/* Before the registration there is nobody to tell. */
	if (mgmt_registered_with(p->r->scl, p->arena, &p->nscl, &which) != RC_OK ||
	    p->nscl.n == 0) {
		scl_post(p->r->scl, &p->retry, REGISTRATION_DELAY);
		return;
	}
	scl_cancel(p->r->scl, &p->retry);
	p->busy = true;
	rem_hold(p->r);
	if (!same_home(p, which))
		forget(p);
	if (p->right_known)
		begin_documents(p);
	else
		ask(p, PUSH_RIGHT, SLICE_LIT("GET"),
		    arena_printf(p->arena, "%.*s/scls/%s/accessRightID", (int)p->nscl.n, p->nscl.p,
		                 p->r->conf.scl_id),
		    SLICE_NONE);
}

void
rem_push_all(struct rem_push *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->told[i].stamp++;
	rem_push_begin(p);
}

static void
retry_run(struct scl_task *task)
{
	rem_push_begin(
		(struct rem_push *)(void *)((char *)task - offsetof(struct rem_push, retry)));
}

struct rem_push *
rem_push_new(struct rem *r)
{
	struct rem_push *p = calloc(1, sizeof(*p));

	if (p == NULL || (p->arena = arena_new(ROUND_ARENA)) == NULL) {
		free(p);
		return NULL;
	}
	p->r = r;
	p->retry.run = retry_run;
	return p;
}

void
rem_push_free(struct rem_push *p)
{
	if (p == NULL)
		return;
	forget(p);
	free(p->home);
	arena_free(p->arena);
	free(p);
}
