/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec_node_bed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/uri.h"
#include "cap/sec/live.h"
#include "mas/param_set.h"
#include "sec/b64url.h"
#include "sec/hex.h"
#include "sec/indicator.h"
#include "sec/jose.h"
#include "sec/psk_id.h"

#define LONG_TEXT 3000u

static struct node_bed *bed; /* of the test that runs */

/* ---- keys of the provider ---- */

static struct sign_key *
signer(uint8_t which)
{
	uint8_t seed[SIGN_SEED_SIZE];
	struct sign_key *k;

	memset(seed, which, sizeof(seed));
	ck_assert_int_eq(sign_key_from_seed(seed, &k), RC_OK);
	return k;
}

static char *
text(struct node_bed *w)
{
	return w->text[w->n_text++ % NITEMS(w->text)];
}

/* ---- the MSBF ---- */

static struct port_answer
answer_info(struct node_bed *w)
{
	struct sign_key *k = signer(1);
	struct sign_public p;
	uint8_t signature[SIGN_SIZE];
	char key[B64URL_LEN(32) + 1] = "", sig[B64URL_LEN(64) + 1] = "";
	char *out = text(w);

	sign_key_public(k, &p);
	b64url_encode(key, p.v, sizeof(p.v));
	key[B64URL_LEN(32)] = '\0';
	snprintf(out, 2048,
	         "{\"msbfId\":\"msbf.sp1.example\",\"spId\":\"sp1.example\",\"signKey\":\"%s\","
	         "\"rejectKey\":\"%s\"", key, key);
	ck_assert_int_eq(sign_make(k, SIGN_OWN, slice_of(out), signature), RC_OK);
	b64url_encode(sig, signature, sizeof(signature));
	sig[B64URL_LEN(64)] = '\0';
	strcat(out, ",\"signature\":\"");
	strcat(out, sig);
	strcat(out, "\"}");
	sign_key_free(k);
	w->counts.infos++;
	return (struct port_answer){ .status = 200, .body = out };
}

static const char *
write_set(struct node_bed *w, const struct param_set *set)
{
	char *out = text(w);
	struct buf b;

	buf_init(&b, PARAM_SET_MAX);
	ck_assert_int_eq(param_set_write(set, &codec_xml, &b), RC_OK);
	ck_assert_uint_lt(b.n, 4096);
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
	buf_fini(&b);
	return out;
}

/* The set with k in clear, of which there is no copy but in the text. */
static const char *
write_clear(struct node_bed *w, struct param_set *set, const struct key *k)
{
	struct key place;
	char *out, *at, hex[2 * KEY_BYTES + 1];
	size_t n;

	memset(&place, 0x5a, sizeof(place));
	hex_encode(place.v, sizeof(place.v), hex);
	set->clear = &place;
	out = (char *)(uintptr_t)write_set(w, set);
	at = strstr(out, hex);
	ck_assert_ptr_nonnull(at);
	/* The text is long, as one that comes in many pieces. */
	n = strlen(out);
	ck_assert_uint_lt(n, LONG_TEXT);
	memset(out + n, ' ', LONG_TEXT - n);
	out[LONG_TEXT] = '\0';
	for (size_t i = 0; i < KEY_BYTES; i++) {
		at[2 * i] = "0123456789abcdef"[k->v[i] >> 4];
		at[2 * i + 1] = "0123456789abcdef"[k->v[i] & 15];
	}
	return out;
}

/* Kmr as it is sent, not derived. */
static const char *
write_sent(struct node_bed *w, struct param_set *set)
{
	uint8_t wrapped[KEYWRAP_BYTES];
	struct key kek;

	ck_assert_int_eq(key_random(&w->kmrs[w->kmr_index]), RC_OK);
	if (w->boot == BOOT_CLEAR)
		return write_clear(w, set, &w->kmrs[w->kmr_index]);
	ck_assert_int_eq(key_random(&kek), RC_OK);
	ck_assert_int_eq(key_wrap(&kek, &w->kmrs[w->kmr_index], wrapped), RC_OK);
	set->wrapped = wrapped;
	return write_set(w, set);
}

