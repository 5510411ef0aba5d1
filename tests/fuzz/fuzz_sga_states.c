/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as the saved state of a device, of a session on either side, and of a group: what is
 * taken is saved as the same, and works. The first octet says as what, and whether the hash behind
 * it is to be made right, which lets the octets before it through.
 */
#include "config.h"

#include "sga_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what was taken ---- */

static void
use_device(struct slice saved)
{
	struct buf again, r1;
	struct sga_device *d;
	struct key key;

	if (sga_device_load(saved, &d) != RC_OK)
		return;
	buf_init(&again, SGA_DEVICE_SAVED_MAX);
	buf_init(&r1, SGA_MESSAGE_MAX);
	must(sga_device_save(d, &again) == RC_OK);
	must(slice_eq(buf_view(&again), saved));
	must((sga_device_request_key(d, false, &key) == RC_OK) == (sga_device_registered(d) > 0));
	must((sga_r1_make(d, NULL, 0, NULL, &r1) == RC_OK) == (sga_device_registered(d) > 0));
	sga_device_free(d);
	buf_fini(&again);
	buf_fini(&r1);
}

/* Every step that such a session could take next. */
static void
step(struct sga_session *s, const struct sga_parties *p, struct buf *to)
{
	const struct sga_device *d = sga_session_inviter(s) ? p->i : p->j;
	struct sga_plain out;

	for (int m = STEP_A4; m < STEPS; m++)
		sga_b6_take(s, buf_view(&p->message[m]), 0);
	sga_a4_take(s, d, buf_view(&p->message[STEP_A4]));
	sga_a3_make(s, d, true, 0, NULL, to);
	sga_b1_make(s, d, NULL, to);
	sga_b2_take(s, buf_view(&p->message[STEP_B2]));
	sga_b3_make(s, d, NULL, to);
	sga_record_seal(s, d, 0, SLICE_NONE, 0, to);
	sga_record_open(s, NULL, buf_view(&p->message[STEP_CONF_I]), &out, to);
	sga_record_open(s, NULL, buf_view(&p->message[STEP_CONF_J]), &out, to);
}

static void
use_session(struct slice saved)
{
	struct sga_session *s;
	struct buf again;

	if (sga_session_load(saved, &s) != RC_OK)
		return;
	buf_init(&again, SGA_MESSAGE_MAX);
	must(sga_session_save(s, &again) == RC_OK);
	must(slice_eq(buf_view(&again), saved));
	buf_clear(&again);
	step(s, parties(), &again);
	sga_session_free(s);
	buf_fini(&again);
}

static void
use_server(struct slice saved)
{
	const struct sga_parties *p = parties();
	struct sga_server_session *s;
	struct buf again, other;
	struct sga_a3 a3;

	if (sga_server_session_load(saved, &s) != RC_OK)
		return;
	buf_init(&again, SGA_MESSAGE_MAX);
	buf_init(&other, SGA_MESSAGE_MAX);
	must(sga_server_session_save(s, &again) == RC_OK);
	must(slice_eq(buf_view(&again), saved));
	buf_clear(&again);
	must(sga_a3_open(p->keys, buf_view(&p->message[STEP_A3]), &a3) == RC_OK);
	sga_a3_take(s, &a3, &p->at_i.kd, &p->at_j.kd, PARTIES_NOW, &again);
	sga_b1_take(s, buf_view(&p->message[STEP_B1]), &again);
	sga_b3_take(s, p->keys, buf_view(&p->message[STEP_B3]), &p->at_i.kd, &p->at_j.kd, NULL,
	            &again, &other);
	sga_server_refuse(s, SGA_ROLE_J, NULL, &again);
	sga_server_refuse(s, SGA_ROLE_I, &p->at_i.kd, &again);
	sga_server_session_free(s);
	buf_fini(&again);
	buf_fini(&other);
}

/* lv16(secret part), and the open one. */
static void
use_team(struct slice parts)
{
	struct sga_reader r = sga_reader_of(parts);
	struct slice secret = sga_read_lv16(&r);
	struct buf again[2];
	struct sga_team *g;

	if (sga_team_load(secret, r.rest, &g) != RC_OK)
		return;
	buf_init(&again[0], SGA_GROUP_SECRET_MAX);
	buf_init(&again[1], SGA_GROUP_OPEN_MAX);
	must(sga_team_save(g, &again[0], &again[1]) == RC_OK);
	must(slice_eq(buf_view(&again[0]), secret) && slice_eq(buf_view(&again[1]), r.rest));
	buf_fini(&again[0]);
	buf_fini(&again[1]);
	buf_init(&again[0], SGA_MESSAGE_MAX);
	sga_team_seal(g, parties()->i, SLICE_LIT("x"), &again[0]);
	buf_fini(&again[0]);
	sga_team_free(g);
}

/* ---- a run ---- */

/* octets, and behind them the hash that belongs there. */
static void
hashed(struct slice octets, struct buf *to)
{
	struct sga_hash hash;

	buf_slice(to, octets);
	must(sga_hash(octets, &hash) == RC_OK);
	buf_add(to, hash.v, SGA_HASH_SIZE);
}

/* octets are a length, the secret part without its hashes, and the open one. */
static void
hashed_team(struct slice octets, struct buf *to)
{
	struct sga_reader r = sga_reader_of(octets);
	struct slice secret = sga_read_lv16(&r);
	struct sga_hash open;
	struct buf all;

	if (r.bad || secret.n > 4096)
		return;
	buf_init(&all, 8192);
	must(sga_hash(r.rest, &open) == RC_OK);
	buf_slice(&all, secret);
	buf_add(&all, open.v, SGA_HASH_SIZE);
	buf_be(&all, 0, 2);
	buf_be(to, all.n + SGA_HASH_SIZE, 2);
	hashed(buf_view(&all), to);
	buf_slice(to, r.rest);
	buf_fini(&all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const use[])(struct slice) = { use_device, use_session, use_server,
		                                     use_team };
	struct slice rest = slice_make(data + 1, size == 0 ? 0 : size - 1);
	struct buf right;

	if (size == 0 || size > SGA_MESSAGE_MAX)
		return 0;
	buf_init(&right, 2 * SGA_MESSAGE_MAX);
	if (data[0] < 0x80)
		buf_slice(&right, rest);
	else if (data[0] % 4 == 3)
		hashed_team(rest, &right);
	else
		hashed(rest, &right);
	use[data[0] % 4](buf_view(&right));
	buf_fini(&right);
	return 0;
}
