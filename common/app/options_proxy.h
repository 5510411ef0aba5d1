/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the group proxy; part of options.h, whose rules hold here. */
#ifndef APP_OPTIONS_PROXY_H
#define APP_OPTIONS_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options_strings {
	const char *const *v;
	size_t n;
};

enum options_park { OPTIONS_PARK_FULL, OPTIONS_PARK_DOWN, OPTIONS_PARK_ALWAYS };
enum options_drain { OPTIONS_DRAIN_APPLIED, OPTIONS_DRAIN_ACKNOWLEDGED };

/* A source that this SCL receives parked requests of. */
struct options_proxy_source {
	const char *url;
	const char *scl;
	const char *key; /* file */
};

/* A sink of what this SCL parks. */
struct options_proxy_sink {
	const char *name;
	const char *url;
	const char *key; /* file */
	const char *destination; /* "" = one more sink */
};

/* Storing and forwarding for others, being a sink, being a source. */
struct options_proxy {
	bool enabled;
	int64_t capacity, message_max, batch_bytes;
	int stores_max, stores_per_owner, streams_max, forwards_max, sinks_max, keys_max;
	int64_t ttl_max_ms, monitor_interval_ms;
	int watchers_max;
	int threads;
	int grants;
	int in_flight;
	int64_t rate; /* octets per second, 0 = none */
	int64_t send_timeout_ms, retry_first_ms, retry_max_ms;
	const char *udp_address; /* "" = all */
	int udp_port; /* 0 = none */
	int64_t udp_max, udp_held;
	const char *ca_file, *certificate, *key;
	const char *kek_file; /* "" = one is made in store.path */
	const char *namespace_host;
	bool allow_clear;
	const char *identity; /* file */
	struct options_strings managers;
	/* sink */
	struct {
		const struct options_proxy_source *v;
		size_t n;
	} sources;
	int inbox_waiting;
	int64_t inbox_octets;
	int apply_window;
	int64_t apply_limit_ms;
	bool archive;
	/* source */
	bool source;
	struct options_strings proxies, discover;
	struct {
		const struct options_proxy_sink *v;
		size_t n;
	} sinks;
	const char *uplink_key; /* file; "" = asked for */
	struct options_strings rigid_rcat; /* none = RCAT_0 */
	int64_t min_delay_ms;
	int park; /* enum options_park */
	int park_level; /* per cent */
	int64_t park_after_ms;
	int destinations;
	int64_t reserve;
	int64_t store_ttl_ms;
	int epoch_sections, section_messages;
	int64_t section_time_ms;
	bool sign_data;
	int cid; /* sec/cipher.h */
	int parked_max;
	int drain; /* enum options_drain */
};

#endif
