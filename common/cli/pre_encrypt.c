/* SPDX-License-Identifier: Apache-2.0 */
/* m2m-pre encrypt: records in, a stream out. */
#include "config.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/pre_keys.h"
#include "cli/pre_state.h"
#include "pre/section.h"

#define BATCH_MAX (2 * PRE_UNIT_MAX + 65536) /* a message, and what a new section puts before it */

struct source {
	struct cli_run run;
	struct afgh *afgh;
	struct pre_identity *id;
	struct pre_public own, to;
	struct pre_stream *stream;
	struct buf batch;
	uint64_t records;
};

/* ---- messages ---- */

/* What the stream has appended leaves the process once it is sure that it will not be reused. */
static enum cli_status
send(struct source *s, bool new_section)
{
	const char *path = s->run.args->state;
	uint8_t state[PRE_STREAM_STATE_SIZE];
	enum cli_status status = CLI_OK;

	if (new_section && path != NULL) {
		pre_stream_state(s->stream, state);
		status = cli_state_write(path, slice_make(state, sizeof(state)));
	}
	if (status == CLI_OK)
		status = cli_run_put(&s->run, buf_view(&s->batch));
	buf_clear(&s->batch);
	s->run.in.deadline = pre_stream_deadline(s->stream);
	return status;
}

static enum cli_status
fail_record(struct source *s, enum rc rc)
{
	if (rc == RC_TOO_LARGE)
		return cli_fail_at(&s->run, CLI_FAILED, "too large a record for this cipher");
	return rc == RC_GONE ? cli_fail(CLI_FAILED, "stream", "has no epochs left")
	                     : cli_fail_rc("encrypt", rc);
}

static enum cli_status
add(struct source *s, struct slice record)
{
	int64_t now = clock_now(&clock_system);
	bool begins = s->run.args->individual || pre_stream_due(s->stream, now);
	enum rc rc = RC_OK;

	if (s->run.args->individual) {
		rc = pre_stream_single(s->stream, now, record, &s->batch);
	} else {
		if (begins)
			rc = pre_stream_begin(s->stream, now, &s->batch);
		if (rc == RC_OK)
			rc = pre_stream_add(s->stream, now, record, &s->batch);
	}
	if (rc != RC_OK)
		return fail_record(s, rc);
	s->records++;
	cli_progress_step(&s->run.progress, &s->run.in);
	return send(s, begins);
}

/* The END of what is open. */
static enum cli_status
end_section(struct source *s)
{
	enum rc rc = pre_stream_end(s->stream, &s->batch);

	return rc == RC_OK ? send(s, true) : cli_fail_rc("encrypt", rc);
}

/* An input without a record becomes a section without a message: to be told from nothing at all. */
static enum cli_status
finish(struct source *s)
{
	enum rc rc = RC_OK;

	if (s->run.args->individual)
		return CLI_OK;
	if (s->records == 0)
		rc = pre_stream_begin(s->stream, clock_now(&clock_system), &s->batch);
	return rc == RC_OK ? end_section(s) : fail_record(s, rc);
}

static enum cli_got
next_record(struct source *s, struct slice *out)
{
	const struct cli_args *a = s->run.args;

	if (a->record == CLI_RECORD_LINES)
		return cli_in_line(&s->run.in, CLI_RECORD_MAX, out);
	if (a->record == CLI_RECORD_WHOLE)
		return cli_in_all(&s->run.in, CLI_RECORD_MAX, out);
	return cli_in_octets(&s->run.in, a->record_size, out);
}

static enum cli_status
encrypt_all(struct source *s)
{
	struct slice record;
	enum cli_got got = CLI_GOT_LATE;
	enum cli_status status = CLI_OK;

	while (status == CLI_OK && (got == CLI_GOT_PIECE || got == CLI_GOT_LATE)) {
		got = next_record(s, &record);
		if (got == CLI_GOT_PIECE)
			status = add(s, record);
		else if (got == CLI_GOT_LATE)
			status = end_section(s);
	}
	if (status != CLI_OK)
		return status;
	if (got == CLI_GOT_BAD)
		return cli_fail(CLI_FAILED, s->run.in.name, "a record is too large");
	return got == CLI_GOT_END ? finish(s) : cli_run_bad(&s->run, got);
}

