/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of devices by OCSP: what a bootstrap makes of the answers. */
#include "config.h"

#include "msbf_bed.h"
#include "ocsp_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mas/msbf_impl.h"

#define TARGET SET "?ppid="

static struct msbf_bed bed;

/* What the responder does. */
static struct {
	struct wish wish;
	int status; /* of struct port_answer */
	int64_t delay;
	const char *url; /* that is asked */
	_Atomic unsigned asked;
	char *texts[64]; /* that live as long as the exchanges */
} responder;

static struct port_answer
respond(void *arg, const struct exchange *ex)
{
	unsigned at = atomic_load(&responder.asked);
	struct port_answer a = { .status = responder.status, .delay = responder.delay };

	(void)arg;
	ck_assert_uint_lt(at, NITEMS(responder.texts));
	ck_assert(slice_is(ex->method, "POST"));
	ck_assert_msg(slice_is(ex->url, responder.url), "%.*s", (int)ex->url.n, ex->url.p);
	ck_assert(slice_is(ex->headers[0].value, OCSP_REQUEST_TYPE));
	ck_assert_uint_eq(ex->timeout_ms, 200);
	ck_assert_uint_gt(ex->answer_max, 0);
	if (a.status > 0)
		a.body = responder.texts[at] = answer_to(ex->body, &responder.wish, &a.body_len);
	atomic_fetch_add(&responder.asked, 1);
	return a;
}

/* Which certificate the peers show; the issuer that the listener knows. */
static const struct issued *shown, *known_issuer;

static enum rc
certificate(const struct peer *peer, bool issuer, struct buf *out)
{
	const struct issued *i = issuer ? known_issuer : shown;

	(void)peer;
	if (i == NULL)
		return RC_NOT_FOUND;
	buf_slice(out, der_of(i));
	return out->failed ? RC_NO_SPACE : RC_OK;
}

static struct msbf_bed *
start(const char *uri)
{
	struct msbf_bed *b = &bed;

	issue_all();
	shown = &devices[0];
	known_issuer = &ca;
	responder.url = uri == NULL ? OCSP_URI : uri;
	responder.status = 200;
	msbf_bed_make(b, 0);
	port_fake_set(respond, NULL);
	b->conf.ocsp = true;
	b->conf.ocsp_responder = uri;
	b->conf.ocsp_timeout = 200000;
	msbf_bed_open(b);
	ck_assert_int_eq(msbf_provision(b, PPID_A, NULL, 0).rc, RC_OK);
	ck_assert_int_eq(msbf_provision(b, PPID_B, NULL, 0).rc, RC_OK);
	return b;
}

static void
end(struct msbf_bed *b)
{
	msbf_bed_free(b);
	for (unsigned i = 0; i < NITEMS(responder.texts); i++)
		free(responder.texts[i]);
}

static struct told
ask(struct msbf_bed *b, const char *method, const char *ppid)
{
	struct test_peer p;
	char target[256];
	struct asked a = { .method = method,
		           .target = target,
		           .peer = &p,
		           .nonce = "00112233445566778899aabbccddeeff" };

	snprintf(target, sizeof(target), TARGET "%s", ppid);
	peer_of(&p, ppid, 1);
	p.peer.certificate = certificate;
	return msbf_ask(b, &a);
}

static int
status_of_post(struct msbf_bed *b, const char *ppid)
{
	struct told t = ask(b, "POST", ppid);

	told_free(&t);
	return t.status;
}

static void
asked(unsigned n)
{
	ck_assert_uint_eq(atomic_load(&responder.asked), n);
}

static uint64_t
counted(const struct msbf_bed *b, enum msbf_counter c)
{
	return mas_counted(b->m->counters, c);
}

