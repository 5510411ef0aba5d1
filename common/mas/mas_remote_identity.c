/* SPDX-License-Identifier: Apache-2.0 */
/* The generator of small data at a MAS in another process. */
#include "config.h"

#include <stdio.h>

#include "mas/mas_identity_doc.h"
#include "mas/mas_remote_calls.h"

static void
identity_path(const void *call, char *out, size_t size)
{
	const struct mas_identity *i = call;
	char node[NODE_ID_TEXT];

	node_id_text(&i->node, node);
	if (i->generator)
		snprintf(out, size, "generator");
	else
		snprintf(out, size, "nodes/%s/identity", node);
}

static void
identity_write(const void *call, struct buf *b)
{
	(void)call;
	(void)b;
}

static bool
identity_read(struct remote_flight *f, void *call, struct slice answer)
{
	(void)f;
	return mas_identity_take(answer, call);
}

KIND_COMMON(identity, struct mas_identity)
const struct remote_kind remote_identity_kind = { KIND(identity, struct mas_identity, "GET") };
