/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of the group sga must not contradict. */
#include "config.h"

#include "app/opt_check.h"
#include "app/sga_conf.h"
#include "sga/package.h"

static bool
is_id(const char *s)
{
	struct sga_id id;

	return sga_id_make(slice_of(s), &id) == RC_OK;
}

static void
check_id(const struct opt_check *c)
{
	const struct options *o = c->o;

	if (*o->sga.id != '\0' && !is_id(o->sga.id))
		opt_found(c, "sga.id", "sga.id must be 1 to 64 of letters, digits and . _ ~ : @ -");
	if (o->sga.enabled && *o->sga.id == '\0' && !is_id(o->scl.id))
		opt_found(c, "sga.enabled",
		          "sga.id is needed: scl.id is no 1 to 64 of letters, digits and . _ ~ : @ "
		          "-");
}

/* One that every party has must be there, or two parties may have none in common. */
static void
check_ciphers(const struct opt_check *c)
{
	const struct options_strings *list = &c->o->sga.ciphers;
	bool mandatory = list->n == 0;

	for (size_t i = 0; i < list->n; i++) {
		uint16_t cid = sga_conf_cipher(list->v[i]);

		if (cid == 0)
			opt_found(c, "sga.ciphers", "sga.ciphers: there is no cipher %.64s",
			          list->v[i]);
		mandatory = mandatory || (sga_cipher_bit(cid) & SGA_CIPHERS_MANDATORY) != 0;
		for (size_t k = 0; k < i; k++)
			if (cid != 0 && sga_conf_cipher(list->v[k]) == cid)
				opt_found(c, "sga.ciphers", "sga.ciphers: %.64s is there twice",
				          list->v[i]);
	}
	if (!mandatory)
		opt_found(c, "sga.ciphers", "sga.ciphers needs AES-128-GCM or ChaCha20-Poly1305");
}

static void
check_suites(const struct opt_check *c)
{
	const struct options_strings *list = &c->o->sga.suites;

	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], "C") != 0 && strcmp(list->v[i], "X") != 0)
			opt_found(c, "sga.suites",
			          "sga.suites: there is no suite %.64s, but C and X", list->v[i]);
}

static void
check_sizes(const struct opt_check *c)
{
	const struct options_sga *s = &c->o->sga;

	if (s->half_open_per_device > s->half_open_max)
		opt_found(c, "sga.half_open_per_device",
		          "sga.half_open_per_device must not be above sga.half_open_max");
	if (s->mailbox_bytes > s->bytes_max)
		opt_found(c, "sga.mailbox_bytes",
		          "sga.mailbox_bytes must not be above sga.bytes_max");
	if (s->retry_first_ms > s->retry_max_ms)
		opt_found(c, "sga.retry_first", "sga.retry_first must not be above sga.retry_max");
}

static void
check_servers(const struct opt_check *c)
{
	const struct options_sga *s = &c->o->sga;

	for (size_t i = 0; i < s->servers.n; i++) {
		if (!is_id(s->servers.v[i].id))
			opt_found(c, "sga.servers", "sga.servers: %.64s is no id",
			          s->servers.v[i].id);
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->servers.v[i].id, s->servers.v[k].id) == 0)
				opt_found(c, "sga.servers", "two servers have the id %.64s",
				          s->servers.v[i].id);
	}
}

static bool
is_server(const struct options_sga *s, const char *id)
{
	for (size_t i = 0; i < s->servers.n; i++)
		if (strcmp(s->servers.v[i].id, id) == 0)
			return true;
	return *id == '\0' && s->servers.n > 0;
}

static void
check_peer(const struct opt_check *c, const struct options_sga_peer *p)
{
	if (!is_id(p->id))
		opt_found(c, "sga.peers", "sga.peers: %.64s is no id", p->id);
	if (!is_server(&c->o->sga, p->server))
		opt_found(c, "sga.peers", "the server of the peer %.64s is not in sga.servers",
		          p->id);
}

static void
check_peers(const struct opt_check *c)
{
	const struct options_sga *s = &c->o->sga;

	for (size_t i = 0; i < s->peers.n; i++) {
		check_peer(c, &s->peers.v[i]);
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->peers.v[i].id, s->peers.v[k].id) == 0)
				opt_found(c, "sga.peers", "two peers have the id %.64s",
				          s->peers.v[i].id);
	}
	if (s->peers.n > (size_t)s->peers_max)
		opt_found(c, "sga.peers_max", "sga.peers has more than sga.peers_max");
}

void
opt_check_sga(const struct opt_check *c)
{
	check_id(c);
	check_ciphers(c);
	check_suites(c);
	check_sizes(c);
	check_servers(c);
	check_peers(c);
	opt_check_identities(c, "sga.managers", &c->o->sga.managers);
}
