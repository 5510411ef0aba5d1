/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and sessions that libsga plays. */
#include "config.h"

#include "sgs_rest_bed.h"

#include <stdio.h>

#include "sec/b64url.h"
#include "sec/hex.h"
#include "sga/octets.h"
#include "sga/tag.h"

/* ---- devices ---- */

struct token_in {
	struct slice token, key, id, root;
	uint64_t expires;
};

void
token_for(const char *id, uint8_t token[SGA_TOKEN_SIZE])
{
	static const struct sgs_field fields[] = {
		SGS_FIELD(struct token_in, token, "token", SGS_BYTES, true),
		SGS_FIELD(struct token_in, key, "verifyKey", SGS_BYTES, true),
		SGS_FIELD(struct token_in, id, "id", SGS_TEXT, true),
		SGS_FIELD(struct token_in, root, "root", SGS_TEXT, true),
		SGS_FIELD(struct token_in, expires, "expires", SGS_NUMBER, true),
	};
	static const struct sgs_doc doc = { "token", fields, 5 };
	struct token_in in = { .token = SLICE_NONE };
	struct arena *arena = arena_new(1u << 16);
	char body[128];
	struct answer a;

	snprintf(body, sizeof(body), "{\"id\":\"%s\",\"ttl\":600}", id);
	a = managed("POST", "tokens", body);
	ck_assert_int_eq(a.status, 201);
	ck_assert_int_eq(sgs_doc_read(arena, SGS_JSON, slice_make(a.p, a.n), &doc, &in), RC_OK);
	ck_assert_uint_eq(in.token.n, SGA_TOKEN_SIZE);
	ck_assert_uint_eq(in.key.n, 32);
	ck_assert(slice_is(in.id, id));
	ck_assert(slice_is(in.root, "http://scl.example.org:8080/m2m/sga"));
	ck_assert_uint_ge(in.expires, bed_now() + 590);
	memcpy(token, in.token.p, SGA_TOKEN_SIZE);
	answer_fini(&a);
	arena_free(arena);
}

/* What an administrator gives to a device; the same for all. */
static void
fetch_key(struct sign_public *key)
{
	struct answer a = managed("POST", "tokens", "{\"id\":\"nobody\"}");

	ck_assert(b64url_decode(slice_make(strstr(a.p, "verifyKey\":\"") + 12, 43), key->v));
	answer_fini(&a);
}

void
phone_make(struct phone *p, const char *id, uint8_t suite)
{
	static const uint8_t seed[SIGN_SEED_SIZE] = { 7 };
	struct sga_device_conf conf = {
		.g = SLICE_LIT("gscl-1"), .cids = 0x0014, .cid0 = 3, .seed = seed
	};
	char path[32];
	struct answer a;

	*p = (struct phone){ .d = NULL };
	ck_assert_int_eq(sga_id_make(slice_of(id), &p->id), RC_OK);
	fetch_key(&conf.gateway);
	snprintf(path, sizeof(path), "package?suite=%u", suite);
	a = sgs_ask("GET", path, NULL, SLICE_NONE);
	ck_assert_int_eq(a.status, 200);
	conf.id = p->id;
	conf.package = slice_make(a.p, a.n);
	ck_assert_int_eq(sga_device_new(&conf, &p->d), RC_OK);
	answer_fini(&a);
}

void
phone_register(struct phone *p, const char *id, uint8_t suite)
{
	uint8_t token[SGA_TOKEN_SIZE], status;
	struct answer a;
	struct buf r1;

	phone_make(p, id, suite);
	token_for(id, token);
	buf_init(&r1, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_r1_make(p->d, token, bed_now(), NULL, &r1), RC_OK);
	a = sgs_ask("POST", "devices", NULL, buf_view(&r1));
	ck_assert_msg(a.status == 201, "%d", a.status);
	ck_assert_int_eq(sga_r2_take(p->d, slice_make(a.p, a.n), &status), RC_OK);
	ck_assert_int_eq(status, SGA_STATUS_OK);
	answer_fini(&a);
	buf_fini(&r1);
}

void
phone_fini(struct phone *p)
{
	sga_device_free(p->d);
}

