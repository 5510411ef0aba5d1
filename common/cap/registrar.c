/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state machine on the courier thread. Each row of the table is one request; its outcome names
 * the next row. The registration is refreshed at half of the granted lifetime; after a failure
 * the next candidate is tried, with back-off and jitter once all have failed.
 */
#include "config.h"

#include "cap/poller.h"
#include "cap/registrar.h"

#include "base/ident.h"
#include "base/times.h"
#include "base/uri.h"
#include "codec/codec.h"
#include "core/scl.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define TIMEOUT_MS 10000u
#define ANSWER_MAX 65536u
#define STOP_WAIT_S 3
#define POC_ID "main"
#define CHANNEL_ID "main"

enum step {
	STEP_READ_BASE,
	STEP_REFRESH,
	STEP_REGISTER,
	STEP_MIRROR_UPDATE,
	STEP_MIRROR_CREATE,
	STEP_APOC_HANDLING,
	STEP_CHANNEL_READ,
	STEP_CHANNEL_CREATE,
	STEP_CHANNEL_READ_R1,
	STEP_CHANNEL_CREATE_R1,
	STEP_POC_UPDATE,
	STEP_POC_CREATE,
	STEP_DONE,
	STEP_LEAVE,
	STEP_DROP_MIRROR,
	STEP_LEFT,
	STEP_FAIL
};

struct registrar {
	struct scl *scl;
	struct capability_conf conf;
	struct scl_task task; /* the next refresh or trial */
	struct scl_task leave; /* of the stopping thread */
	struct exchange ex;
	struct scl_call call;
	struct arena *arena; /* of the step in progress */
	struct buf body;
	enum step step;
	size_t candidate;
	unsigned failures;
	bool registered; /* all steps were done */
	bool enrolled; /* the NSCL may have the own scl resource */
	size_t home; /* candidate that has it */
	bool busy;
	bool leaving; /* no step is begun but those of leaving */
	int64_t granted; /* expirationTime that the NSCL gave */
	char apoc_handling[16]; /* of the NSCL */
	char mirror[256]; /* name of the mirror scl */
	struct poller *poller; /* NULL: the NSCL connects to this SCL */
	char contact[1024]; /* contactURI of the channel, "" = not known yet */
	char polled[1024]; /* its longPollingURI */
	char right[512]; /* accessRightID of the NSCL's sclBase: who sees that sees this scl */

	pthread_mutex_t lock; /* of what follows: the stopping thread waits */
	pthread_cond_t changed;
	bool stopped;
	bool abandoned; /* nobody waits any more: the courier frees it */
};

static void step_start(struct registrar *r, enum step step);

static const char *
nscl_uri(const struct registrar *r)
{
	return r->conf.nscl[r->candidate];
}

/* ---- bodies ---- */

/* An element that the schema declares without a namespace. */
static void
put_plain(struct buf *b, const char *element, const char *text)
{
	buf_printf(b, "<%s>", element);
	for (; *text != '\0'; text++)
		if (*text == '&')
			buf_puts(b, "&amp;");
		else if (*text == '<')
			buf_puts(b, "&lt;");
		else
			buf_char(b, *text);
	buf_printf(b, "</%s>", element);
}

static void
put_text(struct buf *b, const char *element, const char *text)
{
	char name[64];

	snprintf(name, sizeof(name), "m2m:%s", element);
	put_plain(b, name, text);
}

static void
put_time(struct buf *b, const char *element, int64_t us)
{
	char text[TIMES_TEXT_MAX];

	times_format(us, TIMES_MILLI, text);
	put_text(b, element, text);
}

static void
put_search_strings(struct buf *b, const struct registrar *r)
{
	buf_puts(b, "<m2m:searchStrings>");
	for (const char *const *s = r->conf.search_strings; s != NULL && *s != NULL; s++)
		put_text(b, "searchString", *s);
	buf_puts(b, "</m2m:searchStrings>");
}

static const char *
type_name(enum scl_type role)
{
	return role == SCL_GSCL ? "GSCL" : role == SCL_DSCL ? "DSCL" : "NSCL";
}

static int64_t
wall_now(void)
{
	return clock_now(&clock_system);
}

