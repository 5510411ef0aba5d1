/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/sga_conf.h"

#include "app/scl_conf.h"
#include "base/arena.h"
#include "sec/cipher.h"

#define US_PER_MS INT64_C(1000)

_Static_assert(CIPHER_CID_MAX <= SGA_CIPHERS_MAX, "more ciphers than a CidSet has bits");
#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* What a device offers that says nothing: those that every party has. */
static const uint16_t mandatory[] = { CIPHER_AES_128_GCM, CIPHER_CHACHA20_POLY1305 };

/*
 * What a server allows that says nothing: all, the strongest first, as SGA_POLICY_STRONGEST takes them.
 * First by the length of key and tag; of the same those whose code has no tables.
 */
static const uint16_t strongest[] = { 0x0004, 0x0005, 0x0003, 0x0002, 0x000a,
	                              0x0007, 0x0006, 0x0008, 0x0009, 0x0001 };
_Static_assert(NITEMS(strongest) == CIPHER_CID_MAX, "a cipher is not in the order");

uint16_t
sga_conf_cipher(const char *name)
{
	const struct cipher *c = cipher_named(slice_of(name));

	return c == NULL ? 0 : c->cid;
}

/* NULL for the absent string. */
static const char *
some(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

/* list with a NULL at its end, in a; NULL when a is exhausted. */
static const char *const *
ended(struct arena *a, const struct options_strings *list)
{
	const char **v = ARENA_ARRAY(a, const char *, list->n + 1);

	for (size_t i = 0; v != NULL && i < list->n; i++)
		v[i] = list->v[i];
	return v;
}

static void
fill_ciphers(struct sga_conf *conf, const struct profile *profile, const struct options_sga *o)
{
	bool device = profile->role == ROLE_DSCL;
	const uint16_t *of = device ? mandatory : strongest;
	size_t n = device ? NITEMS(mandatory) : NITEMS(strongest);

	for (size_t i = 0; i < o->ciphers.n && i < SGA_CIPHERS_MAX; i++)
		conf->ciphers[conf->n_ciphers++] = sga_conf_cipher(o->ciphers.v[i]);
	if (conf->n_ciphers > 0)
		return;
	memcpy(conf->ciphers, of, n * sizeof(*of));
	conf->n_ciphers = n;
}

static void
fill_server(struct sga_conf_server *c, const struct options_sga *o, struct arena *a)
{
	*c = (struct sga_conf_server){
		.suite_x = o->suites.n == 0,
		.group = (uint16_t)o->group,
		.policy = (enum sga_policy)o->cipher_policy,
		.managers = ended(a, &o->managers),
		.devices_max = (unsigned)o->devices_max,
		.sessions_max = (unsigned)o->sessions_max,
		.groups_max = (unsigned)o->groups_max,
		.members_max = (unsigned)o->members_max,
		.tokens_max = (unsigned)o->tokens_max,
		.half_open_max = (unsigned)o->half_open_max,
		.half_open_per_device = (unsigned)o->half_open_per_device,
		.replays_max = (unsigned)o->replays_max,
		.mailbox_items = (unsigned)o->mailbox_items,
		.mailbox_bytes = (uint64_t)o->mailbox_bytes,
		.bytes_max = (uint64_t)o->bytes_max,
		.half_open_time = o->half_open_time_ms * US_PER_MS,
		.session_time = o->session_time_ms * US_PER_MS,
		.item_ttl = o->item_ttl_ms * US_PER_MS,
		.token_ttl_max = o->token_ttl_ms * US_PER_MS,
		.rotate = o->rotate_ms * US_PER_MS,
		.waiters_max = (unsigned)o->waiters_max,
		.push_places = (unsigned)o->push_places,
		.failures_max = (unsigned)o->failures_max,
		.failures_per_address = (unsigned)o->failures_per_address,
		.failures_window = o->failures_window_ms * US_PER_MS,
	};
	for (size_t i = 0; i < o->suites.n; i++) {
		c->suite_c = c->suite_c || strcmp(o->suites.v[i], "C") == 0;
		c->suite_x = c->suite_x || strcmp(o->suites.v[i], "X") == 0;
	}
}

static const struct sga_server_conf *
servers_of(const struct options_sga *o, struct arena *a)
{
	struct sga_server_conf *v = ARENA_ARRAY(a, struct sga_server_conf, o->servers.n + 1);

	for (size_t i = 0; v != NULL && i < o->servers.n; i++) {
		const struct options_sga_server *s = &o->servers.v[i];

		v[i] = (struct sga_server_conf){ s->id,         s->root,        some(s->via),
			                         s->verify_key, some(s->token), (uint8_t)s->suite };
	}
	return v;
}

static const struct sga_peer_conf *
peers_of(const struct options_sga *o, struct arena *a)
{
	struct sga_peer_conf *v = ARENA_ARRAY(a, struct sga_peer_conf, o->peers.n + 1);

	for (size_t i = 0; v != NULL && i < o->peers.n; i++) {
		const struct options_sga_peer *p = &o->peers.v[i];

		v[i] = (struct sga_peer_conf){ p->id, some(p->server), some(p->sign_key) };
	}
	return v;
}

static void
fill_device(struct sga_conf_device *c, const struct options_sga *o, struct arena *a)
{
	*c = (struct sga_conf_device){
		.session_records = (uint32_t)o->session_records,
		.session_time = o->session_time_ms * US_PER_MS,
		.servers = servers_of(o, a),
		.n_servers = o->servers.n,
		.peers = peers_of(o, a),
		.n_peers = o->peers.n,
		.accept_any = o->accept_any,
		.applications = ended(a, &o->applications),
		.poll_wait = o->poll_wait_ms * US_PER_MS,
		.peers_max = (unsigned)o->peers_max,
		.joined_max = (unsigned)o->joined_max,
		.queue_items = (unsigned)o->queue_items,
		.queue_bytes = (uint64_t)o->queue_bytes,
		.inbox_items = (unsigned)o->inbox_items,
		.inbox_bytes = (uint64_t)o->inbox_bytes,
	};
}

void
sga_conf_fill(struct sga_conf *conf, const struct profile *profile, const struct options *o,
              struct arena *a)
{
	const struct options_sga *s = &o->sga;

	*conf = (struct sga_conf){
		.enabled = s->enabled,
		.engine = scl_conf_engine(profile, o),
		.id = s->id[0] == '\0' ? o->scl.id : s->id,
		.sign_key = some(s->sign_key),
		.kek_file = some(s->kek_file),
		.threads = (unsigned)s->threads,
		.send_timeout_ms = (unsigned)s->send_timeout_ms,
		.retry_first = s->retry_first_ms * US_PER_MS,
		.retry_max = s->retry_max_ms * US_PER_MS,
	};
	if (conf->engine != NULL && conf->engine != &store_memory)
		conf->state = some(o->store.path);
	fill_ciphers(conf, profile, s);
	fill_server(&conf->server, s, a);
	fill_device(&conf->device, s, a);
}
