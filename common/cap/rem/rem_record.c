/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cap/rem/rem_file.h"

#define HEAD "openscl-packages 1"
#define RECORD_MAX (REM_PACKAGES_MAX * (3 * (REM_NAME_MAX + 1) + 80) + sizeof(HEAD))
#define NOTHING "-"

static const char *const doings[] = { "nothing", "install", "remove", "activate", "deactivate" };

bool
rem_name_valid(struct slice name)
{
	static const char taken[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";

	if (name.n == 0 || name.n > REM_NAME_MAX || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '\0' ||
		    (strchr(taken, name.p[i]) == NULL && (i == 0 || name.p[i] != '-')))
			return false;
	return true;
}

struct rem_package *
rem_record_find(struct rem_record *r, const char *name)
{
	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->v[i].name, name) == 0)
			return &r->v[i];
	return NULL;
}

struct rem_package *
rem_record_add(struct rem_record *r, const char *name)
{
	struct rem_package *p;

	if (r->n == REM_PACKAGES_MAX)
		return NULL;
	p = &r->v[r->n++];
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

void
rem_record_drop(struct rem_record *r, struct rem_package *p)
{
	*p = r->v[--r->n];
}

/* ---- the text: a line per package, fields divided by blanks ---- */

static void
put_file(struct buf *b, const char *file)
{
	buf_printf(b, " %s", file[0] == '\0' ? NOTHING : file);
}

static void
put_package(struct buf *b, const struct rem_package *p)
{
	buf_printf(b, "%s %" PRIu64, p->name, p->version);
	put_file(b, p->file);
	buf_printf(b, " %s %s %" PRIu64, p->active ? "active" : "inactive", doings[p->doing],
	           p->next_version);
	put_file(b, p->next_file);
	buf_char(b, '\n');
}

enum rc
rem_record_write(int dir, const char *name, const struct rem_record *r)
{
	enum rc rc;
	struct buf b;

	buf_init(&b, RECORD_MAX);
	buf_puts(&b, HEAD "\n");
	for (unsigned i = 0; i < r->n; i++)
		put_package(&b, &r->v[i]);
	rc = b.failed ? RC_UNAVAILABLE : rem_file_replace(dir, name, buf_view(&b));
	buf_fini(&b);
	return rc;
}

static bool
take_name(struct slice *line, char to[REM_NAME_MAX + 1], bool may_be_nothing)
{
	struct slice word;

	if (!slice_split(line, ' ', &word))
		return false;
	if (may_be_nothing && slice_is(word, NOTHING)) {
		to[0] = '\0';
		return true;
	}
	if (!rem_name_valid(word))
		return false;
	memcpy(to, word.p, word.n);
	to[word.n] = '\0';
	return true;
}

static bool
take_version(struct slice *line, uint64_t *out)
{
	struct slice word;

	return slice_split(line, ' ', &word) && slice_number(word, UINT64_MAX, out);
}

static bool
take_word(struct slice *line, const char *const *words, unsigned n, unsigned *out)
{
	struct slice word;

	if (!slice_split(line, ' ', &word))
		return false;
	for (*out = 0; *out < n; (*out)++)
		if (slice_is(word, words[*out]))
			return true;
	return false;
}

static bool
take_package(struct slice line, struct rem_record *r)
{
	static const char *const activity[] = { "inactive", "active" };
	struct rem_package p;
	unsigned active, doing;

	if (r->n == REM_PACKAGES_MAX || !take_name(&line, p.name, false) ||
	    !take_version(&line, &p.version) || !take_name(&line, p.file, true) ||
	    !take_word(&line, activity, 2, &active) ||
	    !take_word(&line, doings, sizeof(doings) / sizeof(*doings), &doing) ||
	    !take_version(&line, &p.next_version) || !take_name(&line, p.next_file, true) ||
	    line.p != NULL || rem_record_find(r, p.name) != NULL)
		return false;
	p.active = active == 1;
	p.doing = (enum rem_doing)doing;
	r->v[r->n++] = p;
	return true;
}

static bool
take_text(struct slice text, struct rem_record *r)
{
	struct slice line;

	if (!slice_split(&text, '\n', &line) || !slice_is(line, HEAD))
		return false;
	while (text.n > 0)
		if (!slice_split(&text, '\n', &line) || !take_package(line, r))
			return false;
	/* The last line, too, has its end: a cut text is none. */
	return text.p != NULL;
}

enum rc
rem_record_read(int dir, const char *name, struct rem_record *r)
{
	struct buf b;
	enum rc rc;

	r->n = 0;
	buf_init(&b, RECORD_MAX);
	rc = rem_file_read(dir, name, &b);
	if (rc == RC_OK && !take_text(buf_view(&b), r))
		rc = RC_INTERNAL;
	buf_fini(&b);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}
