/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of devices: secrets, lists. */
#include "config.h"

#include "cap/sgs/sgs_book_impl.h"

enum rc
sgs_device_kd(const struct sgs_view *v, uint64_t device, uint8_t out[SGS_SECRET_BYTES])
{
	struct table_key k = sgs_key1(SGS_T_KD, device);
	struct sgs_device_row row;
	size_t n = 0;
	enum rc rc = sgs_device_row(v->tx, device, &row);

	memset(out, 0, SGS_SECRET_BYTES);
	if (rc != RC_OK)
		return rc;
	rc = sgs_must(sgs_secret_get(v->book, v->tx, &k, SGS_SECRET_KD, out, SGS_SECRET_BYTES, &n));
	if (rc == RC_OK && n == SGS_SECRET_BYTES)
		return RC_OK;
	secret_wipe(out, SGS_SECRET_BYTES);
	return rc == RC_OK || rc == RC_TOO_LARGE ? RC_INTERNAL : rc;
}

enum rc
sgs_regctr_next(const struct sgs_view *v, struct slice id, uint64_t *out)
{
	struct table_key k = table_key(SGS_T_TOTALS);
	struct sgs_total_row totals;
	struct sgs_device_row row;
	uint64_t device;
	enum rc rc = sgs_number_of(v->tx, id, &device);

	if (rc == RC_OK) {
		rc = sgs_must(sgs_device_row(v->tx, device, &row));
		*out = rc == RC_OK ? row.regctr + 1 : 0;
	} else if (rc == RC_NOT_FOUND) {
		rc = sgs_must(table_row_get(v->tx, &k, &totals, sizeof(totals)));
		*out = rc == RC_OK ? totals.regctr + 1 : 0;
	}
	return rc;
}

/* ---- lists ---- */

struct listing {
	const struct sgs_view *v;
	size_t left; /* SIZE_MAX: any number */
	sgs_device_visit *device;
	sgs_contact_visit *contact;
	void *arg;
	enum rc rc;
};

static bool
list_device(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct sgs_device d;

	(void)val;
	l->rc = sgs_device_get(l->v, table_key_read(key, 1, 8), &d);
	if (l->rc == RC_NOT_FOUND)
		l->rc = RC_OK;
	else if (l->rc == RC_OK)
		return l->device(l->arg, &d) && --l->left > 0;
	return l->rc == RC_OK;
}

static bool
list_contact(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;

	return l->contact(l->arg, table_key_read(key, 1, 8), val) && --l->left > 0;
}

static enum rc
list(struct listing *l, enum sgs_table table, uint64_t after, size_t max, store_visit *visit)
{
	struct table_key of = table_key((char)table), from = sgs_key1(table, after);
	enum rc rc;

	l->left = max == 0 ? SIZE_MAX : max;
	rc = tables_scan(l->v->tx, table_key_view(&of), table_key_view(&from), 0, visit, l);
	return rc == RC_OK ? l->rc : rc;
}

enum rc
sgs_device_list(const struct sgs_view *v, uint64_t after, size_t max, sgs_device_visit *visit,
                void *arg)
{
	struct listing l = { .v = v, .device = visit, .arg = arg, .rc = RC_OK };

	return list(&l, SGS_T_DEVICE, after, max, list_device);
}

enum rc
sgs_contact_list(const struct sgs_view *v, uint64_t after, size_t max, sgs_contact_visit *visit,
                 void *arg)
{
	struct listing l = { .v = v, .contact = visit, .arg = arg, .rc = RC_OK };

	return list(&l, SGS_T_CONTACT, after, max, list_contact);
}
