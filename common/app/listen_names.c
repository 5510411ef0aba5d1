/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/listen_names.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <strings.h>

#include "app/listen.h"
#include "base/arena.h"
#include "base/uri.h"
#include "core/req.h"

#define NAMES_MAX 1024u

/* Names of one listener are added, then those of the next. */
struct names {
	struct arena *arena;
	const char **v; /* NAMES_MAX + 1 */
	size_t n;
	unsigned port;
	bool default_port;
};

const char *
listen_authority(struct arena *a, const char *host, unsigned port)
{
	if (strchr(host, ':') != NULL)
		return arena_printf(a, "[%s]:%u", host, port).p;
	return arena_printf(a, "%s:%u", host, port).p;
}

static void
add(struct names *names, const char *authority)
{
	for (size_t i = 0; authority != NULL && i < names->n; i++)
		if (strcasecmp(names->v[i], authority) == 0)
			return;
	if (authority != NULL && names->n < NAMES_MAX)
		names->v[names->n++] = authority;
}

static void
add_host(struct names *names, const char *host)
{
	add(names, listen_authority(names->arena, host, names->port));
	if (names->default_port && strchr(host, ':') != NULL)
		add(names, arena_printf(names->arena, "[%s]", host).p);
	else if (names->default_port)
		add(names, arena_str(names->arena, slice_of(host)));
}

static void
add_loopback(struct names *names)
{
	add_host(names, "localhost");
	add_host(names, "127.0.0.1");
	add_host(names, "::1");
}

/* The address of sa, "" for other families. */
static void
format_address(const struct sockaddr *sa, char text[INET6_ADDRSTRLEN])
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	text[0] = '\0';
	if (sa != NULL && sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, text, INET6_ADDRSTRLEN);
	} else if (sa != NULL && sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		inet_ntop(AF_INET6, &v6.sin6_addr, text, INET6_ADDRSTRLEN);
	}
}

static void
add_interfaces(struct names *names)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *all;

	if (getifaddrs(&all) != 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		format_address(i->ifa_addr, text);
		if (text[0] != '\0')
			add_host(names, text);
	}
	freeifaddrs(all);
}

/* What a numeric address stands for. */
enum reach { REACH_ONE, REACH_LOOPBACK, REACH_ALL };

/* Also writes the address in its usual form. */
static enum reach
reach_of(const char *address, char text[INET6_ADDRSTRLEN])
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, address, &v4) == 1) {
		inet_ntop(AF_INET, &v4, text, INET6_ADDRSTRLEN);
		if (v4.s_addr == htonl(INADDR_ANY))
			return REACH_ALL;
		return ntohl(v4.s_addr) >> 24 == 127 ? REACH_LOOPBACK : REACH_ONE;
	}
	text[0] = '\0';
	if (inet_pton(AF_INET6, address, &v6) != 1)
		return REACH_ONE;
	inet_ntop(AF_INET6, &v6, text, INET6_ADDRSTRLEN);
	if (IN6_IS_ADDR_UNSPECIFIED(&v6))
		return REACH_ALL;
	return IN6_IS_ADDR_LOOPBACK(&v6) ? REACH_LOOPBACK : REACH_ONE;
}

/* True when a configured name ends with a port. */
static bool
has_port(const char *name)
{
	const char *colon = strrchr(name, ':'), *bracket = strrchr(name, ']');

	return colon != NULL && (bracket == NULL || bracket < colon);
}

static void
add_configured(struct names *names, const struct options *o)
{
	for (size_t i = 0; i < o->scl.own_names.n; i++) {
		const char *name = o->scl.own_names.v[i];

		add(names, name);
		if (!has_port(name))
			add(names, arena_printf(names->arena, "%s:%u", name, names->port).p);
	}
}

static void
add_listener(struct names *names, const struct options *o, const struct options_listener *l,
             unsigned port)
{
	char usual[INET6_ADDRSTRLEN];
	enum reach reach = reach_of(l->address, usual);

	/* What clients of a UNIX socket name as Host. */
	if (strncmp(l->address, "unix:", 5) == 0) {
		add(names, "localhost");
		return;
	}
	names->port = port;
	names->default_port = port == listen_default_port(l);
	add_host(names, l->address);
	add_host(names, usual);
	if (reach == REACH_ALL)
		add_interfaces(names);
	if (reach != REACH_ONE)
		add_loopback(names);
	add_configured(names, o);
}

/* The authority of an absolute URI; "" has none. */
static void
add_uri(struct names *names, const char *text)
{
	struct uri u;

	if (*text != '\0' && uri_parse(slice_of(text), &u))
		add(names, arena_str(names->arena, u.authority));
}

const char *const *
listen_names(struct arena *a, const struct options *o, const unsigned *ports)
{
	struct names names = { .arena = a, .v = ARENA_ARRAY(a, const char *, NAMES_MAX + 1) };

	if (names.v == NULL)
		return NULL;
	for (size_t i = 0; i < o->listeners.n; i++)
		add_listener(&names, o, &o->listeners.v[i], ports[i]);
	add_uri(&names, o->scl.uri);
	return arena_failed(a) ? NULL : names.v;
}

static bool
is_network(const struct options_listener *l)
{
	return strncmp(l->address, "unix:", 5) != 0;
}

const char *
listen_base_uri(struct arena *a, const struct options *o, const unsigned *ports)
{
	char usual[INET6_ADDRSTRLEN];
	const struct options_listener *l;
	const char *authority;
	size_t at = 0;

	if (*o->scl.uri != '\0')
		return o->scl.uri;
	for (size_t i = o->listeners.n; i-- > 0;)
		if ((o->listeners.v[i].serve & SERVE_MID) != 0 && is_network(&o->listeners.v[i]))
			at = i;
	l = &o->listeners.v[at];
	/* The address of a listener that nobody can reach is no name, either. */
	if (!is_network(l))
		authority = "localhost";
	else if (o->scl.own_names.n == 0 ||
	    (reach_of(l->address, usual) != REACH_ALL && !o->register_at.channel))
		authority = listen_authority(a, l->address, ports[at]);
	else if (has_port(o->scl.own_names.v[0]))
		authority = o->scl.own_names.v[0];
	else
		authority = arena_printf(a, "%s:%u", o->scl.own_names.v[0], ports[at]).p;
	if (authority == NULL)
		return NULL;
	return arena_printf(a, "%s://%s/%s", listen_scheme(l), authority, o->scl.base).p;
}
