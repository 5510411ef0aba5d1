/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents DIR RELEASE: writes what the type tables render, one XML file for each resource type
 * and each other document with everything that may stand in an answer, and one with the least.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit/model_samples.h"

#include "model/render.h"

#define DOCUMENT_MAX (1u << 20)

static struct arena *arena;
static const char *folder;
static int release;

static void
save(const char *name, const struct maker *m, const struct buf *b)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s-%s.xml", folder, name, m->full ? "full" : "least");
	f = fopen(path, "w");
	if (b->failed || f == NULL || fwrite(b->p, 1, b->n, f) != b->n || fclose(f) != 0) {
		fprintf(stderr, "documents: %s failed\n", path);
		exit(1);
	}
}

static void
write_type(const struct maker *m, const struct rtype *t)
{
	struct writer w;
	struct buf b;

	buf_init(&b, DOCUMENT_MAX);
	codec_xml.writer(&w, &b);
	render_resource(&w, t, sample_resource(m, t, SAMPLE_ANSWER), release);
	save(t->xsi_type != NULL ? t->xsi_type : t->name, m, &b);
	buf_fini(&b);
}

static void
write_document(const struct maker *m, const struct document *d)
{
	struct val *vals = NULL;
	struct writer w;
	struct buf b;

	sample_shape(m, d->shape, &vals);
	buf_init(&b, DOCUMENT_MAX);
	codec_xml.writer(&w, &b);
	render_shape(&w, d->element, d->shape, vals, release);
	save(d->element, m, &b);
	buf_fini(&b);
}

static void
write_all(bool full)
{
	const struct maker m = { .arena = arena, .full = full };

	for (unsigned n = 0; n < T_MAX; n++) {
		const struct rtype *t = rtype_get(n);

		/* A fan-out has no representation. */
		if (t != NULL && !(t->flags & RT_FANOUT) && (release > 1 || !(t->flags & RT_RELEASE2)))
			write_type(&m, t);
	}
	for (const struct document *d = documents; d->element != NULL; d++)
		if (d->since <= release)
			write_document(&m, d);
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: documents DIR RELEASE\n");
		return 2;
	}
	folder = argv[1];
	release = atoi(argv[2]);
	arena = arena_new(DOCUMENT_MAX);
	if (arena == NULL)
		return 1;
	write_all(true);
	write_all(false);
	arena_free(arena);
	return 0;
}