/* Kept until it ends; then the responder is asked again. */
START_TEST(test_kept)
{
	struct msbf_bed *b = start(NULL);

	responder.wish.left = 3600;
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	asked(1);
	atomic_store(&b->mas.clock.now, BED_START + 3599 * CLOCK_SECOND);
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	asked(1);
	/* Another certificate is another question. */
	shown = &devices[1];
	ck_assert_int_eq(status_of_post(b, PPID_B), 201);
	asked(2);
	shown = &devices[0];
	atomic_store(&b->mas.clock.now, BED_START + 3600 * CLOCK_SECOND);
	responder.wish = (struct wish){ .status = V_OCSP_CERTSTATUS_REVOKED, .left = 7200 };
	ck_assert_int_eq(status_of_post(b, PPID_A), 403);
	/* What is not good is not kept. */
	responder.wish = (struct wish){ .left = 7200 };
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	asked(4);
	ck_assert_uint_eq(counted(b, MSBF_COUNT_OCSP_GOOD), 3);
	ck_assert_uint_eq(counted(b, MSBF_COUNT_OCSP_KNOWN), 2);
	ck_assert_uint_eq(counted(b, MSBF_COUNT_OCSP_REFUSED), 1);
	end(b);
}
END_TEST

/* For a day at most. */
START_TEST(test_kept_a_day)
{
	struct msbf_bed *b = start(NULL);

	responder.wish.left = 30 * OCSP_DAY;
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	atomic_store(&b->mas.clock.now, BED_START + (OCSP_DAY - 1) * CLOCK_SECOND);
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	asked(1);
	atomic_store(&b->mas.clock.now, BED_START + OCSP_DAY * CLOCK_SECOND);
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	asked(2);
	end(b);
}
END_TEST

#define WAYS 8u /* certificates of one digest modulo 512 that are known at a time */

static unsigned
place_of(const struct issued *i)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	ck_assert_int_eq(EVP_Digest(i->der, (size_t)i->n, digest, NULL, EVP_sha256(), NULL), 1);
	return ((unsigned)digest[0] << 8 | digest[1]) % 512;
}

/* Another certificate, in the same place as other. */
static void
crowd(struct issued *i, const struct issued *other)
{
	static long serial = 1000;

	do {
		ASN1_INTEGER_set(X509_get_serialNumber(i->crt), ++serial);
		ck_assert_int_gt(X509_sign(i->crt, ca.key, EVP_sha256()), 0);
		OPENSSL_free(i->der);
		i->der = NULL;
		i->n = i2d_X509(i->crt, &i->der);
	} while (place_of(i) != place_of(other));
}

/* What is known of one certificate is not of another; when there are too many, one gives way. */
START_TEST(test_crowded)
{
	struct msbf_bed *b = start(NULL);

	responder.wish.left = 3600;
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	responder.wish.left = 7200;
	shown = &devices[1];
	for (unsigned i = 1; i < WAYS; i++) {
		crowd(&devices[1], &devices[0]);
		ck_assert_int_eq(status_of_post(b, PPID_B), 201);
		asked(1 + i);
	}
	shown = &devices[0];
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	asked(WAYS);
	/* That of the first ends first. */
	shown = &devices[1];
	crowd(&devices[1], &devices[0]);
	ck_assert_int_eq(status_of_post(b, PPID_B), 201);
	ck_assert_int_eq(status_of_post(b, PPID_B), 201);
	asked(WAYS + 1);
	shown = &devices[0];
	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	asked(WAYS + 2);
	end(b);
}
END_TEST

static const struct {
	struct wish wish;
	int status;
	const char *truth;
} refusals[] = {
	{ { .status = V_OCSP_CERTSTATUS_REVOKED }, 200, "OCSP_REVOKED" },
	{ { .status = V_OCSP_CERTSTATUS_UNKNOWN }, 200, "OCSP_UNKNOWN" },
	{ { .age = 1000 }, 200, "OCSP_STALE" },
	{ { .damaged = true }, 200, NULL },
	{ { .signer = &other_delegate }, 200, "OCSP_SIGNATURE" },
	{ { .age = 0 }, ANSWER_REFUSED, "OCSP_UNREACHABLE" },
	{ { .age = 0 }, ANSWER_NEVER, "OCSP_UNREACHABLE" },
	{ { .age = 0 }, 404, "OCSP_UNREACHABLE" },
	{ { .age = 0 }, 302, "OCSP_UNREACHABLE" },
};

