/* SPDX-License-Identifier: Apache-2.0 */
/* contentInstances: creation, eviction by count, bytes and age, views (TS 102 921 10.18, 10.19). */
#include "config.h"

#include "core/hooks.h"
#include "model/kinds.h"

#include <strings.h>

#define EVICTED_AT_ONCE 8192u

static int64_t
age_limit(const struct res *container)
{
	return val_num(container->vals, A_MAX_INSTANCE_AGE, 0);
}

bool
instance_aged(const struct res *container, const struct res *inst, int64_t now)
{
	int64_t age = age_limit(container);

	return age > 0 && inst->created <= now - age;
}

/* The aged ones are a prefix of the sequence: they are skipped until the sweep removes them. */
struct skip {
	const struct res *container;
	int64_t now;
	struct res *first; /* the first one that is not aged */
	int64_t nr, bytes; /* aged before it */
};

static enum visit
skip_aged(void *arg, struct res *inst)
{
	struct skip *s = arg;

	if (!instance_aged(s->container, inst, s->now)) {
		s->first = inst;
		return VISIT_STOP;
	}
	s->nr++;
	s->bytes += (int64_t)inst->inst.content.n;
	return VISIT_DROP;
}

enum rc
instance_end(struct rtx *tx, const struct res *container, bool latest, struct res **out)
{
	struct skip s = { .container = container, .now = repo_now(tx) };

	if (latest) {
		TRY(repo_latest(tx, container->id, out));
		return instance_aged(container, *out, s.now) ? RC_NOT_FOUND : RC_OK;
	}
	TRY(repo_oldest(tx, container->id, out));
	if (!instance_aged(container, *out, s.now))
		return RC_OK;
	TRY(repo_inst_range(tx, container->id, (*out)->inst.seq, UINT64_MAX, 0, skip_aged, &s));
	*out = s.first;
	return s.first == NULL ? RC_NOT_FOUND : RC_OK;
}

enum rc
instances_state(struct rtx *tx, const struct res *container, struct seq *out)
{
	struct skip s = { .container = container, .now = repo_now(tx) };

	TRY(repo_seq(tx, container->id, out));
	if (age_limit(container) == 0 || out->first == 0)
		return RC_OK;
	TRY(repo_inst_range(tx, container->id, out->first, out->last, 0, skip_aged, &s));
	out->count -= s.nr;
	out->bytes -= s.bytes;
	out->first = s.first == NULL ? 0 : s.first->inst.seq;
	out->last = s.first == NULL ? 0 : out->last;
	return RC_OK;
}

static bool
over(const struct seq *s, const struct res *container)
{
	int64_t max_nr = val_num(container->vals, A_MAX_NR_OF_INSTANCES, 0);
	int64_t max_bytes = val_num(container->vals, A_MAX_BYTE_SIZE, 0);

	return (max_nr > 0 && s->count > max_nr) || (max_bytes > 0 && s->bytes > max_bytes);
}

enum rc
instances_evict(struct scl *scl, struct rtx *tx, const struct res *container)
{
	struct seq s;
	uint64_t owed;
	unsigned n = 0;

	TRY(repo_seq(tx, container->id, &s));
	if (s.first == 0 || !over(&s, container))
		return RC_OK;
	TRY(instances_owed_from(tx, container->id, &owed));
	for (; s.first != 0 && over(&s, container); n++) {
		/*
		 * A limit that was lowered by far must not hold up everybody else: the sweep goes
		 * on.
		 */
		if (n == EVICTED_AT_ONCE) {
			expire_note(scl, repo_now(tx));
			return repo_due_add(tx, repo_now(tx), DUE_AGE, container->id);
		}
		TRY(repo_inst_remove(tx, container->id, s.first, s.first > owed));
		TRY(repo_seq(tx, container->id, &s));
	}
	return RC_OK;
}

/* The first instance of an age-limited container decides when the sweep comes back. */
static enum rc
age_schedule(struct scl *scl, struct rtx *tx, const struct res *container, int64_t created)
{
	int64_t age = age_limit(container);

	if (age == 0)
		return RC_OK;
	TRY(repo_due_add(tx, created + age, DUE_AGE, container->id));
	expire_note(scl, created + age);
	return RC_OK;
}

