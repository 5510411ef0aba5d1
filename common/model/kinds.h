/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of the simple kinds (TS 102 921, data types): text to value and back. */
#ifndef MODEL_KINDS_H
#define MODEL_KINDS_H

#include "model/res.h"

#define KIND_TEXT_MAX 64
/* K_MEMORY_SIZE as the schema has it. */
#define KIND_MEMORY_SIZE "[0-9]{1,15}[BKMGT]"

/*
 * Reads text as a value of attr's kind into v (num or text; text may point into the input or the
 * arena). False when it is no legal lexical form. K_STRUCT and K_ANY are not simple.
 */
bool kind_parse(struct arena *a, const struct attr_info *info, struct slice text, struct val *v);
/* True when the legal text is a form that only Release 1 has. */
bool kind_is_release1(const struct attr_info *info, struct slice text);
/* True when v can be written in Release 1: some values of enumerations are newer. */
bool kind_in_release1(const struct attr_info *info, const struct val *v);
/* As kind_format, in the form of Release 1; for values that kind_in_release1. */
struct slice kind_format_release1(const struct attr_info *info, const struct val *v,
                                  char scratch[KIND_TEXT_MAX]);
/*
 * The text of v. Numbers, times and the like are written to scratch; texts are returned as they
 * are. K_BASE64 returns the octets: the writer encodes them.
 */
struct slice kind_format(const struct attr_info *info, const struct val *v, char scratch[KIND_TEXT_MAX]);
/* s without white space at its ends. */
struct slice kind_trim(struct slice s);
/* True when s is a decimal integer within 64 bits (xs:long, blanks around it allowed). */
bool kind_parse_long(struct slice s, int64_t *v);
/* xs:boolean. */
bool kind_parse_boolean(struct slice s, bool *v);
/*
 * A name that a resource may have: one path segment of NMTOKEN characters (TS 102 921, resource
 * names).
 */
bool kind_name_valid(struct slice s, size_t max);

#endif
