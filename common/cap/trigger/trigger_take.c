/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node takes a trigger: on a thread of its own, so that what floods it costs nobody else anything.
 * What does not count has no effect but on the counters and, now and then, the log.
 */
#include "config.h"

#include "cap/trigger/trigger_take.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/sec_access.h"
#include "cap/trigger.h"

#define HOUR (3600 * CLOCK_SECOND)

const char *
trigger_drop_name(unsigned why)
{
	static const char *const names[] = { [TRIGGER_NO_KEY] = "no-key",
		                             [TRIGGER_TOO_MANY] = "rate",
		                             [TRIGGER_BUSY] = "busy",
		                             [TRIGGER_NOT_KEPT] = "store" };

	if (why < TRIGGER_FAULTS)
		return trigger_fault_name((enum trigger_fault)why);
	return why < TRIGGER_DROPS ? names[why] : "";
}

void
trigger_drop(struct trigger_take *t, unsigned why)
{
	atomic_fetch_add_explicit(&t->dropped[why], 1, memory_order_relaxed);
}

/* As above, and logged. */
static void
drop(struct trigger_take *t, unsigned why)
{
	int64_t since_last;

	trigger_drop(t, why);
	if (log_pace_due(&t->dropping, &since_last))
		LOG_WARN(t->log, "trigger-dropped", LOG_Z("why", trigger_drop_name(why)),
		         LOG_N("since_last", since_last));
}

/* Each token that comes finds it so. */
static void
tell_book(struct trigger_take *t, enum rc rc)
{
	int64_t since_last;

	if (log_pace_due(&t->unbooked, &since_last))
		LOG_ERROR(t->log, "trigger-book", LOG_Z("reason", status_of(rc)->text),
		          LOG_N("since_last", since_last));
}

/* ---- the key: that of the last root ---- */

static void
forget_key(struct trigger_take *t)
{
	trigger_verifier_free(t->verifier);
	t->verifier = NULL;
	t->kmr_index = 0;
}

/* A node id that is known keeps its counter: it goes on with another root. */
static bool
take_key(struct trigger_take *t, const struct node_id *node, uint32_t kmr_index)
{
	struct key key;
	enum rc rc = t->sec->derive(t->sec->arg, SEC_USE_TRIGGER, &key);

	forget_key(t);
	if (rc == RC_OK)
		t->verifier = trigger_verifier_new(&key);
	key_wipe(&key);
	if (t->verifier == NULL)
		return false;
	if (!node_id_eq(node, &t->node)) {
		rc = trigger_book_read(&t->book, node, &t->last);
		if (rc != RC_OK) {
			tell_book(t, rc);
			forget_key(t);
			return false;
		}
		t->node = *node;
	}
	t->kmr_index = kmr_index;
	return true;
}

static bool
has_key(struct trigger_take *t)
{
	struct node_id node;
	uint32_t kmr_index = 0;

	if (!t->sec->node(t->sec->arg, &node, &kmr_index)) {
		forget_key(t);
		return false;
	}
	return (kmr_index == t->kmr_index && node_id_eq(&node, &t->node) && t->verifier != NULL) ||
	       take_key(t, &node, kmr_index);
}

/* ---- one token ---- */

/* The oldest of the last ones is more than an hour ago. */
static bool
may_another(const struct trigger_take *t, int64_t now)
{
	int64_t oldest = t->accepted_at[t->next_at];

	return oldest == 0 || now - oldest >= HOUR;
}

static void
note_another(struct trigger_take *t, int64_t now)
{
	t->accepted_at[t->next_at] = now;
	t->next_at = (t->next_at + 1) % t->conf.max;
}

/* It is never taken again, whatever comes: that is stored first. */
static void
accept(struct trigger_take *t, const struct trigger *token)
{
	int64_t now = clock_monotonic();
	enum rc rc;

	if (!may_another(t, now)) {
		drop(t, TRIGGER_TOO_MANY);
		return;
	}
	rc = trigger_book_write(&t->book, &t->node, token->counter);
	if (rc != RC_OK) {
		tell_book(t, rc);
		drop(t, TRIGGER_NOT_KEPT);
		return;
	}
	t->last = token->counter;
	note_another(t, now);
	atomic_fetch_add_explicit(&t->accepted, 1, memory_order_relaxed);
	LOG_INFO(t->log, "trigger-accepted", LOG_Z("reason", trigger_reason_name(token->reason)),
	         LOG_S("host", token->host), LOG_N("port", token->port),
	         LOG_N("counter", (int64_t)token->counter));
	trigger_act(t, token);
}

void
trigger_token(struct trigger_take *t, struct slice octets)
{
	struct trigger_check check = { .node = &t->node,
		                       .leads_home = trigger_leads_home,
		                       .arg = t };
	struct trigger token;
	enum trigger_fault fault;

	if (!has_key(t)) {
		drop(t, TRIGGER_NO_KEY);
		return;
	}
	check.verifier = t->verifier;
	check.last = t->last;
	check.now = clock_now(t->clock) / CLOCK_SECOND;
	fault = trigger_look(octets, &check, &token);
	if (fault == TRIGGER_GOOD)
		accept(t, &token);
	else
		drop(t, fault);
}

/* ---- life ---- */

static void
take_free(struct trigger_take *t)
{
	trigger_in_close(t);
	trigger_book_close(&t->book);
	forget_key(t);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->changed);
	free(t->path);
	free(t);
}

static enum rc
take_attach(struct scl *scl, const struct capability_conf *conf, void **state,
            char why[CAPABILITY_WHY_MAX])
{
	struct trigger_take *t;
	enum rc rc;

	*state = NULL;
	if (!conf->trigger.enabled)
		return RC_OK;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	t->udp = t->event = -1;
	t->scl = scl;
	t->log = conf->log;
	t->cap = conf;
	t->sec = conf->sec;
	t->clock = &clock_system;
	t->conf = conf->trigger.take;
	trigger_act_init(t);
	rc = trigger_book_open(t, why);
	if (rc == RC_OK)
		rc = trigger_in_open(t, why);
	if (rc == RC_OK)
		*state = t;
	else
		take_free(t);
	return rc;
}

static enum rc
take_start(struct scl *scl, const struct capability_conf *conf, void **state,
           char why[CAPABILITY_WHY_MAX])
{
	struct trigger_take *t = *state;

	(void)scl;
	if (t == NULL)
		return RC_OK;
	t->gate = conf->gate;
	t->started = pthread_create(&t->thread, NULL, trigger_in_run, t) == 0;
	if (t->started)
		return RC_OK;
	snprintf(why, CAPABILITY_WHY_MAX, "the thread of triggers cannot be started");
	return RC_UNAVAILABLE;
}

static void
take_stop(void *state)
{
	struct trigger_take *t = state;

	if (t == NULL || !t->started)
		return;
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	trigger_in_wake(t);
	pthread_join(t->thread, NULL);
	t->started = false;
}

static void
take_detach(void *state)
{
	if (state != NULL)
		take_free(state);
}

const struct capability cap_trigger_take = {
	.name = "trigger-take",
	.attach = take_attach,
	.start = take_start,
	.stop = take_stop,
	.detach = take_detach,
};
