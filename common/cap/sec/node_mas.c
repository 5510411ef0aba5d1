/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link of a gateway to the MAS, for group authentication (Lai et al. 2012): it proves itself by
 * the certificate with urn:m2m:role:gw, and is told by the feed which nodes are revoked.
 */
#include "config.h"

#include "cap/sec/node_access.h"

#include <stdio.h>

#include "cap/sec/node_impl.h"
#include "mas/mas_remote.h"

static struct sec *
node_of(struct mas_watcher *w)
{
	return (struct sec *)(void *)((char *)w - offsetof(struct sec, mas_watcher));
}

/* That one connection of a node is over says nothing about its group. */
static void
told_revoked(struct mas_watcher *w, const struct node_id *node, uint64_t connection,
             enum mas_why why)
{
	if (why == MAS_REVOKED && connection == 0)
		watchers_tell(&node_of(w)->watchers, node, 0);
}

static void
told_lost(struct mas_watcher *w)
{
	watchers_tell_lost(&node_of(w)->watchers);
}

enum rc
node_mas_open(struct sec *n, char why[SEC_WHY_MAX])
{
	const struct mas_remote_conf conf = {
		.uri = n->conf->network.mas_uri,
		.ca = n->conf->network.mas_ca,
		.certificate = n->conf->network.mas_certificate,
		.key = n->conf->network.mas_key,
		.feeds = true,
		.clock = n->conf->clock,
		.log = n->conf->log,
	};
	enum rc rc;

	if (conf.uri == NULL)
		return RC_OK;
	if (conf.certificate == NULL || conf.key == NULL) {
		snprintf(why, SEC_WHY_MAX,
		         "mas.uri needs mas.certificate and mas.key: a certificate "
		         "with urn:m2m:role:gw");
		return RC_BAD_REQUEST;
	}
	rc = mas_remote_open(&conf, &n->remote);
	if (rc == RC_BAD_REQUEST)
		snprintf(why, SEC_WHY_MAX, "mas.uri %.160s is no URI of a MAS", conf.uri);
	if (rc != RC_OK)
		return rc;
	n->mas = mas_of_remote(n->remote);
	n->access.mas = &n->mas;
	n->mas_watcher = (struct mas_watcher){ .revoked = told_revoked, .lost = told_lost };
	n->mas.ops->watch(n->mas.self, &n->mas_watcher);
	return RC_OK;
}

void
node_mas_start(struct sec *n)
{
	if (n->remote != NULL)
		mas_remote_start(n->remote, n->scl);
}

void
node_mas_stop(struct sec *n)
{
	if (n->remote != NULL)
		mas_remote_stop(n->remote);
}

void
node_mas_close(struct sec *n)
{
	if (n->remote == NULL)
		return;
	n->mas.ops->unwatch(n->mas.self, &n->mas_watcher);
	mas_remote_close(n->remote);
}
