/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a destination has parked has arrived where it was for. */
#include "config.h"

#include "cap/pxy/px_source_own.h"
#include "sec/hex.h"

static void
inbox_read(struct px_call *c)
{
	struct source_dest *t = c->owner;
	uint64_t waiting;

	if (c->rc != RC_OK || !px_read_waiting(c->answer, &waiting)) {
		dest_later(t, REST_KEYS, "inbox", c->rc == RC_OK ? RC_BAD_GATEWAY : c->rc);
		return;
	}
	t->drained(t, waiting == 0, waiting == 0 && t->drained_all);
}

/* Received is not carried out yet: the uplink's own SCL is asked. */
static void
ask_inbox(struct source_dest *t)
{
	const struct source_uplink *u = dest_uplink(t);
	char tail[1 + 2 * PRE_SOURCE_SIZE + 1] = "/";

	hex_encode(t->all->name, PRE_SOURCE_SIZE, tail + 1);
	px_call_begin(&t->call, 0, false);
	t->call.done = inbox_read;
	px_call_send(&t->all->client, &t->call, "GET", slice_of(u->sink.k.url), tail,
	             PX_MEDIA_NONE);
}

static void
monitor_read(struct px_call *c)
{
	struct source_dest *t = c->owner;
	const struct source_sink *sinks[SOURCE_SINKS_MAX + 1];
	struct px_told_sink told[SOURCE_SINKS_MAX + 1];
	size_t n = dest_told(t, told, sinks);
	bool main = true, all = true;

	if (c->rc != RC_OK || !px_read_sinks(c->answer, t->d.stream, told, n)) {
		forward_failed(t, "monitor");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		/* Who was named after all that was parked gets nothing of it. */
		bool granted = dest_grant(t, sinks[i]->id) != NULL;
		bool has = told[i].there ? told[i].lag == 0 : !granted;

		/* Somebody has removed it: it is added again. */
		if (granted && !told[i].there)
			t->forward_known = false;

		all = all && has;
		if (sinks[i]->k.destination != 0 || sinks[i] == &dest_uplink(t)->sink)
			main = main && told[i].there && has;
	}
	t->drained_all = all;
	if (main && t->all->conf->drain == PROXY_DRAIN_APPLIED && !dest_has_standin(t))
		ask_inbox(t);
	else
		t->drained(t, main, all);
}

void
drain_look(struct source_dest *t, void (*done)(struct source_dest *t, bool main, bool all))
{
	const struct source_sink *sinks[SOURCE_SINKS_MAX + 1];

	if (t->d.sealed && (t->d.forward[0] == '\0' || dest_sinks(t, sinks) == 0))
		return;
	t->busy = true;
	if (!t->d.sealed) {
		done(t, true, true);
		return;
	}
	t->drained = done;
	px_call_begin(&t->call, 0, false);
	t->call.done = monitor_read;
	px_call_send(&t->all->client, &t->call, "GET", slice_of(t->d.forward), "/monitor",
	             PX_MEDIA_NONE);
}
