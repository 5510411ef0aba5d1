/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a datagram: what is taken is written as the same octets, but for the tag. And as
 * what comes to the window of a store, against a list of numbers that is kept here.
 */
#include "config.h"

#include "cap/pxy/px_datagram.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_datagram(const uint8_t *data, size_t size)
{
	static const struct key key = { { 1, 2, 3 } };
	static uint8_t again[PX_DATAGRAM_MAX];
	struct px_datagram d;

	if (!px_datagram_parse(slice_make((const char *)data, size), &d))
		return;
	must(d.number != 0 && d.tagged.n + d.tag.n == size && d.tag.n == PX_DATAGRAM_TAG);
	(void)px_datagram_good(&key, &d);
	if (d.type == PX_DATAGRAM_DATA)
		must(px_datagram_data(&key, d.id, d.number, d.unit, again) == RC_OK);
	else
		must(px_datagram_ack(&key, d.id, d.number, d.status, d.upto, again) == RC_OK);
	must(memcmp(again, data, d.tagged.n) == 0);
	must(px_datagram_parse(slice_make((const char *)again, size), &d));
	must(px_datagram_good(&key, &d));
}

enum fate { AWAY, HELD, TAKEN, REFUSED };

/* Each octet is a number, or, above 250, what is done with the first that is held. */
static void
check_window(const uint8_t *data, size_t size)
{
	enum fate fates[256] = { TAKEN };
	struct px_window w = { .upto = 0 };

	for (size_t i = 0; i < size; i++) {
		unsigned n = data[i];
		enum px_window_place place = px_window_look(&w, n);

		must((place == PX_WINDOW_DONE) == (fates[n] == TAKEN || fates[n] == REFUSED));
		must((place == PX_WINDOW_HELD) == (fates[n] == HELD));
		must(px_window_refused(&w, n) == (fates[n] == REFUSED && w.upto - n < PX_WINDOW));
		if (place == PX_WINDOW_NEW) {
			px_window_hold(&w, n);
			fates[n] = HELD;
		} else if (place == PX_WINDOW_HELD && n % 7 == 0) {
			px_window_drop(&w, n);
			fates[n] = AWAY;
		}
		for (unsigned run = px_window_run(&w); n % 5 == 0 && run > 0; run--) {
			px_window_done(&w, n % 2 == 0);
			must(fates[w.upto] == HELD);
			fates[w.upto] = n % 2 == 0 ? REFUSED : TAKEN;
			must(px_window_run(&w) == run - 1);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'W')
		check_window(data + 1, size - 1);
	else
		check_datagram(data, size);
	return 0;
}
