/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas_case.h"

struct mas_bed bed;

struct mas_bed *
start(int engine)
{
	bed_make(&bed, engine);
	bed_open(&bed);
	return &bed;
}

void
refused(struct mas_bed *b, struct mas_connect *c, enum rc rc, const char *reason, unsigned reject)
{
	enum rc got = bed_connect(b, c);

	ck_assert_msg(got == rc, "rc %d %s", (int)got, c->outcome.reason);
	ck_assert_str_eq(c->outcome.reason, reason);
	ck_assert_uint_eq(c->outcome.reject, reject);
	ck_assert(key_is_zero(&c->connection.kmc));
}

void
refuses(struct mas_bed *b, uint8_t node, uint32_t kmr, const char *reason, unsigned reject)
{
	struct mas_connect c = bed_connecting(node, kmr);

	refused(b, &c, RC_FORBIDDEN, reason, reject);
}

enum mas_kmr_state
kmr_state(struct mas_bed *b, uint8_t node, uint32_t index)
{
	struct node_id id = bed_node(node);
	const struct mas_kmr *k;

	ck_assert_int_eq(bed_show(b, &id), RC_OK);
	k = bed_kmr(b, index);
	return k == NULL ? (enum mas_kmr_state)0 : k->state;
}

bool
has_psk(struct mas_bed *b, uint8_t node, uint32_t index)
{
	struct node_id id = bed_node(node);
	struct key k;

	return bed_psk(b, &id, index, PSK_TLS_1_3, &k);
}

bool
conn_ended(struct mas_bed *b, void *arg)
{
	const struct mas_connection *c = arg;
	const struct mas_conn *found;

	ck_assert_int_eq(bed_show(b, &c->node), RC_OK);
	found = bed_conn(b, c->id);
	return found != NULL && found->state == MAS_CONN_ENDED;
}

bool
conn_lives(struct mas_bed *b, const struct mas_connection *c)
{
	const struct mas_conn *found;

	ck_assert_int_eq(bed_show(b, &c->node), RC_OK);
	found = bed_conn(b, c->id);
	return found != NULL && found->state == MAS_CONN_ACTIVE;
}
