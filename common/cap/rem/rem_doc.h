/* SPDX-License-Identifier: Apache-2.0 */
/* The few documents that the capability writes and reads itself. */
#ifndef CAP_REM_REM_DOC_H
#define CAP_REM_REM_DOC_H

#include "base/buf.h"
#include "codec/node.h"

/* Text of an element, escaped; what XML cannot carry is left out. */
void rem_doc_text(struct buf *b, struct slice text);
/* Root of an answer, NULL when it is no document. In a, points into body. */
const struct node *rem_doc_read(struct arena *a, struct slice body);
/* First child element of that name, NULL when there is none; n may be NULL. */
const struct node *rem_doc_child(const struct node *n, const char *name);
/* Its text, empty when there is none. */
struct slice rem_doc_value(const struct node *n, const char *name);

#endif
