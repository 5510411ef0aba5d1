/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MAS in another process, by HTTP (mas_rest.h), behind the functions of mas.h. Nothing waits for
 * it: keys of session A are a copy in memory that a long poll keeps up to date, calls are exchanges
 * of the courier. While the MAS does not answer, what there is goes on, and new connections are
 * refused with RC_UNAVAILABLE.
 *
 *   mas_remote_open -> scl_start -> mas_remote_start ... mas_remote_stop -> scl_stop ->
 *   mas_remote_close
 */
#ifndef MAS_MAS_REMOTE_H
#define MAS_MAS_REMOTE_H

#include "base/clock.h"
#include "base/log.h"
#include "mas/mas.h"
#include "mas/msbf.h"

struct mas_remote;
struct scl;

/* Strings are copied; log and clock outlive it. */
struct mas_remote_conf {
	const char *uri; /* https://host:port/mas/v1 */
	const char *ca, *crl, *certificate, *key; /* PEM files; by them it proves its role */
	bool feeds; /* it asks for keys and what has ended: a NSCL or a gateway, no MSBF */
	unsigned connections_max; /* 0 = 200000 */
	const struct clock *clock;
	struct log *log;
};

/* RC_BAD_REQUEST: the URI; RC_UNAVAILABLE. */
enum rc mas_remote_open(const struct mas_remote_conf *conf, struct mas_remote **out);
/* From scl_start on; calls made before wait for it. Once. */
void mas_remote_start(struct mas_remote *r, struct scl *scl);
/* Nothing new is sent from then on: calls end with RC_UNAVAILABLE. While the scl runs. */
void mas_remote_stop(struct mas_remote *r);
/* After scl_stop. NULL is fine. */
void mas_remote_close(struct mas_remote *r);

/* As the NSCL and the MSBF see it; calls end on the courier thread. Lives as long as r. */
struct mas mas_of_remote(struct mas_remote *r);
/* For the MSBF: MAS_REVOKE_KMR and MAS_BIND alone, others are RC_NOT_IMPLEMENTED. */
struct msbf_mas msbf_mas_of_remote(struct mas_remote *r);

#endif
