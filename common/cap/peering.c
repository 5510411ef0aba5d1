/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every peer has a little state machine on the courier thread: a registration that is there is
 * prolonged at half of what was granted, one that is not is made; then the m2mPoc. What fails is
 * tried again with back-off.
 */
#include "config.h"

#include "cap/peering.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/ident.h"
#include "base/times.h"
#include "base/uri.h"
#include "core/scl.h"
#include "model/render.h"

#define TIMEOUT_MS 10000u
#define ANSWER_MAX 65536u
#define STOP_WAIT_S 3
#define POC_ID "main"

enum step {
	STEP_REFRESH,
	STEP_REGISTER,
	STEP_POC_UPDATE,
	STEP_POC_CREATE,
	STEP_LEAVE,
	STEP_DONE,
	STEP_FAIL,
	STEP_LEFT
};

struct peer {
	struct scl_task task; /* first: the task is the peer; the next refresh or trial */
	struct peering *all;
	const char *uri; /* of its sclBase */
	struct exchange ex;
	struct arena *arena; /* of the step in progress */
	struct buf body;
	enum step step;
	unsigned failures;
	bool busy;
	bool enrolled; /* it may have the own scl resource */
	bool fresh; /* that it did not have before */
	int64_t granted; /* expirationTime */
};

struct peering {
	struct scl *scl;
	struct capability_conf conf;
	struct scl_task leave; /* of the stopping thread */
	bool leaving;
	bool stays; /* the process begins again: so does the registration */
	struct peer *peers;
	size_t n;

	pthread_mutex_t lock; /* of what follows: the stopping thread waits */
	pthread_cond_t changed;
	size_t remaining; /* peers that have not left */
	bool abandoned; /* nobody waits any more: the courier frees it */
};

static void step_start(struct peer *p, enum step step);

static int64_t
wall_now(void)
{
	return clock_now(&clock_system);
}

/* ---- bodies ---- */

static bool
put_text(struct arena *a, struct val **vals, unsigned attr, const char *text)
{
	struct val *v = val_add(a, vals, attr);

	if (v == NULL)
		return false;
	v->text = slice_of(text);
	return true;
}

static bool
put_labels(struct arena *a, struct val **vals, const char *const *labels)
{
	struct val *list = val_add(a, vals, A_SEARCH_STRINGS);

	for (; list != NULL && labels != NULL && *labels != NULL; labels++)
		if (!put_text(a, &list->first, A_SEARCH_STRING, *labels))
			return false;
	return list != NULL;
}

static bool
fill_scl(struct peer *p, struct val **vals)
{
	const struct capability_conf *c = &p->all->conf;
	int protocol =
		enum_index(attr_info(A_MGMT_PROTOCOL_TYPE)->values, slice_of(c->mgmt_protocol));

	return put_text(p->arena, vals, A_SCL_ID, c->scl_id) &&
	       put_text(p->arena, vals, A_LINK, c->base_uri) &&
	       val_set_num(p->arena, vals, A_EXPIRATION_TIME, wall_now() + c->lifetime_us) &&
	       put_labels(p->arena, vals, c->search_strings) &&
	       val_set_num(p->arena, vals, A_MGMT_PROTOCOL_TYPE, protocol < 0 ? 0 : protocol) &&
	       val_set_num(p->arena, vals, A_SCL_TYPE, SCL_NSCL);
}

static bool
fill_poc(struct peer *p, struct val **vals)
{
	struct val *info;

	if (p->step == STEP_POC_CREATE && !put_text(p->arena, vals, A_ID, POC_ID))
		return false;
	info = val_add(p->arena, vals, A_CONTACT_INFO);
	return info != NULL &&
	       put_text(p->arena, &info->first, A_CONTACT_URI, p->all->conf.contact_uri) &&
	       val_set_num(p->arena, vals, A_ONLINE_STATUS, ONLINE);
}

