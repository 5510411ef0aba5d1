/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "endpoint_bed.h"

#include <stdio.h>
#include <stdlib.h>

struct asker
asker_plain(unsigned serve)
{
	return (struct asker){ .serve = serve,
		               .peer = { .address = SLICE_LIT("127.0.0.1"), .loopback = true } };
}

struct asker
asker_certified(unsigned serve, const struct slice *uri, const struct slice *dns)
{
	struct asker a = asker_plain(serve);

	a.peer.kind = PEER_CERTIFICATE;
	a.peer.uris = uri;
	a.peer.n_uris = 1;
	a.peer.dns_names = dns;
	a.peer.n_dns_names = dns != NULL;
	a.peer.subject = SLICE_LIT("CN=test");
	return a;
}

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
};

static void
on_done(struct req *rq, void *arg)
{
	struct waiting *w = arg;

	(void)rq;
	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static enum req_op
op_of(const char *method)
{
	return strcmp(method, "POST") == 0  ? REQ_CREATE
	       : strcmp(method, "GET") == 0 ? REQ_RETRIEVE
	       : strcmp(method, "PUT") == 0 ? REQ_UPDATE
	                                    : REQ_DELETE;
}

static void
fill(struct req *rq, const struct asker *who, const char *method, const char *target,
     const char *type, struct slice body)
{
	struct req_input *in = req_input(rq);
	struct arena *a = req_arena(rq);

	in->op = op_of(method);
	in->known_method = true;
	in->target = arena_copy(a, slice_of(target));
	in->host = SLICE_LIT("scl.example.org:8080");
	in->peer = &who->peer;
	if (who->authorization != NULL)
		in->authorization = arena_copy(a, slice_of(who->authorization));
	in->from = arena_copy(a, slice_of(who->from));
	in->last_event_id = arena_copy(a, slice_of(who->last_event_id));
	in->accept = who->accept != NULL ? slice_of(who->accept) : SLICE_LIT("application/json");
	if (body.p != NULL) {
		in->content_type = arena_copy(a, slice_of(type));
		in->content_encoding = arena_copy(a, slice_of(who->encoding));
		in->body = arena_copy(a, body);
	}
	in->has_length = true;
	in->content_length = in->body.n;
}

static void
carry_out(struct req *rq)
{
	struct waiting w = { .done = false };

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.changed, NULL);
	if (req_admit(rq) == RC_OK && req_prepare(rq) == RC_PENDING) {
		req_submit(rq, on_done, &w);
		pthread_mutex_lock(&w.lock);
		while (!w.done)
			pthread_cond_wait(&w.changed, &w.lock);
		pthread_mutex_unlock(&w.lock);
	}
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
}

struct told
ask_octets(struct core_bed *b, const struct asker *who, const char *method, const char *target,
           const char *type, struct slice body)
{
	const struct req_listener listener = { .serve = who->serve, .policy = who->policy };
	struct req *rq = req_new(b->scl, &listener);
	const struct req_answer *a;
	struct told t;

	ck_assert_ptr_nonnull(rq);
	fill(rq, who, method, target, type, body);
	carry_out(rq);
	a = req_encode(rq);
	t = (struct told){ .status = a->http_status,
		           .body = calloc(1, a->body_len + 1),
		           .n = a->body_len,
		           .retry_after = a->retry_after };
	ck_assert_ptr_nonnull(t.body);
	if (a->body_len > 0)
		memcpy(t.body, a->body, a->body_len);
	snprintf(t.location, sizeof(t.location), "%.*s", (int)a->location.n, a->location.p);
	snprintf(t.allow, sizeof(t.allow), "%.*s", (int)a->allow.n, a->allow.p);
	ck_assert(a->no_store);
	req_free(rq);
	return t;
}

struct told
ask(struct core_bed *b, const struct asker *who, const char *method, const char *target,
    const char *type, const char *body)
{
	return ask_octets(b, who, method, target, type, slice_of(body));
}

int
ask_status(struct core_bed *b, const struct asker *who, const char *method, const char *target,
           const char *body)
{
	struct told t = ask(b, who, method, target, "application/json", body);
	int status = t.status;

	told_fini(&t);
	return status;
}

void
told_fini(struct told *t)
{
	free(t->body);
}

const char *
told_text(const struct told *t, const char *name)
{
	static _Thread_local char ring[8][256];
	static _Thread_local unsigned at;
	char mark[64], *out = ring[at++ % 8];
	const char *p;

	snprintf(mark, sizeof(mark), "\"%s\":", name);
	p = strstr(t->body, mark);
	out[0] = '\0';
	if (p == NULL)
		return out;
	p += strlen(mark);
	p += *p == '"';
	snprintf(out, 256, "%.*s", (int)strcspn(p, "\",}]"), p);
	return out;
}
