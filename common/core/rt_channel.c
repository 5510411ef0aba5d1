/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notificationChannel and communicationChannel: two unguessable URIs, made with the resource
 * (TS 102 921 10.37, 10.42). What is served there is in channel_serve.c.
 */
#include "config.h"

#include "base/ident.h"
#include "core/channel.h"
#include "core/hooks.h"

static bool
count(void *arg, const struct child *c)
{
	(void)c;
	++*(unsigned *)arg;
	return true;
}

static bool
set_secret(struct req *rq, struct res *self, unsigned attr)
{
	char secret[IDENT_SECRET_LEN + 1];

	ident_secret(secret);
	return val_set_text(rq->arena, &self->vals, attr, arena_copy(rq->arena, slice_of(secret)));
}

static enum rc
channel_check(struct req *rq, const struct target *parent, const struct res *old, struct res *self)
{
	unsigned max = rq->conf->channels_max, n = 0;

	if (old != NULL)
		return RC_OK;
	TRY(repo_children(rq->tx, parent->id, parent->slot, max, count, &n));
	if (n >= max)
		return req_fail(rq, RC_FORBIDDEN, "too many channels");
	if (!set_secret(rq, self, A_CHANNEL_CONTACT) || !set_secret(rq, self, A_CHANNEL_POLL) ||
	    !val_set_text(rq->arena, &self->vals, A_CHANNEL_CREATOR, rq->who.normal))
		return RC_UNAVAILABLE;
	return RC_OK;
}

static enum rc
channel_removed(struct scl *scl, struct rtx *tx, struct res *self, enum rc final)
{
	(void)tx;
	(void) final;
	channels_removed(scl->channels, self);
	return RC_OK;
}

static enum rc
channel_value(struct scl *scl, struct rtx *tx, const struct target *t, const struct filter *f,
              unsigned attr, struct val **list)
{
	struct arena *a = repo_arena(tx);
	const struct val *vals = t->node->vals;
	struct val *data;

	(void)f;
	if (attr == A_CONTACT_URI)
		return val_set_text(a, list, attr,
		                    channel_contact_uri(scl, a, val_text(vals, A_CHANNEL_CONTACT)))
		               ? RC_OK
		               : RC_UNAVAILABLE;
	data = val_add(a, list, attr);
	return data != NULL && val_set_text(
				       a, &data->first, A_LONG_POLLING_URI,
				       channel_poll_uri(scl, a, val_text(vals, A_CHANNEL_POLL)))
	               ? RC_OK
	               : RC_UNAVAILABLE;
}

const struct hooks hooks_notification_channel = {
	.check = channel_check,
	.removed = channel_removed,
	.value = channel_value,
};

const struct hooks hooks_communication_channel = {
	.check = channel_check,
	.removed = channel_removed,
	.value = channel_value,
};
