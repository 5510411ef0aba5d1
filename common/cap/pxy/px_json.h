/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of the proxy's REST interface (docs/api.md), read strictly (codec/json_fields.h). Slices
 * lie in the body, arrays in the arena. RC_BAD_REQUEST for everything that is not as it should be, with
 * what it is in *why (constant); RC_UNAVAILABLE without memory. Pure; any thread.
 */
#ifndef CAP_PXY_PX_JSON_H
#define CAP_PXY_PX_JSON_H

#include "base/arena.h"
#include "cap/pxy/px_forward.h"
#include "cap/pxy/px_store.h"

#define PX_JSON_KEYS_MAX 256u /* re-encryption keys of one request */
#define PX_JSON_SINKS_MAX 256u /* entries of a list of one request */
#define PX_RESERVE_MIN 4096u /* octets */
#define PX_BATCH_MAX 256u
#define PX_BATCH_DEFAULT 16u
#define PX_TTL_DEFAULT (86400 * CLOCK_SECOND)

/* Of a request that may come again. */
struct px_json_again {
	bool given;
	uint8_t id[PX_REQUEST_BYTES];
};

/* ---- POST stores, PUT stores/{s}, POST stores/{s}/release ---- */

struct px_json_store {
	struct px_json_again request;
	uint64_t reserve; /* octets */
	int64_t ttl; /* microseconds */
	enum px_mode mode;
	enum px_class class;
	enum px_transport transport;
	struct slice allow[PX_NAMED_MAX];
	size_t n_allow;
	bool release;
	struct slice source; /* URL; empty: none */
	bool has_sign;
	uint8_t sign[PX_SIGN_BYTES];
};

/* ttl_max: microseconds; the ttl is not above it. */
enum rc px_json_store(struct slice body, int64_t ttl_max, struct px_json_store *out,
                      const char **why);
enum rc px_json_ttl(struct slice body, int64_t ttl_max, int64_t *ttl, const char **why);
enum rc px_json_upto(struct slice body, uint64_t *upto, const char **why);

/* ---- POST stores/{s}/forwards, PUT forwards/{f}/control ---- */

/* Where something begins or ends; neither: not said. */
struct px_json_point {
	bool by_section;
	struct px_section section;
	uint64_t number; /* 0: not by number */
};

struct px_json_sink {
	struct slice url;
	struct px_key *keys; /* secret; in px_json_keys */
	size_t n_keys;
	uint64_t rate; /* octets per second; 0: not said */
	uint32_t batch; /* 0: not said */
	bool compress;
	const uint8_t *udp_key; /* secret; in px_json_keys; NULL: none */
	struct px_json_point from, to;
};

/* What is secret of a request: wiped by whoever has had it read, whatever came of it. */
struct px_json_keys {
	struct px_key *v;
	size_t n, room;
	uint8_t (*udp)[PX_UDP_KEY_BYTES];
	size_t n_udp, udp_room;
};

void px_json_wipe(struct px_json_keys *keys);

struct px_json_forward {
	struct px_json_again request;
	struct px_json_sink *sinks;
	size_t n_sinks; /* at least 1 */
	struct px_json_point from, to;
};

enum rc px_json_forward(struct slice body, struct arena *a, struct px_json_forward *out,
                        struct px_json_keys *keys, const char **why);

enum px_json_action { PX_JSON_CHANGE, PX_JSON_PAUSE, PX_JSON_RESUME };

/* New keys of a sink that is there. */
struct px_json_grant {
	struct slice url;
	bool has_pk_id; /* the keys have it; else it is that of the keys that there are */
	struct px_key *keys; /* secret; in px_json_keys */
	size_t n_keys;
};

struct px_json_removal {
	struct slice url;
	bool at_section;
};

struct px_json_rate {
	struct slice url;
	bool has_rate;
	uint64_t rate; /* octets per second */
	uint32_t batch; /* 0: not said */
};

struct px_json_skip {
	struct slice url;
	uint64_t number;
};

struct px_json_control {
	uint64_t revision; /* at least 1 */
	enum px_json_action action;
	struct px_json_sink *add;
	size_t n_add;
	struct px_json_grant *grant;
	size_t n_grant;
	struct px_json_removal *remove;
	size_t n_remove;
	struct px_json_rate *rate;
	size_t n_rate;
	struct px_json_skip *skip;
	size_t n_skip;
};

enum rc px_json_control(struct slice body, struct arena *a, struct px_json_control *out,
                        struct px_json_keys *keys, const char **why);

#endif