/* ---- before ---- */

static enum cli_status
make_stream(struct source *s, const struct cli_args *a, struct slice state)
{
	struct pre_stream_conf conf = { .afgh = s->afgh,
		                        .keys = pre_identity_keys(s->id),
		                        .sign = pre_identity_sign(s->id),
		                        .source = slice_of(s->own.url),
		                        .sink = slice_of(a->sink),
		                        .stream = (uint16_t)a->stream,
		                        .cid = (uint16_t)a->cid,
		                        .sign_data = a->sign,
		                        .epoch_sections = a->epoch_sections,
		                        .section_messages = a->section,
		                        .section_time = a->section_time * CLOCK_SECOND };
	enum rc rc;

	if (a->to != NULL)
		conf.pk1 = slice_make(s->to.pk1, sizeof(s->to.pk1));
	rc = pre_stream_new(&conf, state, &s->stream);
	if (rc != RC_BAD_REQUEST)
		return rc == RC_OK ? CLI_OK : cli_fail_rc("encrypt", rc);
	return cli_fail(CLI_FAILED, state.n > 0 ? a->state : "encrypt",
	                state.n > 0 ? "not of this source and stream, or damaged"
	                            : "the stream cannot be made so");
}

static enum cli_status
resume(struct source *s, const struct cli_args *a)
{
	struct buf state;
	enum cli_status status = CLI_OK;

	buf_init(&state, PRE_STREAM_STATE_SIZE);
	if (a->state != NULL)
		status = cli_state_read(a->state, &state);
	if (status == CLI_OK)
		status = make_stream(s, a, buf_view(&state));
	buf_fini(&state);
	return status;
}

static enum cli_status
check(const struct cli_args *a)
{
	if (pre_cipher_find((uint16_t)a->cid) == NULL)
		return cli_fail(CLI_USAGE, "--cid", "there is no such cipher");
	if (!pre_sink_ok(slice_of(a->sink)))
		return cli_fail(CLI_USAGE, "--sink", "must be a URL or a name without spaces");
	return CLI_OK;
}

static enum cli_status
get_ready(struct source *s, const struct cli_args *a)
{
	enum cli_status status = check(a);
	enum rc rc;

	if (status != CLI_OK)
		return status;
	rc = afgh_new(&s->afgh);
	if (rc != RC_OK)
		return cli_fail_rc("encrypt", rc);
	status = cli_identity(a->key, &s->id);
	if (status == CLI_OK)
		status = cli_own_public(a, s->id, &s->own);
	if (status == CLI_OK && a->to != NULL)
		status = cli_public(a->to, PRE_PUBLIC_FIRST, &s->to);
	return status == CLI_OK ? resume(s, a) : status;
}

/* A descriptor that tells of SIGINT and SIGTERM: they end the input, and END is sent. */
static int
watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC) : -1;
}

/* Of a file, all is to be encrypted or nothing; what comes by a pipe has no other end, maybe. */
static enum cli_status
run(struct source *s, const struct cli_args *a)
{
	int stop = -1;
	enum cli_status status = cli_run_start(&s->run, a);

	if (status == CLI_OK && s->run.in.length == 0) {
		stop = watch_signals();
		if (stop < 0)
			status = cli_fail_errno("signals");
		s->run.in.stop = stop;
	}
	if (status == CLI_OK)
		status = encrypt_all(s);
	status = cli_run_end(&s->run, status);
	if (stop >= 0)
		close(stop);
	return status;
}

enum cli_status
cli_encrypt(const struct cli_args *a)
{
	struct source s = { 0 };
	enum cli_status status;

	buf_init(&s.batch, BATCH_MAX);
	status = get_ready(&s, a);
	if (status == CLI_OK)
		status = run(&s, a);
	pre_stream_free(s.stream);
	buf_fini(&s.batch);
	pre_identity_free(s.id);
	afgh_free(s.afgh);
	return status;
}
