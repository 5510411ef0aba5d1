/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/opt_check.h"

#include <arpa/inet.h>
#include <stdarg.h>

#include "app/opt_row.h"
#include "core/access_network.h"
#include "core/req.h"
#include "sec/ocsp.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT_MAX 512u

void
opt_found(const struct opt_check *c, const char *path, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->found(c->arg, path, text);
}

/*
 * low must not be above high; 0 means none where the row says so, and is then never wrong. Pairs
 * where the smaller one simply wins (a wait and its maximum) are not here.
 */
static const struct order {
	const char *low;
	const char *high;
	bool low_may_be_none;
	bool high_may_be_none;
} orders[] = {
	{ "limits.body_max", "limits.arena_max", false, false },
	{ "limits.answer_max_bytes", "limits.arena_max", false, false },
	{ "lifetime.min", "lifetime.max", false, true },
	{ "lifetime.min", "lifetime.default", false, true },
	{ "lifetime.default", "lifetime.max", true, true },
	{ "lifetime.min", "lifetime.scl_default", false, true },
	{ "lifetime.scl_default", "lifetime.max", true, true },
	{ "overload.queue_level1", "overload.queue_level2", true, true },
	{ "overload.queue_level2", "overload.queue_level3", true, true },
	{ "overload.cpu_level1", "overload.cpu_level2", true, true },
	{ "overload.cpu_level2", "overload.cpu_level3", true, true },
	{ "container.max_nr_min", "container.max_nr_max", false, true },
	{ "container.max_nr_min", "container.max_nr_default", false, true },
	{ "container.max_nr_default", "container.max_nr_max", true, true },
	{ "container.max_bytes_min", "container.max_bytes_max", false, true },
	{ "container.max_bytes_min", "container.max_bytes_default", false, true },
	{ "container.max_bytes_default", "container.max_bytes_max", true, true },
	{ "container.max_age_min", "container.max_age_max", false, true },
	{ "container.max_age_min", "container.max_age_default", false, true },
	{ "container.max_age_default", "container.max_age_max", true, true },
};

static void
check_orders(const struct opt_check *c)
{
	for (size_t i = 0; i < NITEMS(orders); i++) {
		const struct order *d = &orders[i];
		const struct opt_row *low = opt_find(&opt_options, d->low, NULL);
		const struct opt_row *high = opt_find(&opt_options, d->high, NULL);
		int64_t a = opt_number(low, c->o);
		int64_t b = opt_number(high, c->o);

		if ((a == 0 && d->low_may_be_none) || (b == 0 && d->high_may_be_none) || a <= b)
			continue;
		opt_found(c, d->low, "%s must not be above %s", d->low, d->high);
	}
}

/* Loopback: 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104. */
static bool
is_loopback(const char *address)
{
	struct in6_addr in6;
	struct in_addr in;

	if (inet_pton(AF_INET, address, &in) == 1)
		return ntohl(in.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, address, &in6) != 1)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&in6) || (IN6_IS_ADDR_V4MAPPED(&in6) && in6.s6_addr[12] == 127);
}

bool
options_address_is_local(const char *address)
{
	return strncmp(address, "unix:", 5) == 0 || is_loopback(address);
}

bool
options_listener_proves(const struct options *o, const struct options_listener *l)
{
	if (l->issuer != OPTIONS_ISSUER_AUTO)
		return l->issuer == OPTIONS_ISSUER_PROVED;
	return !options_address_is_local(l->address) || l->security == OPTIONS_PSK ||
	       *options_listener_ca(o, l) != '\0';
}

static void
check_certificate(const struct opt_check *c, const struct options_listener *l, const char *path)
{
	bool shows = l->security == OPTIONS_CERTIFICATE;
	bool has_ca = *options_listener_ca(c->o, l) != '\0';

	if (shows && (*l->certificate == '\0' || *l->key == '\0'))
		opt_found(c, path, "security \"certificate\" needs certificate and key");
	if (!shows && (*l->certificate != '\0' || *l->key != '\0' || *l->ca != '\0' ||
	               l->require_client_cert))
		opt_found(c, path,
		          "certificate, key, ca and require_client_cert need security "
		          "\"certificate\"");
	if (shows && l->require_client_cert && !has_ca)
		opt_found(c, path, "require_client_cert needs ca");
	if (*l->crl != '\0' && !has_ca)
		opt_found(c, path, "crl needs ca");
	if (l->security != OPTIONS_PSK && (l->tls13_only || l->allow_non_pfs))
		opt_found(c, path, "tls13_only and allow_non_pfs need security \"psk\"");
	if (l->tls13_only && l->allow_non_pfs)
		opt_found(c, path, "tls13_only and allow_non_pfs exclude each other");
}

