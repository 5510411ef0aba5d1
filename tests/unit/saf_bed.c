/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "saf_bed.h"

#include <stdio.h>

struct core_bed bed;
struct saf_peer peer = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct slice
header_of(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (slice_is(ex->headers[i].name, name))
			return ex->headers[i].value;
	return SLICE_NONE;
}

void
saf_append(char *to, size_t size, struct slice s)
{
	size_t n = strlen(to);

	snprintf(to + n, size - n, "%.*s ", (int)s.n, s.p == NULL ? "" : s.p);
}

static struct port_answer
answer(void *arg, const struct exchange *ex)
{
	struct port_answer a = { .status = 204 };

	(void)arg;
	pthread_mutex_lock(&peer.lock);
	if (slice_starts(ex->url, SLICE_LIT("http://sink.example.org"))) {
		a.status = peer.sink_status;
		peer.last_notify[0] = peer.last_correlation[0] = '\0';
		saf_append(peer.last_notify, sizeof(peer.last_notify), ex->body);
		saf_append(peer.last_correlation, sizeof(peer.last_correlation),
		       header_of(ex, "X-etsi-correlationID"));
		peer.tried++;
		peer.notified += peer.sink_status >= 200 && peer.sink_status < 300;
	} else if (slice_starts(ex->url, SLICE_LIT(DEAD))) {
		a.status = ANSWER_NEVER;
	} else {
		a.status = peer.status;
		a.delay = peer.delay;
		a.body = peer.status == 200 ? "<hello/>" : NULL;
		a.location = peer.status == 201 ? OTHER "/x" : NULL;
		peer.refused += a.status == ANSWER_REFUSED;
		if (a.status > 0) {
			peer.sent++;
			saf_append(peer.order, sizeof(peer.order), ex->body);
			peer.last_from[0] = peer.last_authorization[0] = '\0';
			saf_append(peer.last_from, sizeof(peer.last_from), header_of(ex, "From"));
			saf_append(peer.last_authorization, sizeof(peer.last_authorization),
			           header_of(ex, "Authorization"));
		}
	}
	pthread_mutex_unlock(&peer.lock);
	return a;
}

void
peer_says(int status, int sink_status)
{
	pthread_mutex_lock(&peer.lock);
	peer.status = status;
	peer.sink_status = sink_status;
	pthread_mutex_unlock(&peer.lock);
}

unsigned
peer_read(const unsigned *v)
{
	unsigned n;

	pthread_mutex_lock(&peer.lock);
	n = *v;
	pthread_mutex_unlock(&peer.lock);
	return n;
}

struct wanted {
	const unsigned *v;
	unsigned n;
};

static bool
has_come(void *arg)
{
	const struct wanted *w = arg;

	return peer_read(w->v) >= w->n;
}

void
saf_await(const unsigned *v, unsigned n)
{
	struct wanted w = { v, n };

	ck_assert_msg(core_await(has_come, &w), "%u of %u", peer_read(v), n);
}

static bool
nothing_counts(void *arg)
{
	(void)arg;
	return atomic_load(&bed.scl->parcels->count) == 0;
}

void
saf_await_none(void)
{
	ck_assert(core_await(nothing_counts, NULL));
}

void
saf_drain(void)
{
	saf_await_none();
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), 0);
}

void
saf_register(const char *id, const char *link)
{
	char body[1024];

	snprintf(body, sizeof(body),
	         "<m2m:scl " NS " sclId=\"%s\"><m2m:link>%s</m2m:link>"
	         "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	         "<m2m:pocs><reference>%s</reference></m2m:pocs>"
	         "<m2m:sclType>GSCL</m2m:sclType></m2m:scl>",
	         id, link, link);
	ck_assert_int_eq(core_status(&bed, "POST", "/m2m/scls", link, body), 201);
}

void
saf_init(void)
{
	peer.sent = peer.refused = peer.tried = peer.notified = 0;
	peer.delay = 0;
	peer.order[0] = '\0';
	peer_says(204, 204);
	port_fake_set(answer, NULL);
	core_init(&bed);
	bed.conf.saf.requests_max = 100;
	bed.conf.saf.octets_max = 1u << 20;
	bed.conf.saf.waiting_max = 8;
	bed.conf.saf.lifetime = 3600 * CLOCK_SECOND;
	bed.conf.saf.linger = CLOCK_SECOND;
	bed.conf.saf.retry_first = 1000;
	bed.conf.saf.retry_max = 20000;
}

void
saf_setup(void)
{
	saf_init();
	core_start(&bed);
	saf_register("gw", OTHER);
}

void
saf_teardown(void)
{
	core_fail_commits(0);
	core_fini(&bed);
}

static void
fill(struct req *rq, const char *method, const char *target, const struct headers *h,
     const char *body)
{
	struct req_input *in = req_input(rq);

	in->op = method[0] == 'G' ? REQ_RETRIEVE : REQ_CREATE;
	in->known_method = true;
	in->target = slice_of(target);
	in->host = SLICE_LIT("scl.example.org:8080");
	if (h->authorization == NULL)
		in->from = slice_of(h->from != NULL ? h->from : ISSUER);
	in->authorization = slice_of(h->authorization);
	in->content_type = slice_of(h->type == NULL ? "text/plain" : h->type);
	in->body = slice_of(body);
	in->has_length = true;
	in->content_length = in->body.n;
	in->correlation_id = slice_of(h->correlation);
	in->contact_uri = slice_of(h->contact);
	in->trpdt = slice_of(h->trpdt);
	in->rcat = slice_of(h->rcat);
	in->via = slice_of(h->via);
}

static void
done(struct req *rq, void *arg)
{
	struct core_call *c = arg;

	(void)rq;
	pthread_mutex_lock(&c->lock);
	c->done = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void
saf_begin(struct core_call *c, const char *method, const char *target, const struct headers *h,
      const char *body)
{
	static const struct req_listener listener = { .serve = SERVE_MIA | SERVE_MID };

	*c = (struct core_call){ .bed = &bed, .rq = req_new(bed.scl, &listener) };
	ck_assert_ptr_nonnull(c->rq);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	fill(c->rq, method, target, h, body);
	if (req_admit(c->rq) == RC_OK && req_prepare(c->rq) == RC_PENDING)
		req_submit(c->rq, done, c);
	else
		c->done = true;
}

struct reply
saf_ask(const char *method, const char *target, struct headers h, const char *body)
{
	struct core_call c;

	saf_begin(&c, method, target, &h, body);
	return core_end(&c);
}

int
saf_send(const char *correlation, const char *contact, const char *body)
{
	struct reply r =
		saf_ask("POST", OTHER "/c", (struct headers){ LATER(correlation, contact) }, body);

	reply_fini(&r);
	return r.status;
}
