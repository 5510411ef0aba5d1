/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/run.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/datalock.h"
#include "app/notify.h"
#include "app/reset.h"
#include "app/service.h"
#include "base/log.h"
#include "sec/secret.h"

/* Arenas of malloc: each thread would keep its own free memory otherwise. */
#define MALLOC_ARENAS 2
/* Descriptors beside those of connections: listeners, store, timers, outgoing connections. */
#define SPARE_DESCRIPTORS 256
/* Locked memory for keys; what does not fit takes whole pages. */
#define SECRET_HEAP (1u << 20)

/* Options that the service may still read: all it ever got (service.h). */
struct generation {
	struct options *o;
	struct generation *older;
};

struct run {
	const struct profile *profile;
	const struct options_source *src;
	struct generation *newest;
	struct log *log;
	struct service *svc;
	int lock; /* descriptor, or -1 */
	int signals; /* descriptor, or -1 */
};

static bool
add_generation(struct run *r, struct options *o)
{
	struct generation *g = malloc(sizeof(*g));

	if (g == NULL)
		return false;
	*g = (struct generation){ o, r->newest };
	r->newest = g;
	return true;
}

/* Newest first: options borrow from older ones. */
static void
free_generations(struct run *r)
{
	while (r->newest != NULL) {
		struct generation *g = r->newest;

		r->newest = g->older;
		options_free(g->o);
		free(g);
	}
}

static void
raise_descriptors(struct run *r)
{
	int wanted = r->newest->o->http.max_connections + SPARE_DESCRIPTORS;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
		LOG_WARN(r->log, "descriptors", LOG_Z("reason", strerror(errno)));
	if (rl.rlim_cur != RLIM_INFINITY && rl.rlim_cur < (rlim_t)wanted)
		LOG_WARN(r->log, "descriptors", LOG_N("limit", rl.rlim_cur), LOG_N("wanted", wanted));
}

/* Before the first thread, so that all threads have the signals blocked. */
static bool
take_signals(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, RESTART_SIGNAL);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return false;
	r->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return r->signals >= 0;
}

/* Before the first key is read. A system that has no locked memory to give may still serve. */
static void
keep_secrets(struct run *r)
{
	if (process_hide() != RC_OK)
		LOG_WARN(r->log, "core-dumps", LOG_Z("reason", "the system does not let them be off"));
	if (secret_heap(SECRET_HEAP) != RC_OK)
		LOG_WARN(r->log, "locked-memory", LOG_N("wanted", SECRET_HEAP),
		         LOG_Z("reason", "see RLIMIT_MEMLOCK: each key takes a page"));
}

static bool
take_lock(struct run *r)
{
	const struct options *o = r->newest->o;
	char why[SERVICE_WHY_MAX];

	if (strcmp(o->store.engine, "memory") == 0)
		return true;
	r->lock = datalock_take(o->store.path, why, sizeof(why));
	if (r->lock < 0)
		LOG_ERROR(r->log, "store-locked", LOG_Z("reason", why));
	return r->lock >= 0;
}

static bool
start(struct run *r)
{
	char why[SERVICE_WHY_MAX] = "";
	enum rc rc;

	if (!take_signals(r)) {
		LOG_ERROR(r->log, "start-failed", LOG_Z("reason", strerror(errno)));
		return false;
	}
	raise_descriptors(r);
	keep_secrets(r);
	if (!take_lock(r))
		return false;
	if (r->lock >= 0 && !reset_do(r->newest->o->store.path, r->log)) {
		LOG_ERROR(r->log, "start-failed", LOG_Z("reason", "the store cannot be emptied"));
		return false;
	}
	rc = service_start(r->profile, r->newest->o, r->log, &r->svc, why);
	if (rc == RC_OK)
		return true;
	r->svc = NULL;
	LOG_ERROR(r->log, "start-failed",
	          LOG_Z("reason", why[0] != '\0' ? why : status_of(rc)->text));
	return false;
}

