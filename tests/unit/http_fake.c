/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "http_fake.h"

#include "core/peer.h"

#include <stdio.h>
#include <stdlib.h>

struct req {
	struct scl *fake;
	const struct req_listener *listener;
	struct arena *arena;
	struct req_input input;
	struct req_answer answer;
	req_done *done;
	void *arg;
	struct req *next;
	struct slice refusal; /* text of the error, p NULL = none */
	bool arrived; /* req_sent was called */
};

static bool
target_is(const struct req *rq, const char *path)
{
	return slice_starts(rq->input.target, slice_of(path));
}

static void
answer_all(struct req *rq)
{
	while (rq != NULL) {
		struct req *next = rq->next;

		rq->done(rq, rq->arg);
		rq = next;
	}
}

static void *
answer_later(void *arg)
{
	struct scl *f = arg;

	pthread_mutex_lock(&f->lock);
	while (!f->stop || f->later != NULL) {
		struct req *rq = f->later;

		if (rq == NULL) {
			pthread_cond_wait(&f->changed, &f->lock);
			continue;
		}
		f->later = NULL;
		pthread_mutex_unlock(&f->lock);
		answer_all(rq);
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

void
fake_start(struct scl *f)
{
	*f = (struct scl){ .max_live = f->max_live };
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	pthread_create(&f->thread, NULL, answer_later, f);
}

void
fake_stop(struct scl *f)
{
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
}

void
fake_await_held(struct scl *f, unsigned n)
{
	pthread_mutex_lock(&f->lock);
	while (f->n_held < n)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

void
fake_release(struct scl *f)
{
	struct req *rq;

	pthread_mutex_lock(&f->lock);
	rq = f->held;
	f->held = NULL;
	f->n_held = 0;
	pthread_mutex_unlock(&f->lock);
	answer_all(rq);
}

void
fake_await_none(struct scl *f)
{
	atomic_store(&f->awaited, true);
	pthread_mutex_lock(&f->lock);
	while (atomic_load(&f->live) > 0)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

struct req *
req_new(struct scl *scl, const struct req_listener *listener)
{
	struct req *rq;

	if (scl->max_live > 0 && atomic_load(&scl->live) >= scl->max_live)
		return NULL;
	rq = calloc(1, sizeof(*rq));
	if (rq == NULL)
		return NULL;
	rq->fake = scl;
	rq->listener = listener;
	rq->arena = arena_new(1 << 20);
	atomic_fetch_add(&scl->live, 1);
	atomic_fetch_add(&scl->made, 1);
	return rq;
}

bool
req_asks_sent(const struct req *rq)
{
	return rq->done != NULL && target_is(rq, "/told");
}

void
req_sent(struct req *rq)
{
	rq->arrived = true;
}

void
req_free(struct req *rq)
{
	struct scl *f;

	if (rq == NULL)
		return;
	f = rq->fake;
	if (req_asks_sent(rq))
		atomic_fetch_add(rq->arrived ? &f->arrived : &f->lost, 1);
	free(rq->answer.body);
	arena_free(rq->arena);
	free(rq);
	if (atomic_fetch_sub(&f->live, 1) == 1 && atomic_load(&f->awaited)) {
		pthread_mutex_lock(&f->lock);
		pthread_cond_broadcast(&f->changed);
		pthread_mutex_unlock(&f->lock);
	}
}

struct arena *
req_arena(struct req *rq)
{
	return rq->arena;
}

struct req_input *
req_input(struct req *rq)
{
	return &rq->input;
}

struct req_answer *
req_answer(struct req *rq)
{
	return &rq->answer;
}

size_t
req_body_max(const struct req *rq)
{
	(void)rq;
	return FAKE_BODY_MAX;
}

void
req_refuse(struct req *rq, enum rc rc, const char *text)
{
	atomic_fetch_add(&rq->fake->refused, 1);
	rq->answer.http_status = status_of(rc)->http;
	rq->refusal = slice_of(text);
}

enum rc
req_admit(struct req *rq)
{
	atomic_fetch_add(&rq->fake->admitted, 1);
	if (!target_is(rq, "/stranger"))
		return RC_OK;
	req_refuse(rq, RC_NO_ORIGINATOR, "who are you");
	return RC_NO_ORIGINATOR;
}

static void
fill_made(struct req_answer *a)
{
	a->http_status = 201;
	a->location = SLICE_LIT("http://example.org/m2m/new");
	a->content_location = SLICE_LIT("/m2m/new");
	a->etag = SLICE_LIT("\"2014-03-01T08:12:00.250000Z\"");
	a->last_modified = SLICE_LIT("Sat, 01 Mar 2014 08:12:00 GMT");
	a->allow = SLICE_LIT("GET, PUT");
	a->via = SLICE_LIT("1.1 nscl.example.org");
	a->retry_after = 7;
}

static void
fill_secured(struct req_answer *a)
{
	a->reject = SLICE_LIT("MRJ1 test");
	a->no_store = true;
	a->close = true;
}

enum rc
req_prepare(struct req *rq)
{
	atomic_fetch_add(&rq->fake->prepared, 1);
	rq->answer.http_status = 200;
	if (target_is(rq, "/made"))
		fill_made(&rq->answer);
	if (target_is(rq, "/secured"))
		fill_secured(&rq->answer);
	if (target_is(rq, "/gone"))
		rq->answer.http_status = 204;
	if (target_is(rq, "/same"))
		rq->answer.http_status = 304;
	if (target_is(rq, "/failed"))
		rq->answer.http_status = 504;
	if (target_is(rq, "/at-once") || target_is(rq, "/later") || target_is(rq, "/held") ||
	    target_is(rq, "/failed") || target_is(rq, "/told"))
		return RC_PENDING;
	return RC_OK;
}

void
req_submit(struct req *rq, req_done *done, void *arg)
{
	struct scl *f = rq->fake;
	bool held = target_is(rq, "/held");

	rq->done = done;
	rq->arg = arg;
	if (target_is(rq, "/at-once")) {
		done(rq, arg);
		return;
	}
	pthread_mutex_lock(&f->lock);
	rq->next = held ? f->held : f->later;
	*(held ? &f->held : &f->later) = rq;
	f->n_held += held;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

/* By what name the peer goes; empty for a stranger. */
static struct slice
peer_name(const struct peer *p)
{
	if (p->kind == PEER_PSK)
		return p->psk_identity;
	if (p->kind == PEER_CERTIFICATE)
		return p->n_uris > 0 ? p->uris[0] : p->subject;
	return SLICE_NONE;
}

static void
write_names(struct buf *b, const char *kind, const struct slice *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s=%.*s\n", kind, (int)names[i].n, names[i].p);
}

static void
write_hex(struct buf *b, const char *name, const void *octets, size_t n)
{
	buf_printf(b, "%s=", name);
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%02x", ((const unsigned char *)octets)[i]);
	buf_puts(b, "\n");
}

static void
write_peer(const struct peer *p, struct buf *b)
{
	unsigned char value[32];
	enum rc rc = p->exporter(p, FAKE_LABEL, value, sizeof(value));

	buf_printf(b, "kind=%d\naddress=%.*s\nloopback=%d\nuid=%u\npid=%u\nversion=%x\n",
	           (int)p->kind, (int)p->address.n, p->address.p, p->loopback, p->uid, p->pid,
	           p->tls_version);
	buf_printf(b, "psk=%.*s\nsubject=%.*s\n", (int)p->psk_identity.n, p->psk_identity.p,
	           (int)p->subject.n, p->subject.p);
	write_names(b, "uri", p->uris, p->n_uris);
	write_names(b, "dns", p->dns_names, p->n_dns_names);
	write_hex(b, "spki", p->spki.p, p->spki.n);
	write_hex(b, "fingerprint", p->fingerprint, sizeof(p->fingerprint));
	if (rc == RC_OK)
		write_hex(b, "export", value, sizeof(value));
	else
		buf_puts(b, rc == RC_DENIED ? "export=denied\n" : "export=failed\n");
}

static void
write_headers(const struct req_input *in, struct buf *b)
{
	const struct slice values[] = { in->nonce, in->connection, in->device_proof,
		                        in->ival_signature, in->sga };

	write_names(b, "header", values, sizeof(values) / sizeof(values[0]));
}

static void
write_echo(struct req *rq, struct buf *b)
{
	static const char *const ops[] = { "CREATE", "RETRIEVE", "UPDATE",
		                           "DELETE", "EXECUTE",  "OTHER" };
	const struct req_input *in = &rq->input;

	buf_printf(b, "%s %.*s from=%.*s n=%zu accept=%.*s known=%d peer=%.*s length=%d\n",
	           ops[in->op], (int)in->target.n, in->target.p, (int)in->from.n, in->from.p,
	           in->body.n, (int)in->accept.n, in->accept.p, in->known_method,
	           (int)peer_name(in->peer).n, peer_name(in->peer).p,
	           in->has_length ? (int)in->content_length : -1);
	buf_slice(b, in->body);
}

static void
write_big(struct req *rq, struct buf *b)
{
	size_t at = target_is(rq, "/big/") ? strlen("/big/") : strlen("/told/");
	size_t n = strtoul(rq->input.target.p + at, NULL, 10);
	char *p = buf_reserve(b, n);

	if (p != NULL) {
		memset(p, 'b', n);
		b->n += n;
	}
}

const struct req_answer *
req_encode(struct req *rq)
{
	struct req_answer *a = &rq->answer;
	struct buf b;

	buf_init(&b, 64 << 20);
	if (rq->refusal.p != NULL)
		buf_printf(&b, "<errorInfo>%.*s</errorInfo>", (int)rq->refusal.n, rq->refusal.p);
	else if (target_is(rq, "/big/") || target_is(rq, "/told/"))
		write_big(rq, &b);
	else if (target_is(rq, "/peer"))
		write_peer(rq->input.peer, &b);
	else if (target_is(rq, "/secured"))
		write_headers(&rq->input, &b);
	else if (!target_is(rq, "/gone") && !target_is(rq, "/same"))
		write_echo(rq, &b);
	a->content_type = b.n == 0 ? SLICE_NONE : SLICE_LIT("application/xml");
	a->body = buf_take(&b, &a->body_len);
	return a;
}
