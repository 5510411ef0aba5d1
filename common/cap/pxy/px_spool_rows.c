/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_spool_rows.h"

#include "base/be.h"
#include "store/pack.h"

#include <string.h>

#define FORMAT 1u
#define ROW_MAX 8192u
#define BATCH_MAX ((size_t)4 << 20)
#define KEY_NUMBER 8u

/* ---- keys ---- */

struct table_key
spool_key(char table, uint64_t destination)
{
	struct table_key k = table_key(table);

	table_key_number(&k, destination, KEY_NUMBER);
	return k;
}

struct table_key
spool_state_key(const struct px_spool_dest *d)
{
	struct table_key k = spool_key(SPOOL_STATE, d->destination);

	table_key_number(&k, d->stream, 2);
	return k;
}

struct table_key
spool_sink_key(const char *name)
{
	return table_key_of(SPOOL_SINK, name, strlen(name));
}

/* ---- records ---- */

static void
begin(struct buf *to, size_t max)
{
	buf_init(to, max);
	buf_be(to, FORMAT, 1);
}

static struct unpack
open_record(struct slice val)
{
	struct unpack u = unpack_of(val);

	if (unpack_number(&u, 1, UINT8_MAX) != FORMAT)
		u.bad = true;
	return u;
}

void
spool_marks_write(const struct spool_marks *m, struct buf *to)
{
	begin(to, ROW_MAX);
	buf_be(to, m->first_stream, 2);
	buf_be(to, m->streams, 4);
	buf_be(to, m->serial, 8);
}

bool
spool_marks_read(struct slice val, struct spool_marks *out)
{
	struct unpack u = open_record(val);

	out->first_stream = (uint16_t)unpack_number(&u, 2, UINT16_MAX);
	out->streams = (uint32_t)unpack_number(&u, 4, UINT32_MAX);
	out->serial = unpack_number(&u, 8, UINT64_MAX);
	return unpack_done(&u);
}

static void
place_write(const struct px_place *p, struct buf *to)
{
	buf_be(to, p->epoch, 4);
	buf_be(to, p->key_index, 2);
	buf_be(to, p->count, 4);
}

static void
place_read(struct unpack *u, struct px_place *out)
{
	out->epoch = (uint32_t)unpack_number(u, 4, UINT32_MAX);
	out->key_index = (uint16_t)unpack_number(u, 2, UINT16_MAX);
	out->count = (uint32_t)unpack_number(u, 4, UINT32_MAX);
}

void
spool_dest_write(const struct px_spool_dest *d, struct buf *to)
{
	begin(to, ROW_MAX);
	buf_be(to, (uint64_t)d->state, 1);
	buf_be(to, d->stream, 2);
	buf_be(to, d->by_hand, 1);
	pack_text(to, slice_of(d->root));
	pack_text(to, slice_of(d->store));
	pack_text(to, slice_of(d->forward));
	buf_add(to, d->request, sizeof(d->request));
	buf_be(to, (uint64_t)d->expires, 8);
	buf_be(to, d->parked, 8);
	buf_be(to, d->sealed, 1);
	place_write(&d->last, to);
}

bool
spool_dest_read(struct slice key, struct slice val, struct px_spool_dest *out)
{
	struct unpack u = open_record(val);

	*out = (struct px_spool_dest){ 0 };
	if (key.n != 1 + KEY_NUMBER)
		return false;
	out->destination = be_get((const uint8_t *)key.p + 1, KEY_NUMBER);
	out->state = (enum px_way)unpack_enum(&u, PX_WAY_DRAIN);
	out->stream = (uint16_t)unpack_number(&u, 2, UINT16_MAX);
	out->by_hand = unpack_flag(&u);
	unpack_string(&u, out->root, PX_SPOOL_URL);
	unpack_string(&u, out->store, PX_SPOOL_URL);
	unpack_string(&u, out->forward, PX_SPOOL_URL);
	unpack_into(&u, out->request, sizeof(out->request));
	out->expires = unpack_time(&u);
	out->parked = unpack_number(&u, 8, UINT64_MAX);
	out->sealed = unpack_flag(&u);
	place_read(&u, &out->last);
	return unpack_done(&u);
}

void
spool_batch_write(const struct px_spool_batch *b, struct buf *to)
{
	begin(to, BATCH_MAX);
	buf_be(to, b->n_parcels, 1);
	for (size_t i = 0; i < b->n_parcels; i++) {
		buf_be(to, b->parcels[i].key, 8);
		buf_be(to, b->parcels[i].order, 8);
	}
	buf_slice(to, b->octets);
}

bool
spool_batch_read(struct slice val, struct px_spool_batch *out)
{
	struct unpack u = open_record(val);

	*out = (struct px_spool_batch){ 0 };
	out->n_parcels = (size_t)unpack_number(&u, 1, PX_SPOOL_PARCELS);
	for (size_t i = 0; i < out->n_parcels; i++) {
		out->parcels[i].key = unpack_number(&u, 8, UINT64_MAX);
		out->parcels[i].order = unpack_number(&u, 8, UINT64_MAX);
	}
	out->octets = u.rest;
	return !u.bad && out->octets.n > 0;
}

void
spool_epoch_write(const struct px_epoch *e, struct buf *to)
{
	begin(to, ROW_MAX);
	buf_be(to, e->key_index, 2);
	buf_be(to, e->serial, 8);
}

bool
spool_epoch_read(struct slice key, struct slice val, struct px_epoch *out)
{
	struct unpack u = open_record(val);

	if (key.n != 1 + KEY_NUMBER + 4)
		return false;
	out->epoch = (uint32_t)be_get((const uint8_t *)key.p + 1 + KEY_NUMBER, 4);
	out->key_index = (uint16_t)unpack_number(&u, 2, UINT16_MAX);
	out->serial = unpack_number(&u, 8, UINT64_MAX);
	return unpack_done(&u);
}

void
spool_sink_write(const struct px_spool_sink *k, struct buf *to)
{
	begin(to, ROW_MAX);
	pack_text(to, slice_make(k->url, strlen(k->url)));
	buf_add(to, k->pk2, sizeof(k->pk2));
	buf_be(to, k->destination, 8);
	buf_be(to, k->from, 8);
}

bool
spool_sink_read(struct slice key, struct slice val, struct px_spool_sink *out)
{
	struct unpack u = open_record(val);

	*out = (struct px_spool_sink){ 0 };
	if (key.n < 2 || !string_set(out->name, PX_SPOOL_NAME, slice_from(key, 1)))
		return false;
	unpack_string(&u, out->url, PX_SPOOL_URL);
	unpack_into(&u, out->pk2, sizeof(out->pk2));
	out->destination = unpack_number(&u, 8, UINT64_MAX);
	out->from = unpack_number(&u, 8, UINT64_MAX);
	return unpack_done(&u);
}
