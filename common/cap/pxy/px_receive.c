/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_receive.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cap/pxy/px_apply.h"
#include "cap/pxy/px_inbox.h"
#include "cap/pxy/px_who.h"

#define BODY_MORE 4096u /* beyond batch_bytes: lengths */
#define PATH_SIZE 512u

/* ---- who ---- */

/* The identity of an SCL that has proved its SCL-ID. */
static bool
is_scl(struct slice who, const char *scl_id)
{
	struct slice mark = SLICE_LIT("scl:");

	return scl_id != NULL && slice_starts(who, mark) &&
	       slice_is(slice_from(who, mark.n), scl_id);
}

/* Anybody with a name delivers; at what has come look the source itself and the managers. */
static enum rc
may(void *arg, struct req *rq, size_t source)
{
	const struct px *px = arg;
	struct px_who who;
	enum rc rc = px_who_of(rq, req_input(rq), &who);

	if (rc != RC_OK || source == SIZE_MAX || px_is_manager(px, who.name) ||
	    is_scl(who.name, px->conf->sink.sources[source].scl))
		return rc;
	return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_NONE);
}

/* ---- attaching ---- */

static struct px_in_stats
stats_of(struct px *px)
{
	return (struct px_in_stats){
		.taken = &px->counts[PX_N_INBOX_TAKEN],
		.duplicates = &px->counts[PX_N_INBOX_DUPLICATES],
		.refused = &px->counts[PX_N_INBOX_REFUSED],
		.alarms = &px->counts[PX_N_ALARMS],
		.applied = &px->counts[PX_N_APPLIED],
		.failed = &px->counts[PX_N_APPLY_FAILED],
	};
}

static enum rc
open_book(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	const struct proxy_conf_sink *c = &px->conf->sink;
	struct px_inbook_conf conf = { .engine = px->conf->engine,
		                       .octets = (uint64_t)c->inbox_octets * c->n_sources,
		                       .log = px->log };
	char dir[PATH_MAX];
	enum rc rc = px_state_dir(px, PROXY_SINK_STORE, dir, sizeof(dir), &conf.dir);

	return rc == RC_OK ? px_inbook_open(&conf, &px->inbook, why) : rc;
}

static enum rc
make_apply(struct px *px)
{
	const struct proxy_conf_sink *c = &px->conf->sink;
	struct px_apply_source *sources = calloc(c->n_sources, sizeof(*sources));
	const struct px_apply_conf conf = { .scl = px->scl,
		                            .book = px->inbook,
		                            .sources = sources,
		                            .n_sources = c->n_sources,
		                            .window = c->apply_window,
		                            .limit = c->apply_limit,
		                            .retry_first = px->conf->retry_first,
		                            .retry_max = px->conf->retry_max,
		                            .stats = stats_of(px),
		                            .log = px->log };
	enum rc rc;

	if (sources == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < c->n_sources; i++)
		sources[i] = (struct px_apply_source){ c->sources[i].url, c->sources[i].scl };
	rc = px_apply_new(&conf, &px->apply);
	free(sources);
	return rc;
}

static enum rc
read_source(const struct proxy_source_conf *c, struct px_inbox_source *out,
            char why[CAPABILITY_WHY_MAX])
{
	struct pre_public p;
	enum rc rc = pre_public_read(c->key, &p);

	if (rc == RC_OK && (p.parts & PRE_PUBLIC_SIGN) == 0)
		rc = RC_BAD_REQUEST;
	if (rc == RC_OK && !pre_url_ok(slice_of(c->url))) {
		snprintf(why, CAPABILITY_WHY_MAX, "proxy.sources: %.160s is no URL of a source",
		         c->url);
		return RC_BAD_REQUEST;
	}
	*out = (struct px_inbox_source){ .url = c->url, .key = p.sign };
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "proxy.sources: %.160s: %s", c->key,
		         rc == RC_BAD_REQUEST ? "no PUBLIC KEY file with a key for signatures"
		                              : status_of(rc)->text);
	return rc;
}

static enum rc
make_inbox(struct px *px, const struct px_inbox_source *sources, char why[CAPABILITY_WHY_MAX])
{
	const struct proxy_conf_sink *c = &px->conf->sink;
	char path[PATH_SIZE];
	const struct px_inbox_conf conf = { .path = path,
		                            .serve = SERVE_TREE | SERVE_PROXY,
		                            .body_max = px->conf->store.batch_bytes + BODY_MORE,
		                            .sources = sources,
		                            .n_sources = c->n_sources,
		                            .afgh = px->afgh,
		                            .keys = pre_identity_keys(px->identity),
		                            .waiting_max = c->inbox_waiting,
		                            .octets_max = c->inbox_octets,
		                            .book = px->inbook,
		                            .outlet = { px_apply_queued, px->apply },
		                            .stats = stats_of(px),
		                            .log = px->log,
		                            .may = may,
		                            .arg = px };
	enum rc rc;

	if ((size_t)snprintf(path, sizeof(path), "/%s/proxy/inbox", px->all->base) >= sizeof(path))
		return RC_TOO_LARGE;
	rc = px_inbox_new(&conf, &px->inbox);
	if (rc == RC_BAD_REQUEST)
		snprintf(why, CAPABILITY_WHY_MAX, "proxy.sources: a URL is there twice");
	return rc == RC_OK ? px_inbox_attach(px->inbox, px->scl) : rc;
}

static enum rc
attach_inbox(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	const struct proxy_conf_sink *c = &px->conf->sink;
	struct px_inbox_source *sources = calloc(c->n_sources, sizeof(*sources));
	enum rc rc = sources == NULL ? RC_UNAVAILABLE : RC_OK;

	for (size_t i = 0; i < c->n_sources && rc == RC_OK; i++)
		rc = read_source(&c->sources[i], &sources[i], why);
	if (rc == RC_OK)
		rc = make_inbox(px, sources, why);
	free(sources);
	return rc;
}

/* What uses a thing goes before it. */
static void
receive_detach(struct px *px)
{
	px_inbox_free(px->inbox);
	px_inbook_close(px->inbook);
	px_apply_free(px->apply);
}

static enum rc
receive_attach(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc;

	if (px->identity == NULL) {
		snprintf(why, CAPABILITY_WHY_MAX, "proxy.sources needs proxy.identity");
		return RC_BAD_REQUEST;
	}
	rc = open_book(px, why);
	if (rc == RC_OK)
		rc = make_apply(px);
	if (rc == RC_OK)
		rc = attach_inbox(px, why);
	if (rc != RC_OK)
		receive_detach(px);
	return rc;
}

/* ---- running ---- */

static enum rc
receive_start(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = px_apply_start(px->apply);

	if (rc == RC_OK)
		rc = px_inbox_start(px->inbox, px->pool);
	if (rc == RC_BAD_REQUEST)
		snprintf(why, CAPABILITY_WHY_MAX,
		         "what is stored of a source is not of it, or was changed");
	if (rc != RC_OK)
		px_apply_stop(px->apply);
	return rc;
}

static void
receive_stop(struct px *px)
{
	px_inbox_stop(px->inbox);
	px_apply_stop(px->apply);
}

const struct px_part px_part_receive = {
	.name = "inbox",
	.roles = PX_SINK,
	.attach = receive_attach,
	.start = receive_start,
	.stop = receive_stop,
	.detach = receive_detach,
};
