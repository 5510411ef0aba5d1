/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duplicates (RFC 7252 section 4.5). A request under way is known until it is answered; one that
 * has changed something for EXCHANGE_LIFETIME, with its answer. Reads and refusals are not kept:
 * they may be executed again.
 */
#include "config.h"

#include "bind/coap_server.h"

#include <stdlib.h>

#include "sec/secret.h"

#define BUCKETS 16384u
#define OCTETS_MAX ((size_t)16 << 20) /* of all; beyond: the oldest go */
/* One session has a share, or it could make the others' be forgotten. */
#define SHARE 4u
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_FACTOR UINT64_C(0x100000001b3)

struct coapd_seen {
	struct coapd_seen *next; /* of its bucket */
	struct coapd_link by_age; /* of the server, when it is answered */
	struct coapd_link by_session; /* likewise */
	struct coapd_session *session;
	coap_mid_t mid;
	uint64_t hash;
	struct coapd_request *request; /* NULL: answered */
	int64_t until; /* monotonic */
	size_t octets; /* that it takes */
	bool separate; /* the answer was a message of its own, which libcoap repeats */
	struct cmap_answer answer; /* code 0: an empty ACK; views text */
	char *text; /* location, body */
};

bool
coapd_seen_init(struct coapd *s)
{
	coapd_link_init(&s->seen);
	s->seen_buckets = calloc(BUCKETS, sizeof(*s->seen_buckets));
	return s->seen_buckets != NULL;
}

/* All sessions are gone. */
void
coapd_seen_fini(struct coapd *s)
{
	free(s->seen_buckets);
}

static uint64_t
mix(uint64_t hash, const void *p, size_t n)
{
	const unsigned char *octets = p;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ octets[i]) * HASH_FACTOR;
	return hash;
}

/*
 * What a message says: one with the same ID that says something else comes from a client that has
 * begun anew, with its IDs, too.
 */
static uint64_t
hash_of(const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	unsigned char code = (unsigned char)coap_pdu_get_code(pdu);
	uint64_t hash = mix(mix(HASH_START, &code, 1), token.s, token.length);
	coap_opt_iterator_t it;
	const uint8_t *data;
	coap_opt_t *option;
	size_t n;

	/* Of what only reads this is enough, and it is all that a busy client asks for. */
	if (code == COAP_REQUEST_CODE_GET)
		return hash;
	coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
	while ((option = coap_option_next(&it)) != NULL) {
		hash = mix(hash, &it.number, sizeof(it.number));
		hash = mix(hash, coap_opt_value(option), coap_opt_length(option));
	}
	if (coap_get_data(pdu, &n, &data))
		hash = mix(hash, data, n);
	return hash;
}

static struct coapd_seen **
bucket_of(const struct coapd_session *se, coap_mid_t mid)
{
	uint64_t h = mix(mix(HASH_START, &se, sizeof(se)), &mid, sizeof(mid));

	return &se->server->seen_buckets[h % BUCKETS];
}

static struct coapd_seen *
find(const struct coapd_session *se, coap_mid_t mid)
{
	struct coapd_seen *e = *bucket_of(se, mid);

	while (e != NULL && (e->session != se || e->mid != mid))
		e = e->next;
	return e;
}

static void
drop(struct coapd_seen *e)
{
	struct coapd_session *se = e->session;
	struct coapd_seen **at = bucket_of(se, e->mid);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	coapd_link_remove(&e->by_age);
	coapd_link_remove(&e->by_session);
	se->seen_octets -= e->octets;
	se->server->seen_octets -= e->octets;
	if (e->request != NULL)
		e->request->seen = NULL;
	if (e->text != NULL)
		secret_wipe(e->text, e->answer.location.n + e->answer.body.n);
	free(e->text);
	free(e);
}

static void
repeat(struct coapd_seen *e, const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	struct coapd_reply r = { .type = COAP_MESSAGE_ACK,
		                 .mid = e->mid,
		                 .token = token.s,
		                 .token_n = (unsigned)token.length,
		                 .answer = &e->answer,
		                 .block2 = e->answer.block2,
		                 .as_it_is = true };

	if (e->separate || e->answer.code == 0)
		coapd_ack(e->session, e->mid);
	else
		coapd_reply(e->session, &r);
}

