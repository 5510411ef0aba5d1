/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output: standard output, or a file that appears under its name only when it is whole. A regular
 * file is made without a name in the same directory and then put in its place.
 */
#ifndef CLI_PRE_OUT_H
#define CLI_PRE_OUT_H

#include "base/buf.h"

#include <limits.h>

struct cli_out {
	int fd;
	const char *name;
	bool unnamed; /* it has no name yet */
	char temporary[PATH_MAX]; /* its name until it is whole; "": none */
	bool secret; /* mode 0600, else what umask leaves of 0666 */
	struct buf b;
	uint64_t put; /* octets so far */
};

/* path NULL: standard output. False with errno. cli_out_close in any case. */
bool cli_out_open(struct cli_out *o, const char *path, bool secret);
/* False with errno when it cannot be written: once that was so, always. */
bool cli_out_add(struct cli_out *o, struct slice s);
bool cli_out_flush(struct cli_out *o);
/* With keep everything is written and gets its name; false with errno when not. Without: away. */
bool cli_out_close(struct cli_out *o, bool keep);

#endif
