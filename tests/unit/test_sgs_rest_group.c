/* SPDX-License-Identifier: Apache-2.0 */
/* The SGA server: groups. */
#include "config.h"

#include <stdio.h>

#include "sec/hex.h"
#include "sga/group.h"
#include "sgs_rest_bed.h"

static const char gid_text[] = "000102030405060708090a0b0c0d0e0f";

static struct sga_team *
make_team(struct phone *owner, struct phone *const *others, size_t n, uint32_t epoch)
{
	struct sga_member members[4] = { { .signs = true } };
	struct sga_team_conf conf = {
		.epoch = epoch, .cid = 3, .members = members, .count = n + 1
	};
	struct sga_team *team;

	ck_assert(hex_decode(slice_of(gid_text), conf.gid.v, SGA_SID_SIZE));
	members[0].id = owner->id;
	sign_key_public(sga_device_sign_key(owner->d), &members[0].sign);
	for (size_t i = 0; i < n; i++) {
		members[i + 1] = members[0];
		members[i + 1].id = others[i]->id;
	}
	ck_assert_int_eq(sga_team_make(owner->d, &conf, NULL, &team), RC_OK);
	return team;
}

static int
group_say(struct sga_team *team, struct phone *from, const char *text)
{
	char path[96];
	struct buf b;
	int status;

	buf_init(&b, SGA_MESSAGE_MAX);
	snprintf(path, sizeof(path), "groups/%s/messages", gid_text);
	ck_assert_int_eq(sga_team_seal(team, from->d, slice_of(text), &b), RC_OK);
	status = phone_status(from, "POST", path, buf_view(&b));
	buf_fini(&b);
	return status;
}

START_TEST(test_groups)
{
	struct phone a, b, c, eve, *const both[] = { &b, &c };
	char path[96], member[128], body[256];
	struct sga_team *team;
	struct answer r;
	struct sga_id left;
	struct buf in;

	phone_register(&a, "a", 2);
	phone_register(&b, "b", 2);
	phone_register(&c, "c", 2);
	phone_register(&eve, "eve", 2);
	buf_init(&in, SGA_MESSAGE_MAX);
	snprintf(path, sizeof(path), "groups/%s", gid_text);
	snprintf(body, sizeof(body),
	         "{\"id\":\"%s\",\"purpose\":\"tests\",\"members\":[\"b\",\"c\"]}", gid_text);
	ck_assert_int_eq(phone_json_status(&a, "POST", "groups", body), 201);
	ck_assert_int_eq(phone_json_status(&a, "POST", "groups", body), 201);
	ck_assert_int_eq(phone_json_status(&b, "POST", "groups", body), 409);
	r = phone_json(&b, "GET", path, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_ptr_nonnull(strstr(r.p, "\"owner\":\"a\",\"purpose\":\"tests\",\"epoch\":1,"
	                                  "\"stale\":false,\"members\":[\"a\",\"b\",\"c\"]"));
	answer_fini(&r);
	ck_assert_int_eq(phone_json_status(&eve, "GET", path, NULL), 404);
	r = managed("GET", "groups", NULL);
	ck_assert_ptr_nonnull(strstr(r.p, gid_text));
	answer_fini(&r);

	/* One message, once, to both. */
	team = make_team(&a, both, 2, 1);
	ck_assert_int_eq(group_say(team, &a, "all"), 201);
	phone_take(&b, &in);
	phone_take(&c, &in);
	ck_assert_uint_eq(phone_item(&a, 0, &in), 0);
	/* A member that leaves makes it stale, and the owner is told by G. */
	snprintf(member, sizeof(member), "groups/%s/members/b", gid_text);
	ck_assert_int_eq(phone_status(&eve, "DELETE", member, SLICE_NONE), 404);
	ck_assert_int_eq(phone_status(&c, "DELETE", member, SLICE_NONE), 404);
	ck_assert_int_eq(phone_status(&b, "DELETE", member, SLICE_NONE), 204);
	phone_take(&a, &in);
	ck_assert_int_eq(sga_notice_take(team, a.d, buf_view(&in), &left), RC_OK);
	ck_assert(sga_id_equal(&left, &b.id));
	ck_assert_int_eq(group_say(team, &a, "b is gone"), 409);
	ck_assert_int_eq(phone_json_status(&c, "PUT", path, "{\"epoch\":2,\"members\":[\"c\"]}"),
	                 404);
	ck_assert_int_eq(phone_json_status(&a, "PUT", path, "{\"epoch\":3,\"members\":[\"c\"]}"),
	                 409);
	ck_assert_int_eq(phone_json_status(&a, "PUT", path, "{\"epoch\":2,\"members\":[\"x\"]}"),
	                 404);
	ck_assert_int_eq(phone_json_status(&a, "PUT", path, "{\"epoch\":2,\"members\":[\"c\"]}"),
	                 204);
	ck_assert_int_eq(group_say(team, &a, "of the epoch before"), 409);
	sga_team_free(team);
	team = make_team(&a, both + 1, 1, 2);
	ck_assert_int_eq(group_say(team, &a, "now"), 201);
	phone_take(&c, &in);
	/* Nobody speaks for another. */
	buf_clear(&in);
	ck_assert_int_eq(sga_team_seal(team, a.d, SLICE_LIT("x"), &in), RC_OK);
	snprintf(member, sizeof(member), "groups/%s/messages", gid_text);
	ck_assert_int_eq(phone_status(&c, "POST", member, buf_view(&in)), 400);
	ck_assert_int_eq(phone_status(&c, "DELETE", path, SLICE_NONE), 404);
	ck_assert_int_eq(phone_status(&a, "DELETE", path, SLICE_NONE), 204);
	ck_assert_int_eq(phone_status(&a, "GET", path, SLICE_NONE), 404);
	sga_team_free(team);
	buf_fini(&in);
	phone_fini(&a);
	phone_fini(&b);
	phone_fini(&c);
	phone_fini(&eve);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs rest group");

	tcase_add_test(suite_case(s, "groups", sgs_setup, sgs_teardown), test_groups);
	return run_suite(s);
}