/* Whatever is wrong, the answer is that to a device that nobody knows, and nothing is left. */
START_TEST(test_refused)
{
	struct msbf_bed *b = start(NULL);
	struct msbf_device d;
	struct told stranger, t;

	stranger = ask(b, "POST", "800000b8000001");
	responder.wish = refusals[_i].wish;
	responder.status = refusals[_i].status;
	t = ask(b, "POST", PPID_A);
	ck_assert_int_eq(t.status, 403);
	ck_assert_int_eq(stranger.status, 403);
	ck_assert_str_eq(t.body, stranger.body);
	ck_assert_str_eq(t.type, stranger.type);
	ck_assert_uint_eq(strlen(t.reject), strlen(stranger.reject));
	ck_assert_uint_gt(strlen(t.reject), 0);
	if (refusals[_i].truth != NULL)
		ck_assert_uint_eq(msbf_audited(b, "bootstrap", refusals[_i].truth), 1);
	ck_assert(msbf_device_of(b, PPID_A, &d));
	ck_assert_int_eq(d.state, MSBF_ADMITTED);
	ck_assert_uint_eq(d.kmr_reserved, 0);
	ck_assert_uint_eq(atomic_load(&b->provisions), 0);
	asked(2);
	told_free(&t);
	told_free(&stranger);
	end(b);
}
END_TEST

#define TRIES 12u /* more than lock a device */

static const struct {
	struct wish wish;
	int status;
	int after; /* all that, when the responder is well */
} away[] = {
	{ { .age = 0 }, ANSWER_REFUSED, 201 },
	{ { .age = 0 }, ANSWER_NEVER, 201 },
	{ { .age = 0 }, 503, 201 },
	{ { .age = 1000 }, 200, 201 },
	{ { .damaged = true }, 200, 201 },
	{ { .signer = &other_delegate }, 200, 201 },
	{ { .status = V_OCSP_CERTSTATUS_REVOKED }, 200, 503 },
	{ { .status = V_OCSP_CERTSTATUS_UNKNOWN }, 200, 503 },
};

/* What the responder lacks is no device's failure: it locks nobody. What it says of one does. */
START_TEST(test_responder_away)
{
	struct msbf_bed *b = start(NULL);
	bool locks = away[_i].after == 503;

	responder.wish = away[_i].wish;
	responder.status = away[_i].status;
	for (unsigned i = 0; i < TRIES; i++)
		ck_assert_int_eq(status_of_post(b, PPID_A), locks && i >= 10 ? 503 : 403);
	ck_assert_uint_eq(counted(b, MSBF_COUNT_ALARM), locks);
	responder.wish = (struct wish){ .left = 3600 };
	responder.status = 200;
	ck_assert_int_eq(status_of_post(b, PPID_A), away[_i].after);
	end(b);
}
END_TEST

/* Reading and giving back need a good certificate as well. */
START_TEST(test_methods)
{
	static const char *const methods[] = { "GET", "DELETE" };
	struct msbf_bed *b = start(NULL);
	struct msbf_device d;

	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	responder.wish.status = V_OCSP_CERTSTATUS_REVOKED;
	for (unsigned i = 0; i < NITEMS(methods); i++) {
		struct told t = ask(b, methods[i], PPID_A);

		ck_assert_int_eq(t.status, 403);
		told_free(&t);
	}
	asked(3);
	ck_assert(msbf_device_of(b, PPID_A, &d));
	ck_assert_uint_eq(d.kmr_index, 1);
	end(b);
}
END_TEST

