/* SPDX-License-Identifier: Apache-2.0 */
/* The audits of MAS and MSBF, their counters, a new master key, a new generator. */
#include "config.h"

#include "mas/admin_impl.h"

#include "sec/b64url.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- pages ---- */

static const struct json_field page_fields[] = {
	{ "after", JSON_TEXT, false, offsetof(union admin_args, list.after) },
	{ "limit", JSON_TEXT, false, offsetof(union admin_args, list.limit) },
};

static void
page_begin(struct mas_audit_page *p)
{
	struct admin_call *c = p->owner;

	buf_clear(&c->out);
	c->number = 0;
	buf_char(&c->out, '{');
	json_put_open(&c->out, "records", '[');
}

static void
page_row(struct mas_audit_page *p, const struct audit_row *row)
{
	struct admin_call *c = p->owner;
	struct buf *b = &c->out;

	c->number = row->number;
	json_put_open(b, NULL, '{');
	json_put_number(b, "number", (int64_t)row->number);
	json_put_time(b, "time", row->time);
	json_put_text(b, "actor", row->entry.actor);
	json_put_text(b, "action", row->entry.action);
	json_put_text(b, "object", row->entry.object);
	json_put_text(b, "result", row->entry.result);
	json_put_text(b, "source", row->entry.source);
	buf_char(b, '}');
}

static void
page_done(struct mas_audit_page *p)
{
	struct admin_call *c = p->owner;

	if (p->outcome.rc == RC_OK) {
		buf_char(&c->out, ']');
		/* Where the next page begins; the same as before when there is nothing new. */
		json_put_number(&c->out, "next", (int64_t)(c->number == 0 ? p->after : c->number));
		buf_char(&c->out, '}');
	}
	admin_outcome(c, &p->outcome, RC_OK);
}

static void
page_mas(struct admin_call *c)
{
	mas_audit_page(c->admin->conf.mas, &c->u.page);
}

static void
page_msbf(struct admin_call *c)
{
	msbf_audit_page(c->admin->conf.msbf, &c->u.page);
}

static void
mas_page_begin(struct admin_call *c)
{
	admin_note(c, "ok", page_mas);
}

static void
msbf_page_begin(struct admin_call *c)
{
	admin_note(c, "ok", page_msbf);
}

static enum rc
page_check(struct admin_call *c)
{
	uint64_t after = 0;
	unsigned limit;

	if (c->args.list.after.p != NULL && !slice_number(c->args.list.after, INT64_MAX, &after))
		return RC_BAD_REQUEST;
	if (!admin_limit(c, MAS_PAGE_MAX, &limit))
		return RC_BAD_REQUEST;
	c->u.page = (struct mas_audit_page){ .after = after,
		                             .limit = limit,
		                             .begin = page_begin,
		                             .row = page_row,
		                             .done = page_done,
		                             .owner = c };
	return RC_OK;
}

/* ---- verification ---- */

static void
put_check(struct admin_call *c, const char *name, const struct audit_check *check)
{
	bool sound = check->bad == 0 && !check->bad_head;

	json_put_open(&c->out, name, '{');
	json_put_flag(&c->out, "sound", sound);
	json_put_number(&c->out, "records", (int64_t)check->rows);
	if (check->bad != 0)
		json_put_number(&c->out, "firstBad", (int64_t)check->bad);
	if (check->bad_head)
		json_put_flag(&c->out, "headBad", true);
	buf_char(&c->out, '}');
	c->number += !sound;
}

static void
verify_end(struct admin_call *c, const struct mas_outcome *outcome)
{
	json_put_flag(&c->out, "sound", c->number == 0);
	buf_char(&c->out, '}');
	admin_outcome(c, outcome, RC_OK);
}

static void
verified_msbf(struct mas_audit_verify *v)
{
	struct admin_call *c = v->owner;

	put_check(c, "msbf", &v->check);
	verify_end(c, &v->outcome);
}

static void
verify_msbf(struct admin_call *c)
{
	c->u.verify = (struct mas_audit_verify){ .done = verified_msbf, .owner = c };
	msbf_audit_verify(c->admin->conf.msbf, &c->u.verify);
}

static void
verified_mas(struct mas_audit_verify *v)
{
	struct admin_call *c = v->owner;

	put_check(c, "mas", &v->check);
	if (v->outcome.rc == RC_OK && c->admin->conf.msbf != NULL)
		verify_msbf(c);
	else
		verify_end(c, &v->outcome);
}

static void
verify(struct admin_call *c)
{
	buf_char(&c->out, '{');
	if (c->admin->conf.mas == NULL) {
		verify_msbf(c);
		return;
	}
	c->u.verify = (struct mas_audit_verify){ .done = verified_mas, .owner = c };
	mas_audit_verify(c->admin->conf.mas, &c->u.verify);
}

