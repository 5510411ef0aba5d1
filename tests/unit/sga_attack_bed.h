/* SPDX-License-Identifier: Apache-2.0 */
/* The SGA of the paper and the one that is shipped, beside each other. */
#ifndef UNIT_SGA_ATTACK_BED_H
#define UNIT_SGA_ATTACK_BED_H

#include "sga_literal.h"
#include "sga_run.h"
#include "suite.h"

extern struct lit_world lit;
extern struct run_world sga;
extern struct run run; /* not begun: no step is made */

/* Before and after each test. Both have two devices that are registered. */
void attack_setup(void);
void attack_teardown(void);

/* A message of the run as sent; put: other octets in its place. */
struct slice sent(enum run_message m);
void put(struct buf *b, const void *p, size_t n);

#endif
