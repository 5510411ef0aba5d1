/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/network_roles.h"

#include <stdio.h>

#include "mas/admin.h"
#include "mas/mas_remote.h"
#include "mas/mas_rest.h"
#include "mas/msbf.h"

#define STATE_PATH_MAX 4096

/* The directory of one of the stores; NULL for the engine that has none. */
static enum rc
store_path(const struct sec_conf *conf, const char *name, char path[STATE_PATH_MAX],
           const char **out)
{
	*out = NULL;
	if (conf->state == NULL)
		return RC_OK;
	if (snprintf(path, STATE_PATH_MAX, "%s/%s", conf->state, name) >= STATE_PATH_MAX)
		return RC_BAD_REQUEST;
	*out = path;
	return RC_OK;
}

static enum rc
open_mas(struct network_roles *r, const struct sec_conf *conf, char why[SEC_WHY_MAX])
{
	char path[STATE_PATH_MAX];
	struct mas_conf mas = {
		.engine = conf->engine,
		.clock = conf->clock,
		.log = conf->log,
		.sp_id = conf->network.sp_id,
		.kek_file = conf->network.kek_file,
		.kek_next_file = conf->network.kek_next_file,
		.reject_key_file = conf->network.reject_key,
		.kmr_lifetime = conf->network.limits.kmr_lifetime,
		.kmc_lifetime = conf->network.limits.kmc_lifetime,
		.kmc_overlap = conf->network.limits.kmc_overlap,
		.audit_keep = conf->network.limits.audit_keep,
		.flags = conf->network.limits.flags,
		.ival_required = conf->network.limits.ival_required,
		.gaka_singles = conf->network.gaka_singles,
	};
	enum rc rc = store_path(conf, SEC_MAS_STORE, path, &mas.store.path);

	if (rc == RC_OK)
		rc = mas_open(&mas, &r->local, why);
	if (rc != RC_OK)
		return rc;
	r->mas = mas_of(r->local);
	rc = mas_rest_open(&(struct mas_rest_conf){ .mas = r->local, .log = conf->log }, &r->rest);
	return rc;
}

/* What signs the rejects of a NSCL without the MAS. */
static enum rc
open_reject_key(struct network_roles *r, const struct sec_conf *conf, char why[SEC_WHY_MAX])
{
	enum rc rc;

	if (conf->network.reject_key == NULL || conf->network.sp_id == NULL)
		return RC_OK;
	r->sp_id = conf->network.sp_id;
	rc = sign_key_read(conf->network.reject_key, &r->reject_key);
	if (rc != RC_OK)
		snprintf(why, SEC_WHY_MAX, "reject key %.160s: %s", conf->network.reject_key,
		         status_of(rc)->text);
	return rc;
}

static enum rc
open_remote(struct network_roles *r, const struct sec_conf *conf, char why[SEC_WHY_MAX])
{
	const struct mas_remote_conf remote = {
		.uri = conf->network.mas_uri,
		.ca = conf->network.mas_ca,
		.certificate = conf->network.mas_certificate,
		.key = conf->network.mas_key,
		.feeds = conf->network.nscl,
		.clock = conf->clock,
		.log = conf->log,
	};
	enum rc rc = mas_remote_open(&remote, &r->remote);

	if (rc == RC_BAD_REQUEST)
		snprintf(why, SEC_WHY_MAX, "mas.uri %.160s is no URI of a MAS",
		         conf->network.mas_uri);
	if (rc != RC_OK)
		return rc;
	r->mas = mas_of_remote(r->remote);
	return open_reject_key(r, conf, why);
}

static enum rc
open_msbf(struct network_roles *r, const struct sec_conf *conf, char why[SEC_WHY_MAX])
{
	char path[STATE_PATH_MAX];
	struct msbf_conf msbf = {
		.engine = conf->engine,
		.clock = conf->clock,
		.log = conf->log,
		.mas = r->mas,
		.kek_file = conf->network.kek_file,
		.kek_next_file = conf->network.kek_next_file,
		.sp_id = conf->network.sp_id,
		.msbf_id = conf->network.msbf_id,
		.reject_key_file = conf->network.reject_key,
		.admit_ca = conf->network.admission != NULL &&
		            slice_is(SLICE_LIT("ca"), conf->network.admission),
		.local_mac = conf->network.local_mac,
		.old_documents = conf->old_documents,
		.nscls = conf->network.nscls,
		.mas_address = conf->network.mas_address,
		.kmr_lifetime = conf->network.limits.kmr_lifetime,
		.ival_required = conf->network.limits.ival_required,
		.audit_keep = conf->network.limits.audit_keep,
		.ocsp = conf->network.ocsp,
		.ocsp_responder = conf->network.ocsp_responder,
		.ocsp_timeout = conf->network.ocsp_timeout,
		.put_off = r->put_off,
		.put_off_arg = r->put_off_arg,
	};
	enum rc rc = store_path(conf, SEC_MSBF_STORE, path, &msbf.store.path);

	if (r->mas.ops == NULL) {
		snprintf(why, SEC_WHY_MAX, "the role msbf needs a MAS: the role mas, or mas.uri");
		return RC_BAD_REQUEST;
	}
	msbf.more = r->local != NULL ? msbf_mas_of(r->local) : msbf_mas_of_remote(r->remote);
	return rc == RC_OK ? msbf_open(&msbf, &r->msbf, why) : rc;
}

