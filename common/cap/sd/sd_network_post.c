/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle until it is verified: what costs little first, on the serving thread, then signatures on
 * the pool.
 *
 *   serve (length, form, equal messages, devices, numbers, budget) -> verify, pool -> net_store
 */
#include "config.h"

#include "cap/sd/sd_network_impl.h"

#include <stdlib.h>
#include <time.h>

#include "core/peer.h"

#define AHEAD_MS 300000 /* by which the clock of a device may go before ours */

void
net_post_free(struct net_post *p)
{
	if (p == NULL)
		return;
	free(p->readings);
	free(p->known);
	free(p->reasons);
	free(p->verdicts);
	free(p->order);
	free(p->states);
	free(p->entries);
	free(p->items);
	arena_free(p->arena);
	free(p);
}

/* Who has no service connection excludes nobody, and is given little work to spoil. */
int64_t
net_post_excluded(const struct net_post *p, const struct sd_trace *t)
{
	return p->proved ? sd_trace_excluded(t, &p->peer) : 0;
}

void
net_post_end(struct net_post *p, enum rc rc)
{
	struct sd_network *net = p->net;
	struct req *rq = p->rq;

	net_post_free(p);
	endpoint_finish(rq, rc);
	net_leave(net, &net->n_posts);
}

static struct net_post *
post_new(struct sd_network *net, struct req *rq, const struct sd_bundle *b)
{
	struct net_post *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->net = net;
	p->rq = rq;
	p->bundle = *b;
	p->readings = malloc(b->n * sizeof(p->readings[0]));
	p->known = calloc(b->n, sizeof(struct sd_known *));
	p->reasons = calloc(b->n, sizeof(p->reasons[0]));
	p->verdicts = calloc(b->n, sizeof(p->verdicts[0]));
	if (p->readings == NULL || p->known == NULL || p->reasons == NULL || p->verdicts == NULL) {
		net_post_free(p);
		return NULL;
	}
	sd_bundle_readings(b, p->readings);
	return p;
}

static bool
is_aggregate(const struct net_post *p)
{
	return p->bundle.alg == SD_BLS || p->bundle.alg == SD_IDENTITY;
}

/* ---- on the pool: signatures ---- */

/* What a bundle is verified with. */
struct checking {
	struct sd_signer *signers;
	union sd_known_key *keys;
};

/* The key of one reading; without one its signer is empty, as sd_verify asks for it. */
static enum rc
fill_one(struct net_post *p, struct checking *c, size_t i)
{
	union sd_known_key *key = &c->keys[i];
	enum rc rc;

	if (p->known[i] == NULL)
		return RC_OK;
	rc = sd_known_key(p->net->table, p->known[i], p->bundle.alg, p->readings[i].millis, key);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	switch (p->bundle.alg) {
	case SD_ED25519:
		c->signers[i].ed25519 = &key->ed25519;
		break;
	case SD_BLS:
	case SD_BLS_SINGLE:
		c->signers[i].bls = &key->bls;
		break;
	case SD_IDENTITY:
		c->signers[i].identity = &key->identity;
		break;
	}
	return RC_OK;
}

static enum rc
check(struct net_post *p, struct checking *c)
{
	struct ibas_public q;
	enum rc rc = RC_OK;

	if (c->signers == NULL || c->keys == NULL)
		return RC_UNAVAILABLE;
	if (p->bundle.alg == SD_IDENTITY)
		rc = net_generator(p->net, &q) ? RC_OK : RC_NOT_IMPLEMENTED;
	for (size_t i = 0; i < p->bundle.n && rc == RC_OK; i++)
		rc = fill_one(p, c, i);
	if (rc != RC_OK)
		return rc;
	return sd_verify(&p->bundle, p->readings, c->signers,
	                 p->bundle.alg == SD_IDENTITY ? &q : NULL, p->verdicts);
}

/* What the verdicts say of single readings. */
static void
judge(struct net_post *p)
{
	for (size_t i = 0; i < p->bundle.n; i++) {
		if (p->verdicts[i] == SD_WRONG && !is_aggregate(p))
			p->reasons[i] = NET_SIGNATURE;
		else if (p->verdicts[i] == SD_NO_KEY)
			p->reasons[i] = NET_NO_KEY;
	}
}

static void
verify(struct pool_job *job)
{
	struct net_post *p = NET_OF(job, struct net_post, job);
	struct checking c = { calloc(p->bundle.n, sizeof(c.signers[0])),
		              malloc(p->bundle.n * sizeof(c.keys[0])) };

	p->verified = job->ending ? RC_UNAVAILABLE : check(p, &c);
	free(c.signers);
	free(c.keys);
	if (p->verified == RC_FORBIDDEN || p->verified == RC_NOT_FOUND)
		judge(p);
	net_store(p);
}

/* ---- on the serving thread: what costs little ---- */

/* YYYYMM of a time, UTC; 0: there is none. */
static int
month_of(int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	return gmtime_r(&t, &tm) == NULL ? 0 : (tm.tm_year + 1900) * 12 + tm.tm_mon;
}

/* An identity ends with its month; what was signed at its end still comes in the next. */
static bool
in_time(const struct sd_reading *r, int64_t now)
{
	uint64_t ms = (uint64_t)(now / 1000);
	int month;

	if (r->millis > ms + AHEAD_MS)
		return false;
	month = month_of((int64_t)(r->millis / 1000));
	return month != 0 && month_of(now / CLOCK_SECOND) - month <= 1;
}

