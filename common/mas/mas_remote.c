/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of mas.h for a MAS in another process: each call becomes an exchange. */
#include "config.h"

#include "mas/mas_remote_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "mas/mas_remote_calls.h"

#define CONNECTIONS_MAX 200000u
#define USE_PERIOD (2 * CLOCK_SECOND)

/* ---- calls that wait ---- */

static const struct remote_kind *
kind_of(const struct tables_job *j)
{
	return j->memory;
}

static void *
call_of(struct tables_job *j)
{
	return (char *)j - kind_of(j)->job;
}

static void
push(struct mas_remote *r, const struct remote_kind *kind, void *call)
{
	struct tables_job *j = (struct tables_job *)(void *)((char *)call + kind->job);
	bool post;

	*j = (struct tables_job){ .self = r };
	memcpy(&j->memory, &kind, sizeof(kind));
	pthread_mutex_lock(&r->lock);
	if (r->first == NULL)
		r->first = j;
	else
		r->last->next = j;
	r->last = j;
	r->n_queued++;
	post = r->started;
	pthread_mutex_unlock(&r->lock);
	if (post)
		scl_post(r->scl, &r->task, 0);
}

/* The oldest call; NULL: none, or all flights are taken. *refuse: it is not to be sent. */
static struct tables_job *
pop(struct mas_remote *r, bool *refuse)
{
	struct tables_job *j = NULL;

	pthread_mutex_lock(&r->lock);
	*refuse = r->stopping || r->n_queued > REMOTE_QUEUE;
	if (*refuse || r->n_flights < REMOTE_FLIGHTS)
		j = r->first;
	if (j != NULL) {
		r->first = j->next;
		r->n_queued--;
	}
	pthread_mutex_unlock(&r->lock);
	return j;
}

static void
end_refused(struct tables_job *j)
{
	const struct remote_kind *kind = kind_of(j);
	void *call = call_of(j);

	mas_outcome_failed(kind->outcome(call), RC_UNAVAILABLE);
	kind->done(call);
}

static void
call_landed(struct remote_flight *f)
{
	const struct remote_kind *kind = f->kind;
	struct mas_remote *r = f->r;
	struct mas_outcome *o = kind->outcome(f->call);

	r->n_flights--;
	remote_outcome(f, o);
	if (o->rc == RC_OK && !kind->read(f, f->call, buf_view(&f->ex.answer))) {
		LOG_ERROR(r->conf.log, "mas-nonsense", LOG_Z("call", kind->name));
		mas_outcome_failed(o, RC_UNAVAILABLE);
	}
	kind->done(f->call);
	remote_free(f);
	scl_post(r->scl, &r->task, 0);
}

static void
start_call(struct mas_remote *r, struct tables_job *j)
{
	const struct remote_kind *kind = kind_of(j);
	void *call = call_of(j);
	char path[128] = "";
	struct remote_flight *f;

	kind->path(call, path, sizeof(path));
	f = remote_flight(r, kind->method, path);
	if (f != NULL) {
		/* At once as long as it gets, so that no copy of a key stays behind. */
		(void)buf_reserve(&f->body, 4096);
		kind->write(call, &f->body);
	}
	if (f == NULL || f->body.failed) {
		if (f != NULL)
			remote_free(f);
		end_refused(j);
		return;
	}
	f->kind = kind;
	f->media_type = kind->media_type;
	f->call = call;
	f->landed = call_landed;
	r->n_flights++;
	remote_send(f, REMOTE_TIMEOUT_MS);
}

static void
send_waiting(struct scl_task *task)
{
	struct mas_remote *r =
		(struct mas_remote *)(void *)((char *)task - offsetof(struct mas_remote, task));
	struct tables_job *j;
	bool refuse;

	while ((j = pop(r, &refuse)) != NULL)
		if (refuse)
			end_refused(j);
		else if (kind_of(j)->start != NULL)
			kind_of(j)->start(r, call_of(j));
		else
			start_call(r, j);
}

/* ---- what connections have used ---- */

static void
use_landed(struct remote_flight *f)
{
	struct mas_remote *r = f->r;
	struct mas_outcome o;

	r->using = NULL;
	remote_outcome(f, &o);
	remote_free(f);
	if (o.rc == RC_OK)
		mas_live_stored(r->live, r->uses, r->n_uses);
	if (!remote_stopping(r))
		scl_post(r->scl, &r->use_task, o.rc == RC_OK && r->n_uses == NITEMS(r->uses) ? 0
		                                                                             : USE_PERIOD);
}

