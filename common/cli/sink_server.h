/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of m2m-sink: an SCL without a tree of its own (in memory, nothing of it is served), whose
 * listeners have one endpoint, /inbox (cap/pxy/px_inbox.h). Who is on this host, or shows a
 * certificate of --ca, may look at what came.
 */
#ifndef CLI_SINK_SERVER_H
#define CLI_SINK_SERVER_H

#include "cap/pxy/px_inbox.h"
#include "cli/sink_args.h"
#include "pre/key_file.h"

#define SINK_WHY_MAX 256
#define SINK_PATH "/inbox"
#define SINK_QUEUE_OCTETS (UINT64_C(64) << 20) /* of plaintexts of a source that may wait */

struct sink_server;

struct sink_server_conf {
	/* All outlives it. */
	const struct sink_args *args;
	const struct px_inbox_source *sources;
	size_t n_sources;
	const struct afgh *afgh;
	const struct pre_identity *identity;
	struct px_inbook *book;
	struct px_outlet outlet; /* has started */
	struct log *log;
};

/* On failure one line is in why, and nothing runs. */
enum rc sink_server_start(const struct sink_server_conf *conf, struct sink_server **out,
                          char why[SINK_WHY_MAX]);
/* "ready http=..." for standard output; lives as long as the server. */
const char *sink_server_ready(const struct sink_server *s);
/* Takes nothing more, answers what is under way, frees. NULL is fine. */
void sink_server_stop(struct sink_server *s);

#endif
