/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/gaka/home_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/json_fields.h"
#include "core/peer.h"
#include "gaka/message.h"

#define MEDIA_OCTETS "application/octet-stream"
#define BODY_MAX 256u /* octets: the longest message is shorter */

enum rc
home_identify(struct gaka_home *h, struct req *rq, const struct req_input *in,
              struct endpoint_who *who, struct node_id *node)
{
	enum rc rc = endpoint_identify(rq, who);

	if (rc != RC_OK)
		return rc;
	/* A static certificate names an SCL, but it is no node of the MAS. */
	if (in->connection_id == 0 || !h->sec->peer_node(h->sec->arg, in, node))
		return endpoint_refuse(rq, RC_DENIED, SLICE_LIT("AUTH_FAILED"));
	return RC_OK;
}

/* ---- messages to the home network ---- */

/* One on its way; in the arena of its request. */
struct passing {
	struct mas_gaka call; /* first */
	const struct gaka_home *home;
	struct req *rq;
};

static void
passed(struct mas_gaka *g)
{
	struct passing *p = (struct passing *)(void *)g;
	struct req *rq = p->rq;
	struct buf answer = g->answer;
	enum rc rc;

	if (g->outcome.rc == RC_OK) {
		rc = endpoint_answer(rq, RC_OK, MEDIA_OCTETS, buf_view(&answer));
	} else {
		req_answer(rq)->retry_after = g->outcome.retry_after;
		rc = endpoint_refuse(rq, g->outcome.rc,
		                     arena_copy(req_arena(rq), slice_of(g->outcome.reason)));
	}
	json_wipe(&answer);
	endpoint_finish(rq, rc);
}

static void
pass_on(struct req *rq)
{
	struct passing *p = endpoint_state(rq);

	p->home->mas->ops->gaka(p->home->mas->self, &p->call);
}

static enum rc
serve_home(const struct gaka_home *h, struct req *rq, const struct req_input *in,
           const struct node_id *node)
{
	struct passing *p = ARENA_NEW(req_arena(rq), struct passing);

	if (p == NULL)
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
	*p = (struct passing){
		.call = { .asker = MAS_ASKER_NODE,
		          .node = *node,
		          .message = in->body,
		          .done = passed },
		.home = h,
		.rq = rq,
	};
	if (in->peer != NULL)
		p->call.source = in->peer->address;
	return endpoint_pend(rq, pass_on, p);
}

/* What is done with a message, by its type: others are none of a gateway's. */
static const struct {
	enum gaka_type type;
	enum rc (*serve)(const struct gaka_home *h, struct req *rq, const struct req_input *in,
	                 const struct node_id *node);
} messages[] = {
	{ GAKA_T2, serve_home },
	{ GAKA_T10, serve_home },
};

/* It is none of what messages has; on a listener that devices come by. */
static bool
is_device(const struct gaka_home *h, const struct req *rq, const struct req_input *in)
{
	if (h->devices == NULL || (endpoint_listener(rq)->serve & h->devices->serve) == 0)
		return false;
	switch (gaka_type_of(in->body)) {
	case GAKA_T1:
	case GAKA_T5:
	case GAKA_T8:
	case GAKA_T12:
		return true;
	default:
		return in->op == REQ_RETRIEVE;
	}
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct gaka_home *h = arg;
	struct endpoint_who who;
	struct node_id node;
	enum rc rc;

	if (is_device(h, rq, in))
		return h->devices->serve_request(h->devices->arg, rq, in);
	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "POST");
	rc = home_identify(h, rq, in, &who, &node);
	if (rc != RC_OK)
		return rc;
	if (!endpoint_has_octets(in))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (gaka_type_of(in->body) == (unsigned)messages[i].type)
			return messages[i].serve(h, rq, in, &node);
	return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
}

/* ---- life ---- */

static enum rc
set_path(char path[HOME_PATH_MAX], struct slice base, const char *rest)
{
	int n = snprintf(path, HOME_PATH_MAX, "%.*s%s", (int)base.n, base.p, rest);

	return n > 0 && n < HOME_PATH_MAX ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
add_endpoints(struct gaka_home *h, struct slice base)
{
	enum rc rc = set_path(h->gaka_path, base, "/gaka");

	if (rc == RC_OK)
		rc = set_path(h->feed_path, base, "/gaka/feed");
	if (rc == RC_OK)
		rc = set_path(h->keys_path, base, "/groupKeys");
	h->gaka = (struct endpoint){ .path = h->gaka_path,
		                     .serve = SERVE_MID,
		                     .body_max = BODY_MAX,
		                     .serve_request = serve,
		                     .arg = h };
	h->feed_endpoint = (struct endpoint){
		.path = h->feed_path, .serve = SERVE_MID, .serve_request = home_feed_serve, .arg = h
	};
	h->keys = (struct endpoint){
		.path = h->keys_path, .serve = SERVE_MID, .serve_request = home_keys_serve, .arg = h
	};
	if (rc == RC_OK)
		rc = endpoint_add(h->scl, &h->gaka);
	if (rc == RC_OK)
		rc = endpoint_add(h->scl, &h->feed_endpoint);
	return rc == RC_OK ? endpoint_add(h->scl, &h->keys) : rc;
}

enum rc
gaka_home_attach(struct scl *scl, const struct capability_conf *conf, struct gaka_home **out,
                 char why[CAPABILITY_WHY_MAX])
{
	struct gaka_home *h;
	enum rc rc;

	*out = NULL;
	if (!conf->gaka.enabled || conf->sec->mas == NULL)
		return RC_OK;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return RC_UNAVAILABLE;
	h->scl = scl;
	h->sec = conf->sec;
	h->mas = conf->sec->mas;
	h->log = conf->log;
	rc = home_feed_open(h);
	if (rc != RC_OK) {
		free(h);
		return rc;
	}
	rc = add_endpoints(h, scl_base_path(scl));
	if (rc == RC_OK) {
		*out = h;
	} else {
		snprintf(why, CAPABILITY_WHY_MAX, "group authentication cannot be served: %s",
		         status_of(rc)->text);
		gaka_home_detach(h);
	}
	return rc;
}

void
gaka_home_devices(struct gaka_home *h, const struct endpoint *devices)
{
	h->devices = devices;
}

void
gaka_home_start(struct gaka_home *h)
{
	home_feed_start(h);
}

void
gaka_home_stop(struct gaka_home *h)
{
	home_feed_stop(h);
}

void
gaka_home_detach(struct gaka_home *h)
{
	home_feed_close(h);
	free(h);
}
