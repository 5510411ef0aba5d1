/* SPDX-License-Identifier: Apache-2.0 */
/* m2m-sga groups. */
#include "config.h"

#include "cli/sga_cli.h"

#include "codec/json_fields.h"
#include "sec/cipher.h"
#include "sec/hex.h"

#define OCTETS "application/octet-stream"
#define JSON "application/json"

/* ---- the owner ---- */

struct making {
	struct sga_member members[SGA_GROUP_MEMBERS_MAX];
	size_t n;
};

/* This device, and those of words; keys of those that it knows one of. */
static bool
read_members(struct sga_cli *c, struct making *m, char *const *words, int n)
{
	const struct sign_key *own = sga_device_sign_key(c->device);

	m->members[0] =
		(struct sga_member){ .id = *sga_device_id(c->device), .signs = own != NULL };
	if (own != NULL)
		sign_key_public(own, &m->members[0].sign);
	m->n = 1;
	for (int i = 0; i < n; i++) {
		struct sga_member *one = &m->members[m->n];
		enum rc rc;

		if (m->n == SGA_GROUP_MEMBERS_MAX)
			return sga_fail("groups", "too many members");
		*one = (struct sga_member){ .signs = false };
		if (!sga_word_id(words[i], &one->id))
			return false;
		rc = sga_peer_key(c, &one->id, &one->sign);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return false;
		one->signs = rc == RC_OK;
		m->n++;
	}
	return true;
}

static void
put_members(struct buf *to, const struct making *m)
{
	json_put_open(to, "members", '[');
	for (size_t i = 1; i < m->n; i++)
		json_put_text(to, NULL, sga_id_slice(&m->members[i].id));
	buf_char(to, ']');
}

/* The server learns who is in it. */
static enum sga_status_code
publish(struct sga_cli *c, const struct sga_team *team, const struct making *m)
{
	struct sga_http_request rq = { .method = "POST", .path = "/groups", .type = JSON };
	bool first = sga_team_epoch(team) == 1;
	enum sga_status_code status = SGA_FAILED;
	char gid[SGA_HEX_MAX], path[64];
	struct buf body;

	hex_encode(sga_team_id(team)->v, SGA_SID_SIZE, gid);
	snprintf(path, sizeof(path), "/groups/%s", gid);
	buf_init(&body, 65536);
	buf_char(&body, '{');
	if (first) {
		json_put_text(&body, "id", slice_of(gid));
		if (c->args.purpose != NULL)
			json_put_text(&body, "purpose", slice_of(c->args.purpose));
	} else {
		rq.method = "PUT";
		rq.path = path;
		json_put_number(&body, "epoch", sga_team_epoch(team));
	}
	put_members(&body, m);
	buf_char(&body, '}');
	rq.body = buf_view(&body);
	if (sga_ask_proved(c, &rq, false))
		status = sga_is_good(&rq) ? SGA_OK : sga_refused("group", &rq);
	buf_fini(&rq.answer);
	buf_fini(&body);
	return status;
}

/* The key to one member, by their session. */
static enum sga_status_code
give_key(struct sga_cli *c, const struct sga_team *team, const struct sga_id *to)
{
	struct sga_talk t = { .s = NULL };
	enum sga_status_code status = SGA_FAILED;
	char name[SGA_ID_MAX + 1];
	struct buf data;

	snprintf(name, sizeof(name), "%.*s", (int)to->n, to->v);
	if (sga_talk_find(c, to, &t) != SGA_FOUND) {
		sga_talk_free(&t);
		return (void)sga_fail(name, "no session; negotiate first"), SGA_REFUSED;
	}
	buf_init(&data, SGA_GROUP_KEY_MAX);
	data.secret = true;
	if (sga_team_key_write(team, &data) == RC_OK)
		status = sga_talk_send(c, &t, SGA_FLAG_GROUP_KEY, buf_view(&data));
	sga_buf_wipe(&data);
	sga_talk_free(&t);
	return status;
}

static enum sga_status_code
give_keys(struct sga_cli *c, const struct sga_team *team, const struct making *m)
{
	enum sga_status_code all = SGA_OK;

	for (size_t i = 1; i < m->n; i++) {
		enum sga_status_code status = give_key(c, team, &m->members[i].id);

		all = status == SGA_OK ? all : status;
	}
	return all;
}

/*
 * A new epoch: known to the server, which takes the same one again, then durable, then known to the
 * members.
 */