#define OPEN "<m2m:%s xmlns:m2m=\"" NS_M2M "\""

/*
 * Without a right of its own the scl would be hidden from every application (TS 102 690, access
 * rights).
 */
static void
put_granted(struct registrar *r, struct buf *b)
{
	put_time(b, "expirationTime", wall_now() + r->conf.lifetime_us);
	if (r->right[0] != '\0')
		put_text(b, "accessRightID", r->right);
	put_search_strings(b, r);
}

static void
body_refresh(struct registrar *r, struct buf *b)
{
	buf_printf(b, OPEN ">", "scl");
	put_granted(r, b);
	put_text(b, "mgmtProtocolType", r->conf.mgmt_protocol);
	buf_puts(b, "</m2m:scl>");
}

static void
body_register(struct registrar *r, struct buf *b)
{
	buf_printf(b, OPEN " sclId=\"%s\">", "scl", r->conf.scl_id);
	put_text(b, "link", r->conf.base_uri);
	put_granted(r, b);
	put_text(b, "mgmtProtocolType", r->conf.mgmt_protocol);
	put_text(b, "sclType", type_name(r->conf.role));
	buf_puts(b, "</m2m:scl>");
}

/* The mirror tells how the NSCL is reached: its link, which is also its point of contact. */
static void
body_mirror(struct registrar *r, struct buf *b)
{
	bool create = r->step == STEP_MIRROR_CREATE;

	buf_printf(b, OPEN, "scl");
	if (create)
		buf_printf(b, " sclId=\"%s\"", r->mirror);
	buf_puts(b, "><m2m:pocs>");
	put_plain(b, "reference", nscl_uri(r));
	buf_puts(b, "</m2m:pocs>");
	if (create)
		put_text(b, "link", nscl_uri(r));
	put_time(b, "expirationTime", r->granted);
	put_text(b, "mgmtProtocolType", r->conf.mgmt_protocol);
	if (create)
		put_text(b, "sclType", "NSCL");
	buf_puts(b, "</m2m:scl>");
}

static void
body_apoc_handling(struct registrar *r, struct buf *b)
{
	buf_printf(b, OPEN ">%s</m2m:aPocHandling>", "aPocHandling", r->apoc_handling);
}

static void
body_poc(struct registrar *r, struct buf *b)
{
	buf_printf(b, OPEN, "m2mPoc");
	if (r->step == STEP_POC_CREATE)
		buf_puts(b, " m2m:id=\"" POC_ID "\"");
	buf_puts(b, "><m2m:contactInfo>");
	put_text(b, "contactURI", r->poller != NULL ? r->contact : r->conf.contact_uri);
	buf_puts(b, "</m2m:contactInfo><m2m:onlineStatus>ONLINE</m2m:onlineStatus></m2m:m2mPoc>");
}

/* Release 1 knows only the channel for notifications; it is the same otherwise. */
static void
body_channel(struct registrar *r, struct buf *b)
{
	const char *type =
	    r->step == STEP_CHANNEL_CREATE ? "communicationChannel" : "notificationChannel";

	buf_printf(b, OPEN " m2m:id=\"" CHANNEL_ID "\">", type);
	put_text(b, "channelType", "LONG_POLLING");
	buf_printf(b, "</m2m:%s>", type);
}

/* ---- answers ---- */

static const struct node *
child_named(const struct node *n, const char *name)
{
	for (n = n == NULL ? NULL : n->first; n != NULL; n = n->next)
		if (slice_is(n->name, name))
			return n;
	return NULL;
}

static const struct node *
answer_root(struct registrar *r, const struct buf *answer)
{
	static const struct codec_limits limits = { 16, 4096, 64, 65536 };
	struct node *root = NULL;
	const char *why;

	if (answer->n == 0 ||
	    codec_xml.decode(r->arena, buf_view(answer), &limits, &root, &why) != RC_OK)
		return NULL;
	return root;
}

