/* SPDX-License-Identifier: Apache-2.0 */
/* Group authentication for serving networks in other processes: messages, keys of members, news. */
#include "config.h"

#include "mas/mas_rest_impl.h"

#define MEDIA_OCTETS "application/octet-stream"

/* ---- T2 and T10 ---- */

bool
rest_gaka_check(struct rest_call *c)
{
	struct mas_gaka *g = &c->u.gaka;

	*g = (struct mas_gaka){ .asker = c->gateway ? MAS_ASKER_GATEWAY : MAS_ASKER_NSCL,
		                .name = slice_of(c->nscl),
		                .message = c->in->body,
		                .source = c->in->peer->address,
		                .owner = c };
	if (c->args.node.p == NULL)
		return true;
	/* An NSCL passes on what a gateway without a link of its own asks. */
	g->asker = MAS_ASKER_NODE;
	g->name = SLICE_NONE;
	g->nscl = slice_of(c->nscl);
	return !c->gateway && node_id_parse(c->args.node, &g->node);
}

static void
gaka_done(struct mas_gaka *g)
{
	struct rest_call *c = g->owner;
	struct buf answer = g->answer;
	struct mas_outcome outcome = g->outcome;

	buf_init(&g->answer, 0);
	if (outcome.rc == RC_OK)
		rest_answer_octets(c, MEDIA_OCTETS, buf_view(&answer));
	else
		rest_outcome(c, &outcome, RC_OK);
	json_wipe(&answer);
}

void
rest_gaka_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	c->u.gaka.done = gaka_done;
	mas.ops->gaka(mas.self, &c->u.gaka);
}

/* ---- keys of members ---- */

bool
rest_group_keys_check(struct rest_call *c)
{
	c->u.group_keys = (struct mas_group_keys){ .nscl = slice_of(c->nscl), .owner = c };
	return node_id_parse(c->id, &c->u.group_keys.node);
}

static void
group_keys_done(struct mas_group_keys *k)
{
	struct rest_call *c = k->owner;

	if (k->outcome.rc == RC_OK)
		mas_group_keys_put(k, &c->out);
	rest_outcome(c, &k->outcome, RC_OK);
}

void
rest_group_keys_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	c->u.group_keys.done = group_keys_done;
	mas.ops->group_keys(mas.self, &c->u.group_keys);
}

/* ---- news ---- */

bool
rest_news_check(struct rest_call *c)
{
	c->news = true;
	return rest_feed_check(c) && mas_serving_id(slice_of(c->nscl), &c->serving) == RC_OK;
}

const struct node_id *
rest_news_serving(const struct rest_call *c)
{
	return c->gateway ? &c->serving : NULL;
}

void
rest_news_answer(struct rest_call *c)
{
	mas_group_news_put(c->rest->feed.news, c->since, rest_news_serving(c), &c->out);
	rest_answer(c, RC_OK);
}
