/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator of the identity-based scheme, which is at the MAS: its Q for verifying, asked for
 * again and again, and the key of a device, as an object that its service connection alone opens.
 */
#include "config.h"

#include "cap/sd/sd_network_impl.h"

#include "cap/sec_answer.h"
#include "codec/json_fields.h"
#include "mas/mas_identity_doc.h"

#define RETRY (5 * CLOCK_SECOND)
#define AGAIN (60 * CLOCK_SECOND) /* an administrator may have replaced the generator */
#define IDENTITY "identity"

bool
net_generator(struct sd_network *net, struct ibas_public *out)
{
	bool has;

	pthread_mutex_lock(&net->lock);
	has = net->has_generator;
	if (has)
		*out = net->generator;
	pthread_mutex_unlock(&net->lock);
	return has;
}

/* ---- Q ---- */

/* What the MAS has said of Q, with a key or without. Any thread. */
static void
take_generator(struct sd_network *net, const struct mas_identity *i)
{
	struct ibas_public q;
	bool known;

	pthread_mutex_lock(&net->lock);
	known = net->has_generator && memcmp(net->generator_octets, i->q, sizeof(i->q)) == 0;
	pthread_mutex_unlock(&net->lock);
	if (known || ibas_public_read(slice_make(i->q, sizeof(i->q)), &q) != RC_OK)
		return;
	pthread_mutex_lock(&net->lock);
	if (net->has_generator)
		LOG_INFO(net->log, "smalldata-generator-replaced", LOG_Z("by", "the MAS"));
	net->generator = q;
	memcpy(net->generator_octets, i->q, sizeof(i->q));
	net->has_generator = true;
	pthread_mutex_unlock(&net->lock);
}

static void
generator_told(struct mas_identity *i)
{
	struct sd_network *net = i->owner;
	const bool told = i->outcome.rc == RC_OK;
	bool again;

	if (told)
		take_generator(net, i);
	pthread_mutex_lock(&net->lock);
	again = i->outcome.rc != RC_NOT_IMPLEMENTED && net->running;
	pthread_mutex_unlock(&net->lock);
	if (again)
		scl_post(net->scl, &net->ask_again, told ? AGAIN : RETRY);
	net_leave(net, &net->n_changes);
}

static void
ask(struct scl_task *task)
{
	struct sd_network *net = NET_OF(task, struct sd_network, ask_again);

	if (!net_enter(net, &net->n_changes, 0))
		return;
	net->asked =
		(struct mas_identity){ .generator = true, .done = generator_told, .owner = net };
	net->sec->mas->ops->identity(net->sec->mas->self, &net->asked);
}

void
net_identity_start(struct sd_network *net)
{
	net->ask_again = (struct scl_task){ .run = ask };
	if (net->sec->mas != NULL)
		scl_post(net->scl, &net->ask_again, 0);
}

/* ---- the key of a device ---- */

/* In secret memory: it gets the key. */
struct fetching {
	struct mas_identity call; /* first */
	struct sd_network *net;
	struct req *rq;
	uint64_t connection;
	struct slice target;
};

static enum rc
answer_key(const struct fetching *f)
{
	struct buf doc;
	enum rc rc;

	buf_init(&doc, MAS_IDENTITY_DOC_MAX);
	doc.secret = true;
	mas_identity_put(&f->call, &doc);
	rc = doc.failed ? net_overload(f->net, f->rq, 1)
	                : sec_answer_sealed(f->net->sec, f->rq, f->connection, f->target, &doc);
	json_wipe(&doc);
	return rc;
}

static void
fetched(struct mas_identity *i)
{
	struct fetching *f = (struct fetching *)(void *)i;
	struct sd_network *net = f->net;
	struct req *rq = f->rq;
	enum rc rc;

	if (i->outcome.rc == RC_OK) {
		take_generator(net, i);
		rc = answer_key(f);
	} else {
		req_answer(rq)->retry_after = i->outcome.retry_after;
		rc = endpoint_refuse(rq, i->outcome.rc,
		                     arena_copy(req_arena(rq), slice_of(i->outcome.reason)));
	}
	secret_free(f, sizeof(*f));
	endpoint_finish(rq, rc);
	net_leave(net, &net->n_changes);
}

static void
fetch(struct req *rq)
{
	struct fetching *f = endpoint_state(rq);

	f->net->sec->mas->ops->identity(f->net->sec->mas->self, &f->call);
}

bool
net_identity_is(struct slice rest)
{
	return slice_is(rest, IDENTITY);
}

enum rc
net_identity_serve(struct sd_network *net, struct req *rq, const struct req_input *in,
                   const struct node_id *peer)
{
	struct fetching *f;

	if (in->op != REQ_RETRIEVE || in->head)
		return endpoint_not_allowed(rq, "GET");
	if (endpoint_query(rq).n > 0)
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	if (net->sec->mas == NULL)
		return endpoint_refuse(rq, RC_NOT_IMPLEMENTED, SLICE_LIT("SD_ALG"));
	if (!net_enter(net, &net->n_changes, net->conf.waiting_max))
		return net_overload(net, rq, 1);
	f = secret_alloc(sizeof(*f));
	if (f == NULL) {
		net_leave(net, &net->n_changes);
		return net_overload(net, rq, 1);
	}
	f->call.node = *peer;
	f->call.done = fetched;
	f->net = net;
	f->rq = rq;
	f->connection = in->connection_id;
	f->target = arena_printf(req_arena(rq), "%s" IDENTITY, net->keys_path);
	return endpoint_pend(rq, fetch, f);
}
