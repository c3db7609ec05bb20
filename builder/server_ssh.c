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
#include "provider.h"
#include "readiness.h"
#include "servers.h"

#include <fcntl.h>

#define CONSOLE_MAX (64 * MIB) /* more of a console is not searched for keys */

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

/* Writes the known_hosts of printed keys. *ret: whether there were any. */
static int write_known_hosts(const struct cloud *cloud, const struct server *s, const char *path,
	bool *ret, struct error *e)
{
	_free_ char *alias = xasprintf("kbuild-%s", s->name);
	_buf_ text = BUF_INIT;
	_buf_ keys = BUF_INIT;
	int r = read_console(cloud, s->name, &text, e);

	*ret = false;
	if (r < 0)
		return r;
	if (console_host_keys(buf_str(&text), text.len, alias, &keys) == 0)
		return 0;
	r = file_replace(AT_FDCWD, path, keys.data, keys.len, 0600);
	if (r < 0)
		return error_errno(e, r, "writing '%s'", path);
	*ret = true;
	return 0;
}

int server_ssh(const struct cloud *cloud, const struct server *s, struct arena *a,
	const char *const *command, const char ***ret, struct error *e)
{
	const char *path = arena_printf(a, "%s/known_hosts", s->directory);
	const char **argv;
	bool known;
	size_t n = 0, words = 0;
	int r = write_known_hosts(cloud, s, path, &known, e);

	if (r < 0)
		return r;
	while (command && command[words])
		words++;
	argv = arena_alloc(a, (words + 24) * sizeof *argv);
	argv[n++] = "ssh";
	argv[n++] = "-p";
	argv[n++] = arena_printf(a, "%u", s->ssh_port);
	if (s->identity) {
		argv[n++] = "-i";
		argv[n++] = s->identity;
		argv[n++] = "-o";
		argv[n++] = "IdentitiesOnly=yes";
	}
	argv[n++] = "-o";
	argv[n++] = arena_printf(a, "UserKnownHostsFile=\"%s\"", path);
	argv[n++] = "-o";
	argv[n++] = arena_printf(a, "HostKeyAlias=kbuild-%s", s->name);
	if (!known) { /* or ssh would tell each time that it has learned a key */
		argv[n++] = "-o";
		argv[n++] = "LogLevel=ERROR";
	}
	argv[n++] = "-o";
	argv[n++] = known ? "StrictHostKeyChecking=yes" : "StrictHostKeyChecking=accept-new";
	argv[n++] = s->user ? arena_printf(a, "%s@%s", s->user, s->address) : s->address;
	argv[n++] = "--";
	for (size_t i = 0; i < words; i++)
		argv[n++] = command[i];
	if (!words)
		argv[n - 1] = NULL;
	*ret = argv;
	return 0;
}
