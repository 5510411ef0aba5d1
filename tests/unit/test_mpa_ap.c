/* SPDX-License-Identifier: Apache-2.0 */
/* What an access point has in memory: anchors as its operator tells them, sessions and their keys. */
#include "config.h"

#include "base/clock.h"
#include "cap/mpa/mpa_ap.h"
#include "sec/b64url.h"
#include "suite.h"

#include <stdio.h>

#define SESSIONS 4u
#define DEVICE "01bcad980102030405060708090a0b0c"
#define DEVICE2 "01bcad980102030405060708090a0b0d"
#define IS_CN 1u
#define IS_S 2u

static struct ap ap;
static struct mpa_conf conf;
static struct sec_access sec;
static struct sec_psk listeners;
static struct sign_key *keys[3];
static struct sign_public publics[3];
static struct buf doc;

static enum rc
psk_add(void *arg, enum psk_kind kind, const struct sec_psk *source)
{
	(void)arg;
	ck_assert_int_eq(kind, PSK_MP);
	listeners = *source;
	return RC_OK;
}

static void
setup(void)
{
	uint8_t seed[SIGN_SEED_SIZE] = { 0 };
	static const char *names[AP_COUNTS];

	conf = (struct mpa_conf){ .sessions_max = SESSIONS,
		                  .decisions_max = 2,
		                  .session_time = 3600 * CLOCK_SECOND };
	sec = (struct sec_access){ .psk_add = psk_add };
	ap = (struct ap){ .conf = &conf, .sec = &sec };
	pthread_mutex_init(&ap.lock, NULL);
	for (unsigned i = 0; i < AP_COUNTS; i++)
		names[i] = "count";
	ap.counters = mas_counters_new(names, AP_COUNTS);
	ck_assert_ptr_nonnull(ap.counters);
	ap_forward_open(&ap);
	for (unsigned i = 0; i < 3; i++) {
		seed[0] = (uint8_t)(i + 1);
		ck_assert_int_eq(sign_key_from_seed(seed, &keys[i]), RC_OK);
		sign_key_public(keys[i], &publics[i]);
	}
	ck_assert_int_eq(ap_psk_open(&ap), RC_OK);
	buf_init(&doc, 65536);
}

static void
teardown(void)
{
	ap_forward_close(&ap);
	ap_sessions_close(&ap);
	ap_anchors_unref(ap.anchors);
	mas_counters_free(ap.counters);
	pthread_mutex_destroy(&ap.lock);
	buf_fini(&doc);
	for (unsigned i = 0; i < 3; i++)
		sign_key_free(keys[i]);
}

/* ---- anchors ---- */

static void
add_octets(const void *p, size_t n)
{
	b64url_add(&doc, slice_make(p, n));
}

static void
add_party(const char *id, const struct sign_public *key)
{
	buf_printf(&doc, "{\"id\":\"%s\",\"publicKey\":\"", id);
	add_octets(key->v, sizeof(key->v));
	buf_puts(&doc, "\"}");
}

/* revoked: serial numbers of CN, one octet each, repeated. */
static void
write_doc(unsigned number, bool server, const char *revoked)
{
	struct mpa_serial s = { publics[IS_CN], { 0 } };

	buf_clear(&doc);
	buf_printf(&doc, "{\"number\":%u,\"network\":", number);
	add_party("cn", &publics[IS_CN]);
	buf_puts(&doc, ",\"servers\":[");
	if (server)
		add_party("s", &publics[IS_S]);
	buf_puts(&doc, "],\"revoked\":[");
	for (const char *r = revoked; *r != '\0'; r++) {
		memset(s.v, *r, sizeof(s.v));
		buf_puts(&doc, r == revoked ? "\"" : ",\"");
		add_octets(&s, sizeof(s));
		buf_char(&doc, '"');
	}
	buf_puts(&doc, "]}");
}

static void
told(bool server, const char *revoked)
{
	struct ap_anchors *a;

	write_doc(1, server, revoked);
	ck_assert_int_eq(ap_anchors_read(buf_view(&doc), &publics[0], &a), RC_OK);
	ap_anchors_set(&ap, a);
}

