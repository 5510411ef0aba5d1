/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/pre_in.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "pre/unit.h"
#include "sec/secret.h"

#define ROOM_FIRST 131072 /* octets */
#define LENGTH_SIZE 4 /* of the length before a unit */

bool
cli_in_open(struct cli_in *in, const char *path)
{
	struct stat st;

	*in = (struct cli_in){
		.fd = STDIN_FILENO, .name = "standard input", .stop = -1, .deadline = CLOCK_NEVER
	};
	if (path != NULL) {
		in->name = path;
		in->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (in->fd < 0 || fstat(in->fd, &st) != 0)
		return false;
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		in->length = (uint64_t)st.st_size;
	in->p = malloc(ROOM_FIRST);
	in->cap = in->p == NULL ? 0 : ROOM_FIRST;
	return in->p != NULL;
}

void
cli_in_close(struct cli_in *in)
{
	if (in->p != NULL)
		secret_wipe(in->p, in->cap);
	free(in->p);
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	*in = (struct cli_in){ .fd = -1 };
}

/* Room for n octets from in->at on. A copy leaves nothing behind. */
static bool
make_room(struct cli_in *in, size_t n)
{
	size_t have = in->end - in->at, cap = in->cap;
	uint8_t *p;

	if (in->cap - in->at >= n)
		return true;
	if (in->at > 0)
		memmove(in->p, in->p + in->at, have);
	in->at = 0;
	in->end = have;
	while (cap < n)
		cap *= 2;
	if (cap == in->cap)
		return true;
	p = malloc(cap);
	if (p == NULL)
		return false;
	memcpy(p, in->p, have);
	secret_wipe(in->p, in->cap);
	free(in->p);
	in->p = p;
	in->cap = cap;
	return true;
}

/* Milliseconds that poll waits for the deadline. */
static int
patience(const struct cli_in *in)
{
	int64_t left;

	if (in->deadline == CLOCK_NEVER)
		return -1;
	left = (in->deadline - clock_now(&clock_system)) / (CLOCK_SECOND / 1000) + 1;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* CLI_GOT_PIECE: reading does not wait; CLI_GOT_END: to be stopped. */
static enum cli_got
wait_for_input(const struct cli_in *in)
{
	struct pollfd fds[] = { { .fd = in->fd, .events = POLLIN },
		                { .fd = in->stop, .events = POLLIN } };
	int n;

	do
		n = poll(fds, 2, patience(in));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return CLI_GOT_ERROR;
	if (n == 0)
		return CLI_GOT_LATE;
	return fds[1].revents != 0 ? CLI_GOT_END : CLI_GOT_PIECE;
}

/* Reads once. What is to be seen further on is written out before this waits. */
static enum cli_got
read_more(struct cli_in *in)
{
	enum cli_got got;
	ssize_t n = 0;

	if (in->flush != NULL && !cli_out_flush(in->flush))
		return CLI_GOT_ERROR;
	got = wait_for_input(in);
	if (got == CLI_GOT_PIECE)
		do
			n = read(in->fd, in->p + in->end, in->cap - in->end);
		while (n < 0 && errno == EINTR);
	else if (got != CLI_GOT_END)
		return got;
	if (n < 0)
		return CLI_GOT_ERROR;
	in->over = n == 0;
	in->end += (size_t)n;
	return CLI_GOT_PIECE;
}

/* CLI_GOT_PIECE: at least n octets are there, or all that are left. */
static enum cli_got
have(struct cli_in *in, size_t n)
{
	enum cli_got got = CLI_GOT_PIECE;

	if (in->end - in->at >= n)
		return got;
	if (!make_room(in, n))
		return CLI_GOT_ERROR;
	while (got == CLI_GOT_PIECE && !in->over && in->end - in->at < n)
		got = read_more(in);
	return got;
}

static enum cli_got
give(struct cli_in *in, size_t n, struct slice *out)
{
	*out = slice_make(in->p + in->at, n);
	in->at += n;
	in->taken += n;
	return n == 0 ? CLI_GOT_END : CLI_GOT_PIECE;
}

enum cli_got
cli_in_octets(struct cli_in *in, size_t n, struct slice *out)
{
	enum cli_got got = have(in, n);
	size_t left = in->end - in->at;

	return got == CLI_GOT_PIECE ? give(in, left < n ? left : n, out) : got;
}

enum cli_got
cli_in_line(struct cli_in *in, size_t max, struct slice *out)
{
	enum cli_got got = CLI_GOT_PIECE;
	size_t seen = 0;

	while (got == CLI_GOT_PIECE) {
		size_t left = in->end - in->at;
		const uint8_t *from = in->p + in->at;
		const uint8_t *end = left > seen ? memchr(from + seen, '\n', left - seen) : NULL;
		size_t n = end != NULL ? (size_t)(end - from) + 1 : left;

		if (n > max)
			return CLI_GOT_BAD;
		if (end != NULL || in->over)
			return give(in, n, out);
		seen = left;
		got = have(in, left + 1);
	}
	return got;
}

enum cli_got
cli_in_all(struct cli_in *in, size_t max, struct slice *out)
{
	enum cli_got got = have(in, max + 1);

	if (got != CLI_GOT_PIECE)
		return got;
	return in->end - in->at > max ? CLI_GOT_BAD : give(in, in->end - in->at, out);
}

enum cli_got
cli_in_unit(struct cli_in *in, struct slice *out)
{
	enum cli_got got = have(in, PRE_LENGTH_SIZE);
	size_t n;

	if (got != CLI_GOT_PIECE)
		return got;
	if (in->end == in->at)
		return CLI_GOT_END;
	if (in->end - in->at < PRE_LENGTH_SIZE)
		return CLI_GOT_CUT;
	if (pre_batch_size(slice_make(in->p + in->at, PRE_LENGTH_SIZE), NULL, &n) != RC_OK)
		return CLI_GOT_BAD;
	got = have(in, n);
	if (got != CLI_GOT_PIECE)
		return got;
	return in->end - in->at < n ? CLI_GOT_CUT : give(in, n, out);
}
