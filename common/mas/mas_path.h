/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and queries of the calls by HTTP: those of administrators and those of other processes. */
#ifndef MAS_PATH_H
#define MAS_PATH_H

#include "base/arena.h"
#include "codec/json_fields.h"

/* True when path is of that pattern; *id is what stands for its one '*', p NULL: it has none. */
bool mas_path_is(const char *pattern, struct slice path, struct slice *id);
/*
 * Parameters of a query into the members of *to that fields names, all of them texts, which live in
 * the query or in a. False for one that is unknown, comes twice, or is not well-formed.
 */
bool mas_query_read(struct arena *a, struct slice query, const struct json_field *fields,
                    size_t n_fields, void *to);

#endif