/* Something by which a client of the listener can prove who it is. */
static bool
has_means(const struct opt_check *c, const struct options_listener *l)
{
	/* A request over CoAP has nothing in which a token could be. */
	return l->security == OPTIONS_PSK || *options_listener_ca(c->o, l) != '\0' ||
	       l->trusted_access ||
	       (*c->o->issuers.tokens != '\0' && l->protocol == OPTIONS_HTTP) ||
	       (strncmp(l->address, "unix:", 5) == 0 && c->o->issuers.unix_users.n > 0);
}

static void
check_proof(const struct opt_check *c, const struct options_listener *l, const char *path)
{
	if (options_listener_proves(c->o, l) ? has_means(c, l)
	                                     : options_address_is_local(l->address))
		return;
	if (options_listener_proves(c->o, l))
		opt_found(
			c, path,
			"nothing can prove here who a client is: this needs security \"psk\", ca, "
			"trusted_access, issuers.tokens, or issuers.unix_users for a UNIX socket");
	else
		opt_found(c, path, "issuer \"claimed\" is for loopback and UNIX sockets alone");
}

static void
check_remote(const struct opt_check *c, const struct options_listener *l, const char *path)
{
	if (l->security == OPTIONS_CLEAR && !options_address_is_local(l->address) &&
	    !l->trusted_access && !c->o->listen.allow_clear)
		opt_found(c, path,
		          "%s is not a loopback address and security is \"none\": this needs "
		          "listen.allow_clear = true",
		          l->address);
}

/* What only one of the protocols has. */
static void
check_protocol(const struct opt_check *c, const struct options_listener *l, const char *path)
{
	if (l->protocol == OPTIONS_HTTP)
		return;
	if (strncmp(l->address, "unix:", 5) == 0)
		opt_found(c, path, "a UNIX socket needs protocol \"http\"");
	if (l->tls13_only)
		opt_found(c, path, "tls13_only needs protocol \"http\"");
	if ((l->serve & ~(unsigned)(SERVE_TREE | SERVE_PROXY)) != 0)
		opt_found(c, path, "msbf, mas and admin need protocol \"http\"");
}

static void
check_unix(const struct opt_check *c, const struct options_listener *l, const char *path)
{
	if (strncmp(l->address, "unix:", 5) == 0 && (l->security != OPTIONS_CLEAR || l->port != 0))
		opt_found(c, path, "a UNIX socket has port 0 and security \"none\"");
}

static void
check_listener(const struct opt_check *c, size_t i)
{
	const struct options_listener *v = c->o->listeners.v, *l = &v[i];
	char path[64];

	snprintf(path, sizeof(path), "listeners.[%zu]", i);
	if (l->serve == 0)
		opt_found(c, path, "serve must not be empty");
	check_certificate(c, l, path);
	check_proof(c, l, path);
	check_remote(c, l, path);
	check_unix(c, l, path);
	check_protocol(c, l, path);
	opt_check_proxy_listener(c, l, path);
	opt_check_edge_listener(c, l, path);
	for (size_t k = 0; k < i; k++)
		if (l->port != 0 && l->port == v[k].port && l->protocol == v[k].protocol &&
		    strcmp(l->address, v[k].address) == 0)
			opt_found(c, path, "the same address and port as of listeners[%zu]", k);
}

static void
check_listeners(const struct opt_check *c)
{
	if (c->o->listeners.n == 0)
		opt_found(c, "listeners", "at least one listener is needed");
	for (size_t i = 0; i < c->o->listeners.n; i++)
		check_listener(c, i);
}