static bool
write_type(struct peer *p, unsigned type, bool (*fill)(struct peer *p, struct val **vals))
{
	struct val *vals = NULL;
	struct writer w;

	if (!fill(p, &vals))
		return false;
	codec_xml.writer(&w, &p->body);
	render_resource(&w, rtype_get(type), vals, 2);
	return !p->body.failed;
}

static bool
write_scl(struct peer *p)
{
	return write_type(p, T_SCL, fill_scl);
}

static bool
write_poc(struct peer *p)
{
	return write_type(p, T_M2M_POC, fill_poc);
}

/* The lifetime alone: what the peer's operator has set stays. */
static bool
write_lifetime(struct peer *p)
{
	struct val v = { .attr = A_EXPIRATION_TIME, .num = wall_now() + p->all->conf.lifetime_us };
	struct writer w;

	codec_xml.writer(&w, &p->body);
	render_attribute(&w, &v, 2);
	return !p->body.failed;
}

/* ---- answers ---- */

static void
learn_lifetime(struct peer *p, struct slice answer)
{
	static const struct codec_limits limits = { 16, 4096, 64, 65536 };
	struct node *root = NULL, *n;
	const char *why;

	p->enrolled = true;
	/* Without a body the value was taken as it was. */
	p->granted = wall_now() + p->all->conf.lifetime_us;
	if (answer.n == 0 || codec_xml.decode(p->arena, answer, &limits, &root, &why) != RC_OK)
		return;
	for (n = root->first; n != NULL && !slice_is(n->name, "expirationTime"); n = n->next)
		;
	if (slice_is(root->name, "expirationTime"))
		n = root;
	if (n != NULL)
		(void)times_parse(n->text, &p->granted);
}

static void
learn_registered(struct peer *p, struct slice answer)
{
	learn_lifetime(p, answer);
	p->fresh = true;
}

/* ---- steps ---- */

static const struct row {
	const char *name, *method;
	const char *path; /* below the peer's sclBase; %s is the own SCL-ID */
	bool (*write)(struct peer *p);
	void (*learn)(struct peer *p, struct slice answer);
	enum step ok, not_found, conflict, failed;
} rows[] = {
	[STEP_REFRESH] = { "refresh", "PUT", "/scls/%s/expirationTime", write_lifetime,
	                   learn_lifetime, STEP_POC_UPDATE, STEP_REGISTER, STEP_FAIL, STEP_FAIL },
	[STEP_REGISTER] = { "register", "POST", "/scls", write_scl, learn_registered,
	                    STEP_POC_UPDATE, STEP_FAIL, STEP_FAIL, STEP_FAIL },
	[STEP_POC_UPDATE] = { "update-m2mPoc", "PUT", "/scls/%s/m2mPocs/" POC_ID, write_poc, NULL,
	                      STEP_DONE, STEP_POC_CREATE, STEP_FAIL, STEP_FAIL },
	[STEP_POC_CREATE] = { "create-m2mPoc", "POST", "/scls/%s/m2mPocs", write_poc, NULL,
	                      STEP_DONE, STEP_FAIL, STEP_DONE, STEP_FAIL },
	[STEP_LEAVE] = { "de-register", "DELETE", "/scls/%s", NULL, NULL, STEP_LEFT, STEP_LEFT,
	                 STEP_LEFT, STEP_LEFT },
};

static void
peering_free(struct peering *all)
{
	for (size_t i = 0; i < all->n; i++) {
		arena_free(all->peers[i].arena);
		buf_fini(&all->peers[i].body);
	}
	pthread_mutex_destroy(&all->lock);
	pthread_cond_destroy(&all->changed);
	free(all->peers);
	free(all);
}

/* Nothing of p is under way any more; all may be gone afterwards. */
static void
left(struct peer *p)
{
	struct peering *all = p->all;
	bool last;

	pthread_mutex_lock(&all->lock);
	last = --all->remaining == 0 && all->abandoned;
	pthread_cond_signal(&all->changed);
	pthread_mutex_unlock(&all->lock);
	if (last)
		peering_free(all);
}