static enum sga_status_code
begin_epoch(struct sga_cli *c, struct sga_team_conf *conf, const struct making *m)
{
	struct sga_team *team = NULL;
	enum sga_status_code status = SGA_FAILED;
	char gid[SGA_HEX_MAX];
	enum rc rc;

	conf->members = m->members;
	conf->count = m->n;
	rc = sga_team_make(c->device, conf, NULL, &team);
	if (rc != RC_OK)
		(void)sga_fail("groups",
		               rc == RC_CONFLICT ? "a member is there twice" : status_of(rc)->text);
	else
		status = publish(c, team, m);
	if (status == SGA_OK && !sga_group_save(c, team))
		status = SGA_FAILED;
	if (status == SGA_OK) {
		hex_encode(sga_team_id(team)->v, SGA_SID_SIZE, gid);
		status = printf("%s\n", gid) > 0 && fflush(stdout) == 0 ? give_keys(c, team, m)
		                                                        : SGA_FAILED;
	}
	sga_team_free(team);
	return status;
}

static enum sga_status_code
make(struct sga_cli *c)
{
	struct sga_team_conf conf = { .epoch = 1, .cid = CIPHER_AES_128_GCM };
	struct making m;

	if (c->args.cipher != NULL) {
		const struct cipher *p = cipher_named(slice_of(c->args.cipher));

		if (p == NULL)
			return sga_usage(c->args.cipher, "is no cipher");
		conf.cid = p->cid;
	}
	if (c->args.n_words < 3)
		return sga_usage("groups make", "MEMBER is to be given");
	if (!read_members(c, &m, c->args.words + 2, c->args.n_words - 2))
		return SGA_FAILED;
	return begin_epoch(c, &conf, &m);
}

/* The group of the word behind the command. */
static bool
read_gid(const struct sga_cli *c, struct sga_sid *gid)
{
	return (c->args.n_words > 2 &&
	        hex_decode(slice_of(c->args.words[2]), gid->v, sizeof(gid->v))) ||
	       sga_fail("groups", "GID, 32 hexadecimal digits, is to be given");
}

static enum sga_status_code
load_named(struct sga_cli *c, struct sga_team **out)
{
	struct sga_sid gid;
	enum sga_found found;

	*out = NULL;
	if (!read_gid(c, &gid))
		return SGA_USAGE;
	found = sga_group_load(c, &gid, out);
	if (found == SGA_ABSENT)
		(void)sga_fail(c->args.words[2], "no such group here");
	return found == SGA_FOUND ? SGA_OK : SGA_FAILED;
}

static enum sga_status_code
change(struct sga_cli *c)
{
	struct sga_team_conf conf = { .epoch = 0 };
	struct sga_team *team;
	enum sga_status_code status = load_named(c, &team);
	struct making m = { .n = 0 };

	if (status != SGA_OK)
		return status;
	conf.gid = *sga_team_id(team);
	conf.epoch = sga_team_epoch(team) + 1;
	conf.cid = sga_team_cid(team);
	if (!sga_id_equal(sga_team_owner(team), sga_device_id(c->device)))
		status = ((void)sga_fail(c->args.words[2], "is another device's"), SGA_REFUSED);
	else if (!read_members(c, &m, c->args.words + 3, c->args.n_words - 3))
		status = SGA_FAILED;
	sga_team_free(team);
	return status == SGA_OK ? begin_epoch(c, &conf, &m) : status;
}

/* ---- members ---- */

/*
 * The state of the group does not know of record, which was kept before it: nobody has seen it, and
 * its number is free.
 */
static bool
is_unsent(const struct sga_team *team, struct slice record)
{
	struct sga_header h;
	struct sga_id sender;
	uint32_t epoch;

	return sga_header_read(record, &h) == RC_OK &&
	       sga_team_peek(record, &epoch, &sender) == RC_OK && epoch == sga_team_epoch(team) &&
	       h.ctr >= sga_team_sealed(team);
}

/* The record that is not known to have arrived, if there is one. */
static enum sga_status_code
flush(struct sga_cli *c, const struct sga_team *team)
{
	const struct sga_sid *gid = sga_team_id(team);
	struct sga_http_request rq = { .method = "POST", .type = OCTETS };
	enum sga_status_code status = SGA_FAILED;
	char name[SGA_STATE_NAME], hex[SGA_HEX_MAX], path[64];
	struct buf b;

	sga_group_file(gid, ".out", name);
	if (!sga_state_has(&c->state, name))
		return SGA_OK;
	hex_encode(gid->v, sizeof(gid->v), hex);
	snprintf(path, sizeof(path), "/groups/%s/messages", hex);
	rq.path = path;
	buf_init(&b, SGA_MESSAGE_MAX);
	if (sga_state_read(&c->state, name, &b)) {
		rq.body = buf_view(&b);
		if (is_unsent(team, rq.body))
			status = SGA_OK;
		else if (sga_ask_proved(c, &rq, false))
			status = sga_is_good(&rq) ? SGA_OK : sga_refused("message", &rq);
	}
	/* What was refused is not sent again. */
	if (status != SGA_FAILED && !sga_state_remove(&c->state, name))
		status = SGA_FAILED;
	buf_fini(&rq.answer);
	sga_buf_wipe(&b);
	return status;
}

