/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/network_roles.h"

#include <stdio.h>

#include "mas/admin.h"
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
		.kmr_lifetime = conf->network.kmr_lifetime,
		.kmc_lifetime = conf->network.kmc_lifetime,
		.kmc_overlap = conf->network.kmc_overlap,
		.audit_keep = conf->network.audit_keep,
		.flags = conf->network.flags,
		.ival_required = conf->network.ival_required,
	};
	enum rc rc = store_path(conf, "mas", path, &mas.store.path);

	if (rc == RC_OK)
		rc = mas_open(&mas, &r->local, why);
	if (rc != RC_OK)
		return rc;
	r->mas = mas_of(r->local);
	rc = mas_rest_open(&(struct mas_rest_conf){ .mas = r->local, .log = conf->log }, &r->rest);
	return rc;
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
		.kmr_lifetime = conf->network.kmr_lifetime,
		.ival_required = conf->network.ival_required,
		.audit_keep = conf->network.audit_keep,
	};
	enum rc rc = store_path(conf, "msbf", path, &msbf.store.path);

	if (r->local == NULL) {
		snprintf(why, SEC_WHY_MAX, "the role msbf needs a MAS");
		return RC_BAD_REQUEST;
	}
	msbf.more = msbf_mas_of(r->local);
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

	*r = (struct network_roles){ 0 };
	if (conf->network.mas)
		rc = open_mas(r, conf, why);
	if (rc == RC_OK && conf->network.msbf)
		rc = open_msbf(r, conf, why);
	if (rc == RC_OK && r->local != NULL)
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
network_roles_reload(struct network_roles *r)
{
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
}

void
network_roles_close(struct network_roles *r)
{
	admin_close(r->admin);
	mas_rest_close(r->rest);
	msbf_close(r->msbf);
	mas_close(r->local);
}
