/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WATCHER_SITES_H
#define WATCHER_SITES_H

#include <stdbool.h>
#include <stddef.h>

/* The SCLs that a round of discovery asks, remembered from one round to the next. */
struct sites;

struct site {
	char *id;		/* SCL-ID; "nscl" for the NSCL, which does not say its own */
	char *link;		/* URI of its sclBase; NULL until it is known */
	bool marked;		/* in the list of this round */
	bool failed;		/* something failed in this round */
	bool trouble;		/* something failed in the last round, and was reported */
};

struct sites *sites_new(void);
void sites_free(struct sites *s);

/* Begins a new list. */
void sites_unmark(struct sites *s);

/* Puts the SCL into the list; NULL when there are too many. Lives as long as s. */
struct site *sites_mark(struct sites *s, const char *id);

/* The next SCL of the list from index *from on, which is advanced; NULL at the end. */
struct site *sites_marked(struct sites *s, size_t *from);

/* id of the SCL whose sclBase uri lies below, the longest one; "?" when there is none. */
const char *sites_owner(const struct sites *s, const char *uri);

/* Takes over link. */
void site_set_link(struct site *site, char *link);

/* Reports the first failure of a series on stderr. */
void site_note_failure(struct site *site, const char *reason);

/* The round is over for this site: reports when the trouble is. */
void site_note_end(struct site *site);

#endif
