/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container: limits by default and clamp, eviction when they are lowered (TS 102 921 10.14, 10.18).
 */
#include "config.h"

#include "core/hooks.h"

/* Without a wish (absent, 0 or -1) the default; otherwise the nearest allowed value. */
static int64_t
grant(const struct scl_limit *l, int64_t wish)
{
	if (wish <= 0)
		return l->def;
	if (wish < l->min)
		return l->min;
	return l->max > 0 && wish > l->max ? l->max : wish;
}

static enum rc
limit_set(struct req *rq, struct res *self, unsigned attr, const struct scl_limit *l)
{
	const struct val *v = val_get(self->vals, attr);
	int64_t granted;

	if (v != NULL && v->num < -1)
		return req_fail(rq, RC_BAD_REQUEST, "%s is negative", attr_info(attr)->name);
	granted = grant(l, v == NULL ? 0 : v->num);
	if (granted == 0) {
		val_remove(&self->vals, attr);
		return RC_OK;
	}
	return val_set_num(rq->arena, &self->vals, attr, granted) ? RC_OK : RC_UNAVAILABLE;
}

static enum rc
container_check(struct req *rq, const struct target *parent, const struct res *old, struct res *self)
{
	(void)parent;
	(void)old;
	TRY(limit_set(rq, self, A_MAX_NR_OF_INSTANCES, &rq->conf->instances));
	TRY(limit_set(rq, self, A_MAX_BYTE_SIZE, &rq->conf->bytes));
	return limit_set(rq, self, A_MAX_INSTANCE_AGE, &rq->conf->age);
}

static enum rc
container_updated(struct req *rq, const struct res *old, struct res *self)
{
	int64_t was = val_num(old->vals, A_MAX_INSTANCE_AGE, 0);
	int64_t is = val_num(self->vals, A_MAX_INSTANCE_AGE, 0);

	TRY(instances_evict(rq->scl, rq->tx, self));
	if (was == is || is == 0)
		return RC_OK;
	return instances_expire(rq->scl, rq->tx, self->id);
}

const struct hooks hooks_container = { .check = container_check, .updated = container_updated };