static enum sga_status_code
seal_and_send(struct sga_cli *c, struct sga_team *team, struct slice data)
{
	enum sga_status_code status;
	char name[SGA_STATE_NAME];
	struct buf record;
	bool ok;
	enum rc rc;

	sga_group_file(sga_team_id(team), ".out", name);
	buf_init(&record, SGA_MESSAGE_MAX);
	rc = sga_team_seal(team, c->device, data, &record);
	if (rc != RC_OK)
		(void)sga_fail("message", rc == RC_CONFLICT
		                                  ? "the owner of the group does not know the key "
		                                    "of this device"
		                          : rc == RC_PRECONDITION ? "the group needs a new epoch"
		                                                  : status_of(rc)->text);
	/* The server takes no number but the next: the record is there before its number is used up. */
	ok = rc == RC_OK && sga_state_write(&c->state, name, buf_view(&record)) &&
	     sga_group_save(c, team);
	buf_fini(&record);
	if (!ok)
		return SGA_FAILED;
	status = flush(c, team);
	if (status == SGA_FAILED)
		fputs("m2m-sga: the message is kept, and goes before the next one\n", stderr);
	return status;
}

static enum sga_status_code
send_message(struct sga_cli *c)
{
	struct sga_team *team;
	enum sga_status_code status = load_named(c, &team);
	struct buf data;

	if (status != SGA_OK)
		return status;
	buf_init(&data, SGA_DATA_MAX + 8192);
	data.secret = true;
	status = flush(c, team);
	if (status == SGA_OK)
		status = c->args.n_words <= 4 &&
		                         sga_read_data(c->args.n_words == 4 ? c->args.words[3]
		                                                            : NULL,
		                                       &data)
		                 ? seal_and_send(c, team, buf_view(&data))
		                 : SGA_FAILED;
	sga_buf_wipe(&data);
	sga_team_free(team);
	return status;
}

static bool
forget(struct sga_cli *c, const struct sga_sid *gid)
{
	char out[SGA_STATE_NAME], name[SGA_STATE_NAME];

	sga_group_file(gid, ".out", out);
	sga_group_file(gid, "", name);
	return sga_state_remove(&c->state, out) && sga_state_remove(&c->state, name);
}

static enum sga_status_code
leave(struct sga_cli *c)
{
	const struct sga_id *own = sga_device_id(c->device);
	struct sga_http_request rq = { .method = "DELETE" };
	enum sga_status_code status;
	struct sga_team *team;
	char path[256];

	status = load_named(c, &team);
	if (status != SGA_OK)
		return status;
	if (sga_id_equal(sga_team_owner(team), own))
		snprintf(path, sizeof(path), "/groups/%s", c->args.words[2]);
	else
		snprintf(path, sizeof(path), "/groups/%s/members/%.*s", c->args.words[2],
		         (int)own->n, own->v);
	rq.path = path;
	status = SGA_FAILED;
	if (sga_ask_proved(c, &rq, false))
		status = sga_is_good(&rq) || rq.status == 404 ? SGA_OK : sga_refused("group", &rq);
	if (status == SGA_OK && !forget(c, sga_team_id(team)))
		status = SGA_FAILED;
	buf_fini(&rq.answer);
	sga_team_free(team);
	return status;
}

/* ---- the command ---- */

enum sga_status_code
sga_cmd_groups(struct sga_cli *c)
{
	static const struct {
		const char *name;
		enum sga_status_code (*run)(struct sga_cli *c);
	} rows[] = {
		{ "make", make }, { "change", change }, { "send", send_message }, { "leave", leave }
	};
	enum sga_status_code status;

	if (c->args.n_words == 1)
		return sga_groups_print(c) && fflush(stdout) == 0 ? SGA_OK : SGA_FAILED;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, c->args.words[1]) != 0)
			continue;
		status = sga_pump_start(c);
		if (status == SGA_OK)
			status = sga_pump(c, 0);
		return status == SGA_OK ? rows[i].run(c) : status;
	}
	return sga_usage(c->args.words[1], "must be make, change, send or leave");
}