static enum net_reason
look_one(struct net_post *p, size_t i, int64_t now)
{
	struct sd_network *net = p->net;
	const struct sd_reading *r = &p->readings[i];
	struct sd_known *k = sd_known_find(net->table, &r->device);
	struct sd_trace trace;

	p->known[i] = k;
	if (k == NULL || !sd_known_has(net->table, k, p->bundle.alg))
		return NET_NO_KEY;
	trace = sd_known_trace(net->table, k);
	if (is_aggregate(p) && net_post_excluded(p, &trace) > now)
		return NET_EXCLUDED;
	if (p->bundle.alg == SD_IDENTITY && !in_time(r, now))
		return NET_EXPIRED;
	return r->seq <= trace.seq ? NET_REPLAY : NET_TAKEN;
}

/* How many readings there are of each reason. */
static void
look(struct net_post *p, size_t n[NET_REASONS])
{
	int64_t now = clock_now(p->net->clock);

	memset(n, 0, NET_REASONS * sizeof(n[0]));
	for (size_t i = 0; i < p->bundle.n; i++) {
		p->reasons[i] = look_one(p, i, now);
		n[p->reasons[i]]++;
	}
}

/* What the reasons say of the whole. RC_OK: it is to be verified; *told: the reason of a refusal. */
static enum rc
weigh(const struct net_post *p, const size_t n[NET_REASONS], const char **told)
{
	static const enum net_reason spoiling[] = { NET_NO_KEY, NET_EXCLUDED, NET_EXPIRED };

	*told = NULL;
	for (size_t i = 0; i < sizeof(spoiling) / sizeof(spoiling[0]) && is_aggregate(p); i++) {
		if (n[spoiling[i]] > 0) {
			*told = net_reason_name(spoiling[i]);
			return RC_FORBIDDEN;
		}
	}
	if (n[NET_NO_KEY] == p->bundle.n) {
		*told = net_reason_name(NET_NO_KEY);
		return RC_FORBIDDEN;
	}
	return n[NET_TAKEN] == 0 ? RC_ACCEPTED : RC_OK;
}

/* Nobody has to verify what nobody asks for in a session, beyond a little. */
static enum rc
spend(struct net_post *p, const struct req_input *in)
{
	struct sd_network *net = p->net;
	uint64_t cost = sd_costs_of(&net->costs, p->bundle.alg, p->bundle.n, p->bundle.n);
	unsigned retry_after;
	enum rc rc;

	if (p->proved)
		return RC_OK;
	rc = sd_budget_take(net->budget, in->peer == NULL ? SLICE_NONE : in->peer->address, cost,
	                    p->bundle.n, clock_monotonic(), &retry_after);
	if (rc == RC_OK)
		return RC_OK;
	net_count(net, NET_COUNT_BUDGET);
	if (rc == RC_TOO_LARGE)
		return endpoint_refuse(p->rq, rc, SLICE_LIT("SD_BUDGET"));
	req_answer(p->rq)->retry_after = retry_after == 0 ? 1 : retry_after;
	return endpoint_refuse(p->rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
}

static void
begin(struct req *rq)
{
	struct net_post *p = endpoint_state(rq);

	p->job.run = verify;
	pool_submit(p->net->pool, POOL_FOREIGN, &p->job);
}

/* RC_OK: it may begin, and counts among those that wait; everything else is the answer. */
static enum rc
admit(struct net_post *p, const struct req_input *in)
{
	struct sd_network *net = p->net;
	size_t n[NET_REASONS];
	const char *told;
	enum rc rc = sd_distinct(p->readings, p->bundle.n, sd_reading_order, NULL);

	if (rc == RC_CONFLICT) {
		net_count(net, NET_COUNT_DUPLICATE);
		return net_answer(p, RC_BAD_REQUEST, "SD_DUPLICATE");
	}
	if (rc != RC_OK)
		return net_overload(net, p->rq, 1);
	look(p, n);
	rc = weigh(p, n, &told);
	if (rc != RC_OK)
		return net_answer(p, rc, told);
	rc = spend(p, in);
	if (rc != RC_OK)
		return rc;
	if (!net_enter(net, &net->n_posts, net->conf.waiting_max))
		return net_overload(net, p->rq, 1);
	return RC_OK;
}

static enum rc
serve_post(struct sd_network *net, struct req *rq, const struct req_input *in)
{
	struct sd_bundle bundle;
	struct net_post *p;
	enum rc rc;

	if (!endpoint_has_octets(in))
		return endpoint_refuse(rq, RC_MEDIA_TYPE, SLICE_NONE);
	net_count(net, NET_COUNT_BUNDLES);
	mas_count(net->counters, NET_COUNT_OCTETS, in->body.n);
	if (sd_bundle_parse(in->body, &bundle) != RC_OK) {
		net_count(net, NET_COUNT_FORMAT);
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("SD_FORMAT"));
	}
	p = post_new(net, rq, &bundle);
	if (p == NULL)
		return net_overload(net, rq, 1);
	p->proved = net_peer(net, in, &p->peer);
	rc = admit(p, in);
	if (rc == RC_OK)
		return endpoint_pend(rq, begin, p);
	net_post_free(p);
	return rc;
}

enum rc
net_data_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct sd_network *net = arg;
	struct endpoint_who who;
	enum rc rc = endpoint_identify(rq, &who);

	if (rc != RC_OK)
		return rc;
	if (in->op == REQ_RETRIEVE)
		return net_answer_terms(net, rq);
	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "GET, POST");
	return serve_post(net, rq, in);
}
