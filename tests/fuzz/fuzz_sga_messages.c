/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as each message of the SGA, given to whom it is for: as they are; or, what only a
 * cheating party can do, as the plaintext of a message that is sealed and has a right header. The
 * first octet says which, the second has the flags of a header. What is refused changes nothing.
 */
#include "config.h"

#include "sga_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One run: copies of the parties as they wait for a message, and what they may append. */
struct run {
	const struct sga_parties *p;
	enum sga_step step;
	struct sga_device *d; /* before R2 */
	struct sga_session si, sj;
	struct sga_server_session sg;
	struct buf a, b;
};

/* ---- giving ---- */

static enum rc
give_a2(struct run *r, struct slice octets)
{
	struct sga_session *s;
	enum rc rc = sga_a2_take(r->p->j, octets, PARTIES_NOW, &s);

	must((rc == RC_OK) == (s != NULL));
	sga_session_free(s);
	return rc;
}

static enum rc
give_r1(struct run *r, struct slice octets)
{
	struct sga_r1 r1;
	enum rc rc = sga_r1_open(r->p->keys, octets, PARTIES_NOW, &r1);

	if (rc != RC_OK)
		return rc;
	must(r1.id.n > 0 && r1.id.n <= SGA_ID_MAX);
	must(sga_cipher_in(r1.cid0, r1.cids));
	sga_r1_again_ok(&r1, &sga_keys_package(r->p->keys)->id, &r->p->at_i.kd);
	return sga_r2_make(&r1, &sga_keys_package(r->p->keys)->id, 0, 2, &r->a);
}

static enum rc
give_a1(struct run *r, struct slice octets)
{
	const struct key cookie = { { 1 } };
	const struct sga_challenger c = { &cookie, SLICE_NONE, PARTIES_NOW };
	struct sga_server_session *s = NULL;
	struct sga_a1 a1;
	enum rc rc = sga_a1_open(r->p->keys, octets, &a1);

	if (rc == RC_OK)
		rc = sga_a1_check(&a1, &c, &r->p->at_i.kd);
	if (rc == RC_OK)
		rc = sga_a2_make(r->p->keys, &a1, &r->p->at_i, &r->p->at_j, SGA_CIPHERS_KNOWN,
		                 PARTIES_NOW, NULL, &s, &r->a);
	sga_server_session_free(s);
	return rc;
}

static enum rc
give_a3(struct run *r, struct slice octets)
{
	struct sga_a3 a3;
	enum rc rc = sga_a3_open(r->p->keys, octets, &a3);

	return rc == RC_OK ? sga_a3_take(&r->sg, &a3, &r->p->at_i.kd, &r->p->at_j.kd, PARTIES_NOW,
	                                 &r->a)
	                   : rc;
}

static enum rc
give_record(struct sga_session *s, struct slice octets, struct buf *to)
{
	struct sga_plain out;
	enum rc rc = sga_record_open(s, NULL, octets, &out, to);

	must(rc != RC_OK || slice_eq(out.data, buf_view(to)));
	return rc;
}

static enum rc
give(struct run *r, struct slice octets)
{
	uint8_t status;

	switch (r->step) {
	case STEP_R1:
		return give_r1(r, octets);
	case STEP_R2:
		return sga_r2_take(r->d, octets, &status);
	case STEP_A1:
		return give_a1(r, octets);
	case STEP_A2:
		return give_a2(r, octets);
	case STEP_A3:
		return give_a3(r, octets);
	case STEP_A4:
		return sga_a4_take(&r->si, r->p->i, octets);
	case STEP_B1:
		return sga_b1_take(&r->sg, octets, &r->a);
	case STEP_B2:
		return sga_b2_take(&r->sj, octets);
	case STEP_B3:
		return sga_b3_take(&r->sg, r->p->keys, octets, &r->p->at_i.kd, &r->p->at_j.kd, NULL,
		                   &r->a, &r->b);
	case STEP_B6_I:
		return sga_b6_take(&r->si, octets, PARTIES_NOW);
	case STEP_B6_J:
		return sga_b6_take(&r->sj, octets, PARTIES_NOW);
	case STEP_CONF_I:
		return give_record(&r->sj, octets, &r->a);
	default:
		return give_record(&r->si, octets, &r->a);
	}
}

