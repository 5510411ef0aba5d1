/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers of non-blocking requests on their way to contactURI: a NOTIFY with responseNotify
 * (TS 102 921 10.46) that bears the X-etsi-correlationID of the request. Those for the same host go
 * one after the other, so that one that is dead or slow costs the others nothing.
 */
#include "config.h"

#include "core/route.h"
#include "core/saf_parcel.h"

#include <stdlib.h>

#define RESULT_ARENA (64u << 20)
/* When all places are taken, they are looked at again after this. */
#define PLACE_AFTER (CLOCK_SECOND / 4)

/* One host, or one resource of this SCL, that answers are sent to. */
struct saf_outlet {
	struct scl_task task; /* first */
	struct saf_parcels *all;
	struct saf_outlet *next;
	uint64_t host;
	struct parcel *first, **last;
	unsigned failures; /* in a row */
	bool sending, as_failing;

	/* What is in flight. */
	struct arena *arena;
	struct buf body;
	struct exchange ex;
	struct scl_call call;
};

/* ---- outlets ---- */

static void outlet_run(struct scl_task *t);

static uint64_t
host_of(const struct parcel *p)
{
	struct slice contact = slice_of(p->contact);
	struct uri u;

	if (uri_parse(contact, &u) && u.scheme.n > 0 && !own_authority(p->all->scl, u.authority))
		return saf_key(u.scheme, u.authority);
	return saf_key(contact, SLICE_NONE);
}

static struct saf_outlet *
outlet_get(struct saf_parcels *all, uint64_t host)
{
	struct saf_outlet *o = all->outlets;

	while (o != NULL && o->host != host)
		o = o->next;
	if (o != NULL || (o = calloc(1, sizeof(*o))) == NULL)
		return o;
	o->task.run = outlet_run;
	o->all = all;
	o->host = host;
	o->last = &o->first;
	o->next = all->outlets;
	all->outlets = o;
	return o;
}

static void
outlet_lighten(struct saf_outlet *o)
{
	buf_fini(&o->body);
	buf_fini(&o->ex.answer);
	buf_fini(&o->ex.answer_text);
	arena_free(o->arena);
	o->arena = NULL;
}

static void
outlet_free(struct saf_outlet *o)
{
	struct saf_outlet **at = &o->all->outlets;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	courier_cancel(o->all->scl->courier, &o->task);
	outlet_lighten(o);
	free(o);
}

void
results_free(struct saf_parcels *all)
{
	while (all->outlets != NULL) {
		struct saf_outlet *o = all->outlets;

		all->outlets = o->next;
		outlet_lighten(o);
		free(o);
	}
}

void
result_deliver(struct parcel *p)
{
	struct saf_outlet *o = outlet_get(p->all, host_of(p));

	if (o == NULL) {
		LOG_ERROR(p->all->scl->log, "result-without-memory", LOG_N("work", p->key));
		courier_post(p->all->scl->courier, &p->task, CLOCK_SECOND);
		return;
	}
	p->behind = NULL;
	*o->last = p;
	o->last = &p->behind;
	if (!o->sending && !courier_posted(&o->task))
		courier_post(p->all->scl->courier, &o->task, 0);
}

/* Half of the places are for hosts that did not fail the last time. */
static bool
place_take(struct saf_outlet *o)
{
	unsigned max = courier_exchanges_max(o->all->scl->courier) / 4 + 2;
	bool failing = o->failures > 0;

	if (o->all->busy >= max || (failing && o->all->busy_failing >= max / 2))
		return false;
	o->all->busy++;
	o->all->busy_failing += failing;
	o->as_failing = failing;
	o->sending = true;
	return true;
}

/* ---- the end of a delivery ---- */

static struct parcel *
take_first(struct saf_outlet *o)
{
	struct parcel *p = o->first;

	o->first = p->behind;
	if (o->first == NULL)
		o->last = &o->first;
	return p;
}

/* Goes on with the next, later after a failure; o may be gone afterwards. */
static void
outlet_next(struct saf_outlet *o)
{
	int64_t delay = o->failures == 0 ? 0 : saf_backoff(scl_conf(o->all->scl), o->failures);

	if (o->first == NULL)
		outlet_free(o);
	else if (!courier_stopping(o->all->scl->courier))
		courier_post(o->all->scl->courier, &o->task, delay);
}

static void
delivered(struct saf_outlet *o, enum rc rc, int status)
{
	bool success = rc == RC_OK && status >= 200 && status < 300;
	bool again = rc != RC_OK || status >= 500 || status == 408 || status == 429;
	struct scl *scl = o->all->scl;

	outlet_lighten(o);
	o->sending = false;
	o->all->busy--;
	o->all->busy_failing -= o->as_failing;
	if (courier_stopping(scl->courier))
		return;
	again = again && clock_now(scl->clock) < o->first->expires;
	LOG_INFO(scl->log,
	         success ? "result-delivered"
	         : again ? "result-failed"
	                 : "result-given-up",
	         LOG_N("work", o->first->key), LOG_N("http", status),
	         LOG_Z("contact", o->first->contact));
	o->failures = success || !again ? 0 : o->failures + 1;
	if (!again)
		parcel_drop(take_first(o));
	outlet_next(o);
}

static void
exchange_done(struct exchange *ex)
{
	delivered(ex->owner, ex->rc, ex->http_status);
}

static void
call_done(struct scl_call *call)
{
	struct saf_outlet *o = call->owner;
	int status = call->answer->http_status;

	scl_call_end(call);
	delivered(o, RC_OK, status);
}

/* ---- the document ---- */

static bool
put_header(struct arena *a, struct val **vals, unsigned attr, struct slice value)
{
	return value.n == 0 || !codec_xml_text_ok(value) || val_set_text(a, vals, attr, value);
}

