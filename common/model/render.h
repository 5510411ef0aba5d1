/* SPDX-License-Identifier: Apache-2.0 */
/* Typed values to the events of a writer, in the order and with the names of the tables. */
#ifndef MODEL_RENDER_H
#define MODEL_RENDER_H

#include "codec/codec.h"
#include "model/res.h"

/* A document of type t from its answer's values. */
void render_resource(struct writer *w, const struct rtype *t, const struct val *vals);
/* A document with the root element name (in the m2m namespace) from values by shape. */
void render_shape(struct writer *w, const char *name, const struct shape *shape,
                  const struct val *vals);
/* One attribute alone as the document (partial addressing). */
void render_attribute(struct writer *w, const struct val *v);

#endif
