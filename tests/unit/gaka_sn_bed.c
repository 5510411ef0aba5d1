/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "gaka_sn_bed.h"

#include <stdio.h>

#include "base/be.h"

#define OCTETS "application/octet-stream"
#define PATH BASE "/gaka"

static struct snb *bed; /* of the functions that get no argument of ours */

/* ---- time ---- */

static int64_t
wall_now(const struct clock *c)
{
	const struct snb *b =
		(const struct snb *)(const void *)((const char *)c - offsetof(struct snb, wall));

	return atomic_load(&b->now_wall);
}

static int64_t
mono_now(const struct clock *c)
{
	const struct snb *b =
		(const struct snb *)(const void *)((const char *)c - offsetof(struct snb, mono));

	return atomic_load(&b->now_mono);
}

void
snb_pass(struct snb *b, int64_t seconds)
{
	atomic_fetch_add(&b->now_wall, seconds * CLOCK_SECOND);
	atomic_fetch_add(&b->now_mono, seconds * CLOCK_SECOND);
}

/* ---- what is asked of the security capability ---- */

static enum rc
psk_add(void *arg, enum psk_kind kind, const struct sec_psk *source)
{
	ck_assert_int_eq(kind, PSK_GA);
	((struct snb *)arg)->psk = *source;
	return RC_OK;
}

static void
sec_watch(void *arg, struct sec_watcher *w)
{
	((struct snb *)arg)->sec_watcher = w;
}

static void
sec_unwatch(void *arg, struct sec_watcher *w)
{
	ck_assert_ptr_eq(((struct snb *)arg)->sec_watcher, w);
}

/* ---- life ---- */

static enum rc
keep(void *arg, struct slice state)
{
	(void)arg;
	(void)state;
	return RC_OK;
}

static void
device_init(struct snb_device *d, unsigned i)
{
	const struct gaka_keeper keeper = { NULL, keep };

	d->id.v[0] = NODE_ID_VERSION;
	be_put(d->id.v + 8, i + 1, 8);
	d->iv = 100;
	ck_assert_int_eq(key_random(&d->ka), RC_OK);
	ck_assert_int_eq(gaka_ue_init(&d->ue, &d->id, &d->ka, SLICE_NONE, &keeper), RC_OK);
}

void
snb_init(struct snb *b, unsigned devices)
{
	memset(b, 0, sizeof(*b));
	bed = b;
	core_init_alone(&b->core);
	pthread_mutex_init(&b->lock, NULL);
	b->wall.now = wall_now;
	b->mono.now = mono_now;
	atomic_init(&b->now_wall, (int64_t)SNB_NOW * CLOCK_SECOND);
	atomic_init(&b->now_mono, 1000 * CLOCK_SECOND);
	b->mas = (struct mas){ &snb_home, b };
	b->sec = sec_access_none;
	b->sec.arg = b;
	b->sec.mas = &b->mas;
	b->sec.psk_add = psk_add;
	b->sec.revoked_watch = sec_watch;
	b->sec.revoked_unwatch = sec_unwatch;
	b->conf = (struct capability_conf){
		.role = SCL_NSCL,
		.scl_id = "nscl.example.org",
		.log = b->core.log,
		.sec = &b->sec,
		.gaka = { .enabled = true,
		          .window = 16,
		          .sets_max = 8,
		          .members_max = 1000,
		          .attempts_max = 100,
		          .attempt_time = 10 * CLOCK_SECOND,
		          .singles_max = SNB_SINGLES,
		          .sessions_max = 100 },
	};
	ck_assert_int_eq(mas_serving_id(slice_of(b->conf.scl_id), &b->self), RC_OK);
	memset(b->gid.v, 0xa1, GAKA_GID_SIZE);
	ck_assert_int_eq(key_random(&b->gak), RC_OK);
	b->gaks.current = &b->gak;
	b->w = 16;
	b->expiry = SNB_EXPIRY;
	b->devices = devices;
	for (unsigned i = 0; i < SNB_DEVICES; i++)
		device_init(&b->d[i], i);
}

static void
attach(struct scl *scl)
{
	char why[CAPABILITY_WHY_MAX] = "";

	ck_assert_msg(gaka_sn_attach(scl, &bed->conf, &bed->sn, why) == RC_OK, "%s", why);
}

/* The limits have the clock of the test, too. */
static void
set_clocks(struct snb *b)
{
	sn_limits_close(&b->sn->limits);
	gaka_sessions_free(b->sn->sessions);
	b->sn->clock = &b->wall;
	b->sn->mono = &b->mono;
	b->sn->sessions = gaka_sessions_new(b->conf.gaka.sessions_max, &b->wall);
	ck_assert_ptr_nonnull(b->sn->sessions);
	b->psk = gaka_sessions_psk(b->sn->sessions);
	ck_assert_int_eq(sn_limits_open(&b->sn->limits, b->conf.gaka.singles_max, &b->mono), RC_OK);
}