enum rc
instances_expire(struct scl *scl, struct rtx *tx, uint64_t container)
{
	struct res *node, *inst;
	uint64_t owed;
	enum rc rc = repo_get(tx, container, &node);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	TRY(instances_evict(scl, tx, node));
	if (age_limit(node) == 0)
		return RC_OK;
	TRY(instances_owed_from(tx, container, &owed));
	for (unsigned n = 0; n < 256; n++) {
		rc = repo_oldest(tx, container, &inst);
		if (rc != RC_OK)
			return rc == RC_NOT_FOUND ? RC_OK : rc;
		if (!instance_aged(node, inst, repo_now(tx)))
			return age_schedule(scl, tx, node, inst->created);
		TRY(repo_inst_remove(tx, container, inst->inst.seq, inst->inst.seq > owed));
	}
	TRY(repo_due_add(tx, repo_now(tx), DUE_AGE, container));
	expire_note(scl, repo_now(tx));
	return RC_OK;
}

/* ---- creation ---- */

static struct slice
media_type_of(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	return s;
}

static bool
name_starts(struct slice s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && strncasecmp(s.p, prefix, n) == 0;
}

static bool
ends_with(struct slice s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.n >= n && strncasecmp(s.p + s.n - n, suffix, n) == 0;
}

/* The media types that Release 2 renders as textContent (TS 102 921 10.18, 10.19). */
static bool
is_text_type(struct slice media)
{
	slice_split(&(struct slice){ media.p, media.n }, ';', &media);
	while (media.n > 0 && media.p[media.n - 1] == ' ')
		media.n--;
	return name_starts(media, "text/") || ends_with(media, "+xml") || ends_with(media, "+json") ||
	       (media.n == 15 && name_starts(media, "application/xml")) ||
	       (media.n == 16 && name_starts(media, "application/json"));
}

/* It comes back as a header and as an attribute: what both can carry. */
/* The schema of xmime:contentType wants three characters at least. */
static bool
is_usable_type(struct slice media)
{
	for (size_t i = 0; i < media.n; i++)
		if (media.p[i] < ' ' || media.p[i] > '~')
			return false;
	return media.n >= 3 && media.n <= 255;
}

/* A POST body that is no contentInstance document is the content itself. */
static enum rc
raw_instance(struct req *rq, struct res *self)
{
	struct slice media = media_type_of(rq->in.content_type);

	if (rq->in.body.n == 0)
		return req_fail(rq, RC_BAD_REQUEST, "content is empty");
	if (!is_usable_type(media))
		return req_fail(rq, RC_BAD_REQUEST, "the content has no usable media type");
	self->inst.content = rq->in.body;
	self->inst.media_type = media;
	self->inst.is_text = is_text_type(media);
	return RC_OK;
}

static enum rc
document_content(struct req *rq, struct res *self, const struct val *content)
{
	const struct val *text = val_get(content->first, A_TEXT_CONTENT);
	const struct val *binary = val_get(content->first, A_BINARY_CONTENT);
	struct slice media = media_type_of(val_text(content->first, A_CONTENT_TYPE_ATTR));

	if (text == NULL && binary == NULL)
		return req_fail(rq, RC_BAD_REQUEST, "content is empty");
	self->inst.content = text != NULL ? text->text : binary->text;
	self->inst.is_text = text != NULL;
	if (self->inst.content.n == 0)
		return req_fail(rq, RC_BAD_REQUEST, "content is empty");
	if (media.n == 0)
		media = text != NULL ? SLICE_LIT("text/plain") : SLICE_LIT("application/octet-stream");
	if (!is_usable_type(media))
		return req_fail(rq, RC_BAD_REQUEST, "the content has no usable media type");
	self->inst.media_type = media;
	return RC_OK;
}

