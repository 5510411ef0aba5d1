/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as what members and G say of a group: the data that bring a key, a record, a notice;
 * and as a record that a member of the group has sealed and signed. The first octet says as what.
 */
#include "config.h"

#include "sga_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EPOCH 3u

/* The group of i, who owns it, and j, as j has it; a fresh one. */
static struct sga_team *
team_of_j(struct buf *key)
{
	const struct sga_parties *p = parties();
	struct sga_member members[2] = { { .id = p->i->id, .signs = true },
		                         { .id = p->j->id, .signs = true } };
	const struct sga_team_conf conf = {
		.gid = { { 1 } }, .epoch = EPOCH, .cid = 3, .members = members, .count = 2
	};
	uint8_t drawn = 0;
	const struct sga_random random = { parties_draw, parties_draw, &drawn };
	struct sga_team *owner, *team;

	sign_key_public(p->i->sign, &members[0].sign);
	sign_key_public(p->j->sign, &members[1].sign);
	must(sga_team_make(p->i, &conf, &random, &owner) == RC_OK);
	must(sga_team_key_write(owner, key) == RC_OK);
	must(sga_team_take(p->j, buf_view(key), &p->i->id, NULL, &team) == RC_OK);
	sga_team_free(owner);
	return team;
}

static void
read_key(struct slice octets, const struct sga_team *before)
{
	const struct sga_parties *p = parties();
	struct sga_team *team;
	struct buf again;

	if (sga_team_take(p->j, octets, &p->i->id, before, &team) != RC_OK)
		return;
	must(sga_team_epoch(team) > EPOCH);
	must(sga_team_seat(team, &p->i->id) != NULL && sga_team_seat(team, &p->j->id) != NULL);
	buf_init(&again, SGA_GROUP_KEY_MAX);
	must(sga_team_key_write(team, &again) == RC_OK);
	must(slice_eq(buf_view(&again), octets));
	buf_fini(&again);
	sga_team_free(team);
}

static void
read_record(struct slice octets, struct sga_team *team)
{
	struct sga_team_plain out;
	struct buf plain;
	uint32_t epoch;
	struct sga_id sender;
	enum rc peek = sga_team_peek(octets, &epoch, &sender), rc;

	buf_init(&plain, SGA_MESSAGE_MAX);
	rc = sga_team_open(team, octets, &out, &plain);
	must(rc != RC_OK ||
	     (peek == RC_OK && epoch == EPOCH && slice_eq(out.data, buf_view(&plain))));
	must(rc == RC_OK || plain.n == 0);
	must((peek == RC_BAD_REQUEST) <= (rc == RC_BAD_REQUEST));
	buf_fini(&plain);
}

/* What is behind the header comes from the input, but for the signature, which is i's. */
static void
read_signed(struct slice octets, struct sga_team *team)
{
	struct sga_header h = { .suite = SGA_SUITE_X, .type = SGA_GROUP_RECORD, .sid = team->gid };
	uint8_t header[SGA_HEADER_SIZE], signature[SIGN_SIZE];
	struct buf record;

	buf_init(&record, SGA_MESSAGE_MAX);
	sga_header_write(&h, header);
	buf_add(&record, header, sizeof(header));
	buf_slice(&record, octets);
	if (!record.failed) {
		must(sign_make(parties()->i->sign, SIGN_SGA_GROUP, buf_view(&record), signature) ==
		     RC_OK);
		buf_add(&record, signature, sizeof(signature));
		read_record(buf_view(&record), team);
	}
	buf_fini(&record);
}

static void
read_notice(struct slice octets, const struct sga_team *team)
{
	struct sga_id left = { 0 };

	if (sga_notice_take(team, parties()->j, octets, &left) == RC_OK)
		must(left.n > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_make(data + 1, size == 0 ? 0 : size - 1);
	struct sga_team *team;
	struct buf key;

	if (size == 0)
		return 0;
	buf_init(&key, SGA_GROUP_KEY_MAX);
	team = team_of_j(&key);
	switch (data[0] % 4) {
	case 0:
		read_key(rest, team);
		break;
	case 1:
		read_record(rest, team);
		break;
	case 2:
		read_signed(rest, team);
		break;
	default:
		read_notice(rest, team);
		break;
	}
	sga_team_free(team);
	buf_fini(&key);
	return 0;
}