START_TEST(anchors_are_read)
{
	struct mpa_serial s = { publics[IS_CN], { 0 } };
	struct mpa_revocations r;
	struct ap_anchors *a;

	write_doc(7, true, "cab");
	ck_assert_int_eq(ap_anchors_read(buf_view(&doc), &publics[0], &a), RC_OK);
	ck_assert_uint_eq(a->number, 7);
	ck_assert_mem_eq(a->v.cn.key.v, publics[IS_CN].v, SIGN_PUBLIC_SIZE);
	ck_assert(slice_is(a->v.cn.id, "cn"));
	ck_assert_uint_eq(a->v.n_servers, 1);
	ck_assert(slice_is(a->v.servers[0].id, "s"));
	ck_assert_uint_eq(a->w5.n, 0);
	r = ap_revocations(a);
	for (const char *c = "abc"; *c != '\0'; c++) {
		memset(s.v, *c, sizeof(s.v));
		ck_assert(r.revoked(r.arg, &s));
	}
	memset(s.v, 'd', sizeof(s.v));
	ck_assert(!r.revoked(r.arg, &s));
	s.issuer = publics[IS_S];
	memset(s.v, 'a', sizeof(s.v));
	ck_assert(!r.revoked(r.arg, &s));
	ap_anchors_unref(a);
}
END_TEST

/* Whatever is cut off, or no key, makes the whole unusable. */
START_TEST(broken_anchors_are_none)
{
	struct ap_anchors *a;
	size_t whole;

	write_doc(7, true, "cab");
	whole = doc.n;
	for (size_t n = 0; n < whole; n++) {
		ck_assert_int_eq(ap_anchors_read(slice_make(doc.p, n), &publics[0], &a),
		                 RC_BAD_REQUEST);
		ck_assert_ptr_null(a);
	}
	memset(&publics[IS_S], 0, sizeof(publics[IS_S]));
	write_doc(7, true, "");
	ck_assert_int_eq(ap_anchors_read(buf_view(&doc), &publics[0], &a), RC_BAD_REQUEST);
}
END_TEST

START_TEST(old_anchors_do_not_count)
{
	struct ap_anchors *a;

	ck_assert_ptr_null(ap_anchors_now(&ap));
	told(true, "");
	a = ap_anchors_now(&ap);
	ck_assert_ptr_nonnull(a);
	ap_anchors_unref(a);
	ap.anchored -= conf.session_time + CLOCK_SECOND;
	ck_assert_ptr_null(ap_anchors_now(&ap));
}
END_TEST

/* ---- sessions ---- */

/* Under warrants 'a' of CN and 'b' of S. */
static struct mpa_session
session_of(const char *device, uint8_t th)
{
	struct mpa_session s = { .not_after = (uint64_t)ap_now() + 3600, .n_links = 2 };

	memset(s.th.v, th, sizeof(s.th.v));
	memset(s.key.v, th, sizeof(s.key.v));
	snprintf(s.peer, sizeof(s.peer), "%s", device);
	s.links[0].issuer = publics[IS_CN];
	memset(s.links[0].v, 'a', MPA_SERIAL_SIZE);
	s.links[1].issuer = publics[IS_S];
	memset(s.links[1].v, 'b', MPA_SERIAL_SIZE);
	return s;
}

static enum rc
add(const char *device, uint8_t th)
{
	struct mpa_session s = session_of(device, th);

	return ap_session_add(&ap, &s);
}

static struct psk_id
id_of(uint8_t th)
{
	struct psk_id id = { .kind = PSK_MP, .tls = PSK_TLS_1_3 };

	memset(id.th, th, sizeof(id.th));
	return id;
}

static bool
found(uint8_t th)
{
	struct psk_id id = id_of(th);
	struct node_id node;
	struct key key, want;
	struct mpa_session s = session_of(DEVICE, th);
	bool is = listeners.find(listeners.arg, &id, &key);

	ck_assert_int_eq(mpa_session_psk(&s, PSK_TLS_1_3, &want), RC_OK);
	ck_assert(is == (memcmp(key.v, want.v, KEY_BYTES) == 0));
	ck_assert(is == listeners.node(listeners.arg, &id, &node));
	return is;
}

static bool
stands(uint8_t th)
{
	struct psk_id id = id_of(th);

	return listeners.stands(listeners.arg, &id);
}

START_TEST(a_session_has_a_key)
{
	struct psk_id id = id_of(1);
	struct node_id node, want;

	told(true, "");
	ck_assert(!found(1) && stands(1));
	ck_assert_int_eq(add(DEVICE, 1), RC_OK);
	ck_assert(found(1) && stands(1) && !found(2));
	ck_assert(listeners.node(listeners.arg, &id, &node));
	ck_assert(node_id_parse(SLICE_LIT(DEVICE), &want) && node_id_eq(&node, &want));
	ck_assert_int_eq(add("meter", 2), RC_BAD_REQUEST);
	ck_assert(!found(2));
}
END_TEST

