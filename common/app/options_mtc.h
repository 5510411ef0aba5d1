/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of the groups gaka, mpa and sd; part of options.h, whose rules hold here. What they mean
 * is in cap/gaka_conf.h, cap/mpa_conf.h and cap/sd_conf.h.
 */
#ifndef APP_OPTIONS_MTC_H
#define APP_OPTIONS_MTC_H

#include "app/options_proxy.h"

#include <stdbool.h>
#include <stdint.h>

struct options_gaka {
	bool enabled;
	bool conventional;
	int window;
	int conventional_max, sets_max, members_max, attempts_max, sessions_max;
	int64_t attempt_time_ms;
	const char *gateway; /* "" = none */
	struct options_strings groups; /* none = all */
	const char *attach; /* of the same, "" = gateway */
	int64_t keys_interval_ms, check_interval_ms, retry_first_ms, retry_max_ms;
};

struct options_mpa {
	bool enabled;
	const char *key; /* file; "" = one is made */
	int servers_max, warrants_max;
	int64_t warrant_time_ms, contact_timeout_ms;
	int attempts_max, sessions_max, chains_max, decisions_max;
	int64_t attempt_time_ms, session_time_ms;
	bool forward;
	const char *gateway, *attach; /* "" = none */
	const char *server_key, *network_key; /* files; "" = none */
	bool require_decision;
	int64_t check_interval_ms;
	int64_t retry_first_ms, retry_max_ms;
};

struct options_sd {
	bool enabled;
	int threads;
	int devices_max, waiting_max;
	bool verify;
	int bundle_max;
	int64_t bundle_wait_ms, keep_ms, key_ttl_ms, round_time_ms;
	int policy; /* enum sd_policy */
	int octet_cost;
	int pending_max;
	const char *gateway; /* "" = none */
	const char *container; /* "" = none */
	int queue_max;
	int64_t retry_first_ms, retry_max_ms;
};

#endif
