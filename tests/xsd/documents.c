/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents DIR RELEASE: writes what the type tables render, one XML file for each resource type
 * and each other document with everything that may stand in an answer, and one with the least; the
 * same for the parameter sets.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit/model_samples.h"

#include "mas/param_set.h"
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
write_param_set(const struct maker *m, const char *name, struct param_set set)
{
	static const struct key clear = { { 1 } };
	static const uint8_t wrapped[KEYWRAP_BYTES] = { 1 };
	struct buf b;

	set.lifetime = INT64_C(1700000000000000);
	/* The least of a bootstrap has no key, a connection always has one. */
	if (m->full || set.kind == PARAM_CONNECTION) {
		set.clear = release == 1 ? &clear : NULL;
		set.wrapped = release == 1 ? NULL : wrapped;
	}
	buf_init(&b, PARAM_SET_MAX);
	if (param_set_write(&set, &codec_xml, &b) != RC_OK)
		b.failed = true;
	save(name, m, &b);
	buf_fini(&b);
}

static void
write_param_sets(const struct maker *m)
{
	static const char *const nscls[] = { "https://nscl.example.org/m2m", NULL };
	struct param_set boot = { .kind = PARAM_BOOTSTRAP, .kmr_index = 1 };

	if (m->full) {
		boot.kmr_index = UINT32_MAX;
		boot.mas_address = "mas.example.org";
		boot.scl_id = "gscl-1";
		boot.nscls = nscls;
	}
	write_param_set(m, "bootstrapParamSet", boot);
	write_param_set(m, "connectionParamSet", (struct param_set){
		.kind = PARAM_CONNECTION, .connection_id = m->full ? UINT64_MAX : 1,
		.kmc_index = m->full ? UINT32_MAX : 1, .scl_id = "gscl-1",
		.flags = m->full ? 0xffffu : 0 });
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
	write_param_sets(&m);
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
