/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/main.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/admin_client.h"
#include "app/args.h"
#include "app/run.h"
#include "app/service.h"
#include "store/store.h"

#define STORES_MAX 8
#define TEXT_MAX (4u << 20)

/* One call of scl_main. */
struct call {
	const struct profile *profile;
	char **argv;
	char program[PATH_MAX]; /* file that is running; "" = not known */
	struct args args;
	const char *engines[STORES_MAX + 1];
	struct options_profile op;
	struct options_source src;
};

/* Writes b to stdout and ends it; 0, or 1 when something was lost. */
static int
print(struct buf *b)
{
	bool ok = !b->failed && fwrite(b->p, 1, b->n, stdout) == b->n && fflush(stdout) == 0;

	buf_fini(b);
	return ok ? 0 : 1;
}

static struct options *
load(const struct call *c)
{
	struct buf errors;
	struct options *o;

	buf_init(&errors, OPTIONS_ERRORS_MAX);
	o = options_load(&c->src, &errors);
	if (errors.n > 0)
		fwrite(errors.p, 1, errors.n, stderr);
	buf_fini(&errors);
	return o;
}

static int
do_version(const struct call *c)
{
	printf("%s %s\npairing: %s\n", c->profile->name, PACKAGE_VERSION, PAIRING_PROVIDER);
	return 0;
}

static int
do_help(const struct call *c)
{
	struct buf b;

	args_usage(c->profile->name, stdout);
	puts("\nOptions of the configuration:");
	buf_init(&b, TEXT_MAX);
	options_write_help(&c->op, &b);
	return print(&b);
}

static int
do_man(const struct call *c)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	options_write_man(&c->op, &b);
	return print(&b);
}

static int
do_types(const struct call *c)
{
	(void)c;
	return service_print_types(stdout);
}

static int
do_sample(const struct call *c)
{
	struct options *o = options_defaults(&c->op);
	struct buf b;

	if (o == NULL) {
		fprintf(stderr, "%s: no memory\n", c->profile->name);
		return 1;
	}
	buf_init(&b, TEXT_MAX);
	options_write(o, &c->op, OPTIONS_SAMPLE, &b);
	options_free(o);
	return print(&b);
}

static int
with_check_config(const struct call *c, struct options *o)
{
	(void)c;
	options_free(o);
	return 0;
}

static int
with_dump(const struct call *c, struct options *o)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	options_write(o, &c->op, OPTIONS_EFFECTIVE, &b);
	options_free(o);
	return print(&b);
}

static int
with_check_store(const struct call *c, struct options *o)
{
	int status = service_check_store(c->profile, o, stdout);

	options_free(o);
	return status;
}

static int
with_backup(const struct call *c, struct options *o)
{
	int status;

	umask(077);
	status = service_backup(c->profile, o, c->args.backup_to, stderr);

	options_free(o);
	return status;
}

static int
with_import(const struct call *c, struct options *o)
{
	int status = service_import(c->profile, o, c->args.import_from, stderr);

	options_free(o);
	return status;
}

static int
with_admin(const struct call *c, struct options *o)
{
	int status = admin_client(c->profile, o, c->args.operation, c->args.operands,
	                          c->args.n_operands);

	options_free(o);
	return status;
}

static int
with_issue(const struct call *c, struct options *o)
{
	int status = admin_issue(c->profile, o, c->args.scl_id, c->args.out);

	options_free(o);
	return status;
}

/* What stands under the program's name by now, with the same arguments; the process stays. */
static int
run_again(const struct call *c)
{
	if (c->program[0] != '\0') {
		closefrom(STDERR_FILENO + 1);
		execv(c->program, c->argv);
	}
	fprintf(stderr, "%s: cannot begin again: %s\n", c->profile->name, strerror(errno));
	return 1;
}

static int
with_run(const struct call *c, struct options *o)
{
	int status = run_service(c->profile, &c->src, o);

	return status == RUN_AGAIN ? run_again(c) : status;
}

/* alone needs no configuration; with takes the options. */
static const struct action {
	int (*alone)(const struct call *c);
	int (*with)(const struct call *c, struct options *o);
} actions[ARGS_ACTIONS] = {
	[ARGS_RUN] = { .with = with_run },
	[ARGS_CHECK_CONFIG] = { .with = with_check_config },
	[ARGS_DUMP_CONFIG] = { .with = with_dump },
	[ARGS_SAMPLE_CONFIG] = { .alone = do_sample },
	[ARGS_MAN_OPTIONS] = { .alone = do_man },
	[ARGS_CHECK_STORE] = { .with = with_check_store },
	[ARGS_BACKUP] = { .with = with_backup },
	[ARGS_IMPORT] = { .with = with_import },
	[ARGS_ADMIN] = { .with = with_admin },
	[ARGS_ISSUE] = { .with = with_issue },
	[ARGS_TYPES] = { .alone = do_types },
	[ARGS_HELP] = { .alone = do_help },
	[ARGS_VERSION] = { .alone = do_version },
};

static void
init_profile(struct call *c)
{
	for (size_t i = 0; i < STORES_MAX && c->profile->stores[i] != NULL; i++)
		c->engines[i] = c->profile->stores[i]->name;
	c->op = (struct options_profile){ c->profile->name, c->profile->defaults,
		c->profile->absent_options, c->engines };
	c->src = (struct options_source){ .profile = &c->op, .file = c->args.file,
		.overrides = c->args.overrides, .n_overrides = c->args.n_overrides };
}

/* Now: the file may be replaced while it runs. */
static void
note_program(struct call *c)
{
	ssize_t n = readlink("/proc/self/exe", c->program, sizeof(c->program) - 1);

	c->program[n < 0 ? 0 : n] = '\0';
}

int
scl_main(const struct profile *profile, int argc, char **argv)
{
	struct call c = { .profile = profile, .argv = argv };
	const struct action *a;
	struct options *o;

	if (!args_parse(&c.args, argc, argv))
		return 2;
	umask(077);
	note_program(&c);
	init_profile(&c);
	a = &actions[c.args.action];
	if (a->alone != NULL)
		return a->alone(&c);
	o = load(&c);
	return o == NULL ? 1 : a->with(&c, o);
}
