/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the inbox share; private to px_inbox*.c. */
#ifndef CAP_PXY_PX_INBOX_OWN_H
#define CAP_PXY_PX_INBOX_OWN_H

#include "base/log_pace.h"
#include "cap/pxy/px_inbox.h"
#include "sec/hex.h"

struct inbox_source {
	struct px_inbox *in;
	char *url;
	struct sign_public key;
	struct px_in_name name;
	struct px_opener *opener; /* NULL before the start */
};

struct px_inbox {
	struct px_inbox_conf conf; /* its strings and sources are not looked at */
	char *path, *below; /* of the endpoints */
	struct endpoint post, get;
	struct inbox_source *sources; /* conf.n_sources */
	_Atomic bool started;
	struct log_pace unknown; /* deliveries of unknown sources: anybody may deliver */
};

/* ---- px_inbox_body.c, px_inbox_look.c ---- */

/*
 * The units of a request, in a. body_max: octets of its body, also after it was inflated. RC_MEDIA_TYPE:
 * another media type or encoding; RC_BAD_REQUEST: none are in it; RC_TOO_LARGE, RC_UNAVAILABLE,
 * RC_INTERNAL.
 */
enum rc px_inbox_read(struct arena *a, const struct req_input *in, size_t body_max,
                      struct pre_unit **units, size_t *n);
/* Answers rq with what is known of that source. */
enum rc px_inbox_look(struct px_inbox *in, struct req *rq, size_t source);

#endif
