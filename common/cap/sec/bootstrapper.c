/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   need -> info (what the MSBF is, its key for rejects) -> bootstrapParamSet -> checked -> stored
 *
 * Whatever fails is tried again later: nothing that an MSBF answers has a permanent effect but a set
 * that was accepted.
 */
#include "config.h"

#include "cap/sec/bootstrapper.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "cap/sec/integrity.h"
#include "cap/sec/msbf_info.h"
#include "cap/sec/node_impl.h"
#include "cap/sec/root_check.h"
#include "sec/derive.h"
#include "sec/indicator.h"
#include "sec/ival.h"

#define ARENA_MAX (1u << 18)

enum phase { IDLE, WAITING, MEASURING, INFO, POST, STORE };

struct bootstrapper {
	struct sec *n;
	enum phase phase;
	unsigned failures;
	struct arena *arena; /* of the step in progress */
	struct scl_task task; /* the next trial */
	struct exchange ex;
	struct buf body;
	struct msbf_info info;
	char ppid[PPID_TEXT];
	uint8_t nonce[REJECT_NONCE_SIZE];
	char nonce_text[NODE_NONCE_TEXT];
	char signature[IVAL_SIG_TEXT_MAX + 1];
	struct node_root root; /* that is being stored */
	struct key *kmr; /* the same; secret memory */
	enum rc stored;
	struct node_job job;
};

static void ask_info(struct bootstrapper *b);

static struct log *
log_of(const struct bootstrapper *b)
{
	return b->n->conf->log;
}

/* ---- failures ---- */

static void
wait(struct bootstrapper *b, int64_t delay)
{
	b->phase = WAITING;
	if (!node_stopping(b->n))
		scl_post(b->n->scl, &b->task, delay);
}

/* The next trial is not before least. */
static void
fail_for(struct bootstrapper *b, const char *what, struct slice why, int64_t least,
         struct slice retry_after)
{
	const struct sec_conf *conf = b->n->conf;
	int64_t delay;

	LOG_WARN(log_of(b), "bootstrap-failed", LOG_Z("step", what), LOG_S("why", why));
	b->failures++;
	delay = node_backoff(conf->bootstrap.retry, conf->bootstrap.retry_max, b->failures,
	                     retry_after);
	wait(b, delay > least ? delay : least);
}

static void
fail(struct bootstrapper *b, const char *what, struct slice why, struct slice retry_after)
{
	fail_for(b, what, why, 0, retry_after);
}

/* The MSBF has answered, but not what was asked for. */
static void
refused(struct bootstrapper *b, const char *what, const struct exchange *ex)
{
	struct slice why = slice_of(ex->failure), reason;

	if (ex->rc == RC_OK) {
		reason = error_reason(b->arena, buf_view(&ex->answer));
		why = arena_printf(b->arena, "status %d %.*s", ex->http_status,
		                   (int)(reason.n < 64 ? reason.n : 64), reason.n > 0 ? reason.p : "");
	}
	fail(b, what, why, exchange_answer_header(ex, "retry-after"));
}

/* ---- the set ---- */

static void
store_run(struct node_job *job)
{
	struct bootstrapper *b = job->owner;

	b->stored = node_keys_put_root(b->n->keys, &b->root, b->kmr);
}

static void
store_done(struct node_job *job)
{
	struct bootstrapper *b = job->owner;

	if (b->stored != RC_OK) {
		fail(b, "store", slice_of(status_of(b->stored)->text), SLICE_NONE);
	} else {
		LOG_INFO(log_of(b), "bootstrapped", LOG_Z("msbf", b->n->conf->bootstrap.msbf),
		         LOG_N("kmr_index", b->root.kmr_index), LOG_Z("scl", b->root.scl_id));
		b->phase = IDLE;
		b->failures = 0;
		node_take_root(b->n, &b->root, b->kmr);
	}
	key_wipe(b->kmr);
}

/* Kmr: out of the TLS session, or as it was sent. RC_DENIED: it was wrapped for another session. */
static enum rc
find_kmr(struct bootstrapper *b, const struct bootstrap_set *set, const struct key *e_boot)
{
	struct key kek;
	enum rc rc;

	if (!b->n->conf->bootstrap.transport)
		return kmr_derive(e_boot, ppid_octets(&b->n->ppid), &set->node, set->kmr_index,
		                  slice_of(b->info.msbf_id), b->kmr);
	rc = kek_boot(e_boot, &set->node, set->kmr_index, &kek);
	if (rc == RC_OK)
		rc = param_key_open(&set->key, &kek, b->kmr);
	key_wipe(&kek);
	return rc;
}

