/* SPDX-License-Identifier: Apache-2.0 */
/* A line of what waits (saf.h), and what it comes to. Courier thread. */
#ifndef CORE_SAF_LINE_H
#define CORE_SAF_LINE_H

#include "core/saf.h"

/* Entries in the order of acceptance, and what they come to. */
struct saf_line {
	struct saf_entry *first, *last;
	size_t requests;
	int64_t octets;
	/* Not later than that of any entry: exact once they are reached. */
	int64_t last_call, deadline;
};

/* At its place by order. */
void saf_line_put(struct saf_line *line, struct saf_entry *e);
/* The first, or NULL. */
struct saf_entry *saf_line_take(struct saf_line *line);
/* False when e is not in it. */
bool saf_line_remove(struct saf_line *line, struct saf_entry *e);
/* Adds the line to b, and its earliest deadline to *deadline. */
void saf_line_add(struct saf_line *line, int64_t now, struct saf_backlog *b, int64_t *deadline);
/* Takes out those whose time is over, or all when stopping, and tells them. */
void saf_line_expire(struct saf_line *line, int64_t now, bool stopping);

#endif
