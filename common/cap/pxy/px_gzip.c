/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_gzip.h"

#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define GZIP_WINDOW (MAX_WBITS + 16) /* with header and trailer of gzip */
#define MEMORY 8 /* zlib's own default */
#define STEP 4096u

struct px_gzip {
	z_stream z;
};

/* Most of it is ciphertext, which no effort makes shorter. */
enum rc
px_gzip_new(struct px_gzip **out)
{
	struct px_gzip *z = calloc(1, sizeof(*z));

	if (z == NULL)
		return RC_UNAVAILABLE;
	if (deflateInit2(&z->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, MEMORY,
	                 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		return RC_UNAVAILABLE;
	}
	*out = z;
	return RC_OK;
}

void
px_gzip_free(struct px_gzip *z)
{
	if (z == NULL)
		return;
	(void)deflateEnd(&z->z);
	free(z);
}

enum rc
px_gzip_add(struct px_gzip *z, struct slice piece, bool last, struct buf *to)
{
	unsigned char out[STEP];
	int flush = last ? Z_FINISH : Z_NO_FLUSH;

	z->z.next_in = (const unsigned char *)piece.p;
	z->z.avail_in = (uInt)piece.n;
	do {
		z->z.next_out = out;
		z->z.avail_out = sizeof(out);
		if (deflate(&z->z, flush) == Z_STREAM_ERROR)
			return RC_UNAVAILABLE;
		buf_add(to, out, sizeof(out) - z->z.avail_out);
		if (to->failed)
			return RC_NO_SPACE;
	} while (z->z.avail_out == 0);
	return RC_OK;
}
