/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where something may be sent to on the word of another, such as a contact of an application outside
 * or the remTriggerAddr of an SCL: to the public Internet and to the networks that are permitted,
 * never to a listener of this SCL. Any thread.
 */
#ifndef CAP_REACH_H
#define CAP_REACH_H

#include "base/network.h"

struct scl;

#define REACH_TEXT 46u /* an address as text, INET6_ADDRSTRLEN */

/* The caller's; scl and permitted do not change after reach_read. */
struct reach {
	const struct scl *scl;
	struct network permitted[NETWORKS_MAX];
	unsigned n_permitted;
};

/*
 * Takes the networks that are permitted, NULL-terminated. NULL, or the first that is none or one too
 * many.
 */
const char *reach_read(struct reach *r, const char *const *networks);
/*
 * Whether a connection may be made, or a datagram sent, to that address and port, from scl_start on.
 * To be asked of each address when it is used: a name may have another than before. text is the
 * address, for the log; empty when it is none of IP.
 */
bool reach_ok(const struct reach *r, const struct sockaddr *to, char text[REACH_TEXT]);

#endif
