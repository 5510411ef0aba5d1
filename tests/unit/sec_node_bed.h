/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's SEC capability against a MSBF and an NSCL that the test plays: keys are derived on both
 * sides, TLS is port_fake. Every function asserts what it needs.
 */
#ifndef UNIT_SEC_NODE_BED_H
#define UNIT_SEC_NODE_BED_H

#include "cap/gate.h"
#include "cap/sec/sec.h"
#include "core_bed.h"
#include "mas/mas.h"
#include "sec/reject.h"

#define MSBF "https://msbf.sp1.example:8444/m2m/msbf"
#define NSCL "https://nscl.sp1.example:8443/m2m"
#define NSCL_CLEAR "http://nscl.sp1.example:8080/m2m" /* the same without TLS */
#define NSCL_2 "https://nscl2.sp1.example:8443/m2m"
#define SCL_ID "gscl-0102"
#define PPID_HEX "503c71bf0a1b2c00124b0001020304"

/*
 * How the MSBF answers a bootstrap. The last two are for a Kmr that is sent: in clear, or wrapped
 * for another session.
 */
enum boot_mode { BOOT_OK, BOOT_LOST, BOOT_WRONG, BOOT_TAKEN, BOOT_CLEAR, BOOT_FOREIGN };
/* How the NSCL answers on session A. */
enum link_mode {
	LINK_OK,
	LINK_CLEAR, /* Kmc as version 1.1 has it */
	LINK_TAMPERED, /* another Kmc is in the set */
	LINK_CAPTURED, /* the first set that it ever made */
	LINK_NO_TLS,
	LINK_FORBIDDEN, /* 403 without a signature */
	LINK_GONE, /* 410 without one */
	LINK_REBOOTSTRAP,
	LINK_REJECTED /* 403 with verdict */
};
/* What is signed about the node. */
enum verdict_mode {
	SAY_VOID,
	SAY_NOTHING, /* octets that are none */
	SAY_OLD_NONCE,
	SAY_OTHER_KEY,
	SAY_OTHER_NODE,
	SAY_OLD, /* of ten minutes ago */
	SAY_PASSING, /* not permanent */
	SAY_OVERLOAD /* permanent, but nothing that makes keys void */
};

struct node_counts {
	unsigned infos, boots, links, verdicts, requests;
};

struct node_bed {
	struct core_bed core;
	struct sec_conf conf; /* may be changed before node_begin */
	struct port_conf hooks;
	struct sec *sec;
	char dir[64], keystore[96];

	pthread_mutex_t lock; /* of what follows */
	enum boot_mode boot;
	enum link_mode link;
	enum verdict_mode verdict;
	struct node_counts counts;
	const char *nscls[4]; /* sclIdList, ends with NULL */
	int64_t kmr_lifetime, kmc_lifetime;
	const char *sets_scl_id;
	_Atomic bool boot_held, link_held; /* sets, and whatever else is answered on session A, wait */
	int64_t delay; /* of answers on session B */
	int status; /* of answers on session B */
	bool says_expired; /* 401 SEC_KMC_EXPIRED on session B */
	bool forged; /* the same without TLS */
	bool tagged; /* the last request without TLS had a tag */
	unsigned low_links, low_requests; /* that claimed low priority within their session */
	unsigned low_clear; /* without TLS, by an indicator that is good */
	unsigned refused_sessions; /* so many session Bs are refused */
	unsigned cut_sessions; /* after those, so many are cut off */
	bool unreachable; /* after those, no connection is made */
	unsigned flags; /* securitymIdFlags */
	uint32_t kmr_index; /* the newest that was given out */
	struct node_id node;
	/* By index. A node tries again every few milliseconds, and who waits for it may be late. */
	struct key kmrs[1024];
	struct key kmc;
	uint64_t connection;
	uint32_t kmc_index;
	char identity[80]; /* of the last request on session B, "" = without */
	unsigned first_index; /* KmrIndex of the last session A */
	bool ups, downs; /* the gate has told so */
	char captured[2048];
	char text[8][4096]; /* answers that are under way */
	unsigned n_text;
};

/* A node with nothing but a PPID, and peers that do as they should. */
void node_init(struct node_bed *w);
void node_begin(struct node_bed *w);
/* Ends it; what it keeps stays. */
void node_end(struct node_bed *w);
void node_fini(struct node_bed *w);

/* Asks the gate for the NSCL. */
void node_want(struct node_bed *w);
/* For another one. */
void node_want_at(struct node_bed *w, const char *nscl);
/* Until the connection stands, or fails once; false: not within a minute. */
bool node_await_up(struct node_bed *w);
bool node_await_down(struct node_bed *w);
bool node_await(struct node_bed *w, bool (*holds)(struct node_bed *w));
struct node_counts node_counts(struct node_bed *w);

struct sent {
	struct exchange ex;
	struct scl_task task;
	struct node_bed *w;
	bool done;
	int status; /* 0: no answer */
	bool unsent;
	char body[256];
};

/* A request to the NSCL; may be waited for once. */
void node_send(struct node_bed *w, struct sent *s, const char *method, const char *body);
/* The same to another URL. */
void node_send_to(struct node_bed *w, struct sent *s, const char *url, const char *method,
                  const char *body);
void node_sent(struct sent *s);
/* Both; the status. */
int node_ask(struct node_bed *w);
int node_ask_at(struct node_bed *w, const char *url);

#endif