const char *
phone_tag(struct phone *p, const char *method, const char *path, struct slice body)
{
	static char text[SGA_TAG_TEXT + 1];
	char target[256];
	struct sga_tag tag;
	struct key key;
	struct sga_request rq = { .method = slice_of(method), .body = body };

	snprintf(target, sizeof(target), "/%s", path);
	rq.target = slice_of(target);
	ck_assert_int_eq(sga_device_request_key(p->d, sga_device_pending(p->d), &key), RC_OK);
	ck_assert_int_eq(sga_tag_make(&key, &p->id, ++p->counter, &rq, &tag), RC_OK);
	sga_tag_format(&tag, text);
	return text;
}

struct answer
phone_ask(struct phone *p, const char *method, const char *path, struct slice body)
{
	return sgs_ask(method, path, &(struct how){ .tag = phone_tag(p, method, path, body) },
	               body);
}

int
phone_status(struct phone *p, const char *method, const char *path, struct slice body)
{
	struct answer a = phone_ask(p, method, path, body);
	int status = a.status;

	answer_fini(&a);
	return status;
}

struct answer
phone_json(struct phone *p, const char *method, const char *path, const char *body)
{
	struct slice s = slice_of(body);

	return sgs_ask(method, path,
	               &(struct how){ .type = JSON, .tag = phone_tag(p, method, path, s) }, s);
}

int
phone_json_status(struct phone *p, const char *method, const char *path, const char *body)
{
	struct answer a = phone_json(p, method, path, body);
	int status = a.status;

	answer_fini(&a);
	return status;
}

uint64_t
phone_item(struct phone *p, size_t place, struct buf *out)
{
	struct sga_reader r;
	char path[128];
	uint64_t number = 0;
	struct answer a;

	snprintf(path, sizeof(path), "devices/%.*s/mailbox", (int)p->id.n, p->id.v);
	a = phone_ask(p, "GET", path, SLICE_NONE);
	ck_assert_msg(a.status == 200, "%d", a.status);
	r = sga_reader_of(slice_make(a.p, a.n));
	for (size_t at = 0; r.rest.n > 0; at++) {
		uint64_t id = sga_read_be(&r, 8);
		struct slice octets = sga_read(&r, (size_t)sga_read_be(&r, 4));

		ck_assert(!r.bad);
		if (at != place)
			continue;
		number = id;
		buf_slice(out, octets);
	}
	answer_fini(&a);
	return number;
}

void
phone_take(struct phone *p, struct buf *out)
{
	struct buf other;
	char path[160];
	uint64_t item;

	buf_clear(out);
	buf_init(&other, SGA_MESSAGE_MAX);
	item = phone_item(p, 0, out);
	ck_assert_uint_ne(item, 0);
	ck_assert_uint_eq(phone_item(p, 1, &other), 0);
	snprintf(path, sizeof(path), "devices/%.*s/mailbox/%llu", (int)p->id.n, p->id.v,
	         (unsigned long long)item);
	ck_assert_int_eq(phone_status(p, "DELETE", path, SLICE_NONE), 204);
	buf_fini(&other);
}

/* ---- sessions ---- */

int
talk_invite(struct talk *t, struct phone *i, struct phone *j, uint64_t now)
{
	struct answer a;
	struct buf b;
	int status;

	*t = (struct talk){ .i = NULL };
	buf_init(&b, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_a1_make(i->d, &j->id, 3, now, NULL, &t->i, &b), RC_OK);
	hex_encode(sga_session_sid(t->i)->v, SGA_SID_SIZE, t->sid);
	a = sgs_ask("POST", "negotiations", NULL, buf_view(&b));
	status = a.status;
	if (status == 202) {
		char location[128];

		snprintf(location, sizeof(location), ROOT "/negotiations/%s", t->sid);
		ck_assert_str_eq(a.location, location);
	}
	answer_fini(&a);
	buf_fini(&b);
	return status;
}

static void
post_is(int status, const char *fmt, const char *sid, struct slice body)
{
	char path[128];
	struct answer a;

	snprintf(path, sizeof(path), fmt, sid); /* of this file alone */
	a = sgs_ask("POST", path, NULL, body);
	ck_assert_msg(a.status == status, "%s: %d", path, a.status);
	answer_fini(&a);
}