static void
put_uses(struct mas_remote *r, struct buf *b)
{
	char id[CONN_ID_HEX];

	buf_puts(b, "{\"uses\":[");
	for (size_t i = 0; i < r->n_uses; i++) {
		const struct mas_use *u = &r->uses[i];

		conn_id_hex(u->id, id);
		json_put_open(b, NULL, '{');
		json_put_text(b, "connection", slice_of(id));
		json_put_number(b, "requests", (int64_t)(u->requests & INT64_MAX));
		json_put_number(b, "octets", (int64_t)(u->octets & INT64_MAX));
		buf_char(b, '}');
	}
	buf_puts(b, "]}");
}

/* Those that are over are reported once more, then forgotten. */
static void
forget_over(struct mas_remote *r)
{
	for (size_t i = 0; i < r->n_uses; i++)
		if (r->uses[i].over)
			remote_forget(r, r->uses[i].id);
}

static void
report_uses(struct scl_task *task)
{
	struct mas_remote *r =
		(struct mas_remote *)(void *)((char *)task - offsetof(struct mas_remote, use_task));
	struct remote_flight *f = NULL;

	if (r->using != NULL || remote_stopping(r))
		return;
	r->n_uses = mas_live_take(r->live, clock_monotonic(), r->uses, NITEMS(r->uses));
	if (r->n_uses > 0)
		f = remote_flight(r, "POST", "used");
	if (f == NULL) {
		scl_post(r->scl, &r->use_task, USE_PERIOD);
		return;
	}
	put_uses(r, &f->body);
	forget_over(r);
	f->landed = use_landed;
	r->using = f;
	remote_send(f, REMOTE_TIMEOUT_MS);
}

static void
remote_used(void *self, uint64_t connection_id, uint64_t requests, uint64_t octets)
{
	struct mas_remote *r = self;

	if (mas_live_used(r->live, connection_id, requests, octets))
		scl_post(r->scl, &r->use_task, 0);
}

/* ---- the functions of mas.h ---- */

static bool
remote_psk(void *self, const struct psk_id *id, struct key *psk)
{
	struct mas_remote *r = self;
	bool found = false;

	if (id->kind != PSK_MR)
		return false;
	pthread_rwlock_rdlock(&r->keys_lock);
	found = mas_psk_find(r->keys, id, psk);
	pthread_rwlock_unlock(&r->keys_lock);
	if (!found)
		remote_feed_missed(r);
	return found;
}

static bool
remote_indicator(void *self, const struct node_id *node, uint32_t kmr_index,
                 struct mas_standing *out)
{
	struct mas_remote *r = self;
	bool found;

	pthread_rwlock_rdlock(&r->keys_lock);
	found = mas_psk_standing(r->keys, node, kmr_index, out);
	pthread_rwlock_unlock(&r->keys_lock);
	return found;
}

static bool
remote_low(void *self, const struct node_id *node)
{
	struct mas_remote *r = self;
	bool low;

	pthread_rwlock_rdlock(&r->keys_lock);
	low = mas_psk_low(r->keys, node);
	pthread_rwlock_unlock(&r->keys_lock);
	return low;
}

static void
remote_connect(void *self, struct mas_connect *c)
{
	push(self, &remote_connect_kind, c);
}

static void
remote_end(void *self, struct mas_end *c)
{
	push(self, &remote_end_kind, c);
}

static void
remote_report(void *self, struct mas_report *c)
{
	push(self, &remote_report_kind, c);
}

static void
remote_provision(void *self, struct mas_provision *c)
{
	push(self, &remote_provision_kind, c);
}

static void
remote_live(void *self, struct mas_live *l)
{
	push(self, &remote_live_kind, l);
}

static void
remote_gaka(void *self, struct mas_gaka *g)
{
	buf_init(&g->answer, REMOTE_ANSWER_MAX);
	g->answer.secret = true;
	push(self, &remote_gaka_kind, g);
}

static void
remote_group_keys(void *self, struct mas_group_keys *k)
{
	k->n = 0;
	push(self, &remote_group_keys_kind, k);
}

static void
remote_trigger(void *self, struct mas_trigger *c)
{
	push(self, &remote_trigger_kind, c);
}

static void
remote_identity(void *self, struct mas_identity *i)
{
	push(self, &remote_identity_kind, i);
}

static void
remote_inquire(void *self, struct mas_inquire *q)
{
	push(self, &remote_inquire_kind, q);
}

static void
remote_watch(void *self, struct mas_watcher *w)
{
	struct mas_remote *r = self;

	pthread_mutex_lock(&r->watching);
	w->next = r->watchers;
	r->watchers = w;
	pthread_mutex_unlock(&r->watching);
}

