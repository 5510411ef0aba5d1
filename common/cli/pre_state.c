/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cli/pre_state.h"

#include "sec/key_file.h"

enum cli_status
cli_state_read(const char *path, struct buf *b)
{
	struct key_file file;
	enum rc rc = key_file_private(path, &file);

	if (rc == RC_NOT_FOUND)
		return CLI_OK;
	if (rc != RC_OK)
		return cli_fail_file(path, rc);
	buf_add(b, file.p, file.n);
	key_file_free(&file);
	return b->failed ? cli_fail_file(path, RC_TOO_LARGE) : CLI_OK;
}

enum cli_status
cli_state_write(const char *path, struct slice state)
{
	struct cli_out o;
	bool ok = cli_out_open(&o, path, true) && cli_out_add(&o, state);

	if (!cli_out_close(&o, ok) || !ok)
		return cli_fail_errno(path);
	return CLI_OK;
}