static void
check_permissions(const struct opt_check *c, const struct options_permissions *list,
                  const char *path)
{
	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(list->v[i].id, list->v[k].id) == 0)
				opt_found(c, path, "two permissions with the id %s", list->v[i].id);
}

static void
check_access_rights(const struct opt_check *c)
{
	const struct options_access_right *v = c->o->access_rights.v;
	bool is_there = *c->o->default_access_right == '\0';

	for (size_t i = 0; i < c->o->access_rights.n; i++) {
		char path[64];

		snprintf(path, sizeof(path), "access_rights.[%zu]", i);
		check_permissions(c, &v[i].permissions, path);
		check_permissions(c, &v[i].self_permissions, path);
		for (size_t k = 0; k < i; k++)
			if (strcmp(v[i].id, v[k].id) == 0)
				opt_found(c, path, "two access rights with the id %s", v[i].id);
		is_there = is_there || strcmp(v[i].id, c->o->default_access_right) == 0;
	}
	if (!is_there)
		opt_found(c, "default_access_right",
		          "default_access_right: no access right has the id %s",
		          c->o->default_access_right);
}

static void
check_store(const struct opt_check *c)
{
	const char *const *e = c->profile->engines;

	while (*e != NULL && strcmp(*e, c->o->store.engine) != 0)
		e++;
	if (*e == NULL)
		opt_found(c, "store.engine", "store.engine: %s has no engine %s", c->profile->name,
		          c->o->store.engine);
	else if (strcmp(*e, "memory") != 0 && *c->o->store.path == '\0')
		opt_found(c, "store.path", "store.path: must not be empty with the engine %s", *e);
}

static void
check_client(const struct opt_check *c)
{
	if ((*c->o->client.certificate == '\0') != (*c->o->client.key == '\0'))
		opt_found(c, "client.certificate",
		          "client.certificate and client.key need each other");
	/* One connection is taken by the poll. */
	if (c->o->register_at.channel && c->o->client.max_connections_per_host < 2)
		opt_found(c, "client.max_connections_per_host",
		          "client.max_connections_per_host: must be at least 2 with "
		          "register.channel");
}

static void
check_responder(const struct opt_check *c)
{
	const char *uri = c->o->msbf.ocsp_responder;

	if (*uri != '\0' && !ocsp_uri_ok(slice_of(uri)))
		opt_found(c, "msbf.ocsp_responder",
		          "msbf.ocsp_responder: %s is no URI with the scheme http", uri);
}

static void
check_networks(const struct opt_check *c)
{
	const struct options_strings *list = &c->o->saf.access_networks;
	struct access_network n, other;

	for (size_t i = 0; i < list->n; i++) {
		if (!access_network_parse(list->v[i], &n)) {
			opt_found(c, "saf.access_networks",
			          "saf.access_networks: %s is no name=interface", list->v[i]);
			continue;
		}
		for (size_t k = 0; k < i; k++)
			if (access_network_parse(list->v[k], &other) &&
			    slice_eq(n.name, other.name))
				opt_found(c, "saf.access_networks",
				          "saf.access_networks: two have the name %.*s",
				          (int)n.name.n, n.name.p);
	}
}

static void
check_command(const struct opt_check *c, const char *path, const struct options_strings *command,
              bool installs)
{
	if (command->n == 0)
		return;
	if (command->v[0][0] != '/')
		opt_found(c, path, "%s: the program needs an absolute path", path);
	if (installs && c->o->rem.package_key[0] == '\0')
		opt_found(c, path, "%s needs rem.package_key", path);
}

static void
check_management(const struct opt_check *c)
{
	check_command(c, "rem.firmware_command", &c->o->rem.firmware_command, true);
	check_command(c, "rem.software_command", &c->o->rem.software_command, true);
	check_command(c, "rem.reboot_command", &c->o->rem.reboot_command, false);
}

void
opt_check(const struct opt_check *c)
{
	static void (*const checks[])(const struct opt_check *) = {
		check_orders,        check_store,    check_listeners,  check_client,
		check_access_rights, check_networks, check_management, check_responder,
		opt_check_proxy,     opt_check_sga,  opt_check_mtc,    opt_check_edge,
		opt_check_trigger,
	};

	for (size_t i = 0; i < NITEMS(checks); i++)
		checks[i](c);
}
