/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST, GET and DELETE of bootstrapParamSet. A POST goes
 *
 *   serving thread (msbf_read.c) -> worker: admitted, KmrIndex reserved, stored -> Kmr -> the MAS
 *     stores it, PENDING -> worker: what was issued, stored -> answer
 *
 * so that no index is used twice, and whatever is lost on the way, the node tries again and gets
 * the next index; its older Kmr is good until then.
 */
#include "config.h"

#include "mas/msbf_boot.h"

#include "mas/param_set.h"

#define TRIES_MAX 3u

static struct boot *
boot_of(struct tables_job *j)
{
	return (struct boot *)(void *)((char *)j - offsetof(struct boot, job));
}

static void
submit(struct boot *b, enum rc (*run)(struct tables_job *j, struct tables_tx *tx),
       void (*done)(struct tables_job *j, enum rc rc))
{
	b->job = (struct tables_job){ .run = run, .done = done, .self = b->m };
	tables_work_submit(b->m->work, &b->job);
}

static void
refuse(struct boot *b, enum rc rc, const char *reason, const char *truth)
{
	b->refusal = (struct msbf_refusal){ rc, reason, truth };
}

/* What the worker or the MAS could not do. */
static void
fail(struct boot *b, enum rc rc)
{
	refuse(b, rc == RC_INTERNAL ? RC_INTERNAL : RC_UNAVAILABLE,
	       rc == RC_INTERNAL ? "" : "OVERLOAD", "FAILED");
}

/* ---- audit ---- */

static enum rc
trace(struct boot *b, struct tables_tx *tx, const char *action, const char *result)
{
	struct msbf_trace t = { .actor = "device",
		                .action = action,
		                .result = result,
		                .source = slice_of(b->source),
		                .kmr_index = b->provision.kmr_index };

	return msbf_trace(b->m, tx, &t, b->hash, b->device.has_node ? &b->device.node : NULL);
}

static const char *const actions[] = {
	[BOOT_POST] = "bootstrap",
	[BOOT_GET] = "bootstrap-read",
	[BOOT_DELETE] = "bootstrap-delete",
};

static enum rc
trace_refusal(struct boot *b, struct tables_tx *tx)
{
	return trace(b, tx, actions[b->op], b->refusal.truth);
}

/* ---- admission, on the worker ---- */

static enum rc
admit(struct boot *b, struct tables_tx *tx)
{
	struct msbf_claim c = { .ppid = &b->ppid,
		                .hash = b->hash,
		                .create = b->op == BOOT_POST,
		                .fingerprint = b->variant == NULL ? NULL : b->fingerprint };
	enum rc rc;

	b->refusal = b->before;
	b->created = false;
	b->device = (struct msbf_device){ .has_node = false };
	b->provision.kmr_index = 0;
	if (b->refusal.rc != RC_OK)
		return trace_refusal(b, tx);
	/* Without a certificate nothing comes into being. */
	if (b->variant == NULL) {
		rc = msbf_device_by_node(tx, &b->by_node, &b->device);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (rc == RC_NOT_FOUND || !msbf_hash_eq(b->device.hash, b->hash)) {
			refuse(b, RC_FORBIDDEN, "AUTH_FAILED", "OTHER_NODE");
			return trace_refusal(b, tx);
		}
		b->proved = true;
	}
	rc = msbf_device_admit(b->m, tx, &c, &b->device, &b->created, &b->refusal);
	return rc == RC_OK && b->refusal.rc != RC_OK ? trace_refusal(b, tx) : rc;
}

static void
count_device(struct boot *b, enum rc rc)
{
	b->m->devices += rc == RC_OK && b->created;
}

/* ---- integrity ---- */

static enum rc
check_ival(struct boot *b)
{
	const struct node_id nobody = { { 0 } };
	struct ival_origin o = { .node = &nobody, .scl_id = slice_of(b->scl_id) };
	struct ival_policy p = { .required = atomic_load(&b->m->ival_required),
		                 .now = clock_now(b->m->conf.clock),
		                 .last = b->device.last_ival };
	struct slice spki = slice_make(b->spki, b->n_spki);
	enum rc rc;

	b->ival_time = 0;
	if (!b->has_ival)
		rc = p.required == 0 ? RC_OK : RC_FORBIDDEN;
	else
		rc = ival_boot_check(spki, &b->secret, b->ival_signature, &o, &b->ival, &p,
		                     &b->ival_time);
	if (rc == RC_FORBIDDEN && b->has_ival && b->device.has_node) {
		/* It knows its name already. */
		o.node = &b->device.node;
		rc = ival_boot_check(spki, &b->secret, b->ival_signature, &o, &b->ival, &p,
		                     &b->ival_time);
	}
	if (rc == RC_FORBIDDEN || rc == RC_BAD_REQUEST) {
		refuse(b, RC_FORBIDDEN, "IVAL_FAILED",
		       b->has_ival ? "IVAL_FAILED" : "IVAL_MISSING");
		rc = RC_OK;
	}
	return rc;
}

