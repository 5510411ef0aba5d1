/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/sink_run.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct sink_run {
	const char *program;
	struct log *log;
	pthread_mutex_t lock; /* guards both */
	pid_t child; /* not reaped yet; 0: none */
	bool stopped;
};

enum rc
sink_run_new(const char *program, struct log *log, struct sink_run **out)
{
	struct sink_run *r = calloc(1, sizeof(*r));

	*out = r;
	if (r == NULL)
		return RC_UNAVAILABLE;
	r->program = program;
	r->log = log;
	pthread_mutex_init(&r->lock, NULL);
	return RC_OK;
}

/* ---- the environment ---- */

struct environment {
	char source[4096], number[40];
	char **v;
};

static bool
environment_make(struct environment *e, const char *source, uint64_t number)
{
	size_t n = 0;

	snprintf(e->source, sizeof(e->source), "M2M_SOURCE=%s", source);
	snprintf(e->number, sizeof(e->number), "M2M_NUMBER=%llu", (unsigned long long)number);
	while (environ[n] != NULL)
		n++;
	e->v = calloc(n + 3, sizeof(*e->v));
	if (e->v == NULL)
		return false;
	e->v[0] = e->source;
	e->v[1] = e->number;
	for (size_t i = 0; i < n; i++)
		e->v[i + 2] = environ[i];
	return true;
}

/* ---- the child ---- */

/* Signals as a program expects them. */
static bool
attributes_make(posix_spawnattr_t *a)
{
	sigset_t none, pipes;

	sigemptyset(&none);
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	return posix_spawnattr_init(a) == 0 && posix_spawnattr_setsigmask(a, &none) == 0 &&
	       posix_spawnattr_setsigdefault(a, &pipes) == 0 &&
	       posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) == 0;
}

static int
spawn(struct sink_run *r, int input, char **environment)
{
	char *argv[] = { (char *)(uintptr_t)r->program, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int error = ENOMEM;

	if (!attributes_make(&attributes))
		return ENOMEM;
	if (posix_spawn_file_actions_init(&files) == 0) {
		if (posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO) == 0)
			error = posix_spawnp(&r->child, r->program, &files, &attributes, argv,
			                     environment);
		posix_spawn_file_actions_destroy(&files);
	}
	posix_spawnattr_destroy(&attributes);
	if (error != 0)
		r->child = 0;
	return error;
}

static bool
begin(struct sink_run *r, int input, const char *source, uint64_t number)
{
	struct environment e = { .v = NULL };
	int error = ECANCELED;

	if (!environment_make(&e, source, number))
		return false;
	pthread_mutex_lock(&r->lock);
	if (!r->stopped)
		error = spawn(r, input, e.v);
	pthread_mutex_unlock(&r->lock);
	free(e.v);
	if (error != 0 && error != ECANCELED)
		LOG_ERROR(r->log, "program-failed", LOG_Z("program", r->program),
		          LOG_Z("reason", strerror(error)));
	return error == 0;
}

/* What it does not want to read is not written. */
static void
feed(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		s = slice_from(s, (size_t)n);
	}
}

static bool
await(struct sink_run *r)
{
	siginfo_t info = { .si_signo = 0 };
	int status = -1;

	/* As long as it is not reaped its number is nobody else's. */
	while (waitid(P_PID, (id_t)r->child, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
		;
	pthread_mutex_lock(&r->lock);
	while (waitpid(r->child, &status, 0) < 0 && errno == EINTR)
		;
	r->child = 0;
	pthread_mutex_unlock(&r->lock);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
sink_run_one(struct sink_run *r, const char *source, uint64_t number, struct slice message)
{
	int ends[2];
	bool ok;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	ok = begin(r, ends[0], source, number);
	close(ends[0]);
	if (ok)
		feed(ends[1], message);
	close(ends[1]);
	return ok && await(r);
}

void
sink_run_stop(struct sink_run *r)
{
	pthread_mutex_lock(&r->lock);
	r->stopped = true;
	if (r->child > 0)
		kill(r->child, SIGTERM);
	pthread_mutex_unlock(&r->lock);
}

void
sink_run_free(struct sink_run *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}
