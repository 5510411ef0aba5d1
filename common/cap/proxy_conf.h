/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the capability of the store-and-forward proxy asks of the configuration: group proxy of the
 * options. Strings and lists live until detach has returned; an absent string is NULL, lists end
 * with NULL and are never NULL. Times are microseconds unless they say otherwise.
 */
#ifndef CAP_PROXY_CONF_H
#define CAP_PROXY_CONF_H

#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Directories below state: that of the proxy, of the sink, of the source. */
#define PROXY_BOOK_STORE "proxy"
#define PROXY_SINK_STORE "sink"
#define PROXY_SOURCE_STORE "source"

/* A source that this SCL receives from. */
struct proxy_source_conf {
	const char *url; /* as it stands in its units */
	const char *scl; /* SCL-ID that its requests count as */
	const char *key; /* PUBLIC KEY file, part sign */
};

/* A sink that what this SCL has parked is for. */
struct proxy_sink_conf {
	const char *name;
	const char *url; /* where its proxy delivers */
	const char *key; /* PUBLIC KEY file, part PK2 */
	const char *destination; /* the SCL that it stands for; NULL: one more sink */
};

enum proxy_park { PROXY_PARK_FULL, PROXY_PARK_DOWN, PROXY_PARK_ALWAYS };
enum proxy_drain { PROXY_DRAIN_APPLIED, PROXY_DRAIN_ACKNOWLEDGED };

/* Of all that store and send for others. */
struct proxy_conf_store {
	bool enabled;
	uint64_t capacity; /* octets of all reservations */
	uint32_t message_max, batch_bytes; /* octets */
	unsigned stores_max, stores_per_owner, streams_max, forwards_max, sinks_max, keys_max;
	int64_t ttl_max, monitor_interval;
	unsigned watchers_max;
	unsigned grants;
	unsigned in_flight;
	uint64_t rate; /* octets per second of a lane; 0: as fast as it goes */
};

struct proxy_conf_udp {
	const char *address; /* numeric; NULL: all */
	unsigned port; /* 0: none */
	size_t unit_max; /* octets of a unit */
	size_t held; /* octets of units that wait for those before them */
};

struct proxy_conf_sink {
	const struct proxy_source_conf *sources;
	size_t n_sources; /* 0: this SCL is no sink */
	unsigned inbox_waiting; /* requests of one source */
	size_t inbox_octets; /* of a source, that wait to be applied */
	unsigned apply_window;
	int64_t apply_limit;
	bool archive; /* takes sections that are older than the newest ones */
};

struct proxy_conf_source {
	bool enabled;
	const char *const *proxies; /* root URLs */
	const char *const *discover; /* sclBase or authority URLs */
	const struct proxy_sink_conf *sinks;
	size_t n_sinks;
	const char *uplink_key; /* PUBLIC KEY file */
	const char *const *rigid_rcat;
	int64_t min_delay;
	enum proxy_park park;
	unsigned park_level; /* per cent */
	int64_t park_after;
	unsigned destinations;
	uint64_t reserve; /* octets */
	int64_t store_ttl;
	unsigned epoch_sections, section_messages;
	int64_t section_time;
	bool sign_data;
	uint16_t cid; /* sec/cipher.h */
	uint64_t parked_max;
	enum proxy_drain drain;
};

struct proxy_conf {
	const char *state; /* directory of the SCL's store; NULL: nothing outlives the process */
	const struct store_ops *engine; /* of state */
	const char *kek_file; /* NULL: one is made beside the directory */
	const char *identity; /* SECRET KEY file; NULL: none */
	const char *const *managers; /* identities */
	const char *ca_file, *certificate, *key; /* PEM files for other providers */
	const char *namespace_host; /* of names of sinks, as an authority */
	bool allow_clear;
	unsigned threads; /* of the pool */
	unsigned send_timeout_ms; /* for a peer's answer */
	int64_t retry_first, retry_max;
	struct proxy_conf_store store;
	struct proxy_conf_udp udp;
	struct proxy_conf_sink sink;
	struct proxy_conf_source source;
};

#endif