static void
remote_unwatch(void *self, struct mas_watcher *w)
{
	struct mas_remote *r = self;
	struct mas_watcher **at = &r->watchers;

	pthread_mutex_lock(&r->watching);
	while (*at != NULL && *at != w)
		at = &(*at)->next;
	if (*at != NULL)
		*at = w->next;
	pthread_mutex_unlock(&r->watching);
}

static const struct mas_ops remote_ops = {
	.psk = remote_psk,
	.indicator = remote_indicator,
	.low = remote_low,
	.connect = remote_connect,
	.end = remote_end,
	.report = remote_report,
	.provision = remote_provision,
	.live = remote_live,
	.gaka = remote_gaka,
	.group_keys = remote_group_keys,
	.watch = remote_watch,
	.unwatch = remote_unwatch,
	.used = remote_used,
	.trigger = remote_trigger,
	.identity = remote_identity,
	.inquire = remote_inquire,
};

static void
remote_change(void *self, struct mas_change *c)
{
	const struct remote_kind *kind = c->kind == MAS_BIND ? &remote_bind_kind
	                                 : c->kind == MAS_REVOKE_KMR ? &remote_revoke_kind
	                                                             : &remote_other_kind;

	push(self, kind, c);
}

static void
remote_verdict(void *self, struct mas_verdict *v)
{
	push(self, &remote_verdict_kind, v);
}

struct mas
mas_of_remote(struct mas_remote *r)
{
	return (struct mas){ .ops = &remote_ops, .self = r };
}

struct msbf_mas
msbf_mas_of_remote(struct mas_remote *r)
{
	return (struct msbf_mas){ .change = remote_change, .verdict = remote_verdict, .self = r };
}

/* ---- life ---- */

static bool
take_uri(struct mas_remote *r, const char *uri)
{
	struct uri u;
	size_t n = strlen(uri);

	if (n >= sizeof(r->uri) - 1 || !uri_is_absolute(slice_of(uri)) ||
	    !uri_parse(slice_of(uri), &u) || u.query.n > 0)
		return false;
	while (n > 0 && uri[n - 1] == '/')
		n--;
	memcpy(r->uri, uri, n);
	r->uri[n] = '\0';
	return true;
}

static enum rc
make_tables(struct mas_remote *r)
{
	struct credential_files files = { .ca = r->conf.ca, .crl = r->conf.crl,
		                          .certificate = r->conf.certificate,
		                          .key = r->conf.key };

	r->credential = credential_certificate(&files);
	r->keys = mas_psk_new(r->conf.clock);
	r->live = mas_live_new(r->conf.connections_max == 0 ? CONNECTIONS_MAX
	                                                    : r->conf.connections_max);
	return r->credential != NULL && r->keys != NULL && r->live != NULL ? RC_OK : RC_UNAVAILABLE;
}

enum rc
mas_remote_open(const struct mas_remote_conf *conf, struct mas_remote **out)
{
	struct mas_remote *r = calloc(1, sizeof(*r));
	enum rc rc;

	if (r == NULL)
		return RC_UNAVAILABLE;
	r->conf = *conf;
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->watching, NULL);
	pthread_rwlock_init(&r->keys_lock, NULL);
	r->task.run = send_waiting;
	r->use_task.run = report_uses;
	rc = take_uri(r, conf->uri) ? make_tables(r) : RC_BAD_REQUEST;
	r->conf.uri = r->conf.ca = r->conf.crl = r->conf.certificate = r->conf.key = NULL;
	if (rc == RC_OK)
		*out = r;
	else
		mas_remote_close(r);
	return rc;
}

void
mas_remote_start(struct mas_remote *r, struct scl *scl)
{
	r->scl = scl;
	pthread_mutex_lock(&r->lock);
	r->started = true;
	pthread_mutex_unlock(&r->lock);
	scl_post(scl, &r->task, 0);
	if (!r->conf.feeds)
		return;
	remote_feed_start(r);
	remote_news_start(r);
	scl_post(scl, &r->use_task, USE_PERIOD);
}

void
mas_remote_stop(struct mas_remote *r)
{
	bool started;

	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	started = r->started;
	pthread_mutex_unlock(&r->lock);
	if (started)
		scl_post(r->scl, &r->task, 0);
}

void
mas_remote_close(struct mas_remote *r)
{
	if (r == NULL)
		return;
	remote_feed_close(r);
	mas_psk_free(r->keys);
	mas_live_free(r->live);
	credential_unref(r->credential);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->watching);
	pthread_rwlock_destroy(&r->keys_lock);
	free(r);
}
