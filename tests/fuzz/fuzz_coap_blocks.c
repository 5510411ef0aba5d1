/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks in any order to the table of a listener, with a model beside it that remembers what came
 * for every key: a body or an answer is either the whole one of the model, or it is gone, and the
 * table never holds more than it may. Then a body from a client's sender to a client's receiver.
 *
 * An input is a list of steps of four octets: what and which key, number, size and more, content.
 */
#include "config.h"

#include "bind/coap_blocks.h"

#include <assert.h>
#include <stdlib.h>

#define OWNERS 3u
#define KEYS (OWNERS * 2)
#define BODY_MAX 3000u
#define OCTETS_MAX 7000u
#define LIFETIME 100
#define SEND_MAX 20000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
	bool begun;
	size_t n;
	size_t last;
	unsigned szx;
	int64_t until;
	char body[BODY_MAX];
	size_t answer_n; /* 0: none was kept */
	char answer[BODY_MAX];
};

struct run {
	struct blocks *table;
	struct model models[KEYS];
	int64_t now;
};

static const char owners[OWNERS];

static struct blocks_key
key_of(unsigned i)
{
	return (struct blocks_key){ .owner = owners + i / 2, .digest = { (unsigned char)(i % 2) } };
}

/* What the table may say, and what the model is then. */
static enum blocks_result
expect(struct run *r, struct model *m, const struct cmap_block *block, struct slice payload)
{
	size_t size = BLOCK_OCTETS(block->szx), at = block->num * size;

	if (payload.n > size || (block->more && payload.n < size))
		return BLOCKS_BAD;
	if (at > BODY_MAX || payload.n > BODY_MAX - at) {
		m->begun = false;
		return BLOCKS_TOO_LARGE;
	}
	m->begun = m->begun && m->until > r->now;
	if (m->begun && block->more && at == m->last && block->szx == m->szx &&
	    m->n - m->last == payload.n && memcmp(m->body + at, payload.p, payload.n) == 0)
		return BLOCKS_MORE;
	if (at > 0 && (!m->begun || at != m->n))
		return BLOCKS_GAP;
	if (at > 0 && block->szx > m->szx)
		return BLOCKS_BAD;
	if (payload.n > 0)
		memcpy(m->body + at, payload.p, payload.n);
	m->last = at;
	m->n = at + payload.n;
	m->szx = block->szx;
	m->begun = true;
	return block->more ? BLOCKS_MORE : BLOCKS_DONE;
}

static void
add(struct run *r, unsigned i, const uint8_t step[4])
{
	struct model *m = &r->models[i];
	struct cmap_block block = { true, step[1], (step[2] & 8) != 0, step[2] & 7 };
	struct blocks_key key = key_of(i);
	char content[1024];
	struct slice payload;
	enum blocks_result is, wanted;
	struct buf body;
	unsigned szx;

	if (block.szx > BLOCK_SZX_MAX)
		return;
	memset(content, step[3], sizeof(content));
	payload = slice_make(content, BLOCK_OCTETS(block.szx) - (step[2] >> 4));
	buf_init(&body, BODY_MAX);
	wanted = expect(r, m, &block, payload);
	is = blocks_add(r->table, &key, &block, payload, 0, BODY_MAX, r->now, &szx, &body);
	/* Only a body that was thrown out for others may be missing. */
	assert(is == wanted ||
	       (is == BLOCKS_GAP && block.num > 0 &&
	        (wanted == BLOCKS_MORE || wanted == BLOCKS_DONE || wanted == BLOCKS_BAD)) ||
	       (is == BLOCKS_FULL && (wanted == BLOCKS_MORE || wanted == BLOCKS_DONE)));
	assert(szx == block.szx);
	if (is == BLOCKS_DONE)
		assert(slice_eq(buf_view(&body), slice_make(m->body, m->n)));
	if (is == BLOCKS_MORE)
		m->until = r->now + LIFETIME;
	else if (wanted == BLOCKS_MORE || wanted == BLOCKS_DONE)
		m->begun = false;
	buf_fini(&body);
}

static void
keep(struct run *r, unsigned i, const uint8_t step[4])
{
	const struct cmap_answer answer = { .code = 205 };
	struct model *m = &r->models[i];
	struct blocks_key key = key_of(i);
	size_t n = step[1] * 8u + 1;
	char *copy = malloc(n);

	if (copy == NULL)
		return;
	memset(copy, step[3], n);
	memcpy(m->answer, copy, n);
	m->answer_n = blocks_keep(r->table, &key, &answer, copy, n, r->now) ? n : 0;
}

static void
find(struct run *r, unsigned i)
{
	const struct model *m = &r->models[i];
	struct blocks_key key = key_of(i);
	const struct cmap_answer *a = blocks_find(r->table, &key, r->now);

	assert(a == NULL ||
	       (m->answer_n > 0 && slice_eq(a->body, slice_make(m->answer, m->answer_n))));
}

static void
forget(struct run *r, unsigned i)
{
	blocks_forget(r->table, owners + i / 2);
	r->models[i / 2 * 2].begun = r->models[i / 2 * 2 + 1].begun = false;
	r->models[i / 2 * 2].answer_n = r->models[i / 2 * 2 + 1].answer_n = 0;
}

static void
step(struct run *r, const uint8_t in[4])
{
	unsigned i = in[0] % KEYS;
	struct blocks_key key = key_of(i);

	switch (in[0] / KEYS % 8) {
	case 0:
		keep(r, i, in);
		break;
	case 1:
		find(r, i);
		break;
	case 2:
		r->now += in[1];
		assert(blocks_expire(r->table, r->now) > r->now);
		break;
	case 3:
		if (in[1] % 8 == 0)
			forget(r, i);
		else
			blocks_served(r->table, &key);
		break;
	default:
		add(r, i, in);
		break;
	}
	assert(blocks_octets(r->table) <= OCTETS_MAX);
}

/* The sizes that the peers want change as the input says. */
static void
send_and_receive(const uint8_t *data, size_t size)
{
	struct slice whole = slice_make(data, size < SEND_MAX ? size : SEND_MAX);
	struct blocks_send s = { .body = whole, .szx = whole.n > 0 ? data[0] % 7u : 0 };
	struct blocks_receive r = { .at = 0 };
	struct cmap_block block, ask;
	struct slice payload;
	struct buf body;
	bool bad = false, more = true;

	buf_init(&body, SEND_MAX);
	for (size_t i = 1; more; i++) {
		enum blocks_received is;

		blocks_send_next(&s, &block, &payload);
		is = blocks_receive_add(&r, &block, NULL, 0, payload, &body, &ask);
		assert(is == (block.more ? RECEIVED_MORE : RECEIVED_ALL));
		assert(!block.more || ask.num * BLOCK_OCTETS(ask.szx) == body.n);
		if (i < size && data[i] % 7u < block.szx)
			block.szx = data[i] % 7u;
		more = blocks_send_answered(&s, &block, &bad);
		assert(!bad);
	}
	assert(slice_eq(buf_view(&body), whole));
	buf_fini(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct blocks_conf conf = { .octets_max = OCTETS_MAX,
		                          .bodies_max = 5,
		                          .per_owner_max = 3,
		                          .lifetime_us = LIFETIME };
	struct run *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return 0;
	r->table = blocks_new(&conf);
	for (size_t i = 0; r->table != NULL && i + 4 <= size; i += 4)
		step(r, data + i);
	blocks_free(r->table);
	free(r);
	send_and_receive(data, size);
	return 0;
}
