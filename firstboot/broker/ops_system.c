/*
 * The machine: its console, clock and timers, and a new identity for a copy of a server.
 */
#include "ops.h"

#include "alloc.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "process.h"
#include "program.h"
#include "shape.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/timex.h>

#define PREFIX "kbuild-status: "
#define PRINTK "/proc/sys/kernel/printk"

struct console_args {
	const char *line;
};

static void write_file(const char *path, const char *text)
{
	_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		(void)fd_write(fd, text, strlen(text));
}

/*
 * One write, after a line end of its own, so that a login prompt cannot stand inside the line; the
 * kernel is kept from printing into it meanwhile.
 */
static int run_console(struct call *c, struct error *e)
{
	const struct console_args *args = c->args;
	_free_ char *path = xasprintf("%s/dev/console", c->b->root);
	_free_ char *text = xasprintf("\n" PREFIX "%s\n", args->line);
	_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_APPEND);
	bool ours = *c->b->root == '\0';
	_buf_ level = BUF_INIT;
	int r;

	if (fd < 0)
		return error_errno(e, errno, "cannot open the console");
	/* A terminal obeys control characters; and nothing but our line may look like one of ours. */
	for (char *p = text + 1; p[1]; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	if (ours && file_read(AT_FDCWD, PRINTK, 100, &level) == 0)
		write_file(PRINTK, "1\n");
	r = fd_write(fd, text, strlen(text));
	if (level.len > 0)
		write_file(PRINTK, buf_str(&level));
	return r < 0 ? error_errno(e, r, "cannot write to the console") : 0;
}

/* By the kernel's word, which whatever keeps the time (timesyncd, chrony, a hypervisor's) has set. */
static int run_clock(struct call *c, struct error *e)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);

	if (state < 0)
		return error_errno(e, errno, "cannot ask for the clock's state");
	ipc_add_bool(
		c->reply.json, "synchronized", state != TIME_ERROR && !(t.status & STA_UNSYNC));
	ipc_add_int(c->reply.json, "error_ms", t.maxerror / 1000);
	return 0;
}

static const char *const timers[] = {
	"kbuild-gitops.timer",
	"kbuild-backup.timer",
	"kbuild-health.timer",
	NULL,
};

/* of: ends with a NULL. */
static int systemctl(struct call *c, const char *verb, const char *const *of, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ err = BUF_INIT;
	struct process p = { .err = &err, .timeout_ms = 60000 };
	int r;

	/* Enabled too: so they are there after the next boot without anybody's doing. */
	args_set(a, "systemctl", verb, "--now", "--no-block", NULL);
	args_adds(a, of);
	r = program_run(c->b, a, &p, e);
	if (r > 0)
		r = error_set(e, ERR_FAILED, "systemctl %s failed: %s", verb, buf_str(&err));
	return r;
}

static int run_timers_start(struct call *c, struct error *e)
{
	return systemctl(c, "enable", timers, e);
}

/* What looks after the server whatever else it lacks, and tells of that. */
static int run_watch_start(struct call *c, struct error *e)
{
	static const char *const watch[] = { "kbuild-health.timer", NULL };

	return systemctl(c, "enable", watch, e);
}

static int run_timers_stop(struct call *c, struct error *e)
{
	return systemctl(c, "disable", timers, e);
}

/* What cloud-init writes first when it meets an instance: keys older than that are another one's. */
#define INSTANCE_ID "/run/cloud-init/.instance-id"

/*
 * Returns how many were removed. cloud-init makes new ones itself, and has told them on the console, where
 * whoever launched this server has read them: those stay.
 */
static int remove_host_keys(const struct broker *b, struct error *e)
{
	_free_ char *pattern = xasprintf("%s/etc/ssh/ssh_host_*_key*", b->root);
	_free_ char *id = xasprintf("%s" INSTANCE_ID, b->root);
	struct stat since = { 0 }, st;
	bool all = stat(id, &since) < 0;
	glob_t g = { 0 };
	int n = 0;

	if (glob(pattern, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc && n >= 0; i++) {
			if (lstat(g.gl_pathv[i], &st) < 0 ||
				(!all && st.st_mtime >= since.st_mtime))
				continue;
			if (unlink(g.gl_pathv[i]) < 0 && errno != ENOENT)
				n = error_errno(e, errno, "cannot remove %s", g.gl_pathv[i]);
			else
				n++;
		}
	}
	globfree(&g);
	return n;
}

static int make_host_keys(struct call *c, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ err = BUF_INIT;
	struct process p = { .err = &err, .timeout_ms = 60000 };
	int r;

	args_set(a, "ssh-keygen", "-A", "-q", NULL);
	if (*c->b->root) {
		args_add(a, "-f");
		args_add(a, c->b->root);
	}
	r = program_run(c->b, a, &p, e);
	if (r != 0)
		return r < 0 ? r : error_set(e, ERR_FAILED, "ssh-keygen: %s", buf_str(&err));
	/* The server that runs has read the old ones. Where it is started by a socket, it has not. */
	args_set(a, "systemctl", "try-restart", "ssh.service", NULL);
	r = program_run(c->b, a, &p, e);
	return r < 0 ? r : 0;
}

/*
 * 128 random bits in the form of machine-id(5), with the marks of a UUID of version 4. Not
 * systemd-machine-id-setup: it takes what the hypervisor or the container calls itself, where it can.
 */
static int make_machine_id(const struct call *c, struct error *e)
{
	_free_ char *path = xasprintf("%s/etc/machine-id", c->b->root);
	unsigned char id[16];
	char text[34];
	int r;

	if (getrandom(id, sizeof id, 0) != sizeof id)
		return error_errno(e, errno, "cannot make a machine id");
	id[6] = (unsigned char)((id[6] & 0x0f) | 0x40);
	id[8] = (unsigned char)((id[8] & 0x3f) | 0x80);
	hex_encode(id, sizeof id, text);
	memcpy(text + 32, "\n", 2);
	r = file_replace(AT_FDCWD, path, text, 33, 0444);
	return r < 0 ? error_errno(e, r, "cannot write %s", path) : 0;
}

/* A copy of a server must not answer with its original's keys, nor be taken for it by DHCP. */
static int run_identity_renew(struct call *c, struct error *e)
{
	int r = remove_host_keys(c->b, e);

	if (r > 0)
		r = make_host_keys(c, e);
	return r < 0 ? r : make_machine_id(c, e);
}

static const struct field console_fields[] = {
	{ "op" },
	{ "line", field_shape, offsetof(struct console_args, line), FIELD_REQUIRED, &shape_line },
	{},
};
static const struct field no_fields[] = { { "op" }, {} };

const struct op ops_system[] = {
	{ "console", console_fields, sizeof(struct console_args), 0, 0, 30, run_console },
	{ "clock", no_fields, 0, 0, 0, 30, run_clock },
	{ "timers-start", no_fields, 0, 0, OP_CHANGES, 100, run_timers_start },
	{ "watch-start", no_fields, 0, 0, OP_CHANGES, 100, run_watch_start },
	{ "timers-stop", no_fields, 0, 0, OP_CHANGES, 100, run_timers_stop },
	{ "identity-renew", no_fields, 0, 0, OP_CHANGES, 200, run_identity_renew },
	{},
};
