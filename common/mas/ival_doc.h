/* SPDX-License-Identifier: Apache-2.0 */
/* integrityValResults as the body of a request (TS 102 921, scl.xsd), in XML or JSON. */
#ifndef MAS_IVAL_DOC_H
#define MAS_IVAL_DOC_H

#include "base/arena.h"
#include "base/rc.h"
#include "sec/ival.h"

#define IVAL_DOC_MAX 16384u /* octets */

/*
 * The report in body, whose media type is content_type. out->time lies in the arena or in body.
 * RC_MEDIA_TYPE; RC_BAD_REQUEST: not that document, or a member is missing, there twice or
 * outside its type; RC_UNAVAILABLE without memory. Any thread.
 */
enum rc ival_doc_read(struct arena *a, struct slice content_type, struct slice body,
                      struct ival_report *out);

struct node; /* codec/node.h */
/* The same of an element that was decoded, by itself or within an scl. RC_OK, RC_BAD_REQUEST. */
enum rc ival_doc_from(const struct node *root, struct ival_report *out);

#endif
