/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At an NSCL: a mgmtCmd below scls/<scl> is carried out by that SCL, in place of OMA-DM or BBF TR-069.
 * The same mgmtCmd is made and executed in the own collection of the device, its execInstance is
 * followed until it is finished, and the mgmtCmd removed again. Changes and actions of the objects
 * are relayed by the core (mgmt_adaptor.relays).
 */
#include "config.h"

#include <stdlib.h>

#include "base/ident.h"
#include "cap/rem/rem_doc.h"
#include "cap/rem/rem_impl.h"

#define FOLLOW_ARENA (4u << 20)
#define BODY_MAX (1u << 20)
#define POLL_FIRST (CLOCK_SECOND / 4)
#define POLL_MAX (5 * CLOCK_SECOND)
/* Beyond the time that a command may take at the device: for the ways there and back. */
#define SLACK (120 * CLOCK_SECOND)
#define TIMEOUT_MS 10000u

enum follow_step { FOLLOW_CREATE, FOLLOW_EXECUTE, FOLLOW_LOOK, FOLLOW_CANCEL, FOLLOW_CLEAR };

struct follow {
	struct rem_mid *m;
	struct follow *next;
	struct mgmt_order *order; /* NULL: nobody waits for it */
	struct scl_task poll;
	struct scl_call call;
	struct arena *arena;
	enum follow_step step;
	bool busy; /* the call is under way */
	bool cancelled, cancel_sent;
	char *command, *instance; /* URIs at the device */
	struct buf body;
	int64_t wait, until;
};

struct rem_mid {
	struct rem *r;
	struct mgmt_adaptor adaptor;
	struct follow *follows;
};

static const char *const commands[] = {
	[CMD_RESET] = "RESET",
	[CMD_REBOOT] = "REBOOT",
	[CMD_UPLOAD] = "UPLOAD",
	[CMD_DOWNLOAD] = "DOWNLOAD",
	[CMD_SCHEDULE_DOWNLOAD] = "SCHEDULEDOWNLOAD",
	[CMD_SCHEDULE_INFORM] = "SCHEDULEINFORM",
	[CMD_CHANGE_DU_STATE] = "CHANGEDUSTATE",
};

/* ---- the end ---- */

static void
follow_free(struct follow *f)
{
	struct follow **at = &f->m->follows;
	struct rem *r = f->m->r;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	arena_free(f->arena);
	buf_fini(&f->body);
	free(f->command);
	free(f->instance);
	free(f);
	rem_release(r);
}

static void
end_order(struct follow *f, bool success, const struct mgmt_item *items, size_t n)
{
	if (f->order != NULL)
		mgmt_order_end(f->order, success, items, n);
	f->order = NULL;
}

/* ---- steps ---- */

static void answered(struct scl_call *call);

static void
ask(struct follow *f, enum follow_step step, const char *method, struct slice uri,
    struct slice body)
{
	f->step = step;
	f->busy = true;
	f->call = (struct scl_call){ .method = slice_of(method),
		                     .target = uri,
		                     .body = body,
		                     .timeout_ms = TIMEOUT_MS,
		                     .done = answered,
		                     .owner = f };
	scl_call(f->m->r->scl, &f->call);
}

static void
clear(struct follow *f)
{
	if (f->command == NULL || f->m->r->leaving)
		follow_free(f);
	else
		ask(f, FOLLOW_CLEAR, "DELETE", slice_of(f->command), SLICE_NONE);
}

static void
fail(struct follow *f, const char *text)
{
	const struct mgmt_item item = { "error", slice_of(text) };

	end_order(f, false, &item, 1);
	clear(f);
}

static struct slice
uri_below(struct follow *f, const char *uri, const char *segment)
{
	return arena_printf(f->arena, "%s/%s", uri, segment);
}

static void
put_arguments(struct buf *b, const struct val *args)
{
	buf_puts(b, "<m2m:execReqArgs>");
	for (const struct val *v = args; v != NULL; v = v->next) {
		const struct val *value = val_get(v->first, A_ARG_VALUE);

		buf_puts(b, "<execReqArg><name>");
		rem_doc_text(b, val_text(v->first, A_NAME));
		buf_puts(b, "</name><value>");
		if (value != NULL && value->any != NULL)
			rem_doc_text(b, value->any->text);
		buf_puts(b, "</value></execReqArg>");
	}
	buf_puts(b, "</m2m:execReqArgs>");
}

static void
create(struct follow *f)
{
	const struct mgmt_order *o = f->order;
	char id[IDENT_LEN + 1];

	ident_random(id);
	buf_printf(&f->body,
	           "<m2m:mgmtCmd xmlns:m2m=\"" NS_M2M "\" m2m:id=\"%s\"><m2m:cmdType>%s"
	           "</m2m:cmdType><m2m:execEnable>execEnable</m2m:execEnable>",
	           id, commands[o->cmd_type]);
	put_arguments(&f->body, o->args);
	buf_puts(&f->body, "</m2m:mgmtCmd>");
	if (f->body.failed)
		fail(f, "the arguments are too long");
	else
		ask(f, FOLLOW_CREATE, "POST",
		    arena_printf(f->arena, "%.*s/scls/mgmtObjs", (int)o->device.n, o->device.p),
		    buf_view(&f->body));
}

static void
look_later(struct follow *f)
{
	if (clock_monotonic() > f->until) {
		fail(f, "the device did not finish in time");
		return;
	}
	scl_post(f->m->r->scl, &f->poll, f->wait);
	if (f->wait < POLL_MAX)
		f->wait *= 2;
}

