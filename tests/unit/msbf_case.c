/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "msbf_case.h"

#include <stdio.h>

struct msbf_bed bed;

struct msbf_bed *
start(int engine)
{
	msbf_bed_make(&bed, engine);
	msbf_bed_open(&bed);
	return &bed;
}

struct msbf_bed *
start_admitted(int engine)
{
	struct msbf_bed *b = start(engine);

	ck_assert_int_eq(msbf_provision(b, PPID_A, NULL, 0).rc, RC_OK);
	return b;
}

void
value(const struct told *t, const char *name, const char *expected)
{
	char text[256];

	told_value(t, name, text);
	ck_assert_msg(strcmp(text, expected) == 0, "%s is \"%s\" in %s", name, text, t->body);
}

struct node_id
node_of(const struct told *t)
{
	struct node_id id;
	char text[256];

	ck_assert(node_id_parse(slice_of(told_value(t, "securityM2MNodeId", text)), &id));
	return id;
}

uint32_t
index_of(const struct told *t)
{
	char text[256];

	return (uint32_t)strtoul(told_value(t, "securityKmrIndex", text), NULL, 10);
}

struct key
kmr_of(const struct told *t, const char *ppid, uint8_t session)
{
	struct key e_boot = peer_secret(session), kmr;
	struct node_id node = node_of(t);
	struct ppid p;

	ck_assert_int_eq(ppid_parse(slice_of(ppid), true, &p), PPID_OK);
	ck_assert_int_eq(kmr_derive(&e_boot, ppid_octets(&p), &node, index_of(t),
	                            SLICE_LIT("msbf.sp1.example"), &kmr),
	                 RC_OK);
	return kmr;
}

bool
mas_has_kmr(struct msbf_bed *b, const struct told *t, const struct key *kmr)
{
	struct node_id node = node_of(t);
	struct key has, expected;

	ck_assert_int_eq(psk_mr(kmr, PSK_TLS_1_3, &node, index_of(t), &expected), RC_OK);
	return bed_psk(&b->mas, &node, index_of(t), PSK_TLS_1_3, &has) &&
	       key_equal(&has, &expected);
}

static bool
reason_is(const struct told *t, const char *reason)
{
	char mark[80];

	snprintf(mark, sizeof(mark), ">%s<", reason);
	return strstr(t->body, mark) != NULL;
}

void
refused(struct told t, int status, const char *reason)
{
	ck_assert_msg(t.status == status && (reason[0] == '\0' || reason_is(&t, reason)), "%d %s",
	              t.status, t.body);
	ck_assert(t.no_store);
	told_free(&t);
}
