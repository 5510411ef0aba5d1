/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/options.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/opt_check.h"
#include "app/opt_read.h"
#include "app/opt_row.h"
#include "app/opt_write.h"
#include "base/arena.h"

#define ARENA_MAX (16u << 20)
#define VALUE_MAX (1u << 20)
#define ID_MAX 255u
#define TEXT_LABEL "<text>"

/* One options_load. */
struct load {
	const struct options_source *src;
	struct options *o;
	config_t cfg;
	struct opt_reader rd;
};

static bool
open_file(struct load *ld, FILE **f)
{
	struct stat st;

	*f = fopen(ld->src->file, "re");
	if (*f == NULL) {
		opt_fail(&ld->rd, NULL, "%s: %s", ld->src->file, strerror(errno));
		return false;
	}
	/* libconfig's scanner ends the process when a read fails, as that of a directory does. */
	if (fstat(fileno(*f), &st) == 0 && !S_ISDIR(st.st_mode))
		return true;
	opt_fail(&ld->rd, NULL, "%s: is a directory", ld->src->file);
	fclose(*f);
	return false;
}

/* An absolute path stays as it was given, links in it included. */
static void
note_file(struct load *ld)
{
	char path[PATH_MAX];
	const char *file = ld->src->file;

	if (file[0] != '/')
		file = realpath(file, path);
	if (file != NULL)
		ld->o->file = arena_str(ld->rd.arena, slice_of(file));
}

static void
fail_syntax(struct load *ld)
{
	const char *file = config_error_file(&ld->cfg);

	opt_fail(&ld->rd, NULL, "%s:%d: %s", file != NULL ? file : ld->rd.file,
	         config_error_line(&ld->cfg), config_error_text(&ld->cfg));
}

static void
read_file(struct load *ld)
{
	char *dir = arena_str(ld->rd.arena, slice_of(ld->src->file));
	FILE *f;
	int ok;

	if (dir == NULL || !open_file(ld, &f))
		return;
	note_file(ld);
	config_set_include_dir(&ld->cfg, dirname(dir));
	ok = config_read(&ld->cfg, f);
	fclose(f);
	if (ok == CONFIG_TRUE)
		opt_read(&ld->rd, &opt_options, ld->o, config_root_setting(&ld->cfg));
	else
		fail_syntax(ld);
}

static void
read_text(struct load *ld)
{
	if (config_read_string(&ld->cfg, ld->src->text) == CONFIG_TRUE)
		opt_read(&ld->rd, &opt_options, ld->o, config_root_setting(&ld->cfg));
	else
		fail_syntax(ld);
}

static void
read_defaults(struct load *ld)
{
	const struct options_default *d = ld->src->profile->defaults;

	opt_defaults(&opt_options, ld->o);
	for (; d != NULL && d->path != NULL; d++) {
		const struct opt_row *row = opt_find(&opt_options, d->path, NULL);

		if (row != NULL)
			opt_read_text(&ld->rd, row, ld->o, d->value);
		else
			opt_fail(&ld->rd, NULL, "default of %s: unknown option", d->path);
	}
}

static void
read_override(struct load *ld, const char *text)
{
	const char *eq = strchr(text, '=');
	const struct opt_row *row;
	const char *path;

	if (eq == NULL) {
		opt_fail(&ld->rd, NULL, "-o %s: path=value is expected", text);
		return;
	}
	path = arena_str(ld->rd.arena, slice_make(text, (size_t)(eq - text)));
	row = path == NULL ? NULL : opt_find(&opt_options, path, ld->rd.absent);
	ld->rd.label = "-o";
	if (row != NULL)
		opt_read_text(&ld->rd, row, ld->o, eq + 1);
	else
		opt_fail(&ld->rd, NULL, "unknown option %s", path == NULL ? text : path);
	ld->rd.label = NULL;
}

static void
put_id_char(char *out, size_t *n, char c)
{
	if (*n < ID_MAX)
		out[(*n)++] = isalnum((unsigned char)c) || c == '-' || c == '.' ? c : '-';
}

