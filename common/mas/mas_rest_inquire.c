/* SPDX-License-Identifier: Apache-2.0 */
/* The standing of a node, for the NSCL of another process. */
#include "config.h"

#include "mas/mas_rest_impl.h"

bool
rest_inquire_check(struct rest_call *c)
{
	c->u.inquire = (struct mas_inquire){ .owner = c };
	return node_id_parse(c->id, &c->u.inquire.node);
}

static void
inquire_done(struct mas_inquire *q)
{
	struct rest_call *c = q->owner;

	if (q->outcome.rc == RC_OK) {
		buf_char(&c->out, '{');
		json_put_flag(&c->out, "stands", q->stands);
		buf_char(&c->out, '}');
	}
	rest_outcome(c, &q->outcome, RC_OK);
}

void
rest_inquire_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	c->u.inquire.done = inquire_done;
	mas.ops->inquire(mas.self, &c->u.inquire);
}