static enum rc
open_admin(struct network_roles *r, const struct sec_conf *conf, char why[SEC_WHY_MAX])
{
	const struct admin_conf admin = {
		.mas = r->local,
		.msbf = r->msbf,
		.token_file = conf->network.admin_tokens,
		.clock = conf->clock,
		.log = conf->log,
	};

	return admin_open(&admin, &r->admin, why);
}

enum rc
network_roles_open(struct network_roles *r, const struct sec_conf *conf, char why[SEC_WHY_MAX])
{
	enum rc rc = RC_OK;

	*r = (struct network_roles){ .log = conf->log,
		                     .put_off = r->put_off,
		                     .put_off_arg = r->put_off_arg };
	if (conf->network.mas)
		rc = open_mas(r, conf, why);
	else if (conf->network.mas_uri != NULL)
		rc = open_remote(r, conf, why);
	if (rc == RC_OK && conf->network.msbf)
		rc = open_msbf(r, conf, why);
	if (rc == RC_OK && (r->local != NULL || r->msbf != NULL || conf->network.nscl))
		rc = open_admin(r, conf, why);
	return rc;
}

enum rc
network_roles_attach(struct network_roles *r, const struct sec_conf *conf, struct scl *scl)
{
	enum rc rc = RC_OK;

	if (r->rest != NULL)
		rc = mas_rest_attach(r->rest, scl);
	if (rc == RC_OK && r->msbf != NULL)
		rc = msbf_attach(r->msbf, scl, conf->base);
	if (rc == RC_OK && r->admin != NULL)
		rc = admin_attach(r->admin, scl);
	return rc;
}

void
network_roles_start(struct network_roles *r, struct scl *scl)
{
	if (r->remote != NULL)
		mas_remote_start(r->remote, scl);
}

bool
network_roles_reject(void *arg, const struct node_id *node, const uint8_t nonce[REJECT_NONCE_SIZE],
                     unsigned cause, bool permanent, uint32_t retry_after,
                     char out[REJECT_TEXT_MAX + 1])
{
	const struct network_roles *r = arg;
	struct reject v = { .cause = cause,
		            .permanent = permanent,
		            .node = *node,
		            .time = (uint64_t)(clock_now(&clock_system) / CLOCK_SECOND),
		            .retry_after = retry_after };
	uint8_t octets[REJECT_MAX];
	size_t n;

	if (r->local != NULL)
		return mas_reject(r->local, node, nonce, cause, permanent, retry_after, out);
	if (r->reject_key == NULL)
		return false;
	v.sp_id = slice_of(r->sp_id);
	memcpy(v.nonce, nonce, sizeof(v.nonce));
	if (reject_make(&v, r->reject_key, octets, &n) != RC_OK)
		return false;
	b64url_encode(out, octets, n);
	out[B64URL_LEN(n)] = '\0';
	return true;
}

void
network_roles_reload(struct network_roles *r, const struct mas_limits *limits)
{
	if (r->local != NULL && mas_set_limits(r->local, limits) != RC_OK)
		LOG_ERROR(r->log, "limits-kept", LOG_Z("of", "MAS"));
	if (r->msbf != NULL)
		msbf_set_limits(r->msbf, limits->kmr_lifetime, limits->ival_required,
		                limits->audit_keep);
	if (r->admin != NULL)
		admin_reload(r->admin);
}

void
network_roles_stop(struct network_roles *r)
{
	if (r->rest != NULL)
		mas_rest_stop(r->rest);
	if (r->msbf != NULL)
		msbf_stop(r->msbf);
	if (r->remote != NULL)
		mas_remote_stop(r->remote);
}

void
network_roles_close(struct network_roles *r)
{
	admin_close(r->admin);
	mas_rest_close(r->rest);
	msbf_close(r->msbf);
	mas_remote_close(r->remote);
	mas_close(r->local);
	sign_key_free(r->reject_key);
}
