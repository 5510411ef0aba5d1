/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "msbf_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/endpoint.h"

static const struct req_listener listener = { .serve = SERVE_MSBF, .secure = true };

/* ---- a MAS with faults ---- */

static struct msbf_bed *the_bed; /* whose MAS answers; one at a time */

static void
tell_gone(struct mas_provision *p)
{
	p->outcome = (struct mas_outcome){ .rc = RC_UNAVAILABLE, .reason = "OVERLOAD" };
	p->done(p);
}

static void
done_in_silence(struct mas_provision *p)
{
	p->done = the_bed->provision_done;
	tell_gone(p);
}

static void
done_tersely(struct mas_provision *p)
{
	p->done = the_bed->provision_done;
	if (p->outcome.rc != RC_OK)
		p->kmr_index = the_bed->asked_index;
	p->done(p);
}

static void *
gone_main(void *p)
{
	tell_gone(p);
	return NULL;
}

/* The answer comes from another thread, as the MAS's do. */
static void
answer_gone(struct mas_provision *p)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, gone_main, p), 0);
	ck_assert_int_eq(pthread_detach(thread), 0);
}

static void
faulty_provision(void *self, struct mas_provision *p)
{
	struct msbf_bed *b = self;

	atomic_fetch_add(&b->provisions, 1);
	switch (atomic_load(&b->fault)) {
	case MAS_WORKS:
		b->mas.mas.ops->provision(b->mas.mas.self, p);
		break;
	case MAS_GONE:
		answer_gone(p);
		break;
	case MAS_SILENT:
		b->provision_done = p->done;
		p->done = done_in_silence;
		b->mas.mas.ops->provision(b->mas.mas.self, p);
		break;
	case MAS_HELD:
		atomic_store(&b->held, p);
		break;
	case MAS_TERSE:
		b->provision_done = p->done;
		b->asked_index = p->kmr_index;
		p->done = done_tersely;
		b->mas.mas.ops->provision(b->mas.mas.self, p);
		break;
	}
}

void
msbf_bed_await(struct msbf_bed *b)
{
	while (atomic_load(&b->held) == NULL)
		usleep(1000);
}

void
msbf_bed_release(struct msbf_bed *b)
{
	struct mas_provision *p;

	msbf_bed_await(b);
	p = atomic_exchange(&b->held, NULL);
	b->mas.mas.ops->provision(b->mas.mas.self, p);
}

/* ---- life ---- */

void
msbf_bed_make(struct msbf_bed *b, int engine)
{
	static const char *const nscls[] = { "https://nscl.sp1.example:8443/m2m", NULL };

	*b = (struct msbf_bed){ .fault = MAS_WORKS };
	the_bed = b;
	bed_make(&b->mas, engine);
	core_init_alone(&b->core);
	snprintf(b->dir, sizeof(b->dir), "%s/msbf", b->mas.dir);
	b->conf = (struct msbf_conf){ .engine = b->mas.conf.engine,
		                      .clock = &b->mas.clock.clock,
		                      .kek_file = b->mas.kek,
		                      .kek_next_file = b->mas.next,
		                      .sp_id = "sp1.example",
		                      .msbf_id = "msbf.sp1.example",
		                      .reject_key_file = b->mas.reject,
		                      .nscls = nscls,
		                      .mas_address = "https://mas.sp1.example:8443" };
	b->conf.store.path = engine == 0 ? NULL : b->dir;
	b->ops.provision = faulty_provision;
}

void
msbf_bed_open(struct msbf_bed *b)
{
	char why[256];
	enum rc rc;

	bed_open(&b->mas);
	b->conf.mas = (struct mas){ .ops = &b->ops, .self = b };
	b->conf.more = msbf_mas_of(b->mas.m);
	rc = msbf_open(&b->conf, &b->m, why);
	ck_assert_msg(rc == RC_OK, "msbf_open: %d %s", (int)rc, why);
	core_start(&b->core);
	ck_assert_int_eq(msbf_attach(b->m, b->core.scl, "m2m"), RC_OK);
}

void
msbf_bed_close(struct msbf_bed *b)
{
	if (b->m == NULL)
		return;
	msbf_stop(b->m);
	core_stop(&b->core);
	msbf_close(b->m);
	b->m = NULL;
	bed_close(&b->mas);
}

void
msbf_bed_restart(struct msbf_bed *b)
{
	msbf_bed_close(b);
	msbf_bed_open(b);
}

void
msbf_bed_free(struct msbf_bed *b)
{
	msbf_bed_close(b);
	core_fini(&b->core);
	bed_free(&b->mas);
}

/* ---- peers ---- */

