/* SPDX-License-Identifier: Apache-2.0 */
/* What is only looked at: info, load, counters, monitors. */
#include "config.h"

#include "cap/pxy/px_lanes.h"
#include "cap/pxy/px_load.h"
#include "cap/pxy/px_rest_own.h"

/* ---- info ---- */

static void
put_list(struct buf *b, const char *name, const char *const *texts)
{
	json_put_open(b, name, '[');
	for (; *texts != NULL; texts++)
		json_put_text(b, NULL, slice_of(*texts));
	buf_char(b, ']');
}

static enum rc
put_room(struct px_call *c)
{
	const struct px_limits *l = px_book_limits(c->px->book);
	struct px_totals t;
	uint64_t available;
	enum rc rc = px_totals_get(c->view, &t);

	if (rc != RC_OK)
		return rc;
	/* There may be less capacity than at the last start. */
	available = t.reserved < l->capacity ? l->capacity - t.reserved : 0;
	json_put_number(&c->out, "capacity", (int64_t)l->capacity);
	json_put_number(&c->out, "available", (int64_t)available);
	json_put_number(&c->out, "reserved", (int64_t)t.reserved);
	json_put_number(&c->out, "largest", l->message_max);
	json_put_number(&c->out, "batch", c->px->conf->store.batch_bytes);
	json_put_number(&c->out, "stores", (int64_t)t.stores);
	return RC_OK;
}

/* As what is sent to this SCL may be re-encrypted for it. */
static void
put_identity(struct px_call *c)
{
	const struct pre_public *p = &c->px->self;

	json_put_open(&c->out, "identity", '{');
	json_put_text(&c->out, "url", slice_of(p->url));
	json_put_hex(&c->out, "pk2", p->pk2, sizeof(p->pk2));
	json_put_hex(&c->out, "pkId", c->px->self_id, sizeof(c->px->self_id));
	json_put_hex(&c->out, "sign", p->sign.v, sizeof(p->sign.v));
	buf_char(&c->out, '}');
}

enum rc
px_rest_info(struct px_call *c)
{
	static const char *const formats[] = { "unit", "batch", NULL };
	static const char *const transports[] = { "http", "coap", "udp", NULL };
	static const char *const without_udp[] = { "http", "coap", NULL };
	static const char *const compress[] = { "gzip", NULL };
	struct buf *b = &c->out;
	enum rc rc = RC_OK;

	buf_char(b, '{');
	json_put_number(b, "version", 1);
	if (c->px->book != NULL)
		rc = put_room(c);
	put_list(b, "formats", formats);
	buf_puts(b, ",\"suites\":[1]");
	put_list(b, "transports", c->px->udp != NULL ? transports : without_udp);
	put_list(b, "compress", compress);
	json_put_text(b, "pairing", SLICE_LIT(PAIRING_PROVIDER));
	if ((c->px->roles & PX_SINK) != 0)
		put_identity(c);
	buf_char(b, '}');
	return rc == RC_OK ? px_call_answer(c, RC_OK) : px_call_fail(c, rc, NULL);
}

/* ---- load ---- */

static void
put_load(struct px_call *c, unsigned window)
{
	static const struct {
		const char *name;
		enum px_load_of of;
	} sums[] = { { "requests", PX_LOAD_REQUESTS }, { "received", PX_LOAD_RECEIVED },
		     { "sent", PX_LOAD_SENT },         { "managementMessages", PX_LOAD_MANAGEMENT },
		     { "stored", PX_LOAD_STORED },     { "forwarded", PX_LOAD_FORWARDED } };
	struct px_load_sums s;
	struct pool_load pool;
	struct buf *b = &c->out;

	px_load_read(c->px->load, window, &s);
	pool_load(c->px->pool, &pool);
	buf_char(b, '{');
	json_put_number(b, "window", window);
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		json_put_number(b, sums[i].name, (int64_t)s.v[sums[i].of]);
	json_put_number(b, "cpu", s.cpu);
	json_put_number(b, "queue", pool.waiting + px_book_waiting(c->px->book));
	json_put_number(b, "jobs", pool.running);
	json_put_number(b, "throughput", (int64_t)(s.v[PX_LOAD_SENT] / window));
	buf_char(b, '}');
}

enum rc
px_rest_load(struct px_call *c)
{
	struct slice text;
	uint64_t window = PX_RATE_WINDOW;
	enum rc rc = endpoint_parameter(c->rq, "window", &text);

	if (rc != RC_OK)
		return rc;
	if (text.p != NULL && (!slice_number(text, PX_LOAD_WINDOW_MAX, &window) || window == 0))
		return px_call_refuse(c, RC_BAD_REQUEST, SLICE_LIT("window is not 1 to 3600"));
	put_load(c, (unsigned)window);
	return px_call_answer(c, RC_OK);
}

/* ---- counters ---- */

enum rc
px_rest_counters(struct px_call *c)
{
	if (!px_is_manager(c->px, c->who.name))
		return px_call_refuse(c, RC_FORBIDDEN, SLICE_NONE);
	buf_char(&c->out, '{');
	for (unsigned i = 0; i < PX_COUNTERS; i++)
		json_put_counter(&c->out, px_counter_name(i), px_counted(c->px, i));
	buf_char(&c->out, '}');
	return px_call_answer(c, RC_OK);
}

