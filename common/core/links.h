/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links of the CoRE link format (RFC 6690), and the query that selects among them (section 4.1).
 * Pure functions; any thread.
 */
#ifndef CORE_LINKS_H
#define CORE_LINKS_H

#include "core/scl_impl.h"

/* Parameters of one query; all must hold. */
#define LINK_FILTERS_MAX 8u

/* The attributes that links have here; p NULL: it has none. Nothing in them needs an escape. */
struct link {
	struct slice target; /* URI reference */
	struct slice rt; /* resource types, separated by spaces */
	struct slice ct; /* content formats, the same */
	struct slice obs; /* empty: it can be observed (RFC 7641 section 6) */
	struct slice title;
};

struct link_filter {
	struct slice name;
	struct slice value; /* p NULL: the attribute has to be there, whatever it says */
	bool prefix; /* the value ended with an asterisk */
};

struct link_query {
	struct link_filter list[LINK_FILTERS_MAX];
	unsigned n;
};

/* Reads the query of rq's target; decoded, in its arena. RC_BAD_REQUEST, with a reason. */
enum rc link_query_read(struct req *rq, struct link_query *query);
/* The filter of that attribute, the first of several; NULL: there is none. */
const struct link_filter *link_query_of(const struct link_query *query, const char *name);
/* True when the filter selects a link whose attribute has this value. */
bool link_filter_takes(const struct link_filter *f, struct slice value);
/* True when all hold. An attribute that links do not have is that of none. */
bool link_selected(const struct link_query *query, const struct link *link);
void link_put(struct buf *to, const struct link *link);

#endif
