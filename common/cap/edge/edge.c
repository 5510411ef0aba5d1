/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/edge/edge.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/edge/edge_impl.h"

static enum rc
read_networks(struct edge *e, char why[256])
{
	const char *bad = reach_read(&e->reach, e->conf->contact_networks);

	e->reach.scl = e->scl;
	if (bad == NULL)
		return RC_OK;
	snprintf(why, 256, "edge.contact_networks: %.64s is no address/bits, or they are too many",
	         bad);
	return RC_BAD_REQUEST;
}

static enum rc
loaded(void *arg, struct slice app_id, struct slice json)
{
	const struct edge *e = arg;

	return edge_table_put(e->table, app_id, json);
}

static enum rc
open_book(struct edge *e, char why[256])
{
	char path[4096];
	struct edge_book_conf book = { .engine = e->conf->engine,
		                       .max = e->conf->grants_max,
		                       .log = e->log.log,
		                       .loaded = loaded,
		                       .arg = e };

	if (e->conf->state != NULL) {
		if (snprintf(path, sizeof(path), "%s/%s", e->conf->state, EDGE_BOOK_STORE) >=
		    (int)sizeof(path))
			return RC_BAD_REQUEST;
		book.dir = path;
	}
	return edge_book_open(&book, &e->book, why);
}

static enum rc
open_parts(struct edge *e, char why[256])
{
	const struct credential_files files = { .ca = e->conf->contact_ca };
	enum rc rc = read_networks(e, why);

	e->table = edge_table_new(e->conf->grants_max);
	/* Its own, so that it shares no connection with what was not asked about, and nothing is proved. */
	e->credential = credential_certificate(&files);
	if (rc == RC_OK && (e->table == NULL || e->credential == NULL))
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		rc = open_book(e, why);
	if (rc == RC_OK)
		rc = edge_admin_open(e, why);
	return rc == RC_OK ? edge_admin_attach(e) : rc;
}

enum rc
edge_open(const struct edge_conf *conf, const struct clock *clock, struct log *log, struct scl *scl,
          struct edge_seat *seat, struct edge **out, char why[256])
{
	struct edge *e = calloc(1, sizeof(*e));
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (e == NULL)
		return RC_UNAVAILABLE;
	e->conf = conf;
	e->clock = clock;
	e->scl = scl;
	e->seat = seat;
	pthread_rwlock_init(&e->lock, NULL);
	edge_log_init(&e->log, log);
	edge_gate_fill(e);
	rc = open_parts(e, why);
	if (rc == RC_OK) {
		seat->gate = &e->gate;
		*out = e;
		return RC_OK;
	}
	edge_close(e);
	if (why[0] == '\0')
		snprintf(why, 256, "edge: %s", status_of(rc)->text);
	return rc;
}

void
edge_stop(struct edge *e)
{
	struct edge_book *book;

	if (e == NULL)
		return;
	pthread_rwlock_wrlock(&e->lock);
	book = e->book;
	e->book = NULL;
	pthread_rwlock_unlock(&e->lock);
	edge_book_close(book);
}

void
edge_close(struct edge *e)
{
	if (e == NULL)
		return;
	if (e->seat->gate == &e->gate)
		e->seat->gate = NULL;
	edge_stop(e);
	edge_admin_close(e);
	credential_unref(e->credential);
	edge_table_free(e->table);
	edge_log_fini(&e->log);
	pthread_rwlock_destroy(&e->lock);
	free(e);
}
