/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mpa_device_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/mpa_device.h"
#include "sec/b64url.h"
#include "sec/hex.h"

struct device_world w;
struct sign_public pinned_cn, pinned_s;

/* ---- the security capability ---- */

static bool
sec_node(void *arg, struct node_id *node, uint32_t *kmr_index)
{
	(void)arg;
	pthread_mutex_lock(&w.lock);
	*node = w.node;
	pthread_mutex_unlock(&w.lock);
	if (kmr_index != NULL)
		*kmr_index = 1;
	return true;
}

static enum rc
sec_session(void *arg, struct slice url, struct sec_session *out)
{
	bool up;

	(void)arg;
	pthread_mutex_lock(&w.lock);
	up = w.connected;
	pthread_mutex_unlock(&w.lock);
	*out = (struct sec_session){ .connection = 1 };
	return up && slice_is(url, NSCL) ? RC_OK : RC_NOT_FOUND;
}

static enum rc
sec_book(void *arg, const char *name, struct key *seal, char *dir, size_t n)
{
	(void)arg;
	ck_assert_str_eq(name, "mpa");
	memset(seal->v, 7, sizeof(seal->v));
	snprintf(dir, n, "%s/book", w.dir);
	return RC_OK;
}

static enum rc
sec_credential(void *arg, struct slice url, struct credential *c)
{
	(void)arg;
	ck_assert(slice_is(url, GATEWAY));
	pthread_mutex_lock(&w.lock);
	w.uses++;
	w.identity[0] = '\0';
	if (c != NULL) {
		const struct credential_psk *psk = credential_for_version(c, 13);

		snprintf(w.identity, sizeof(w.identity), "%s", psk->identity);
		w.psk = psk->key;
	}
	pthread_mutex_unlock(&w.lock);
	return RC_OK;
}

/* ---- the NSCL ---- */

static char *
next_text(void)
{
	return w.texts[w.n_texts++ % TEXTS];
}

static struct port_answer
take_key(const struct exchange *ex)
{
	char want[256], public[B64URL_LEN(SIGN_PUBLIC_SIZE) + 1] = "";
	uint8_t message[7 + NODE_ID_BYTES + sizeof(OWN_SCL) - 1] = "mpa key", signature[SIGN_SIZE];

	memcpy(message + 7, w.node.v, NODE_ID_BYTES);
	memcpy(message + 7 + NODE_ID_BYTES, OWN_SCL, sizeof(OWN_SCL) - 1);
	b64url_encode(public, publics[D].v, SIGN_PUBLIC_SIZE);
	snprintf(want, sizeof(want), "{\"publicKey\":\"%s\",\"signature\":\"", public);
	ck_assert(slice_is(ex->method, "PUT"));
	ck_assert(slice_starts(ex->body, slice_of(want)));
	ck_assert_uint_eq(ex->body.n, strlen(want) + B64URL_LEN(SIGN_SIZE) + 2);
	ck_assert(b64url_decode(slice_make(ex->body.p + strlen(want), B64URL_LEN(SIGN_SIZE)),
	                        signature));
	ck_assert_int_eq(
		sign_verify(&publics[D], SIGN_OWN, slice_make(message, sizeof(message)), signature),
		RC_OK);
	w.keys++;
	return (struct port_answer){ .status = 201 };
}

static void
put_octets(struct buf *b, const char *name, const void *p, size_t n)
{
	buf_printf(b, "\"%s\":\"", name);
	b64url_add(b, slice_make(p, n));
	buf_puts(b, "\"");
}

