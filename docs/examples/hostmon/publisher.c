/* SPDX-License-Identifier: Apache-2.0 */
#include "hostmon/publisher.h"

#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/mem.h"
#include "client/resource.h"
#include "client/uri.h"
#include "client/when.h"
#include "client/xml.h"

#define SAMPLE_MAX	4096	/* bytes of a reading of a machine with many devices */

void
publisher_init(struct publisher *p, const char *scl, const char *app_id,
    const struct http_proof *proof)
{
	*p = (struct publisher){ .scl = scl, .app_id = app_id };
	p->app_uri = mem_printf("%s/applications/%s", scl, app_id);
	p->http = http_new(scl, p->app_uri, proof);
}

void
publisher_fini(struct publisher *p)
{
	http_free(p->http);
	free(p->app_uri);
	free(p->access_right);
}

/*
 * Without an accessRightID nobody but the application itself would see what it publishes. Unless
 * the user names one, it takes the one that the operator gave the sclBase, if that is readable.
 */
static enum outcome
find_access_right(struct publisher *p)
{
	struct http_reply reply;
	enum outcome out;
	xmlDoc *doc;

	if (p->access_right != NULL)
		return OUT_DONE;
	out = http_call(p->http, "GET", p->scl, NULL, &reply);
	if (out == OUT_AWAY || out == OUT_STOPPED)
		return out;
	doc = out == OUT_DONE ? xml_parse(reply.body, reply.len, "sclBase") : NULL;
	p->access_right = xml_field(doc, "accessRightID");
	xmlFreeDoc(doc);
	return OUT_DONE;
}

static void
note_expiry(struct publisher *p, int64_t expires)
{
	int64_t at = when_refresh(expires);

	if (at < p->refresh_at)
		p->refresh_at = at;
}

static enum outcome
keep_application(struct publisher *p)
{
	char host[HOST_NAME_MAX + 1] = "";
	const char *search[] = { "Category/hostmon", NULL, NULL };
	char *collection = mem_printf("%s/applications", p->scl);
	struct resource app = { .type = "application", .collection = collection, .id = p->app_id,
	    .access_right = p->access_right, .search = search };
	int64_t expires = 0;
	enum outcome out;
	char *host_string;

	gethostname(host, sizeof(host) - 1);
	host_string = mem_printf("Host/%s", host);
	search[1] = host_string;
	out = resource_keep(p->http, &app, p->lifetime, &expires);
	if (out == OUT_DONE)
		note_expiry(p, expires);
	free(host_string);
	free(collection);
	return out;
}

static enum outcome
keep_container(struct publisher *p, const struct metric *metric)
{
	char *name = mem_printf("Metric/%s", metric->name);
	char *unit = mem_printf("Unit/%s", metric->unit);
	const char *search[] = { name, unit, NULL };
	char *collection = mem_printf("%s/containers", p->app_uri);
	struct resource container = { .type = "container", .collection = collection,
	    .id = metric->name, .access_right = p->access_right, .search = search,
	    .max_instances = p->keep, .max_bytes = p->keep * SAMPLE_MAX };
	int64_t expires = 0;
	enum outcome out = resource_keep(p->http, &container, p->lifetime, &expires);

	if (out == OUT_DONE)
		note_expiry(p, expires);
	free(collection);
	free(unit);
	free(name);
	return out;
}

enum outcome
publisher_register(struct publisher *p, const struct sampler *s)
{
	enum outcome out;

	p->registered = false;
	p->refresh_at = INT64_MAX;
	out = find_access_right(p);
	if (out == OUT_DONE)
		out = keep_application(p);
	for (size_t i = 0; out == OUT_DONE && i < s->metrics; i++)
		out = keep_container(p, s->metric[i]);
	p->registered = out == OUT_DONE;
	return out;
}

/* An id from the time of the reading: a second try after a lost answer then meets a 409. */
static void
instance_id(int64_t taken, char id[WHEN_SIZE])
{
	char time[WHEN_SIZE];
	size_t n = 0;

	when_format(taken, time);
	for (const char *p = time; *p != '\0'; p++)
		if (*p != '-' && *p != ':')
			id[n++] = *p;
	id[n] = '\0';
}

static char *
instance_body(const struct sample *sample)
{
	xmlDoc *doc = xml_new("contentInstance");
	xmlNode *root = xmlDocGetRootElement(doc);
	char id[WHEN_SIZE];
	xmlNode *content;

	instance_id(sample->taken, id);
	xml_set(root, "m2m:id", id);
	content = xml_add(root, "content", NULL);
	xml_set(content, "xmime:contentType", "application/json");
	xml_add(content, "textContent", sample->json);
	return xml_take(doc);
}

static enum outcome
send_sample(struct publisher *p, const struct sample *sample)
{
	char *uri = mem_printf("%s/containers/%s/contentInstances", p->app_uri,
	    sample->metric->name);
	char *body = instance_body(sample);
	enum outcome out = http_call(p->http, "POST", uri, body, NULL);

	free(body);
	free(uri);
	return out == OUT_EXISTS && sample->sent ? OUT_DONE : out;
}

/* Reports the 1st, 2nd, 4th, 8th ... refusal, so that a standing one does not fill the log. */
static void
note_refusal(struct publisher *p)
{
	p->refused++;
	if ((p->refused & (p->refused - 1)) == 0)
		warnx("value refused (%llu so far): %s", (unsigned long long)p->refused,
		    http_reason(p->http));
}

enum outcome
publisher_send(struct publisher *p, struct queue *q)
{
	struct sample sample;
	enum outcome out;

	while (queue_pop(q, &sample)) {
		out = send_sample(p, &sample);
		if (out == OUT_AWAY || out == OUT_GONE || out == OUT_STOPPED) {
			sample.sent = true;
			queue_unpop(q, &sample);
			return out;
		}
		if (out == OUT_DONE)
			p->published++;
		else
			note_refusal(p);
		free(sample.json);
	}
	return OUT_DONE;
}
