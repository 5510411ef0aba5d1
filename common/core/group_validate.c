/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of other SCLs are held against memberType after the group was stored: each is
 * retrieved with the identity of this SCL (TS 102 690, groups). What is still to be done is work in
 * the store; an SCL that cannot be reached is asked again later, less and less often.
 */
#include "config.h"

#include "core/group.h"
#include "core/own_job.h"

#include <stdlib.h>

/* Groups that are looked at, and members of each that are retrieved, at a time. */
#define CHECKS_MAX 8u
#define LEGS 8u
/* Beyond so many works the store is not searched more often than once a second. */
#define MANY_WORKS 1000u
#define LOOK_MAX (60 * CLOCK_SECOND)

/* ---- the work in the store ---- */

#define WORK_VERSION 1u
#define WORK_HEADER 21u

/* Followed by the values of the members that are left; none: all of other SCLs. */
struct work {
	uint32_t attempts; /* that left some */
	int64_t due; /* microseconds since the epoch */
	uint64_t stamp; /* of the list of members */
	struct slice members; /* encoded */
};

static uint64_t
number_at(struct slice bytes, size_t at, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v = v << 8 | (unsigned char)bytes.p[at + i];
	return v;
}

static bool
work_read(struct slice bytes, struct work *w)
{
	if (bytes.n < WORK_HEADER || bytes.p[0] != WORK_VERSION)
		return false;
	w->attempts = (uint32_t)number_at(bytes, 1, 4);
	w->due = (int64_t)number_at(bytes, 5, 8);
	w->stamp = number_at(bytes, 13, 8);
	w->members = slice_from(bytes, WORK_HEADER);
	return true;
}

