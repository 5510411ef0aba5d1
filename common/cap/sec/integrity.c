/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/integrity.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/times.h"
#include "cap/sec/bootstrapper.h"
#include "cap/sec/connector.h"
#include "cap/sec/node_impl.h"
#include "codec/node.h"
#include "sec/ival.h"
#include "sec/key_file.h"
#include "sec/manifest.h"

#define ADDRESSES_MAX 32u
#define ARENA_MAX (1u << 20)

/* What a measurement is told, and what it finds; the worker's while the job is busy. */
struct measurement {
	struct node_root root;
	int64_t now;
	bool keys_intact;
	int64_t results;
	unsigned unlisted;
};

struct integrity {
	struct sec *n;
	struct sign_public provider;
	struct node_job job;
	struct measurement m;
	struct scl_task task;
	bool known;
	int64_t results;
	int64_t last; /* secureTimeStamp of the last report: each is later */
	char time[TIMES_TEXT_MAX]; /* of the last report for a bootstrap */
	struct ival_report boot;
};

/* ---- measurement, on the worker ---- */

static enum rc
read_manifest(const struct integrity *in, const struct key_file *file, struct arena *a,
              struct manifest *out)
{
	struct slice text = slice_make(file->p, file->n);
	char node[NODE_ID_TEXT];
	enum rc rc =
		manifest_read(text, &in->provider, slice_of(in->n->conf->scl_id), a, out);

	if (rc != RC_FORBIDDEN || in->m.root.kmr_index == 0)
		return rc;
	node_id_text(&in->m.root.node, node);
	return manifest_read(text, &in->provider, slice_of(node), a, out);
}

static size_t
list_addresses(const struct ppid *id, struct slice out[ADDRESSES_MAX])
{
	struct ppid_pair pair;
	unsigned at = 0;
	size_t n = 0;

	while (n < ADDRESSES_MAX && id->n > 0 && ppid_next(id, &at, &pair))
		out[n++] = pair.address;
	return n;
}

static void
measure(struct node_job *job)
{
	struct integrity *in = job->owner;
	struct measurement *m = &in->m;
	struct slice addresses[ADDRESSES_MAX];
	struct arena *a = arena_new(ARENA_MAX);
	struct key_file file = { 0 };
	struct manifest manifest;
	struct ival_subject s = { .proc = "/proc/self",
		                  .config_file = in->n->conf->ival.configuration,
		                  .keystore_intact = m->keys_intact,
		                  .now = m->now / CLOCK_SECOND,
		                  .earliest = m->root.created / CLOCK_SECOND,
		                  .latest = m->root.kmr_index != 0 ? m->root.expires / CLOCK_SECOND
		                                                   : INT64_MAX,
		                  .addresses = addresses };

	s.n_addresses = list_addresses(&in->n->ppid, addresses);
	if (a != NULL && key_file_public(in->n->conf->ival.manifest, &file) == RC_OK &&
	    read_manifest(in, &file, a, &manifest) == RC_OK)
		s.manifest = &manifest;
	m->results = ival_measure(&s, &m->unlisted);
	key_file_free(&file);
	arena_free(a);
}

/* ---- on the courier thread ---- */

static void
measured(struct node_job *job)
{
	struct integrity *in = job->owner;
	struct sec *n = in->n;

	if (!in->known || in->results != in->m.results)
		LOG_INFO(n->conf->log, "integrity-measured", LOG_N("results", in->m.results),
		         LOG_N("unlisted", in->m.unlisted));
	in->known = true;
	in->results = in->m.results;
	if (node_stopping(n))
		return;
	scl_post(n->scl, &in->task, n->conf->ival.interval);
	if (n->boot != NULL)
		bootstrapper_go_on(n->boot);
	for (unsigned i = 0; i < n->n_connectors; i++)
		connector_go_on(n->connectors[i]);
	if (n->listener != NULL)
		n->listener->report(n->listener->owner);
}

