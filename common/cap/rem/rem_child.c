/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* From asking a group of processes to end to ending it. */
#define GRACE_US (2 * CLOCK_SECOND)
/* Descriptors of the child: input, output, errors, held. */
#define HELD_FD 3
#define FIRST_FREE_FD 10

/* A command under way. */
struct watch {
	struct rem_child *c;
	pid_t pid;
	int process; /* readable when the child has ended */
	int output; /* -1 once all was read */
	int64_t until;
	enum rem_child_end verdict; /* why it was told to end, or OK */
	bool killed;
	bool gone; /* ended; false: it does not even end by SIGKILL */
};

/* Above the numbers that the child gets, so that no move overwrites another's source. */
static int
raised(int fd)
{
	int up = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

	close(fd);
	return up;
}

static bool
make_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	fds[0] = raised(fds[0]);
	fds[1] = raised(fds[1]);
	if (fds[0] >= 0 && fds[1] >= 0 && fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0)
		return true;
	if (fds[0] >= 0)
		close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	return false;
}

/* Signals that the daemon blocks or ignores must not be so in the child. */
static bool
set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	return posix_spawnattr_setsigmask(attr, &none) == 0 &&
	       posix_spawnattr_setsigdefault(attr, &all) == 0 &&
	       posix_spawnattr_setpgroup(attr, 0) == 0 &&
	       posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
	                                              POSIX_SPAWN_SETPGROUP) == 0;
}

static bool
set_actions(posix_spawn_file_actions_t *a, int output, int held)
{
	if (posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDONLY, 0) != 0 ||
	    posix_spawn_file_actions_adddup2(a, output, 1) != 0 ||
	    posix_spawn_file_actions_adddup2(a, output, 2) != 0 ||
	    (held >= 0 && posix_spawn_file_actions_adddup2(a, held, HELD_FD) != 0))
		return false;
	return posix_spawn_file_actions_addclosefrom_np(a, held >= 0 ? HELD_FD + 1 : HELD_FD) ==
	               0 &&
	       posix_spawn_file_actions_addchdir_np(a, "/") == 0;
}

/* posix_spawn takes what it does not change as if it might. */
static char *const *
unconst(const char *const *list)
{
	union {
		const char *const *from;
		char *const *to;
	} u = { .from = list };

	return u.to;
}

static pid_t
spawn(const struct rem_child *c, int output)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid = -1;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	if (posix_spawnattr_init(&attr) == 0) {
		if (!set_attributes(&attr) || !set_actions(&actions, output, c->held) ||
		    posix_spawn(&pid, c->argv[0], &actions, &attr, unconst(c->argv),
		                unconst(c->env)) != 0)
			pid = -1;
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* What is in the pipe now; closes it at its end. */
static void
take_output(struct watch *w)
{
	char text[4096];
	ssize_t n = 1;

	while (w->output >= 0 && (n = read(w->output, text, sizeof(text))) > 0) {
		struct buf *b = w->c->output;
		size_t room = b->max - b->n;

		buf_add(b, text, (size_t)n < room ? (size_t)n : room);
	}
	if (w->output >= 0 && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
		close(w->output);
		w->output = -1;
	}
}

static void
end_group(struct watch *w, enum rem_child_end verdict)
{
	w->killed = w->verdict != REM_CHILD_OK;
	kill(-w->pid, w->killed ? SIGKILL : SIGTERM);
	if (!w->killed)
		w->verdict = verdict;
	w->until = clock_monotonic() + GRACE_US;
}

static int
patience_ms(const struct watch *w)
{
	int64_t left = w->until - clock_monotonic();

	return left <= 0 ? 0 : (int)((left + 999) / 1000);
}

static void
wait_for_end(struct watch *w)
{
	while (!w->gone) {
		struct pollfd p[] = {
			{ .fd = w->process, .events = POLLIN },
			{ .fd = w->output, .events = POLLIN },
			{ .fd = w->verdict == REM_CHILD_OK ? w->c->cancel : -1, .events = POLLIN },
			{ .fd = w->verdict == REM_CHILD_OK ? w->c->stop : -1, .events = POLLIN },
		};
		int n = poll(p, 4, patience_ms(w));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && w->killed)
			return;
		if (n <= 0)
			end_group(w, REM_CHILD_LATE);
		if (n > 0 && p[1].revents != 0)
			take_output(w);
		if (n > 0 && (p[2].revents | p[3].revents) != 0)
			end_group(w, REM_CHILD_CANCELLED);
		w->gone = n > 0 && p[0].revents != 0;
	}
}

/* What the child has left running goes with it when it was told to end. */
static enum rem_child_end
reap(struct watch *w)
{
	int status = 0;

	if (w->verdict != REM_CHILD_OK)
		kill(-w->pid, SIGKILL);
	while (waitpid(w->pid, &status, w->gone ? 0 : WNOHANG) < 0 && errno == EINTR)
		;
	w->c->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (w->verdict != REM_CHILD_OK)
		return w->verdict;
	return w->c->status == 0 ? REM_CHILD_OK : REM_CHILD_FAILED;
}

static enum rem_child_end
follow(struct watch *w)
{
	enum rem_child_end end;

	w->process = pidfd_open(w->pid, 0);
	if (w->process < 0) {
		w->verdict = REM_CHILD_NOT_STARTED;
		w->gone = true;
		return reap(w);
	}
	wait_for_end(w);
	take_output(w);
	end = reap(w);
	close(w->process);
	return end;
}

enum rem_child_end
rem_child_run(struct rem_child *c)
{
	struct watch w = { .c = c, .until = clock_monotonic() + (int64_t)c->timeout_ms * 1000 };
	enum rem_child_end end = REM_CHILD_NOT_STARTED;
	int pipe_ends[2];

	c->status = -1;
	if (poll(&(struct pollfd){ .fd = c->stop, .events = POLLIN }, 1, 0) > 0)
		return REM_CHILD_CANCELLED;
	if (!make_pipe(pipe_ends))
		return end;
	w.output = pipe_ends[0];
	w.pid = spawn(c, pipe_ends[1]);
	close(pipe_ends[1]);
	if (w.pid > 0)
		end = follow(&w);
	if (w.output >= 0)
		close(w.output);
	return end;
}
