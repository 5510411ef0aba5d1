/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What applications prove themselves by, with a file of tokens in a directory of the test's own.
 * Each test has its own process: issuer_setup and issuer_teardown are its fixture.
 */
#ifndef UNIT_ISSUER_BED_H
#define UNIT_ISSUER_BED_H

#include <sys/types.h>

#include "cap/sec/issuer.h"
#include "cap/sec/live.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define START (INT64_C(1700000000) * CLOCK_SECOND)
#define HOUR (3600 * CLOCK_SECOND)
#define GOOD "a-token-of-meter-1-0123456789"
#define OTHER "a-token-of-meter-2-0123456789"

extern char path[128]; /* of the file of tokens; there is none yet */
extern struct sec_conf sec;
extern struct live *live;
extern struct issuers *issuers; /* of open_issuers */
extern struct arena *arena;

void issuer_setup(void);
void issuer_teardown(void);
/* Anew, by sec; of a node with live, of the network without. */
void open_issuers(bool node);

void write_to(const char *file, const char *text, mode_t mode);
/* The file of tokens, in place. */
void write_file(const char *text, mode_t mode);
/* At once: whoever reads it sees the old one or the new one. */
void replace_file(const char *text);
/* A line of it; until the next call but one. */
const char *line_of(const char *name, const char *token);

struct verdict {
	enum rc rc;
	struct issuer issuer;
	struct slice reason;
	struct req_answer out;
	struct req_input in;
};

struct verdict identify(const struct peer *peer, const char *authorization);
void expect(const struct peer *peer, const char *authorization, enum issuer_by by,
            const char *app_id);
void refused(const struct peer *peer, const char *authorization, enum rc rc, const char *reason);

#endif
