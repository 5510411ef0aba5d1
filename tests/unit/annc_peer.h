/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCLs that announcements go to, played on port_fake: they keep what is created, and answer as the
 * test wants it. Up to PEERS of them, peer0.example.org and so on, registered by peer_register.
 */
#ifndef UNIT_ANNC_PEER_H
#define UNIT_ANNC_PEER_H

#include "core_bed.h"

#define PEERS 4u
#define PEER_AT_HOME "/m2m/scls/scl.example.org"

enum peer_mode { PEER_WELL, PEER_DOWN, PEER_SILENT, PEER_DENIES, PEER_BUSY };

struct peer_res {
	char path[192]; /* from the host on */
	char link[192];
	char body[768];
	char from[128]; /* of the last change */
};

struct peer {
	enum peer_mode mode;
	bool denies_deletes;
	unsigned busy_deletes; /* so many are answered 503 */
	bool drops_answer; /* of the next creation: it is never given */
	bool relative; /* Location is path-absolute */
	const char *knows_as; /* path of the scl that it has of this SCL */
	const char *location; /* of all creations, or NULL */
	int64_t grants; /* lifetime that it gives, 0 = what it is asked for */
	struct peer_res *res;
	size_t n;
	unsigned creates, updates, deletes, reads, asked;
};

struct peers {
	struct core_bed b; /* first */
	pthread_mutex_t lock; /* of what follows */
	struct peer v[PEERS];
	int64_t delay; /* of every answer */
	unsigned texts;
	char text[64][512]; /* of answers under way */
};

/* The scl runs, nobody is registered. */
void peers_init(struct peers *ps, enum scl_type role);
/* The same at an NSCL at which two GSCLs are registered. */
void peers_begin(struct peers *ps);
void peers_fini(struct peers *ps);
void peer_register(struct peers *ps, unsigned peer, const char *type);
void peer_set(struct peers *ps, unsigned peer, enum peer_mode mode);
/* Changes the lifetime that it gives. */
void peer_grants(struct peers *ps, unsigned peer, int64_t lifetime);
/* What it counts and sets, not what it has. */
struct peer peer_look(struct peers *ps, unsigned peer);
size_t peer_count(struct peers *ps, unsigned peer);
/* What lies at path below the scl of this SCL; false when nothing does. */
bool peer_has(struct peers *ps, unsigned peer, const char *path, struct peer_res *out);
/* Waits until so many are there, at most a minute. */
bool peer_await(struct peers *ps, unsigned peer, size_t n);
/* Waits until no work of announcing is left. */
bool works_await(struct peers *ps);
/* Puts one there that this SCL did not announce. */
void peer_plant(struct peers *ps, unsigned peer, const char *path, const char *link);
void peer_forget_all(struct peers *ps, unsigned peer);
/* An announceTo of peers by their numbers, with further elements of it; valid until the next call. */
const char *announce_to(const char *peers, const char *before, const char *after);
/* Value of the first element called name in the representation of target; empty = absent. */
void value_of(struct peers *ps, const char *target, const char *name, char value[256]);
/* Waits until sclList of target reads so: the numbers of its peers. */
bool list_await(struct peers *ps, const char *target, const char *peers);
/* An application with further elements; the status. */
int announce_create(struct peers *ps, const char *from, const char *id, const char *more);
int announce_update(struct peers *ps, const char *id, const char *more);

#endif
