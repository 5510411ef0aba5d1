/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/secure_name.h"

#include <ctype.h>
#include <stdio.h>

bool
secure_name(struct slice url, char name[SECURE_NAME_MAX + 1], struct uri *u)
{
	struct slice port;
	bool coap;
	int n;

	if (!uri_is_secure(url) || !uri_parse(url, u))
		return false;
	coap = tolower((unsigned char)u->scheme.p[0]) == 'c';
	port = u->port.n > 0 ? u->port : coap ? SLICE_LIT("5684") : SLICE_LIT("443");
	n = snprintf(name, SECURE_NAME_MAX + 1, "%s%.*s:%.*s", coap ? "coaps://" : "",
	             (int)u->host.n, u->host.p, (int)port.n, port.p);
	for (char *p = name; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return n > 0 && n <= SECURE_NAME_MAX;
}