/* ---- POST, first step: the index ---- */

static enum rc
reserve(struct boot *b, struct tables_tx *tx)
{
	struct msbf_device *d = &b->device;
	enum rc rc = RC_OK;

	if (d->kmr_reserved == UINT32_MAX) {
		refuse(b, RC_CONFLICT, "KMR_INDEX", "KMR_INDEX");
		return trace_refusal(b, tx);
	}
	if (!d->has_node)
		rc = node_id_make(slice_of(b->m->sp_id), &d->node);
	d->has_node = true;
	d->kmr_reserved++;
	d->state = MSBF_BOOTSTRAPPING;
	b->provision.kmr_index = d->kmr_reserved;
	if (rc == RC_OK)
		rc = msbf_device_put(tx, d);
	return rc != RC_OK ? rc : trace(b, tx, "kmr-reserve", NULL);
}

/* Of the device, which is known by now, the subscription may be one of low priority. */
static bool
waits(struct boot *b)
{
	const struct msbf_load load = { .node = &b->device.node, .kmr_index = b->device.kmr_index };

	return b->device.has_node && msbf_boot_put_off(b, &load);
}

static enum rc
reserve_run(struct tables_job *j, struct tables_tx *tx)
{
	struct boot *b = boot_of(j);
	enum rc rc = admit(b, tx);

	if (rc != RC_OK || b->refusal.rc != RC_OK)
		return rc;
	rc = check_ival(b);
	if (rc != RC_OK)
		return rc;
	if (b->refusal.rc != RC_OK)
		return trace_refusal(b, tx);
	return waits(b) ? RC_OK : reserve(b, tx);
}

static void provision(struct boot *b);

static void
reserved(struct tables_job *j, enum rc rc)
{
	struct boot *b = boot_of(j);

	count_device(b, rc);
	if (rc != RC_OK)
		fail(b, rc);
	if (b->refusal.rc != RC_OK)
		msbf_boot_finish(b);
	else
		provision(b);
}

/* ---- POST, last step: what was issued ---- */

/* An administrator was faster than the MAS. */
static void
refuse_late(struct boot *b)
{
	b->too_late = true;
	refuse(b, RC_FORBIDDEN, "AUTH_FAILED",
	       b->device.state == MSBF_REPLACED ? "REPLACED" : "REVOKED");
}

static enum rc
issued_run(struct tables_job *j, struct tables_tx *tx)
{
	struct boot *b = boot_of(j);
	const struct mas_provision *p = &b->provision;
	struct msbf_device *d = &b->device;
	enum rc rc = msbf_device_get(tx, b->hash, d);

	if (rc != RC_OK)
		return rc;
	if (b->refusal.rc == RC_OK && d->state != MSBF_BOOTSTRAPPING)
		refuse_late(b);
	if (b->refusal.rc == RC_OK)
		rc = msbf_device_alive(b->m, tx, d);
	if (rc != RC_OK)
		return rc;
	if (b->refusal.rc == RC_OK) {
		memcpy(d->scl_id, p->scl_id, sizeof(d->scl_id));
		d->kmr_index = p->kmr_index;
		d->expires = p->expires;
		d->last_ival = b->ival_time > 0 ? b->ival_time : d->last_ival;
	}
	if (d->state == MSBF_BOOTSTRAPPING)
		d->state = d->kmr_index == 0 ? MSBF_ADMITTED : MSBF_BOOTSTRAPPED;
	rc = msbf_device_put(tx, d);
	if (rc != RC_OK)
		return rc;
	return trace(b, tx, actions[b->op], b->refusal.rc == RC_OK ? NULL : b->refusal.truth);
}

static void
taken_back(struct mas_change *c)
{
	struct boot *b = c->owner;
	char node[NODE_ID_TEXT];

	node_id_text(&c->node, node);
	if (c->outcome.rc != RC_OK && c->outcome.rc != RC_NOT_FOUND)
		LOG_ERROR(b->m->conf.log, "bootstrap-not-revoked", LOG_Z("node", node),
		          LOG_N("index", c->index));
	msbf_boot_finish(b);
}

