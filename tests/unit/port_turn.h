/* SPDX-License-Identifier: Apache-2.0 */
/* One turn of a port, as the courier gives it. */
#ifndef UNIT_PORT_TURN_H
#define UNIT_PORT_TURN_H

#include <poll.h>

#include "core/port.h"

/* Waits for at most ms until the port has something to do, and lets it. */
static inline void
port_turn(const struct port_ops *ops, struct port *p, int ms)
{
	struct pollfd fd = { .fd = ops->fd(p), .events = POLLIN };

	(void)poll(&fd, 1, ops->wait_ms(p, ms));
	ops->poll(p);
}

#endif