struct key
peer_secret(uint8_t session)
{
	return bed_key((uint8_t)(0x80 + session));
}

static enum rc export(const struct peer *peer, const char *label, void *out, size_t n) {
	const struct test_peer *p = (const struct test_peer *)(const void *)peer;
	struct key k = peer_secret(p->session);

	ck_assert_str_eq(label, M2M_EXPORTER_BOOTSTRAP);
	ck_assert_uint_eq(n, KEY_BYTES);
	memcpy(out, k.v, n);
	return p->no_exporter ? RC_DENIED : RC_OK;
}

void
peer_of(struct test_peer *p, const char *ppid, uint8_t session)
{
	static unsigned sources;

	*p = (struct test_peer){ .session = session };
	snprintf(p->uri[0], sizeof(p->uri[0]), "urn:m2m:ppid:%s", ppid);
	p->uris[0] = slice_of(p->uri[0]);
	sources++;
	snprintf(p->address, sizeof(p->address), "192.0.%u.%u", sources / 200 % 200, sources % 200);
	p->peer = (struct peer){ .kind = PEER_CERTIFICATE,
		                 .address = slice_of(p->address),
		                 .uris = p->uris,
		                 .n_uris = 1,
		                 .tls_version = 0x0304,
		                 .exporter = export };
	memset(p->peer.fingerprint, 0x11, PEER_FINGERPRINT);
}

/* ---- requests ---- */

static void
over(struct req *rq, void *arg)
{
	struct msbf_call *c = arg;

	(void)rq;
	bed_over(&c->wait);
}

static struct slice
copied(struct req *rq, const char *text)
{
	return text == NULL ? SLICE_NONE : arena_copy(req_arena(rq), slice_of(text));
}

static enum req_op
op_of(const char *method)
{
	static const char *const names[] = { [REQ_CREATE] = "POST",
		                             [REQ_RETRIEVE] = "GET",
		                             [REQ_UPDATE] = "PUT",
		                             [REQ_DELETE] = "DELETE" };

	for (unsigned i = 0; i < NITEMS(names); i++)
		if (strcmp(names[i], method) == 0)
			return (enum req_op)i;
	ck_abort_msg("%s", method);
}

void
msbf_begin(struct msbf_bed *b, struct msbf_call *c, const struct asked *a)
{
	struct req *rq = req_new(b->core.scl, &listener);
	struct req_input *in = req_input(rq);

	*c = (struct msbf_call){ .rq = rq, .wait = { .b = &b->mas } };
	in->op = op_of(a->method);
	in->known_method = true;
	in->target = copied(rq, a->target);
	in->host = SLICE_LIT("scl.example.org:8080");
	in->accept = copied(rq, a->accept);
	in->content_type = copied(rq, a->type);
	in->body = copied(rq, a->body);
	in->nonce = copied(rq, a->nonce);
	in->ival_signature = copied(rq, a->ival);
	in->has_length = true;
	in->content_length = in->body.n;
	in->peer = a->peer == NULL ? NULL : &a->peer->peer;
	if (req_admit(rq) == RC_OK && req_prepare(rq) == RC_PENDING)
		req_submit(rq, over, c);
	else
		bed_over(&c->wait);
}

static void
copy_text(char *to, size_t size, struct slice s)
{
	snprintf(to, size, "%.*s", (int)s.n, s.n == 0 ? "" : s.p);
}

struct told
msbf_end(struct msbf_call *c)
{
	const struct req_answer *a;
	struct told t;

	bed_wait(&c->wait);
	a = req_encode(c->rq);
	t = (struct told){ .status = a->http_status,
		           .retry_after = a->retry_after,
		           .no_store = a->no_store,
		           .n = a->body_len,
		           .body = calloc(1, a->body_len + 1) };
	ck_assert_ptr_nonnull(t.body);
	if (a->body_len > 0)
		memcpy(t.body, a->body, a->body_len);
	copy_text(t.type, sizeof(t.type), a->content_type);
	copy_text(t.location, sizeof(t.location), a->location);
	copy_text(t.allow, sizeof(t.allow), a->allow);
	copy_text(t.reject, sizeof(t.reject), a->reject);
	req_free(c->rq);
	return t;
}

struct told
msbf_ask(struct msbf_bed *b, const struct asked *a)
{
	struct msbf_call c;

	msbf_begin(b, &c, a);
	return msbf_end(&c);
}

void
told_free(struct told *t)
{
	free(t->body);
	t->body = NULL;
}

struct told
msbf_post(struct msbf_bed *b, const char *ppid, uint8_t session, const char *more)
{
	struct test_peer p;
	char target[1024];
	struct asked a = { .method = "POST", .target = target, .peer = &p };

	snprintf(target, sizeof(target), SET "?ppid=%s%s", ppid, more);
	peer_of(&p, ppid, session);
	return msbf_ask(b, &a);
}