static enum rc
work_write(struct rtx *tx, uint64_t group, const struct work *w, const struct val *members)
{
	struct buf b;
	enum rc rc = RC_UNAVAILABLE;

	buf_init(&b, SIZE_MAX / 2);
	buf_be(&b, WORK_VERSION, 1);
	buf_be(&b, w->attempts, 4);
	buf_be(&b, (uint64_t)w->due, 8);
	buf_be(&b, w->stamp, 8);
	vals_encode(&b, members);
	if (!b.failed)
		rc = repo_work_put(tx, WORK_VALIDATE, group, buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* ---- a group that is looked at ---- */

enum verdict { UNKNOWN, FITS, MISSING, OTHER_TYPE };

struct subject {
	struct slice uri; /* as the group lists it */
	enum verdict verdict;
};

struct check;

struct leg {
	struct scl_call call;
	struct check *check;
	size_t at; /* which subject */
	bool busy;
};

struct check {
	struct own_job job; /* first */
	struct validator *v;
	uint64_t group;
	struct work work;
	int64_t wanted; /* enum member_type */
	struct arena *arena; /* of the subjects */
	struct subject *subjects;
	size_t n, next;
	unsigned under_way;
	struct leg legs[LEGS];
};

struct validator {
	struct scl *scl;
	struct scl_task look; /* searches the store for works that are due */
	int64_t looked; /* monotonic microseconds */
	size_t works; /* at the last look */
	struct check *checks[CHECKS_MAX];
};

static void check_go_on(struct check *c);

static void
check_free(struct check *c)
{
	struct validator *v = c->v;

	for (unsigned i = 0; i < CHECKS_MAX; i++)
		if (v->checks[i] == c)
			v->checks[i] = NULL;
	arena_free(c->arena);
	free(c);
}

static bool
is_local(const struct scl *scl, struct arena *a, struct slice uri)
{
	struct arena_mark mark = arena_mark(a);
	bool local = own_path(scl, a, uri).n > 0;

	arena_rewind(a, mark);
	return local;
}

static enum rc
take_subjects(struct check *c, const struct val *list, bool chosen)
{
	size_t n = 0;

	for (const struct val *v = list; v != NULL; v = v->next)
		n++;
	c->subjects = ARENA_ARRAY(c->arena, struct subject, n + 1);
	if (c->subjects == NULL)
		return RC_UNAVAILABLE;
	for (const struct val *v = list; v != NULL; v = v->next)
		if (chosen || !is_local(c->v->scl, c->arena, v->text))
			c->subjects[c->n++].uri = v->text;
	return RC_OK;
}

static enum rc
check_read(struct check *c, struct rtx *tx)
{
	struct val *left;
	struct slice bytes;
	struct res *group;

	TRY(repo_work_get(tx, WORK_VALIDATE, c->group, &bytes));
	TRY(repo_get(tx, c->group, &group));
	if (!work_read(bytes, &c->work))
		return RC_INTERNAL;
	TRY(vals_decode(c->arena, c->work.members, &left));
	c->wanted = val_num(group->vals, A_MEMBER_TYPE, MEMBER_MIXED);
	if (c->wanted == MEMBER_MIXED)
		return RC_OK;
	return take_subjects(c, left != NULL ? left : group_members(group), left != NULL);
}

/* ---- what an SCL answered ---- */

static const struct node *
child_named(const struct node *n, const char *name)
{
	for (const struct node *c = n->first; c != NULL; c = c->next)
		if (slice_is(c->name, name))
			return c;
	return NULL;
}

/* Of membersContent: the group that it belongs to says what its members are. */
static bool
group_holds(const struct node *root, int64_t wanted)
{
	const struct node *type = child_named(root, "memberType");

	return slice_is(root->name, "group") && type != NULL &&
	       enum_index(attr_info(A_MEMBER_TYPE)->values, type->text) == wanted;
}

static enum verdict
judge_document(const struct check *c, struct slice uri, struct slice body)
{
	const struct scl_conf *conf = scl_conf(c->v->scl);
	struct arena *a = arena_new(conf->arena_max);
	enum verdict v = UNKNOWN;
	const char *why;
	struct node *root;

	if (a != NULL && codec_xml.decode(a, body, &conf->document, &root, &why) == RC_OK) {
		bool fits = members_content_owner(uri).n > 0
		                    ? group_holds(root, c->wanted)
		                    : slice_is(root->name, member_element(c->wanted));

		v = fits ? FITS : OTHER_TYPE;
	}
	arena_free(a);
	return v;
}

/* Only what the member's own SCL says counts: that it is not registered here says nothing. */
static enum verdict
judge(const struct check *c, struct slice uri, const struct scl_call *call)
{
	const struct req_answer *answer = call->answer;
	bool relayed = call->rq != NULL && call->rq->relayed;

	if (relayed && (answer->http_status == 404 || answer->http_status == 410))
		return MISSING;
	if (answer->http_status != 200 || answer->body == NULL)
		return UNKNOWN;
	return judge_document(c, uri, slice_make(answer->body, answer->body_len));
}

static void
leg_done(struct scl_call *call)
{
	struct leg *leg = call->owner;
	struct check *c = leg->check;
	struct subject *s = &c->subjects[leg->at];

	s->verdict = judge(c, s->uri, call);
	scl_call_end(call);
	leg->busy = false;
	c->under_way--;
	check_go_on(c);
}

static void
leg_start(struct check *c, struct leg *leg)
{
	struct slice uri = c->subjects[c->next].uri, owner = members_content_owner(uri);

	leg->check = c;
	leg->at = c->next++;
	leg->busy = true;
	c->under_way++;
	leg->call = (struct scl_call){ .method = SLICE_LIT("GET"),
		                       .target = owner.n > 0 ? owner : uri,
		                       .accept = slice_of(codec_xml.media_type),
		                       .timeout_ms = scl_conf(c->v->scl)->notify_timeout_ms,
		                       .done = leg_done,
		                       .owner = leg };
	scl_call(c->v->scl, &leg->call);
}

/* ---- what follows from it ---- */

/* Members that do not fit go; both lists have the same order. */
static enum rc
abandon_members(struct check *c, struct rtx *tx, struct res *group)
{
	struct val *members = val_find(group->vals, A_MEMBERS), **at;
	int64_t n = 0;
	size_t i = 0;

	for (at = members == NULL ? NULL : &members->first; at != NULL && *at != NULL;) {
		while (i < c->n && c->subjects[i].verdict != MISSING &&
		       c->subjects[i].verdict != OTHER_TYPE)
			i++;
		if (i < c->n && slice_eq(c->subjects[i].uri, (*at)->text)) {
			LOG_INFO(c->v->scl->log, "group-member-abandoned",
			         LOG_S("group", group->name), LOG_S("member", c->subjects[i].uri));
			*at = (*at)->next;
			i++;
			continue;
		}
		n++;
		at = &(*at)->next;
	}
	return val_set_num(repo_arena(tx), &group->vals, A_CURRENT_NR_OF_MEMBERS, n)
	               ? RC_OK
	               : RC_UNAVAILABLE;
}

static size_t
count_verdicts(const struct check *c, enum verdict v)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->subjects[i].verdict == v;
	return n;
}

static int64_t
backoff(const struct scl_conf *conf, uint32_t attempts)
{
	int64_t delay = conf->retry_first;

	for (uint32_t i = 1; i < attempts && delay < conf->retry_max; i++)
		delay *= 2;
	return delay < conf->retry_max ? delay : conf->retry_max;
}

/* Those that could not be asked wait for the next time. */
static enum rc
keep_rest(struct check *c, struct rtx *tx)
{
	struct work w = { .attempts = c->work.attempts + 1, .stamp = c->work.stamp };
	struct val *first = NULL, **tail = &first;

	for (size_t i = 0; i < c->n; i++) {
		struct val *v;

		if (c->subjects[i].verdict != UNKNOWN)
			continue;
		v = ARENA_NEW(repo_arena(tx), struct val);
		if (v == NULL)
			return RC_UNAVAILABLE;
		v->attr = A_REFERENCE;
		v->text = c->subjects[i].uri;
		*tail = v;
		tail = &v->next;
	}
	w.due = repo_now(tx) + backoff(scl_conf(c->v->scl), w.attempts);
	return work_write(tx, c->group, &w, first);
}

static enum rc
store_group(struct scl *scl, struct rtx *tx, const struct res *old, struct res *self)
{
	if (val_equal(old->vals, self->vals))
		return RC_OK;
	self->modified = repo_now(tx) > old->modified ? repo_now(tx) : old->modified + 1;
	TRY(repo_update(tx, old, self));
	return event_changed(scl, tx, self->id, SLOT_SELF, false);
}

/* TS 102 921 10.21, consistencyStrategy. */
static enum rc
apply_strategy(struct check *c, struct rtx *tx, struct res *self, bool *mixed)
{
	int64_t strategy = val_num(self->vals, A_CONSISTENCY_STRATEGY, ABANDON_MEMBER);

	*mixed = strategy == MODIFY_TYPE && count_verdicts(c, OTHER_TYPE) > 0;
	/* What is missing is not of any type. */
	if (strategy == MODIFY_TYPE)
		for (size_t i = 0; i < c->n; i++)
			if (c->subjects[i].verdict == OTHER_TYPE)
				c->subjects[i].verdict = FITS;
	TRY(abandon_members(c, tx, self));
	if (!*mixed)
		return RC_OK;
	return val_set_num(repo_arena(tx), &self->vals, A_MEMBER_TYPE, MEMBER_MIXED)
	               ? RC_OK
	               : RC_UNAVAILABLE;
}

static bool
group_fails(const struct check *c, const struct res *group)
{
	return val_num(group->vals, A_CONSISTENCY_STRATEGY, ABANDON_MEMBER) == ABANDON_GROUP &&
	       count_verdicts(c, MISSING) + count_verdicts(c, OTHER_TYPE) > 0;
}

static enum rc
check_store(struct check *c, struct rtx *tx)
{
	struct res *old, *self;
	bool mixed, done;

	TRY(repo_get(tx, c->group, &old));
	TRY(repo_get(tx, c->group, &self));
	if (group_fails(c, self)) {
		LOG_INFO(c->v->scl->log, "group-abandoned", LOG_S("group", self->name));
		return remove_subtree(c->v->scl, tx, self, RC_GONE);
	}
	TRY(apply_strategy(c, tx, self, &mixed));
	done = mixed || count_verdicts(c, UNKNOWN) == 0;
	if (done && !val_set_num(repo_arena(tx), &self->vals, A_MEMBER_TYPE_VALIDATED, 1))
		return RC_UNAVAILABLE;
	TRY(done ? validate_end(tx, c->group) : keep_rest(c, tx));
	return store_group(c->v->scl, tx, old, self);
}

static enum rc
check_apply(struct own_job *oj, struct rtx *tx)
{
	struct check *c = (struct check *)(void *)oj;
	struct slice bytes;
	struct work w;
	enum rc rc = repo_work_get(tx, WORK_VALIDATE, c->group, &bytes);

	/* The members have changed meanwhile: they are looked at anew, or the group is gone. */
	if (rc == RC_OK && work_read(bytes, &w) && w.stamp == c->work.stamp)
		return check_store(c, tx);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void
check_applied(struct own_job *oj, enum rc rc)
{
	struct check *c = (struct check *)(void *)oj;
	struct validator *v = c->v;

	if (!status_is_success(rc))
		LOG_ERROR(v->scl->log, "group-validation-failed",
		          LOG_Z("status", status_of(rc)->text));
	check_free(c);
	if (!courier_stopping(v->scl->courier))
		scl_post(v->scl, &v->look, status_is_success(rc) ? 0 : CLOCK_SECOND);
}

static void
check_end(struct check *c)
{
	struct validator *v = c->v;

	c->job.run = check_apply;
	c->job.done = check_applied;
	if (!courier_stopping(v->scl->courier) && own_job_submit(v->scl, &c->job))
		return;
	check_free(c);
	if (!courier_stopping(v->scl->courier))
		scl_post(v->scl, &v->look, CLOCK_SECOND);
}

static void
check_go_on(struct check *c)
{
	for (unsigned i = 0; i < LEGS && c->next < c->n && !courier_stopping(c->v->scl->courier);
	     i++)
		if (!c->legs[i].busy)
			leg_start(c, &c->legs[i]);
	if (c->under_way == 0)
		check_end(c);
}

/* ---- which groups are due ---- */

static struct check **
free_place(struct validator *v)
{
	for (unsigned i = 0; i < CHECKS_MAX; i++)
		if (v->checks[i] == NULL)
			return &v->checks[i];
	return NULL;
}

static bool
is_looked_at(const struct validator *v, uint64_t group)
{
	for (unsigned i = 0; i < CHECKS_MAX; i++)
		if (v->checks[i] != NULL && v->checks[i]->group == group)
			return true;
	return false;
}

static void
check_start(struct validator *v, uint64_t group)
{
	struct scl *scl = v->scl;
	struct check **place = free_place(v), *c = calloc(1, sizeof(*c));
	struct rtx *tx;
	enum rc rc = RC_UNAVAILABLE;

	if (place == NULL || c == NULL) {
		free(c);
		return;
	}
	*place = c;
	c->v = v;
	c->group = group;
	c->arena = arena_new(scl->conf.arena_max);
	if (c->arena != NULL)
		rc = repo_begin_read(scl->repo, c->arena, &tx);
	if (rc == RC_OK) {
		rc = check_read(c, tx);
		repo_end_read(tx);
	}
	if (rc == RC_OK) {
		check_go_on(c);
		return;
	}
	if (rc != RC_NOT_FOUND)
		LOG_ERROR(scl->log, "group-validation-failed",
		          LOG_Z("status", status_of(rc)->text));
	check_free(c);
}

struct search {
	struct validator *v;
	uint64_t due[CHECKS_MAX];
	unsigned n, room;
	size_t works;
	int64_t now, next; /* next: when another one is due */
};

static bool
visit_work(void *arg, uint64_t group, struct slice bytes)
{
	struct search *s = arg;
	struct work w;

	s->works++;
	if (!work_read(bytes, &w) || is_looked_at(s->v, group))
		return true;
	if (w.due <= s->now)
		s->due[s->n++] = group;
	else if (w.due < s->next)
		s->next = w.due;
	return s->n < s->room;
}

static enum rc
search_works(struct search *s)
{
	struct scl *scl = s->v->scl;
	struct arena *a = arena_new(1u << 20);
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_read(scl->repo, a, &tx);

	if (rc == RC_OK) {
		rc = repo_works(tx, WORK_VALIDATE, 0, 0, visit_work, s);
		repo_end_read(tx);
	}
	arena_free(a);
	return rc;
}

static void
look_again(struct validator *v, int64_t delay)
{
	scl_post(v->scl, &v->look, delay > LOOK_MAX ? LOOK_MAX : delay);
}

static void
look_run(struct scl_task *task)
{
	struct validator *v =
		(struct validator *)(void *)((char *)task - offsetof(struct validator, look));
	struct search s = { .v = v, .now = clock_now(v->scl->clock), .next = CLOCK_NEVER };
	int64_t since = clock_monotonic() - v->looked;

	if (courier_stopping(v->scl->courier))
		return;
	for (unsigned i = 0; i < CHECKS_MAX; i++)
		s.room += v->checks[i] == NULL;
	/* The one that ends first looks again. */
	if (s.room == 0)
		return;
	if (v->works > MANY_WORKS && since < CLOCK_SECOND) {
		look_again(v, CLOCK_SECOND - since);
		return;
	}
	if (search_works(&s) != RC_OK) {
		look_again(v, CLOCK_SECOND);
		return;
	}
	v->works = s.works;
	v->looked = clock_monotonic();
	for (unsigned i = 0; i < s.n; i++)
		check_start(v, s.due[i]);
	if (s.next != CLOCK_NEVER)
		look_again(v, s.next - s.now);
}

/* ---- life ---- */

enum rc
validator_new(struct scl *scl, struct validator **out)
{
	struct validator *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return RC_UNAVAILABLE;
	v->scl = scl;
	v->look.run = look_run;
	*out = v;
	/* What an earlier run has left. */
	scl_post(scl, &v->look, 0);
	return RC_OK;
}

void
validator_free(struct validator *v)
{
	if (v == NULL)
		return;
	for (unsigned i = 0; i < CHECKS_MAX; i++)
		if (v->checks[i] != NULL)
			check_free(v->checks[i]);
	free(v);
}

enum rc
validate_begin(struct scl *scl, struct rtx *tx, const struct res *group)
{
	struct work w = { .due = repo_now(tx) };

	TRY(repo_new_number(tx, &w.stamp));
	TRY(work_write(tx, group->id, &w, NULL));
	courier_note_task(scl->courier, &scl->groups->validator->look);
	return RC_OK;
}

enum rc
validate_end(struct rtx *tx, uint64_t group)
{
	return repo_work_remove(tx, WORK_VALIDATE, group);
}
