/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/pre_progress.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"

#define LOOK_EVERY 16 /* messages */
#define SHOW_EVERY CLOCK_SECOND /* us */
#define LONG (2 * CLOCK_SECOND) /* us after which a terminal is told without being asked */
#define MIB 1048576.0

void
cli_progress_start(struct cli_progress *p, bool asked)
{
	*p = (struct cli_progress){ .asked = asked, .terminal = isatty(STDERR_FILENO) == 1 };
	p->began = clock_monotonic();
	p->due = p->began + (asked ? SHOW_EVERY : LONG);
}

static void
show(struct cli_progress *p, const struct cli_in *in, int64_t now, const char *end)
{
	double seconds = (double)(now - p->began) / (double)CLOCK_SECOND;
	double mib = (double)in->taken / MIB;

	fprintf(stderr, "%s%.1f MiB", p->terminal ? "\r" : "", mib);
	if (in->length > 0)
		fprintf(stderr, " of %.1f MiB", (double)in->length / MIB);
	fprintf(stderr, ", %" PRIu64 " messages, %.1f MiB/s%s", p->messages,
	        seconds > 0 ? mib / seconds : 0.0, end);
	fflush(stderr);
	p->shown = true;
}

void
cli_progress_step(struct cli_progress *p, const struct cli_in *in)
{
	int64_t now;

	p->messages++;
	if ((!p->asked && !p->terminal) || ++p->calls % LOOK_EVERY != 0)
		return;
	now = clock_monotonic();
	if (now < p->due)
		return;
	p->due = now + SHOW_EVERY;
	show(p, in, now, p->terminal ? "   " : "\n");
}

void
cli_progress_end(struct cli_progress *p, const struct cli_in *in)
{
	if (p->asked || p->shown)
		show(p, in, clock_monotonic(), "   \n");
}