static struct port_answer
give_credentials(void)
{
	char *text = next_text();
	struct buf b;

	w.fetches++;
	buf_init(&b, sizeof(w.texts[0]) - 1);
	buf_puts(&b, "{\"network\":{\"id\":\"cn.sp1.example\",");
	put_octets(&b, "publicKey", publics[CN].v, SIGN_PUBLIC_SIZE);
	buf_puts(&b, "},\"credentials\":[");
	if (w.from_cn.n > 0) {
		buf_puts(&b, "{\"server\":{\"id\":\"other\",");
		put_octets(&b, "publicKey", publics[S2].v, SIGN_PUBLIC_SIZE);
		buf_puts(&b, "},\"fromNetwork\":\"AA\",\"fromServer\":\"AA\",\"notAfter\":1},");
		buf_puts(&b, "{\"server\":{\"id\":\"mtc.app.example\",");
		put_octets(&b, "publicKey", publics[S].v, SIGN_PUBLIC_SIZE);
		buf_puts(&b, "},");
		put_octets(&b, "fromNetwork", w.from_cn.v, w.from_cn.n);
		buf_puts(&b, ",");
		put_octets(&b, "fromServer", w.from_s.v, w.from_s.n);
		buf_puts(&b, ",\"notAfter\":1}");
	}
	buf_puts(&b, "],\"revoked\":[");
	if (w.has_revoked) {
		buf_puts(&b, "\"");
		b64url_add(&b, slice_make(w.revoked, sizeof(w.revoked)));
		buf_puts(&b, "\"");
	}
	buf_puts(&b, "]}");
	ck_assert(!b.failed);
	memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	buf_fini(&b);
	return (struct port_answer){ .status = 200, .body = text };
}

/* ---- the gateway ---- */

static struct mpa_ap_conf
ap_conf(void)
{
	return (struct mpa_ap_conf){
		.key = keys[w.ap_party],
		.chain = octets_in(&w.w5),
		.anchors = { .cn.key = publics[CN], .servers = servers, .n_servers = 1 },
		.place = SLICE_LIT(PLACE),
		.cache = w.cache
	};
}

static int64_t
seconds(void)
{
	return clock_now(&clock_system) / CLOCK_SECOND;
}

static struct port_answer
give_a2(const struct exchange *ex)
{
	const struct mpa_ap_conf conf = ap_conf();
	char *text = next_text();
	size_t n;
	struct buf a2;

	w.a1s++;
	mpa_ap_free(w.ap);
	w.ap = NULL;
	buf_init(&a2, MPA_A2_MAX);
	ck_assert_int_eq(mpa_ap_start(&conf, ex->body, &w.ap, &a2, NULL), RC_OK);
	n = a2.n;
	memcpy(text, a2.p, n);
	buf_fini(&a2);
	return (struct port_answer){ .status = 200, .body = text, .body_len = n };
}

static struct port_answer
give_a4(const struct exchange *ex, struct slice name)
{
	const struct mpa_ap_conf conf = ap_conf();
	char *text = next_text();
	uint8_t run[MPA_RUN_SIZE], got[MPA_RUN_SIZE];
	enum rc rc;

	w.a3s++;
	w.last_a3 = ex->body.n;
	if (w.a3_status != 0)
		return (struct port_answer){ .status = w.a3_status };
	mpa_ap_run(w.ap, run);
	ck_assert(hex_decode(name, got, sizeof(got)));
	ck_assert_mem_eq(run, got, sizeof(run));
	rc = mpa_ap_take_a3(w.ap, &conf, ex->body, seconds(), (uint8_t *)text, &w.at_ap, NULL);
	if (rc == RC_PRECONDITION)
		return (struct port_answer){ .status = 412 };
	if (rc != RC_OK)
		return (struct port_answer){ .status = 403 };
	w.lost = false;
	return (struct port_answer){ .status = 200, .body = text, .body_len = MPA_A4_SIZE };
}

static struct port_answer
give_decision(struct slice th)
{
	char *text = next_text();
	struct mpa_th run;

	w.looks++;
	if (w.lost)
		return (struct port_answer){ .status = ANSWER_REFUSED, .tls_failed = true };
	if (w.decision_status != 200)
		return (struct port_answer){ .status = w.decision_status };
	ck_assert(hex_decode(th, run.v, sizeof(run.v)));
	ck_assert_mem_eq(run.v, w.at_ap.th.v, sizeof(run.v));
	ck_assert_int_eq(
		mpa_decision_make(keys[w.decider], &run, w.verdict, 1700000000, (uint8_t *)text),
		RC_OK);
	return (struct port_answer){ .status = 200, .body = text, .body_len = MPA_DECISION_SIZE };
}

