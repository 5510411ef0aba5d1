/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of the group proxy, and listeners that serve it, must not contradict. */
#include "config.h"

#include "app/opt_check.h"
#include "core/req.h"

const char *
options_listener_ca(const struct options *o, const struct options_listener *l)
{
	return *l->ca == '\0' && (l->serve & SERVE_PROXY) != 0 && l->security == OPTIONS_CERTIFICATE
	               ? o->proxy.ca_file
	               : l->ca;
}

void
opt_check_proxy_listener(const struct opt_check *c, const struct options_listener *l,
                         const char *path)
{
	bool by_certificate = l->security == OPTIONS_CERTIFICATE && l->require_client_cert;

	if ((l->serve & SERVE_PROXY) == 0)
		return;
	if (l->serve != SERVE_PROXY)
		opt_found(c, path, "proxy needs a listener of its own");
	if (!by_certificate && !options_address_is_local(l->address))
		opt_found(c, path,
		          "proxy needs security \"certificate\" with require_client_cert, or "
		          "loopback");
	if (!c->o->proxy.enabled && c->o->proxy.sources.n == 0)
		opt_found(c, path,
		          "serve has proxy, but proxy.enabled is false and proxy.sources is empty");
}

static void
check_identity(const struct opt_check *c)
{
	const struct options_proxy *p = &c->o->proxy;

	if ((p->sources.n > 0 || p->source) && *p->identity == '\0')
		opt_found(c, "proxy.identity",
		          "proxy.identity is needed with proxy.source and proxy.sources");
	if ((*p->certificate == '\0') != (*p->key == '\0'))
		opt_found(c, "proxy.certificate",
		          "proxy.certificate and proxy.key need each other");
}

static void
check_sizes(const struct opt_check *c)
{
	const struct options_proxy *p = &c->o->proxy;

	if (p->message_max > p->batch_bytes)
		opt_found(c, "proxy.message_max",
		          "proxy.message_max must not be above proxy.batch_bytes");
	if (p->udp_port != 0 && p->udp_max > p->message_max)
		opt_found(c, "proxy.udp_max", "proxy.udp_max must not be above proxy.message_max");
	if (*p->udp_address == 'u')
		opt_found(c, "proxy.udp_address",
		          "proxy.udp_address: a UNIX socket takes no datagrams");
}

static void
check_sources(const struct opt_check *c)
{
	const struct options_proxy_source *v = c->o->proxy.sources.v;

	for (size_t i = 0; i < c->o->proxy.sources.n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(v[i].url, v[k].url) == 0)
				opt_found(c, "proxy.sources", "two sources have the url %.200s",
				          v[i].url);
}

static void
check_sinks(const struct opt_check *c)
{
	const struct options_proxy_sink *v = c->o->proxy.sinks.v;

	for (size_t i = 0; i < c->o->proxy.sinks.n; i++) {
		if (strcmp(v[i].name, "uplink") == 0)
			opt_found(c, "proxy.sinks", "the name uplink is that of the NSCL");
		for (size_t k = 0; k < i; k++)
			if (strcmp(v[i].name, v[k].name) == 0)
				opt_found(c, "proxy.sinks", "two sinks have the name %.64s",
				          v[i].name);
	}
}

static bool
is_identity(const char *text)
{
	static const char *const kinds[] = { "scl:", "app:", "cert:", "claim:" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(text, kinds[i], strlen(kinds[i])) == 0 &&
		    text[strlen(kinds[i])] != '\0')
			return strlen(text) <= 255;
	return false;
}

void
opt_check_identities(const struct opt_check *c, const char *path,
                     const struct options_strings *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (!is_identity(list->v[i]))
			opt_found(
				c, path,
				"%s: %.200s is no scl:, app:, cert: or claim: with a name, or has "
				"more than 255 octets",
				path, list->v[i]);
}

void
opt_check_proxy(const struct opt_check *c)
{
	check_identity(c);
	check_sizes(c);
	check_sources(c);
	check_sinks(c);
	opt_check_identities(c, "proxy.managers", &c->o->proxy.managers);
}