/* Up to a quarter more, different in every process. */
static int64_t
with_jitter(int64_t delay)
{
	char random[IDENT_LEN + 1];

	ident_random(random);
	return delay + delay / 4 * ((unsigned char)random[1] % 36) / 36;
}

static void
retry_later(struct peer *p)
{
	const struct capability_conf *c = &p->all->conf;
	int64_t delay = c->retry_us;

	for (unsigned i = 0; i < p->failures && delay < c->retry_max_us; i++)
		delay *= 2;
	p->failures++;
	scl_post(p->all->scl, &p->task,
	         with_jitter(delay > c->retry_max_us ? c->retry_max_us : delay));
}

static void
settle(struct peer *p)
{
	int64_t rest = p->granted - wall_now();

	if (p->fresh) {
		LOG_INFO(p->all->conf.log, "registered", LOG_Z("peer", p->uri),
		         LOG_N("lifetime_s", rest / CLOCK_SECOND));
		scl_registered_anew(p->all->scl, slice_of(p->uri));
	}
	p->fresh = false;
	p->failures = 0;
	scl_post(p->all->scl, &p->task, rest > 2 * CLOCK_SECOND ? rest / 2 : CLOCK_SECOND);
}

static void
step_end(struct peer *p, enum step next)
{
	p->busy = false;
	if (p->all->leaving && next != STEP_LEFT)
		next = p->enrolled ? STEP_LEAVE : STEP_LEFT;
	switch (next) {
	case STEP_DONE:
		settle(p);
		return;
	case STEP_FAIL:
		retry_later(p);
		return;
	case STEP_LEFT:
		left(p);
		return;
	default:
		step_start(p, next);
	}
}

static void
exchange_done(struct exchange *ex)
{
	struct peer *p = ex->owner;
	const struct row *row = &rows[p->step];
	struct buf answer = ex->answer;
	enum rc rc = ex->rc != RC_OK ? ex->rc : status_from_http(ex->http_status);
	enum step next = row->failed;

	buf_fini(&ex->answer_text);
	if (status_is_success(rc)) {
		if (row->learn != NULL)
			row->learn(p, buf_view(&answer));
		next = row->ok;
	} else {
		if (rc == RC_NOT_FOUND)
			next = row->not_found;
		else if (rc == RC_CONFLICT)
			next = row->conflict;
		if (next == STEP_FAIL)
			LOG_WARN(p->all->conf.log, "registration-step-failed",
			         LOG_Z("step", row->name), LOG_Z("peer", p->uri),
			         LOG_Z("status", status_of(rc)->text), LOG_Z("why", ex->failure));
	}
	buf_fini(&answer);
	step_end(p, next);
}

static struct slice
step_url(struct peer *p, const struct row *row)
{
	const char *place = strstr(row->path, "%s");
	size_t n = strlen(p->uri);

	while (n > 0 && p->uri[n - 1] == '/')
		n--;
	if (place == NULL)
		return arena_printf(p->arena, "%.*s%s", (int)n, p->uri, row->path);
	return arena_printf(p->arena, "%.*s%.*s%s%s", (int)n, p->uri, (int)(place - row->path),
	                    row->path, p->all->conf.scl_id, place + 2);
}