/* Nothing is sent for who has proved nothing, names another device, or has no responder. */
START_TEST(test_not_asked)
{
	struct msbf_bed *b = start(NULL);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = TARGET PPID_A, .peer = &p };
	struct told t;

	peer_of(&p, PPID_B, 1);
	p.peer.certificate = certificate;
	t = msbf_ask(b, &a);
	ck_assert_int_eq(t.status, 403);
	told_free(&t);
	p.peer.kind = PEER_UNPROVED;
	t = msbf_ask(b, &a);
	ck_assert_int_eq(t.status, 401);
	told_free(&t);
	peer_of(&p, PPID_A, 1);
	p.no_exporter = true;
	p.peer.certificate = certificate;
	t = msbf_ask(b, &a);
	ck_assert_int_eq(t.status, 401);
	told_free(&t);
	ck_assert_int_eq(msbf_status_of(b, PPID_A, 1, ""), 403);
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "OCSP_NO_ISSUER"), 1);
	known_issuer = &twin_ca;
	ck_assert_int_eq(status_of_post(b, PPID_A), 403);
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "OCSP_NO_ISSUER"), 2);
	known_issuer = &ca;
	shown = &bare;
	ck_assert_int_eq(status_of_post(b, PPID_A), 403);
	ck_assert_uint_eq(msbf_audited(b, "bootstrap", "OCSP_NO_RESPONDER"), 1);
	asked(0);
	end(b);
}
END_TEST

START_TEST(test_one_responder)
{
	struct msbf_bed *b = start("http://all.example:8080/ocsp");
	struct msbf_conf conf;
	struct msbf *other;
	char why[256];

	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	shown = &bare;
	ck_assert_int_eq(status_of_post(b, PPID_B), 201);
	asked(2);
	conf = b->conf;
	conf.ocsp_responder = "https://all.example/ocsp";
	ck_assert_int_eq(msbf_open(&conf, &other, why), RC_BAD_REQUEST);
	ck_assert_ptr_nonnull(strstr(why, "OCSP"));
	end(b);
}
END_TEST

#define TOGETHER 8u

/* Who asks about the same certificate meanwhile waits for the same answer. */
START_TEST(test_together)
{
	struct msbf_bed *b = start(NULL);
	struct msbf_call calls[TOGETHER];
	struct test_peer peers[TOGETHER];
	struct asked a = { .method = "GET", .target = TARGET PPID_A };

	ck_assert_int_eq(status_of_post(b, PPID_A), 201);
	/* Longer than it takes all of them to ask. */
	responder.delay = 3 * CLOCK_SECOND;
	for (unsigned i = 0; i < TOGETHER; i++) {
		peer_of(&peers[i], PPID_A, 1);
		peers[i].peer.certificate = certificate;
		a.peer = &peers[i];
		msbf_begin(b, &calls[i], &a);
	}
	for (unsigned i = 0; i < TOGETHER; i++) {
		struct told t = msbf_end(&calls[i]);

		ck_assert_int_eq(t.status, 200);
		told_free(&t);
	}
	asked(2);
	end(b);
}
END_TEST

/* The end does not wait for the responder; what waits is answered. */
START_TEST(test_stop)
{
	struct msbf_bed *b = start(NULL);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = TARGET PPID_A, .peer = &p };
	struct msbf_call call;
	struct told t;

	responder.delay = 600 * CLOCK_SECOND;
	peer_of(&p, PPID_A, 1);
	p.peer.certificate = certificate;
	msbf_begin(b, &call, &a);
	while (atomic_load(&responder.asked) == 0)
		usleep(1000);
	msbf_stop(b->m);
	t = msbf_end(&call);
	ck_assert_int_eq(t.status, 503);
	told_free(&t);
	end(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("msbf_ocsp");
	TCase *tc = tcase_create("ocsp");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_kept);
	tcase_add_test(tc, test_kept_a_day);
	tcase_add_test(tc, test_crowded);
	tcase_add_loop_test(tc, test_refused, 0, NITEMS(refusals));
	tcase_add_loop_test(tc, test_responder_away, 0, NITEMS(away));
	tcase_add_test(tc, test_methods);
	tcase_add_test(tc, test_not_asked);
	tcase_add_test(tc, test_one_responder);
	tcase_add_test(tc, test_together);
	tcase_add_test(tc, test_stop);
	suite_add_tcase(s, tc);
	return core_run(s);
}
