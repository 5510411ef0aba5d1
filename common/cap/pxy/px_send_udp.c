/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries as datagrams. */
#include "config.h"

#include <stddef.h>
#include <stdio.h>

#include "cap/pxy/px_own.h"
#include "cap/pxy/px_send.h"

/* A status of HTTP that says the same of the message; 0: there was no answer. */
static int
status_for(enum rc rc)
{
	return rc == RC_GATEWAY_TIMEOUT || rc == RC_BAD_GATEWAY || rc == RC_INTERNAL
	               ? 0
	               : status_of(rc)->http;
}

static void
answered_run(struct scl_task *t)
{
	struct px_send *s =
		(struct px_send *)(void *)((char *)t - offsetof(struct px_send, refusal));
	enum rc rc = s->given_up && s->out.rc == RC_UNAVAILABLE ? RC_GATEWAY_TIMEOUT : s->out.rc;

	s->status = status_for(rc);
	s->answer = (struct px_answer){ .kind = px_send_kind(s->status) };
	snprintf(s->reason, sizeof(s->reason), "%s",
	         rc == RC_GATEWAY_TIMEOUT ? "no datagram of the sink has come back"
	         : rc == RC_BAD_GATEWAY   ? "no datagram can be sent there"
	                                  : status_of(rc)->text);
	s->done(s);
}

/* On the thread of the datagrams. */
static void
answered(struct px_udp_out *o)
{
	struct px_send *s = o->owner;

	(void)px_post(s->px, &s->refusal, 0);
}

static enum rc
key_of(struct px *px, const struct px_batch *b, uint8_t out[KEY_BYTES])
{
	struct px_view *v;
	enum rc rc = px_view_open(px->book, &v);

	_Static_assert(KEY_BYTES == PX_UDP_KEY_BYTES, "a key of datagrams");
	if (rc != RC_OK)
		return rc;
	rc = px_sink_udp_key(v, b->forward, b->sink, out);
	px_view_close(v);
	return rc;
}

bool
px_send_datagram(struct px_send *s, struct px *px, const struct px_batch *b)
{
	s->px = px;
	s->refusal.run = answered_run;
	s->out = (struct px_udp_out){ .id = b->forward ^ b->sink,
		                      .number = b->result.first,
		                      .unit = b->wire,
		                      .done = answered,
		                      .owner = s };
	if (px->udp == NULL)
		snprintf(s->reason, sizeof(s->reason), "this proxy has no datagrams");
	else if (!px_udp_address(buf_view(&b->url), &s->out.to))
		snprintf(s->reason, sizeof(s->reason), "the URL is no address and port");
	else if (key_of(px, b, s->out.key) != RC_OK)
		snprintf(s->reason, sizeof(s->reason), "the key of its datagrams is not there");
	else {
		px_udp_give(px->udp, &s->out);
		return true;
	}
	return false;
}

void
px_send_give_up(struct px_send *s)
{
	if (s->out.done == NULL || s->px->udp == NULL)
		return;
	s->given_up = true;
	px_udp_cancel(s->px->udp, &s->out);
}
