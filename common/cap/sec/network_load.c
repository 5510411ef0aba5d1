/* SPDX-License-Identifier: Apache-2.0 */
/* Overload control of the network: its parts, bootstraps, administration. */
#include "config.h"

#include "cap/sec/network_impl.h"
#include "codec/json_fields.h"
#include "mas/msbf.h"

/* ---- bootstraps ---- */

/* A device that has proved itself by its certificate claims in a session of its own. */
static bool
put_off(void *arg, const struct msbf_load *load, unsigned *retry_after)
{
	struct sec *s = arg;
	const struct mas *mas = &s->roles.mas;
	const struct priority_of of = { .session = true };
	struct overload_ask ask = { .kind = OVERLOAD_BOOTSTRAP };
	struct mas_standing standing;

	if (load->in != NULL)
		ask.low = priority_is_low(s->priority, load->in, &of, SLICE_NONE, SLICE_NONE);
	if (load->node != NULL &&
	    mas->ops->indicator(mas->self, load->node, load->kmr_index, &standing)) {
		ask.low = ask.low || standing.low;
		secret_wipe(&standing, sizeof(standing));
	}
	return overload_sheds(s->overload, &ask, retry_after);
}

/* ---- administration ---- */

struct wish {
	int64_t level;
};

static void
show(void *arg, struct admin_ask *ask)
{
	const struct sec *s = arg;
	struct buf b;

	buf_init(&b, 1024);
	json_put_open(&b, NULL, '{');
	overload_show(s->overload, &b);
	buf_char(&b, '}');
	if (b.failed)
		admin_ask_refuse(ask, RC_UNAVAILABLE, "OVERLOAD", 0);
	else
		admin_ask_end(ask, RC_OK, buf_view(&b));
	buf_fini(&b);
}

static void
force_to(struct sec *s, struct admin_ask *ask, int level)
{
	if (overload_force(s->overload, level))
		show(s, ask);
	else
		admin_ask_refuse(ask, RC_NOT_FOUND, "OVERLOAD_OFF", 0);
}

static void
force(void *arg, struct admin_ask *ask)
{
	static const struct json_field fields[] = {
		{ "level", JSON_NUMBER, true, offsetof(struct wish, level) },
	};
	struct wish w = { .level = -1 };

	if (json_read(ask->body, fields, 1, &w) && w.level >= 0 && w.level < (int)OVERLOAD_LEVELS)
		force_to(arg, ask, (int)w.level);
	else
		admin_ask_refuse(ask, RC_BAD_REQUEST, "BAD_PARAM", 0);
}

static void
measure(void *arg, struct admin_ask *ask)
{
	force_to(arg, ask, OVERLOAD_MEASURED);
}

enum rc
network_load_attach(struct sec *s)
{
	static const struct admin_more ops[NETWORK_LOAD_OPS] = {
		{ REQ_RETRIEVE, "overload", "overload-show", show, NULL },
		{ REQ_UPDATE, "overload", "overload-force", force, NULL },
		{ REQ_DELETE, "overload", "overload-measure", measure, NULL },
	};
	enum rc rc = RC_OK;

	if (s->roles.admin == NULL)
		return RC_OK;
	for (size_t i = 0; i < NETWORK_LOAD_OPS && rc == RC_OK; i++) {
		s->load_ops[i] = ops[i];
		s->load_ops[i].arg = s;
		rc = admin_add(s->roles.admin, &s->load_ops[i]);
	}
	return rc == RC_OK ? admin_add_counters(s->roles.admin, s->load_counters) : rc;
}

/* ---- life ---- */

enum rc
network_load_open(struct sec *s)
{
	static const char *const names[] = {
#define LOAD_COUNTER(name, text) text,
#include "cap/sec/load_counters.def"
#undef LOAD_COUNTER
	};

	s->load_counters = mas_counters_new(names, LOAD_COUNTERS);
	if (s->load_counters == NULL)
		return RC_UNAVAILABLE;
	s->overload = overload_new(&s->conf.overload, s->conf.log, s->load_counters);
	s->priority = priority_new(&(struct priority_conf){ .mas = &s->roles.mas,
	                                                    .clock = s->conf.clock,
	                                                    .log = s->conf.log,
	                                                    .counters = s->load_counters });
	s->roles.put_off = put_off;
	s->roles.put_off_arg = s;
	return s->overload == NULL || s->priority == NULL ? RC_UNAVAILABLE : RC_OK;
}

void
network_load_close(struct sec *s)
{
	overload_free(s->overload);
	priority_free(s->priority);
	mas_counters_free(s->load_counters);
}
