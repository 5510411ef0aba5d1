/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of m2m-pre, one file each, and what they have in common. */
#ifndef CLI_PRE_CMD_H
#define CLI_PRE_CMD_H

#include "base/rc.h"
#include "cli/pre_progress.h"

/* Each says on standard error why its status is not CLI_OK. */
enum cli_status cli_keygen(const struct cli_args *a);
enum cli_status cli_encrypt(const struct cli_args *a);
enum cli_status cli_rekey(const struct cli_args *a);
enum cli_status cli_reencrypt(const struct cli_args *a);
enum cli_status cli_decrypt(const struct cli_args *a);
enum cli_status cli_inspect(const struct cli_args *a);

/* One line on standard error: what, why. Returns status. */
enum cli_status cli_fail(enum cli_status status, const char *what, const char *why);
/* The same with the text of errno; CLI_FAILED. */
enum cli_status cli_fail_errno(const char *what);
/* The same of what there are n of; CLI_INCOMPLETE. */
enum cli_status cli_fail_count(const char *what, uint64_t n);
/* A file with keys that could not be used, by what reading it has returned. */
enum cli_status cli_fail_file(const char *path, enum rc rc);
/* What a function of libpre has returned, that is not about a message. */
enum cli_status cli_fail_rc(const char *what, enum rc rc);

/* The files of a command that reads messages or records and writes octets. */
struct cli_run {
	const struct cli_args *args;
	struct cli_in in;
	struct cli_out out;
	struct cli_progress progress;
};

/* Opens the input and the output. cli_run_end in any case. */
enum cli_status cli_run_start(struct cli_run *r, const struct cli_args *a);
/* Closes; what was written stays if status is CLI_OK. Returns status, or that of closing. */
enum cli_status cli_run_end(struct cli_run *r, enum cli_status status);
/* Writes s. */
enum cli_status cli_run_put(struct cli_run *r, struct slice s);
/* Says what is wrong with the message that was read last, and where it ends. Returns status. */
enum cli_status cli_fail_at(struct cli_run *r, enum cli_status status, const char *why);
/* Says what is wrong with the input: CLI_GOT_CUT and the errors. */
enum cli_status cli_run_bad(struct cli_run *r, enum cli_got got);

#endif