static void
learn_base(struct registrar *r, const struct buf *answer)
{
	const struct node *root = answer_root(r, answer);
	const struct node *handling = child_named(root, "aPocHandling");
	const struct node *right = child_named(root, "accessRightID");

	r->right[0] = r->apoc_handling[0] = '\0';
	if (right != NULL && right->text.n < sizeof(r->right))
		snprintf(r->right, sizeof(r->right), "%.*s", (int)right->text.n, right->text.p);
	if (handling != NULL && (slice_is(handling->text, "DEEP") || slice_is(handling->text, "SHALLOW")))
		snprintf(r->apoc_handling, sizeof(r->apoc_handling), "%.*s", (int)handling->text.n,
		         handling->text.p);
}

/* Without a body every requested value was taken as it was. */
static void
learn_lifetime(struct registrar *r, const struct buf *answer)
{
	const struct node *expires = child_named(answer_root(r, answer), "expirationTime");

	r->enrolled = true;
	r->home = r->candidate;
	if (expires == NULL || !times_parse(expires->text, &r->granted))
		r->granted = wall_now() + r->conf.lifetime_us;
}

static void
keep_text(char *to, size_t size, const struct node *n)
{
	if (n != NULL && n->text.n < size)
		snprintf(to, size, "%.*s", (int)n->text.n, n->text.p);
}

static void
learn_channel(struct registrar *r, const struct buf *answer)
{
	const struct node *root = answer_root(r, answer);

	r->contact[0] = r->polled[0] = '\0';
	keep_text(r->contact, sizeof(r->contact), child_named(root, "contactURI"));
	keep_text(r->polled, sizeof(r->polled),
	          child_named(child_named(root, "channelData"), "longPollingURI"));
}

/* ---- steps ---- */

struct step_row {
	const char *name;
	const char *method;
	bool local; /* to the own tree */
	const char *path; /* below sclBase; %s is the id by the next field */
	enum { ID_OWN, ID_MIRROR, ID_NONE_USED } id;
	void (*body)(struct registrar *r, struct buf *b);
	void (*learn)(struct registrar *r, const struct buf *answer);
	enum step ok, not_found, conflict, failed;
};

static const struct step_row rows[] = {
	[STEP_READ_BASE] = { "read-nscl", "GET", false, "", ID_NONE_USED, NULL, learn_base, STEP_REFRESH,
	                     STEP_FAIL, STEP_FAIL, STEP_FAIL },
	[STEP_REFRESH] = { "refresh", "PUT", false, "/scls/%s", ID_OWN, body_refresh, learn_lifetime,
	                   STEP_MIRROR_UPDATE, STEP_REGISTER, STEP_FAIL, STEP_FAIL },
	[STEP_REGISTER] = { "register", "POST", false, "/scls", ID_NONE_USED, body_register,
	                    learn_lifetime, STEP_MIRROR_UPDATE, STEP_FAIL, STEP_FAIL, STEP_FAIL },
	[STEP_MIRROR_UPDATE] = { "update-mirror", "PUT", true, "/scls/%s", ID_MIRROR, body_mirror, NULL,
	                         STEP_APOC_HANDLING, STEP_MIRROR_CREATE, STEP_FAIL, STEP_FAIL },
	[STEP_MIRROR_CREATE] = { "create-mirror", "POST", true, "/scls", ID_NONE_USED, body_mirror, NULL,
	                         STEP_APOC_HANDLING, STEP_FAIL, STEP_APOC_HANDLING, STEP_FAIL },
	[STEP_APOC_HANDLING] = { "copy-aPocHandling", "PUT", true, "/aPocHandling", ID_NONE_USED,
	                         body_apoc_handling, NULL, STEP_POC_UPDATE, STEP_POC_UPDATE,
	                         STEP_POC_UPDATE, STEP_POC_UPDATE },
	[STEP_CHANNEL_READ] = { "read-channel", "GET", false,
	                        "/scls/%s/communicationChannels/" CHANNEL_ID, ID_OWN, NULL,
	                        learn_channel, STEP_POC_UPDATE, STEP_CHANNEL_CREATE, STEP_FAIL,
	                        STEP_FAIL },
	[STEP_CHANNEL_CREATE] = { "create-channel", "POST", false, "/scls/%s/communicationChannels",
	                          ID_OWN, body_channel, learn_channel, STEP_POC_UPDATE,
	                          STEP_CHANNEL_READ_R1, STEP_FAIL, STEP_FAIL },
	[STEP_CHANNEL_READ_R1] = { "read-channel", "GET", false,
	                           "/scls/%s/notificationChannels/" CHANNEL_ID, ID_OWN, NULL,
	                           learn_channel, STEP_POC_UPDATE, STEP_CHANNEL_CREATE_R1, STEP_FAIL,
	                           STEP_FAIL },
	[STEP_CHANNEL_CREATE_R1] = { "create-channel", "POST", false, "/scls/%s/notificationChannels",
	                             ID_OWN, body_channel, learn_channel, STEP_POC_UPDATE, STEP_FAIL,
	                             STEP_FAIL, STEP_FAIL },
	[STEP_POC_UPDATE] = { "update-m2mPoc", "PUT", false, "/scls/%s/m2mPocs/" POC_ID, ID_OWN, body_poc,
	                      NULL, STEP_DONE, STEP_POC_CREATE, STEP_FAIL, STEP_FAIL },
	[STEP_POC_CREATE] = { "create-m2mPoc", "POST", false, "/scls/%s/m2mPocs", ID_OWN, body_poc, NULL,
	                      STEP_DONE, STEP_FAIL, STEP_DONE, STEP_FAIL },
	[STEP_LEAVE] = { "de-register", "DELETE", false, "/scls/%s", ID_OWN, NULL, NULL,
	                 STEP_DROP_MIRROR, STEP_DROP_MIRROR, STEP_DROP_MIRROR, STEP_DROP_MIRROR },
	[STEP_DROP_MIRROR] = { "drop-mirror", "DELETE", true, "/scls/%s", ID_MIRROR, NULL, NULL,
	                       STEP_LEFT, STEP_LEFT, STEP_LEFT, STEP_LEFT },
};

