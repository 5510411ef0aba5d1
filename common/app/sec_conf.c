/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/sec_conf.h"

#include "app/listen_names.h"
#include "app/scl_conf.h"
#include "base/arena.h"
#include "core/req.h"

#define US_PER_MS INT64_C(1000)
#define ARENA_MAX (1u << 20)

/* NULL for the absent string. */
static const char *
some(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

/* list with a NULL at its end; NULL for the empty one. */
static const char *const *
list_of(struct arena *a, const struct options_strings *list)
{
	const char **v = list->n == 0 ? NULL : ARENA_ARRAY(a, const char *, list->n + 1);

	for (size_t i = 0; v != NULL && i < list->n; i++)
		v[i] = list->v[i];
	return v;
}

static bool
has_role(const struct options *o, const char *role)
{
	for (size_t i = 0; i < o->roles.n; i++)
		if (strcmp(o->roles.v[i], role) == 0)
			return true;
	return false;
}

/* The engine memory forgets everything at the end, and so does what goes with it. */
static const char *
state_of(const struct options *o)
{
	return strcmp(o->store.engine, store_memory.name) == 0 ? NULL : some(o->store.path);
}

static void
fill_bootstrap(struct sec_conf *conf, const struct options *o, struct arena *a)
{
	conf->bootstrap.msbf = some(o->bootstrap.msbf);
	conf->bootstrap.ca = some(o->bootstrap.ca);
	conf->bootstrap.crl = some(o->bootstrap.crl);
	conf->bootstrap.certificate = some(o->bootstrap.certificate);
	conf->bootstrap.key = some(o->bootstrap.key);
	conf->bootstrap.ppid = some(o->bootstrap.ppid);
	conf->bootstrap.transport = o->bootstrap.transport;
	conf->bootstrap.domains = list_of(a, &o->bootstrap.domains);
	conf->bootstrap.reject_key = some(o->bootstrap.reject_key);
	conf->bootstrap.backoff = o->bootstrap.backoff_ms * US_PER_MS;
	conf->bootstrap.retry = o->bootstrap.retry_ms * US_PER_MS;
	conf->bootstrap.retry_max = o->bootstrap.retry_max_ms * US_PER_MS;
}

static void
fill_overload(struct overload_conf *conf, const struct options *o)
{
	*conf = (struct overload_conf){
		.enabled = o->overload.enabled,
		.queue = { (unsigned)o->overload.queue_level1, (unsigned)o->overload.queue_level2,
		           (unsigned)o->overload.queue_level3 },
		.cpu = { (unsigned)o->overload.cpu_level1, (unsigned)o->overload.cpu_level2,
		         (unsigned)o->overload.cpu_level3 },
		.hold = o->overload.hold_ms * US_PER_MS,
	};
}

static void
fill_network(struct sec_conf *conf, enum role role, const struct options *o, struct arena *a)
{
	conf->network.msbf = has_role(o, "msbf");
	conf->network.mas = has_role(o, "mas");
	conf->network.nscl = o->roles.n == 0 || has_role(o, "nscl");
	conf->network.mas_uri =
		role == ROLE_DSCL ? NULL : some(o->mas.uri); /* a device asks none */
	conf->network.mas_ca = some(o->mas.ca);
	conf->network.mas_certificate = some(o->mas.certificate);
	conf->network.mas_key = some(o->mas.key);
	conf->network.kek_file = some(o->mas.kek_file);
	conf->network.kek_next_file = some(o->mas.kek_next_file);
	conf->network.reject_key = some(o->mas.reject_key);
	conf->network.sp_id = some(o->msbf.sp_id);
	conf->network.msbf_id = some(o->msbf.id);
	conf->network.admission = o->msbf.admission == OPTIONS_ADMISSION_CA ? "ca" : "list";
	conf->network.local_mac = o->msbf.allow_local_mac;
	conf->network.nscls = list_of(a, &o->msbf.nscls);
	conf->network.mas_address = some(o->msbf.mas_address);
	conf->network.ocsp = o->msbf.ocsp == OPTIONS_ON;
	conf->network.ocsp_responder = some(o->msbf.ocsp_responder);
	conf->network.ocsp_timeout = o->msbf.ocsp_timeout_ms * US_PER_MS;
	conf->network.admin_tokens = some(o->admin.tokens);
	conf->network.gaka_singles = (unsigned)o->gaka.conventional_max;
	sec_conf_limits(&conf->network.limits, o);
}

bool
sec_conf_fill(struct sec_conf *conf, const struct profile *profile, const struct options *o,
              struct log *log, struct arena *a)
{
	*conf = (struct sec_conf){
		.scl_id = o->scl.id,
		.base = o->scl.base,
		.log = log,
		.clock = &clock_system,
		.state = state_of(o),
		.engine = scl_conf_engine(profile, o),
		.old_documents = o->mid.documents == OPTIONS_DOCUMENTS_V1,
		.static_credentials = o->mid.static_credentials,
		.open_on_loopback = o->mid.open_on_loopback,
		.renew_jitter = o->mid.renew_jitter,
		.tokens = some(o->issuers.tokens),
		.unix_users = list_of(a, &o->issuers.unix_users),
		.clear_tokens = o->listen.allow_clear,
		.nscl = list_of(a, &o->register_at.nscl),
	};
	conf->keystore.path = some(o->keystore.path);
	if (conf->keystore.path == NULL && conf->state != NULL)
		conf->keystore.path = arena_printf(a, "%s/" SEC_KEYSTORE, conf->state).p;
	conf->keystore.kek_file = some(o->keystore.kek_file);
	conf->keystore.passphrase_file = some(o->keystore.passphrase_file);
	conf->keystore.bind = o->keystore.bind;
	conf->ival.manifest = some(o->ival.manifest);
	conf->ival.manifest_key = some(o->ival.manifest_key);
	conf->ival.configuration = some(o->ival.configuration);
	if (conf->ival.configuration == NULL)
		conf->ival.configuration = o->file;
	conf->ival.interval = o->ival.interval_ms * US_PER_MS;
	conf->config.key = some(o->config.key);
	conf->config.sub_id = some(o->config.sub_id);
	conf->config.require = o->config.require;
	sec_conf_rate(&conf->rate, o);
	fill_overload(&conf->overload, o);
	conf->low_priority = o->register_at.priority == OPTIONS_PRIORITY_LOW;
	fill_bootstrap(conf, o, a);
	fill_network(conf, profile->role, o, a);
	return !arena_failed(a);
}

enum rc
sec_conf_use(const struct profile *profile, const struct options *o,
             enum rc (*use)(const struct sec_conf *conf, const char *name, char why[SEC_WHY_MAX]),
             const char *name, char why[SEC_WHY_MAX])
{
	struct arena *a = arena_new(ARENA_MAX);
	struct sec_conf conf;
	enum rc rc = RC_UNAVAILABLE;

	if (a != NULL && sec_conf_fill(&conf, profile, o, NULL, a))
		rc = use(&conf, name, why);
	arena_free(a);
	return rc;
}

void
sec_conf_limits(struct mas_limits *limits, const struct options *o)
{
	*limits = (struct mas_limits){ .kmr_lifetime = o->mas.kmr_lifetime_ms * US_PER_MS,
		                       .kmc_lifetime = o->mas.kmc_lifetime_ms * US_PER_MS,
		                       .kmc_overlap = o->mas.kmc_overlap_ms * US_PER_MS,
		                       .audit_keep = o->mas.audit_keep_ms * US_PER_MS,
		                       .flags = (unsigned)o->mas.flags,
		                       .ival_required = (uint64_t)o->mas.ival_required };
}

void
sec_conf_rate(struct sec_rate *rate, const struct options *o)
{
	*rate = (struct sec_rate){ .rate = (unsigned)o->limits.rate,
		                   .burst = (unsigned)o->limits.burst };
}

void
sec_conf_policy(struct listener_policy *policy, const struct options *o, size_t i)
{
	const struct options_listener *l = &o->listeners.v[i];

	*policy = (struct listener_policy){
		.serve = l->serve,
		.proved = options_listener_proves(o, l),
		.trusted_access = l->trusted_access,
	};
}