/* ---- sealing what only a party can ---- */

static const uint8_t types[STEPS] = {
	SGA_R1, SGA_R2, SGA_A1, SGA_A2, SGA_A3,     SGA_A4,     SGA_B1,
	SGA_B2, SGA_B3, SGA_B6, SGA_B6, SGA_RECORD, SGA_RECORD, SGA_RECORD,
};

/* The hop or the direction of records that the message goes by. */
static struct sga_way *
way_of(struct run *r)
{
	switch (r->step) {
	case STEP_B1:
		return &r->si.hop.up;
	case STEP_B2:
	case STEP_B6_J:
		return &r->sg.hop_j.down;
	case STEP_B3:
		return &r->sj.hop.up;
	case STEP_B6_I:
		return &r->sg.hop_i.down;
	case STEP_CONF_I:
		return &r->sj.in;
	case STEP_CONF_J:
	case STEP_OPEN:
		return &r->si.in;
	default:
		return NULL;
	}
}

static void
seal_public(const struct sga_parties *p, const struct sga_header *h, struct slice plain,
            struct buf *to)
{
	const char *label = h->type == SGA_R1 ? "R1" : h->type == SGA_A1 ? "A1" : "A3";
	const struct sga_package *package = sga_keys_package(p->keys);
	const struct sga_envelope e = { &package->dp, label, h };
	struct sga_hash hash;

	must(sga_envelope_make(package->e, &e, plain, NULL, to, &hash) == RC_OK);
}

/* A2 has n_G, a zero one, behind the header. */
static void
seal_once(struct run *r, const struct sga_header *h, struct slice plain, struct buf *to)
{
	static const uint8_t n_g[SGA_NONCE_SIZE];
	const struct sga_pair i = sga_device_pair(r->p->i), j = sga_device_pair(r->p->j);
	bool a2 = h->type == SGA_A2;
	uint8_t header[SGA_HEADER_SIZE], ikm[2 * KEY_BYTES];
	struct key k;
	const struct sga_once once = {
		.cipher = cipher_find(a2 ? r->p->at_j.cid0 : r->si.cid),
		.salt = a2 ? slice_make(n_g, sizeof(n_g)) : slice_make(r->si.sid.v, SGA_SID_SIZE),
		.ikm = slice_make(ikm, a2 ? KEY_BYTES : sizeof(ikm)),
		.label = a2 ? "A2" : "A4",
	};
	uint8_t *out = (uint8_t *)buf_reserve(to, sizeof(header) + sizeof(n_g) + plain.n + 16);
	size_t at = SGA_HEADER_SIZE + (a2 ? sizeof(n_g) : 0);

	must(out != NULL);
	must((a2 ? sga_kd_g2d(&r->p->at_j.kd, &j, &k) : sga_kd_auth(&r->p->at_i.kd, &i, &k)) ==
	     RC_OK);
	memcpy(ikm, a2 ? k.v : r->si.kt_i.v, KEY_BYTES);
	memcpy(ikm + KEY_BYTES, k.v, KEY_BYTES);
	sga_header_write(h, out);
	memcpy(out + SGA_HEADER_SIZE, n_g, sizeof(n_g));
	must(sga_once_seal(&once, out, plain, out + at) == RC_OK);
	to->n = at + plain.n + once.cipher->tag;
}

/* aad of a record has the cipher behind the header. */
static void
seal_record(struct run *r, const struct sga_header *h, struct slice plain, struct buf *to)
{
	const struct cipher *c = cipher_find(r->si.cid);
	uint8_t aad[SGA_HEADER_SIZE + 2] = { 0 }, nonce[CIPHER_IV_MAX];
	uint8_t *out = (uint8_t *)buf_reserve(to, SGA_HEADER_SIZE + plain.n + c->tag);
	struct sga_way *w = way_of(r);

	must(out != NULL);
	sga_header_write(h, out);
	memcpy(aad, out, SGA_HEADER_SIZE);
	aad[SGA_HEADER_SIZE + 1] = (uint8_t)r->si.cid;
	sga_way_nonce(w, c, h->ctr, nonce);
	must(aead_seal_once(c, w->key, nonce, slice_make(aad, sizeof(aad)), plain,
	                    out + SGA_HEADER_SIZE) == RC_OK);
	to->n = SGA_HEADER_SIZE + plain.n + c->tag;
}

