/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher/sites.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "client/mem.h"
#include "client/uri.h"

#define SITES_MAX	1024u

struct sites {
	struct site site[SITES_MAX];
	size_t count;
};

struct sites *
sites_new(void)
{
	return mem_alloc(1, sizeof(struct sites));
}

void
sites_free(struct sites *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->site[i].id);
		free(s->site[i].link);
	}
	free(s);
}

void
sites_unmark(struct sites *s)
{
	for (size_t i = 0; i < s->count; i++)
		s->site[i].marked = false;
}

/* A place for a new SCL: at the end, or that of one which is not in the list any more. */
static struct site *
place(struct sites *s)
{
	if (s->count < SITES_MAX)
		return &s->site[s->count++];
	for (size_t i = 0; i < s->count; i++) {
		struct site *site = &s->site[i];

		if (!site->marked) {
			free(site->id);
			free(site->link);
			*site = (struct site){ 0 };
			return site;
		}
	}
	return NULL;
}

struct site *
sites_mark(struct sites *s, const char *id)
{
	struct site *site = NULL;

	for (size_t i = 0; i < s->count && site == NULL; i++)
		if (strcmp(s->site[i].id, id) == 0)
			site = &s->site[i];
	if (site == NULL) {
		site = place(s);
		if (site == NULL)
			return NULL;
		site->id = mem_strdup(id);
	}
	site->marked = true;
	return site;
}

struct site *
sites_marked(struct sites *s, size_t *from)
{
	while (*from < s->count) {
		struct site *site = &s->site[(*from)++];

		if (site->marked)
			return site;
	}
	return NULL;
}

const char *
sites_owner(const struct sites *s, const char *uri)
{
	const char *id = "?";
	size_t longest = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct site *site = &s->site[i];

		if (site->link != NULL && strlen(site->link) > longest &&
		    uri_below(uri, site->link)) {
			id = site->id;
			longest = strlen(site->link);
		}
	}
	return id;
}

void
site_set_link(struct site *site, char *link)
{
	free(site->link);
	site->link = link;
}

void
site_note_failure(struct site *site, const char *reason)
{
	if (!site->failed && !site->trouble)
		warnx("%s: %s", site->id, reason);
	site->failed = true;
}

void
site_note_end(struct site *site)
{
	if (site->trouble && !site->failed)
		warnx("%s: all is well again", site->id);
	site->trouble = site->failed;
	site->failed = false;
}
