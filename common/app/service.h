/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running service of a daemon: store, core, listeners, courier, capabilities. The process
 * around it (main.h) calls these functions from its one thread, with SIGTERM, SIGINT and SIGHUP
 * blocked, as every thread of the service then has them, and with SIGPIPE ignored.
 *
 * Every struct options that was handed over stays alive and unchanged until service_stop has
 * returned, so its threads may read the current one through one atomic pointer without a lock.
 */
#ifndef APP_SERVICE_H
#define APP_SERVICE_H

#include <signal.h>
#include <stdio.h>

#include "app/main.h"
#include "base/rc.h"

struct log;
struct service;

#define SERVICE_WHY_MAX 256
#define RESTART_SIGNAL SIGUSR1

/*
 * Starts serving. The directory of the store exists and is locked for this process. log outlives
 * the service. On failure nothing is left running and *why says in one line why.
 */
enum rc service_start(const struct profile *profile, const struct options *o, struct log *log,
                      struct service **svc, char why[SERVICE_WHY_MAX]);
/*
 * Takes over what is marked as reloadable in options.def; everything else in o is as it was at
 * the start. o may be the current options again: files that they name (certificates) are then
 * read again. Does not fail: what cannot be taken over is logged and stays as it was.
 */
void service_reload(struct service *svc, const struct options *o);
/* The line that tells where it serves: "ready http=127.0.0.1:18080 coap=127.0.0.1:5683"; lives as long as svc. */
const char *service_ready_line(struct service *svc);
/*
 * True when the service has asked, by RESTART_SIGNAL to the process, to be stopped and the daemon to
 * begin again.
 */
bool service_wants_restart(const struct service *svc);
/* Ends orderly, in a bounded time: no new requests, those in work are answered, the store closed. */
void service_stop(struct service *svc);

/*
 * Verifies the store (its engine's structures and the records) without changing it, findings to
 * out, one per line. 0 when it is sound, 1 when not or when it cannot be opened. The store may be
 * in use by a running daemon.
 */
int service_check_store(const struct profile *profile, const struct options *o, FILE *out);
/*
 * Copies the store, those of the security functions and the key store into a new directory to, which
 * has its name when all is in it; 0, or 1 with the reason on err. All may be in use, too.
 */
int service_backup(const struct profile *profile, const struct options *o, const char *to,
                   FILE *err);
/*
 * Stores the credentials in that file in the key store of a node (cap/sec/import.h). 0, or 1 with
 * the reason on err. No daemon uses the store.
 */
int service_import(const struct profile *profile, const struct options *o, const char *file,
                   FILE *err);
/* Writes the type tables as JSON; 0, or 1 when out fails. */
int service_print_types(FILE *out);

#endif
