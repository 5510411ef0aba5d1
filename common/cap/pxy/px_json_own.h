/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of bodies share; private to px_json*.c. */
#ifndef CAP_PXY_PX_JSON_OWN_H
#define CAP_PXY_PX_JSON_OWN_H

#include "cap/pxy/px_json.h"
#include "codec/json_fields.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define PX_JSON_ABSENT INT64_MIN /* of a number that may be absent, before it is read */

/* Sets *why; RC_BAD_REQUEST. */
enum rc px_json_wrong(const char **why, const char *text);
/* text is a name of a list that ends with NULL: its place, or -1. */
int px_json_choice(struct slice text, const char *const *names);
/* An absent one (p NULL) is not given. False: it is no 32 digits. */
bool px_json_again(struct slice text, struct px_json_again *out);
/*
 * How many items the list has, all of them whole; -1 when it is broken or has more than max. An
 * absent one has none.
 */
long px_json_count(struct slice list, size_t max);
/* Exactly 2 * n digits, in lower case. */
bool px_json_hex(struct slice text, void *out, size_t n);

/* SINKs of a list into an array of the arena. */
enum rc px_json_sinks(struct slice list, struct arena *a, struct px_json_sink **out, size_t *n,
                      struct px_json_keys *keys, const char **why);
/* A list of {stream, epoch, rk}: keys of that pkId. */
enum rc px_json_rk(struct slice list, const uint8_t pk_id[PX_PK_ID_BYTES],
                   struct px_json_keys *keys, struct px_key **v, size_t *n, const char **why);
bool px_json_make_keys(struct px_json_keys *keys, struct arena *a);
bool px_json_url(struct slice url);

#endif