START_TEST(a_revocation_cuts)
{
	told(true, "");
	ck_assert_int_eq(add(DEVICE, 1), RC_OK);
	told(true, "b"); /* the same number of another issuer */
	ck_assert(found(1));
	told(true, "a");
	ck_assert(!found(1) && !stands(1));
	/* Nor does what was looked at meanwhile begin. */
	ck_assert_int_eq(add(DEVICE, 2), RC_FORBIDDEN);
	told(true, "");
	ck_assert(!found(1));
	ck_assert_int_eq(add(DEVICE, 2), RC_OK);
	told(false, "");
	ck_assert(!found(2) && !stands(2));
	ck_assert_int_eq(add(DEVICE, 3), RC_FORBIDDEN);
}
END_TEST

START_TEST(a_node_is_cut)
{
	struct node_id node;

	told(true, "");
	ck_assert(node_id_parse(SLICE_LIT(DEVICE), &node));
	ck_assert_int_eq(add(DEVICE, 1), RC_OK);
	ck_assert_int_eq(add(DEVICE2, 2), RC_OK);
	ap_sessions_cut_node(&ap, &node);
	ck_assert(!found(1) && !stands(1) && found(2));
}
END_TEST

START_TEST(two_of_a_device)
{
	told(true, "");
	for (uint8_t i = 1; i <= 3; i++)
		ck_assert_int_eq(add(DEVICE, i), RC_OK);
	ck_assert(!found(1) && found(2) && found(3));
	ck_assert(stands(1));
	ck_assert_uint_eq(ap.n_sessions, 2);
}
END_TEST

START_TEST(sessions_are_bounded)
{
	char name[NODE_ID_TEXT];
	struct node_id node = { { 9 } };

	told(true, "");
	for (uint8_t i = 1; i <= SESSIONS + 1; i++) {
		node.v[1] = i;
		node_id_text(&node, name);
		ck_assert(ap_session_has_room(&ap) == (i <= SESSIONS));
		ck_assert_int_eq(add(name, i), i <= SESSIONS ? RC_OK : RC_NO_SPACE);
	}
	ck_assert(found(1) && !found(SESSIONS + 1));
	/* What is over makes room. */
	for (size_t i = 0; i < ap.n_buckets; i++)
		for (struct ap_session *s = ap.buckets[i]; s != NULL; s = s->next)
			if (s->s.th.v[0] <= 2)
				s->deadline = 0;
	ck_assert(!found(1) && found(3));
	ck_assert(ap_session_has_room(&ap));
	ck_assert_uint_eq(ap.n_sessions, SESSIONS - 2);
	ck_assert_int_eq(add(DEVICE, 9), RC_OK);
	ck_assert(found(9) && found(3) && found(4));
}
END_TEST

START_TEST(the_end_of_a_warrant)
{
	struct mpa_session s = session_of(DEVICE, 1);

	told(true, "");
	s.not_after = (uint64_t)ap_now() - MPA_TOLERANCE - 1;
	ck_assert_int_eq(ap_session_add(&ap, &s), RC_FORBIDDEN);
	ck_assert(!found(1));
}
END_TEST

/* ---- decisions ---- */

START_TEST(the_oldest_decisions_go)
{
	struct mpa_th th[3];

	for (unsigned i = 0; i < 3; i++) {
		memset(th[i].v, (int)i, sizeof(th[i].v));
		ap_forward(&ap, &th[i], SLICE_LIT("transcript"));
	}
	ck_assert_uint_eq(ap.n_decisions, 2);
	ck_assert_mem_eq(ap.first->th.v, th[1].v, DIGEST_SIZE);
	ck_assert_mem_eq(ap.first->next->th.v, th[2].v, DIGEST_SIZE);
	ck_assert_ptr_null(ap.first->next->next);
}
END_TEST

static Suite *
ap_suite(void)
{
	Suite *s = suite_create("mpa_ap");
	TCase *c = suite_case(s, "ap", setup, teardown);

	tcase_add_test(c, anchors_are_read);
	tcase_add_test(c, broken_anchors_are_none);
	tcase_add_test(c, old_anchors_do_not_count);
	tcase_add_test(c, a_session_has_a_key);
	tcase_add_test(c, a_revocation_cuts);
	tcase_add_test(c, a_node_is_cut);
	tcase_add_test(c, two_of_a_device);
	tcase_add_test(c, sessions_are_bounded);
	tcase_add_test(c, the_end_of_a_warrant);
	tcase_add_test(c, the_oldest_decisions_go);
	return s;
}

int
main(void)
{
	return run_suite(ap_suite());
}
