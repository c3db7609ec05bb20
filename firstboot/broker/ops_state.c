/*
 * How the machine is: what first boot's last line and `kbuild-agent status` tell. Looks, and changes
 * nothing.
 */
#include "ops.h"

#include "alloc.h"
#include "base64.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "process.h"
#include "program.h"
#include "schema.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define LIST_MAX 64

/* Texts on their way into a list of JSON. */
struct list {
	char *v[LIST_MAX + 1];
	size_t n;
};

static void list_add(struct list *l, const char *text, size_t len)
{
	if (l->n < LIST_MAX && len > 0)
		l->v[l->n++] = xstrndup(text, len);
}

static void list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
}

static void reply_list(struct call *c, const char *key, struct list *l)
{
	ipc_add_strs(c->reply.json, key, (const char *const *)l->v);
}

static int output(struct call *c, struct args *a, struct buf *text, struct error *e)
{
	_buf_ err = BUF_INIT;
	struct process p = { .out = text, .err = &err, .timeout_ms = 20000 };
	int r = program_run(c->b, a, &p, e);

	return r > 0 ? error_set(e, ERR_FAILED, "%s failed: %s", a->v[0], buf_str(&err)) : r;
}

static int add_failed_units(struct call *c, struct error *e)
{
	_cleanup_(list_free) struct list l = { .n = 0 };
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ text = BUF_INIT;
	char *save = NULL;
	int r;

	args_set(a, "systemctl", "list-units", "--state=failed", "--plain", "--no-legend",
		"--no-pager", "--full", NULL);
	r = output(c, a, &text, e);
	if (r < 0)
		return r;
	for (char *line = text.len ? strtok_r(text.data, "\n", &save) : NULL; line;
		line = strtok_r(NULL, "\n", &save))
		list_add(&l, line, strcspn(line, " "));
	reply_list(c, "failed_units", &l);
	return 0;
}

/* One unit as `systemctl show` prints it: lines of KEY=VALUE. */
struct unit {
	const char *id, *load, *active, *file, *next, *last;
};

static void unit_line(struct unit *u, char *line)
{
	const struct {
		const char *key;
		const char **to;
	} keys[] = {
		{ "Id=", &u->id },
		{ "LoadState=", &u->load },
		{ "ActiveState=", &u->active },
		{ "UnitFileState=", &u->file },
		{ "NextElapseUSecRealtime=", &u->next },
		{ "LastTriggerUSec=", &u->last },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strncmp(line, keys[i].key, strlen(keys[i].key)) == 0)
			*keys[i].to = line + strlen(keys[i].key);
}

/* Units of one `systemctl show`, separated by empty lines; strings stay in text. */
static size_t read_units(char *text, struct unit *units, size_t max)
{
	size_t n = 0;
	bool inside = false;

	for (char *next; text && *text && n < max; text = next) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		if (*text) {
			inside = true;
			unit_line(&units[n], text);
		} else if (inside) {
			inside = false;
			n++;
		}
	}
	return n + (inside && n < max);
}

static const char *const services[] = { "docker", "ufw", "fail2ban" };

/* UFW's unit is active also where UFW is switched off. */
static bool ufw_is_on(const struct call *c)
{
	_free_ char *path = xasprintf("%s/etc/ufw/ufw.conf", c->b->root);
	_buf_ text = BUF_INIT;

	return file_read(AT_FDCWD, path, 64 * KIB, &text) == 0 &&
	       (strstr(buf_str(&text), "\nENABLED=yes") ||
		       strncmp(buf_str(&text), "ENABLED=yes", 11) == 0);
}

static void add_service(struct call *c, const char *name, const struct unit *u, struct buf *states,
	struct list *expected)
{
	bool loaded = u->load && strcmp(u->load, "loaded") == 0;
	bool off = strcmp(name, "ufw") == 0 && !ufw_is_on(c);

	ipc_add_str(states, name, !loaded ? "absent" : off ? "inactive" : u->active);
	if (loaded && !off && u->file && strcmp(u->file, "enabled") == 0)
		list_add(expected, name, strlen(name));
}

static int add_services(struct call *c, struct error *e)
{
	_cleanup_(list_free) struct list expected = { .n = 0 };
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ text = BUF_INIT;
	_buf_ states = BUF_INIT;
	struct unit units[ARRAY_SIZE(services)] = { { 0 } };
	int r;

	args_set(a, "systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState",
		"docker.service", "ufw.service", "fail2ban.service", NULL);
	r = output(c, a, &text, e);
	if (r < 0)
		return r;
	read_units(text.data, units, ARRAY_SIZE(units));
	ipc_begin(&states);
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		add_service(c, services[i], &units[i], &states, &expected);
	ipc_end(&states);
	ipc_add(c->reply.json, "services", buf_str(&states));
	reply_list(c, "expected", &expected);
	return 0;
}

static void add_uptime(struct call *c)
{
	_free_ char *path = xasprintf("%s/proc/uptime", c->b->root);
	_buf_ text = BUF_INIT;

	if (file_read(AT_FDCWD, path, 256, &text) == 0)
		ipc_add_int(c->reply.json, "boot_seconds", strtoll(buf_str(&text), NULL, 10));
}