static struct root_terms
terms_of(const struct bootstrapper *b)
{
	const struct sec *n = b->n;

	return (struct root_terms){ .scl_id = n->conf->scl_id,
		                    .held = &n->root,
		                    .now = node_now(n),
		                    .with_key = n->conf->bootstrap.transport,
		                    .domains = n->conf->bootstrap.domains,
		                    .msbf_id = b->info.msbf_id };
}

static void
accept_set(struct bootstrapper *b, struct exchange *ex)
{
	struct root_terms terms = terms_of(b);
	struct bootstrap_set set;
	const char *element = "";
	enum rc rc = bootstrap_set_parse(b->arena, buf_view(&ex->answer), &set, &element);

	if (rc == RC_OK)
		rc = root_check(&set, &terms, &element);
	if (rc == RC_OK) {
		element = "securityEncryptedM2MKey";
		rc = find_kmr(b, &set, &ex->exported);
	}
	if (rc == RC_OK) {
		root_of_set(&set, &terms, &b->root);
		b->root.has_reject = b->info.has_reject;
		b->root.reject = b->info.reject;
	}
	secret_wipe(&set.key, sizeof(set.key));
	if (rc != RC_OK)
		key_wipe(b->kmr);
	if (rc == RC_DENIED) {
		fail_for(b, "bootstrapParamSet", SLICE_LIT("KEY_CONFIRM_FAILED"),
		         b->n->conf->bootstrap.backoff, SLICE_NONE);
		return;
	}
	if (rc != RC_OK) {
		fail(b, "bootstrapParamSet is not acceptable", slice_of(element), SLICE_NONE);
		return;
	}
	b->phase = STORE;
	b->job = (struct node_job){ .run = store_run, .done = store_done, .owner = b };
	if (!node_work_submit(b->n->work, &b->job))
		b->phase = IDLE;
}

static void
set_done(struct exchange *ex)
{
	struct bootstrapper *b = ex->owner;

	arena_reset(b->arena);
	if (!node_stopping(b->n)) {
		if (ex->rc == RC_OK && ex->http_status == 201 && ex->has_exported)
			accept_set(b, ex);
		else
			refused(b, "bootstrapParamSet", ex);
	}
	/* Of version 1.1 the set has Kmr in clear, unless it is derived. */
	arena_wipe(b->arena);
	arena_reset(b->arena);
	node_exchange_end(ex);
}

static bool
reports(const struct bootstrapper *b)
{
	return b->n->integrity != NULL && b->n->device != NULL;
}

/* The report, which belongs to this TLS session, is signed when there is one. */
static bool
sign_report(struct exchange *ex, struct exchange_header *more)
{
	struct bootstrapper *b = ex->owner;

	if (!node_answer_room(ex))
		return false;
	if (!reports(b))
		return true;
	if (integrity_sign_boot(b->n->integrity, &ex->exported, b->signature) != RC_OK)
		return false;
	*more = (struct exchange_header){ SLICE_LIT(IVAL_SIG_HEADER), slice_of(b->signature) };
	return true;
}

static void
ask_set(struct bootstrapper *b)
{
	const struct sec_conf *conf = b->n->conf;
	struct slice scl = uri_encode_segment(b->arena, slice_of(conf->scl_id));

	buf_clear(&b->body);
	if (!node_nonce(b->nonce, b->nonce_text) ||
	    (reports(b) && integrity_report_boot(b->n->integrity, &b->body) != RC_OK)) {
		fail(b, "bootstrapParamSet", SLICE_LIT("no report can be made"), SLICE_NONE);
		return;
	}
	ppid_text(&b->n->ppid, b->ppid);
	b->phase = POST;
	b->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = arena_printf(b->arena,
		                                       "%s/bootstrapParamSet?ppid=%s&sclId=%.*s&kmr=%s",
		                                       conf->bootstrap.msbf, b->ppid,
		                                       (int)scl.n, scl.p,
		                                       conf->bootstrap.transport ? "transport"
		                                                                 : "derive"),
		                   .body = buf_view(&b->body),
		                   .timeout_ms = NODE_TIMEOUT_MS,
		                   .answer_max = PARAM_READ_MAX,
		                   .credential = b->n->factory,
		                   .exporter_label = M2M_EXPORTER_BOOTSTRAP,
		                   .connected = sign_report,
		                   .done = set_done,
		                   .owner = b };
	exchange_add_header(&b->ex, SLICE_LIT("Accept"), SLICE_LIT("application/xml"));
	exchange_add_header(&b->ex, SLICE_LIT(REJECT_NONCE_HEADER), slice_of(b->nonce_text));
	if (conf->low_priority)
		exchange_add_header(&b->ex, SLICE_LIT(PRIORITY_HEADER), SLICE_LIT("low"));
	if (b->body.n > 0)
		exchange_add_header(&b->ex, SLICE_LIT("Content-Type"), SLICE_LIT("application/xml"));
	scl_send(b->n->scl, &b->ex);
}