static struct port_answer
at_gateway(const struct exchange *ex, size_t base)
{
	struct slice rest = slice_from(ex->url, base);

	/* A refusal says more than what is asked for. */
	ck_assert_uint_ge(ex->answer_max, 4096);
	if (w.silent)
		return (struct port_answer){ .status = ANSWER_NEVER };
	if (slice_is(rest, "/mpa"))
		return give_a2(ex);
	if (slice_starts(rest, SLICE_LIT("/mpa?run=")))
		return give_a4(ex, slice_from(rest, strlen("/mpa?run=")));
	ck_assert(slice_starts(rest, SLICE_LIT("/mpa/decisions/")));
	return give_decision(slice_from(rest, strlen("/mpa/decisions/")));
}

static struct port_answer
script(void *arg, const struct exchange *ex)
{
	struct port_answer a = { .status = 404 };

	(void)arg;
	pthread_mutex_lock(&w.lock);
	if (slice_starts(ex->url, SLICE_LIT(GATEWAY)))
		a = at_gateway(ex, strlen(GATEWAY));
	else if (slice_starts(ex->url, SLICE_LIT(ATTACH)) && ++w.attached > 0)
		a = at_gateway(ex, strlen(ATTACH));
	else if (slice_is(ex->url, NSCL "/mpa/key"))
		a = take_key(ex);
	else if (slice_is(ex->url, NSCL "/mpa/credentials"))
		a = give_credentials();
	pthread_mutex_unlock(&w.lock);
	return a;
}

/* ---- life ---- */

static void
attach(struct scl *scl)
{
	char why[CAPABILITY_WHY_MAX] = "";
	void *state;

	w.conf.log = w.b.log;
	ck_assert_msg(cap_mpa_device.attach(scl, &w.conf, &state, why) == RC_OK, "%s", why);
	w.d = state;
}

void
device_setup(void)
{
	mpa_setup();
	core_init(&w.b);
	pthread_mutex_init(&w.lock, NULL);
	strcpy(w.dir, "/tmp/test_mpa_device.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w.dir));
	pinned_cn = publics[CN];
	pinned_s = publics[S];
	ck_assert(node_id_parse(SLICE_LIT(DEVICE_ID), &w.node));
	w.connected = true;
	w.ap_party = AP;
	w.decision_status = 200;
	w.decider = S;
	w.verdict = MPA_ACCEPTED;
	ck_assert_int_eq(mpa_cache_new(8, &w.cache), RC_OK);
	w.sec = sec_access_none;
	w.sec.node = sec_node;
	w.sec.session = sec_session;
	w.sec.book = sec_book;
	w.sec.credential_set = sec_credential;
	w.nscls[0] = NSCL;
	w.conf = (struct capability_conf){
		.scl_id = OWN_SCL, .sec = &w.sec, .nscl = w.nscls, .nscl_release = 2
	};
	w.conf.mpa = (struct mpa_conf){ .enabled = true,
		                        .engine = &store_lmdb,
		                        .key = device_key(),
		                        .gateway = GATEWAY,
		                        .session_time = 3600 * CLOCK_SECOND,
		                        .check_interval = CLOCK_SECOND / 50,
		                        .retry_first = CLOCK_SECOND / 100,
		                        .retry_max = CLOCK_SECOND / 10 };
	issue_all(D);
}

void
begin(void)
{
	char why[CAPABILITY_WHY_MAX] = "";
	void *state;

	if (w.conf.mpa.network_key == NULL) {
		w.conf.mpa.network_key = device_pem("cn", &pinned_cn);
		w.conf.mpa.server_key = device_pem("s", &pinned_s);
	}
	w.b.attach = attach;
	port_fake_set(script, NULL);
	core_start(&w.b);
	state = w.d;
	ck_assert_int_eq(cap_mpa_device.start(w.b.scl, &w.conf, &state, why), RC_OK);
}

void
end(void)
{
	cap_mpa_device.stop(w.d);
	core_stop(&w.b);
	cap_mpa_device.detach(w.d);
	w.d = NULL;
}

void
device_teardown(void)
{
	char command[160];

	core_fini(&w.b);
	mpa_ap_free(w.ap);
	mpa_session_wipe(&w.at_ap);
	mpa_cache_free(w.cache);
	free((void *)(uintptr_t)w.conf.mpa.network_key);
	free((void *)(uintptr_t)w.conf.mpa.server_key);
	free((void *)(uintptr_t)w.conf.mpa.key);
	mpa_teardown();
	snprintf(command, sizeof(command), "rm -rf '%s'", w.dir);
	ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c): a name of mkdtemp */
}
