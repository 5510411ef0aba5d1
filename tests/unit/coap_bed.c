/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "coap_bed.h"

#include "core/observe.h"

/* Nothing of the faked core can be observed. */
bool
req_observe(struct req *rq, void (*changed)(void *arg), void *arg)
{
	(void)rq;
	(void)changed;
	(void)arg;
	return false;
}

struct observer *
req_observer(struct req *rq)
{
	(void)rq;
	return NULL;
}

void
req_observe_again(struct req *rq, struct observer *o)
{
	(void)rq;
	(void)o;
}

void
observer_end(struct observer *o)
{
	(void)o;
}

void
bed_init(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	b->conf =
		(struct coapd_conf){ .scl = &b->core, .address = "127.0.0.1", .serve = SERVE_MIA };
}

void
bed_run(struct bed *b)
{
	char why[COAPD_WHY_MAX] = "";

	fake_start(&b->core);
	ck_assert_msg(coapd_start(&b->conf, &b->server, why) == RC_OK, "%s", why);
}

void
bed_end(struct bed *b)
{
	coapd_stop(b->server);
	ck_assert_uint_eq(atomic_load(&b->core.live), 0);
	fake_stop(&b->core);
}

void
client_open(struct client *c, const struct bed *b)
{
	client_join(c, coapd_port(b->server));
}

void
client_proved(struct client *c, const struct bed *b)
{
	struct got g;
	struct msg m;

	client_open(c, b);
	client_ask(c, GET, "/gone", &g);
	if (c->echo_n == 0)
		return;
	msg_begin(&m, CON, GET, ++c->mid, "tokn");
	msg_path(&m, "/gone");
	msg_option(&m, OPT_ECHO, c->echo, c->echo_n);
	client_send(c, &m);
	client_get(c, &g);
	ck_assert_uint_eq(g.code / 100, 2);
	c->sent = c->received = 0;
}
