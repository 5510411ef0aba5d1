/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket of the proxy for datagrams (px_udp.h), where proxy.udp_port is set: messages that come
 * in go to the book as those of REST do, and lanes send through it.
 */
#ifndef CAP_PXY_PX_DATAGRAMS_H
#define CAP_PXY_PX_DATAGRAMS_H

#include "cap/pxy/px.h"
#include "cap/pxy/px_udp.h"

/*
 * Who takes messages for the stores of the book; arg of the taker is px, of which book, conf and
 * counts are used. After the end of the socket nothing of it is under way.
 */
struct px_udp_taker px_datagrams_taker(struct px *px);

extern const struct px_part px_part_datagrams;

#endif
