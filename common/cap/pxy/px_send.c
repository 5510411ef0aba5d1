/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_send.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/uri.h"
#include "cap/pxy/px_own.h"
#include "core/identity.h"

#define ANSWER_MAX 65536u /* nothing of it is read, but a sink may be verbose */
#define ARENA_MAX (1u << 20)
#define AFTER_MAX 86400 /* seconds */

/* ---- answers ---- */

enum px_answer_kind
px_send_kind(int http_status)
{
	static const int never[] = { 400, 413, 415, 422 };

	if (http_status >= 200 && http_status < 300)
		return PX_ANSWER_TAKEN;
	if (http_status == 409)
		return PX_ANSWER_UNKNOWN;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (http_status == never[i])
			return PX_ANSWER_NEVER;
	return PX_ANSWER_LATER;
}

int64_t
px_send_after(struct slice value)
{
	int64_t seconds = 0;

	if (value.n == 0 || value.n > 9)
		return 0;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return 0;
		seconds = seconds * 10 + (value.p[i] - '0');
	}
	return (seconds < AFTER_MAX ? seconds : AFTER_MAX) * CLOCK_SECOND;
}

static void
exchange_done(struct exchange *ex)
{
	struct px_send *s = ex->owner;

	s->status = ex->rc == RC_OK ? ex->http_status : 0;
	s->answer.kind = px_send_kind(s->status);
	s->answer.after = px_send_after(exchange_answer_header(ex, "retry-after"));
	if (ex->rc == RC_OK)
		snprintf(s->reason, sizeof(s->reason), "the sink has answered so");
	else
		snprintf(s->reason, sizeof(s->reason), "%s",
		         ex->failure[0] != '\0' ? ex->failure : status_of(ex->rc)->text);
	s->done(s);
}

/* ---- who sends ---- */

bool
px_send_is_loopback(struct slice url)
{
	char host[INET6_ADDRSTRLEN];
	struct in_addr in;
	struct in6_addr in6;
	struct slice h;
	struct uri u;

	if (!uri_parse(url, &u))
		return false;
	h = u.host;
	if (h.n > 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
		h = slice_head(slice_from(h, 1), h.n - 2);
	if (slice_is(h, "localhost"))
		return true;
	if (!slice_copy(h, host, sizeof(host)))
		return false;
	if (inet_pton(AF_INET, host, &in) == 1)
		return ntohl(in.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
}

/* False: it must not go there so; reason says why. */
static bool
choose_credential(struct px_send *s, struct px *px, const struct credential *own)
{
	struct registered r;
	enum rc rc = identity_at(px->scl, s->arena, s->ex.url, &r);

	if (rc == RC_OK)
		return true;
	if (rc != RC_NOT_FOUND) {
		snprintf(s->reason, sizeof(s->reason), "it is not known whose the host is");
		return false;
	}
	if (uri_is_secure(s->ex.url)) {
		s->ex.credential = own;
		return true;
	}
	if (px->conf->allow_clear || px_send_is_loopback(s->ex.url))
		return true;
	snprintf(s->reason, sizeof(s->reason), "the sink is without TLS (proxy.allow_clear)");
	return false;
}

/* ---- what is sent ---- */

static unsigned
limit_of(const struct px_send *s, const struct px *px)
{
	unsigned any = px->conf->send_timeout_ms;

	return s->limit_ms > 0 && s->limit_ms < any ? s->limit_ms : any;
}

static void
make_exchange(struct px_send *s, struct px *px, const struct px_batch *b)
{
	s->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = buf_view(&b->url),
		                   .body = b->wire,
		                   .timeout_ms = limit_of(s, px),
		                   .answer_max = ANSWER_MAX,
		                   .done = exchange_done,
		                   .owner = s };
	exchange_add_header(&s->ex, SLICE_LIT("Content-Type"),
	                    SLICE_LIT("application/octet-stream"));
	if (b->gzip)
		exchange_add_header(&s->ex, SLICE_LIT("Content-Encoding"), SLICE_LIT("gzip"));
	if (b->form != PX_FORM_COAP) {
		/* Who delivers: an inbox without proofs takes the name instead. */
		exchange_add_issuer(&s->ex, px->scl, 2);
		return;
	}
	exchange_add_header(&s->ex, SLICE_LIT("PRE-Source"), b->unit.source);
	s->ex.has_coap_token = true;
	for (size_t i = 0; i < EXCHANGE_COAP_TOKEN; i++)
		s->ex.coap_token[i] =
			(unsigned char)(b->unit.msg_id >> (8 * (EXCHANGE_COAP_TOKEN - 1 - i)));
}

static void
refuse_run(struct scl_task *t)
{
	struct px_send *s =
		(struct px_send *)(void *)((char *)t - offsetof(struct px_send, refusal));

	s->done(s);
}

static void
refuse(struct px_send *s, struct px *px)
{
	s->status = 0;
	s->answer = (struct px_answer){ .kind = PX_ANSWER_LATER };
	s->refusal.run = refuse_run;
	scl_post(px->scl, &s->refusal, 0);
}

void
px_send_begin(struct px_send *s, struct px *px, const struct px_batch *b,
              const struct credential *own)
{
	if (b->form == PX_FORM_DATAGRAM) {
		if (!px_send_datagram(s, px, b))
			refuse(s, px);
		return;
	}
	make_exchange(s, px, b);
	s->arena = arena_new(ARENA_MAX);
	if (s->arena != NULL && choose_credential(s, px, own)) {
		scl_send(px->scl, &s->ex);
		return;
	}
	if (s->arena == NULL)
		snprintf(s->reason, sizeof(s->reason), "there is no memory");
	refuse(s, px);
}

void
px_send_end(struct px_send *s)
{
	buf_fini(&s->ex.answer);
	buf_fini(&s->ex.answer_text);
	arena_free(s->arena);
	s->arena = NULL;
}
