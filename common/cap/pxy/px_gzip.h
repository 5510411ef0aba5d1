/* SPDX-License-Identifier: Apache-2.0 */
/* Compression of a body in pieces (RFC 1952), so that no job of a pool is long. */
#ifndef CAP_PXY_PX_GZIP_H
#define CAP_PXY_PX_GZIP_H

#include "base/buf.h"
#include "base/rc.h"

struct px_gzip;

/* The caller frees *out with px_gzip_free. RC_UNAVAILABLE. */
enum rc px_gzip_new(struct px_gzip **out);
/* NULL is fine. */
void px_gzip_free(struct px_gzip *z);
/*
 * Compresses the piece and appends what comes of it to to; last: nothing follows. RC_NO_SPACE: to
 * is full; RC_UNAVAILABLE.
 */
enum rc px_gzip_add(struct px_gzip *z, struct slice piece, bool last, struct buf *to);

#endif
