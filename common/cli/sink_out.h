/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outlet of m2m-sink (cap/pxy/px_outlet.h): each message becomes a file, or the standard input of
 * a program. A thread of its own does that, source by source, in the order of the numbers.
 *
 * Files: {dir}/{source}/{number}, source being 32 hex digits; each appears under its name when it is
 * whole and durable. One that is there already after a crash is replaced by the same octets.
 *
 * Programs: M2M_SOURCE (URL) and M2M_NUMBER are in the environment; status 0 says that the message is
 * done with, anything else that it is to be tried again. Between its end and the next commit a
 * crash makes the message come again with the same number.
 */
#ifndef CLI_SINK_OUT_H
#define CLI_SINK_OUT_H

#include "cap/pxy/px_inbook.h"

struct sink_out;

struct sink_out_source {
	const char *url;
	struct px_in_name name;
};

struct sink_out_conf {
	/* All outlives it. */
	struct px_inbook *book;
	const struct sink_out_source *sources;
	size_t n_sources;
	const char *dir; /* that is there; NULL: */
	const char *program; /* looked for in PATH unless it has a slash */
	struct log *log;
};

/* Begins with what waits. RC_UNAVAILABLE; RC_FORBIDDEN: the directory cannot be written to. */
enum rc sink_out_start(const struct sink_out_conf *conf, struct sink_out **out);
/* struct px_outlet.queued; arg is the sink_out. */
void sink_out_queued(void *arg, size_t source);
/* Ends the program that runs (SIGTERM) and the thread. What is not done with is there next time. */
void sink_out_stop(struct sink_out *o);

#endif
