/* SPDX-License-Identifier: Apache-2.0 */
/* What the other parts stand on: the book with the key above its secrets, the pool. */
#ifndef CAP_PXY_PX_BASE_H
#define CAP_PXY_PX_BASE_H

#include "cap/pxy/px_own.h"

/* told of the book (px_book.h): inside the gate to each part that wants to hear of it. */
void px_told(void *arg, enum px_told what, uint64_t id);

extern const struct px_part px_part_book;
extern const struct px_part px_part_pool;

#endif