void
snb_start(struct snb *b)
{
	b->core.attach = attach;
	core_start(&b->core);
	set_clocks(b);
	gaka_sn_start(b->sn);
}

void
snb_fini(struct snb *b)
{
	gaka_sn_stop(b->sn);
	core_stop(&b->core);
	gaka_sn_detach(b->sn);
	for (unsigned i = 0; i < SNB_DEVICES; i++) {
		gaka_ue_wipe(&b->d[i].ue);
		gaka_done_wipe(&b->d[i].done);
	}
	core_fini(&b->core);
	pthread_mutex_destroy(&b->lock);
}

/* ---- devices ---- */

struct snb_said
snb_say(struct snb *b, const char *target, struct slice body)
{
	const struct asker who = asker_plain(SERVE_DIA);
	struct told t = ask_octets(&b->core, &who, "POST", target, OCTETS, body);
	struct snb_said said = { .status = t.status, .retry_after = t.retry_after };

	said.n = t.n < sizeof(said.octets) ? t.n : sizeof(said.octets);
	memcpy(said.octets, t.body, said.n);
	told_fini(&t);
	return said;
}

struct snb_said
snb_begin(struct snb *b, unsigned d, const struct gaka_gid *gid)
{
	struct snb_device *x = &b->d[d];

	ck_assert_int_eq(
		gaka_ue_begin(&x->ue, &x->t, gid == NULL ? &b->gid : gid, NULL, NULL, x->t1),
		RC_OK);
	return snb_say(b, PATH, slice_make(x->t1, GAKA_T1_SIZE));
}

void
snb_tag(struct snb *b, unsigned d, const struct snb_said *challenge, uint8_t out[GAKA_SHORT_SIZE])
{
	struct snb_device *x = &b->d[d];

	ck_assert_int_eq(challenge->status, 200);
	ck_assert_int_eq(gaka_ue_challenge(&x->ue, &x->t,
	                                   slice_make(challenge->octets, challenge->n), &b->gaks,
	                                   out),
	                 RC_OK);
}

struct snb_said
snb_short(struct snb *b, unsigned d, const uint8_t octets[GAKA_SHORT_SIZE])
{
	char target[128], id[NODE_ID_TEXT];

	node_id_text(&b->d[d].id, id);
	snprintf(target, sizeof(target), PATH "?id=%s", id);
	return snb_say(b, target, slice_make(octets, GAKA_SHORT_SIZE));
}

struct snb_said
snb_answer(struct snb *b, unsigned d, const struct snb_said *challenge)
{
	uint8_t tag[GAKA_SHORT_SIZE];

	snb_tag(b, d, challenge, tag);
	return snb_short(b, d, tag);
}

unsigned
snb_attach(struct snb *b, unsigned d, const struct gaka_gid *gid)
{
	struct snb_said challenge = snb_begin(b, d, gid), last;
	struct snb_device *x = &b->d[d];

	if (challenge.status != 200)
		return 0;
	last = snb_answer(b, d, &challenge);
	if (last.status != 200 ||
	    gaka_ue_confirm(&x->t, slice_make(last.octets, last.n), &x->done) != RC_OK ||
	    !snb_has_session(b, d))
		return 0;
	return gaka_type_of(slice_make(challenge.octets, challenge.n));
}

void
snb_expect(const struct snb_said *said, int status, enum gaka_reason reason)
{
	enum gaka_reason got;

	ck_assert_int_eq(said->status, status);
	ck_assert_int_eq(gaka_t12_read(slice_make(said->octets, said->n), &got), RC_OK);
	ck_assert_int_eq(got, reason);
	ck_assert((reason == GAKA_BUSY) == (said->retry_after > 0));
}

bool
snb_has_session(struct snb *b, unsigned d)
{
	const struct snb_device *x = &b->d[d];
	struct psk_id id = { .kind = PSK_GA, .tls = PSK_TLS_1_3, .node = x->id };
	struct key theirs, mine;
	struct node_id node;
	bool found;

	memcpy(id.gid, x->done.gid.v, sizeof(id.gid));
	ck_assert_int_eq(gaka_psk(&x->done.ks, id.tls, x->done.c, &mine), RC_OK);
	found = b->psk.find(b->psk.arg, &id, &theirs);
	ck_assert(found == b->psk.node(b->psk.arg, &id, &node));
	if (found)
		ck_assert(node_id_eq(&node, &x->id));
	return found && key_equal(&mine, &theirs);
}

uint64_t
snb_counted(struct snb *b, enum sn_count which)
{
	return mas_counted(b->sn->counters, which);
}
