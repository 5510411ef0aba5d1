/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the capabilities of the security gateway application ask of the configuration: group sga of
 * the options. Strings and lists live until detach has returned; an absent string is NULL, lists of
 * strings end with NULL and are never NULL. Times are microseconds unless they say otherwise.
 */
#ifndef CAP_SGA_CONF_H
#define CAP_SGA_CONF_H

#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Directories below state: that of the server, of the device. */
#define SGA_BOOK_STORE "sga"
#define SGA_DEVICE_STORE "sga-device"

#define SGA_CIPHERS_MAX 16u /* bits of a CidSet */

/*
 * Which ciphers of those that both devices have and the server allows it lets them agree on: all, or the
 * first in its order of preference.
 */
enum sga_policy { SGA_POLICY_ALLOWED, SGA_POLICY_STRONGEST };

/* A server that this device is registered with, or is to be. */
struct sga_server_conf {
	const char *id; /* ID_G */
	const char *root; /* URL of its .../sga */
	/* URL of the own gateway, which requests go to in absolute-form; NULL: to root. */
	const char *via;
	const char *verify_key; /* PEM file of the key that its packages are signed by */
	const char *token; /* file with the one-time token in hex; NULL: the device is registered */
	uint8_t suite; /* 1, 2 */
};

/* Somebody whom this device speaks to. */
struct sga_peer_conf {
	const char *id;
	const char *server; /* ID_G of the server to meet at; NULL: the first */
	/* PEM file of its public key, from elsewhere than the server: no session is taken that it did
	 * not sign; NULL: not known */
	const char *sign_key;
};

/* Of the server alone. */
struct sga_conf_server {
	bool suite_c, suite_x; /* that are offered */
	uint16_t group; /* of suite C: 0x0100, 0x0101, 0x0102 for ffdhe2048, 3072, 4096 */
	enum sga_policy policy;
	const char *const *managers; /* identities */
	unsigned devices_max, sessions_max, groups_max, members_max, tokens_max;
	unsigned half_open_max, half_open_per_device;
	unsigned replays_max; /* messages that are remembered in order to be refused */
	unsigned mailbox_items; /* of a device */
	uint64_t mailbox_bytes;
	uint64_t bytes_max; /* of all mailboxes */
	int64_t half_open_time; /* from A1 to B6 */
	int64_t session_time; /* from B6 on */
	int64_t item_ttl;
	int64_t token_ttl_max;
	int64_t rotate; /* how old PK_E and PK_F may become */
	unsigned waiters_max; /* long polls */
	unsigned push_places; /* deliveries to contacts under way */
	unsigned failures_max, failures_per_address; /* within failures_window */
	int64_t failures_window;
};

/* Of the device alone. */
struct sga_conf_device {
	const struct sga_server_conf *servers;
	size_t n_servers;
	const struct sga_peer_conf *peers;
	size_t n_peers;
	bool accept_any; /* also invitations of peers that are not listed */
	const char *const *applications; /* App-IDs that may use it; empty: all local ones */
	/* A session is renewed before it has as many records of one direction, or is as old. */
	uint32_t session_records;
	int64_t session_time;
	int64_t poll_wait;
	unsigned peers_max; /* listed or not */
	unsigned joined_max; /* groups */
	unsigned queue_items; /* that wait for one peer */
	uint64_t queue_bytes;
	unsigned inbox_items;
	uint64_t inbox_bytes;
};

struct sga_conf {
	bool enabled;
	const char *state; /* directory of the SCL's store; NULL: nothing outlives the process */
	const struct store_ops *engine; /* of state */
	const char *id; /* ID_G or ID_d: 1..64 of letters, digits and . _ ~ : @ - */
	/* Distinct, in the order of preference; one of 0x0003 and 0x0005 is there. */
	uint16_t ciphers[SGA_CIPHERS_MAX];
	size_t n_ciphers;
	/* PEM file of an Ed25519 key; NULL: one is made and kept in the store. */
	const char *sign_key;
	const char *kek_file; /* NULL: one is made beside the directory */
	unsigned threads; /* of the pool, 1..64 */
	unsigned send_timeout_ms; /* for a peer's answer */
	int64_t retry_first, retry_max;
	struct sga_conf_server server;
	struct sga_conf_device device;
};

#endif
