/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registered contact of the server: an SCL without a tree of its own, whose listener has one
 * endpoint, POST /transcripts (application/octet-stream). It answers 200 with the signed decision
 * (mpa/decision.h): accepted; refused when a warrant of the run was revoked by this server. What proves
 * nothing gets no decision: 400 malformed, 403, 412 when a chain is named that is not known here.
 */
#ifndef CLI_WARRANT_SERVE_H
#define CLI_WARRANT_SERVE_H

#include "base/log.h"
#include "cli/warrant_state.h"

#define WARRANT_WHY_MAX 256
#define WARRANT_PATH "/transcripts"

struct warrant_service;

struct warrant_service_conf {
	/* All outlives it. */
	const struct warrant_server_id *server; /* agreed */
	const char *address; /* numeric */
	unsigned port; /* 0: any free one */
	const char *cert, *key_pem, *ca; /* files; NULL: without */
	struct log *log;
};

/* On failure one line is in why, and nothing runs. */
enum rc warrant_service_start(const struct warrant_service_conf *conf, struct warrant_service **out,
                              char why[WARRANT_WHY_MAX]);
/* "ready http=..." for standard output; lives as long as the service. */
const char *warrant_service_ready(const struct warrant_service *s);
/* Takes nothing more, answers what is under way, frees. NULL is fine. */
void warrant_service_stop(struct warrant_service *s);

#endif
