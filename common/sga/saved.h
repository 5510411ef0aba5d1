/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an object is saved: version 01 | kind | its members as a table lists them | SHA-256 of all
 * before. The hash finds what a disk changed; whoever keeps the octets encrypts them, and that finds
 * what somebody changed. Any thread.
 */
#ifndef SGA_SAVED_H
#define SGA_SAVED_H

#include "base/buf.h"
#include "sga/sga.h"

enum sga_saved_kind {
	SGA_SAVED_DEVICE = 1,
	SGA_SAVED_SESSION,
	SGA_SAVED_SERVER,
	SGA_SAVED_TEAM,
};

enum sga_field_kind {
	SGA_FIELD_OCTETS, /* as they are */
	SGA_FIELD_NUMBER, /* of 1, 2, 4 or 8 octets in C, big-endian */
	SGA_FIELD_FLAG, /* bool: 0 or 1 */
	SGA_FIELD_ID, /* struct sga_id: its length and SGA_ID_MAX octets */
};

/* A member of an object, to be saved. */
struct sga_field {
	uint16_t at, n; /* offset and size in C */
	enum sga_field_kind kind;
};

#define SGA_FIELD(kind, type, member)                                                              \
	{                                                                                          \
		offsetof(type, member), sizeof(((type *)NULL)->member), kind                       \
	}

struct sga_saved_form {
	enum sga_saved_kind kind;
	const struct sga_field *members;
	size_t count;
};

/*
 * Appends object and, behind its members, tail (lv16). RC_NO_SPACE when to is full. to is marked
 * secret.
 */
enum rc sga_saved_write(const struct sga_saved_form *f, const void *object, struct slice tail,
                        struct buf *to);
/*
 * Fills the members of object (the others stay). *tail lies in saved. RC_BAD_REQUEST: not what was
 * written, or members that their kind does not have; object is undefined then. The caller checks
 * what numbers mean.
 */
enum rc sga_saved_read(const struct sga_saved_form *f, struct slice saved, void *object,
                       struct slice *tail);

#endif