static struct port_answer
answer_boot(struct node_bed *w, const struct exchange *ex)
{
	uint8_t ppid[15];
	struct param_set set = { .kind = PARAM_BOOTSTRAP,
		                 .lifetime = clock_now(&w->core.clock.clock) + w->kmr_lifetime,
		                 .scl_id = w->sets_scl_id,
		                 .node = w->node,
		                 .nscls = w->nscls };
	struct key wrong;

	w->counts.boots++;
	ck_assert_ptr_nonnull(strstr(ex->url.p, "ppid=" PPID_HEX));
	if (w->boot == BOOT_TAKEN)
		return (struct port_answer){ .status = 409 };
	set.kmr_index = ++w->kmr_index;
	ck_assert_uint_lt(w->kmr_index, NITEMS(w->kmrs));
	if (w->boot >= BOOT_CLEAR)
		return (struct port_answer){ .status = 201, .body = write_sent(w, &set) };
	ck_assert(hex_decode(SLICE_LIT(PPID_HEX), ppid, sizeof(ppid)));
	ck_assert_int_eq(kmr_derive(&ex->exported, slice_make(ppid, sizeof(ppid)), &w->node,
	                            w->kmr_index, SLICE_LIT("msbf.sp1.example"),
	                            &w->kmrs[w->kmr_index]), RC_OK);
	if (w->boot == BOOT_LOST)
		return (struct port_answer){ .status = ANSWER_NEVER };
	if (w->boot == BOOT_WRONG) {
		ck_assert_int_eq(key_random(&wrong), RC_OK);
		set.clear = &wrong;
	}
	return (struct port_answer){ .status = 201, .body = write_set(w, &set),
		                     .held = &w->boot_held };
}

/* Octets of a verdict to that nonce. */
static size_t
make_verdict(struct node_bed *w, const uint8_t nonce[REJECT_NONCE_SIZE], uint8_t out[REJECT_MAX])
{
	struct sign_key *k = signer(w->verdict == SAY_OTHER_KEY ? 2 : 1);
	struct reject r = { .cause = w->verdict == SAY_OVERLOAD ? REJECT_OVERLOAD : REJECT_REVOKED,
		            .permanent = w->verdict != SAY_PASSING,
		            .node = w->node,
		            .time = (uint64_t)(clock_now(&w->core.clock.clock) / CLOCK_SECOND),
		            .sp_id = SLICE_LIT("sp1.example") };
	size_t n = 0;

	memcpy(r.nonce, nonce, sizeof(r.nonce));
	if (w->verdict == SAY_OLD_NONCE)
		r.nonce[3] ^= 1;
	if (w->verdict == SAY_OTHER_NODE)
		r.node.v[9] ^= 1;
	if (w->verdict == SAY_OLD)
		r.time -= 600;
	ck_assert_int_eq(reject_make(&r, k, out, &n), RC_OK);
	sign_key_free(k);
	if (w->verdict == SAY_NOTHING)
		memset(out, 'x', n);
	return n;
}

static struct port_answer
answer_status(struct node_bed *w, const struct exchange *ex)
{
	static const char mark[] = "\"nonce\":\"";
	const char *at = memmem(ex->body.p, ex->body.n, mark, strlen(mark));
	uint8_t nonce[REJECT_NONCE_SIZE];
	char *out = text(w);
	size_t n;

	w->counts.verdicts++;
	ck_assert_ptr_nonnull(at);
	ck_assert(hex_decode(slice_make(at + strlen(mark), 32), nonce, sizeof(nonce)));
	n = make_verdict(w, nonce, (uint8_t *)out);
	return (struct port_answer){ .status = 200, .body = out, .body_len = n };
}

/* ---- the NSCL ---- */

static struct slice
header(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (slice_is(ex->headers[i].name, name))
			return ex->headers[i].value;
	return SLICE_NONE;
}

static const char *
error_info(struct node_bed *w, const char *reason)
{
	char *out = text(w);

	snprintf(out, 1024,
	         "<m2m:errorInfo " NS "><m2m:statusCode>STATUS_FORBIDDEN</m2m:statusCode>"
	         "<m2m:additionalInfo>%s</m2m:additionalInfo></m2m:errorInfo>", reason);
	return out;
}

static struct port_answer
answer_set(struct node_bed *w, const struct exchange *ex)
{
	struct kmc_terms terms = { .node = w->node, .kmr_index = w->first_index,
		                   .kmc_index = ++w->kmc_index, .connection = ++w->connection,
		                   .scl_id = SLICE_LIT(SCL_ID) };
	struct param_set set = { .kind = PARAM_CONNECTION, .scl_id = SCL_ID, .flags = w->flags };
	uint8_t wrapped[KEYWRAP_BYTES];
	struct key kek, sent;
	const char *out;

	ck_assert_int_eq(kmc_derive(&w->kmrs[w->first_index], &ex->exported, &terms, &w->kmc), RC_OK);
	ck_assert_int_eq(kek_conn(&w->kmrs[w->first_index], &w->node, terms.connection,
	                          terms.kmc_index, &kek), RC_OK);
	sent = w->kmc;
	if (w->link == LINK_TAMPERED)
		sent.v[31] ^= 1;
	set.lifetime = clock_now(&w->core.clock.clock) + w->kmc_lifetime;
	set.connection_id = terms.connection;
	set.kmc_index = terms.kmc_index;
	if (w->link == LINK_CLEAR)
		return (struct port_answer){ .status = 201, .body = write_clear(w, &set, &sent) };
	ck_assert_int_eq(key_wrap(&kek, &sent, wrapped), RC_OK);
	set.wrapped = wrapped;
	out = write_set(w, &set);
	if (w->captured[0] == '\0')
		snprintf(w->captured, sizeof(w->captured), "%s", out);
	return (struct port_answer){ .status = 201, .held = &w->link_held,
		                     .body = w->link == LINK_CAPTURED ? w->captured : out };
}