static enum rc
document_instance(struct req *rq, struct res *self)
{
	struct val *vals;
	bool release1 = false;

	TRY(body_bind(rq, self->type, BIND_CREATE, &vals, &release1));
	if (val_get(vals, A_CONTENT_TYPES) != NULL && !release1)
		return req_fail(rq, RC_BAD_REQUEST, "contentTypes is not permitted in this request");
	TRY(document_content(rq, self, val_get(vals, A_CONTENT)));
	if (val_get(vals, A_ID) != NULL)
		self->name = val_text(vals, A_ID);
	val_remove(&vals, A_ID);
	val_remove(&vals, A_CONTENT);
	val_remove(&vals, A_CONTENT_TYPES);
	self->vals = vals;
	return RC_OK;
}

static enum rc
check_name(struct req *rq, const struct res *self)
{
	const struct target *t = &rq->target;

	if (self->name.n == 0)
		return RC_OK;
	if (!kind_name_valid(self->name, rq->conf->id_max))
		return req_fail(rq, RC_BAD_REQUEST, "the id is no legal name");
	if (rtype_name_reserved(t->type, self->name))
		return req_fail(rq, RC_BAD_REQUEST, "the id is reserved");
	return RC_OK;
}

enum rc
instance_create(struct req *rq)
{
	struct target *t = &rq->target;
	struct res *container = t->node;
	int64_t max_bytes = val_num(container->vals, A_MAX_BYTE_SIZE, 0);
	struct res *self = ARENA_NEW(rq->arena, struct res);
	struct seq before;
	enum rc rc;

	if (self == NULL)
		return RC_UNAVAILABLE;
	self->type = rtype_get(T_CONTENT_INSTANCE);
	self->expires = CLOCK_NEVER;
	TRY(rq->doc == NULL ? raw_instance(rq, self) : document_instance(rq, self));
	TRY(check_name(rq, self));
	if (max_bytes > 0 && (uint64_t)self->inst.content.n > (uint64_t)max_bytes)
		return req_fail(rq, RC_BAD_REQUEST, "contentSize exceeds maxByteSize of the container");
	TRY(repo_seq(rq->tx, container->id, &before));
	rc = repo_inst_append(rq->tx, container->id, self);
	if (rc == RC_CONFLICT)
		return req_fail(rq, rc, "id already in use");
	if (rc != RC_OK)
		return rc;
	/* After the append, whose time is that of the change. */
	TRY(instances_evict(rq->scl, rq->tx, container));
	if (before.first == 0)
		TRY(age_schedule(rq->scl, rq->tx, container, self->created));
	TRY(event_instance(rq->scl, rq->tx, container->id));
	t->inst = self;
	t->kind = TARGET_INSTANCE;
	t->type = self->type;
	t->path = ARENA_JOIN(rq->arena, t->path, SLICE_LIT("/"),
	                     uri_encode_segment(rq->arena, self->name));
	return t->path.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* ---- views ---- */

static bool
content_value(struct arena *a, const struct res *inst, struct val **list)
{
	struct val *content = val_add(a, list, A_CONTENT);
	bool text;

	if (content == NULL)
		return false;
	/* Octets that XML cannot carry as text go as binary whatever their type says. */
	text = is_text_type(inst->inst.media_type) && codec_xml_text_ok(inst->inst.content);
	return val_set_text(a, &content->first, A_CONTENT_TYPE_ATTR, inst->inst.media_type) &&
	       val_set_text(a, &content->first, text ? A_TEXT_CONTENT : A_BINARY_CONTENT,
	                    inst->inst.content);
}

static bool
copy_value(struct arena *a, const struct res *inst, unsigned attr, struct val **list)
{
	const struct val *stored = val_get(inst->vals, attr);
	struct val *v;

	if (stored == NULL)
		return true;
	v = val_add(a, list, attr);
	if (v == NULL)
		return false;
	v->num = stored->num;
	v->first = stored->first;
	return true;
}

enum rc
instance_values(struct scl *scl, struct arena *a, const struct res *inst,
                struct slice collection_path, bool meta_data_only, struct val **out)
{
	struct slice segment = uri_encode_segment(a, inst->name);
	struct slice href = ARENA_JOIN(a, collection_path, SLICE_LIT("/"), segment);
	struct val *types, *list = NULL;
	bool ok;

	(void)scl;
	ok = val_set_text(a, &list, A_ID, inst->name) && val_set_text(a, &list, A_HREF, href) &&
	     val_set_num(a, &list, A_CREATION_TIME, inst->created) &&
	     val_set_num(a, &list, A_LAST_MODIFIED_TIME, inst->modified) &&
	     copy_value(a, inst, A_DELAY_TOLERANCE, &list) &&
	     copy_value(a, inst, A_SEARCH_STRINGS, &list);
	types = ok ? val_add(a, &list, A_CONTENT_TYPES) : NULL;
	ok = types != NULL && val_set_text(a, &types->first, A_CONTENT_TYPE, inst->inst.media_type) &&
	     val_set_num(a, &list, A_CONTENT_SIZE, (int64_t)inst->inst.content.n) &&
	     (meta_data_only || content_value(a, inst, &list));
	*out = list;
	return ok && !arena_failed(a) ? RC_OK : RC_UNAVAILABLE;
}

/* The filtered list of a contentInstances representation, oldest first. */
struct listing {
	struct scl *scl;
	struct arena *a;
	const struct target *t;
	const struct filter *f;
	struct val **tail;
	int64_t now;
	size_t left;
	size_t bytes_left;
	enum rc rc;
};

static enum visit
list_instance(void *arg, struct res *inst)
{
	struct listing *l = arg;
	struct val *v;

	if (instance_aged(l->t->node, inst, l->now) || !filter_instance(l->f, inst))
		return VISIT_DROP;
	if (l->left == 0 || l->bytes_left < inst->inst.content.n) {
		return VISIT_STOP;
	}
	l->left--;
	l->bytes_left -= inst->inst.content.n;
	v = ARENA_NEW(l->a, struct val);
	if (v == NULL) {
		l->rc = RC_UNAVAILABLE;
		return VISIT_STOP;
	}
	v->attr = A_CONTENT_INSTANCE;
	*l->tail = v;
	l->tail = &v->next;
	l->rc = instance_values(l->scl, l->a, inst, l->t->path, l->f->meta_data_only, &v->first);
	return l->rc == RC_OK ? VISIT_KEEP : VISIT_STOP;
}

static enum rc
collection_value(struct scl *scl, struct rtx *tx, const struct target *t, const struct filter *f,
                 struct val **list)
{
	const struct scl_conf *conf = scl_conf(scl);
	struct val *v = val_add(repo_arena(tx), list, A_CONTENT_INSTANCE_COLLECTION);
	struct listing l = { .scl = scl, .a = repo_arena(tx), .t = t, .f = f, .now = repo_now(tx) };
	uint64_t from = 0;

	if (v == NULL)
		return RC_UNAVAILABLE;
	l.tail = &v->first;
	l.left = conf->instances_max;
	l.bytes_left = conf->answer_max / 2;
	if (f->has_max_size && (uint64_t)f->max_size < l.left)
		l.left = (size_t)f->max_size;
	if (f->has_created_after) {
		TRY(repo_inst_since(tx, t->id, f->created_after, &from));
		if (from == 0)
			return RC_OK;
	}
	TRY(repo_inst_range(tx, t->id, from, UINT64_MAX, 0, list_instance, &l));
	return l.rc;
}

static enum rc
content_instances_value(struct scl *scl, struct rtx *tx, const struct target *t,
                        const struct filter *f, unsigned attr, struct val **list)
{
	struct seq s;

	if (attr == A_CONTENT_INSTANCE_COLLECTION)
		return collection_value(scl, tx, t, f, list);
	TRY(instances_state(tx, t->node, &s));
	return val_set_num(repo_arena(tx), list, attr,
	                   attr == A_CURRENT_NR_OF_INSTANCES ? s.count : s.bytes)
	           ? RC_OK
	           : RC_UNAVAILABLE;
}

const struct hooks hooks_content_instances = { .value = content_instances_value };
const struct hooks hooks_content_instance = { 0 };
