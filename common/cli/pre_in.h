/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input of any length, piece by piece, in bounded memory. What a piece is: a line with its end,
 * so many octets, everything, or a wire unit behind its length (pre/unit.h).
 */
#ifndef CLI_PRE_IN_H
#define CLI_PRE_IN_H

#include "base/clock.h"
#include "cli/pre_args.h"
#include "cli/pre_out.h"

/* What cli_in_* found. */
enum cli_got {
	CLI_GOT_PIECE,
	CLI_GOT_END, /* nothing is left */
	CLI_GOT_CUT, /* the input ends within a piece */
	CLI_GOT_BAD, /* a piece is over the limit, or a unit too short to be one */
	CLI_GOT_LATE, /* the deadline is over; the same call goes on */
	CLI_GOT_ERROR /* errno */
};

struct cli_in {
	int fd;
	const char *name;
	uint8_t *p; /* owned */
	size_t cap, at, end;
	bool over; /* the file has ended */
	uint64_t taken; /* octets of all pieces so far */
	uint64_t length; /* of the file; 0: not known */
	int stop; /* a descriptor; readable, it ends the input; -1: none */
	int64_t deadline; /* of clock_system, us; CLOCK_NEVER: none */
	struct cli_out *flush; /* written out before this waits for input; may be NULL */
};

/* path NULL: standard input. False with errno. cli_in_close in any case. */
bool cli_in_open(struct cli_in *in, const char *path);
/* Wipes what was read. */
void cli_in_close(struct cli_in *in);

/*
 * The next piece, valid until the next call: of n octets (fewer at the end); a line, with its
 * newline if it has one; all there is; a unit with its length before it (pre_batch_next takes it apart). A line or all
 * there is: at most max octets.
 */
enum cli_got cli_in_octets(struct cli_in *in, size_t n, struct slice *out);
enum cli_got cli_in_line(struct cli_in *in, size_t max, struct slice *out);
enum cli_got cli_in_all(struct cli_in *in, size_t max, struct slice *out);
enum cli_got cli_in_unit(struct cli_in *in, struct slice *out);

#endif
