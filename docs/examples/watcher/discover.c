/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher/discover.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "client/mem.h"
#include "client/uri.h"
#include "client/xml.h"
#include "watcher/sites.h"
#include "watcher/subscribe.h"

/* What to do with a URI found in a document. OUT_AWAY and OUT_STOPPED end the walk. */
typedef enum outcome visit_fn(struct discover *d, struct site *site, const char *uri);

/* GETs a document and checks its root element; NULL unless *out is OUT_DONE. */
static xmlDoc *
get(struct discover *d, const char *uri, const char *root, enum outcome *out)
{
	struct http_reply reply;
	xmlDoc *doc = NULL;

	*out = http_call(d->http, "GET", uri, NULL, &reply);
	if (*out == OUT_DONE) {
		doc = xml_parse(reply.body, reply.len, root);
		if (doc == NULL)
			*out = OUT_REFUSED;
	}
	return doc;
}

/*
 * Trouble with one resource is noted at its site and passed over, unless the site does not
 * answer at all.
 */
static enum outcome
pass_over(struct discover *d, struct site *site, enum outcome out)
{
	if (out == OUT_DONE || out == OUT_STOPPED)
		return out;
	site_note_failure(site, http_reason(d->http));
	return out == OUT_AWAY ? OUT_AWAY : OUT_DONE;
}

/* Visits what each item element below list refers to. */
static enum outcome
visit_all(struct discover *d, struct site *site, const xmlNode *list, const char *item,
    visit_fn *visit)
{
	enum outcome out = OUT_DONE;

	for (const xmlNode *n = xml_child(list, item); n != NULL && out == OUT_DONE;
	    n = xml_next(n, item)) {
		char *ref = xml_text(n);
		char *uri = uri_resolve(site->link, ref);

		if (uri != NULL)
			out = pass_over(d, site, visit(d, site, uri));
		free(uri);
		free(ref);
	}
	return out;
}

static enum outcome
visit_container(struct discover *d, struct site *site, const char *uri)
{
	(void)site;
	return subscribe(d, uri);
}

static enum outcome
visit_application(struct discover *d, struct site *site, const char *uri)
{
	char *containers = mem_printf("%s/containers", uri);
	enum outcome out;
	xmlDoc *doc = get(d, containers, "containers", &out);
	const xmlNode *root = doc != NULL ? xmlDocGetRootElement(doc) : NULL;

	if (out == OUT_DONE)
		out = visit_all(d, site, xml_child(root, "containerCollection"), "namedReference",
		    visit_container);
	if (out == OUT_DONE)
		out = visit_all(d, site, xml_child(root, "locationContainerCollection"),
		    "namedReference", visit_container);
	xmlFreeDoc(doc);
	free(containers);
	return out;
}

/* True when uri names a direct child of a collection of that name. */
static bool
child_of(const char *uri, const char *collection)
{
	const char *name = strrchr(uri, '/');
	size_t len = strlen(collection);

	return name != NULL && (size_t)(name - uri) > len && name[-(ptrdiff_t)len - 1] == '/' &&
	    strncmp(name - len, collection, len) == 0;
}

/* Discovery names whatever has the searchString: only two types of it are of use here. */
static enum outcome
visit_found(struct discover *d, struct site *site, const char *uri)
{
	if (child_of(uri, "applications"))
		return visit_application(d, site, uri);
	if (child_of(uri, "containers"))
		return visit_container(d, site, uri);
	return OUT_DONE;
}

static enum outcome
search_site(struct discover *d, struct site *site, const char *search)
{
	char *escaped = uri_escape(search);
	char *uri = mem_printf("%s/discovery?searchString=%s", site->link, escaped);
	enum outcome out;
	xmlDoc *doc = get(d, uri, "discovery", &out);

	if (out == OUT_DONE)
		out = visit_all(d, site, xml_child(xmlDocGetRootElement(doc), "discoveryURI"),
		    "reference", visit_found);
	xmlFreeDoc(doc);
	free(uri);
	free(escaped);
	return out;
}

/* link of an scl resource: the sclBase of the SCL that registered. */
static enum outcome
read_link(struct discover *d, const char *scl_uri, struct site *site)
{
	enum outcome out;
	xmlDoc *doc = get(d, scl_uri, "scl", &out);
	char *text = xml_field(doc, "link");
	char *link = text != NULL ? uri_resolve(d->nscl, text) : NULL;

	if (link != NULL)
		site_set_link(site, link);
	free(text);
	xmlFreeDoc(doc);
	return out;
}

/* One namedReference of the scls collection. */
static enum outcome
note_scl(struct discover *d, const xmlNode *reference)
{
	char *id = xml_get(reference, "id");
	char *ref = xml_text(reference);
	char *uri = uri_resolve(d->nscl, ref);
	struct site *site = id != NULL && uri != NULL ? sites_mark(d->sites, id) : NULL;
	enum outcome out = OUT_DONE;

	if (site != NULL && (site->link == NULL || site->trouble))
		out = pass_over(d, site, read_link(d, uri, site));
	free(uri);
	free(ref);
	free(id);
	return out;
}

/* Brings the list of sites up to date. */
static enum outcome
list_scls(struct discover *d)
{
	char *uri = mem_printf("%s/scls", d->nscl);
	enum outcome out;
	xmlDoc *doc = get(d, uri, "scls", &out);
	const xmlNode *list, *n = NULL;

	sites_unmark(d->sites);
	site_set_link(sites_mark(d->sites, "nscl"), mem_strdup(d->nscl));
	if (doc != NULL) {
		list = xml_child(xmlDocGetRootElement(doc), "sclCollection");
		n = xml_child(list, "namedReference");
	}
	for (; n != NULL && out == OUT_DONE; n = xml_next(n, "namedReference"))
		out = note_scl(d, n);
	xmlFreeDoc(doc);
	free(uri);
	return out;
}

static enum outcome
ask_site(struct discover *d, struct site *site)
{
	enum outcome out = OUT_DONE;

	for (const char *const *s = d->search; *s != NULL && out == OUT_DONE; s++)
		out = pass_over(d, site, search_site(d, site, *s));
	site_note_end(site);
	return out;
}

enum outcome
discover_round(struct discover *d)
{
	enum outcome out = list_scls(d);
	struct site *site;

	for (size_t i = 0; out == OUT_DONE && (site = sites_marked(d->sites, &i)) != NULL;)
		if (site->link != NULL && ask_site(d, site) == OUT_STOPPED)
			out = OUT_STOPPED;
	return out;
}
