/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "group_bed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

/* ---- the others ---- */

static void
keep_header(char *to, size_t size, const struct exchange *ex, const char *name)
{
	to[0] = '\0';
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (slice_is(ex->headers[i].name, name))
			snprintf(to, size, "%.*s", (int)ex->headers[i].value.n,
			         ex->headers[i].value.p);
}

static struct port_answer
ask_g1(struct group_bed *gb, const struct exchange *ex)
{
	struct slice path = slice_from(ex->target.n > 0 ? ex->target : ex->url, strlen(G1));

	if (gb->down)
		return (struct port_answer){ .status = ANSWER_REFUSED };
	for (unsigned i = 0; i < gb->nrows; i++) {
		struct row *r = &gb->rows[i];

		if (!slice_is(path, r->path))
			continue;
		r->asked++;
		snprintf(r->method, sizeof(r->method), "%.*s", (int)ex->method.n, ex->method.p);
		keep_header(r->from, sizeof(r->from), ex, "From");
		keep_header(r->id, sizeof(r->id), ex, "X-etsi-group-request-id");
		keep_header(r->via, sizeof(r->via), ex, "Via");
		return r->answer;
	}
	gb->unknown++;
	return (struct port_answer){ .status = 404 };
}

static struct port_answer
ask_subscriber(struct group_bed *gb, const struct exchange *ex)
{
	ck_assert_uint_lt(gb->nposts, POSTS);
	gb->posts[gb->nposts] = malloc(ex->body.n + 1);
	ck_assert_ptr_nonnull(gb->posts[gb->nposts]);
	memcpy(gb->posts[gb->nposts], ex->body.p, ex->body.n);
	gb->posts[gb->nposts++][ex->body.n] = 0;
	return gb->subscriber;
}

static struct port_answer
script(void *arg, const struct exchange *ex)
{
	struct group_bed *gb = arg;
	struct port_answer a;

	pthread_mutex_lock(&gb->lock);
	if (slice_starts(ex->url, SLICE_LIT(G1)))
		a = ask_g1(gb, ex);
	else
		a = ask_subscriber(gb, ex);
	pthread_mutex_unlock(&gb->lock);
	return a;
}

/* ---- life ---- */

void
group_init(struct group_bed *gb)
{
	*gb = (struct group_bed){ .subscriber = { .status = 200 } };
	core_init(&gb->b);
	gb->b.conf.arena_max = 64u << 20;
	gb->b.conf.body_max = 4u << 20;
	gb->b.conf.answer_max = 16u << 20;
	gb->b.conf.group_members_max = 20000;
	gb->b.conf.group_parallel = 8;
	gb->b.conf.group_fanouts_max = 16;
	gb->b.conf.group_calls_max = 32;
	gb->b.conf.group_member_timeout_ms = 20000;
	gb->b.conf.group_timeout_ms = 20000;
	gb->b.conf.aggregation_wait = 3 * CLOCK_SECOND;
	gb->b.conf.aggregation_max = 100;
	gb->b.conf.notify_timeout_ms = 1000;
	pthread_mutex_init(&gb->lock, NULL);
	port_fake_set(script, gb);
	core_start(&gb->b);
	core_app(&gb->b, "a", "");
}

void
group_fini(struct group_bed *gb)
{
	core_fini(&gb->b);
	for (unsigned i = 0; i < gb->nposts; i++)
		free(gb->posts[i]);
	pthread_mutex_destroy(&gb->lock);
}

