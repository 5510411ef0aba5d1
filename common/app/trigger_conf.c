/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/trigger_conf.h"

#include <strings.h>

#include "base/arena.h"
#include "base/uri.h"

#define US_PER_MS INT64_C(1000)

/* NULL for the absent string. */
static const char *
some(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

static const char *const *
ended(struct arena *a, const struct options_strings *list)
{
	const char **v = ARENA_ARRAY(a, const char *, list->n + 1);

	for (size_t i = 0; v != NULL && i < list->n; i++)
		v[i] = list->v[i];
	return v;
}

static struct slice
without_brackets(struct slice host)
{
	return host.n > 2 && host.p[0] == '[' ? slice_make(host.p + 1, host.n - 2) : host;
}

/* Where triggers lead to: host, port and scheme of an https or coaps URI. */
static void
fill_contact(struct trigger_conf_send *c, const struct options *o, struct arena *a)
{
	struct slice text = slice_of(o->trigger.contact);
	bool coaps = text.n > 5 && strncasecmp(text.p, "coaps", 5) == 0;
	uint64_t port;
	struct uri u;

	if (!uri_parse(text, &u) || u.host.n == 0)
		return;
	if (!slice_number(u.port, UINT16_MAX, &port))
		port = coaps ? 5684 : 443;
	c->host = arena_str(a, without_brackets(u.host));
	c->port = (uint16_t)port;
	c->scheme = coaps                       ? TRIGGER_COAPS
	            : o->mid.static_credentials ? TRIGGER_HTTPS_CERTIFICATE
	                                        : TRIGGER_HTTPS_PSK;
}

static void
fill_send(struct trigger_conf_send *c, const struct options *o, struct arena *a)
{
	*c = (struct trigger_conf_send){ .lifetime = o->trigger.lifetime_ms * US_PER_MS,
		                         .retry = o->trigger.retry_ms * US_PER_MS,
		                         .rate = (unsigned)o->trigger.rate,
		                         .pending_max = (unsigned)o->trigger.pending_max,
		                         .networks = ended(a, &o->trigger.networks),
		                         .ca = some(o->client.ca),
		                         .certificate = some(o->client.certificate),
		                         .key = some(o->client.key) };
	fill_contact(c, o, a);
}

/* The address that is registered, when none is given: that of the datagrams, unless any port will do. */
static const char *
address_of(const struct options *o, struct arena *a)
{
	struct slice listen = slice_of(o->trigger.listen);

	if (o->trigger.uri[0] != '\0')
		return o->trigger.uri;
	return listen.n == 0 ? NULL : arena_printf(a, "udp://%s", o->trigger.listen).p;
}

static void
fill_take(struct trigger_conf_take *c, const struct options *o, struct arena *a)
{
	*c = (struct trigger_conf_take){ .listen = some(o->trigger.listen),
		                         .uri = address_of(o, a),
		                         .max = (unsigned)o->trigger.max,
		                         .domains = ended(a, &o->bootstrap.domains) };
}

void
trigger_conf_fill(struct trigger_conf *conf, const struct options *o, struct arena *a)
{
	*conf = (struct trigger_conf){ .enabled = o->trigger.enabled };
	fill_send(&conf->send, o, a);
	fill_take(&conf->take, o, a);
}