static void
registrar_free(struct registrar *r)
{
	if (r == NULL)
		return;
	arena_free(r->arena);
	buf_fini(&r->body);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->changed);
	free(r);
}

/* Nothing is in progress or posted any more; r is gone afterwards. */
static void
left(struct registrar *r)
{
	bool abandoned;

	poller_free(r->poller);
	r->poller = NULL;
	pthread_mutex_lock(&r->lock);
	abandoned = r->abandoned;
	r->stopped = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	if (abandoned)
		registrar_free(r);
}

/* Up to a quarter more, different in every process. */
static int64_t
with_jitter(int64_t delay)
{
	char random[IDENT_LEN + 1];
	unsigned v = 0;

	ident_random(random);
	for (size_t i = 0; i < 4; i++)
		v = v * 36 + (unsigned char)random[i] % 36;
	return delay + delay / 4 * (int64_t)(v % 1000) / 1000;
}

static void
retry_later(struct registrar *r)
{
	int64_t delay = r->conf.retry_us;
	size_t n = 1; /* there is a registrar only where there are candidates */

	while (r->conf.nscl[n] != NULL)
		n++;
	r->candidate = (r->candidate + 1) % n;
	r->failures++;
	/* A round through all candidates is one failure. */
	for (size_t i = n; i < r->failures && delay < r->conf.retry_max_us; i += n)
		delay *= 2;
	if (delay > r->conf.retry_max_us)
		delay = r->conf.retry_max_us;
	scl_post(r->scl, &r->task, with_jitter(delay));
}

static void
settle(struct registrar *r)
{
	int64_t left_us = r->granted - wall_now();

	if (!r->registered)
		LOG_INFO(r->conf.log, "registered", LOG_Z("nscl", nscl_uri(r)),
		         LOG_N("lifetime_s", left_us / CLOCK_SECOND));
	r->registered = true;
	r->failures = 0;
	if (r->poller != NULL)
		poller_poll(r->poller, slice_of(r->polled), slice_of(r->mirror));
	scl_post(r->scl, &r->task, left_us > 2 * CLOCK_SECOND ? left_us / 2 : CLOCK_SECOND);
}

/* The SCL-ID of the NSCL is not in its representation: its authority names the mirror. */
static void
name_mirror(struct registrar *r)
{
	struct uri u;

	if (uri_parse(slice_of(nscl_uri(r)), &u))
		snprintf(r->mirror, sizeof(r->mirror), "%.*s", (int)u.authority.n, u.authority.p);
}

