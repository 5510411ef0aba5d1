/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of an application outside of the operator's network, in multiparty authentication:
 * m2m-warrant COMMAND [OPTION]...
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/warrant_cmd.h"
#include "cli/warrant_serve.h"

#define HEAP 65536 /* octets for secrets */
#define HOST_MAX 64

static const struct {
	const char *name;
	enum warrant_status (*run)(const struct warrant_args *a, struct warrant_server_id *s);
	bool state, agreed; /* what is needed */
} commands[] = {
	{ "agree", warrant_cmd_agree, true, false },
	{ "certify", warrant_cmd_certify, true, true },
	{ "verify", warrant_cmd_verify, false, false },
	{ "show", warrant_cmd_show, false, false },
	{ "transcript", warrant_cmd_transcript, true, true },
	{ "decide", warrant_cmd_decide, true, true },
	{ "revoke", warrant_cmd_revoke, true, false },
	{ "revocations", warrant_cmd_revocations, true, false },
	{ "serve", warrant_cmd_serve, true, true },
};

/* ---- serve ---- */

/* 127.0.0.1:8080, [::1]:8080 */
static bool
read_address(const char *text, char host[HOST_MAX], unsigned *port)
{
	const char *mark = text == NULL ? NULL : strrchr(text, ':');
	struct slice name;
	uint64_t n;

	if (mark == NULL || !slice_number(slice_of(mark + 1), UINT16_MAX, &n))
		return false;
	name = slice_make(text, (size_t)(mark - text));
	if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		name = slice_make(name.p + 1, name.n - 2);
	*port = (unsigned)n;
	return name.n > 0 && slice_copy(name, host, HOST_MAX);
}

static enum warrant_status
serve(const struct warrant_service_conf *conf)
{
	char why[WARRANT_WHY_MAX];
	struct warrant_service *s;
	sigset_t stop;
	int got;
	bool ok;

	/* Before the first thread, so that all have them blocked. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		warrant_fail("signals", strerror(errno));
		return WARRANT_FAILED;
	}
	if (warrant_service_start(conf, &s, why) != RC_OK) {
		warrant_fail("serve", why);
		return WARRANT_FAILED;
	}
	ok = printf("%s\n", warrant_service_ready(s)) > 0 && fflush(stdout) == 0 &&
	     sigwait(&stop, &got) == 0;
	warrant_service_stop(s);
	return ok ? WARRANT_OK : WARRANT_FAILED;
}

enum warrant_status
warrant_cmd_serve(const struct warrant_args *a, struct warrant_server_id *s)
{
	struct warrant_service_conf conf = {
		.server = s, .cert = a->cert, .key_pem = a->key_pem, .ca = a->ca
	};
	enum warrant_status status;
	char host[HOST_MAX];

	if (!read_address(a->http, host, &conf.port)) {
		warrant_fail("--http", "must be ADDRESS:PORT");
		return WARRANT_USAGE;
	}
	conf.address = host;
	conf.log = log_new(STDERR_FILENO, "m2m-warrant", LOG_LEVEL_INFO);
	status = serve(&conf);
	log_free(conf.log);
	return status;
}

/* ---- all of them ---- */

static enum warrant_status
with_state(const struct warrant_args *a, size_t command)
{
	enum warrant_status status = WARRANT_FAILED;
	struct warrant_server_id s;

	if (warrant_state_open(a->state, &s)) {
		if (commands[command].agreed && !s.agreed)
			warrant_fail(a->state, "has no agreement; agree first");
		else
			status = commands[command].run(a, &s);
	}
	warrant_state_close(&s);
	return status;
}

static enum warrant_status
run(const struct warrant_args *a)
{
	const char *name = a->words[0];
	bool init = strcmp(name, "init") == 0;
	size_t i = 0, n = sizeof(commands) / sizeof(commands[0]);

	while (i < n && strcmp(name, commands[i].name) != 0)
		i++;
	if (i == n && !init) {
		warrant_fail(name, "is no command");
		return WARRANT_USAGE;
	}
	if ((init || commands[i].state) && a->state == NULL) {
		warrant_fail("--state is missing", "");
		return WARRANT_USAGE;
	}
	if (init)
		return warrant_cmd_init(a);
	return commands[i].state ? with_state(a, i) : commands[i].run(a, NULL);
}

int
main(int argc, char **argv)
{
	struct warrant_args a;

	if (!warrant_args_parse(&a, argc, argv)) {
		fputs("Try 'm2m-warrant --help'.\n", stderr);
		return WARRANT_USAGE;
	}
	if (a.help) {
		warrant_args_usage(stdout);
		return WARRANT_OK;
	}
	if (a.version)
		return printf("m2m-warrant %s\n", PACKAGE_VERSION) > 0 ? WARRANT_OK
		                                                       : WARRANT_FAILED;
	if (process_hide() != RC_OK) {
		warrant_fail("memory", "cannot be kept from others");
		return WARRANT_FAILED;
	}
	/* Without it each secret takes pages of its own. */
	(void)secret_heap(HEAP);
	return (int)run(&a);
}
