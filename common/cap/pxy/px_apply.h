/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outlet of an SCL (px_outlet.h): each message is a request as a document (cap/request_doc.h),
 * which is carried out as if it had come from the gateway that has sealed it.
 *
 * Per source, in order. Creations of contentInstances in containers of this SCL are under way
 * together, a window of them, because none can make another one valid or void; anything else is
 * alone. Writes to the own tree are applied exactly once, also when the process dies between
 * the transaction of the tree and that of the book (core/once.h); what goes on to others, at least
 * once.
 *
 * A request is final when it is answered: by 2xx it is applied; by anything that says that it never
 * will be (4xx, 501, 505) it is a failure, and so is what is no request, or not of the source or below
 * it. 408, 5xx: it is tried again, and those behind it wait; after limit it is a failure, too.
 */
#ifndef CAP_PXY_PX_APPLY_H
#define CAP_PXY_PX_APPLY_H

#include "cap/pxy/px_opener.h"
#include "core/scl.h"

struct px_apply;

struct px_apply_source {
	const char *url; /* its requests are in its name, or below it */
	const char *scl_id; /* the SCL-ID that they count as; NULL or empty: none */
};

struct px_apply_conf {
	/* All that is pointed to outlives it; the sources and their strings are copied. */
	struct scl *
		scl; /* from px_apply_start until px_apply_free: not freed, but it may have stopped */
	struct px_inbook *book;
	const struct px_apply_source *sources;
	size_t n_sources;
	unsigned window; /* 1..SCL_ONCE_WINDOW */
	int64_t limit; /* microseconds that a request is tried for */
	int64_t retry_first, retry_max; /* microseconds between trials */
	struct px_in_stats stats;
	struct log *log; /* may be NULL */
};

/* RC_BAD_REQUEST: a value is out of its range; RC_UNAVAILABLE, RC_INTERNAL. */
enum rc px_apply_new(const struct px_apply_conf *conf, struct px_apply **out);
/*
 * Goes on where the tree and the book stand. scl has its threads; before anything is put into the
 * queues. Waits for the book's disk. RC_UNAVAILABLE, RC_NO_SPACE, RC_INTERNAL: what stands there
 * cannot be read, or not be brought together.
 */
enum rc px_apply_start(struct px_apply *a);
/* struct px_outlet.queued; arg is the px_apply. */
void px_apply_queued(void *arg, size_t source);
/* Begins nothing more; what is under way ends with the scl. */
void px_apply_stop(struct px_apply *a);
/* After the scl has stopped, and the book was closed. NULL is fine. */
void px_apply_free(struct px_apply *a);

#endif
