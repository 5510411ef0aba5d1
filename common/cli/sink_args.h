/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of m2m-sink. */
#ifndef CLI_SINK_ARGS_H
#define CLI_SINK_ARGS_H

#include "pre/unit.h"

#include <stdio.h>

#define SINK_SOURCES_MAX 256
#define SINK_HOST_MAX 64
#define SINK_UDP_KEYS_MAX 64

/* Where it listens. */
struct sink_address {
	bool given;
	char host[SINK_HOST_MAX]; /* numeric */
	unsigned port; /* 0: any free one */
};

struct sink_source {
	char url[PRE_URL_MAX + 1]; /* "": the one that stands in the file */
	const char *file;
};

/* Strings are those of argv; NULL: not given. */
struct sink_args {
	bool help, version, public;
	const char *key, *url, *state, *out, *exec, *cert, *key_pem, *ca;
	struct sink_source sources[SINK_SOURCES_MAX];
	size_t n_sources;
	struct sink_address http, coap, udp;
	const char *udp_keys[SINK_UDP_KEYS_MAX];
	size_t n_udp_keys;
	bool archive;
};

/* False: the reason is on stderr. */
bool sink_args_parse(struct sink_args *a, int argc, char **argv);
void sink_args_usage(FILE *out);

#endif
