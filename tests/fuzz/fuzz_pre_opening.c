/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The units of two streams in any order and number, some with an octet changed or with another
 * number: a plaintext that is taken is one that was sent, taken once, and what is saved at any time
 * is loaded as the same.
 *
 * An input is a list of steps of 4 octets: what to do, which unit, where, and by what to change it.
 */
#include "config.h"

#include "pre_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAMS 2
#define SECTIONS 3
#define MESSAGES 4
#define UNITS (STREAMS * SECTIONS * (MESSAGES + 2))
#define STEPS_MAX 40

enum step { STEP_AS_IT_IS, STEP_CHANGED, STEP_OTHER_NUMBER, STEP_CUT, STEP_RESTART, STEPS };

static struct buf sent;
static struct pre_unit units[UNITS];

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
send_stream(const struct parties *p, uint16_t stream)
{
	struct pre_stream_conf conf = {
		.afgh = p->afgh,
		.keys = p->keys,
		.sign = p->sign,
		.source = SLICE_LIT(PARTIES_SOURCE),
		.stream = stream,
		.cid = stream == 0 ? 3 : 2,
		.sign_data = stream == 1,
	};
	struct pre_stream *s;

	must(pre_stream_new(&conf, SLICE_NONE, &s) == RC_OK);
	for (char i = 0; i < SECTIONS; i++) {
		must(pre_stream_begin(s, 1, &sent) == RC_OK);
		for (char k = 0; k < MESSAGES; k++) {
			const char text[] = { (char)stream, i, k };

			must(pre_stream_add(s, 1, slice_make(text, sizeof(text)), &sent) == RC_OK);
		}
	}
	must(pre_stream_end(s, &sent) == RC_OK);
	pre_stream_free(s);
}

static void
prepare(const struct parties *p)
{
	struct slice rest;

	if (sent.n > 0)
		return;
	buf_init(&sent, 1u << 16);
	for (uint16_t i = 0; i < STREAMS; i++)
		send_stream(p, i);
	rest = buf_view(&sent);
	for (size_t i = 0; i < UNITS; i++)
		must(pre_batch_next(&rest, NULL, &units[i]) == RC_OK);
	must(rest.n == 0);
}

static void
restart(const struct parties *p, struct pre_opening **o)
{
	struct pre_opening_conf conf = parties_conf(p);
	struct pre_report before, after;
	struct buf state, again;

	buf_init(&state, 1u << 16);
	buf_init(&again, 1u << 16);
	pre_opening_report(*o, &before);
	must(pre_opening_save(*o, &state) == RC_OK);
	pre_opening_free(*o);
	must(pre_opening_new(&conf, buf_view(&state), o) == RC_OK);
	pre_opening_report(*o, &after);
	must(pre_opening_save(*o, &again) == RC_OK);
	must(slice_eq(buf_view(&state), buf_view(&again)));
	must(memcmp(&before, &after, sizeof(before)) == 0);
	buf_fini(&state);
	buf_fini(&again);
}

/* taken: what was, by stream, section, number. */
static void
take(struct pre_opening *o, const struct pre_unit *u, bool taken[STREAMS][SECTIONS][MESSAGES])
{
	struct pre_opened out;
	const char *text;

	if (pre_opening_take(o, u, &out) != RC_OK || out.type != PRE_DATA)
		return;
	must(out.plain.n == 3);
	text = out.plain.p;
	must(text[0] == u->hdr.stream && text[1] == u->hdr.key_index &&
	     (uint32_t)text[2] == out.seq && !taken[(int)text[0]][(int)text[1]][(int)text[2]]);
	taken[(int)text[0]][(int)text[1]][(int)text[2]] = true;
}

/* The unit that a step makes of u; its rest lies in to. */
static struct pre_unit
change(const struct pre_unit *u, const uint8_t step[4], char to[PRE_MM1_MAX])
{
	struct pre_unit changed = *u;

	must(u->rest.n <= PRE_MM1_MAX);
	memcpy(to, u->rest.p, u->rest.n);
	changed.rest.p = to;
	if (step[0] % STEPS == STEP_CHANGED)
		to[step[2] % u->rest.n] ^= (char)step[3];
	else if (step[0] % STEPS == STEP_OTHER_NUMBER)
		changed.msg_id ^= step[3];
	else if (step[0] % STEPS == STEP_CUT)
		changed.rest.n = step[2] % (u->rest.n + 1);
	return changed;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool taken[STREAMS][SECTIONS][MESSAGES] = { 0 };
	const struct parties *p = parties();
	struct pre_opening_conf conf;
	struct pre_opening *o;
	char rest[PRE_MM1_MAX];

	if (p == NULL)
		return 0;
	prepare(p);
	conf = parties_conf(p);
	must(pre_opening_new(&conf, SLICE_NONE, &o) == RC_OK);
	for (size_t at = 0; at + 4 <= size && at < STEPS_MAX * 4; at += 4) {
		struct pre_unit u;

		if (data[at] % STEPS == STEP_RESTART) {
			restart(p, &o);
			continue;
		}
		u = change(&units[data[at + 1] % UNITS], data + at, rest);
		take(o, &u, taken);
	}
	restart(p, &o);
	pre_opening_free(o);
	return 0;
}