static void
begin_measurement(struct scl_task *task)
{
	struct integrity *in =
		(struct integrity *)(void *)((char *)task - offsetof(struct integrity, task));

	if (in->job.busy || node_stopping(in->n))
		return;
	in->m = (struct measurement){ .root = in->n->root, .now = node_now(in->n),
		                      .keys_intact = in->n->keys != NULL };
	in->job.run = measure;
	in->job.done = measured;
	in->job.owner = in;
	(void)node_work_submit(in->n->work, &in->job);
}

enum rc
integrity_new(struct sec *n, struct integrity **out, char why[256])
{
	const struct sec_conf *conf = n->conf;
	struct integrity *in;
	enum rc rc;

	*out = NULL;
	if (conf->ival.manifest == NULL)
		return RC_OK;
	in = calloc(1, sizeof(*in));
	if (in == NULL)
		return RC_UNAVAILABLE;
	in->n = n;
	in->task.run = begin_measurement;
	rc = conf->ival.manifest_key == NULL ? RC_BAD_REQUEST
	                                     : sign_public_read(conf->ival.manifest_key, &in->provider);
	if (rc == RC_OK) {
		*out = in;
		return RC_OK;
	}
	snprintf(why, 256, "ival.manifest_key: %s", status_of(rc)->text);
	free(in);
	return rc;
}

void
integrity_free(struct integrity *in)
{
	free(in);
}

void
integrity_begin(struct integrity *in)
{
	if (in != NULL)
		begin_measurement(&in->task);
}

bool
integrity_is_known(const struct integrity *in)
{
	return in->known;
}

/* ---- reports ---- */

/* Later than every one before, also when the clock does not move. */
static void
new_time(struct integrity *in, char text[TIMES_TEXT_MAX])
{
	int64_t now = node_now(in->n);

	in->last = now > in->last ? now : in->last + 1;
	times_format(in->last, TIMES_MICRO, text);
}

static void
write_report(const struct ival_report *r, bool document, struct buf *to)
{
	buf_printf(to, "<m2m:integrityValResults%s%s%s>", document ? " xmlns:m2m=\"" : "",
	           document ? NS_M2M : "", document ? "\"" : "");
	buf_printf(to, "<ivalResults>%" PRId64 "</ivalResults>", r->results);
	buf_printf(to, "<signedIvalResult>%" PRId64 "</signedIvalResult>", r->mac);
	buf_puts(to, "<secureTimeStamp>");
	buf_slice(to, r->time);
	buf_puts(to, "</secureTimeStamp></m2m:integrityValResults>");
}

enum rc
integrity_report(struct integrity *in, bool document, struct buf *to)
{
	const struct sec *n = in->n;
	const struct ival_origin origin = { &n->root.node, slice_of(n->conf->scl_id) };
	char text[TIMES_TEXT_MAX];
	struct ival_report r;
	struct key k;
	enum rc rc = in->known && node_has_root(n) ? RC_OK : RC_UNAVAILABLE;

	if (rc != RC_OK)
		return rc;
	new_time(in, text);
	r = (struct ival_report){ .results = in->results, .time = slice_of(text) };
	rc = ival_key(n->kmr, &n->root.node, &k);
	if (rc == RC_OK)
		rc = ival_sign(&k, &origin, &r);
	key_wipe(&k);
	if (rc == RC_OK)
		write_report(&r, document, to);
	return rc != RC_OK ? RC_UNAVAILABLE : rc;
}

static const struct node_id nobody;

enum rc
integrity_report_boot(struct integrity *in, struct buf *to)
{
	if (!in->known)
		return RC_UNAVAILABLE;
	new_time(in, in->time);
	in->boot = (struct ival_report){ .results = in->results, .time = slice_of(in->time) };
	write_report(&in->boot, true, to);
	return to->failed ? RC_UNAVAILABLE : RC_OK;
}

enum rc
integrity_sign_boot(struct integrity *in, const struct key *e_boot, char *out)
{
	const struct sec *n = in->n;
	const struct ival_origin origin = { node_has_root(n) ? &n->root.node : &nobody,
		                            slice_of(n->conf->scl_id) };

	return ival_boot_sign(n->device, e_boot, &origin, &in->boot, out);
}