static enum step
leave_step(struct registrar *r)
{
	if (!r->enrolled)
		return STEP_LEFT;
	r->enrolled = false;
	r->candidate = r->home;
	name_mirror(r);
	return STEP_LEAVE;
}

static void
step_end(struct registrar *r, enum step next)
{
	r->busy = false;
	if (r->leaving && next != STEP_DROP_MIRROR && next != STEP_LEFT)
		next = leave_step(r);
	switch (next) {
	case STEP_DONE:
		settle(r);
		return;
	case STEP_LEFT:
		left(r);
		return;
	case STEP_FAIL:
		retry_later(r);
		return;
	default:
		step_start(r, next);
	}
}

static void
step_outcome(struct registrar *r, enum rc rc, const struct buf *answer, const char *failure)
{
	const struct step_row *row = &rows[r->step];

	if (status_is_success(rc)) {
		if (row->learn != NULL)
			row->learn(r, answer);
		step_end(r, row->learn == learn_channel && r->contact[0] == '\0' ? row->failed : row->ok);
		return;
	}
	if (rc != RC_NOT_FOUND || row->not_found == STEP_FAIL)
		LOG_WARN(r->conf.log, "registration-step-failed", LOG_Z("step", row->name),
		         LOG_Z("nscl", nscl_uri(r)), LOG_Z("status", status_of(rc)->text),
		         LOG_Z("why", failure));
	step_end(r, rc == RC_NOT_FOUND ? row->not_found : rc == RC_CONFLICT ? row->conflict : row->failed);
}

static void
exchange_done(struct exchange *ex)
{
	struct registrar *r = ex->owner;
	struct buf answer = ex->answer;
	enum rc rc = ex->rc != RC_OK ? ex->rc : status_from_http(ex->http_status);
	char failure[sizeof(ex->failure)];

	memcpy(failure, ex->failure, sizeof(failure));
	buf_fini(&ex->answer_text);
	buf_init(&ex->answer, 0);
	step_outcome(r, rc, &answer, failure);
	buf_fini(&answer);
}

static void
local_done(struct scl_call *call)
{
	struct registrar *r = call->owner;
	enum rc rc = call->rc;
	struct buf answer;

	buf_init(&answer, ANSWER_MAX);
	buf_add(&answer, call->answer->body, call->answer->body_len);
	scl_call_end(call);
	step_outcome(r, rc, &answer, "");
	buf_fini(&answer);
}

static struct slice
step_path(struct registrar *r, const struct step_row *row)
{
	const char *place = strstr(row->path, "%s");

	if (place == NULL)
		return arena_copy(r->arena, slice_of(row->path));
	return arena_printf(r->arena, "%.*s%s%s", (int)(place - row->path), row->path,
	                    row->id == ID_OWN ? r->conf.scl_id : r->mirror, place + 2);
}

static void
send_remote(struct registrar *r, const struct step_row *row, struct slice path)
{
	struct slice url = arena_printf(r->arena, "%s%.*s", nscl_uri(r), (int)path.n, path.p);

	r->ex = (struct exchange){ .method = slice_of(row->method), .url = url,
		                   .body = buf_view(&r->body), .timeout_ms = TIMEOUT_MS,
		                   .answer_max = ANSWER_MAX, .done = exchange_done, .owner = r };
	exchange_add_header(&r->ex, SLICE_LIT("From"), slice_of(r->conf.base_uri));
	exchange_add_header(&r->ex, SLICE_LIT("Accept"), SLICE_LIT("application/xml"));
	if (r->body.n > 0)
		exchange_add_header(&r->ex, SLICE_LIT("Content-Type"), SLICE_LIT("application/xml"));
	scl_send(r->scl, &r->ex);
}

static void
send_local(struct registrar *r, const struct step_row *row, struct slice path)
{
	struct slice base = scl_base_path(r->scl);

	r->call = (struct scl_call){ .method = slice_of(row->method),
		                     .content_type = SLICE_LIT("application/xml"),
		                     .body = buf_view(&r->body), .done = local_done, .owner = r };
	r->call.target = arena_printf(r->arena, "%.*s%.*s", (int)base.n, base.p, (int)path.n, path.p);
	scl_call(r->scl, &r->call);
}