/* An SCL-ID that two machines do not share by accident. */
static void
default_id(struct load *ld)
{
	char host[HOST_NAME_MAX + 1] = "localhost", id[ID_MAX + 1];
	const char *name = ld->src->profile->name;
	size_t n = 0;

	if (*ld->o->scl.id != '\0')
		return;
	if (gethostname(host, sizeof(host)) != 0)
		strcpy(host, "localhost");
	host[HOST_NAME_MAX] = '\0';
	for (; *name != '\0'; name++)
		put_id_char(id, &n, *name);
	put_id_char(id, &n, '-');
	for (const char *h = host; *h != '\0'; h++)
		put_id_char(id, &n, *h);
	id[n] = '\0';
	ld->o->scl.id = arena_str(ld->rd.arena, slice_make(id, n));
}

/* Where the value of path (listeners.[0].port) came from. */
static bool
is_overridden(const struct load *ld, const char *path)
{
	for (size_t i = 0; i < ld->src->n_overrides; i++) {
		const char *o = ld->src->overrides[i], *eq = strchr(o, '=');
		size_t n = eq == NULL ? 0 : (size_t)(eq - o);

		if (n > 0 && strncmp(o, path, n) == 0 && (path[n] == '\0' || path[n] == '.'))
			return true;
	}
	return false;
}

static void
found_in_load(void *arg, const char *path, const char *text)
{
	struct load *ld = arg;
	const config_setting_t *at = config_lookup(&ld->cfg, path);

	if (is_overridden(ld, path))
		ld->rd.label = "-o";
	else if (at == NULL)
		ld->rd.label = ld->rd.file != NULL ? ld->rd.file : "defaults";
	opt_fail(&ld->rd, at, "%s", text);
	ld->rd.label = NULL;
}

static void
load_all(struct load *ld)
{
	const struct opt_check check = { ld->o, ld->src->profile, found_in_load, ld };

	read_defaults(ld);
	if (ld->src->file != NULL)
		read_file(ld);
	else if (ld->src->text != NULL)
		read_text(ld);
	for (size_t i = 0; i < ld->src->n_overrides; i++)
		read_override(ld, ld->src->overrides[i]);
	default_id(ld);
	if (arena_failed(ld->rd.arena))
		opt_fail(&ld->rd, NULL, "the configuration is too large");
	if (!ld->rd.failed)
		opt_check(&check);
}

struct options *
options_load(const struct options_source *src, struct buf *errors)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct load ld = { .src = src, .o = a == NULL ? NULL : ARENA_NEW(a, struct options) };

	if (ld.o == NULL) {
		buf_puts(errors, "no memory\n");
		arena_free(a);
		return NULL;
	}
	ld.o->arena = a;
	ld.rd = (struct opt_reader){ .arena = a, .errors = errors, .absent = src->profile->absent,
		.file = src->file != NULL ? src->file : src->text != NULL ? TEXT_LABEL : NULL };
	config_init(&ld.cfg);
	load_all(&ld);
	config_destroy(&ld.cfg);
	if (!ld.rd.failed)
		return ld.o;
	arena_free(a);
	return NULL;
}

struct options *
options_defaults(const struct options_profile *p)
{
	const struct options_source src = { .profile = p };
	struct buf errors;
	struct options *o;

	buf_init(&errors, OPTIONS_ERRORS_MAX);
	o = options_load(&src, &errors);
	buf_fini(&errors);
	return o;
}

void
options_free(struct options *o)
{
	if (o != NULL)
		arena_free(o->arena);
}

static void
found_in_merge(void *arg, const char *path, const char *text)
{
	struct buf *errors = arg;

	buf_printf(errors, "%s: %s\n", path, text);
}

static bool
row_differs(const struct opt_row *row, const struct options *a, const struct options *b)
{
	struct buf x, y;
	bool differs;

	buf_init(&x, VALUE_MAX);
	buf_init(&y, VALUE_MAX);
	opt_write_value(row, a, 0, &x);
	opt_write_value(row, b, 0, &y);
	differs = x.failed || y.failed || !slice_eq(buf_view(&x), buf_view(&y));
	buf_fini(&x);
	buf_fini(&y);
	return differs;
}

bool
options_merge(struct options *next, const struct options *cur, const struct options_profile *p,
              options_change *change, void *arg, struct buf *errors)
{
	const struct opt_check check = { next, p, found_in_merge, errors };
	size_t before = errors->n;

	for (size_t i = 0; i < opt_options.n; i++) {
		const struct opt_row *row = &opt_options.rows[i];

		if (!row_differs(row, cur, next))
			continue;
		change(arg, row->path, row->reloadable);
		if (!row->reloadable)
			memcpy(opt_field(row, next), opt_field_const(row, cur), opt_size(row));
	}
	opt_check(&check);
	return errors->n == before;
}
