/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that may have been revoked without word of it: the MAS is asked about each that has keys,
 * one after the other, at a start and when it says that something was lost. Until then their keys
 * stand.
 *
 *   step, on the courier: the next device -> inquire, at the MAS -> step ...
 */
#include "config.h"

#include "cap/sd/sd_network_impl.h"

#define RETRY (5 * CLOCK_SECOND)

/* The next step after a pause; with net.lock held. */
static void
post_step(struct sd_network *net, int64_t pause)
{
	net->doubt.busy = net->running;
	if (net->running)
		scl_post(net->scl, &net->doubt.task, pause);
}

void
net_doubt_begin(struct sd_network *net)
{
	struct net_doubt *d = &net->doubt;

	if (net->sec->mas == NULL)
		return;
	pthread_mutex_lock(&net->lock);
	d->again = d->busy;
	if (!d->busy) {
		d->at = (struct sd_cursor){ 0 };
		post_step(net, 0);
	}
	pthread_mutex_unlock(&net->lock);
}

/* Any thread. */
static void
answered(struct mas_inquire *q)
{
	struct sd_network *net = q->owner;
	struct net_doubt *d = &net->doubt;
	const bool told = q->outcome.rc == RC_OK;

	if (told && !q->stands)
		net_keys_revoked(net, &q->node);
	pthread_mutex_lock(&net->lock);
	if (told)
		d->at = d->next;
	if (d->again)
		d->at = (struct sd_cursor){ 0 };
	d->again = false;
	post_step(net, told ? 0 : RETRY);
	pthread_mutex_unlock(&net->lock);
	net_leave(net, &net->n_changes);
}

/* False: all were asked about. */
static bool
take_next(struct sd_network *net, struct node_id *node)
{
	struct net_doubt *d = &net->doubt;
	bool found;

	pthread_mutex_lock(&net->lock);
	if (d->again)
		d->at = (struct sd_cursor){ 0 };
	d->again = false;
	d->next = d->at;
	found = sd_known_next(net->table, &d->next, node);
	d->busy = found;
	pthread_mutex_unlock(&net->lock);
	return found;
}

static void
step(struct scl_task *task)
{
	struct sd_network *net = NET_OF(task, struct sd_network, doubt.task);
	const struct mas *mas = net->sec->mas;
	struct node_id node;

	if (!net_enter(net, &net->n_changes, 0))
		return;
	if (!take_next(net, &node)) {
		net_leave(net, &net->n_changes);
		return;
	}
	net->doubt.call = (struct mas_inquire){ .node = node, .done = answered, .owner = net };
	mas->ops->inquire(mas->self, &net->doubt.call);
}

void
net_doubt_init(struct sd_network *net)
{
	net->doubt.task = (struct scl_task){ .run = step };
}