static void
step_start(struct registrar *r, enum step step)
{
	const struct step_row *row = &rows[step];
	struct slice path;

	if (step == STEP_APOC_HANDLING && r->apoc_handling[0] == '\0')
		row = &rows[step = STEP_POC_UPDATE];
	/* The m2mPoc of who polls is its channel. */
	if (step == STEP_POC_UPDATE && r->poller != NULL && r->contact[0] == '\0')
		row = &rows[step = STEP_CHANNEL_READ];
	r->step = step;
	r->busy = true;
	arena_reset(r->arena);
	buf_clear(&r->body);
	if (row->body != NULL)
		row->body(r, &r->body);
	path = step_path(r, row);
	if (row->local)
		send_local(r, row, path);
	else
		send_remote(r, row, path);
}

static void
run(struct scl_task *task)
{
	struct registrar *r = (struct registrar *)(void *)((char *)task - offsetof(struct registrar, task));

	name_mirror(r);
	r->contact[0] = r->polled[0] = '\0';
	step_start(r, STEP_READ_BASE);
}

/* The channel went, maybe with the registration. */
static void
channel_lost(void *owner)
{
	struct registrar *r = owner;

	r->registered = false;
	if (!r->busy && !r->leaving)
		scl_post(r->scl, &r->task, with_jitter(r->conf.retry_us / 4));
}

/* A step in progress goes on to leaving when it ends. */
static void
leave_run(struct scl_task *task)
{
	struct registrar *r = (struct registrar *)(void *)((char *)task - offsetof(struct registrar, leave));

	r->leaving = true;
	scl_cancel(r->scl, &r->task);
	if (r->busy)
		return;
	step_end(r, STEP_FAIL);
}

static bool
make_poller(struct registrar *r)
{
	const struct poller_conf conf = { .scl = r->scl, .log = r->conf.log,
		                          .issuer = r->conf.base_uri, .retry_us = r->conf.retry_us,
		                          .lost = channel_lost, .owner = r };

	r->poller = poller_new(&conf);
	return r->poller != NULL;
}

static enum rc
registrar_start(struct scl *scl, const struct capability_conf *conf, void **state,
                char why[CAPABILITY_WHY_MAX])
{
	struct registrar *r;
	pthread_condattr_t attr;

	*state = NULL;
	if (conf->nscl == NULL || conf->nscl[0] == NULL)
		return RC_OK;
	r = calloc(1, sizeof(*r));
	if (r == NULL || (r->arena = arena_new(1u << 20)) == NULL) {
		free(r);
		snprintf(why, CAPABILITY_WHY_MAX, "out of memory");
		return RC_UNAVAILABLE;
	}
	r->scl = scl;
	r->conf = *conf;
	buf_init(&r->body, ANSWER_MAX);
	if (conf->channel && !make_poller(r)) {
		buf_fini(&r->body);
		arena_free(r->arena);
		free(r);
		snprintf(why, CAPABILITY_WHY_MAX, "out of memory");
		return RC_UNAVAILABLE;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	r->task.run = run;
	r->leave.run = leave_run;
	scl_post(scl, &r->task, 0);
	*state = r;
	return RC_OK;
}

/* De-registers, as far as the NSCL answers in time; what is late ends when the scl stops. */
static void
registrar_stop(void *state)
{
	struct registrar *r = state;
	struct timespec until;
	bool stopped;

	if (r == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_WAIT_S;
	scl_post(r->scl, &r->leave, 0);
	pthread_mutex_lock(&r->lock);
	while (!r->stopped && pthread_cond_timedwait(&r->changed, &r->lock, &until) == 0)
		;
	stopped = r->stopped;
	r->abandoned = !stopped;
	if (!stopped)
		LOG_WARN(r->conf.log, "de-registration-unfinished", LOG_Z("scl", r->conf.scl_id));
	pthread_mutex_unlock(&r->lock);
	if (stopped)
		registrar_free(r);
}

const struct capability cap_registrar = {
	.name = "registrar",
	.start = registrar_start,
	.stop = registrar_stop,
};
