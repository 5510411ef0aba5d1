/* SPDX-License-Identifier: Apache-2.0 */
/* The listeners of a service, whatever protocol they speak; private to the service. */
#ifndef APP_LISTEN_H
#define APP_LISTEN_H

#include "app/options.h"
#include "base/rc.h"

struct listen_ops;
struct listener_policy;
struct log;
struct psk_source;
struct scl;

#define LISTEN_WHY_MAX 256

/* What all of them have; the strings and pointers live longer than the listeners. */
struct listen_conf {
	const struct options *o;
	struct scl *scl;
	struct log *log;
	const struct psk_source *psk; /* NULL: none */
};

struct listener {
	const struct listen_ops *ops;
	void *server;
};

/* The scheme of URIs that lead to l: http, https, coap or coaps; a constant. */
const char *listen_scheme(const struct options_listener *l);
/* The port of a URI of that scheme that names none. */
unsigned listen_default_port(const struct options_listener *l);

/*
 * Starts the i-th listener of the options, with its share of what their limits allow to all. policy
 * lives longer than the listener. On failure *l is as it was and why says what is wrong.
 */
enum rc listen_start(const struct listen_conf *conf, size_t i, const struct listener_policy *policy,
                     struct listener *l, char why[LISTEN_WHY_MAX]);
/* 0 on a UNIX socket. */
unsigned listen_port(const struct listener *l);
/* Reads certificates and revocation lists again; on failure nothing changes and why tells. */
enum rc listen_reload(const struct listener *l, char why[LISTEN_WHY_MAX]);
/* Takes nothing more; what is under way goes on. */
void listen_quiesce(const struct listener *l);
/* Ends it when what is under way was answered; the core still runs, or has ended its requests. */
void listen_stop(const struct listener *l);

#endif
