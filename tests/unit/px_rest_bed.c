/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "px_rest_bed.h"

#include <stdio.h>

#include "cap/proxy_conf.h"
#include "cap/sec/sec.h"
#include "pre_flow.h"

#define UNITS "application/octet-stream"

static const struct listener_policy claims = { .proved = false };
static const char *const managers[] = { "claim:" OWNER, NULL };
static const char *const nothing[] = { NULL };

struct core_bed px_core;
static struct capability_conf conf;
struct px *px;
static bool stopped;
struct asker owner, other, friend;

static void
attach(struct scl *scl)
{
	char why[CAPABILITY_WHY_MAX] = "";

	ck_assert_msg(px_attach(scl, &conf, &px, why) == RC_OK, "%s", why);
	ck_assert_ptr_nonnull(px);
}

struct asker
asker_of(const char *from)
{
	struct asker a = asker_plain(SERVE_MIA | SERVE_MID);

	a.from = from;
	a.policy = &claims;
	return a;
}

static void
fill_conf(void)
{
	conf = (struct capability_conf){ .role = SCL_GSCL, .scl_id = "gscl-1", .base = "m2m" };
	conf.proxy = (struct proxy_conf){
		.engine = &store_memory,
		.managers = managers,
		.namespace_host = "m2m.invalid",
		.threads = 1,
		.send_timeout_ms = 1000,
		.retry_first = 3600 * CLOCK_SECOND,
		.retry_max = 3600 * CLOCK_SECOND,
		.store = { .enabled = true,
		           .capacity = 1u << 20,
		           .message_max = 4096,
		           .batch_bytes = 65536,
		           .stores_max = 8,
		           .stores_per_owner = 4,
		           .streams_max = 4,
		           .forwards_max = 8,
		           .sinks_max = 2,
		           .keys_max = 8,
		           .ttl_max = 100000 * CLOCK_SECOND,
		           .watchers_max = 2,
		           .grants = 4,
		           .in_flight = 4 },
		.source = { .proxies = nothing, .discover = nothing, .rigid_rcat = nothing },
	};
}

void
rest_setup(void)
{
	char why[CAPABILITY_WHY_MAX] = "";

	fill_conf();
	stopped = false;
	core_init_alone(&px_core);
	px_core.attach = attach;
	core_start(&px_core);
	ck_assert_msg(px_start(px, "http://scl.example.org:8080/m2m", why) == RC_OK, "%s", why);
	owner = asker_of(OWNER);
	other = asker_of(OTHER);
	friend = asker_of(FRIEND);
}

void
rest_stop(void)
{
	px_stop(px);
	stopped = true;
}

void
rest_teardown(void)
{
	if (!stopped)
		px_stop(px);
	core_stop(&px_core);
	px_detach(px);
	core_fini(&px_core);
}

/* ---- calls ---- */

struct told
call(const struct asker *who, const char *method, const char *body, const char *fmt, ...)
{
	char target[256];
	int n = snprintf(target, sizeof(target), ROOT);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(target + n, sizeof(target) - (size_t)n, fmt, ap);
	va_end(ap);
	return ask(&px_core, who, method, target, "application/json", body);
}

const char *
make_store(const char *body)
{
	struct told t = call(&owner, "POST", body, "/stores");
	const char *id = told_text(&t, "id");
	char location[64];

	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	snprintf(location, sizeof(location), ROOT "/stores/%s", id);
	ck_assert_str_eq(t.location, location);
	told_fini(&t);
	return id;
}

struct told
put_units(const struct asker *who, const char *id, const struct buf *b)
{
	char target[128];

	snprintf(target, sizeof(target), ROOT "/stores/%s/messages", id);
	return ask_octets(&px_core, who, "POST", target, UNITS, buf_view(b));
}

int
put_status(const struct asker *who, const char *id, const struct buf *b)
{
	struct told t = put_units(who, id, b);
	int status = t.status;

	told_fini(&t);
	return status;
}

void
put_section(struct buf *b, uint16_t key_index, unsigned first, unsigned n)
{
	if (first == 0)
		unit_put_batch(&(struct unit_of){ PRE_MM2, .stream = 1, .key_index = key_index },
		               b);
	for (unsigned i = first; i < first + n; i++)
		unit_put_batch(&(struct unit_of){ PRE_DATA, .stream = 1, .key_index = key_index,
		                                  .seq = i },
		               b);
}

int
put_one_section(const char *id, uint16_t key_index, unsigned first, unsigned n)
{
	struct buf b;
	int status;

	buf_init(&b, 1u << 20);
	put_section(&b, key_index, first, n);
	status = put_status(&owner, id, &b);
	buf_fini(&b);
	return status;
}

/* ---- forwards ---- */

char store[17], rk[2 * AFGH_G2 + 1];

void
forward_setup(void)
{
	hex_encode(flow_rekey(&flow_sink, FLOW_STREAM, 0).rk, AFGH_G2, rk);
	snprintf(store, sizeof(store), "%s", make_store("{\"reserve\":100000}"));
}

const char *
forward_with(const char *key, const char *more)
{
	static char body[4096];

	snprintf(body, sizeof(body),
	         "{\"sinks\":[{\"url\":\"" SINK_URL "\",\"pkId\":\"" PK_ID
	         "\",\"rk\":[{\"stream\":1,"
	         "\"epoch\":0,\"rk\":\"%s\"}]}]%s}",
	         key, more);
	return body;
}

const char *
make_forward(void)
{
	struct told t = call(&owner, "POST", forward_with(rk, ""), "/stores/%s/forwards", store);
	const char *id = told_text(&t, "id");

	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	ck_assert_ptr_nonnull(strstr(t.body, "\"sinks\":[{\"url\":\"" SINK_URL "\",\"lane\":1}]"));
	told_fini(&t);
	return id;
}

void
control_is(const char *forward, int status, const char *answer, const char *text)
{
	struct told t = call(&owner, "PUT", text, "/forwards/%s/control", forward);

	ck_assert_msg(t.status == status && strstr(t.body, answer) != NULL, "%d %s", t.status,
	              t.body);
	told_fini(&t);
}

void
await_monitor(const char *forward, const char *text)
{
	bool has = false;

	while (!has) {
		struct told t = call(&owner, "GET", NULL, "/forwards/%s/monitor", forward);

		has = strstr(t.body, text) != NULL;
		told_fini(&t);
	}
}
