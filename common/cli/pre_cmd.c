/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/pre_cmd.h"

#include <errno.h>
#include <inttypes.h>

enum cli_status
cli_fail(enum cli_status status, const char *what, const char *why)
{
	fprintf(stderr, "m2m-pre: %s: %s\n", what, why);
	return status;
}

enum cli_status
cli_fail_errno(const char *what)
{
	return cli_fail(CLI_FAILED, what, strerror(errno));
}

enum cli_status
cli_fail_count(const char *what, uint64_t n)
{
	fprintf(stderr, "m2m-pre: %s: %" PRIu64 "\n", what, n);
	return CLI_INCOMPLETE;
}

enum cli_status
cli_fail_rc(const char *what, enum rc rc)
{
	switch (rc) {
	case RC_NOT_IMPLEMENTED:
		return cli_fail(CLI_ABSENT, what, "this build is without pairings");
	case RC_UNAVAILABLE:
		return cli_fail(CLI_FAILED, what, "no memory, or none that can be locked");
	case RC_BAD_REQUEST:
		return cli_fail(CLI_REFUSED, what, "malformed, or not authentic");
	default:
		return cli_fail(CLI_FAILED, what, status_of(rc)->text);
	}
}

enum cli_status
cli_fail_file(const char *path, enum rc rc)
{
	switch (rc) {
	case RC_NOT_FOUND:
		return cli_fail(CLI_FAILED, path, "no such file");
	case RC_FORBIDDEN:
		return cli_fail(CLI_FAILED, path,
		                "must be a readable file; a secret one the user's own, mode 0600");
	case RC_BAD_REQUEST:
	case RC_TOO_LARGE:
		return cli_fail(CLI_FAILED, path, "not a file of this kind of key");
	default:
		return cli_fail_rc(path, rc);
	}
}

enum cli_status
cli_run_start(struct cli_run *r, const struct cli_args *a)
{
	*r = (struct cli_run){ .args = a, .in.fd = -1, .out.fd = -1 };
	if (!cli_in_open(&r->in, a->file))
		return cli_fail_errno(r->in.name);
	if (!cli_out_open(&r->out, a->out, false))
		return cli_fail_errno(r->out.name);
	r->in.flush = &r->out;
	cli_progress_start(&r->progress, a->progress);
	return CLI_OK;
}

enum cli_status
cli_run_end(struct cli_run *r, enum cli_status status)
{
	if (r->progress.began != 0)
		cli_progress_end(&r->progress, &r->in);
	if (!cli_out_close(&r->out, status == CLI_OK) && status == CLI_OK)
		status = cli_fail_errno(r->out.name);
	cli_in_close(&r->in);
	return status;
}

enum cli_status
cli_run_put(struct cli_run *r, struct slice s)
{
	return cli_out_add(&r->out, s) ? CLI_OK : cli_fail_errno(r->out.name);
}

enum cli_status
cli_fail_at(struct cli_run *r, enum cli_status status, const char *why)
{
	/* What came before it is seen before. */
	(void)cli_out_flush(&r->out);
	fprintf(stderr, "m2m-pre: %s: message up to octet %" PRIu64 ": %s\n", r->in.name,
	        r->in.taken, why);
	return status;
}

enum cli_status
cli_run_bad(struct cli_run *r, enum cli_got got)
{
	if (!cli_out_flush(&r->out))
		return cli_fail_errno(r->out.name);
	if (got == CLI_GOT_ERROR)
		return cli_fail_errno(r->in.name);
	if (got == CLI_GOT_CUT)
		return cli_fail(CLI_CUT, r->in.name, "ends within a message");
	return cli_fail(CLI_REFUSED, r->in.name, "a message of a length that none has");
}
