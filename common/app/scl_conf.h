/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a daemon in the words of the core; private to the service. */
#ifndef APP_SCL_CONF_H
#define APP_SCL_CONF_H

#include "app/main.h"
#include "cap/capability.h"
#include "core/scl.h"

struct arena;

/*
 * All of conf. Lists are in a, strings those of o. False when a is exhausted.
 */
bool scl_conf_fill(struct scl_conf *conf, enum role role, const struct options *o, struct arena *a);
/* The part of conf that a reload may change: numbers alone. */
void scl_conf_limits(struct scl_conf *conf, const struct options *o);
/* How the core's ports reach peers; strings are those of o. */
void scl_conf_port(struct port_conf *port, const struct options *o);
/*
 * What capabilities get, but for the URIs by which this SCL is reached. Lists are in a, strings those
 * of o. False when a is exhausted.
 */
bool scl_conf_capability(struct capability_conf *conf, const struct profile *profile,
                         const struct options *o, struct arena *a);
/* Those URIs, when the listeners have their ports; base_uri must live as long as conf. */
void scl_conf_reached(struct capability_conf *conf, const struct options *o, const char *base_uri);

/* The configured back end of the daemon, NULL when it has none of that name. */
const struct store_ops *scl_conf_engine(const struct profile *profile, const struct options *o);
/* How the store is opened; strings are those of o. */
void scl_conf_repo(struct repo_conf *conf, const struct store_ops *ops, const struct options *o);

#endif