static bool
put_body(struct arena *a, struct val **vals, const struct saf_result_record *r)
{
	struct val *v;

	if (r->body.n == 0)
		return true;
	v = val_add(a, vals, A_REPRESENTATION);
	return v != NULL && put_header(a, &v->first, A_CONTENT_TYPE_ATTR, r->content_type) &&
	       val_set_text(a, &v->first, A_TEXT, r->body);
}

/* The status of a creation is told by locationHeader: the schema knows no STATUS_CREATED. */
static bool
encode(const struct saf_result_record *r, struct arena *a, struct buf *out)
{
	const struct codec *codec = media_syntax_at(r->head.syntax);
	const char *status = status_of(status_from_http(r->http_status))->etsi;
	struct val *vals = NULL;
	struct writer w;

	if (!val_set_num(a, &vals, A_STATUS_CODE,
	                 enum_index(attr_info(A_STATUS_CODE)->values, slice_of(status))) ||
	    !put_body(a, &vals, r) || !put_header(a, &vals, A_LOCATION_HEADER, r->location) ||
	    !put_header(a, &vals, A_ETAG_HEADER, r->etag) ||
	    !put_header(a, &vals, A_LAST_MODIFIED_HEADER, r->last_modified))
		return false;
	codec->writer(&w, out);
	render_shape(&w, "responseNotify", &shape_response_notify, vals, 2);
	return !out->failed;
}

/* ---- sending ---- */

struct delivery {
	struct saf_result_record r;
	bool to_scl; /* this SCL or one that is registered: with the rights of the issuer */
	bool later; /* that SCL cannot be reached now */
};

/*
 * The contact is the issuer's word: on an SCL the notify has the issuer's rights, not those of
 * this SCL.
 */
static void
send_to_scl(struct saf_outlet *o, const struct delivery *d)
{
	o->call =
		(struct scl_call){ .method = SLICE_LIT("POST"),
		                   .target = d->r.head.contact,
		                   .from = d->r.from.n > 0 ? d->r.from : d->r.head.issuer,
		                   .content_type =
		                           slice_of(media_syntax_at(d->r.head.syntax)->media_type),
		                   .body = buf_view(&o->body),
		                   .correlation_id = d->r.head.correlation,
		                   .timeout_ms = scl_conf(o->all->scl)->notify_timeout_ms,
		                   .done = call_done,
		                   .owner = o };
	scl_call(o->all->scl, &o->call);
}

static void
send_out(struct saf_outlet *o, const struct delivery *d)
{
	struct scl *scl = o->all->scl;
	struct slice id = scl->id;

	o->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = d->r.head.contact,
		                   .named_by = d->r.head.issuer,
		                   .body = buf_view(&o->body),
		                   .timeout_ms = scl_conf(scl)->notify_timeout_ms,
		                   .answer_max = 65536,
		                   .done = exchange_done,
		                   .owner = o };
	exchange_add_header(&o->ex, SLICE_LIT("Content-Type"),
	                    slice_of(media_syntax_at(d->r.head.syntax)->media_type));
	exchange_add_issuer(&o->ex, scl, 2);
	exchange_add_header(&o->ex, SLICE_LIT("X-etsi-correlationID"), d->r.head.correlation);
	exchange_add_header(&o->ex, SLICE_LIT("Via"),
	                    arena_printf(o->arena, "1.1 %.*s", (int)id.n, id.p));
	courier_send(scl->courier, &o->ex);
}

static enum rc
read_result(struct saf_outlet *o, struct rtx *tx, struct delivery *d)
{
	struct scl *scl = o->all->scl;
	struct slice bytes;

	TRY(repo_work_get(tx, WORK_RESULT, o->first->key, &bytes));
	if (!saf_result_read(bytes, &d->r))
		return RC_INTERNAL;
	d->to_scl = own_path(scl, o->arena, d->r.head.contact).n > 0;
	if (!d->to_scl) {
		enum rc known = route_known(scl, tx, d->r.head.contact);

		d->to_scl = known == RC_OK;
		d->later = known == RC_UNAVAILABLE;
	}
	return RC_OK;
}

static enum rc
prepare(struct saf_outlet *o, struct delivery *d)
{
	struct rtx *tx;
	enum rc rc;

	*d = (struct delivery){ 0 };
	o->arena = arena_new(RESULT_ARENA);
	if (o->arena == NULL)
		return RC_UNAVAILABLE;
	TRY(repo_begin_read(o->all->scl->repo, o->arena, &tx));
	rc = read_result(o, tx, d);
	repo_end_read(tx);
	if (rc != RC_OK || d->later)
		return rc != RC_OK ? rc : RC_UNAVAILABLE;
	/* base64 takes a third more. */
	buf_init(&o->body, 2 * scl_conf(o->all->scl)->body_max + 65536);
	return encode(&d->r, o->arena, &o->body) ? RC_OK : RC_INTERNAL;
}

static void
outlet_run(struct scl_task *t)
{
	struct saf_outlet *o = (struct saf_outlet *)(void *)t;
	struct delivery d;
	enum rc rc;

	if (courier_stopping(o->all->scl->courier) || o->sending || o->first == NULL)
		return;
	if (!place_take(o)) {
		courier_post(o->all->scl->courier, &o->task, PLACE_AFTER);
		return;
	}
	rc = prepare(o, &d);
	if (rc != RC_OK)
		delivered(o, RC_OK,
		          rc == RC_UNAVAILABLE         ? 503
		          : status_of(rc)->http == 500 ? 400
		                                       : 404);
	else if (d.to_scl)
		send_to_scl(o, &d);
	else
		send_out(o, &d);
}
