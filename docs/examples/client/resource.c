/* SPDX-License-Identifier: Apache-2.0 */
#include "client/resource.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/mem.h"
#include "client/uri.h"
#include "client/when.h"
#include "client/xml.h"

static void
add_number(xmlNode *parent, const char *name, long long value)
{
	char text[24];

	if (value == 0)
		return;
	snprintf(text, sizeof(text), "%lld", value);
	xml_add(parent, name, text);
}

static void
add_search_strings(xmlNode *parent, const char *const *search)
{
	xmlNode *list = xml_add(parent, "searchStrings", NULL);

	for (; search != NULL && *search != NULL; search++)
		xml_add(list, "searchString", *search);
}

/* The body of a CREATE, or without the id of an UPDATE, where the id is not permitted. */
static char *
describe(const struct resource *r, int64_t expires, bool create)
{
	xmlDoc *doc = xml_new(r->type);
	xmlNode *root = xmlDocGetRootElement(doc);
	char text[WHEN_SIZE];

	if (create)
		xml_set(root, strcmp(r->type, "application") == 0 ? "appId" : "m2m:id", r->id);
	when_format(expires, text);
	xml_add(root, "expirationTime", text);
	if (r->access_right != NULL)
		xml_add(root, "accessRightID", r->access_right);
	add_search_strings(root, r->search);
	add_number(root, "maxNrOfInstances", r->max_instances);
	add_number(root, "maxByteSize", r->max_bytes);
	return xml_take(doc);
}

char *
resource_uri(const struct resource *r)
{
	char *name = uri_escape(r->id);
	char *uri = mem_printf("%s/%s", r->collection, name);

	free(name);
	return uri;
}

int64_t
resource_expires(const struct http_reply *reply, int64_t otherwise)
{
	xmlDoc *doc = xml_parse(reply->body, reply->len, NULL);
	char *text = xml_field(doc, "expirationTime");
	int64_t ms = text != NULL ? when_parse(text) : -1;

	free(text);
	xmlFreeDoc(doc);
	return ms > 0 ? ms : otherwise;
}

enum outcome
resource_keep(struct http *h, const struct resource *r, int64_t lifetime_ms, int64_t *expires)
{
	int64_t wanted = when_now() + lifetime_ms;
	struct http_reply reply;
	enum outcome out;
	char *body = describe(r, wanted, true);
	char *uri;

	out = http_call(h, "POST", r->collection, body, &reply);
	free(body);
	if (out == OUT_EXISTS) {
		uri = resource_uri(r);
		body = describe(r, wanted, false);
		out = http_call(h, "PUT", uri, body, &reply);
		free(body);
		free(uri);
	}
	if (out == OUT_DONE)
		*expires = resource_expires(&reply, wanted);
	return out;
}
