/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that only grow, kept in the store with whatever is stored next. */
#ifndef MAS_COUNTER_H
#define MAS_COUNTER_H

#include "store/tables.h"

#include <stddef.h>
#include <stdint.h>

struct mas_counters;

/*
 * names: n constant texts, in the order of the numbers 0..n-1; with a label in braces where there
 * is one: "connect_failed{reason=\"AUTH_FAILED\"}". They are the keys in the store. NULL without
 * memory.
 */
struct mas_counters *mas_counters_new(const char *const *names, unsigned n);
void mas_counters_free(struct mas_counters *c);
/* Any thread. */
void mas_count(struct mas_counters *c, unsigned which, uint64_t by);
uint64_t mas_counted(const struct mas_counters *c, unsigned which);
/* name lives as long as the program. Any thread. */
void mas_counters_visit(const struct mas_counters *c,
                        void (*visit)(void *arg, const char *name, uint64_t value), void *arg);

/* Before others use c. */
enum rc mas_counters_load(struct mas_counters *c, struct tables_tx *tx);
/* Writes those that have changed since they were last stored. Worker. */
enum rc mas_counters_write(struct mas_counters *c, struct tables_tx *tx);

#endif
