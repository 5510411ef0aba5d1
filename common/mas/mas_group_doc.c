/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_group_doc.h"

#include "codec/json_fields.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define GROUP_OCTETS 320u /* of one group, at most */

static void
put_one(struct buf *b, const struct mas_group_key *k)
{
	char gid[CONN_ID_HEX];

	conn_id_hex(k->gid, gid);
	json_put_open(b, NULL, '{');
	json_put_text(b, "gid", slice_of(gid));
	json_put_number(b, "epoch", k->epoch);
	json_put_number(b, "window", k->window);
	json_put_key(b, "gak", &k->gak);
	if (k->previous_epoch != 0) {
		json_put_open(b, "previous", '{');
		json_put_number(b, "epoch", k->previous_epoch);
		json_put_key(b, "gak", &k->previous);
		json_put_number(b, "until", k->previous_until);
		buf_char(b, '}');
	}
	buf_char(b, '}');
}

void
mas_group_keys_put(const struct mas_group_keys *k, struct buf *b)
{
	/* At once as long as it gets: no copy of a key stays behind. */
	(void)buf_reserve(b, 64 + GROUP_OCTETS * (size_t)k->n);
	buf_char(b, '{');
	json_put_open(b, "groups", '[');
	for (unsigned i = 0; i < k->n; i++)
		put_one(b, &k->all[i]);
	buf_puts(b, "]}");
}

struct wire_key {
	struct slice gid, previous;
	int64_t epoch, window, until;
	struct key gak;
};

static bool
take_previous(struct slice text, struct mas_group_key *out)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_key, epoch, "epoch", JSON_NUMBER, true),
		JSON_FIELD(struct wire_key, gak, "gak", JSON_KEY, true),
		JSON_FIELD(struct wire_key, until, "until", JSON_NUMBER, true),
	};
	struct wire_key w = { .epoch = -1 };
	bool ok = json_read(text, fields, NITEMS(fields), &w) && w.epoch > 0 && w.until > 0 &&
	          (uint64_t)w.epoch + 1 == out->epoch;

	if (ok) {
		out->previous_epoch = (uint32_t)w.epoch;
		out->previous = w.gak;
		out->previous_until = w.until;
	}
	secret_wipe(&w, sizeof(w));
	return ok;
}

static bool
take_one(struct slice item, struct mas_group_key *out)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_key, gid, "gid", JSON_TEXT, true),
		JSON_FIELD(struct wire_key, epoch, "epoch", JSON_NUMBER, true),
		JSON_FIELD(struct wire_key, window, "window", JSON_NUMBER, true),
		JSON_FIELD(struct wire_key, gak, "gak", JSON_KEY, true),
		JSON_FIELD(struct wire_key, previous, "previous", JSON_OBJECT, false),
	};
	struct wire_key w = { .epoch = -1 };
	bool ok = json_read(item, fields, NITEMS(fields), &w) &&
	          conn_id_parse_hex(w.gid, &out->gid) && w.epoch > 0 && w.epoch <= UINT32_MAX &&
	          w.window > 0 && w.window <= UINT16_MAX;

	if (ok) {
		out->epoch = (uint32_t)w.epoch;
		out->window = (unsigned)w.window;
		out->gak = w.gak;
		ok = w.previous.p == NULL || take_previous(w.previous, out);
	}
	secret_wipe(&w, sizeof(w));
	return ok;
}

static bool
take_all(struct slice text, struct mas_group_keys *k)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_key, previous, "groups", JSON_LIST, true),
	};
	struct wire_key w = { .epoch = 0 };
	struct slice item;
	int more;

	if (!json_read(text, fields, NITEMS(fields), &w))
		return false;
	while ((more = json_item(&w.previous, &item)) == 1)
		if (k->n == MAS_NODE_GROUPS_MAX || !take_one(item, &k->all[k->n++]))
			return false;
	return more == 0;
}

bool
mas_group_keys_take(struct slice text, struct mas_group_keys *k)
{
	bool ok;

	k->n = 0;
	secret_wipe(k->all, sizeof(k->all));
	ok = take_all(text, k);
	if (!ok) {
		k->n = 0;
		secret_wipe(k->all, sizeof(k->all));
	}
	return ok;
}