int
msbf_status_of(struct msbf_bed *b, const char *ppid, uint8_t session, const char *more)
{
	struct told t = msbf_post(b, ppid, session, more);

	told_free(&t);
	return t.status;
}

const char *
told_value(const struct told *t, const char *name, char out[256])
{
	char mark[128];
	const char *at;
	size_t n;

	out[0] = '\0';
	snprintf(mark, sizeof(mark), "%s%s", name, strchr(t->type, 'j') != NULL ? "\":" : ">");
	at = strstr(t->body, mark);
	if (at == NULL)
		return out;
	at += strlen(mark);
	at += *at == '"';
	n = strcspn(at, "<\",}");
	snprintf(out, 256, "%.*s", (int)n, at);
	return out;
}

/* ---- administration ---- */

static void
admitted(struct msbf_admit *a)
{
	bed_over(a->owner);
}

struct msbf_line
msbf_provision(struct msbf_bed *b, const char *ppid, const struct device_fingerprint *f, unsigned n)
{
	struct bed_call call = { .b = &b->mas };
	struct msbf_line line = { .ppid = slice_of(ppid),
		                  .fingerprints = f,
		                  .n_fingerprints = n,
		                  .sub_id = SLICE_LIT("sub-1") };
	struct msbf_admit a = {
		.lines = &line, .n = 1, .actor = "admin", .done = admitted, .owner = &call
	};

	msbf_admit(b->m, &a);
	bed_wait(&call);
	ck_assert_int_eq(a.outcome.rc, RC_OK);
	return line;
}

static void
changed(struct msbf_change *c)
{
	bed_over(c->owner);
}

enum rc
msbf_do(struct msbf_bed *b, struct msbf_change *c)
{
	struct bed_call call = { .b = &b->mas };

	c->actor = "admin";
	c->done = changed;
	c->owner = &call;
	msbf_change(b->m, c);
	bed_wait(&call);
	return c->outcome.rc;
}

void
msbf_hash(const char *ppid, uint8_t out[PPID_HASH])
{
	struct ppid p;

	ck_assert_int_eq(ppid_parse(slice_of(ppid), true, &p), PPID_OK);
	ck_assert_int_eq(ppid_hash(&p, out), RC_OK);
}

struct looking {
	struct bed_call call;
	struct msbf_device *out;
	const char *action, *result;
	unsigned found;
};

static void
device_row(struct msbf_query *q, const struct msbf_device *d)
{
	struct looking *l = q->owner;

	*l->out = *d;
}

static void
queried(struct msbf_query *q)
{
	struct looking *l = q->owner;

	bed_over(&l->call);
}

bool
msbf_device_of(struct msbf_bed *b, const char *ppid, struct msbf_device *out)
{
	struct looking l = { .call = { .b = &b->mas }, .out = out };
	struct msbf_query q = { .has_hash = true, .row = device_row, .done = queried, .owner = &l };

	msbf_hash(ppid, q.hash);
	msbf_query(b->m, &q);
	bed_wait(&l.call);
	return q.outcome.rc == RC_OK;
}

static void
audit_row(struct mas_audit_page *p, const struct audit_row *row)
{
	struct looking *l = p->owner;

	l->found +=
		slice_is(row->entry.action, l->action) && slice_is(row->entry.result, l->result);
}

static void
audit_begin(struct mas_audit_page *p)
{
	((struct looking *)p->owner)->found = 0;
}

static void
audit_paged(struct mas_audit_page *p)
{
	bed_over(&((struct looking *)p->owner)->call);
}

unsigned
msbf_audited(struct msbf_bed *b, const char *action, const char *result)
{
	struct looking l = { .call = { .b = &b->mas }, .action = action, .result = result };
	struct mas_audit_page p = {
		.row = audit_row, .begin = audit_begin, .done = audit_paged, .owner = &l
	};

	msbf_audit_page(b->m, &p);
	bed_wait(&l.call);
	ck_assert_int_eq(p.outcome.rc, RC_OK);
	return l.found;
}

static void
verified(struct mas_audit_verify *v)
{
	bed_over(v->owner);
}

bool
msbf_audit_sound(struct msbf_bed *b)
{
	struct bed_call call = { .b = &b->mas };
	struct mas_audit_verify v = { .done = verified, .owner = &call };

	msbf_audit_verify(b->m, &v);
	bed_wait(&call);
	return v.outcome.rc == RC_OK && v.check.bad == 0 && !v.check.bad_head && v.check.rows > 0;
}
