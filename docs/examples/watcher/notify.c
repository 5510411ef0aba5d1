/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher/notify.h"

#include <stdlib.h>
#include <string.h>

#include "client/mem.h"
#include "client/xml.h"
#include "watcher/base64.h"

/* The content element: R2 has a child for text or binary, R1 base64 directly. */
static char *
read_content(const xmlNode *content, size_t *len)
{
	const xmlNode *text = xml_child(content, "textContent");
	const xmlNode *binary = xml_child(content, "binaryContent");
	char *raw = xml_text(text != NULL ? text : binary != NULL ? binary : content);
	char *decoded;

	*len = raw != NULL ? strlen(raw) : 0;
	if (raw == NULL || text != NULL)
		return raw;
	decoded = base64_decode(raw, len);
	free(raw);
	return decoded;
}

static void
read_instance(const xmlNode *instance, const struct notify_sink *sink)
{
	char *created = xml_text(xml_child(instance, "creationTime"));
	size_t len;
	char *content = read_content(xml_child(instance, "content"), &len);

	if (content != NULL)
		sink->value(sink->arg, created != NULL ? created : "", content, len);
	free(content);
	free(created);
}

/* A document that was in a representation. */
static void
read_document(const xmlNode *root, const char *status, const struct notify_sink *sink)
{
	const char *name = (const char *)root->name;
	const xmlNode *list, *instance;
	char *info;

	if (strcmp(name, "contentInstance") == 0) {
		read_instance(root, sink);
	} else if (strcmp(name, "contentInstances") == 0) {
		list = xml_child(root, "contentInstanceCollection");
		instance = xml_child(list, "contentInstance");
		for (; instance != NULL; instance = xml_next(instance, "contentInstance"))
			read_instance(instance, sink);
	} else if (strcmp(name, "errorInfo") == 0) {
		info = xml_text(xml_child(root, "additionalInfo"));
		sink->ended(sink->arg, status, info != NULL ? info : "");
		free(info);
	}
}

static void
read_representation(const xmlNode *notify, const char *status, const struct notify_sink *sink)
{
	char *base64 = xml_text(xml_child(notify, "representation"));
	char *bytes = NULL;
	xmlDoc *doc = NULL;
	size_t len;

	if (base64 != NULL)
		bytes = base64_decode(base64, &len);
	if (bytes != NULL)
		doc = xml_parse(bytes, len, NULL);
	if (doc != NULL)
		read_document(xmlDocGetRootElement(doc), status, sink);
	else if (strcmp(status, "STATUS_OK") != 0)
		sink->ended(sink->arg, status, "");
	xmlFreeDoc(doc);
	free(bytes);
	free(base64);
}

static unsigned int
read_notify(const xmlNode *notify, const struct notify_sink *sink)
{
	char *status = xml_text(xml_child(notify, "statusCode"));
	char *subscription = xml_text(xml_child(notify, "subscriptionReference"));
	bool wanted = status != NULL && subscription != NULL &&
	    sink->begin(sink->arg, status, subscription);

	if (wanted)
		read_representation(notify, status, sink);
	free(subscription);
	free(status);
	return wanted ? 1 : 0;
}

bool
notify_read(const char *body, size_t len, const struct notify_sink *sink, unsigned int *accepted)
{
	xmlDoc *doc = xml_parse(body, len, NULL);
	const xmlNode *root = doc != NULL ? xmlDocGetRootElement(doc) : NULL;
	const xmlNode *n;
	bool known = true;

	*accepted = 0;
	if (root != NULL && strcmp((const char *)root->name, "notify") == 0) {
		*accepted = read_notify(root, sink);
	} else if (root != NULL && strcmp((const char *)root->name, "notifyCollection") == 0) {
		for (n = xml_child(root, "notify"); n != NULL; n = xml_next(n, "notify"))
			*accepted += read_notify(n, sink);
	} else {
		known = false;
	}
	xmlFreeDoc(doc);
	return known;
}
