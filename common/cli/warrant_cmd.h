/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of m2m-warrant. */
#ifndef CLI_WARRANT_CMD_H
#define CLI_WARRANT_CMD_H

#include "cli/warrant_state.h"

/* Those that need a state are given the opened one, else NULL. Words behind the command: a->words + 1. */
enum warrant_status warrant_cmd_agree(const struct warrant_args *a, struct warrant_server_id *s);
enum warrant_status warrant_cmd_certify(const struct warrant_args *a, struct warrant_server_id *s);
enum warrant_status warrant_cmd_verify(const struct warrant_args *a, struct warrant_server_id *s);
enum warrant_status warrant_cmd_show(const struct warrant_args *a, struct warrant_server_id *s);
enum warrant_status warrant_cmd_transcript(const struct warrant_args *a,
                                           struct warrant_server_id *s);
enum warrant_status warrant_cmd_decide(const struct warrant_args *a, struct warrant_server_id *s);
enum warrant_status warrant_cmd_revoke(const struct warrant_args *a, struct warrant_server_id *s);
enum warrant_status warrant_cmd_revocations(const struct warrant_args *a,
                                            struct warrant_server_id *s);
enum warrant_status warrant_cmd_serve(const struct warrant_args *a, struct warrant_server_id *s);
/* Makes the state. */
enum warrant_status warrant_cmd_init(const struct warrant_args *a);

/* Seconds since 1970. */
int64_t warrant_now(void);

/* ---- judging a transcript ---- */

/* As S: whether the run is genuine, and then whether a warrant in it was revoked. */
struct warrant_judged {
	struct mpa_proved proved;
	enum mpa_cause cause; /* MPA_FINE, MPA_REVOKED: proved is right; else it is not */
	enum rc rc; /* RC_OK: proved is right, and cause says what to decide */
};

/* cache may be NULL. Any thread. */
void warrant_judge(const struct warrant_server_id *s, const struct warrant_revoked *revoked,
                   struct mpa_cache *cache, struct slice transcript, struct warrant_judged *out);

#endif
