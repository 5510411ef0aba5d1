/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of m2m-sga share: a device with its state, and the server. */
#ifndef CLI_SGA_CLI_H
#define CLI_SGA_CLI_H

#include "cli/sga_http.h"
#include "cli/sga_state.h"
#include "sga/group.h"
#include "sga/record.h"
#include "sga/tag.h"

#define SGA_HEX_MAX (2u * SGA_SID_SIZE + 1u)
#define SGA_URL_MAX 1024u

struct sga_cli {
	struct sga_args args;
	struct sga_store state;
	struct sga_http *http;
	char root[SGA_URL_MAX], via[SGA_URL_MAX]; /* "": none */
	struct sga_device *device; /* NULL: not of this command */
	uint64_t counter,
		ceiling; /* of X-M2M-SGA: the last one, what may be used without a write */
	/* For messages of applications that have come since it was set to 0. */
	unsigned came;
	bool heard; /* something else has come */
	bool answered; /* an invitation was, since it was set to false */
	/* Who may invite: NULL-terminated names, or anybody. */
	char *const *welcome;
	int n_welcome;
	bool any, refuse;
};

/* Where a command is in its own words. */
enum sga_status_code sga_usage(const char *what, const char *why);

/* ---- the server ---- */

/* --root, or what the state has; opens http. */
bool sga_connect(struct sga_cli *c);
/* Sends; false with a line on standard error when nothing was answered. */
bool sga_ask(struct sga_cli *c, struct sga_http_request *rq);
/* The same with X-M2M-SGA, under the kd in force, or the pending one. */
bool sga_ask_proved(struct sga_cli *c, struct sga_http_request *rq, bool pending);
/* A line on standard error about an answer that is none of 2xx; SGA_REFUSED, or SGA_FAILED for 5xx. */
enum sga_status_code sga_refused(const char *what, const struct sga_http_request *rq);
static inline bool
sga_is_good(const struct sga_http_request *rq)
{
	return rq->status >= 200 && rq->status < 300;
}

/* ---- the device ---- */

/* The registered device of --state. */
bool sga_load(struct sga_cli *c);
bool sga_save(struct sga_cli *c);
void sga_end(struct sga_cli *c);
uint64_t sga_now(void);
/* The public key that is known of a peer; RC_NOT_FOUND, and others with a line. */
enum rc sga_peer_key(struct sga_cli *c, const struct sga_id *id, struct sign_public *out);
/* As the files have it that others are given. The caller frees *out, also on failure. */
bool sga_public_pem(const struct sign_public *key, struct buf *out);
/* Copies --peer-key into the state. */
bool sga_peer_learn(struct sga_cli *c, const struct sga_id *id);

/* ---- sessions ---- */

/* A session in memory. */
struct sga_talk {
	struct sga_session *s;
	struct buf out; /* not known to have arrived; empty: nothing */
	bool sent; /* it was sent once */
};

enum sga_found { SGA_FOUND, SGA_ABSENT, SGA_BROKEN };

/* The name of its file. */
void sga_talk_file(const struct sga_sid *sid, char name[SGA_STATE_NAME]);
enum sga_found sga_talk_load(struct sga_cli *c, const struct sga_sid *sid, struct sga_talk *t);
bool sga_talk_save(struct sga_cli *c, const struct sga_talk *t);
void sga_talk_free(struct sga_talk *t);
/* Sends what waits; SGA_OK when nothing waits any more. */
enum sga_status_code sga_talk_flush(struct sga_cli *c, struct sga_talk *t);
/* The newest session with a peer that records go by; SGA_ABSENT. */
enum sga_found sga_talk_find(struct sga_cli *c, const struct sga_id *peer, struct sga_talk *t);
/* Data for the peer: SGA_OK when it is at the server. */
enum sga_status_code sga_talk_send(struct sga_cli *c, struct sga_talk *t, uint8_t flags,
                                   struct slice data);
/* Invites; the session is saved, *sid is its name. */
enum sga_status_code sga_talk_invite(struct sga_cli *c, const struct sga_id *peer,
                                     struct sga_sid *sid);
/* Answers a peer that has invited (SGA_S_INVITED), as c says. */
enum sga_status_code sga_talk_answer(struct sga_cli *c, struct sga_talk *t);
/* Calls each for every session until it returns false. */
bool sga_talks(struct sga_cli *c, bool (*each)(void *arg, struct sga_talk *t), void *arg);

/* ---- what comes ---- */

/* Resends what waits, and answers invitations that are there. */
enum sga_status_code sga_pump_start(struct sga_cli *c);
/* Takes what is in the mailbox, waiting at most so many seconds for it. */
enum sga_status_code sga_pump(struct sga_cli *c, unsigned wait);
/* A message for applications: durable as NAME.new until sga_inbox_keep. */
bool sga_inbox_put(struct sga_cli *c, const char *name, const struct sga_id *from, const char *gid,
                   struct slice data);
bool sga_inbox_keep(struct sga_cli *c, const char *name);
/* Of a group: what a record with SGA_FLAG_GROUP_KEY carried; a group record; a notice. */
bool sga_group_take_key(struct sga_cli *c, struct slice data, const struct sga_id *from);
bool sga_group_take_record(struct sga_cli *c, struct slice record);
bool sga_group_take_notice(struct sga_cli *c, struct slice notice);

/* ---- groups ---- */

/* The name of its file; suffix: "", or ".out" for the record that is not known to have arrived. */
void sga_group_file(const struct sga_sid *gid, const char *suffix, char name[SGA_STATE_NAME]);
bool sga_group_save(struct sga_cli *c, const struct sga_team *team);
/* The caller frees *out with sga_team_free. */
enum sga_found sga_group_load(struct sga_cli *c, const struct sga_sid *gid, struct sga_team **out);
/* A line for each on standard output. */
bool sga_groups_print(struct sga_cli *c);

/* ---- commands ---- */

enum sga_status_code sga_cmd_admin(struct sga_cli *c);
enum sga_status_code sga_cmd_package(struct sga_cli *c);
enum sga_status_code sga_cmd_register(struct sga_cli *c);
enum sga_status_code sga_cmd_negotiate(struct sga_cli *c);
enum sga_status_code sga_cmd_accept(struct sga_cli *c);
enum sga_status_code sga_cmd_session(struct sga_cli *c);
enum sga_status_code sga_cmd_send(struct sga_cli *c);
enum sga_status_code sga_cmd_receive(struct sga_cli *c);
enum sga_status_code sga_cmd_groups(struct sga_cli *c);
/* Reads FILE, or standard input when it is NULL, at most what a message takes. */
bool sga_read_data(const char *file, struct buf *out);
/* The identity of a word of the command line. */
bool sga_word_id(const char *word, struct sga_id *out);

#endif
