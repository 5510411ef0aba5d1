/* SPDX-License-Identifier: Apache-2.0 */
/* How calls of mas.h look as exchanges. Private to common/mas/mas_remote*.c. */
#ifndef MAS_REMOTE_CALLS_H
#define MAS_REMOTE_CALLS_H

#include "mas/mas_remote_impl.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* One kind of call; call is the caller's struct. All on the courier thread. */
struct remote_kind {
	const char *name;
	const char *method;
	size_t job; /* offset of its struct tables_job */
	void (*path)(const void *call, char *out, size_t size);
	void (*write)(const void *call, struct buf *body);
	/* What the answer says, which may be another outcome; false: it is none. */
	bool (*read)(struct remote_flight *f, void *call, struct slice answer);
	struct mas_outcome *(*outcome)(void *call);
	void (*done)(void *call);
	/* Instead of all that but outcome and done: it is carried out another way. */
	void (*start)(struct mas_remote *r, void *call);
	const char *media_type; /* of both bodies; NULL: JSON */
};

/* The functions of a kind that depend on its struct alone. */
#define KIND_COMMON(prefix, type)                                                                  \
	static struct mas_outcome *prefix##_outcome(void *call)                                    \
	{                                                                                          \
		return &((type *)call)->outcome;                                                   \
	}                                                                                          \
	static void prefix##_done(void *call)                                                      \
	{                                                                                          \
		((type *)call)->done(call);                                                        \
	}
#define KIND(prefix, type, how)                                                                    \
	.name = #prefix, .method = how, .job = offsetof(type, job), .path = prefix##_path,         \
	.write = prefix##_write, .read = prefix##_read, .outcome = prefix##_outcome,               \
	.done = prefix##_done

extern const struct remote_kind remote_connect_kind, remote_end_kind, remote_report_kind,
	remote_provision_kind, remote_live_kind, remote_bind_kind, remote_revoke_kind,
	remote_other_kind, remote_verdict_kind, remote_gaka_kind, remote_group_keys_kind,
	remote_trigger_kind, remote_identity_kind, remote_inquire_kind;

#endif
