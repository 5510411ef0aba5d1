/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the group sga; part of options.h, whose rules hold here. */
#ifndef APP_OPTIONS_SGA_H
#define APP_OPTIONS_SGA_H

#include "app/options_proxy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A server of a device. */
struct options_sga_server {
	const char *id;
	const char *root;
	const char *via; /* "" = requests go to root */
	const char *verify_key; /* file */
	const char *token; /* file; "" = registered */
	int suite;
};

/* A peer of a device. */
struct options_sga_peer {
	const char *id;
	const char *server; /* "" = the first */
	const char *sign_key; /* file; "" = none */
};

/* Being a server (gateways), being a device (devices). */
struct options_sga {
	bool enabled;
	const char *id; /* "" = scl.id */
	struct options_strings ciphers; /* none = all (server), the mandatory ones (device) */
	const char *sign_key; /* file; "" = one is made */
	const char *kek_file; /* "" = one is made in store.path */
	int threads;
	int64_t send_timeout_ms, retry_first_ms, retry_max_ms;
	/* server */
	struct options_strings suites; /* none = X */
	int group;
	int cipher_policy; /* enum sga_policy */
	struct options_strings managers;
	int devices_max, sessions_max, groups_max, members_max, tokens_max;
	int half_open_max, half_open_per_device;
	int64_t half_open_time_ms, session_time_ms;
	int replays_max;
	int mailbox_items;
	int64_t mailbox_bytes, bytes_max;
	int64_t item_ttl_ms, token_ttl_ms, rotate_ms;
	int waiters_max, push_places;
	int failures_max, failures_per_address;
	int64_t failures_window_ms;
	/* device, which session_time is for as well */
	int session_records;
	struct {
		const struct options_sga_server *v;
		size_t n;
	} servers;
	struct {
		const struct options_sga_peer *v;
		size_t n;
	} peers;
	bool accept_any;
	struct options_strings applications;
	int64_t poll_wait_ms;
	int peers_max, joined_max;
	int queue_items;
	int64_t queue_bytes;
	int inbox_items;
	int64_t inbox_bytes;
};

#endif