static void
verify_begin(struct admin_call *c)
{
	admin_note(c, "ok", verify);
}

/* ---- a new master key ---- */

static bool
has_no_next_key(const struct mas_outcome *o)
{
	return o->rc == RC_BAD_REQUEST && strcmp(o->reason, "NO_NEXT_KEY") == 0;
}

/* One of the two stores may have the new key already, of a call that was cut off between them. */
static void
rewrapped_msbf(struct mas_rewrap *r)
{
	struct admin_call *c = r->owner;

	if (c->rewrapped && has_no_next_key(&r->outcome))
		admin_answer(c, RC_OK);
	else
		admin_outcome(c, &r->outcome, RC_OK);
}

static void
rewrap_msbf(struct admin_call *c)
{
	c->u.rewrap = (struct mas_rewrap){
		.actor = c->actor, .source = c->source, .done = rewrapped_msbf, .owner = c
	};
	msbf_rewrap(c->admin->conf.msbf, &c->u.rewrap);
}

static void
rewrapped_mas(struct mas_rewrap *r)
{
	struct admin_call *c = r->owner;
	struct mas_outcome outcome = r->outcome;

	buf_char(&c->out, '{');
	json_put_number(&c->out, "records", (int64_t)r->records);
	buf_char(&c->out, '}');
	c->rewrapped = outcome.rc == RC_OK;
	if ((outcome.rc == RC_OK || has_no_next_key(&outcome)) && c->admin->conf.msbf != NULL)
		rewrap_msbf(c);
	else
		admin_outcome(c, &outcome, RC_OK);
}

static void
rewrap_begin(struct admin_call *c)
{
	if (c->admin->conf.mas == NULL) {
		buf_puts(&c->out, "{\"records\":0}");
		rewrap_msbf(c);
		return;
	}
	c->u.rewrap = (struct mas_rewrap){
		.actor = c->actor, .source = c->source, .done = rewrapped_mas, .owner = c
	};
	mas_rewrap(c->admin->conf.mas, &c->u.rewrap);
}

/* ---- the generator of small data ---- */

static void
generator_done(struct mas_generator *g)
{
	struct admin_call *c = g->owner;
	char text[B64URL_LEN(IBAS_PUBLIC_SIZE)];

	b64url_encode(text, g->q, IBAS_PUBLIC_SIZE);
	buf_char(&c->out, '{');
	json_put_text(&c->out, "generator", slice_make(text, sizeof(text)));
	json_put_number(&c->out, "epoch", g->epoch);
	buf_char(&c->out, '}');
	admin_outcome(c, &g->outcome, RC_OK);
}

static void
generator(struct admin_call *c)
{
	c->u.generator = (struct mas_generator){ .replace = c->op->method == REQ_CREATE,
		                                 .actor = c->actor,
		                                 .source = c->source,
		                                 .done = generator_done,
		                                 .owner = c };
	mas_generator(c->admin->conf.mas, &c->u.generator);
}

static void
generator_show(struct admin_call *c)
{
	admin_note(c, "ok", generator);
}

/* ---- counters ---- */

static void
counters(struct admin_call *c)
{
	buf_char(&c->out, '{');
	if (c->admin->conf.mas != NULL)
		mas_counters_visit(mas_counters_of(c->admin->conf.mas), json_put_counter, &c->out);
	if (c->admin->conf.msbf != NULL)
		mas_counters_visit(msbf_counters_of(c->admin->conf.msbf), json_put_counter,
		                   &c->out);
	for (unsigned i = 0; i < c->admin->n_counters; i++)
		mas_counters_visit(c->admin->counters[i], json_put_counter, &c->out);
	buf_char(&c->out, '}');
	admin_answer(c, RC_OK);
}

static void
counters_begin(struct admin_call *c)
{
	admin_note(c, "ok", counters);
}

#define FIELDS(f) .fields = f, .n_fields = NITEMS(f)

const struct admin_op admin_audit_ops[] = {
	{ REQ_RETRIEVE, "audit", "audit", FIELDS(page_fields), .check = page_check,
	  .begin = mas_page_begin, .at_mas = true },
	{ REQ_RETRIEVE, "msbf/audit", "audit-msbf", FIELDS(page_fields), .check = page_check,
	  .begin = msbf_page_begin, .at_msbf = true },
	{ REQ_CREATE, "audit/verify", "audit-verify", .begin = verify_begin, .at_store = true },
	{ REQ_CREATE, "rewrap", "rewrap", .begin = rewrap_begin, .at_store = true },
	{ REQ_RETRIEVE, "generator", "generator", .begin = generator_show, .at_mas = true },
	{ REQ_CREATE, "generator/replace", "generator-replace", .begin = generator,
	  .at_mas = true },
	{ REQ_RETRIEVE, "counters", "counters", .begin = counters_begin },
	{ .path = NULL },
};