static void
step_start(struct peer *p, enum step step)
{
	const struct row *row = &rows[step];

	p->step = step;
	arena_reset(p->arena);
	buf_clear(&p->body);
	p->ex = (struct exchange){ .method = slice_of(row->method),
		                   .url = step_url(p, row),
		                   .timeout_ms = TIMEOUT_MS,
		                   .answer_max = ANSWER_MAX,
		                   .done = exchange_done,
		                   .owner = p };
	if (p->ex.url.p == NULL || (row->write != NULL && !row->write(p))) {
		step_end(p, row->failed);
		return;
	}
	p->busy = true;
	p->ex.body = buf_view(&p->body);
	exchange_add_header(&p->ex, SLICE_LIT("From"), slice_of(p->all->conf.base_uri));
	exchange_add_header(&p->ex, SLICE_LIT("Accept"), SLICE_LIT("application/xml"));
	if (p->body.n > 0)
		exchange_add_header(&p->ex, SLICE_LIT("Content-Type"),
		                    SLICE_LIT("application/xml"));
	scl_send(p->all->scl, &p->ex);
}

static void
peer_run(struct scl_task *task)
{
	step_start((struct peer *)(void *)task, STEP_REFRESH);
}

/* ---- life ---- */

/* A step in progress goes on to leaving when it ends. */
static void
leave_run(struct scl_task *task)
{
	struct peering *all =
		(struct peering *)(void *)((char *)task - offsetof(struct peering, leave));

	size_t n = all->n;

	all->leaving = true;
	/* The last one that leaves takes all along: by then nothing of it is looked at. */
	for (size_t i = 0; i < n; i++) {
		struct peer *p = &all->peers[i];

		scl_cancel(all->scl, &p->task);
		p->enrolled = p->enrolled && !all->stays;
		if (!p->busy)
			step_end(p, STEP_FAIL);
	}
}

static bool
make_peers(struct peering *all)
{
	all->peers = calloc(all->conf.n_peers, sizeof(all->peers[0]));
	if (all->peers == NULL)
		return false;
	for (; all->n < all->conf.n_peers; all->n++) {
		struct peer *p = &all->peers[all->n];

		p->task.run = peer_run;
		p->all = all;
		p->uri = all->conf.peers[all->n].uri;
		buf_init(&p->body, ANSWER_MAX);
		p->arena = arena_new(1u << 20);
		if (p->arena == NULL)
			return false;
	}
	return true;
}

static enum rc
peering_start(struct scl *scl, const struct capability_conf *conf, void **state,
              char why[CAPABILITY_WHY_MAX])
{
	struct peering *all;

	*state = NULL;
	if (conf->n_peers == 0)
		return RC_OK;
	all = calloc(1, sizeof(*all));
	snprintf(why, CAPABILITY_WHY_MAX, "out of memory");
	if (all == NULL)
		return RC_UNAVAILABLE;
	all->scl = scl;
	all->conf = *conf;
	all->leave.run = leave_run;
	pthread_mutex_init(&all->lock, NULL);
	(void)clock_cond_init(&all->changed);
	if (!make_peers(all)) {
		peering_free(all);
		return RC_UNAVAILABLE;
	}
	all->remaining = all->n;
	for (size_t i = 0; i < all->n; i++)
		scl_post(scl, &all->peers[i].task, 0);
	*state = all;
	return RC_OK;
}

/* De-registers, as far as the peers answer in time; what is late ends when the scl stops. */
static void
peering_stop(void *state)
{
	struct peering *all = state;
	struct timespec until;
	bool done;

	if (all == NULL)
		return;
	all->stays = all->conf.begins_again != NULL &&
	             all->conf.begins_again(all->conf.begins_again_arg);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_WAIT_S;
	scl_post(all->scl, &all->leave, 0);
	pthread_mutex_lock(&all->lock);
	while (all->remaining > 0 && pthread_cond_timedwait(&all->changed, &all->lock, &until) == 0)
		;
	done = all->remaining == 0;
	all->abandoned = !done;
	if (!done)
		LOG_WARN(all->conf.log, "de-registration-unfinished",
		         LOG_N("peers", all->remaining));
	pthread_mutex_unlock(&all->lock);
	if (done)
		peering_free(all);
}

const struct capability cap_peering = {
	.name = "peering",
	.start = peering_start,
	.stop = peering_stop,
};
