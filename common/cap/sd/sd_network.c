/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sd/sd_network_impl.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "mas/admin.h"

#define KEYS_BODY_MAX 2048u
#define STOP_WAIT_S 30

static const char *const counter_names[] = {
#define SD_COUNTER(name, text) text,
#include "cap/sd/sd_counters.def"
#undef SD_COUNTER
};

/* ---- what is under way ---- */

void
net_count(struct sd_network *net, enum net_count which)
{
	mas_count(net->counters, which, 1);
}

bool
net_enter(struct sd_network *net, unsigned *n, unsigned max)
{
	bool ok;

	pthread_mutex_lock(&net->lock);
	ok = net->running && (max == 0 || *n < max);
	if (ok)
		(*n)++;
	pthread_mutex_unlock(&net->lock);
	return ok;
}

void
net_hold(struct sd_network *net, unsigned *n)
{
	pthread_mutex_lock(&net->lock);
	(*n)++;
	pthread_mutex_unlock(&net->lock);
}

void
net_leave(struct sd_network *net, unsigned *n)
{
	pthread_mutex_lock(&net->lock);
	(*n)--;
	pthread_cond_broadcast(&net->changed);
	pthread_mutex_unlock(&net->lock);
}

bool
net_peer(const struct sd_network *net, const struct req_input *in, struct node_id *out)
{
	return in->connection_id != 0 && net->sec->peer_node(net->sec->arg, in, out);
}

enum rc
net_overload(struct sd_network *net, struct req *rq, unsigned retry_after)
{
	net_count(net, NET_COUNT_OVERLOAD);
	req_answer(rq)->retry_after = retry_after;
	return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
}

/* ---- revoked nodes ---- */

static void
revoked(struct sec_watcher *w, const struct node_id *node, uint64_t connection)
{
	/* A service connection that ends is renewed; only the node itself loses its keys. */
	if (connection == 0)
		net_keys_revoked(NET_OF(w, struct sd_network, watcher), node);
}

static void
lost(struct sec_watcher *w)
{
	net_doubt_begin(NET_OF(w, struct sd_network, watcher));
}

/* ---- life ---- */

static enum rc
open_book(struct sd_network *net, const struct capability_conf *conf, char why[CAPABILITY_WHY_MAX])
{
	struct sd_book_conf book = { .engine = net->conf.engine,
		                     .log = conf->log,
		                     .table = net->table };
	char dir[PATH_MAX];
	struct key seal;
	enum rc rc = conf->sec->book(conf->sec->arg, SD_BOOK, &seal, dir, sizeof(dir));

	/* What is in it is public. */
	key_wipe(&seal);
	if (rc == RC_OK)
		book.dir = dir;
	else if (rc != RC_NOT_FOUND)
		return rc;
	return sd_book_open(&book, &net->book, why);
}

static enum rc
make_parts(struct sd_network *net, const struct capability_conf *conf, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc;

	net->table = sd_known_new(net->conf.devices_max);
	net->counters = mas_counters_new(counter_names, NET_COUNTS);
	if (net->table == NULL || net->counters == NULL)
		return RC_UNAVAILABLE;
	rc = sd_budget_new(&net->budget);
	if (rc == RC_OK)
		rc = open_book(net, conf, why);
	if (rc == RC_OK && conf->sec->admin != NULL)
		rc = admin_add_counters(conf->sec->admin, net->counters);
	return rc;
}

static enum rc
set_path(char path[NET_PATH_MAX], struct slice base, const char *rest)
{
	int n = snprintf(path, NET_PATH_MAX, "%.*s%s", (int)base.n, base.p, rest);

	return n > 0 && n < NET_PATH_MAX ? RC_OK : RC_BAD_REQUEST;
}

static enum rc
add_endpoints(struct sd_network *net)
{
	enum rc rc = set_path(net->keys_path, scl_base_path(net->scl), "/sdKeys/");

	if (rc == RC_OK)
		rc = set_path(net->data_path, scl_base_path(net->scl), "/smallData");
	net->keys = (struct endpoint){ .path = net->keys_path,
		                       .serve = SERVE_MID,
		                       .body_max = KEYS_BODY_MAX,
		                       .serve_request = net_keys_serve,
		                       .arg = net };
	net->data = (struct endpoint){ .path = net->data_path,
		                       .serve = SERVE_MIA | SERVE_MID,
		                       .body_max = SD_BUNDLE_MAX,
		                       .serve_request = net_data_serve,
		                       .arg = net };
	if (rc == RC_OK)
		rc = endpoint_add(net->scl, &net->keys);
	return rc == RC_OK ? endpoint_add(net->scl, &net->data) : rc;
}

static void
net_free(struct sd_network *net)
{
	sd_book_close(net->book);
	sd_budget_free(net->budget);
	sd_known_free(net->table);
	mas_counters_free(net->counters);
	pthread_mutex_destroy(&net->lock);
	pthread_cond_destroy(&net->changed);
	free(net);
}

enum rc
sd_network_attach(struct scl *scl, const struct capability_conf *conf, struct sd_network **out,
                  char why[CAPABILITY_WHY_MAX])
{
	struct sd_network *net;
	enum rc rc;

	*out = NULL;
	if (!conf->sd.enabled)
		return RC_OK;
	net = calloc(1, sizeof(*net));
	if (net == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&net->lock, NULL);
	(void)clock_cond_init(&net->changed);
	net->scl = scl;
	net->sec = conf->sec;
	net->clock = &clock_system;
	net->log = conf->log;
	net->conf = conf->sd;
	net->watcher = (struct sec_watcher){ .revoked = revoked, .lost = lost };
	net_store_init(net);
	net_doubt_init(net);
	rc = make_parts(net, conf, why);
	if (rc == RC_OK)
		rc = add_endpoints(net);
	if (rc != RC_OK) {
		if (why[0] == '\0')
			snprintf(why, CAPABILITY_WHY_MAX, "small data cannot be taken: %s",
			         status_of(rc)->text);
		net_free(net);
		return rc;
	}
	net->sec->revoked_watch(net->sec->arg, &net->watcher);
	*out = net;
	return RC_OK;
}

enum rc
sd_network_start(struct sd_network *net, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = sd_costs_measure(&net->costs);

	if (rc == RC_OK)
		rc = pool_start(net->conf.threads, &net->pool);
	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "small data cannot be verified: %s",
		         status_of(rc)->text);
		return rc;
	}
	pthread_mutex_lock(&net->lock);
	net->running = true;
	pthread_mutex_unlock(&net->lock);
	net_identity_start(net);
	/* A revocation that the end of the process has kept out of the book. */
	net_doubt_begin(net);
	return RC_OK;
}

void
sd_network_stop(struct sd_network *net)
{
	struct timespec until;

	net->sec->revoked_unwatch(net->sec->arg, &net->watcher);
	pthread_mutex_lock(&net->lock);
	net->running = false;
	pthread_mutex_unlock(&net->lock);
	/* Whoever was let in may still have work for the pool. */
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_WAIT_S;
	pthread_mutex_lock(&net->lock);
	while (net->n_posts + net->n_changes > 0 &&
	       pthread_cond_timedwait(&net->changed, &net->lock, &until) == 0)
		;
	pthread_mutex_unlock(&net->lock);
	pool_stop(net->pool);
}

void
sd_network_detach(struct sd_network *net)
{
	/* What never came back still has it. */
	if (net->n_posts + net->n_changes == 0)
		net_free(net);
}