/* ---- monitors ---- */

static void
put_store(struct px_call *c, const struct px_store *s)
{
	struct buf *b = &c->out;

	buf_char(b, '{');
	json_put_number(b, "messages", (int64_t)(s->last + 1 - s->first));
	json_put_number(b, "octets", (int64_t)s->octets);
	json_put_number(b, "reserve", (int64_t)s->reserve);
	json_put_number(b, "oldest", (int64_t)s->first);
	json_put_number(b, "newest", (int64_t)s->last);
	json_put_time(b, "oldestTime", s->oldest);
	json_put_time(b, "newestTime", s->newest);
	json_put_number(b, "stored", (int64_t)s->last);
	json_put_number(b, "released", (int64_t)(s->released & INT64_MAX));
	json_put_number(b, "duplicates", (int64_t)s->duplicates);
	json_put_number(b, "rateIn", (int64_t)px_rates_get(c->px->rates, s->id));
	json_put_time(b, "expires", s->expires);
	buf_char(b, '}');
}

struct lanes {
	struct px_call *c;
	const struct px_forward *forward;
	struct px_store store;
};

static const char *
lane_state(const struct lanes *l, const struct px_sink *s, const struct px_lane_look *look)
{
	if (s->ended || l->forward->state == PX_STOPPED)
		return "ended";
	return px_lane_state_name(look == NULL ? PX_LANE_IDLE : look->state);
}

static void
put_look(struct buf *b, const struct px_lane_look *look)
{
	json_put_number(b, "rate", (int64_t)look->speed);
	if (look->state == PX_LANE_REFUSED)
		json_put_number(b, "refused", (int64_t)look->refused);
	if (look->state != PX_LANE_NOKEY)
		return;
	json_put_open(b, "waitsFor", '{');
	json_put_number(b, "stream", look->waits_for.stream);
	json_put_number(b, "epoch", look->waits_for.epoch);
	buf_char(b, '}');
}

/* What the sink is still to get. */
static uint64_t
lag_of(const struct lanes *l, const struct px_sink *s)
{
	uint64_t to = s->until < l->store.last ? s->until : l->store.last;

	return s->ended || to <= s->cursor ? 0 : to - s->cursor;
}

static void
put_error(struct buf *b, const struct px_sink *s)
{
	if (s->error.n == 0)
		return;
	json_put_open(b, "lastError", '{');
	json_put_time(b, "time", s->error_at);
	json_put_text(b, "reason", s->error);
	buf_char(b, '}');
}

static bool
put_lane(void *arg, const struct px_sink *s)
{
	struct lanes *l = arg;
	struct px *px = l->c->px;
	struct buf *b = &l->c->out;
	struct px_lane_look look;
	bool known = px_lanes_look(px->lanes, l->forward->store, s->forward, s->number, &look);

	json_put_open(b, NULL, '{');
	json_put_text(b, "url", s->url);
	json_put_number(b, "lane", s->number);
	json_put_text(b, "state", slice_of(lane_state(l, s, known ? &look : NULL)));
	json_put_number(b, "sent", (int64_t)s->sent);
	json_put_number(b, "acknowledged", (int64_t)s->cursor);
	json_put_number(b, "octets", (int64_t)s->octets);
	json_put_number(b, "retried", (int64_t)s->retried);
	json_put_number(b, "lag", (int64_t)lag_of(l, s));
	json_put_number(b, "keys", (int64_t)s->n_keys);
	json_put_time(b, "acknowledgedTime", s->acknowledged_at);
	if (known)
		put_look(b, &look);
	put_error(b, s);
	buf_char(b, '}');
	return true;
}

static enum rc
put_forward(struct px_call *c, struct px_view *view, const struct px_forward *f)
{
	struct lanes l = { .c = c, .forward = f };
	enum rc rc = px_store_get(view, f->store, &l.store);

	if (rc != RC_OK)
		return rc;
	buf_char(&c->out, '{');
	json_put_number(&c->out, "revision", (int64_t)f->version);
	json_put_text(&c->out, "state", slice_of(px_rest_state_name(f->state)));
	json_put_open(&c->out, "sinks", '[');
	rc = px_sink_list(view, f->id, put_lane, &l);
	buf_puts(&c->out, "]}");
	return rc;
}

enum rc
px_rest_put_monitor(struct px_call *c, struct px_view *view)
{
	struct px_forward f;
	struct px_store s;
	enum rc rc;

	if (c->op->of == PX_OF_FORWARD) {
		rc = px_forward_get(view, c->id, &f);
		return rc == RC_OK ? put_forward(c, view, &f) : rc;
	}
	rc = px_store_get(view, c->id, &s);
	if (rc == RC_OK)
		put_store(c, &s);
	return rc;
}

enum rc
px_rest_monitor(struct px_call *c)
{
	enum rc rc;

	if (px_rest_wants_events(c->in))
		return px_rest_event(c);
	rc = px_rest_put_monitor(c, c->view);
	return rc == RC_OK ? px_call_answer(c, RC_OK) : px_call_fail(c, rc, NULL);
}
