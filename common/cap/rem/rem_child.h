/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one command and waits for its end: no shell, an environment and descriptors of its own, a
 * process group that is ended as a whole, a limit of time and of output. Blocks: worker thread only.
 */
#ifndef CAP_REM_REM_CHILD_H
#define CAP_REM_REM_CHILD_H

#include "base/buf.h"

enum rem_child_end {
	REM_CHILD_OK, /* exited with 0 */
	REM_CHILD_FAILED, /* with something else, or by a signal */
	REM_CHILD_LATE, /* ended by the limit of time */
	REM_CHILD_CANCELLED, /* ended by one of the descriptors */
	REM_CHILD_NOT_STARTED
};

struct rem_child {
	const char *const *argv; /* NULL-terminated; the first is an absolute path */
	const char *const *env; /* NULL-terminated */
	unsigned timeout_ms;
	int cancel, stop; /* descriptors that end the command once they are readable; -1 = none */
	int held; /* open in the child as long as it or anything it has started lives; -1 = none */
	struct buf *output; /* what it writes, as far as there is room; the rest is dropped */

	int status; /* exit status; 128 + number of the signal */
};

enum rem_child_end rem_child_run(struct rem_child *c);

#endif
