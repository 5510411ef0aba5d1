/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access networks of this host by the names that policies call them (TS 102 690 9.3.1.5,
 * communication selection). On a host they are network interfaces; a modem that dials would be
 * another usable function.
 */
#ifndef CORE_ACCESS_NETWORK_H
#define CORE_ACCESS_NETWORK_H

#include "base/slice.h"

struct access_network {
	struct slice name; /* accessNetwork, anName */
	char interface[16]; /* of the host; empty: the IP link, whatever carries it */
	/* True while requests can go over it. Never blocks. Any thread. */
	bool (*usable)(const struct access_network *self);
};

/*
 * Reads "name" or "name=interface"; the text must outlive the result. False when the name is empty
 * or no interface can be called so.
 */
bool access_network_parse(const char *text, struct access_network *out);
/* The one always-on network "default" of a host whose configuration names none. */
void access_network_default(struct access_network *out);

#endif
