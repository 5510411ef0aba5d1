/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher/subscribe.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "client/mem.h"
#include "client/resource.h"
#include "client/uri.h"
#include "client/when.h"
#include "client/xml.h"
#include "watcher/sites.h"

#define END_CALL_MS	2000

/* "gw1.example.org lamps/temperature"; "-" stands for the application of an sclBase's container. */
static char *
make_label(const struct discover *d, const char *container)
{
	static const char marker[] = "/applications/";
	const char *scl = sites_owner(d->sites, container);
	const char *app = strstr(uri_path(container), marker);
	const char *name = strrchr(container, '/') + 1;

	if (app == NULL)
		return mem_printf("%s -/%s", scl, name);
	app += strlen(marker);
	return mem_printf("%s %.*s/%s", scl, (int)strcspn(app, "/"), app, name);
}

/*
 * creationTime of the newest instance; *since is NULL when there is none. The time of the SCL is
 * used and not ours, because the two clocks may differ.
 */
static enum outcome
newest(struct discover *d, const char *container, char **since)
{
	char *uri = mem_printf("%s/contentInstances/latest", container);
	struct http_reply reply;
	enum outcome out = http_call(d->http, "GET", uri, NULL, &reply);
	xmlDoc *doc = out == OUT_DONE ? xml_parse(reply.body, reply.len, "contentInstance") : NULL;

	*since = xml_field(doc, "creationTime");
	xmlFreeDoc(doc);
	free(uri);
	return out == OUT_GONE ? OUT_DONE : out;
}

static void
add_expiry(xmlNode *root, int64_t expires)
{
	char text[WHEN_SIZE];

	when_format(expires, text);
	xml_add(root, "expirationTime", text);
}

static char *
subscription_body(const struct discover *d, int64_t expires, const char *since, unsigned int number)
{
	xmlDoc *doc = xml_new("subscription");
	xmlNode *root = xmlDocGetRootElement(doc);
	char *contact = mem_printf("%s/notify/%u", d->contact, number);

	xml_set(root, "m2m:id", d->subscription_id);
	add_expiry(root, expires);
	if (since != NULL) {
		xmlNode *filter = xml_add(root, "filterCriteria", NULL);

		/* Mandatory in the schema; empty means the whole resource. */
		xml_add_local(filter, "attributeAccessor", NULL);
		xml_add_local(filter, "createdAfter", since);
	}
	xml_add(root, "contact", contact);
	free(contact);
	return xml_take(doc);
}

/* Creates the subscription, after deleting one of the same name. */
static enum outcome
create(struct discover *d, const char *collection, const char *subscription, const char *body,
    struct http_reply *reply)
{
	enum outcome out = http_call(d->http, "POST", collection, body, reply);

	if (out != OUT_EXISTS)
		return out;
	out = http_call(d->http, "DELETE", subscription, NULL, NULL);
	if (out == OUT_DONE || out == OUT_GONE)
		out = http_call(d->http, "POST", collection, body, reply);
	return out;
}

static enum outcome
create_for(struct discover *d, const char *collection, const char *subscription, const char *since,
    unsigned int number)
{
	int64_t expires = when_now() + d->lifetime;
	char *body = subscription_body(d, expires, since, number);
	struct http_reply reply;
	enum outcome out = create(d, collection, subscription, body, &reply);

	if (out == OUT_DONE)
		watch_set_expiry(d->watch, number, resource_expires(&reply, expires));
	else
		watch_drop(d->watch, number);
	free(body);
	return out;
}

enum outcome
subscribe(struct discover *d, const char *container)
{
	char *collection, *subscription, *label, *since;
	enum outcome out;
	unsigned int number;

	if (watch_has(d->watch, container))
		return OUT_DONE;
	out = newest(d, container, &since);
	if (out != OUT_DONE)
		return out;
	label = make_label(d, container);
	collection = mem_printf("%s/contentInstances/subscriptions", container);
	subscription = mem_printf("%s/%s", collection, d->subscription_id);
	if (watch_add(d->watch, container, subscription, label, &number))
		out = create_for(d, collection, subscription, since, number);
	free(subscription);
	free(collection);
	free(label);
	free(since);
	return out;
}

static enum outcome
refresh(struct discover *d, const char *subscription, unsigned int number)
{
	int64_t expires = when_now() + d->lifetime;
	xmlDoc *doc = xml_new("subscription");
	struct http_reply reply;
	enum outcome out;
	char *body;

	add_expiry(xmlDocGetRootElement(doc), expires);
	body = xml_take(doc);
	out = http_call(d->http, "PUT", subscription, body, &reply);
	if (out == OUT_DONE)
		watch_set_expiry(d->watch, number, resource_expires(&reply, expires));
	else if (out != OUT_AWAY && out != OUT_STOPPED)
		watch_drop(d->watch, number);
	free(body);
	return out;
}

enum outcome
discover_refresh(struct discover *d)
{
	enum outcome out = OUT_DONE;
	unsigned int next = 0;
	char *subscription;

	while (out != OUT_STOPPED && (subscription = watch_due(d->watch, &next)) != NULL) {
		out = refresh(d, subscription, next - 1);
		free(subscription);
	}
	return out == OUT_STOPPED ? out : OUT_DONE;
}

void
discover_end(struct discover *d, int64_t deadline)
{
	char *silent = mem_strdup("");	/* the SCL that did not answer last */
	char *subscription, *authority;
	unsigned int next = 0;
	int64_t limit;

	while ((subscription = watch_next(d->watch, &next)) != NULL) {
		authority = uri_authority(subscription);
		limit = when_monotonic() + END_CALL_MS;
		http_set_deadline(d->http, limit < deadline ? limit : deadline);
		if (strcmp(authority, silent) != 0 &&
		    http_call(d->http, "DELETE", subscription, NULL, NULL) == OUT_AWAY) {
			free(silent);
			silent = mem_strdup(authority);
		}
		watch_drop(d->watch, next - 1);
		free(authority);
		free(subscription);
	}
	free(silent);
	http_set_deadline(d->http, deadline);
}