/* False: that message is not sealed. */
static bool
seal(struct run *r, uint8_t flags, struct slice plain, struct buf *to)
{
	struct sga_header h = { .suite = SGA_SUITE_X, .type = types[r->step], .flags = flags };
	struct sga_way *w = way_of(r), copy;

	if (h.type != SGA_R1)
		h.sid = r->p->si[STEP_OPEN]->sid;
	if (h.type == SGA_R2)
		return false;
	if (h.type == SGA_RECORD) {
		h.ctr = r->step == STEP_OPEN ? 1 : 0;
		seal_record(r, &h, plain, to);
	} else if (w != NULL) {
		copy = *w;
		/* It was counted when the right message was made. */
		copy.ctr = r->step == STEP_B6_J ? 1 : 0;
		must(sga_way_seal(&copy, cipher_find(r->si.cid), &h, plain, to, NULL) == RC_OK);
	} else if (h.type == SGA_A2 || h.type == SGA_A4) {
		seal_once(r, &h, plain, to);
	} else {
		seal_public(r->p, &h, plain, to);
	}
	return true;
}

/* ---- a run ---- */

static void
states(const struct run *r, struct buf *to)
{
	buf_init(to, 6 * SGA_SESSION_SAVED_MAX);
	must(sga_device_save(r->d, to) == RC_OK);
	if (r->p->si[r->step] != NULL)
		must(sga_session_save(&r->si, to) == RC_OK);
	if (r->p->sj[r->step] != NULL)
		must(sga_session_save(&r->sj, to) == RC_OK);
	if (r->p->sg[r->step] != NULL)
		must(sga_server_session_save(&r->sg, to) == RC_OK);
}

static void
begin(struct run *r, const struct sga_parties *p, enum sga_step step)
{
	struct buf saved;

	*r = (struct run){ .p = p, .step = step };
	if (p->si[step] != NULL)
		r->si = *p->si[step];
	if (p->sj[step] != NULL)
		r->sj = *p->sj[step];
	if (p->sg[step] != NULL)
		r->sg = *p->sg[step];
	buf_init(&saved, SGA_DEVICE_SAVED_MAX);
	must(sga_device_save(p->registering, &saved) == RC_OK);
	must(sga_device_load(buf_view(&saved), &r->d) == RC_OK);
	buf_fini(&saved);
	buf_init(&r->a, 2 * SGA_MESSAGE_MAX);
	buf_init(&r->b, SGA_MESSAGE_MAX);
}

static void
check(struct run *r, struct slice octets)
{
	struct buf before, after;
	enum rc rc;

	states(r, &before);
	rc = give(r, octets);
	must(rc == RC_OK || rc == RC_BAD_REQUEST || rc == RC_DENIED || rc == RC_CONFLICT ||
	     rc == RC_PRECONDITION || rc == RC_FORBIDDEN);
	states(r, &after);
	if (rc != RC_OK && rc != RC_FORBIDDEN) {
		must(slice_eq(buf_view(&before), buf_view(&after)));
		must(r->a.n == 0 && r->b.n == 0);
	}
	buf_fini(&before);
	buf_fini(&after);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf sealed;
	struct slice rest;
	struct run r;

	if (size < 2 || size > SGA_DATA_MAX)
		return 0;
	rest = slice_make(data + 2, size - 2);
	begin(&r, parties(), (enum sga_step)(data[0] % 0x80 % STEPS));
	buf_init(&sealed, 2 * SGA_MESSAGE_MAX);
	if (data[0] < 0x80)
		check(&r, rest);
	else if (seal(&r, data[1], rest, &sealed))
		check(&r, buf_view(&sealed));
	buf_fini(&sealed);
	buf_fini(&r.a);
	buf_fini(&r.b);
	sga_device_free(r.d);
	return 0;
}
