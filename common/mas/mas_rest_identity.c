/* SPDX-License-Identifier: Apache-2.0 */
/* The generator of small data, for the NSCL of another process. */
#include "config.h"

#include "mas/mas_identity_doc.h"
#include "mas/mas_rest_impl.h"

bool
rest_identity_check(struct rest_call *c)
{
	c->u.identity = (struct mas_identity){ .nscl = slice_of(c->nscl), .owner = c };
	return node_id_parse(c->id, &c->u.identity.node);
}

bool
rest_generator_check(struct rest_call *c)
{
	c->u.identity = (struct mas_identity){ .generator = true, .owner = c };
	return true;
}

static void
identity_done(struct mas_identity *i)
{
	struct rest_call *c = i->owner;

	c->out.secret = true;
	if (i->outcome.rc == RC_OK)
		mas_identity_put(i, &c->out);
	secret_wipe(i->key, sizeof(i->key));
	rest_outcome(c, &i->outcome, RC_OK);
}

void
rest_identity_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	c->u.identity.done = identity_done;
	mas.ops->identity(mas.self, &c->u.identity);
}