static void
log_lines(struct run *r, const char *event, const struct buf *lines)
{
	struct slice rest = buf_view(lines), line;

	while (slice_split(&rest, '\n', &line))
		if (line.n > 0)
			LOG_ERROR(r->log, event, LOG_S("reason", line));
}

struct changes {
	struct run *r;
	unsigned applied;
};

static void
on_change(void *arg, const char *path, bool applied)
{
	struct changes *ch = arg;

	if (applied) {
		ch->applied++;
		LOG_INFO(ch->r->log, "option-changed", LOG_Z("option", path));
	} else {
		LOG_WARN(ch->r->log, "restart-needed", LOG_Z("option", path));
	}
}

/* The options to go on with: next merged, or NULL when there is nothing new or it is wrong. */
static struct options *
load_next(struct run *r, struct changes *ch, struct buf *errors)
{
	struct options *next = options_load(r->src, errors);
	const struct options_profile *p = r->src->profile;

	if (next == NULL)
		return NULL;
	if (options_merge(next, r->newest->o, p, on_change, ch, errors) && ch->applied > 0 &&
	    add_generation(r, next))
		return next;
	options_free(next);
	return NULL;
}

static void
reload(struct run *r)
{
	struct changes ch = { r, 0 };
	struct buf errors;

	notify_reloading();
	buf_init(&errors, OPTIONS_ERRORS_MAX);
	if (load_next(r, &ch, &errors) != NULL)
		log_set_level(r->log, (enum log_level)r->newest->o->log.level);
	log_lines(r, "reload-failed", &errors);
	if (errors.n == 0) {
		service_reload(r->svc, r->newest->o);
		LOG_INFO(r->log, "reloaded", LOG_N("changed", ch.applied));
	}
	buf_fini(&errors);
	notify_ready();
}

/* True when the daemon is to begin again. */
static bool
serve(struct run *r)
{
	struct signalfd_siginfo si;

	for (;;) {
		ssize_t n = read(r->signals, &si, sizeof(si));

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(si))
			break;
		if (si.ssi_signo == SIGHUP) {
			reload(r);
		} else if (si.ssi_signo != RESTART_SIGNAL) {
			LOG_INFO(r->log, "stopping", LOG_N("signal", si.ssi_signo));
			return false;
		} else if (service_wants_restart(r->svc)) {
			LOG_INFO(r->log, "restarting", LOG_Z("scl", r->newest->o->scl.id));
			return true;
		}
	}
	LOG_ERROR(r->log, "stopping", LOG_Z("reason", strerror(errno)));
	return false;
}

static void
announce(struct run *r)
{
	const char *line = service_ready_line(r->svc);

	puts(line);
	fflush(stdout);
	LOG_INFO(r->log, "started", LOG_Z("scl", r->newest->o->scl.id), LOG_Z("ready", line));
	notify_ready();
}

/* The service first: it uses the log and the options, and the lock guards its store. */
static void
stop(struct run *r)
{
	if (r->svc != NULL) {
		notify_stopping();
		service_stop(r->svc);
		LOG_INFO(r->log, "stopped", LOG_Z("scl", r->newest->o->scl.id));
	}
	if (r->lock >= 0)
		close(r->lock);
	if (r->signals >= 0)
		close(r->signals);
	free_generations(r);
	log_free(r->log);
}

int
run_service(const struct profile *profile, const struct options_source *src, struct options *o)
{
	struct run r = { .profile = profile, .src = src, .lock = -1, .signals = -1 };
	bool ok, again = false;

	mallopt(M_ARENA_MAX, MALLOC_ARENAS);
	r.log = log_new(STDERR_FILENO, profile->name, (enum log_level)o->log.level);
	if (r.log == NULL || !add_generation(&r, o)) {
		fprintf(stderr, "%s: no memory\n", profile->name);
		options_free(o);
		log_free(r.log);
		return 1;
	}
	ok = start(&r);
	if (ok) {
		announce(&r);
		again = serve(&r);
	}
	stop(&r);
	return again ? RUN_AGAIN : ok ? 0 : 1;
}