void
talk_accept(struct talk *t, struct phone *i, struct phone *j, struct buf *b1)
{
	struct buf in, out;

	buf_init(&in, SGA_MESSAGE_MAX);
	buf_init(&out, SGA_MESSAGE_MAX);
	phone_take(j, &in);
	ck_assert_int_eq(sga_a2_take(j->d, buf_view(&in), bed_now(), &t->j), RC_OK);
	ck_assert_int_eq(sga_a3_make(t->j, j->d, true, bed_now(), NULL, &out), RC_OK);
	post_is(200, "negotiations/%s/acceptance", t->sid, buf_view(&out));
	phone_take(i, &in);
	ck_assert_int_eq(sga_a4_take(t->i, i->d, buf_view(&in)), RC_OK);
	ck_assert_int_eq(sga_session_state(t->i), SGA_S_AGREED);
	ck_assert_int_eq(sga_b1_make(t->i, i->d, NULL, b1), RC_OK);
	buf_fini(&in);
	buf_fini(&out);
}

void
talk_finish(struct talk *t, struct phone *i, struct phone *j, struct slice b1)
{
	struct buf in, out;

	buf_init(&in, SGA_MESSAGE_MAX);
	buf_init(&out, SGA_MESSAGE_MAX);
	post_is(202, "sessions%.0s", t->sid, b1);
	phone_take(j, &in);
	ck_assert_int_eq(sga_b2_take(t->j, buf_view(&in)), RC_OK);
	ck_assert_int_eq(sga_b3_make(t->j, j->d, NULL, &out), RC_OK);
	post_is(200, "sessions/%s/response", t->sid, buf_view(&out));
	phone_take(i, &in);
	ck_assert_int_eq(sga_b6_take(t->i, buf_view(&in), bed_now()), RC_OK);
	phone_take(j, &in);
	ck_assert_int_eq(sga_b6_take(t->j, buf_view(&in), bed_now()), RC_OK);
	ck_assert_int_eq(sga_session_state(t->i), SGA_S_OPEN);
	ck_assert_int_eq(sga_session_state(t->j), SGA_S_OPEN);
	buf_fini(&in);
	buf_fini(&out);
}

void
talk_open(struct talk *t, struct phone *i, struct phone *j)
{
	struct buf b1;

	buf_init(&b1, SGA_MESSAGE_MAX);
	ck_assert_int_eq(talk_invite(t, i, j, bed_now()), 202);
	talk_accept(t, i, j, &b1);
	talk_finish(t, i, j, buf_view(&b1));
	buf_fini(&b1);
}

int
talk_say(struct talk *t, struct phone *from, bool inviter, const char *text)
{
	char path[128];
	struct buf b;
	int status;

	buf_init(&b, SGA_MESSAGE_MAX);
	snprintf(path, sizeof(path), "sessions/%s/messages", t->sid);
	ck_assert_int_eq(
		sga_record_seal(inviter ? t->i : t->j, from->d, 0, slice_of(text), bed_now(), &b),
		RC_OK);
	status = phone_status(from, "POST", path, buf_view(&b));
	buf_fini(&b);
	return status;
}

void
talk_hears(struct talk *t, struct phone *to, bool inviter, const char *text)
{
	const struct sga_trust trust = { .peer = NULL };
	struct sga_plain plain;
	struct buf in, out;

	buf_init(&in, SGA_MESSAGE_MAX);
	buf_init(&out, SGA_MESSAGE_MAX);
	phone_take(to, &in);
	ck_assert_int_eq(
		sga_record_open(inviter ? t->i : t->j, &trust, buf_view(&in), &plain, &out), RC_OK);
	ck_assert(slice_is(plain.data, text));
	buf_fini(&in);
	buf_fini(&out);
}

void
talk_confirm(struct talk *t, struct phone *i, struct phone *j)
{
	ck_assert_int_eq(talk_say(t, i, true, ""), 201);
	talk_hears(t, j, false, "");
	ck_assert_int_eq(talk_say(t, j, false, ""), 201);
	talk_hears(t, i, true, "");
}

void
talk_fini(struct talk *t)
{
	sga_session_free(t->i);
	sga_session_free(t->j);
}