static void
look(struct follow *f)
{
	if (f->cancelled && !f->cancel_sent) {
		f->cancel_sent = true;
		ask(f, FOLLOW_CANCEL, "POST", uri_below(f, f->instance, "execDisable"), SLICE_NONE);
		return;
	}
	ask(f, FOLLOW_LOOK, "GET", slice_of(f->instance), SLICE_NONE);
}

static void
poll_run(struct scl_task *task)
{
	look((struct follow *)(void *)((char *)task - offsetof(struct follow, poll)));
}

/* Items of the device become those of the execInstance here. */
static void
finish(struct follow *f, const struct node *instance)
{
	const struct node *n = rem_doc_child(instance, "execResult");
	struct mgmt_item items[MGMT_ITEMS_MAX];
	bool success = true;
	size_t count = 0;

	for (n = n == NULL ? NULL : n->first; n != NULL && count < MGMT_ITEMS_MAX; n = n->next) {
		struct slice name = rem_doc_value(n, "name");

		if (!slice_is(n->name, "execResultItem"))
			continue;
		success = success && !slice_is(name, "error");
		items[count].name = arena_str(f->arena, name);
		items[count].value = rem_doc_value(n, "value");
		if (items[count].name != NULL)
			count++;
	}
	end_order(f, success, items, count);
	clear(f);
}

static char *
copy(struct slice s)
{
	return s.n == 0 ? NULL : strndup(s.p, s.n);
}

static void
step_answered(struct follow *f, enum rc rc, const struct req_answer *answer, struct slice body)
{
	const struct node *root;

	switch (f->step) {
	case FOLLOW_CREATE:
		f->command = copy(answer->location);
		if (!status_is_success(rc) || f->command == NULL)
			fail(f, status_of(rc)->text);
		else
			ask(f, FOLLOW_EXECUTE, "POST", uri_below(f, f->command, "execEnable"),
			    SLICE_NONE);
		return;
	case FOLLOW_EXECUTE:
		f->instance = copy(answer->location);
		if (!status_is_success(rc) || f->instance == NULL)
			fail(f, status_of(rc)->text);
		else
			look_later(f);
		return;
	case FOLLOW_LOOK:
		root = rc == RC_OK ? rem_doc_read(f->arena, body) : NULL;
		if (rc == RC_NOT_FOUND)
			fail(f, "the device has forgotten the command");
		else if (root != NULL && slice_is(rem_doc_value(root, "execStatus"), "FINISHED"))
			finish(f, root);
		else
			look_later(f);
		return;
	case FOLLOW_CANCEL:
		look_later(f);
		return;
	case FOLLOW_CLEAR:
		follow_free(f);
	}
}

static void
answered(struct scl_call *call)
{
	struct follow *f = call->owner;
	struct req_answer answer = *call->answer;
	enum rc rc = call->rc;
	struct slice body;

	f->busy = false;
	arena_reset(f->arena);
	body = arena_copy(f->arena, slice_make(answer.body, answer.body_len));
	answer.location = arena_copy(f->arena, answer.location);
	scl_call_end(call);
	if (f->m->r->leaving)
		follow_free(f);
	else
		step_answered(f, rc, &answer, body);
}

/* ---- the adaptor ---- */

static bool
claims(const struct mgmt_adaptor *self, const struct mgmt_place *place)
{
	(void)self;
	/* What is attached to an SCL is not commanded by commanding that one. */
	return place->link.n > 0 && (place->type != T_MGMT_CMD || place->device);
}

static void
start(const struct mgmt_adaptor *self, struct mgmt_order *order)
{
	struct rem_mid *m = self->owner;
	struct follow *f = calloc(1, sizeof(*f));

	if (f == NULL || (f->arena = arena_new(FOLLOW_ARENA)) == NULL ||
	    order->attr != A_EXEC_ENABLE || order->cmd_type < 0 ||
	    order->cmd_type > CMD_CHANGE_DU_STATE) {
		const struct mgmt_item item = {
			"error", SLICE_LIT("this cannot be carried out at the device")
		};

		if (f != NULL)
			arena_free(f->arena);
		free(f);
		mgmt_order_end(order, false, &item, 1);
		return;
	}
	f->m = m;
	f->order = order;
	f->poll.run = poll_run;
	f->wait = POLL_FIRST;
	f->until = clock_monotonic() + SLACK + (int64_t)m->r->conf.rem.command_timeout_ms * 1000;
	buf_init(&f->body, BODY_MAX);
	order->owner = f;
	f->next = m->follows;
	m->follows = f;
	rem_hold(m->r);
	create(f);
}

static void
cancel(const struct mgmt_adaptor *self, struct mgmt_order *order)
{
	struct follow *f = order->owner;

	(void)self;
	f->cancelled = true;
	if (f->busy || f->instance == NULL)
		return;
	scl_cancel(f->m->r->scl, &f->poll);
	look(f);
}

void
rem_mid_detach(struct rem_mid *m)
{
	struct follow *next;

	for (struct follow *f = m->follows; f != NULL; f = next) {
		next = f->next;
		f->order = NULL;
		if (f->busy)
			continue;
		scl_cancel(m->r->scl, &f->poll);
		follow_free(f);
	}
}

const struct mgmt_adaptor *
rem_mid_adaptor(const struct rem_mid *m)
{
	return &m->adaptor;
}

struct rem_mid *
rem_mid_new(struct rem *r)
{
	struct rem_mid *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->r = r;
	m->adaptor = (struct mgmt_adaptor){ .name = "mId",
		                            .claims = claims,
		                            .relays = true,
		                            .start = start,
		                            .cancel = cancel,
		                            .owner = m };
	return m;
}

void
rem_mid_free(struct rem_mid *m)
{
	free(m);
}