/* ---- info ---- */

/* A MSBF that signs nothing has no info: it is then what its name says, and pins no key. */
static bool
assume_info(struct bootstrapper *b)
{
	struct uri u;

	b->info = (struct msbf_info){ 0 };
	if (!uri_parse(slice_of(b->n->conf->bootstrap.msbf), &u) || u.host.n > MSBF_ID_MAX)
		return false;
	memcpy(b->info.msbf_id, u.host.p, u.host.n);
	return true;
}

static void
info_done(struct exchange *ex)
{
	struct bootstrapper *b = ex->owner;
	enum rc rc = RC_UNAVAILABLE;
	bool answered = ex->rc == RC_OK;

	arena_reset(b->arena);
	if (answered && ex->http_status == 200)
		rc = msbf_info_parse(b->arena, buf_view(&ex->answer), &b->info);
	else if (answered && ex->http_status == 404 && assume_info(b))
		rc = RC_OK;
	if (rc != RC_OK && !node_stopping(b->n)) {
		if (answered && ex->http_status == 200)
			fail(b, "info", SLICE_LIT("it is malformed, or not signed by its key"), SLICE_NONE);
		else
			refused(b, "info", ex);
	}
	node_exchange_end(ex);
	if (rc == RC_OK && !node_stopping(b->n))
		ask_set(b);
}

static void
ask_info(struct bootstrapper *b)
{
	arena_reset(b->arena);
	if (b->n->integrity != NULL && !integrity_is_known(b->n->integrity)) {
		b->phase = MEASURING;
		return;
	}
	b->phase = INFO;
	b->ex = (struct exchange){ .method = SLICE_LIT("GET"),
		                   .url = arena_printf(b->arena, "%s/info",
		                                       b->n->conf->bootstrap.msbf),
		                   .timeout_ms = NODE_TIMEOUT_MS,
		                   .answer_max = MSBF_INFO_MAX,
		                   .credential = b->n->factory,
		                   .done = info_done,
		                   .owner = b };
	exchange_add_header(&b->ex, SLICE_LIT("Accept"), SLICE_LIT("application/json"));
	scl_send(b->n->scl, &b->ex);
}

static void
run(struct scl_task *task)
{
	struct bootstrapper *b = (struct bootstrapper *)(void *)((char *)task -
	                                                         offsetof(struct bootstrapper, task));

	if (!node_stopping(b->n) && b->phase == WAITING)
		ask_info(b);
}

/* ---- life ---- */

struct bootstrapper *
bootstrapper_new(struct sec *n)
{
	struct bootstrapper *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->n = n;
	b->task.run = run;
	b->arena = arena_new(ARENA_MAX);
	b->kmr = secret_alloc(sizeof(*b->kmr));
	buf_init(&b->body, 4096);
	if (b->arena != NULL && b->kmr != NULL)
		return b;
	bootstrapper_free(b);
	return NULL;
}

void
bootstrapper_free(struct bootstrapper *b)
{
	if (b == NULL)
		return;
	arena_free(b->arena);
	secret_free(b->kmr, sizeof(*b->kmr));
	buf_fini(&b->body);
	free(b);
}

void
bootstrapper_need(struct bootstrapper *b)
{
	if (b->phase == IDLE && !node_stopping(b->n))
		ask_info(b);
}

void
bootstrapper_go_on(struct bootstrapper *b)
{
	if (b->phase == MEASURING)
		ask_info(b);
}