/* As ssh-keygen -l prints it. */
static void add_fingerprint(struct list *l, const char *path)
{
	_buf_ text = BUF_INIT;
	_buf_ key = BUF_INIT;
	_buf_ print = BUF_INIT;
	unsigned char digest[SHA256_SIZE];
	char hex[SHA256_HEX];
	const char *blob;

	if (file_read(AT_FDCWD, path, 64 * KIB, &text) < 0)
		return;
	blob = strchr(buf_str(&text), ' ');
	if (!blob || !base64_decode(blob + 1, strcspn(blob + 1, " \n"), &key))
		return;
	sha256_bytes(buf_str(&key), key.len, hex);
	for (size_t i = 0; i < sizeof digest; i++)
		(void)sscanf(hex + 2 * i, "%2hhx", &digest[i]);
	buf_adds(&print, "SHA256:");
	base64_encode(digest, sizeof digest, &print);
	while (print.data[print.len - 1] == '=')
		print.data[--print.len] = '\0';
	list_add(l, print.data, print.len);
}

static void add_host_keys(struct call *c)
{
	_cleanup_(list_free) struct list l = { .n = 0 };
	_free_ char *pattern = xasprintf("%s/etc/ssh/ssh_host_*_key.pub", c->b->root);
	glob_t g = { 0 };

	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			add_fingerprint(&l, g.gl_pathv[i]);
	globfree(&g);
	reply_list(c, "ssh_host_keys", &l);
}

/* Of the server itself: not of Docker's bridges, nor what leads nowhere. */
static bool is_ours(const struct ifaddrs *i)
{
	return i->ifa_addr && (i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK) &&
	       strcmp(i->ifa_name, "docker0") != 0 && strncmp(i->ifa_name, "br-", 3) != 0 &&
	       strncmp(i->ifa_name, "veth", 4) != 0;
}

static void add_address(struct list *l, const struct sockaddr *sa)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (sa->sa_family == AF_INET) {
		const struct in_addr *in =
			&((const struct sockaddr_in *)(const void *)sa)->sin_addr;

		if ((ntohl(in->s_addr) >> 16) != 0xa9fe) /* 169.254/16 */
			inet_ntop(AF_INET, in, text, sizeof text);
	} else if (sa->sa_family == AF_INET6) {
		const struct in6_addr *in =
			&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;

		if (!IN6_IS_ADDR_LINKLOCAL(in))
			inet_ntop(AF_INET6, in, text, sizeof text);
	}
	list_add(l, text, strlen(text));
}

static void add_addresses(struct call *c)
{
	_cleanup_(list_free) struct list l = { .n = 0 };
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) == 0)
		for (const struct ifaddrs *i = all; i; i = i->ifa_next)
			if (is_ours(i))
				add_address(&l, i->ifa_addr);
	freeifaddrs(all);
	reply_list(c, "addresses", &l);
}

static int run_state(struct call *c, struct error *e)
{
	int r = add_failed_units(c, e);

	if (r >= 0)
		r = add_services(c, e);
	if (r < 0)
		return r;
	add_uptime(c);
	add_host_keys(c);
	add_addresses(c);
	return 0;
}

static void add_timer(struct buf *out, const struct unit *u)
{
	_buf_ one = BUF_INIT;

	if (!u->id || !u->load || strcmp(u->load, "loaded") != 0)
		return;
	ipc_begin(&one);
	ipc_add_str(&one, "unit", u->id);
	ipc_add_str(&one, "state", u->active);
	ipc_add_str(&one, "next", u->next && *u->next ? u->next : NULL);
	ipc_add_str(&one, "last", u->last && *u->last ? u->last : NULL);
	ipc_end(&one);
	buf_printf(out, "%s%s", out->len > 1 ? "," : "", buf_str(&one));
}

static int run_timers(struct call *c, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	struct unit units[8] = { { 0 } };
	_buf_ text = BUF_INIT;
	_buf_ list = BUF_INIT;
	size_t n;
	int r;

	args_set(a, "systemctl", "show",
		"--property=Id,LoadState,ActiveState,NextElapseUSecRealtime,LastTriggerUSec",
		"kbuild-gitops.timer", "kbuild-backup.timer", "kbuild-health.timer", NULL);
	r = output(c, a, &text, e);
	if (r < 0)
		return r;
	n = read_units(text.data, units, ARRAY_SIZE(units));
	buf_addc(&list, '[');
	for (size_t i = 0; i < n; i++)
		add_timer(&list, &units[i]);
	buf_addc(&list, ']');
	ipc_add(c->reply.json, "timers", buf_str(&list));
	return 0;
}

/* One that does not run is no error of who asks for versions. */
static void add_version(struct call *c, const char *key, struct args *a)
{
	struct error ignored = { 0 };
	_buf_ text = BUF_INIT;

	if (output(c, a, &text, &ignored) < 0)
		return;
	if (text.len)
		text.data[strcspn(text.data, "\n")] = '\0';
	ipc_add_str(c->reply.json, key, buf_str(&text));
}

static int run_versions(struct call *c, _unused_ struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);

	args_set(a, "docker", "version", "--format", "{{.Server.Version}}", NULL);
	add_version(c, "docker", a);
	args_set(a, "docker-compose", "version", "--short", NULL);
	add_version(c, "compose", a);
	return 0;
}

/* A person asked for first boot: in its own unit, with its own user and credentials. */
static int run_first_boot(struct call *c, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ text = BUF_INIT;

	args_set(a, "systemctl", "restart", "--no-block", "kbuild-firstboot.service", NULL);
	return output(c, a, &text, e);
}

static const struct field no_fields[] = { { "op" }, {} };

const struct op ops_state[] = {
	{ "system-state", no_fields, 0, 0, 0, 60, run_state },
	{ "timers", no_fields, 0, 0, 0, 30, run_timers },
	{ "versions", no_fields, 0, 0, 0, 60, run_versions },
	{ "first-boot", no_fields, 0, 0, 0, 30, run_first_boot },
	{},
};