/* That Kmr alone: the node may belong to the device that has replaced this one. */
static void
take_back(struct boot *b)
{
	b->change = (struct mas_change){ .kind = MAS_REVOKE_KMR,
		                         .node = b->provision.node,
		                         .index = b->provision.kmr_index,
		                         .actor = "msbf",
		                         .source = slice_of(b->source),
		                         .reason = b->refusal.truth,
		                         .done = taken_back,
		                         .owner = b };
	b->m->conf.more.change(b->m->conf.more.self, &b->change);
}

static void
issued(struct tables_job *j, enum rc rc)
{
	struct boot *b = boot_of(j);

	if (rc != RC_OK && b->refusal.rc == RC_OK)
		fail(b, rc);
	if (b->too_late)
		take_back(b);
	else
		msbf_boot_finish(b);
}

/* ---- POST, between them: the MAS ---- */

static void
adopted(struct tables_job *j, enum rc rc)
{
	struct boot *b = boot_of(j);

	if (rc != RC_OK) {
		fail(b, rc);
		msbf_boot_finish(b);
	} else {
		provision(b);
	}
}

/* The MAS knows more than this store, which may come from a backup: its word counts. */
static enum rc
adopt_run(struct tables_job *j, struct tables_tx *tx)
{
	struct boot *b = boot_of(j);
	const struct mas_provision *p = &b->provision;
	enum rc rc = msbf_device_get(tx, b->hash, &b->device);

	if (rc != RC_OK)
		return rc;
	b->device.node = p->node;
	b->device.kmr_reserved = p->kmr_index;
	rc = msbf_device_put(tx, &b->device);
	return rc != RC_OK ? rc : trace(b, tx, "kmr-reserve", NULL);
}

/* b->provision: what the MAS has issued last, to nobody. */
static void
adopt(struct boot *b)
{
	if (b->provision.kmr_index == UINT32_MAX) {
		refuse(b, RC_CONFLICT, "KMR_INDEX", "KMR_INDEX");
		submit(b, issued_run, issued);
		return;
	}
	b->provision.kmr_index++;
	submit(b, adopt_run, adopted);
}

static void
learned(struct mas_provision *p)
{
	struct boot *b = p->owner;

	key_wipe(&p->kmr);
	if (p->outcome.rc == RC_OK) {
		adopt(b);
		return;
	}
	if (strcmp(p->outcome.reason, "KMR_INDEX") == 0)
		refuse(b, RC_CONFLICT, "KMR_INDEX", "KMR_INDEX");
	else
		fail(b, p->outcome.rc);
	submit(b, issued_run, issued);
}

/*
 * Asks by the PPID alone, or by the node: the answer says which node has it, and the index that is
 * the highest now. The key in it is replaced at once.
 */
static void
learn(struct boot *b, bool by_node)
{
	b->provision = (struct mas_provision){ .ppid = by_node ? SLICE_NONE : ppid_octets(&b->ppid),
		                               .has_node = by_node,
		                               .node = b->device.node,
		                               .origin = b->variant->origin,
		                               .source = slice_of(b->source),
		                               .done = learned,
		                               .owner = b };
	b->m->conf.mas.ops->provision(b->m->conf.mas.self, &b->provision);
}

static void
bound(struct mas_change *c)
{
	struct boot *b = c->owner;

	if (c->outcome.rc != RC_OK)
		fail(b, c->outcome.rc);
	submit(b, issued_run, issued);
}

/* Session A is to come from one of the keys that the device is bound to. */
static void
bind(struct boot *b)
{
	b->change = (struct mas_change){ .kind = MAS_BIND,
		                         .node = b->provision.node,
		                         .fingerprints = b->device.fingerprints,
		                         .n_fingerprints = b->device.n_fingerprints,
		                         .actor = "msbf",
		                         .source = slice_of(b->source),
		                         .done = bound,
		                         .owner = b };
	b->m->conf.more.change(b->m->conf.more.self, &b->change);
}

static void
refused_by_mas(struct boot *b)
{
	const struct mas_outcome *o = &b->provision.outcome;

	if (o->rc == RC_FORBIDDEN)
		refuse(b, RC_FORBIDDEN, "AUTH_FAILED", "NODE_REVOKED");
	else if (o->rc == RC_CONFLICT && strcmp(o->reason, "SCLID_TAKEN") == 0)
		refuse(b, RC_CONFLICT, "SCLID_TAKEN", "SCLID_TAKEN");
	else
		fail(b, o->rc);
	submit(b, issued_run, issued);
}

