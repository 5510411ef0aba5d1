/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that were not handed out: lv8(sender) lv8(group, in hexadecimal digits, or nothing) data.
 * A name that ends with .new is one whose session does not know of it yet.
 */
#include "config.h"

#include "cli/sga_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define NEW ".new"
#define FILE_MAX (SGA_MESSAGE_MAX + 512u)

static void
file_of(const char *name, const char *suffix, char file[SGA_STATE_NAME])
{
	snprintf(file, SGA_STATE_NAME, "inbox/%s%s", name, suffix);
}

bool
sga_inbox_put(struct sga_cli *c, const char *name, const struct sga_id *from, const char *gid,
              struct slice data)
{
	char file[SGA_STATE_NAME];
	struct buf b;
	bool ok;

	file_of(name, NEW, file);
	buf_init(&b, FILE_MAX);
	b.secret = true;
	buf_be(&b, from->n, 1);
	buf_add(&b, from->v, from->n);
	buf_be(&b, strlen(gid), 1);
	buf_puts(&b, gid);
	buf_slice(&b, data);
	ok = (!b.failed || sga_fail(name, "is too long")) &&
	     sga_state_write(&c->state, file, buf_view(&b));
	sga_buf_wipe(&b);
	return ok;
}

bool
sga_inbox_keep(struct sga_cli *c, const char *name)
{
	char from[SGA_STATE_NAME], to[SGA_STATE_NAME];

	file_of(name, NEW, from);
	file_of(name, "", to);
	if (!sga_state_has(&c->state, from))
		return true;
	c->came++;
	return sga_state_rename(&c->state, from, to);
}

/* ---- handing out ---- */

struct message {
	struct slice from, gid, data;
};

static bool
take_text(struct slice *rest, struct slice *out)
{
	size_t n = rest->n == 0 ? 0 : (unsigned char)rest->p[0];

	if (rest->n < 1 + n)
		return false;
	*out = slice_make(rest->p + 1, n);
	*rest = slice_from(*rest, 1 + n);
	return true;
}

static bool
parse(struct slice octets, struct message *m)
{
	if (!take_text(&octets, &m->from) || !take_text(&octets, &m->gid))
		return false;
	m->data = octets;
	return octets.n > 0;
}

static bool
print(const struct message *m)
{
	fprintf(stderr, "from %.*s%s%.*s\n", (int)m->from.n, m->from.p,
	        m->gid.n > 0 ? " in group " : "", (int)m->gid.n, m->gid.p);
	return (fwrite(m->data.p, 1, m->data.n, stdout) == m->data.n &&
	        (m->data.p[m->data.n - 1] == '\n' || putchar('\n') != EOF) &&
	        fflush(stdout) == 0) ||
	       sga_fail("standard output", strerror(errno));
}

/* DIR/SENDER-NAME, durable. */
static bool
write_out(const char *dir, const char *name, const struct message *m)
{
	struct sga_store to = { .lock = -1 };
	char file[SGA_STATE_NAME];

	if ((size_t)snprintf(to.dir, sizeof(to.dir), "%s", dir) >= sizeof(to.dir))
		return sga_fail(dir, "the name is too long");
	snprintf(file, sizeof(file), "%.*s-%s", (int)m->from.n, m->from.p, name);
	return sga_state_write(&to, file, m->data);
}

static bool
hand_out(void *arg, const char *name)
{
	struct sga_cli *c = arg;
	size_t n = strlen(name);
	struct message m = { .from = SLICE_NONE };
	struct buf b;
	bool ok;

	if (n > 4 && strcmp(name + n - 4, NEW) == 0)
		return true;
	buf_init(&b, FILE_MAX);
	ok = sga_state_read(&c->state, name, &b) &&
	     (parse(buf_view(&b), &m) || sga_fail(name, "is damaged"));
	ok = ok &&
	     (c->args.out == NULL ? print(&m) : write_out(c->args.out, strrchr(name, '/') + 1, &m));
	sga_buf_wipe(&b);
	c->came++;
	return ok && sga_state_remove(&c->state, name);
}

/* What is there. */
static bool
hand_out_all(struct sga_cli *c, unsigned *n)
{
	bool ok;

	c->came = 0;
	ok = sga_state_each(&c->state, "inbox", hand_out, c);
	*n += c->came;
	return ok;
}

enum sga_status_code
sga_cmd_receive(struct sga_cli *c)
{
	uint64_t end = sga_now() + (c->args.wait < 0 ? 0 : (uint64_t)c->args.wait);
	unsigned n = 0, count = c->args.count <= 0 ? 1u : (unsigned)c->args.count;
	enum sga_status_code status = sga_pump_start(c);

	while (status == SGA_OK) {
		uint64_t now = sga_now(), left = now < end ? end - now : 0;
		bool done;

		if (!hand_out_all(c, &n))
			return SGA_FAILED;
		done = n >= count;
		c->heard = false;
		status = sga_pump(c, done ? 0 : left > 60 ? 60 : (unsigned)left);
		if (status == SGA_OK && !hand_out_all(c, &n))
			return SGA_FAILED;
		if ((done || left == 0) && !c->heard)
			break;
	}
	return status != SGA_OK ? status : n == 0 ? SGA_NOTHING : SGA_OK;
}

bool
sga_read_data(const char *file, struct buf *out)
{
	int fd = file == NULL ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	const char *name = file == NULL ? "standard input" : file;
	ssize_t n = 1;

	if (fd < 0)
		return sga_fail(name, strerror(errno));
	while (n > 0) {
		char *to = buf_reserve(out, 4096);

		if (to == NULL)
			break;
		n = read(fd, to, 4096);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			out->n += (size_t)n;
	}
	if (fd != STDIN_FILENO)
		(void)close(fd);
	if (n < 0)
		return sga_fail(name, strerror(errno));
	if (out->failed || out->n > SGA_DATA_MAX)
		return sga_fail(name, "is over 65280 octets");
	return out->n > 0 || sga_fail(name, "is empty");
}
