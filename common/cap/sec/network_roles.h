/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles of a process of the network: MAS and MSBF with their stores, their services for others,
 * and their administration. Private to network.c.
 *
 *   open -> attach -> scl_start -> start ... stop -> scl_stop, scl_free -> close
 */
#ifndef CAP_SEC_NETWORK_ROLES_H
#define CAP_SEC_NETWORK_ROLES_H

#include "cap/sec/sec.h"
#include "mas/mas_local.h"

struct admin;
struct mas_remote;
struct msbf_load;
struct mas_rest;
struct msbf;

struct network_roles {
	struct log *log;
	struct mas mas; /* of this process, or of another; ops NULL: there is none */
	struct mas_local *local; /* NULL: none is in this process */
	struct mas_remote *remote; /* NULL: none is in another */
	struct sign_key *reject_key; /* with remote; NULL: rejects are not signed */
	const char *sp_id;
	struct mas_rest *rest;
	struct msbf *msbf;
	struct admin *admin;
	/* For msbf_conf; set before network_roles_open. */
	bool (*put_off)(void *arg, const struct msbf_load *load, unsigned *retry_after);
	void *put_off_arg;
};

/* conf outlives it. What was opened before a failure is closed by network_roles_close. */
enum rc network_roles_open(struct network_roles *r, const struct sec_conf *conf,
                           char why[SEC_WHY_MAX]);
enum rc network_roles_attach(struct network_roles *r, const struct sec_conf *conf, struct scl *scl);
void network_roles_start(struct network_roles *r, struct scl *scl);
/* As mid_conf.reject; arg: struct network_roles. */
bool network_roles_reject(void *arg, const struct node_id *node,
                          const uint8_t nonce[REJECT_NONCE_SIZE], unsigned cause, bool permanent,
                          uint32_t retry_after, char out[REJECT_TEXT_MAX + 1]);
void network_roles_reload(struct network_roles *r, const struct mas_limits *limits);
void network_roles_stop(struct network_roles *r);
void network_roles_close(struct network_roles *r);

#endif
