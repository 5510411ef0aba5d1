/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed values to the events of a writer, in the order and with the names of the tables. release
 * is that of the reader: for 1 what Release 1 does not know is left out and the rest is written as
 * TS 102 921 V1.1 wants it; everything else means 2.
 */
#ifndef MODEL_RENDER_H
#define MODEL_RENDER_H

#include "codec/codec.h"
#include "model/res.h"

/* A document of type t from its answer's values. */
void render_resource(struct writer *w, const struct rtype *t, const struct val *vals, int release);
/* A document with the root element name (in the m2m namespace) from values by shape. */
void render_shape(struct writer *w, const char *name, const struct shape *shape,
                  const struct val *vals, int release);
/*
 * The same piece by piece, for a shape that is one list: a list of any length needs the memory of
 * one entry.
 */
void render_list_begin(struct writer *w, const char *name, const struct shape *shape, int release);
void render_list_entry(struct writer *w, const struct shape *shape, const struct val *entry,
                       int release);
void render_list_end(struct writer *w);
/* One attribute alone as the document (partial addressing). */
void render_attribute(struct writer *w, const struct val *v, int release);

#endif
