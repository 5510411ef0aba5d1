/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a token that wakes a node: what they say is taken as expected, so that the key is
 * asked, and none is ever accepted. Signed anew, what is well-formed is accepted and comes out as it
 * went in.
 */
#include "config.h"

#include <stdlib.h>

#include "sec/trigger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct key key = { { 7 } };
static unsigned led;

static bool
leads_home(void *arg, const struct trigger *t)
{
	(void)arg;
	(void)t;
	led++;
	return true;
}

static void
again(const struct trigger *t, struct slice octets, struct trigger_check *check)
{
	uint8_t made[TRIGGER_MAX];
	struct trigger got;
	size_t n;

	if (trigger_make(t, &key, made, &n) != RC_OK || n != octets.n ||
	    memcmp(made, octets.p, n - TRIGGER_TAG) != 0)
		abort();
	check->last = t->counter - 1;
	check->now = 0;
	if (trigger_look(slice_make(made, n), check, &got) !=
	    (t->not_after == 0 ? TRIGGER_LATE : TRIGGER_GOOD))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trigger_verifier *v = trigger_verifier_new(&key);
	struct node_id node = { { 0 } };
	struct trigger_check check = { .node = &node, .verifier = v, .leads_home = leads_home };
	struct slice octets = slice_make(data, size);
	struct trigger t;
	enum trigger_fault fault;

	if (v == NULL)
		return 0;
	if (size >= 24)
		memcpy(node.v, data + 8, sizeof(node.v));
	led = 0;
	fault = trigger_look(octets, &check, &t);
	if ((fault != TRIGGER_MALFORMED && fault != TRIGGER_FORGED) || led != 0)
		abort();
	if (fault == TRIGGER_FORGED)
		again(&t, octets, &check);
	trigger_verifier_free(v);
	return 0;
}