static struct port_answer
answer_link(struct node_bed *w, const struct exchange *ex)
{
	const struct credential_psk *psk = credential_for_version(ex->credential, 13);
	struct psk_id id;
	struct key want;
	uint8_t nonce[REJECT_NONCE_SIZE];
	char *out;
	size_t n;

	w->counts.links++;
	w->low_links += slice_is(header(ex, PRIORITY_HEADER), "low");
	ck_assert_ptr_nonnull(psk);
	ck_assert(psk_id_parse(slice_of(psk->identity), &id) && id.kind == PSK_MR);
	ck_assert_int_eq(psk_mr(&w->kmrs[id.index], PSK_TLS_1_3, &w->node, id.index, &want), RC_OK);
	w->first_index = id.index;
	if (w->link == LINK_NO_TLS || !key_equal(&want, &psk->key))
		return (struct port_answer){ .status = ANSWER_REFUSED, .tls_failed = true };
	if (w->link == LINK_FORBIDDEN)
		return (struct port_answer){ .status = 403, .body = error_info(w, "AUTH_FAILED") };
	if (w->link == LINK_GONE)
		return (struct port_answer){ .status = 410 };
	if (w->link == LINK_REBOOTSTRAP)
		return (struct port_answer){ .status = 403, .body = error_info(w, "SEC_REBOOTSTRAP") };
	if (w->link != LINK_REJECTED)
		return answer_set(w, ex);
	ck_assert(reject_nonce_parse(header(ex, REJECT_NONCE_HEADER), nonce));
	out = text(w);
	n = make_verdict(w, nonce, (uint8_t *)out + 1024);
	b64url_encode(out, out + 1024, n);
	out[B64URL_LEN(n)] = '\0';
	return (struct port_answer){ .status = 403, .body = error_info(w, "AUTH_FAILED"),
		                     .reject = out, .held = &w->link_held };
}

/* The answer to a request that came as an object, as one. */
static struct port_answer
answer_object(struct node_bed *w, const struct exchange *ex)
{
	const struct jose_header h = { .connection = w->connection, .kmc_index = w->kmc_index,
		                       .direction = OBJ_N2D, .cty = SLICE_LIT("text/plain"),
		                       .seq = 1, .method = JOSE_RSP, .status = 200,
		                       .answers = w->counts.requests };
	struct key k;
	char *out = text(w);
	struct buf b;

	ck_assert(slice_is(header(ex, "Content-Type"), JOSE_MEDIA_TYPE));
	ck_assert_int_eq(obj_key(&w->kmc, OBJ_N2D, w->connection, w->kmc_index, &k), RC_OK);
	buf_init(&b, 4096);
	ck_assert_int_eq(jose_seal(&h, &k, SLICE_LIT("sealed answer"), &b), RC_OK);
	snprintf(out, 4096, "%.*s", (int)b.n, b.p);
	buf_fini(&b);
	return (struct port_answer){ .status = 200, .body = out, .type = JOSE_MEDIA_TYPE };
}

/* The query is no part of it. */
static bool
indicates(const struct node_bed *w, const struct exchange *ex)
{
	struct indicator_request rq = { &w->node, ex->method, SLICE_NONE };
	struct indicator i;
	struct uri u;
	struct key k;

	if (!indicator_parse(header(ex, INDICATOR_HEADER), &i))
		return false;
	ck_assert(uri_parse(ex->url, &u));
	rq.path = u.path;
	ck_assert_int_eq(indicator_key(&w->kmrs[w->first_index], &w->node, &k), RC_OK);
	return i.low && indicator_check(&k, &rq, &i,
	                                clock_now(&w->core.clock.clock) / CLOCK_SECOND) == RC_OK;
}

