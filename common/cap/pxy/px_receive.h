/* SPDX-License-Identifier: Apache-2.0 */
/* The sink side of the capability: inbox, its book, and what it is applied by. */
#ifndef CAP_PXY_PX_RECEIVE_H
#define CAP_PXY_PX_RECEIVE_H

#include "cap/pxy/px_own.h"

/* Sets px->inbook, px->apply and px->inbox; uses px->pool. */
extern const struct px_part px_part_receive;

#endif
