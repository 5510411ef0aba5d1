/* SPDX-License-Identifier: Apache-2.0 */
/* How far a long run is, on standard error. */
#ifndef CLI_PRE_PROGRESS_H
#define CLI_PRE_PROGRESS_H

#include "cli/pre_in.h"

struct cli_progress {
	bool asked, terminal; /* by --progress; standard error is one */
	bool shown;
	unsigned calls;
	int64_t began, due; /* us */
	uint64_t messages;
};

void cli_progress_start(struct cli_progress *p, bool asked);
/* One message more. Cheap: the clock is looked at now and then. */
void cli_progress_step(struct cli_progress *p, const struct cli_in *in);
/* The last line; what follows on standard error has lines of its own. */
void cli_progress_end(struct cli_progress *p, const struct cli_in *in);

#endif