static struct port_answer
answer_request(struct node_bed *w, const struct exchange *ex)
{
	const struct credential_psk *psk =
		ex->credential == NULL ? NULL : credential_for_version(ex->credential, 13);

	w->counts.requests++;
	w->low_requests += slice_is(header(ex, PRIORITY_HEADER), "low");
	snprintf(w->identity, sizeof(w->identity), "%s", psk == NULL ? "" : psk->identity);
	if (w->refused_sessions > 0) {
		w->refused_sessions--;
		return (struct port_answer){ .status = ANSWER_REFUSED, .tls_failed = true,
			                     .tls_refused = true };
	}
	if (w->cut_sessions > 0) {
		w->cut_sessions--;
		return (struct port_answer){ .status = ANSWER_REFUSED, .tls_failed = true };
	}
	if (slice_starts(ex->url, SLICE_LIT("http:"))) {
		w->tagged = header(ex, "X-M2M-Connection").n > 0;
		w->low_clear += indicates(w, ex);
		if (w->forged)
			return (struct port_answer){ .status = 401,
				                     .body = error_info(w, "SEC_KMC_EXPIRED") };
		return (struct port_answer){ .status = 200, .body = "plain" };
	}
	if (w->unreachable)
		return (struct port_answer){ .status = ANSWER_REFUSED };
	if (w->says_expired)
		return (struct port_answer){ .status = 401, .body = error_info(w, "SEC_KMC_EXPIRED") };
	if ((w->flags & MAS_OBJECT) != 0 && w->status == 200)
		return answer_object(w, ex);
	return (struct port_answer){ .status = w->status, .delay = w->delay, .body = "plain" };
}

static struct port_answer
script(void *arg, const struct exchange *ex)
{
	struct node_bed *w = arg;
	struct port_answer a;

	pthread_mutex_lock(&w->lock);
	if (slice_starts(ex->url, SLICE_LIT(MSBF "/info")))
		a = answer_info(w);
	else if (slice_starts(ex->url, SLICE_LIT(MSBF "/bootstrapParamSet")))
		a = answer_boot(w, ex);
	else if (slice_starts(ex->url, SLICE_LIT(MSBF "/status")))
		a = answer_status(w, ex);
	else if (slice_starts(ex->url, SLICE_LIT(NSCL "/connectionParamSet")))
		a = answer_link(w, ex);
	else
		a = answer_request(w, ex);
	pthread_mutex_unlock(&w->lock);
	return a;
}

/* ---- life ---- */

static void
attach(struct scl *scl)
{
	char why[SEC_WHY_MAX] = "";

	ck_assert_msg(sec_node.attach(bed->sec, scl, why) == RC_OK, "%s", why);
}

void
node_init(struct node_bed *w)
{
	*w = (struct node_bed){ .kmr_lifetime = 86400 * CLOCK_SECOND,
		                .kmc_lifetime = 3600 * CLOCK_SECOND,
		                .sets_scl_id = SCL_ID,
		                .status = 200,
		                .flags = MAS_CHANNEL,
		                .nscls = { NSCL, NULL } };
	core_init(&w->core);
	pthread_mutex_init(&w->lock, NULL);
	strcpy(w->dir, "/tmp/test_sec_node.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w->dir));
	snprintf(w->keystore, sizeof(w->keystore), "%s/keystore", w->dir);
	ck_assert_int_eq(node_id_make(SLICE_LIT("sp1.example"), &w->node), RC_OK);
	ck_assert_int_eq(conn_id_make(&w->connection), RC_OK);
	w->conf = (struct sec_conf){ .scl_id = SCL_ID,
		                     .base = "m2m",
		                     .log = w->core.log,
		                     .clock = &w->core.clock.clock,
		                     .state = w->dir,
		                     .keystore = { .path = w->keystore },
		                     .bootstrap = { .msbf = MSBF,
		                                    .ppid = PPID_HEX,
		                                    .backoff = 3600 * CLOCK_SECOND,
		                                    .retry = 1000,
		                                    .retry_max = 4000 } };
}

void
node_begin(struct node_bed *w)
{
	char why[SEC_WHY_MAX] = "";

	bed = w;
	w->ups = w->downs = false;
	port_fake_set(script, w);
	ck_assert_msg(sec_node.open(&w->conf, &w->sec, why) == RC_OK, "%s", why);
	w->hooks = (struct port_conf){ .protect = sec_node.protect,
		                       .unprotect = sec_node.unprotect,
		                       .protect_arg = w->sec };
	w->core.hooks = &w->hooks;
	w->core.attach = attach;
	core_start(&w->core);
	ck_assert_msg(sec_node.start(w->sec, why) == RC_OK, "%s", why);
}

void
node_end(struct node_bed *w)
{
	sec_node.stop(w->sec);
	core_stop(&w->core);
	sec_node.close(w->sec);
}

void
node_fini(struct node_bed *w)
{
	char command[160];

	core_fini(&w->core);
	pthread_mutex_destroy(&w->lock);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c): a name of mkdtemp */
}

