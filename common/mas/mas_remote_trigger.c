/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that wake a node, of the MAS of another process: as mas_rest_trigger.c has them. */
#include "config.h"

#include <stdio.h>

#include "mas/mas_remote_calls.h"
#include "sec/hex.h"

static void
put_given(struct buf *b, const char *name, struct slice s)
{
	if (s.n > 0)
		json_put_text(b, name, s);
}

static void
trigger_path(const void *call, char *out, size_t size)
{
	(void)call;
	snprintf(out, size, "trigger");
}

static void
trigger_write(const void *call, struct buf *b)
{
	const struct mas_trigger *t = call;

	buf_char(b, '{');
	put_given(b, "sclId", t->scl_id);
	if (t->scl_id.n == 0)
		json_put_hex(b, "nodeId", t->node.v, NODE_ID_BYTES);
	json_put_number(b, "reason", t->reason);
	json_put_number(b, "notAfter", (int64_t)t->not_after);
	json_put_number(b, "scheme", t->scheme);
	json_put_number(b, "port", t->port);
	json_put_text(b, "host", t->host);
	put_given(b, "actor", slice_of(t->actor));
	put_given(b, "source", t->source);
	buf_char(b, '}');
}

struct wire_trigger {
	struct slice node, tokens;
	int64_t counter;
};

static bool
read_tokens(struct mas_trigger *t, struct slice list)
{
	struct slice item, text;
	int more;

	for (t->n_tokens = 0; (more = json_item(&list, &item)) == 1; t->n_tokens++) {
		size_t at = t->n_tokens;

		if (at == MAS_TRIGGER_TOKENS || !json_item_text(item, &text) || text.n % 2 != 0 ||
		    text.n / 2 > TRIGGER_MAX || !hex_decode(text, t->tokens[at].v, text.n / 2))
			return false;
		t->tokens[at].n = text.n / 2;
	}
	return more == 0 && t->n_tokens > 0;
}

static bool
trigger_read(struct remote_flight *f, void *call, struct slice answer)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_trigger, node, "nodeId", JSON_TEXT, true),
		JSON_FIELD(struct wire_trigger, counter, "counter", JSON_NUMBER, true),
		JSON_FIELD(struct wire_trigger, tokens, "tokens", JSON_LIST, true),
	};
	struct wire_trigger w = { .counter = 0 };
	struct mas_trigger *t = call;

	(void)f;
	if (!json_read(answer, fields, NITEMS(fields), &w) || w.counter <= 0 ||
	    !node_id_parse(w.node, &t->node) || !read_tokens(t, w.tokens)) {
		t->n_tokens = 0;
		return false;
	}
	t->counter = (uint64_t)w.counter;
	return true;
}

static struct mas_outcome *
trigger_outcome(void *call)
{
	return &((struct mas_trigger *)call)->outcome;
}

static void
trigger_done(void *call)
{
	((struct mas_trigger *)call)->done(call);
}

const struct remote_kind remote_trigger_kind = {
	.name = "trigger",
	.method = "POST",
	.job = offsetof(struct mas_trigger, job),
	.path = trigger_path,
	.write = trigger_write,
	.read = trigger_read,
	.outcome = trigger_outcome,
	.done = trigger_done,
};
