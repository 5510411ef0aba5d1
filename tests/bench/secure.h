/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the bare server: libmicrohttpd's own, with what the listeners of the daemons admit. */
#ifndef BENCH_SECURE_H
#define BENCH_SECURE_H

#include "keys.h"

#include <microhttpd.h>
#include <stdbool.h>

enum { SECURE_OPTIONS = 6 };

struct secure_conf {
	const char *psk;	/* file of keys (keys.h), or */
	const char *cert;	/* PEM files */
	const char *key;
	const char *ca;		/* of client certificates, then demanded; NULL: none are */
	bool tls13_only;
};

/* Caller's memory; all zero before secure_prepare(). Not moved; constant while a server uses it. */
struct secure {
	struct keys keys;
	char *files[3];
	struct MHD_OptionItem options[SECURE_OPTIONS + 1];
};

/* Fills s->options for a server with MHD_USE_TLS. False after a line on stderr. */
bool secure_prepare(struct secure *s, const struct secure_conf *conf);
void secure_free(struct secure *s);

#endif