/* ---- what the test does ---- */

static void
changed(void *owner, const char *nscl, bool up)
{
	struct node_bed *w = owner;

	(void)nscl;
	pthread_mutex_lock(&w->lock);
	if (up)
		w->ups = true;
	else
		w->downs = true;
	pthread_mutex_unlock(&w->lock);
}

static void
report(void *owner)
{
	(void)owner;
}

static struct gate_listener listener;
static struct scl_task want_task;
static const char *wanted;

static void
want(struct scl_task *task)
{
	const struct gate *g = sec_node.gate(bed->sec);

	(void)task;
	listener = (struct gate_listener){ .changed = changed, .report = report, .owner = bed };
	g->listen(g->arg, &listener);
	if (g->enter(g->arg, wanted) == RC_OK)
		changed(bed, wanted, true);
}

void
node_want(struct node_bed *w)
{
	node_want_at(w, NSCL);
}

void
node_want_at(struct node_bed *w, const char *nscl)
{
	wanted = nscl;
	want_task = (struct scl_task){ .run = want };
	scl_post(w->core.scl, &want_task, 0);
}

struct condition {
	struct node_bed *w;
	bool (*holds)(struct node_bed *w);
};

static bool
condition_holds(void *arg)
{
	const struct condition *c = arg;
	bool holds;

	pthread_mutex_lock(&c->w->lock);
	holds = c->holds(c->w);
	pthread_mutex_unlock(&c->w->lock);
	return holds;
}

bool
node_await(struct node_bed *w, bool (*holds)(struct node_bed *w))
{
	struct condition c = { w, holds };

	return core_await(condition_holds, &c);
}

static bool
is_up(struct node_bed *w)
{
	return w->ups;
}

static bool
is_down(struct node_bed *w)
{
	return w->downs;
}

bool
node_await_up(struct node_bed *w)
{
	return node_await(w, is_up);
}

bool
node_await_down(struct node_bed *w)
{
	return node_await(w, is_down);
}

struct node_counts
node_counts(struct node_bed *w)
{
	struct node_counts c;

	pthread_mutex_lock(&w->lock);
	c = w->counts;
	pthread_mutex_unlock(&w->lock);
	return c;
}

static void
sent_done(struct exchange *ex)
{
	struct sent *s = ex->owner;

	pthread_mutex_lock(&s->w->lock);
	s->status = ex->rc == RC_OK ? ex->http_status : 0;
	s->unsent = ex->unsent;
	snprintf(s->body, sizeof(s->body), "%.*s", (int)ex->answer.n,
	         ex->answer.n > 0 ? ex->answer.p : "");
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	s->done = true;
	pthread_mutex_unlock(&s->w->lock);
}

static void
sent_run(struct scl_task *task)
{
	struct sent *s = (struct sent *)(void *)((char *)task - offsetof(struct sent, task));

	scl_send(s->w->core.scl, &s->ex);
}

void
node_send(struct node_bed *w, struct sent *s, const char *method, const char *body)
{
	node_send_to(w, s, NSCL "/scls?a=b", method, body);
}

void
node_send_to(struct node_bed *w, struct sent *s, const char *url, const char *method,
             const char *body)
{
	*s = (struct sent){ .w = w };
	s->ex = (struct exchange){ .method = slice_of(method), .url = slice_of(url),
		                   .body = slice_of(body), .timeout_ms = 20000,
		                   .answer_max = 65536, .done = sent_done, .owner = s };
	exchange_add_header(&s->ex, SLICE_LIT("Content-Type"), SLICE_LIT("application/xml"));
	s->task.run = sent_run;
	scl_post(w->core.scl, &s->task, 0);
}

static bool
is_done(void *arg)
{
	struct sent *s = arg;
	bool done;

	pthread_mutex_lock(&s->w->lock);
	done = s->done;
	pthread_mutex_unlock(&s->w->lock);
	return done;
}

void
node_sent(struct sent *s)
{
	ck_assert(core_await(is_done, s));
}

int
node_ask(struct node_bed *w)
{
	return node_ask_at(w, NSCL "/scls?a=b");
}

int
node_ask_at(struct node_bed *w, const char *url)
{
	struct sent s;

	node_send_to(w, &s, url, "GET", "");
	node_sent(&s);
	return s.status;
}
