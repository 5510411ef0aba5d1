/* SPDX-License-Identifier: Apache-2.0 */
/* The standing of a node at a MAS in another process. */
#include "config.h"

#include <stdio.h>

#include "mas/mas_remote_calls.h"

static void
inquire_path(const void *call, char *out, size_t size)
{
	const struct mas_inquire *q = call;
	char node[NODE_ID_TEXT];

	node_id_text(&q->node, node);
	snprintf(out, size, "nodes/%s/standing", node);
}

static void
inquire_write(const void *call, struct buf *b)
{
	(void)call;
	(void)b;
}

static bool
inquire_read(struct remote_flight *f, void *call, struct slice answer)
{
	static const struct json_field fields[] = { JSON_FIELD(struct mas_inquire, stands, "stands",
		                                               JSON_FLAG, true) };

	(void)f;
	return json_read(answer, fields, NITEMS(fields), call);
}

KIND_COMMON(inquire, struct mas_inquire)
const struct remote_kind remote_inquire_kind = { KIND(inquire, struct mas_inquire, "GET") };
