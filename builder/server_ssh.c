/*
 * The ssh command line for a server. Its host keys are what it printed on its own console at first
 * boot, so the first connection is as safe as the console is; only a server that printed none is
 * trusted on first use. They are kept with the server: addresses of local servers are used again.
 */
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "process.h"
#include "provider.h"
#include "readiness.h"
#include "servers.h"

#include <fcntl.h>

#define CONSOLE_MAX (64 * MIB) /* more of a console is not searched for keys */
#define CONNECT_S   20	       /* a server that is emulated and busy takes 10 for its first word */
#define RUN_MAX	    (4 * MIB)  /* of what a command may say to us */

/* All of the console; keys are printed at first boot only. */
static int read_console(
	const struct cloud *cloud, const char *name, struct buf *out, struct error *e)
{
	uint64_t offset = 0, before;

	do {
		int r;

		before = offset;
		r = cloud->provider->console(cloud, name, offset, out, &offset, e);
		if (r == CLOUD_ABSENT)
			return servers_gone(name, e);
		if (r < 0)
			return r;
	} while (offset > before && out->len < CONSOLE_MAX);
	return 0;
}

/*
 * Writes the known_hosts of printed keys. *ret: whether there are any. A cloud's console forgets its
 * beginning, so what was written once stays good until other keys are printed.
 */
static int write_known_hosts(const struct cloud *cloud, const struct server *s, const char *path,
	bool *ret, struct error *e)
{
	_free_ char *alias = xasprintf("kbuild-%s", s->name);
	_buf_ text = BUF_INIT;
	_buf_ keys = BUF_INIT;
	int r = read_console(cloud, s->name, &text, e);

	*ret = cloud->provider->keeps_interrupted && access(path, R_OK) == 0;
	if (r < 0)
		return *ret ? 0 : r;
	if (console_host_keys(buf_str(&text), text.len, alias, &keys) == 0)
		return 0;
	r = mkdir_all(AT_FDCWD, s->directory, 0700);
	if (r == 0)
		r = file_replace(AT_FDCWD, path, keys.data, keys.len, 0600);
	if (r < 0)
		return error_errno(e, r, "writing '%s'", path);
	*ret = true;
	return 0;
}

static const char *known_hosts(const struct server *s, struct arena *a)
{
	return arena_printf(a, "%s/known_hosts", s->directory);
}

void server_learn_keys(const struct cloud *cloud, const struct server *s)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error ignored = {};
	bool known;

	(void)write_known_hosts(cloud, s, known_hosts(s, a), &known, &ignored);
}

/* The options of ssh, from argv[n] on; returns how many argv then has. */
static size_t add_options(const struct server *s, const char *path, bool known, unsigned patience_s,
	struct arena *a, const char **argv, size_t n)
{
	const char *options[] = {
		arena_printf(a, "UserKnownHostsFile=\"%s\"", path),
		arena_printf(a, "HostKeyAlias=kbuild-%s", s->name),
		known ? "StrictHostKeyChecking=yes" : "StrictHostKeyChecking=accept-new",
		s->identity ? "IdentitiesOnly=yes" : NULL,
		/* Or ssh would tell each time that it has learned a key. */
		known ? NULL : "LogLevel=ERROR",
		patience_s ? "BatchMode=yes" : NULL,
		patience_s ? arena_printf(a, "ConnectTimeout=%u", patience_s) : NULL,
		/* A server that vanishes sends nothing: without asking, TCP tells hours later, or never. */
		patience_s ? "ServerAliveInterval=15" : NULL,
		patience_s ? "ServerAliveCountMax=4" : NULL,
	};

	argv[n++] = "-p";
	argv[n++] = arena_printf(a, "%u", s->ssh_port);
	if (s->identity) {
		argv[n++] = "-i";
		argv[n++] = s->identity;
	}
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (!options[i])
			continue;
		argv[n++] = "-o";
		argv[n++] = options[i];
	}
	return n;
}

int server_ssh(const struct cloud *cloud, const struct server *s, unsigned patience_s,
	struct arena *a, const char *const *command, const char ***ret, struct error *e)
{
	const char *path = known_hosts(s, a);
	const char **argv;
	bool known;
	size_t n = 0, words = 0;
	int r;

	if (!s->address)
		return error_set(e, ERR_FAILED, "the server '%s' has no address (yet)", s->name);
	r = write_known_hosts(cloud, s, path, &known, e);
	if (r == 0 && !known && mkdir_all(AT_FDCWD, s->directory, 0700) < 0)
		r = error_set(e, ERR_FAILED, "cannot make the directory '%s'", s->directory);
	if (r < 0)
		return r;
	while (command && command[words])
		words++;
	argv = arena_alloc(a, (words + 32) * sizeof *argv);
	argv[n++] = "ssh";
	n = add_options(s, path, known, patience_s, a, argv, n);
	if (s->user) {
		argv[n++] = "-l";
		argv[n++] = s->user;
	}
	/* Nothing behind it is an option: not the address, which a cloud says, and not a word of the command. */
	argv[n++] = "--";
	argv[n++] = s->address;
	for (size_t i = 0; i < words; i++)
		argv[n++] = command[i];
	*ret = argv;
	return 0;
}

int server_run(const struct cloud *cloud, const struct server *s, const char *const *command,
	struct server_output *o, int64_t timeout_ms, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct process p = {
		.out = o->out, .err = o->err, .timeout_ms = timeout_ms, .out_max = RUN_MAX
	};
	const char **argv;
	int r;

	if (s->state != SERVER_RUNNING && s->state != SERVER_BOOTING)
		return error_set(e, ERR_FAILED, "the server '%s' is %s: 'kbuild start %s%s' first",
			s->name, server_state_name(s->state), s->name, cloud->words);
	if (!program_exists("ssh"))
		return error_set(e, ERR_FAILED,
			"the program 'ssh' is not installed: install the package openssh-client");
	r = server_ssh(cloud, s, CONNECT_S, a, command, &argv, e);
	if (r < 0)
		return r;
	p.argv = argv;
	if (!o->out) { /* what it says is what we say */
		p.out_fd = STDOUT_FILENO;
		p.passed = &o->passed;
		p.log_fd = STDERR_FILENO;
	}
	return process_run(&p, e);
}

int server_unreached(const struct server *s, const struct server_output *o, struct error *e)
{
	return error_set(e, ERR_NETWORK,
		o->passed ? "the connection to the server '%s' broke"
			  : "the server '%s' could not be reached by ssh",
		s->name);
}