static void
provisioned(struct mas_provision *p)
{
	struct boot *b = p->owner;
	bool again = p->outcome.rc == RC_CONFLICT && b->tries < TRIES_MAX;

	if (p->outcome.rc == RC_OK && b->device.n_fingerprints > 0)
		bind(b);
	else if (p->outcome.rc == RC_OK)
		submit(b, issued_run, issued);
	else if (again && strcmp(p->outcome.reason, "NODE_TAKEN") == 0 && !b->device.inherited)
		learn(b, false);
	else if (again && strcmp(p->outcome.reason, "KMR_INDEX") == 0)
		learn(b, true);
	else
		refused_by_mas(b);
}

static void
provision(struct boot *b)
{
	struct mas_provision *p = &b->provision;
	const struct msbf_device *d = &b->device;
	struct msbf_terms t = { .secret = &b->secret,
		                .ppid = ppid_octets(&b->ppid),
		                .node = &d->node,
		                .kmr_index = d->kmr_reserved,
		                .msbf_id = slice_of(b->m->msbf_id) };
	enum rc rc;

	b->tries++;
	*p = (struct mas_provision){ .ppid = d->inherited ? SLICE_NONE : ppid_octets(&b->ppid),
		                     .has_node = true,
		                     .node = d->node,
		                     .kmr_index = d->kmr_reserved,
		                     .has_kmr = true,
		                     .sub_id = slice_of(d->sub_id),
		                     .origin = b->variant->origin,
		                     .lifetime = atomic_load(&b->m->kmr_lifetime),
		                     .source = slice_of(b->source),
		                     .done = provisioned,
		                     .owner = b };
	memcpy(p->scl_id, b->scl_id, sizeof(p->scl_id));
	rc = b->mode->make(&t, &p->kmr);
	if (rc == RC_OK) {
		b->m->conf.mas.ops->provision(b->m->conf.mas.self, p);
		return;
	}
	fail(b, rc);
	submit(b, issued_run, issued);
}

/* ---- GET ---- */

static enum rc
get_run(struct tables_job *j, struct tables_tx *tx)
{
	struct boot *b = boot_of(j);
	enum rc rc = admit(b, tx);

	if (rc == RC_OK && b->refusal.rc == RC_OK && b->device.kmr_index == 0)
		refuse(b, RC_NOT_FOUND, "NO_BOOTSTRAP", "NO_BOOTSTRAP");
	return rc;
}

static void
got(struct tables_job *j, enum rc rc)
{
	struct boot *b = boot_of(j);

	count_device(b, rc);
	if (rc != RC_OK)
		fail(b, rc);
	msbf_boot_finish(b);
}

/* ---- DELETE ---- */

static enum rc
given_up_run(struct tables_job *j, struct tables_tx *tx)
{
	struct boot *b = boot_of(j);
	enum rc rc = msbf_device_get(tx, b->hash, &b->device);

	if (rc != RC_OK)
		return rc;
	b->device.kmr_index = 0;
	if (b->device.state == MSBF_BOOTSTRAPPED || b->device.state == MSBF_BOOTSTRAPPING)
		b->device.state = MSBF_ADMITTED;
	rc = msbf_device_put(tx, &b->device);
	return rc != RC_OK ? rc : trace(b, tx, actions[b->op], NULL);
}

static void
revoked(struct mas_change *c)
{
	struct boot *b = c->owner;

	if (c->outcome.rc == RC_OK || c->outcome.rc == RC_NOT_FOUND) {
		submit(b, given_up_run, got);
		return;
	}
	fail(b, c->outcome.rc);
	msbf_boot_finish(b);
}

static void
held(struct tables_job *j, enum rc rc)
{
	struct boot *b = boot_of(j);

	count_device(b, rc);
	b->created = false;
	if (rc != RC_OK)
		fail(b, rc);
	if (b->refusal.rc != RC_OK) {
		msbf_boot_finish(b);
		return;
	}
	b->change = (struct mas_change){ .kind = MAS_REVOKE_KMR,
		                         .node = b->device.node,
		                         .actor = "device",
		                         .source = slice_of(b->source),
		                         .reason = "given-up",
		                         .done = revoked,
		                         .owner = b };
	b->m->conf.more.change(b->m->conf.more.self, &b->change);
}

/* ---- all ---- */

static const struct {
	enum rc (*run)(struct tables_job *j, struct tables_tx *tx);
	void (*done)(struct tables_job *j, enum rc rc);
} first[] = {
	[BOOT_POST] = { reserve_run, reserved },
	[BOOT_GET] = { get_run, got },
	[BOOT_DELETE] = { get_run, held },
};

void
msbf_boot_begin(struct boot *b)
{
	submit(b, first[b->op].run, first[b->op].done);
}
