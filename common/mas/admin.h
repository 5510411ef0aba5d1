/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration of MAS and MSBF by HTTP, below /admin/ on the listeners that serve it: JSON, one
 * operation for each method and path (docs/security.md has the list). An administrator proves
 * himself by the bearer token of a file or by a client certificate with urn:m2m:role:admin; every
 * call is in the audit, also those that are refused. Who has failed too often from one address is
 * not looked at until an hour is over. Where the MAS is in another process, its operations (nodes,
 * keys, connections, its audit) are answered 501 NO_MAS: they are asked for there.
 *
 *   admin_open -> admin_attach -> scl_start ... scl_stop -> admin_close
 */
#ifndef MAS_ADMIN_H
#define MAS_ADMIN_H

#include "base/clock.h"
#include "base/log.h"
#include "mas/mas_local.h"

struct admin;
struct msbf;
struct peer;
struct scl;

#define ADMIN_ROLE "urn:m2m:role:admin"
#define ADMIN_PATH "/admin/"
#define ADMIN_WHY 256

/* Strings live until admin_close, as does all else. */
struct admin_conf {
	struct mas_local *mas; /* its audit has the calls; NULL: it is in another process */
	struct msbf *msbf; /* NULL: there are no devices here; without mas: its audit has them */
	const char *token_file; /* one bearer token, mode 0600; NULL: certificates alone */
	const struct clock *clock;
	struct log *log;
};

/* That certificate is one of an administrator's. Any thread. */
bool admin_has_role(const struct peer *peer);

/* RC_OK, or the outcome of tokens_read_one with a line in why; RC_UNAVAILABLE. */
enum rc admin_open(const struct admin_conf *conf, struct admin **out, char why[ADMIN_WHY]);
/* Adds the endpoint; before scl_start. As endpoint_add. */
enum rc admin_attach(struct admin *a, struct scl *scl);
/* Reads the token again; what is wrong is logged, and the old one stays. Any thread. */
void admin_reload(struct admin *a);
/* No request is under way any more. NULL is fine. */
void admin_close(struct admin *a);

#endif
