/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alters a bundle of small data (MSB1) on its way, preloaded (LD_PRELOAD) into a gateway: behind
 * everything that it has verified, before TLS. When the file named by ALTERIO_CONTROL holds the name
 * of an alteration, the next bundle of two readings or more, of equal length, is altered so, and the
 * file is removed. The bundle and the head of its request are in one call of SSL_write.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIXED 36u /* octets in front of the readings */
#define READING 34u /* of one without its payload */
#define ID 16u
#define FORGED 231u /* last octet of the number of a reading that nobody has made */
#define ROOM (1u << 16)

/* A request: octets, and where its bundle and the parts of that are. */
struct request {
	unsigned char octets[ROOM + 2048];
	size_t n, at, size; /* size: of a reading */
	unsigned readings;
};

static unsigned char *
reading(struct request *r, unsigned i)
{
	return r->octets + r->at + FIXED + i * r->size;
}

static void
put(unsigned char *p, size_t v, unsigned octets)
{
	while (octets-- > 0) {
		p[octets] = (unsigned char)v;
		v >>= 8;
	}
}

/* ---- alterations ---- */

static void
alter(struct request *r)
{
	reading(r, 0)[READING] ^= 1;
}

static void
swap(struct request *r)
{
	unsigned char id[ID];

	memcpy(id, reading(r, 0), ID);
	memcpy(reading(r, 0), reading(r, r->readings - 1), ID);
	memcpy(reading(r, r->readings - 1), id, ID);
}

static void
substitute(struct request *r)
{
	memcpy(reading(r, 0), reading(r, r->readings - 1), r->size);
	reading(r, 0)[ID + 7] = FORGED;
}

static void
duplicate(struct request *r)
{
	memcpy(reading(r, 0), reading(r, r->readings - 1), r->size);
}

/* So many octets more or less, in the bundle and in the head. */
static void
resize(struct request *r, unsigned readings)
{
	static const char name[] = "Content-Length: ";
	size_t body = r->n - r->at;
	char *length = strstr((char *)r->octets, name), text[32];

	r->readings = readings;
	put(r->octets + r->at + 6, readings, 2);
	put(r->octets + r->at + 8, body, 4);
	if (length == NULL)
		abort();
	/* As many digits as before. */
	length += sizeof(name) - 1;
	snprintf(text, sizeof(text), "%0*zu", (int)strspn(length, "0123456789"), body);
	memcpy(length, text, strlen(text));
}

static void
drop(struct request *r)
{
	size_t behind = r->n - r->at - FIXED - r->size;

	memmove(reading(r, 0), reading(r, 1), behind);
	r->n -= r->size;
	resize(r, r->readings - 1);
}

static void
add(struct request *r)
{
	size_t behind = r->n - r->at - FIXED;

	memmove(reading(r, 1), reading(r, 0), behind);
	reading(r, 0)[ID + 7] = FORGED;
	r->n += r->size;
	resize(r, r->readings + 1);
}

static void (*alteration(const char *name))(struct request *)
{
	static const struct {
		const char *name;
		void (*run)(struct request *);
	} rows[] = { { "alter", alter },         { "swap", swap },   { "substitute", substitute },
		     { "duplicate", duplicate }, { "remove", drop }, { "add", add } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].run;
	return NULL;
}

/* ---- bundles ---- */

/* The end of n readings of one length; 0: they are not. */
static size_t
find_readings(struct request *r)
{
	const unsigned char *p = r->octets + r->at;

	r->readings = (unsigned)(p[6] << 8 | p[7]);
	r->size = READING + (unsigned)(p[FIXED + 32] << 8 | p[FIXED + 33]);
	if (r->readings < 2 || FIXED + r->readings * r->size > r->n - r->at)
		return 0;
	for (unsigned i = 1; i < r->readings; i++)
		if (memcmp(reading(r, i) + 32, reading(r, 0) + 32, 2) != 0)
			return 0;
	return r->readings;
}

static int
find_bundle(struct request *r, const void *octets, int n)
{
	static const char magic[] = "\r\n\r\nMSB1";
	const unsigned char *at;

	if (n < 128 || (unsigned)n > ROOM || memcmp(octets, "POST ", 5) != 0)
		return 0;
	at = memmem(octets, (size_t)n, magic, sizeof(magic) - 1);
	if (at == NULL)
		return 0;
	memcpy(r->octets, octets, (size_t)n);
	r->n = (size_t)n;
	r->at = (size_t)(at - (const unsigned char *)octets) + 4;
	return r->n - r->at > FIXED + READING && find_readings(r) != 0;
}

static void
read_command(char *line, size_t size)
{
	const char *file = getenv("ALTERIO_CONTROL");
	int fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, size - 1);

	if (fd >= 0)
		close(fd);
	line[n < 0 ? 0 : n] = '\0';
}

int
SSL_write(void *ssl, const void *octets, int n)
{
	static int (*next)(void *, const void *, int);
	struct request *r;
	char name[32];
	int done;

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "SSL_write");
	read_command(name, sizeof(name));
	r = alteration(name) == NULL ? NULL : calloc(1, sizeof(*r));
	if (r == NULL || !find_bundle(r, octets, n)) {
		free(r);
		return next(ssl, octets, n);
	}
	alteration(name)(r);
	done = next(ssl, r->octets, (int)r->n);
	free(r);
	unlink(getenv("ALTERIO_CONTROL"));
	return done > 0 ? n : done;
}
