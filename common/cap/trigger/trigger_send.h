/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the sender share; nobody else includes this. */
#ifndef CAP_TRIGGER_SEND_H
#define CAP_TRIGGER_SEND_H

#include <pthread.h>
#include <sys/socket.h>

#include "base/log_pace.h"
#include "cap/capability.h"
#include "cap/reach.h"
#include "core/endpoint.h"
#include "core/scl.h"
#include "mas/admin.h"
#include "mas/mas.h"
#include "sec/failures.h"

#define TRIGGER_ADDRESS_MAX 1023u
#define TRIGGER_REPEATS 3u /* of each token, after the first time */
#define TRIGGER_BODY_MAX 256u
#define TRIGGER_ACTOR_MAX 64u

enum trigger_count {
#define TRIGGER_COUNTER(name, text) TRIGGER_COUNT_##name,
#include "cap/trigger/trigger_counters.def"
#undef TRIGGER_COUNTER
	TRIGGER_COUNTS
};

struct trigger_send;

/* One trigger on its way; from when its token is asked for on the courier's. */
struct sending {
	struct trigger_send *s;
	struct sending *next, **place; /* guarded by the lock of s */

	char scl_id[MAS_SCL_ID_MAX + 1];
	enum trigger_reason reason;
	uint64_t not_after; /* seconds since 1970 */
	char actor[TRIGGER_ACTOR_MAX + 1], source[64];
	/*
	 * Told once how it goes: RC_ACCEPTED when the token is on its way. NULL: nobody waits. The
	 * sending lives for the call.
	 */
	void (*told)(struct sending *x, enum rc rc, const char *reason, unsigned retry_after);
	void *owner;

	struct scl_call call; /* reads the scl */
	char path[512];
	char address[TRIGGER_ADDRESS_MAX + 1]; /* remTriggerAddr */
	struct mas_trigger token;
	unsigned which; /* token that is posted */
	bool delivered[MAS_TRIGGER_TOKENS]; /* by a post */
	unsigned turn; /* repetitions that were made */
	bool waiting; /* task is the next repetition */
	struct scl_task task;
	bool by_datagram;
	struct sockaddr_storage to;
	socklen_t n_to;
	struct exchange ex;
	/* Of the addresses that the host of a post has: whether one may be, the last that may not. */
	bool permitted;
	char barred[REACH_TEXT];
};

struct trigger_send {
	struct scl *scl;
	struct log *log;
	const struct mas *mas;
	const struct clock *clock;
	struct trigger_conf_send conf;
	struct mas_counters *counters;
	struct failures *rate; /* triggers of an SCL are what is counted */
	struct credential *credential; /* of https */
	const struct capability_conf *cap;
	struct reach reach; /* of addresses that SCLs have named */
	struct log_pace not_sent, refused, post_failed;
	int sockets[2]; /* of IPv4, IPv6; -1: none */
	struct endpoint endpoint;
	char *path;
	struct admin_more admin_op;
	struct scl_task leave;

	pthread_mutex_t lock; /* guards the next four */
	pthread_cond_t changed;
	struct sending *first;
	unsigned n;
	bool stopping;
};

/* ---- trigger_send.c ---- */

/* What a request says. */
struct trigger_wish {
	enum trigger_reason reason;
	uint64_t not_after; /* 0: as configured */
};

/*
 * JSON {"reason": 1..6 or its name, "notAfter": seconds since 1970 (may be absent)}. False: it is no
 * such object.
 */
bool trigger_wish_read(struct slice json, struct trigger_wish *out);
/*
 * Begins a trigger. Any thread. RC_OK: x was begun with what of it is set (told, owner), else what is
 * to be said, and *retry_after.
 */
enum rc trigger_begin(struct trigger_send *s, struct slice scl_id, const struct trigger_wish *wish,
                      const struct sending *how, const char **reason, unsigned *retry_after);
/* Whether that application may have that SCL triggered: nobody, unless he was granted the right. */
bool trigger_may(const struct trigger_send *s, struct slice app_id, struct slice scl_id);
void trigger_count(struct trigger_send *s, enum trigger_count which);
/* Frees it; whoever waits for the end of all is woken. Courier. */
void sending_end(struct sending *x);
/* Nobody has been told yet: now, and it ends. Courier. */
void sending_refuse(struct sending *x, enum rc rc, const char *reason, unsigned retry_after);

/* ---- trigger_send_out.c ---- */

/* Opens what datagrams are sent by. */
void trigger_sockets_open(struct trigger_send *s);
void trigger_sockets_close(struct trigger_send *s);
/*
 * Takes x->address for what it is. RC_OK, or RC_CONFLICT and *reason: NO_ADDRESS, nothing can be sent
 * to it (a name of a host is none for datagrams); BAD_ADDRESS, nothing may. What a name leads to is
 * seen when it is sent to.
 */
enum rc sending_address(struct sending *x, const char **reason);
/* Sends the tokens, and again; ends in sending_end. Courier. */
void sending_go(struct sending *x);

/* ---- trigger_send_rest.c ---- */

enum rc trigger_rest_add(struct trigger_send *s, char why[CAPABILITY_WHY_MAX]);

#endif
