/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device of the security gateway application in a directory, and its administration: m2m-sga COMMAND
 * [OPTION]... It waits only where it is told to; everything that it has made or taken is durable
 * before anybody is told.
 */
#include "config.h"

#include "cli/sga_cli.h"

#define HEAP 262144 /* octets for secrets */

static const struct {
	const char *name;
	enum sga_status_code (*run)(struct sga_cli *c);
	bool device; /* is registered */
} commands[] = {
	{ "package", sga_cmd_package, false },    { "register", sga_cmd_register, false },
	{ "negotiate", sga_cmd_negotiate, true }, { "accept", sga_cmd_accept, true },
	{ "session", sga_cmd_session, true },     { "send", sga_cmd_send, true },
	{ "receive", sga_cmd_receive, true },     { "groups", sga_cmd_groups, true },
};

static enum sga_status_code
with_device(struct sga_cli *c, enum sga_status_code (*run)(struct sga_cli *c), bool registered)
{
	if (!sga_load(c) || !sga_connect(c))
		return SGA_FAILED;
	if (registered && (c->device == NULL || sga_device_registered(c->device) == 0))
		return (void)sga_fail(c->args.state, "no registered device; register first"),
		       SGA_FAILED;
	return run(c);
}

static enum sga_status_code
run(struct sga_cli *c)
{
	const char *name = c->args.words[0];

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		if (commands[i].run == sga_cmd_package)
			return sga_connect(c) ? sga_cmd_package(c) : SGA_FAILED;
		return with_device(c, commands[i].run, commands[i].device);
	}
	return sga_cmd_admin(c);
}

int
main(int argc, char **argv)
{
	struct sga_cli c = { .state = { .lock = -1 } };
	enum sga_status_code status;

	if (!sga_args_parse(&c.args, argc, argv)) {
		fputs("Try 'm2m-sga --help'.\n", stderr);
		return SGA_USAGE;
	}
	if (c.args.help) {
		sga_args_usage(stdout);
		return SGA_OK;
	}
	if (c.args.version)
		return printf("m2m-sga %s\n", PACKAGE_VERSION) > 0 ? SGA_OK : SGA_FAILED;
	if (process_hide() != RC_OK) {
		(void)sga_fail("memory", "cannot be kept from others");
		return SGA_FAILED;
	}
	/* Without it each secret takes pages of its own. */
	(void)secret_heap(HEAP);
	status = run(&c);
	sga_end(&c);
	return (int)status;
}