enum coapd_seen_what
coapd_seen_before(struct coapd_session *se, const coap_pdu_t *pdu, uint64_t *hash)
{
	struct coapd_seen *e = find(se, coap_pdu_get_mid(pdu));

	*hash = hash_of(pdu);
	if (e == NULL)
		return SEEN_NOT;
	if (e->hash != *hash) {
		drop(e);
		return SEEN_NOT;
	}
	if (e->request != NULL) {
		if (e->request->confirmable && e->request->acked)
			coapd_ack(se, e->mid);
		return SEEN_UNDER_WAY;
	}
	if (coap_pdu_get_type(pdu) == COAP_MESSAGE_CON)
		repeat(e, pdu);
	return SEEN_ANSWERED;
}

void
coapd_seen_add(struct coapd_request *cr)
{
	struct coapd_session *se = cr->session;
	struct coapd_seen **bucket = bucket_of(se, cr->mid);
	struct coapd_seen *e = calloc(1, sizeof(*e));

	/* Without memory a duplicate is executed, as if this had never come. */
	if (e == NULL)
		return;
	e->session = se;
	e->mid = cr->mid;
	e->hash = cr->hash;
	e->request = cr;
	e->octets = sizeof(*e);
	e->next = *bucket;
	*bucket = e;
	se->seen_octets += e->octets;
	se->server->seen_octets += e->octets;
	cr->seen = e;
}

/* Makes room: of the session's own when it has its share, else of the oldest. */
static void
bound(struct coapd_session *se)
{
	struct coapd *s = se->server;

	while (se->seen_octets > OCTETS_MAX / SHARE && !coapd_link_empty(&se->seen))
		drop(COAPD_OF(se->seen.next, struct coapd_seen, by_session));
	while (s->seen_octets > OCTETS_MAX && !coapd_link_empty(&s->seen))
		drop(COAPD_OF(s->seen.next, struct coapd_seen, by_age));
}

static bool
keep_text(struct coapd_seen *e, const struct cmap_answer *a, size_t from, size_t n)
{
	if (a->location.n + n == 0)
		return true;
	e->text = malloc(a->location.n + n);
	if (e->text == NULL)
		return false;
	if (a->location.n > 0)
		memcpy(e->text, a->location.p, a->location.n);
	if (n > 0)
		memcpy(e->text + a->location.n, a->body.p + from, n);
	e->answer.location = slice_make(e->text, a->location.n);
	e->answer.body = slice_make(e->text + a->location.n, n);
	return true;
}

void
coapd_seen_answered(struct coapd_request *cr, const struct cmap_answer *answer, size_t from,
                    size_t n)
{
	struct coapd_seen *e = cr->seen;
	struct coapd_session *se = cr->session;

	if (e == NULL)
		return;
	cr->seen = NULL;
	e->request = NULL;
	e->separate = cr->acked;
	if (answer != NULL && !e->separate) {
		e->answer = *answer;
		e->answer.location = e->answer.body = SLICE_NONE;
		e->answer.echo = SLICE_NONE;
		if (!keep_text(e, answer, from, n)) {
			drop(e);
			return;
		}
	}
	e->until = se->server->now + COAPD_LIFETIME_US;
	e->octets += e->answer.location.n + e->answer.body.n;
	se->seen_octets += e->octets - sizeof(*e);
	se->server->seen_octets += e->octets - sizeof(*e);
	coapd_link_append(&se->server->seen, &e->by_age);
	coapd_link_append(&se->seen, &e->by_session);
	bound(se);
}

void
coapd_seen_forget(struct coapd_request *cr)
{
	if (cr->seen != NULL)
		drop(cr->seen);
}

void
coapd_seen_gone(struct coapd_session *se)
{
	while (!coapd_link_empty(&se->seen))
		drop(COAPD_OF(se->seen.next, struct coapd_seen, by_session));
}

void
coapd_seen_tick(struct coapd *s)
{
	while (!coapd_link_empty(&s->seen)) {
		struct coapd_seen *e = COAPD_OF(s->seen.next, struct coapd_seen, by_age);

		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): drop takes it out of the list */
		if (e->until > s->now)
			return;
		drop(e);
	}
}
