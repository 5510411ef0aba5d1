/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/trigger/trigger_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "store/pack.h"

bool
trigger_address(struct slice host, struct slice port, struct sockaddr_storage *out, socklen_t *n)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	char text[INET6_ADDRSTRLEN];
	uint64_t number;

	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = slice_make(host.p + 1, host.n - 2);
	if (!slice_number(port, UINT16_MAX, &number) || !string_set(text, sizeof(text) - 1, host))
		return false;
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)number);
		*n = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)number);
		*n = sizeof(*v6);
	} else {
		return false;
	}
	return true;
}