void
group_register(struct group_bed *gb)
{
	ck_assert_int_eq(
		core_status(&gb->b, "POST", BASE "/scls", G1,
	                    "<m2m:scl " NS " sclId=\"g1\"><m2m:pocs><reference>" G1
	                    "</reference></m2m:pocs><m2m:link>" G1
	                    "</m2m:link><m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	                    "<m2m:sclType>GSCL</m2m:sclType></m2m:scl>"),
		201);
}

/* ---- the others, by the test ---- */

void
group_row(struct group_bed *gb, const char *path, int status, const char *body)
{
	struct row *r = gb->rows;

	pthread_mutex_lock(&gb->lock);
	while (r < gb->rows + gb->nrows && strcmp(r->path, path) != 0)
		r++;
	ck_assert(r < gb->rows + ROWS);
	if (r == gb->rows + gb->nrows)
		gb->nrows++;
	*r = (struct row){ .answer = { .status = status, .body = body } };
	snprintf(r->path, sizeof(r->path), "%s", path);
	pthread_mutex_unlock(&gb->lock);
}

struct row
group_asked(struct group_bed *gb, const char *path)
{
	struct row r = { .asked = 0 };

	pthread_mutex_lock(&gb->lock);
	for (unsigned i = 0; i < gb->nrows; i++)
		if (strcmp(gb->rows[i].path, path) == 0)
			r = gb->rows[i];
	pthread_mutex_unlock(&gb->lock);
	return r;
}

void
group_down(struct group_bed *gb, bool down)
{
	pthread_mutex_lock(&gb->lock);
	gb->down = down;
	pthread_mutex_unlock(&gb->lock);
}

void
group_subscriber(struct group_bed *gb, int status, const char *body, int64_t delay)
{
	pthread_mutex_lock(&gb->lock);
	gb->subscriber = (struct port_answer){ .status = status, .body = body, .delay = delay };
	pthread_mutex_unlock(&gb->lock);
}

static unsigned
count_posts(struct group_bed *gb)
{
	unsigned n;

	pthread_mutex_lock(&gb->lock);
	n = gb->nposts;
	pthread_mutex_unlock(&gb->lock);
	return n;
}

struct wanted {
	struct group_bed *gb;
	unsigned n;
	const char *id, *element, *value;
};

static bool
has_posts(void *arg)
{
	const struct wanted *w = arg;

	return count_posts(w->gb) >= w->n;
}

unsigned
group_posts(struct group_bed *gb, unsigned n)
{
	struct wanted w = { .gb = gb, .n = n };

	ck_assert(core_await(has_posts, &w));
	return count_posts(gb);
}

/* ---- resources ---- */

void
group_container(struct group_bed *gb, const char *name, const char *content)
{
	char path[192];

	ck_assert_int_eq(core_container(&gb->b, "a", name, "default", ""), 201);
	snprintf(path, sizeof(path), BASE "/applications/a/containers/%s/contentInstances", name);
	if (content != NULL)
		ck_assert_int_eq(core_post_text(&gb->b, path, content), 201);
}

int
group_make(struct group_bed *gb, const char *id, const char *type, const char *more,
           const char *members)
{
	struct slice rest = slice_of(members), one;
	struct buf b;
	int status;

	buf_init(&b, 4u << 20);
	buf_printf(&b,
	           "<m2m:group " NS " m2m:id=\"%s\"><m2m:memberType>%s</m2m:memberType>%s"
	           "<m2m:accessRightID>" BASE "/accessRights/default</m2m:accessRightID>"
	           "<m2m:members>",
	           id, type, more);
	while (rest.n > 0 && slice_split(&rest, ' ', &one))
		buf_printf(&b, "<reference>%.*s</reference>", (int)one.n, one.p);
	buf_puts(&b, "</m2m:members></m2m:group>");
	buf_char(&b, '\0');
	ck_assert(!b.failed);
	status = core_status(&gb->b, "POST", BASE "/groups", ADMIN, b.p);
	buf_fini(&b);
	return status;
}

const char *
group_value(struct group_bed *gb, const char *id, const char *element)
{
	static char value[256];
	char path[128], tag[80];
	struct reply r;
	const char *at;

	snprintf(path, sizeof(path), BASE "/groups/%s", id);
	snprintf(tag, sizeof(tag), "<m2m:%s>", element);
	r = core_ask(&gb->b, "GET", path, ADMIN, NULL);
	at = strstr(r.body, tag);
	value[0] = '\0';
	if (r.status == 200 && at != NULL)
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + strlen(tag), "<"),
		         at + strlen(tag));
	else if (r.status != 200)
		snprintf(value, sizeof(value), "%d", r.status);
	reply_fini(&r);
	return value;
}

static bool
has_value(void *arg)
{
	const struct wanted *w = arg;

	return strcmp(group_value(w->gb, w->id, w->element), w->value) == 0;
}

void
group_await(struct group_bed *gb, const char *id, const char *element, const char *value)
{
	struct wanted w = { .gb = gb, .id = id, .element = element, .value = value };

	ck_assert_msg(core_await(has_value, &w), "%s of %s is %s, not %s", element, id,
	              group_value(gb, id, element), value);
}

/* ---- requests ---- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
};

static void
answered(struct req *rq, void *arg)
{
	struct waiting *w = arg;

	(void)rq;
	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void
carry_out(struct req *rq)
{
	struct waiting w = { .lock = PTHREAD_MUTEX_INITIALIZER,
		             .changed = PTHREAD_COND_INITIALIZER };

	if (req_admit(rq) != RC_OK || req_prepare(rq) != RC_PENDING)
		return;
	req_submit(rq, answered, &w);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
}

static enum req_op
op_of(const char *method)
{
	return strcmp(method, "GET") == 0    ? REQ_RETRIEVE
	       : strcmp(method, "PUT") == 0  ? REQ_UPDATE
	       : strcmp(method, "POST") == 0 ? REQ_CREATE
	                                     : REQ_DELETE;
}

struct reply
group_ask(struct group_bed *gb, const char *method, const char *target, const char *from,
          const char *id, const char *accept, const char *body)
{
	static const struct req_listener listener = { .serve = SERVE_MIA | SERVE_MID };
	struct req *rq = req_new(gb->b.scl, &listener);
	const struct req_answer *a;
	struct req_input *in;
	struct reply r;

	ck_assert_ptr_nonnull(rq);
	in = req_input(rq);
	in->op = op_of(method);
	in->known_method = true;
	in->target = arena_copy(req_arena(rq), slice_of(target));
	in->host = SLICE_LIT("scl.example.org:8080");
	in->from = arena_copy(req_arena(rq), slice_of(from));
	in->group_request_id = slice_of(id);
	in->accept = slice_of(accept);
	in->body = slice_of(body);
	in->has_length = true;
	in->content_length = in->body.n;
	in->content_type = body == NULL ? SLICE_NONE : SLICE_LIT("application/xml");
	carry_out(rq);
	a = req_encode(rq);
	r = (struct reply){ .status = a->http_status, .body = calloc(1, a->body_len + 1) };
	ck_assert_ptr_nonnull(r.body);
	if (a->body_len > 0)
		memcpy(r.body, a->body, a->body_len);
	req_free(rq);
	return r;
}

int
group_status(struct group_bed *gb, const char *method, const char *target, const char *from,
             const char *id, const char *accept, const char *body)
{
	struct reply r = group_ask(gb, method, target, from, id, accept, body);

	reply_fini(&r);
	return r.status;
}

unsigned
occurrences(const char *text, const char *needle)
{
	unsigned n = 0;

	while ((text = strstr(text, needle)) != NULL) {
		text += strlen(needle);
		n++;
	}
	return n;
}
