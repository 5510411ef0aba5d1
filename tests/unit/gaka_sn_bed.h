/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serving network on an scl without a network, in front of a home network that the test holds,
 * refuses and counts; devices that attach to it by its endpoint. Time stands still but for what the
 * test adds.
 */
#ifndef UNIT_GAKA_SN_BED_H
#define UNIT_GAKA_SN_BED_H

#include "cap/gaka/gaka_sn_impl.h"
#include "endpoint_bed.h"
#include "gaka/hn.h"
#include "gaka/keys.h"
#include "gaka/ue.h"

#define SNB_SINGLES 60u
#define SNB_DEVICES 40u
#define SNB_HELD 64u
#define SNB_NOW UINT64_C(1700000000)
#define SNB_EXPIRY (SNB_NOW + 3600)

struct snb_device {
	struct node_id id;
	struct key ka;
	uint64_t sqn, iv; /* at the home network */
	bool away; /* no member of the group */
	struct gaka_ue ue;
	struct gaka_try t;
	struct gaka_done done;
	uint8_t t1[GAKA_T1_SIZE];
};

/* A whole answer to a message. */
struct snb_said {
	int status;
	unsigned retry_after;
	size_t n;
	uint8_t octets[GAKA_DEVICE_MAX];
};

struct snb {
	struct core_bed core;
	struct capability_conf conf;
	struct sec_access sec;
	struct mas mas;
	struct clock wall, mono;
	_Atomic int64_t now_wall, now_mono;
	struct gaka_sn *sn;
	struct node_id self; /* of the serving network */
	struct gaka_gid gid;
	struct key gak;
	struct gaka_gaks gaks;
	uint16_t w;
	unsigned devices; /* in the group */
	struct snb_device d[SNB_DEVICES];
	struct sec_psk psk;
	struct sec_watcher *sec_watcher;
	struct mas_watcher *mas_watcher;

	/* The home network. */
	pthread_mutex_t lock;
	unsigned n_t2, n_t10; /* asked so far */
	bool held; /* answers wait for snb_release */
	struct mas_gaka *waiting[SNB_HELD];
	unsigned n_waiting;
	enum rc outcome; /* RC_OK, or there is no answer */
	enum gaka_reason refusal; /* 0: none */
	bool nonsense; /* answers are octets of no meaning */
	uint64_t expiry; /* SNB_EXPIRY, unless the test has another */
};

extern const struct mas_ops snb_home;

/* conf.gaka may be changed between the two. */
void snb_init(struct snb *b, unsigned devices);
void snb_start(struct snb *b);
void snb_fini(struct snb *b);
/* Seconds pass, on both clocks. */
void snb_pass(struct snb *b, int64_t seconds);
/* What is held is answered, and what comes from now on at once. */
void snb_release(struct snb *b);
/* Waits until so many questions are held. */
void snb_await_held(struct snb *b, unsigned n);

/* Told by the MAS: the group has another epoch (0: it is gone); removed: who has left, or NULL. */
void snb_tell(struct snb *b, uint32_t epoch, const struct node_id *removed);

/* Messages; d is an index. */
struct snb_said snb_say(struct snb *b, const char *target, struct slice body);
/* T1 of d. gid NULL: that of the group. */
struct snb_said snb_begin(struct snb *b, unsigned d, const struct gaka_gid *gid);
/* What d answers to that, said; the answer. */
struct snb_said snb_answer(struct snb *b, unsigned d, const struct snb_said *challenge);
/* The octets that d would say, without saying them. */
void snb_tag(struct snb *b, unsigned d, const struct snb_said *challenge,
             uint8_t out[GAKA_SHORT_SIZE]);
/* Says 24 octets in the name of d. */
struct snb_said snb_short(struct snb *b, unsigned d, const uint8_t octets[GAKA_SHORT_SIZE]);
/* The type of the challenge when all of a run goes well, and both have one key; else 0. */
unsigned snb_attach(struct snb *b, unsigned d, const struct gaka_gid *gid);
/* It is a T12 of that status and reason. */
void snb_expect(const struct snb_said *said, int status, enum gaka_reason reason);
/* True when a handshake of d would have the key that d has. */
bool snb_has_session(struct snb *b, unsigned d);
uint64_t snb_counted(struct snb *b, enum sn_count which);

#endif
