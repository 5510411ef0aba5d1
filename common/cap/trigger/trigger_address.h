/* SPDX-License-Identifier: Apache-2.0 */
/* Numeric addresses of datagrams: a look-up of a name would wait. Pure functions. */
#ifndef CAP_TRIGGER_ADDRESS_H
#define CAP_TRIGGER_ADDRESS_H

#include "base/slice.h"

#include <sys/socket.h>

/* host: IPv4, or IPv6 with or without brackets; port: 0..65535. False: it is none. */
bool trigger_address(struct slice host, struct slice port, struct sockaddr_storage *out,
                     socklen_t *n);

#endif
