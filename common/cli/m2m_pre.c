/* SPDX-License-Identifier: Apache-2.0 */
/* Proxy re-encryption of streams of messages: m2m-pre COMMAND [OPTION]... [FILE]. */
#include "config.h"

#include <errno.h>
#include <signal.h>

#include "cli/pre_cmd.h"
#include "sec/secret.h"

#define HEAP 262144 /* octets for secrets */

static enum cli_status (*const commands[CLI_COMMANDS])(const struct cli_args *a) = {
	[CLI_KEYGEN] = cli_keygen,       [CLI_ENCRYPT] = cli_encrypt, [CLI_REKEY] = cli_rekey,
	[CLI_REENCRYPT] = cli_reencrypt, [CLI_DECRYPT] = cli_decrypt, [CLI_INSPECT] = cli_inspect,
};

/* What was printed by stdio has to have arrived. */
static enum cli_status
printed(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? CLI_OK : cli_fail_errno("standard output");
}

static enum cli_status
print_version(void)
{
	printf("m2m-pre %s (pairing: %s)\n", PACKAGE_VERSION, PAIRING_PROVIDER);
	return printed();
}

static enum cli_status
print_help(const struct cli_args *a)
{
	cli_args_usage(a, stdout);
	return printed();
}

/* A reader that has gone is an error of writing like others. */
static enum cli_status
prepare(void)
{
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return cli_fail_errno("SIGPIPE");
	if (process_hide() != RC_OK)
		return cli_fail_errno("cannot hide this process");
	/* Without it every secret takes a page: what does not fit says so. */
	(void)secret_heap(HEAP);
	return CLI_OK;
}

static enum cli_status
run(int argc, char **argv)
{
	struct cli_args args;
	enum cli_status status = cli_args_parse(&args, argc, argv);

	if (status != CLI_OK)
		return status;
	if (args.version)
		return print_version();
	if (args.help)
		return print_help(&args);
	status = prepare();
	return status == CLI_OK ? commands[args.command](&args) : status;
}

int
main(int argc, char **argv)
{
	return (int)run(argc, argv);
}
